//! A connection to a node and the task that uses it: plain HTTP/1.1, one batch after the other. Between two batches it is
//! parked, and ends when the node closes it.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    future::poll_fn,
    io,
    pin::{Pin, pin},
    rc::Rc,
    sync::Arc,
    task::{Poll, Waker},
    time::Duration,
};

use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
    client::conn::http1::{Connection, SendRequest, handshake},
    header::CONTENT_TYPE,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    task::{spawn_local, yield_now},
    time::timeout,
};

use super::{
    node::{NoAnswer, Node},
    waiting::{self, Batch, Waiting},
};
use crate::fleet::batch::{Answers, LONGEST_REPLY, Missing};

/// How long a node has to accept a connection. One that doesn't is away.
const CONNECT_PATIENCE: Duration = Duration::from_secs(1);
/// How long a node has to answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// The lines to one node that a worker keeps parked.
const MOST_PARKED: usize = 32;

type Body = Full<Bytes>;

/// A line whose connection is open.
struct Line {
    sender: SendRequest<Body>,
    /// Polled by the same task, so that nothing has to be handed from one to another. `None` when it has ended.
    connection: Option<Connection<TokioIo<TcpStream>, Body>>,
}

/// A line that waits for the next batch, for as long as this lives.
struct Parked<'n> {
    node: &'n str,
    place: Rc<Place>,
}

/// Where it can be called.
#[derive(Default)]
struct Place {
    is_called: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

thread_local! {
    /// By node. A connection belongs to its runtime, so to its thread.
    static PARKED: RefCell<HashMap<Box<str>, Vec<Rc<Place>>>> = RefCell::default();
}

/// Has the requests to a node collected, when the tasks that are ready now have run, and sent.
pub(crate) fn call(node: &Arc<Node>) {
    match PARKED.with_borrow_mut(|all| all.get_mut(node.name())?.pop()) {
        Some(place) => place.call(),
        None => drop(spawn_local(run(Arc::clone(node)))),
    }
}

async fn run(node: Arc<Node>) {
    let mut line = None;
    loop {
        // Every task that was ready has run. Where much is relayed, the sockets are looked at once more, without waiting,
        // and the tasks whose requests came meanwhile run too, which makes batches about half as large again.
        if waiting::has_company(node.name()) {
            yield_now().await;
        }
        let (batch, are_more) = waiting::collect(node.name(), node.longest());
        if are_more {
            call(&node);
        }
        if let Some(Batch { body, mut waiting }) = batch {
            let sent = send(&mut line, &node, body, &mut waiting);
            if let Err(reason) = timeout(PATIENCE, sent).await.unwrap_or(Err(NoAnswer::Silent)) {
                node.note(&reason);
                return waiting.give_up(&reason);
            }
        }
        let Some(open) = &mut line else { return };
        if !open.park(node.name()).await {
            return;
        }
    }
}

/// Sends a batch, once, and tells each who waits for its answers when it is there. After an error, nobody else is told.
async fn send(line: &mut Option<Line>, node: &Node, batch: Vec<u8>, waiting: &mut Waiting) -> Result<(), NoAnswer> {
    let mut request = node.request(batch);
    loop {
        let (open, was_idle) = if let Some(open) = line {
            (open, true)
        } else {
            let opened = Line::open(node.authority()).await;
            (line.insert(opened.map_err(|error| NoAnswer::Away(Rc::new(error)))?), false)
        };
        match open.send(request).await {
            Ok(answer) if answer.status() == StatusCode::OK => return open.receive(answer.into_body(), waiting).await,
            Ok(answer) if is_closing(&answer) => return Err(NoAnswer::Closing),
            Ok(answer) => return Err(NoAnswer::Refused(answer.status())),
            // The node closed an idle connection before the request was written: it hasn't seen it.
            Err(Some(unsent)) if was_idle => {
                request = unsent;
                *line = None;
            }
            Err(_) => return Err(NoAnswer::Silent),
        }
    }
}

impl Line {
    async fn open(authority: &str) -> io::Result<Self> {
        let with_port = |port: &str| format!("{authority}{port}");
        let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let stream = timeout(CONNECT_PATIENCE, TcpStream::connect(with_port(if has_port { "" } else { ":80" })));
        let stream = stream.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        Ok(Self { sender, connection: Some(connection) })
    }

    /// The head of the answer; the request, if none of it was written.
    async fn send(&mut self, request: Request<Body>) -> Result<Response<Incoming>, Option<Request<Body>>> {
        let Self { sender, connection } = self;
        if !sender.is_ready() && drive(connection, sender.ready()).await.is_err() {
            return Err(Some(request));
        }
        drive(connection, sender.try_send_request(request)).await.map_err(|mut error| error.take_message())
    }

    /// Reads answers until the body ends.
    async fn receive(&mut self, mut body: Incoming, waiting: &mut Waiting) -> Result<(), NoAnswer> {
        let mut answers = Answers::new(waiting.requests(), LONGEST_REPLY);
        while let Some(frame) = drive(&mut self.connection, body.frame()).await {
            let Ok(piece) = frame.map_err(|_| NoAnswer::Silent)?.into_data() else { continue };
            answers.arrive(&piece);
            while let Some(answer) = answers.next_answer().map_err(|_| NoAnswer::Refused(StatusCode::OK))? {
                let sealed = answer.sealed.map(<[u8]>::to_vec).map_err(|missing| match missing {
                    Missing::Refused(status) => NoAnswer::Refused(StatusCode::from_u16(status).unwrap_or(StatusCode::OK)),
                    Missing::TooLong => NoAnswer::TooLong,
                });
                waiting.tell(answer.position, sealed);
            }
        }
        if answers.are_all_there() { Ok(()) } else { Err(NoAnswer::Silent) }
    }

    /// Waits until it is called. Whether it was: the node may have closed the connection, or enough lines wait already.
    async fn park(&mut self, node: &str) -> bool {
        let connection = &mut self.connection;
        let Some(parked) = Parked::at(node).filter(|_| connection.is_some()) else { return false };
        poll_fn(|cx| {
            if parked.place.is_called.get() {
                return Poll::Ready(true);
            }
            if connection.as_mut().is_none_or(|connection| Pin::new(connection).poll(cx).is_ready()) {
                *connection = None;
                return Poll::Ready(false);
            }
            parked.place.waker.borrow_mut().get_or_insert_with(|| cx.waker().clone()).clone_from(cx.waker());
            Poll::Pending
        })
        .await
    }
}

impl<'n> Parked<'n> {
    /// `None` where enough lines to this node wait.
    fn at(node: &'n str) -> Option<Self> {
        PARKED.with_borrow_mut(|all| {
            let places = match all.get_mut(node) {
                Some(places) => places,
                None => all.entry(node.into()).or_default(),
            };
            let place = Rc::new(Place::default());
            (places.len() < MOST_PARKED).then(|| places.push(Rc::clone(&place)))?;
            Some(Self { node, place })
        })
    }
}

/// Nobody calls a line that is gone.
impl Drop for Parked<'_> {
    fn drop(&mut self) {
        if self.place.is_called.get() {
            return;
        }
        // A thread that ends may have dropped the list already.
        let _ = PARKED.try_with(|all| {
            if let Some(places) = all.borrow_mut().get_mut(self.node) {
                places.retain(|other| !Rc::ptr_eq(&self.place, other));
            }
        });
    }
}

impl Place {
    fn call(&self) {
        self.is_called.set(true);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// Whether a node refused the whole batch because it is about to end, before it opened anything of it: the only problem
/// of ours with this status. A proxy's own 503 is another; it may stand for a batch that had an effect.
fn is_closing(answer: &Response<Incoming>) -> bool {
    let is_problem = answer.headers().get(CONTENT_TYPE).is_some_and(|value| value == "application/problem+json");
    answer.status() == StatusCode::SERVICE_UNAVAILABLE && is_problem
}

/// Waits for what the connection has to bring about.
async fn drive<T, C: Future + Unpin>(connection: &mut Option<C>, awaited: impl Future<Output = T>) -> T {
    let mut awaited = pin!(awaited);
    poll_fn(|cx| {
        // When it has ended, whoever waits for something of it is told.
        if connection.as_mut().is_some_and(|connection| Pin::new(connection).poll(cx).is_ready()) {
            *connection = None;
        }
        awaited.as_mut().poll(cx)
    })
    .await
}
