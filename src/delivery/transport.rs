//! What carries a message.

use std::time::Duration;

use super::Sender;
use crate::config::{email::EmailTransport, sms::SmsTransport};

/// What carries the messages of one channel.
#[derive(Debug)]
#[non_exhaustive]
pub enum Transport {
    /// Readable text on stdout.
    Console,
    /// Nothing.
    Discard,
}

/// A transport that this build doesn't have; the text names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsupportedTransport(pub &'static str);

/// A message that was written but hasn't left.
#[derive(Debug)]
pub struct Message {}

impl Transport {
    /// The transport of e-mail that a configuration names. `timeout` limits one try.
    ///
    /// # Errors
    /// [`UnsupportedTransport`].
    pub fn email(configured: &EmailTransport, sender: Sender, timeout: Duration) -> Result<Self, UnsupportedTransport> {
        let _ = (configured, sender, timeout);
        todo!()
    }

    /// The transport of SMS that a configuration names.
    ///
    /// # Errors
    /// [`UnsupportedTransport`].
    pub fn sms(configured: &SmsTransport, timeout: Duration) -> Result<Self, UnsupportedTransport> {
        let _ = (configured, timeout);
        todo!()
    }
}
