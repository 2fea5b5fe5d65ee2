//! Phone numbers as requests hold them, in a build that reads them and in one that doesn't.

use crate::recipient::{InvalidRecipient, Recipient};

#[cfg(feature = "mobile")]
use crate::recipient::phone::{PhoneRules, warm};

/// Which numbers are served.
#[derive(Clone, Debug, Default)]
pub struct Phones {
    #[cfg(feature = "mobile")]
    rules: PhoneRules,
}

#[cfg(feature = "mobile")]
impl Phones {
    /// By these rules.
    #[must_use]
    pub const fn new(rules: PhoneRules) -> Self {
        Self { rules }
    }

    /// Whether numbers in national format are read.
    #[must_use]
    pub const fn reads_national_format(&self) -> bool {
        self.rules.has_default_region()
    }

    /// Prepares what the first request would otherwise wait for.
    pub(crate) fn warm() {
        warm();
    }

    /// The number that somebody typed.
    pub(crate) fn parse(&self, typed: &str) -> Result<Recipient, InvalidRecipient> {
        self.rules.parse(typed)
    }
}

/// The configuration allows no method that needs them.
#[cfg(not(feature = "mobile"))]
#[allow(clippy::unused_self, reason = "with the feature it is used")]
impl Phones {
    /// Never: no number is read.
    #[must_use]
    pub const fn reads_national_format(&self) -> bool {
        false
    }

    pub(crate) const fn warm() {}

    pub(crate) const fn parse(&self, _: &str) -> Result<Recipient, InvalidRecipient> {
        Err(InvalidRecipient)
    }
}
