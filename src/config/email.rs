//! `[email]`: how e-mail goes out.

use std::path::PathBuf;

use super::{SecretText, Webhook};

/// E-mail delivery.
#[derive(Clone, Debug)]
pub struct Email {
    /// By what.
    pub transport: EmailTransport,
    /// The sender's mailbox.
    pub from: String,
    /// A folder of templates that come before the built-in ones, for e-mail and SMS.
    pub templates: Option<PathBuf>,
    /// E-mails an hour that this node sends at most; 0: off.
    pub max_per_hour: u32,
}

/// What carries an e-mail.
#[derive(Clone, Debug)]
pub enum EmailTransport {
    /// Readable text on stdout.
    Console,
    /// One `.eml` a message in this folder.
    File(PathBuf),
    /// An SMTP server.
    Smtp(Smtp),
    /// A POST for each message.
    Http(Webhook),
    /// Nothing.
    Discard,
}

/// An SMTP server, as its URL states it.
#[derive(Clone, Debug)]
pub struct Smtp {
    /// Host name or address; IPv6 without brackets.
    pub host: String,
    /// The port; 25, or 465 for `smtps`, where the URL has none.
    pub port: u16,
    /// How the connection is protected.
    pub tls: SmtpTls,
    /// User and password.
    pub credentials: Option<(String, SecretText)>,
}

/// How a connection to an SMTP server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpTls {
    /// `smtp://`: not at all.
    None,
    /// `smtp://…?tls=opportunistic`: STARTTLS where the server offers it.
    Opportunistic,
    /// `smtp://…?tls=required`: STARTTLS or nothing.
    Required,
    /// `smtps://`: TLS from the first byte.
    Implicit,
}
