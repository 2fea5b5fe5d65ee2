//! The whole login of `examples/edge/wasm/worker.mjs`, in workerd: what it gives, and what nobody gets from it.

use std::{fs, path::PathBuf, process::Command, thread};

use countersign::{
    challenge::{Alphabet, Challenge, CodeFormat, GuardId},
    edge::{Checker, KeyDocument},
    keyring::EnvelopeFormat,
    recipient::Recipient,
    time::UnixTime,
};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::{
    parts::{Part, trial, wasm},
    wasm::{Workerd, altered, example, workerd},
};
use crate::{
    given::{challenge, keyring},
    harness::{Answer, Connection, api::Api, free_port, with_ports},
};

/// The example's.
const ISSUER: &str = "http://localhost:8080";

pub(crate) fn trials() -> Vec<Trial> {
    let all = [Part::Wasm, Part::Workerd];
    vec![
        trial("worker::a_whole_login_and_its_attackers", &all, || {
            let mut worker = Worker::start();
            worker.logs_in();
            worker.withstands_forgeries();
            worker.is_bound_to_a_client();
            worker.refuses_what_is_no_request();
            worker.redeems_once();
        }),
        trial("worker::a_wrong_configuration_does_not_start_and_is_named", &all, || {
            for length in ["14", "6", "0", "129", "1000", "x", "", "1e2", "15.0"] {
                let was = format!("CODE_LENGTH is \"{length}\": write 15 to 128");
                does_not_start(|config| config.replace("\"15\"", &format!("\"{length}\"")), &was);
            }
            // A name of the example's, in the place of which another one stands.
            for name in ["SECRET", "ISSUER", "MAIL", "SPENT"] {
                let binding = format!("(name = \"{name}\"");
                let says = if name == "ISSUER" { "ISSUER is undefined: write" } else { &format!("{name} is missing") };
                does_not_start(|config| config.replace(&binding, "(name = \"OTHER\""), says);
            }
            for secret in ["", "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ", "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE/"] {
                let given = format!("(name = \"SECRET\", text = \"{secret}\")");
                let said = does_not_start(
                    |config| config.replace("(name = \"SECRET\", fromEnvironment = \"SECRET\")", &given),
                    "SECRET is missing or too short",
                );
                assert!(!said.contains("AQEBAQ"), "a secret in the log: {said}");
            }
        }),
    ]
}

/// workerd ends with a line that says this, before anybody can ask anything.
fn does_not_start(wrong: impl Fn(String) -> String, says: &str) -> String {
    let (folder, config) = (tempfile::tempdir().expect("a folder"), example_config(free_port(), 9));
    for (from, to) in files() {
        fs::copy(from, folder.path().join(to)).expect("a copy");
    }
    fs::create_dir(folder.path().join("spent")).expect("a folder");
    let changed = wrong(config.clone());
    assert_ne!(changed, config, "{says}");
    fs::write(folder.path().join("config.capnp"), changed).expect("a configuration");
    // One that starts all the same is ended.
    let (serve, mut bounded) = (workerd(folder.path()), Command::new("timeout"));
    bounded.arg("30").arg(serve.get_program()).args(serve.get_args()).current_dir(folder.path());
    bounded.envs(serve.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let ended = bounded.output().expect("workerd starts");
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    let is_named = said.lines().next().is_some_and(|line| line.contains(says));
    assert!(ended.status.code() != Some(124) && !ended.status.success() && is_named, "{says}: {said}");
    said
}

/// What the example is made of.
fn files() -> [(PathBuf, &'static str); 3] {
    [
        (example("worker.mjs"), "worker.mjs"),
        (example("countersign.mjs"), "countersign.mjs"),
        (wasm("countersign-login.wasm"), "countersign-login.wasm"),
    ]
}

/// Its configuration, at this port and with a mail endpoint at that one.
fn example_config(port: u16, mail: u16) -> String {
    let config = fs::read_to_string(example("worker.capnp")).expect("the example");
    let config = with_ports(&config.replace(ISSUER, "the issuer"), &[(8080, port), (3000, mail)].into());
    config.replace("the issuer", ISSUER)
}

/// The example, with a mail endpoint.
struct Worker {
    workerd: Workerd,
    mail: Api,
}

impl Worker {
    fn start() -> Self {
        let mail = Api::start(|_| ("200 OK", "", "{}"));
        let workerd = Workerd::start(&files(), |folder, port| {
            fs::create_dir(folder.join("spent")).expect("a folder");
            example_config(port, mail.port())
        });
        Self { workerd, mail }
    }

    fn post(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        post(&self.workerd.address, path, headers, body)
    }

    /// The challenge, and what the message says.
    fn ask(&self, body: &Value) -> (String, String) {
        let before = self.mail.calls().len();
        let answer = self.post("request/email/", &[], body);
        assert_eq!(answer.status, 200, "{answer:?}");
        let text = self.mail.wait_for_call(before).json()["text"].as_str().expect("a text").to_owned();
        let code = text.lines().next().and_then(|line| line.rsplit(' ').next()).expect("a code").to_owned();
        (answer.json()["challenge"].as_str().expect("a challenge").to_owned(), code)
    }

    fn exchange(&self, email: &str, code: &str, challenge: &str) -> Answer {
        self.post("exchange/email/", &[], &json!({"email": email, "token": code, "challenge": challenge}))
    }

    /// By challenge and by cookie; the tokens are good by the keys that it publishes.
    fn logs_in(&self) {
        let asked = self.post("request/email/", &[], &json!({"email": " Ann@Example.com"}));
        let mail = self.mail.wait_for_call(0).json();
        assert_eq!(mail["to"], "Ann@example.com".to_lowercase(), "{mail}");
        let (envelope, text) = (asked.json()["challenge"].clone(), mail["text"].as_str().expect("a text").to_owned());
        let code = &text["Your code: ".len()..][..15];
        assert!(code.bytes().all(|byte| b"BCDFGHJKLMNPQRSTVWXZ".contains(&byte)), "{text}");
        assert!(text.contains(&format!("{ISSUER}/login#email=ann%40example.com&token={code}")), "{text}");
        assert!(!String::from_utf8_lossy(&asked.body).contains(code), "the code is in the message alone");
        assert_eq!(asked.json()["code_length"], 15);
        let cookie = asked.header("set-cookie").expect("a cookie");
        assert!(cookie.ends_with("; Path=/passwordless; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
        let cookie = cookie.split(';').next().expect("its value");
        assert_eq!(cookie, format!("countersign_challenge={}", envelope.as_str().expect("a challenge")));

        // Whoever looks at the page that the link leads to spends nothing.
        for _ in 0..3 {
            let page = Connection::to(&self.workerd.address).request("GET", "/login", &[], b"");
            assert_eq!(page.status, 200, "{page:?}");
            assert!(page.header("content-security-policy").is_some_and(|policy| policy.starts_with("default-src 'none'")));
            let script = Connection::to(&self.workerd.address).request("GET", "/login.js", &[], b"");
            assert!(String::from_utf8_lossy(&script.body).contains("/passwordless/exchange/email/"), "{script:?}");
        }

        let typed = format!(" {}-{} ", code[..7].to_lowercase(), &code[7..]);
        let body = json!({"email": "ann@example.com", "token": typed});
        let signed_in = self.post("exchange/email/", &[("Cookie", &format!("a=b; {cookie}"))], &body);
        assert_eq!(signed_in.status, 200, "{signed_in:?}");
        let mut checker = Checker::new(ISSUER, vec![ISSUER.into()], 0);
        for document in KeyDocument::ALL {
            let answer = Connection::to(&self.workerd.address).request("GET", document.path(), &[], b"");
            checker.load(document, &String::from_utf8(answer.body).expect("text")).expect("a document");
        }
        let token = signed_in.json()["access"].as_str().expect("a token").to_owned();
        assert_eq!(checker.token(&token, now()).expect("it is good").subject(), "ann@example.com");
        assert!(checker.challenge(envelope.as_str().expect("a challenge"), now()).is_ok());
        assert_eq!(self.post("exchange/email/", &[("Cookie", cookie)], &body).json()["code"], "challenge_spent");
    }

    /// Every one of them is told the same, and the challenge is good afterwards.
    fn withstands_forgeries(&self) {
        let (envelope, code) = self.ask(&json!({"email": "bob@example.com"}));
        let (others, others_code) = self.ask(&json!({"email": "eve@example.com"}));
        let other = if code.as_bytes()[0] == b'B' { 'C' } else { 'B' };
        let wrong = format!("{other}{}", &code[1..]);
        let mut refused = vec![
            self.exchange("bob@example.com", &wrong, &envelope),
            self.exchange("bob@example.com", &others_code, &envelope),
            self.exchange("bob@example.com", &code, &others),
            self.exchange("bob@example.com", &others_code, &others),
            self.exchange("eve@example.com", &code, &envelope),
            self.exchange("bob@example.com", &code[..14], &envelope),
            self.exchange("bob@example.com", &code, "x"),
        ];
        // Not altered in its signature: that is for whoever has no secret.
        let signed = envelope.rsplit_once('.').expect("a signature").0.len();
        for forged in altered(&envelope).iter().filter(|forged| forged.get(..signed) != Some(&envelope[..signed])) {
            refused.push(self.exchange("bob@example.com", &code, forged));
        }
        // A node of a fleet with the same secret and issuer: its short code, which that node counts.
        let fleet = countersign::challenge::Challenges::new(&keyring(&[1]), ISSUER, EnvelopeFormat::EdDsa);
        let recipient = Recipient::parse_email("bob@example.com").expect("an address");
        let of_the_edge = GuardId::new("edge.0").expect("a guard");
        for (guard, length) in [(challenge().guard, 15), (of_the_edge, 6)] {
            let format = CodeFormat::new(Alphabet::Base20, length);
            let made = Challenge { issued_at: now(), expires_at: now().plus(600), guard, format, ..challenge() };
            let sealed = fleet.seal(made, recipient.clone());
            let code = fleet.code(&sealed, "").expect("a code");
            refused.push(self.exchange("bob@example.com", code.expose(), &fleet.sign(&sealed)));
        }
        for answer in &refused {
            assert_eq!((answer.status, &answer.body), (400, &refused[0].body), "{answer:?}");
        }
        assert_eq!(refused[0].json()["non_field_errors"], json!(["Invalid credentials"]));
        // Authentic, and over.
        let format = CodeFormat::new(Alphabet::Base20, 15);
        let guard = GuardId::new("edge.0").expect("a guard");
        let over = Challenge { issued_at: UnixTime::from_seconds(1), expires_at: now(), guard, format, ..challenge() };
        let over = fleet.seal(over, recipient);
        let late = self.exchange("bob@example.com", fleet.code(&over, "").expect("a code").expose(), &fleet.sign(&over));
        assert_eq!(late.json()["code"], "challenge_expired");
        assert_eq!(self.exchange("bob@example.com", &code, &envelope).status, 200);
    }

    fn is_bound_to_a_client(&self) {
        // RFC 7636, appendix B.
        let (verifier, bound) = ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        let (envelope, code) =
            self.ask(&json!({"email": "dan@example.com", "code_challenge": bound, "code_challenge_method": "S256"}));
        let mut body = json!({"email": "dan@example.com", "token": code, "challenge": envelope});
        assert_eq!(self.post("exchange/email/", &[], &body).json()["code"], "invalid_credentials");
        for (given, status) in [("x".repeat(43), 400), (verifier.to_owned(), 200)] {
            body["code_verifier"] = given.into();
            assert_eq!(self.post("exchange/email/", &[], &body).status, status);
        }
        for method in [json!("plain"), json!(null), json!(1)] {
            let body = json!({"email": "dan@example.com", "code_challenge": bound, "code_challenge_method": method});
            assert_eq!(self.post("request/email/", &[], &body).status, 400, "{method}");
        }
        let unbound = json!({"email": "dan@example.com", "code_challenge": bound});
        assert_eq!(self.post("request/email/", &[], &unbound).status, 400, "a binding is never dropped in silence");
    }

    fn refuses_what_is_no_request(&self) {
        let before = self.mail.calls().len();
        let good = json!({"email": "ann@example.com"});
        for body in
            [json!({}), json!({"email": ""}), json!({"email": 1}), json!({"email": "a@"}), json!([]), json!(null), json!("x")]
        {
            assert_eq!(self.post("request/email/", &[], &body).status, 400, "{body}");
        }
        assert_eq!(self.post("request/email/", &[], &json!({"email": "a".repeat(20_000)})).status, 413);
        for headers in [[("Origin", "https://evil.example")], [("Sec-Fetch-Site", "cross-site")]] {
            assert_eq!(self.post("request/email/", &headers, &good).status, 403, "{headers:?}");
            assert_eq!(self.post("exchange/email/", &headers, &good).status, 403, "{headers:?}");
        }
        let mut connection = Connection::to(&self.workerd.address);
        for (method, path, status) in [("GET", "request/email/", 405), ("POST", "resend/", 404), ("POST", "request/mobile/", 404)]
        {
            assert_eq!(connection.request(method, &format!("/passwordless/{path}"), &[], b"").status, status, "{path}");
        }
        assert_eq!(connection.request("POST", "/passwordless/request/email/", &[], good.to_string().as_bytes()).status, 415);
        assert_eq!(self.mail.calls().len(), before, "no message of all this");
    }

    /// Of fifty at once one, and none after the process was killed.
    fn redeems_once(&mut self) {
        let (envelope, code) = self.ask(&json!({"email": "fay@example.com"}));
        let body = json!({"email": "fay@example.com", "token": code, "challenge": envelope});
        let address = &self.workerd.address;
        let answers: Vec<Answer> = thread::scope(|scope| {
            let all: Vec<_> = (0..50).map(|_| scope.spawn(|| post(address, "exchange/email/", &[], &body))).collect();
            all.into_iter().map(|one| one.join().expect("an answer")).collect()
        });
        let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
        assert_eq!((won.len(), lost.len()), (1, 49));
        for answer in lost {
            assert_eq!((answer.status, &answer.json()["code"]), (400, &json!("challenge_spent")), "{answer:?}");
            assert!(answer.json().get("access").is_none());
        }
        self.workerd.restart();
        assert_eq!(self.post("exchange/email/", &[], &body).json()["code"], "challenge_spent");
    }
}

fn post(address: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let mut all = vec![("content-type", "application/json")];
    all.extend_from_slice(headers);
    Connection::to(address).request("POST", &format!("/passwordless/{path}"), &all, body.to_string().as_bytes())
}

#[allow(clippy::disallowed_methods, reason = "workerd's clock")]
fn now() -> UnixTime {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    UnixTime::from_seconds(since.expect("the clock is past 1970").as_secs())
}
