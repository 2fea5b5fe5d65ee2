//! Stand-ins for the verify providers: as much of each one's HTTP as the product speaks, and any answer that a test wants.

use std::{
    collections::HashMap,
    io::{BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use countersign::{outbound::signing::WebhookSecret, serve::clock};
use serde_json::json;

use crate::harness::{PATIENCE, Server, api::Call};

/// What `http` calls are signed with.
pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// The code that every stand-in sends.
pub(crate) const CODE: &str = "123456";

/// Whose format is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Telnyx,
    Twilio,
    Http,
}

/// What is answered: a whole HTTP response, and nothing at all where it is empty.
pub(crate) type Script = Box<dyn Fn(&Call) -> Vec<u8> + Send + Sync>;

/// A provider on loopback.
pub(crate) struct Provider {
    kind: Kind,
    address: String,
    state: Arc<State>,
}

struct State {
    kind: Kind,
    calls: Mutex<Vec<Call>>,
    /// What is answered instead of what the provider would say.
    script: Mutex<Option<Script>>,
    /// The numbers that wait for their code.
    started: Mutex<HashMap<String, u32>>,
    /// Calls that were left without an answer, and that the caller gave up.
    hung_up: AtomicUsize,
}

impl Provider {
    pub(crate) fn start(kind: Kind) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let state = State {
            kind,
            calls: Mutex::default(),
            script: Mutex::default(),
            started: Mutex::default(),
            hung_up: AtomicUsize::default(),
        };
        let state = Arc::new(state);
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let state = Arc::clone(&shared);
                thread::spawn(move || serve(&stream.unwrap(), &state));
            }
        });
        Self { kind, address, state }
    }

    pub(crate) fn each() -> [Self; 3] {
        [Kind::Telnyx, Kind::Twilio, Kind::Http].map(Self::start)
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Answers like this from now on.
    pub(crate) fn script(&self, script: impl Fn(&Call) -> Vec<u8> + Send + Sync + 'static) {
        *self.state.script.lock().unwrap() = Some(Box::new(script));
    }

    /// Answers as the provider does again.
    pub(crate) fn behave(&self) {
        *self.state.script.lock().unwrap() = None;
    }

    /// How many of the calls that it left without an answer were given up.
    pub(crate) fn hung_up(&self) -> usize {
        self.state.hung_up.load(Ordering::SeqCst)
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.state.calls.lock().unwrap().clone()
    }

    /// How many checks were asked for.
    pub(crate) fn checks(&self) -> usize {
        let is_check = |call: &&Call| match self.kind {
            Kind::Telnyx => call.path().ends_with("/actions/verify"),
            Kind::Twilio => call.path().ends_with("/VerificationCheck"),
            Kind::Http => call.json()["action"] == "check",
        };
        self.calls().iter().filter(is_check).count()
    }

    /// What makes the binary ask it.
    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        let base = format!("http://{}", self.address);
        let all: &[(&str, &str)] = match self.kind {
            Kind::Telnyx => &[
                ("external_2fa.provider", "telnyx"),
                ("external_2fa.api_base", &base),
                ("external_2fa.api_key", "KEY0123"),
                ("external_2fa.verify_profile_id", "49000192-1bdb"),
            ],
            Kind::Twilio => &[
                ("external_2fa.provider", "twilio"),
                ("external_2fa.api_base", &base),
                ("external_2fa.account_sid", "AC0123"),
                ("external_2fa.auth_token", "tok:en"),
                ("external_2fa.service_sid", "VA4567"),
            ],
            Kind::Http => &[
                ("external_2fa.provider", "http"),
                ("external_2fa.url", &format!("{base}/verify?x=1")),
                ("external_2fa.secret", SECRET),
            ],
        };
        let mobile = ("passwordless.allowed_passwordless_methods", "MOBILE".to_owned());
        all.iter().map(|(key, value)| (*key, (*value).to_owned())).chain([mobile]).collect()
    }

    /// A server that asks it, and lets anybody ask as often as they like unless `settings` say otherwise.
    pub(crate) fn server(&self, settings: &[(&str, &str)]) -> Server {
        let own = self.settings();
        let mut all = vec![("passwordless.token_request_throttle_seconds", "0"), ("passwordless.max_messages_per_hour", "0")];
        all.extend(own.iter().map(|(key, value)| (*key, value.as_str())));
        all.extend_from_slice(settings);
        Server::start(&all)
    }
}

/// A response that keeps its connection.
pub(crate) fn response(status: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// What comes instead of an answer after the patience of every test.
pub(crate) fn silence() -> Vec<u8> {
    Vec::new()
}

impl State {
    fn answer(&self, call: &Call) -> Vec<u8> {
        match self.kind {
            Kind::Telnyx => self.telnyx(call),
            Kind::Twilio => self.twilio(call),
            Kind::Http => self.http(call),
        }
    }

    /// Whether a code is right for a number; `None` where none was sent. A right one is used up.
    fn check(&self, number: &str, code: &str) -> Option<bool> {
        let mut started = self.started.lock().unwrap();
        started.get(number)?;
        if code == CODE {
            started.remove(number);
        }
        Some(code == CODE)
    }

    fn begin(&self, number: &str) {
        *self.started.lock().unwrap().entry(number.to_owned()).or_default() += 1;
    }

    fn telnyx(&self, call: &Call) -> Vec<u8> {
        let error = |status: &str, code: &str| {
            response(status, &json!({"errors": [{"code": code, "detail": "upstream words"}]}).to_string())
        };
        if call.header("authorization") != "Bearer KEY0123" || call.json()["verify_profile_id"] != "49000192-1bdb" {
            return error("401 Unauthorized", "10009");
        }
        if let Some(rest) = call.path().strip_prefix("/v2/verifications/by_phone_number/%2B") {
            let number = format!("+{}", rest.strip_suffix("/actions/verify").unwrap());
            let said = match self.check(&number, call.json()["code"].as_str().unwrap()) {
                None => return error("404 Not Found", "10005"),
                Some(true) => "accepted",
                Some(false) => "rejected",
            };
            return response("200 OK", &json!({"data": {"phone_number": number, "response_code": said}}).to_string());
        }
        match call.path().strip_prefix("/v2/verifications/") {
            Some("sms" | "call" | "flashcall") => {
                self.begin(call.json()["phone_number"].as_str().unwrap());
                response("200 OK", &json!({"data": {"status": "pending"}}).to_string())
            }
            _ => error("404 Not Found", "10005"),
        }
    }

    fn twilio(&self, call: &Call) -> Vec<u8> {
        // base64 of AC0123:tok:en
        if call.header("authorization") != "Basic QUMwMTIzOnRvazplbg==" {
            return response("401 Unauthorized", r#"{"code":20003,"message":"upstream words"}"#);
        }
        let number = call.field("To").unwrap();
        match call.path().strip_prefix("/v2/Services/VA4567/") {
            Some("Verifications") => {
                assert!(["sms", "call", "whatsapp"].contains(&&*call.field("Channel").unwrap()));
                self.begin(&number);
                response("201 Created", r#"{"status":"pending"}"#)
            }
            Some("VerificationCheck") => match self.check(&number, &call.field("Code").unwrap()) {
                None => response("404 Not Found", r#"{"code":20404,"message":"upstream words"}"#),
                Some(true) => response("200 OK", r#"{"status":"approved","valid":true}"#),
                Some(false) => response("200 OK", r#"{"status":"pending","valid":false}"#),
            },
            _ => response("404 Not Found", r#"{"code":20404}"#),
        }
    }

    fn http(&self, call: &Call) -> Vec<u8> {
        let signed = WebhookSecret::parse(SECRET).unwrap().verify(
            call.header("webhook-id"),
            call.header("webhook-timestamp"),
            call.header("webhook-signature"),
            &call.body,
            clock::now(),
        );
        if signed.is_err() || call.path() != "/verify?x=1" {
            return response("401 Unauthorized", "{}");
        }
        let order = call.json();
        let number = order["phone_number"].as_str().unwrap();
        let status = match order["action"].as_str().unwrap() {
            "start" => {
                self.begin(number);
                "pending"
            }
            "check" => match self.check(number, order["code"].as_str().unwrap()) {
                None => "expired",
                Some(true) => "accepted",
                Some(false) => "rejected",
            },
            "cancel" => {
                self.started.lock().unwrap().remove(number);
                "expired"
            }
            other => panic!("no action: {other}"),
        };
        response("200 OK", &json!({"status": status}).to_string())
    }
}

fn serve(stream: &TcpStream, state: &State) -> Option<()> {
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut reader = BufReader::new(stream);
    loop {
        let call = Call::read(&mut reader)?;
        state.calls.lock().unwrap().push(call.clone());
        let scripted = state.script.lock().unwrap().as_ref().map(|script| script(&call));
        let reply = scripted.unwrap_or_else(|| state.answer(&call));
        if reply.is_empty() {
            // Ends when whoever called hangs up, or after `PATIENCE`.
            if reader.read(&mut [0]).is_ok_and(|read| read == 0) {
                state.hung_up.fetch_add(1, Ordering::SeqCst);
            }
            return None;
        }
        { stream }.write_all(&reply).ok()?;
    }
}
