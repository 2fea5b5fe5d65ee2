//! `[server]`: listeners, limits, cookies, pages.

use std::time::Duration;

use ipnet::IpNet;

use crate::{
    config::reader::{
        judge::Section,
        schema::{SectionSchema, number, switch, text, texts},
        shown::quoted,
    },
    server::{BasePath, Listen, Origin, PublicUrl},
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
        number(
            "drain_seconds",
            0,
            0,
            3_600,
            "How long connections are still taken after SIGTERM, while /readyz says 503: time for a load balancer to notice.",
        ),
        number("workers", 0, 0, 1_024, "Threads that serve requests; 0: one per core."),
        texts(
            "cors_origins",
            &[],
            "Origins that may call from a browser, beside the public URL's own: [\"https://app.example.com\"]; no wildcards.",
        ),
        text("cookie_path", "", "Path of every cookie. Default: base_path; \"/\" lets an edge see them on every route."),
        switch(
            "pages",
            true,
            "Serve the login page at / and <base_path>/login, and the landing page of links at <base_path>/link.",
        ),
    ],
};

/// The HTTP side.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Server {
    /// Where clients connect.
    pub listen: Listen,
    /// Where health and metrics are served.
    pub admin_listen: Listen,
    /// How people reach `listen`: the base of links and the default issuer.
    pub public_url: PublicUrl,
    /// Where a browser on this machine finds `listen`, if nobody said how people reach it; a site of this server's own too.
    pub page_url: Option<PublicUrl>,
    /// What stands before every endpoint.
    pub base_path: BasePath,
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
    /// How long connections are still taken after SIGTERM.
    pub drain: Duration,
    /// How many threads serve requests; `None`: one per core.
    pub workers: Option<usize>,
    /// Origins, beside the public URL's own, that may call from a browser.
    pub cors_origins: Vec<Origin>,
    /// `Path` of every cookie.
    pub cookie_path: String,
    /// Whether the login page and the link's landing page are served.
    pub pages: bool,
}

pub(crate) fn read(section: &Section<'_>) -> Option<Server> {
    let listen = section.parse("listen", Listen::parse);
    let admin_listen = read_admin_listen(section);
    if listen.is_some() && listen == admin_listen && !listen.as_ref().is_some_and(Listen::lets_the_system_choose) {
        section.fault("admin_listen", "must differ from server.listen");
    }
    if admin_listen.as_ref().is_some_and(|listen| !listen.is_local()) {
        section.warn(
            "admin_listen",
            "can be reached from other machines: it has neither a password nor TLS, and its metrics tell how many log in and fail",
        );
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
        if !url.is_https() && !url.is_loopback() {
            section.warn("public_url", "is http and not on this machine: browsers won't send the cookies, which are Secure");
        }
    }
    let base_path = section.parse("base_path", BasePath::parse);
    if let Some(base_path) = &base_path {
        section.show("base_path", if base_path.is_empty() { "/" } else { base_path });
    }
    let cookie_path = match (section.text("cookie_path"), &base_path) {
        (_, None) => None,
        ("", Some(base_path)) => Some(if base_path.is_empty() { "/".to_owned() } else { base_path.to_string() }),
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
        cors_origins: section.parse_each("cors_origins", Origin::parse)?,
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
        drain: Duration::from_secs(section.number("drain_seconds")),
        workers: Some(section.number("workers")).filter(|workers| *workers != 0),
        pages: section.switch("pages"),
    })
}

/// Where the admin listener is.
pub(crate) fn read_admin_listen(section: &Section<'_>) -> Option<Listen> {
    section.parse("admin_listen", Listen::parse)
}

/// A path that the endpoints are under, or their cookies would never come back.
fn parse_cookie_path(text: &str, base_path: &str) -> Result<String, String> {
    let path = BasePath::parse(text)?;
    match base_path.strip_prefix(&*path) {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => Ok(if path.is_empty() { "/".into() } else { path.to_string() }),
        _ => Err("must be base_path or a part of it from its start, or the cookies never come back".into()),
    }
}

fn parse_network(text: &str) -> Result<IpNet, String> {
    let network = text.parse::<IpNet>().or_else(|_| text.parse().map(|address: std::net::IpAddr| address.to_canonical().into()));
    network.map(|network| network.trunc()).map_err(|_| format!("{} is no address and no network, as 10.0.0.0/8", quoted(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn networks() {
        assert_eq!(parse_network("10.1.2.3/8").unwrap().to_string(), "10.0.0.0/8");
        assert_eq!(parse_network("::1").unwrap().to_string(), "::1/128");
        assert_eq!(parse_network("::ffff:10.0.0.1").unwrap().to_string(), "10.0.0.1/32");
        assert!(["", "10.0.0.0/33", "localhost", "10.0.0"].into_iter().all(|bad| parse_network(bad).is_err()));
    }
}
