//! What became of a challenge, for whoever holds its link or its envelope.

use super::{Authority, CompleteError, Engine};
use crate::{
    challenge::{UntrustedLink, VerifiedChallenge, VerifiedLink},
    delivery::Outbox,
    directory::Directory,
    guard::{Attempt, Bucket, By, Guard},
    recipient::Recipient,
    time::UnixTime,
};

/// A challenge as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// What can be done with it.
    pub state: State,
    /// Whom it was made for. Where it is shown, [`Recipient::masked`] is enough.
    pub recipient: Recipient,
}

/// What can be done with a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It can still be redeemed, by its link at least: wrong codes never end that.
    Open,
    /// It was redeemed.
    Spent,
    /// It has ended.
    Expired,
}

impl State {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Spent => "spent",
            Self::Expired => "expired",
        }
    }
}

impl<G: Guard, D: Directory, O: Outbox, E> Engine<G, D, O, E> {
    /// What became of a link's challenge. Counts nothing, sends nothing, asks no directory.
    ///
    /// # Errors
    /// As [`Engine::complete`] has them; the states are none.
    pub async fn status_of_link(&self, link: UntrustedLink<'_>, now: UnixTime) -> Result<Status, CompleteError> {
        let VerifiedLink { challenge, .. } = Authority::new(&self.policy, &self.keys.load()).link(link)?;
        self.status(&challenge, now).await
    }

    /// What became of an envelope's challenge, if it was made for this recipient. Counts nothing, sends nothing, asks no
    /// directory.
    ///
    /// # Errors
    /// As [`Engine::complete`] has them; the states are none.
    pub async fn status_of_envelope(
        &self,
        envelope: &str,
        recipient: &Recipient,
        now: UnixTime,
    ) -> Result<Status, CompleteError> {
        let challenge = Authority::new(&self.policy, &self.keys.load()).envelope(envelope, recipient)?;
        self.status(&challenge, now).await
    }

    async fn status(&self, challenge: &VerifiedChallenge, now: UnixTime) -> Result<Status, CompleteError> {
        self.policy.require(challenge.recipient().channel())?;
        // As a link, since only uses matter, and as somebody who may use what room there is: a look makes no entry.
        let attempt = Attempt { bucket: Bucket::Claimed, ..Attempt::new(challenge, By::Link, now) };
        let state = match self.look(&attempt).await {
            Ok(_) => State::Open,
            Err(CompleteError::Spent) => State::Spent,
            Err(CompleteError::Expired) => State::Expired,
            Err(error) => return Err(error),
        };
        Ok(Status { state, recipient: challenge.recipient().clone() })
    }
}
