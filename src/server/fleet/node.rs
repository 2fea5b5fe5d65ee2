//! One other node of a fleet: where it is, what it told, and whether it is away.

use std::{
    fmt, io,
    rc::Rc,
    sync::{
        PoisonError, RwLock,
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
use tokio::time::Instant;

use crate::fleet::Incarnation;

/// For how long a node that refused a connection isn't asked to be a home. To ask costs nothing then, and it may be back
/// in a moment: the sooner it is asked again, the shorter two nodes count for its recipients.
const REFUSED: Duration = Duration::from_secs(1);
/// For how long one isn't asked that doesn't accept a connection in time, so that to ask costs each person a second, or
/// that is about to end, and won't be back sooner.
const GONE: Duration = Duration::from_secs(5);

/// Another node, found by its name.
#[derive(Debug)]
pub(crate) struct Node {
    name: Box<str>,
    /// Its host, with its port where there is one.
    authority: Box<str>,
    host: HeaderValue,
    path: Uri,
    /// The length of the longest batch.
    longest: usize,
    began: Instant,
    /// Until when it is away, in milliseconds since `began`.
    away: AtomicU64,
    /// As it told last.
    boot: RwLock<Option<Incarnation>>,
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
    /// It is about to end, redeems what it made, and makes nothing new where another can.
    Leaving,
}

/// What comes of a sealed request: the sealed reply.
pub(crate) type Replied = Result<Vec<u8>, NoAnswer>;

impl Node {
    /// At `authority`, its host with its port, which takes batches of at most `longest` bytes at `path`.
    ///
    /// # Errors
    /// Where the name makes no host.
    pub(crate) fn new(name: &str, authority: &str, path: &str, longest: usize) -> hyper::http::Result<Self> {
        Ok(Self {
            name: name.into(),
            authority: authority.into(),
            host: authority.parse()?,
            path: path.parse()?,
            longest,
            began: Instant::now(),
            away: AtomicU64::new(0),
            boot: RwLock::default(),
        })
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Its host, with its port where there is one.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// The length of the longest batch.
    pub(crate) const fn longest(&self) -> usize {
        self.longest
    }

    /// What carries a batch to it.
    pub(crate) fn request(&self, batch: Vec<u8>) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(batch.into()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.path.clone();
        request.headers_mut().insert(HOST, self.host.clone());
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        request
    }

    /// The boot that it told last; `None` before the first time.
    pub(crate) fn boot(&self) -> Option<Incarnation> {
        // A poisoned lock guards a boot, which is whole.
        *self.boot.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the boot that it told.
    pub(crate) fn learn(&self, boot: Incarnation) {
        *self.boot.write().unwrap_or_else(PoisonError::into_inner) = Some(boot);
    }

    /// Whether it was away a moment ago.
    pub(crate) fn is_away(&self) -> bool {
        self.now() < self.away.load(Ordering::Relaxed)
    }

    /// Notes that it is away, where that is why it didn't answer.
    pub(crate) fn note(&self, reason: &NoAnswer) {
        if let Some(away) = reason.away() {
            self.away.store(self.now().saturating_add(milliseconds(away)), Ordering::Relaxed);
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
            Self::Silent | Self::Refused(_) | Self::TooLong | Self::Restarting | Self::Leaving => None,
        }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Away(error) => write!(f, "it can't be reached: {error}"),
            Self::Closing | Self::Leaving => f.write_str("it is about to end"),
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
        let node = Node::new("a", "a", "/relay", 100).unwrap();
        let error = |kind| NoAnswer::Away(Rc::new(io::Error::from(kind)));
        for (reason, milliseconds) in [
            (error(io::ErrorKind::ConnectionRefused), 1000),
            (error(io::ErrorKind::TimedOut), 5000),
            (error(io::ErrorKind::Other), 5000),
            (NoAnswer::Closing, 5000),
        ] {
            // Whatever part of a second it is.
            advance(Duration::from_millis(777)).await;
            assert!(!node.is_away());
            node.note(&reason);
            advance(Duration::from_millis(milliseconds - 1)).await;
            assert!(node.is_away(), "{reason:?}");
            advance(Duration::from_millis(1)).await;
            assert!(!node.is_away(), "{reason:?}");
        }
        for reason in [
            NoAnswer::Silent,
            NoAnswer::Refused(StatusCode::FORBIDDEN),
            NoAnswer::TooLong,
            NoAnswer::Restarting,
            NoAnswer::Leaving,
        ] {
            node.note(&reason);
            assert!(!node.is_away(), "{reason:?}");
        }
    }
}
