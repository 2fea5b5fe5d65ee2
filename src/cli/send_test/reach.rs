//! Whether a server can be reached at all: its name, and its port.

use std::{io, net::SocketAddr, time::Duration};

use reqwest::Url;
use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};

use crate::{
    cli::exit::Exit,
    config::sections::{email::EmailTransport, sms::SmsTransport},
};

/// How long a look and a connection may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) host: String,
    pub(super) port: u16,
    /// The key that says so, without its section.
    pub(super) key: &'static str,
}

/// Why it can't be reached.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The name has no address.
    NoAddress(String),
    /// Somebody says that nothing listens there.
    NobodyListens(String),
    /// Nobody says anything.
    Silence,
}

impl Endpoint {
    fn of_url(url: &Url, key: &'static str) -> Option<Self> {
        Some(Self { host: url.host_str()?.trim_matches(['[', ']']).to_owned(), port: url.port_or_known_default()?, key })
    }

    /// Looks its name up, and connects once; says each step.
    ///
    /// # Errors
    /// Where a step can't be said; inside, why nothing can be reached.
    pub(super) async fn reach(&self, say: impl Fn(String) -> Result<(), Exit>) -> Result<Result<(), Fault>, Exit> {
        let Self { host, port, .. } = self;
        let found = match timeout(PATIENCE, lookup_host((host.as_str(), *port))).await {
            Ok(found) => found.map(Iterator::collect::<Vec<SocketAddr>>),
            Err(_) => Err(io::Error::other("no name server answered within 5 s")),
        };
        let addresses = match found {
            Ok(addresses) if !addresses.is_empty() => addresses,
            Ok(_) => return Ok(Err(Fault::NoAddress("it has none".into()))),
            Err(error) => return Ok(Err(Fault::NoAddress(error.to_string()))),
        };
        let shown: Vec<String> = addresses.iter().take(4).map(|address| address.ip().to_string()).collect();
        say(format!("{host} is at {}", shown.join(", ")))?;
        let mut fault = Fault::Silence;
        for address in addresses.iter().take(4) {
            match timeout(PATIENCE, TcpStream::connect(address)).await {
                Ok(Ok(_)) => {
                    say(format!("{} takes connections at port {port}", address.ip()))?;
                    return Ok(Ok(()));
                }
                Ok(Err(error)) => fault = Fault::NobodyListens(error.to_string()),
                Err(_) => {}
            }
        }
        Ok(Err(fault))
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoAddress(reason) => write!(f, "no address is known ({reason})"),
            Self::NobodyListens(reason) => write!(f, "no connection ({reason})"),
            Self::Silence => write!(f, "no connection within {} s", PATIENCE.as_secs()),
        }
    }
}

/// What this transport calls; nothing on this machine is called for a file or the terminal.
pub(super) fn of_email(transport: &EmailTransport) -> Option<Endpoint> {
    match transport {
        EmailTransport::Console | EmailTransport::File(_) => None,
        #[cfg(feature = "smtp")]
        EmailTransport::Smtp(settings) => {
            Some(Endpoint { host: settings.server.host.clone(), port: settings.server.port, key: "url" })
        }
        EmailTransport::Http(webhook) => Endpoint::of_url(&webhook.url, "url"),
        EmailTransport::Postmark(settings) => Endpoint::of_url(&settings.api_base, "api_base"),
        EmailTransport::Resend(settings) => Endpoint::of_url(&settings.api_base, "api_base"),
        EmailTransport::SendGrid(settings) => Endpoint::of_url(&settings.api_base, "api_base"),
        EmailTransport::Mailgun(settings) => Endpoint::of_url(&settings.api_base, "api_base"),
        #[cfg(feature = "aws")]
        EmailTransport::Ses(settings) => Endpoint::of_url(&settings.api_base, "api_base"),
    }
}

/// What this transport for SMS calls.
pub(super) fn of_sms(transport: &SmsTransport) -> Option<Endpoint> {
    match transport {
        SmsTransport::Console | SmsTransport::File(_) => None,
        SmsTransport::Twilio(settings) => Endpoint::of_url(&settings.api_base, "api_base"),
        SmsTransport::Telnyx(settings) => Endpoint::of_url(&settings.api_base, "api_base"),
        SmsTransport::Vonage(settings) => Endpoint::of_url(&settings.api_base, "api_base"),
        #[cfg(feature = "aws")]
        SmsTransport::Sns(settings) => Endpoint::of_url(&settings.api_base, "api_base"),
        SmsTransport::Http(webhook) => Endpoint::of_url(&webhook.url, "url"),
    }
}
