//! Access tokens that were found good a moment ago: a proxy asks for each request of a page, and their signature is the dearest
//! part of an answer.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use sha2::{Digest as _, Sha256};

use super::identity::{Headers, Identity};
use crate::{
    edge::VerifiedAccess,
    ended::SessionFacts,
    keys::Keys,
    time::{UnixMillis, UnixTime},
    token::{Amr, TokenInvalid},
};

/// How many tokens are remembered at most.
const SLOTS: usize = 4096;
/// The longest token that is remembered, in bytes: with the number it bounds what all of them take.
const LONGEST: usize = 4096;

/// A token that is good: what is said and asked of it.
#[derive(Debug)]
pub(crate) struct Accepted {
    /// Who it belongs to.
    pub(crate) identity: Arc<Identity>,
    /// `aud`.
    pub(crate) audiences: Vec<String>,
    /// `amr`.
    pub(crate) amr: Amr,
    /// `sid`.
    session: Box<str>,
    /// `sub`.
    subject: Box<str>,
    /// The end of `auth_time`'s second.
    began: UnixMillis,
}

/// Tokens that are good, each in the one place that its hash gives it; who comes later takes the place. None is believed past
/// its end, none that other keys checked, and none for longer than configured.
#[derive(Debug)]
pub(crate) struct Verdicts {
    slots: Box<[Mutex<Option<Verdict>>]>,
    seconds: u64,
}

#[derive(Debug)]
struct Verdict {
    /// Its hash: nothing here is worth stealing.
    token: [u8; 32],
    /// The keys that checked it.
    keys: Weak<Keys>,
    since: UnixTime,
    /// The first second at which it isn't good.
    ends_at: UnixTime,
    accepted: Arc<Accepted>,
}

impl Verdicts {
    /// That are believed for so many seconds; 0: every token is checked each time.
    pub(crate) fn new(seconds: u64) -> Self {
        let slots = if seconds == 0 { 0 } else { SLOTS };
        Self { slots: (0..slots).map(|_| Mutex::new(None)).collect(), seconds }
    }

    /// What is to be known of a token, if it is good.
    pub(crate) fn check(
        &self,
        token: &str,
        keys: &Arc<Keys>,
        headers: &Headers,
        now: UnixTime,
    ) -> Result<Arc<Accepted>, TokenInvalid> {
        if self.slots.is_empty() || token.len() > LONGEST {
            return keys.sessions.verify_access(token, now).map(|verified| Accepted::new(token, &verified, headers, now).into());
        }
        let hash: [u8; 32] = Sha256::digest(token).into();
        let slot = &self.slots[usize::from(u16::from_le_bytes([hash[0], hash[1]])) % SLOTS];
        let of_slot = || slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(verdict) = of_slot().as_ref().filter(|verdict| verdict.token == hash) {
            let is_by_these = std::ptr::eq(verdict.keys.as_ptr(), Arc::as_ptr(keys));
            let is_recent = now >= verdict.since && now < verdict.since.plus(self.seconds);
            if is_by_these && is_recent && now < verdict.ends_at {
                return Ok(Arc::clone(&verdict.accepted));
            }
        }
        let verified = keys.sessions.verify_access(token, now)?;
        let accepted = Arc::new(Accepted::new(token, &verified, headers, now));
        *of_slot() = Some(Verdict {
            token: hash,
            keys: Arc::downgrade(keys),
            since: now,
            ends_at: keys.sessions.refuses_from(&verified),
            accepted: Arc::clone(&accepted),
        });
        Ok(accepted)
    }
}

impl Accepted {
    fn new(text: &str, token: &VerifiedAccess, headers: &Headers, now: UnixTime) -> Self {
        let SessionFacts { id, subject, began } = token.into();
        Self {
            identity: Identity::of_token(text, token, headers, now).into(),
            audiences: token.audiences().to_vec(),
            amr: token.amr().clone(),
            session: id.into(),
            subject: subject.into(),
            began,
        }
    }

    /// The session, to be asked each time whether it was ended, since that is remembered elsewhere.
    pub(crate) fn session(&self) -> SessionFacts<'_> {
        SessionFacts { id: &self.session, subject: &self.subject, began: self.began }
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng as _};

    use super::{super::ClaimHeaders, *};
    use crate::{
        challenge::ChallengeId,
        keyring::{EnvelopeFormat, Keyring},
        recipient::Recipient,
        token::{Login, SessionId, SessionsConfig},
        user::User,
    };

    const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);

    fn keys(root: u8, leeway: u64) -> Arc<Keys> {
        let keyring = Keyring::new([vec![root; 32]]).unwrap();
        let config = SessionsConfig { leeway, ..SessionsConfig::new("https://login.example.com") };
        Keys::new(&keyring, &config, EnvelopeFormat::EdDsa).unwrap().into()
    }

    fn token(keys: &Keys) -> String {
        let recipient = Recipient::parse_email("ann@example.com").unwrap();
        let user = User::of(&recipient);
        keys.sessions
            .begin(
                &Login::new(SessionId::new(&ChallengeId::from_random([7; 16]), 1), &user, &recipient, Amr::OTP),
                NOW,
                &mut ChaCha8Rng::seed_from_u64(1),
            )
            .access
    }

    fn headers() -> Headers {
        Headers { claims: ClaimHeaders::new(Vec::new()), forward_token: false }
    }

    fn remembered(verdicts: &Verdicts) -> usize {
        verdicts.slots.iter().filter(|slot| slot.lock().unwrap().is_some()).count()
    }

    #[test]
    fn a_token_is_checked_once_and_never_believed_past_its_end() {
        for leeway in [0, 5] {
            let (keys, verdicts) = (keys(1, leeway), Verdicts::new(3600));
            let token = token(&keys);
            let first = verdicts.check(&token, &keys, &headers(), NOW).unwrap();
            let again = verdicts.check(&token, &keys, &headers(), NOW.plus(299 + leeway)).unwrap();
            assert!(Arc::ptr_eq(&first, &again), "remembered until its last second");
            assert!(verdicts.check(&token, &keys, &headers(), NOW.plus(300 + leeway)).is_err(), "leeway {leeway}");
        }
    }

    #[test]
    fn it_is_checked_anew_after_the_configured_time_and_where_the_clock_was_set_back() {
        let (keys, verdicts) = (keys(1, 0), Verdicts::new(10));
        let token = token(&keys);
        let first = verdicts.check(&token, &keys, &headers(), NOW).unwrap();
        assert!(Arc::ptr_eq(&first, &verdicts.check(&token, &keys, &headers(), NOW.plus(9)).unwrap()));
        let second = verdicts.check(&token, &keys, &headers(), NOW.plus(10)).unwrap();
        assert!(!Arc::ptr_eq(&first, &second));
        assert!(!Arc::ptr_eq(&second, &verdicts.check(&token, &keys, &headers(), NOW).unwrap()));
    }

    #[test]
    fn what_other_keys_checked_is_forgotten() {
        let (old, verdicts) = (keys(1, 0), Verdicts::new(300));
        let token = token(&old);
        let first = verdicts.check(&token, &old, &headers(), NOW).unwrap();
        assert!(verdicts.check(&token, &keys(2, 0), &headers(), NOW).is_err(), "a keyring without the root that signed it");
        let same_root = keys(1, 0);
        let again = verdicts.check(&token, &same_root, &headers(), NOW).unwrap();
        assert!(!Arc::ptr_eq(&first, &again), "the new keys check it themselves");
        drop(old);
        assert!(Arc::ptr_eq(&again, &verdicts.check(&token, &same_root, &headers(), NOW).unwrap()));
    }

    #[test]
    fn refusals_and_long_tokens_are_not_remembered_and_one_byte_makes_another_token() {
        let (keys, verdicts) = (keys(1, 0), Verdicts::new(300));
        let token = token(&keys);
        verdicts.check(&token, &keys, &headers(), NOW).unwrap();
        for at in 0..token.len() {
            let mut other = token.clone().into_bytes();
            other[at] ^= 1;
            assert!(verdicts.check(&String::from_utf8(other).unwrap(), &keys, &headers(), NOW).is_err(), "byte {at}");
        }
        assert!(verdicts.check(&"x".repeat(LONGEST + 1), &keys, &headers(), NOW).is_err());
        assert_eq!(remembered(&verdicts), 1);
        assert!(Verdicts::new(0).check(&token, &keys, &headers(), NOW).is_ok(), "off: each is checked");
    }
}
