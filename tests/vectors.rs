//! Frozen vectors: what a fleet has made, a later version must still derive, make or open. `vectors.txt` holds them, one
//! `name value` on a line, all for the root secret of 32 bytes 01 and the inputs below. A line changes never.

use std::collections::BTreeMap;

use countersign::{
    browser::session::SessionCookies,
    challenge::{Binding, Challenge, Challenges, Links, UntrustedEnvelope, UntrustedLink, Use, VerifiedChallenge},
    crypto::{base64url, labels},
    events::SubjectHasher,
    keyring::EnvelopeFormat,
    time::UnixMillis,
    token::{AccessAlgorithm, Amr, KeyDocuments, Login, Session, SessionId, SessionTokens, VerifiedRefresh},
};

use crate::given::{
    ALGORITHMS, ISSUER, NOW, challenge, challenges, code_format, envelope_verifier, keyring, random, recipient, session_id,
    sessions, user,
};

/// The value of that name.
fn vector(name: &str) -> &'static str {
    let vectors: BTreeMap<&str, &str> =
        include_str!("vectors.txt").lines().map(|line| line.split_once(' ').expect("a name and a value")).collect();
    vectors.get(name).copied().unwrap_or_default()
}

#[track_caller]
fn frozen(name: &str, actual: &str) {
    assert_eq!(actual, vector(name), "\nvector: {name} {actual}");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// A challenge with every claim in use.
fn bound() -> Challenge {
    Challenge { binding: Binding::from_text("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"), ..challenge() }
}

/// A challenge whose code a provider makes.
fn external() -> Challenge {
    Challenge { usage: Use::EXTERNAL, format: None, ..challenge() }
}

fn sealed(challenges: &Challenges, challenge: Challenge) -> VerifiedChallenge {
    challenges.seal(challenge, recipient())
}

/// The millisecond of the login.
fn began() -> UnixMillis {
    UnixMillis::from_millis(NOW.as_seconds() * 1000 + 345)
}

fn tokens(algorithm: AccessAlgorithm) -> SessionTokens {
    let (user, recipient) = (user(), recipient());
    let login = Login::new(session_id(), &user, &recipient, Amr::OTP).at(began());
    sessions(algorithm).begin(&login, NOW, &mut random())
}

/// A session of a week.
fn session(use_number: u32) -> Session {
    let (user, recipient) = (user(), recipient());
    let id = SessionId::new(&challenge().id, use_number);
    Login::new(id, &user, &recipient, Amr::OTP).at(began()).begin(604_800, NOW)
}

#[test]
fn every_label() {
    // The labels as the source has them, so that a new one can't be forgotten here.
    let source = include_str!("../src/crypto/labels.rs");
    let labels: Vec<&str> =
        source.lines().filter(|line| line.starts_with("pub const")).map(|line| line.split('"').nth(1).unwrap()).collect();
    assert!(labels.len() > 20);
    let keyring = keyring(&[1]);
    for label in labels {
        frozen(label, &hex(keyring.current().derive::<48>(label).expose()));
    }
}

#[test]
fn root_id() {
    frozen("root-id", &keyring(&[1]).current().id().to_text());
    frozen(labels::ROOT_ID, &hex(keyring(&[1]).current().derive::<48>(labels::ROOT_ID).expose()));
}

#[test]
fn audit_subject() {
    frozen("audit-subject", &SubjectHasher::new(&keyring(&[1])).hash("ann@example.com"));
}

#[test]
fn key_ids_and_documents() {
    for algorithm in ALGORITHMS {
        let documents = KeyDocuments::new(&sessions(algorithm), &keyring(&[1]), EnvelopeFormat::EdDsa);
        frozen(&format!("jwks-{}", algorithm.name()), &documents.jwks);
        frozen(&format!("paserk-{}", algorithm.name()), &documents.paserk);
    }
    for (name, format) in
        [("EdDSA", EnvelopeFormat::EdDsa), ("ES256", EnvelopeFormat::Es256), ("v4.public", EnvelopeFormat::V4Public)]
    {
        let documents = KeyDocuments::new(&sessions(AccessAlgorithm::EdDsa), &keyring(&[1]), format);
        frozen(&format!("challenge-jwks-{name}"), &documents.challenge_jwks);
        frozen(&format!("challenge-paserk-{name}"), &documents.paserk);
    }
}

#[test]
fn envelopes() {
    for (name, format) in [("envelope-EdDSA", EnvelopeFormat::EdDsa), ("envelope-v4.public", EnvelopeFormat::V4Public)] {
        let challenges = challenges(format);
        frozen(name, &challenges.sign(&sealed(&challenges, challenge())));
        frozen(&format!("{name}-bound"), &challenges.sign(&sealed(&challenges, bound())));
        frozen(&format!("{name}-external"), &challenges.sign(&sealed(&challenges, external())));
    }
    // ECDSA signs anew each time: what stands before the signature is the same, and the frozen signature is right.
    let challenges = challenges(EnvelopeFormat::Es256);
    let made = challenges.sign(&sealed(&challenges, challenge()));
    let old = vector("envelope-ES256");
    assert_eq!(made.rsplit_once('.').unwrap().0, old.rsplit_once('.').unwrap_or_default().0, "\nvector: envelope-ES256 {made}");
    let verified = envelope_verifier(&[1], EnvelopeFormat::Es256).verify(old, NOW).unwrap();
    assert_eq!(*verified.challenge(), challenge());
}

#[test]
fn frozen_envelopes_are_believed() {
    for (name, format, challenge) in [
        ("envelope-EdDSA", EnvelopeFormat::EdDsa, challenge()),
        ("envelope-EdDSA-bound", EnvelopeFormat::EdDsa, bound()),
        ("envelope-ES256", EnvelopeFormat::Es256, challenge()),
        ("envelope-v4.public", EnvelopeFormat::V4Public, challenge()),
    ] {
        let envelope = UntrustedEnvelope::parse(vector(name)).unwrap();
        let verified = challenges(format).authenticate(envelope, &recipient()).unwrap();
        assert_eq!(*verified.challenge(), challenge, "{name}");
    }
}

#[test]
fn macs_are_the_same_in_every_format() {
    let mac = |format| {
        let challenges = challenges(format);
        let envelope = challenges.sign(&sealed(&challenges, challenge()));
        let claims = envelope.split('.').find_map(|part| {
            let text = String::from_utf8_lossy(&base64url::decode(part)?).into_owned();
            text.split_once(r#""mac":""#).map(|(_, mac)| mac[..43].to_owned())
        });
        claims.unwrap()
    };
    for format in [EnvelopeFormat::EdDsa, EnvelopeFormat::Es256, EnvelopeFormat::V4Public] {
        frozen("mac", &mac(format));
    }
}

#[test]
fn codes() {
    let challenges = challenges(EnvelopeFormat::EdDsa);
    for (name, characters, length) in [
        ("code-6-digits", "0123456789", 6),
        ("code-8-base20", "BCDFGHJKLMNPQRSTVWXZ", 8),
        ("code-15-base20", "BCDFGHJKLMNPQRSTVWXZ", 15),
        ("code-20-custom", "01", 20),
        ("code-5-unicode", "äöü€", 5),
        ("code-128-digits", "0123456789", 128),
    ] {
        let verified = sealed(&challenges, Challenge { format: Some(code_format(characters, length)), ..challenge() });
        frozen(name, challenges.code(&verified, "epoch 7").unwrap().expose());
    }
    let verified = sealed(&challenges, challenge());
    frozen("code-without-epoch", challenges.code(&verified, "").unwrap().expose());
    let long = code_format("abcdefghijklmnopqrstuvwxyz0123456789", 64);
    frozen("long-code", challenges.long_code(&verified, "epoch 7", &long).expose());
}

#[test]
fn a_frozen_link_opens() {
    let links = Links::new(&keyring(&[1]), ISSUER);
    let challenges = challenges(EnvelopeFormat::EdDsa);
    let made = links.seal(&sealed(&challenges, bound()), "epoch 7");
    let link = UntrustedLink::parse(vector("link")).unwrap_or_else(|| panic!("\nvector: link {}", made.expose()));
    let opened = links.open(&challenges, link).unwrap();
    assert_eq!((opened.challenge.challenge(), opened.challenge.recipient()), (&bound(), &recipient()));
    assert_eq!(&*opened.epoch, "epoch 7");
}

#[test]
fn access_tokens() {
    for algorithm in ALGORITHMS {
        let name = format!("access-{}", algorithm.name());
        let access = tokens(algorithm).access;
        if !matches!(algorithm, AccessAlgorithm::Es256 | AccessAlgorithm::V4Local) {
            frozen(&name, &access);
        }
        let verified = sessions(algorithm).verify_access(vector(&name), NOW);
        let verified = verified.unwrap_or_else(|_| panic!("\nvector: {name} {access}"));
        assert_eq!((verified.subject(), verified.expires_at(), verified.amr()), ("42", NOW.plus(300), &Amr::OTP));
        frozen(if algorithm.is_paseto() { "claims-paseto" } else { "claims-jwt" }, verified.json());
    }
}

#[test]
fn refresh_tokens() {
    let refresh = tokens(AccessAlgorithm::EdDsa).refresh;
    frozen("refresh", &refresh);
    let VerifiedRefresh { session, generation } = sessions(AccessAlgorithm::EdDsa)
        .open_refresh(vector("refresh"), NOW)
        .unwrap_or_else(|_| panic!("\nvector: refresh {refresh}"));
    assert_eq!((&*session.subject, &*session.epoch, &session.recipient), ("42", "epoch 7", &recipient()));
    assert_eq!((session.began_at, session.ends_at), (began(), NOW.plus(86_400)));
    assert_eq!((session.amr, generation, session.id), (Amr::OTP, 0, session_id()));
}

#[test]
fn session_cookies() {
    let cookies = SessionCookies::new(&keyring(&[1]), ISSUER);
    for (name, use_number) in [("session-cookie", 1), ("session-cookie-of-second-use", 2)] {
        let session = session(use_number);
        frozen(name, &cookies.seal(&session, &mut random()).unwrap());
        assert_eq!(cookies.open(vector(name), 604_800, NOW), Some(session));
    }
}
