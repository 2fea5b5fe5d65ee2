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
    edge::{Checker, DocumentError, KeyDocument},
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

/// What stands at the edge. Load its documents again every five minutes: keys change.
#[derive(Debug)]
pub struct Edge(Checker);

impl Edge {
    /// From what a fleet publishes; here, as by default, the audience of tokens is the issuer.
    pub fn new(issuer: &str, tokens: &str, challenges: &str, paserk: &str) -> Result<Self, DocumentError> {
        let mut checker = Checker::new(issuer, vec![issuer.to_owned()], 0);
        for (document, text) in KeyDocument::ALL.into_iter().zip([tokens, challenges, paserk]) {
            checker.load(document, text)?;
        }
        Ok(Self(checker))
    }

    /// What `text` is, at the moment `now`.
    #[must_use]
    pub fn judge(&self, text: &str, now: UnixTime) -> String {
        if let Ok(envelope) = self.0.challenge(text, now) {
            let challenge = envelope.challenge();
            return format!("a challenge: pass it on, to node {}", challenge.guard.node());
        }
        if let Ok(token) = self.0.token(text, now) {
            return format!("an access token of {}, until {:?}", token.subject(), token.expires_at());
        }
        "neither: refuse it here".into()
    }
}
