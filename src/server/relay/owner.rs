//! The owner's side of a relay: each request of a batch is opened, counts once, and is answered as if it had arrived here.

use std::{
    convert::Infallible,
    future::poll_fn,
    mem,
    net::IpAddr,
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
use tokio::time::Instant;

use super::{
    super::{
        app::App,
        client::Peer,
        clock,
        outgoing::{Leaving, Outgoing},
        problem::{Answer, Problem},
        route::Route,
    },
    Fleet, PATIENCE, fill,
};
use crate::{
    deadline,
    delivery::Outbox,
    directory::Directory,
    guard::Guard,
    relay::{
        Exchange, RelayRefused, RelayedAnswer, RelayedRequest, Reply, UntrustedRequest,
        batch::{self, push_answer, push_refusal},
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
    /// It is for another life of this node.
    Stale(Exchange),
}

/// A request of a batch that counts.
struct Relayed {
    route: Route,
    head: Parts,
    body: Bytes,
    client: IpAddr,
    exchange: Exchange,
}

/// The answers of a batch: each leaves when it is ready, so that none waits for another.
struct Answering {
    ready: Vec<u8>,
    /// By their positions.
    pending: Vec<(usize, Pending)>,
}

impl<G, D, O> App<G, D, O>
where
    G: Guard + 'static,
    D: Directory + 'static,
    O: Outbox + 'static,
{
    /// Answers a batch of sealed requests of another node. None of them is relayed again.
    pub(crate) async fn answer_batch(self: &Arc<Self>, batch: &[u8]) -> Result<Leaving, Problem> {
        let fleet = self.fleet.as_ref().ok_or_else(Problem::not_found)?;
        let malformed = || Problem::parse_error("This is no batch of relayed requests.");
        let requests = batch::requests(batch).ok_or_else(malformed)?;
        let now = clock::now();
        let deadline = Instant::now() + PATIENCE.saturating_sub(SOONER);
        let (mut pending, mut refused): (Vec<(usize, Pending)>, _) = (Vec::with_capacity(requests.len()), Vec::new());
        let mut ready = Vec::with_capacity(requests.len() * AN_ANSWER);
        for (position, sealed) in requests.iter().enumerate() {
            match self.open(fleet, sealed, now) {
                Ok(relayed) => pending.push((position, Box::pin(Arc::clone(self).answer_relayed(relayed, deadline)))),
                Err(Uncounted::Stale(exchange)) => push_answer(&mut ready, position, &self.tell_boot(fleet, &exchange)),
                Err(Uncounted::Refused(reason)) => refused.push((position, reason)),
            }
        }
        if let Some((_, reason)) = refused.first() {
            // One line for each batch, whatever somebody puts into it.
            tracing::warn!(%reason, refused = refused.len(), of = requests.len(), "relayed requests are refused");
            if refused.len() == requests.len() {
                return Err(problem(*reason));
            }
        }
        for (position, reason) in refused {
            push_refusal(&mut ready, position, self.refuse(reason).as_u16());
        }
        Ok(Answering { ready, pending }.leave().await)
    }

    fn open(&self, fleet: &Fleet, sealed: &[u8], now: UnixTime) -> Result<Relayed, Uncounted> {
        let authentic = fleet.relays.open(UntrustedRequest::new(sealed), &fleet.node, now)?;
        let current = authentic.current(fleet.boot).map_err(Uncounted::Stale)?;
        let verified = {
            // A poisoned lock guards a set of numbers that is whole between any two steps.
            let mut seen = fleet.seen.lock().unwrap_or_else(PoisonError::into_inner);
            current.once(&mut seen, now)?
        };
        let (head, body, client) = repack(verified.request).ok_or(RelayRefused::Forged)?;
        let route = self.route(&head).ok().filter(|route| route.is_relayed()).ok_or(RelayRefused::Forged)?;
        Ok(Relayed { route, head, body, client, exchange: verified.exchange })
    }

    /// The sealed boot of this node, for whoever doesn't know it.
    fn tell_boot(&self, fleet: &Fleet, exchange: &Exchange) -> Vec<u8> {
        self.metrics.answered(Some(Route::Relay), StatusCode::OK);
        fleet.relays.seal_reply(exchange, &Reply::Stale(fleet.boot), &mut rand::rng())
    }

    /// The sealed answer.
    async fn answer_relayed(self: Arc<Self>, relayed: Relayed, deadline: Instant) -> Vec<u8> {
        let Relayed { route, head, body, client, exchange } = relayed;
        let answering = self.answer(route, &head, &body, Peer::Relayed(client));
        let answered = deadline::within(deadline, answering).await;
        let answer = pack(self.or_problem(answered)).await;
        self.metrics.answered(Some(Route::Relay), StatusCode::OK);
        let fleet = self.fleet.as_ref().expect("it answers a node of its fleet");
        fleet.relays.seal_reply(&exchange, &Reply::Answer(answer), &mut rand::rng())
    }

    /// Counts a refusal among others' answers.
    fn refuse(&self, reason: RelayRefused) -> StatusCode {
        let status = self.or_problem(Err(problem(reason))).status();
        self.metrics.answered(Some(Route::Relay), status);
        status
    }
}

impl Answering {
    /// Most answers are ready at once, and then they leave as one body whose length is known.
    async fn leave(mut self) -> Leaving {
        poll_fn(|cx| {
            self.poll_pending(cx);
            Poll::Ready(())
        })
        .await;
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

    /// Takes what is ready by now. A fault of ours ends one request, not the others.
    fn poll_pending(&mut self, cx: &mut Context<'_>) {
        let ready = &mut self.ready;
        self.pending.retain_mut(|(position, answer)| match catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(cx))) {
            Ok(Poll::Pending) => true,
            Ok(Poll::Ready(sealed)) => {
                push_answer(ready, *position, &sealed);
                false
            }
            Err(_) => {
                push_refusal(ready, *position, StatusCode::INTERNAL_SERVER_ERROR.as_u16());
                false
            }
        });
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
fn repack(request: RelayedRequest) -> Option<(Parts, Bytes, IpAddr)> {
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

impl Route {
    /// Whether nodes relay such requests to each other.
    const fn is_relayed(self) -> bool {
        matches!(self, Self::Request(_) | Self::Resend | Self::Exchange(_) | Self::External(_))
    }
}

#[cfg(test)]
mod tests {
    use std::{future::ready, task::Waker};

    use super::*;
    use crate::relay::batch::Answers;

    fn pending(answers: Vec<Pending>) -> Answering {
        Answering { ready: Vec::new(), pending: answers.into_iter().enumerate().collect() }
    }

    fn positions(pieces: &[Bytes], requests: usize) -> Vec<(usize, Result<Vec<u8>, u16>)> {
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
        let answering = pending(vec![
            Box::pin(ready(b"first".to_vec())),
            Box::pin(async { panic!("a fault of ours") }),
            Box::pin(ready(b"third".to_vec())),
        ]);
        let Outgoing::Whole(body) = answering.leave().await.into_body() else { panic!("all were ready") };
        let body = body.collect().await.unwrap().to_bytes();
        let expected = [(0, Ok(b"first".to_vec())), (1, Err(500)), (2, Ok(b"third".to_vec()))];
        assert_eq!(positions(&[body], 3), expected);
    }

    #[tokio::test]
    async fn answers_leave_as_they_are_ready() {
        let (tell, told) = tokio::sync::oneshot::channel::<Vec<u8>>();
        let answering = pending(vec![Box::pin(async { told.await.unwrap() }), Box::pin(ready(b"second".to_vec()))]);
        let leaving = answering.leave().await;
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
    }
}
