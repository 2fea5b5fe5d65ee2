//! `[email]`: how e-mail goes out.

use std::{borrow::Cow, path::PathBuf};

use percent_encoding::percent_decode_str;
use reqwest::Url;

use crate::{
    config::{
        SecretText, Webhook,
        reader::{
            judge::Section,
            schema::{Absent, SectionSchema, choice, number, secret, text, url},
        },
    },
    delivery::Sender,
};

pub(crate) static SCHEMA: SectionSchema = SectionSchema {
    name: "email",
    about: "How e-mail goes out.",
    keys: &[
        choice(
            "transport",
            &["console", "file", "smtp", "http", "discard"],
            "console: readable text on stdout. file: one .eml a message in `path`. smtp, http: to `url`. discard: nothing leaves.",
        )
        .without(Absent::Choices(&["http"])),
        url(
            "url",
            "smtp://user:pass@host:587: plain; ?tls=opportunistic or ?tls=required: STARTTLS; smtps://: TLS.\n\
             User and password are percent-encoded. For transport http: where each message is POSTed.",
        ),
        text("from", "noreply@example.com", "The sender, as noreply@example.com or Example <noreply@example.com>."),
        text("path", "mail", "The folder of transport file."),
        text(
            "templates",
            "",
            "A folder of [<language>/]email.subject.txt, email.txt, email.html and sms.txt (minijinja), used before the built-in ones.\n\
             They know code, link, site_name, minutes, host and locale.",
        ),
        secret("secret", "Signs what transport http POSTs: whsec_ and base64 of 24 to 64 bytes (Standard Webhooks).")
            .without(Absent::Part),
        number(
            "max_per_hour",
            0,
            0,
            1_000_000_000,
            "E-mails an hour that this node (the fleet, with guard.nodes or redis) sends at most; beyond: 429. 0: off.",
        ),
    ],
};

/// E-mail delivery.
#[derive(Clone, Debug)]
pub struct Email {
    /// By what.
    pub transport: EmailTransport,
    /// The sender's mailbox.
    pub from: String,
    /// A folder of templates that come before the built-in ones, for e-mail and SMS.
    pub templates: Option<PathBuf>,
    /// E-mails an hour that this node, or the fleet that counts as one, sends at most; 0: off.
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

pub(crate) fn read(section: &Section<'_>) -> Option<Email> {
    let name = section.text("transport");
    let why = format!("with transport = \"{name}\"");
    let transport = match name {
        "file" => section.required("path", &why).map(|path| EmailTransport::File(path.into())),
        "smtp" if !cfg!(feature = "smtp") => {
            section.fault("transport", "smtp needs a build with the feature \"smtp\"");
            None
        }
        "smtp" => {
            let url = section.required("url", &why).and_then(|_| section.parse("url", Smtp::parse));
            if url.as_ref().is_some_and(Smtp::shows_password) {
                section.warn("url", "sends the password unencrypted: add ?tls=required, or use smtps://");
            }
            url.map(EmailTransport::Smtp)
        }
        "http" => Webhook::read(section, &why).map(EmailTransport::Http),
        "discard" => Some(EmailTransport::Discard),
        _ => Some(EmailTransport::Console),
    };
    match name {
        "smtp" => section.unused(&["path", "secret"], &why),
        "http" => section.unused(&["path"], &why),
        "file" => section.unused(&["url", "secret"], &why),
        _ => section.unused(&["path", "url", "secret"], &why),
    }
    let from = section.parse("from", parse_mailbox);
    let templates = Some(section.text("templates")).filter(|path| !path.is_empty()).map(PathBuf::from);
    if let Some(folder) = &templates {
        section.judge_templates("templates", folder);
    }
    Some(Email { transport: transport?, from: from?, templates, max_per_hour: section.number("max_per_hour") })
}

impl Smtp {
    /// Reads `smtp://user:pass@host:587?tls=required` and its kin. User and password are percent-decoded.
    pub fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| format!("is no URL: {error}"))?;
        let Some(host) = url.host_str().filter(|host| !host.is_empty()) else { return Err("names no host".into()) };
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err("must have nothing after the host but ?tls=…".into());
        }
        let tls = match (url.scheme(), url.query()) {
            ("smtp", None) => SmtpTls::None,
            ("smtp", Some("tls=opportunistic")) => SmtpTls::Opportunistic,
            ("smtp", Some("tls=required")) => SmtpTls::Required,
            ("smtps", None) => SmtpTls::Implicit,
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
            SmtpTls::None => 25,
            SmtpTls::Opportunistic | SmtpTls::Required => 587,
            SmtpTls::Implicit => 465,
        });
        Ok(Self { host: host.trim_matches(['[', ']']).to_owned(), port, tls, credentials })
    }

    fn shows_password(&self) -> bool {
        let is_here = matches!(&*self.host, "localhost" | "127.0.0.1" | "::1");
        self.credentials.is_some() && matches!(self.tls, SmtpTls::None | SmtpTls::Opportunistic) && !is_here
    }
}

/// A mailbox of one line: an address, or a name and an address in angle brackets.
fn parse_mailbox(text: &str) -> Result<String, String> {
    let fault = || "is no mailbox: write noreply@example.com or Example <noreply@example.com>".to_owned();
    Sender::parse(text).map(|_| text.to_owned()).ok_or_else(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smtp_urls() {
        let smtp = Smtp::parse("smtp://ann%40example.com:p%3Ass@mail.example:2525?tls=required").unwrap();
        assert_eq!((&*smtp.host, smtp.port, smtp.tls), ("mail.example", 2525, SmtpTls::Required));
        let (user, password) = smtp.credentials.unwrap();
        assert_eq!((&*user, password.expose()), ("ann@example.com", "p:ss"));
        for (url, port, tls) in [
            ("smtp://mail", 25, SmtpTls::None),
            ("smtp://mail?tls=opportunistic", 587, SmtpTls::Opportunistic),
            ("smtps://mail", 465, SmtpTls::Implicit),
            ("smtp://[::1]:2525/", 2525, SmtpTls::None),
        ] {
            let smtp = Smtp::parse(url).unwrap();
            assert_eq!((smtp.port, smtp.tls, smtp.credentials.is_none()), (port, tls, true), "{url}");
        }
        assert_eq!(Smtp::parse("smtp://[::1]").unwrap().host, "::1");
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
            assert!(Smtp::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_password_in_the_open_is_noticed() {
        let shows = |url| Smtp::parse(url).unwrap().shows_password();
        assert!(shows("smtp://a:b@mail") && shows("smtp://a:b@mail?tls=opportunistic"));
        assert!(!shows("smtp://mail") && !shows("smtps://a:b@mail") && !shows("smtp://a:b@localhost"));
        assert!(!shows("smtp://a:b@mail?tls=required"));
    }

    #[test]
    fn mailboxes_are_one_line() {
        assert!(parse_mailbox("Example <noreply@example.com>").is_ok());
        for bad in ["", "noreply", "a@example.com\r\nBcc: b@example.com", "a@example.com\n"] {
            assert!(parse_mailbox(bad).is_err(), "{bad:?}");
        }
    }
}
