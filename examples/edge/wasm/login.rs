//! A WebAssembly module that makes challenges and redeems them, for an edge that was given a secret: a whole login without a server.
//! It imports nothing; time and randomness are handed in. `worker.mjs` beside it serves the login in a Worker.
//!
//! Nothing is remembered here, so nobody counts guesses: codes of fewer than 64 bits are refused. And a code works until it expires,
//! not once, unless the host remembers the `id` that [`countersign_complete`] answers with: it gives the tokens out only if it could
//! note that id as spent.

#![allow(unsafe_code, reason = "a name that isn't mangled is an attribute that counts as unsafe; there is no other unsafe code")]

mod memory;

use core::{cell::RefCell, convert::Infallible};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use countersign::{
    challenge::{
        Alphabet, Binding, Challenge, ChallengeId, Challenges, CodeFormat, GuardId, Strength, UntrustedEnvelope, Use, Verifier,
    },
    keyring::{EnvelopeFormat, Keyring},
    recipient::Recipient,
    time::UnixTime,
    token::{Amr, KeyDocuments, Login, SessionId, Sessions, SessionsConfig},
    user::User,
};
use memory::{Failure, answer};
use rand_core::{TryCryptoRng, TryRng};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// The guard that challenges of this module name. No node of a fleet has it, so none of them redeems what is made here, and here
/// nothing is redeemed that a node made: those may have short codes, which the node counts.
const GUARD: &str = "edge.0";
/// How many random bytes each call is given.
const RANDOM: usize = 256;

thread_local! {
    static EDGE: RefCell<Option<Edge>> = const { RefCell::new(None) };
}

struct Edge {
    challenges: Challenges,
    sessions: Sessions,
    documents: KeyDocuments,
    format: CodeFormat,
    lifetime: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Configuration {
    issuer: String,
    /// Base64url, at least 32 bytes each; the first one makes, all are accepted.
    secrets: Vec<String>,
    /// Of access tokens; without any, the issuer.
    #[serde(default)]
    audiences: Vec<String>,
    /// Characters of a code, of base 20.
    #[serde(default = "fifteen")]
    code_length: u8,
    /// Seconds that a challenge lives.
    #[serde(default = "ten_minutes")]
    lifetime: u64,
}

const fn fifteen() -> u8 {
    15
}

const fn ten_minutes() -> u64 {
    600
}

#[derive(Deserialize)]
struct Begin<'a> {
    email: &'a str,
    /// Base64url.
    random: &'a str,
    #[serde(default)]
    code_challenge: Option<&'a str>,
}

#[derive(Serialize)]
struct Begun<'a> {
    challenge: &'a str,
    code: &'a str,
    /// The canonical address, which the message goes to.
    recipient: &'a str,
    expires_in: u64,
    code_length: u8,
}

#[derive(Deserialize)]
struct Complete {
    email: String,
    token: String,
    challenge: String,
    random: String,
    #[serde(default)]
    code_verifier: Option<String>,
}

#[derive(Serialize)]
struct Completed<'a> {
    /// The challenge's, of which the tokens may be given out once.
    id: &'a str,
    expires_at: u64,
    access: &'a str,
    refresh: &'a str,
    expires_in: u64,
}

/// Takes `{"issuer", "secrets", "audiences", "code_length", "lifetime"}`. Returns 0.
#[unsafe(no_mangle)]
extern "C" fn countersign_configure(length: u32) -> i32 {
    answer(length, |text, output| {
        let edge = configured(text).map_err(|why| {
            *output = why;
            Failure::Configuration
        })?;
        EDGE.set(Some(edge));
        Ok(0)
    })
}

fn configured(text: &str) -> Result<Edge, String> {
    // Only where it is wrong: what serde says might quote a secret.
    let read: Configuration =
        serde_json::from_str(text).map_err(|error| format!("no configuration: column {}", error.column()))?;
    let texts = Zeroizing::new(read.secrets);
    let secrets: Option<Vec<_>> = texts.iter().map(|secret| BASE64.decode(secret).ok()).collect();
    let keyring = Keyring::new(secrets.ok_or("a secret is no base64url")?).map_err(|error| error.to_string())?;
    let format = CodeFormat::new(Alphabet::Base20, read.code_length).ok_or("`code_length` is 15 to 128")?;
    if format.strength() < Strength::Long {
        return Err("nobody counts guesses here: `code_length` is at least 15".into());
    }
    if !(60..=3600).contains(&read.lifetime) {
        return Err("`lifetime` is 60 to 3600 seconds".into());
    }
    let mut config = SessionsConfig::new(read.issuer.clone());
    if !read.audiences.is_empty() {
        config.audiences = read.audiences;
    }
    let sessions = Sessions::new(&keyring, &config).map_err(|error| error.to_string())?;
    Ok(Edge {
        challenges: Challenges::new(&keyring, &read.issuer, EnvelopeFormat::EdDsa),
        documents: KeyDocuments::new(&sessions, &keyring, EnvelopeFormat::EdDsa),
        sessions,
        format,
        lifetime: read.lifetime,
    })
}

/// Answers with a document in which the public keys are published: 0 `jwks.json`, 1 `challenge-jwks.json`, 2 `paserk.json`. The
/// text that comes in is empty.
#[unsafe(no_mangle)]
extern "C" fn countersign_document(document: u32, length: u32) -> i32 {
    answer(length, |_, output| {
        with_edge(|edge| {
            let documents = &edge.documents;
            let all = [&documents.jwks, &documents.challenge_jwks, &documents.paserk];
            let at = usize::try_from(document).map_err(|_| Failure::Document)?;
            output.push_str(all.get(at).ok_or(Failure::Document)?);
            Ok(0)
        })
    })
}

/// Takes `{"email", "random", "code_challenge"}`; `now` in seconds since 1970. Answers `{"challenge", "code", "recipient",
/// "expires_in", "code_length"}`: the challenge is for the client, the code for the message.
#[unsafe(no_mangle)]
extern "C" fn countersign_begin(length: u32, now: u64) -> i32 {
    answer(length, |text, output| {
        with_edge(|edge| {
            let begin: Begin<'_> = serde_json::from_str(text).map_err(|_| Failure::Input)?;
            let mut random = Random::new(begin.random)?;
            let binding = match begin.code_challenge {
                Some(text) => Some(Binding::from_client(text).ok_or(Failure::Input)?),
                None => None,
            };
            let recipient = Recipient::parse_email(begin.email).map_err(|_| Failure::Address)?;
            let id = ChallengeId::from_random(countersign::crypto::random::bytes(&mut random));
            let guard = GuardId::new(GUARD).expect("it is one");
            let made = Challenge::new(id, Use::CODE, recipient.channel(), guard, UnixTime::from_seconds(now), edge.lifetime);
            let sealed = edge.challenges.seal(Challenge { format: Some(edge.format.clone()), binding, ..made }, recipient);
            let code = edge.challenges.code(&sealed, "").expect("it has a format");
            let begun = Begun {
                challenge: &edge.challenges.sign(&sealed),
                code: code.expose(),
                recipient: sealed.recipient().as_str(),
                expires_in: edge.lifetime,
                code_length: edge.format.length(),
            };
            *output = serde_json::to_string(&begun).expect("it is JSON");
            Ok(0)
        })
    })
}

/// Takes `{"email", "token", "challenge", "random", "code_verifier"}`; `now` in seconds since 1970. Answers `{"id", "expires_at",
/// "access", "refresh", "expires_in"}`. Refused alike, whatever is wrong; an authentic challenge that is over says so.
#[unsafe(no_mangle)]
extern "C" fn countersign_complete(length: u32, now: u64) -> i32 {
    answer(length, |text, output| {
        with_edge(|edge| {
            let complete: Complete = serde_json::from_str(text).map_err(|_| Failure::Input)?;
            let (now, mut random) = (UnixTime::from_seconds(now), Random::new(&complete.random)?);
            let recipient = Recipient::parse_email(&complete.email).map_err(|_| Failure::Address)?;
            let envelope = UntrustedEnvelope::parse(&complete.challenge).ok_or(Failure::Invalid)?;
            let sealed = edge.challenges.authenticate(envelope, &recipient).map_err(|_| Failure::Invalid)?;
            let challenge = sealed.challenge();
            // What was made with a shorter length that was configured before isn't counted either.
            let is_long = challenge.format.as_ref().is_some_and(|format| format.strength() == Strength::Long);
            if challenge.guard.as_str() != GUARD || challenge.usage != Use::CODE || !is_long {
                return Err(Failure::Invalid);
            }
            if sealed.is_expired(now) {
                return Err(Failure::Expired);
            }
            let verifier = complete.code_verifier.as_deref().and_then(Verifier::new);
            let is_bound_to_us =
                challenge.binding.is_none_or(|binding| verifier.is_some_and(|verifier| binding.is_met_by(verifier)));
            let code = edge.challenges.code(&sealed, "").ok_or(Failure::Invalid)?;
            let alphabet = challenge.format.as_ref().map_or(&Alphabet::Base20, CodeFormat::alphabet);
            if !(code.matches(&complete.token, alphabet) && is_bound_to_us) {
                return Err(Failure::Invalid);
            }
            let user = User::of(&recipient);
            let login = Login::new(SessionId::new(&challenge.id, 1), &user, &recipient, Amr::of_message(recipient.channel()));
            let tokens = edge.sessions.begin(&login, now, &mut random);
            let completed = Completed {
                id: &challenge.id.to_text(),
                expires_at: challenge.expires_at.as_seconds(),
                access: &tokens.access,
                refresh: &tokens.refresh,
                expires_in: tokens.expires_in,
            };
            *output = serde_json::to_string(&completed).expect("it is JSON");
            Ok(0)
        })
    })
}

fn with_edge(function: impl FnOnce(&Edge) -> Result<i32, Failure>) -> Result<i32, Failure> {
    EDGE.with_borrow(|edge| function(edge.as_ref().ok_or(Failure::NotConfigured)?))
}

/// The host's random bytes, each used once. There are more than any call takes.
struct Random(Zeroizing<Vec<u8>>);

impl Random {
    fn new(text: &str) -> Result<Self, Failure> {
        let bytes = BASE64.decode(text).map_err(|_| Failure::Input)?;
        if bytes.len() == RANDOM { Ok(Self(bytes.into())) } else { Err(Failure::Input) }
    }

    fn take<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        let rest = self.0.len().checked_sub(bytes.len()).expect("a call takes fewer random bytes than it is given");
        bytes.copy_from_slice(&self.0[rest..]);
        self.0.truncate(rest);
    }
}

impl TryRng for Random {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(self.take()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(self.take()))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.fill(bytes);
        Ok(())
    }
}

impl TryCryptoRng for Random {}
