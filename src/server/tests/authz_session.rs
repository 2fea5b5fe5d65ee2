//! What proxies ask about sessions: who passes with a cookie, who is led to the login page, and what a page of another site may not do.

use hyper::header::{LOCATION, WWW_AUTHENTICATE};

use super::*;
use crate::token::Amr;

const COOKIE_NAME: &str = "__Host-countersign_session";
const ANN: &str = "ann@example.com";
const BEARER: &str = r#"Bearer realm="countersign", error="invalid_token""#;
const COUNTERSIGN: &str = r#"Countersign realm="countersign""#;
/// What is behind the proxies.
const APP: &str = "https://app.example.com";
const WHERE: [&str; 4] = ["nginx", "forward", "envoy", "grpc"];

type Headers = &'static [(&'static str, &'static str)];

async fn start(settings: &[(&str, &str)]) -> Server {
    let base = [
        ("server.public_url", "https://login.example.com"),
        ("server.cors_origins", "https://spa.example.net"),
        ("session.enabled", "true"),
        ("session.cookie_domain", ""),
        ("session.return_to", APP),
        ("passwordless.token_request_throttle_seconds", "0"),
        ("passwordless.max_messages_per_hour", "0"),
    ];
    Server::start(&[&base, settings].concat()).await
}

/// A request to the app, as a client made it.
#[derive(Clone, Copy)]
struct Asked<'a> {
    method: &'a str,
    target: &'a str,
    headers: &'a [(&'a str, &'a str)],
}

impl Server {
    /// What this proxy is answered.
    async fn asked_by(&self, proxy: &str, Asked { method, target, headers }: Asked<'_>) -> Got {
        let url = format!("{APP}{target}");
        let proto = [("x-forwarded-proto", "https")];
        let (asked_with, uri, own): (_, _, Vec<(&str, &str)>) = match proxy {
            "nginx" => ("GET", "/authz/nginx/session".into(), vec![("x-original-method", method), ("x-original-url", &url)]),
            "forward" => {
                let own = [("x-forwarded-method", method), ("x-forwarded-uri", target), ("x-forwarded-host", "app.example.com")];
                ("GET", "/authz/forward/session".into(), [&own[..], &proto].concat())
            }
            "envoy" => (method, format!("/authz/envoy/session{target}"), [&proto[..], &[("host", "app.example.com")]].concat()),
            _ => return self.check("session", method, target, &[&proto[..], headers].concat()).await,
        };
        let request = Request::builder().method(asked_with).uri(uri);
        let request = own.iter().chain(headers).fold(request, |request, (name, value)| request.header(*name, *value));
        self.send(request.body(Full::default()).unwrap()).await
    }

    /// What all proxies are answered, which has to be alike.
    async fn asked_by_all(&self, asked: Asked<'_>) -> Got {
        let mut first: Option<Got> = None;
        for proxy in WHERE {
            let got = self.asked_by(proxy, asked).await;
            assert!(!got.headers.contains_key(SET_COOKIE), "{proxy}: {got:?}");
            if let Some(first) = &first {
                assert_eq!((got.status, got.told()), (first.status, first.told()), "{proxy}");
            } else {
                first = Some(got);
            }
        }
        first.unwrap()
    }

    async fn with_cookie(&self, value: &str) -> Got {
        let cookie = format!("a=b; {COOKIE_NAME}={value}");
        self.asked_by_all(Asked { method: "GET", target: "/x?y=z", headers: &[("cookie", &cookie)] }).await
    }

    /// The value of the session cookie of a fresh login.
    async fn cookie_of(&self, email: &str) -> String {
        let (envelope, code) = self.request(email).await;
        let body = json!({ "email": email, "token": code, "challenge": envelope, "session": true });
        let got = self.post("exchange/email/", &body).await;
        assert_eq!(got.status, 200, "{got:?}");
        got.cookie(COOKIE_NAME).unwrap()
    }

    /// What `session/` says of a cookie.
    async fn session_of(&self, value: &str) -> Value {
        let request = Request::get("/passwordless/session/").header(COOKIE, format!("{COOKIE_NAME}={value}"));
        self.send(request.body(Full::default()).unwrap()).await.json()
    }
}

impl Got {
    /// Every header of ours, and the scheme of a refusal.
    fn told(&self) -> Vec<(String, String)> {
        let is_ours = |name: &str| name.starts_with("x-") || name == "www-authenticate";
        let headers = self.headers.iter().filter(|(name, _)| is_ours(name.as_str()));
        let mut told: Vec<_> = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
        told.sort();
        told
    }

    fn says(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    fn scheme(&self) -> (u16, Option<&str>) {
        (self.status, self.headers.get(WWW_AUTHENTICATE).map(|scheme| scheme.to_str().unwrap()))
    }
}

fn get(headers: Headers) -> Asked<'static> {
    Asked { method: "GET", target: "/x?y=z", headers }
}

#[tokio::test]
async fn whoever_has_a_session_passes_with_every_header() {
    let server = start(&[]).await;
    let cookie = server.cookie_of(ANN).await;
    let session = server.session_of(&cookie).await;
    let passed = server.with_cookie(&cookie).await;
    assert_eq!((passed.status, passed.body.len()), (200, 0));
    let (ends, sid) = (session["expires_at"].to_string(), session["sid"].as_str().unwrap());
    let expected = [
        ("x-auth-channel", "email"),
        ("x-auth-expires", &ends),
        ("x-auth-issuer", "https://login.example.com"),
        ("x-auth-methods", "otp"),
        ("x-auth-session", sid),
        ("x-auth-subject", ANN),
        ("x-challenge-expires", ""),
        ("x-challenge-guard", ""),
        ("x-challenge-id", ""),
    ];
    assert_eq!(passed.told(), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    pass(604_799);
    assert_eq!(server.with_cookie(&cookie).await.status, 200);
    pass(1);
    assert_eq!(server.with_cookie(&cookie).await.scheme(), (401, Some(COUNTERSIGN)));
}

#[tokio::test]
async fn where_sessions_are_not_enabled_there_is_nothing() {
    let server = Server::start(&[]).await;
    for proxy in WHERE {
        let got = server.asked_by(proxy, get(&[])).await;
        assert_eq!(got.status, if proxy == "grpc" { 403 } else { 404 }, "{proxy}");
    }
}

#[tokio::test]
async fn a_bearer_comes_first_and_is_judged_as_a_token() {
    let server = start(&[]).await;
    let (cookie, token) = (server.cookie_of(ANN).await, server.access("42", Amr::OTP_SMS));
    let cookie = format!("{COOKIE_NAME}={cookie}");
    let bearer = format!("Bearer {token}");
    let with = async |headers: &[(&str, &str)]| {
        let headers = [headers, &[("cookie", &*cookie)]].concat();
        server.asked_by_all(Asked { method: "GET", target: "/", headers: &headers }).await
    };
    let passed = with(&[("authorization", &bearer)]).await;
    assert_eq!((passed.status, passed.says("x-auth-subject"), passed.says("x-auth-methods")), (200, "42", "otp sms"));
    assert_eq!(passed.says("x-auth-expires"), (NOW.get() + 300).to_string());
    for unclear in ["Bearer x", "bearer", "Bearer", "BEARER ", "Bearer\tx"] {
        assert_eq!(with(&[("authorization", unclear)]).await.scheme(), (401, Some(BEARER)), "{unclear}");
    }
    for twice in [
        [("authorization", &*bearer), ("authorization", "Basic x")],
        [("authorization", "Basic x"), ("authorization", "Basic x")],
    ] {
        assert_eq!(with(&twice).await.scheme(), (401, Some(BEARER)));
    }
    // Another scheme is for somebody else.
    assert_eq!(with(&[("authorization", "Basic YTpi")]).await.says("x-auth-subject"), ANN);
    // A token is no ambient credential: no page of another site makes a browser send one.
    let headers = [("authorization", &*bearer), ("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")];
    assert_eq!(server.asked_by_all(Asked { method: "POST", target: "/", headers: &headers }).await.status, 200);
}

#[tokio::test]
async fn whoever_has_none_is_denied_or_led_to_the_login_page_and_back() {
    let server = start(&[]).await;
    let denied = server.asked_by_all(get(&[])).await;
    assert_eq!(denied.scheme(), (401, Some(COUNTERSIGN)));
    let browser: &[(&str, &str)] = &[("sec-fetch-mode", "navigate"), ("sec-fetch-site", "none"), ("accept", "text/html")];
    let to = "https://login.example.com/passwordless/login?return_to=https%3A%2F%2Fapp.example.com%2Fx%3Fy%3Dz";
    for headers in [browser, &[("accept", "text/html,*/*")], &[("sec-fetch-mode", "navigate"), ("authorization", "Bearer x")]] {
        for method in ["GET", "HEAD"] {
            for proxy in WHERE {
                let got = server.asked_by(proxy, Asked { method, target: "/x?y=z", headers }).await;
                if proxy == "nginx" {
                    assert_eq!((got.status, got.headers.get(LOCATION)), (401, None), "the site's error_page does it");
                } else {
                    assert_eq!((got.status, got.headers.get(LOCATION)), (303, Some(&to.parse().unwrap())), "{proxy} {headers:?}");
                    assert!(!got.headers.contains_key("x-auth-subject") && !got.headers.contains_key(SET_COOKIE));
                }
            }
        }
        let posted = server.asked_by_all(Asked { method: "POST", target: "/x", headers }).await;
        assert_eq!(posted.status, 401);
    }
    for api in [&[("accept", "application/json")][..], &[("sec-fetch-mode", "cors"), ("accept", "text/html")]] {
        assert_eq!(server.asked_by_all(Asked { headers: api, ..get(&[]) }).await.status, 401, "{api:?}");
    }
}

#[tokio::test]
async fn nobody_is_led_back_to_where_nobody_may_be_led() {
    let browser: &[(&str, &str)] = &[("sec-fetch-mode", "navigate")];
    let server = start(&[]).await;
    let forward = async |proto: &str, host: &str, uri: &str| {
        let own =
            [("x-forwarded-method", "GET"), ("x-forwarded-proto", proto), ("x-forwarded-host", host), ("x-forwarded-uri", uri)];
        let request = Request::get("/authz/forward/session").header("sec-fetch-mode", "navigate");
        let request = own.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        server.send(request.body(Full::default()).unwrap()).await.status
    };
    assert_eq!(forward("https", "app.example.com", "/").await, 303);
    assert_eq!(forward("https", "APP.example.com:443", "/a//b?c#d").await, 303);
    assert_eq!(forward("https", "login.example.com", "/").await, 303, "this server's own");
    for (proto, host, uri) in [
        ("http", "app.example.com", "/"),
        ("https", "evil.example", "/"),
        ("https", "app.example.com.evil.example", "/"),
        ("https", "app.example.com@evil.example", "/"),
        ("https", "evil.example/app.example.com", "/"),
        ("https", "app.example.com\\.evil.example", "/"),
        ("https", "app.example.com:8443", "/"),
        ("https", "", "//app.example.com/"),
        ("https", "app.example.com", "@evil.example/"),
        ("javascript", "app.example.com", "/"),
        ("https://evil.example/?", "app.example.com", "/"),
        ("", "app.example.com", "/"),
    ] {
        let status = forward(proto, host, uri).await;
        assert!(status == 401 || uri == "@evil.example/" && status == 303, "{proto} {host} {uri}: {status}");
    }
    let long = format!("/{}", "a".repeat(2048));
    assert_eq!(forward("https", "app.example.com", &long).await, 401);
    let without_pages = start(&[("server.pages", "false")]).await;
    assert_eq!(without_pages.asked_by_all(Asked { headers: browser, ..get(&[]) }).await.status, 401);
    let elsewhere = start(&[("session.return_to", "https://other.example.com")]).await;
    assert_eq!(elsewhere.asked_by_all(Asked { headers: browser, ..get(&[]) }).await.status, 401);
}

/// Every row of the rule, at every proxy.
#[tokio::test]
async fn what_a_page_of_another_site_may_not_do() {
    let server = start(&[]).await;
    let value = server.cookie_of(ANN).await;
    let cookie = format!("{COOKIE_NAME}={value}");
    let rows: &[(&str, Headers, u16)] = &[
        ("GET", &[], 200),
        ("GET", &[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")], 200),
        ("HEAD", &[("sec-fetch-site", "cross-site")], 200),
        ("OPTIONS", &[("origin", "null")], 200),
        ("POST", &[], 403),
        ("DELETE", &[], 403),
        ("PROPFIND", &[], 403),
        ("POST", &[("sec-fetch-site", "same-origin")], 200),
        ("POST", &[("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")], 200),
        ("PUT", &[("sec-fetch-site", "none")], 200),
        ("POST", &[("sec-fetch-site", "same-site"), ("origin", "https://app.example.com")], 200),
        ("POST", &[("sec-fetch-site", "same-site"), ("origin", "https://app.example.com:443")], 200),
        ("POST", &[("sec-fetch-site", "same-site"), ("origin", "https://login.example.com")], 200),
        ("POST", &[("sec-fetch-site", "same-site"), ("origin", "https://spa.example.net")], 200),
        ("POST", &[("sec-fetch-site", "same-site"), ("origin", "https://blog.example.com")], 403),
        ("POST", &[("sec-fetch-site", "same-site")], 403),
        ("POST", &[("sec-fetch-site", "cross-site"), ("origin", "https://app.example.com")], 403),
        ("POST", &[("sec-fetch-site", "cross-site"), ("origin", "https://spa.example.net")], 403),
        ("POST", &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "same-origin")], 403),
        ("POST", &[("sec-fetch-site", "unheard-of"), ("origin", "https://app.example.com")], 403),
        ("POST", &[("origin", "https://app.example.com")], 200),
        ("POST", &[("origin", "https://login.example.com")], 200),
        ("POST", &[("origin", "http://app.example.com")], 403),
        ("POST", &[("origin", "https://evil.example")], 403),
        ("POST", &[("origin", "null")], 403),
        ("POST", &[("origin", "https://app.example.com"), ("origin", "https://app.example.com")], 403),
        ("POST", &[("referer", "https://app.example.com/x")], 403),
        ("GET", &[("upgrade", "websocket")], 403),
        ("GET", &[("sec-websocket-key", "x")], 403),
        ("GET", &[("sec-websocket-key", "x"), ("origin", "https://evil.example")], 403),
        ("GET", &[("sec-websocket-key", "x"), ("sec-fetch-site", "cross-site")], 403),
        ("GET", &[("sec-websocket-key", "x"), ("origin", "https://app.example.com")], 200),
        ("GET", &[("upgrade", "websocket"), ("sec-fetch-site", "same-origin")], 200),
    ];
    for (method, headers, status) in rows {
        let headers = [*headers, &[("cookie", &*cookie)]].concat();
        let got = server.asked_by_all(Asked { method, target: "/x", headers: &headers }).await;
        assert_eq!(got.status, *status, "{method} {headers:?}");
    }
    // Nobody signed in is asked to sign in first.
    assert_eq!(server.asked_by_all(Asked { method: "POST", ..get(&[("origin", "https://evil.example")]) }).await.status, 401);

    let unchecked = start(&[("session.csrf_check", "false")]).await;
    let cookie = format!("{COOKIE_NAME}={}", unchecked.cookie_of(ANN).await);
    let headers = [("cookie", &*cookie), ("origin", "https://evil.example")];
    assert_eq!(unchecked.asked_by_all(Asked { method: "POST", target: "/", headers: &headers }).await.status, 200);
}

#[tokio::test]
async fn nginx_has_to_say_the_method_and_where_it_goes() {
    let server = start(&[]).await;
    let cookie = format!("{COOKIE_NAME}={}", server.cookie_of(ANN).await);
    let ask = async |headers: &[(&str, &str)]| {
        let request = Request::get("/authz/nginx/session").header(COOKIE, &cookie);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        server.send(request.body(Full::default()).unwrap()).await.status
    };
    for unsaid in [
        &[][..],
        &[("x-original-method", "")],
        &[("x-original-method", "GET"), ("x-original-method", "GET")],
        &[("x-original-method", "G T")],
        &[("x-forwarded-method", "GET")],
    ] {
        assert_eq!(ask(unsaid).await, 403, "{unsaid:?}");
    }
    assert_eq!(ask(&[("x-original-method", "GET")]).await, 200);
    let posted = [("x-original-method", "POST"), ("origin", APP)];
    for (url, status) in [
        ("https://app.example.com/x", 200),
        ("https://app.example.com:443", 200),
        ("https://APP.example.com?x", 200),
        ("https://other.example.com/x", 200),
        ("", 200),
    ] {
        assert_eq!(
            ask(&[&posted[..], &[("x-original-url", url)]].concat()).await,
            status,
            "it is in return_to, whatever {url} is"
        );
    }
    let own = [("x-original-method", "POST"), ("origin", "https://unlisted.example.org")];
    for (url, status) in [
        ("https://unlisted.example.org/x", 200),
        ("https://unlisted.example.org:443/", 200),
        ("http://unlisted.example.org/", 403),
        ("https://unlisted.example.org.evil.example/", 403),
        ("https://evil.example/https://unlisted.example.org/", 403),
        ("https://evil.example\\unlisted.example.org/", 403),
        ("/x", 403),
        ("", 403),
    ] {
        assert_eq!(ask(&[&own[..], &[("x-original-url", url)]].concat()).await, status, "{url}");
    }
    let by_uri = [&own[..], &[("x-original-uri", "/x")]].concat();
    assert_eq!(ask(&by_uri).await, 403, "a path alone says nothing of the site");
    let twice = [("x-original-url", "https://unlisted.example.org/"), ("x-original-url", "https://unlisted.example.org/")];
    assert_eq!(ask(&[&own[..], &twice].concat()).await, 403);
}

#[tokio::test]
async fn without_a_scheme_envoys_host_and_port_count() {
    let server = start(&[]).await;
    let cookie = format!("{COOKIE_NAME}={}", server.cookie_of(ANN).await);
    for (host, origin, status) in [
        ("own.example.org", "https://own.example.org", 200),
        ("own.example.org", "http://own.example.org", 200),
        ("own.example.org:8443", "https://own.example.org:8443", 200),
        ("own.example.org:8443", "https://own.example.org", 403),
        ("own.example.org", "https://own.example.org:8443", 403),
        ("own.example.org", "https://evil.example", 403),
    ] {
        let request =
            Request::post("/authz/envoy/session/x").header("host", host).header("origin", origin).header(COOKIE, &cookie);
        let got = server.send(request.body(Full::default()).unwrap()).await;
        assert_eq!(got.status, status, "{host} {origin}");
        let headers = [("sec-fetch-mode", "navigate")];
        let request = Request::get("/authz/envoy/session/x").header("host", "app.example.com").header(headers[0].0, headers[0].1);
        assert_eq!(server.send(request.body(Full::default()).unwrap()).await.status, 401, "nobody knows where to lead back to");
    }
}

#[tokio::test]
async fn cookies_of_others_are_nobodys_and_of_two_living_ones_none_counts() {
    let server = start(&[]).await;
    let (ann, bob) = (server.cookie_of(ANN).await, server.cookie_of("bob@example.com").await);
    let foreign = start(&[("keyring.secrets", "ISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0-P0A")]).await.cookie_of(ANN).await;
    let by_others = start(&[("tokens.issuer", "https://other.example")]).await.cookie_of(ANN).await;
    let access = server.access("42", Amr::OTP);
    let tampered = format!("{}A{}", &ann[..60], &ann[61..]);
    for value in [&*foreign, &by_others, &access, &tampered, "x", ""] {
        assert_eq!(server.with_cookie(value).await.scheme(), (401, Some(COUNTERSIGN)), "{value}");
        // A sibling host can set one beside ours.
        let beside = format!("{value}; {COOKIE_NAME}={ann}");
        assert_eq!(server.with_cookie(&beside).await.says("x-auth-subject"), ANN);
    }
    for both in [format!("{ann}; {COOKIE_NAME}={bob}"), format!("{bob}; {COOKIE_NAME}={ann}")] {
        assert_eq!(server.with_cookie(&both).await.status, 401);
    }
    assert_eq!(server.with_cookie(&format!("{ann}; {COOKIE_NAME}={ann}")).await.status, 200);
    for other in ["countersign_session", "__Secure-countersign_session", "__host-countersign_session", "countersign_challenge"] {
        let cookie = format!("{other}={ann}");
        let asked = Asked { headers: &[("cookie", &cookie)], ..get(&[]) };
        assert_eq!(server.asked_by_all(asked).await.status, 401, "{other}");
    }
}

#[tokio::test]
async fn an_ended_session_and_its_tokens_pass_no_more() {
    let server = start(&[("authz.forward_token", "true")]).await;
    let (cookie, other) = (server.cookie_of(ANN).await, server.cookie_of(ANN).await);
    let token = format!("Bearer {}", server.with_cookie(&cookie).await.says("x-auth-token"));
    let by_token = async || server.asked_by_all(Asked { headers: &[("authorization", &token)], ..get(&[]) }).await.scheme().0;
    assert_eq!(by_token().await, 200);
    let headers = [("cookie", &*format!("{COOKIE_NAME}={cookie}"))];
    assert_eq!(server.post_with("logout/", &json!({}), &headers).await.status, 200);
    assert_eq!(server.with_cookie(&cookie).await.scheme(), (401, Some(COUNTERSIGN)));
    assert_eq!(by_token().await, 401, "though it was found good a moment ago");
    assert_eq!(server.with_cookie(&other).await.status, 200);
    // Beside an ended one the living one counts.
    assert_eq!(server.with_cookie(&format!("{cookie}; {COOKIE_NAME}={other}")).await.status, 200);
    pass(1);
    let headers = [("cookie", &*format!("{COOKIE_NAME}={other}"))];
    assert_eq!(server.post_with("logout/", &json!({ "everywhere": true }), &headers).await.status, 200);
    assert_eq!(server.with_cookie(&other).await.status, 401);
}

#[tokio::test]
async fn rules_ask_for_what_the_sessions_tokens_would_have() {
    let rules = "/staff amr=sms, /own audience=https://login.example.com, /other audience=other, /mail amr=otp";
    let server = start(&[("authz.rules", rules)]).await;
    let cookie = format!("{COOKIE_NAME}={}", server.cookie_of(ANN).await);
    for (target, status) in [
        ("/", 200),
        ("/staff", 403),
        ("/own/x", 200),
        ("/other", 403),
        ("/mail?x", 200),
        ("/a/../staff", 403),
        ("/%2e%2e/x", 403),
    ] {
        let got = server.asked_by_all(Asked { method: "GET", target, headers: &[("cookie", &cookie)] }).await;
        assert_eq!(got.status, status, "{target}");
    }
}

/// What the directory says of the user, as often as it is asked.
#[tokio::test]
async fn claims_come_from_the_directory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.json");
    let user = json!([{"id": "42", "email": ANN, "is_active": true, "claims": {"role": "chef", "teams": ["a"]}}]);
    std::fs::write(&path, user.to_string()).unwrap();
    let settings = [
        ("directory.kind", "file"),
        ("directory.path", path.to_str().unwrap()),
        ("authz.claim_headers", "role:X-Auth-Role, teams:X-Auth-Teams, none:X-Auth-None"),
    ];
    let server = start(&settings).await;
    let cookie = server.cookie_of(ANN).await;
    let passed = server.with_cookie(&cookie).await;
    let told = ["x-auth-subject", "x-auth-role", "x-auth-teams", "x-auth-none"].map(|name| passed.says(name));
    assert_eq!(told, ["42", "chef", r#"["a"]"#, ""]);
}

#[tokio::test]
async fn a_token_is_made_once_and_handed_on_for_half_of_its_life() {
    let server = start(&[("authz.forward_token", "true"), ("session.lifetime", "1000")]).await;
    let cookie = server.cookie_of(ANN).await;
    let token = async || server.with_cookie(&cookie).await.says("x-auth-token").to_owned();
    let first = token().await;
    let claims = server.claims(&first);
    assert_eq!((&claims["sub"], &claims["sid"]), (&json!(ANN), &server.session_of(&cookie).await["sid"]));
    pass(149);
    assert_eq!(token().await, first, "one signature, whoever asks");
    pass(1);
    let second = token().await;
    assert_ne!(second, first);
    pass(700);
    let last = token().await;
    assert_eq!(server.claims(&last)["exp"].as_u64(), Some(NOW.get() + 150), "it ends no later than its session");
    pass(75);
    assert_ne!(token().await, last);
    assert_eq!(server.with_cookie(&server.cookie_of("bob@example.com").await).await.says("x-auth-subject"), "bob@example.com");
}

/// An outage is no sign-out: nobody is led to the login page, and Envoy hears UNAVAILABLE.
#[tokio::test]
async fn where_nobody_knows_it_is_503() {
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", nowhere.local_addr().unwrap());
    drop(nowhere);
    let cookie = start(&[]).await.cookie_of(ANN).await;
    let secret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let server = start(&[("directory.kind", "http"), ("directory.url", &url), ("directory.secret", secret)]).await;
    let cookie = format!("{COOKIE_NAME}={cookie}");
    let headers = [("cookie", &*cookie), ("sec-fetch-mode", "navigate")];
    for proxy in &WHERE[..3] {
        let got = server.asked_by(proxy, Asked { headers: &headers, ..get(&[]) }).await;
        assert_eq!(got.status, 503, "{proxy}: {got:?}");
        assert!(got.headers.contains_key("retry-after"));
    }
    assert_eq!(server.check_status("session", &headers).await.as_deref(), Some("14"));
}
