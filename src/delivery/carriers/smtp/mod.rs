//! E-mail by SMTP (RFC 5321), over connections that are kept.
//!
//! lettre speaks the protocol. Its own pool puts a connection back whose conversation was cut off by a timeout; ours
//! keeps only those that ended a message in order.

mod faults;
mod settings;

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use lettre::{
    address::Envelope,
    transport::smtp::{
        Error,
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, TlsParameters, TlsParametersBuilder},
        commands::{Data, Mail, Rcpt},
        extension::ClientId,
    },
};
use tokio::time::{Duration, Instant, timeout_at};

use self::faults::{Stage, not_connected, refused};
pub use self::settings::{HelloName, Roots, Server, Settings, Tls};
use crate::{
    delivery::{Carrier, Message, Outgoing, SendError, Sender, Sending, carrier::no_answer},
    time::UnixTime,
};

/// How many connections are kept when they have nothing to do, and for how long.
const IDLE: (usize, Duration) = (8, Duration::from_secs(60));

/// Sends e-mail through one SMTP server.
pub struct Smtp {
    place: Place,
    encryption: Encryption,
    credentials: Option<Credentials>,
    hello: Option<HelloName>,
    sender: Sender,
    timeout: Duration,
    /// The latest used last.
    idle: Mutex<Vec<(AsyncSmtpConnection, Instant)>>,
}

/// Which server it is.
struct Place {
    /// The section of the configuration that names it.
    section: &'static str,
    host: String,
    port: u16,
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
    /// Sends as `sender`. Certificates are checked with the system's roots, or those of `SSL_CERT_FILE`, and those of the
    /// settings.
    ///
    /// # Errors
    /// What keeps the certificates from being used.
    pub fn new(settings: Settings, sender: Sender) -> Result<Self, String> {
        let Settings { section, server: Server { host, port, tls, credentials }, hello, roots, timeout } = settings;
        let parameters = || {
            let builder = TlsParameters::builder(host.clone());
            let builder = roots.0.iter().cloned().fold(builder, TlsParametersBuilder::add_root_certificate);
            builder.build().map_err(|error| error.to_string())
        };
        let encryption = match tls {
            Tls::None => Encryption::None,
            Tls::Opportunistic => Encryption::Upgrade { tls: parameters()?, required: false },
            Tls::Required => Encryption::Upgrade { tls: parameters()?, required: true },
            Tls::Implicit => Encryption::Implicit(parameters()?),
        };
        let credentials = credentials.map(|(user, password)| Credentials::new(user, password.expose().into()));
        Ok(Self { place: Place { section, host, port }, encryption, credentials, hello, sender, timeout, idle: Mutex::default() })
    }

    async fn deliver(&self, outgoing: &Outgoing) -> Result<(), SendError> {
        let envelope = self.sender.envelope(&outgoing.to).ok_or_else(|| SendError::Final("no e-mail can go there".into()))?;
        let end = Instant::now() + self.timeout;
        // Until there is a connection, nothing depends on where the message goes.
        let connected = timeout_at(end, self.connection()).await;
        let mut connection = connected.map_err(|_| SendError::down(no_answer(self.timeout)))??;
        let told = timeout_at(end, tell(&mut connection, &envelope, &outgoing.body)).await;
        let told = told.map_err(|_| SendError::NoAnswer { reason: no_answer(self.timeout) })?;
        if let Err((stage, error)) = told {
            // It may say goodbye for as long as there is time.
            let _ = timeout_at(end, connection.abort()).await;
            return Err(refused(&error, stage, &self.place));
        }
        let mut idle = self.idle();
        if idle.len() < IDLE.0 {
            idle.push((connection, Instant::now()));
        }
        Ok(())
    }

    /// A kept connection that still answers, or a new one.
    async fn connection(&self) -> Result<AsyncSmtpConnection, SendError> {
        while let Some(mut connection) = self.kept() {
            if connection.test_connected().await {
                return Ok(connection);
            }
        }
        let mut connection = self.connect().await?;
        if let Some(credentials) = &self.credentials {
            self.log_in(&mut connection, credentials).await?;
        }
        Ok(connection)
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, SendError> {
        let address = (self.place.host.as_str(), self.place.port);
        let hello = match &self.hello {
            Some(name) => name.0.clone(),
            None => HelloName::on_the_way_to(address).await.map_or_else(ClientId::default, |name| name.0),
        };
        let implicit = match &self.encryption {
            Encryption::Implicit(tls) => Some(tls.clone()),
            Encryption::None | Encryption::Upgrade { .. } => None,
        };
        // Each address has half of the time of a usual try, so that a dead one leaves the next some.
        let each = Some(Duration::from_secs(5));
        let connected = AsyncSmtpConnection::connect_tokio1(address, each, &hello, implicit, None).await;
        let mut connection = connected.map_err(|error| not_connected(&error, &self.place))?;
        if let Encryption::Upgrade { tls, required } = &self.encryption {
            if connection.can_starttls() {
                connection.starttls(tls.clone(), &hello).await.map_err(|error| refused(&error, Stage::Opening, &self.place))?;
            } else if *required {
                return Err(SendError::Refused("the SMTP server offers no STARTTLS, which ?tls=required insists on".into()));
            }
        }
        Ok(connection)
    }

    /// Tries each way that the server offers: some offer one that they then refuse.
    async fn log_in(&self, connection: &mut AsyncSmtpConnection, credentials: &Credentials) -> Result<(), SendError> {
        let mut answered = None;
        for mechanism in [Mechanism::Plain, Mechanism::Login] {
            if !connection.server_info().supports_auth_mechanism(mechanism) || connection.has_broken() {
                continue;
            }
            match connection.auth(&[mechanism], credentials).await {
                Ok(_) => return Ok(()),
                Err(error) if error.is_permanent() => answered = error.status(),
                Err(error) => return Err(refused(&error, Stage::Opening, &self.place)),
            }
        }
        Err(SendError::Refused(match answered {
            Some(code) => format!("the SMTP server refused the user or the password of {}.url ({code})", self.place.section),
            None => "the SMTP server offers no way to log in that we know (PLAIN, LOGIN)".into(),
        }))
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

/// The conversation about one message; an error says how far it had come.
async fn tell(connection: &mut AsyncSmtpConnection, envelope: &Envelope, mail: &[u8]) -> Result<(), (Stage, Error)> {
    // Addresses are ASCII, and so is the mail: nothing of it needs an extension.
    connection.command(Mail::new(envelope.from().cloned(), Vec::new())).await.map_err(|error| (Stage::Opening, error))?;
    for to in envelope.to() {
        connection.command(Rcpt::new(to.clone(), Vec::new())).await.map_err(|error| (Stage::Recipient, error))?;
    }
    connection.command(Data).await.map_err(|error| (Stage::Content, error))?;
    connection.message(mail).await.map_err(|error| (Stage::Content, error))?;
    Ok(())
}

impl Carrier for Smtp {
    fn name(&self) -> &'static str {
        "smtp"
    }

    fn format(&self, message: &Message, at: UnixTime) -> Result<Outgoing, SendError> {
        self.sender.format(message, at)
    }

    fn send<'a>(&'a self, outgoing: &'a Outgoing) -> Sending<'a> {
        Box::pin(self.deliver(outgoing))
    }
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { section, host, port } = &self.place;
        f.debug_struct("Smtp").field("section", section).field("host", host).field("port", port).finish_non_exhaustive()
    }
}
