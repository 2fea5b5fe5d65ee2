//! Who may ask for how many messages: the pause between two, the buckets of the ceilings, and puzzles.
//!
//! Errs toward letting through; the ceilings of the node are the floor under that. A request that is refused uses up
//! nothing: what was taken before the refusal is put back.

use core::num::NonZeroU32;

use super::{
    breakers::Breakers,
    hashing::{Hashes, Who},
    recent::{Buckets, Marks, Room, WhenFull, seconds},
};
use crate::{
    challenge::VerifiedChallenge,
    guard::{
        BreakerOpened, Limits, Request, RequestRefused,
        difficulty::Difficulty,
        rules::{self, CEILINGS, Ceiling, Counter},
        taken::{Parts, Taken},
    },
    recipient::Recipient,
};

/// Pauses that are remembered, and recipients and networks that have buckets.
const KEYS: usize = 1 << 18;
const PREFIXES: usize = 1 << 14;
const PROOFS: usize = 1 << 16;

/// Seconds after which a request makes sense again where the guard is crowded.
const CROWDED: u32 = 30;

/// The memory of requests.
#[derive(Debug)]
pub(crate) struct Throttle {
    pauses: Marks,
    messages: Buckets,
    networks: Buckets,
    /// What networks have of the ceilings of nodes and prefixes.
    shares: Buckets,
    prefixes: Buckets,
    nodes: Buckets,
    breakers: Breakers,
    proofs: Marks,
    /// Requests that came with a proof or from a device: their challenges may use the guard's reserve.
    trusted: Marks,
    difficulty: Difficulty,
}

/// A bucket that a request takes a message out of.
#[derive(Debug)]
struct Step<'a> {
    buckets: &'a Buckets,
    key: u64,
    ceiling: Ceiling,
}

/// What a request is admitted or refused with.
#[derive(Clone, Copy, Debug)]
struct Asking<'r> {
    request: &'r Request<'r>,
    now: u32,
    /// Whether it counts as a known device's.
    as_known: bool,
    has_proof: bool,
    /// Whether only proofs and known devices get new envelopes.
    crowded: bool,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug)]
struct Stopped {
    retry_after: u32,
    /// How hard the puzzle is that would lift it, by how often the puzzle is twice as hard; `None` if none would.
    lifted_by: Option<u32>,
}

impl Throttle {
    pub(crate) fn new(limits: &Limits) -> Self {
        // The reserve is a quarter of the capacity; twice the room, so that sets seldom overflow.
        let trusted = (limits.capacity as usize / 2).min(1 << 22);
        Self {
            pauses: Marks::new(KEYS, WhenFull::Forget),
            messages: Buckets::new(KEYS),
            networks: Buckets::new(KEYS),
            shares: Buckets::new(KEYS),
            prefixes: Buckets::new(PREFIXES),
            nodes: Buckets::new(2),
            breakers: Breakers::new(),
            proofs: Marks::new(PROOFS, WhenFull::Refuse),
            trusted: Marks::new(trusted, WhenFull::Forget),
            difficulty: Difficulty::default(),
        }
    }

    /// Lets a request in and counts it, or counts nothing. `crowded` says that only proofs and known devices get new envelopes.
    /// Says what it took, and so whether it counts as a known device's: what their bucket doesn't hold any more is a stranger's;
    /// and whether a breaker opened.
    pub(crate) fn admit(
        &self,
        request: &Request<'_>,
        limits: &Limits,
        hashes: &Hashes,
        crowded: bool,
    ) -> Result<(Taken, Option<BreakerOpened>), RequestRefused> {
        let now = seconds(request.now);
        // A solution that counted before, or that there is no room to remember, is as good as none.
        let proof = request.proof.map(|proof| (hashes.proof(&proof.id), seconds(proof.expires_at)));
        let proof = proof.filter(|(key, until)| self.proofs.set(*key, now, *until, u32::MAX).is_ok());
        let strangers = Asking { request, now, as_known: false, has_proof: proof.is_some(), crowded };
        let as_known = request.is_known.then(|| self.take(&Asking { as_known: true, ..strangers }, limits, hashes));
        let (taken, opened) = match as_known {
            Some(Ok(let_in)) => let_in,
            refused => match (self.take(&strangers, limits, hashes), refused) {
                (Ok(let_in), _) => let_in,
                (Err(stopped), as_known) => {
                    if let Some((key, until)) = proof {
                        self.proofs.unset(key, until);
                    }
                    let sooner = as_known.and_then(Result::err).map_or(u32::MAX, |stopped| stopped.retry_after);
                    let retry_after = NonZeroU32::new(stopped.retry_after.min(sooner)).unwrap_or(NonZeroU32::MIN);
                    let puzzle = stopped.lifted_by.filter(|_| proof.is_none());
                    let puzzle = puzzle.map(|doublings| self.difficulty.of_next(now, crowded, doublings));
                    return Err(RequestRefused::Throttled { retry_after, puzzle });
                }
            },
        };
        if proof.is_some() || taken.as_known {
            let until = seconds(request.issued_at.plus(limits.challenge_lifetime));
            // Two of the same second are one mark: that it is set already is no fault.
            let _ = self.trusted.set(hashes.trusted(request.recipient, request.issued_at), now, until, u32::MAX);
        }
        if proof.is_some() {
            self.difficulty.solved(now);
        }
        Ok((taken, opened))
    }

    /// Counts a message to this recipient as redeemed.
    pub(crate) fn redeem(&self, recipient: &Recipient, limits: &Limits, hashes: &Hashes) {
        if let Some(prefix) = limits.breaker_of(recipient) {
            self.breakers.redeem(hashes.breaker(prefix));
        }
    }

    /// Gives back all that a request took but its proof, which may have counted for another request before.
    pub(crate) fn withdraw(&self, request: &Request<'_>, taken: &Taken, limits: &Limits, hashes: &Hashes) {
        let now = seconds(request.now);
        let asking = Asking { request, now, as_known: taken.as_known, has_proof: false, crowded: false };
        let steps = self.steps(&asking, limits, hashes);
        steps.iter().flatten().zip(taken.parts(0)).for_each(|(step, parts)| step.put_back(parts));
        if let Some(prefix) = limits.breaker_of(request.recipient).filter(|_| taken.is_sent) {
            self.breakers.withdraw(hashes.breaker(prefix));
        }
        let (own, network) = asking.pauses(hashes);
        [Some(own), network].into_iter().flatten().for_each(|key| self.pauses.unset(key, taken.paused_until));
    }

    /// Whether a challenge was made for a proof or a known device.
    pub(crate) fn trusts(&self, challenge: &VerifiedChallenge, hashes: &Hashes, now: u32) -> bool {
        self.trusted.has(hashes.trusted(challenge.recipient(), challenge.challenge().issued_at), now)
    }

    /// Takes a message out of each bucket and begins the pause, or does nothing.
    fn take(&self, asking: &Asking<'_>, limits: &Limits, hashes: &Hashes) -> Result<(Taken, Option<BreakerOpened>), Stopped> {
        let steps = self.steps(asking, limits, hashes);
        let breaker = limits.breaker_of(asking.request.recipient).map(|prefix| (prefix, hashes.breaker(prefix)));
        // No puzzle helps against an open one, so none is given.
        let strangers = breaker.filter(|_| !asking.as_known);
        let wait = strangers.map_or(0, |(_, key)| self.breakers.wait(key, asking.now, limits.breaker));
        if wait > 0 {
            let retry_after = self.why(asking, &steps, limits, hashes).retry_after.max(wait);
            return Err(Stopped { retry_after, lifted_by: None });
        }
        let mut taken = Taken { as_known: asking.as_known, ..Taken::default() };
        let mut number = 0;
        for parts in steps.iter().flatten().map_while(|step| step.take(asking).ok()) {
            taken.note(number, [parts]);
            number += 1;
        }
        if number == steps.iter().flatten().count()
            && !(asking.crowded && !asking.has_proof && !asking.as_known)
            && let Some(paused_until) = self.begin_pause(asking, limits, hashes)
        {
            taken.paused_until = paused_until;
            let Some((prefix, key)) = breaker else { return Ok((taken, None)) };
            return match self.breakers.send(key, asking.now, asking.as_known, limits.breaker) {
                Ok(told) => {
                    let opened = told.map(|(sent, redeemed)| BreakerOpened { prefix: prefix.into(), sent, redeemed });
                    Ok((Taken { is_sent: true, ..taken }, opened))
                }
                // Another stranger took this minute's try meanwhile.
                Err(retry_after) => {
                    self.withdraw(asking.request, &taken, limits, hashes);
                    Err(Stopped { retry_after, lifted_by: None })
                }
            };
        }
        steps.iter().flatten().take(number).zip(taken.parts(0)).for_each(|(step, parts)| step.put_back(parts));
        Err(self.why(asking, &steps, limits, hashes))
    }

    /// Begins the pause after a message, unless one is still on that nothing lifts. A message to a known device begins that of its
    /// network, too, but isn't held by it. Says when it ends; 0 where there are no pauses, and `None` while one is on.
    fn begin_pause(&self, asking: &Asking<'_>, limits: &Limits, hashes: &Hashes) -> Option<u32> {
        let pause = limits.throttle_seconds;
        if pause == 0 {
            return Some(0);
        }
        let until = asking.now.saturating_add(pause);
        let (own, network) = asking.pauses(hashes);
        let is_lifted = asking.has_proof && !asking.as_known;
        if is_lifted {
            self.pauses.renew(own, asking.now, until, pause);
        } else if self.pauses.set(own, asking.now, until, pause).is_err() {
            return None;
        }
        if let Some(network) = network {
            self.pauses.renew(network, asking.now, until, pause);
        }
        Some(until)
    }

    /// What refuses a request that was refused, and what would lift that: the longest of all waits counts.
    fn why(&self, asking: &Asking<'_>, steps: &[Option<Step<'_>>], limits: &Limits, hashes: &Hashes) -> Stopped {
        let paused = self.pauses.left(asking.pauses(hashes).0, asking.now, limits.throttle_seconds);
        let crowded = if asking.crowded && !asking.has_proof { CROWDED } else { 0 };
        let (mut wait, mut wait_with_proof, mut doublings) = (paused.max(crowded), 0, 0);
        for Step { buckets, key, ceiling } in steps.iter().flatten() {
            let (room, drops) = buckets.look(*key, asking.now, ceiling, asking.has_proof);
            wait = wait.max(room.wait);
            wait_with_proof = wait_with_proof.max(room.wait_with_proof);
            if ceiling.is_lifted {
                doublings = doublings.max(drops / u64::from(ceiling.per_hour));
            }
        }
        if wait_with_proof > 0 || asking.as_known {
            // Sooner or later than without a puzzle: then it makes sense to ask again.
            let retry_after = if asking.as_known { wait } else { wait_with_proof };
            return Stopped { retry_after, lifted_by: None };
        }
        Stopped { retry_after: wait, lifted_by: Some(u32::try_from(doublings).unwrap_or(u32::MAX)) }
    }

    /// The buckets that a request takes a message out of.
    fn steps<'a>(&'a self, asking: &Asking<'_>, limits: &Limits, hashes: &Hashes) -> [Option<Step<'a>>; CEILINGS] {
        let Request { recipient, network, .. } = *asking.request;
        let as_known = asking.as_known;
        let prefix = || rules::prefix(recipient.as_str());
        let mut steps = [const { None }; CEILINGS];
        for (step, ceiling) in steps.iter_mut().zip(rules::ceilings(limits, asking.request, as_known)) {
            let (buckets, key) = match ceiling.counter {
                Counter::Channel(channel) => (&self.nodes, (channel as u64 + 1) << 32),
                Counter::Prefix => (&self.prefixes, hashes.prefix(prefix())),
                Counter::ChannelOfNetwork(channel) => (&self.shares, hashes.share(network, as_known, channel.as_str())),
                Counter::PrefixOfNetwork => (&self.shares, hashes.share(network, as_known, prefix())),
                Counter::Recipient => {
                    (&self.messages, hashes.messages(recipient, if as_known { Who::Known } else { Who::Strangers }))
                }
                Counter::Network => (&self.networks, hashes.network(network)),
            };
            *step = Some(Step { buckets, key, ceiling });
        }
        steps
    }
}

impl Step<'_> {
    fn take(&self, asking: &Asking<'_>) -> Result<Parts, Room> {
        self.buckets.take(self.key, asking.now, &self.ceiling, asking.has_proof)
    }

    fn put_back(&self, parts: Parts) {
        self.buckets.put_back(self.key, parts);
    }
}

impl Asking<'_> {
    /// The pause that a request keeps to, and another that it begins.
    fn pauses(&self, hashes: &Hashes) -> (u64, Option<u64>) {
        let Request { recipient, network, .. } = *self.request;
        let network = hashes.throttle(recipient, Who::Network(network));
        if self.as_known { (hashes.throttle(recipient, Who::Known), Some(network)) } else { (network, None) }
    }
}
