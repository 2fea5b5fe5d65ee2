//! The whole server without a socket: a request in, an answer out, with a clock and a generator that the test sets.

mod authz;
mod authz_session;
#[cfg(feature = "mobile")]
mod breaker;
mod client;
mod cookies;
mod echo;
mod ended;
mod events;
mod grpc;
mod login;
mod refusals;
mod reviewers;
mod sessions;
mod status;

use std::{
    cell::{Cell, RefCell},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize},
    },
};

use http_body_util::{BodyExt, Full};
use hyper::{
    HeaderMap, Method, Request,
    body::Bytes,
    header::{CONTENT_TYPE, COOKIE, SET_COOKIE},
};
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{Rng as _, SeedableRng as _},
};
use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::{
    http::{outgoing::Outgoing, progress::Progress},
    random::Random,
    service::Service,
    wire::client::Peer,
};
use crate::{
    challenge::{UntrustedEnvelope, VerifiedChallenge},
    config::{Config, Sources},
    directory::{Directory as _, Found},
    recipient::Recipient,
    serve::assembly::{Assembled, assemble},
    time::UnixTime,
};

thread_local! {
    /// What the server's clock says, in seconds since 1970. A test has its thread for itself.
    static NOW: Cell<u64> = const { Cell::new(1_800_000_000) };
    static GENERATOR: RefCell<ChaCha20Rng> = RefCell::new(ChaCha20Rng::from_seed([7; 32]));
}

/// On top of this, e-mail is dropped; codes are derived again.
const CONFIGURATION: &str = r#"
    [keyring]
    secrets = ["AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"]
    [email]
    transport = "discard"
    [sms]
    transport = "discard"
"#;

/// A server, as one worker has it.
struct Server(Service);

/// An answer that has arrived.
#[derive(Clone, Debug)]
struct Got {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Server {
    /// With these settings besides (`"section.key"`, as in TOML).
    async fn start(settings: &[(&str, &str)]) -> Self {
        let mut environment: Vec<(std::ffi::OsString, std::ffi::OsString)> = Vec::new();
        for (key, value) in settings {
            let name = format!("COUNTERSIGN_{}", key.to_uppercase().replace('.', "__"));
            environment.push((name.into(), value.into()));
        }
        let sources = Sources { environment: &environment, ..Sources::of_text(CONFIGURATION) };
        let random = Random::new(|bytes| GENERATOR.with_borrow_mut(|generator| generator.fill_bytes(bytes)));
        let config = Config::judge(&sources, &mut random.clone()).unwrap();
        let clock = Arc::new(|| UnixTime::from_seconds(NOW.get()).into());
        let Assembled { app, protocol, multiplexed, .. } = assemble(&config, &Handle::current(), clock, random).await.unwrap();
        Self(Service { app: Arc::new(app), protocol, multiplexed, is_closing: Arc::new(AtomicBool::new(false)) })
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Got {
        let progress = Progress::new(Arc::new(AtomicUsize::new(0)));
        let peer = Peer::Ip([192, 0, 2, 1].into());
        let (head, body) = self.0.answer(request, peer, &progress).await.into_parts();
        let Outgoing::Whole(body) = body else { panic!("an answer in pieces") };
        let body = body.collect().await.unwrap().to_bytes();
        Got { status: head.status.as_u16(), headers: head.headers, body }
    }

    /// POSTs JSON below the base path, with these headers.
    async fn post_with(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> Got {
        let request = Request::post(format!("/passwordless/{path}")).header(CONTENT_TYPE, "application/json");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        self.send(request.body(Bytes::from(body.to_string()).into()).unwrap()).await
    }

    async fn post(&self, path: &str, body: &Value) -> Got {
        self.post_with(path, body, &[]).await
    }

    async fn ask(&self, method: Method, path: &str) -> Got {
        self.send(Request::builder().method(method).uri(path).body(Full::default()).unwrap()).await
    }

    /// Has a code sent: the envelope, and the code that stands in the message.
    async fn request(&self, email: &str) -> (String, String) {
        let sent = self.post("request/email/", &json!({ "email": email })).await;
        assert_eq!(sent.status, 200, "{sent:?}");
        let envelope = sent.json()["challenge"].as_str().unwrap().to_owned();
        let code = self.code(&envelope, email).await;
        (envelope, code)
    }

    /// The code that stands in the message of an envelope.
    async fn code(&self, envelope: &str, email: &str) -> String {
        let (challenge, found) = self.message(envelope, email).await;
        self.0.app.engine.keys.load().challenges.code(&challenge, found.epoch()).unwrap().expose().to_owned()
    }

    /// The link token that stands in the message of an envelope.
    async fn link(&self, envelope: &str, email: &str) -> String {
        let (challenge, found) = self.message(envelope, email).await;
        self.0.app.engine.keys.load().links.seal(&challenge, found.epoch()).expose().to_owned()
    }

    /// What a message is made of.
    async fn message(&self, envelope: &str, email: &str) -> (VerifiedChallenge, Found) {
        let engine = &self.0.app.engine;
        let recipient = Recipient::parse_email(email).unwrap();
        let untrusted = UntrustedEnvelope::parse(envelope).unwrap();
        let challenge = engine.keys.load().challenges.authenticate(untrusted, &recipient).unwrap();
        let found = engine.directory.lookup(&recipient).await.unwrap();
        (challenge, found)
    }
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The stable code of a problem.
    fn code(&self) -> String {
        assert_eq!(self.headers[CONTENT_TYPE], "application/problem+json", "{self:?}");
        self.json()["code"].as_str().unwrap().to_owned()
    }

    fn refusal(&self) -> (u16, String) {
        (self.status, self.code())
    }

    /// The value of a cookie that is set, without its attributes.
    fn cookie(&self, name: &str) -> Option<String> {
        let mut set = self.headers.get_all(SET_COOKIE).iter().map(|value| value.to_str().unwrap());
        set.find_map(|cookie| cookie.strip_prefix(name)?.strip_prefix('=')?.split(';').next().map(str::to_owned))
    }
}

/// The clock goes on by so many seconds.
fn pass(seconds: u64) {
    NOW.set(NOW.get() + seconds);
}
