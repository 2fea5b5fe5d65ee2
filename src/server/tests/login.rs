//! Logging in.

use super::*;

#[tokio::test]
async fn a_code_with_its_envelope_becomes_tokens_once() {
    let server = Server::start(&[]).await;
    let (envelope, code) = server.request("ann@example.com").await;
    let login = json!({"email": "ann@example.com", "token": code, "challenge": envelope});
    let signed_in = server.post("exchange/email/", &login).await;
    assert_eq!(signed_in.status, 200, "{signed_in:?}");
    assert_eq!((&signed_in.json()["token_type"], &signed_in.json()["expires_in"]), (&json!("Bearer"), &json!(300)));
    assert_eq!(server.post("exchange/email/", &login).await.refusal(), (400, "challenge_spent".into()));
    let access = signed_in.json()["access"].clone();
    assert_eq!(server.post("token/verify/", &json!({ "token": access })).await.status, 200);
    pass(300);
    let expired = server.post("token/verify/", &json!({ "token": access })).await;
    assert_eq!(expired.refusal(), (401, "token_not_valid".into()));
}

#[tokio::test]
async fn wrong_codes_are_counted_down_and_then_refused() {
    let server = Server::start(&[]).await;
    let (envelope, code) = server.request("ann@example.com").await;
    let login = |code: &str| json!({"email": "ann@example.com", "token": code, "challenge": envelope});
    let wrong: String = code.chars().map(|digit| if digit == '0' { '1' } else { '0' }).collect();
    for left in (0..5).rev() {
        let refused = server.post("exchange/email/", &login(&wrong)).await;
        assert_eq!(refused.refusal(), (400, "invalid_credentials".into()));
        assert_eq!(refused.json()["attempts_left"], left);
    }
    assert_eq!(server.post("exchange/email/", &login(&code)).await.refusal(), (400, "attempts_exhausted".into()));
}

#[tokio::test]
async fn a_challenge_ends_when_its_time_is_over() {
    let server = Server::start(&[]).await;
    let (envelope, code) = server.request("ann@example.com").await;
    pass(600);
    let late = server.post("exchange/email/", &json!({"email": "ann@example.com", "token": code, "challenge": envelope})).await;
    assert_eq!(late.refusal(), (400, "challenge_expired".into()));
}

#[tokio::test]
async fn a_session_is_renewed_until_it_ends() {
    let server = Server::start(&[]).await;
    let (envelope, code) = server.request("ann@example.com").await;
    let login = json!({"email": "ann@example.com", "token": code, "challenge": envelope});
    let refresh = json!({"refresh": server.post("exchange/email/", &login).await.json()["refresh"]});
    pass(1000);
    let renewed = server.post("token/refresh/", &refresh).await;
    assert_eq!(renewed.status, 200, "{renewed:?}");
    assert_eq!(server.post("token/verify/", &json!({"token": renewed.json()["access"]})).await.status, 200);
    pass(86_400);
    assert_eq!(server.post("token/refresh/", &refresh).await.refusal(), (401, "token_not_valid".into()));
}

#[tokio::test]
async fn cookies_carry_the_envelope_and_remember_the_device() {
    let server = Server::start(&[]).await;
    let sent = server.post("request/email/", &json!({"email": "ann@example.com"})).await;
    let envelope = sent.cookie("countersign_challenge").expect("the envelope");
    assert_eq!(sent.json()["challenge"], *envelope);
    assert_eq!(sent.cookie("countersign_guard").as_deref(), sent.headers["countersign-guard"].to_str().ok());
    let code = server.code(&envelope, "ann@example.com").await;
    let login = json!({"email": "ann@example.com", "token": code});
    let cookie = format!("theme=dark; countersign_challenge={envelope}");
    let signed_in = server.post_with("exchange/email/", &login, &[(COOKIE.as_str(), &cookie)]).await;
    assert_eq!(signed_in.status, 200, "{signed_in:?}");
    assert_eq!(signed_in.cookie("countersign_challenge").as_deref(), Some(""));
    assert!(signed_in.cookie("countersign_device").is_some_and(|device| device.len() > 60));
}

#[tokio::test]
async fn another_site_neither_brings_nor_gets_cookies() {
    let server = Server::start(&[]).await;
    let cross_site = [("sec-fetch-site", "cross-site")];
    let sent = server.post_with("request/email/", &json!({"email": "ann@example.com"}), &cross_site).await;
    assert_eq!((sent.status, sent.headers.get(SET_COOKIE)), (200, None));
    let envelope = sent.json()["challenge"].as_str().unwrap().to_owned();
    let code = server.code(&envelope, "ann@example.com").await;
    let cookie = format!("countersign_challenge={envelope}");
    let headers = [cross_site[0], (COOKIE.as_str(), &*cookie)];
    let refused = server.post_with("exchange/email/", &json!({"email": "ann@example.com", "token": code}), &headers).await;
    assert_eq!(refused.json()["challenge"], json!(["This field is required."]));
}

/// What a given clock and generator are for.
#[tokio::test]
async fn the_same_moment_and_the_same_random_bytes_make_the_same_envelope() {
    let mut envelopes = Vec::new();
    for _ in 0..2 {
        GENERATOR.set(ChaCha20Rng::from_seed([8; 32]));
        envelopes.push(Server::start(&[]).await.request("ann@example.com").await);
    }
    assert_eq!(envelopes[0], envelopes[1]);
}

#[tokio::test]
async fn codes_are_read_as_people_type_and_paste_them() {
    for (before, between, after) in
        [("", " ", ""), ("\u{200e}", "-", "\u{200f}"), ("\u{2068}", "\u{200b}", "\u{2069} "), (" ", "–", "\n")]
    {
        let server = Server::start(&[]).await;
        let (envelope, code) = server.request("ann@example.com").await;
        let typed = format!("{before}{}{between}{}{after}", &code[..3], &code[3..]);
        let login = json!({"email": "ann@example.com", "token": typed, "challenge": envelope});
        assert_eq!(server.post("exchange/email/", &login).await.status, 200, "{typed:?}");
    }
    let server = Server::start(&[]).await;
    let (envelope, code) = server.request("ann@example.com").await;
    let login = |token: &str| json!({"email": "ann@example.com", "token": token, "challenge": envelope});
    let blank = server.post("exchange/email/", &login(" \u{3000}\t")).await;
    assert_eq!(blank.json()["errors"]["token"], json!(["This field may not be blank."]));
    let invisible = server.post("exchange/email/", &login("\u{200b}\u{2013}")).await;
    assert_eq!((invisible.refusal(), &invisible.json()["attempts_left"]), ((400, "invalid_credentials".into()), &json!(4)));
    let arabic: String = code.chars().map(|digit| char::from_u32(digit as u32 + 0x6c0).unwrap()).collect();
    assert_eq!(server.post("exchange/email/", &login(&arabic)).await.status, 200);
}

#[tokio::test]
async fn a_link_token_is_read_without_what_a_mail_gateway_appended() {
    for tail in [".", ")", "&utm_source=newsletter", "%20", "”"] {
        let server = Server::start(&[]).await;
        let (envelope, _) = server.request("ann@example.com").await;
        let link = server.link(&envelope, "ann@example.com").await + tail;
        assert_eq!(server.post("status/", &json!({ "token": link })).await.json()["state"], "open", "{tail}");
        assert_eq!(server.post("exchange/", &json!({ "token": link })).await.status, 200, "{tail}");
    }
}
