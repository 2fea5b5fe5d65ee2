//! The session cookie: who logged in, how and until when, sealed. It never changes during its life, so nothing is rotated, and
//! nothing can race.
//!
//! It is [sealed](crate::token) as a refresh token is, under a key of its own; its fields are (sid, channel, recipient, subject,
//! amr, epoch, the login in milliseconds, end). Any node with the root secret and the issuer opens it.

use alloc::string::String;

use rand_core::CryptoRng;

use crate::{
    crypto::labels,
    keyring::Keyring,
    time::UnixTime,
    token::{
        Session,
        sealed::{OVERHEAD, Purpose, Sealer},
    },
};

/// The most bytes of a name and its value together.
pub const MAX_BYTES: usize = 1024;
/// The most characters of a value: what the longest name, `__Secure-countersign_session`, leaves.
pub const MAX_VALUE: usize = MAX_BYTES - "__Secure-countersign_session".len();

const PURPOSE: Purpose = Purpose { key: labels::SESSION_KEY, label: labels::SESSION, version: 1 };

/// Seals and opens the session cookies of one fleet.
#[derive(Debug)]
pub struct SessionCookies(Sealer);

impl SessionCookies {
    /// With the keys of every root. A cookie of another issuer doesn't open.
    #[must_use]
    pub fn new(keyring: &Keyring, issuer: &str) -> Self {
        Self(Sealer::new(keyring, PURPOSE, issuer))
    }

    /// The cookie's value; `None` where it would be longer than [`MAX_VALUE`], since the user's id and epoch are.
    #[must_use]
    pub fn seal(&self, session: &Session, random: &mut impl CryptoRng) -> Option<String> {
        let value = self.0.seal(session.length(), |fields| session.write(fields), random);
        (value.len() <= MAX_VALUE).then_some(value)
    }

    /// The session of a value that came, if it lives: until the end that it was made with or, where sessions are shorter today,
    /// until today's `lifetime` after the login.
    #[must_use]
    pub fn open(&self, value: &str, lifetime: u64, now: UnixTime) -> Option<Session> {
        if !may_be_one(value) {
            return None;
        }
        self.0.open(value, Session::read)?.living(lifetime, now)
    }
}

/// Whether a value has the length of one of ours.
#[must_use]
pub const fn may_be_one(value: &str) -> bool {
    OVERHEAD < value.len() && value.len() <= MAX_VALUE
}

#[cfg(test)]
mod tests {
    use alloc::{format, vec, vec::Vec};

    use proptest::prelude::*;
    use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

    use super::*;
    use crate::{
        challenge::ChallengeId,
        crypto::base64url,
        recipient::{Channel, Recipient},
        time::UnixMillis,
        token::{Amr, Login, SessionId, Sessions, SessionsConfig},
        user::User,
    };

    const ISSUER: &str = "https://login.example.com";
    const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);
    const WEEK: u64 = 604_800;

    fn keyring(roots: &[u8]) -> Keyring {
        Keyring::new(roots.iter().map(|byte| vec![*byte; 32])).unwrap()
    }

    fn cookies(roots: &[u8]) -> SessionCookies {
        SessionCookies::new(&keyring(roots), ISSUER)
    }

    fn random() -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(1)
    }

    fn session() -> Session {
        Session {
            id: SessionId::new(&ChallengeId::from_random([7; 16]), 2),
            recipient: Recipient::parse_email("ann@example.com").unwrap(),
            subject: "42".into(),
            epoch: "epoch 7".into(),
            amr: Amr::OTP,
            began_at: UnixMillis::from_millis(NOW.as_seconds() * 1000 + 345),
            ends_at: NOW.plus(WEEK),
            made_until: NOW.plus(WEEK),
        }
    }

    fn sealed(session: &Session) -> String {
        cookies(b"1").seal(session, &mut random()).unwrap()
    }

    #[test]
    fn a_session_there_and_back() {
        let value = sealed(&session());
        assert_eq!(cookies(b"1").open(&value, WEEK, NOW), Some(session()));
        assert!(value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "it fits a cookie as it is");
        assert!(!format!("{:?}{:?}", cookies(b"1"), session()).contains("ann"));
    }

    #[test]
    fn it_ends_at_its_end_or_at_todays_lifetime_after_the_login() {
        let (cookies, value) = (cookies(b"1"), sealed(&session()));
        let open = |lifetime, seconds| cookies.open(&value, lifetime, NOW.plus(seconds)).map(|session| session.ends_at);
        assert_eq!(open(WEEK, WEEK - 1), Some(NOW.plus(WEEK)));
        assert_eq!(open(WEEK, WEEK), None);
        assert_eq!(open(2 * WEEK, WEEK), None, "a longer lifetime lengthens nothing");
        assert_eq!(open(60, 59), Some(NOW.plus(60)), "a shorter one shortens");
        assert_eq!(open(60, 60), None);
        assert!(cookies.open(&value, WEEK, NOW.minus(3_600)).is_some(), "a clock that was set back");
        let made_until = |lifetime| cookies.open(&value, lifetime, NOW).unwrap().made_until;
        assert_eq!(
            (made_until(60), made_until(2 * WEEK)),
            (NOW.plus(WEEK), NOW.plus(WEEK)),
            "what it was made with is known still"
        );
    }

    #[test]
    fn only_this_fleets_cookies_open() {
        let value = sealed(&session());
        assert!(cookies(b"21").open(&value, WEEK, NOW).is_some(), "the secrets were rotated");
        assert_eq!(cookies(b"2").open(&value, WEEK, NOW), None, "its root is gone");
        let elsewhere = SessionCookies::new(&keyring(b"1"), "https://login.example.org");
        assert_eq!(elsewhere.open(&value, WEEK, NOW), None, "another issuer");
    }

    #[test]
    fn a_refresh_token_is_no_cookie_and_a_cookie_no_refresh_token() {
        let recipient = session().recipient;
        let user = User::of(&recipient);
        let sessions = Sessions::new(&keyring(b"1"), &SessionsConfig::new(ISSUER)).unwrap();
        let login = Login::new(session().id, &user, &recipient, Amr::OTP);
        let tokens = sessions.begin(&login, NOW, &mut random());
        assert_eq!(cookies(b"1").open(&tokens.refresh, WEEK, NOW), None);
        assert!(sessions.open_refresh(&sealed(&session()), NOW).is_err());
        // Nor with the other's version in front.
        let with_version = |text: &str, version| {
            let mut bytes = base64url::decode(text).unwrap();
            bytes[0] = version;
            base64url::encode(&bytes)
        };
        assert_eq!(cookies(b"1").open(&with_version(&tokens.refresh, PURPOSE.version), WEEK, NOW), None);
        assert!(sessions.open_refresh(&with_version(&sealed(&session()), 2), NOW).is_err());
    }

    #[test]
    fn every_valid_address_fits_and_a_longer_subject_does_not() {
        let longest = format!("{}@{}.example.com", "a".repeat(64), vec!["b".repeat(58); 3].join("."));
        let recipient = Recipient::parse_email(&longest).unwrap();
        assert!(recipient.as_str().len() > 250);
        let with = |subject: usize, epoch: usize| Session {
            id: SessionId::new(&ChallengeId::from_random([7; 16]), u32::MAX),
            recipient: recipient.clone(),
            subject: "s".repeat(subject),
            epoch: "e".repeat(epoch),
            amr: Amr::OTP_SMS.of_reviewers(),
            ..session()
        };
        let seal = |session: &Session| cookies(b"1").seal(session, &mut random());
        assert!(seal(&with(254, 64)).is_some_and(|value| value.len() <= MAX_VALUE));
        assert_eq!(seal(&with(600, 0)), None);
        assert_eq!(seal(&with(2, 600)), None);
        let fits = (0..1_000).take_while(|subject| seal(&with(*subject, 0)).is_some()).last().unwrap();
        let value = seal(&with(fits, 0)).unwrap();
        assert!((MAX_VALUE - 3..=MAX_VALUE).contains(&value.len()), "{}", value.len());
        assert!(cookies(b"1").open(&value, WEEK, NOW).is_some());
    }

    #[test]
    fn the_channel_is_sealed_too() {
        let number = Recipient::from_canonical(Channel::Mobile, "+13035551234");
        let value = sealed(&Session { recipient: number.clone(), amr: Amr::OTP_SMS, ..session() });
        assert_eq!(cookies(b"1").open(&value, WEEK, NOW).unwrap().recipient, number);
    }

    #[test]
    fn forged_cookies() {
        let bytes = base64url::decode(&sealed(&session())).unwrap();
        let open = |bytes: &[u8]| cookies(b"1").open(&base64url::encode(bytes), WEEK, NOW);
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut forged = bytes.clone();
                forged[at] ^= 1 << bit;
                assert_eq!(open(&forged), None, "bit {bit} of byte {at}");
            }
            assert_eq!(open(&bytes[..at]), None, "cut at {at}");
        }
        assert_eq!(open(&[&bytes[..], &[0]].concat()), None);
    }

    proptest! {
        #[test]
        fn nothing_else_opens(value in "\\PC{0,200}|[A-Za-z0-9_-]{0,1100}") {
            prop_assert_eq!(cookies(b"1").open(&value, WEEK, NOW), None);
        }

        #[test]
        fn what_was_sealed_is_what_opens(subject in "\\PC{0,60}", epoch in "\\PC{0,60}", number in 1..70_000_u32, millis in 0..1000_u64) {
            let id = SessionId::new(&ChallengeId::from_random([9; 16]), number);
            let began_at = UnixMillis::from_millis(NOW.as_seconds() * 1000 + millis);
            let session = Session { id, subject, epoch, began_at, ..session() };
            let sealed: Vec<_> = cookies(b"1").seal(&session, &mut random()).into_iter().collect();
            prop_assert!(sealed.iter().all(|value| cookies(b"1").open(value, WEEK, NOW).as_ref() == Some(&session)));
        }
    }
}
