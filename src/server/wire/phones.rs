//! Phone numbers as requests hold them, in a build that reads them and in one that doesn't.

use crate::recipient::{InvalidRecipient, Recipient};

#[cfg(feature = "mobile")]
use crate::recipient::phone;

/// Which numbers are served.
#[derive(Debug)]
pub(crate) struct Phones {
    #[cfg(feature = "mobile")]
    rules: phone::PhoneRules,
}

#[cfg(feature = "mobile")]
impl Phones {
    /// By these rules.
    pub(crate) const fn new(rules: phone::PhoneRules) -> Self {
        Self { rules }
    }

    /// The number that somebody typed.
    pub(crate) fn parse(&self, typed: &str) -> Result<Recipient, InvalidRecipient> {
        self.rules.parse(typed)
    }
}

/// The configuration allows no method that needs them.
#[cfg(not(feature = "mobile"))]
impl Phones {
    pub(crate) const fn new() -> Self {
        Self {}
    }

    #[allow(clippy::unused_self, reason = "as with the feature")]
    pub(crate) const fn parse(&self, _: &str) -> Result<Recipient, InvalidRecipient> {
        Err(InvalidRecipient)
    }
}
