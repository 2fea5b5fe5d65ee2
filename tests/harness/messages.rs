//! What messages say, computed as the server computes it.

use countersign::{
    challenge::{Challenges, Links, UntrustedEnvelope},
    keyring::{EnvelopeFormat, Keyring},
    recipient::Recipient,
};
use serde_json::{Value, json};

/// Knows the secret, so it knows what messages say before they arrive, or where none are sent.
pub struct Messages {
    challenges: Challenges,
    links: Links,
}

/// What a message says, and the envelope that it belongs to.
#[derive(Clone)]
pub struct Login {
    pub email: String,
    pub envelope: String,
    pub code: String,
    pub link: String,
}

impl Messages {
    /// Of the nodes with the harness' secret and this issuer.
    pub fn of(issuer: &str) -> Self {
        let secret: Vec<u8> = (0..32).collect();
        let keyring = Keyring::new([secret]).unwrap();
        Self { challenges: Challenges::new(&keyring, issuer, EnvelopeFormat::EdDsa), links: Links::new(&keyring, issuer) }
    }

    pub fn read(&self, email: &str, envelope: &str) -> Login {
        let untrusted = UntrustedEnvelope::parse(envelope).expect("an envelope");
        let recipient = Recipient::parse_email(email).unwrap();
        let verified = self.challenges.authenticate(untrusted, &recipient).expect("an authentic one");
        let code = self.challenges.code(&verified, "").unwrap().expose().to_owned();
        let link = self.links.seal(&verified, "").expose().to_owned();
        Login { email: email.to_owned(), envelope: envelope.to_owned(), code, link }
    }
}

impl Login {
    pub fn with(&self, code: &str) -> Value {
        json!({"email": self.email, "token": code, "challenge": self.envelope})
    }

    pub fn wrong(&self) -> Value {
        let wrong: String = self.code.chars().map(|digit| if digit == '0' { '1' } else { '0' }).collect();
        self.with(&wrong)
    }

    pub fn right(&self, by_link: bool) -> Value {
        if by_link { json!({"email": self.email, "token": self.link}) } else { self.with(&self.code) }
    }
}
