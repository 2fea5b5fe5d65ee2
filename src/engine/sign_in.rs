//! The end of every way to log in: who proved a recipient is registered if nobody knew them, and gets tokens.

use alloc::{string::String, sync::Arc};
use core::fmt;

use rand_core::CryptoRng;

use super::{Caller, CompleteError, Engine, Proved, Wants, complete::Terms};
use crate::{
    browser::device::DeviceId,
    challenge::VerifiedChallenge,
    delivery::Outbox,
    directory::{Directory, Found},
    guard::{Attempt, Guard},
    keys::Keys,
    recipient::Recipient,
    token::{Amr, Login, Session, SessionId, SessionTokens},
    user::User,
};

/// A person who is signed in.
#[derive(Debug)]
#[non_exhaustive]
pub struct SignedIn {
    /// The session that began.
    pub session: Session,
    /// Whose it is.
    pub user: Arc<User>,
    /// What carries it.
    pub credentials: Credentials,
    /// The new value of the browser's device cookie.
    pub device_cookie: String,
    /// The challenge that was redeemed.
    pub challenge: VerifiedChallenge,
    /// Whether it is a reviewer, by the code of theirs.
    pub is_reviewer: bool,
}

/// What a login gives, as it was [wanted](Wants). Never printed.
pub enum Credentials {
    /// For a client that keeps its tokens itself.
    Tokens(SessionTokens),
    /// The value of a session cookie.
    Cookie(String),
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

impl SignedIn {
    /// The tokens; `None` where a cookie was wanted.
    #[must_use]
    pub const fn tokens(&self) -> Option<&SessionTokens> {
        match &self.credentials {
            Credentials::Tokens(tokens) => Some(tokens),
            Credentials::Cookie(_) => None,
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tokens(_) => "Tokens(…)",
            Self::Cookie(_) => "Cookie(…)",
        })
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
        terms: &Terms<'_>,
        random: &mut impl CryptoRng,
    ) -> Result<SignedIn, CompleteError> {
        let attempt = proved.attempt();
        let (challenge, now, caller) = (attempt.challenge, attempt.now, &terms.caller);
        let recipient = challenge.recipient();
        let user = match found.clone().into_user() {
            Some(user) => user,
            None => self.register(attempt, caller).await?,
        };
        let reviewers = self.policy.reviewers_of(recipient, now);
        let id = SessionId::new(&challenge.challenge().id, proved.use_number());
        let mut login = match reviewers {
            Some(reviewers) => Login::new(id, &user, recipient, amr.of_reviewers()).ending(reviewers.until()),
            None => Login::new(id, &user, recipient, amr),
        };
        login.at = terms.at;
        let (session, credentials) = match terms.wants {
            Wants::Tokens => {
                let session = keys.sessions.session(&login, now);
                let tokens = keys.sessions.tokens(&session, &user, now, random);
                (session, Credentials::Tokens(tokens))
            }
            Wants::Cookie => {
                let session = login.begin(self.policy.session_lifetime, now);
                let Some(cookie) = keys.cookies.seal(&session, random) else {
                    self.guard.give_back(attempt).await;
                    return Err(CompleteError::TooLong);
                };
                self.rechecks.keep(session.id, Some(Arc::clone(&user)), now);
                (session, Credentials::Cookie(cookie))
            }
        };
        let device = DeviceId::random(random);
        let device_cookie = keys.devices.remember(caller.device_cookies, recipient, &user.epoch, device, now);
        let (challenge, is_reviewer) = (challenge.clone(), reviewers.is_some());
        Ok(SignedIn { session, user, credentials, device_cookie, challenge, is_reviewer })
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
