//! `[tokens]`.

use countersign::{
    keyring::EnvelopeFormat,
    token::{AccessAlgorithm, AccessKeys},
};

use super::{SECRET, accepted, assert_refused, faulty, judge, judge_with};

#[test]
fn algorithms_keys_and_claims_fit_each_other() {
    let section = |text: &str| format!("[tokens]\n{text}");
    let algorithm = |text: &str| accepted(&section(text)).tokens.sessions.algorithm;
    assert_eq!(algorithm("format = \"paseto\""), AccessAlgorithm::V4Public);
    assert_eq!(algorithm("algorithm = \"v4.local\""), AccessAlgorithm::V4Local);
    assert_eq!(algorithm("format = \"paseto\"\nalgorithm = \"v4.public\""), AccessAlgorithm::V4Public);
    assert_eq!(algorithm("algorithm = \"ES256\""), AccessAlgorithm::Es256);
    assert_eq!(accepted(&section("challenge_algorithm = \"ES256\"")).tokens.envelope_format, EnvelopeFormat::Es256);
    assert_eq!(accepted(&section("challenge_format = \"paseto\"")).tokens.envelope_format, EnvelopeFormat::V4Public);
    assert_eq!(accepted(&section("audience = [\"a\", \"b\"]")).tokens.sessions.audiences, ["a", "b"]);
    assert_eq!(accepted(&section("issuer = \"i\"")).tokens.sessions.audiences, ["i"]);
    for name in ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "sid", "auth_time", "amr", "channel", "token_type"]
    {
        assert_eq!(faulty(&section(&format!("user_id_claim = \"{name}\""))), ["tokens.user_id_claim"], "{name}");
    }
    assert_refused(&[
        (&section("format = \"paseto\"\nalgorithm = \"EdDSA\""), "tokens.algorithm", "v4.public or v4.local"),
        (&section("format = \"jwt\"\nalgorithm = \"v4.local\""), "tokens.algorithm", "EdDSA, ES256"),
        (&section("format = \"paseto\"\naudience = [\"a\", \"b\"]"), "tokens.audience", "single"),
        (&section("audience = \"countersign-challenge\""), "tokens.audience", "envelopes"),
        (&section("audience = [\"a\", \"countersign-challenge\"]"), "tokens.audience", "envelopes"),
        (&section("issuer = \"countersign-challenge\""), "tokens.issuer", "envelopes"),
        (&section("audience = [\"a\", \"a\"]"), "tokens.audience", "twice"),
        (&section("challenge_format = \"paseto\"\nchallenge_algorithm = \"ES256\""), "tokens.challenge_algorithm", "EdDSA"),
        (&section("algorithm = \"RS256\""), "tokens.private_key_file", "required"),
        (&section("private_key_file = \"missing\""), "tokens.private_key_file", "can't read"),
        (&section("algorithm = \"v4.public\"\nprivate_key_file = \"secrets\""), "tokens.private_key_file", "v4.public"),
        (
            &section(&format!("algorithm = \"HS256\"\nhs256_secret = \"{SECRET}\"\nprivate_key_file = \"secrets\"")),
            "tokens.private_key_file",
            "HS256",
        ),
        (
            &section("algorithm = \"HS256\"\nhs256_secret = \"short\""),
            "tokens.hs256_secret",
            "secret 1 has 5 bytes, and needs 32",
        ),
        (&section("rotate_refresh = true\n[guard]\nkind = \"journal\"\npath = \"j\""), "tokens.rotate_refresh", "this version"),
    ]);
    assert_refused(&[(&section("rotate_refresh = true"), "tokens.rotate_refresh", "this version")]);
    let long = "x".repeat(32);
    let config = accepted(&section(&format!("algorithm = \"HS256\"\nhs256_secret = [\"{long}\", \"{long}y\"]")));
    assert!(matches!(&config.tokens.sessions.keys, AccessKeys::Shared(keys) if keys.len() == 2));
    let config = accepted(&section(&format!("algorithm = \"HS256\"\nhs256_secret = \"{long}\"")));
    assert!(matches!(&config.tokens.sessions.keys, AccessKeys::Shared(keys) if keys.len() == 1));
    let faults = judge(&section(&format!("algorithm = \"HS256\"\nhs256_secret = [\"a\", \"{long}\", \"b\"]"))).unwrap_err();
    assert_eq!(faults.as_slice().len(), 2, "each bad secret is named: {faults}");
}

#[test]
fn hs256_needs_a_secret_that_somebody_else_has_too() {
    assert_refused(&[
        ("[tokens]\nalgorithm = \"HS256\"", "tokens.hs256_secret", "is required with algorithm = \"HS256\""),
        ("[tokens]\nalgorithm = \"HS256\"\nhs256_secret = []", "tokens.hs256_secret", "is required"),
        ("[tokens]\nalgorithm = \"HS256\"\nhs256_secret = \"\"", "tokens.hs256_secret", "is required"),
    ]);
    let faults = judge_with("", &[("COUNTERSIGN_TOKENS__ALGORITHM", "HS256")]).unwrap_err();
    assert!(faults.to_string().starts_with("tokens.hs256_secret: is required"), "{faults}");
}
