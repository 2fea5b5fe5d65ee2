//! Who honours it that a session was ended, and at once.

use super::*;
use crate::{
    ended::{EndedSessions as _, Ending, SessionFacts},
    time::UnixMillis,
};

/// What a login gave.
struct Tokens {
    access: String,
    refresh: String,
}

impl Server {
    async fn tokens(&self, email: &str) -> Tokens {
        let (envelope, code) = self.request(email).await;
        let body = json!({ "email": email, "token": code, "challenge": envelope });
        let got = self.post("exchange/email/", &body).await;
        assert_eq!(got.status, 200, "{got:?}");
        let text = |name: &str| got.json()[name].as_str().unwrap().to_owned();
        Tokens { access: text("access"), refresh: text("refresh") }
    }

    async fn end(&self, tokens: &Tokens, everywhere: bool) {
        let engine = &self.0.app.engine;
        let now = UnixTime::from_seconds(NOW.get());
        let access = engine.keys.load().sessions.verify_access(&tokens.access, now).unwrap();
        let ending = Ending { session: SessionFacts::from(&access), ends_at: None, everywhere };
        engine.ended.end(&ending, UnixMillis::end_of(now)).await.unwrap();
    }

    /// The statuses of all that ask whether a session was ended. `/authz` first, so that it remembers the token.
    async fn asked_of(&self, tokens: &Tokens) -> [u16; 5] {
        let authz = async |dialect: &str| {
            let request = Request::get(format!("/authz/{dialect}/token"))
                .header("authorization", format!("Bearer {}", tokens.access))
                .header("x-forwarded-uri", "/")
                .header("x-forwarded-method", "GET");
            self.send(request.body(Full::default()).unwrap()).await.status
        };
        [
            authz("nginx").await,
            authz("forward").await,
            authz("envoy").await,
            self.post("token/verify/", &json!({ "token": tokens.access })).await.status,
            self.post("token/refresh/", &json!({ "refresh": tokens.refresh })).await.status,
        ]
    }
}

#[tokio::test]
async fn an_ended_session_is_refused_everywhere_at_once_also_where_its_token_was_found_good_a_moment_ago() {
    let server = Server::start(&[("authz.cache_seconds", "300")]).await;
    let (one, other) = (server.tokens("ann@example.com").await, server.tokens("bob@example.com").await);
    assert_eq!(server.asked_of(&one).await, [200; 5]);
    server.end(&one, false).await;
    assert_eq!(server.asked_of(&one).await, [401; 5]);
    assert_eq!(server.asked_of(&other).await, [200; 5]);
    let got = server.post("token/verify/", &json!({ "token": one.access })).await;
    assert_eq!(got.refusal(), (401, "token_not_valid".into()));
}

#[tokio::test]
async fn ending_everywhere_ends_what_began_before_and_nothing_that_begins_later() {
    let server = Server::start(&[("passwordless.token_request_throttle_seconds", "0")]).await;
    let (one, two) = (server.tokens("ann@example.com").await, server.tokens("ann@example.com").await);
    let other = server.tokens("bob@example.com").await;
    pass(1);
    server.end(&one, true).await;
    assert_eq!(server.asked_of(&two).await, [401; 5]);
    assert_eq!(server.asked_of(&other).await, [200; 5]);
    pass(1);
    assert_eq!(server.asked_of(&server.tokens("ann@example.com").await).await, [200; 5]);
}
