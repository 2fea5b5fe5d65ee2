//! Sessions that a cookie carries: login, `session/`, renewal, logout, revocation, and what other sites may not do.

mod lifetime;
mod login;
mod logout;
mod renewal;
mod revocation;

use super::*;

const COOKIE_NAME: &str = "__Host-countersign_session";
const ACCESS_NAME: &str = "__Host-countersign_access";
const ANN: &str = "ann@example.com";
const APP: &str = "https://app.example.com";
const NAVIGATION: [(&str, &str); 3] =
    [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
const EVIL: [&[(&str, &str)]; 4] = [
    &[("sec-fetch-site", "cross-site")],
    &[("origin", "https://evil.example")],
    &[("origin", "null")],
    &[("sec-fetch-site", "same-site"), ("origin", "https://evil.example.com")],
];

async fn start(settings: &[(&str, &str)]) -> Server {
    let base = [
        ("server.public_url", "https://login.example.com"),
        ("session.enabled", "true"),
        ("session.return_to", APP),
        ("passwordless.token_request_throttle_seconds", "0"),
        ("passwordless.max_messages_per_hour", "0"),
    ];
    Server::start(&[&base, settings].concat()).await
}

impl Server {
    /// Logs into a session; what is sent besides may take the place of what is usual.
    async fn log_in(&self, email: &str, more: &Value, headers: &[(&str, &str)]) -> Got {
        let (envelope, code) = self.request(email).await;
        let mut body = json!({ "email": email, "token": code, "challenge": envelope, "session": true });
        body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        self.post_with("exchange/email/", &body, headers).await
    }

    /// The value of the session cookie of a fresh login.
    async fn session(&self, email: &str) -> String {
        let got = self.log_in(email, &json!({}), &[]).await;
        assert_eq!(got.status, 200, "{got:?}");
        got.cookie(COOKIE_NAME).unwrap()
    }

    async fn visit(&self, path: &str, headers: &[(&str, &str)]) -> Got {
        let request = Request::get(format!("/passwordless/{path}"));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        self.send(request.body(Full::default()).unwrap()).await
    }

    /// Of `session/` with these values of the cookie.
    async fn status_of(&self, values: &[&str]) -> u16 {
        let cookies: Vec<_> = values.iter().map(|value| format!("{COOKIE_NAME}={value}")).collect();
        self.visit("session/", &[("cookie", &cookies.join("; "))]).await.status
    }

    async fn sign_out(&self, value: &str, body: &Value, headers: &[(&str, &str)]) -> Got {
        let cookie = format!("{COOKIE_NAME}={value}");
        self.post_with("logout/", body, &[headers, &[("cookie", &cookie)]].concat()).await
    }
}

/// Whether both cookies are cleared.
fn are_cleared(got: &Got) -> bool {
    [COOKIE_NAME, ACCESS_NAME].iter().all(|name| {
        let start = format!("{name}=; Max-Age=0; Path=/;");
        got.headers.get_all(SET_COOKIE).iter().any(|value| value.to_str().unwrap().starts_with(&start))
    })
}
