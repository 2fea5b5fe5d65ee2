//! The owner's side of a relay: each request of a batch is opened, counts once, and is answered as if it had arrived here.
//!
//! What was begun is brought to its end, whatever becomes of the line that asked: a request that ends half-way would have
//! counted, and taken nothing back. So a request that can't be answered at once goes on as a task of its own.

use std::{
    convert::Infallible,
    future::poll_fn,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Body, Bytes, Frame},
    header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue},
    http::request::Parts,
};
use tokio::{
    task::{JoinHandle, spawn_local},
    time::Instant,
};

use super::{ENDED_PATH, Fleet, PATIENCE, fill};
use crate::{
    fleet::{
        Exchange, RelayRefused, RelayedAnswer, RelayedRequest, Reply, Target, UntrustedRequest,
        batch::{self, LONGEST_REPLY, push_answer, push_refusal},
    },
    keys::{CurrentKeys, Keys},
    network::Client,
    outbound::deadline,
    server::{
        call::Answer,
        http::{
            outgoing::{Leaving, Outgoing},
            progress::Progress,
        },
        routes::Route,
        wire::{client::Peer, problem::Problem},
    },
    time::UnixTime,
};

/// The bytes of a sealed answer, about.
const AN_ANSWER: usize = 2048;
/// Has nginx pass each piece on when it comes.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// How much sooner than the node that relayed a request calls of others end here, so that it gets an answer, and a refused
/// request takes nothing.
const SOONER: Duration = Duration::from_secs(1);

/// Makes a sealed answer.
type Pending = Pin<Box<dyn Future<Output = Vec<u8>>>>;

/// Why a request of a batch doesn't count.
enum Uncounted {
    Refused(RelayRefused),
    /// It isn't for this life of this node, or comes too late in it: what is replied instead.
    Undone(Exchange, Reply),
}

/// A request of a batch that counts.
struct Relayed {
    route: &'static Route,
    head: Parts,
    body: Bytes,
    client: Client,
    exchange: Exchange,
}

/// The answers of a batch: each leaves when it is ready, so that none waits for another.
struct Answering {
    ready: Vec<u8>,
    /// By their positions.
    pending: Vec<(usize, JoinHandle<Vec<u8>>)>,
}

/// Who answers, on the owner's side, what other nodes relayed.
pub(crate) trait Owner: 'static {
    /// The route of a request that nodes relay to each other; `None` for any other.
    fn admit(&self, head: &Parts) -> Option<&'static Route>;

    /// The answer to a request of another node, its problems included.
    fn answer(&self, route: &'static Route, head: &Parts, body: &Bytes, peer: Peer) -> impl Future<Output = Answer>;

    /// The answer that tells of a problem.
    fn refuse(&self, problem: Problem) -> Answer;

    /// Counts what became of one request of a batch.
    fn count(&self, batch: &Route, status: StatusCode);
}

/// What the requests of a batch are answered with.
struct Answerer<O> {
    owner: Arc<O>,
    fleet: Arc<Fleet>,
    /// Of the batch itself.
    batch: &'static Route,
    deadline: Instant,
}

impl Fleet {
    /// Answers a batch of sealed requests of another node, which came by the route `batch`. None of them is relayed again.
    pub(crate) async fn answer_batch<O: Owner>(
        self: &Arc<Self>,
        keys: &CurrentKeys,
        owner: &Arc<O>,
        batch: &'static Route,
        body: &[u8],
        progress: &Progress,
    ) -> Result<Leaving, Problem> {
        let malformed = || Problem::parse_error("This is no batch of relayed requests.");
        let requests = batch::requests(body).ok_or_else(malformed)?;
        let (keys, now) = (keys.load(), (self.clock)());
        let deadline = Instant::now() + PATIENCE.saturating_sub(SOONER);
        let answerer = Arc::new(Answerer { owner: Arc::clone(owner), fleet: Arc::clone(self), batch, deadline });
        let (mut counted, mut refused): (Vec<(usize, Pending)>, _) = (Vec::with_capacity(requests.len()), Vec::new());
        let mut ready = Vec::with_capacity(requests.len() * AN_ANSWER);
        for (position, sealed) in requests.iter().enumerate() {
            match self.open(&keys, &**owner, sealed, now) {
                Ok(relayed) => counted.push((position, Box::pin(Arc::clone(&answerer).answer(relayed)))),
                Err(Uncounted::Undone(exchange, reply)) => {
                    owner.count(batch, StatusCode::OK);
                    push_answer(&mut ready, position, &self.seal(&exchange, &reply));
                }
                Err(Uncounted::Refused(reason)) => refused.push((position, reason)),
            }
        }
        if let Some((_, reason)) = refused.first() {
            self.log_refusals(&refused, requests.len());
            if refused.len() == requests.len() {
                return Err(problem(*reason));
            }
        }
        for (position, reason) in refused {
            let status = owner.refuse(problem(reason)).status();
            owner.count(batch, status);
            push_refusal(&mut ready, position, status.as_u16());
        }
        Ok(Answering::begin(ready, counted, progress).await.leave())
    }

    fn open(&self, keys: &Keys, owner: &impl Owner, sealed: &[u8], now: UnixTime) -> Result<Relayed, Uncounted> {
        let authentic = keys.relays.open(UntrustedRequest::new(sealed), &self.name, now)?;
        let stale = |exchange| Uncounted::Undone(exchange, Reply::Stale(self.boot));
        let current = authentic.current(self.boot).map_err(stale)?;
        let verified = {
            // A poisoned lock guards a set of numbers that is whole between any two steps.
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            current.once(&mut seen, now)?
        };
        self.unlike.note(&verified.request.sender, verified.request.homes);
        if self.is_leaving() && matches!(verified.request.target, Target::Home(_)) && *verified.request.path != *ENDED_PATH {
            return Err(Uncounted::Undone(verified.exchange, Reply::Leaving));
        }
        let (head, body, client) = repack(verified.request).ok_or(RelayRefused::Forged)?;
        let route = owner.admit(&head).ok_or(RelayRefused::Forged)?;
        Ok(Relayed { route, head, body, client, exchange: verified.exchange })
    }

    fn seal(&self, exchange: &Exchange, reply: &Reply) -> Vec<u8> {
        exchange.seal(self.unlike.own(), reply, &mut self.random.clone())
    }
}

impl<O: Owner> Answerer<O> {
    /// The sealed answer.
    async fn answer(self: Arc<Self>, relayed: Relayed) -> Vec<u8> {
        let Relayed { route, head, body, client, exchange } = relayed;
        let answering = self.owner.answer(route, &head, &body, Peer::Relayed(client));
        let answer = deadline::within(self.deadline, answering).await;
        let seal = async |answer| self.fleet.seal(&exchange, &Reply::Answer(pack(answer).await));
        let mut sealed = seal(answer).await;
        if sealed.len() > LONGEST_REPLY {
            tracing::error!(bytes = sealed.len(), "an answer is too long to be relayed");
            sealed = seal(self.owner.refuse(Problem::internal())).await;
        }
        self.owner.count(self.batch, StatusCode::OK);
        sealed
    }
}

impl Fleet {
    /// Whatever anybody sends here is refused, so it is no news; the metrics count it. Only what a node of this fleet sealed
    /// says something about the fleet, and that can be sent again by anybody too.
    fn log_refusals(&self, refused: &[(usize, RelayRefused)], of: usize) {
        let of_the_fleet = refused.iter().find(|(_, reason)| reason.concerns_the_fleet());
        if let Some((_, reason)) = of_the_fleet
            && let Some(left_out) = self.is_due(&self.misfits)
        {
            let refused = refused.len();
            tracing::warn!(%reason, refused, of, left_out, "requests that this fleet's nodes relayed are refused");
        } else if let Some((_, reason)) = refused.first() {
            tracing::debug!(%reason, refused = refused.len(), of, "relayed requests are refused");
        }
    }
}

impl Answering {
    /// Most answers are ready at once. The others' requests become tasks.
    async fn begin(ready: Vec<u8>, counted: Vec<(usize, Pending)>, progress: &Progress) -> Self {
        let (mut answering, mut counted) = (Self { ready, pending: Vec::new() }, counted.into_iter());
        poll_fn(|cx| {
            for (position, mut answer) in counted.by_ref() {
                match catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(cx))) {
                    Ok(Poll::Ready(sealed)) => answering.is_ready(position, Ok(sealed)),
                    Ok(Poll::Pending) => {
                        let in_flight = progress.one_more_in_flight();
                        let task = spawn_local(async move {
                            let _in_flight = in_flight;
                            answer.await
                        });
                        answering.pending.push((position, task));
                    }
                    Err(_) => answering.is_ready(position, Err(())),
                }
            }
            Poll::Ready(())
        })
        .await;
        answering
    }

    /// Answers that are all ready leave as one body whose length is known.
    fn leave(self) -> Leaving {
        let is_whole = self.pending.is_empty();
        let body = if is_whole { Outgoing::Whole(Full::new(self.ready.into())) } else { Outgoing::Pieces(Box::pin(self)) };
        let mut leaving = Response::new(body);
        let headers = leaving.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if !is_whole {
            headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
        }
        leaving
    }

    /// Takes what is ready by now.
    fn poll_pending(&mut self, cx: &mut Context<'_>) {
        let mut pending = mem::take(&mut self.pending);
        pending.retain_mut(|(position, task)| match Pin::new(task).poll(cx) {
            Poll::Pending => true,
            Poll::Ready(ended) => {
                self.is_ready(*position, ended.map_err(|_| ()));
                false
            }
        });
        self.pending = pending;
    }

    /// A fault of ours ends one request, not the others.
    fn is_ready(&mut self, position: usize, ended: Result<Vec<u8>, ()>) {
        match ended {
            Ok(sealed) => push_answer(&mut self.ready, position, &sealed),
            Err(()) => push_refusal(&mut self.ready, position, StatusCode::INTERNAL_SERVER_ERROR.as_u16()),
        }
    }
}

impl Body for Answering {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.poll_pending(cx);
        match mem::take(&mut self.ready) {
            ready if !ready.is_empty() => Poll::Ready(Some(Ok(Frame::data(ready.into())))),
            _ if self.pending.is_empty() => Poll::Ready(None),
            _ => Poll::Pending,
        }
    }
}

impl From<RelayRefused> for Uncounted {
    fn from(reason: RelayRefused) -> Self {
        Self::Refused(reason)
    }
}

fn problem(reason: RelayRefused) -> Problem {
    Problem::relay_refused(reason == RelayRefused::OtherNode)
}

/// The request as if it had arrived here.
fn repack(request: RelayedRequest) -> Option<(Parts, Bytes, Client)> {
    let method = Method::from_bytes(request.method.as_bytes()).ok()?;
    let mut head = Request::builder().method(method).uri(&*request.path).body(()).ok()?.into_parts().0;
    fill(&mut head.headers, request.headers)?;
    Some((head, Bytes::from(request.body), request.client))
}

async fn pack(answer: Answer) -> RelayedAnswer {
    let (head, body) = answer.into_parts();
    let headers = head.headers.iter().map(|(name, value)| (name.as_str().into(), value.as_bytes().into()));
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(never) => match never {},
    };
    RelayedAnswer { status: head.status.as_u16(), headers: headers.collect(), body: body[..].into() }
}

impl RelayRefused {
    /// Whether clocks, names or limits of the fleet are the reason.
    const fn concerns_the_fleet(self) -> bool {
        matches!(self, Self::OtherNode | Self::Untimely | Self::Full)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::ready,
        sync::atomic::{AtomicUsize, Ordering},
        task::Waker,
    };

    use tokio::task::LocalSet;

    use super::*;
    use crate::fleet::batch::{Answers, Missing};

    fn progress() -> (Progress, Arc<AtomicUsize>) {
        let in_flight = Arc::new(AtomicUsize::new(0));
        (Progress::new(Arc::clone(&in_flight)), in_flight)
    }

    async fn begin(answers: Vec<Pending>, progress: &Progress) -> Leaving {
        Answering::begin(Vec::new(), answers.into_iter().enumerate().collect(), progress).await.leave()
    }

    fn positions(pieces: &[Bytes], requests: usize) -> Vec<(usize, Result<Vec<u8>, Missing>)> {
        let mut answers = Answers::new(requests, 100);
        let mut read = Vec::new();
        for piece in pieces {
            answers.arrive(piece);
            while let Some(answer) = answers.next_answer().unwrap() {
                read.push((answer.position, answer.sealed.map(<[u8]>::to_vec)));
            }
        }
        read
    }

    #[tokio::test]
    async fn a_fault_of_ours_ends_one_request_of_a_batch() {
        let answers: Vec<Pending> = vec![
            Box::pin(ready(b"first".to_vec())),
            Box::pin(async { panic!("a fault of ours") }),
            Box::pin(ready(b"third".to_vec())),
        ];
        let Outgoing::Whole(body) = begin(answers, &progress().0).await.into_body() else { panic!("all were ready") };
        let body = body.collect().await.unwrap().to_bytes();
        let expected = [(0, Ok(b"first".to_vec())), (1, Err(Missing::Refused(500))), (2, Ok(b"third".to_vec()))];
        assert_eq!(positions(&[body], 3), expected);
    }

    #[tokio::test]
    async fn a_fault_of_ours_later_on_does_too() {
        let faulty = async {
            tokio::task::yield_now().await;
            panic!("a fault of ours")
        };
        let answers: Vec<Pending> = vec![Box::pin(faulty), Box::pin(ready(b"second".to_vec()))];
        let (progress, in_flight) = progress();
        let test = async {
            let Outgoing::Pieces(mut body) = begin(answers, &progress).await.into_body() else { panic!("one isn't ready") };
            let mut pieces = Vec::new();
            while let Some(piece) = body.frame().await {
                pieces.push(piece.unwrap().into_data().unwrap());
            }
            pieces
        };
        let pieces = LocalSet::new().run_until(test).await;
        let expected = [(1, Ok(b"second".to_vec())), (0, Err(Missing::Refused(500)))];
        assert_eq!(positions(&pieces, 2), expected);
        assert_eq!(in_flight.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn answers_leave_as_they_are_ready() {
        let (tell, told) = tokio::sync::oneshot::channel::<Vec<u8>>();
        let answers: Vec<Pending> = vec![Box::pin(async { told.await.unwrap() }), Box::pin(ready(b"second".to_vec()))];
        let test = async {
            let leaving = begin(answers, &progress().0).await;
            assert_eq!(leaving.headers()[X_ACCEL_BUFFERING], "no");
            let Outgoing::Pieces(mut body) = leaving.into_body() else { panic!("one isn't ready") };
            let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
            assert_eq!(positions(std::slice::from_ref(&first), 2), [(1, Ok(b"second".to_vec()))]);
            let mut cx = Context::from_waker(Waker::noop());
            assert!(body.as_mut().poll_frame(&mut cx).is_pending());
            tell.send(b"first".to_vec()).unwrap();
            let second = body.frame().await.unwrap().unwrap().into_data().unwrap();
            assert_eq!(positions(&[first, second], 2)[1], (0, Ok(b"first".to_vec())));
            assert!(body.frame().await.is_none());
        };
        LocalSet::new().run_until(test).await;
    }

    #[tokio::test]
    async fn what_was_begun_ends_though_nobody_waits_for_it() {
        let (tell, told) = tokio::sync::oneshot::channel::<()>();
        let (done, mut is_done) = tokio::sync::oneshot::channel::<()>();
        let answers: Vec<Pending> = vec![Box::pin(async {
            told.await.unwrap();
            done.send(()).unwrap();
            Vec::new()
        })];
        let (progress, in_flight) = progress();
        let test = async {
            drop(begin(answers, &progress).await);
            drop(progress);
            tokio::task::yield_now().await;
            assert!(is_done.try_recv().is_err());
            assert_eq!(in_flight.load(Ordering::Relaxed), 1, "the end of the process waits for it");
            tell.send(()).unwrap();
            is_done.await.unwrap();
            tokio::task::yield_now().await;
            assert_eq!(in_flight.load(Ordering::Relaxed), 0);
        };
        LocalSet::new().run_until(test).await;
    }
}
