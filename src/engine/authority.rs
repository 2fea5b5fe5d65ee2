//! What believes the things that clients present: the rules, and the keys of the fleet.

use super::{CompleteError, Policy};
use crate::{
    challenge::{Code, UntrustedEnvelope, UntrustedLink, Use, VerifiedChallenge, VerifiedLink},
    keys::Keys,
    recipient::Recipient,
};

/// Turns what came from outside into what this fleet vouches for. Lifetimes are judged elsewhere, for all ways alike.
#[derive(Clone, Copy, Debug)]
pub struct Authority<'a> {
    policy: &'a Policy,
    keys: &'a Keys,
}

impl<'a> Authority<'a> {
    pub(super) const fn new(policy: &'a Policy, keys: &'a Keys) -> Self {
        Self { policy, keys }
    }

    /// The login rules.
    #[must_use]
    pub const fn policy(&self) -> &'a Policy {
        self.policy
    }

    /// The challenge of an envelope, if it was made for this recipient, whatever its use.
    ///
    /// # Errors
    /// The channel isn't allowed, or the envelope is a forged one.
    pub fn envelope(&self, envelope: &str, recipient: &Recipient) -> Result<VerifiedChallenge, CompleteError> {
        self.policy.require(recipient.channel())?;
        let untrusted = UntrustedEnvelope::parse(envelope).ok_or(CompleteError::FORGED)?;
        Ok(self.keys.challenges.authenticate(untrusted, recipient)?)
    }

    /// The challenge of an envelope, if it was made for this recipient and for this use.
    ///
    /// # Errors
    /// The channel isn't allowed, or the envelope is a forged one.
    pub fn envelope_for(&self, usage: Use, envelope: &str, recipient: &Recipient) -> Result<VerifiedChallenge, CompleteError> {
        let challenge = self.envelope(envelope, recipient)?;
        if challenge.challenge().usage == usage { Ok(challenge) } else { Err(CompleteError::FORGED) }
    }

    /// What is sealed in a link token.
    ///
    /// # Errors
    /// The link is a forged one.
    pub fn link(&self, link: UntrustedLink<'_>) -> Result<VerifiedLink, CompleteError> {
        Ok(self.keys.links.open(&self.keys.challenges, link)?)
    }

    /// The code of a challenge, for the user of this epoch; `None` where its code is none of ours.
    #[must_use]
    pub fn code(&self, challenge: &VerifiedChallenge, epoch: &str) -> Option<Code> {
        self.keys.challenges.code(challenge, epoch)
    }

    /// The long code of a challenge's link, where links are good only in the requesting browser.
    #[must_use]
    pub fn long_code(&self, challenge: &VerifiedChallenge, epoch: &str) -> Option<Code> {
        let format = self.policy.browser_link.as_ref()?;
        Some(self.keys.challenges.long_code(challenge, epoch, format))
    }
}
