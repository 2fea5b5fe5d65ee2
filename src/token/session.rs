//! A session: what one login began, whatever carries it.

use alloc::{
    string::{String, ToString as _},
    vec::Vec,
};
use core::fmt;

use super::Amr;
use crate::{
    challenge::ChallengeId,
    crypto::{Canonical, Fields, base64url},
    recipient::{Channel, Recipient},
    time::{UnixMillis, UnixTime},
};

/// `sid`: the name of one session, and of all that its login gave. It is the id of the challenge that was proved; from the
/// challenge's second use on with the number of the use behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionId {
    challenge: [u8; 16],
    /// From 1.
    use_number: u16,
}

/// One login, and how long what it gave is good. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    /// `sid`.
    pub id: SessionId,
    /// By whom, as the recipient that was proved.
    pub recipient: Recipient,
    /// The user's id at login.
    pub subject: String,
    /// The user's epoch at login.
    pub epoch: String,
    /// How the recipient was proved.
    pub amr: Amr,
    /// When the recipient was proved.
    pub began_at: UnixMillis,
    /// The first second at which nothing of it is accepted any more.
    pub ends_at: UnixTime,
    /// The end that it was made with. Where lifetimes are shorter today it ends before that; where they are made longer again,
    /// not. So that it was ended is remembered until then.
    pub made_until: UnixTime,
}

impl SessionId {
    /// Of a challenge's use; the first has number 1.
    #[must_use]
    pub fn new(challenge: &ChallengeId, use_number: u32) -> Self {
        let use_number = u16::try_from(use_number.max(1)).unwrap_or(u16::MAX);
        Self { challenge: *challenge.as_bytes(), use_number }
    }

    /// As the claim spells it: `AAECAwQFBgcICQoLDA0ODw`, from the second use on `AAECAwQFBgcICQoLDA0ODw.2`.
    #[must_use]
    pub fn to_text(self) -> String {
        let mut text = base64url::encode(&self.challenge);
        if self.use_number > 1 {
            text.push('.');
            text.push_str(&self.use_number.to_string());
        }
        text
    }

    /// The inverse of [`SessionId::to_text`].
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let (challenge, use_number) = match text.split_once('.') {
            Some((challenge, number)) => (challenge, number.parse().ok()?),
            None => (text, 1),
        };
        let id = Self { challenge: base64url::decode_array(challenge)?, use_number };
        // One id has one spelling.
        (use_number > 0 && id.to_text() == text).then_some(id)
    }

    /// The challenge's 16 bytes; from the second use on with 2 more, its number.
    fn to_bytes(self) -> Vec<u8> {
        let mut bytes = self.challenge.to_vec();
        if self.use_number > 1 {
            bytes.extend_from_slice(&self.use_number.to_be_bytes());
        }
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (challenge, number) = bytes.split_first_chunk()?;
        let use_number = match number {
            [] => 1,
            number => u16::from_be_bytes(number.try_into().ok()?),
        };
        Some(Self { challenge: *challenge, use_number })
    }
}

impl Session {
    /// `auth_time`: the second in which the recipient was proved.
    #[must_use]
    pub const fn authenticated_at(&self) -> UnixTime {
        self.began_at.to_seconds()
    }

    /// This session, at most so many seconds from the login, if it lives still.
    pub(crate) fn living(mut self, lifetime: u64, now: UnixTime) -> Option<Self> {
        self.ends_at = self.made_until.min(self.authenticated_at().plus(lifetime));
        (now < self.ends_at).then_some(self)
    }

    /// How many bytes [`Session::write`] appends, about.
    pub(crate) fn length(&self) -> usize {
        self.recipient.as_str().len() + self.subject.len() + self.epoch.len() + self.amr.as_str().len() + 72
    }

    /// Appends the fields, for a seal.
    pub(crate) fn write(&self, to: Canonical<Vec<u8>>) -> Canonical<Vec<u8>> {
        to.bytes(&self.id.to_bytes())
            .text(self.recipient.channel().as_str())
            .text(self.recipient.as_str())
            .text(&self.subject)
            .text(self.amr.as_str())
            .text(&self.epoch)
            .number(self.began_at.as_millis())
            .number(self.made_until.as_seconds())
    }

    /// The inverse of [`Session::write`].
    pub(crate) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let id = SessionId::from_bytes(fields.bytes()?)?;
        let channel = Channel::from_name(fields.text()?)?;
        let recipient = Recipient::from_canonical(channel, fields.text()?);
        let subject = fields.text()?.into();
        let amr = Amr::from_text(fields.text()?)?;
        let epoch = fields.text()?.into();
        let began_at = UnixMillis::from_millis(fields.number()?);
        let made_until = UnixTime::from_seconds(fields.number()?);
        Some(Self { id, recipient, subject, epoch, amr, began_at, ends_at: made_until, made_until })
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_that_of_its_challenge_and_tells_further_uses_apart() {
        let challenge = ChallengeId::from_random(core::array::from_fn(|at| u8::try_from(at).unwrap()));
        for (number, text) in
            [(1, "AAECAwQFBgcICQoLDA0ODw"), (2, "AAECAwQFBgcICQoLDA0ODw.2"), (65_535, "AAECAwQFBgcICQoLDA0ODw.65535")]
        {
            let id = SessionId::new(&challenge, number);
            assert_eq!((id.to_text(), SessionId::from_text(text)), (text.into(), Some(id)));
            assert_eq!(SessionId::from_bytes(&id.to_bytes()), Some(id));
        }
        assert_eq!(SessionId::new(&challenge, 1).to_text(), challenge.to_text());
        for none in [
            "",
            "AAECAwQFBgcICQoLDA0OD",
            "AAECAwQFBgcICQoLDA0ODw.",
            "AAECAwQFBgcICQoLDA0ODw.0",
            "AAECAwQFBgcICQoLDA0ODw.1",
            "AAECAwQFBgcICQoLDA0ODw.02",
            "AAECAwQFBgcICQoLDA0ODw.+2",
            "AAECAwQFBgcICQoLDA0ODw.65536",
            "AAECAwQFBgcICQoLDA0ODw.2.2",
        ] {
            assert_eq!(SessionId::from_text(none), None, "{none}");
        }
        assert_eq!(SessionId::from_bytes(&[0; 15]), None);
        assert_eq!(SessionId::from_bytes(&[0; 17]), None);
    }
}
