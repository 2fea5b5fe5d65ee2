//! `[server]`.

use countersign::server::Listen;

use super::{accepted, assert_refused, judge_with, warnings_at};

#[test]
fn what_no_server_can_have_is_refused_and_what_is_left_out_follows() {
    assert_refused(&[
        ("[server]\nlisten = \"localhost:8000\"", "server.listen", "127.0.0.1:8000"),
        ("[server]\nadmin_listen = \"127.0.0.1:8000\"", "server.admin_listen", "must differ"),
        ("[server]\npublic_url = \"https://a.example/login\"", "server.public_url", "base_path"),
        ("[server]\nbase_path = \"login\"", "server.base_path", "must start with a slash"),
        ("[server]\nbase_path = \"/a/../b\"", "server.base_path", "segment"),
        ("[server]\ncookie_path = \"/elsewhere\"", "server.cookie_path", "never come back"),
        ("[server]\ntrusted_proxies = [\"10.0.0.0/40\"]", "server.trusted_proxies", "no network"),
        ("[server]\ncors_origins = [\"*\"]", "server.cors_origins", "wildcard"),
    ]);
    let config = accepted("[server]\nlisten = \"unix:/run/x.sock\"\nbase_path = \"/\"\npublic_url = \"https://a.example/\"");
    assert_eq!(config.server.listen, Listen::Unix("/run/x.sock".into()));
    assert_eq!((&*config.server.base_path, &*config.server.cookie_path), ("", "/"));
    assert_eq!(config.passwordless.link_url, "https://a.example/link#{token}");
    assert_eq!(config.tokens.sessions.issuer, "https://a.example");
    let config = accepted("[server]\nlisten = \"0.0.0.0:9000\"\ntrusted_proxies = [\"10.0.0.1\", \"fd00::/8\"]");
    assert_eq!(config.server.public_url.as_str(), "http://localhost:8000", "the default is one URL, whatever the port");
    assert_eq!(config.tokens.sessions.issuer, "http://localhost:8000");
    assert!(
        config.warnings.iter().any(|warning| warning.starts_with("server.public_url: is not given")),
        "{:?}",
        config.warnings
    );
    assert_eq!(config.server.page_url.expect("a browser finds it there").as_str(), "http://localhost:9000");
    assert_eq!(config.server.trusted_proxies.len(), 2);
    assert!(accepted("[server]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"").warnings.len() == 1);
}

#[test]
fn a_wildcard_among_the_origins_is_a_fault() {
    for origin in ["*", "https://*.example.com", "https://*", "https://app-*.example.com", "https://example.com:*"] {
        let text = format!("[server]\ncors_origins = [\"https://app.example.com\", \"{origin}\"]");
        assert_refused(&[(&text, "server.cors_origins", "wildcard")]);
    }
    let faults = judge_with("", &[("COUNTERSIGN_SERVER__CORS_ORIGINS", "https://a.example,https://*.a.example")]).unwrap_err();
    assert!(faults.to_string().contains("https://*.a.example"), "{faults}");
}

#[test]
fn an_admin_listener_that_others_reach_is_warned_of() {
    for (listen, is_warned) in [
        ("0.0.0.0:8001", true),
        ("[::]:8001", true),
        ("10.0.0.1:8001", true),
        ("127.0.0.1:8001", false),
        ("127.0.0.9:8001", false),
        ("[::1]:8001", false),
        ("unix:/run/admin.sock", false),
    ] {
        let warnings = warnings_at(&format!("[server]\nadmin_listen = \"{listen}\""), &["server.admin_listen"]);
        assert_eq!(!warnings.is_empty(), is_warned, "{listen}: {warnings:?}");
    }
    assert!(warnings_at("", &["server.admin_listen"]).is_empty());
}
