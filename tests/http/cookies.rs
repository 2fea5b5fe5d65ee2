//! Cookies: what they carry, when they are set, and when they are left alone.

use serde_json::json;

use crate::harness::{Answer, Server, code_in};

const ATTRIBUTES: &str = "; Path=/passwordless; HttpOnly; SameSite=Lax";

fn ask(server: &Server, email: &str, headers: &[(&str, &str)]) -> Answer {
    let answer = server.post_with("request/email/", headers, &json!({"email": email}));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer
}

#[test]
fn a_client_with_a_cookie_jar_sends_recipient_and_code_only() {
    let server = Server::start(&[]);
    let asked = ask(&server, "ann@example.com", &[]);
    let envelope = asked.json()["challenge"].as_str().unwrap().to_owned();
    let guard = asked.header("countersign-guard").unwrap().to_owned();
    assert!(guard.rsplit_once('.').is_some_and(|(node, epoch)| !node.is_empty() && epoch.len() >= 16), "{guard}");
    let cookies = asked.cookies();
    assert_eq!(cookies.len(), 2);
    assert!(cookies[0].starts_with(&format!("countersign_challenge={envelope}; Max-Age=")) && cookies[0].ends_with(ATTRIBUTES));
    assert!(cookies[1].starts_with(&format!("countersign_guard={guard}; Max-Age=")) && cookies[1].ends_with(ATTRIBUTES));

    let code = code_in(&server.wait_for_mail("ann@example.com", 0));
    let jar = format!("theme=dark; countersign_challenge={envelope}; countersign_guard={guard}");
    let login = json!({"email": "ann@example.com", "token": code});
    let answer = server.post_with("exchange/email/", &[("cookie", &jar)], &login);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.cookies().contains(&&*format!("countersign_challenge=; Max-Age=0{ATTRIBUTES}")));
    let device = answer.cookies().into_iter().find(|cookie| cookie.starts_with("countersign_device=")).unwrap().to_owned();
    assert!(device.ends_with(&format!("; Max-Age=7776000{ATTRIBUTES}")), "{device}");
}

#[test]
fn body_wins_over_header_and_header_over_cookie() {
    let server = Server::start(&[]);
    let asked = ask(&server, "ann@example.com", &[]);
    let envelope = asked.json()["challenge"].as_str().unwrap().to_owned();
    let cookie = format!("countersign_challenge={envelope}");
    let attempt = |headers: &[(&str, &str)], challenge: Option<&str>| {
        let mut body = json!({"email": "ann@example.com", "token": "x"});
        if let Some(challenge) = challenge {
            body["challenge"] = challenge.into();
        }
        server.post_with("exchange/email/", headers, &body).json()["attempts_left"].as_u64()
    };
    // A right envelope with a wrong code counts down; a wrong envelope counts nothing.
    assert_eq!(attempt(&[("cookie", &cookie)], None), Some(4));
    assert_eq!(attempt(&[("cookie", &cookie), ("countersign-challenge", "nonsense")], None), None);
    assert_eq!(attempt(&[("countersign-challenge", &envelope)], None), Some(3));
    assert_eq!(attempt(&[("countersign-challenge", &envelope), ("cookie", "countersign_challenge=x")], None), Some(2));
    assert_eq!(attempt(&[("countersign-challenge", &envelope)], Some("nonsense")), None);
    assert_eq!(
        attempt(&[("countersign-challenge", "nonsense"), ("cookie", "countersign_challenge=x")], Some(&envelope)),
        Some(1)
    );
}

#[test]
fn another_sites_request_neither_reads_nor_sets_cookies() {
    let server =
        Server::start(&[("server.cors_origins", "https://app.example.com"), ("server.public_url", "http://localhost:8000")]);
    let foreign: [&[(&str, &str)]; 4] = [
        &[("sec-fetch-site", "cross-site")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("origin", "http://localhost:8001")],
    ];
    for (at, headers) in foreign.into_iter().enumerate() {
        let asked = ask(&server, &format!("foreign{at}@example.com"), headers);
        assert_eq!(asked.cookies(), [""; 0], "{headers:?}");
        assert!(asked.header("countersign-guard").is_some());
        let cookie = format!("countersign_challenge={}", asked.json()["challenge"].as_str().unwrap());
        let mut headers = headers.to_vec();
        headers.push(("cookie", &cookie));
        let body = json!({"email": format!("foreign{at}@example.com"), "token": "1"});
        let answer = server.post_with("exchange/email/", &headers, &body);
        assert_eq!(answer.json()["challenge"], json!(["This field is required."]), "{headers:?}");
    }
    let own: [&[(&str, &str)]; 4] = [
        &[("sec-fetch-site", "same-origin"), ("origin", "http://localhost:8000")],
        &[("origin", "http://127.0.0.1:8000")],
        &[("origin", "http://[::1]:8000")],
        &[("sec-fetch-site", "same-site"), ("origin", "https://app.example.com")],
    ];
    for (at, headers) in own.into_iter().enumerate() {
        assert_eq!(ask(&server, &format!("own{at}@example.com"), headers).cookies().len(), 2, "{headers:?}");
    }
}

#[test]
fn cookies_are_secure_unless_the_site_is_plain_loopback() {
    for (url, secure) in [
        ("http://localhost:8000", false),
        ("http://127.0.0.1", false),
        ("https://localhost", true),
        ("https://example.com", true),
        ("http://example.com", true),
    ] {
        let server = Server::start(&[("server.public_url", url)]);
        let asked = ask(&server, "ann@example.com", &[]);
        assert!(asked.cookies().iter().all(|cookie| cookie.contains("; Secure") == secure), "{url}: {:?}", asked.cookies());
    }
    let server = Server::start(&[("server.cookie_path", "/")]);
    assert!(ask(&server, "ann@example.com", &[]).cookies()[0].contains("; Path=/;"));
}

#[test]
fn a_known_device_has_a_throttle_of_its_own() {
    let server = Server::start(&[]);
    let (envelope, code) = server.challenge("ann@example.com");
    let login = server.post("exchange/email/", &json!({"email": "ann@example.com", "token": code, "challenge": envelope}));
    let jar = format!("countersign_device={}", login.cookie("countersign_device").unwrap());
    let again =
        |headers: &[(&str, &str)]| server.post_with("request/email/", headers, &json!({"email": "ann@example.com"})).status;
    assert_eq!(again(&[]), 429, "a stranger just asked");
    assert_eq!(again(&[("cookie", &jar)]), 200);
    assert_eq!(again(&[("cookie", &jar)]), 429);
    let forged = format!("{jar}x");
    assert_eq!(again(&[("cookie", &forged)]), 429);
}

#[test]
fn admitted_sites_may_call_from_a_browser() {
    let server = Server::start(&[("server.cors_origins", "https://app.example.com")]);
    let preflight = |origin: &str| {
        let headers =
            [("origin", origin), ("access-control-request-method", "POST"), ("access-control-request-headers", "content-type")];
        server.connect().request("OPTIONS", "/passwordless/request/email/", &headers, b"")
    };
    let admitted = preflight("https://app.example.com");
    assert_eq!(admitted.status, 204);
    assert_eq!(admitted.header("access-control-allow-origin"), Some("https://app.example.com"));
    assert_eq!(admitted.header("access-control-allow-credentials"), Some("true"));
    assert!(admitted.header("access-control-allow-methods").unwrap().contains("POST"));
    assert!(admitted.header("access-control-allow-headers").unwrap().contains("content-type"));
    assert_eq!(preflight("https://evil.example").header("access-control-allow-origin"), None);

    let asked = ask(&server, "ann@example.com", &[("origin", "https://app.example.com")]);
    assert_eq!(asked.header("access-control-allow-origin"), Some("https://app.example.com"));
    assert_eq!(asked.header("vary"), Some("origin"));
    assert!(asked.header("access-control-expose-headers").unwrap().contains("countersign-guard"));
    assert_eq!(
        ask(&server, "ben@example.com", &[("origin", "https://evil.example")]).header("access-control-allow-origin"),
        None
    );
}
