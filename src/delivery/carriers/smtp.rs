//! E-mail by SMTP (RFC 5321), over connections that are kept.
//!
//! lettre speaks the protocol. Its own pool puts a connection back whose conversation was cut off by a timeout; ours
//! keeps only those that ended a message in order.

use std::{
    borrow::Cow,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use lettre::{
    address::Envelope,
    transport::smtp::{
        Error,
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, TlsParameters},
        extension::ClientId,
    },
};
use percent_encoding::percent_decode_str;
use reqwest::Url;
use tokio::time::{Duration, Instant};

use crate::{
    crypto::SecretText,
    delivery::{Carrier, Message, Outgoing, SendError, Sender, Sending, carrier::in_time},
    time::UnixTime,
};

/// How many connections are kept when they have nothing to do, and for how long.
const IDLE: (usize, Duration) = (8, Duration::from_secs(60));

/// An SMTP server, and what it takes to use it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// Where it is.
    pub server: Server,
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

/// Sends e-mail through one SMTP server.
pub struct Smtp {
    host: String,
    port: u16,
    encryption: Encryption,
    credentials: Option<Credentials>,
    hello: ClientId,
    sender: Sender,
    timeout: Duration,
    /// The latest used last.
    idle: Mutex<Vec<(AsyncSmtpConnection, Instant)>>,
}

enum Encryption {
    None,
    /// STARTTLS, and whether to go on without.
    Upgrade {
        tls: TlsParameters,
        required: bool,
    },
    Implicit(TlsParameters),
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
    pub const fn new(server: Server) -> Self {
        Self { server, timeout: Duration::from_secs(10) }
    }
}

impl Smtp {
    /// Sends as `sender`, with the system's root certificates, or those of `SSL_CERT_FILE`.
    ///
    /// # Errors
    /// What keeps the certificates from being used.
    pub fn new(settings: Settings, sender: Sender) -> Result<Self, String> {
        let Settings { server: Server { host, port, tls, credentials }, timeout } = settings;
        let parameters = || TlsParameters::new(host.clone()).map_err(|error| describe(&error));
        let encryption = match tls {
            Tls::None => Encryption::None,
            Tls::Opportunistic => Encryption::Upgrade { tls: parameters()?, required: false },
            Tls::Required => Encryption::Upgrade { tls: parameters()?, required: true },
            Tls::Implicit => Encryption::Implicit(parameters()?),
        };
        let credentials = credentials.map(|(user, password)| Credentials::new(user, password.expose().into()));
        Ok(Self { host, port, encryption, credentials, hello: ClientId::default(), sender, timeout, idle: Mutex::default() })
    }

    async fn deliver(&self, outgoing: &Outgoing) -> Result<(), SendError> {
        let envelope = self.sender.envelope(&outgoing.to).ok_or_else(|| SendError::Final("no e-mail can go there".into()))?;
        self.converse(&envelope, &outgoing.body).await.map_err(|error| classify(&error))
    }

    async fn converse(&self, envelope: &Envelope, mail: &[u8]) -> Result<(), Error> {
        let mut connection = self.connection().await?;
        connection.send(envelope, mail).await?;
        let mut idle = self.idle();
        if idle.len() < IDLE.0 {
            idle.push((connection, Instant::now()));
        }
        Ok(())
    }

    /// A kept connection that still answers, or a new one.
    async fn connection(&self) -> Result<AsyncSmtpConnection, Error> {
        while let Some(mut connection) = self.kept() {
            if connection.test_connected().await {
                return Ok(connection);
            }
        }
        let implicit = match &self.encryption {
            Encryption::Implicit(tls) => Some(tls.clone()),
            Encryption::None | Encryption::Upgrade { .. } => None,
        };
        let address = (self.host.as_str(), self.port);
        // Each address has half of the time of a usual try, so that a dead one leaves the next some.
        let each = Some(Duration::from_secs(5));
        let mut connection = AsyncSmtpConnection::connect_tokio1(address, each, &self.hello, implicit, None).await?;
        if let Encryption::Upgrade { tls, required } = &self.encryption
            && (*required || connection.can_starttls())
        {
            connection.starttls(tls.clone(), &self.hello).await?;
        }
        if let Some(credentials) = &self.credentials {
            connection.auth(&[Mechanism::Plain, Mechanism::Login], credentials).await?;
        }
        Ok(connection)
    }

    fn kept(&self) -> Option<AsyncSmtpConnection> {
        let mut idle = self.idle();
        idle.retain(|(_, since)| since.elapsed() < IDLE.1);
        idle.pop().map(|(connection, _)| connection)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(AsyncSmtpConnection, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Carrier for Smtp {
    fn format(&self, message: &Message, at: UnixTime) -> Result<Outgoing, SendError> {
        self.sender.format(message, at)
    }

    fn send<'a>(&'a self, outgoing: &'a Outgoing) -> Sending<'a> {
        Box::pin(in_time(self.timeout, self.deliver(outgoing)))
    }
}

/// 5xx is final, and so is what can't work with this server; everything else may work later.
fn classify(error: &Error) -> SendError {
    let reason = describe(error);
    if error.is_permanent() || error.is_client() { SendError::Final(reason) } else { SendError::temporary(reason) }
}

/// What went wrong, without the server's own words: they often name the recipient.
fn describe(error: &Error) -> String {
    if let Some(code) = error.status() {
        return format!("the SMTP server answered {code}");
    }
    if error.is_response() {
        return "the SMTP server broke off or answered nonsense".into();
    }
    error.to_string()
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Smtp").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
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
    fn a_password_in_the_open_is_noticed() {
        let shows = |url| Server::parse(url).unwrap().shows_password();
        assert!(shows("smtp://a:b@mail") && shows("smtp://a:b@mail?tls=opportunistic"));
        assert!(!shows("smtp://mail") && !shows("smtps://a:b@mail") && !shows("smtp://a:b@localhost"));
        assert!(!shows("smtp://a:b@mail?tls=required"));
    }
}
