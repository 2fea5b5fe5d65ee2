//! `logout/`: its POST, its form and its page, and who may not sign anybody out.

use hyper::header::{ACCEPT, CACHE_CONTROL, LOCATION, ORIGIN};

use super::*;

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
