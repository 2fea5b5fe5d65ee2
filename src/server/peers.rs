//! The way to the other nodes of a fleet: what a worker relays to one of them in the same turn travels in one batch.
//!
//! Tasks run in the order in which they were woken, so a task that the first of them wakes runs after all the others that
//! were ready in this turn, and finds their requests too. Nothing waits for company: a request that is alone travels alone.

use std::{
    cell::RefCell,
    collections::HashMap,
    fmt, io, mem,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use http_body_util::Full;
use hyper::{
    Request, StatusCode,
    body::Bytes,
    header::{CONTENT_TYPE, HOST, HeaderValue},
};
use tokio::{sync::oneshot, task::spawn_local, time::timeout};

use super::{clock, line};
use crate::{
    relay::batch::{MOST_REQUESTS, REQUEST_OVERHEAD, push_request},
    time::UnixTime,
};

/// How long a node has to answer.
const ANSWER_PATIENCE: Duration = Duration::from_secs(5);
/// For how many seconds a node that was away isn't asked to be a home.
const AWAY_SECONDS: u64 = 1;

/// Sends to the nodes of a fleet by their names. Redirects are answers that nobody expects, so they are not followed.
#[derive(Debug)]
pub(crate) struct Peers {
    /// `http://{node}.countersign:8000`
    url: Box<str>,
    path: Box<str>,
    away: HashMap<Box<str>, AtomicU64>,
    /// The longest batch.
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
}

/// What comes of a sealed request: the sealed answer.
pub(crate) type Sent = Result<Vec<u8>, NoAnswer>;

/// Those who wait for the answers of a batch, by their positions.
#[derive(Debug)]
pub(crate) struct Waiting(Vec<Option<oneshot::Sender<Sent>>>);

/// A sealed request on its way, and who waits for its answer.
struct Letter {
    sealed: Vec<u8>,
    answer: oneshot::Sender<Sent>,
}

struct Batch {
    body: Vec<u8>,
    waiting: Waiting,
}

thread_local! {
    /// What is to be sent to each node when this turn's other tasks have run.
    static LETTERS: RefCell<HashMap<Box<str>, Vec<Letter>>> = RefCell::default();
}

impl Peers {
    /// With the URL that has `{node}` in it, the path that takes batches, the names that may be away as homes, and the
    /// length of the longest batch.
    pub(crate) fn new(url: &str, path: &str, nodes: &[String], longest: usize) -> Self {
        let away = nodes.iter().map(|node| (node.as_str().into(), AtomicU64::new(0))).collect();
        Self { url: url.into(), path: path.into(), away, longest }
    }

    /// Whether `node` was away a moment ago.
    pub(crate) fn is_away(&self, node: &str, now: UnixTime) -> bool {
        self.away.get(node).is_some_and(|until| now.as_seconds() < until.load(Ordering::Relaxed))
    }

    /// Sends `sealed` to `node`, once, and returns what it answers to it.
    pub(crate) async fn send(self: &Arc<Self>, node: &str, sealed: Vec<u8>) -> Sent {
        let (answer, answered) = oneshot::channel();
        if post(node, Letter { sealed, answer }) {
            spawn_local(Arc::clone(self).collect(node.into()));
        }
        // Whoever should have told is gone: nobody knows what was sent.
        answered.await.unwrap_or(Err(NoAnswer::Silent))
    }

    /// Sends what has been posted to `node` by now.
    async fn collect(self: Arc<Self>, node: Box<str>) {
        let mut letters = LETTERS.with_borrow_mut(|all| all.get_mut(&*node).map(mem::take)).unwrap_or_default().into_iter();
        while let Some(batch) = Batch::of(&mut letters, self.longest) {
            if letters.as_slice().is_empty() {
                return self.deliver(&node, batch).await;
            }
            let (peers, node) = (Arc::clone(&self), node.clone());
            spawn_local(async move { peers.deliver(&node, batch).await });
        }
    }

    async fn deliver(&self, node: &str, Batch { body, mut waiting }: Batch) {
        let url = self.url.replace("{node}", node);
        let authority = url.split_once("://").map_or(url.as_str(), |(_, authority)| authority);
        let sent = match self.request(authority, body) {
            Ok(request) => {
                let exchange = line::exchange(authority, request, &mut waiting);
                timeout(ANSWER_PATIENCE, exchange).await.unwrap_or(Err(NoAnswer::Silent))
            }
            Err(error) => Err(NoAnswer::Away(Rc::new(io::Error::other(error)))),
        };
        if let (Err(NoAnswer::Away(_)), Some(until)) = (&sent, self.away.get(node)) {
            until.store(clock::now().plus(AWAY_SECONDS).as_seconds(), Ordering::Relaxed);
        }
        waiting.give_up(&sent.err().unwrap_or(NoAnswer::Silent));
    }

    fn request(&self, authority: &str, body: Vec<u8>) -> hyper::http::Result<Request<Full<Bytes>>> {
        let request = Request::post(&*self.path).header(HOST, authority);
        let request = request.header(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        request.body(Full::new(body.into()))
    }
}

/// Whether it is the first since that node's letters were collected.
fn post(node: &str, letter: Letter) -> bool {
    LETTERS.with_borrow_mut(|all| {
        let letters = match all.get_mut(node) {
            Some(letters) => letters,
            None => all.entry(node.into()).or_default(),
        };
        letters.push(letter);
        letters.len() == 1
    })
}

impl Batch {
    /// Of the next letters, as many as fit. A letter that is too long goes alone: the node says so.
    fn of(letters: &mut std::vec::IntoIter<Letter>, longest: usize) -> Option<Self> {
        let fits = |so_far: usize, letter: &Letter| so_far + REQUEST_OVERHEAD + letter.sealed.len();
        let (mut length, mut count) = (0, 0);
        for letter in letters.as_slice().iter().take(MOST_REQUESTS) {
            let longer = fits(length, letter);
            if count > 0 && longer > longest {
                break;
            }
            (length, count) = (longer, count + 1);
        }
        let (mut body, mut waiting) = (Vec::with_capacity(length), Vec::with_capacity(count));
        for Letter { sealed, answer } in letters.by_ref().take(count) {
            push_request(&mut body, &sealed);
            waiting.push(Some(answer));
        }
        (count > 0).then_some(Self { body, waiting: Waiting(waiting) })
    }
}

impl Waiting {
    /// How many requests the batch has.
    pub(crate) fn requests(&self) -> usize {
        self.0.len()
    }

    /// Tells the one at `position`. It may have gone away since.
    pub(crate) fn answer(&mut self, position: usize, sent: Sent) {
        if let Some(waiting) = self.0.get_mut(position).and_then(Option::take) {
            let _ = waiting.send(sent);
        }
    }

    /// Tells all who still wait.
    fn give_up(self, reason: &NoAnswer) {
        for waiting in self.0.into_iter().flatten() {
            let _ = waiting.send(Err(reason.clone()));
        }
    }
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Away(error) => write!(f, "it can't be reached: {error}"),
            Self::Silent => f.write_str("it doesn't answer in time, or not to the end"),
            Self::Refused(status) => write!(f, "it answers {status}, not as a node of this fleet"),
        }
    }
}
