//! An attempt to log in, the steps that all ways share, and why nobody may be signed in.

use core::fmt;

use super::{Engine, policy::MethodDisabled};
use crate::{
    challenge::{Forged, GuardId, VerifiedChallenge, Verifier},
    delivery::Outbox,
    directory::Directory,
    engine::Caller,
    guard::{Attempt, AttemptRefused, By, Counted, Guard, Looked, Verdict},
    time::UnixMillis,
    unavailable::Unavailable,
};

/// An attempt to log in.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Complete<'a, W> {
    /// What is presented.
    pub way: W,
    /// Who presents it.
    pub caller: Caller<'a>,
    /// The verifier, for a challenge that was bound to its client.
    pub verifier: Option<Verifier<'a>>,
    /// When it came, where that is known better than by the second.
    pub at: Option<UnixMillis>,
    /// What it is to come to.
    pub wants: Wants,
}

/// All of an attempt but what is presented.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms<'a> {
    pub(super) caller: Caller<'a>,
    pub(super) at: Option<UnixMillis>,
    pub(super) wants: Wants,
}

/// What whoever logs in wants for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wants {
    /// An access and a refresh token.
    #[default]
    Tokens,
    /// A session cookie, and no token.
    Cookie,
}

/// Why nobody is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CompleteError {
    /// The channel isn't allowed.
    MethodDisabled,
    /// Forged, another recipient's, a wrong code, an unknown user, a missing verifier: nobody learns which.
    InvalidCredentials {
        /// How many attempts are left, where one was counted.
        attempts_left: Option<u32>,
    },
    /// Authentic but past its end.
    Expired,
    /// Authentic but redeemed.
    Spent,
    /// Authentic, but no attempt is left.
    Exhausted,
    /// It belongs to this guard. Nothing was counted.
    Misdirected(GuardId),
    /// A verify provider says that there is no code any more. The attempt is counted.
    CodeExpired,
    /// A verify provider gives no answer. The attempt was given back.
    ProviderUnavailable,
    /// The user's id and epoch are too long for a session cookie. The use was given back.
    TooLong,
    /// Guard or directory can't answer. Nothing was counted.
    Unavailable(Unavailable),
}

impl<'a, W> Complete<'a, W> {
    /// An attempt without a verifier, for tokens.
    #[must_use]
    pub const fn new(way: W, caller: Caller<'a>) -> Self {
        Self { way, caller, verifier: None, at: None, wants: Wants::Tokens }
    }

    /// This attempt with the verifier that came with it, if one did.
    #[must_use]
    pub fn with_verifier(self, verifier: Option<Verifier<'a>>) -> Self {
        Self { verifier, ..self }
    }
}

impl<G: Guard, D: Directory, O: Outbox, E> Engine<G, D, O, E> {
    /// Refuses an attempt that can't succeed any more, before anybody is asked and anything is counted.
    pub(super) async fn look(&self, attempt: &Attempt<'_>) -> Result<Looked, CompleteError> {
        if attempt.challenge.is_expired(attempt.now) {
            return Err(CompleteError::Expired);
        }
        let looked = self.guard.peek(attempt).await;
        looked.map_err(|refused| CompleteError::refused(refused, attempt.challenge))
    }

    /// Counts an attempt that is wrong whoever the user is, without asking the directory. One that can't be guessed isn't
    /// counted at all.
    pub(super) async fn count_as_wrong(&self, attempt: &Attempt<'_>) -> CompleteError {
        if attempt.by == By::Link {
            return CompleteError::FORGED;
        }
        match self.guard.count(attempt, Verdict::sealed(false)).await {
            Ok(Counted::Rejected { attempts_left }) => CompleteError::wrong(attempt, attempts_left),
            // No guard accepts what is wrong.
            Ok(Counted::Accepted { .. }) => CompleteError::FORGED,
            Err(refused) => CompleteError::refused(refused, attempt.challenge),
        }
    }
}

impl CompleteError {
    /// Invalid credentials for which no attempt was counted.
    pub const FORGED: Self = Self::InvalidCredentials { attempts_left: None };

    /// Whether an attempt was counted for it.
    pub(super) const fn is_counted(&self) -> bool {
        matches!(self, Self::InvalidCredentials { attempts_left: Some(_) } | Self::CodeExpired)
    }

    /// What an attempt refused by the guard means for the client that holds this challenge.
    pub(super) fn refused(refused: AttemptRefused, challenge: &VerifiedChallenge) -> Self {
        match refused {
            AttemptRefused::Misdirected => Self::Misdirected(challenge.challenge().guard.clone()),
            AttemptRefused::Expired => Self::Expired,
            AttemptRefused::Spent => Self::Spent,
            AttemptRefused::Exhausted => Self::Exhausted,
            AttemptRefused::Unavailable(unavailable) => Self::Unavailable(unavailable),
        }
    }

    /// A wrong attempt after which so many are left; a link has none.
    pub(super) fn wrong(attempt: &Attempt<'_>, attempts_left: u32) -> Self {
        Self::InvalidCredentials { attempts_left: (attempt.by != By::Link).then_some(attempts_left) }
    }
}

impl fmt::Display for CompleteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MethodDisabled => "this channel is not allowed",
            Self::InvalidCredentials { .. } => "invalid credentials",
            Self::Expired => "the challenge has expired",
            Self::Spent => "the challenge has been used",
            Self::Exhausted => "the challenge has no attempts left",
            Self::Misdirected(_) => "the challenge belongs to another guard",
            Self::CodeExpired => "the verify provider's code has expired",
            Self::ProviderUnavailable => "the verify provider is out of reach",
            Self::TooLong => "the user's id and epoch are too long for a session cookie",
            Self::Unavailable(_) => "guard or directory is out of reach",
        })
    }
}

impl core::error::Error for CompleteError {}

impl From<MethodDisabled> for CompleteError {
    fn from(MethodDisabled: MethodDisabled) -> Self {
        Self::MethodDisabled
    }
}

impl From<Forged> for CompleteError {
    fn from(Forged: Forged) -> Self {
        Self::FORGED
    }
}

impl From<Unavailable> for CompleteError {
    fn from(unavailable: Unavailable) -> Self {
        Self::Unavailable(unavailable)
    }
}
