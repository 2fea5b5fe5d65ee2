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
};

use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Body, Bytes, Frame},
    header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue},
    http::request::Parts,
};

use super::{
    app::App,
    client::Peer,
    clock,
    outgoing::{Leaving, Outgoing},
    problem::{Answer, Problem},
    relay::{Fleet, fill},
    route::Route,
};
use crate::{
    delivery::Outbox,
    directory::Directory,
    guard::Guard,
    relay::{
        Exchange, RelayRefused, RelayedAnswer, RelayedRequest, UntrustedRequest,
        batch::{self, push_answer, push_refusal},
    },
    time::UnixTime,
};

/// Has nginx pass each piece on when it comes.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

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

/// Makes a sealed answer.
type Pending = Pin<Box<dyn Future<Output = Vec<u8>>>>;

impl<G, D, O> App<G, D, O>
where
    G: Guard + 'static,
    D: Directory + 'static,
    O: Outbox + 'static,
{
    /// Answers a batch of sealed requests of another node. None of them is relayed again.
    pub(super) async fn answer_batch(self: &Arc<Self>, batch: &[u8]) -> Result<Leaving, Problem> {
        let fleet = self.fleet.as_ref().ok_or_else(Problem::not_found)?;
        let malformed = || Problem::parse_error("This is no batch of relayed requests.");
        let requests = batch::requests(batch).ok_or_else(malformed)?;
        let now = clock::now();
        let mut answering = Answering { ready: Vec::new(), pending: Vec::with_capacity(requests.len()) };
        let mut refused = Vec::new();
        for (position, sealed) in requests.iter().enumerate() {
            match self.open(fleet, sealed, now) {
                Ok(relayed) => answering.pending.push((position, Box::pin(Arc::clone(self).answer_relayed(relayed)))),
                Err(reason) => refused.push((position, reason)),
            }
        }
        // One line for each batch, whatever somebody puts into it.
        if let Some((_, reason)) = refused.first() {
            tracing::warn!(%reason, refused = refused.len(), of = requests.len(), "relayed requests are refused");
            if answering.pending.is_empty() {
                return Err(problem(*reason));
            }
        }
        for (position, reason) in refused {
            let answer = self.finish_relayed(Err(problem(reason)));
            push_refusal(&mut answering.ready, position, answer.status().as_u16());
        }
        // Most answers are ready at once, and then they leave as one body whose length is known.
        poll_fn(|cx| {
            answering.poll_pending(cx);
            Poll::Ready(())
        })
        .await;
        let is_whole = answering.pending.is_empty();
        let mut leaving = Response::new(if is_whole {
            Outgoing::Whole(Full::new(answering.ready.into()))
        } else {
            Outgoing::Pieces(Box::pin(answering))
        });
        if !is_whole {
            leaving.headers_mut().insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
        }
        leaving.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        leaving.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Ok(leaving)
    }

    fn open(&self, fleet: &Fleet, sealed: &[u8], now: UnixTime) -> Result<Relayed, RelayRefused> {
        let authentic = fleet.relays.open(UntrustedRequest::new(sealed), &fleet.node, now)?;
        let verified = {
            // A poisoned lock guards a set of numbers that is whole between any two steps.
            let mut seen = fleet.seen.lock().unwrap_or_else(PoisonError::into_inner);
            authentic.once(&mut seen, now)?
        };
        let (head, body, client) = repack(verified.request).ok_or(RelayRefused::Forged)?;
        let route = self.route(&head).ok().filter(|route| route.is_relayed()).ok_or(RelayRefused::Forged)?;
        Ok(Relayed { route, head, body, client, exchange: verified.exchange })
    }

    /// The sealed answer.
    async fn answer_relayed(self: Arc<Self>, relayed: Relayed) -> Vec<u8> {
        let Relayed { route, head, body, client, exchange } = relayed;
        let answered = self.answer(route, &head, &body, Peer::Relayed(client)).await;
        let answer = pack(self.or_problem(answered)).await;
        self.metrics.answered(Some(Route::Relay), StatusCode::OK);
        let fleet = self.fleet.as_ref().expect("it answers a node of its fleet");
        fleet.relays.seal_answer(&exchange, &answer, &mut rand::rng())
    }

    fn finish_relayed(&self, answered: Result<Answer, Problem>) -> Answer {
        let answer = self.or_problem(answered);
        self.metrics.answered(Some(Route::Relay), answer.status());
        answer
    }
}

impl Answering {
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
