//! What the tests of keys, challenges and tokens have in common: fixed secrets, a fixed moment, fixed randomness.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]

use countersign::{
    challenge::{Alphabet, Challenge, ChallengeId, Challenges, CodeFormat, GuardId, Use},
    edge::{EnvelopeVerifier, read_jwks},
    keyring::{EnvelopeFormat, Keyring, SigningKey, pem::read_pem},
    keys::Keys,
    recipient::{Channel, Recipient},
    time::UnixTime,
    token::{AccessAlgorithm, AccessKeys, KeyDocuments, SessionId, Sessions, SessionsConfig, SharedKey},
    user::User,
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use serde_json::json;

/// 2027-01-15T08:00:00Z.
pub const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);
pub const ISSUER: &str = "https://login.example";
pub const AUDIENCE: &str = "https://api.example";

pub const ALGORITHMS: [AccessAlgorithm; 6] = AccessAlgorithm::ALL;

pub fn random() -> ChaCha20Rng {
    ChaCha20Rng::from_seed([9; 32])
}

/// A keyring of roots that repeat one byte each.
pub fn keyring(roots: &[u8]) -> Keyring {
    Keyring::new(roots.iter().map(|byte| vec![*byte; 32])).unwrap()
}

pub fn rsa_key() -> SigningKey {
    read_pem(include_str!("../keys/rsa2048-pkcs1.pem")).unwrap().remove(0)
}

pub fn sessions_config(algorithm: AccessAlgorithm) -> SessionsConfig {
    let keys = match algorithm {
        AccessAlgorithm::Rs256 => AccessKeys::Configured(vec![rsa_key()]),
        AccessAlgorithm::Hs256 => AccessKeys::Shared(vec![SharedKey::new(*b"a secret of more than thirty-two bytes").unwrap()]),
        _ => AccessKeys::Derived,
    };
    let mut config = SessionsConfig::new(ISSUER);
    (config.algorithm, config.keys, config.audiences) = (algorithm, keys, vec![AUDIENCE.into()]);
    config
}

/// All that roots give, each of which repeats one byte.
pub fn keys(roots: &[u8]) -> Keys {
    Keys::new(&keyring(roots), &sessions_config(AccessAlgorithm::EdDsa), EnvelopeFormat::EdDsa).unwrap()
}

pub fn sessions(algorithm: AccessAlgorithm) -> Sessions {
    Sessions::new(&keyring(&[1]), &sessions_config(algorithm)).unwrap()
}

pub fn recipient() -> Recipient {
    Recipient::parse_email("ann@example.com").unwrap()
}

pub fn user() -> User {
    serde_json::from_value(json!({
        "id": "42", "email": "ann@example.com", "is_active": true, "epoch": "epoch 7", "claims": {"role": "editor"},
    }))
    .unwrap()
}

/// Of the first use of that challenge.
pub fn session_id() -> SessionId {
    SessionId::new(&challenge().id, 1)
}

pub fn challenges(format: EnvelopeFormat) -> Challenges {
    Challenges::new(&keyring(&[1]), ISSUER, format)
}

/// Believes the envelopes of roots that repeat one byte each, by what those publish.
pub fn envelope_verifier(roots: &[u8], format: EnvelopeFormat) -> EnvelopeVerifier {
    let keyring = keyring(roots);
    let sessions = Sessions::new(&keyring, &sessions_config(AccessAlgorithm::EdDsa)).unwrap();
    let published = read_jwks(&KeyDocuments::new(&sessions, &keyring, format).challenge_jwks).unwrap();
    match format {
        EnvelopeFormat::V4Public => EnvelopeVerifier::v4_public(published, ISSUER),
        _ => EnvelopeVerifier::jwt(published, ISSUER),
    }
}

pub fn code_format(characters: &str, length: u8) -> CodeFormat {
    CodeFormat::new(Alphabet::new(characters).unwrap(), length).unwrap()
}

pub fn challenge() -> Challenge {
    Challenge {
        id: ChallengeId::from_random(*b"0123456789abcdef"),
        issued_at: NOW,
        expires_at: NOW.plus(600),
        usage: Use::CODE,
        channel: Channel::Email,
        format: Some(code_format("0123456789", 6)),
        guard: GuardId::new("node-1.0011223344556677").unwrap(),
        binding: None,
    }
}
