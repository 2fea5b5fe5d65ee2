//! E-mail by SMTP (RFC 5321), over connections that are kept.
//!
//! lettre speaks the protocol. Its own pool puts a connection back whose conversation was cut off by a timeout; ours
//! keeps only those that ended a message in order.

use std::sync::{Mutex, MutexGuard, PoisonError};

use lettre::{
    address::Envelope,
    transport::smtp::{
        Error,
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, TlsParameters},
        extension::ClientId,
    },
};
use tokio::time::{Duration, Instant};

use crate::{
    config::sections::email::{Smtp as Server, SmtpTls},
    delivery::transport::{SendError, TransportFault},
};

/// How many connections are kept when they have nothing to do, and for how long.
const IDLE: (usize, Duration) = (8, Duration::from_secs(60));

/// One SMTP server.
pub(crate) struct Smtp {
    host: String,
    port: u16,
    encryption: Encryption,
    credentials: Option<Credentials>,
    hello: ClientId,
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

impl Smtp {
    /// With the system's root certificates, or those of `SSL_CERT_FILE`.
    pub(crate) fn new(server: &Server) -> Result<Self, TransportFault> {
        let tls = || TlsParameters::new(server.host.clone()).map_err(|error| TransportFault(describe(&error)));
        let encryption = match server.tls {
            SmtpTls::None => Encryption::None,
            SmtpTls::Opportunistic => Encryption::Upgrade { tls: tls()?, required: false },
            SmtpTls::Required => Encryption::Upgrade { tls: tls()?, required: true },
            SmtpTls::Implicit => Encryption::Implicit(tls()?),
        };
        let credentials =
            server.credentials.as_ref().map(|(user, password)| Credentials::new(user.clone(), password.expose().into()));
        let (host, port) = (server.host.clone(), server.port);
        Ok(Self { host, port, encryption, credentials, hello: ClientId::default(), idle: Mutex::default() })
    }

    /// Sends one message. Given up at any time, it leaves nothing behind but a connection that closes.
    pub(crate) async fn send(&self, envelope: &Envelope, mail: &[u8]) -> Result<(), SendError> {
        let mut connection = self.connection().await.map_err(|error| classify(&error))?;
        connection.send(envelope, mail).await.map_err(|error| classify(&error))?;
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
            _ => None,
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

/// 5xx is final, and so is what can't work with this server; everything else may work later.
fn classify(error: &Error) -> SendError {
    let reason = describe(error);
    if error.is_permanent() || error.is_client() { SendError::Permanent(reason) } else { SendError::Transient(reason) }
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
