//! What proxies ask: every answer that allows or denies, and what others could try to be let through.

use hyper::{
    Method, Request,
    header::{CACHE_CONTROL, WWW_AUTHENTICATE},
};

use super::*;
use crate::{
    challenge::ChallengeId,
    keyring::{EnvelopeFormat, Keyring},
    keys::Keys,
    token::{Amr, Login, SessionId, SessionsConfig},
    user::User,
};

const IDENTITY: [&str; 9] = [
    "x-auth-subject",
    "x-auth-issuer",
    "x-auth-expires",
    "x-auth-methods",
    "x-challenge-id",
    "x-challenge-guard",
    "x-challenge-expires",
    "x-auth-session",
    "x-auth-channel",
];
const BEARER: &str = r#"Bearer realm="countersign", error="invalid_token""#;
const COUNTERSIGN: &str = r#"Countersign realm="countersign""#;
/// The issuer, where nothing is configured.
const ISSUER: &str = "http://localhost:8000";

type Headers = &'static [(&'static str, &'static str)];

/// A question of each dialect, about `GET /admin/x`.
const DIALECTS: [(&str, &str, Headers); 3] = [
    ("nginx", "", &[("x-original-uri", "/admin/x?a=b"), ("x-original-method", "GET")]),
    ("forward", "", &[("x-forwarded-uri", "/admin/x?a=b"), ("x-forwarded-method", "GET")]),
    ("envoy", "/admin/x?a=b", &[]),
];

impl Server {
    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Got {
        let request = headers.iter().fold(Request::get(path), |request, (name, value)| request.header(*name, *value));
        self.send(request.body(Full::default()).unwrap()).await
    }

    /// Asks in every dialect, and by gRPC; the answers have to be alike.
    async fn asked(&self, kind: &str, headers: &[(&str, &str)]) -> Got {
        let mut answers = Vec::new();
        for (dialect, behind, its) in DIALECTS {
            let answer = self.get(&format!("/authz/{dialect}/{kind}{behind}"), &[its, headers].concat()).await;
            assert_eq!((answer.status == 200 || dialect == "nginx"), answer.body.is_empty(), "{dialect}: {answer:?}");
            assert_eq!(answer.headers[CACHE_CONTROL], "no-store");
            assert!(!answer.headers.contains_key(SET_COOKIE));
            answers.push(answer);
        }
        answers.push(self.check(kind, "GET", "/admin/x?a=b", headers).await);
        let one = answers.remove(0);
        for other in answers {
            assert_eq!(other.status, one.status, "{other:?} {one:?}");
            assert_eq!(other.identity(), one.identity());
            assert_eq!(other.headers.get(WWW_AUTHENTICATE), one.headers.get(WWW_AUTHENTICATE));
        }
        one
    }

    /// An access token of this server's for somebody who proved an address in this way.
    pub(super) fn access(&self, id: &str, amr: Amr) -> String {
        self.access_with(id, amr, &serde_json::Map::new())
    }

    /// And with claims of the user's.
    fn access_with(&self, id: &str, amr: Amr, claims: &serde_json::Map<String, Value>) -> String {
        let recipient = Recipient::parse_email("ann@example.com").unwrap();
        let user = User { id: id.into(), claims: claims.clone(), ..User::of(&recipient) };
        let now = UnixTime::from_seconds(NOW.get());
        let random = &mut ChaCha20Rng::from_seed([3; 32]);
        self.0
            .app
            .engine
            .keys
            .load()
            .sessions
            .begin(&Login::new(SessionId::new(&ChallengeId::from_random([7; 16]), 1), &user, &recipient, amr), now, random)
            .access
    }

    /// What stands in an access token.
    pub(super) fn claims(&self, token: &str) -> Value {
        let now = UnixTime::from_seconds(NOW.get());
        serde_json::from_str(self.0.app.engine.keys.load().sessions.verify_access(token, now).unwrap().json()).unwrap()
    }

    async fn envelope(&self) -> String {
        self.request(&format!("{}@example.com", GENERATOR.with_borrow_mut(ChaCha20Rng::next_u32))).await.0
    }
}

impl Got {
    /// Every identity header; each stands there at most once.
    fn identity(&self) -> Vec<Option<&str>> {
        let of = |name: &&str| {
            let mut values = self.headers.get_all(*name).iter().map(|value| value.to_str().unwrap());
            let first = values.next();
            assert_eq!(values.next(), None, "{name} once");
            first
        };
        IDENTITY.iter().map(of).collect()
    }

    /// Status and scheme of a refusal that names nobody.
    fn denied(&self) -> (u16, Option<&str>) {
        assert_eq!(self.identity(), [None; 9], "{self:?}");
        (self.status, self.headers.get(WWW_AUTHENTICATE).map(|scheme| scheme.to_str().unwrap()))
    }
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

#[tokio::test]
async fn a_good_token_passes_with_every_identity_header() {
    let server = Server::start(&[]).await;
    let token = server.access("ann@example.com", Amr::OTP_SMS);
    let passed = server.asked("token", &[("authorization", &bearer(&token))]).await;
    let expires = (NOW.get() + 300).to_string();
    let some = |value| Some(value);
    assert_eq!(passed.status, 200);
    let session = server.claims(&token)["sid"].as_str().unwrap().to_owned();
    let identity = ["ann@example.com", ISSUER, &expires, "otp sms", "", "", "", &session, "email"];
    assert_eq!(passed.identity(), identity.map(some));
    for authorization in [format!("bearer {token}"), format!("BEARER  {token}")] {
        assert_eq!(server.asked("token", &[("authorization", &authorization)]).await.status, 200, "{authorization}");
    }
}

#[tokio::test]
async fn a_living_challenge_passes_with_every_identity_header() {
    let server = Server::start(&[]).await;
    let envelope = server.envelope().await;
    let challenge = UntrustedEnvelope::parse(&envelope).unwrap().untrusted_challenge().clone();
    let (id, expires) = (challenge.id.to_text(), challenge.expires_at.as_seconds().to_string());
    for header in [("countersign-challenge", envelope.clone()), ("cookie", format!("a=b; countersign_challenge={envelope}"))] {
        let passed = server.asked("challenge", &[(header.0, &header.1)]).await;
        assert_eq!(passed.status, 200);
        let some = |value| Some(value);
        assert_eq!(
            passed.identity(),
            [
                some(""),
                some(""),
                some(""),
                some(""),
                some(&*id),
                some(challenge.guard.as_str()),
                some(&*expires),
                some(""),
                some("")
            ]
        );
    }
    pass(599);
    assert_eq!(server.asked("challenge", &[("countersign-challenge", &envelope)]).await.status, 200);
    pass(1);
    let ended = server.asked("challenge", &[("countersign-challenge", &envelope)]).await;
    assert_eq!(ended.denied(), (401, Some(COUNTERSIGN)));
}

#[tokio::test]
async fn whatever_is_no_good_token_is_401() {
    let server = Server::start(&[]).await;
    let token = server.access("42", Amr::OTP);
    let tokens = server.0.app.engine.keys.load();
    let foreign = Keys::new(&Keyring::new([vec![9; 32]]).unwrap(), &SessionsConfig::new(ISSUER), EnvelopeFormat::EdDsa).unwrap();
    let (recipient, random) = (Recipient::parse_email("ann@example.com").unwrap(), &mut ChaCha20Rng::from_seed([3; 32]));
    let user = User::of(&recipient);
    let login = Login::new(SessionId::new(&ChallengeId::from_random([7; 16]), 1), &user, &recipient, Amr::OTP);
    let refresh = tokens.sessions.begin(&login, UnixTime::from_seconds(NOW.get()), random).refresh;
    let foreign = foreign.sessions.begin(&login, UnixTime::from_seconds(NOW.get()), random).access;
    let envelope = server.envelope().await;
    let tampered = format!("{}A{}", &token[..100], &token[101..]);
    let unsigned = format!("{}.", token.rsplit_once('.').unwrap().0);
    for authorization in [
        String::new(),
        token.clone(),
        "Bearer".into(),
        "Bearer ".into(),
        format!("Basic {token}"),
        format!("Bearer {token}, Bearer {token}"),
        format!("Bearer {token} {token}"),
        format!("Bearer\t{token}"),
        bearer(&tampered),
        bearer(&unsigned),
        bearer(&foreign),
        bearer(&refresh),
        bearer(&envelope),
    ] {
        let denied = server.asked("token", &[("authorization", &authorization)]).await;
        assert_eq!(denied.denied(), (401, Some(BEARER)), "{authorization}");
    }
    let good = bearer(&token);
    for headers in [
        &[][..],
        &[("authorization", &*good), ("authorization", &good)],
        &[("authorization", "Bearer x"), ("authorization", &good)],
        &[("proxy-authorization", &good), ("x-authorization", &good)],
        &[("cookie", &*format!("access={token}; countersign_challenge={token}"))],
        &[("countersign-challenge", &token)],
    ] {
        assert_eq!(server.asked("token", headers).await.denied(), (401, Some(BEARER)), "{headers:?}");
    }
    assert_eq!(server.asked("token", &[("authorization", &good)]).await.status, 200);
    pass(300);
    assert_eq!(
        server.asked("token", &[("authorization", &good)]).await.denied(),
        (401, Some(BEARER)),
        "expired, though remembered"
    );
}

#[tokio::test]
async fn whatever_is_no_living_challenge_is_401() {
    let server = Server::start(&[]).await;
    let (envelope, token) = (server.envelope().await, server.access("42", Amr::OTP));
    let tampered = format!("{}A{}", &envelope[..150], &envelope[151..]);
    for headers in [
        &[][..],
        &[("countersign-challenge", &*tampered)],
        &[("countersign-challenge", &*token)],
        &[("countersign-challenge", "a.b.c"), ("cookie", &*format!("countersign_challenge={envelope}"))],
        &[("countersign-challenge", &*envelope), ("countersign-challenge", &*envelope)],
        &[("authorization", &*bearer(&envelope))],
        &[("cookie", &*format!("countersign_challenge={tampered}; x={envelope}"))],
    ] {
        assert_eq!(server.asked("challenge", headers).await.denied(), (401, Some(COUNTERSIGN)), "{headers:?}");
    }
}

/// A host of the same site can set cookies of our name; more than eight aren't looked at.
#[tokio::test]
async fn each_of_eight_cookies_of_our_name_is_tried() {
    let server = Server::start(&[]).await;
    let envelope = server.envelope().await;
    let with = |others: usize| {
        let others = (0..others).map(|n| format!("countersign_challenge=e.y.{n}; "));
        format!("{}countersign_challenge={envelope}", others.collect::<String>())
    };
    for (others, status) in [(0, 200), (1, 200), (7, 200), (8, 401)] {
        assert_eq!(server.asked("challenge", &[("cookie", &with(others))]).await.status, status, "behind {others}");
    }
    // A link in a mail leads here from elsewhere; that somebody was sent a code stays as true.
    let from_elsewhere = [("cookie", &*with(0)), ("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")];
    assert_eq!(server.asked("challenge", &from_elsewhere).await.status, 200);
}

/// nginx makes 500 of any other status; Envoy asks with whatever method the client took.
#[tokio::test]
async fn every_method_is_answered_alike_and_none_is_a_preflight() {
    let server = Server::start(&[("server.cors_origins", "https://app.example")]).await;
    let token = bearer(&server.access("42", Amr::OTP));
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "x"] {
        for (dialect, behind, its) in DIALECTS {
            for (authorization, status) in [(&*token, 200), ("Bearer x", 401)] {
                let request = Request::builder()
                    .method(Method::from_bytes(method.as_bytes()).unwrap())
                    .uri(format!("/authz/{dialect}/token{behind}"))
                    .header("origin", "https://app.example")
                    .header("access-control-request-method", "POST")
                    .header("authorization", authorization);
                let request = its.iter().fold(request, |request, (name, value)| request.header(*name, *value));
                let got = server.send(request.body(Full::default()).unwrap()).await;
                assert_eq!(got.status, status, "{method} {dialect}");
                assert!(!got.headers.keys().any(|name| name.as_str().starts_with("access-control")), "{got:?}");
            }
        }
    }
}

#[tokio::test]
async fn forward_without_a_method_is_400_before_the_token_is_looked_at() {
    let server = Server::start(&[]).await;
    let token = bearer(&server.access("42", Amr::OTP));
    for authorization in [&*token, "Bearer x"] {
        for method in [
            &[][..],
            &[("x-forwarded-method", "")],
            &[("x-forwarded-method", "GET"), ("x-forwarded-method", "GET")],
            &[("x-original-method", "GET")],
        ] {
            let headers = [&[("authorization", authorization), ("x-forwarded-uri", "/")], method].concat();
            let got = server.get("/authz/forward/token", &headers).await;
            assert_eq!(got.refusal(), (400, "invalid".into()));
            assert!(got.json()["detail"].as_str().unwrap().contains("X-Forwarded-Method"), "{got:?}");
            assert_eq!(got.identity(), [None; 9]);
        }
    }
}

/// The client's query is appended by Caddy and Envoy, and clients can send the headers of other dialects.
#[tokio::test]
async fn neither_the_query_nor_other_dialects_headers_matter() {
    let server = Server::start(&[("authz.rules", "/admin amr=hwk")]).await;
    let token = bearer(&server.access("42", Amr::OTP));
    let others = [
        ("x-original-uri", "/open"),
        ("x-original-url", "http://a/open"),
        ("x-original-method", "GET"),
        ("x-forwarded-uri", "/open"),
        ("x-forwarded-method", "GET"),
        ("x-rewrite-url", "/open"),
        ("x-envoy-original-path", "/open"),
        ("x-auth-subject", "root"),
    ];
    for (dialect, behind, its) in DIALECTS {
        let other = others.iter().filter(|(name, _)| !its.iter().any(|(own, _)| own == name));
        let other: Vec<_> = other.filter(|(name, _)| dialect != "nginx" || *name != "x-original-url").copied().collect();
        let headers = [its, &other, &[("authorization", &*token)]].concat();
        let path = format!("/authz/{dialect}/token{behind}");
        for query in ["", "?uri=/open", "?access_token=x&x-original-uri=/open", "?//", "?a=../..;"] {
            let path = if behind.contains('?') {
                format!("{}{query}", path.split('?').next().unwrap())
            } else {
                format!("{path}{query}")
            };
            assert_eq!(server.get(&path, &headers).await.status, 403, "{path}");
        }
    }
    // Where nginx sets one of its two headers, the client can send the other.
    let both = [("authorization", &*token), ("x-original-uri", "/admin"), ("x-original-url", "http://a/open")];
    assert_eq!(server.get("/authz/nginx/token", &both).await.status, 403);
    for uri in ["/open?x=/admin", "/open"] {
        let headers = [("authorization", &*token), ("x-original-uri", uri)];
        assert_eq!(server.get("/authz/nginx/token?x=/admin", &headers).await.status, 200);
    }
    let token_in_query = format!("/authz/nginx/token?access_token={}", &token["Bearer ".len()..]);
    assert_eq!(server.get(&token_in_query, &[("x-original-uri", "/open")]).await.status, 401);
}

#[tokio::test]
async fn rules_ask_for_audience_and_methods_by_the_longest_path() {
    let rules =
        "/ audience=http://localhost:8000, /staff amr=sms, /staff/help, /staff/keys amr=hwk amr=otp, /vault audience=vault";
    let server = Server::start(&[("authz.rules", rules)]).await;
    let (mail, sms) = (bearer(&server.access("42", Amr::OTP)), bearer(&server.access("42", Amr::OTP_SMS)));
    for (path, by_mail, by_sms) in [
        ("/", 200, 200),
        ("/staffers", 200, 200),
        ("/staff", 403, 200),
        ("/staff/", 403, 200),
        ("/%73taff/x", 403, 200),
        ("/staff/x?/staff/help", 403, 200),
        ("/staff/help/me", 200, 200),
        ("/staff/helper", 403, 200),
        ("/staff/keys", 403, 403),
        ("/vault/x", 403, 403),
        ("/Vault/x", 200, 200),
    ] {
        let (nginx, url, envoy) = ("/authz/nginx/token", format!("http://a.example{path}"), format!("/authz/envoy/token{path}"));
        for (token, status) in [(&mail, by_mail), (&sms, by_sms)] {
            let headers = [("authorization", &**token), ("x-original-uri", path)];
            assert_eq!(server.get(nginx, &headers).await.status, status, "{path}");
            assert_eq!(server.get(nginx, &[("authorization", token), ("x-original-url", &url)]).await.status, status, "{url}");
            let forward = [("authorization", &**token), ("x-forwarded-uri", path), ("x-forwarded-method", "POST")];
            let got = server.get("/authz/forward/token", &forward).await;
            assert_eq!(got.status, status, "{path}");
            if status == 403 {
                assert_eq!(got.refusal(), (403, "forbidden".into()));
                assert_eq!(got.denied(), (403, None));
            }
            assert_eq!(server.get(&envoy, &[("authorization", token)]).await.status, status, "{envoy}");
        }
        assert_eq!(server.get(&envoy, &[("authorization", "Bearer x")]).await.status, 401, "a rule is for good tokens");
    }
    assert_eq!(server.get("/authz/nginx/token", &[("authorization", &mail)]).await.status, 403, "nobody says which path");
    let envelope = server.envelope().await;
    for (path, status) in [("/staff/help/x", 200), ("/staff", 403), ("/", 403)] {
        let headers = [("countersign-challenge", &*envelope), ("x-original-uri", path)];
        assert_eq!(server.get("/authz/nginx/challenge", &headers).await.status, status, "a challenge at {path}");
    }
}

#[tokio::test]
async fn a_path_with_two_readings_is_403_where_there_are_rules() {
    let (with, without) = (Server::start(&[("authz.rules", "/admin amr=hwk")]).await, Server::start(&[]).await);
    for path in [
        "//admin",
        "/x//admin",
        "/./admin",
        "/x/../admin",
        "/x/%2e%2e/admin",
        "/x/.%2E/admin",
        "/%2fadmin",
        "/x%2f..%2fadmin",
        "/x%5c..%5cadmin",
        "/x\\..\\admin",
        "/admin;x=1",
        "/x/..;/admin",
        "/admin%3b",
        "/%2561dmin",
        "/%252e%252e/admin",
        "/admin%00",
        "/%c0%af",
        "/%zz",
        "/%",
    ] {
        for (server, status) in [(&with, 403), (&without, 200)] {
            let token = bearer(&server.access("42", Amr::OTP));
            let headers = [("authorization", &*token), ("x-original-uri", path)];
            assert_eq!(server.get("/authz/nginx/token", &headers).await.status, status, "{path}");
            let headers = [("authorization", &*token), ("x-forwarded-uri", path), ("x-forwarded-method", "GET")];
            assert_eq!(server.get("/authz/forward/token", &headers).await.status, status, "{path}");
            if path != "/x\\..\\admin" {
                let envoy = format!("/authz/envoy/token{path}");
                assert_eq!(server.get(&envoy, &[("authorization", &*token)]).await.status, status, "{envoy}");
            }
        }
        let nobody = [("x-original-uri", path)];
        assert_eq!(with.get("/authz/nginx/token", &nobody).await.status, 403, "it isn't worth a look at the token: {path}");
    }
}

#[tokio::test]
async fn subjects_in_headers_are_printable_and_distinct() {
    let server = Server::start(&[]).await;
    for (id, shown) in [
        ("jürgen@bücher.example", "j%C3%BCrgen@b%C3%BCcher.example"),
        ("a\r\nx-auth-subject: root", "a%0D%0Ax-auth-subject: root"),
        ("j%C3%BCrgen", "j%25C3%25BCrgen"),
        ("名前", "%E5%90%8D%E5%89%8D"),
    ] {
        let token = bearer(&server.access(id, Amr::OTP));
        let got = server.asked("token", &[("authorization", &token), ("x-auth-subject", "root")]).await;
        assert_eq!(got.identity()[0], Some(shown));
    }
}

/// A token that was found good is remembered; what its root is no longer vouches for isn't.
#[tokio::test]
async fn a_root_that_goes_takes_its_tokens_and_challenges_with_it_at_once() {
    let server = Server::start(&[]).await;
    let (token, envelope) = (bearer(&server.access("42", Amr::OTP)), server.envelope().await);
    let (with_token, with_envelope) = ([("authorization", &*token)], [("countersign-challenge", &*envelope)]);
    assert_eq!(server.asked("token", &with_token).await.status, 200);
    assert_eq!(server.asked("challenge", &with_envelope).await.status, 200);
    let keyring = Keyring::new([vec![9; 32]]).unwrap();
    let keys = Keys::new(&keyring, &SessionsConfig::new(ISSUER), EnvelopeFormat::EdDsa).unwrap();
    server.0.app.engine.keys.replace(keys);
    assert_eq!(server.asked("token", &with_token).await.denied(), (401, Some(BEARER)));
    assert_eq!(server.asked("challenge", &with_envelope).await.denied(), (401, Some(COUNTERSIGN)));
}

#[tokio::test]
async fn every_format_passes_and_the_leeway_counts_for_tokens_only() {
    for (algorithm, challenge) in [
        (&[("tokens.algorithm", "EdDSA")][..], &[("tokens.challenge_algorithm", "ES256")][..]),
        (&[("tokens.algorithm", "ES256")], &[]),
        (&[("tokens.algorithm", "HS256"), ("tokens.hs256_secret", "a secret of more than thirty-two bytes")], &[]),
        (&[("tokens.algorithm", "v4.public")], &[("tokens.challenge_format", "paseto")]),
        (&[("tokens.algorithm", "v4.local")], &[]),
    ] {
        for cache in ["0", "300"] {
            let settings = [algorithm, challenge, &[("tokens.leeway", "10"), ("authz.cache_seconds", cache)]].concat();
            let server = Server::start(&settings).await;
            let (token, envelope) = (bearer(&server.access("42", Amr::OTP)), server.envelope().await);
            let (with_token, with_envelope) = ([("authorization", &*token)], [("countersign-challenge", &*envelope)]);
            assert_eq!(server.asked("token", &with_token).await.identity()[0], Some("42"), "{settings:?}");
            assert_eq!(server.asked("challenge", &with_envelope).await.status, 200, "{settings:?}");
            pass(309);
            assert_eq!(server.asked("token", &with_token).await.status, 200, "{settings:?}");
            pass(1);
            assert_eq!(server.asked("token", &with_token).await.status, 401, "{settings:?}");
            pass(290);
            assert_eq!(server.asked("challenge", &with_envelope).await.status, 401, "{settings:?}");
        }
    }
}

#[tokio::test]
async fn what_is_not_there_is_404() {
    let server = Server::start(&[]).await;
    for path in [
        "/authz",
        "/authz/nginx",
        "/authz/nginx/session",
        "/authz/traefik/token",
        "/authz/nginx/token/x",
        "/passwordless/authz/nginx/token",
    ] {
        assert_eq!(server.get(path, &[]).await.refusal(), (404, "not_found".into()), "{path}");
    }
}

/// Of an access token, whoever presents it, and of nobody else.
#[tokio::test]
async fn claims_have_headers_of_their_own_at_every_kind() {
    let settings =
        [("authz.claim_headers", "role:X-Auth-Role, teams:X-Auth-Teams, none:X-Auth-None, big:X-Auth-Big, user_id:X-Auth-Id")];
    let server = Server::start(&settings).await;
    let claims = json!({"role": "Chefin für alles", "teams": ["a", 1], "big": "x".repeat(1025), "sub": "root"});
    let token = server.access_with("42", Amr::OTP, claims.as_object().unwrap());
    let names = ["x-auth-role", "x-auth-teams", "x-auth-none", "x-auth-big", "x-auth-id"];
    let of = |got: &Got| names.map(|name| got.headers[name].to_str().unwrap().to_owned());
    for _ in 0..2 {
        let passed = server.asked("token", &[("authorization", &bearer(&token)), ("x-auth-role", "root")]).await;
        assert_eq!(of(&passed), ["Chefin f%C3%BCr alles", r#"["a",1]"#, "", "", "42"]);
        assert_eq!(passed.headers["x-auth-subject"], "42");
        assert!(!passed.headers.contains_key("x-auth-token"));
    }
    let challenge = server.asked("challenge", &[("countersign-challenge", &server.envelope().await)]).await;
    assert_eq!(of(&challenge), [""; 5]);
}

#[tokio::test]
async fn a_token_is_handed_on_where_that_is_wanted() {
    let server = Server::start(&[("authz.forward_token", "true")]).await;
    let token = server.access("42", Amr::OTP);
    for _ in 0..2 {
        assert_eq!(server.asked("token", &[("authorization", &bearer(&token))]).await.headers["x-auth-token"], token);
    }
    let (envelope, token) = (server.envelope().await, bearer(&token));
    let challenge = server.asked("challenge", &[("countersign-challenge", &envelope), ("authorization", &token)]).await;
    assert_eq!(challenge.headers["x-auth-token"], "");
}
