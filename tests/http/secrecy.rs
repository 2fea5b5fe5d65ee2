//! What never reaches the log.

use serde_json::json;

use crate::harness::Server;

#[test]
fn the_log_holds_no_recipient_no_code_and_no_token() {
    let server =
        Server::start(&[("server.trusted_proxies", "127.0.0.1"), ("passwordless.allowed_passwordless_methods", "EMAIL,MOBILE")]);
    let (envelope, code) = server.challenge("ann.secret@example.com");
    let wrong =
        server.post("exchange/email/", &json!({"email": "ann.secret@example.com", "token": "WRONG-CODE", "challenge": envelope}));
    assert_eq!(wrong.code(), "invalid_credentials");
    let login = json!({"email": "ann.secret@example.com", "token": code, "challenge": envelope});
    let tokens = server.post_with("exchange/email/", &[("x-forwarded-for", "192.0.2.77")], &login).json();
    server.post("request/mobile/", &json!({"phone_number": "+12025550143"}));
    server.post("request/email/", &json!({"email": "bad.secret@"}));
    let jar = format!("countersign_challenge={envelope}");
    server.post_with(
        "exchange/email/",
        &[("cookie", &jar)],
        &json!({"email": "ann.secret@example.com", "token": "v4.local.LINKTOKEN"}),
    );
    server.post("token/refresh/", &json!({"refresh": tokens["refresh"]}));
    server.post("token/verify/", &json!({"token": "WRONG-TOKEN"}));
    server.get("/passwordless/link?token=v4.local.LINKTOKEN");
    server.connect().request("POST", "/passwordless/request/email/", &[], b"{\"email\": \"raw.secret@example.com");

    server.signal("TERM");
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let secrets = [
        "secret@".to_owned(),
        "2025550143".into(),
        code,
        envelope,
        text(&tokens["access"]),
        text(&tokens["refresh"]),
        "WRONG-CODE".into(),
        "WRONG-TOKEN".into(),
        "LINKTOKEN".into(),
        "192.0.2.77".into(),
    ];
    let (_, log) = server.wait();
    assert!(log.contains("listening on"));
    for secret in secrets {
        assert!(!log.contains(&secret), "{secret} is in the log:\n{log}");
    }
}
