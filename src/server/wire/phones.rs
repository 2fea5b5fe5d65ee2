//! Phone numbers as requests hold them, in a build that reads them and in one that doesn't.

use crate::{
    config::sections::passwordless::Passwordless,
    recipient::{InvalidRecipient, Recipient},
    serve::error::StartError,
};

#[cfg(feature = "mobile")]
use crate::recipient::{Channel, phone};

/// Which numbers are served.
#[derive(Debug)]
pub(crate) struct Phones {
    #[cfg(feature = "mobile")]
    rules: phone::PhoneRules,
}

#[cfg(feature = "mobile")]
impl Phones {
    /// By the configured rules; ready for the first request where the method is allowed.
    pub(crate) fn new(configured: &Passwordless) -> Result<Self, StartError> {
        let rules = &configured.phone;
        let region = rules.default_region.as_deref().unwrap_or_default();
        let rules = phone::PhoneRules::new(region, &rules.allowed_regions, &rules.blocked_prefixes);
        let rules = rules.map_err(|faults| StartError::at("passwordless", format!("{faults:?}")))?;
        if configured.policy.allows(Channel::Mobile) {
            phone::warm();
        }
        Ok(Self { rules })
    }

    /// The number that somebody typed.
    pub(crate) fn parse(&self, typed: &str) -> Result<Recipient, InvalidRecipient> {
        self.rules.parse(typed)
    }
}

/// The configuration allows no method that needs them.
#[cfg(not(feature = "mobile"))]
impl Phones {
    #[allow(clippy::unnecessary_wraps, reason = "the same as with the feature")]
    pub(crate) const fn new(_: &Passwordless) -> Result<Self, StartError> {
        Ok(Self {})
    }

    #[allow(clippy::unused_self, reason = "the same as with the feature")]
    pub(crate) const fn parse(&self, _: &str) -> Result<Recipient, InvalidRecipient> {
        Err(InvalidRecipient)
    }
}
