//! A whole login at an edge that was given a secret: no server, no guard, no operating system below the library.
//!
//! Nothing is remembered here, so nobody counts guesses, and a code works until it expires, not once. Therefore codes have
//! 64 bits: 15 characters that aren't guessed. Where codes have to be short or good for one login only, there has to be a
//! guard: see examples/embedded.rs.
//!
//! ```sh
//! cargo run --no-default-features --example edge_login
//! ```

use std::{
    error::Error,
    fs::File,
    io::{self, BufRead as _, Read as _},
    time::SystemTime,
};

use countersign::{
    challenge::{Alphabet, Challenge, ChallengeId, Challenges, CodeFormat, GuardId, UntrustedEnvelope, Use},
    crypto::random,
    keyring::{EnvelopeFormat, Keyring},
    recipient::Recipient,
    time::UnixTime,
    token::{Amr, Login, SessionId, SessionTokens, Sessions, SessionsConfig},
    user::User,
};
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{CryptoRng, SeedableRng as _},
};

const ISSUER: &str = "https://edge.example";

fn main() -> Result<(), Box<dyn Error>> {
    // An edge takes randomness, time and its secret from its host.
    let mut seed = [0; 32];
    File::open("/dev/urandom")?.read_exact(&mut seed)?;
    let mut random = ChaCha20Rng::from_seed(seed);
    let edge = EdgeLogin::new(random::bytes::<32>(&mut random).to_vec())?;

    let mut lines = io::stdin().lock().lines();
    let mut ask = |question: &str| {
        println!("{question}");
        lines.next().unwrap_or_else(|| Ok(String::new()))
    };
    let address = ask("Your address?")?;
    let (envelope, code) = edge.begin(&address, now(), &mut random).ok_or("Enter a valid email address.")?;
    println!("The client keeps this: {envelope}");
    println!("The e-mail says: {code}");
    match edge.complete(&address, &envelope, &ask("The code?")?, now(), &mut random) {
        Some(tokens) => println!("Signed in: {}", tokens.access),
        None => println!("Invalid credentials"),
    }
    Ok(())
}

#[allow(clippy::disallowed_methods, reason = "the edge's own clock")]
fn now() -> UnixTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    UnixTime::from_seconds(since.expect("the clock is past 1970").as_secs())
}

/// What an edge makes of a secret of 32 bytes or more.
#[derive(Debug)]
pub struct EdgeLogin {
    challenges: Challenges,
    sessions: Sessions,
    format: CodeFormat,
}

impl EdgeLogin {
    /// With the secret that the fleet has too, an app behind the fleet takes these tokens as the fleet's.
    pub fn new(secret: Vec<u8>) -> Result<Self, Box<dyn Error>> {
        let keyring = Keyring::new([secret])?;
        Ok(Self {
            challenges: Challenges::new(&keyring, ISSUER, EnvelopeFormat::EdDsa),
            sessions: Sessions::new(&keyring, &SessionsConfig::new(ISSUER))?,
            format: CodeFormat::new(Alphabet::Base20, 15).ok_or("15 characters are no code")?,
        })
    }

    /// The envelope for the client, and the code for the message.
    pub fn begin(&self, address: &str, now: UnixTime, random: &mut impl CryptoRng) -> Option<(String, String)> {
        let recipient = Recipient::parse_email(address).ok()?;
        let id = ChallengeId::from_random(random::bytes(random));
        // No guard has this id, so nobody else redeems what is made here.
        let guard = GuardId::new("edge.0")?;
        let challenge = Challenge::new(id, Use::CODE, recipient.channel(), guard, now, 600);
        let challenge = Challenge { format: Some(self.format.clone()), ..challenge };
        let challenge = self.challenges.seal(challenge, recipient);
        let code = self.challenges.code(&challenge, "")?;
        Some((self.challenges.sign(&challenge), code.expose().to_owned()))
    }

    /// Tokens for the code that belongs to this envelope and this address; `None` whatever is wrong.
    pub fn complete(
        &self,
        address: &str,
        envelope: &str,
        typed: &str,
        now: UnixTime,
        random: &mut impl CryptoRng,
    ) -> Option<SessionTokens> {
        let recipient = Recipient::parse_email(address).ok()?;
        let challenge = self.challenges.authenticate(UntrustedEnvelope::parse(envelope)?, &recipient).ok()?;
        // A node of the fleet has the same secret and makes shorter codes, which it counts: those are its own.
        let is_ours = challenge.challenge().guard.as_str() == "edge.0" && challenge.challenge().usage == Use::CODE;
        let code = self.challenges.code(&challenge, "")?;
        let is_right = code.matches(typed, self.format.alphabet());
        let user = User::of(&recipient);
        let session = SessionId::new(&challenge.challenge().id, 1);
        let login = Login::new(session, &user, &recipient, Amr::of_message(recipient.channel()));
        (is_ours && is_right && !challenge.is_expired(now)).then(|| self.sessions.begin(&login, now, random))
    }
}
