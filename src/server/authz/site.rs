//! Whether a request that could change something comes from a page that may make it. A session cookie comes along with requests
//! that any page of the web has a browser make.

use hyper::{
    HeaderMap, Method,
    header::{HeaderName, HeaderValue, ORIGIN, UPGRADE},
};

use crate::server::wire::{
    fetch_metadata::{SEC_FETCH_MODE, SEC_FETCH_SITE, accepts_html, says},
    origin::Origin,
};

pub(super) const SEC_WEBSOCKET_KEY: HeaderName = HeaderName::from_static("sec-websocket-key");

/// Where a request went, as its proxy tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Site {
    /// To this origin.
    Whole(Origin),
    /// To this host and port, by http or https.
    HostAndPort(Box<str>),
    /// Nobody knows.
    Unknown,
}

impl Site {
    /// Of a scheme and an authority, as they stand in headers.
    pub(super) fn of(scheme: Option<&str>, authority: &str) -> Self {
        let Some(scheme) = scheme else { return Self::HostAndPort(authority.into()) };
        // Traefik calls websockets by the schemes of their own.
        let scheme = match scheme {
            "ws" => "http",
            "wss" => "https",
            scheme => scheme,
        };
        Origin::sent(&format!("{scheme}://{authority}")).map_or(Self::Unknown, Self::Whole)
    }

    /// Whether a page of this origin is a page of the site.
    fn is(&self, origin: &Origin) -> bool {
        match self {
            Self::Whole(own) => own == origin,
            Self::HostAndPort(authority) => {
                let is = |scheme| Origin::sent(&format!("{scheme}://{authority}")).is_some_and(|own| own == *origin);
                is("http") || is("https")
            }
            Self::Unknown => false,
        }
    }
}

/// Whether a request with this method could change something, or opens a connection that could.
pub(super) fn could_change_something(method: &Method, headers: &HeaderMap) -> bool {
    let is_safe = [Method::GET, Method::HEAD, Method::OPTIONS].contains(method);
    // nginx and Traefik keep `Upgrade` to themselves.
    !is_safe || headers.contains_key(UPGRADE) || headers.contains_key(SEC_WEBSOCKET_KEY)
}

/// Whether a browser shows what comes: it says so, or, where it says nothing of this kind, it asks for HTML.
pub(super) fn is_navigation(method: &Method, headers: &HeaderMap) -> bool {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return false;
    }
    let says_nothing = !headers.keys().any(|name| name.as_str().starts_with("sec-fetch-"));
    says(headers, &SEC_FETCH_MODE, "navigate") || says_nothing && accepts_html(headers)
}

/// Whether it is known that a page made the request which may, or no page at all: one of `site`, or of an origin that
/// `is_allowed`.
pub(super) fn comes_from_here(headers: &HeaderMap, site: &Site, is_allowed: impl Fn(&Origin) -> bool) -> bool {
    let mut said = headers.get_all(SEC_FETCH_SITE).iter();
    match (said.next().map(HeaderValue::as_bytes), said.next()) {
        (Some(b"same-origin" | b"none"), None) => return true,
        // Another host of the domain, or a browser that doesn't say: then it names the page's origin.
        (Some(b"same-site") | None, None) => {}
        _ => return false,
    }
    let mut origins = headers.get_all(ORIGIN).iter();
    let (Some(origin), None) = (origins.next(), origins.next()) else { return false };
    let origin = origin.to_str().ok().and_then(Origin::sent);
    origin.is_some_and(|origin| site.is(&origin) || is_allowed(&origin))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn may(site: &Site, pairs: &[(&'static str, &'static str)]) -> bool {
        let allowed = Origin::sent("https://www.example.com").unwrap();
        comes_from_here(&headers(pairs), site, |origin| *origin == allowed)
    }

    #[test]
    fn every_row_of_the_rule() {
        const OWN: &str = "https://app.example.com";
        const ALLOWED: &str = "https://www.example.com";
        const SIBLING: &str = "https://blog.example.com";
        let site = Site::of(Some("https"), "app.example.com");
        let rows: &[(Option<&'static str>, Option<&'static str>, bool)] = &[
            // Sec-Fetch-Site, Origin, whether it may
            (Some("same-origin"), None, true),
            (Some("same-origin"), Some(OWN), true),
            (Some("same-origin"), Some("null"), true),
            (Some("none"), None, true),
            (Some("none"), Some("null"), true),
            (Some("same-site"), Some(OWN), true),
            (Some("same-site"), Some(ALLOWED), true),
            (Some("same-site"), Some(SIBLING), false),
            (Some("same-site"), Some("null"), false),
            (Some("same-site"), None, false),
            (None, Some(OWN), true),
            (None, Some(ALLOWED), true),
            (None, Some(SIBLING), false),
            (None, Some("https://evil.example"), false),
            (None, Some("null"), false),
            (None, Some(""), false),
            (None, None, false),
            (Some("cross-site"), None, false),
            (Some("cross-site"), Some(OWN), false),
            (Some("cross-site"), Some(ALLOWED), false),
            (Some(""), Some(OWN), false),
            (Some("Same-Origin"), Some(OWN), false),
            (Some("same-origin, cross-site"), Some(OWN), false),
            (Some("same-origin,same-origin"), Some(OWN), false),
            (Some("something-new"), Some(OWN), false),
        ];
        for (fetch_site, origin, is_allowed) in rows {
            let fetch_site = fetch_site.map(|value| ("sec-fetch-site", value));
            let origin = origin.map(|value| ("origin", value));
            let pairs: Vec<_> = fetch_site.into_iter().chain(origin).collect();
            assert_eq!(may(&site, &pairs), *is_allowed, "{pairs:?}");
        }
        for twice in [
            [("sec-fetch-site", "same-origin"), ("sec-fetch-site", "same-origin")],
            [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-origin")],
            [("origin", OWN), ("origin", OWN)],
            [("origin", OWN), ("origin", "https://evil.example")],
        ] {
            assert!(!may(&site, &twice), "{twice:?}");
        }
    }

    #[test]
    fn origins_are_compared_as_browsers_do() {
        let is = |site: &Site, origin: &str| site.is(&Origin::sent(origin).unwrap());
        let site = Site::of(Some("https"), "App.Example.com:443");
        assert!(is(&site, "https://app.example.com") && is(&site, "https://app.example.com:443"));
        for other in
            ["http://app.example.com", "https://app.example.com:8443", "https://app.example.com.evil", "app://app.example.com"]
        {
            assert!(!is(&site, other), "{other}");
        }
        assert!(is(&Site::of(Some("wss"), "a.example"), "https://a.example"));
        assert!(is(&Site::of(Some("ws"), "a.example:80"), "http://a.example"));
        // Without a scheme the host and the port count, as each scheme has it.
        let site = Site::of(None, "app.example.com");
        assert!(is(&site, "https://app.example.com") && is(&site, "http://app.example.com"));
        assert!(
            !is(&site, "https://app.example.com:8443") && !is(&site, "https://evil.example") && !is(&site, "x://app.example.com")
        );
        let site = Site::of(None, "app.example.com:8443");
        assert!(is(&site, "https://app.example.com:8443") && !is(&site, "https://app.example.com"));
        for nowhere in ["", "a b", "a.example/x", "u@a.example", "a.example?", "a.example\\@b"] {
            for site in [Site::of(Some("https"), nowhere), Site::of(None, nowhere)] {
                assert!(!is(&site, "https://a.example"), "{nowhere:?}");
            }
        }
        assert!(!is(&Site::Unknown, "https://a.example") && Site::of(Some("ht tp"), "a") == Site::Unknown);
    }

    #[test]
    fn what_could_change_something() {
        let could = |method: &str, pairs: &[(&'static str, &'static str)]| {
            could_change_something(&Method::from_bytes(method.as_bytes()).unwrap(), &headers(pairs))
        };
        assert!(["GET", "HEAD", "OPTIONS"].iter().all(|method| !could(method, &[("sec-fetch-site", "cross-site")])));
        assert!(
            ["POST", "PUT", "PATCH", "DELETE", "CONNECT", "TRACE", "PROPFIND", "get", "x"]
                .iter()
                .all(|method| could(method, &[]))
        );
        for header in [("upgrade", "websocket"), ("upgrade", ""), ("sec-websocket-key", "x")] {
            assert!(could("GET", &[header]) && could("OPTIONS", &[header]), "{header:?}");
        }
    }

    #[test]
    fn what_a_browser_shows() {
        let shows = |method: &str, pairs: &[(&'static str, &'static str)]| {
            is_navigation(&Method::from_bytes(method.as_bytes()).unwrap(), &headers(pairs))
        };
        for pairs in [
            &[("sec-fetch-mode", "navigate")][..],
            &[("sec-fetch-mode", "navigate"), ("sec-fetch-site", "cross-site"), ("accept", "*/*")],
            &[("accept", "text/html,application/xhtml+xml,*/*;q=0.8")],
            &[("accept", "image/png"), ("accept", "application/json , Text/HTML;q=0.5")],
        ] {
            assert!(shows("GET", pairs) && shows("HEAD", pairs), "{pairs:?}");
            assert!(!shows("POST", pairs) && !shows("OPTIONS", pairs), "{pairs:?}");
        }
        for pairs in [
            &[][..],
            &[("accept", "*/*")],
            &[("accept", "application/json")],
            &[("accept", "text/htmlx")],
            &[("sec-fetch-mode", "cors"), ("accept", "text/html")],
            &[("sec-fetch-mode", "websocket")],
            &[("sec-fetch-site", "same-origin"), ("accept", "text/html")],
            &[("sec-fetch-mode", "navigate"), ("sec-fetch-mode", "navigate")],
        ] {
            assert!(!shows("GET", pairs), "{pairs:?}");
        }
    }
}
