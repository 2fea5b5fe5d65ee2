//! Third parties that make codes for phone numbers and check them themselves: a port of the engine, and its adapters.
//!
//! What a provider makes belongs to the number, not to a challenge: whoever holds any living challenge of that number may
//! present it. The envelope limits who may try and how often, no more.

#[cfg(feature = "server")]
mod any;
pub mod callbacks;
#[cfg(feature = "server")]
mod fault;
#[cfg(feature = "server")]
pub mod http;
mod method;
#[cfg(feature = "server")]
mod metrics;
#[cfg(feature = "server")]
mod starts;
#[cfg(feature = "server")]
pub mod telnyx;
#[cfg(all(test, feature = "server"))]
mod testing;
#[cfg(feature = "server")]
pub mod twilio;

use core::fmt;

#[cfg(feature = "server")]
pub use self::{any::AnyProvider, starts::Starts};
pub use method::Method;

use crate::{recipient::Recipient, unavailable::Unavailable};

/// A verify provider. One of your own is a type with this trait:
/// [`Engine::begin_external`](crate::engine::Engine::begin_external) has it started, and
/// [`ByExternal`](crate::engine::ByExternal) asks it.
pub trait VerifyProvider {
    /// Has a code of the provider's own go to a number. One try.
    ///
    /// # Errors
    /// See [`NotStarted`].
    fn start(&self, number: &Recipient, method: Method) -> impl Future<Output = Result<(), NotStarted>> + Send;

    /// What the provider says of a code that somebody typed. One try.
    ///
    /// # Errors
    /// [`Unreachable`]: whatever is no answer.
    fn check(&self, number: &Recipient, code: &str) -> impl Future<Output = Result<Checked, Unreachable>> + Send;

    /// Ends what was started for a number, because the attempts at it have run out. It returns at once and nobody learns what
    /// comes of it; where a provider has no such thing, which is the default, it does nothing.
    fn cancel(&self, number: &Recipient) {
        let _ = number;
    }
}

/// What a provider says of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// It is the right one; it is used up now.
    Accepted,
    /// It is wrong.
    Rejected,
    /// There is none any more: it has expired, or was used.
    Expired,
    /// The provider takes no more attempts for this number.
    Exhausted,
}

/// Why no code is on its way to a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotStarted {
    /// The provider sends none to this number.
    Refused,
    /// It sends none to this number now: too many were asked for.
    Exhausted,
    /// It can't be reached, or refuses us: nothing was sent.
    Unreachable,
    /// It was asked, and gives no answer that makes sense: it may have sent one, so the request stays counted.
    Unanswered,
    /// As many are being started as may be at once.
    NoRoom(Unavailable),
}

/// A provider that can't be reached, refuses us, or answers nonsense. What it said is in no answer and in no log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreachable;

impl fmt::Display for NotStarted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "the verify provider refuses the number",
            Self::Exhausted => "the verify provider sends no more codes to the number for now",
            Self::Unreachable => "the verify provider is out of reach",
            Self::Unanswered => "the verify provider gives no answer that makes sense",
            Self::NoRoom(_) => "too many checks are being started",
        })
    }
}

impl core::error::Error for NotStarted {}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the verify provider gives no answer that makes sense")
    }
}

impl core::error::Error for Unreachable {}
