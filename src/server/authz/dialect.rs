//! How a proxy says what it was asked for: which one it is stands in the path of its question, never in what a client sent.

use hyper::{
    Method,
    header::{HOST, HeaderName, HeaderValue},
    http::request::Parts,
};

use super::{
    path::{Ambiguous, PlainPath},
    site::Site,
};
use crate::server::wire::problem::Problem;

/// How a proxy asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// nginx, `auth_request`: the site sets `X-Original-URL`, or `X-Original-URI` with the path alone. Its answers are 200, 401
    /// and 403 without a body: anything else becomes 500 there, and an answer with a body costs the connection.
    Nginx,
    /// Caddy's `forward_auth` and Traefik's ForwardAuth: `X-Forwarded-Method` and `X-Forwarded-Uri`.
    Forward,
    /// Envoy's ext_authz over HTTP: the original method, and the original path behind the endpoint's.
    Envoy,
    /// Envoy's ext_authz over gRPC, whose question was made a head: the original one's.
    Grpc,
}

const X_ORIGINAL_URL: HeaderName = HeaderName::from_static("x-original-url");
const X_ORIGINAL_URI: HeaderName = HeaderName::from_static("x-original-uri");
const X_ORIGINAL_METHOD: HeaderName = HeaderName::from_static("x-original-method");
const X_FORWARDED_METHOD: HeaderName = HeaderName::from_static("x-forwarded-method");
const X_FORWARDED_URI: HeaderName = HeaderName::from_static("x-forwarded-uri");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
pub(super) const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

impl Dialect {
    /// Refuses what no proxy of this kind sends. It says that somebody asks who isn't one, or that one is set up wrongly, so
    /// it comes before anything of the client's is looked at.
    pub(crate) fn judge(self, head: &Parts) -> Result<(), Problem> {
        if self != Self::Forward {
            return Ok(());
        }
        let is_method = |value: &HeaderValue| hyper::Method::from_bytes(value.as_bytes()).is_ok();
        match once(head, &X_FORWARDED_METHOD) {
            Ok(Some(value)) if is_method(value) => Ok(()),
            _ => Err(Problem::invalid(
                "X-Forwarded-Method is missing, empty, or no method: ask with the request's own method in it, as Caddy's \
                 forward_auth and Traefik's ForwardAuth do. For other proxies there are /authz/nginx and /authz/envoy.",
            )),
        }
    }

    /// The method of the client's request; `None` where the proxy doesn't say it.
    pub(super) fn method(self, head: &Parts) -> Option<Method> {
        let said = |name| Method::from_bytes(text(head, name)?.as_bytes()).ok();
        match self {
            Self::Nginx => said(&X_ORIGINAL_METHOD),
            Self::Forward => said(&X_FORWARDED_METHOD),
            Self::Envoy | Self::Grpc => Some(head.method.clone()),
        }
    }

    /// Where the client's request went.
    pub(super) fn site(self, head: &Parts) -> Site {
        let parts = match self {
            Self::Nginx => text(head, &X_ORIGINAL_URL).and_then(|url| {
                let (scheme, rest) = url.split_once("://")?;
                Some((Some(scheme), rest.split(['/', '?', '#', '\\']).next().unwrap_or_default()))
            }),
            Self::Forward => {
                text(head, &X_FORWARDED_PROTO).zip(text(head, &X_FORWARDED_HOST)).map(|(proto, host)| (Some(proto), host))
            }
            Self::Envoy | Self::Grpc => match (once(head, &X_FORWARDED_PROTO), text(head, &HOST)) {
                (Ok(None), Some(host)) => Some((None, host)),
                (Ok(Some(proto)), Some(host)) => proto.to_str().ok().map(|proto| (Some(proto), host)),
                _ => None,
            },
        };
        parts.map_or(Site::Unknown, |(scheme, authority)| Site::of(scheme, authority))
    }

    /// The whole address that the client asked for; `None` on nginx, which leads nobody elsewhere by itself, and where the proxy
    /// doesn't say it. `endpoint` is where this question arrived.
    pub(super) fn url(self, head: &Parts, endpoint: &str) -> Option<String> {
        let proto = text(head, &X_FORWARDED_PROTO)?;
        let target = || Some(head.uri.path_and_query()?.as_str());
        let (host, target) = match self {
            Self::Nginx => return None,
            Self::Forward => (&X_FORWARDED_HOST, text(head, &X_FORWARDED_URI)?),
            Self::Envoy => (&HOST, target()?.strip_prefix(endpoint)?),
            Self::Grpc => (&HOST, target()?),
        };
        let slash = if target.starts_with('/') { "" } else { "/" };
        Some(format!("{proto}://{}{slash}{target}", text(head, host)?))
    }

    /// The path that the client asked the proxy for. `endpoint` is where this question arrived: `/authz/envoy/token`.
    ///
    /// # Errors
    /// It can be read in two ways, or the proxy doesn't say it.
    pub(crate) fn path<'h>(self, head: &'h Parts, endpoint: &str) -> Result<PlainPath<'h>, Ambiguous> {
        match self {
            Self::Nginx => {
                // A site sets one of the two; the other is a client's, if it is there at all.
                let url = once(head, &X_ORIGINAL_URL)?.map(|url| path_of_url(url.as_bytes())).transpose()?;
                let uri = once(head, &X_ORIGINAL_URI)?.map(|uri| path_of(uri.as_bytes())).transpose()?;
                match (url, uri) {
                    (Some(url), Some(uri)) if url != uri => Err(Ambiguous),
                    (Some(path), _) | (None, Some(path)) => Ok(path),
                    (None, None) => Err(Ambiguous),
                }
            }
            Self::Forward => path_of(once(head, &X_FORWARDED_URI)?.ok_or(Ambiguous)?.as_bytes()),
            Self::Envoy => match head.uri.path().strip_prefix(endpoint).ok_or(Ambiguous)? {
                "" => PlainPath::parse(b"/"),
                path => path_of(path.as_bytes()),
            },
            Self::Grpc => path_of(head.uri.path().as_bytes()),
        }
    }
}

/// The value of a header, if there is one, which stands there once.
fn once<'h>(head: &'h Parts, name: &HeaderName) -> Result<Option<&'h HeaderValue>, Ambiguous> {
    let mut values = head.headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_none() { Ok(first) } else { Err(Ambiguous) }
}

/// The text of a header that stands there once.
fn text<'h>(head: &'h Parts, name: &HeaderName) -> Option<&'h str> {
    once(head, name).ok()??.to_str().ok()
}

/// Of a path with its query.
fn path_of(uri: &[u8]) -> Result<PlainPath<'_>, Ambiguous> {
    PlainPath::parse(uri.split(|byte| *byte == b'?').next().unwrap_or_default())
}

/// Of `http://host/path?query`. The host is the client's word, and nginx takes nearly everything for one: so it may hold nothing
/// that ends an authority in somebody's eyes.
fn path_of_url(url: &[u8]) -> Result<PlainPath<'_>, Ambiguous> {
    let rest = [&b"http://"[..], b"https://"].iter().find_map(|scheme| url.strip_prefix(*scheme)).ok_or(Ambiguous)?;
    let slash = rest.iter().position(|byte| *byte == b'/').ok_or(Ambiguous)?;
    let (host, path) = rest.split_at(slash);
    let is_of_hosts = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(byte);
    if host.iter().all(is_of_hosts) { path_of(path) } else { Err(Ambiguous) }
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn head(uri: &str, headers: &[(&str, &[u8])]) -> Parts {
        let request = headers.iter().fold(Request::builder().uri(uri), |request, (name, value)| {
            request.header(*name, HeaderValue::from_bytes(value).unwrap())
        });
        request.body(()).unwrap().into_parts().0
    }

    fn path(dialect: Dialect, uri: &str, headers: &[(&str, &str)]) -> Option<String> {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        let head = head(uri, &headers);
        let endpoint = if dialect == Dialect::Envoy { "/authz/envoy/token" } else { "" };
        dialect.path(&head, endpoint).ok().map(|path| format!("{path:?}"))
    }

    fn plain(path: &str) -> Option<String> {
        PlainPath::parse(path.as_bytes()).ok().map(|path| format!("{path:?}"))
    }

    #[test]
    fn nginx_says_it_in_one_of_two_headers() {
        let said = |headers: &[(&str, &str)]| path(Dialect::Nginx, "/authz/nginx/token?x=/y", headers);
        for url in [
            "http://a.example/admin?x=/y",
            "https://a.example:8443/admin",
            "http://[::1]:80/%61dmin",
            "http:///admin",
            "http://a_b/admin?//;",
        ] {
            assert_eq!(said(&[("x-original-url", url)]), plain("/admin"), "{url}");
        }
        assert_eq!(said(&[("x-original-uri", "/admin?x=//")]), plain("/admin"));
        assert_eq!(said(&[("x-original-uri", "/admin"), ("x-original-url", "http://a/admin?x")]), plain("/admin"));
        for url in [
            "http://a?/admin",
            "http://a#/admin",
            "http://a\\/admin",
            "http://u@a/admin",
            "http://a;/admin",
            "http://a",
            "ftp://a/b",
            "/admin",
            "",
            "a",
            "http:/admin",
            "HTTP://a/admin",
        ] {
            assert_eq!(said(&[("x-original-url", url)]), None, "{url}");
        }
        assert_eq!(
            said(&[("x-original-uri", "/open"), ("x-original-url", "http://a/admin")]),
            None,
            "one of the two is the client's"
        );
        assert_eq!(said(&[("x-original-uri", "/open"), ("x-original-uri", "/open")]), None);
        assert_eq!(said(&[("x-original-uri", "/open"), ("x-original-url", "")]), None);
        assert_eq!(said(&[("x-forwarded-uri", "/open")]), None, "another dialect's");
        assert_eq!(said(&[]), None);
    }

    #[test]
    fn others_say_it_in_their_way_only() {
        let forward = |headers: &[(&str, &str)]| path(Dialect::Forward, "/authz/forward/token/open", headers);
        assert_eq!(forward(&[("x-forwarded-uri", "/admin?a=b"), ("x-original-uri", "/open")]), plain("/admin"));
        assert_eq!(forward(&[("x-forwarded-uri", "/open"), ("x-forwarded-uri", "/admin")]), None);
        assert_eq!(forward(&[("x-original-uri", "/open")]), None);
        assert_eq!(forward(&[("x-forwarded-uri", "")]), None);

        let envoy = |uri: &str| {
            path(
                Dialect::Envoy,
                uri,
                &[("x-forwarded-uri", "/open"), ("x-original-uri", "/open"), ("x-envoy-original-path", "/open")],
            )
        };
        assert_eq!(envoy("/authz/envoy/token/admin?x=/y"), plain("/admin"));
        assert_eq!(envoy("/authz/envoy/token/"), plain("/"));
        assert_eq!(envoy("/authz/envoy/token"), plain("/"));
        for uri in [
            "/authz/envoy/token//admin",
            "/authz/envoy/token/../challenge",
            "/authz/envoy/token/a%2fb",
            "/authz/envoy/challenge/x",
        ] {
            assert_eq!(envoy(uri), None, "{uri}");
        }
    }

    #[test]
    fn forward_needs_a_method() {
        let judged = |values: &[&[u8]]| {
            let headers: Vec<_> = values.iter().map(|value| ("x-forwarded-method", *value)).collect();
            Dialect::Forward.judge(&head("/authz/forward/token", &headers)).is_ok()
        };
        assert!(judged(&[b"GET"]) && judged(&[b"PROPFIND"]) && judged(&[b"x-own"]));
        assert!(
            !judged(&[])
                && !judged(&[b""])
                && !judged(&[b" "])
                && !judged(&[b"GET", b"GET"])
                && !judged(&[b"G T"])
                && !judged(&[b"\xff"])
        );
        for dialect in [Dialect::Nginx, Dialect::Envoy, Dialect::Grpc] {
            assert!(dialect.judge(&head("/", &[])).is_ok());
        }
    }
}
