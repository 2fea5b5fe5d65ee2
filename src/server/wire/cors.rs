//! Cross-origin calls (the Fetch standard's CORS protocol) for the sites of `server.cors_origins`.

use http_body_util::Full;
use hyper::{
    HeaderMap, Method, Response, StatusCode,
    body::Bytes,
    header::{
        ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
        ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
        CACHE_CONTROL, HeaderValue, ORIGIN, VARY,
    },
    http::request::Parts,
};

use super::origin::Sites;
use crate::server::{call::Answer, routes::Methods};

/// The answer to a preflight request of an admitted site; `None` for any other request. Where no route is, it lets the
/// request itself come, so that whoever made it can read that.
pub(crate) fn preflight(sites: &Sites, methods: Option<Methods>, head: &Parts) -> Option<Answer> {
    if head.method != Method::OPTIONS || !head.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
        return None;
    }
    admitted(sites, &head.headers)?;
    let mut answer = Response::new(Full::new(Bytes::new()));
    *answer.status_mut() = StatusCode::NO_CONTENT;
    let headers = answer.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods.map_or("GET, HEAD, POST", Methods::allow)));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type, countersign-challenge"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Some(answer)
}

/// Lets an admitted site read the answer, and keeps caches from handing it to another.
pub(crate) fn expose(sites: &Sites, request: &HeaderMap, answer: &mut HeaderMap) {
    answer.append(VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = admitted(sites, request) {
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        answer.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("countersign-guard, retry-after"));
    }
}

fn admitted<'h>(sites: &Sites, headers: &'h HeaderMap) -> Option<&'h HeaderValue> {
    headers.get(ORIGIN).filter(|origin| origin.to_str().is_ok_and(|origin| sites.admits(origin)))
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn head(method: Method, headers: &[(&str, &str)]) -> Parts {
        let request = headers.iter().fold(Request::builder().method(method), |r, (name, value)| r.header(*name, *value));
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn only_admitted_sites_get_a_preflight_answer() {
        let sites = Sites::new(["https://a.example"], &["https://b.example"]);
        let asked = |origin| {
            preflight(&sites, None, &head(Method::OPTIONS, &[("origin", origin), ("access-control-request-method", "POST")]))
                .is_some()
        };
        assert!(asked("https://b.example"));
        assert!(!asked("https://c.example"));
        assert!(preflight(&sites, None, &head(Method::OPTIONS, &[("origin", "https://b.example")])).is_none());
    }

    #[test]
    fn answers_are_exposed_to_admitted_sites_with_credentials() {
        let sites = Sites::new(["https://a.example"], &["https://b.example"]);
        let exposed = |origin| {
            let mut answer = HeaderMap::new();
            expose(&sites, &head(Method::POST, &[("origin", origin)]).headers, &mut answer);
            assert_eq!(answer[VARY], "origin");
            answer.get(ACCESS_CONTROL_ALLOW_ORIGIN).map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(exposed("https://b.example").as_deref(), Some("https://b.example"));
        assert_eq!(exposed("https://c.example"), None);
    }
}
