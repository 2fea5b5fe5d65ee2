//! The guard in Redis: one memory for any number of nodes, on a single server, on the master that
//! sentinels name, or on a cluster.
//!
//! Every decision is one script in one round trip, judged by Redis' own clock. The request makes the challenge's record, under
//! a nonce that no other challenge has, and nothing else ever makes it; an attempt without a record is refused. So whatever
//! takes a record away retires its challenge: a flush, an eviction, a clock that jumps ahead and back. What could bring an
//! *older* record back is a restart or a failover: the envelope's epoch holds, beside the nonce, a hash of the history that
//! Redis itself keeps of its data (`master_replid`), which each of them begins anew. The scripts read all of it themselves, so
//! no node can be mistaken about it. Whatever doesn't answer, or not in time, allows nothing.

mod calls;
mod connection;
mod ended;
mod memory;
mod names;
mod scripts;
mod sentinels;
mod start;
mod url;

use core::num::NonZeroU32;
use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicU64, Ordering},
};

use rand_core::CryptoRng;
use redis::{ErrorKind, RedisError, RedisResult};
use tokio::runtime::Handle;

use self::{
    connection::Connections,
    memory::Memory,
    names::Names,
    scripts::{Call, Reply, SCRIPTS, Script},
};
pub use self::{
    ended::RedisEnded,
    start::{RedisSettings, StartError},
    url::RedisUrl,
};
use super::{
    Admitted, Amendment, Attempt, AttemptRefused, BreakerOpened, Counted, Guard, Limits, Looked, Request, RequestRefused, Taken,
    Verdict, budget::Compared, counting::recent::seconds, difficulty::Difficulty, rules, taken::Parts,
};
use crate::{
    challenge::GuardId,
    crypto::{MacKey, Secret, hex, labels},
    recipient::Recipient,
    time::UnixTime,
    unavailable::Unavailable,
};

/// When it makes sense to ask again after Redis didn't answer.
const AGAIN: Unavailable = Unavailable::for_seconds(2);

/// A guard whose memory is in Redis; shared by all threads of the process, and by all processes of a fleet.
#[derive(Debug)]
pub struct RedisGuard {
    id: Box<str>,
    durable: bool,
    limits: Limits,
    connections: Arc<Connections>,
    names: RwLock<Arc<Names>>,
    fresh: Fresh,
    difficulty: Difficulty,
    memory: Memory,
    /// When a cluster was last asked whether the key of the counters is another one now.
    looked: AtomicU64,
}

impl Guard for RedisGuard {
    async fn admit(&self, request: &Request<'_>) -> Result<Admitted, RequestRefused> {
        let answer = self.admit_as(request, request.is_known).await;
        match answer {
            // Past their own bucket known devices are strangers.
            Err(RequestRefused::Throttled { retry_after: sooner, .. }) if request.is_known => {
                let answer = self.admit_as(&Request { is_known: false, ..*request }, true).await;
                answer.map_err(|refused| match refused {
                    RequestRefused::Throttled { retry_after, puzzle } => {
                        RequestRefused::Throttled { retry_after: retry_after.min(sooner), puzzle }
                    }
                    refused @ RequestRefused::Unavailable(_) => refused,
                })
            }
            answer => answer,
        }
    }

    async fn withdraw(&self, request: &Request<'_>, taken: &Taken) {
        let request = &Request { is_known: taken.as_known, ..*request };
        if let Err(error) = self.connections.in_time(self.withdraw_in_redis(request, taken)).await.flatten() {
            unavailable(&error);
        }
    }

    async fn peek(&self, attempt: &Attempt<'_>) -> Result<Looked, AttemptRefused> {
        let reply = self.attempt(&SCRIPTS.peek, attempt, "").await?;
        judge(&reply, |word| (word == "open").then(Looked::default))
    }

    async fn count(&self, attempt: &Attempt<'_>, verdict: Verdict) -> Result<Counted, AttemptRefused> {
        let attempt = &Attempt { bucket: rules::judged(attempt.bucket), ..*attempt };
        // Opened here, and told to nobody before Redis has counted.
        let right = if verdict.open() { "1" } else { "0" };
        let reply = self.attempt(&SCRIPTS.count, attempt, right).await?;
        judge(&reply, |word| match word {
            "accepted" => {
                self.redeemed(attempt, &reply);
                Some(Counted::Accepted { use_number: reply.number(1)? })
            }
            "rejected" => Some(Counted::Rejected { attempts_left: reply.number(1)? }),
            _ => None,
        })
    }

    fn give_back(&self, attempt: &Attempt<'_>) -> impl Future<Output = ()> {
        let is_ours = attempt.challenge.challenge().guard.node() == &*self.id;
        let call = is_ours.then(|| self.trial(&self.names(), &SCRIPTS.give_back, attempt, ""));
        let connections = Arc::clone(&self.connections);
        let giving_back = async move {
            if let Some(call) = call {
                // Refused or out of reach: the use stays taken.
                let _ = connections.in_time(call.run(&connections)).await;
            }
        };
        // A task of its own ends whether or not anybody waits for it.
        let begun = match Handle::try_current() {
            Ok(runtime) => Ok(runtime.spawn(giving_back)),
            Err(_) => Err(giving_back),
        };
        async move {
            match begun {
                Ok(task) => task.await.unwrap_or_default(),
                Err(giving_back) => giving_back.await,
            }
        }
    }

    async fn amend(&self, attempt: &Attempt<'_>, amendment: Amendment) -> Result<u32, AttemptRefused> {
        let amendment = match amendment {
            Amendment::Right => "right",
            Amendment::Unanswered => "unanswered",
        };
        let reply = self.attempt(&SCRIPTS.amend, attempt, amendment).await?;
        judge(&reply, |word| {
            let use_number = reply.number(1).filter(|_| word == "done")?;
            self.redeemed(attempt, &reply);
            Some(use_number)
        })
    }
}

impl RedisGuard {
    /// How much of Redis' `maxmemory` was used when a request of this node asked last; `None` where there is none. In a cluster
    /// it is that of one master or another.
    #[must_use]
    pub fn fullness(&self) -> Option<f64> {
        self.memory.fullness()
    }

    /// The guard's id without its epoch, which is Redis' to say.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Admits a request as it counts; `is_device` says whether a known device made it.
    async fn admit_as(&self, request: &Request<'_>, is_device: bool) -> Result<Admitted, RequestRefused> {
        let mut pending = None;
        let answer = self.connections.in_time(self.admit_in_redis(request, is_device, &mut pending)).await.flatten();
        let refused = match answer {
            Ok(Ok(admitted)) => return Ok(admitted),
            Ok(Err(refused)) => refused,
            Err(error) => RequestRefused::Unavailable(unavailable(&error)),
        };
        if let Some(pending) = pending {
            // In a time of its own: the other is over where a server hung.
            let undone = self.decide(|names| self.undoing(names, request, &pending));
            if let Err(error) = self.connections.in_time(undone).await.flatten() {
                unavailable(&error);
            }
        }
        Err(refused)
    }

    /// Asks Redis. What was counted for the recipient is left in `pending`, and has to be given back unless it is admitted.
    async fn admit_in_redis(
        &self,
        request: &Request<'_>,
        is_device: bool,
        pending: &mut Option<Pending>,
    ) -> RedisResult<Result<Admitted, RequestRefused>> {
        let crowded = request.crowded || self.memory.is_half_full(request.now);
        // Redis is spared this question, unless a breaker may be open, against which no puzzle helps.
        let is_stopped = crowded && !request.is_known && request.proof.is_none();
        if is_stopped && self.limits.breaker_of(request.recipient).is_none() {
            return Ok(Err(self.crowded(request.now)));
        }
        let reply = self.decide(|names| self.admission(names, request, is_device, crowded)).await?;
        if reply.word() == "throttled" {
            return Ok(Err(self.throttled(&reply, request.now)));
        }
        if reply.word() == "crowded" {
            self.memory.learn(reply.number(1), request.now);
            return Ok(Err(self.crowded(request.now)));
        }
        self.memory.learn(reply.number(5), request.now);
        let unexpected = || RedisError::from((ErrorKind::UnexpectedReturnType, "not what a script answers"));
        let (Some(epoch), Some(strangers), Some(known), Some(proved)) =
            (reply.text(1), reply.number(2), reply.number(3), reply.number(4).map(|proved| proved != 0))
        else {
            return Err(unexpected());
        };
        let compared = Compared { strangers, known };
        let paused_until = reply.number(6).unwrap_or_default();
        let mut taken = Taken { as_known: request.is_known, paused_until, ..Taken::default() };
        taken.note(self.first_of_admission(request), reply.numbers(10).map(|parts| Parts::new(parts.into())));
        let mut opened = self.opened(request.recipient, &reply, 7);
        taken.is_sent = !self.connections.is_cluster();
        if self.counts_apart(request) {
            *pending = Some(Pending { epoch: epoch.into(), proved, taken });
            let raised = self.decide(|names| self.raising(names, request, proved)).await?;
            match raised.word() {
                "admitted" => {
                    taken.is_sent = true;
                    opened = self.opened(request.recipient, &raised, 1);
                    taken.note(0, raised.numbers(4).map(|parts| Parts::new(parts.into())));
                }
                "throttled" => return Ok(Err(self.throttled(&raised, request.now))),
                _ => return Err(unexpected()),
            }
        }
        if proved {
            self.difficulty.solved(seconds(request.now));
        }
        let guard = GuardId::new(format!("{}.{epoch}", self.id)).ok_or_else(unexpected)?;
        Ok(Ok(Admitted { guard, strength: rules::strength(&self.limits, is_device, compared), taken, opened }))
    }

    async fn withdraw_in_redis(&self, request: &Request<'_>, taken: &Taken) -> RedisResult<()> {
        self.decide(|names| self.withdrawal(names, request, taken)).await?;
        if self.counts_apart(request) {
            self.decide(|names| self.lowering(names, request, taken)).await?;
        }
        Ok(())
    }

    /// What a stranger without a solution is told while the message queue, or Redis' memory, is more than half full.
    fn crowded(&self, now: UnixTime) -> RequestRefused {
        let puzzle = Some(self.difficulty.of_next(seconds(now), true, 0));
        RequestRefused::Throttled { retry_after: Unavailable::for_seconds(30).retry_after, puzzle }
    }

    /// A breaker that a script says has opened.
    fn opened(&self, recipient: &Recipient, reply: &Reply, at: usize) -> Option<BreakerOpened> {
        let prefix = self.limits.breaker_of(recipient).filter(|_| reply.number(at) == Some(1))?;
        Some(BreakerOpened { prefix: prefix.into(), sent: reply.number(at + 1)?, redeemed: reply.number(at + 2)? })
    }

    /// Counts a message as redeemed, where its challenge took a first use and a script of another slot has to. Nobody waits for it,
    /// and where it fails its message counts as one that wasn't.
    fn redeemed(&self, attempt: &Attempt<'_>, reply: &Reply) {
        if !self.connections.is_cluster() || reply.number(1) != Some(1) {
            return;
        }
        let call = self.redemption(&self.names(), attempt.challenge.recipient());
        if let (Some(call), Ok(runtime)) = (call, Handle::try_current()) {
            let connections = Arc::clone(&self.connections);
            runtime.spawn(async move { _ = connections.in_time(call.run(&connections)).await });
        }
    }

    fn throttled(&self, reply: &Reply, now: UnixTime) -> RequestRefused {
        let retry_after = reply.number(1).and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN);
        let puzzle = reply.number(2).map(|doublings| self.difficulty.of_next(seconds(now), false, doublings));
        RequestRefused::Throttled { retry_after, puzzle }
    }

    /// One script about one attempt.
    async fn attempt(&self, script: &'static Script, attempt: &Attempt<'_>, result: &str) -> Result<Reply, AttemptRefused> {
        if attempt.challenge.challenge().guard.node() != &*self.id {
            return Err(AttemptRefused::Misdirected);
        }
        let work = async {
            let trial = |names: &Names| self.trial(names, script, attempt, result);
            let reply = self.decide(trial).await?;
            if reply.word() == "misdirected" && self.learns_another_key(attempt.now).await? {
                return self.decide(trial).await;
            }
            Ok(reply)
        };
        let reply = self.connections.in_time(work).await.flatten();
        reply.map_err(|error: RedisError| AttemptRefused::Unavailable(unavailable(&error)))
    }

    /// Runs a script; where the key of the counters turns out to be another one, once more under the new names.
    async fn decide(&self, call: impl Fn(&Names) -> Call) -> RedisResult<Reply> {
        for _ in 0..2 {
            let reply = call(&self.names()).run(&self.connections).await?;
            match reply.text(1) {
                Some(key) if reply.word() == "key" => self.adopt(key)?,
                _ => return Ok(reply),
            }
        }
        Err((ErrorKind::UnexpectedReturnType, "the key of the counters keeps changing").into())
    }

    fn names(&self) -> Arc<Names> {
        self.names.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn adopt(&self, key: &str) -> RedisResult<()> {
        let names = self.names().with_key(key).ok_or((ErrorKind::UnexpectedReturnType, "no key of counters"))?;
        *self.names.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(names);
        Ok(())
    }

    /// In a cluster the names of a recipient don't show that the key is another one now: then everything is misdirected, so
    /// that is when to ask, at most once a second.
    async fn learns_another_key(&self, now: UnixTime) -> RedisResult<bool> {
        let looked = self.looked.swap(now.as_seconds(), Ordering::Relaxed);
        if !self.connections.is_cluster() || looked == now.as_seconds() {
            return Ok(false);
        }
        let known = self.names();
        self.begin().await?;
        Ok(known.key_text() != self.names().key_text())
    }

    /// Whether some ceilings are in another slot than the recipient.
    fn counts_apart(&self, request: &Request<'_>) -> bool {
        self.connections.is_cluster()
            && (self.limits.breaker_of(request.recipient).is_some() || self.shared(&self.names(), request).next().is_some())
    }
}

/// What a cluster counted for a recipient before the ceilings in another slot were asked.
#[derive(Debug)]
struct Pending {
    /// The epoch of the challenge whose record was made.
    epoch: Box<str>,
    /// Whether a proof was taken for it.
    proved: bool,
    /// What was taken for it.
    taken: Taken,
}

/// Random values: MACs of a counter, under a key that was drawn once.
#[derive(Debug)]
struct Fresh {
    key: MacKey,
    next: AtomicU64,
}

impl Fresh {
    fn new(random: &mut impl CryptoRng) -> Self {
        Self { key: MacKey::new(&Secret::random(random)), next: AtomicU64::new(0) }
    }

    /// `N` ≤ 32 bytes that nobody had before, as hexadecimal digits.
    fn hex<const N: usize>(&self) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        hex::encode(&self.key.begin(labels::FRESH).number(number).mac().as_bytes()[..N])
    }
}

fn judge<T>(reply: &Reply, granted: impl Fn(&str) -> Option<T>) -> Result<T, AttemptRefused> {
    Err(match reply.word() {
        "misdirected" => AttemptRefused::Misdirected,
        "expired" => AttemptRefused::Expired,
        "spent" => AttemptRefused::Spent,
        "exhausted" => AttemptRefused::Exhausted,
        word => return granted(word).ok_or(AttemptRefused::Unavailable(AGAIN)),
    })
}

/// Nothing is known, so nothing is allowed.
fn unavailable(error: &RedisError) -> Unavailable {
    #[cfg(feature = "server")]
    tracing::warn!(%error, "the guard in Redis can't decide");
    let _ = error;
    AGAIN
}
