//! What a client sends comes back only where every byte of it was judged.

use super::*;

/// What a signature may be altered to, so that it ends a JSON text, a cookie, a header or a line.
const SIGNATURES: [&str; 10] =
    ["\",\"access\":\"x", "x; Domain=example.com; Path=/", "x\r\nset-cookie: a=b", "x\u{0}", "é", "", "=", "==", "A", "AAAA"];

#[tokio::test]
async fn an_envelope_is_resent_as_it_was_signed_or_not_at_all() {
    for (format, algorithm) in [("jwt", "EdDSA"), ("jwt", "ES256"), ("paseto", "EdDSA")] {
        let server = Server::start(&[
            ("tokens.challenge_format", format),
            ("tokens.challenge_algorithm", algorithm),
            ("passwordless.token_request_throttle_seconds", "0"),
        ])
        .await;
        let (envelope, _) = server.request("ann@example.com").await;
        let (at, end) =
            if format == "jwt" { (envelope.rfind('.').unwrap() + 1, envelope.len()) } else { (10, envelope.rfind('.').unwrap()) };
        let signature = &envelope[at..end];
        // The last character has bits that belong to no byte.
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let last = alphabet.find(&signature[signature.len() - 1..]).unwrap();
        let trailing = format!("{}{}", &signature[..signature.len() - 1], &alphabet[last ^ 1..=last ^ 1]);
        let mut altered: Vec<String> = SIGNATURES.iter().map(|text| (*text).to_owned()).collect();
        altered.extend(SIGNATURES.iter().filter(|text| !text.is_empty()).map(|text| format!("{signature}{text}")));
        altered.extend([signature[1..].to_owned(), signature[..signature.len() - 1].to_owned(), format!(" {signature}")]);
        if signature.len() % 4 != 0 {
            altered.push(trailing);
        }
        for altered in altered {
            let challenge = format!("{}{altered}{}", &envelope[..at], &envelope[end..]);
            let body = json!({"email": "ann@example.com", "challenge": challenge});
            let refused = server.post("resend/", &body).await;
            assert_eq!(refused.refusal(), (400, "invalid_credentials".into()), "{altered:?}");
            assert!(refused.headers.get(SET_COOKIE).is_none() && refused.json().get("access").is_none());
        }
        let resent = server.post("resend/", &json!({"email": "ann@example.com", "challenge": envelope})).await;
        assert_eq!((resent.status, &resent.json()["challenge"]), (200, &json!(envelope)));
        assert_eq!(resent.cookie("countersign_challenge"), Some(envelope));
    }
}

#[tokio::test]
async fn an_origin_is_exposed_to_as_it_is_or_not_at_all() {
    let server = Server::start(&[("server.cors_origins", "https://app.example.com")]).await;
    let origin = async |origin: &str| {
        let got = server.post_with("token/verify/", &json!({"token": "x"}), &[("origin", origin)]).await;
        got.headers.get("access-control-allow-origin").map(|origin| origin.to_str().unwrap().to_owned())
    };
    assert_eq!(origin("https://app.example.com").await.as_deref(), Some("https://app.example.com"));
    for other in
        ["https://app.example.com/", "https://app.example.com/x, y", "https://app.example.com:+443", "https://evil.example"]
    {
        assert_eq!(origin(other).await, None, "{other}");
    }
}

#[tokio::test]
async fn a_preflight_is_answered_for_each_route_with_the_headers_that_it_asks_for() {
    let server = Server::start(&[("server.cors_origins", "https://app.example.com")]).await;
    for asked in ["authorization", "traceparent,tracestate", "baggage", "x-csrftoken", "content-type, countersign-challenge"] {
        for (path, methods) in
            [("/passwordless/request/email/", "POST"), ("/.well-known/jwks.json", "GET, HEAD"), ("/nothing", "GET, HEAD, POST")]
        {
            let request = Request::builder()
                .method(Method::OPTIONS)
                .uri(path)
                .header("origin", "https://app.example.com")
                .header("access-control-request-method", "POST")
                .header("access-control-request-headers", asked);
            let got = server.send(request.body(Full::default()).unwrap()).await;
            assert_eq!(got.status, 204);
            assert_eq!(got.headers["access-control-allow-origin"], "https://app.example.com");
            assert_eq!(got.headers["access-control-allow-methods"], methods);
            let allowed = got.headers["access-control-allow-headers"].to_str().unwrap();
            let names = |list: &str| list.split(',').map(|name| name.trim().to_owned()).collect::<Vec<_>>();
            assert_eq!(names(allowed), names(asked));
        }
    }
}
