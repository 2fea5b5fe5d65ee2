//! A proxy on pingora that checks access tokens and challenges itself, with the keys that countersign publishes.
//!
//! ```sh
//! cargo run -- 127.0.0.1:8080 127.0.0.1:8000 127.0.0.1:3000 http://localhost:8000    # the edge, countersign, your app, the issuer
//! ```

mod keys;

use std::{env, sync::Arc, time::SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use countersign::{
    edge::{Denial, Identity, Needs, Presented, claims_identity},
    time::UnixTime,
};
use keys::Keys;
use pingora_core::{
    Result,
    server::{Server, ShutdownWatch, configuration::ServerConf},
    services::background::{BackgroundService, background_service},
    upstreams::peer::HttpPeer,
};
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::{ProxyHttp, Session, http_proxy_service};

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [edge, countersign, app, issuer] = &*arguments else {
        eprintln!("give four things: where to listen, where countersign is, where your app is, and the issuer");
        std::process::exit(64);
    };
    // Asked to end, pingora waits this long for requests on their way: five minutes if nothing is said.
    let settings = ServerConf { grace_period_seconds: Some(5), ..ServerConf::default() };
    let mut server = Server::new_with_opt_and_conf(None, settings);
    server.bootstrap();
    let keys = Arc::new(Keys::new(issuer, countersign));
    let gate = Gate { keys: Arc::clone(&keys), countersign: countersign.clone(), app: app.clone() };
    let mut proxy = http_proxy_service(&server.configuration, gate);
    proxy.add_tcp(edge);
    server.add_service(proxy);
    server.add_service(background_service("keys", Reload(keys)));
    server.run_forever();
}

/// Fetches keys as long as the server runs.
struct Reload(Arc<Keys>);

#[async_trait]
impl BackgroundService for Reload {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        tokio::select! {
            () = self.0.keep() => {}
            _ = shutdown.changed() => {}
        }
    }
}

struct Gate {
    keys: Arc<Keys>,
    countersign: String,
    app: String,
}

/// Where a request goes and what it needs for that. What isn't countersign's by its first characters goes to the app.
fn route(path: &str) -> (bool, Needs) {
    match path {
        path if path.starts_with("/passwordless/exchange/") => (true, Needs::Challenge),
        path if path.starts_with("/passwordless/") => (true, Needs::Nothing),
        // Your app has to read this path alike: no dot segments and no escapes.
        path if path.starts_with("/public/")
            && !path.contains(['%', '\\', ';'])
            && !path.contains("/.")
            && !path.contains("//") =>
        {
            (false, Needs::Nothing)
        }
        _ => (false, Needs::Token),
    }
}

impl Gate {
    fn judge(&self, request: &RequestHeader) -> Result<Identity, Denial> {
        let presented = Presented::read(request.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let needs = match route(request.uri.path()) {
            (_, Needs::Nothing) => return Ok(Identity::nobody()),
            (_, needs) => needs,
        };
        let checker = self.keys.checker().ok_or(Denial::Unavailable)?;
        checker.judge(needs, &presented, UnixTime::from_seconds(now.as_secs())).map_err(|stopped| {
            if stopped.lacks_key {
                self.keys.miss_one();
            }
            stopped.denial
        })
    }
}

#[async_trait]
impl ProxyHttp for Gate {
    type CTX = Identity;

    fn new_ctx(&self) -> Identity {
        Identity::nobody()
    }

    async fn request_filter(&self, session: &mut Session, identity: &mut Identity) -> Result<bool> {
        let denial = match self.judge(session.req_header()) {
            Ok(judged) => {
                *identity = judged;
                return Ok(false);
            }
            Err(denial) => denial,
        };
        let mut answer = ResponseHeader::build(denial.status(), Some(4))?;
        for (name, value) in denial.headers() {
            answer.insert_header(name, value)?;
        }
        answer.insert_header("content-length", denial.body().len())?;
        session.write_response_header(Box::new(answer), false).await?;
        session.write_response_body(Some(Bytes::from_static(denial.body().as_bytes())), true).await?;
        Ok(true)
    }

    async fn upstream_peer(&self, session: &mut Session, _: &mut Identity) -> Result<Box<HttpPeer>> {
        let (is_countersign, _) = route(session.req_header().uri.path());
        let address = if is_countersign { &self.countersign } else { &self.app };
        Ok(Box::new(HttpPeer::new(address, false, String::new())))
    }

    /// Nobody sends headers of ours; each is set.
    async fn upstream_request_filter(&self, _: &mut Session, request: &mut RequestHeader, identity: &mut Identity) -> Result<()> {
        let claimed: Vec<String> = request.headers.keys().map(|name| name.as_str().to_owned()).collect();
        for name in claimed.iter().filter(|name| claims_identity(name)) {
            request.remove_header(name.as_str());
        }
        for (name, value) in identity.headers() {
            request.insert_header(name, value)?;
        }
        Ok(())
    }
}
