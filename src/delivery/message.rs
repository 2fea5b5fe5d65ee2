//! A message that was written but hasn't left.

use std::fmt;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::language::Tag;
use crate::{
    crypto::{base64url, random},
    recipient::Channel,
};

/// The name of one message: 128 random bits as base64url. Every try to send it has the same.
#[derive(Clone, PartialEq, Eq)]
pub struct MessageId(Box<str>);

impl MessageId {
    /// A new one.
    pub fn random(random: &mut impl CryptoRng) -> Self {
        Self(base64url::encode(&random::bytes::<16>(random)).into())
    }

    /// 22 letters, digits, `-` and `_`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// All that a transport may need of a message. Whoever has it can log in, so nothing of it is ever printed.
pub struct Message {
    /// Its name.
    pub id: MessageId,
    /// How it leaves.
    pub channel: Channel,
    /// Where it goes.
    pub to: Box<str>,
    /// The code.
    pub code: Zeroizing<String>,
    /// The magic link; empty if there is none.
    pub link: Zeroizing<String>,
    /// The language that it is written in.
    pub locale: Tag,
    /// The subject, one line; empty for an SMS.
    pub subject: String,
    /// The text, with `\n` at the end of each line but the last.
    pub text: Zeroizing<String>,
    /// The text as HTML; empty for an SMS.
    pub html: Zeroizing<String>,
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message").field("id", &self.id).field("channel", &self.channel).finish_non_exhaustive()
    }
}
