//! What anyone may fetch: keys, metadata, pages, health, metrics.

use serde_json::{Value, json};

use crate::harness::Server;

#[test]
fn keys_are_published_and_may_be_cached() {
    let server = Server::start(&[]);
    let document = |name: &str| {
        let answer = server.get(&format!("/.well-known/{name}"));
        assert_eq!(answer.status, 200, "{name}");
        assert_eq!(answer.header("cache-control"), Some("max-age=300"));
        assert_eq!(answer.header("content-type"), Some("application/json"));
        answer.json()
    };
    let jwks = document("jwks.json");
    let keys = jwks["keys"].as_array().unwrap();
    assert_eq!(
        (keys.len(), &keys[0]["kty"], &keys[0]["alg"], &keys[0]["use"]),
        (1, &json!("OKP"), &json!("EdDSA"), &json!("sig"))
    );
    assert_eq!(document("jwks-eddsa.json"), jwks);
    assert_eq!(document("jwks-es256.json"), json!({"keys": []}));
    assert_eq!(document("jwks-rs256.json"), json!({"keys": []}));
    assert_eq!(document("paserk.json"), json!({"keys": []}));
    let envelope_keys = document("challenge-jwks.json");
    assert_eq!(envelope_keys["keys"].as_array().unwrap().len(), 1);
    assert_ne!(envelope_keys["keys"][0]["kid"], keys[0]["kid"]);
}

#[test]
fn metadata_leads_to_the_keys() {
    let server = Server::start(&[("server.public_url", "https://login.example.com"), ("server.base_path", "/auth")]);
    for path in ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"] {
        let wanted = json!({
            "issuer": "https://login.example.com",
            "jwks_uri": "https://login.example.com/.well-known/jwks.json",
            "token_endpoint": "https://login.example.com/auth/exchange/",
            "response_types_supported": [],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["EdDSA"],
        });
        assert_eq!(server.get(path).json(), wanted);
    }
}

#[test]
fn the_interface_describes_itself() {
    let server =
        Server::start(&[("session.enabled", "true"), ("server.base_path", "/auth"), ("passwordless.email_field_name", "mail")]);
    let answer = server.get("/openapi.json");
    let document = answer.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3."));
    let paths = document["paths"].as_object().unwrap();
    let below = ["request/email", "request/mobile", "resend", "exchange", "exchange/email", "exchange/mobile"];
    let below = below.into_iter().chain(["external/request", "external/verify", "token/refresh", "token/verify"]);
    for path in below.map(|path| format!("/auth/{path}/")) {
        let post = &paths[&path]["post"];
        for status in ["404", "405", "408", "413", "415", "431", "500", "503"] {
            assert!(path.contains("token/") && status == "404" || post["responses"].get(status).is_some(), "{path} {status}");
        }
        let body = document.pointer(post["requestBody"]["$ref"].as_str().unwrap().trim_start_matches('#')).unwrap();
        assert_eq!(body["content"].as_object().unwrap().len(), 3, "{path}");
    }
    for name in ["jwks", "jwks-eddsa", "jwks-es256", "jwks-rs256", "challenge-jwks", "paserk"] {
        assert!(paths.contains_key(&format!("/.well-known/{name}.json")), "{name}");
    }
    let text = String::from_utf8(answer.body).unwrap();
    assert!(text.contains("\"mail\"") && !text.contains("/passwordless/"));
    let methods = document.pointer("/components/schemas/Method/enum").unwrap();
    assert_eq!(*methods, serde_json::json!(["sms", "call", "whatsapp", "flashcall"]), "without a provider");
    for (path, operations) in paths {
        let method = if operations.get("post").is_some() { "POST" } else { "GET" };
        let status = server.connect().request(method, path, &[], b"").status;
        assert!(
            !matches!(status, 405) && (status != 404 || path.contains("mobile") || path.contains("external")),
            "{path}: {status}"
        );
    }
    for reference in references(&document) {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
}

fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, value)| match (name.as_str(), value) {
                ("$ref", Value::String(reference)) => vec![reference.clone()],
                _ => references(value),
            })
            .collect(),
        Value::Array(values) => values.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn pages_are_there_unless_they_are_off() {
    let server = Server::start(&[]);
    for path in ["/", "/passwordless/link", "/passwordless/link/", "/passwordless/assets/style.css"] {
        let answer = server.get(path);
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
        let is_asset = path.contains("/assets/");
        assert_eq!(answer.header("cache-control"), Some(if is_asset { "no-cache" } else { "no-store" }));
        let without_body = server.connect().request("HEAD", path, &[], b"");
        assert_eq!((without_body.status, without_body.header("content-length")), (200, answer.header("content-length")));
    }
    let bare = Server::start(&[("server.pages", "false")]);
    for path in ["/", "/passwordless/link"] {
        assert_eq!(bare.get(path).code(), "not_found");
    }
}

#[test]
fn pages_come_in_the_language_that_was_chosen_or_asked_for() {
    let server = Server::start(&[]);
    let language = |path: &str, headers: &[(&str, &str)]| {
        let page = server.connect().request("GET", path, headers, b"");
        assert_eq!((page.status, page.header("set-cookie")), (200, None), "{path}");
        let html = String::from_utf8(page.body).unwrap();
        let (_, rest) = html.split_once("<html lang=\"").unwrap();
        rest.split_once("\" dir=\"").map(|(tag, rest)| format!("{tag} {}", &rest[..3])).unwrap()
    };
    for path in ["/", "/passwordless/login", "/passwordless/link/", "/passwordless/link%23v4.local.AAAA"] {
        assert_eq!(language(path, &[]), "en ltr");
        assert_eq!(language(path, &[("accept-language", "nl, de-CH;q=0.5, fr;q=0.1")]), "de ltr");
        let chosen = ("cookie", "a=b; countersign_language=ar; countersign_device=x");
        assert_eq!(language(path, &[("accept-language", "de"), chosen]), "ar rtl");
        // Whoever comes from a mail program in the browser chose a language here nevertheless.
        let navigation =
            [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document"), chosen];
        assert_eq!(language(path, &navigation), "ar rtl");
        for nonsense in ["../../etc/passwd", "<script>", "de\"><script>", "xx", &"a".repeat(4000)] {
            let cookie = format!("countersign_language={nonsense}");
            assert_eq!(language(path, &[("cookie", &cookie), ("accept-language", nonsense)]), "en ltr", "{nonsense}");
        }
    }
}

#[test]
fn health_and_metrics_are_on_the_other_listener_only() {
    let server = Server::start(&[]);
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(server.get_admin(path).status, 200, "{path}");
        assert_eq!(server.get(path).status, 404, "{path}");
    }
    server.post("request/email/", &json!({"email": "ann@example.com"}));
    server.post("request/email/", &json!({"email": "nonsense"}));
    server.get("/nothing");
    let metrics = String::from_utf8(server.get_admin("/metrics").body).unwrap();
    for line in [
        r#"countersign_http_requests_total{route="request",status="2xx"} 1"#,
        r#"countersign_http_requests_total{route="request",status="4xx"} 1"#,
        r#"countersign_http_requests_total{route="none",status="4xx"} 4"#,
        r#"countersign_refusals_total{code="not_found"} 4"#,
        r#"countersign_refusals_total{code="invalid"} 1"#,
        "countersign_guard_fullness 0",
        "countersign_guard_entries 0",
        "countersign_guard_capacity 1000000",
    ] {
        assert!(metrics.contains(line), "{line} is missing in\n{metrics}");
    }
    assert_eq!(server.get_admin("/passwordless/request/email/").status, 404);
}
