//! Cross-origin calls (the Fetch standard's CORS protocol) for the sites of `server.cors_origins`.

use http_body_util::Full;
use hyper::{
    HeaderMap, Method, Response, StatusCode,
    body::Bytes,
    header::{
        ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
        ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
        ACCESS_CONTROL_REQUEST_METHOD, CACHE_CONTROL, HeaderName, HeaderValue, ORIGIN, VARY,
    },
    http::request::Parts,
};

use crate::server::{call::Answer, routes::Methods};

/// The answer to a preflight request of an admitted site; `None` for any other request. Where no route is, it lets the
/// request itself come, so that whoever made it can read that.
pub(crate) fn preflight(admits: impl Fn(&str) -> bool, methods: Option<Methods>, head: &Parts) -> Option<Answer> {
    if head.method != Method::OPTIONS || !head.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
        return None;
    }
    admitted(admits, &head.headers)?;
    let mut answer = Response::new(Full::new(Bytes::new()));
    *answer.status_mut() = StatusCode::NO_CONTENT;
    let headers = answer.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods.map_or("GET, HEAD, POST", Methods::allow)));
    if let Some(asked) = asked_headers(&head.headers) {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked);
    }
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Some(answer)
}

/// The headers that the request would have, whichever they are: apps and their tracing add some of their own, and none of
/// them means more here from a page than from a program. Only what is a header's name is said again.
fn asked_headers(preflight: &HeaderMap) -> Option<HeaderValue> {
    let asked =
        preflight.get_all(ACCESS_CONTROL_REQUEST_HEADERS).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let names = asked.filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok());
    let names: Vec<_> = names.collect();
    let names: Vec<_> = names.iter().map(HeaderName::as_str).collect();
    HeaderValue::from_str(&names.join(", ")).ok().filter(|names| !names.is_empty())
}

/// Lets an admitted site read the answer, and keeps caches from handing it to another.
pub(crate) fn expose(admits: impl Fn(&str) -> bool, request: &HeaderMap, answer: &mut HeaderMap) {
    answer.append(VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = admitted(admits, request) {
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        answer.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("countersign-guard, retry-after"));
    }
}

fn admitted(admits: impl Fn(&str) -> bool, headers: &HeaderMap) -> Option<&HeaderValue> {
    headers.get(ORIGIN).filter(|origin| origin.to_str().is_ok_and(admits))
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;
    use crate::server::wire::origin::Sites;

    fn head(method: Method, headers: &[(&str, &str)]) -> Parts {
        let request = headers.iter().fold(Request::builder().method(method), |r, (name, value)| r.header(*name, *value));
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn only_admitted_sites_get_a_preflight_answer() {
        let sites = Sites::of("https://a.example", &["https://b.example"]);
        let asked = |origin| {
            preflight(
                |origin| sites.admits(origin),
                None,
                &head(Method::OPTIONS, &[("origin", origin), ("access-control-request-method", "POST")]),
            )
            .is_some()
        };
        assert!(asked("https://b.example"));
        assert!(!asked("https://c.example"));
        assert!(
            preflight(|origin| sites.admits(origin), None, &head(Method::OPTIONS, &[("origin", "https://b.example")])).is_none()
        );
    }

    #[test]
    fn a_preflight_is_answered_with_the_headers_that_it_asks_for() {
        let sites = Sites::of("https://a.example", &["https://b.example"]);
        let allowed = |asked: &[&'static str]| {
            let headers = [("origin", "https://b.example"), ("access-control-request-method", "POST")].into_iter();
            let headers: Vec<_> = headers.chain(asked.iter().map(|asked| ("access-control-request-headers", *asked))).collect();
            let answer = preflight(|origin| sites.admits(origin), Some(Methods::Post), &head(Method::OPTIONS, &headers))
                .expect("a preflight");
            assert_eq!(answer.headers()[ACCESS_CONTROL_ALLOW_METHODS], "POST");
            answer.headers().get(ACCESS_CONTROL_ALLOW_HEADERS).map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(allowed(&["authorization"]).as_deref(), Some("authorization"));
        assert_eq!(allowed(&["traceparent,baggage"]).as_deref(), Some("traceparent, baggage"));
        assert_eq!(allowed(&["X-CSRFToken", "Content-Type"]).as_deref(), Some("x-csrftoken, content-type"));
        assert_eq!(allowed(&["x-a,, x b, \"y\", x-c"]).as_deref(), Some("x-a, x-c"), "only names are said again");
        assert_eq!((allowed(&[]), allowed(&[" , "])), (None, None));
    }

    #[test]
    fn answers_are_exposed_to_admitted_sites_with_credentials() {
        let sites = Sites::of("https://a.example", &["https://b.example"]);
        let exposed = |origin| {
            let mut answer = HeaderMap::new();
            expose(|origin| sites.admits(origin), &head(Method::POST, &[("origin", origin)]).headers, &mut answer);
            assert_eq!(answer[VARY], "origin");
            answer.get(ACCESS_CONTROL_ALLOW_ORIGIN).map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(exposed("https://b.example").as_deref(), Some("https://b.example"));
        assert_eq!(exposed("https://c.example"), None);
    }
}
