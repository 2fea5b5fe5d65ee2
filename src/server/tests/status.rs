//! What became of a challenge.

use super::*;

#[tokio::test]
async fn a_status_tells_whether_a_challenge_is_open_spent_or_expired() {
    let server = Server::start(&[]).await;
    let (envelope, code) = server.request("ann@example.com").await;
    let link = server.link(&envelope, "ann@example.com").await;
    let by_link = json!({ "token": link });
    let by_envelope = json!({"email": "Ann@Example.com", "challenge": envelope});
    for (body, both) in [(&by_link, json!({"token": link, "email": "ann@example.com"})), (&by_envelope, by_envelope.clone())] {
        for body in [body, &both] {
            let status = server.post("status/", body).await;
            assert_eq!((status.status, status.json()), (200, json!({"state": "open", "recipient": "a…@example.com"})));
            assert!(!status.headers.contains_key(SET_COOKIE));
        }
    }
    let header = [("countersign-challenge", &*envelope)];
    assert_eq!(server.post_with("status/", &json!({"email": "ann@example.com"}), &header).await.json()["state"], "open");

    let login = json!({"email": "ann@example.com", "token": code, "challenge": envelope});
    assert_eq!(server.post("exchange/email/", &login).await.status, 200);
    let (other, _) = server.request("bob@example.com").await;
    for body in [&by_link, &by_envelope] {
        assert_eq!(server.post("status/", body).await.json()["state"], "spent");
    }
    pass(600);
    let expired = server.post("status/", &json!({"email": "bob@example.com", "challenge": other})).await;
    assert_eq!(expired.json(), json!({"state": "expired", "recipient": "b…@example.com"}));
    assert_eq!(server.post("status/", &by_link).await.json()["state"], "expired");
}

#[tokio::test]
async fn asking_for_a_status_spends_nothing() {
    let server = Server::start(&[]).await;
    let (envelope, code) = server.request("ann@example.com").await;
    let link = server.link(&envelope, "ann@example.com").await;
    for _ in 0..100 {
        assert_eq!(server.post("status/", &json!({ "token": link })).await.status, 200);
        let by_envelope = json!({"email": "ann@example.com", "challenge": envelope});
        assert_eq!(server.post("status/", &by_envelope).await.status, 200);
    }
    let login = json!({"email": "ann@example.com", "token": code, "challenge": envelope});
    assert_eq!(server.post("exchange/email/", &login).await.status, 200);
}

#[tokio::test]
async fn a_status_of_something_forged_or_somebody_elses_is_refused() {
    let server = Server::start(&[]).await;
    let (envelope, _) = server.request("ann@example.com").await;
    let link = server.link(&envelope, "ann@example.com").await;
    for body in [
        json!({"token": link.replace("v4.local.", "v4.local.A")}),
        json!({"token": "123456"}),
        json!({"token": 123_456}),
        json!({"token": link, "email": "bob@example.com"}),
        json!({"email": "bob@example.com", "challenge": envelope}),
        json!({"email": "ann@example.com", "challenge": "e30.e30.e30"}),
    ] {
        assert_eq!(server.post("status/", &body).await.refusal(), (400, "invalid_credentials".into()), "{body}");
    }
}

#[tokio::test]
async fn a_status_needs_its_fields() {
    let server = Server::start(&[]).await;
    let (envelope, _) = server.request("ann@example.com").await;
    for (body, field) in [
        (json!({}), "email"),
        (json!({}), "challenge"),
        (json!({ "challenge": envelope }), "email"),
        (json!({"email": "ann@example.com"}), "challenge"),
        (json!({"token": ""}), "token"),
        (json!({ "token": null }), "token"),
        (json!({"token": ["x"]}), "token"),
    ] {
        let refused = server.post("status/", &body).await;
        assert_eq!(refused.refusal(), (400, "invalid".into()), "{body}");
        assert!(refused.json()["errors"][field].is_array(), "{body}: {field}");
    }
    let mobile = json!({"phone_number": "+12025550123", "challenge": envelope});
    assert_eq!(server.post("status/", &mobile).await.refusal(), (404, "method_disabled".into()));
}
