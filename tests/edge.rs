//! What an edge believes with public keys alone, and the documents that it reads them from.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use countersign::{
    challenge::{Challenge, Challenges},
    crypto::{MacKey, Secret},
    edge::{
        AccessVerifier, Checker, DocumentError, EnvelopeInvalid, EnvelopeVerifier, KeyDocument, MAX_DOCUMENT_BYTES, Refused,
        read_jwks, read_paserk,
    },
    keyring::{EnvelopeFormat, SigningKey},
    token::{AccessAlgorithm, Amr, KeyDocuments, Login, Sessions},
};
use serde_json::{Value, json};

use crate::given::{
    AUDIENCE, ISSUER, NOW, challenge, challenges, envelope_verifier, keyring, random, recipient, rsa_key, session_id, sessions,
    sessions_config, user,
};

#[path = "../examples/edge.rs"]
#[allow(dead_code, unreachable_pub, reason = "the example is a program")]
mod public_keys;
#[path = "../examples/edge_login.rs"]
#[allow(dead_code, unreachable_pub, reason = "the example is a program")]
mod with_secret;

const FORMATS: [EnvelopeFormat; 3] = [EnvelopeFormat::EdDsa, EnvelopeFormat::Es256, EnvelopeFormat::V4Public];
const JWS: [EnvelopeFormat; 2] = [EnvelopeFormat::EdDsa, EnvelopeFormat::Es256];

fn made(format: EnvelopeFormat, challenge: Challenge) -> String {
    let challenges = challenges(format);
    challenges.sign(&challenges.seal(challenge, recipient()))
}

/// What signs a fleet's envelopes.
fn key(format: EnvelopeFormat) -> SigningKey {
    keyring(&[1]).current().envelope_key(format)
}

/// A JWS of these parts that the fleet's own envelope key signed.
fn signed(format: EnvelopeFormat, header: &str, payload: &str) -> String {
    let message = format!("{}.{}", BASE64.encode(header), BASE64.encode(payload));
    let signature = BASE64.encode(key(format).sign(message.as_bytes()));
    format!("{message}.{signature}")
}

fn parts(envelope: &str) -> (String, String) {
    let part = |at| String::from_utf8(BASE64.decode(envelope.split('.').nth(at).unwrap()).unwrap()).unwrap();
    (part(0), part(1))
}

#[track_caller]
fn refused(verifier: &EnvelopeVerifier, envelope: &str, why: &str) {
    assert_eq!(verifier.verify(envelope, NOW), Err(EnvelopeInvalid), "{why}");
}

#[test]
fn an_envelope_is_believed_until_it_ends() {
    for format in FORMATS {
        let (verifier, envelope) = (envelope_verifier(&[1], format), made(format, challenge()));
        let verified = verifier.verify(&envelope, NOW).unwrap();
        assert_eq!(*verified.challenge(), challenge(), "{format:?}");
        assert!(verifier.verify(&envelope, NOW.plus(599)).is_ok(), "{format:?}");
        assert_eq!(verifier.verify(&envelope, NOW.plus(600)), Err(EnvelopeInvalid), "{format:?}, in the second of its end");
    }
}

#[test]
fn envelopes_of_another_issuer_fleet_or_format() {
    for format in FORMATS {
        let envelope = made(format, challenge());
        refused(&envelope_verifier(&[2], format), &envelope, "another fleet's keys");
        assert!(envelope_verifier(&[2, 1], format).verify(&envelope, NOW).is_ok(), "{format:?}: rotated");
        let published = || [key(format).public().clone()];
        for issuer in ["https://login.example/", "https://other.example", ""] {
            let verifier = match format {
                EnvelopeFormat::V4Public => EnvelopeVerifier::v4_public(published(), issuer),
                _ => EnvelopeVerifier::jwt(published(), issuer),
            };
            refused(&verifier, &envelope, "another issuer");
        }
        let of_the_other_format = match format {
            EnvelopeFormat::V4Public => EnvelopeVerifier::jwt(published(), ISSUER),
            _ => EnvelopeVerifier::v4_public(published(), ISSUER),
        };
        refused(&of_the_other_format, &envelope, "the right key for the other format");
        refused(&EnvelopeVerifier::jwt([], ISSUER), &envelope, "no keys");
    }
}

#[test]
fn a_right_signature_under_another_header_is_worth_nothing() {
    for format in JWS {
        let verifier = envelope_verifier(&[1], format);
        let (header, payload) = parts(&made(format, challenge()));
        assert!(verifier.verify(&signed(format, &header, &payload), NOW).is_ok(), "the tool that signs is exact");
        let alg = key(format).algorithm().name();
        for (from, to) in [
            (alg, "none"),
            (alg, "HS256"),
            (alg, if alg == "ES256" { "EdDSA" } else { "ES256" }),
            ("challenge+jwt", "at+jwt"),
            ("challenge+jwt", "jwt"),
            (r#","typ":"challenge+jwt""#, ""),
            (r#""kid":""#, r#""kid":"x"#),
            (r#"{"alg""#, r#"{"crit":["exp"],"alg""#),
            (r#"{"alg""#, r#"{"jwk":{},"alg""#),
            (r#"{"alg""#, r#"{ "alg""#),
        ] {
            refused(&verifier, &signed(format, &header.replacen(from, to, 1), &payload), to);
        }
        let other = SigningKey::ed25519(&Secret::new([5; 32])).kid();
        refused(&verifier, &signed(format, &header.replace(&key(format).kid(), &other), &payload), "another kid");
    }
}

#[test]
fn a_right_signature_over_other_claims_is_worth_nothing() {
    for format in JWS {
        let verifier = envelope_verifier(&[1], format);
        let (header, payload) = parts(&made(format, challenge()));
        for (from, to) in [
            ("countersign-challenge", AUDIENCE),
            (r#""countersign-challenge""#, r#"["countersign-challenge"]"#),
            (ISSUER, "https://other.example"),
            (r#""iss":"https:"#, r#""iss":"https\u003a"#),
            (r#","exp":1800000600"#, ""),
            (r#""exp":1800000600"#, r#""exp":1.8000006e9"#),
            (r#""exp":1800000600"#, r#""exp":1800000600,"exp":1900000000"#),
            (r#""iat":1800000000,"exp":1800000600"#, r#""exp":1800000600,"iat":1800000000"#),
            (r#""channel":"email""#, r#""channel":"pigeon""#),
        ] {
            assert!(payload.contains(from), "{payload} has {from}");
            refused(&verifier, &signed(format, &header, &payload.replacen(from, to, 1)), to);
        }
        refused(&verifier, &signed(format, &header, &format!("{payload} ")), "white space at the end");
        refused(&verifier, &signed(format, &header, "{}"), "no claims");
    }
}

#[test]
fn an_access_token_is_no_envelope_and_an_envelope_no_access_token() {
    let (user, recipient) = (user(), recipient());
    let login = Login::new(session_id(), &user, &recipient, Amr::OTP);
    for algorithm in AccessAlgorithm::ALL {
        let access = sessions(algorithm).begin(&login, NOW, &mut random()).access;
        for format in FORMATS {
            refused(&envelope_verifier(&[1], format), &access, "an access token");
        }
        for format in JWS {
            let Some(payload) = access.split('.').nth(1).filter(|_| !algorithm.is_paseto()) else { continue };
            let (header, _) = parts(&made(format, challenge()));
            let payload = String::from_utf8(BASE64.decode(payload).unwrap()).unwrap();
            refused(&envelope_verifier(&[1], format), &signed(format, &header, &payload), "its claims, signed as an envelope");
        }
    }
    for format in FORMATS {
        let (keys, audiences) = (vec![key(format).public().clone()], || vec!["countersign-challenge".to_owned()]);
        for verifier in [
            AccessVerifier::jwt(keys.clone(), ISSUER, audiences(), 0),
            AccessVerifier::v4_public(keys.clone(), ISSUER, audiences(), 0),
        ] {
            assert!(verifier.verify(&made(format, challenge()), NOW).is_err(), "{format:?} with its own key and audience");
        }
    }
}

#[test]
fn unsigned_and_shared_key_envelopes() {
    for format in JWS {
        let verifier = envelope_verifier(&[1], format);
        let envelope = made(format, challenge());
        let (header, payload) = parts(&envelope);
        let (message, signature) = envelope.rsplit_once('.').unwrap();
        for header in
            [r#"{"alg":"none","typ":"challenge+jwt"}"#, &header.replace(key(format).algorithm().name(), "none"), &header]
        {
            refused(&verifier, &format!("{}.{}.", BASE64.encode(header), BASE64.encode(&payload)), "no signature");
        }
        // The public key, in each form that somebody could take for a secret, as the key of HS256.
        let hs256 = header.replace(key(format).algorithm().name(), "HS256");
        for secret in [key(format).public().jwk(), key(format).kid()] {
            let message = format!("{}.{}", BASE64.encode(&hs256), BASE64.encode(&payload));
            let mac = MacKey::of_any_length(secret.as_bytes()).of_message(message.as_bytes());
            refused(&verifier, &format!("{message}.{}", BASE64.encode(mac.as_bytes())), "HS256 with the public key");
        }
        for signature in [&signature[1..], &signature[..85], &format!("{signature}="), &format!("{signature}A"), &"A".repeat(86)]
        {
            refused(&verifier, &format!("{message}.{signature}"), signature);
        }
    }
}

fn jwks(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

fn jwk(key: &SigningKey) -> Value {
    serde_json::from_str(&key.public().jwk()).unwrap()
}

fn ed25519() -> SigningKey {
    SigningKey::ed25519(&Secret::new([3; 32]))
}

fn p256() -> SigningKey {
    SigningKey::p256(&Secret::new([3; 48]))
}

#[test]
fn what_a_fleet_publishes_is_read_again() {
    for algorithm in AccessAlgorithm::ALL {
        let sessions = sessions(algorithm);
        for format in FORMATS {
            let documents = KeyDocuments::new(&sessions, &keyring(&[1, 2]), format);
            assert_eq!(read_jwks(&documents.jwks).unwrap(), sessions.public_keys());
            let envelopes: Vec<_> =
                keyring(&[1, 2]).roots().iter().map(|root| root.envelope_key(format).public().clone()).collect();
            assert_eq!(read_jwks(&documents.challenge_jwks).unwrap(), envelopes);
        }
    }
    let all = [ed25519(), p256(), rsa_key()];
    let read = read_jwks(&jwks(&all.each_ref().map(jwk))).unwrap();
    for (key, read) in all.iter().zip(&read) {
        assert!(read.verify(b"message", key.sign(b"message").as_ref()), "{:?}", read.algorithm());
        assert!(!read.verify(b"massage", key.sign(b"message").as_ref()));
    }
    assert_eq!(read_jwks(r#"{"keys":[]}"#), Ok(vec![]), "an algorithm that isn't in use");
}

#[test]
fn keys_of_other_kinds_are_skipped() {
    let with = |key: &SigningKey, name: &str, value: Value| {
        let mut jwk = jwk(key);
        jwk[name] = value;
        jwk
    };
    let others = [
        json!({"kty": "AKP", "alg": "ML-DSA-65", "pub": "AAAA"}),
        json!({"kty": "OKP", "crv": "X25519", "x": "AAAA"}),
        json!({"kty": "OKP", "crv": "Ed448", "x": "AAAA"}),
        json!({"kty": "OKP"}),
        json!({"kty": "EC", "crv": "P-384", "x": "AAAA", "y": "AAAA"}),
        with(&ed25519(), "use", "enc".into()),
        with(&ed25519(), "key_ops", json!(["sign"])),
        with(&p256(), "alg", "ECDH-ES".into()),
        with(&rsa_key(), "alg", "PS256".into()),
    ];
    for other in others {
        assert_eq!(read_jwks(&jwks(&[other.clone(), jwk(&p256())])), Ok(vec![p256().public().clone()]), "{other}");
    }
    for (name, value) in
        [("x5c", json!(["MIIB"])), ("key_ops", json!(["verify"])), ("alg", "Ed25519".into()), ("deployed", json!({"at": 1}))]
    {
        assert_eq!(read_jwks(&jwks(&[with(&ed25519(), name, value)])).map(|keys| keys.len()), Ok(1), "{name}");
    }
    let mut bare = jwk(&ed25519());
    for name in ["kid", "alg", "use"] {
        bare.as_object_mut().unwrap().remove(name);
    }
    assert_eq!(read_jwks(&jwks(&[bare])).map(|keys| keys.len()), Ok(1), "only what makes the key");
}

#[test]
fn documents_that_are_refused() {
    let (good, mut private) = (jwk(&ed25519()), jwk(&ed25519()));
    private["d"] = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A".into();
    let refused = |keys: &[Value]| read_jwks(&jwks(keys)).unwrap_err();
    assert_eq!(refused(&[good.clone(), json!({"kty": "oct", "k": "AAAA"})]), DocumentError::Symmetric(1));
    assert_eq!(refused(&[json!({"kty": "oct", "use": "enc"}), good.clone()]), DocumentError::Symmetric(0));
    assert_eq!(refused(&[good.clone(), private]), DocumentError::Private(1));
    assert_eq!(refused(&[good.clone(), good.clone()]), DocumentError::Repeated(1));
    for (name, value) in [
        ("x", json!("AAAA")),
        ("x", json!("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo=")),
        ("x", json!(" 11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")),
        ("x", json!(null)),
    ] {
        let mut broken = good.clone();
        broken[name] = value;
        assert_eq!(refused(&[broken.clone()]), DocumentError::Unusable(0), "{broken}");
    }
    let mut off_the_curve = jwk(&p256());
    off_the_curve["y"] = off_the_curve["x"].clone();
    assert_eq!(refused(&[off_the_curve]), DocumentError::Unusable(0));
    for (name, value) in
        [("n", "AQAB".into()), ("e", json!("")), ("n", format!("AAAA{}", jwk(&rsa_key())["n"].as_str().unwrap()).into())]
    {
        let mut weak = jwk(&rsa_key());
        weak[name] = value;
        assert_eq!(refused(&[weak.clone()]), DocumentError::Unusable(0), "{weak}");
    }
    let mut misnamed = good.clone();
    misnamed["kid"] = "2026-01".into();
    assert_eq!(refused(&[good.clone(), misnamed]), DocumentError::OtherKid(1));

    let key = good.to_string();
    for malformed in [
        String::new(),
        "[]".into(),
        "{}".into(),
        key.clone(),
        format!("[{key}]"),
        format!(r#"{{"keys":{key}}}"#),
        format!(r#"{{"keys":[{key}]"#),
        format!(r#"{{"keys":[{key}]}} x"#),
        format!(r#"{{"keys":[{key}],"keys":[]}}"#),
        format!(r#"{{"keys":[{}]}}"#, key.replacen('{', r#"{"kty":"oct","#, 1)),
        r#"{"keys":[1]}"#.into(),
        r#"{"keys":[{"kty":1}]}"#.into(),
        r#"{"keys":[{"x":"AAAA"}]}"#.into(),
    ] {
        assert_eq!(read_jwks(&malformed), Err(DocumentError::Malformed), "{malformed}");
    }
    let long = format!(r#"{{"keys":[],"pad":"{}"}}"#, "x".repeat(MAX_DOCUMENT_BYTES));
    assert_eq!(read_jwks(&long), Err(DocumentError::TooLong));
}

fn paserk(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

fn paserk_entry(key: &SigningKey, usage: &str) -> Value {
    json!({"kid": key.public().paserk_id().unwrap(), "paserk": key.public().paserk().unwrap(), "use": usage})
}

#[test]
fn what_a_fleet_publishes_as_paserk_is_read_again() {
    for algorithm in AccessAlgorithm::ALL {
        let sessions = sessions(algorithm);
        for format in FORMATS {
            let keyring = keyring(&[1, 2]);
            let read = read_paserk(&KeyDocuments::new(&sessions, &keyring, format).paserk).unwrap();
            let is_public = algorithm == AccessAlgorithm::V4Public;
            assert_eq!(read.access, if is_public { sessions.public_keys() } else { &[] }, "{algorithm:?}");
            let envelopes = keyring.roots().iter().map(|root| root.envelope_key(format).public().clone());
            let is_paseto = format == EnvelopeFormat::V4Public;
            assert_eq!(read.challenge, envelopes.filter(|_| is_paseto).collect::<Vec<_>>(), "{format:?}");
        }
    }
    let (user, recipient) = (user(), recipient());
    let access = sessions(AccessAlgorithm::V4Public)
        .begin(&Login::new(session_id(), &user, &recipient, Amr::OTP), NOW, &mut random())
        .access;
    let documents = KeyDocuments::new(&sessions(AccessAlgorithm::V4Public), &keyring(&[1]), EnvelopeFormat::V4Public);
    let keys = read_paserk(&documents.paserk).unwrap();
    let verifier = AccessVerifier::v4_public(keys.access, ISSUER, vec![AUDIENCE.into()], 0);
    assert_eq!(verifier.verify(&access, NOW).unwrap().subject(), "42");
    let envelope = made(EnvelopeFormat::V4Public, challenge());
    assert!(EnvelopeVerifier::v4_public(keys.challenge.clone(), ISSUER).verify(&envelope, NOW).is_ok());
    let confused = AccessVerifier::v4_public(keys.challenge, ISSUER, vec![AUDIENCE.into()], 0);
    assert!(confused.verify(&access, NOW).is_err(), "keys of envelopes sign no access token");
}

#[test]
fn paserk_documents_that_are_refused_or_skipped() {
    let good = paserk_entry(&ed25519(), "access");
    let with = |name: &str, value: Value| {
        let mut entry = good.clone();
        entry[name] = value;
        entry
    };
    for other in [
        json!({"kid": "k3.pid.AA", "paserk": "k3.public.AA", "use": "access"}),
        json!({"kid": "k4.sid.AA", "paserk": "k4.seal.AA", "use": "access"}),
        paserk_entry(&SigningKey::ed25519(&Secret::new([4; 32])), "encryption"),
    ] {
        let read = read_paserk(&paserk(&[other.clone(), good.clone()])).unwrap();
        assert_eq!((read.access, read.challenge), (vec![ed25519().public().clone()], vec![]), "{other}");
    }
    let both = read_paserk(&paserk(&[good.clone(), paserk_entry(&ed25519(), "challenge")])).unwrap();
    assert_eq!((both.access.len(), both.challenge.len()), (1, 1));

    let refused = |entry: Value| read_paserk(&paserk(&[good.clone(), entry])).unwrap_err();
    for version in ["k3", "k4"] {
        assert_eq!(refused(with("paserk", format!("{version}.local.AA").into())), DocumentError::Symmetric(1));
        assert_eq!(refused(with("paserk", format!("{version}.secret.AA").into())), DocumentError::Private(1));
    }
    for unusable in ["", "k4", "k4.public", "k4.public.", "k4.public.AAAA", "k4.public.!"] {
        assert_eq!(refused(with("paserk", unusable.into())), DocumentError::Unusable(1), "{unusable}");
    }
    assert_eq!(refused(with("kid", ed25519().kid().into())), DocumentError::OtherKid(1));
    assert_eq!(refused(good.clone()), DocumentError::Repeated(1));
    let entry = good.to_string();
    for malformed in [
        String::new(),
        "{}".into(),
        entry.clone(),
        format!("[{entry}]"),
        format!(r#"{{"keys":[{entry}],"keys":[]}}"#),
        format!(r#"{{"keys":[{}]}}"#, entry.replacen('{', r#"{"use":"access","#, 1)),
        paserk(&[with("use", json!(null))]),
        paserk(&[json!({"paserk": good["paserk"], "use": "access"})]),
    ] {
        assert_eq!(read_paserk(&malformed), Err(DocumentError::Malformed), "{malformed}");
    }
    let long = format!(r#"{{"keys":[],"pad":"{}"}}"#, "x".repeat(MAX_DOCUMENT_BYTES));
    assert_eq!(read_paserk(&long), Err(DocumentError::TooLong));
}

/// What an edge without secrets believes, in every format, by the code of the example.
/// What roots that repeat one byte each publish, in the order of [`KeyDocument::ALL`].
fn published(roots: &[u8], algorithm: AccessAlgorithm, format: EnvelopeFormat) -> [Box<str>; 3] {
    let sessions = Sessions::new(&keyring(roots), &sessions_config(algorithm)).unwrap();
    let documents = KeyDocuments::new(&sessions, &keyring(roots), format);
    [documents.jwks, documents.challenge_jwks, documents.paserk]
}

fn load(checker: &mut Checker, documents: &[Box<str>; 3]) {
    for (document, text) in KeyDocument::ALL.into_iter().zip(documents) {
        checker.load(document, text).unwrap();
    }
}

fn access_token(algorithm: AccessAlgorithm) -> String {
    sessions(algorithm).begin(&Login::new(session_id(), &user(), &recipient(), Amr::OTP), NOW, &mut random()).access
}

#[test]
fn a_checker_takes_both_kinds_in_every_published_format_and_never_one_for_the_other() {
    use AccessAlgorithm::{EdDsa, Es256, Rs256, V4Public};
    for algorithm in [EdDsa, Es256, Rs256, V4Public] {
        for format in FORMATS {
            let mut checker = Checker::new(ISSUER, vec![AUDIENCE.into()], 0);
            let (token, envelope) = (access_token(algorithm), made(format, challenge()));
            assert_eq!(checker.token(&token, NOW).unwrap_err(), Refused::NoKeys);
            assert_eq!(checker.challenge(&envelope, NOW).unwrap_err(), Refused::NoKeys);
            load(&mut checker, &published(&[1], algorithm, format));
            assert_eq!(checker.token(&token, NOW).unwrap().subject(), "42");
            assert_eq!(*checker.challenge(&envelope, NOW).unwrap().challenge(), challenge());
            assert!(checker.token(&envelope, NOW).is_err() && checker.challenge(&token, NOW).is_err());
            assert_eq!(checker.token(&token, NOW.plus(300)).unwrap_err(), Refused::Invalid, "it has ended");
            assert_eq!(checker.challenge(&envelope, NOW.plus(600)).unwrap_err(), Refused::Invalid, "it has ended");
            for (issuer, audience) in [("https://other.example", AUDIENCE), (ISSUER, "https://other.example")] {
                let mut foreign = Checker::new(issuer, vec![audience.into()], 0);
                load(&mut foreign, &published(&[1], algorithm, format));
                assert_eq!(foreign.token(&token, NOW).unwrap_err(), Refused::Invalid);
                assert_eq!(
                    foreign.challenge(&envelope, NOW).is_ok(),
                    issuer == ISSUER,
                    "envelopes have an audience of their own"
                );
            }
        }
    }
}

#[test]
fn a_checker_says_when_a_key_is_missing_and_takes_it_over() {
    for (algorithm, format) in [
        (AccessAlgorithm::EdDsa, EnvelopeFormat::Es256),
        (AccessAlgorithm::Es256, EnvelopeFormat::EdDsa),
        (AccessAlgorithm::V4Public, EnvelopeFormat::V4Public),
    ] {
        let mut checker = Checker::new(ISSUER, vec![AUDIENCE.into()], 0);
        let (token, envelope) = (access_token(algorithm), made(format, challenge()));
        load(&mut checker, &published(&[2], algorithm, format));
        assert_eq!(checker.token(&token, NOW).unwrap_err(), Refused::UnknownKey);
        assert_eq!(checker.challenge(&envelope, NOW).unwrap_err(), Refused::UnknownKey);
        // What is no token says nothing about keys.
        for text in ["", "x", "a.b.c", "v4.public.", "v4.public.AA.AA", "eyJhbGciOiJub25lIn0.e30."] {
            assert_eq!(checker.token(text, NOW).unwrap_err(), Refused::Invalid, "{text}");
            assert_eq!(checker.challenge(text, NOW).unwrap_err(), Refused::Invalid, "{text}");
        }
        load(&mut checker, &published(&[2, 1], algorithm, format));
        assert!(checker.token(&token, NOW).is_ok() && checker.challenge(&envelope, NOW).is_ok());
        for document in KeyDocument::ALL {
            assert_eq!(checker.load(document, "{}"), Err(DocumentError::Malformed));
        }
        assert!(checker.token(&token, NOW).is_ok() && checker.challenge(&envelope, NOW).is_ok(), "the keys of before stay");
        load(&mut checker, &published(&[2], algorithm, format));
        assert!(checker.token(&token, NOW).is_err() && checker.challenge(&envelope, NOW).is_err(), "a key that is gone");
    }
}

#[test]
fn the_example_of_an_edge_with_public_keys() {
    let (user, recipient) = (user(), recipient());
    for (algorithm, format) in [
        (AccessAlgorithm::EdDsa, EnvelopeFormat::EdDsa),
        (AccessAlgorithm::Es256, EnvelopeFormat::Es256),
        (AccessAlgorithm::V4Public, EnvelopeFormat::V4Public),
    ] {
        let mut config = sessions_config(algorithm);
        config.audiences = vec![ISSUER.into()];
        let sessions = Sessions::new(&keyring(&[1]), &config).unwrap();
        let documents = KeyDocuments::new(&sessions, &keyring(&[1]), format);
        let edge = public_keys::Edge::new(ISSUER, &documents.jwks, &documents.challenge_jwks, &documents.paserk).unwrap();

        let access = sessions.begin(&Login::new(session_id(), &user, &recipient, Amr::OTP), NOW, &mut random()).access;
        assert!(edge.judge(&access, NOW).starts_with("an access token of 42"), "{algorithm:?}");
        let envelope = made(format, challenge());
        assert!(edge.judge(&envelope, NOW).ends_with("node node-1"), "{format:?}");
        let refused = "neither: refuse it here";
        assert_eq!(edge.judge(&access, NOW.plus(300)), refused);
        assert_eq!(edge.judge(&envelope, NOW.plus(600)), refused);
        for foreign in ["", "a.b.c", &access[1..], &envelope[..envelope.len() - 1]] {
            assert_eq!(edge.judge(foreign, NOW), refused);
        }
    }
}

/// `begin` and `complete` where nobody counts: codes of 64 bits, and none of a node's own.
#[test]
fn the_example_of_an_edge_with_a_secret() {
    let edge = with_secret::EdgeLogin::new(vec![1; 32]).unwrap();
    let mut random = random();
    let (envelope, code) = edge.begin(" Ann@Example.com", NOW, &mut random).unwrap();
    assert_eq!(code.len(), 15);
    let mut complete = |address: &str, envelope: &str, code: &str, now| edge.complete(address, envelope, code, now, &mut random);
    let tokens = complete("ann@example.com", &envelope, &code.to_lowercase(), NOW.plus(599)).unwrap();
    assert_eq!(tokens.expires_in, 300);
    assert!(complete("ann@example.com", &envelope, &code, NOW.plus(600)).is_none(), "it has ended");
    assert!(complete("bob@example.com", &envelope, &code, NOW).is_none(), "another recipient");
    assert!(complete("ann@example.com", &envelope, &code[1..], NOW).is_none(), "another code");

    // A node of the same fleet: its codes are short, and counted there.
    let challenges = Challenges::new(&keyring(&[1]), "https://edge.example", EnvelopeFormat::EdDsa);
    let nodes = challenges.seal(challenge(), recipient());
    let code = challenges.code(&nodes, "").unwrap();
    assert!(complete("ann@example.com", &challenges.sign(&nodes), code.expose(), NOW).is_none());
}
