//! The guard in this process's memory: the default. A restart makes a new one, and retires what the old one held.

use core::{fmt, num::NonZeroU32};

use rand_core::CryptoRng;

use super::{
    Admitted, Amendment, Attempt, AttemptRefused, Bucket, By, Counted, Guard, Limits, Looked, Pressure, Request, RequestRefused,
    Taken, Verdict,
    counting::{
        change::{Log, NoLog},
        hashing::{Fingerprints, Hashes},
        ledger::{Case, Ledger, Outcome, Refusal, Rules, What},
        recent::seconds,
        record::Tally,
        throttle::Throttle,
    },
    limits::{MOST_ATTEMPTS, MOST_USES},
    rules,
};
use crate::{
    challenge::{GuardId, NodeName},
    time::UnixTime,
    unavailable::Unavailable,
};

/// Seconds after which a full guard is worth another try: its entries leave all the time.
const FULL: Unavailable = Unavailable::for_seconds(15);

/// Counts in fixed memory, for all threads of the process.
///
/// A `shared-nothing` fleet uses it too, in each process, under one id.
pub struct MemoryGuard {
    counters: Counters<NoLog>,
}

/// All that a guard in memory counts; every change of attempts, uses and comparisons goes to a log first.
pub(super) struct Counters<L> {
    id: GuardId,
    limits: Limits,
    hashes: Hashes,
    pub(super) ledger: Ledger<L>,
    throttle: Throttle,
}

impl MemoryGuard {
    /// An empty guard, whose hashes are keyed by `random`.
    #[must_use]
    pub fn new(id: GuardId, limits: Limits, random: &mut impl CryptoRng) -> Self {
        Self { counters: Counters::new(id, limits, Hashes::random(random), NoLog) }
    }

    /// What its envelopes name.
    #[must_use]
    pub const fn id(&self) -> &GuardId {
        &self.counters.id
    }

    /// How full it is at `now`.
    #[must_use]
    pub fn pressure(&self, now: UnixTime) -> Pressure {
        self.counters.pressure(now)
    }
}

/// Why an id can be made of a node's name.
const FITS: &str = "a node's name and an epoch of 24 digits fit an id";

impl GuardId {
    /// `<node>.<epoch>` with 96 random bits as the epoch; without a node, a random name.
    #[must_use]
    pub fn fresh(node: Option<&NodeName>, random: &mut impl CryptoRng) -> Self {
        match node {
            Some(node) => Self::with_epoch(node, random),
            None => Self::with_epoch(&alloc::format!("{:08x}", random.next_u32()), random),
        }
    }

    /// Of the same node, with another epoch.
    #[must_use]
    pub fn renewed(&self, random: &mut impl CryptoRng) -> Self {
        Self::with_epoch(self.node(), random)
    }

    /// `<id>.0`: the id of a fleet whose processes share nothing and count each for itself.
    #[must_use]
    pub fn shared_nothing(id: &NodeName) -> Self {
        Self::new(alloc::format!("{id}.0")).expect(FITS)
    }

    fn with_epoch(node: &str, random: &mut impl CryptoRng) -> Self {
        let epoch = [random.next_u32(), random.next_u32(), random.next_u32()];
        Self::new(alloc::format!("{node}.{:08x}{:08x}{:08x}", epoch[0], epoch[1], epoch[2])).expect(FITS)
    }
}

impl Guard for MemoryGuard {
    async fn admit(&self, request: &Request<'_>) -> Result<Admitted, RequestRefused> {
        self.counters.admit(request)
    }

    async fn withdraw(&self, request: &Request<'_>, taken: &Taken) {
        self.counters.withdraw(request, taken);
    }

    async fn peek(&self, attempt: &Attempt<'_>) -> Result<Looked, AttemptRefused> {
        self.counters.peek(attempt)
    }

    async fn count(&self, attempt: &Attempt<'_>, verdict: Verdict) -> Result<Counted, AttemptRefused> {
        self.counters.count(attempt, verdict)
    }

    fn give_back(&self, attempt: &Attempt<'_>) -> impl Future<Output = ()> {
        self.counters.give_back(attempt);
        core::future::ready(())
    }

    async fn amend(&self, attempt: &Attempt<'_>, amendment: Amendment) -> Result<u32, AttemptRefused> {
        self.counters.amend(attempt, amendment)
    }
}

impl<L> Counters<L> {
    pub(super) const fn id(&self) -> &GuardId {
        &self.id
    }
}

impl<L: Log> Counters<L> {
    pub(super) fn new(id: GuardId, limits: Limits, hashes: Hashes, log: L) -> Self {
        let rules = Rules {
            max_attempts: u8::try_from(limits.max_attempts.min(MOST_ATTEMPTS)).expect("at most 100"),
            max_uses: u16::try_from(limits.max_uses.min(MOST_USES)).expect("at most 65,535"),
            wrong_code_spends: limits.wrong_code_spends,
            capacity: limits.capacity,
        };
        Self { throttle: Throttle::new(&limits), ledger: Ledger::new(rules, log), id, limits, hashes }
    }

    pub(super) fn pressure(&self, now: UnixTime) -> Pressure {
        self.ledger.housekeeping(seconds(now));
        let entries = u32::try_from(self.ledger.entries()).expect("capacity has 32 bits");
        Pressure { entries, capacity: self.limits.capacity }
    }

    pub(super) fn admit(&self, request: &Request<'_>) -> Result<Admitted, RequestRefused> {
        let now = seconds(request.now);
        let recipient = self.hashes.comparisons(request.by, request.recipient);
        let compared = self.ledger.comparisons(recipient, now);
        let allowance = rules::to_start(&self.limits, request);
        if let Some(allowance) = allowance.filter(|allowance| allowance.next(request.is_known, compared).is_none()) {
            let wait = self.ledger.forgets(recipient, request.is_known, &allowance, now).saturating_sub(now);
            let retry_after = NonZeroU32::new(wait).unwrap_or(NonZeroU32::MIN);
            return Err(RequestRefused::Throttled { retry_after, puzzle: None });
        }
        let capacity = self.limits.capacity;
        if self.ledger.taken() > capacity / 4 {
            self.ledger.housekeeping(now);
        }
        let entries = self.ledger.taken();
        if entries >= capacity {
            return Err(RequestRefused::Unavailable(FULL));
        }
        let crowded = entries > capacity / 2 || request.crowded;
        let (taken, opened) = self.throttle.admit(request, &self.limits, &self.hashes, crowded)?;
        let strength = rules::strength(&self.limits, request.is_known, compared);
        Ok(Admitted { guard: self.id.unshared(), strength, taken, opened })
    }

    pub(super) fn withdraw(&self, request: &Request<'_>, taken: &Taken) {
        self.throttle.withdraw(request, taken, &self.limits, &self.hashes);
    }

    pub(super) fn peek(&self, attempt: &Attempt<'_>) -> Result<Looked, AttemptRefused> {
        let fingerprints = self.fingerprints(attempt)?;
        self.ledger.peek(&self.case(attempt, &fingerprints))?;
        Ok(Looked(Some(fingerprints)))
    }

    pub(super) fn count(&self, attempt: &Attempt<'_>, verdict: Verdict) -> Result<Counted, AttemptRefused> {
        let attempt = &Attempt { bucket: rules::judged(attempt.bucket), ..*attempt };
        let fingerprints = self.fingerprints(attempt)?;
        Ok(match self.ledger.count(&self.case(attempt, &fingerprints), verdict.open())? {
            Outcome::Accepted { use_number } => Counted::Accepted { use_number: self.redeemed(attempt, use_number) },
            Outcome::Rejected { attempts_left } => Counted::Rejected { attempts_left },
        })
    }

    pub(super) fn give_back(&self, attempt: &Attempt<'_>) {
        // What can't be given back stays taken: toward caution.
        let _ = self.fingerprints(attempt).map(|fingerprints| self.ledger.give_back(&self.case(attempt, &fingerprints)));
    }

    pub(super) fn amend(&self, attempt: &Attempt<'_>, amendment: Amendment) -> Result<u32, AttemptRefused> {
        let case = self.case(attempt, &self.fingerprints(attempt)?);
        match amendment {
            Amendment::Right => Ok(self.redeemed(attempt, self.ledger.accept(&case)?)),
            Amendment::Unanswered => self.ledger.forget(&case).map(|()| 0).map_err(AttemptRefused::from),
        }
    }

    /// A message counts as redeemed once, however often its challenge may be used.
    fn redeemed(&self, attempt: &Attempt<'_>, use_number: u16) -> u32 {
        if use_number == 1 {
            self.throttle.redeem(attempt.challenge.recipient(), &self.limits, &self.hashes);
        }
        use_number.into()
    }

    /// What an attempt is known by, if its challenge is this guard's.
    fn fingerprints(&self, attempt: &Attempt<'_>) -> Result<Fingerprints, AttemptRefused> {
        if attempt.challenge.challenge().guard != self.id {
            return Err(AttemptRefused::Misdirected);
        }
        Ok(self.hashes.fingerprints(attempt, |fingerprint| self.ledger.expect(fingerprint)))
    }

    /// The attempt in numbers.
    fn case(&self, attempt: &Attempt<'_>, fingerprints: &Fingerprints) -> Case {
        let challenge = attempt.challenge.challenge();
        let now = seconds(attempt.now);
        Case {
            fingerprint: fingerprints.challenge,
            expires_at: seconds(challenge.expires_at),
            now,
            what: match attempt.by {
                By::Link => What::Link,
                By::Code | By::Resend => What::Code,
                By::External => What::External,
            },
            tally: self.tally(attempt, fingerprints),
            // What is sent once more makes no entry.
            is_trusted: attempt.by == By::Resend
                || attempt.bucket != Bucket::Strangers
                || self.is_crowded() && self.throttle.trusts(attempt.challenge, &self.hashes, now),
        }
    }

    /// Where an attempt's comparison is counted, and how many there may be, if it is compared.
    fn tally(&self, attempt: &Attempt<'_>, fingerprints: &Fingerprints) -> Option<Tally> {
        let (is_known, allowance) = rules::comparisons(&self.limits, attempt)?;
        Some(Tally { key: fingerprints.recipient, is_known, allowance })
    }

    /// Whether strangers are near the part of the table that is kept from them, which begins at three quarters.
    fn is_crowded(&self) -> bool {
        self.ledger.taken() > self.limits.capacity / 8 * 5
    }
}

impl From<Refusal> for AttemptRefused {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Expired => Self::Expired,
            Refusal::Spent => Self::Spent,
            Refusal::Exhausted => Self::Exhausted,
            Refusal::Full => Self::Unavailable(FULL),
        }
    }
}

impl fmt::Debug for MemoryGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MemoryGuard").field(&self.counters.id).finish()
    }
}
