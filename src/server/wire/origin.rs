//! Origins (RFC 6454): which sites a browser may call from, with cookies.

use std::net::IpAddr;

use hyper::{
    HeaderMap,
    header::{self, HeaderName},
};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Scheme, host and port. On loopback `localhost`, `127.0.0.1` and `[::1]` are one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    scheme: Box<str>,
    host: Box<str>,
    port: u16,
}

/// The sites of this server, and the others that may call it from a browser.
#[derive(Debug)]
pub(crate) struct Sites {
    own: Vec<Origin>,
    others: Vec<Origin>,
}

impl Origin {
    /// Of `scheme://host[:port]`; what follows a slash isn't looked at. Apps have schemes of their own, without ports.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        let default_port = match &*scheme {
            "http" => 80,
            "https" => 443,
            _ => 0,
        };
        let authority = rest.split('/').next()?;
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
            _ => (authority, default_port),
        };
        if host.is_empty() || host.contains('@') {
            return None;
        }
        let host = host.to_ascii_lowercase();
        let host = if is_loopback(&host) { "localhost".into() } else { host.into() };
        Some(Self { scheme: scheme.into(), host, port })
    }
}

impl Sites {
    /// The origins of the URLs by which people reach this server, and those of `cors_origins`.
    pub(crate) fn new<'u>(own: impl IntoIterator<Item = &'u str>, cors_origins: &[impl AsRef<str>]) -> Self {
        let others = cors_origins.iter().filter_map(|origin| Origin::parse(origin.as_ref())).collect();
        Self { own: own.into_iter().filter_map(Origin::parse).collect(), others }
    }

    /// Whether no other site may call.
    pub(crate) const fn is_closed(&self) -> bool {
        self.others.is_empty()
    }

    /// Whether `origin` is one of the other sites that may call.
    pub(crate) fn admits(&self, origin: &str) -> bool {
        !self.others.is_empty() && Origin::parse(origin).is_some_and(|origin| self.others.contains(&origin))
    }

    /// Whether a request with these headers may read and set cookies: not one that another site made.
    pub(crate) fn may_use_cookies(&self, headers: &HeaderMap) -> bool {
        if headers.get(SEC_FETCH_SITE).is_some_and(|site| site == "cross-site") {
            return false;
        }
        let Some(origin) = headers.get(header::ORIGIN) else { return true };
        let origin = origin.to_str().ok().and_then(Origin::parse);
        origin.is_some_and(|origin| self.own.contains(&origin) || self.others.contains(&origin))
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn spellings_of_one_origin() {
        let same = |a, b| Origin::parse(a).unwrap() == Origin::parse(b).unwrap();
        assert!(same("https://Example.com", "https://example.com:443/path"));
        assert!(same("http://localhost:8000", "http://127.0.0.1:8000"));
        assert!(same("http://localhost", "http://[::1]"));
        assert!(same("http://[::1]:8000", "http://127.0.0.1:8000"));
        assert!(!same("http://localhost:8000", "http://localhost:8001"));
        assert!(!same("http://example.com", "https://example.com"));
        assert!(same("capacitor://localhost", "Capacitor://LOCALHOST"));
        assert!(!same("capacitor://localhost", "http://localhost") && !same("capacitor://localhost", "ionic://localhost"));
        for none in ["null", "example.com", "file:///x", "http://", "http://a@b", "http://a:x"] {
            assert!(Origin::parse(none).is_none(), "{none}");
        }
    }

    #[test]
    fn another_site_uses_no_cookies() {
        let sites = Sites::new(["http://localhost:8000"], &["https://app.example.com"]);
        let may = |pairs: &[(&'static str, &'static str)]| {
            let headers = pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
            sites.may_use_cookies(&headers.collect())
        };
        assert!(may(&[]));
        assert!(may(&[("sec-fetch-site", "same-origin"), ("origin", "http://127.0.0.1:8000")]));
        assert!(may(&[("sec-fetch-site", "same-site"), ("origin", "https://app.example.com")]));
        assert!(!may(&[("sec-fetch-site", "cross-site")]));
        assert!(!may(&[("sec-fetch-site", "cross-site"), ("origin", "https://app.example.com")]));
        assert!(!may(&[("origin", "https://evil.example")]));
        assert!(!may(&[("origin", "http://localhost:8001")]));
        assert!(!may(&[("origin", "null")]));
    }

    #[test]
    fn only_other_sites_are_admitted() {
        let sites = Sites::new(["https://a.example"], &["https://b.example"]);
        assert!(sites.admits("https://b.example") && !sites.admits("https://c.example") && !sites.is_closed());
        assert!(Sites::new(["https://a.example"], &[""; 0]).is_closed());
        assert!(Sites::new(["https://a.example"], &["capacitor://localhost"]).admits("capacitor://localhost"));
    }
}
