//! `session/renew/`, and the access token's cookie.

use hyper::header::{CACHE_CONTROL, LOCATION};

use super::*;

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
