//! What stands at an edge: it has public keys and nothing else, and says of each line that it reads whether it is a
//! challenge or an access token of this fleet.
//!
//! ```sh
//! curl -so tokens.json     localhost:8000/.well-known/jwks.json
//! curl -so challenges.json localhost:8000/.well-known/challenge-jwks.json
//! curl -so paserk.json     localhost:8000/.well-known/paserk.json
//! cargo run --no-default-features --example edge -- http://localhost:8000 tokens.json challenges.json paserk.json
//! ```

use std::{env, error::Error, fs, io, time::SystemTime};

use countersign::{
    edge::{AccessVerifier, DocumentError, EnvelopeVerifier, read_jwks, read_paserk},
    time::UnixTime,
};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [issuer, tokens, challenges, paserk] = &*arguments else {
        return Err("give the issuer, and the files jwks.json, challenge-jwks.json and paserk.json".into());
    };
    let [tokens, challenges, paserk] = [tokens, challenges, paserk].map(fs::read_to_string);
    let edge = Edge::new(issuer, &tokens?, &challenges?, &paserk?)?;
    for line in io::stdin().lines() {
        println!("{}", edge.judge(line?.trim(), now()));
    }
    Ok(())
}

#[allow(clippy::disallowed_methods, reason = "the edge's own clock")]
fn now() -> UnixTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    UnixTime::from_seconds(since.expect("the clock is past 1970").as_secs())
}

/// Everything that an edge has, in both formats. Make a new one every five minutes: keys change.
#[derive(Debug)]
pub struct Edge {
    envelopes: [EnvelopeVerifier; 2],
    tokens: [AccessVerifier; 2],
}

impl Edge {
    /// From what a fleet publishes; here, as by default, the audience of tokens is the issuer.
    pub fn new(issuer: &str, tokens: &str, challenges: &str, paserk: &str) -> Result<Self, DocumentError> {
        let paserk = read_paserk(paserk)?;
        let audiences = || vec![issuer.to_owned()];
        Ok(Self {
            envelopes: [
                EnvelopeVerifier::jwt(read_jwks(challenges)?, issuer),
                EnvelopeVerifier::v4_public(paserk.challenge, issuer),
            ],
            tokens: [
                AccessVerifier::jwt(read_jwks(tokens)?, issuer, audiences(), 0),
                AccessVerifier::v4_public(paserk.access, issuer, audiences(), 0),
            ],
        })
    }

    /// What `text` is, at the moment `now`.
    #[must_use]
    pub fn judge(&self, text: &str, now: UnixTime) -> String {
        if let Some(envelope) = self.envelopes.iter().find_map(|verifier| verifier.verify(text, now).ok()) {
            let challenge = envelope.challenge();
            return format!("a challenge: pass it on, to node {}", challenge.guard.node());
        }
        if let Some(token) = self.tokens.iter().find_map(|verifier| verifier.verify(text, now).ok()) {
            return format!("an access token of {}, until {:?}", token.subject(), token.expires_at());
        }
        "neither: refuse it here".into()
    }
}
