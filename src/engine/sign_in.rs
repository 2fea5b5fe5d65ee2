//! The end of every way to log in: who proved a recipient is registered if nobody knew them, and gets tokens.

use alloc::{string::String, sync::Arc};

use rand_core::CryptoRng;

use super::{Caller, CompleteError, Engine, Proved};
use crate::{
    browser::device::DeviceId,
    challenge::VerifiedChallenge,
    delivery::Outbox,
    directory::{Directory, Found},
    guard::{Attempt, Guard},
    keys::Keys,
    recipient::Recipient,
    token::{Amr, Login, SessionTokens},
    user::User,
};

/// A person who is signed in.
#[derive(Debug)]
#[non_exhaustive]
pub struct SignedIn {
    /// The session.
    pub tokens: SessionTokens,
    /// The new value of the browser's device cookie.
    pub device_cookie: String,
    /// The challenge that was redeemed.
    pub challenge: VerifiedChallenge,
    /// Whether it is a reviewer, by the code of theirs.
    pub is_reviewer: bool,
}

/// The use that a challenge gets back where the client goes away while its person is registered, so that whoever served it
/// drops what it was waiting for.
struct Owed<'a, G: Guard> {
    guard: &'a G,
    attempt: Option<&'a Attempt<'a>>,
}

impl<G: Guard> Drop for Owed<'_, G> {
    fn drop(&mut self) {
        if let Some(attempt) = self.attempt {
            // It is given back though nobody waits for it.
            drop(self.guard.give_back(attempt));
        }
    }
}

impl<G: Guard, D: Directory, O: Outbox, E> Engine<G, D, O, E> {
    /// Signs in whoever proved a challenge. A registration that fails gives its use back.
    pub(super) async fn sign_in(
        &self,
        keys: &Keys,
        proved: Proved<'_>,
        found: &Found,
        amr: Amr,
        caller: &Caller<'_>,
        random: &mut impl CryptoRng,
    ) -> Result<SignedIn, CompleteError> {
        let attempt = proved.attempt();
        let (challenge, now) = (attempt.challenge, attempt.now);
        let recipient = challenge.recipient();
        let user = match found.clone().into_user() {
            Some(user) => user,
            None => self.register(attempt, caller).await?,
        };
        let reviewers = self.policy.reviewers_of(recipient, now);
        let login = match reviewers {
            Some(reviewers) => Login::new(&user, recipient, amr.of_reviewers()).ending(reviewers.until()),
            None => Login::new(&user, recipient, amr),
        };
        let tokens = keys.sessions.begin(&login, now, random);
        let device = DeviceId::random(random);
        let device_cookie = keys.devices.remember(caller.device_cookies, recipient, &user.epoch, device, now);
        Ok(SignedIn { tokens, device_cookie, challenge: challenge.clone(), is_reviewer: reviewers.is_some() })
    }

    /// Makes a user of somebody who just proved an unknown recipient. What doesn't end well gives the attempt's use back.
    async fn register(&self, attempt: &Attempt<'_>, caller: &Caller<'_>) -> Result<Arc<User>, CompleteError> {
        let mut owed = Owed { guard: &self.guard, attempt: Some(attempt) };
        let registered = self.registered(attempt.challenge.recipient()).await;
        owed.attempt = None;
        match &registered {
            Ok(user) => {
                let found = Found::new(attempt.challenge.recipient(), Some(Arc::clone(user)));
                caller.learn(|learned| learned.note_found(&found));
            }
            Err(_) => self.guard.give_back(attempt).await,
        }
        registered
    }

    async fn registered(&self, recipient: &Recipient) -> Result<Arc<User>, CompleteError> {
        let user = self.directory.register(recipient, self.policy.registration_sets_unusable_password).await?;
        let user = Found::new(recipient, Some(user.into())).into_user();
        user.filter(|user| self.policy.admits(user)).ok_or(CompleteError::FORGED)
    }
}
