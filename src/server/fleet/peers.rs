//! The other nodes of a fleet, and what becomes of requests that are relayed to them.
//!
//! What a worker relays to one node in the same turn travels in one batch: tasks run in the order in which they were woken, so
//! the line that the first request calls runs after all the other tasks that were ready in this turn, and collects their
//! requests too. Nothing waits for company: a request that is alone travels alone.

use std::{
    collections::HashMap,
    fmt, io,
    rc::Rc,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use http_body_util::Full;
use hyper::{
    Method, Request, StatusCode, Uri,
    body::Bytes,
    header::{CONTENT_TYPE, HOST, HeaderValue},
};
use tokio::{sync::oneshot, time::Instant};

use super::{
    letters::{self, Letter},
    line,
};
use crate::fleet::relay::Incarnation;

/// For how long a node that refused a connection isn't asked to be a home. To ask costs nothing then, and it may be back
/// in a moment: the sooner it is asked again, the shorter two nodes count for its recipients.
const REFUSED: Duration = Duration::from_secs(1);
/// The same for one that doesn't accept one in time, so that to ask costs each person a second, or that is about to end,
/// and won't be back sooner.
const GONE: Duration = Duration::from_secs(5);

/// Sends to the nodes of a fleet by their names. Redirects are answers that nobody expects, so they are not followed.
#[derive(Debug)]
pub(crate) struct Peers {
    /// `http://{node}.countersign:8000`
    url: Box<str>,
    path: Box<str>,
    /// Until when each is away, in milliseconds since `began`.
    away: HashMap<Box<str>, AtomicU64>,
    began: Instant,
    /// As the nodes told. Names come from authentic envelopes and the configuration only, so there are as many as nodes.
    boots: RwLock<HashMap<Box<str>, Incarnation>>,
    longest: usize,
}

/// Why a node's answer isn't there.
#[derive(Clone, Debug)]
pub(crate) enum NoAnswer {
    /// It can't be reached: nothing was sent.
    Away(Rc<io::Error>),
    /// It is about to end, and opened nothing of what was sent.
    Closing,
    /// It was reached, and may have done what it was asked for.
    Silent,
    /// It answered, but not as a node of this fleet does.
    Refused(StatusCode),
    /// Its answer is longer than any that a node of this fleet gives.
    TooLong,
    /// It started anew twice while it was asked, and did nothing.
    Restarting,
}

/// Where a node is, parsed once for many batches.
#[derive(Debug)]
pub(crate) struct Way {
    /// Its host, with its port where there is one.
    pub(crate) authority: Box<str>,
    host: HeaderValue,
    path: Uri,
}

/// What comes of a sealed request: the sealed answer.
pub(crate) type Sent = Result<Vec<u8>, NoAnswer>;

impl Peers {
    /// With the URL that has `{node}` in it, the path that takes batches, the names that may be away as homes, and the
    /// length of the longest batch.
    pub(crate) fn new(url: &str, path: &str, nodes: &[String], longest: usize) -> Self {
        let away = nodes.iter().map(|node| (node.as_str().into(), AtomicU64::new(0))).collect();
        Self { url: url.into(), path: path.into(), away, began: Instant::now(), boots: RwLock::default(), longest }
    }

    /// Whether `node` was away a moment ago.
    pub(crate) fn is_away(&self, node: &str) -> bool {
        self.away.get(node).is_some_and(|until| self.now() < until.load(Ordering::Relaxed))
    }

    /// The boot that `node` told last; `None` before the first time.
    pub(crate) fn boot(&self, node: &str) -> Option<Incarnation> {
        // A poisoned lock guards boots, each of which is whole.
        self.boots.read().unwrap_or_else(PoisonError::into_inner).get(node).copied()
    }

    /// Notes the boot that `node` told.
    pub(crate) fn learn(&self, node: &str, boot: Incarnation) {
        self.boots.write().unwrap_or_else(PoisonError::into_inner).insert(node.into(), boot);
    }

    /// Sends `sealed` to `node`, once, and returns what it answers to it.
    pub(crate) async fn send(self: &Arc<Self>, node: &str, sealed: Vec<u8>) -> Sent {
        let (answer, answered) = oneshot::channel();
        if letters::post(node, Letter { sealed, answer }) {
            line::call(self, node);
        }
        // Whoever should have told is gone: nobody knows what was sent.
        answered.await.unwrap_or(Err(NoAnswer::Silent))
    }

    /// The length of the longest batch.
    pub(crate) const fn longest(&self) -> usize {
        self.longest
    }

    /// The way to a node.
    pub(crate) fn way(&self, node: &str) -> hyper::http::Result<Way> {
        let url = self.url.replace("{node}", node);
        let authority = url.split_once("://").map_or(&*url, |(_, authority)| authority);
        Ok(Way { authority: authority.into(), host: authority.parse()?, path: self.path.parse()? })
    }

    /// Notes that `node` is away, where that is why it didn't answer.
    pub(crate) fn note(&self, node: &str, reason: &NoAnswer) {
        if let (Some(until), Some(away)) = (self.away.get(node), reason.away()) {
            until.store(self.now().saturating_add(milliseconds(away)), Ordering::Relaxed);
        }
    }

    fn now(&self) -> u64 {
        milliseconds(self.began.elapsed())
    }
}

impl NoAnswer {
    /// For how long the node counts as away; `None` where it may have done something.
    pub(crate) fn away(&self) -> Option<Duration> {
        match self {
            Self::Away(error) if error.kind() == io::ErrorKind::ConnectionRefused => Some(REFUSED),
            Self::Away(_) | Self::Closing => Some(GONE),
            Self::Silent | Self::Refused(_) | Self::TooLong | Self::Restarting => None,
        }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Way {
    /// What carries a batch.
    pub(crate) fn request(&self, batch: Vec<u8>) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(batch.into()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.path.clone();
        request.headers_mut().insert(HOST, self.host.clone());
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        request
    }
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Away(error) => write!(f, "it can't be reached: {error}"),
            Self::Closing => f.write_str("it is about to end"),
            Self::Silent => f.write_str("it doesn't answer in time, or not to the end"),
            Self::TooLong => f.write_str("its answer is too long"),
            Self::Restarting => f.write_str("it starts again and again"),
            Self::Refused(status) => write!(f, "it answers {status}, not as a node of this fleet"),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_node_is_away_for_as_long_as_it_costs_to_ask() {
        let peers = Peers::new("http://{node}", "/relay", &["a".into(), "b".into()], 100);
        let error = |kind| NoAnswer::Away(Rc::new(io::Error::from(kind)));
        for (reason, milliseconds) in [
            (error(io::ErrorKind::ConnectionRefused), 1000),
            (error(io::ErrorKind::TimedOut), 5000),
            (error(io::ErrorKind::Other), 5000),
            (NoAnswer::Closing, 5000),
        ] {
            // Whatever part of a second it is.
            advance(Duration::from_millis(777)).await;
            assert!(!peers.is_away("a"));
            peers.note("a", &reason);
            advance(Duration::from_millis(milliseconds - 1)).await;
            assert!(peers.is_away("a") && !peers.is_away("b"), "{reason:?}");
            advance(Duration::from_millis(1)).await;
            assert!(!peers.is_away("a"), "{reason:?}");
        }
        for reason in [NoAnswer::Silent, NoAnswer::Refused(StatusCode::FORBIDDEN), NoAnswer::TooLong, NoAnswer::Restarting] {
            peers.note("a", &reason);
            assert!(!peers.is_away("a"), "{reason:?}");
        }
        peers.note("of another fleet", &NoAnswer::Closing);
        assert!(!peers.is_away("of another fleet"));
    }
}
