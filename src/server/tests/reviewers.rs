//! Identities for whoever reviews an app: a fixed code, an end, and an audience of their own.

use super::*;
use crate::{crypto::base64url, events::testing::Kept};

const REVIEWER: &str = "reviewer@example.com";
const CODE: &str = "102938";
/// Five days after the clock's beginning.
const SETTINGS: [(&str, &str); 3] =
    [("reviewers.recipients", "reviewer@example.com"), ("reviewers.code", CODE), ("reviewers.until", "2027-01-20")];
const DAY: u64 = 86_400;

fn claims(tokens: &Value) -> Value {
    let access = tokens["access"].as_str().unwrap();
    serde_json::from_slice(&base64url::decode(access.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

async fn request(server: &Server, email: &str) -> Got {
    server.post("request/email/", &json!({ "email": email })).await
}

async fn exchange(server: &Server, email: &str, sent: &Got, code: &str) -> Got {
    let body = json!({"email": email, "token": code, "challenge": sent.json()["challenge"]});
    server.post("exchange/email/", &body).await
}

#[tokio::test]
async fn a_reviewer_logs_in_by_the_fixed_code_for_an_audience_of_their_own() {
    let kept = Kept::default();
    let mut server = Server::start(&SETTINGS).await;
    Arc::get_mut(&mut server.0.app).unwrap().events = kept.events();
    let sent = request(&server, "Reviewer@Example.com").await;
    let derived = server.code(sent.json()["challenge"].as_str().unwrap(), REVIEWER).await;
    assert_ne!(derived, CODE);
    assert_eq!(exchange(&server, REVIEWER, &sent, &derived).await.refusal(), (400, "invalid_credentials".into()));
    kept.take();
    let signed_in = exchange(&server, REVIEWER, &sent, "102 938").await;
    assert_eq!(signed_in.status, 200, "{signed_in:?}");
    let claims = claims(&signed_in.json());
    assert_eq!((&claims["aud"], &claims["sub"]), (&json!("countersign-reviewer"), &json!(REVIEWER)));
    assert_eq!(claims["amr"], json!(["otp", "reviewer"]));
    let told = kept.take();
    let kinds: Vec<_> = told.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["login.succeeded", "reviewer.used"]);
    assert_eq!(told[1]["data"]["subject"], REVIEWER);
    let checked = server.post("token/verify/", &json!({"token": signed_in.json()["access"]})).await;
    assert_eq!(checked.status, 401, "whoever expects the others' audience refuses them");

    let refreshed = server.post("token/refresh/", &json!({"refresh": signed_in.json()["refresh"]})).await;
    assert_eq!(self::claims(&refreshed.json())["aud"], "countersign-reviewer");
    assert_eq!(exchange(&server, REVIEWER, &sent, CODE).await.refusal(), (400, "challenge_spent".into()));
}

#[tokio::test]
async fn nobody_else_has_the_fixed_code_and_an_answer_tells_nobody_who_is_one() {
    let server = Server::start(&SETTINGS).await;
    let (theirs, others) = (request(&server, REVIEWER).await, request(&server, "ann@example.com").await);
    let shape = |sent: &Got| {
        let mut answer = sent.json();
        let envelope = answer.as_object_mut().unwrap().remove("challenge").unwrap();
        (sent.status, answer, envelope.as_str().unwrap().len(), sent.headers.keys().cloned().collect::<Vec<_>>())
    };
    assert_eq!(shape(&theirs), shape(&others));
    assert_eq!(exchange(&server, "ann@example.com", &others, CODE).await.refusal(), (400, "invalid_credentials".into()));
    assert_eq!(exchange(&server, "ann@example.com", &theirs, CODE).await.refusal(), (400, "invalid_credentials".into()));
    assert_eq!(exchange(&server, REVIEWER, &others, CODE).await.refusal(), (400, "invalid_credentials".into()));
}

#[tokio::test]
async fn after_the_last_day_they_are_nothing_special_and_their_sessions_are_over() {
    let settings = [&SETTINGS[..], &[("tokens.refresh_lifetime", "31536000")]].concat();
    let server = Server::start(&settings).await;
    let signed_in = {
        let sent = request(&server, REVIEWER).await;
        exchange(&server, REVIEWER, &sent, CODE).await.json()
    };
    let refresh = async || server.post("token/refresh/", &json!({"refresh": signed_in["refresh"]})).await.status;
    // 2027-01-20 ends 5 days and 16 hours after the clock's beginning.
    let end = 1_800_000_000 + 5 * DAY + 16 * 3600;
    pass(end - NOW.get() - 70);
    assert_eq!(refresh().await, 200);
    let last = request(&server, REVIEWER).await;
    let tokens = exchange(&server, REVIEWER, &last, CODE).await.json();
    assert_eq!((tokens["expires_in"].as_u64(), claims(&tokens)["exp"].as_u64()), (Some(70), Some(end)));
    pass(69);
    let over = request(&server, REVIEWER).await;
    pass(1);
    assert_eq!(refresh().await, 401);
    assert_eq!(server.post("token/refresh/", &json!({"refresh": tokens["refresh"]})).await.status, 401);
    for sent in [over, {
        pass(60);
        request(&server, REVIEWER).await
    }] {
        assert_eq!(exchange(&server, REVIEWER, &sent, CODE).await.refusal(), (400, "invalid_credentials".into()));
    }
    // Without a directory everybody is somebody: by the code of the message, for the usual audience.
    pass(60);
    let (envelope, code) = server.request(REVIEWER).await;
    let body = json!({"email": REVIEWER, "token": code, "challenge": envelope});
    let own = server.post("exchange/email/", &body).await.json();
    assert_eq!((&claims(&own)["aud"], &claims(&own)["amr"]), (&json!("http://localhost:8000"), &json!(["otp"])));
}

#[tokio::test]
async fn a_session_from_before_is_not_a_reviewers() {
    let before = Server::start(&[]).await;
    let (envelope, code) = before.request(REVIEWER).await;
    let body = json!({"email": REVIEWER, "token": code, "challenge": envelope});
    let refresh = before.post("exchange/email/", &body).await.json()["refresh"].clone();
    let refreshed = async |server: &Server| server.post("token/refresh/", &json!({"refresh": refresh})).await.status;
    assert_eq!(refreshed(&before).await, 200);
    assert_eq!(refreshed(&Server::start(&SETTINGS).await).await, 401);
}

#[tokio::test]
async fn the_directorys_user_is_used_where_it_knows_one_and_its_rules_hold() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.json");
    let users = json!([
        {"id": "7", "email": "known@example.com", "is_active": true, "claims": {"plan": "demo"}},
        {"id": "8", "email": "gone@example.com", "is_active": false},
    ]);
    std::fs::write(&path, users.to_string()).unwrap();
    let recipients = ("reviewers.recipients", "known@example.com,gone@example.com,reviewer@example.com");
    let directory = [("directory.kind", "file"), ("directory.path", path.to_str().unwrap())];
    let server = Server::start(&[&[recipients][..], &SETTINGS[1..], &directory].concat()).await;
    for (email, subject) in [("known@example.com", Some("7")), ("gone@example.com", None), (REVIEWER, Some(REVIEWER))] {
        let sent = request(&server, email).await;
        let got = exchange(&server, email, &sent, CODE).await;
        assert_eq!(got.status == 200, subject.is_some(), "{email}");
        if subject.is_some() {
            assert_eq!(claims(&got.json())["sub"].as_str(), subject);
        }
    }
}

#[tokio::test]
async fn guesses_at_the_fixed_code_are_counted_and_end_it_for_the_day() {
    let settings = [&SETTINGS[..], &[("passwordless.token_request_throttle_seconds", "0")]].concat();
    let server = Server::start(&settings).await;
    let first = request(&server, REVIEWER).await;
    for left in (0..5).rev() {
        let wrong = exchange(&server, REVIEWER, &first, "999998").await;
        assert_eq!(wrong.json()["attempts_left"], left);
    }
    assert_eq!(exchange(&server, REVIEWER, &first, CODE).await.refusal(), (400, "attempts_exhausted".into()));
    let second = request(&server, REVIEWER).await;
    for _ in 0..5 {
        exchange(&server, REVIEWER, &second, "999998").await;
    }
    // Codes have grown, the fixed one can't.
    let third = request(&server, REVIEWER).await;
    assert_eq!(third.json()["code_length"], 8);
    assert_eq!(exchange(&server, REVIEWER, &third, CODE).await.refusal(), (400, "invalid_credentials".into()));
    pass(2 * DAY);
    let fourth = request(&server, REVIEWER).await;
    assert_eq!(exchange(&server, REVIEWER, &fourth, CODE).await.status, 200);
}
