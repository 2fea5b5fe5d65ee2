//! What goes into the engine and what comes out of it.

use alloc::string::String;
use core::fmt;

use crate::{
    browser::puzzle::Proof,
    challenge::{Binding, GuardId, UntrustedLink, VerifiedChallenge, Verifier},
    delivery::{Languages, NoRoom},
    guard::{AttemptRefused, RequestRefused},
    network::ClientNetwork,
    recipient::Recipient,
    token::{SessionTokens, TokenInvalid},
    unavailable::Unavailable,
};

/// Who is asking: what the engine may know of a client.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    /// Where it calls from.
    pub network: ClientNetwork,
    /// The value of its device cookie, if it has one.
    pub device_cookie: Option<&'a str>,
}

/// A request for a code.
#[derive(Debug)]
pub struct Begin<'a> {
    /// For whom.
    pub recipient: Recipient,
    /// Who asks.
    pub caller: Caller<'a>,
    /// A solved puzzle for this recipient.
    pub proof: Option<Proof>,
    /// S256 of a verifier that only this client knows.
    pub binding: Option<Binding>,
    /// In which language the message is wanted.
    pub languages: Languages,
}

/// A request for the same code once more.
#[derive(Debug)]
pub struct Resend<'a> {
    /// The request itself; its binding is not looked at, the envelope's stays.
    pub begin: Begin<'a>,
    /// The envelope that the first request was answered with.
    pub envelope: &'a str,
}

/// A code on its way.
#[derive(Debug)]
pub struct Begun {
    /// The signed envelope.
    pub envelope: String,
    /// What it says.
    pub challenge: VerifiedChallenge,
}

/// An attempt to log in.
#[derive(Debug)]
pub struct Complete<'a> {
    /// What is presented.
    pub presented: Presented<'a>,
    /// Who presents it.
    pub caller: Caller<'a>,
    /// The verifier, for a challenge that was bound to its client.
    pub verifier: Option<Verifier<'a>>,
}

/// What proves a recipient.
#[derive(Debug)]
pub enum Presented<'a> {
    /// A code with its envelope.
    Code {
        /// The recipient that the code was sent to.
        recipient: Recipient,
        /// The envelope, as it came.
        envelope: &'a str,
        /// The code, trimmed.
        code: &'a str,
    },
    /// A link token.
    Link {
        /// The recipient, where the client says it; then it must be the link's.
        recipient: Option<Recipient>,
        /// The token, as it came.
        link: UntrustedLink<'a>,
    },
}

/// A person who is signed in.
#[derive(Debug)]
pub struct SignedIn {
    /// The session.
    pub tokens: SessionTokens,
    /// The new value of the browser's device cookie.
    pub device_cookie: String,
    /// The challenge that was redeemed.
    pub challenge: VerifiedChallenge,
}

/// Why no code is on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BeginError {
    /// The channel isn't allowed.
    MethodDisabled,
    /// Too many, too soon, or a guard without room.
    Refused(RequestRefused),
    /// Inline delivery failed.
    DeliveryFailed,
    /// Resend only: the envelope can't be resent.
    Envelope(CompleteError),
}

/// Why nobody is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// Guard or directory can't answer. Nothing was counted.
    Unavailable(Unavailable),
}

/// Why a session was not renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshError {
    /// The token is invalid or its session has ended.
    Invalid,
    /// The directory can't answer.
    Unavailable(Unavailable),
}

impl fmt::Display for BeginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MethodDisabled => "this channel is not allowed",
            Self::Refused(RequestRefused::Throttled { .. }) => "too many requests",
            Self::Refused(RequestRefused::Unavailable(_)) => "the guard is full or out of reach",
            Self::DeliveryFailed => "the message could not be delivered",
            Self::Envelope(error) => return error.fmt(f),
        })
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
            Self::Unavailable(_) => "guard or directory is out of reach",
        })
    }
}

impl fmt::Display for RefreshError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invalid => "the token is invalid or its session has ended",
            Self::Unavailable(_) => "the directory is out of reach",
        })
    }
}

impl core::error::Error for BeginError {}
impl core::error::Error for CompleteError {}
impl core::error::Error for RefreshError {}

impl CompleteError {
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

    /// Invalid credentials for which no attempt was counted.
    pub(super) const FORGED: Self = Self::InvalidCredentials { attempts_left: None };
}

impl From<RequestRefused> for BeginError {
    fn from(refused: RequestRefused) -> Self {
        Self::Refused(refused)
    }
}

impl From<NoRoom> for BeginError {
    fn from(no_room: NoRoom) -> Self {
        Self::Refused(match no_room {
            NoRoom::Full(unavailable) => RequestRefused::Unavailable(unavailable),
            NoRoom::NeedsProof(Unavailable { retry_after }) | NoRoom::Network(Unavailable { retry_after }) => {
                RequestRefused::Throttled { retry_after, puzzle: None }
            }
        })
    }
}

impl From<Unavailable> for BeginError {
    fn from(unavailable: Unavailable) -> Self {
        Self::Refused(RequestRefused::Unavailable(unavailable))
    }
}

impl From<Unavailable> for CompleteError {
    fn from(unavailable: Unavailable) -> Self {
        Self::Unavailable(unavailable)
    }
}

impl From<TokenInvalid> for RefreshError {
    fn from(_: TokenInvalid) -> Self {
        Self::Invalid
    }
}
