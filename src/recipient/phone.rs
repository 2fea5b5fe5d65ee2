//! Phone numbers: to E.164, by the rules of one fleet.

use alloc::{string::String, vec::Vec};

use super::{InvalidRecipient, Recipient};

/// Which numbers are accepted, and how they may be written.
#[derive(Clone, Debug, Default)]
pub struct PhoneRules {}

/// What is wrong with the configured rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PhoneRulesFault {
    /// `default_region` is no region with a calling code (ISO 3166-1 alpha-2, in either case).
    UnknownDefaultRegion,
    /// The entry of `allowed_regions` at this place isn't one.
    UnknownAllowedRegion(usize),
    /// The entry of `blocked_prefixes` at this place isn't the start of an E.164 number.
    InvalidBlockedPrefix(usize),
}

impl PhoneRules {
    /// Judges the rules. An empty `default_region` is none; no `allowed_regions` allow all.
    ///
    /// # Errors
    /// Every fault there is.
    pub fn new<S: AsRef<str>>(
        default_region: &str,
        allowed_regions: &[S],
        blocked_prefixes: &[S],
    ) -> Result<Self, Vec<PhoneRulesFault>> {
        let _ = (default_region, allowed_regions, blocked_prefixes);
        todo!()
    }

    /// The number that somebody typed.
    ///
    /// # Errors
    /// [`InvalidRecipient`] for what is no number, or none that these rules accept.
    pub fn parse(&self, typed: &str) -> Result<Recipient, InvalidRecipient> {
        let _ = typed;
        todo!()
    }
}

/// Prepares the metadata of every calling code, so that no request waits for it. Once, at the start.
pub fn warm() {
    todo!()
}

/// The E.164 form of an international number.
pub(super) fn canonical(number: &str) -> Option<String> {
    let _ = number;
    todo!()
}
