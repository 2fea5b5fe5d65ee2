//! The guard: the bounded memory of what was spent and how often somebody guessed.
//!
//! An envelope can be redeemed only where its spend record lives. Every decision is one atomic step: the attempt is
//! counted and the sealed [`Verdict`] opened together, so nobody learns the result of a comparison that wasn't counted.

mod any;
pub mod bound;
mod breaker;
mod budget;
mod ceilings;
mod counting;
mod difficulty;
mod drops;
pub mod journal;
mod limits;
mod memory;
#[cfg(feature = "redis")]
pub mod redis;
mod rules;
mod taken;

use core::{fmt, num::NonZeroU32};

pub use any::AnyGuard;
pub use breaker::{BreakerLimits, BreakerOpened};
pub use ceilings::Ceilings;
pub use limits::{LEAST_CAPACITY, Limits, MOST_ATTEMPTS, MOST_USES};
pub use memory::MemoryGuard;
pub use taken::Taken;

use crate::{
    browser::puzzle::Proof,
    challenge::{GuardId, Strength, VerifiedChallenge},
    network::ClientNetwork,
    recipient::Recipient,
    time::UnixTime,
    unavailable::Unavailable,
};

/// Where attempts, uses and requests are counted. Implementations fail closed: whatever can't be decided is refused.
#[allow(async_fn_in_trait, reason = "embedders name a concrete guard, so the futures' Send-ness shows")]
pub trait Guard {
    /// Admits or refuses a request for a message, and counts it if it is admitted.
    async fn admit(&self, request: &Request<'_>) -> Result<Admitted, RequestRefused>;

    /// Gives back what [`Guard::admit`] counted for this request, because no message left: [`Admitted::taken`] says what.
    async fn withdraw(&self, request: &Request<'_>, taken: &Taken);

    /// Looks whether an attempt would be refused already, and counts nothing. What it found saves counting some work.
    async fn peek(&self, attempt: &Attempt<'_>) -> Result<Looked, AttemptRefused>;

    /// Counts the attempt (and the comparison, for a code), then opens the verdict: all in one atomic step.
    async fn count(&self, attempt: &Attempt<'_>, verdict: Verdict) -> Result<Counted, AttemptRefused>;

    /// Gives back the use of an accepted attempt, because the person could not be registered. It is given back whether or
    /// not anybody waits for the future: a client may be gone by then, and with it the future that its request was.
    fn give_back(&self, attempt: &Attempt<'_>) -> impl Future<Output = ()>;

    /// Corrects the count of an attempt whose result came after it: a verify provider is asked only once its attempt is
    /// counted as wrong.
    ///
    /// Returns which use of its challenge it took, from 1, for [`Amendment::Right`]; else 0.
    ///
    /// # Errors
    /// [`AttemptRefused::Spent`] for [`Amendment::Right`], if other attempts took all uses meanwhile.
    async fn amend(&self, attempt: &Attempt<'_>, amendment: Amendment) -> Result<u32, AttemptRefused>;
}

/// A guard that several threads, or several engines, share.
impl<G: Guard> Guard for alloc::sync::Arc<G> {
    async fn admit(&self, request: &Request<'_>) -> Result<Admitted, RequestRefused> {
        (**self).admit(request).await
    }

    async fn withdraw(&self, request: &Request<'_>, taken: &Taken) {
        (**self).withdraw(request, taken).await;
    }

    async fn peek(&self, attempt: &Attempt<'_>) -> Result<Looked, AttemptRefused> {
        (**self).peek(attempt).await
    }

    async fn count(&self, attempt: &Attempt<'_>, verdict: Verdict) -> Result<Counted, AttemptRefused> {
        (**self).count(attempt, verdict).await
    }

    fn give_back(&self, attempt: &Attempt<'_>) -> impl Future<Output = ()> {
        (**self).give_back(attempt)
    }

    async fn amend(&self, attempt: &Attempt<'_>, amendment: Amendment) -> Result<u32, AttemptRefused> {
        (**self).amend(attempt, amendment).await
    }
}

/// A request for a message, as the guard sees it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Whom the message is for.
    pub recipient: &'a Recipient,
    /// How attempts with its code will be counted: as [`By::Code`], or as [`By::External`].
    pub by: By,
    /// Where the request came from.
    pub network: ClientNetwork,
    /// Whether it comes from a known device: a browser that proved this recipient before.
    pub is_known: bool,
    /// A solved puzzle, if one came with the request.
    pub proof: Option<Proof>,
    /// Whether the message queue is more than half full: then only a proof or a known device gets a message.
    pub crowded: bool,
    /// When it came.
    pub now: UnixTime,
    /// When its challenge was issued: now, but for one that is sent once more.
    pub issued_at: UnixTime,
}

impl<'a> Request<'a> {
    /// A stranger's request for a new code, without a puzzle.
    #[must_use]
    pub const fn new(recipient: &'a Recipient, network: ClientNetwork, now: UnixTime) -> Self {
        Self { recipient, by: By::Code, network, is_known: false, proof: None, crowded: false, now, issued_at: now }
    }
}

/// An attempt to redeem a challenge, as the guard sees it.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// The challenge, authentic and unexpired.
    pub challenge: &'a VerifiedChallenge,
    /// How it is counted.
    pub by: By,
    /// Whose failures it counts among.
    pub bucket: Bucket,
    /// When it came.
    pub now: UnixTime,
    /// What a look at it found, if there was one.
    pub looked: Looked,
}

impl<'a> Attempt<'a> {
    /// A stranger's, that nobody has looked at yet.
    #[must_use]
    pub fn new(challenge: &'a VerifiedChallenge, by: By, now: UnixTime) -> Self {
        Self { challenge, by, bucket: Bucket::Strangers, now, looked: Looked::default() }
    }
}

/// The names under which a guard counts an attempt, once it has found them; by default none. It is believed only by the
/// guard that found them, and for the same challenge presented in the same way.
#[derive(Clone, Copy, Default)]
pub struct Looked(Option<counting::hashing::Fingerprints>);

/// What an attempt presents, by how it could be guessed. That is all that a guard knows of ways to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// A code of ours, which grows with the failures: attempts and comparisons are counted.
    Code,
    /// What nobody guesses: a link, the long code of a browser-bound one, a signature. Only uses are counted.
    Link,
    /// A code of a fixed length that somebody else makes and checks: attempts and comparisons are counted, the latter apart
    /// from those of our codes.
    External,
    /// Nothing yet: its code is to be sent once more. That is only looked at, never counted.
    Resend,
}

/// Whose failures an attempt counts among.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bucket {
    /// Those of everybody who isn't a known device.
    Strangers,
    /// It says that it is a known device; that can be judged only when the directory has answered, so the budget isn't yet.
    Claimed,
    /// Those of all browsers that proved the recipient before.
    Known,
}

impl fmt::Debug for Looked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Looked(…)")
    }
}

/// The result of a comparison, sealed: only a guard opens it, and only after it has counted.
#[derive(Clone, Copy)]
pub struct Verdict(bool);

impl Verdict {
    /// Seals whether what was presented is right.
    #[must_use]
    pub const fn sealed(right: bool) -> Self {
        Self(right)
    }

    /// Opens it. For guards, after they have counted the attempt.
    #[must_use]
    pub const fn open(self) -> bool {
        self.0
    }
}

impl fmt::Debug for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verdict(…)")
    }
}

/// A request that may be answered with a message.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// The guard that will remember how the challenge is spent.
    pub guard: GuardId,
    /// What its code must at least have.
    pub strength: Strength,
    /// What it used up, for [`Guard::withdraw`].
    pub taken: Taken,
    /// A breaker that opened, to be told to the operator. Told once an hour while it is open.
    pub opened: Option<BreakerOpened>,
}

/// Why a request gets no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestRefused {
    /// Too many, too soon.
    Throttled {
        /// Whole seconds until it makes sense to ask again.
        retry_after: NonZeroU32,
        /// The largest number that a puzzle must hide, where solving one lifts the refusal.
        puzzle: Option<NonZeroU32>,
    },
    /// The guard is full or out of reach.
    Unavailable(Unavailable),
}

/// Why an attempt is refused before its verdict is opened. Nothing is counted for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptRefused {
    /// The challenge belongs to another guard, or to an earlier epoch of this one.
    Misdirected,
    /// It ended, by the guard's own memory of time.
    Expired,
    /// All its uses are gone.
    Spent,
    /// No attempt is left, or its code is too short for what the recipient's failures allow.
    Exhausted,
    /// The guard is full or out of reach.
    Unavailable(Unavailable),
}

/// What became of an attempt that was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// It was right, and one use is taken.
    Accepted {
        /// Which of its challenge's uses, from 1: it names the session that begins.
        use_number: u32,
    },
    /// It was wrong.
    Rejected {
        /// How many more there are.
        attempts_left: u32,
    },
}

/// What a verify provider said about an attempt that was counted as wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amendment {
    /// It was right: it takes a use, and the attempt and the challenge's comparisons are given back.
    Right,
    /// Nothing, because it couldn't be asked: the attempt and its comparison are given back.
    Unanswered,
}

/// How full a guard's spend memory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pressure {
    /// Challenges that it remembers.
    pub entries: u32,
    /// The most that it can.
    pub capacity: u32,
}
