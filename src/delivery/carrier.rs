//! The port that every provider's adapter implements: what carries messages of one channel.

use std::{error::Error, fmt, future::Future, pin::Pin, time::Duration};

use hyper::body::Bytes;

use super::message::{Message, MessageId};
use crate::time::UnixTime;

/// What carries messages: an SMTP server, a provider's API, a folder.
///
/// A message is formatted once and then tried until it is sent, so every try sends the same. Adapters are boxed: delivery
/// runs after the answer, where a call through a table costs nothing that anybody waits for.
pub trait Carrier: fmt::Debug + Send + Sync {
    /// What metrics and the log call it: a short word like `smtp`.
    fn name(&self) -> &'static str;

    /// Puts a message, written at `at`, into the form in which it leaves.
    ///
    /// # Errors
    /// A message that this carrier can never take.
    fn format(&self, message: &Message, at: UnixTime) -> Result<Outgoing, SendError>;

    /// Tries once. A try that goes over a network is given up after a while; given up from outside at any time, it leaves
    /// nothing behind.
    fn send<'a>(&'a self, outgoing: &'a Outgoing) -> Sending<'a>;

    /// Does the work of sending for a message that is dropped, where nobody else would see it. `None`, as by default, where
    /// that can't be done: then the time that sending takes is imitated.
    fn rehearse<'a>(&'a self, outgoing: &'a Outgoing) -> Option<Sending<'a>> {
        let _ = outgoing;
        None
    }
}

/// A try under way.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<(), SendError>> + Send + 'a>>;

/// A message in the form in which it leaves. Whoever has it can log in, so nothing of it is ever printed.
pub struct Outgoing {
    /// The message's name; a provider that knows idempotency keys is given it.
    pub id: MessageId,
    /// When it was written.
    pub written_at: UnixTime,
    /// Where it goes, as the carrier spells it.
    pub to: Box<str>,
    /// What is sent: an e-mail's bytes, or the body of a call.
    pub body: Bytes,
}

/// A try that failed. Reasons are for the log: they hold neither the recipient nor anything of the message, and so never
/// what a provider said.
///
/// Where a channel has several carriers, what one refuses or can't do now goes to the next one at once; only a
/// [`SendError::Final`] ends it for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendError {
    /// This message won't leave, whoever carries it: its recipient is refused, say.
    Final(String),
    /// This carrier never takes it: it is set up wrongly, or its provider doesn't serve this kind. Another one may.
    Refused(String),
    /// This message may leave later. The carrier works: it puts off one recipient, say.
    Temporary {
        /// Why.
        reason: String,
        /// The least time until it makes sense to try again, where the provider said one.
        retry_after: Option<Duration>,
    },
    /// The carrier doesn't work for now, whatever it is given.
    Down {
        /// Why.
        reason: String,
        /// The least time until it makes sense to try again, where the provider said one.
        retry_after: Option<Duration>,
    },
    /// The carrier took the message up and didn't answer in time. That may be due to where the message goes.
    NoAnswer {
        /// Why.
        reason: String,
    },
    /// The other side takes no more at once, and has nothing against the message: fewer tries will run at once.
    Busy {
        /// Why.
        reason: String,
        /// The least time until it makes sense to try again, where the provider said one.
        retry_after: Option<Duration>,
    },
}

impl SendError {
    /// This message may leave later.
    pub fn temporary(reason: impl Into<String>) -> Self {
        Self::Temporary { reason: reason.into(), retry_after: None }
    }

    /// The carrier doesn't work for now.
    pub fn down(reason: impl Into<String>) -> Self {
        Self::Down { reason: reason.into(), retry_after: None }
    }

    /// The other side takes no more at once.
    pub fn busy(reason: impl Into<String>) -> Self {
        Self::Busy { reason: reason.into(), retry_after: None }
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::Final(reason)
            | Self::Refused(reason)
            | Self::Temporary { reason, .. }
            | Self::Down { reason, .. }
            | Self::NoAnswer { reason }
            | Self::Busy { reason, .. } => reason,
        }
    }

    /// The least time until it makes sense to try again, where the provider said one.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Final(_) | Self::Refused(_) | Self::NoAnswer { .. } => None,
            Self::Temporary { retry_after, .. } | Self::Down { retry_after, .. } | Self::Busy { retry_after, .. } => *retry_after,
        }
    }
}

/// Gives a try up after a while. For adapters that call others.
///
/// # Errors
/// What `sending` says, or that it took too long.
pub async fn in_time(timeout: Duration, sending: impl Future<Output = Result<(), SendError>>) -> Result<(), SendError> {
    let sent = tokio::time::timeout(timeout, sending).await;
    sent.unwrap_or_else(|_| Err(SendError::NoAnswer { reason: no_answer(timeout) }))
}

/// What is said of somebody who didn't answer.
pub(super) fn no_answer(timeout: Duration) -> String {
    format!("no answer within {} s", timeout.as_secs())
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing").field("id", &self.id).finish_non_exhaustive()
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl Error for SendError {}
