//! The WebAssembly module of `examples/edge/wasm`, by the wrapper beside it: in Node.js, and in workerd as in a Worker.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use countersign::{
    challenge::Challenges,
    crypto::{MacKey, Secret},
    edge::{Checker, Identity, KeyDocument},
    keyring::{EnvelopeFormat, SigningKey},
    time::UnixTime,
    token::{AccessAlgorithm, Amr, KeyDocuments, Login, Sessions},
};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::parts::{Part, folder, modules, node, trial, wasm};
use crate::{
    given::{AUDIENCE, ISSUER, NOW, challenge, keyring, random, recipient, session_id, sessions_config, user},
    harness::{Connection, free_port, wait_for},
};

/// The most bytes that the module of checks may have.
const MOST_BYTES: u64 = 150_000;

/// Of the login in a Worker: 32 bytes of 1, as `given` has.
const SECRET: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("wasm::the_module_of_checks_is_small", &[Part::Wasm], || {
            let bytes = fs::metadata(wasm("countersign-checks.wasm")).expect("it is built").len();
            assert!(bytes <= MOST_BYTES, "{bytes} bytes");
        }),
        trial("wasm::checks_in_node", &[Part::Wasm, Part::Node], || {
            let mut node = node();
            let script = folder().join("wasm_node.mjs");
            let mut node = node
                .args([script, wasm("countersign-checks.wasm"), example("countersign.mjs")])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .expect("Node.js starts");
            node.stdin.take().expect("a pipe").write_all(corpus().to_string().as_bytes()).expect("it reads");
            let printed = node.wait_with_output().expect("it ends").stdout;
            assert_eq!(String::from_utf8_lossy(&printed).trim(), "[]");
        }),
        trial("wasm::checks_in_workerd", &[Part::Wasm, Part::Workerd], || {
            let worker = Workerd::start(
                &[
                    (folder().join("wasm_workerd.mjs"), "worker.mjs"),
                    (folder().join("wasm_run.mjs"), "wasm_run.mjs"),
                    (example("countersign.mjs"), "countersign.mjs"),
                    (wasm("countersign-checks.wasm"), "countersign-checks.wasm"),
                ],
                |_, port| {
                    format!(
                        r#"using Workerd = import "/workerd/workerd.capnp";
                        const config :Workerd.Config = (
                            services = [(name = "main", worker = (
                                modules = [
                                    (name = "worker.mjs", esModule = embed "worker.mjs"),
                                    (name = "wasm_run.mjs", esModule = embed "wasm_run.mjs"),
                                    (name = "countersign.mjs", esModule = embed "countersign.mjs"),
                                    (name = "countersign-checks.wasm", wasm = embed "countersign-checks.wasm"),
                                ],
                                compatibilityDate = "2026-11-01",
                            ))],
                            sockets = [(name = "http", address = "127.0.0.1:{port}", http = (), service = "main")],
                        );"#
                    )
                },
            );
            let answer = Connection::to(&worker.address).request("POST", "/", &[], corpus().to_string().as_bytes());
            assert_eq!((answer.status, &*String::from_utf8_lossy(&answer.body)), (200, "[]"));
        }),
    ]
}

/// A file of the example.
pub(super) fn example(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "examples", "edge", "wasm", name].iter().collect()
}

/// workerd with files in a folder of its own.
pub(crate) struct Workerd {
    child: Child,
    pub(crate) address: String,
    folder: TempDir,
}

impl Workerd {
    /// `config` makes the configuration, for the folder and a port.
    pub(crate) fn start(files: &[(PathBuf, &str)], config: impl FnOnce(&Path, u16) -> String) -> Self {
        let (folder, port) = (tempfile::tempdir().expect("a folder"), free_port());
        for (from, to) in files {
            fs::copy(from, folder.path().join(to)).expect("a copy");
        }
        fs::write(folder.path().join("config.capnp"), config(folder.path(), port)).expect("a configuration");
        Self::serve(folder, port)
    }

    /// With what is in the folder, by its `config.capnp`.
    fn serve(folder: TempDir, port: u16) -> Self {
        let child = workerd(folder.path()).stdin(Stdio::null()).spawn().expect("workerd starts");
        let address = format!("127.0.0.1:{port}");
        wait_for(|| Connection::try_to(&address).ok());
        Self { child, address, folder }
    }

    /// Ends it as `kill -9` does, and starts it again.
    pub(super) fn restart(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.child = workerd(self.folder.path()).stdin(Stdio::null()).spawn().expect("workerd starts");
        wait_for(|| Connection::try_to(&self.address).ok());
    }
}

/// With the `config.capnp` of a folder.
pub(super) fn workerd(folder: &Path) -> Command {
    let mut command = Command::new(super::parts::workerd());
    // What the example's configuration takes from its environment.
    command.env("SECRET", SECRET);
    command.current_dir(folder).args(["serve", "config.capnp"]).arg(format!("--import-path={}", modules().display()));
    command
}

impl Drop for Workerd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// For each pair of formats: documents, what they check, and what nobody may get through with.
fn corpus() -> Value {
    use AccessAlgorithm::{EdDsa, Es256, V4Public};
    let formats = [
        ("EdDSA", EdDsa, EnvelopeFormat::EdDsa),
        ("ES256", Es256, EnvelopeFormat::Es256),
        ("PASETO", V4Public, EnvelopeFormat::V4Public),
        ("mixed", EdDsa, EnvelopeFormat::V4Public),
    ];
    formats.map(|(name, algorithm, format)| Fleet::new(&[1], algorithm, format).cases(name)).as_slice().into()
}

/// What one fleet makes and publishes.
struct Fleet {
    sessions: Sessions,
    challenges: Challenges,
    documents: KeyDocuments,
    algorithm: AccessAlgorithm,
    format: EnvelopeFormat,
}

impl Fleet {
    fn new(roots: &[u8], algorithm: AccessAlgorithm, format: EnvelopeFormat) -> Self {
        Self::of(roots, algorithm, format, ISSUER, AUDIENCE)
    }

    fn of(roots: &[u8], algorithm: AccessAlgorithm, format: EnvelopeFormat, issuer: &str, audience: &str) -> Self {
        let (keyring, mut config) = (keyring(roots), sessions_config(algorithm));
        (config.issuer, config.audiences) = (issuer.into(), vec![audience.into()]);
        let sessions = Sessions::new(&keyring, &config).expect("a configuration");
        let documents = KeyDocuments::new(&sessions, &keyring, format);
        Self { sessions, challenges: Challenges::new(&keyring, issuer, format), documents, algorithm, format }
    }

    fn tokens(&self) -> (String, String) {
        let tokens = self.sessions.begin(&Login::new(session_id(), &user(), &recipient(), Amr::OTP), NOW, &mut random());
        (tokens.access, tokens.refresh)
    }

    fn envelope(&self) -> String {
        self.challenges.sign(&self.challenges.seal(challenge(), recipient()))
    }

    fn published(&self) -> Value {
        let documents = &self.documents;
        json!({"jwks": documents.jwks, "challenge-jwks": documents.challenge_jwks, "paserk": documents.paserk})
    }

    fn cases(&self, name: &str) -> Value {
        let (token, refresh) = self.tokens();
        let envelope = self.envelope();
        let mut cases = self.good(&token, &envelope);
        let mut bad = |kind: &str, why: &str, text: String| cases.push(json!({"kind": kind, "why": why, "text": text}));
        for kind in ["token", "challenge"] {
            for text in ["", ".", "..", "a.b.c", "null", "v4.public.", "v4.local.AAAA", "Bearer x"] {
                bad(kind, "no token", text.into());
            }
            bad(kind, "a refresh token", refresh.clone());
        }
        bad("token", "a challenge", envelope.clone());
        bad("challenge", "an access token", token.clone());
        let elsewhere = |issuer, audience| Self::of(&[1], self.algorithm, self.format, issuer, audience);
        bad("token", "a foreign issuer", elsewhere("https://other.example", AUDIENCE).tokens().0);
        bad("token", "a foreign audience", elsewhere(ISSUER, "https://other.example").tokens().0);
        bad("challenge", "a foreign issuer", elsewhere("https://other.example", AUDIENCE).envelope());
        let foreign = Self::new(&[2], self.algorithm, self.format);
        bad("token", "foreign keys", foreign.tokens().0);
        bad("challenge", "foreign keys", foreign.envelope());
        for (kind, good) in [("token", &token), ("challenge", &envelope)] {
            for forged in altered(good) {
                bad(kind, "altered", forged);
            }
            if !good.starts_with("v4.") {
                for (why, forged) in self.forged(kind, good) {
                    bad(kind, why, forged);
                }
            }
        }
        let now = NOW.as_seconds();
        cases.push(json!({"kind": "token", "why": "in the second of its end", "text": token, "at": now + 300}));
        cases.push(json!({"kind": "challenge", "why": "in the second of its end", "text": envelope, "at": now + 600}));
        json!({
            "name": name, "issuer": ISSUER, "audience": AUDIENCE, "now": now, "cases": cases,
            "documents": self.published(), "later": Self::new(&[3], self.algorithm, self.format).published(),
        })
    }

    /// What passes, with the headers that the library itself would set.
    fn good(&self, token: &str, envelope: &str) -> Vec<Value> {
        let mut checker = Checker::new(ISSUER, vec![AUDIENCE.into()], 0);
        let documents = [&self.documents.jwks, &self.documents.challenge_jwks, &self.documents.paserk];
        for (document, text) in KeyDocument::ALL.into_iter().zip(documents) {
            checker.load(document, text).expect("a document");
        }
        let case = |kind: &str, text: &str, at: UnixTime, identity: Identity| {
            let headers: serde_json::Map<String, Value> =
                identity.headers().map(|(name, value)| (name.to_owned(), value.into())).collect();
            json!({"kind": kind, "why": "good", "text": text, "at": at.as_seconds(), "good": headers})
        };
        let mut cases = Vec::new();
        for at in [NOW, NOW.plus(299)] {
            cases.push(case("token", token, at, Identity::of_token(&checker.token(token, at).expect("it is good"))));
        }
        for at in [NOW, NOW.plus(599)] {
            cases.push(case(
                "challenge",
                envelope,
                at,
                Identity::of_challenge(&checker.challenge(envelope, at).expect("it is good")),
            ));
        }
        cases
    }

    /// JWS that somebody makes who has the public keys and a key of their own.
    fn forged(&self, kind: &str, good: &str) -> Vec<(&'static str, String)> {
        let (set, typ) = match kind {
            "token" => (&self.documents.jwks, "at+jwt"),
            _ => (&self.documents.challenge_jwks, "challenge+jwt"),
        };
        let jwk = serde_json::from_str::<Value>(set).expect("JSON")["keys"][0].clone();
        let (kid, payload) = (jwk["kid"].clone(), good.split('.').nth(1).expect("a payload"));
        let x = BASE64.decode(jwk["x"].as_str().expect("a coordinate")).expect("base64url");
        let own = SigningKey::ed25519(&Secret::new([7; 32]));
        let own_jwk: Value = serde_json::from_str(&own.public().jwk()).expect("JSON");
        let message = |header: Value| format!("{}.{payload}", BASE64.encode(header.to_string()));
        let unsigned = |alg: &str| format!("{}.", message(json!({"alg": alg, "typ": typ, "kid": kid})));
        let by_hmac = |key: &[u8]| {
            let message = message(json!({"alg": "HS256", "typ": typ, "kid": kid}));
            let mac = MacKey::of_any_length(key).of_message(message.as_bytes());
            format!("{message}.{}", BASE64.encode(mac.as_bytes()))
        };
        let by_own = |header: Value| {
            let message = message(header);
            format!("{message}.{}", BASE64.encode(own.sign(message.as_bytes())))
        };
        vec![
            ("alg none", unsigned("none")),
            ("alg nOnE", unsigned("nOnE")),
            ("no alg", unsigned("")),
            ("HS256 with the public key's bytes", by_hmac(&x)),
            ("HS256 with the public key's JWK", by_hmac(jwk.to_string().as_bytes())),
            ("HS256 with the document", by_hmac(set.as_bytes())),
            ("HS256 without a key", by_hmac(b"")),
            ("another algorithm", by_own(json!({"alg": "ES256", "typ": typ, "kid": kid}))),
            ("another key under our kid", by_own(json!({"alg": "EdDSA", "typ": typ, "kid": kid}))),
            ("a key of its own", by_own(json!({"alg": "EdDSA", "typ": typ, "jwk": own_jwk, "kid": own_jwk["kid"]}))),
            ("a key elsewhere", by_own(json!({"alg": "EdDSA", "typ": typ, "kid": kid, "jku": "http://127.0.0.1/"}))),
            ("a key that isn't ours", by_own(json!({"alg": "EdDSA", "typ": typ, "kid": own_jwk["kid"]}))),
            ("crit", by_own(json!({"alg": "EdDSA", "typ": typ, "kid": kid, "crit": ["x"]}))),
        ]
    }
}

/// One character more, less or other, at many places.
pub(super) fn altered(good: &str) -> Vec<String> {
    let mut forged = vec![format!("{good}A"), format!("{good}="), format!("{good}."), format!(" {good}"), format!("{good}\n")];
    forged.push(good[..good.len() - 1].into());
    for at in (0..good.len()).step_by(17).chain([good.len() - 2]) {
        let other = if good.as_bytes()[at] == b'A' { 'B' } else { 'A' };
        forged.push(format!("{}{other}{}", &good[..at], &good[at + 1..]));
    }
    forged
}
