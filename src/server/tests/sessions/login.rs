//! Logging into a session: what is answered, what is refused before anything counts, and what the cookie is like.

use hyper::header::{CACHE_CONTROL, WWW_AUTHENTICATE};

use super::*;

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
async fn sites_of_cors_origins_use_the_session() {
    let server = start(&[("server.cors_origins", "https://spa.example.com")]).await;
    let headers = [("sec-fetch-site", "same-site"), ("origin", "https://spa.example.com")];
    let got = server.log_in(ANN, &json!({}), &headers).await;
    let cookie = format!("{COOKIE_NAME}={}", got.cookie(COOKIE_NAME).unwrap());
    let asked = server.visit("session/", &[&headers[..], &[("cookie", &cookie)]].concat()).await;
    assert_eq!((asked.status, &asked.headers["access-control-allow-credentials"]), (200, &"true".parse().unwrap()));
}
