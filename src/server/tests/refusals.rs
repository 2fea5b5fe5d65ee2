//! What isn't there, or isn't there like that.

use super::*;

#[tokio::test]
async fn unknown_paths_are_not_found() {
    let server = Server::start(&[]).await;
    for path in ["/nothing", "/passwordless/nothing", "/passwordless/external/webhook/", "/passwordless/relay", "/passwordless"] {
        assert_eq!(server.ask(Method::POST, path).await.refusal(), (404, "not_found".into()), "{path}");
    }
    assert_eq!(server.ask(Method::GET, "/passwordless/assets/nothing.js").await.refusal(), (404, "not_found".into()));
}

#[tokio::test]
async fn other_methods_are_told_which_are_allowed() {
    let server = Server::start(&[]).await;
    for (method, path, allow) in [
        (Method::GET, "/passwordless/request/email/", "POST"),
        (Method::OPTIONS, "/passwordless/exchange", "POST"),
        (Method::POST, "/.well-known/jwks.json", "GET, HEAD"),
        (Method::DELETE, "/", "GET, HEAD"),
    ] {
        let refused = server.ask(method, path).await;
        assert_eq!(refused.refusal(), (405, "method_not_allowed".into()), "{path}");
        assert_eq!(refused.headers["allow"], allow, "{path}");
    }
}

#[tokio::test]
async fn a_channel_that_is_not_allowed_is_not_there_by_any_method() {
    let server = Server::start(&[]).await;
    for path in ["request/mobile/", "exchange/mobile/", "external/request/", "external/verify/"] {
        for method in [Method::GET, Method::POST] {
            let refused = server.ask(method, &format!("/passwordless/{path}")).await;
            assert_eq!(refused.refusal(), (404, "method_disabled".into()), "{path}");
        }
    }
}

#[tokio::test]
async fn no_provider_is_configured() {
    let server = Server::start(&[("passwordless.allowed_passwordless_methods", "EMAIL,MOBILE")]).await;
    for path in ["external/request/", "external/verify/"] {
        assert_eq!(server.post(path, &json!({})).await.refusal(), (503, "provider_not_configured".into()), "{path}");
    }
}

#[tokio::test]
async fn documents_and_pages_are_fetched() {
    let server = Server::start(&[]).await;
    for path in ["/.well-known/jwks.json", "/.well-known/openid-configuration/", "/openapi.json"] {
        let got = server.ask(Method::GET, path).await;
        assert_eq!((got.status, &got.headers[CONTENT_TYPE]), (200, &"application/json".parse().unwrap()), "{path}");
        assert!(got.json().is_object());
    }
    for path in ["/", "/passwordless/link/", "/passwordless/assets/style.css"] {
        assert_eq!(server.ask(Method::GET, path).await.status, 200, "{path}");
    }
    let without = Server::start(&[("server.pages", "false")]).await;
    assert_eq!(without.ask(Method::GET, "/").await.refusal(), (404, "not_found".into()));
}

#[tokio::test]
async fn a_server_that_is_about_to_end_takes_nothing_new() {
    let server = Server::start(&[]).await;
    server.0.is_closing.store(true, std::sync::atomic::Ordering::Relaxed);
    let refused = server.post("request/email/", &json!({"email": "ann@example.com"})).await;
    assert_eq!(refused.refusal(), (503, "unavailable".into()));
    assert_eq!(refused.headers["connection"], "close");
}

#[tokio::test]
async fn a_field_that_is_called_like_a_member_of_the_answer_has_its_error_in_errors_only() {
    let server = Server::start(&[]).await;
    for blank in [json!(""), json!(" "), json!(7), Value::Null] {
        let refused = server.post("request/email/", &json!({"email": "ann@example.com", "puzzle": blank})).await;
        assert_eq!(refused.refusal(), (400, "invalid".into()));
        assert!(refused.json()["errors"]["puzzle"].is_array() && refused.json().get("puzzle").is_none(), "{refused:?}");
    }
}
