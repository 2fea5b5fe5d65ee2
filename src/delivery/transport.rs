//! What carries a message: formats it once, then tries to send it.

use std::{fmt, future::Future, io, path::Path, time::Duration};

use hyper::body::Bytes;

use super::{
    carriers::{
        console,
        file::{self, Folder},
    },
    mail::Sender,
    message::{Message, MessageId},
};
use crate::{
    config::sections::{email::EmailTransport, sms::SmsTransport},
    time::UnixTime,
};

/// What carries the messages of one channel, and how long one try may take.
pub struct Transport {
    carrier: Carrier,
    timeout: Duration,
}

enum Carrier {
    Console,
    Mails {
        folder: Folder,
        sender: Sender,
    },
    Texts(Folder),
    #[cfg(feature = "smtp")]
    Smtp {
        server: super::carriers::smtp::Smtp,
        sender: Sender,
    },
    Discard,
    #[cfg(test)]
    Scripted(super::testing::Script),
}

/// A message in the form in which it leaves; every try sends the same.
pub(super) struct Parcel {
    id: MessageId,
    written_at: UnixTime,
    #[cfg_attr(not(feature = "smtp"), allow(dead_code, reason = "what a file holds has none"))]
    envelope: Option<lettre::address::Envelope>,
    bytes: Bytes,
}

/// A transport that can't be used, with the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransportFault(pub String);

/// A try that failed. The reason holds neither the recipient nor anything of the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SendError {
    /// It may work later.
    Transient(String),
    /// It won't.
    Permanent(String),
}

impl Transport {
    /// The transport of e-mail that a configuration names. `timeout` limits one try.
    ///
    /// # Errors
    /// [`TransportFault`]: a folder that can't be made, or a transport that this build doesn't have.
    pub fn email(configured: &EmailTransport, sender: Sender, timeout: Duration) -> Result<Self, TransportFault> {
        let carrier = match configured {
            EmailTransport::Console => Carrier::Console,
            EmailTransport::File(path) => Carrier::Mails { folder: folder(path, "eml")?, sender },
            #[cfg(feature = "smtp")]
            EmailTransport::Smtp(server) => Carrier::Smtp { server: super::carriers::smtp::Smtp::new(server)?, sender },
            #[cfg(not(feature = "smtp"))]
            EmailTransport::Smtp(_) => return Err(TransportFault::missing("smtp")),
            EmailTransport::Http(_) => return Err(TransportFault::missing("http")),
            EmailTransport::Discard => Carrier::Discard,
        };
        Ok(Self { carrier, timeout })
    }

    /// The transport of SMS that a configuration names. `timeout` limits one try.
    ///
    /// # Errors
    /// [`TransportFault`]: a folder that can't be made, or a transport that this build doesn't have.
    pub fn sms(configured: &SmsTransport, timeout: Duration) -> Result<Self, TransportFault> {
        let carrier = match configured {
            SmsTransport::Console => Carrier::Console,
            SmsTransport::File(path) => Carrier::Texts(folder(path, "json")?),
            SmsTransport::Twilio { .. } => return Err(TransportFault::missing("twilio")),
            SmsTransport::Telnyx { .. } => return Err(TransportFault::missing("telnyx")),
            SmsTransport::Http(_) => return Err(TransportFault::missing("http")),
            SmsTransport::Discard => Carrier::Discard,
        };
        Ok(Self { carrier, timeout })
    }

    /// Whether messages vanish here: then they aren't even written.
    pub(super) const fn discards(&self) -> bool {
        matches!(self.carrier, Carrier::Discard)
    }

    /// Puts a message into the form in which it leaves.
    pub(super) fn format(&self, message: &Message, now: UnixTime) -> Result<Parcel, SendError> {
        let mail = |sender: &Sender| {
            sender.format(message, now).ok_or_else(|| SendError::Permanent("no e-mail can go to this address".into()))
        };
        let (envelope, bytes) = match &self.carrier {
            Carrier::Console => (None, console::readable(message)),
            Carrier::Mails { sender, .. } => (None, mail(sender)?.bytes),
            Carrier::Texts(_) => (None, file::json(message)),
            #[cfg(feature = "smtp")]
            Carrier::Smtp { sender, .. } => {
                let super::mail::Formatted { envelope, bytes } = mail(sender)?;
                (Some(envelope), bytes)
            }
            Carrier::Discard => (None, Vec::new()),
            #[cfg(test)]
            Carrier::Scripted(_) => (None, message.to.as_bytes().to_vec()),
        };
        Ok(Parcel { id: message.id.clone(), written_at: now, envelope, bytes: bytes.into() })
    }

    /// Tries once. What goes over a network is given up after a while; a write that blocks can't be.
    pub(super) async fn send(&self, parcel: &Parcel) -> Result<(), SendError> {
        match &self.carrier {
            Carrier::Console => {
                let bytes = parcel.bytes.clone();
                blocking(move || console::print(&bytes)).await
            }
            Carrier::Mails { folder, .. } | Carrier::Texts(folder) => {
                let (folder, id, at, bytes) = (folder.clone(), parcel.id.clone(), parcel.written_at, parcel.bytes.clone());
                blocking(move || folder.write(&id, at, &bytes)).await
            }
            #[cfg(feature = "smtp")]
            Carrier::Smtp { server, .. } => match &parcel.envelope {
                Some(envelope) => self.in_time(server.send(envelope, &parcel.bytes)).await,
                None => Err(SendError::Permanent("an e-mail without an address".into())),
            },
            Carrier::Discard => Ok(()),
            #[cfg(test)]
            Carrier::Scripted(script) => self.in_time(script(String::from_utf8_lossy(&parcel.bytes).into_owned())).await,
        }
    }

    /// Does the work of sending for a message that is dropped, where nobody else would see it; `None` elsewhere.
    pub(super) async fn rehearse(&self, parcel: &Parcel) -> Option<Result<(), SendError>> {
        let (Carrier::Mails { folder, .. } | Carrier::Texts(folder)) = &self.carrier else { return None };
        let (folder, id, at, bytes) = (folder.clone(), parcel.id.clone(), parcel.written_at, parcel.bytes.clone());
        Some(blocking(move || folder.rehearse(&id, at, &bytes)).await)
    }

    #[cfg(any(test, feature = "smtp"))]
    async fn in_time(&self, sending: impl Future<Output = Result<(), SendError>>) -> Result<(), SendError> {
        let sent = tokio::time::timeout(self.timeout, sending).await;
        sent.unwrap_or_else(|_| Err(SendError::Transient(format!("no answer within {} s", self.timeout.as_secs()))))
    }

    /// One that does what a test says.
    #[cfg(test)]
    pub(super) fn scripted(script: super::testing::Script, timeout: Duration) -> Self {
        Self { carrier: Carrier::Scripted(script), timeout }
    }
}

impl Parcel {
    /// The message's name.
    pub(super) const fn id(&self) -> &MessageId {
        &self.id
    }
}

/// Keeps what blocks away from the threads that drive everything else.
fn blocking(work: impl FnOnce() -> io::Result<()> + Send + 'static) -> impl Future<Output = Result<(), SendError>> {
    let task = tokio::task::spawn_blocking(work);
    async {
        match task.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(SendError::Transient(error.to_string())),
            Err(_) => Err(SendError::Transient("the runtime is shutting down".into())),
        }
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.carrier {
            Carrier::Console => "console",
            Carrier::Mails { .. } | Carrier::Texts(_) => "file",
            #[cfg(feature = "smtp")]
            Carrier::Smtp { .. } => "smtp",
            Carrier::Discard => "discard",
            #[cfg(test)]
            Carrier::Scripted(_) => "scripted",
        };
        f.debug_struct("Transport").field("carrier", &name).field("timeout", &self.timeout).finish()
    }
}

impl TransportFault {
    fn missing(transport: &str) -> Self {
        Self(format!("the transport {transport:?} doesn't exist in this build"))
    }
}

/// The folder of this path, made if it isn't there.
fn folder(path: &Path, suffix: &'static str) -> Result<Folder, TransportFault> {
    Folder::open(path, suffix).map_err(|error| TransportFault(format!("can't make {}: {error}", path.display())))
}

impl fmt::Display for TransportFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TransportFault {}
