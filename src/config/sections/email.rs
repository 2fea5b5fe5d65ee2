//! `[email]`: how e-mail goes out.

use std::{path::PathBuf, sync::Arc};

#[cfg(feature = "smtp")]
use crate::delivery::carriers::smtp;
use crate::{
    config::reader::{
        choice::choices,
        judge::Section,
        schema::{Absent, SectionSchema, number, one_of, secret, text, url},
    },
    delivery::{Sender, Templates},
};

pub(crate) static SCHEMA: SectionSchema = SectionSchema {
    name: "email",
    about: "How e-mail goes out.",
    keys: &[
        one_of::<Choice>(
            "transport",
            "console: readable text on stdout. file: one .eml a message in `path`. smtp, http: to `url`. discard: nothing leaves.",
        )
        .without(Absent::Choices(&["http"])),
        url(
            "url",
            "smtp://user:pass@host:587: plain; ?tls=opportunistic or ?tls=required: STARTTLS; smtps://: TLS.\n\
             User and password are percent-encoded. For transport http: where each message is POSTed.",
        ),
        text("from", "noreply@example.com", "The sender, as noreply@example.com or Example <noreply@example.com>."),
        text(
            "hello_name",
            "",
            "What we call ourselves to the mail server (EHLO): a name with a dot, or an address in brackets. Default: the host name\n\
             of this machine or of server.public_url, if it has a dot, else this machine's address.",
        ),
        text(
            "ca_file",
            "",
            "A PEM file of certificates that are trusted for the mail server, beside the system's: of its CA, or its own.",
        ),
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

choices! {
    enum Choice {
        Console = "console",
        File = "file",
        Smtp = "smtp",
        Http = "http",
        Discard = "discard",
    }
}

/// E-mail delivery.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Email {
    /// By what.
    pub transport: EmailTransport,
    /// The sender's mailbox.
    pub from: Sender,
    /// The words of messages, of e-mail and SMS.
    pub templates: Arc<Templates>,
    /// E-mails an hour that this node, or the fleet that counts as one, sends at most; 0: off.
    pub max_per_hour: u32,
}

/// What carries an e-mail.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum EmailTransport {
    /// Readable text on stdout.
    Console,
    /// One `.eml` a message in this folder.
    File(PathBuf),
    /// An SMTP server.
    #[cfg(feature = "smtp")]
    Smtp(smtp::Settings),
    /// Nothing.
    Discard,
}

pub(crate) fn read(section: &Section<'_>) -> Option<Email> {
    let why = format!("with transport = \"{}\"", section.text("transport"));
    section.reads_only_what_is_used(&why);
    let transport = match section.choice("transport") {
        Choice::Console => Some(EmailTransport::Console),
        Choice::File => section.required("path", &why).map(|path| EmailTransport::File(path.into())),
        Choice::Smtp => read_smtp(section, &why),
        Choice::Discard => Some(EmailTransport::Discard),
        // What isn't available in this version is refused for all sections together.
        Choice::Http => None,
    };
    let from = section.parse("from", |text| {
        Sender::parse(text).ok_or_else(|| "is no mailbox: write noreply@example.com or Example <noreply@example.com>".to_owned())
    });
    let templates =
        if section.text("templates").is_empty() { Some(Templates::built_in()) } else { section.read_templates("templates") };
    let templates = Arc::new(templates?);
    Some(Email { transport: transport?, from: from?, templates, max_per_hour: section.number("max_per_hour") })
}

#[cfg(feature = "smtp")]
fn read_smtp(section: &Section<'_>, why: &str) -> Option<EmailTransport> {
    let server = section.required("url", why).and_then(|_| section.parse("url", smtp::Server::parse));
    if server.as_ref().is_some_and(smtp::Server::shows_password) {
        section.warn("url", "sends the password unencrypted: add ?tls=required, or use smtps://");
    }
    let hello = section.parse("hello_name", |text| match text {
        "" => Ok(None),
        _ => smtp::HelloName::parse(text).map(Some).ok_or_else(|| {
            "must be a host name with a dot, mail.example.com, or an address in brackets, [192.0.2.1] or [IPv6:2001:db8::1]"
                .into()
        }),
    });
    let roots = match section.text("ca_file") {
        "" => Some(smtp::Roots::default()),
        path => {
            let pem = section.read_bytes("ca_file");
            let judge =
                |pem: &[u8]| smtp::Roots::parse(pem).map_err(|reason| section.fault("ca_file", format!("{path} {reason}")));
            pem.and_then(|pem| judge(&pem).ok())
        }
    };
    Some(EmailTransport::Smtp(smtp::Settings { hello: hello?, roots: roots?, ..smtp::Settings::new(server?) }))
}

#[cfg(not(feature = "smtp"))]
fn read_smtp(section: &Section<'_>, _: &str) -> Option<EmailTransport> {
    section.fault("transport", "smtp needs a build with the feature \"smtp\"");
    None
}
