//! Session tokens: refreshing and checking them.

use serde_json::json;

use crate::harness::Server;

#[test]
fn refreshing_and_checking() {
    let server = Server::start(&[]);
    let (envelope, code) = server.challenge("ann@example.com");
    let tokens =
        server.post("exchange/email/", &json!({"email": "ann@example.com", "token": code, "challenge": envelope})).json();

    let verified = server.post("token/verify/", &json!({"token": tokens["access"]}));
    assert_eq!((verified.status, verified.json()), (200, json!({})));
    let refreshed = server.post("token/refresh/", &json!({"refresh": tokens["refresh"]}));
    assert_eq!((refreshed.status, refreshed.json().as_object().unwrap().len()), (200, 1));
    assert_eq!(server.post("token/verify/", &json!({"token": refreshed.json()["access"]})).status, 200);

    // Every confusion of kinds.
    let refused = [
        ("token/verify/", json!({"token": tokens["refresh"]})),
        ("token/verify/", json!({"token": envelope})),
        ("token/verify/", json!({"token": "nonsense"})),
        ("token/verify/", json!({"token": format!("{}A", tokens["access"].as_str().unwrap())})),
        ("token/refresh/", json!({"refresh": tokens["access"]})),
        ("token/refresh/", json!({"refresh": envelope})),
        ("token/refresh/", json!({"refresh": "nonsense"})),
    ];
    for (path, body) in refused {
        let answer = server.post(path, &body);
        assert_eq!((answer.status, answer.code().as_str()), (401, "token_not_valid"), "{path} {body}");
        assert_eq!(answer.json()["detail"], "Token is invalid or expired");
        assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer"));
    }
    for token in [&tokens["access"], &tokens["refresh"]] {
        let body = json!({"email": "ann@example.com", "token": "123456", "challenge": token});
        assert_eq!(server.post("exchange/email/", &body).code(), "invalid_credentials");
    }
}
