//! Origins (RFC 6454): which sites a browser may call from, with cookies.

use std::net::Ipv6Addr;

use hyper::{HeaderMap, header};
use reqwest::Url;

use super::{fetch_metadata::SEC_FETCH_SITE, public_url::PublicUrl};

/// Scheme, host and port. On loopback `localhost`, `127.0.0.1` and `[::1]` are one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
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
    /// Reads one of `cors_origins`, as browsers write origins: `https://app.example.com`, `capacitor://localhost`.
    ///
    /// # Errors
    /// What is wrong with it, and what would do.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.contains('*') {
            return Err(format!("{text:?} has a wildcard, which matches nothing: name each origin, as https://app.example.com"));
        }
        let fault = || format!("{text:?} is no origin: write scheme, host and port, as https://app.example.com");
        let url = Url::parse(text).map_err(|_| fault())?;
        let is_bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
        if !url.has_host() || !is_bare || !url.username().is_empty() || url.password().is_some() {
            return Err(fault());
        }
        match url.scheme() {
            "http" | "https" => Self::sent(&url.origin().ascii_serialization()),
            _ => Self::sent(text.trim_end_matches('/')),
        }
        .ok_or_else(fault)
    }

    /// `https`, …
    pub(crate) fn scheme(&self) -> &str {
        &self.scheme
    }

    /// In lower case; a literal IPv6 address in brackets. The names of this machine are `localhost`.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The scheme's own, where none is written; 0 where a scheme has none.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// `http://localhost` at this port.
    pub(super) fn of_localhost(port: u16) -> Self {
        Self { scheme: "http".into(), host: "localhost".into(), port }
    }

    /// What a browser sends: `scheme://host[:port]` and nothing besides, since what is admitted is echoed. Apps have schemes of
    /// their own, without ports.
    pub(crate) fn sent(text: &str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        let default_port = match &*scheme {
            "http" => 80,
            "https" => 443,
            _ => 0,
        };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, parse_port(port)?),
            _ => (authority, default_port),
        };
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        let is_host = host.bytes().all(is_plain) || is_address_in_brackets(host);
        if host.is_empty() || !is_host || !scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)) {
            return None;
        }
        let host = host.to_ascii_lowercase();
        let host = if is_loopback(&host) { "localhost".into() } else { host.into() };
        Some(Self { scheme: scheme.into(), host, port })
    }
}

impl Sites {
    /// The origins of the URLs by which people reach this server, and those of `cors_origins`.
    pub(crate) fn new<'u>(own: impl IntoIterator<Item = &'u PublicUrl>, cors_origins: &[Origin]) -> Self {
        Self { own: own.into_iter().map(PublicUrl::origin).cloned().collect(), others: cors_origins.to_vec() }
    }

    /// Of a public URL and `cors_origins`, as a configuration writes them.
    #[cfg(test)]
    pub(crate) fn of(own: &str, others: &[&str]) -> Self {
        let others: Vec<_> = others.iter().map(|origin| Origin::parse(origin).unwrap()).collect();
        Self::new([&PublicUrl::parse(own).unwrap()], &others)
    }

    /// Whether no other site may call.
    pub(crate) const fn is_closed(&self) -> bool {
        self.others.is_empty()
    }

    /// Whether it is one of them.
    pub(crate) fn contain(&self, origin: &Origin) -> bool {
        self.own.contains(origin) || self.others.contains(origin)
    }

    /// Whether `origin` is one of the other sites that may call.
    pub(crate) fn admits(&self, origin: &str) -> bool {
        !self.others.is_empty() && Origin::sent(origin).is_some_and(|origin| self.others.contains(&origin))
    }

    /// Whether a request with these headers may read and set cookies: not one that another site made, unless it is a `visit`, where
    /// somebody followed a link to a page. `admits` says whether another origin counts as one of the sites.
    pub(crate) fn may_use_cookies(&self, headers: &HeaderMap, visit: bool, admits: impl Fn(&Origin) -> bool) -> bool {
        if !visit && headers.get_all(SEC_FETCH_SITE).iter().any(|site| site == "cross-site") {
            return false;
        }
        headers.get_all(header::ORIGIN).iter().all(|origin| {
            let origin = origin.to_str().ok().and_then(Origin::sent);
            origin.is_some_and(|origin| self.own.contains(&origin) || self.others.contains(&origin) || admits(&origin))
        })
    }
}

/// The three names of this machine that are one; `127.0.0.2` may be somebody else's.
pub(super) fn is_loopback(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

fn is_address_in_brackets(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    bare.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok())
}

/// Without a sign and leading zeros.
fn parse_port(digits: &str) -> Option<u16> {
    digits.parse().ok().filter(|port: &u16| port.to_string() == digits)
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn spellings_of_one_origin() {
        let same = |a, b| Origin::sent(a).unwrap() == Origin::sent(b).unwrap();
        assert!(same("https://Example.com", "https://example.com:443"));
        assert!(same("http://localhost:8000", "http://127.0.0.1:8000"));
        assert!(same("http://localhost", "http://[::1]"));
        assert!(same("http://[::1]:8000", "http://127.0.0.1:8000"));
        assert!(!same("http://localhost:8000", "http://localhost:8001"));
        assert!(!same("http://example.com", "https://example.com"));
        assert!(same("capacitor://localhost", "Capacitor://LOCALHOST"));
        assert!(!same("capacitor://localhost", "http://localhost") && !same("capacitor://localhost", "ionic://localhost"));
        for none in ["null", "example.com", "file:///x", "http://", "http://a@b", "http://a:x"] {
            assert!(Origin::sent(none).is_none(), "{none}");
        }
    }

    #[test]
    fn what_is_configured_is_what_browsers_send() {
        for (configured, sent) in [
            ("https://App.example.com:443", "https://app.example.com"),
            ("https://app.example.com/", "https://app.example.com"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
            ("http://[2001:DB8::1]:80", "http://[2001:db8::1]"),
            ("capacitor://localhost", "capacitor://localhost"),
            ("Ionic://localhost/", "ionic://localhost"),
        ] {
            assert_eq!(Origin::parse(configured).ok(), Origin::sent(sent), "{configured}");
        }
        for bad in ["", "null", "https://a/b", "app.example.com", "https://a?b", "https://a#b", "https://u@a", "https://u:p@a"] {
            assert!(Origin::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_wildcard_is_no_origin() {
        for bad in
            ["*", "https://*.example.com", "https://*", "*://example.com", "https://example.com:*", "https://app-*.example.com"]
        {
            assert!(Origin::parse(bad).unwrap_err().contains("wildcard"), "{bad}");
        }
    }

    #[test]
    fn an_admitted_origin_has_nothing_in_it_that_was_not_judged() {
        let sites = Sites::of("https://a.example", &["https://b.example", "capacitor://localhost"]);
        assert!(sites.admits("https://B.example:443"));
        for more in [
            "https://b.example/",
            "https://b.example/x; y",
            "https://b.example?x",
            "https://b.example#x",
            "https://b.example:+443",
            "https://b.example:0443",
            "https://b.example:443:443",
            "https://b.example ",
            " https://b.example",
            "https://b.example, https://c.example",
            "https://b.example\"",
            "https://x@b.example",
            "capacitor://localhost/x",
        ] {
            assert!(!sites.admits(more), "{more}");
        }
    }

    #[test]
    fn only_three_names_of_loopback_are_one() {
        let sites = Sites::of("http://localhost:8000", &[]);
        let may = |origin| {
            sites.may_use_cookies(&[(header::ORIGIN, HeaderValue::from_static(origin))].into_iter().collect(), false, |_| false)
        };
        assert!(may("http://localhost:8000") && may("http://127.0.0.1:8000") && may("http://[::1]:8000"));
        for other in ["http://127.0.0.2:8000", "http://127.1:8000", "http://[::2]:8000", "http://[::ffff:127.0.0.1]:8000"] {
            assert!(!may(other), "{other}");
        }
    }

    #[test]
    fn another_site_uses_no_cookies() {
        let sites = Sites::of("http://localhost:8000", &["https://app.example.com"]);
        let may = |pairs: &[(&'static str, &'static str)]| {
            let headers = pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
            sites.may_use_cookies(&headers.collect(), false, |_| false)
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
        let other = Sites::of("https://a.example", &["https://b.example"]);
        assert!(other.admits("https://b.example") && !other.admits("https://c.example") && !other.is_closed());
        assert!(Sites::of("https://a.example", &[]).is_closed());
        assert!(Sites::of("https://a.example", &["capacitor://localhost"]).admits("capacitor://localhost"));
    }
}
