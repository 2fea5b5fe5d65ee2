//! By code: the short one that a person types, or the long one of a link that is good only in the requesting browser.

use core::fmt;

use super::{Authority, CompleteError, Evidence, Proved, Trial, Way};
use crate::{
    challenge::{CodeFormat, Use, VerifiedChallenge},
    guard::{By, Guard},
    recipient::Recipient,
    token::Amr,
};

/// A code with its envelope.
pub struct ByCode<'a> {
    /// The recipient that the code was sent to.
    pub recipient: Recipient,
    /// The envelope, as it came.
    pub envelope: &'a str,
    /// The code, as it was typed.
    pub code: &'a str,
}

/// A code that is to be compared.
pub struct TypedCode<'a> {
    code: &'a str,
    /// Whether it is as long as a link's. Such a code can't be guessed, so it counts as a link.
    is_long: bool,
}

impl<'a> Way for ByCode<'a> {
    type Evidence = TypedCode<'a>;

    fn believe(self, authority: &Authority<'_>) -> Result<(VerifiedChallenge, TypedCode<'a>), CompleteError> {
        let challenge = authority.envelope_for(Use::CODE, self.envelope, &self.recipient)?;
        let is_like = |format: &CodeFormat| format.alphabet().read(self.code).chars().count() == usize::from(format.length());
        let is_long = authority.policy().browser_link.as_ref().is_some_and(is_like);
        Ok((challenge, TypedCode { code: self.code, is_long }))
    }
}

impl Evidence for TypedCode<'_> {
    fn by(&self) -> By {
        if self.is_long { By::Link } else { By::Code }
    }

    fn amr(&self, recipient: &Recipient) -> Amr {
        Amr::of_message(recipient.channel())
    }

    async fn judge<'a, G: Guard>(&self, trial: Trial<'a, G>) -> Result<Proved<'a>, CompleteError> {
        let is_right = self.is_right(&trial);
        trial.decide(is_right).await
    }
}

impl TypedCode<'_> {
    fn is_right<G>(&self, trial: &Trial<'_, G>) -> bool {
        let (authority, challenge, epoch) = (trial.authority(), trial.challenge(), trial.found().epoch());
        match (&authority.policy().browser_link, authority.long_code(challenge, epoch)) {
            (Some(format), Some(long)) if self.is_long => long.matches(self.code, format.alphabet()),
            _ => {
                let format = challenge.challenge().format.as_ref();
                let code = authority.code(challenge, epoch).zip(format);
                let is_derived = code.is_some_and(|(code, format)| code.matches(self.code, format.alphabet()));
                match authority.policy().reviewers_of(challenge.recipient(), trial.now()) {
                    Some(reviewers) => reviewers.is_code(self.code, challenge.challenge()),
                    None => is_derived,
                }
            }
        }
    }
}

impl fmt::Debug for ByCode<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByCode").field("recipient", &self.recipient).finish_non_exhaustive()
    }
}

impl fmt::Debug for TypedCode<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TypedCode(…)")
    }
}
