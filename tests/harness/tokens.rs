//! Tokens as the nodes of these tests make them: whoever knows their secret can.

use countersign::{
    keyring::{EnvelopeFormat, Keyring},
    keys::Keys,
    recipient::Recipient,
    time::UnixMillis,
    token::{Amr, Login, SessionId, SessionTokens, SessionsConfig},
    user::User,
};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng as _};

/// Makes sessions of one issuer.
pub struct Mint(Keys);

impl Mint {
    /// With the secret that every server here has.
    pub fn new(issuer: &str) -> Self {
        let secret: Vec<u8> = (0..32).collect();
        let keyring = Keyring::new([secret]).unwrap();
        Self(Keys::new(&keyring, &SessionsConfig::new(issuer), EnvelopeFormat::EdDsa).unwrap())
    }

    /// The tokens of a session that begins now; `number` names it.
    pub fn begin(&self, email: &str, number: u64) -> SessionTokens {
        self.begin_at(now(), email, number)
    }

    /// The tokens of a session that began a minute ago; `number` names it.
    pub fn begun(&self, email: &str, number: u64) -> SessionTokens {
        self.begin_at(UnixMillis::from_millis(now().as_millis() - 60_000), email, number)
    }

    fn begin_at(&self, now: UnixMillis, email: &str, number: u64) -> SessionTokens {
        let recipient = Recipient::parse_email(email).unwrap();
        let user = User::of(&recipient);
        let mut name = [7; 16];
        name[..8].copy_from_slice(&number.to_be_bytes());
        let session = SessionId::new(&countersign::challenge::ChallengeId::from_random(name), 1);
        let login = Login::new(session, &user, &recipient, Amr::OTP).at(now);
        self.0.sessions.begin(&login, now.to_seconds(), &mut ChaCha8Rng::seed_from_u64(number))
    }
}

#[allow(clippy::disallowed_methods, reason = "the servers under test read the same clock")]
fn now() -> UnixMillis {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    UnixMillis::from_millis(u64::try_from(since.as_millis()).unwrap())
}
