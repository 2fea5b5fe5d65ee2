//! By link: a sealed token that carries its challenge and its recipient.

use alloc::string::String;

use super::{Authority, CompleteError, Evidence, Proved, Trial, Way};
use crate::{
    challenge::{UntrustedLink, VerifiedChallenge, VerifiedLink},
    guard::{By, Guard},
    recipient::Recipient,
    token::Amr,
};

/// A link token.
#[derive(Debug)]
pub struct ByLink<'a> {
    /// The recipient, where the client says it; then it must be the link's.
    pub recipient: Option<Recipient>,
    /// The token, as it came.
    pub link: UntrustedLink<'a>,
}

/// The directory's word for the user when the link was made: it has to be the same still.
#[derive(Debug)]
pub struct SealedEpoch(String);

impl Way for ByLink<'_> {
    type Evidence = SealedEpoch;

    fn believe(self, authority: &Authority<'_>) -> Result<(VerifiedChallenge, SealedEpoch), CompleteError> {
        let VerifiedLink { challenge, epoch } = authority.link(self.link)?;
        if self.recipient.is_some_and(|recipient| recipient != *challenge.recipient()) {
            return Err(CompleteError::FORGED);
        }
        Ok((challenge, SealedEpoch(epoch)))
    }
}

impl Evidence for SealedEpoch {
    fn by(&self) -> By {
        By::Link
    }

    fn amr(&self, recipient: &Recipient) -> Amr {
        Amr::of_message(recipient.channel())
    }

    async fn judge<'a, G: Guard>(&self, trial: Trial<'a, G>) -> Result<Proved<'a>, CompleteError> {
        let is_right = self.0 == trial.found().epoch();
        trial.decide(is_right).await
    }
}
