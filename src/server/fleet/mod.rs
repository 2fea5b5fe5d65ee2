//! A challenge is redeemed at its owner and made at its recipient's home: requests that arrive elsewhere are relayed
//! there, sealed, once, and the answer is passed on unchanged.

mod letters;
mod line;
mod owner;
mod peers;
mod seldom;

use std::sync::{Arc, Mutex};

use http_body_util::Full;
use hyper::{
    HeaderMap, Response, StatusCode,
    body::Bytes,
    header::{ACCEPT_LANGUAGE, CONTENT_TYPE, COOKIE, HeaderName, HeaderValue, ORIGIN},
};
use tokio::time::{Instant, timeout_at};

pub(crate) use self::peers::Peers;
use self::{line::PATIENCE, peers::NoAnswer, seldom::Seldom};
use super::{
    app::{App, Call},
    wire::{
        envelope,
        problem::{Answer, Problem},
    },
};
use crate::{
    challenge::GuardId,
    delivery::Outbox,
    directory::Directory,
    fleet::{
        homes::Homes,
        relay::{Incarnation, RelayedAnswer, RelayedRequest, Reply, SeenRequests, Target},
    },
    guard::Guard,
    keys::CurrentKeys,
    recipient::Recipient,
    serve::clock,
    unavailable::Unavailable,
};

/// How many relayed requests are remembered for 30 seconds; more are refused.
const SEEN: usize = 1 << 20;
/// When it makes sense to ask again after a node was away.
const AWAY: Unavailable = Unavailable::for_seconds(5);
/// The headers that a request is decided by.
static HEADERS: [HeaderName; 6] =
    [CONTENT_TYPE, COOKIE, ACCEPT_LANGUAGE, ORIGIN, HeaderName::from_static("sec-fetch-site"), envelope::COUNTERSIGN_CHALLENGE];

/// This node's place in its fleet.
#[derive(Debug)]
pub(crate) struct Fleet {
    node: Box<str>,
    peers: Arc<Peers>,
    homes: Homes,
    /// Of this process.
    boot: Incarnation,
    seen: Mutex<SeenRequests>,
    /// Warns of a fleet that isn't set up alike.
    misfits: Seldom,
    /// Warns of recipients who get no code.
    homeless: Seldom,
}

impl Fleet {
    /// `homes` is empty where challenges are made wherever the request arrives.
    pub(crate) fn new(node: &str, peers: Peers, homes: Homes) -> Self {
        let boot = Incarnation::from_random(rand::random());
        let (node, peers, seen) = (node.into(), Arc::new(peers), Mutex::new(SeenRequests::new(SEEN)));
        Self { node, peers, homes, boot, seen, misfits: Seldom::new(), homeless: Seldom::new() }
    }
}

impl<G: Guard, D: Directory, O: Outbox> App<G, D, O> {
    /// The owner's answer to a request for a challenge of `guard`; `None` where this node has to answer itself.
    pub(crate) async fn at_owner(&self, call: &Call<'_>, guard: &GuardId) -> Option<Answer> {
        let fleet = self.fleet.as_ref().filter(|fleet| call.arrived.may_be_relayed() && *fleet.node != *guard.node())?;
        let answer = Box::pin(self.relay(fleet, call, Target::Guard(guard.clone()), guard.node())).await;
        Some(answer.unwrap_or_else(|error| {
            tracing::warn!(node = guard.node(), %error, "the owner of a challenge doesn't answer");
            Problem::unavailable(AWAY).into_answer()
        }))
    }

    /// The answer of the recipient's home to a request for a code; `None` where that is this node. A home that can't be
    /// reached is stood in for by one other node, no more, since each has a count of its own; one that was reached and is
    /// silent isn't, since it may have sent the code.
    pub(crate) async fn at_home(&self, call: &Call<'_>, recipient: &Recipient) -> Option<Answer> {
        let fleet = self.fleet.as_ref().filter(|_| call.arrived.may_be_relayed())?;
        let makers = fleet.homes.makers(recipient);
        // Without homes, challenges are made where the request arrives.
        makers[0]?;
        for home in makers.into_iter().flatten() {
            if *home == *fleet.node {
                return None;
            }
            if fleet.peers.is_away(home) {
                continue;
            }
            match Box::pin(self.relay(fleet, call, Target::Home(home.into()), home)).await {
                Ok(answer) => return Some(answer),
                Err(error) if error.away().is_some() => tracing::warn!(node = home, %error, "a recipient's home is away"),
                Err(error) => {
                    tracing::warn!(node = home, %error, "a recipient's home doesn't answer");
                    return Some(Problem::unavailable(AWAY).into_answer());
                }
            }
        }
        if fleet.homeless.is_due() {
            let [home, stand_in] = makers;
            tracing::warn!(
                home,
                stand_in,
                "a recipient's home and its stand-in are both away, and no other node may make its challenges"
            );
        }
        Some(Problem::unavailable(AWAY).into_answer())
    }

    async fn relay(&self, fleet: &Fleet, call: &Call<'_>, target: Target, node: &str) -> Result<Answer, NoAnswer> {
        let arrived = call.arrived;
        let headers = HEADERS.iter().flat_map(|name| arrived.head.headers.get_all(name).iter().map(move |value| (name, value)));
        let request = RelayedRequest {
            target,
            client: call.address,
            method: arrived.head.method.as_str().into(),
            path: arrived.head.uri.path().into(),
            headers: headers.map(|(name, value)| (name.as_str().into(), value.as_bytes().into())).collect(),
            body: arrived.body[..].into(),
        };
        fleet.ask(&self.engine.keys, &request, node).await
    }
}

impl Fleet {
    /// What `node` answers. One that has started anew since it was last asked, or that wasn't asked yet, tells its boot
    /// instead, and is asked once more.
    async fn ask(&self, keys: &CurrentKeys, request: &RelayedRequest, node: &str) -> Result<Answer, NoAnswer> {
        let end = Instant::now() + PATIENCE;
        let (mut boot, mut is_again) = (self.peers.boot(node), false);
        loop {
            let (sealed, exchange) = keys.load().relays.seal(request, boot, clock::now(), &mut rand::rng());
            let sent = self.peers.send(node, sealed);
            let sealed = if is_again { timeout_at(end, sent).await.unwrap_or(Err(NoAnswer::Silent)) } else { sent.await };
            match exchange.open(&sealed?).map_err(|_| NoAnswer::Refused(StatusCode::OK))? {
                Reply::Answer(answer) => return unpack(answer).ok_or(NoAnswer::Refused(StatusCode::OK)),
                Reply::Stale(_) if is_again => return Err(NoAnswer::Restarting),
                Reply::Stale(current) => {
                    self.peers.learn(node, current);
                    (boot, is_again) = (Some(current), true);
                }
            }
        }
    }
}

/// How long sealed requests may be together: a head and a body at their limits, and what the seal adds.
pub(crate) const fn longest(max_head_bytes: usize, max_body_bytes: usize) -> usize {
    max_head_bytes + max_body_bytes + 4096
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
