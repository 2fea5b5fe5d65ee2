//! `[server]`: listeners, limits, cookies, pages.

use std::{fmt, net::SocketAddr, path::PathBuf, time::Duration};

use ipnet::IpNet;
use reqwest::Url;

use crate::config::reader::{
    judge::Section,
    schema::{SectionSchema, number, switch, text, texts},
    shown::quoted,
};

pub(crate) static SCHEMA: SectionSchema = SectionSchema {
    name: "server",
    about: "Listeners, limits, cookies, pages.",
    keys: &[
        text("listen", "127.0.0.1:8000", "Where clients connect: an address and a port, or unix:/run/countersign.sock."),
        text(
            "admin_listen",
            "127.0.0.1:8001",
            "Where /healthz, /readyz and /metrics are served; written like `listen`. Keep it off the internet.",
        ),
        text(
            "public_url",
            "http://localhost:8000",
            "How people reach `listen`: scheme, host and port. Links, cookies and the default issuer come from it.",
        ),
        text("base_path", "/passwordless", "What stands before every endpoint; \"/\" for nothing."),
        texts(
            "trusted_proxies",
            &[],
            "Addresses or networks (10.0.0.0/8) whose X-Forwarded-For is believed. A Unix socket's peer always is.",
        ),
        number("max_body_bytes", 16_384, 1, 64 << 20, "The longest request body; beyond: 413."),
        number("max_head_bytes", 16_384, 1_024, 1 << 20, "The longest request head, of at most 100 headers; beyond: 431."),
        number("request_timeout_seconds", 10, 1, 3_600, "How long a whole request may take to arrive; beyond: 408."),
        number("idle_timeout_seconds", 75, 1, 3_600, "How long an open connection may wait for its next request."),
        number("workers", 0, 0, 1_024, "Threads that serve requests; 0: one per core."),
        texts(
            "cors_origins",
            &[],
            "Origins that may call from a browser, beside the public URL's own: [\"https://app.example.com\"].",
        ),
        text("cookie_path", "", "Path of every cookie. Default: base_path; \"/\" lets an edge see them on every route."),
        switch("pages", true, "Serve the login page at / and the link's landing page at <base_path>/link."),
    ],
};

/// The HTTP side.
#[derive(Clone, Debug)]
pub struct Server {
    /// Where clients connect.
    pub listen: Listen,
    /// Where health and metrics are served.
    pub admin_listen: Listen,
    /// How people reach `listen`: the base of links and the default issuer.
    pub public_url: PublicUrl,
    /// Where a browser on this machine finds `listen`, if nobody said how people reach it; a site of this server's own too.
    pub page_url: Option<PublicUrl>,
    /// What stands before every endpoint: empty, or `/passwordless`: a leading slash and no trailing one.
    pub base_path: String,
    /// Peers whose `X-Forwarded-For` counts; a Unix socket's peer always does.
    pub trusted_proxies: Vec<IpNet>,
    /// The longest request body, in bytes.
    pub max_body_bytes: usize,
    /// The longest request head, in bytes; may be less than hyper's smallest buffer (8192).
    pub max_head_bytes: usize,
    /// How long a whole request may take to arrive.
    pub request_timeout: Duration,
    /// How long a connection may wait for its next request.
    pub idle_timeout: Duration,
    /// How many threads serve requests; `None`: one per core.
    pub workers: Option<usize>,
    /// Origins, beside the public URL's own, that may call from a browser: `https://app.example.com`, lower case.
    pub cors_origins: Vec<String>,
    /// `Path` of every cookie.
    pub cookie_path: String,
    /// Whether the login page and the link's landing page are served.
    pub pages: bool,
}

/// Something to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// An address and a port; port 0 lets the system choose.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

/// `scheme://host[:port]`, without a path.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicUrl {
    text: String,
    host: String,
    is_https: bool,
    is_loopback: bool,
}

impl PublicUrl {
    /// As an origin is written: no trailing slash, no default port.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
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

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

pub(crate) fn read(section: &Section<'_>) -> Option<Server> {
    let listen = section.parse("listen", Listen::parse);
    let admin_listen = section.parse("admin_listen", Listen::parse);
    if listen.is_some() && listen == admin_listen && !listen.as_ref().is_some_and(Listen::lets_the_system_choose) {
        section.fault("admin_listen", "must differ from server.listen");
    }
    let is_default = !section.is_given("public_url");
    let public_url = if is_default { Some(PublicUrl::default()) } else { section.parse("public_url", PublicUrl::parse) };
    let page_url = listen.as_ref().and_then(PublicUrl::of_listener).filter(|_| is_default);
    if page_url.as_ref().is_some_and(|url| *url != PublicUrl::default()) {
        section.warn(
            "public_url",
            "is not given: links and the issuer say http://localhost:8000, though server.listen has another port",
        );
    }
    if let Some(url) = &public_url {
        section.show("public_url", url.as_str());
        if !url.is_https && !url.is_loopback {
            section.warn("public_url", "is http and not on this machine: browsers won't send the cookies, which are Secure");
        }
    }
    let base_path = section.parse("base_path", parse_base_path);
    if let Some(base_path) = &base_path {
        section.show("base_path", if base_path.is_empty() { "/" } else { base_path });
    }
    let cookie_path = match (section.text("cookie_path"), &base_path) {
        (_, None) => None,
        ("", Some(base_path)) => Some(if base_path.is_empty() { "/".to_owned() } else { base_path.clone() }),
        (_, Some(base_path)) => section.parse("cookie_path", |path| parse_cookie_path(path, base_path)),
    };
    if let Some(path) = &cookie_path {
        section.show("cookie_path", path);
    }
    let trusted_proxies = section.parse_each("trusted_proxies", parse_network);
    if trusted_proxies.iter().flatten().any(|network| network.prefix_len() == 0) {
        section.warn("trusted_proxies", "trusts everybody: any client can choose the address that it is counted under");
    }
    Some(Server {
        trusted_proxies: trusted_proxies?,
        cors_origins: section.parse_each("cors_origins", parse_origin)?,
        listen: listen?,
        admin_listen: admin_listen?,
        public_url: public_url?,
        page_url,
        base_path: base_path?,
        cookie_path: cookie_path?,
        max_body_bytes: section.number("max_body_bytes"),
        max_head_bytes: section.number("max_head_bytes"),
        request_timeout: Duration::from_secs(section.number("request_timeout_seconds")),
        idle_timeout: Duration::from_secs(section.number("idle_timeout_seconds")),
        workers: Some(section.number("workers")).filter(|workers| *workers != 0),
        pages: section.switch("pages"),
    })
}

impl Listen {
    /// Reads `127.0.0.1:8000`, `[::1]:8000` or `unix:/run/countersign.sock`.
    pub fn parse(text: &str) -> Result<Self, String> {
        // A socket's path has to fit into `sockaddr_un` with its final zero.
        const LONGEST_PATH: usize = 107;
        match text.strip_prefix("unix:") {
            Some("") => Err("names no socket: write unix:/run/countersign.sock".into()),
            Some(path) if path.len() > LONGEST_PATH => Err(format!("a socket's path has at most {LONGEST_PATH} bytes")),
            Some(path) if path.contains('\0') => Err("a path has no zero byte".into()),
            Some(path) => Ok(Self::Unix(path.into())),
            None => text.parse().map(Self::Tcp).map_err(|_| {
                format!(
                    "{} is no address with a port: write 127.0.0.1:8000, [::1]:8000 or unix:/run/countersign.sock",
                    quoted(text)
                )
            }),
        }
    }

    const fn lets_the_system_choose(&self) -> bool {
        matches!(self, Self::Tcp(address) if address.port() == 0)
    }
}

impl PublicUrl {
    /// Reads `https://login.example.com`, with or without a final slash.
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
        Ok(Self { text: url.origin().ascii_serialization(), host, is_https: url.scheme() == "https", is_loopback })
    }

    /// `http://localhost` with the listener's port, if it has one that is known.
    fn of_listener(listen: &Listen) -> Option<Self> {
        match listen {
            Listen::Tcp(address) if address.port() != 0 => Some(Self::of_port(address.port())),
            _ => None,
        }
    }

    fn of_port(port: u16) -> Self {
        let text = if port == 80 { "http://localhost".into() } else { format!("http://localhost:{port}") };
        Self { text, host: "localhost".into(), is_https: false, is_loopback: true }
    }
}

/// `http://localhost:8000`
impl Default for PublicUrl {
    fn default() -> Self {
        Self::of_port(8000)
    }
}

/// An `http` or `https` URL with a host.
pub(crate) fn parse_http_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("is no URL: {error}"))?;
    match url.scheme() {
        "http" | "https" if url.has_host() => Ok(url),
        _ => Err("must start with http:// or https://".into()),
    }
}

/// Without a final slash, and empty for `/`.
fn parse_base_path(text: &str) -> Result<String, String> {
    let path = text.strip_suffix('/').unwrap_or(text);
    if path.is_empty() {
        return Ok(String::new());
    }
    let Some(segments) = path.strip_prefix('/') else { return Err(format!("must start with a slash, as \"/{path}\"")) };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    for segment in segments.split('/') {
        if segment.is_empty() || matches!(segment, "." | "..") || !segment.bytes().all(allowed) {
            return Err(format!("{} has a segment that isn't of letters, digits and -._~", quoted(text)));
        }
    }
    match segments.split('/').next() {
        Some(taken @ ("authz" | ".well-known" | "openapi.json")) => Err(format!("/{taken} is taken by other endpoints")),
        _ => Ok(path.to_owned()),
    }
}

/// A path that the endpoints are under, or their cookies would never come back.
fn parse_cookie_path(text: &str, base_path: &str) -> Result<String, String> {
    let path = parse_base_path(text)?;
    match base_path.strip_prefix(&*path) {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => Ok(if path.is_empty() { "/".into() } else { path }),
        _ => Err("must be base_path or a part of it from its start, or the cookies never come back".into()),
    }
}

fn parse_network(text: &str) -> Result<IpNet, String> {
    let network = text.parse::<IpNet>().or_else(|_| text.parse().map(|address: std::net::IpAddr| address.to_canonical().into()));
    network.map(|network| network.trunc()).map_err(|_| format!("{} is no address and no network, as 10.0.0.0/8", quoted(text)))
}

/// An origin as browsers write it. Apps have schemes of their own: `capacitor://localhost`.
fn parse_origin(text: &str) -> Result<String, String> {
    if text == "*" {
        return Err("\"*\" would let every site use its visitors' cookies: name the origins".into());
    }
    let fault = || format!("{} is no origin: write scheme, host and port, as https://app.example.com", quoted(text));
    let url = Url::parse(text).map_err(|_| fault())?;
    let is_bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    if !url.has_host() || !is_bare || !url.username().is_empty() || url.password().is_some() {
        return Err(fault());
    }
    Ok(match url.scheme() {
        "http" | "https" => url.origin().ascii_serialization(),
        _ => text.trim_end_matches('/').to_ascii_lowercase(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners() {
        assert_eq!(Listen::parse("[::1]:80").unwrap().to_string(), "[::1]:80");
        assert_eq!(Listen::parse("unix:/run/x.sock").unwrap(), Listen::Unix("/run/x.sock".into()));
        for bad in
            ["", "8000", ":8000", "localhost:8000", "127.0.0.1", "127.0.0.1:65536", "unix:", "http://127.0.0.1:1", "unix:\0"]
        {
            assert!(Listen::parse(bad).is_err(), "{bad}");
        }
        assert!(Listen::parse(&format!("unix:/{}", "x".repeat(107))).is_err());
    }

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

    #[test]
    fn base_paths() {
        for (text, path) in [("/passwordless", "/passwordless"), ("/a/b/", "/a/b"), ("/", ""), ("", "")] {
            assert_eq!(parse_base_path(text).as_deref(), Ok(path));
        }
        for bad in ["passwordless", "//", "/a//b", "/a/../b", "/.", "/a b", "/ä", "/a;b", "/a?b", "/authz", "/.well-known/x"] {
            assert!(parse_base_path(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn cookie_paths() {
        assert_eq!(parse_cookie_path("/", "/a/b").as_deref(), Ok("/"));
        assert_eq!(parse_cookie_path("/a", "/a/b").as_deref(), Ok("/a"));
        assert_eq!(parse_cookie_path("/a/b", "/a/b").as_deref(), Ok("/a/b"));
        for bad in ["/b", "/a/b/c", "/a/", "a", "/a;"] {
            assert!(parse_cookie_path(bad, "/ab").is_err(), "{bad}");
        }
    }

    #[test]
    fn networks_and_origins() {
        assert_eq!(parse_network("10.1.2.3/8").unwrap().to_string(), "10.0.0.0/8");
        assert_eq!(parse_network("::1").unwrap().to_string(), "::1/128");
        assert_eq!(parse_network("::ffff:10.0.0.1").unwrap().to_string(), "10.0.0.1/32");
        assert!(["", "10.0.0.0/33", "localhost", "10.0.0"].into_iter().all(|bad| parse_network(bad).is_err()));
        assert_eq!(parse_origin("https://App.example.com:443").as_deref(), Ok("https://app.example.com"));
        assert_eq!(parse_origin("capacitor://localhost").as_deref(), Ok("capacitor://localhost"));
        assert!(
            ["*", "", "null", "https://a/b", "app.example.com", "https://a?b"].into_iter().all(|bad| parse_origin(bad).is_err())
        );
    }
}
