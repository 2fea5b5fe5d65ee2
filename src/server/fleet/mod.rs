//! A challenge is redeemed at its owner and made at its recipient's home: requests that arrive elsewhere are relayed
//! there, sealed, once, and the answer is passed on unchanged.

mod company;
mod ended;
mod line;
mod node;
mod owner;
mod peer_urls;
mod peers;
mod unlike;
mod waiting;

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use http_body_util::Full;
use hyper::{
    HeaderMap, Response, StatusCode,
    body::Bytes,
    header::{ACCEPT_LANGUAGE, CONTENT_TYPE, COOKIE, HeaderName, HeaderValue, ORIGIN, USER_AGENT},
};
use tokio::time::{Instant, timeout_at};

pub use self::{company::Isolated, peer_urls::PeerUrls};
pub(crate) use self::{
    ended::{FleetEnded, Merging, PATH as ENDED_PATH},
    owner::Owner,
    peers::Peers,
};
use self::{
    line::PATIENCE,
    node::{NoAnswer, Node},
    unlike::Unlike,
};
use super::{
    call::{Answer, Arrived, COUNTERSIGN_CHALLENGE},
    random::Random,
    wire::problem::Problem,
};
use crate::{
    challenge::GuardId,
    ended::LONGEST_QUESTION,
    fleet::{Homes, Incarnation, RelayedAnswer, RelayedRequest, Reply, SeenRequests, Target},
    keys::CurrentKeys,
    recipient::Recipient,
    seldom::Seldom,
    time::Clock,
    unavailable::Unavailable,
};

/// How many relayed requests are remembered for 30 seconds; more are refused.
const SEEN: usize = 1 << 20;
/// Lines a minute about nodes that don't answer. Whoever holds an envelope of such a node can ask as often as they like.
const UNANSWERED_LINES: u32 = 10;
/// When it makes sense to ask again after a node was away.
const AWAY: Unavailable = Unavailable::for_seconds(5);
/// The headers that a request is decided by, and what its message and its events tell of it.
static HEADERS: [HeaderName; 7] =
    [CONTENT_TYPE, COOKIE, ACCEPT_LANGUAGE, ORIGIN, USER_AGENT, HeaderName::from_static("sec-fetch-site"), COUNTERSIGN_CHALLENGE];

/// This node's place in its fleet.
pub(crate) struct Fleet {
    name: Box<str>,
    peers: Peers,
    homes: Homes,
    /// Of this process.
    boot: Incarnation,
    seen: Mutex<SeenRequests>,
    /// Whether it is about to end.
    is_leaving: AtomicBool,
    /// The nodes that have another list of nodes.
    unlike: Unlike,
    /// Warns of nodes that don't answer.
    unanswered: Seldom,
    /// Warns of a fleet that isn't set up alike.
    misfits: Seldom,
    /// Warns of recipients who get no code.
    homeless: Seldom,
    clock: Clock,
    random: Random,
}

impl Fleet {
    /// Of the node of this name. `homes` is empty where challenges are made wherever the request arrives.
    pub(crate) fn new(name: &str, peers: Peers, homes: Homes, clock: Clock, random: Random) -> Self {
        Self {
            name: name.into(),
            peers,
            unlike: Unlike::new(homes.id()),
            homes,
            boot: Incarnation::from_random(random.bytes()),
            seen: Mutex::new(SeenRequests::new(SEEN)),
            is_leaving: AtomicBool::new(false),
            unanswered: Seldom::new(UNANSWERED_LINES),
            misfits: Seldom::new(1),
            homeless: Seldom::new(1),
            clock,
            random,
        }
    }

    /// The owner's answer to a request for a challenge of `guard`; `None` where this node has to answer itself.
    pub(crate) async fn at_owner(&self, keys: &CurrentKeys, arrived: &Arrived<'_>, guard: &GuardId) -> Option<Answer> {
        if !self.asks(arrived, guard) {
            return None;
        }
        let answer = match self.peers.node(guard.node()) {
            Ok(owner) => Box::pin(self.relay(keys, arrived, Target::Guard(guard.clone()), &owner)).await,
            Err(error) => Err(error),
        };
        Some(answer.unwrap_or_else(|error| {
            if let Some(left_out) = self.is_due(&self.unanswered) {
                tracing::warn!(node = guard.node(), %error, left_out, "the owner of a challenge doesn't answer");
            }
            Problem::unavailable(AWAY).into_answer()
        }))
    }

    /// Whether the owner of a challenge of `guard` is another node, which is asked.
    pub(crate) fn asks(&self, arrived: &Arrived<'_>, guard: &GuardId) -> bool {
        arrived.may_be_relayed() && *self.name != *guard.node()
    }

    /// What an operator should know of the fleet: nodes that have another list of nodes.
    pub(crate) fn notice(&self) -> Option<String> {
        self.unlike.notice()
    }

    /// From now on what this node made is redeemed here, and new challenges are made by stand-ins: when it has ended, nobody can
    /// redeem what it made.
    pub(crate) fn leave(&self) {
        self.is_leaving.store(true, Ordering::Relaxed);
    }

    fn is_leaving(&self) -> bool {
        self.is_leaving.load(Ordering::Relaxed)
    }

    /// Whether this node, by its own list, may not make this recipient's challenges, whatever the node thinks that relayed the
    /// request here.
    fn is_no_home_of(&self, recipient: &Recipient) -> bool {
        let is_none = !self.homes.may_make(&self.name, recipient);
        if is_none && let Some(left_out) = self.is_due(&self.misfits) {
            tracing::warn!(
                left_out,
                "a node asks for codes that this node, by its own guard.nodes, may not make; they are refused"
            );
        }
        is_none
    }

    /// The answer of the recipient's home to a request for a code; `None` where that is this node. A home that can't be
    /// reached, or that is about to end, is stood in for by one other node, no more, since each has a count of its own; one that was
    /// reached and is silent isn't, since it may have sent the code. Where the stand-in can't be reached either, one that is
    /// about to end makes it all the same.
    pub(crate) async fn at_home(&self, keys: &CurrentKeys, arrived: &Arrived<'_>, recipient: &Recipient) -> Option<Answer> {
        if !arrived.may_be_relayed() {
            return self.is_no_home_of(recipient).then(|| Problem::unavailable(AWAY).into_answer());
        }
        let makers = self.homes.makers(recipient);
        // Without homes, challenges are made where the request arrives.
        makers[0]?;
        let mut leaving = None;
        for home in makers.into_iter().flatten() {
            if *home == *self.name {
                if !self.is_leaving() {
                    return None;
                }
                leaving = leaving.or(Some(home));
                continue;
            }
            match self.ask_home(keys, arrived, Target::Home(home.into()), home).await {
                Ok(answer) => return Some(answer),
                Err(NoAnswer::Leaving) => leaving = leaving.or(Some(home)),
                Err(error) if error.away().is_some() => {}
                Err(_) => return Some(Problem::unavailable(AWAY).into_answer()),
            }
        }
        match leaving {
            Some(home) if *home == *self.name => return None,
            Some(home) => {
                if let Ok(answer) = self.ask_home(keys, arrived, Target::LeavingHome(home.into()), home).await {
                    return Some(answer);
                }
            }
            None => {}
        }
        if let Some(left_out) = self.is_due(&self.homeless) {
            let [home, stand_in] = makers;
            tracing::warn!(
                home,
                stand_in,
                left_out,
                "a recipient's home and its stand-in are both away, and no other node may make its challenges"
            );
        }
        Some(Problem::unavailable(AWAY).into_answer())
    }

    /// What one of a recipient's homes answers; one that was away a moment ago isn't asked.
    async fn ask_home(&self, keys: &CurrentKeys, arrived: &Arrived<'_>, target: Target, home: &str) -> Result<Answer, NoAnswer> {
        let asked = match self.peers.node(home) {
            Ok(node) if node.is_away() => return Err(NoAnswer::Closing),
            Ok(node) => Box::pin(self.relay(keys, arrived, target, &node)).await,
            Err(error) => Err(error),
        };
        if let Err(error) = &asked
            && !matches!(error, NoAnswer::Leaving)
            && let Some(left_out) = self.is_due(&self.unanswered)
        {
            let what = if error.away().is_some() { "a recipient's home is away" } else { "a recipient's home doesn't answer" };
            tracing::warn!(node = home, %error, left_out, "{what}");
        }
        asked
    }

    /// Whether to write a line of this kind, and how many were left out.
    fn is_due(&self, lines: &Seldom) -> Option<u64> {
        lines.due((self.clock)())
    }

    async fn relay(
        &self,
        keys: &CurrentKeys,
        arrived: &Arrived<'_>,
        target: Target,
        node: &Arc<Node>,
    ) -> Result<Answer, NoAnswer> {
        let headers = HEADERS.iter().flat_map(|name| arrived.head.headers.get_all(name).iter().map(move |value| (name, value)));
        let request = RelayedRequest {
            target,
            sender: self.name.clone(),
            homes: self.unlike.own(),
            client: arrived.client,
            method: arrived.head.method.as_str().into(),
            path: arrived.head.uri.path().into(),
            headers: headers.map(|(name, value)| (name.as_str().into(), value.as_bytes().into())).collect(),
            body: arrived.body[..].into(),
        };
        self.ask(keys, &request, node).await
    }

    /// What `node` answers. One that has started anew since it was last asked, or that wasn't asked yet, tells its boot
    /// instead, and is asked once more.
    async fn ask(&self, keys: &CurrentKeys, request: &RelayedRequest, node: &Arc<Node>) -> Result<Answer, NoAnswer> {
        let end = Instant::now() + PATIENCE;
        let (mut boot, mut is_again) = (node.boot(), false);
        loop {
            let (sealed, exchange) = keys.load().relays.seal(request, boot, (self.clock)(), &mut self.random.clone());
            let replied = peers::send(node, sealed);
            let sealed = if is_again { timeout_at(end, replied).await.unwrap_or(Err(NoAnswer::Silent)) } else { replied.await };
            let (homes, reply) = exchange.open(&sealed?).map_err(|_| NoAnswer::Refused(StatusCode::OK))?;
            self.unlike.note(node.name(), homes);
            match reply {
                Reply::Answer(answer) => return unpack(answer).ok_or(NoAnswer::Refused(StatusCode::OK)),
                Reply::Leaving => return Err(NoAnswer::Leaving),
                Reply::Stale(_) if is_again => return Err(NoAnswer::Restarting),
                Reply::Stale(current) => {
                    node.learn(current);
                    (boot, is_again) = (Some(current), true);
                }
            }
        }
    }
}

/// How long sealed requests may be together: a head and a body at their limits, or a question of ended sessions, and what the seal adds.
pub(crate) const fn longest(max_head_bytes: usize, max_body_bytes: usize) -> usize {
    let request = max_head_bytes + max_body_bytes;
    (if request > LONGEST_QUESTION { request } else { LONGEST_QUESTION }) + 4096
}

fn unpack(answer: RelayedAnswer) -> Option<Answer> {
    let mut unpacked = Response::new(Full::new(Bytes::from(answer.body)));
    *unpacked.status_mut() = StatusCode::from_u16(answer.status).ok()?;
    fill(unpacked.headers_mut(), answer.headers)?;
    Some(unpacked)
}

/// Adds headers that were relayed.
fn fill(headers: &mut HeaderMap, from: Vec<(Box<str>, Box<[u8]>)>) -> Option<()> {
    for (name, value) in from {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        headers.append(name, HeaderValue::from_bytes(&value).ok()?);
    }
    Some(())
}
