//! PyJWT, pyseto and djangorestframework-simplejwt judge what we issue.

use std::{io::Write, process::Stdio};

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::parts::{Part, folder, node, output, python, trial};
use crate::harness::Server;

pub(crate) fn trials() -> Vec<Trial> {
    let algorithms = [("EdDSA", "eddsa"), ("ES256", "es256")];
    let by_algorithm = algorithms.iter().flat_map(|(algorithm, name)| {
        [
            trial(&format!("tokens::pyjwt_verifies_access_tokens_of_{name}"), &[Part::Python], || access_by_jwks(algorithm)),
            trial(&format!("tokens::pyjwt_verifies_envelopes_of_{name}"), &[Part::Python], || envelope_by_jwks(algorithm)),
        ]
    });
    let mut trials: Vec<_> = by_algorithm.collect();
    trials.extend([
        trial("tokens::pyjwt_verifies_access_tokens_of_a_configured_rsa_key", &[Part::Python], access_by_rsa_key),
        trial("tokens::pyjwt_verifies_access_tokens_of_hs256", &[Part::Python], access_by_secret),
        trial("tokens::pyseto_verifies_access_tokens_of_v4_public", &[Part::Python], access_as_paseto),
        trial("tokens::pyseto_verifies_envelopes_of_v4_public", &[Part::Python], envelope_as_paseto),
        trial("tokens::pyseto_opens_access_tokens_of_v4_local_with_the_derived_key", &[Part::Python], access_as_local_paseto),
        trial("tokens::simplejwt_lets_the_user_in", &[Part::Python], simplejwt),
        trial("tokens::the_documented_example_in_python_says_who_it_is", &[Part::Python], example_in_python),
        trial("tokens::the_documented_example_in_javascript_says_who_it_is", &[Part::Node], example_in_javascript),
    ]);
    trials
}

const SECRET: &str = "a secret that a django project has already";

fn access_by_jwks(algorithm: &str) {
    let server = Server::start_public(&[("tokens.algorithm", algorithm)]);
    judge_access(&server, algorithm);
}

fn access_by_rsa_key() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let script = "from cryptography.hazmat.primitives import serialization as s
from cryptography.hazmat.primitives.asymmetric import rsa
key = rsa.generate_private_key(65537, 2048)
print(key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption()).decode())";
    let pem = output(python().args(["-c", script]));
    std::fs::write(folder.path().join("key.pem"), pem).expect("write the key");
    let settings = [("tokens.algorithm", "RS256"), ("tokens.private_key_file", "key.pem")];
    judge_access(&Server::start_public_in(folder, &settings), "RS256");
}

/// The example of docs/app.md in this language, run with what it is given an access token and an envelope.
fn documented_example(language: &str, run: impl Fn(&str, &str) -> String) {
    let page = include_str!("../../docs/app.md");
    let fence = format!("```{language}\n");
    let mut blocks = page.split(&fence).skip(1).filter_map(|rest| rest.split("```").next());
    let example = blocks.find(|block| block.contains("access_token") || block.contains("accessToken"));
    let server = Server::start_public(&[]);
    let example = example.expect("an example that reads an access token").replace("http://localhost:8000", &server.url());
    let tokens = log_in(&server);
    assert_eq!(run(&example, tokens["access"].as_str().expect("a token")).trim(), "ann@example.com");
    let envelope = server.post("request/email/", &json!({ "email": "bob@example.com" })).json()["challenge"].clone();
    assert_eq!(run(&example, envelope.as_str().expect("an envelope")).trim(), "refused");
}

fn example_in_python() {
    documented_example("python", |example, token| {
        let script = format!("{example}\ntry:\n    print(user_of({token:?}))\nexcept jwt.PyJWTError:\n    print('refused')");
        output(python().args(["-c", &script]))
    });
}

fn example_in_javascript() {
    documented_example("js", |example, token| {
        let script = format!("{example}\nconsole.log(await userOf({token:?}).catch(() => \"refused\"));");
        output(node().args(["--input-type=module", "-e", &script]))
    });
}

fn judge_access(server: &Server, algorithm: &str) {
    let tokens = log_in(server);
    let audience = server.url();
    let given = json!({ "token": tokens["access"], "audience": audience, "issuer": server.url() });
    let found = judge(&["jwt", &format!("{}/.well-known/jwks.json", server.url())], &given).expect("PyJWT takes it");
    assert_eq!(found["header"]["alg"], algorithm);
    assert_eq!(found["header"]["typ"], "at+jwt");
    let claims = &found["claims"];
    assert_eq!((claims["sub"].as_str(), claims["channel"].as_str()), (Some("ann@example.com"), Some("email")));
    assert_eq!((claims["user_id"].as_str(), claims["token_type"].as_str()), (Some("ann@example.com"), Some("access")));
    assert_eq!(claims["amr"], json!(["otp"]));
    assert_eq!(claims["exp"].as_u64().zip(claims["iat"].as_u64()).map(|(exp, iat)| exp - iat), tokens["expires_in"].as_u64());

    let challenge_keys = format!("{}/.well-known/challenge-jwks.json", server.url());
    assert!(judge(&["jwt", &challenge_keys], &given).is_err(), "an access token passed with the envelopes' keys");
}

fn envelope_by_jwks(algorithm: &str) {
    let server = Server::start_public(&[("tokens.challenge_algorithm", algorithm)]);
    let envelope = server.post("request/email/", &json!({ "email": "ann@example.com" })).json()["challenge"].clone();
    let given = json!({ "token": envelope, "audience": "countersign-challenge", "issuer": server.url() });
    let keys = format!("{}/.well-known/challenge-jwks.json", server.url());
    let found = judge(&["jwt", &keys], &given).expect("PyJWT takes it");
    assert_eq!((found["header"]["alg"].as_str(), found["header"]["typ"].as_str()), (Some(algorithm), Some("challenge+jwt")));
    assert_eq!(found["claims"]["use"], "code");
    assert!(!found.to_string().contains("ann@"), "the envelope names its recipient");

    let access_keys = format!("{}/.well-known/jwks.json", server.url());
    assert!(judge(&["jwt", &access_keys], &given).is_err(), "an envelope passed with the access tokens' keys");
}

fn access_by_secret() {
    let server = Server::start_public(&[("tokens.algorithm", "HS256"), ("tokens.hs256_secret", SECRET)]);
    let access = log_in(&server)["access"].clone();
    let given = json!({ "token": access, "audience": server.url(), "issuer": server.url(), "secret": SECRET });
    let found = judge(&["hs256"], &given).expect("PyJWT takes it");
    assert_eq!(found["claims"]["sub"], "ann@example.com");
    assert_eq!(found["header"].get("kid"), None);
    let published = server.get("/.well-known/jwks.json").json();
    assert_eq!(published, json!({ "keys": [] }), "a symmetric key was published");
}

fn simplejwt() {
    let server = Server::start_public(&[("tokens.algorithm", "HS256"), ("tokens.hs256_secret", SECRET)]);
    let tokens = log_in(&server);
    let given = |token: &Value| json!({ "token": token, "audience": server.url(), "issuer": server.url(), "secret": SECRET });
    let found = judge(&["simplejwt"], &given(&tokens["access"])).expect("simplejwt takes it");
    assert_eq!(found["header"]["user"], "ann@example.com");
    assert!(judge(&["simplejwt"], &given(&tokens["refresh"])).is_err(), "a refresh token let somebody in");
}

fn access_as_paseto() {
    let server = Server::start_public(&[("tokens.format", "paseto"), ("tokens.algorithm", "v4.public")]);
    let access = log_in(&server)["access"].clone();
    let keys = format!("{}/.well-known/paserk.json", server.url());
    let found = judge(&["paseto", &keys], &json!({ "token": access })).expect("pyseto takes it");
    assert_eq!(found["claims"]["sub"], "ann@example.com");
    assert_eq!(found["claims"]["aud"], *server.url());
    assert!(found["claims"]["exp"].as_str().is_some_and(|time| time.contains('T')), "{found}");
}

fn access_as_local_paseto() {
    let root = "Y291bnRlcnNpZ24gdGVzdCByb290IHNlY3JldCAwMDE";
    let settings = [("tokens.format", "paseto"), ("tokens.algorithm", "v4.local"), ("keyring.secrets", root)];
    let server = Server::start_public(&settings);
    let access = log_in(&server)["access"].clone();
    assert!(access.as_str().is_some_and(|token| token.starts_with("v4.local.")), "{access}");
    let found = judge(&["paseto-local"], &json!({ "token": access, "root": root })).expect("pyseto opens it");
    assert_eq!(found["claims"]["sub"], "ann@example.com");
}

fn envelope_as_paseto() {
    let server = Server::start_public(&[("tokens.challenge_format", "paseto")]);
    let envelope = server.post("request/email/", &json!({ "email": "ann@example.com" })).json()["challenge"].clone();
    let keys = format!("{}/.well-known/paserk.json", server.url());
    let found = judge(&["paseto", &keys], &json!({ "token": envelope })).expect("pyseto takes it");
    assert_eq!(found["claims"]["aud"], "countersign-challenge");
}

/// The tokens of a new session.
fn log_in(server: &Server) -> Value {
    let (challenge, code) = server.challenge("ann@example.com");
    let body = json!({ "email": "ann@example.com", "token": code, "challenge": challenge });
    server.post("exchange/email/", &body).json()
}

/// What the library makes of a token, or why it refuses it.
fn judge(arguments: &[&str], given: &Value) -> Result<Value, String> {
    let mut child = python()
        .arg(folder().join("oracle.py"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("Python starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(given.to_string().as_bytes()).expect("write to the script");
    drop(stdin);
    let output = child.wait_with_output().expect("the script ends");
    if output.status.success() {
        return Ok(serde_json::from_slice(&output.stdout).expect("JSON"));
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}
