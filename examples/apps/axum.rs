//! An app in axum whose account page is for whoever is signed in. It checks the access cookie by itself, with countersign's public
//! keys and its library: no request waits for another. A sign-out elsewhere counts when the cookie ends, after five minutes.
//!
//!     cargo run --example app_axum          and open http://localhost:3000; countersign has to be there already
//!
//!     [session]
//!     enabled = true
//!     access_cookie = true
//!     return_to = ["http://localhost:3000"]
//!     # in production cookie_domain = "example.com", and below __Secure-countersign_access
#![allow(clippy::disallowed_methods, reason = "an app has a clock and an environment of its own")]

use std::{env, error::Error, sync::Arc, time::SystemTime};

use axum::{
    Router,
    extract::{FromRequestParts, State},
    http::{Method, StatusCode, header::CACHE_CONTROL, request::Parts},
    response::{Html, IntoResponse, Redirect, Response},
    routing::get,
};
use countersign::{
    edge::{Checker, KeyDocument},
    time::UnixTime,
};

struct App {
    auth: String,
    own: String,
    keys: Checker,
}

/// Whoever is signed in: a handler that takes one is for nobody else.
struct User(String);

impl FromRequestParts<Arc<App>> for User {
    type Rejection = Response;

    /// A visitor comes back from countersign with a fresh cookie, after a login if one is needed.
    async fn from_request_parts(request: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        let header = |name| request.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if request.method != Method::GET && header("sec-fetch-site") != "same-origin" {
            return Err((StatusCode::FORBIDDEN, "Not from elsewhere.").into_response());
        }
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(u64::MAX, |since| since.as_secs());
        let mut tokens = header("cookie").split("; ").filter_map(|cookie| cookie.strip_prefix("countersign_access="));
        match tokens.find_map(|token| app.keys.token(token, UnixTime::from_seconds(now)).ok()) {
            Some(token) => Ok(Self(token.subject().to_owned())),
            None if request.method != Method::GET => Err((StatusCode::UNAUTHORIZED, "Sign in first.").into_response()),
            None => {
                let renew = format!("{}/session/renew/?return_to={}{}", app.auth, app.own, request.uri);
                Err(Redirect::to(&renew).into_response())
            }
        }
    }
}

async fn account(User(id): User, State(app): State<Arc<App>>) -> impl IntoResponse {
    let (id, out) = (id.replace('&', "&amp;").replace('<', "&lt;"), format!("{}/logout/?return_to={}/", app.auth, app.own));
    let page = format!("<!doctype html><h1>Your account</h1><p>Signed in as {id}</p><a href=\"{out}\">Sign out</a>");
    ([(CACHE_CONTROL, "no-store")], Html(page))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let auth = env::var("AUTH").unwrap_or("http://localhost:8000/passwordless".into());
    let own = env::var("APP").unwrap_or("http://localhost:3000".into());
    let issuer = auth.trim_end_matches("/passwordless");
    rustls::crypto::aws_lc_rs::default_provider().install_default().expect("it is the first");
    let mut keys = Checker::new(issuer, vec![issuer.to_owned()], 0);
    // Once is enough to show it: an app that runs for long loads them again every five minutes.
    keys.load(KeyDocument::Jwks, &reqwest::get(format!("{issuer}/.well-known/jwks.json")).await?.text().await?)?;

    let listener = tokio::net::TcpListener::bind(own.replace("http://localhost", "127.0.0.1")).await?;
    println!("listening at {own}");
    let routes = Router::new().route("/account", get(account)).with_state(Arc::new(App { auth, own, keys }));
    let routes = routes.route("/", get(Html("<!doctype html><h1>Welcome</h1><a href=\"/account\">Your account</a>")));
    Ok(axum::serve(listener, routes).await?)
}
