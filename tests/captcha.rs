//! Captchas on pages of one's own: what a stand-in for a provider's `siteverify` is asked, and what that lifts.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::{Value, json};

use crate::harness::{Answer, PATIENCE, Server, wait_for};

const SOLVED: &str = r#"{"success":true,"hostname":"shop.example","action":"login","score":0.9}"#;
const NOT_SOLVED: &str = r#"{"success":false,"error-codes":["invalid-input-response"]}"#;

/// Answers each form with the status and the body that `answer` makes of its token.
struct Provider {
    url: String,
    forms: Arc<Mutex<Vec<String>>>,
}

impl Provider {
    fn start(answer: fn(&str) -> (u16, &'static str)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/siteverify", listener.local_addr().unwrap());
        let forms = Arc::<Mutex<Vec<String>>>::default();
        let shared = Arc::clone(&forms);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let forms = Arc::clone(&shared);
                thread::spawn(move || serve(&stream.unwrap(), answer, &forms));
            }
        });
        Self { url, forms }
    }

    /// The tokens that it was asked about.
    fn tokens(&self) -> Vec<String> {
        let forms = self.forms.lock().unwrap();
        forms.iter().map(|form| form.strip_prefix("secret=s%2Fcret&response=").unwrap().to_owned()).collect()
    }

    fn start_server(&self, provider: &str, settings: &[(&str, &str)]) -> Server {
        let base = [
            ("captcha.provider", provider),
            ("captcha.secret", "s/cret"),
            ("captcha.verify_url", &self.url),
            ("server.trusted_proxies", "127.0.0.1"),
        ];
        Server::start(&[&base, settings].concat())
    }
}

fn serve(stream: &TcpStream, answer: fn(&str) -> (u16, &'static str), forms: &Mutex<Vec<String>>) -> Option<()> {
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut reader = BufReader::new(stream);
    loop {
        let (mut head, mut line) = (String::new(), String::new());
        while line != "\r\n" {
            line.clear();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            head.push_str(&line.to_ascii_lowercase());
        }
        assert!(head.starts_with("post /siteverify http/1.1"), "{head}");
        assert!(head.contains("content-type: application/x-www-form-urlencoded"), "{head}");
        let length = head.split("content-length: ").nth(1)?.lines().next()?.parse().ok()?;
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let form = String::from_utf8(body).unwrap();
        let (status, body) = answer(form.rsplit('=').next()?);
        forms.lock().unwrap().push(form);
        { stream }.write_all(format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n\r\n{body}", body.len()).as_bytes()).ok()?;
    }
}

/// Somebody at this address asks for a code, with these fields besides.
fn ask(server: &Server, client: &str, fields: &Value) -> Answer {
    let mut body = json!({"email": "ann@example.com"});
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    server.post_with("request/email/", &[("x-forwarded-for", client)], &body)
}

fn is_throttled(answer: &Answer) -> bool {
    answer.status == 429 && answer.json()["puzzle"].is_object() && answer.header("retry-after").is_some()
}

#[test]
fn a_solved_captcha_lifts_what_a_puzzle_lifts_and_counts_once() {
    for (name, widget) in
        [("recaptcha", "g-recaptcha-response"), ("hcaptcha", "h-captcha-response"), ("turnstile", "cf-turnstile-response")]
    {
        let provider = Provider::start(|_| (200, SOLVED));
        let server = provider.start_server(name, &[("captcha.hostnames", "shop.example"), ("captcha.action", "login")]);
        let first = ask(&server, "192.0.2.1", &json!({"captcha": "unused"}));
        assert_eq!((first.status, provider.tokens().len()), (200, 0), "nothing had to be lifted, so nobody was asked");

        assert!(is_throttled(&ask(&server, "192.0.2.1", &json!({}))));
        assert_eq!(ask(&server, "192.0.2.1", &json!({"captcha": "one"})).status, 200);
        assert!(is_throttled(&ask(&server, "192.0.2.1", &json!({"captcha": "one"}))), "the provider forgot that it took it");
        assert_eq!(ask(&server, "192.0.2.1", &json!({widget: "two"})).status, 200, "{widget}");
        let mut resend = json!({"email": "ann@example.com", "challenge": first.json()["challenge"]});
        let resent = |body: &Value| server.post_with("resend/", &[("x-forwarded-for", "192.0.2.1")], body);
        assert!(is_throttled(&resent(&resend)));
        resend["captcha"] = "three".into();
        assert_eq!(resent(&resend).status, 200);
        assert_eq!(provider.tokens(), ["one", "one", "two", "three"]);
    }
}

#[test]
fn a_captcha_that_is_wrong_or_cannot_be_checked_lifts_nothing() {
    let provider = Provider::start(|token| match token {
        "wrong" => (200, NOT_SOLVED),
        "elsewhere" => (200, r#"{"success":true,"hostname":"evil.example","score":0.9}"#),
        "robot" => (200, r#"{"success":true,"hostname":"shop.example","score":0.1}"#),
        "secret" => (200, r#"{"success":false,"error-codes":["invalid-input-secret"]}"#),
        _ => (503, "upstream words"),
    });
    let server = provider.start_server("recaptcha", &[("captcha.hostnames", "shop.example"), ("captcha.min_score", "0.5")]);
    assert_eq!(ask(&server, "192.0.2.1", &json!({})).status, 200);
    for token in ["wrong", "elsewhere", "robot", "secret", "down"] {
        assert!(is_throttled(&ask(&server, "192.0.2.1", &json!({"captcha": token}))), "{token}");
    }
    assert_eq!(provider.tokens().len(), 5);
    let long = ask(&server, "192.0.2.1", &json!({"captcha": "x".repeat(9_000)}));
    assert!(is_throttled(&long) && provider.tokens().len() == 5, "nobody is asked about what is none");
    let field = ask(&server, "192.0.2.1", &json!({"captcha": ["a"]}));
    assert_eq!((field.status, &field.json()["captcha"][0]), (400, &json!("Not a valid string.")));
    let page = String::from_utf8(server.get_admin("/metrics").body).unwrap();
    for line in ["outcome=\"refused\"} 4", "outcome=\"unavailable\"} 2", "outcome=\"solved\"} 0"] {
        assert!(page.contains(&format!("countersign_captchas_total{{{line}")), "{line}: {page}");
    }
    server.signal("TERM");
    let (_, log) = server.wait();
    assert!(log.contains("invalid-input-secret; look at captcha.secret"), "{log}");
    for secret in ["s/cret", "s%2Fcret", "upstream words", "elsewhere"] {
        assert!(!log.contains(secret), "{secret} is in the log:\n{log}");
    }
}

#[test]
fn a_provider_that_is_away_costs_nobody_the_puzzle() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{gone}/");
    let settings = [("captcha.provider", "turnstile"), ("captcha.secret", "s"), ("captcha.verify_url", &*url)];
    let server = Server::start(&settings);
    assert_eq!(server.post("request/email/", &json!({"email": "ann@example.com"})).status, 200);
    let refused = server.post("request/email/", &json!({"email": "ann@example.com", "captcha": "token"}));
    assert!(is_throttled(&refused), "{refused:?}");
    wait_for(|| server.log().contains("a captcha can't be checked").then_some(()));
}

#[test]
fn nobody_has_a_provider_asked_as_often_as_they_like() {
    let provider = Provider::start(|_| (200, NOT_SOLVED));
    let server = provider.start_server("hcaptcha", &[]);
    assert_eq!(ask(&server, "192.0.2.1", &json!({})).status, 200);
    for number in 0..60 {
        assert!(is_throttled(&ask(&server, "192.0.2.1", &json!({"captcha": number.to_string()}))));
    }
    let asked = provider.tokens().len();
    assert!((20..=40).contains(&asked), "twenty a minute, in two minutes at most: {asked}");
    assert_eq!(ask(&server, "192.0.2.2", &json!({})).status, 200);
    assert!(is_throttled(&ask(&server, "192.0.2.2", &json!({"captcha": "another network"}))));
    assert_eq!(provider.tokens().len(), asked + 1);
}

#[test]
fn without_a_provider_the_field_means_nothing() {
    let server = Server::start(&[]);
    let ask = |fields: Value| server.post("request/email/", &fields).status;
    assert_eq!(ask(json!({"email": "ann@example.com", "captcha": "token"})), 200);
    assert_eq!(ask(json!({"email": "ann@example.com", "captcha": "token"})), 429);
}
