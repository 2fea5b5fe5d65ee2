//! `[session]`: sessions that a cookie carries, and those that were ended before their time.

use super::server::Server;
use crate::{
    config::reader::{
        choice::choices,
        judge::Section,
        schema::{SectionSchema, number, one_of, switch, text, texts},
        shown::quoted,
    },
    ended::{LEAST_CAPACITY, MOST_CAPACITY},
    server::{
        Destination, Isolated, PublicUrl,
        sessions::{SameSite, Settings},
    },
};

pub(crate) static SCHEMA: SectionSchema = SectionSchema {
    name: "session",
    about: "Sessions that a cookie carries, and for how long it is remembered that one was ended.",
    keys: &[
        switch(
            "enabled",
            false,
            "Give browsers a session in a cookie. false: session/, logout/ and /authz/…/session are 404; token/revoke/ is always there.",
        ),
        number("lifetime", 604_800, 60, 34_560_000, "Seconds from the login to the end of a session."),
        text(
            "cookie_domain",
            "",
            "\"example.com\": that host and all below it get the cookies, __Secure-countersign_session. Empty: this host only,\n\
             __Host-countersign_session, which no other host can set.",
        ),
        one_of::<SameSite>(
            "same_site",
            "Whether the cookies come along when somebody follows a link from another site: \"lax\", yes; \"strict\", no.",
        ),
        switch("access_cookie", false, "Set an access token in a cookie too, for edges that check those themselves."),
        number(
            "recheck_seconds",
            300,
            0,
            3_600,
            "How old what the directory said of a session's user may be; where it can't be reached, twice as old. 0: it is asked every time.",
        ),
        texts(
            "return_to",
            &[],
            "Origins beside public_url's that pages and renewals may lead back to: [\"https://app.example.com\"], and, with\n\
             cookie_domain = \"example.com\", \"https://*.example.com\".",
        ),
        switch(
            "csrf_check",
            true,
            "At /authz/…/session, refuse what the page of another site does with the cookie: docs/edge.md.",
        ),
        number(
            "ended_capacity",
            1_000_000,
            LEAST_CAPACITY as u64,
            MOST_CAPACITY as u64,
            "How many sessions that were ended before their time are remembered, 24 bytes each; full: ending one is 503. Not for\n\
             redis.",
        ),
        number(
            "redis_copy_seconds",
            0,
            0,
            3_600,
            "With guard.kind = \"redis\": for how long a node may believe what Redis said of a session. 0: it asks each time.",
        ),
        one_of::<Isolated>(
            "isolated",
            "What a node does with sessions while it hears from no other node of guard.nodes: \"serve\", it accepts what was ended elsewhere\n\
             meanwhile; \"deny\", it answers 503.",
        ),
    ],
};

choices! {
    for Isolated {
        Serve = "serve",
        Deny = "deny",
    }
}

choices! {
    for SameSite {
        Lax = "lax",
        Strict = "strict",
    }
}

/// How sessions are kept.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Session {
    /// How browsers hold them; `None` where they don't.
    pub browsers: Option<Settings>,
    /// Seconds from the login to the end of one that a cookie carries.
    pub lifetime: u64,
    /// How old what the directory said of its user may be, in seconds.
    pub recheck_seconds: u64,
    /// How many ended sessions are remembered.
    pub ended_capacity: u32,
    /// For how long a node believes what Redis said of a session, in seconds.
    pub redis_copy_seconds: u64,
    /// What a node does with sessions while it hears from no other.
    pub isolated: Isolated,
}

/// Keys that mean nothing where no browser has a session.
const OF_BROWSERS: [&str; 7] =
    ["lifetime", "cookie_domain", "same_site", "access_cookie", "recheck_seconds", "return_to", "csrf_check"];

pub(crate) fn read(section: &Section<'_>, server: Option<&Server>) -> Option<Session> {
    let enabled = section.switch("enabled");
    if !enabled {
        section.unused(&OF_BROWSERS, "without session.enabled = true");
    }
    let browsers = enabled.then(|| read_browsers(section, server));
    Some(Session {
        browsers: match browsers {
            Some(browsers) => Some(browsers?),
            None => None,
        },
        lifetime: section.number("lifetime"),
        recheck_seconds: section.number("recheck_seconds"),
        ended_capacity: section.number("ended_capacity"),
        redis_copy_seconds: section.number("redis_copy_seconds"),
        isolated: section.choice("isolated"),
    })
}

fn read_browsers(section: &Section<'_>, server: Option<&Server>) -> Option<Settings> {
    let public_url = server.map(|server| &server.public_url);
    if let Some(url) = public_url
        && !url.is_https()
        && !url.is_loopback()
    {
        let reason = format!("can't be true with server.public_url = \"{url}\": browsers keep session cookies of https only");
        section.fault("enabled", reason);
    }
    let cookie_domain = match section.text("cookie_domain") {
        "" => Some(None),
        _ => section.parse("cookie_domain", |text| parse_cookie_domain(text, public_url.map(PublicUrl::host))).map(Some),
    };
    let domain = cookie_domain.clone().flatten();
    let return_to = section.parse_each("return_to", |text| Destination::parse(text, domain.as_deref()));
    let gets_cookie = |host: &str| {
        let is_own = public_url.is_none_or(|url| url.host() == host);
        is_own || domain.as_deref().is_some_and(|domain| is_at_or_below(host, domain))
    };
    for destination in return_to.iter().flatten().filter(|destination| !gets_cookie(destination.host())) {
        let host = destination.host();
        section.warn("return_to", &format!("leads to {host}, which doesn't get the session cookie: see session.cookie_domain"));
    }
    Some(Settings {
        cookie_domain: cookie_domain?,
        same_site: section.choice("same_site"),
        access_cookie: section.switch("access_cookie"),
        return_to: return_to?,
        csrf_check: section.switch("csrf_check"),
    })
}

/// A domain whose hosts may share cookies, and that this server's host is in.
fn parse_cookie_domain(text: &str, own_host: Option<&str>) -> Result<Box<str>, String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.' || byte >= 0x80;
    let domain =
        idna::domain_to_ascii(text).ok().filter(|domain| text.bytes().all(is_plain) && !domain.split('.').any(str::is_empty));
    let domain = domain.ok_or_else(|| format!("{} is no domain: write it as example.com", quoted(text)))?;
    if domain.rsplit('.').next().is_some_and(|label| label.bytes().all(|byte| byte.is_ascii_digit())) {
        return Err(format!("{} is an address: leave it empty, so that the cookie belongs to this host", quoted(text)));
    }
    if psl::suffix(domain.as_bytes()).is_some_and(|suffix| suffix.as_bytes() == domain.as_bytes()) {
        return Err(format!(
            "{} is a public suffix, under which everybody may have a host: browsers keep no cookie for it. Write your own domain below \
             it, or leave it empty",
            quoted(text)
        ));
    }
    match own_host {
        Some(host) if !is_at_or_below(host, &domain) => {
            Err(format!("{} must be the host of server.public_url, {host}, or a domain above it", quoted(text)))
        }
        _ => Ok(domain.into()),
    }
}

fn is_at_or_below(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_whose_hosts_share_a_cookie() {
        for (text, host, domain) in [
            ("example.com", "login.example.com", "example.com"),
            ("Example.COM", "example.com", "example.com"),
            ("a.example.com", "login.a.example.com", "a.example.com"),
            ("example.co.uk", "login.example.co.uk", "example.co.uk"),
            ("bücher.example", "login.xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("me.github.io", "me.github.io", "me.github.io"),
        ] {
            assert_eq!(parse_cookie_domain(text, Some(host)).as_deref(), Ok(domain), "{text}");
        }
        for (text, host, why) in [
            ("com", "example.com", "public suffix"),
            ("co.uk", "example.co.uk", "public suffix"),
            ("github.io", "me.github.io", "public suffix"),
            ("vercel.app", "me.vercel.app", "public suffix"),
            ("xn--p1ai", "a.xn--p1ai", "public suffix"),
            ("localhost", "localhost", "public suffix"),
            ("intranet", "a.intranet", "public suffix"),
            ("127.0.0.1", "127.0.0.1", "address"),
            ("10.1", "10.1", "address"),
            ("[::1]", "[::1]", "no domain"),
            ("::1", "[::1]", "no domain"),
            (".example.com", "login.example.com", "no domain"),
            ("example.com.", "login.example.com", "no domain"),
            ("example..com", "login.example.com", "no domain"),
            ("*.example.com", "login.example.com", "no domain"),
            ("https://example.com", "login.example.com", "no domain"),
            ("example.com:443", "login.example.com", "no domain"),
            ("example.com; Path=/x", "login.example.com", "no domain"),
            ("exa mple.com", "login.example.com", "no domain"),
            ("example.org", "login.example.com", "public_url"),
            ("login.example.com", "example.com", "public_url"),
            ("ample.com", "login.example.com", "public_url"),
            ("other.example.com", "login.example.com", "public_url"),
        ] {
            let reason = parse_cookie_domain(text, Some(host)).unwrap_err();
            assert!(reason.contains(why), "{text}: {reason}");
        }
    }
}
