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
};

use http_body_util::Full;
use hyper::{
    Method, Request, StatusCode, Uri,
    body::Bytes,
    header::{CONTENT_TYPE, HOST, HeaderValue},
};
use tokio::sync::oneshot;

use super::{
    super::clock,
    letters::{self, Letter},
    line,
};
use crate::{relay::Boot, time::UnixTime};

/// For how many seconds a node that was away isn't asked to be a home.
const AWAY_SECONDS: u64 = 1;

/// Sends to the nodes of a fleet by their names. Redirects are answers that nobody expects, so they are not followed.
#[derive(Debug)]
pub(crate) struct Peers {
    /// `http://{node}.countersign:8000`
    url: Box<str>,
    path: Box<str>,
    away: HashMap<Box<str>, AtomicU64>,
    /// As the nodes told. Names come from authentic envelopes and the configuration only, so there are as many as nodes.
    boots: RwLock<HashMap<Box<str>, Boot>>,
    longest: usize,
}

/// Why a node's answer isn't there.
#[derive(Clone, Debug)]
pub(crate) enum NoAnswer {
    /// It can't be reached: nothing was sent.
    Away(Rc<io::Error>),
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
pub(super) struct Way {
    /// Its host, with its port where there is one.
    pub(super) authority: Box<str>,
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
        Self { url: url.into(), path: path.into(), away, boots: RwLock::default(), longest }
    }

    /// Whether `node` was away a moment ago.
    pub(crate) fn is_away(&self, node: &str, now: UnixTime) -> bool {
        self.away.get(node).is_some_and(|until| now.as_seconds() < until.load(Ordering::Relaxed))
    }

    /// The boot that `node` told last; `None` before the first time.
    pub(crate) fn boot(&self, node: &str) -> Option<Boot> {
        // A poisoned lock guards boots, each of which is whole.
        self.boots.read().unwrap_or_else(PoisonError::into_inner).get(node).copied()
    }

    /// Notes the boot that `node` told.
    pub(crate) fn learn(&self, node: &str, boot: Boot) {
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
    pub(super) const fn longest(&self) -> usize {
        self.longest
    }

    /// The way to a node.
    pub(super) fn way(&self, node: &str) -> hyper::http::Result<Way> {
        let url = self.url.replace("{node}", node);
        let authority = url.split_once("://").map_or(&*url, |(_, authority)| authority);
        Ok(Way { authority: authority.into(), host: authority.parse()?, path: self.path.parse()? })
    }

    /// Notes that `node` can't be reached.
    pub(super) fn note_away(&self, node: &str) {
        if let Some(until) = self.away.get(node) {
            until.store(clock::now().plus(AWAY_SECONDS).as_seconds(), Ordering::Relaxed);
        }
    }
}

impl Way {
    /// What carries a batch.
    pub(super) fn request(&self, batch: Vec<u8>) -> Request<Full<Bytes>> {
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
            Self::Silent => f.write_str("it doesn't answer in time, or not to the end"),
            Self::TooLong => f.write_str("its answer is too long"),
            Self::Restarting => f.write_str("it starts again and again"),
            Self::Refused(status) => write!(f, "it answers {status}, not as a node of this fleet"),
        }
    }
}
