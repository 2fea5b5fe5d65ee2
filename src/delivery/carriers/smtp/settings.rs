//! What it takes to use an SMTP server.

use std::{borrow::Cow, net::IpAddr, time::Duration};

use lettre::transport::smtp::{client::Certificate, extension::ClientId};
use percent_encoding::percent_decode_str;
use reqwest::Url;
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use tokio::net::UdpSocket;

use crate::crypto::SecretText;

/// An SMTP server, and what it takes to use it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// The section of the configuration that it is from, whose keys a fault names: `email`, the default, `email_2` …
    pub section: &'static str,
    /// Where it is.
    pub server: Server,
    /// What we call ourselves in EHLO; `None`, the default: the address that we connect from.
    pub hello: Option<HelloName>,
    /// Certificates that are trusted beside the system's roots.
    pub roots: Roots,
    /// How long one try may take.
    pub timeout: Duration,
}

/// An SMTP server, as its URL states it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Server {
    /// Host name or address; IPv6 without brackets.
    pub host: String,
    /// The port; where the URL has none 25, 587 with STARTTLS, 465 for `smtps`.
    pub port: u16,
    /// How the connection is protected.
    pub tls: Tls,
    /// User and password.
    pub credentials: Option<(String, SecretText)>,
}

/// What a client calls itself in EHLO (RFC 5321 §4.1.1.1): a name with a dot, or an address in brackets. Many servers refuse
/// anything else for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HelloName(pub(super) ClientId);

/// Certificates that are trusted beside the system's roots.
#[derive(Clone, Debug, Default)]
pub struct Roots(pub(super) Vec<Certificate>);

/// How a connection to an SMTP server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// `smtp://`: not at all.
    None,
    /// `smtp://…?tls=opportunistic`: STARTTLS where the server offers it.
    Opportunistic,
    /// `smtp://…?tls=required`: STARTTLS or nothing.
    Required,
    /// `smtps://`: TLS from the first byte.
    Implicit,
}

impl Server {
    /// Reads `smtp://user:pass@host:587?tls=required` and its kin. User and password are percent-decoded.
    ///
    /// # Errors
    /// What is wrong, as a sentence whose subject is the URL.
    pub fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| format!("is no URL: {error}"))?;
        let Some(host) = url.host_str().filter(|host| !host.is_empty()) else { return Err("names no host".into()) };
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err("must have nothing after the host but ?tls=…".into());
        }
        let tls = match (url.scheme(), url.query()) {
            ("smtp", None) => Tls::None,
            ("smtp", Some("tls=opportunistic")) => Tls::Opportunistic,
            ("smtp", Some("tls=required")) => Tls::Required,
            ("smtps", None) => Tls::Implicit,
            ("smtp", Some(_)) => return Err("may ask for ?tls=opportunistic or ?tls=required, nothing else".into()),
            ("smtps", Some(_)) => return Err("must have no query with smtps, which is TLS from the start".into()),
            _ => return Err("must start with smtp:// or smtps://".into()),
        };
        let decode = |part: &str| percent_decode_str(part).decode_utf8().map(Cow::into_owned);
        let credentials = match (url.username(), url.password()) {
            ("", None) => None,
            (_, None) => return Err("names a user but no password".into()),
            (user, Some(password)) => {
                let user = decode(user).map_err(|_| "has a user that isn't percent-encoded UTF-8")?;
                let password = decode(password).map_err(|_| "has a password that isn't percent-encoded UTF-8")?;
                Some((user, SecretText::new(password)))
            }
        };
        let port = url.port().unwrap_or(match tls {
            Tls::None => 25,
            Tls::Opportunistic | Tls::Required => 587,
            Tls::Implicit => 465,
        });
        Ok(Self { host: host.trim_matches(['[', ']']).to_owned(), port, tls, credentials })
    }

    /// Whether the password crosses a network that others may read.
    #[must_use]
    pub fn shows_password(&self) -> bool {
        let is_here = matches!(&*self.host, "localhost" | "127.0.0.1" | "::1");
        self.credentials.is_some() && matches!(self.tls, Tls::None | Tls::Opportunistic) && !is_here
    }
}

impl Settings {
    /// For this server, with 10 s for one try.
    #[must_use]
    pub fn new(server: Server) -> Self {
        Self { section: "email", server, hello: None, roots: Roots::default(), timeout: Duration::from_secs(10) }
    }
}

impl HelloName {
    /// `mail.example.com`, `[192.0.2.1]` or `[IPv6:2001:db8::1]`; `None` for anything else, a name without a dot too.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(literal) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
            let address = match literal.strip_prefix("IPv6:") {
                Some(v6) => ClientId::Ipv6(v6.parse().ok()?),
                None => ClientId::Ipv4(literal.parse().ok()?),
            };
            return Some(Self(address));
        }
        let is_label = |label: &str| {
            let plain = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            (1..=63).contains(&label.len()) && plain && !label.starts_with('-') && !label.ends_with('-')
        };
        let is_name = text.len() <= 253 && text.contains('.') && text.split('.').all(is_label);
        // Numbers alone are an address without its brackets.
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        (is_name && !is_number).then(|| Self(ClientId::Domain(text.to_owned())))
    }

    /// The system's host name, if it is one that others may know.
    #[must_use]
    pub fn of_system() -> Option<Self> {
        let ClientId::Domain(name) = ClientId::default() else { return None };
        let is_ours_alone = [".local", ".localdomain", ".internal"].iter().any(|end| name.ends_with(end));
        Self::parse(&name).filter(|_| !is_ours_alone)
    }

    /// The address of this machine on the way to `server`. Nothing is sent for it.
    pub(super) async fn on_the_way_to(server: (&str, u16)) -> Option<Self> {
        for from in ["0.0.0.0:0", "[::]:0"] {
            let socket = UdpSocket::bind(from).await.ok()?;
            if socket.connect(server).await.is_ok() {
                return Some(Self(match socket.local_addr().ok()?.ip() {
                    IpAddr::V4(v4) => ClientId::Ipv4(v4),
                    IpAddr::V6(v6) => ClientId::Ipv6(v6),
                }));
            }
        }
        None
    }
}

impl Roots {
    /// The certificates of a PEM file.
    ///
    /// # Errors
    /// What is wrong, as a sentence whose subject is the file.
    pub fn parse(pem: &[u8]) -> Result<Self, String> {
        let ders = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
        let ders = ders.map_err(|_| "holds a certificate that can't be read")?;
        if ders.is_empty() {
            return Err("holds no certificate: it must be PEM, with -----BEGIN CERTIFICATE-----".into());
        }
        let certificate = |der: CertificateDer<'static>| {
            RootCertStore::empty().add(der.clone()).ok()?;
            Certificate::from_der(der.to_vec()).ok()
        };
        let certificates: Option<_> = ders.into_iter().map(certificate).collect();
        certificates.map(Self).ok_or_else(|| "holds a certificate that can't be read".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smtp_urls() {
        let server = Server::parse("smtp://ann%40example.com:p%3Ass@mail.example:2525?tls=required").unwrap();
        assert_eq!((&*server.host, server.port, server.tls), ("mail.example", 2525, Tls::Required));
        let (user, password) = server.credentials.unwrap();
        assert_eq!((&*user, password.expose()), ("ann@example.com", "p:ss"));
        for (url, port, tls) in [
            ("smtp://mail", 25, Tls::None),
            ("smtp://mail?tls=opportunistic", 587, Tls::Opportunistic),
            ("smtps://mail", 465, Tls::Implicit),
            ("smtp://[::1]:2525/", 2525, Tls::None),
        ] {
            let server = Server::parse(url).unwrap();
            assert_eq!((server.port, server.tls, server.credentials.is_none()), (port, tls, true), "{url}");
        }
        assert_eq!(Server::parse("smtp://[::1]").unwrap().host, "::1");
        for bad in [
            "",
            "mail:25",
            "http://mail",
            "smtp://",
            "smtp://mail/x",
            "smtp://mail?tls=yes",
            "smtps://mail?tls=required",
            "smtp://ann@mail",
        ] {
            assert!(Server::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_for_ehlo_have_a_dot_or_are_addresses_in_brackets() {
        for good in ["mail.example.com", "a-b.c", "[192.0.2.1]", "[IPv6:2001:db8::1]"] {
            assert_eq!(HelloName::parse(good).unwrap().0.to_string(), good);
        }
        for bad in [
            "",
            "mail",
            "pod-7f",
            "192.0.2.1",
            "[mail.example.com]",
            "[2001:db8::1]",
            "a..b",
            "-a.b",
            "a_b.c",
            "mail.example.com ",
            "a.b\r\nMAIL FROM:<eve@example.com>",
            "ä.example.com",
        ] {
            assert_eq!(HelloName::parse(bad), None, "{bad:?}");
        }
    }

    #[tokio::test]
    async fn without_a_name_it_is_our_address_on_the_way_to_the_server() {
        let name = HelloName::on_the_way_to(("127.0.0.1", 25)).await;
        assert_eq!(name, HelloName::parse("[127.0.0.1]"));
    }

    #[test]
    fn a_file_of_roots_holds_certificates() {
        const KEY: &str = include_str!("../../../../tests/keys/ed25519.pem");
        for (text, why) in [
            ("", "holds no certificate"),
            ("nonsense", "holds no certificate"),
            (KEY, "holds no certificate"),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "can't be read"),
            ("-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n", "can't be read"),
        ] {
            let fault = Roots::parse(text.as_bytes()).unwrap_err();
            assert!(fault.contains(why), "{text}: {fault}");
        }
    }

    #[test]
    fn a_password_in_the_open_is_noticed() {
        let shows = |url| Server::parse(url).unwrap().shows_password();
        assert!(shows("smtp://a:b@mail") && shows("smtp://a:b@mail?tls=opportunistic"));
        assert!(!shows("smtp://mail") && !shows("smtps://a:b@mail") && !shows("smtp://a:b@localhost"));
        assert!(!shows("smtp://a:b@mail?tls=required"));
    }
}
