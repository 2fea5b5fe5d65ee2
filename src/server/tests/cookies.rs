//! Cookies that others set: a sibling host, another app of the same site, an earlier configuration.

use super::*;

const NO_THROTTLE: (&str, &str) = ("passwordless.token_request_throttle_seconds", "0");

/// A header that the `http` crate takes, with any bytes in it.
fn cookie_header(cookies: &[&str]) -> hyper::header::HeaderValue {
    hyper::header::HeaderValue::from_bytes(cookies.join("; ").as_bytes()).unwrap()
}

async fn post(server: &Server, path: &str, body: &Value, cookies: &[&str]) -> Got {
    let request = Request::post(format!("/passwordless/{path}"))
        .header(CONTENT_TYPE, "application/json")
        .header(COOKIE, cookie_header(cookies));
    server.send(request.body(Bytes::from(body.to_string()).into()).unwrap()).await
}

/// `name=value` for envelopes.
fn challenges(envelopes: &[&str]) -> Vec<String> {
    envelopes.iter().map(|envelope| format!("countersign_challenge={envelope}")).collect()
}

fn refs(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

fn login(code: &str) -> Value {
    json!({"email": "ann@example.com", "token": code})
}

fn wrong(code: &str) -> String {
    code.chars().map(|digit| if digit == '0' { '1' } else { '0' }).collect()
}

#[tokio::test]
async fn whatever_other_cookies_hold_the_envelope_is_found() {
    for other in
        ["name=José", "a=\u{1F600}", "=", "x", "countersign_challenge=é", "countersign_challenge=zz", "countersign_challenge="]
    {
        let server = Server::start(&[]).await;
        let (envelope, code) = server.request("ann@example.com").await;
        let ours = format!("countersign_challenge={envelope}");
        let signed_in = post(&server, "exchange/email/", &login(&code), &[other, &ours]).await;
        assert_eq!(signed_in.status, 200, "{other}: {signed_in:?}");
    }
}

#[tokio::test]
async fn a_spent_or_foreign_envelope_is_not_the_last_word() {
    let server = Server::start(&[NO_THROTTLE]).await;
    let (spent, code) = server.request("ann@example.com").await;
    assert_eq!(post(&server, "exchange/email/", &login(&code), &refs(&challenges(&[&spent]))).await.status, 200);
    let (bobs, _) = server.request("bob@example.com").await;
    let (planted, planted_code) = server.request("ann@example.com").await;
    let (ours, code) = server.request("ann@example.com").await;
    assert_ne!(code, planted_code, "the generator is seeded");
    let of_another_guard = {
        let other = Server::start(&[NO_THROTTLE, ("guard.node", "elsewhere")]).await;
        other.request("ann@example.com").await.0
    };
    let all = [&*spent, &bobs, "zz", &planted, &of_another_guard, &ours];
    let resent =
        post(&server, "resend/", &json!({"email": "ann@example.com"}), &refs(&challenges(&[&spent, &bobs, &ours]))).await;
    assert_eq!((resent.status, &resent.json()["challenge"]), (200, &json!(ours)));
    let status =
        post(&server, "status/", &json!({"email": "ann@example.com"}), &refs(&challenges(&[&spent, &bobs, &ours]))).await;
    assert_eq!((status.status, &status.json()["state"]), (200, &json!("open")), "{status:?}");
    let signed_in = post(&server, "exchange/email/", &login(&code), &refs(&challenges(&all))).await;
    assert_eq!(signed_in.status, 200, "{signed_in:?}");
}

#[tokio::test]
async fn of_several_envelopes_the_one_that_tells_most_is_told() {
    let server = Server::start(&[NO_THROTTLE]).await;
    let (spent, code) = server.request("ann@example.com").await;
    assert_eq!(post(&server, "exchange/email/", &login(&code), &refs(&challenges(&[&spent]))).await.status, 200);
    let (bobs, _) = server.request("bob@example.com").await;
    let (first, code) = server.request("ann@example.com").await;
    let ask = async |envelopes: &[&str], code: &str| {
        let got = post(&server, "exchange/email/", &login(code), &refs(&challenges(envelopes))).await;
        (got.code(), got.json()["attempts_left"].as_u64())
    };
    assert_eq!(ask(&["zz", &bobs], &code).await, ("invalid_credentials".into(), None));
    assert_eq!(ask(&["zz", &spent, &bobs], &code).await, ("challenge_spent".into(), None));
    assert_eq!(ask(&[&first], &wrong(&code)).await, ("invalid_credentials".into(), Some(4)));
    let (second, _) = server.request("ann@example.com").await;
    assert_eq!(ask(&["zz", &first, &second, &spent], "zzzzzz").await, ("invalid_credentials".into(), Some(4)));
    assert_eq!(ask(&[&first, &second], "zzzzzz").await, ("invalid_credentials".into(), Some(3)));
    let status = post(&server, "status/", &json!({"email": "ann@example.com"}), &refs(&challenges(&["zz", &spent]))).await;
    assert_eq!((status.status, &status.json()["state"]), (200, &json!("spent")));
}

/// A sibling host can plant an envelope that was made for the same person, before a restart say.
#[tokio::test]
async fn an_envelope_of_a_guard_that_nobody_can_ask_hides_no_wrong_code() {
    let server = Server::start(&[NO_THROTTLE]).await;
    let elsewhere = Server::start(&[NO_THROTTLE, ("guard.node", "elsewhere")]).await;
    let (planted, _) = elsewhere.request("ann@example.com").await;
    let (ours, code) = server.request("ann@example.com").await;
    let ask = async |envelopes: &[&str]| {
        let got = post(&server, "exchange/email/", &login(&wrong(&code)), &refs(&challenges(envelopes))).await;
        (got.code(), got.json()["attempts_left"].as_u64())
    };
    assert_eq!(ask(&[&planted]).await, ("misdirected".into(), None));
    assert_eq!(ask(&["zz", &planted]).await, ("misdirected".into(), None));
    assert_eq!(ask(&[&planted, &ours]).await, ("invalid_credentials".into(), Some(4)));
    assert_eq!(ask(&[&ours, &planted]).await, ("invalid_credentials".into(), Some(3)));
}

#[tokio::test]
async fn eight_envelopes_are_tried_and_no_more() {
    let server = Server::start(&[NO_THROTTLE]).await;
    let (ours, code) = server.request("ann@example.com").await;
    let others = ["z1", "z2", "z3", "z4", "z5", "z6", "z7", "z8"];
    let ninth = [&others[..], &[&ours]].concat();
    assert_eq!(post(&server, "exchange/email/", &login(&code), &refs(&challenges(&ninth))).await.code(), "invalid_credentials");
    let eighth = [&others[1..], &[&ours]].concat();
    assert_eq!(post(&server, "exchange/email/", &login(&code), &refs(&challenges(&eighth))).await.status, 200);
}

/// A known device may ask although strangers just did.
#[tokio::test]
async fn a_device_cookie_that_another_host_set_hides_none_of_ours() {
    let log_in = async |server: &Server, email: &str| {
        let (envelope, code) = server.request(email).await;
        let body = json!({"email": email, "token": code, "challenge": envelope});
        server.post("exchange/email/", &body).await.cookie("countersign_device").unwrap()
    };
    let others = {
        let server = Server::start(&[]).await;
        let elsewhere = Server::start(&[("keyring.secrets", "HxEODQwLCgkIBwYFBAMCAQABAgMEBQYHCAkKCwwNDg8")]).await;
        [
            "name=José".to_owned(),
            "countersign_device=zz".into(),
            "countersign_device=é".into(),
            format!("countersign_device={}", log_in(&server, "eve@example.com").await),
            format!("countersign_device={}", log_in(&elsewhere, "ann@example.com").await),
        ]
    };
    for other in others {
        let server = Server::start(&[]).await;
        let ours = format!("countersign_device={}", log_in(&server, "ann@example.com").await);
        pass(60);
        let ask = async |cookies: &[&str]| post(&server, "request/email/", &json!({"email": "ann@example.com"}), cookies).await;
        assert_eq!(ask(&[]).await.status, 200);
        assert_eq!(ask(&[&other]).await.refusal(), (429, "throttled".into()), "a stranger waits: {other}");
        let sent = ask(&[&other, &ours]).await;
        assert_eq!(sent.status, 200, "{other}: {sent:?}");
        let envelope = sent.json()["challenge"].as_str().unwrap().to_owned();
        let code = server.code(&envelope, "ann@example.com").await;
        let body = json!({"email": "ann@example.com", "token": code, "challenge": envelope});
        let signed_in = post(&server, "exchange/email/", &body, &[&other, &ours]).await;
        assert!(signed_in.cookie("countersign_device").unwrap().len() >= ours.len() - "countersign_device=".len());
    }
}
