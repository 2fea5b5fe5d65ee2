//! By a verify provider: a code that it made, and that it checks itself.

use alloc::string::String;
use core::fmt;

use zeroize::Zeroizing;

use super::{Authority, CompleteError, Evidence, Proved, Trial, Way};
use crate::{
    challenge::{Alphabet, Use, VerifiedChallenge},
    guard::{By, Guard},
    recipient::Recipient,
    token::Amr,
    verify::{Checked, Method, VerifyProvider},
};

/// A provider's code with the envelope of the request that had it sent.
pub struct ByExternal<'a, P> {
    /// Who checks it.
    pub provider: &'a P,
    /// The number that it was sent to.
    pub recipient: Recipient,
    /// The envelope, as it came.
    pub envelope: &'a str,
    /// The code, as it was typed.
    pub code: &'a str,
    /// Whether somebody may be unknown, so that nobody may learn more than that a code is wrong: to a number for which nothing
    /// was ever started a provider says something else than to one that waits for its code.
    pub is_discreet: bool,
}

/// A code that is to be checked.
pub struct ProvidersCode<'a, P> {
    provider: &'a P,
    code: Zeroizing<String>,
    method: Method,
    is_discreet: bool,
}

impl<'a, P: VerifyProvider> Way for ByExternal<'a, P> {
    type Evidence = ProvidersCode<'a, P>;

    fn believe(self, authority: &Authority<'_>) -> Result<(VerifiedChallenge, ProvidersCode<'a, P>), CompleteError> {
        let challenge = authority.envelope_for(Use::EXTERNAL, self.envelope, &self.recipient)?;
        let evidence = ProvidersCode {
            provider: self.provider,
            code: Alphabet::Numeric.read(self.code),
            method: Method::of(challenge.challenge()),
            is_discreet: self.is_discreet,
        };
        Ok((challenge, evidence))
    }
}

impl<P: VerifyProvider> Evidence for ProvidersCode<'_, P> {
    fn by(&self) -> By {
        By::External
    }

    fn amr(&self, _: &Recipient) -> Amr {
        self.method.amr()
    }

    /// The attempt is counted as wrong before the provider is asked. Whoever goes away meanwhile leaves it so: the guess was
    /// made, and whether it was right nobody knows.
    async fn judge<'a, G: Guard>(&self, trial: Trial<'a, G>) -> Result<Proved<'a>, CompleteError> {
        let number = trial.challenge().recipient();
        let pending = trial.suspend().await?;
        // Nothing is left of what was typed: that is no code of anybody's.
        let checked = if self.code.is_empty() { Ok(Checked::Rejected) } else { self.provider.check(number, &self.code).await };
        match checked {
            Ok(Checked::Accepted) => pending.right().await,
            Ok(refused) => {
                let wrong = pending.wrong();
                if matches!(wrong, CompleteError::InvalidCredentials { attempts_left: Some(0) }) {
                    self.provider.cancel(number);
                }
                Err(match refused {
                    Checked::Expired if !self.is_discreet => CompleteError::CodeExpired,
                    Checked::Exhausted if !self.is_discreet => CompleteError::Exhausted,
                    _ => wrong,
                })
            }
            Err(_) => {
                pending.unanswered().await;
                Err(CompleteError::ProviderUnavailable)
            }
        }
    }
}

impl<P> fmt::Debug for ByExternal<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByExternal").field("recipient", &self.recipient).finish_non_exhaustive()
    }
}

impl<P> fmt::Debug for ProvidersCode<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProvidersCode(…)")
    }
}
