//! Session tokens through the public interface: what they say, and what they are refused for.

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use countersign::{
    challenge::{Challenges, Links, UntrustedEnvelope, UntrustedLink},
    crypto::{MacKey, Secret, labels},
    edge::AccessVerifier,
    keyring::{EnvelopeFormat, SigningKey, pem::read_pem},
    recipient::Recipient,
    time::UnixTime,
    token::{
        AccessAlgorithm, AccessKeys, Amr, KeyDocuments, Login, SessionTokens, Sessions, SessionsConfig, SessionsError, SharedKey,
        TokenInvalid,
    },
    user::User,
};
use proptest::prelude::*;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use serde_json::{Value, json};

use crate::given::{
    ALGORITHMS, AUDIENCE, ISSUER, NOW, challenge, challenges, envelope_verifier, keyring, random, recipient, rsa_key, session_id,
    sessions, sessions_config, user,
};

const JWT: [AccessAlgorithm; 4] =
    [AccessAlgorithm::EdDsa, AccessAlgorithm::Es256, AccessAlgorithm::Rs256, AccessAlgorithm::Hs256];

fn begin_as(sessions: &Sessions, user: &User) -> SessionTokens {
    sessions.begin(&Login::new(session_id(), user, &recipient(), Amr::OTP), NOW, &mut random())
}

fn begin(sessions: &Sessions) -> SessionTokens {
    begin_as(sessions, &user())
}

fn with(algorithm: AccessAlgorithm, change: impl FnOnce(&mut SessionsConfig)) -> Result<Sessions, SessionsError> {
    let mut config = sessions_config(algorithm);
    change(&mut config);
    Sessions::new(&keyring(&[1]), &config)
}

fn claims(sessions: &Sessions, access: &str) -> Value {
    serde_json::from_str(sessions.verify_access(access, NOW).unwrap().json()).unwrap()
}

fn decode(segment: &str) -> Value {
    serde_json::from_slice(&BASE64.decode(segment).unwrap()).unwrap()
}

fn encode(json: &Value) -> String {
    BASE64.encode(json.to_string())
}

/// What signs a fleet's access tokens, to sign others with it.
fn sign(algorithm: AccessAlgorithm, message: &str) -> String {
    let keyring = keyring(&[1]);
    let root = keyring.current();
    let signature = match algorithm {
        AccessAlgorithm::EdDsa => SigningKey::ed25519(&root.derive(labels::ACCESS_EDDSA_KEY)).sign(message.as_bytes()),
        AccessAlgorithm::Es256 => SigningKey::p256(&root.derive(labels::ACCESS_ES256_KEY)).sign(message.as_bytes()),
        AccessAlgorithm::Rs256 => rsa_key().sign(message.as_bytes()),
        AccessAlgorithm::Hs256 => {
            let key = MacKey::of_any_length(b"a secret of more than thirty-two bytes");
            return format!("{message}.{}", BASE64.encode(key.of_message(message.as_bytes()).as_bytes()));
        }
        _ => unreachable!("JWT only"),
    };
    format!("{message}.{}", BASE64.encode(signature))
}

/// A JWT that the fleet's own key signed, with this header and payload.
fn signed(algorithm: AccessAlgorithm, header: &Value, payload: &str) -> String {
    sign(algorithm, &format!("{}.{}", encode(header), BASE64.encode(payload)))
}

#[track_caller]
fn refused(sessions: &Sessions, token: &str, why: &str) {
    assert_eq!(sessions.verify_access(token, NOW).err(), Some(TokenInvalid), "{:?}, {why}", sessions.algorithm());
}

#[test]
fn every_algorithm_there_and_back() {
    for algorithm in ALGORITHMS {
        let sessions = sessions(algorithm);
        let tokens = begin(&sessions);
        let access = sessions.verify_access(&tokens.access, NOW).unwrap();
        assert_eq!(access.subject(), "42", "{algorithm:?}");
        assert_eq!(access.issuer(), ISSUER);
        assert_eq!(access.audiences(), [AUDIENCE]);
        assert_eq!((access.issued_at(), access.expires_at(), access.authenticated_at()), (NOW, NOW.plus(300), NOW));
        assert_eq!((access.amr(), access.channel().as_str()), (&Amr::OTP, "email"));
        assert_eq!(tokens.expires_in, 300);

        let session = sessions.open_refresh(&tokens.refresh, NOW).unwrap().session;
        assert_eq!((&*session.subject, &*session.epoch, &session.recipient), ("42", "epoch 7", &recipient()));
        assert_eq!((session.authenticated_at(), session.ends_at), (NOW, NOW.plus(86_400)));
        assert_eq!(session.id.to_text(), access.session_id());
        let later = NOW.plus(1_000);
        let renewed = sessions.renew(&session, &user(), later, &mut ChaCha20Rng::from_seed([8; 32]));
        let renewed = sessions.verify_access(&renewed, later).unwrap();
        assert_eq!((renewed.session_id(), renewed.authenticated_at()), (access.session_id(), NOW));
        assert_eq!(renewed.issued_at(), later);
        assert_ne!(renewed.id(), access.id());
    }
}

#[test]
fn the_claims_are_exactly_these() {
    for algorithm in ALGORITHMS {
        let sessions = sessions(algorithm);
        let claims = claims(&sessions, &begin(&sessions).access);
        let names: BTreeSet<&str> = claims.as_object().unwrap().keys().map(String::as_str).collect();
        let expected = [
            "iss",
            "sub",
            "aud",
            "client_id",
            "iat",
            "exp",
            "jti",
            "sid",
            "auth_time",
            "amr",
            "channel",
            "token_type",
            "user_id",
            "role",
        ];
        assert_eq!(names, expected.into(), "{algorithm:?}");
        assert_eq!(claims["aud"], AUDIENCE, "a single audience is a string");
        assert_eq!((&claims["sub"], &claims["user_id"], &claims["role"]), (&"42".into(), &"42".into(), &"editor".into()));
        assert_eq!((&claims["token_type"], &claims["client_id"]), (&"access".into(), &"countersign".into()));
        assert_eq!(claims["amr"], json!(["otp"]));
        if algorithm.is_paseto() {
            assert_eq!(claims["iat"], "2027-01-15T08:00:00+00:00");
            assert_eq!(claims["exp"], "2027-01-15T08:05:00+00:00");
            assert_eq!(claims["auth_time"], "2027-01-15T08:00:00+00:00");
        } else {
            assert_eq!((&claims["iat"], &claims["exp"]), (&1_800_000_000.into(), &1_800_000_300.into()));
        }
    }
}

#[test]
fn headers_and_footers() {
    for algorithm in JWT {
        let sessions = sessions(algorithm);
        let header = decode(begin(&sessions).access.split('.').next().unwrap());
        assert_eq!((&header["alg"], &header["typ"]), (&algorithm.name().into(), &"at+jwt".into()));
        match sessions.public_keys().first() {
            Some(key) => assert_eq!(header, json!({"alg": algorithm.name(), "typ": "at+jwt", "kid": key.kid()})),
            None => assert_eq!(header, json!({"alg": "HS256", "typ": "at+jwt"}), "HS256 has no kid"),
        }
    }
    for (algorithm, start) in [(AccessAlgorithm::V4Public, "k4.pid."), (AccessAlgorithm::V4Local, "k4.lid.")] {
        let access = begin(&sessions(algorithm)).access;
        assert!(access.starts_with(algorithm.name()));
        let footer = decode(access.split('.').nth(3).unwrap());
        assert!(footer["kid"].as_str().unwrap().starts_with(start));
        assert_eq!(footer.as_object().unwrap().len(), 1);
    }
}

#[test]
fn several_audiences_are_an_array_and_one_is_enough() {
    let both = || vec!["https://a.example".to_owned(), "https://b.example".to_owned()];
    let sessions = with(AccessAlgorithm::EdDsa, |config| config.audiences = both()).unwrap();
    let access = begin(&sessions).access;
    assert_eq!(claims(&sessions, &access)["aud"], json!(both()));
    let one = with(AccessAlgorithm::EdDsa, |config| config.audiences = vec!["https://b.example".into()]).unwrap();
    assert!(one.verify_access(&access, NOW).is_ok());
    refused(&with(AccessAlgorithm::EdDsa, |config| config.audiences = vec!["https://c.example".into()]).unwrap(), &access, "aud");
}

#[test]
fn a_users_claims_replace_none_of_ours() {
    let ours = json!({
        "iss": "x", "sub": "x", "aud": "x", "client_id": "x", "iat": 1, "exp": 9_999_999_999_u64, "nbf": 9_999_999_999_u64,
        "jti": "x", "sid": "x", "auth_time": 1, "amr": ["hwk"], "channel": "mobile", "token_type": "refresh", "uid": "x",
        "quote\"d": {"deep": [1, "ä\n", null]}, "kept": true,
    });
    let user: User = serde_json::from_value(json!({"id": "4\"2", "is_active": true, "claims": ours})).unwrap();
    for algorithm in ALGORITHMS {
        let sessions = with(algorithm, |config| config.user_id_claim = "uid".into()).unwrap();
        let access = begin_as(&sessions, &user).access;
        let verified = sessions.verify_access(&access, NOW).unwrap();
        assert_eq!(verified.subject(), "4\"2");
        assert_eq!(verified.expires_at(), NOW.plus(300));
        let claims = claims(&sessions, &access);
        assert_eq!((&claims["uid"], &claims["kept"], &claims["nbf"]), (&"4\"2".into(), &true.into(), &Value::Null));
        assert_eq!(claims["quote\"d"], ours["quote\"d"]);
        assert_eq!(claims.as_object().unwrap().len(), 15);
    }
}

#[test]
fn expired_by_a_second() {
    for algorithm in ALGORITHMS {
        let sessions = sessions(algorithm);
        let access = begin(&sessions).access;
        assert!(sessions.verify_access(&access, NOW.plus(299)).is_ok());
        assert_eq!(sessions.verify_access(&access, NOW.plus(300)).err(), Some(TokenInvalid));
        let lenient = with(algorithm, |config| config.leeway = 10).unwrap();
        assert!(lenient.verify_access(&access, NOW.plus(309)).is_ok());
        assert_eq!(lenient.verify_access(&access, NOW.plus(310)).err(), Some(TokenInvalid));
    }
}

#[test]
fn a_session_ends_and_no_access_token_outlives_it() {
    let sessions = with(AccessAlgorithm::EdDsa, |config| config.leeway = 60).unwrap();
    let refresh = begin(&sessions).refresh;
    let session = sessions.open_refresh(&refresh, NOW.plus(86_399)).unwrap().session;
    assert_eq!(sessions.open_refresh(&refresh, NOW.plus(86_400)).err(), Some(TokenInvalid), "no leeway here");
    let late = NOW.plus(86_390);
    let access = sessions.renew(&session, &user(), late, &mut random());
    assert_eq!(sessions.verify_access(&access, late).unwrap().expires_at(), NOW.plus(86_400));

    let short = with(AccessAlgorithm::EdDsa, |config| config.refresh_lifetime = 100).unwrap();
    let tokens = begin(&short);
    assert_eq!(tokens.expires_in, 100);
    assert_eq!(short.verify_access(&tokens.access, NOW).unwrap().expires_at(), NOW.plus(100));
}

#[test]
fn another_issuer_audience_or_secret() {
    for algorithm in ALGORITHMS {
        let sessions = sessions(algorithm);
        let issuer = with(algorithm, |config| config.issuer = "https://login.example/".into()).unwrap();
        refused(&sessions, &begin(&issuer).access, "another issuer");
        assert!(sessions.open_refresh(&begin(&issuer).refresh, NOW).is_err(), "refresh of another issuer");
        let audience = with(algorithm, |config| config.audiences = vec!["https://other.example".into()]).unwrap();
        refused(&sessions, &begin(&audience).access, "another audience");
        let other = Sessions::new(&keyring(&[2]), &sessions_config(algorithm)).unwrap();
        assert!(sessions.open_refresh(&begin(&other).refresh, NOW).is_err(), "refresh of another secret");
        if !matches!(algorithm, AccessAlgorithm::Rs256 | AccessAlgorithm::Hs256) {
            refused(&sessions, &begin(&other).access, "another secret");
        }
    }
}

#[test]
fn rotated_secrets_are_accepted_until_they_are_removed() {
    for algorithm in ALGORITHMS {
        // The keys of RS256 and HS256 are configured, and rotated by themselves.
        let are_derived = !matches!(algorithm, AccessAlgorithm::Rs256 | AccessAlgorithm::Hs256);
        let derived = |roots: &[u8]| Sessions::new(&keyring(roots), &sessions_config(algorithm)).unwrap();
        let tokens = begin(&derived(&[1]));
        let rotated = derived(&[2, 1]);
        assert!(rotated.verify_access(&tokens.access, NOW).is_ok(), "{algorithm:?}");
        assert!(rotated.open_refresh(&tokens.refresh, NOW).is_ok());
        let removed = derived(&[2]);
        assert!(removed.open_refresh(&tokens.refresh, NOW).is_err());
        if are_derived {
            refused(&removed, &tokens.access, "a removed secret");
            assert!(removed.verify_access(&begin(&rotated).access, NOW).is_ok(), "the first signs");
        }
    }
}

#[test]
fn another_algorithm_refuses_access_tokens_and_keeps_refresh_tokens() {
    for made in ALGORITHMS {
        let tokens = begin(&sessions(made));
        for configured in ALGORITHMS.into_iter().filter(|configured| *configured != made) {
            let sessions = sessions(configured);
            refused(&sessions, &tokens.access, &format!("made as {made:?}"));
            assert!(sessions.open_refresh(&tokens.refresh, NOW).is_ok());
        }
    }
}

#[test]
fn hs256_secrets_in_rotation() {
    let keys = |names: &[&str]| {
        let key = |name: &&str| SharedKey::new(name.repeat(32)).unwrap();
        let keys = AccessKeys::Shared(names.iter().map(key).collect());
        with(AccessAlgorithm::Hs256, |config| config.keys = keys).unwrap()
    };
    let access = begin(&keys(&["a"])).access;
    assert!(keys(&["b", "a"]).verify_access(&access, NOW).is_ok(), "all are accepted");
    refused(&keys(&["b"]), &access, "a removed secret");
    assert!(keys(&["b"]).verify_access(&begin(&keys(&["b", "a"])).access, NOW).is_ok(), "the first signs");
    assert!(SharedKey::new("a".repeat(31)).is_none());
}

#[test]
fn configured_keys_replace_the_derived_ones() {
    let file = |text: &str| AccessKeys::Configured(read_pem(text).unwrap());
    let ed25519 = include_str!("keys/ed25519.pem");
    let p256 = include_str!("keys/p256-sec1.pem");
    let rsa = include_str!("keys/rsa2048-pkcs1.pem");
    let configured = with(AccessAlgorithm::EdDsa, |config| config.keys = file(ed25519)).unwrap();
    let derived = sessions(AccessAlgorithm::EdDsa);
    refused(&configured, &begin(&derived).access, "the derived key");
    refused(&derived, &begin(&configured).access, "the configured key");

    // The next key is published before it signs, whatever its algorithm; a token is checked with its own key's.
    let before = with(AccessAlgorithm::Rs256, |config| config.keys = file(&[rsa, p256].concat())).unwrap();
    let after = with(AccessAlgorithm::Es256, |config| config.keys = file(&[p256, rsa].concat())).unwrap();
    assert_eq!(before.public_keys().len(), 2);
    for sessions in [&before, &after] {
        assert!(sessions.verify_access(&begin(&before).access, NOW).is_ok());
        assert!(sessions.verify_access(&begin(&after).access, NOW).is_ok());
    }
    let wrong = with(AccessAlgorithm::EdDsa, |config| config.keys = file(p256));
    assert_eq!(wrong.err(), Some(SessionsError::FirstKeyOfAnotherAlgorithm));
}

#[test]
fn what_is_no_configuration() {
    let fault = |algorithm, change: fn(&mut SessionsConfig)| with(algorithm, change).err();
    let eddsa = AccessAlgorithm::EdDsa;
    assert_eq!(fault(eddsa, |c| c.audiences.clear()), Some(SessionsError::NoAudience));
    assert_eq!(fault(AccessAlgorithm::V4Public, |c| c.audiences.push("b".into())), Some(SessionsError::SeveralAudiences));
    assert_eq!(fault(eddsa, |c| c.audiences.push("countersign-challenge".into())), Some(SessionsError::ChallengeAudience));
    for name in ["iss", "sub", "nbf", "amr", "token_type"] {
        assert_eq!(with(eddsa, |c| c.user_id_claim = name.into()).err(), Some(SessionsError::ReservedClaim));
    }
    for algorithm in [AccessAlgorithm::Rs256, AccessAlgorithm::Hs256] {
        assert_eq!(fault(algorithm, |c| c.keys = AccessKeys::Derived), Some(SessionsError::KeysNeeded));
    }
    assert_eq!(fault(AccessAlgorithm::V4Local, |c| c.keys = AccessKeys::Configured(vec![])), Some(SessionsError::KeysNotUsable));
    assert_eq!(fault(AccessAlgorithm::Hs256, |c| c.keys = AccessKeys::Configured(vec![])), Some(SessionsError::KeysNotUsable));
    assert_eq!(fault(AccessAlgorithm::Hs256, |c| c.keys = AccessKeys::Shared(vec![])), Some(SessionsError::NumberOfKeys));
    assert_eq!(fault(eddsa, |c| c.keys = AccessKeys::Configured(vec![])), Some(SessionsError::NumberOfKeys));
    assert_eq!(fault(eddsa, |c| c.access_lifetime = 0), Some(SessionsError::NoLifetime));
}

/// Every kind of text that the engine makes, under the same secret, against everything that reads one.
#[test]
fn no_kind_passes_as_another() {
    let keyring = keyring(&[1]);
    let formats = [EnvelopeFormat::EdDsa, EnvelopeFormat::Es256, EnvelopeFormat::V4Public];
    let fleets: Vec<Challenges> = formats.iter().map(|format| challenges(*format)).collect();
    let links = Links::new(&keyring, ISSUER);
    let all: Vec<Sessions> = ALGORITHMS.iter().map(|algorithm| sessions(*algorithm)).collect();

    let mut texts: Vec<(String, String)> = Vec::new();
    for (format, fleet) in formats.iter().zip(&fleets) {
        let verified = fleet.seal(challenge(), recipient());
        texts.push((format!("envelope {format:?}"), fleet.sign(&verified)));
        texts.push(("link".into(), links.seal(&verified, "epoch 7").expose().into()));
    }
    for sessions in &all {
        let tokens = begin(sessions);
        texts.push((format!("access {:?}", sessions.algorithm()), tokens.access));
        texts.push(("refresh".into(), tokens.refresh));
    }

    for (kind, text) in &texts {
        for (format, fleet) in formats.iter().zip(&fleets) {
            let own = *kind == format!("envelope {format:?}");
            let parsed = || UntrustedEnvelope::parse(text);
            let believed = parsed().is_some_and(|envelope| fleet.authenticate(envelope, &recipient()).is_ok());
            assert_eq!(believed, own, "{kind} as an envelope {format:?}");
            let signed = envelope_verifier(&[1], *format).verify(text, NOW).is_ok();
            assert_eq!(signed, own, "{kind} as an envelope {format:?} at the edge");
            let opened = UntrustedLink::parse(text).is_some_and(|link| links.open(fleet, link).is_ok());
            assert_eq!(opened, kind == "link", "{kind} as a link");
        }
        for sessions in &all {
            let believed = sessions.verify_access(text, NOW).is_ok();
            assert_eq!(believed, *kind == format!("access {:?}", sessions.algorithm()), "{kind} as access to {sessions:?}");
            assert_eq!(sessions.open_refresh(text, NOW).is_ok(), kind == "refresh", "{kind} as refresh");
        }
    }
}

#[test]
fn alg_none() {
    for algorithm in JWT {
        let sessions = sessions(algorithm);
        let access = begin(&sessions).access;
        let parts: Vec<&str> = access.split('.').collect();
        let kid = decode(parts[0])["kid"].clone();
        for alg in ["none", "None", "NONE", ""] {
            for header in [json!({"alg": alg, "typ": "at+jwt"}), json!({"alg": alg, "typ": "at+jwt", "kid": kid})] {
                refused(&sessions, &format!("{}.{}.", encode(&header), parts[1]), "alg none, no signature");
                refused(&sessions, &format!("{}.{}.{}", encode(&header), parts[1], parts[2]), "alg none");
                refused(&sessions, &signed(algorithm, &header, &payload(&access)), "alg none, rightly signed");
            }
        }
        refused(&sessions, &format!("{}.{}.", parts[0], parts[1]), "the signature cut off");
        refused(&sessions, &format!("{}.{}", parts[0], parts[1]), "two parts");
    }
}

fn payload(access: &str) -> String {
    String::from_utf8(BASE64.decode(access.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

/// The public key is no secret, in none of its forms.
#[test]
fn hs256_with_the_public_key_as_secret() {
    for algorithm in [AccessAlgorithm::EdDsa, AccessAlgorithm::Es256, AccessAlgorithm::Rs256] {
        let sessions = sessions(algorithm);
        let access = begin(&sessions).access;
        let key = &sessions.public_keys()[0];
        let jwk: Value = serde_json::from_str(&key.jwk()).unwrap();
        let mut secrets: Vec<Vec<u8>> = vec![key.jwk().into(), key.kid().into()];
        for member in ["x", "y", "n", "e"] {
            if let Some(text) = jwk[member].as_str() {
                secrets.push(text.into());
                secrets.push(BASE64.decode(text).unwrap());
            }
        }
        let headers = [json!({"alg": "HS256", "typ": "at+jwt"}), json!({"alg": "HS256", "typ": "at+jwt", "kid": key.kid()})];
        for header in &headers {
            for secret in &secrets {
                let message = format!("{}.{}", encode(header), access.split('.').nth(1).unwrap());
                let mac = MacKey::of_any_length(secret).of_message(message.as_bytes());
                refused(&sessions, &format!("{message}.{}", BASE64.encode(mac.as_bytes())), "HS256 by the public key");
            }
        }
    }
}

#[test]
fn typ_variants() {
    for algorithm in JWT {
        let sessions = sessions(algorithm);
        let access = begin(&sessions).access;
        let header = decode(access.split('.').next().unwrap());
        let with = |name: &str, value: Value| {
            let mut header = header.clone();
            header[name] = value;
            signed(algorithm, &header, &payload(&access))
        };
        assert!(sessions.verify_access(&signed(algorithm, &header, &payload(&access)), NOW).is_ok(), "the tool is exact");
        for typ in ["JWT", "jwt", "AT+JWT", "application/at+jwt", "at+jwt ", "challenge+jwt", "dpop+jwt", ""] {
            refused(&sessions, &with("typ", typ.into()), typ);
        }
        refused(&sessions, &with("typ", Value::Null), "typ null");
        let mut without = header.clone();
        without.as_object_mut().unwrap().remove("typ");
        refused(&sessions, &signed(algorithm, &without, &payload(&access)), "no typ");
    }
}

#[test]
fn header_variants() {
    for algorithm in JWT {
        let sessions = sessions(algorithm);
        let access = begin(&sessions).access;
        let header = decode(access.split('.').next().unwrap());
        let kid = header["kid"].clone();
        let foreign = SigningKey::ed25519(&Secret::new([5; 32])).kid();
        for (name, value) in [
            ("kid", json!(foreign)),
            ("kid", json!(format!("{}A", kid.as_str().unwrap_or_default()))),
            ("kid", json!("")),
            ("kid", json!("../../dev/null")),
            ("kid", json!(7)),
            ("crit", json!(["exp"])),
            ("b64", json!(false)),
            ("jwk", json!({"kty": "oct", "k": "AA"})),
            ("jku", json!("https://evil.example/jwks.json")),
            ("x5u", json!("https://evil.example/x5u")),
            ("zip", json!("DEF")),
            ("alg", json!("HS512")),
            ("alg", json!("PS256")),
            ("alg", json!(["EdDSA"])),
            ("alg", json!("Ed25519")),
        ] {
            let mut altered = header.clone();
            altered[name] = value;
            refused(&sessions, &signed(algorithm, &altered, &payload(&access)), &altered.to_string());
        }
        if algorithm != AccessAlgorithm::Hs256 {
            let without = json!({"alg": algorithm.name(), "typ": "at+jwt"});
            refused(&sessions, &signed(algorithm, &without, &payload(&access)), "no kid");
        }
        let repeated = format!(r#"{{"alg":"none",{}"#, &header.to_string()[1..]);
        let message = format!("{}.{}", BASE64.encode(&repeated), access.split('.').nth(1).unwrap());
        refused(&sessions, &sign(algorithm, &message), "alg twice");
    }
}

/// Rightly signed, as somebody could who shares a configured key, but not what an access token of this fleet is.
#[test]
fn claims_altered_removed_or_repeated() {
    for algorithm in JWT {
        let sessions = sessions(algorithm);
        let access = begin(&sessions).access;
        let header = decode(access.split('.').next().unwrap());
        let claims: Value = serde_json::from_str(&payload(&access)).unwrap();
        for name in claims.as_object().unwrap().keys() {
            let mut without = claims.clone();
            without.as_object_mut().unwrap().remove(name);
            let accepted = sessions.verify_access(&signed(algorithm, &header, &without.to_string()), NOW).is_ok();
            assert_eq!(accepted, ["user_id", "role"].contains(&name.as_str()), "without {name}");
            let repeated = format!(r#"{},"{name}":{}}}"#, claims.to_string().trim_end_matches('}'), claims[name]);
            let accepted = sessions.verify_access(&signed(algorithm, &header, &repeated), NOW).is_ok();
            assert_eq!(accepted, ["user_id", "role"].contains(&name.as_str()), "{name} twice");
        }
        for (name, value) in [
            ("iss", json!("https://login.example/")),
            ("iss", json!(["https://login.example"])),
            ("aud", json!("https://api.example/")),
            ("aud", json!([])),
            ("aud", json!("countersign-challenge")),
            ("aud", json!({"https://api.example": true})),
            ("exp", json!(1_800_000_000)),
            ("exp", json!(-1)),
            ("exp", json!("1800000300")),
            ("exp", json!(1_800_000_300.5)),
            ("exp", json!("2027-01-15T08:05:00+00:00")),
            ("token_type", json!("refresh")),
            ("token_type", json!("Access")),
            ("sub", json!(42)),
            ("channel", json!("sms")),
            ("amr", json!([])),
            ("amr", json!("otp")),
            ("amr", json!(["otp sms"])),
            ("amr", json!(["otp", ""])),
            ("amr", json!(["otp", 1])),
            ("amr", json!(["o\"tp"])),
        ] {
            let mut altered = claims.clone();
            altered[name] = value.clone();
            let token = signed(algorithm, &header, &altered.to_string());
            refused(&sessions, &token, &format!("{name} = {value}"));
        }
        for payload in ["", "null", "[]", "{}", "1", "{", &format!("{claims} x")] {
            refused(&sessions, &signed(algorithm, &header, payload), payload);
        }
    }
}

#[test]
fn documents_publish_what_is_accepted() {
    let envelope = EnvelopeFormat::EdDsa;
    let keyring = keyring(&[2, 1]);
    for algorithm in ALGORITHMS {
        let sessions = Sessions::new(&keyring, &sessions_config(algorithm)).unwrap();
        let documents = KeyDocuments::new(&sessions, &keyring, envelope);
        let set = |text: &str| serde_json::from_str::<Value>(text).unwrap()["keys"].as_array().unwrap().clone();
        let counts = [&documents.jwks, &documents.jwks_eddsa, &documents.jwks_es256, &documents.jwks_rs256, &documents.paserk]
            .map(|text| set(text).len());
        let expected = match algorithm {
            AccessAlgorithm::EdDsa => [2, 2, 0, 0, 0],
            AccessAlgorithm::Es256 => [2, 0, 2, 0, 0],
            AccessAlgorithm::Rs256 => [1, 0, 0, 1, 0],
            AccessAlgorithm::V4Public => [2, 2, 0, 0, 2],
            AccessAlgorithm::Hs256 | AccessAlgorithm::V4Local => [0; 5],
        };
        assert_eq!(counts, expected, "{algorithm:?}");
        assert_eq!(set(&documents.challenge_jwks).len(), 2);
        for key in set(&documents.jwks).iter().chain(&set(&documents.challenge_jwks)) {
            let alg = match algorithm {
                AccessAlgorithm::Es256 | AccessAlgorithm::Rs256 if key["crv"] != "Ed25519" => algorithm.name(),
                _ => "EdDSA",
            };
            assert_eq!((&key["alg"], &key["use"]), (&alg.into(), &"sig".into()));
            assert_ne!(key["kty"], "oct");
            assert_eq!(key["kid"].as_str().unwrap().len(), 43);
            assert!(key.get("d").is_none());
        }
        for key in set(&documents.paserk) {
            assert_eq!((&key["use"], key.as_object().unwrap().len()), (&"access".into(), 3));
            assert!(key["kid"].as_str().unwrap().starts_with("k4.pid."));
            assert!(key["paserk"].as_str().unwrap().starts_with("k4.public."));
        }
    }
    let paserk = KeyDocuments::new(&sessions(AccessAlgorithm::V4Public), &keyring, EnvelopeFormat::V4Public).paserk;
    let paserk: Value = serde_json::from_str(&paserk).unwrap();
    let uses: Vec<&str> = paserk["keys"].as_array().unwrap().iter().map(|key| key["use"].as_str().unwrap()).collect();
    assert_eq!(uses, ["access", "challenge", "challenge"]);
}

/// The edge has public keys and nothing else.
#[test]
fn public_keys_are_enough_to_verify() {
    for algorithm in [AccessAlgorithm::EdDsa, AccessAlgorithm::Es256, AccessAlgorithm::Rs256, AccessAlgorithm::V4Public] {
        let sessions = sessions(algorithm);
        let access = begin(&sessions).access;
        let keys = sessions.public_keys().to_vec();
        let audiences = vec![AUDIENCE.to_owned()];
        let verifier = match algorithm {
            AccessAlgorithm::V4Public => AccessVerifier::v4_public(keys, ISSUER, audiences, 0),
            _ => AccessVerifier::jwt(keys, ISSUER, audiences, 0),
        };
        assert_eq!(verifier.verify(&access, NOW).map(|access| access.subject().to_owned()), Ok("42".into()));
        assert_eq!(verifier.verify(&access, NOW.plus(300)).err(), Some(TokenInvalid));
    }
}

#[test]
fn debug_shows_no_token_and_no_key() {
    for algorithm in ALGORITHMS {
        let sessions = sessions(algorithm);
        let tokens = begin(&sessions);
        let access = sessions.verify_access(&tokens.access, NOW).unwrap();
        let session = sessions.open_refresh(&tokens.refresh, NOW).unwrap().session;
        let shown = format!("{sessions:?} {tokens:?} {access:?} {session:?} {:?}", sessions_config(algorithm));
        for secret in [&*tokens.access, &tokens.refresh, "ann@", "a secret of more than", "1, 1, 1, 1", "AQEBAQEB"] {
            assert!(!shown.contains(secret), "{algorithm:?}: {secret} in {shown}");
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_refused(text in "(v4\\.(public|local)\\.)?[A-Za-z0-9_.=-]{0,300}|.{0,60}", algorithm in 0..6_usize) {
        let sessions = sessions(ALGORITHMS[algorithm]);
        prop_assert!(sessions.verify_access(&text, NOW).is_err());
        prop_assert!(sessions.open_refresh(&text, NOW).is_err());
    }

    #[test]
    fn one_character_changed(at in any::<prop::sample::Index>(), character in "[A-Za-z0-9_.-]", algorithm in 0..6_usize) {
        let sessions = sessions(ALGORITHMS[algorithm]);
        let tokens = begin(&sessions);
        let change = |token: &str| {
            let at = at.index(token.len());
            let mut altered = token.to_owned();
            altered.replace_range(at..=at, &character);
            (altered != token).then_some(altered)
        };
        if let Some(access) = change(&tokens.access) {
            prop_assert!(sessions.verify_access(&access, NOW).is_err());
        }
        if let Some(refresh) = change(&tokens.refresh) {
            prop_assert!(sessions.open_refresh(&refresh, NOW).is_err());
        }
    }

    #[test]
    fn sessions_come_back(
        subject in "\\PC{1,40}|.{1,40}", epoch in any::<String>(), name in "[a-z]{1,20}", now in 0..u64::MAX / 2_000, mobile in any::<bool>(),
    ) {
        let user: User = serde_json::from_value(json!({"id": subject, "epoch": epoch, "is_active": true})).unwrap();
        let recipient = Recipient::parse_email(&format!("{name}@example.com")).unwrap();
        let amr = if mobile { Amr::OTP_TEL } else { Amr::new([&*name, "x-other"]).unwrap() };
        let now = UnixTime::from_seconds(now);
        let sessions = sessions(AccessAlgorithm::EdDsa);
        let tokens = sessions.begin(&Login::new(session_id(), &user, &recipient, amr.clone()), now, &mut random());
        let session = sessions.open_refresh(&tokens.refresh, now).unwrap().session;
        prop_assert_eq!((session.subject, session.epoch, session.recipient, &session.amr), (subject.clone(), epoch, recipient, &amr));
        let access = sessions.verify_access(&tokens.access, now).unwrap();
        prop_assert_eq!((access.subject(), access.amr(), access.issued_at()), (&*subject, &amr, now));
    }
}
