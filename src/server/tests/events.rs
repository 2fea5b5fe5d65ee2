//! What requests come to, as events.

use tokio::net::TcpListener;

use super::*;
use crate::events::testing::Kept;

const ANN: &str = "ann@example.com";
const AGENT: (&str, &str) = ("user-agent", "Mozilla/5.0 (X11)");

async fn telling(settings: &[(&str, &str)]) -> (Server, Kept) {
    let kept = Kept::default();
    let mut server = Server::start(settings).await;
    Arc::get_mut(&mut server.0.app).unwrap().events = kept.events();
    (server, kept)
}

/// The one event that was emitted, without its random id.
fn only(kept: &Kept) -> Value {
    let mut told = kept.take();
    assert_eq!(told.len(), 1, "{told:?}");
    let id = told[0]["data"].as_object_mut().unwrap().remove("id").unwrap();
    assert!(id.as_str().unwrap().starts_with("evt_"), "{id}");
    told.remove(0)
}

/// An event of a request, about these people, now.
fn event(kind: &str, about: &Value) -> Value {
    let mut data = json!({"channel": "email", "client_network": "192.0.2.1"});
    data.as_object_mut().unwrap().extend(about.as_object().unwrap().clone());
    json!({"type": kind, "timestamp": UnixTime::from_seconds(NOW.get()).to_iso8601(), "data": data})
}

async fn challenge_id(server: &Server, envelope: &str, email: &str) -> String {
    server.message(envelope, email).await.0.challenge().id.to_text()
}

/// Of the same length, but another one.
fn wrong(code: &str) -> String {
    code.chars().map(|digit| if digit == '0' { '1' } else { '0' }).collect()
}

#[tokio::test]
async fn a_request_and_its_attempts_are_told_with_all_that_is_known() {
    let (server, kept) = telling(&[]).await;
    let sent = server.post_with("request/email/", &json!({"email": "Ann@Example.com"}), &[AGENT]).await.json();
    let envelope = sent["challenge"].as_str().unwrap();
    let id = challenge_id(&server, envelope, ANN).await;
    let told = |kind: &str| event(kind, &json!({"challenge_id": id, "subject": ANN, "user_agent": AGENT.1}));
    assert_eq!(only(&kept), told("challenge.requested"));

    let code = server.code(envelope, ANN).await;
    let exchange = async |token: &str| {
        let body = json!({"email": ANN, "token": token, "challenge": envelope});
        server.post_with("exchange/email/", &body, &[AGENT]).await.status
    };
    assert_eq!(exchange(&wrong(&code)).await, 400);
    let mut failed = told("login.failed");
    failed["data"]["reason"] = "invalid_credentials".into();
    assert_eq!(only(&kept), failed);

    assert_eq!(exchange(&code).await, 200);
    assert_eq!(only(&kept), told("login.succeeded"));

    assert_eq!(exchange(&code).await, 400);
    failed["data"]["reason"] = "challenge_spent".into();
    assert_eq!(only(&kept), failed, "without a directory the recipient is the subject, whoever was asked");
}

#[tokio::test]
async fn the_subject_is_the_directorys_and_nobodys_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let users = json!([
        {"id": "42", "email": ANN, "is_active": true},
        {"id": "43", "email": "bob@example.com", "is_active": false},
    ]);
    let path = folder.path().join("users.json");
    std::fs::write(&path, users.to_string()).unwrap();
    let (server, kept) = telling(&[("directory.kind", "file"), ("directory.path", path.to_str().unwrap())]).await;
    for (email, subject) in [(ANN, json!("42")), ("bob@example.com", json!("43")), ("eve@example.com", Value::Null)] {
        let (envelope, code) = server.request(email).await;
        let id = challenge_id(&server, &envelope, email).await;
        let requested = only(&kept);
        assert_eq!((&requested["data"]["subject"], &requested["data"]["challenge_id"]), (&subject, &json!(id)), "{email}");
        assert_eq!(requested["data"].get("subject").is_none(), subject.is_null(), "{email}");

        let status = server.post("exchange/email/", &json!({"email": email, "token": code, "challenge": envelope})).await.status;
        let told = only(&kept);
        assert_eq!((status, &told["data"]["subject"]), (if email == ANN { 200 } else { 400 }, &subject), "{email}");
        assert_eq!(told["type"], if email == ANN { "login.succeeded" } else { "login.failed" }, "{email}");
    }
}

#[tokio::test]
async fn what_is_forged_names_nobody() {
    let (server, kept) = telling(&[]).await;
    let (envelope, code) = server.request(ANN).await;
    kept.take();
    let nobody = json!({"type": "login.failed", "timestamp": UnixTime::from_seconds(NOW.get()).to_iso8601(),
        "data": {"client_network": "192.0.2.1", "reason": "invalid_credentials"}});
    for body in [
        json!({"email": ANN, "token": "123456", "challenge": "nonsense"}),
        json!({"email": "eve@example.com", "token": code, "challenge": envelope}),
        json!({"token": "v4.local.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}),
    ] {
        assert_eq!(server.post("exchange/", &body).await.status, 400, "{body}");
        assert_eq!(only(&kept), nobody, "{body}");
    }
}

#[tokio::test]
async fn a_link_and_an_expired_challenge_are_told_too() {
    let (server, kept) = telling(&[]).await;
    let (envelope, _) = server.request(ANN).await;
    let link = server.link(&envelope, ANN).await;
    kept.take();
    assert_eq!(server.post("exchange/", &json!({ "token": link })).await.status, 200);
    assert_eq!(only(&kept)["type"], "login.succeeded");
    let (envelope, code) = server.request("bob@example.com").await;
    kept.take();
    pass(600);
    let body = json!({"email": "bob@example.com", "token": code, "challenge": envelope});
    assert_eq!(server.post("exchange/email/", &body).await.status, 400);
    assert_eq!(only(&kept)["data"]["reason"], "challenge_expired");
}

#[tokio::test]
async fn what_is_refused_before_anything_is_tried_is_no_event() {
    let (server, kept) = telling(&[]).await;
    assert_eq!(server.post("request/email/", &json!({"email": "nonsense"})).await.status, 400);
    assert_eq!(server.post("exchange/email/", &json!({"email": ANN})).await.status, 400);
    assert_eq!(server.post("exchange/mobile/", &json!({"phone_number": "+12025550123"})).await.status, 404);
    server.request(ANN).await;
    kept.take();
    assert_eq!(server.post("request/email/", &json!({"email": ANN})).await.status, 429);
    assert_eq!(kept.take(), Vec::<Value>::new());
}

#[tokio::test]
async fn each_envelope_of_the_cookies_that_counts_is_told() {
    let (server, kept) = telling(&[("passwordless.token_request_throttle_seconds", "0")]).await;
    let (one, code) = server.request(ANN).await;
    let (other, second) = server.request(ANN).await;
    kept.take();
    let not_the_first = wrong(&code);
    let typed = not_the_first.chars().zip(second.chars()).map(|(typed, right)| if typed == right { '2' } else { typed });
    let cookies = format!("countersign_challenge={one}; countersign_challenge={other}");
    let body = json!({"email": ANN, "token": typed.collect::<String>()});
    assert_eq!(server.post_with("exchange/email/", &body, &[("cookie", &cookies)]).await.status, 400);
    let told = kept.take();
    let ids: Vec<_> = told.iter().map(|event| event["data"]["challenge_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids, [challenge_id(&server, &one, ANN).await, challenge_id(&server, &other, ANN).await]);
}

#[tokio::test]
async fn an_attempt_whose_client_goes_away_is_told() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let secret = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let (mut server, kept) = telling(&[]).await;
    let (envelope, code) = server.request(ANN).await;
    let id = challenge_id(&server, &envelope, ANN).await;
    kept.take();
    let (asking, _) = telling(&[("directory.kind", "http"), ("directory.url", &url), ("directory.secret", secret)]).await;
    let app = Arc::get_mut(&mut server.0.app).unwrap();
    app.engine.directory = Arc::into_inner(asking.0.app).unwrap().engine.directory;
    let body = json!({"email": ANN, "token": code, "challenge": envelope});
    let exchange = server.post("exchange/email/", &body);
    tokio::select! {
        answer = exchange => panic!("the directory doesn't answer: {answer:?}"),
        asked = silent.accept() => drop(asked.unwrap()),
    }
    assert_eq!(only(&kept), event("login.failed", &json!({"challenge_id": id, "reason": "abandoned"})));
}
