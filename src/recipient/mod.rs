//! Who a code is sent to: an e-mail address or a phone number, parsed once into its canonical form.

mod calling_code;
pub mod email;
#[cfg(feature = "mobile")]
pub mod phone;

use alloc::{string::String, sync::Arc};
use core::fmt;

/// How a code reaches a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Channel {
    /// E-mail.
    Email,
    /// SMS, and what a verify provider offers for phone numbers.
    Mobile,
}

impl Channel {
    /// Both, in the order in which they are shown.
    pub const ALL: [Self; 2] = [Self::Email, Self::Mobile];

    /// The name in claims and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Mobile => "mobile",
        }
    }

    /// The channel of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.as_str() == name)
    }
}

/// A canonical address: what the code, every counter and the subject use.
///
/// `Debug` and [`Recipient::masked`] hide most of it; only [`Recipient::as_str`] shows it whole.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Recipient {
    channel: Channel,
    canonical: Arc<str>,
}

impl Recipient {
    /// For the parsers below, which make the text canonical first.
    pub(crate) fn from_canonical(channel: Channel, canonical: impl Into<Arc<str>>) -> Self {
        Self { channel, canonical: canonical.into() }
    }

    /// The channel it belongs to.
    #[must_use]
    pub const fn channel(&self) -> Channel {
        self.channel
    }

    /// The canonical text: `ann@example.com` or `+15551234567`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.canonical
    }

    /// What may be shown in a log, and to whoever holds a challenge: `a…@example.com`; of a number its country code and its
    /// last two digits, `+49…67`.
    #[must_use]
    pub fn masked(&self) -> String {
        let text = self.as_str();
        let (keep, from) = match self.channel {
            Channel::Email => (1, text.rfind('@').unwrap_or(text.len())),
            Channel::Mobile => (1 + country_code_digits(text), text.len().saturating_sub(2)),
        };
        let mut shown: String = text.chars().take(keep).collect();
        shown.push('…');
        shown.push_str(&text[from..]);
        shown
    }
}

/// How many digits of a canonical number are its country code.
#[cfg(feature = "mobile")]
fn country_code_digits(number: &str) -> usize {
    let digits = number.strip_prefix('+').unwrap_or(number);
    phone::calling_code(digits).map_or(1, |(_, national)| digits.len() - national.len())
}

/// Without a table of them it can't be known.
#[cfg(not(feature = "mobile"))]
const fn country_code_digits(_: &str) -> usize {
    1
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl Recipient {
    /// The canonical form of an address that a directory stores: the same rules, but white space around it isn't dropped
    /// and a phone number has to be international. Without the feature `mobile` there are no phone numbers.
    #[must_use]
    pub fn of_stored(channel: Channel, stored: &str) -> Option<Self> {
        let canonical = match channel {
            Channel::Email => email::canonical(stored)?,
            #[cfg(feature = "mobile")]
            Channel::Mobile => phone::canonical(stored)?,
            #[cfg(not(feature = "mobile"))]
            Channel::Mobile => return None,
        };
        Some(Self::from_canonical(channel, canonical))
    }
}

/// Text that is no address of its channel. It doesn't say why, and it doesn't hold the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidRecipient;

impl fmt::Display for InvalidRecipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a valid address")
    }
}

impl core::error::Error for InvalidRecipient {}

#[cfg(all(test, feature = "mobile"))]
mod tests {
    use super::*;

    #[test]
    fn masked_recipients_show_what_their_owner_knows_them_by() {
        for (channel, canonical, masked) in [
            (Channel::Email, "ann@example.com", "a…@example.com"),
            (Channel::Email, "a@example.com", "a…@example.com"),
            (Channel::Mobile, "+13035551267", "+1…67"),
            (Channel::Mobile, "+4915123456789", "+49…89"),
            (Channel::Mobile, "+358401234567", "+358…67"),
        ] {
            assert_eq!(Recipient::from_canonical(channel, canonical).masked(), masked);
        }
    }
}
