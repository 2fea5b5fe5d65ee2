//! `token/revoke/`.

use super::*;

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
