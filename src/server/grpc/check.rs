//! Envoy's `Check`: the request that it is about becomes a question, the verdict one of Envoy's messages.

use super::{
    Status,
    messages::{
        AppendAction, AttributeContext, CheckRequest, CheckResponse, DeniedHttpResponse, Header, HeaderOption, HttpRequest,
        HttpStatus, OkHttpResponse, RpcStatus, Verdict,
    },
};
use crate::server::{
    app::App,
    authz::{Denied, Dialect, Kind, READ},
    call::{Answer, redirect},
    routes,
    wire::problem::Problem,
};
use http_body_util::BodyExt as _;
use hyper::{
    HeaderMap, Method, Request, StatusCode, Uri,
    header::{HOST, HeaderName, HeaderValue},
    http::{request::Parts, uri::PathAndQuery},
};

/// Where a route says what it asks for.
const CONTEXT: &str = "countersign";
/// `google.rpc.Code`: whatever isn't 0 denies.
const PERMISSION_DENIED: i32 = 7;
const UNAUTHENTICATED: i32 = 16;

/// What is asked, as Envoy would ask it over HTTP.
#[derive(Debug)]
pub(super) struct Question {
    kind: Option<Kind>,
    /// `None`: the path is none.
    head: Option<Parts>,
}

impl CheckRequest {
    /// What it asks.
    ///
    /// # Errors
    /// There is no HTTP request in it, or one that no client can have sent.
    pub(super) fn into_question(self) -> Result<Question, Status> {
        let AttributeContext { request, context_extensions } = self.attributes.ok_or(Status::MALFORMED)?;
        let http = request.and_then(|request| request.http).ok_or(Status::MALFORMED)?;
        let mut kinds = context_extensions.iter().filter(|pair| pair.key == CONTEXT);
        // Twice in a map is no map.
        let kind = match (kinds.next(), kinds.next()) {
            (Some(pair), None) => Kind::of_name(&pair.value),
            _ => None,
        };
        let (mut head, ()) = Request::new(()).into_parts();
        head.method = Method::from_bytes(http.method.as_bytes()).map_err(|_| Status::MALFORMED)?;
        head.headers = http.headers()?;
        let path = is_path(&http.path).then(|| PathAndQuery::try_from(http.path).ok()).flatten();
        let head = path.map(|path| {
            head.uri = Uri::from(path);
            head
        });
        Ok(Question { kind, head })
    }
}

/// What every server reads as a path and a query.
fn is_path(text: &str) -> bool {
    text.starts_with('/') && !text.contains('#')
}

impl HttpRequest {
    /// Those of the client's headers that anybody here reads.
    fn headers(&self) -> Result<HeaderMap, Status> {
        let mut headers = HeaderMap::with_capacity(READ.len() + 1);
        let mut add = |name: &HeaderName, value: &[u8]| {
            HeaderValue::from_bytes(value).map(|value| headers.append(name, value)).map_err(|_| Status::MALFORMED)
        };
        let read = |key: &str| READ.iter().find(|name| key.eq_ignore_ascii_case(name.as_str()));
        let raw = self.header_map.iter().flat_map(|map| &map.headers);
        for Header { key, value, raw_value } in self.headers.iter().chain(raw) {
            if let Some(name) = read(key) {
                add(name, if raw_value.is_empty() { value.as_bytes() } else { raw_value })?;
            }
        }
        add(&HOST, self.host.as_bytes())?;
        Ok(headers)
    }
}

impl App {
    /// The verdict over a question, counted like those over HTTP.
    ///
    /// # Errors
    /// Nobody can tell at the moment.
    pub(super) async fn check(&self, Question { kind, head }: Question) -> Result<CheckResponse, Status> {
        let (route, judged) = match (kind.filter(|kind| self.has(*kind)), head) {
            (None, _) => (None, Err(Problem::forbidden(NO_KIND).into())),
            (Some(_), None) => (None, Err(Problem::forbidden("This path can be read in more than one way.").into())),
            (Some(kind), Some(head)) => {
                (routes::find("", kind.asked_by_envoy_at()), self.judge(Dialect::Grpc, kind, &head).await)
            }
        };
        let answer = match judged {
            Ok(identity) => {
                self.metrics.answered(route, StatusCode::OK);
                return Ok(CheckResponse::allowing(identity.headers(&self.authz.headers)));
            }
            Err(Denied::ToLogin(page)) => redirect(&page),
            Err(Denied::Because(problem)) => {
                self.metrics.refused(problem.code());
                problem.into_answer()
            }
        };
        self.metrics.answered(route, answer.status());
        if answer.status().is_server_error() { Err(Status::UNAVAILABLE) } else { Ok(CheckResponse::denying(answer).await) }
    }

    /// Whether there is anything of this kind here.
    fn has(&self, kind: Kind) -> bool {
        kind != Kind::Session || self.sessions.is_some()
    }
}

/// What whoever sets up a proxy has to know.
const NO_KIND: &str =
    "context_extensions.countersign says what is asked for: token, challenge, or session where sessions are enabled.";

impl CheckResponse {
    /// Every identity header in the place of the client's.
    fn allowing<'h>(headers: impl Iterator<Item = (&'h HeaderName, &'h HeaderValue)>) -> Self {
        let headers = headers.map(|(name, value)| HeaderOption::overwriting(name, value)).collect();
        let verdict = Verdict::Ok(OkHttpResponse { headers });
        Self { status: Some(RpcStatus { code: 0 }), http_response: Some(verdict) }
    }

    /// What a client is told.
    async fn denying(answer: Answer) -> Self {
        let (head, body) = answer.into_parts();
        let code = if head.status == StatusCode::FORBIDDEN { PERMISSION_DENIED } else { UNAUTHENTICATED };
        let headers = head.headers.iter().map(|(name, value)| HeaderOption::overwriting(name, value)).collect();
        let body = body.collect().await.unwrap_or_else(|never| match never {}).to_bytes();
        let body = String::from_utf8_lossy(&body).into_owned();
        let status = Some(HttpStatus { code: head.status.as_u16().into() });
        let verdict = Verdict::Denied(DeniedHttpResponse { status, headers, body });
        Self { status: Some(RpcStatus { code }), http_response: Some(verdict) }
    }
}

impl HeaderOption {
    fn overwriting(name: &HeaderName, value: &HeaderValue) -> Self {
        let value = value.to_str().expect("what is answered is printable ASCII").to_owned();
        let header = Header { key: name.as_str().to_owned(), value, raw_value: Vec::new() };
        Self { header: Some(header), append_action: AppendAction::OverwriteIfExistsOrAdd as i32 }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message as _;

    use super::*;
    use crate::server::grpc::messages::{AttributedRequest, RawHeaders};

    // Made by betterproto2 from Envoy's own files (PyPI: envoy-data-plane 2.2.0).
    const REQUEST: &str = "0af0010a210a110a0f12093139322e302e322e311892c202220c7370696666653a2f2f612f621205120361707022ad0112aa010a01371204\
                           504f53541a190a0d617574686f72697a6174696f6e120842656172657220781a130a053a70617468120a2f61646d696e3f783d316a340a1d\
                           0a066f726967696e1a1368747470733a2f2f6170702e6578616d706c650a130a066163636570741209746578742f68746d6c220a2f61646d\
                           696e3f783d312a106170702e6578616d706c653a383434333205687474707348ffffffffffffffffff015206485454502f325a016252140a\
                           0b636f756e7465727369676e1205746f6b656e";
    const ALLOW: &str = "0a001a2712250a210a0e782d617574682d7375626a656374120f616e6e406578616d706c652e636f6d1802";
    const DENY: &str = "0a02081012290a03089103121e0a1a0a107777772d61757468656e746963617465120642656172657218021a027b7d";

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    fn pair(key: &str, value: &str) -> Header {
        Header { key: key.into(), value: value.into(), raw_value: Vec::new() }
    }

    /// A question with this context about this request.
    fn request(context: &[(&str, &str)], http: HttpRequest) -> CheckRequest {
        let context_extensions = context.iter().map(|(key, value)| pair(key, value)).collect();
        let request = Some(AttributedRequest { http: Some(http) });
        CheckRequest { attributes: Some(AttributeContext { request, context_extensions }) }
    }

    #[test]
    fn what_another_implementation_sends_is_understood() {
        let Question { kind, head } = CheckRequest::decode(&*bytes(REQUEST)).unwrap().into_question().unwrap();
        let head = head.unwrap();
        assert_eq!((kind, head.method, head.uri.to_string()), (Some(Kind::Token), Method::POST, "/admin?x=1".into()));
        let headers: Vec<_> = head.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        let sent = [("authorization", "Bearer x"), ("origin", "https://app.example"), ("accept", "text/html")];
        assert_eq!(headers, [&sent[..], &[("host", "app.example:8443")]].concat());
    }

    #[test]
    fn verdicts_are_what_another_implementation_makes_of_them() {
        let subject =
            HeaderOption::overwriting(&HeaderName::from_static("x-auth-subject"), &HeaderValue::from_static("ann@example.com"));
        let verdict = Verdict::Ok(OkHttpResponse { headers: vec![subject] });
        let allow = CheckResponse { status: Some(RpcStatus { code: 0 }), http_response: Some(verdict) };
        assert_eq!(allow.encode_to_vec(), bytes(ALLOW));
        let scheme = HeaderOption::overwriting(&hyper::header::WWW_AUTHENTICATE, &HeaderValue::from_static("Bearer"));
        let verdict = Verdict::Denied(DeniedHttpResponse {
            status: Some(HttpStatus { code: 401 }),
            headers: vec![scheme],
            body: "{}".into(),
        });
        let deny = CheckResponse { status: Some(RpcStatus { code: UNAUTHENTICATED }), http_response: Some(verdict) };
        assert_eq!(deny.encode_to_vec(), bytes(DENY));
    }

    #[test]
    fn headers_come_in_either_form_and_none_is_lost_that_is_there_twice() {
        let http = HttpRequest {
            method: "GET".into(),
            path: "/".into(),
            headers: vec![pair("Authorization", "Bearer a"), pair("x-other", "\0")],
            header_map: Some(RawHeaders {
                headers: vec![
                    Header { key: "authorization".into(), value: String::new(), raw_value: b"Bearer b".into() },
                    Header { key: "cookie".into(), value: String::new(), raw_value: b"a=\xff".into() },
                ],
            }),
            ..HttpRequest::default()
        };
        let head = request(&[("countersign", "token")], http).into_question().unwrap().head.unwrap();
        let values: Vec<_> = head.headers.get_all("authorization").iter().collect();
        assert_eq!(head.headers["cookie"].as_bytes(), b"a=\xff");
        assert_eq!(values, ["Bearer a", "Bearer b"]);
        assert!(!head.headers.contains_key("x-other"), "what nobody reads isn't looked at");
    }

    #[test]
    fn a_kind_is_named_once_and_as_it_is_written() {
        let kind = |context: &[(&str, &str)]| {
            let http = HttpRequest { method: "GET".into(), path: "/".into(), ..HttpRequest::default() };
            request(context, http).into_question().unwrap().kind
        };
        assert_eq!(kind(&[("x", "y"), ("countersign", "challenge")]), Some(Kind::Challenge));
        for none in [
            &[][..],
            &[("countersign", "")],
            &[("countersign", "Token")],
            &[("countersign", "token ")],
            &[("Countersign", "token")],
            &[("countersign", "token"), ("countersign", "challenge")],
            &[("countersign", "challenge"), ("countersign", "challenge")],
        ] {
            assert_eq!(kind(none), None, "{none:?}");
        }
    }

    #[test]
    fn what_is_no_path_is_none_and_what_is_no_request_is_malformed() {
        let asked = |method: &str, path: &str, header: &str| {
            let headers = vec![pair("authorization", header)];
            let http = HttpRequest { method: method.into(), path: path.into(), headers, ..HttpRequest::default() };
            request(&[("countersign", "token")], http)
                .into_question()
                .map(|question| question.head.map(|head| head.uri.to_string()))
        };
        assert_eq!(asked("GET", "/a//b/../c?d=/e", ""), Ok(Some("/a//b/../c?d=/e".into())));
        for path in ["", "*", "a", "http://a/b", "?a", "#", "/a#b", "/a\0", "/a b", "/a\r\nX: y", "/\u{7f}"] {
            assert_eq!(asked("GET", path, ""), Ok(None), "{path:?}");
        }
        for (method, header) in [("", ""), ("G T", ""), ("GET\r\n", ""), ("GET", "Bearer a\r\nx: y"), ("GET", "\0")] {
            assert_eq!(asked(method, "/", header), Err(Status::MALFORMED), "{method:?} {header:?}");
        }
        for nothing in [
            CheckRequest::default(),
            CheckRequest { attributes: Some(AttributeContext::default()) },
            CheckRequest {
                attributes: Some(AttributeContext { request: Some(AttributedRequest::default()), ..AttributeContext::default() }),
            },
        ] {
            assert_eq!(nothing.into_question().unwrap_err(), Status::MALFORMED);
        }
    }

    proptest! {
        /// Whatever arrives is a question or it isn't.
        #[test]
        fn any_bytes_are_read(noise in proptest::collection::vec(any::<u8>(), 0..200), cut in 0..300usize, at in 0..300usize, byte: u8) {
            let _ = CheckRequest::decode(&*noise).map(CheckRequest::into_question);
            let mut changed = bytes(REQUEST);
            changed.truncate(cut);
            if let Some(changed) = changed.get_mut(at) {
                *changed = byte;
            }
            let _ = CheckRequest::decode(&*changed).map(CheckRequest::into_question);
        }
    }
}
