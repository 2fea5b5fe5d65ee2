//! Who may ask for how many messages: the pause between two, the hourly counts, the ceilings, and puzzles.
//!
//! Errs toward letting through; the ceilings of the node are the floor under that. A request that is refused uses up
//! nothing: what was counted before the refusal is taken back.

use core::num::NonZeroU32;

use super::{
    hashing::{Hashes, Who},
    recent::{Counts, Marks, WhenFull, seconds},
};
use crate::{
    challenge::VerifiedChallenge,
    guard::{
        Limits, Request, RequestRefused,
        difficulty::Difficulty,
        rules::{self, Ceiling, Counter},
    },
};

/// Pauses that are remembered, and recipients, networks and prefixes that are counted.
const KEYS: usize = 1 << 18;
const PREFIXES: usize = 1 << 14;
const PROOFS: usize = 1 << 16;

/// Seconds after which a request makes sense again where the guard is crowded.
const CROWDED: u32 = 30;

/// The memory of requests.
#[derive(Debug)]
pub(crate) struct Throttle {
    pauses: Marks,
    messages: Counts,
    networks: Counts,
    prefixes: Counts,
    nodes: Counts,
    proofs: Marks,
    /// Requests that came with a proof or from a device: their challenges may use the guard's reserve.
    trusted: Marks,
    difficulty: Difficulty,
}

/// Something that a request uses up.
#[derive(Debug)]
enum Step<'a> {
    /// The pause after a message.
    Pause { key: u64, until: u32 },
    /// One message of a count.
    Count { counts: &'a Counts, key: u64, limit: u32, lifted: u32 },
}

/// A step that can't be taken.
struct Stopped {
    retry_after: u32,
    /// Whether a puzzle would help.
    lifts: bool,
}

impl Throttle {
    pub(crate) fn new(limits: &Limits) -> Self {
        // The reserve is a quarter of the capacity; twice the room, so that sets seldom overflow.
        let trusted = (limits.capacity as usize / 2).min(1 << 22);
        Self {
            pauses: Marks::new(KEYS, WhenFull::Forget),
            messages: Counts::new(KEYS),
            networks: Counts::new(KEYS),
            prefixes: Counts::new(PREFIXES),
            nodes: Counts::new(2),
            proofs: Marks::new(PROOFS, WhenFull::Refuse),
            trusted: Marks::new(trusted, WhenFull::Forget),
            difficulty: Difficulty::default(),
        }
    }

    /// Lets a request in and counts it, or counts nothing. `crowded` says that only proofs and devices get new envelopes.
    pub(crate) fn admit(
        &self,
        request: &Request<'_>,
        limits: &Limits,
        hashes: &Hashes,
        crowded: bool,
    ) -> Result<(), RequestRefused> {
        let now = seconds(request.now);
        // A solution that counted before, or that there is no room to remember, is as good as none.
        let proof = request.proof.map(|proof| (hashes.proof(&proof.id), seconds(proof.expires_at)));
        let proof = proof.filter(|(key, until)| self.proofs.set(*key, now, *until, u32::MAX).is_ok());
        let steps = self.steps(request, limits, hashes);
        if let Err((taken, stopped)) = self.take_all(&steps, now, limits, proof.is_some(), crowded && !request.is_known) {
            steps[..taken].iter().flatten().for_each(|step| self.put_back(step, now));
            if let Some((key, until)) = proof {
                self.proofs.unset(key, until);
            }
            let puzzle = (stopped.lifts && proof.is_none()).then(|| self.difficulty.of_next(now, crowded));
            let retry_after = NonZeroU32::new(stopped.retry_after).unwrap_or(NonZeroU32::MIN);
            return Err(RequestRefused::Throttled { retry_after, puzzle });
        }
        if proof.is_some() || request.is_known {
            let until = seconds(request.issued_at.plus(limits.challenge_lifetime));
            // Two of the same second are one mark: that it is set already is no fault.
            let _ = self.trusted.set(hashes.trusted(request.recipient, request.issued_at), now, until, u32::MAX);
        }
        if proof.is_some() {
            self.difficulty.solved(now);
        }
        Ok(())
    }

    /// Takes back all that a request used up but its proof, which may have counted for another request before.
    pub(crate) fn withdraw(&self, request: &Request<'_>, limits: &Limits, hashes: &Hashes) {
        self.steps(request, limits, hashes).iter().flatten().for_each(|step| self.put_back(step, seconds(request.now)));
    }

    /// Whether a challenge was made for a proof or a known device.
    pub(crate) fn trusts(&self, challenge: &VerifiedChallenge, hashes: &Hashes, now: u32) -> bool {
        self.trusted.has(hashes.trusted(challenge.recipient(), challenge.challenge().issued_at), now)
    }

    /// What a request uses up: the pause, then what it counts under.
    fn steps<'a>(&'a self, request: &Request<'_>, limits: &Limits, hashes: &Hashes) -> [Option<Step<'a>>; 5] {
        let Request { recipient, network, is_known, .. } = *request;
        let pause = (limits.throttle_seconds > 0).then(|| {
            let key = hashes.throttle(recipient, if is_known { Who::Known } else { Who::Network(network) });
            Step::Pause { key, until: seconds(request.now).saturating_add(limits.throttle_seconds) }
        });
        let counts = rules::ceilings(limits, request).map(|Ceiling { counter, allowed, lifted }| {
            let (counts, key) = match counter {
                Counter::Channel(channel) => (&self.nodes, (channel as u64 + 1) << 32),
                Counter::Prefix => (&self.prefixes, hashes.prefix(rules::prefix(recipient.as_str()))),
                Counter::Recipient => {
                    (&self.messages, hashes.messages(recipient, if is_known { Who::Known } else { Who::Strangers }))
                }
                Counter::Network => (&self.networks, hashes.network(network)),
            };
            Step::Count { counts, key, limit: allowed, lifted }
        });
        let mut steps = [pause, None, None, None, None];
        steps[1..].iter_mut().zip(counts).for_each(|(step, count)| *step = Some(count));
        steps
    }

    /// Takes one step after the other; says how many were taken before the one that can't be.
    fn take_all(
        &self,
        steps: &[Option<Step<'_>>],
        now: u32,
        limits: &Limits,
        has_proof: bool,
        needs_proof: bool,
    ) -> Result<(), (usize, Stopped)> {
        for (at, step) in steps.iter().enumerate() {
            step.as_ref().map_or(Ok(()), |step| self.take(step, now, limits, has_proof)).map_err(|stopped| (at, stopped))?;
        }
        if needs_proof && !has_proof {
            return Err((steps.len(), Stopped { retry_after: CROWDED, lifts: true }));
        }
        Ok(())
    }

    fn take(&self, step: &Step<'_>, now: u32, limits: &Limits, has_proof: bool) -> Result<(), Stopped> {
        match *step {
            Step::Pause { key, until } => {
                let set = self.pauses.set(key, now, until, limits.throttle_seconds);
                set.map_err(|retry_after| Stopped { retry_after, lifts: false })
            }
            Step::Count { counts, key, limit, lifted } => {
                let allowed = if has_proof { lifted } else { limit };
                let stopped = |(count, retry_after)| Stopped { retry_after, lifts: count < lifted };
                counts.add(key, now, allowed).map_err(stopped)
            }
        }
    }

    fn put_back(&self, step: &Step<'_>, then: u32) {
        match *step {
            Step::Pause { key, until } => self.pauses.unset(key, until),
            Step::Count { counts, key, .. } => counts.take_back(key, then),
        }
    }
}
