//! How people reach this server.

use std::fmt;

use super::origin::Origin;
use crate::{outbound::url::parse_http_url, server::http::listen::Listen};

/// `scheme://host[:port]`, without a path.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicUrl {
    text: String,
    host: String,
    is_https: bool,
    is_loopback: bool,
    origin: Origin,
}

impl PublicUrl {
    /// As an origin is written: no trailing slash, no default port.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// As browsers send it.
    pub(crate) const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The host without the port, as the last line of an SMS names it.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether it is `https`.
    #[must_use]
    pub const fn is_https(&self) -> bool {
        self.is_https
    }

    /// Whether its host is `localhost`, `127.0.0.1` or `[::1]`, which are one for origins.
    #[must_use]
    pub const fn is_loopback(&self) -> bool {
        self.is_loopback
    }

    /// Whether cookies are `Secure`: always, unless it is `http` on loopback.
    #[must_use]
    pub const fn wants_secure_cookies(&self) -> bool {
        self.is_https || !self.is_loopback
    }
}

impl fmt::Debug for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PublicUrl {
    /// Reads `https://login.example.com`, with or without a final slash.
    ///
    /// # Errors
    /// What is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let url = parse_http_url(text)?;
        if !matches!(url.path(), "" | "/") {
            return Err("must have no path; server.base_path is the place for one".into());
        }
        if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
            return Err("must be scheme, host and port, nothing else".into());
        }
        let host = url.host_str().unwrap_or_default().to_owned();
        let is_loopback = matches!(&*host, "localhost" | "127.0.0.1" | "[::1]");
        let text = url.origin().ascii_serialization();
        let origin = Origin::sent(&text).ok_or("has a host that browsers don't send as an origin")?;
        Ok(Self { text, host, is_https: url.scheme() == "https", is_loopback, origin })
    }

    /// `http://localhost` with the listener's port, if it has one that is known.
    pub(crate) fn of_listener(listen: &Listen) -> Option<Self> {
        match listen {
            Listen::Tcp(address) if address.port() != 0 => Some(Self::of_port(address.port())),
            _ => None,
        }
    }

    fn of_port(port: u16) -> Self {
        let text = if port == 80 { "http://localhost".into() } else { format!("http://localhost:{port}") };
        Self { text, host: "localhost".into(), is_https: false, is_loopback: true, origin: Origin::of_localhost(port) }
    }
}

/// `http://localhost:8000`
impl Default for PublicUrl {
    fn default() -> Self {
        Self::of_port(8000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_urls() {
        let url = PublicUrl::parse("https://Login.example.com:443/").unwrap();
        assert_eq!((url.as_str(), url.host()), ("https://login.example.com", "login.example.com"));
        assert!(url.is_https() && url.wants_secure_cookies() && !url.is_loopback());
        for loopback in ["http://localhost:8000", "http://127.0.0.1", "http://[::1]:9"] {
            assert!(!PublicUrl::parse(loopback).unwrap().wants_secure_cookies(), "{loopback}");
        }
        assert!(PublicUrl::parse("http://login.example.com").unwrap().wants_secure_cookies());
        for bad in [
            "",
            "login.example.com",
            "ftp://a",
            "https://a/b",
            "https://a?b",
            "https://a#b",
            "https://u@a",
            "https://u:p@a",
            "https://",
            "https://a!b",
        ] {
            assert!(PublicUrl::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn where_a_browser_finds_a_listener() {
        let of = |listen: &str| PublicUrl::of_listener(&Listen::parse(listen).unwrap()).map(|url| url.as_str().to_owned());
        assert_eq!(of("127.0.0.1:8000").as_deref(), Some(PublicUrl::default().as_str()));
        assert_eq!(of("0.0.0.0:9000").as_deref(), Some("http://localhost:9000"));
        assert_eq!(of("127.0.0.1:80").as_deref(), Some("http://localhost"));
        assert_eq!((of("127.0.0.1:0"), of("unix:/x")), (None, None));
    }
}
