//! What Envoy asks by gRPC: its messages are written and read here byte by byte, without the code that is tested.

use std::time::Duration;

use hyper::{HeaderMap, header::HeaderName};

use super::*;
use crate::server::grpc;

const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";
const PATIENCE: Duration = Duration::from_secs(10);

/// An answer to a call.
#[derive(Debug)]
struct Called {
    http: u16,
    headers: HeaderMap,
    /// The message without its prefix.
    message: Option<Bytes>,
    status: Option<String>,
}

impl Server {
    async fn call(&self, path: &str, content_type: &str, body: impl Into<Bytes>) -> Called {
        let request = Request::post(path).header(CONTENT_TYPE, content_type).body(Full::new(body.into())).unwrap();
        self.called(request).await
    }

    async fn called(&self, request: Request<Full<Bytes>>) -> Called {
        let (head, body) = grpc::answer(&self.0.app, request, PATIENCE).await.into_parts();
        let body = body.collect().await.unwrap();
        let trailers = body.trailers().cloned().unwrap_or_default();
        let bytes = body.to_bytes();
        let message = (!bytes.is_empty()).then(|| {
            let (prefix, message) = bytes.split_at(5);
            assert_eq!(prefix, [&[0][..], &u32::try_from(message.len()).unwrap().to_be_bytes()].concat());
            bytes.slice(5..)
        });
        let status = trailers.get("grpc-status").or(head.headers.get("grpc-status"));
        let status = status.map(|status| status.to_str().unwrap().to_owned());
        Called { http: head.status.as_u16(), headers: head.headers, message, status }
    }

    /// What Envoy would do with a request of this kind, as if it had been asked over HTTP.
    pub(super) async fn check(&self, kind: &str, method: &str, path: &str, headers: &[(&str, &str)]) -> Got {
        let http = Http { method, path, host: "app.example.com", headers };
        self.verdict(&http.raw(&[("countersign", kind)])).await
    }

    /// The status of gRPC of such a question, where there is no verdict.
    pub(super) async fn check_status(&self, kind: &str, headers: &[(&str, &str)]) -> Option<String> {
        let http = Http { method: "GET", path: "/", host: "app.example.com", headers };
        self.call(CHECK, "application/grpc", framed(&http.raw(&[("countersign", kind)]))).await.status
    }

    /// The verdict over a `CheckRequest`.
    async fn verdict(&self, message: &[u8]) -> Got {
        let called = self.call(CHECK, "application/grpc", framed(message)).await;
        assert_eq!((called.http, called.status.as_deref()), (200, Some("0")), "{called:?}");
        let message = called.message.unwrap();
        let code = fields(one(&message, 1)).first().map_or(0, |(_, value)| value.number());
        let (status, verdict) = match (find(&message, 2), find(&message, 3)) {
            (Some(denied), None) => (one_number(one(denied, 1), 1), denied),
            (None, Some(allowed)) => (200, allowed),
            both => panic!("{both:?}"),
        };
        assert_eq!(
            code,
            match status {
                200 => 0,
                403 => 7,
                _ => 16,
            }
        );
        let mut got = HeaderMap::new();
        for (_, header) in fields(verdict).iter().filter(|(number, _)| *number == 2) {
            assert_eq!(one_number(header.bytes(), 3), 2, "it takes the place of the client's");
            let header = one(header.bytes(), 1);
            let text = |number| str::from_utf8(find(header, number).unwrap_or_default()).unwrap();
            got.append(HeaderName::try_from(text(1)).unwrap(), text(2).parse().unwrap());
        }
        let body = find(verdict, 3).unwrap_or_default();
        Got { status: status.try_into().unwrap(), headers: got, body: Bytes::copy_from_slice(body) }
    }
}

/// The request of a client's, as Envoy tells of it.
struct Http<'a> {
    method: &'a str,
    path: &'a str,
    host: &'a str,
    headers: &'a [(&'a str, &'a str)],
}

impl Http<'_> {
    /// With its headers as they came: `encode_raw_headers`.
    fn raw(&self, context: &[(&str, &str)]) -> Vec<u8> {
        let headers = self.headers.iter().map(|(name, value)| field(1, [field(1, name), field(3, value)].concat()));
        self.question(&field(13, headers.collect::<Vec<_>>().concat()), context)
    }

    /// With those of one name as one.
    fn merged(&self, context: &[(&str, &str)]) -> Vec<u8> {
        let headers = self.headers.iter().map(|(name, value)| field(3, [field(1, name), field(2, value)].concat()));
        self.question(&headers.collect::<Vec<_>>().concat(), context)
    }

    fn question(&self, headers: &[u8], context: &[(&str, &str)]) -> Vec<u8> {
        let http = [&field(2, self.method), headers, &field(4, self.path), &field(5, self.host)].concat();
        let context = context.iter().map(|(name, value)| field(10, [field(1, name), field(2, value)].concat()));
        field(1, [field(4, field(2, http)), context.collect::<Vec<_>>().concat()].concat())
    }
}

/// A value on the wire (<https://protobuf.dev/programming-guides/encoding/>).
#[derive(Debug)]
enum Value<'m> {
    Number(u64),
    Bytes(&'m [u8]),
}

impl<'m> Value<'m> {
    fn number(&self) -> u64 {
        let Self::Number(number) = self else { panic!("{self:?}") };
        *number
    }

    fn bytes(&self) -> &'m [u8] {
        let Self::Bytes(bytes) = self else { panic!("{self:?}") };
        bytes
    }
}

fn varint(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 127 {
        bytes.push(u8::try_from(number & 127).unwrap() | 128);
        number >>= 7;
    }
    bytes.push(u8::try_from(number).unwrap());
    bytes
}

fn field(number: usize, value: impl AsRef<[u8]>) -> Vec<u8> {
    [&varint(number << 3 | 2), &varint(value.as_ref().len()), value.as_ref()].concat()
}

fn fields(mut message: &[u8]) -> Vec<(u64, Value<'_>)> {
    fn number(message: &mut &[u8]) -> u64 {
        let length = 1 + message.iter().position(|byte| *byte < 128).unwrap();
        let (bytes, rest) = message.split_at(length);
        *message = rest;
        bytes.iter().rev().fold(0, |number, byte| number << 7 | u64::from(byte & 127))
    }
    let mut found = Vec::new();
    while !message.is_empty() {
        let tag = number(&mut message);
        let value = number(&mut message);
        found.push((
            tag >> 3,
            match tag & 7 {
                0 => Value::Number(value),
                2 => {
                    let (bytes, rest) = message.split_at(value.try_into().unwrap());
                    message = rest;
                    Value::Bytes(bytes)
                }
                other => panic!("type {other}"),
            },
        ));
    }
    found
}

fn find(message: &[u8], number: u64) -> Option<&[u8]> {
    fields(message).iter().find(|(found, _)| *found == number).map(|(_, value)| value.bytes())
}

fn one(message: &[u8], number: u64) -> &[u8] {
    find(message, number).unwrap_or_else(|| panic!("no field {number} in {message:?}"))
}

fn one_number(message: &[u8], number: u64) -> u64 {
    fields(message).iter().find(|(found, _)| *found == number).map_or(0, |(_, value)| value.number())
}

fn framed(message: &[u8]) -> Vec<u8> {
    [&[0][..], &u32::try_from(message.len()).unwrap().to_be_bytes(), message].concat()
}

/// A question that passes.
async fn good(server: &Server) -> Vec<u8> {
    let envelope = server.request("bob@example.com").await.0;
    let headers = [("countersign-challenge", &*envelope)];
    Http { method: "GET", path: "/", host: "app.example", headers: &headers }.merged(&[("countersign", "challenge")])
}

#[tokio::test]
async fn a_question_without_a_kind_that_there_is_is_denied() {
    let server = Server::start(&[]).await;
    let envelope = server.request("bob@example.com").await.0;
    let headers = [("countersign-challenge", &*envelope)];
    let http = Http { method: "GET", path: "/", host: "app.example", headers: &headers };
    assert_eq!(server.verdict(&http.merged(&[("countersign", "challenge"), ("x", "y")])).await.status, 200);
    for context in [
        &[][..],
        &[("countersign", "")],
        &[("countersign", "tokens")],
        &[("kind", "challenge")],
        &[("countersign", "challenge"), ("countersign", "challenge")],
    ] {
        let denied = server.verdict(&http.merged(context)).await;
        assert_eq!(denied.refusal(), (403, "forbidden".into()), "{context:?}");
        assert!(denied.json()["detail"].as_str().unwrap().contains("context_extensions.countersign"), "{denied:?}");
    }
}

/// As a client sees it, whoever asks on its behalf.
#[tokio::test]
async fn what_a_client_is_told_is_what_it_is_told_over_http() {
    let server = Server::start(&[("authz.rules", "/admin amr=hwk")]).await;
    let over_http = server.ask(Method::GET, "/authz/envoy/token/x").await;
    let by_grpc = server.check("token", "GET", "/x", &[]).await;
    assert_eq!((over_http.status, &over_http.headers, &over_http.body), (by_grpc.status, &by_grpc.headers, &by_grpc.body));
}

#[tokio::test]
async fn paths_are_judged_as_over_http() {
    let server = Server::start(&[("authz.rules", "/admin amr=hwk, /")]).await;
    let envelope = server.request("bob@example.com").await.0;
    let headers = [("countersign-challenge", &*envelope)];
    for path in [
        "/",
        "/open?x=/admin",
        "/admin",
        "/admin/x",
        "/%61dmin",
        "//admin",
        "/open/../admin",
        "/open/%2e%2e/admin",
        "/a%2fb",
        "/a;b",
        "/open/authz/envoy/challenge",
        "/admin?/../open",
        "/%2561dmin",
        "/authz/envoy/challenge/open",
    ] {
        let request = Request::get(format!("/authz/envoy/challenge{path}")).header("countersign-challenge", &*envelope);
        let over_http = server.send(request.body(Full::default()).unwrap()).await;
        let by_grpc = server.check("challenge", "GET", path, &headers).await;
        assert_eq!(by_grpc.status, over_http.status, "{path}");
    }
    for path in ["", "*", "open", "http://a/open", "/open#/admin", "/open\t"] {
        assert_eq!(server.check("challenge", "GET", path, &headers).await.status, 403, "{path:?}");
    }
}

/// Where several headers of one name are merged into one, that is no token; of a list of cookies each is tried.
#[tokio::test]
async fn merged_headers_are_nobodys_token() {
    let server = Server::start(&[]).await;
    let envelope = server.request("bob@example.com").await.0;
    for (name, value, status) in [
        ("countersign-challenge", format!("{envelope},{envelope}"), 401),
        ("countersign-challenge", format!("a.b.c,{envelope}"), 401),
        ("cookie", format!("a=b; countersign_challenge={envelope}"), 200),
        ("Cookie", format!("countersign_challenge={envelope}"), 200),
    ] {
        let headers = [(name, &*value)];
        let http = Http { method: "GET", path: "/", host: "a", headers: &headers };
        assert_eq!(server.verdict(&http.merged(&[("countersign", "challenge")])).await.status, status, "{value}");
    }
}

#[tokio::test]
async fn whatever_is_no_call_of_check_is_refused_by_its_status() {
    let server = Server::start(&[]).await;
    let good = good(&server).await;
    let (invalid, unimplemented, too_large) = (Some("3"), Some("12"), Some("8"));
    let of = |bytes: Vec<u8>| framed(&bytes);
    let compressed = [&[1][..], &framed(&good)[1..]].concat();
    let long = |more: usize| field(1, field(1, vec![b'x'; (64 << 10) + more]));
    for (what, body, status) in [
        ("good", of(good.clone()), Some("0")),
        ("nothing", Vec::new(), invalid),
        ("half a prefix", vec![0, 0, 0], invalid),
        ("an empty message", framed(b""), invalid),
        ("noise", of(b"\xff\xff\xff\xff".into()), invalid),
        ("not to its end", of(good[..good.len() - 3].into()), invalid),
        ("a field that is no text", of(field(1, field(4, field(2, field(2, b"\xff"))))), invalid),
        ("shorter than it says", framed(&good)[..good.len()].into(), invalid),
        ("longer than it says", [framed(&good), vec![0]].concat(), invalid),
        ("two messages", [framed(&good), framed(&good)].concat(), invalid),
        ("of four gigabytes", vec![0, 255, 255, 255, 255], invalid),
        ("compressed", compressed, unimplemented),
        ("of another kind of prefix", [&[2][..], &framed(&good)[1..]].concat(), invalid),
        ("of the largest size", of(long(0)[..64 << 10].into()), invalid),
        ("too large", of(long(1)), too_large),
    ] {
        let called = server.call(CHECK, "application/grpc", body).await;
        assert_eq!((called.http, called.status.as_deref()), (200, status), "{what}: {called:?}");
        assert_eq!(called.message.is_some(), what == "good");
        assert_eq!(called.headers.contains_key("grpc-message"), what != "good");
        assert_eq!(called.headers[CONTENT_TYPE], "application/grpc");
        assert_eq!(called.headers.contains_key("grpc-accept-encoding"), what == "compressed");
    }
    for path in [
        "/envoy.service.auth.v3.Authorization/Checks",
        "/envoy.service.auth.v3.Authorization/check",
        "/envoy.service.auth.v2.Authorization/Check",
        "/envoy.service.auth.v3.Authorization/Check/",
        "/grpc.health.v1.Health/Check",
        "/authz/envoy/token",
        "/",
    ] {
        let called = server.call(path, "application/grpc", framed(&good)).await;
        assert_eq!((called.http, called.status.as_deref()), (200, unimplemented), "{path}");
    }
    for content_type in ["application/grpc+proto", "application/grpc;charset=utf-8"] {
        assert_eq!(server.call(CHECK, content_type, framed(&good)).await.status.as_deref(), Some("0"), "{content_type}");
    }
    for content_type in ["application/json", "application/grpc-web", "application/grpcx", ""] {
        let called = server.call(CHECK, content_type, framed(&good)).await;
        assert_eq!((called.http, called.status), (415, None), "{content_type}");
    }
    let get = Request::get(CHECK).header(CONTENT_TYPE, "application/grpc").body(Full::new(framed(&good).into())).unwrap();
    assert_eq!(server.called(get).await.http, 405);
}
