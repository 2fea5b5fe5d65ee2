//! Ended sessions of a fleet: whoever ends one tells every other node before it answers, and nodes compare what they know, so that each
//! hears of what it missed from any that knows.

use std::{rc::Rc, sync::Arc, time::Duration};

use http_body_util::BodyExt as _;
use hyper::{StatusCode, body::Bytes};
use metrics::{counter, describe_counter};
use tokio::{
    task::spawn_local,
    time::{Instant, sleep, timeout, timeout_at},
};

use super::{
    Fleet, NoAnswer, Node, Peers,
    company::{Company, Isolated},
};
use crate::{
    ended::{AnyEnded, Comparison, Ended, EndedSessions, Ending, NotEnded, Room, SessionFacts, read_kept},
    fleet::{RelayedRequest, Target},
    keys::CurrentKeys,
    network::Client,
    seldom::Seldom,
    server::call::Answer,
    time::{Clock, UnixMillis, UnixTime},
    unavailable::Unavailable,
};

/// The path of questions about ended sessions. It stands in sealed requests only; from outside nothing is there.
pub(crate) const PATH: &str = "/ended";

/// How long a node has to be told.
const TELLING: Duration = Duration::from_secs(2);
/// How long a node that starts waits for what others know.
const STARTING: Duration = Duration::from_secs(5);
/// How long it waits until it asks one again that didn't answer, or starts too.
const AGAIN: Duration = Duration::from_millis(100);
/// How often nodes compare what they know.
const COMPARING: Duration = Duration::from_secs(5);
/// How often a node looks whether it is isolated.
const LOOKING: Duration = Duration::from_secs(1);
/// The shortest time without a word from anybody after which a node is isolated.
const LEAST_PATIENCE: Duration = Duration::from_secs(15);
/// Lines a minute about nodes that couldn't be told.
const UNTOLD_LINES: u32 = 10;

const UNTOLD: &str = "countersign_ended_sessions_untold_total";

/// The store of this node, with what it takes to be one with those of the others.
#[derive(Clone)]
pub(crate) struct FleetEnded(Arc<Store>);

struct Store {
    own: AnyEnded,
    merging: Option<Merging>,
    clock: Clock,
}

/// How the sets of a fleet become one.
pub(crate) struct Merging {
    fleet: Arc<Fleet>,
    keys: CurrentKeys,
    /// Whom comparisons ask. That one of them is away is found out again and again, and may not keep requests from it, so this isn't
    /// what requests are relayed by.
    peers: Peers,
    /// The other nodes of the list.
    others: Box<[Box<str>]>,
    company: Company,
    isolated: Isolated,
    untold: Seldom,
}

impl Merging {
    /// Of a node whose list has these `others` in it, which `peers` reaches. `recheck` is how old what is known of a session's user
    /// may be.
    pub(crate) fn new(
        fleet: Arc<Fleet>,
        keys: CurrentKeys,
        peers: Peers,
        others: Box<[Box<str>]>,
        recheck: Duration,
        isolated: Isolated,
    ) -> Self {
        describe_counter!(
            UNTOLD,
            "Times that another node couldn't be told that a session was ended, so that it hears of it later."
        );
        let company = Company::new(recheck.max(LEAST_PATIENCE));
        Self { fleet, keys, peers, others, company, isolated, untold: Seldom::new(UNTOLD_LINES) }
    }

    /// Whether what others know is known here, as far as it may be asked for.
    fn knows(&self) -> bool {
        self.company.has_started() && (self.isolated == Isolated::Serve || !self.company.is_isolated())
    }

    /// The answer of another node to a question.
    async fn ask(&self, peers: &Peers, node: &str, question: &[u8]) -> Result<Bytes, NoAnswer> {
        let name = self.fleet.name.as_bytes();
        let length = u8::try_from(name.len()).expect("a node's name has at most 63 characters");
        let answer = self.fleet.ask_node(&self.keys, &peers.node(node)?, [&[length][..], name, question].concat()).await?;
        self.company.hear();
        Ok(answer)
    }

    /// The question of another node, which is heard of, if it is in the list.
    fn hear<'q>(&self, question: &'q [u8]) -> Option<&'q [u8]> {
        let (length, rest) = question.split_first()?;
        let (name, question) = rest.split_at_checked(usize::from(*length))?;
        if self.others.iter().any(|other| other.as_bytes() == name) {
            self.company.hear();
        }
        Some(question)
    }
}

impl FleetEnded {
    /// Over this node's own store; without `merging` it is the only one.
    pub(crate) fn new(own: AnyEnded, merging: Option<Merging>, clock: Clock) -> Self {
        Self(Arc::new(Store { own, merging, clock }))
    }

    /// How full it is; `None` where that isn't counted here.
    pub(crate) fn room(&self, now: UnixTime) -> Option<Room> {
        self.0.own.room(now)
    }

    /// Whether it can remember now, and knows what the others do.
    pub(crate) async fn is_ready(&self, now: UnixTime) -> bool {
        self.0.merging.as_ref().is_none_or(|merging| merging.company.has_started()) && self.0.own.is_ready(now).await
    }

    /// The answer to another node's question; `None` if it is none.
    pub(crate) async fn answer(&self, question: &[u8]) -> Option<Vec<u8>> {
        let merging = self.0.merging.as_ref()?;
        let question = merging.hear(question)?;
        self.0.own.answer(question, merging.company.has_started(), (self.0.clock)()).await
    }

    /// Takes what the other nodes know, then compares with each of them now and then, for as long as the process lives.
    pub(crate) async fn keep_company(self) {
        let Some(merging) = &self.0.merging else { return };
        let end = Instant::now() + STARTING;
        let taking: Vec<_> = merging.others.iter().map(|node| spawn_local(self.clone().take_all(node.clone(), end))).collect();
        for taking in taking {
            let _ = taking.await;
        }
        merging.company.start();
        for node in &merging.others {
            let (this, node) = (self.clone(), node.clone());
            spawn_local(async move {
                loop {
                    sleep(COMPARING).await;
                    this.compare(&node).await;
                }
            });
        }
        loop {
            merging.company.tell();
            sleep(LOOKING).await;
        }
    }

    /// Takes all that a node knows, once it knows what it should itself, or until `end`.
    async fn take_all(self, node: Box<str>, end: Instant) {
        let taking = async {
            while self.compare(&node).await != Some(true) {
                sleep(AGAIN).await;
            }
        };
        let _ = timeout_at(end, taking).await;
    }

    /// Compares what this node knows with what another does, until both know the same. Whether that one knows what it should; `None`
    /// where it didn't answer to the end.
    async fn compare(&self, node: &str) -> Option<bool> {
        let Store { own, merging, clock } = &*self.0;
        let merging = merging.as_ref()?;
        let (mut comparison, question) = Comparison::begin(own, clock());
        let mut question = Some(question);
        while let Some(asked) = question {
            let answer = match merging.ask(&merging.peers, node, &asked).await {
                Ok(answer) => answer,
                Err(error) => {
                    tracing::debug!(node, %error, "a node can't be compared with");
                    return None;
                }
            };
            let Ok(next) = comparison.go_on(own, &answer, clock()).await else {
                tracing::debug!(node, "a node answers what is no answer");
                return None;
            };
            question = next;
        }
        Some(comparison.is_other_ready())
    }

    /// Tells every other node; how many couldn't be told. It goes on though nobody waits any more.
    async fn tell(&self, merging: &Merging, word: Vec<u8>) -> u32 {
        let word: Rc<[u8]> = word.into();
        let telling: Vec<_> =
            merging.others.iter().map(|node| spawn_local(self.clone().tell_one(node.clone(), Rc::clone(&word)))).collect();
        let mut pending = 0;
        for told in telling {
            pending += u32::from(!told.await.unwrap_or(false));
        }
        pending
    }

    async fn tell_one(self, node: Box<str>, word: Rc<[u8]>) -> bool {
        let Some(merging) = &self.0.merging else { return false };
        let reason = match timeout(TELLING, merging.ask(&merging.fleet.peers, &node, &word)).await {
            Ok(Ok(answer)) => match read_kept(&answer) {
                Some(true) => return true,
                Some(false) => "it has no room for it, or its disk takes nothing".to_owned(),
                None => "it answers, but not as a node of this fleet does".to_owned(),
            },
            Ok(Err(error)) => error.to_string(),
            Err(_) => NoAnswer::Silent.to_string(),
        };
        counter!(UNTOLD).increment(1);
        if let Some(left_out) = merging.untold.due((self.0.clock)()) {
            tracing::warn!(
                node = &*node,
                reason,
                left_out,
                "a node couldn't be told that a session was ended, and may accept it until it is heard of again"
            );
        }
        false
    }
}

impl EndedSessions for FleetEnded {
    async fn has_ended(&self, session: &SessionFacts<'_>, now: UnixTime) -> Result<bool, Unavailable> {
        let has_ended = self.0.own.has_ended(session, now).await?;
        match &self.0.merging {
            // What is known is known; what isn't may be, elsewhere.
            Some(merging) if !has_ended && !merging.knows() => Err(Unavailable::for_seconds(5)),
            _ => Ok(has_ended),
        }
    }

    async fn end(&self, ending: &Ending<'_>, now: UnixMillis) -> Result<Ended, NotEnded> {
        let ended = self.0.own.end(ending, now).await?;
        let Some(merging) = &self.0.merging else { return Ok(ended) };
        let Some(word) = self.0.own.telling(ending, now) else { return Ok(ended) };
        Ok(Ended { pending: self.tell(merging, word).await })
    }
}

impl Fleet {
    /// What a node answers to a question about ended sessions.
    async fn ask_node(&self, keys: &CurrentKeys, node: &Arc<Node>, body: Vec<u8>) -> Result<Bytes, NoAnswer> {
        let request = RelayedRequest {
            target: Target::Home(node.name().into()),
            sender: self.name.clone(),
            homes: self.unlike.own(),
            // Nobody's but the node's own.
            client: Client { address: [0; 4].into(), stands_for_many: true },
            method: "POST".into(),
            path: PATH.into(),
            headers: Vec::new(),
            body: body.into(),
        };
        let answer: Answer = self.ask(keys, &request, node).await?;
        if answer.status() != StatusCode::OK {
            return Err(NoAnswer::Refused(answer.status()));
        }
        match answer.into_body().collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(never) => match never {},
        }
    }
}

impl std::fmt::Debug for FleetEnded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("FleetEnded").field(&self.0.own).finish()
    }
}
