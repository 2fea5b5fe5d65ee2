//! Sessions that a cookie carries: login, `session/`, renewal, logout, revocation, and what other sites may not do.

use hyper::header::{ACCEPT, CACHE_CONTROL, LOCATION, ORIGIN, WWW_AUTHENTICATE};

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

#[tokio::test]
async fn a_login_into_a_session_gives_cookies_and_no_token() {
    let server = start(&[]).await;
    let got = server.log_in(ANN, &json!({ "return_to": "https://APP.example.com:443/x?y=z" }), &[]).await;
    assert_eq!((got.status, &got.headers[CACHE_CONTROL]), (200, &"no-store".parse().unwrap()));
    let (body, now) = (got.json(), NOW.get());
    let names: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["return_to", "session"]);
    assert_eq!(body["return_to"], "https://app.example.com/x?y=z");
    let session = &body["session"];
    assert_eq!((&session["sub"], &session["channel"]), (&json!(ANN), &json!("email")));
    assert_eq!((&session["recipient"], &session["amr"]), (&json!("a…@example.com"), &json!(["otp"])));
    assert_eq!((&session["auth_time"], &session["expires_at"]), (&json!(now), &json!(now + 604_800)));
    let set: Vec<_> = got.headers.get_all(SET_COOKIE).iter().map(|value| value.to_str().unwrap()).collect();
    let cookie = set.iter().find(|cookie| cookie.starts_with(COOKIE_NAME)).unwrap();
    assert!(cookie.ends_with("; Max-Age=604800; Path=/; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
    assert!(!set.iter().any(|cookie| cookie.starts_with(ACCESS_NAME)), "not wanted");
    assert!(got.cookie("countersign_device").is_some());

    let asked = server.visit("session/", &[("cookie", &format!("{COOKIE_NAME}={}", got.cookie(COOKIE_NAME).unwrap()))]).await;
    assert_eq!((asked.status, &asked.json()), (200, session));
    assert!(asked.headers.get(SET_COOKIE).is_none(), "the cookie never changes");
    let none = server.visit("session/", &[]).await;
    assert_eq!(none.refusal(), (401, "no_session".into()));
    assert_eq!(none.headers[WWW_AUTHENTICATE], "Countersign realm=\"countersign\"");
}

#[tokio::test]
async fn without_sessions_there_are_no_endpoints_and_the_field_is_a_fault() {
    let server = Server::start(&[("passwordless.token_request_throttle_seconds", "0")]).await;
    for (method, path) in [
        (Method::GET, "session/"),
        (Method::POST, "session/renew/"),
        (Method::GET, "session/renew/"),
        (Method::POST, "logout/"),
        (Method::GET, "logout/"),
    ] {
        assert_eq!(server.ask(method, &format!("/passwordless/{path}")).await.refusal(), (404, "not_found".into()), "{path}");
    }
    let got = server.log_in(ANN, &json!({}), &[]).await;
    assert_eq!((got.refusal(), got.json()["session"].is_array()), ((400, "invalid".into()), true));
    assert_eq!(server.log_in(ANN, &json!({ "session": false }), &[]).await.status, 200);
    assert_eq!(server.post("token/revoke/", &json!({ "token": "x" })).await.status, 200, "always there");
}

#[tokio::test]
async fn what_is_wrong_with_a_wish_counts_nothing() {
    let server = start(&[]).await;
    let (envelope, code) = server.request(ANN).await;
    let wrong = |more: Value| {
        let mut body = json!({ "email": ANN, "token": "000000", "challenge": envelope, "session": true });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    for (more, field) in [
        (json!({ "session": "true" }), "session"),
        (json!({ "session": 1 }), "session"),
        (json!({ "session": null }), "session"),
        (json!({ "return_to": "https://evil.example/" }), "return_to"),
        (json!({ "return_to": "//app.example.com" }), "return_to"),
        (json!({ "return_to": "" }), "return_to"),
        (json!({ "return_to": 7 }), "return_to"),
        (json!({ "return_to": "https://app.example.com/\t" }), "return_to"),
        (json!({ "return_to": "\rhttps://app.example.com/" }), "return_to"),
    ] {
        let got = server.post("exchange/email/", &wrong(more.clone())).await;
        assert_eq!((got.refusal(), got.json()[field].is_array()), ((400, "invalid".into()), true), "{more}");
    }
    for headers in EVIL {
        let got = server.post_with("exchange/email/", &wrong(json!({})), headers).await;
        assert_eq!(got.refusal(), (403, "cross_site".into()), "{headers:?}");
        assert!(got.headers.get(SET_COOKIE).is_none());
    }
    let left = server.post("exchange/email/", &wrong(json!({}))).await.json()["attempts_left"].clone();
    assert_eq!(left, 4, "this is the first attempt that counts");
    let right = json!({ "email": ANN, "token": code, "challenge": envelope, "session": true });
    assert_eq!(server.post("exchange/email/", &right).await.status, 200);
}

#[tokio::test]
async fn a_form_says_true_or_false() {
    let server = start(&[]).await;
    for (word, status, has_cookie) in [("true", 200, true), ("false", 200, false), ("", 400, false), ("yes", 400, false)] {
        let (envelope, code) = server.request(ANN).await;
        let body = format!("email=ann%40example.com&token={code}&challenge={envelope}&session={word}");
        let request = Request::post("/passwordless/exchange/email/").header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let got = server.send(request.body(Bytes::from(body).into()).unwrap()).await;
        assert_eq!((got.status, got.cookie(COOKIE_NAME).is_some()), (status, has_cookie), "{word}");
    }
}

#[tokio::test]
async fn a_link_logs_into_a_session_too() {
    let server = start(&[]).await;
    let (envelope, _) = server.request(ANN).await;
    let link = server.link(&envelope, ANN).await;
    let got = server.post("exchange/", &json!({ "token": link, "session": true })).await;
    assert_eq!((got.status, got.cookie(COOKIE_NAME).is_some()), (200, true));
}

#[tokio::test]
async fn one_login_has_one_sid_which_is_its_challenges() {
    let server = start(&[("passwordless.max_token_uses", "3")]).await;
    let (envelope, code) = server.request(ANN).await;
    let id = server.message(&envelope, ANN).await.0.challenge().id.to_text();
    let keys = server.0.app.engine.keys.load();
    for (at, session) in [(1, false), (2, true), (3, false)] {
        let got = server
            .post("exchange/email/", &json!({ "email": ANN, "token": code, "challenge": envelope, "session": session }))
            .await;
        let sid = if at == 1 { id.clone() } else { format!("{id}.{at}") };
        let body = got.json();
        if session {
            assert_eq!(body["session"]["sid"], sid);
            continue;
        }
        let now = UnixTime::from_seconds(NOW.get());
        let access = keys.sessions.verify_access(body["access"].as_str().unwrap(), now).unwrap();
        let refresh = keys.sessions.open_refresh(body["refresh"].as_str().unwrap(), now).unwrap();
        assert_eq!((access.session_id(), refresh.session.id.to_text()), (&*sid, sid.clone()));
    }
    let spent = server.post("exchange/email/", &json!({ "email": ANN, "token": code, "challenge": envelope })).await;
    assert_eq!(spent.code(), "challenge_spent");
}

#[tokio::test]
async fn of_several_cookies_the_one_that_lives_counts_and_of_two_different_ones_none() {
    let server = start(&[]).await;
    let (anns, eves) = (server.session(ANN).await, server.session("eve@example.com").await);
    let second = server.session(ANN).await;
    let elsewhere = {
        let other = start(&[("keyring.secrets", "HxEODQwLCgkIBwYFBAMCAQABAgMEBQYHCAkKCwwNDg8")]).await;
        other.session(ANN).await
    };
    let issuer = start(&[("tokens.issuer", "https://other.example")]).await.session(ANN).await;
    for dead in ["zz", "AYoLnFyim", &elsewhere, &issuer, &anns[..anns.len() - 1], "é"] {
        assert_eq!(server.status_of(&[dead]).await, 401, "{dead}");
        assert_eq!(server.status_of(&[dead, &anns]).await, 200, "{dead}");
        assert_eq!(server.status_of(&[&anns, dead]).await, 200, "{dead}");
    }
    assert_eq!(server.status_of(&[&anns, &anns]).await, 200, "the same one twice");
    assert_eq!(server.status_of(&[&anns, &eves]).await, 401, "nobody is moved into another's session");
    assert_eq!(server.status_of(&[&eves, &anns]).await, 401);
    assert_eq!(server.status_of(&[&anns, &second]).await, 401);
    let got = server.sign_out(&format!("{anns}; {COOKIE_NAME}={eves}"), &json!({}), &[]).await;
    assert!((got.status, got.json()) == (200, json!({})) && are_cleared(&got));
    assert_eq!(
        (server.status_of(&[&anns]).await, server.status_of(&[&eves]).await),
        (200, 200),
        "none counted, so none was ended"
    );
    server.sign_out(&eves, &json!({}), &[]).await;
    assert_eq!(server.status_of(&[&anns, &eves]).await, 200, "an ended one doesn't live");
}

#[tokio::test]
async fn a_sibling_host_that_tosses_many_cookies_moves_nobody_into_its_session() {
    let server = start(&[]).await;
    let (anns, eves) = (server.session(ANN).await, server.session("eve@example.com").await);
    let junk: Vec<_> = (0..50).map(|number| format!("{number}{}", &eves[2..])).collect();
    let tossed: Vec<_> = junk.iter().map(String::as_str).chain([&*eves]).collect();
    assert_eq!(server.status_of(&[&tossed[..], &[&anns]].concat()).await, 401);
    let junk_alone: Vec<_> = junk.iter().map(String::as_str).chain([&*anns]).collect();
    assert_eq!(server.status_of(&junk_alone).await, 200, "what doesn't open is skipped");
}

#[tokio::test]
async fn a_session_that_was_ended_while_sessions_were_short_stays_ended_when_they_are_long_again() {
    let long = start(&[("session.lifetime", "604800"), ("tokens.refresh_lifetime", "604800")]).await;
    let short = start(&[("session.lifetime", "60"), ("tokens.refresh_lifetime", "60")]).await;
    let value = long.session(ANN).await;
    let refresh = long.log_in(ANN, &json!({ "session": false }), &[]).await.json()["refresh"].clone();
    let engine = &short.0.app.engine;
    let now = UnixTime::from_seconds(NOW.get());
    let session = engine.session_of_cookies(&[&value], now).await.unwrap();
    assert_eq!((session.ends_at, session.made_until), (now.plus(60), now.plus(604_800)));
    let opened = engine.keys.load().sessions.open_refresh(refresh.as_str().unwrap(), now).unwrap().session;
    assert_eq!((opened.ends_at, opened.made_until), (now.plus(60), now.plus(604_800)));
    short.sign_out(&value, &json!({}), &[]).await;
    short.post("token/revoke/", &json!({ "token": refresh })).await;
    pass(600_000);
    for session in [session, opened] {
        let id = session.id.to_text();
        let facts = crate::ended::SessionFacts::of(&session, &id);
        let later = UnixTime::from_seconds(NOW.get());
        let has_ended = crate::ended::EndedSessions::has_ended(&engine.ended, &facts, later).await;
        assert_eq!(has_ended, Ok(true), "it is remembered as long as the seal says");
    }
}

#[tokio::test]
async fn a_session_ends_at_its_end_and_at_todays_lifetime_if_that_is_sooner() {
    let server = start(&[("session.lifetime", "3600")]).await;
    let value = server.session(ANN).await;
    let shorter = start(&[("session.lifetime", "60")]).await;
    assert_eq!(shorter.status_of(&[&value]).await, 200);
    pass(59);
    assert_eq!(shorter.status_of(&[&value]).await, 200);
    pass(1);
    assert_eq!(shorter.status_of(&[&value]).await, 401);
    assert_eq!(server.status_of(&[&value]).await, 200);
    pass(3_540);
    assert_eq!(server.status_of(&[&value]).await, 401);
}

#[tokio::test]
async fn renewing_gives_a_fresh_access_cookie_and_leads_back() {
    let server = start(&[("session.access_cookie", "true"), ("session.lifetime", "400")]).await;
    let signed_in = server.log_in(ANN, &json!({}), &[]).await;
    let cookie = format!("{COOKIE_NAME}={}", signed_in.cookie(COOKIE_NAME).unwrap());
    let access = |got: &Got| got.cookie(ACCESS_NAME).unwrap();
    let sid = |token: &str| {
        let verified = server.0.app.engine.keys.load().sessions.verify_access(token, UnixTime::from_seconds(NOW.get())).unwrap();
        (verified.session_id().to_owned(), verified.expires_at().as_seconds() - NOW.get())
    };
    let first = access(&signed_in);
    assert_eq!(sid(&first).1, 300);
    pass(200);
    let renewed = server.post_with("session/renew/", &json!({}), &[("cookie", &cookie)]).await;
    assert_eq!((renewed.status, &renewed.json()), (200, &signed_in.json()["session"]));
    assert_eq!(sid(&access(&renewed)), (sid(&first).0, 200), "no access token outlives its session");
    assert!(renewed.headers[SET_COOKIE].to_str().unwrap().contains("; Max-Age=200;"));
    assert!(renewed.cookie(COOKIE_NAME).is_none(), "the session's cookie never changes");

    let visit = async |query: &str, headers: &[(&str, &str)]| server.visit(&format!("session/renew/?{query}"), headers).await;
    let back = visit("return_to=https://app.example.com/a?b=c&d=e", &[&NAVIGATION[..], &[("cookie", &cookie)]].concat()).await;
    assert_eq!((back.status, &back.headers[LOCATION]), (303, &"https://app.example.com/a?b=c&d=e".parse().unwrap()));
    assert_eq!((sid(&access(&back)).1, &back.headers[CACHE_CONTROL]), (200, &"no-store".parse().unwrap()));
    let login = visit("return_to=https://app.example.com/a?b=c&d=e", &[]).await;
    let expected = "https://login.example.com/passwordless/login?return_to=https%3A%2F%2Fapp.example.com%2Fa%3Fb%3Dc%26d%3De";
    assert_eq!((login.status, &login.headers[LOCATION]), (303, &expected.parse().unwrap()));
    for bad in
        ["", "return_to=", "return_to=https://evil.example/", "return_to=a&return_to=https://app.example.com/", "return_to=/x"]
    {
        assert_eq!(visit(bad, &[("cookie", &cookie)]).await.refusal(), (400, "invalid".into()), "{bad}");
    }
    assert_eq!(server.post("session/renew/", &json!({})).await.refusal(), (401, "no_session".into()));
    for headers in EVIL {
        let headers = [headers, &[("cookie", &*cookie)]].concat();
        assert_eq!(server.post_with("session/renew/", &json!({}), &headers).await.status, 401, "{headers:?}");
        assert!(visit("return_to=https://app.example.com/", &headers).await.headers.get(SET_COOKIE).is_none(), "{headers:?}");
    }
}

#[tokio::test]
async fn an_access_token_that_is_too_long_for_a_cookie_is_not_set() {
    let server = start(&[
        ("session.access_cookie", "true"),
        ("tokens.client_id", &"c".repeat(500)),
        ("tokens.audience", &"a".repeat(500)),
    ])
    .await;
    assert!(server.log_in(ANN, &json!({}), &[]).await.cookie(ACCESS_NAME).unwrap().len() > 1_000);
    let audiences: Vec<_> = (0..8).map(|at| format!("{at}{}", "a".repeat(400))).collect();
    let server = start(&[("session.access_cookie", "true"), ("tokens.audience", &audiences.join(","))]).await;
    let got = server.log_in(ANN, &json!({}), &[]).await;
    assert_eq!((got.status, got.cookie(ACCESS_NAME).as_deref()), (200, Some("")), "an earlier one is cleared");
    assert!(got.cookie(COOKIE_NAME).is_some());
}

#[tokio::test]
async fn logging_out_ends_the_session_and_clears_the_cookies() {
    let server = start(&[]).await;
    let value = server.session(ANN).await;
    let other = server.session(ANN).await;
    let got = server.sign_out(&value, &json!({}), &[]).await;
    assert_eq!((got.status, got.json()), (200, json!({})));
    assert!(are_cleared(&got), "{got:?}");
    assert_eq!(server.status_of(&[&value]).await, 401, "who kept the cookie has nothing");
    assert_eq!(server.status_of(&[&other]).await, 200, "another login goes on");
    for value in [&*value, "zz", ""] {
        let again = server.sign_out(value, &json!({}), &[]).await;
        assert!(again.status == 200 && again.json() == json!({}) && are_cleared(&again), "the same for whoever isn't signed in");
    }
    for wrong in [json!({ "everywhere": "true" }), json!({ "everywhere": 1 }), json!({ "everywhere": null })] {
        let got = server.sign_out(&other, &wrong, &[]).await;
        assert_eq!((got.refusal(), got.json()["everywhere"].is_array()), ((400, "invalid".into()), true));
    }
    assert_eq!(server.status_of(&[&other]).await, 200);
}

#[tokio::test]
async fn logging_out_everywhere_ends_what_began_before() {
    let server = start(&[]).await;
    let (one, other, bobs) = (server.session(ANN).await, server.session(ANN).await, server.session("bob@example.com").await);
    let tokens = server.log_in(ANN, &json!({ "session": false }), &[]).await.json();
    pass(1);
    let got = server.sign_out(&one, &json!({ "everywhere": true }), &[]).await;
    assert_eq!((got.status, got.json()), (200, json!({})));
    assert_eq!((server.status_of(&[&one]).await, server.status_of(&[&other]).await), (401, 401));
    assert_eq!(server.post("token/refresh/", &json!({ "refresh": tokens["refresh"] })).await.status, 401);
    assert_eq!(server.status_of(&[&bobs]).await, 200, "somebody else's goes on");
    pass(1);
    let later = server.session(ANN).await;
    assert_eq!(server.status_of(&[&later]).await, 200, "a later login is a new one");
}

#[tokio::test]
async fn no_other_site_signs_anybody_out() {
    let server = start(&[]).await;
    let value = server.session(ANN).await;
    for headers in EVIL {
        let got = server.sign_out(&value, &json!({}), headers).await;
        assert_eq!(got.refusal(), (403, "cross_site".into()), "{headers:?}");
        assert!(got.headers.get(SET_COOKIE).is_none(), "nor are its cookies cleared");
    }
    let posted = server.sign_out(&value, &json!({}), &NAVIGATION).await;
    assert_eq!(posted.refusal(), (403, "cross_site".into()), "a form of another site's");
    assert_eq!(server.status_of(&[&value]).await, 200);
    let cookie = format!("{COOKIE_NAME}={value}");
    let page = server.visit("logout/", &[&NAVIGATION[..], &[("cookie", &cookie)]].concat()).await;
    assert_eq!((page.status, server.status_of(&[&value]).await), (200, 200), "a visit ends nothing");
}

#[tokio::test]
async fn pages_that_are_led_back_to_may_sign_out_and_read_the_answer() {
    let server = start(&[]).await;
    let value = server.session(ANN).await;
    let from_app = [("sec-fetch-site", "same-site"), ("origin", APP)];
    let asked = server.visit("session/", &[&from_app[..], &[("cookie", &format!("{COOKIE_NAME}={value}"))]].concat()).await;
    assert_eq!((asked.status, asked.headers.get("access-control-allow-origin")), (401, None), "at logout/ only");
    let preflight = Request::builder().method(Method::OPTIONS).uri("/passwordless/logout/").header(ORIGIN, APP);
    let preflight = preflight.header("access-control-request-method", "POST").body(Full::default()).unwrap();
    let preflight = server.send(preflight).await;
    assert_eq!((preflight.status, &preflight.headers["access-control-allow-credentials"]), (204, &"true".parse().unwrap()));
    let got = server.sign_out(&value, &json!({}), &from_app).await;
    assert_eq!((got.status, &got.headers["access-control-allow-origin"]), (200, &APP.parse().unwrap()));
    assert!(are_cleared(&got));
    assert_eq!(server.status_of(&[&value]).await, 401);
}

#[tokio::test]
async fn sites_of_cors_origins_use_the_session() {
    let server = start(&[("server.cors_origins", "https://spa.example.com")]).await;
    let headers = [("sec-fetch-site", "same-site"), ("origin", "https://spa.example.com")];
    let got = server.log_in(ANN, &json!({}), &headers).await;
    let cookie = format!("{COOKIE_NAME}={}", got.cookie(COOKIE_NAME).unwrap());
    let asked = server.visit("session/", &[&headers[..], &[("cookie", &cookie)]].concat()).await;
    assert_eq!((asked.status, &asked.headers["access-control-allow-credentials"]), (200, &"true".parse().unwrap()));
}

#[tokio::test]
async fn a_form_post_is_led_on() {
    let server = start(&[]).await;
    let sign_out = async |body: &str, headers: &[(&str, &str)]| {
        let cookie = format!("{COOKIE_NAME}={}", server.session(ANN).await);
        let request = Request::post("/passwordless/logout/").header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let request = headers.iter().fold(request.header(COOKIE, cookie), |request, (name, value)| request.header(*name, *value));
        server.send(request.body(Bytes::from(body.to_owned()).into()).unwrap()).await
    };
    let navigate = [("sec-fetch-mode", "navigate"), ("sec-fetch-site", "same-origin"), ("origin", "https://login.example.com")];
    let html = [(ACCEPT.as_str(), "text/html,application/xhtml+xml;q=0.9")];
    for (body, headers, to) in [
        ("return_to=https%3A%2F%2Fapp.example.com%2Fbye", &navigate[..], "https://app.example.com/bye"),
        ("return_to=https%3A%2F%2Fapp.example.com%2Fbye", &html, "https://app.example.com/bye"),
        ("", &navigate, "https://login.example.com/passwordless/login"),
        ("return_to=https%3A%2F%2Fevil.example%2F", &navigate, "https://login.example.com/passwordless/login"),
        ("return_to=", &html, "https://login.example.com/passwordless/login"),
    ] {
        let got = sign_out(body, headers).await;
        assert_eq!((got.status, &got.headers[LOCATION]), (303, &to.parse().unwrap()), "{body}");
        assert!(are_cleared(&got) && got.headers[CACHE_CONTROL] == "no-store");
    }
    assert_eq!(sign_out("", &[(ACCEPT.as_str(), "application/json")]).await.status, 200);
}

#[tokio::test]
async fn the_page_of_logout_has_one_button_and_leads_back_where_it_may() {
    let server = start(&[]).await;
    let cookie = format!("{COOKIE_NAME}={}", server.session(ANN).await);
    let page = async |query: &str| {
        let got = server.visit(&format!("logout/{query}"), &[&NAVIGATION[..], &[("cookie", &cookie)]].concat()).await;
        let policy = got.headers["content-security-policy"].to_str().unwrap().to_owned();
        (String::from_utf8(got.body.to_vec()).unwrap(), policy)
    };
    let (html, policy) = page("?return_to=https://app.example.com/bye").await;
    assert!(policy.contains("form-action 'self' https://app.example.com;"), "{policy}");
    assert!(
        html.contains("https://app.example.com/bye") || html.contains("https:&#x2f;&#x2f;app.example.com&#x2f;bye"),
        "{html}"
    );
    assert!(html.contains("a…@example.com") && html.matches("type=\"submit\"").count() == 1, "{html}");
    for bad in
        ["", "?return_to=https://evil.example/", "?return_to=https%3A%2F%2Fapp.example.com&return_to=https://app.example.com/"]
    {
        let (html, policy) = page(bad).await;
        assert!(
            policy.contains("form-action 'self';") && !html.contains("evil") && !html.contains("name=\"return_to\""),
            "{bad}"
        );
    }
}

#[tokio::test]
async fn a_token_ends_the_session_that_it_belongs_to() {
    let server = start(&[("session.access_cookie", "true")]).await;
    let revoke = async |token: &Value, more: &Value| {
        let mut body = json!({ "token": token, "token_type_hint": "nonsense" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let got = server.post("token/revoke/", &body).await;
        (got.status, got.json())
    };
    let done = (200, json!({}));
    let tokens = async || server.log_in(ANN, &json!({ "session": false }), &[]).await.json();
    let refreshes = async |tokens: &Value| server.post("token/refresh/", &json!({ "refresh": tokens["refresh"] })).await.status;
    let verifies = async |tokens: &Value| server.post("token/verify/", &json!({ "token": tokens["access"] })).await.status;
    for kind in ["access", "refresh"] {
        let (one, other) = (tokens().await, tokens().await);
        assert_eq!(revoke(&one[kind], &json!({})).await, done);
        assert_eq!((refreshes(&one).await, verifies(&one).await), (401, 401), "{kind}");
        assert_eq!((refreshes(&other).await, verifies(&other).await), (200, 200), "{kind}");
    }
    // A cookie's session, by the access token of its other cookie; and the other way round.
    let signed_in = server.log_in(ANN, &json!({}), &[]).await;
    let (session, access) = (signed_in.cookie(COOKIE_NAME).unwrap(), signed_in.cookie(ACCESS_NAME).unwrap());
    assert_eq!(server.status_of(&[&session]).await, 200);
    assert_eq!(revoke(&json!(access), &json!({})).await, done);
    assert_eq!(server.status_of(&[&session]).await, 401);
    let signed_in = server.log_in(ANN, &json!({}), &[]).await;
    server.sign_out(&signed_in.cookie(COOKIE_NAME).unwrap(), &json!({}), &[]).await;
    let access = json!({ "access": signed_in.cookie(ACCESS_NAME).unwrap() });
    assert_eq!(verifies(&access).await, 401);

    // Everywhere; and by a token of a session that was ended, nothing more.
    let (one, other) = (tokens().await, tokens().await);
    pass(1);
    assert_eq!(revoke(&one["refresh"], &json!({ "everywhere": true })).await, done);
    assert_eq!(refreshes(&other).await, 401);
    pass(1);
    let later = tokens().await;
    pass(1);
    assert_eq!(revoke(&one["refresh"], &json!({ "everywhere": true })).await, done);
    assert_eq!(refreshes(&later).await, 200, "whoever kept an old token ends nobody's session by it");
    // What is no token, or has expired, is answered alike.
    for none in ["zz", "", "a.b.c"] {
        let got = server.post("token/revoke/", &json!({ "token": none })).await;
        assert_eq!(got.status, if none.is_empty() { 400 } else { 200 }, "{none}");
    }
    pass(86_400);
    assert_eq!(revoke(&later["refresh"], &json!({ "everywhere": true })).await, done);
    assert_eq!(server.post("token/revoke/", &json!({})).await.code(), "invalid");
    assert_eq!(server.post("token/revoke/", &json!({ "token": "x", "everywhere": "yes" })).await.code(), "invalid");
}

#[tokio::test]
async fn where_there_is_no_room_to_remember_it_logout_says_so_and_still_clears_the_cookies() {
    let server = start(&[("session.ended_capacity", "64")]).await;
    let mut full = None;
    for _ in 0..200 {
        let value = server.session(ANN).await;
        let got = server.sign_out(&value, &json!({}), &[]).await;
        assert!(are_cleared(&got), "{got:?}");
        if got.status != 200 {
            full = Some((got, value));
            break;
        }
    }
    let (got, value) = full.expect("64 fill it");
    assert_eq!(got.refusal(), (503, "unavailable".into()));
    assert!(got.headers.contains_key("retry-after"));
    assert_eq!(server.status_of(&[&value]).await, 200, "it goes on, and nobody was told otherwise");
    let tokens = server.log_in(ANN, &json!({ "session": false }), &[]).await.json();
    assert_eq!(server.post("token/revoke/", &json!({ "token": tokens["refresh"] })).await.refusal(), (503, "unavailable".into()));
}

#[tokio::test]
async fn the_directory_ends_sessions_within_the_time_of_a_recheck() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.json");
    let write = |user: &Value| std::fs::write(&path, json!([user]).to_string()).unwrap();
    let ann = json!({ "id": "42", "email": ANN, "is_active": true, "epoch": "1" });
    let altered = |key: &str, value: Value| {
        let mut user = ann.clone();
        user[key] = value;
        user
    };
    for other in [
        altered("is_active", json!(false)),
        altered("epoch", json!("2")),
        altered("is_staff", json!(true)),
        altered("id", json!("43")),
        altered("email", json!("ann2@example.com")),
    ] {
        write(&ann);
        let settings = [("directory.kind", "file"), ("directory.path", path.to_str().unwrap())];
        let server = start(&[&settings[..], &[("session.recheck_seconds", "60")]].concat()).await;
        let value = server.session(ANN).await;
        assert_eq!(server.status_of(&[&value]).await, 200);
        write(&other);
        if let crate::directory::AnyDirectory::File(file) = &server.0.app.engine.directory {
            file.read_again();
        }
        let ended = async || server.status_of(&[&value]).await;
        pass(59);
        assert_eq!(ended().await, 200, "the last answer is young enough: {other}");
        pass(1);
        assert_eq!(ended().await, 401, "{other}");
        let got = server.sign_out(&value, &json!({}), &[]).await;
        assert_eq!(got.status, 200);
    }
}

#[tokio::test]
async fn a_user_whose_id_is_too_long_for_the_cookie_is_told_so_and_keeps_the_code() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.json");
    std::fs::write(&path, json!([{ "id": "x".repeat(900), "email": ANN, "is_active": true }]).to_string()).unwrap();
    let server = start(&[("directory.kind", "file"), ("directory.path", path.to_str().unwrap())]).await;
    let (envelope, code) = server.request(ANN).await;
    let body = |session: bool| json!({ "email": ANN, "token": code, "challenge": envelope, "session": session });
    let got = server.post("exchange/email/", &body(true)).await;
    assert_eq!((got.refusal(), got.json()["non_field_errors"].is_array()), ((400, "invalid".into()), true));
    assert!(got.headers.get(SET_COOKIE).is_none());
    assert_eq!(server.post("exchange/email/", &body(false)).await.status, 200, "tokens have room");
}

#[tokio::test]
async fn the_cookie_has_the_name_and_the_reach_that_were_configured() {
    for (settings, name, end) in [
        (
            &[("session.cookie_domain", "example.com")][..],
            "__Secure-countersign_session",
            "SameSite=Lax; Secure; Domain=example.com",
        ),
        (&[("session.same_site", "strict")], "__Host-countersign_session", "SameSite=Strict; Secure"),
        (
            &[("server.public_url", "http://localhost:8000"), ("session.return_to", "")],
            "countersign_session",
            "HttpOnly; SameSite=Lax",
        ),
    ] {
        let server = start(settings).await;
        let got = server.log_in(ANN, &json!({}), &[]).await;
        let set: Vec<_> = got.headers.get_all(SET_COOKIE).iter().map(|value| value.to_str().unwrap()).collect();
        let cookie = set.iter().find(|cookie| cookie.starts_with(&format!("{name}="))).unwrap_or_else(|| panic!("{set:?}"));
        assert!(cookie.ends_with(end) && cookie.contains("; Path=/;"), "{cookie}");
        let others =
            [COOKIE_NAME, "__Secure-countersign_session", "countersign_session"].into_iter().filter(|other| *other != name);
        for other in others {
            let value = got.cookie(name).unwrap();
            assert_eq!(server.visit("session/", &[("cookie", &format!("{other}={value}"))]).await.status, 401, "{other}");
        }
    }
}

#[tokio::test]
async fn rotated_secrets_keep_sessions_alive_until_the_old_one_goes_and_revive_none() {
    let old = ("keyring.secrets", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
    let both = "HxEODQwLCgkIBwYFBAMCAQABAgMEBQYHCAkKCwwNDg8,AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
    let new = "HxEODQwLCgkIBwYFBAMCAQABAgMEBQYHCAkKCwwNDg8";
    let value = start(&[old]).await.session(ANN).await;
    let rotated = start(&[("keyring.secrets", both)]).await;
    assert_eq!(rotated.status_of(&[&value]).await, 200);
    rotated.sign_out(&value, &json!({}), &[]).await;
    assert_eq!(rotated.status_of(&[&value]).await, 401);
    assert_eq!(start(&[("keyring.secrets", new)]).await.status_of(&[&value]).await, 401);
}
