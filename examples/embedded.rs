//! A service of your own with the engine inside: no configuration file, no directory, two routes.
//!
//! ```sh
//! cargo run --example embedded
//! curl -s localhost:3000/code  -d '{"email": "ann@example.com"}'
//! curl -s localhost:3000/login -d '{"email": "ann@example.com", "code": "…", "challenge": "…"}'
//! ```

use std::{convert::Infallible, error::Error, net::SocketAddr, sync::Arc, time::SystemTime};

use countersign::{
    challenge::{Alphabet, CodeFormat, GuardId},
    delivery::{DeliveryFailed, Dispatch, Fate, NoRoom, Outbox, SlotRequest},
    directory::NoDirectory,
    engine::{Begin, ByCode, Caller, Complete, Engine, Policy},
    guard::{Limits, MemoryGuard},
    keyring::{EnvelopeFormat, Keyring},
    keys::Keys,
    network::ClientNetwork,
    recipient::{Channel, Recipient},
    time::UnixTime,
    token::SessionsConfig,
};
use http_body_util::{BodyExt, Collected, Full, Limited};
use hyper::{Request, Response, StatusCode, body::Bytes, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::LocalSet};

const ISSUER: &str = "http://localhost:3000";

type Login = Engine<MemoryGuard, NoDirectory, Terminal>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let login = Arc::new(login()?);
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on {ISSUER}");
    // A thread's random generator stays on its thread, and so do futures that hold it.
    let here = LocalSet::new();
    here.run_until(async {
        loop {
            let (stream, peer) = listener.accept().await?;
            let login = Arc::clone(&login);
            tokio::task::spawn_local(async move {
                let answer = service_fn(|request| answer(&login, peer, request));
                http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await
            });
        }
    })
    .await
}

/// The engine: rules, keys, and the three things it asks of its surroundings.
fn login() -> Result<Login, Box<dyn Error>> {
    // A real service reads its secret from where it keeps secrets; with a new one at each start, everything issued before
    // is void.
    let secret: [u8; 32] = rand::random();
    let keyring = Keyring::new([secret.to_vec()])?;
    let guard_id = GuardId::fresh(None, &mut rand::rng());
    let keys = Keys::new(&keyring, &SessionsConfig::new(ISSUER), EnvelopeFormat::EdDsa)?;
    let policy = Policy::new([Channel::Email], CodeFormat::new(Alphabet::Numeric, 6).ok_or("no code format")?);
    let guard = MemoryGuard::new(guard_id, Limits::default(), &mut rand::rng());
    Ok(Engine::new(policy, keys, guard, NoDirectory, Terminal))
}

/// Delivers to the terminal. Where a code really has to be sent, hand the dispatch to a queue here and answer at once.
#[derive(Debug)]
struct Terminal;

impl Outbox for Terminal {
    type Slot = ();

    fn reserve(&self, _request: &SlotRequest) -> Result<(), NoRoom> {
        Ok(())
    }

    async fn send(&self, _slot: (), dispatch: Dispatch) -> Result<(), DeliveryFailed> {
        if dispatch.fate == Fate::Send {
            println!("to {}: your code is {}", dispatch.address(), dispatch.code().expose());
        }
        Ok(())
    }
}

async fn answer(login: &Login, peer: SocketAddr, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    let body = Limited::new(request.into_body(), 16_384).collect().await.map(Collected::to_bytes).unwrap_or_default();
    let given: Value = serde_json::from_slice(&body).unwrap_or_default();
    let caller = Caller::new(ClientNetwork::of(peer.ip()));
    let answer = match &*path {
        "/code" => send_code(login, caller, &given).await,
        "/login" => log_in(login, caller, &given).await,
        _ => Err("there is nothing here".into()),
    };
    let (status, body) = match answer {
        Ok(body) => (StatusCode::OK, body),
        Err(reason) => (StatusCode::BAD_REQUEST, json!({ "error": reason })),
    };
    let mut response = Response::new(Full::from(format!("{body}\n")));
    *response.status_mut() = status;
    Ok(response)
}

async fn send_code(login: &Login, caller: Caller<'_>, given: &Value) -> Result<Value, String> {
    let recipient = recipient(given)?;
    let begin = Begin::new(recipient, caller);
    let sent = login.begin(begin, now(), &mut rand::rng()).await.map_err(|error| format!("{error:?}"))?;
    Ok(json!({ "challenge": sent.envelope }))
}

async fn log_in(login: &Login, caller: Caller<'_>, given: &Value) -> Result<Value, String> {
    let text = |name: &str| given[name].as_str().ok_or(format!("{name} is missing"));
    let code = ByCode { recipient: recipient(given)?, envelope: text("challenge")?, code: text("code")? };
    let complete = Complete::new(code, caller);
    let signed_in = login.complete(complete, now(), &mut rand::rng()).await.map_err(|error| format!("{error:?}"))?;
    let tokens = signed_in.tokens().ok_or("tokens were wanted")?;
    Ok(json!({ "access": tokens.access, "refresh": tokens.refresh }))
}

fn recipient(given: &Value) -> Result<Recipient, String> {
    let typed = given["email"].as_str().ok_or("email is missing")?;
    Recipient::parse_email(typed).map_err(|_| "that is no address".into())
}

/// The engine reads no clock: its callers do.
fn now() -> UnixTime {
    #[allow(clippy::disallowed_methods, reason = "this is the program's one clock")]
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixTime::from_seconds(since.as_secs())
}
