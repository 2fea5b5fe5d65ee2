//! `[email]`, `[email_2]` and `[email_3]`: how e-mail goes out.

use std::{path::PathBuf, sync::Arc};

use reqwest::Url;

#[cfg(feature = "smtp")]
use crate::delivery::carriers::smtp;
#[cfg(feature = "aws")]
use crate::{config::sections::amazon::read_amazon, delivery::carriers::ses};
use crate::{
    config::{
        reader::{
            choice::{Choice as _, choices},
            judge::Section,
            schema::{Key, Kind, SectionSchema, all_like, joined, number, one_of, secret, switch, text, url},
        },
        sections::webhook::{read_http, read_key, read_provider},
    },
    crypto::SecretText,
    delivery::{
        Sender, Templates,
        carriers::{mailgun, postmark, resend, sendgrid},
    },
    outbound::webhook::Webhook,
};

pub(crate) static SCHEMA: SectionSchema = SectionSchema { name: "email", about: "How e-mail goes out.", keys: &FIRST };

pub(crate) static SECOND: SectionSchema = SectionSchema {
    name: "email_2",
    about: "What carries an e-mail that [email] doesn't take now, or never takes. Empty: nothing.",
    keys: &OTHER,
};

pub(crate) static THIRD: SectionSchema = SectionSchema {
    name: "email_3",
    about: "What carries an e-mail that neither [email] nor [email_2] takes. Empty: nothing.",
    keys: &OTHER,
};

const FIRST: [Key; 16] = joined(
    &joined::<2>(
        &[one_of::<Choice>(
            "transport",
            "console: readable text on stdout. file: one .eml a message in `path`. smtp: through the server at `url`. http: signed and\n\
             POSTed to `url`. postmark, resend, sendgrid, mailgun, ses (Amazon): by that provider. discard: nothing leaves.",
        )],
        &[text("from", "noreply@example.com", "The sender, as noreply@example.com or Example <noreply@example.com>.")],
    ),
    &joined::<14>(
        &ADAPTER,
        &[
            text(
                "templates",
                "",
                "A folder of [<language>/]email.subject.txt, email.txt, email.html and sms.txt (minijinja) and <language>/texts.toml, used\n\
                 before the built-in ones, which `countersign templates export` writes. What they know is in docs/messages.md.",
            ),
            switch(
                "code_in_subject",
                false,
                "Start the subject with the code: quick to read in a notification, by everybody who sees the screen.",
            ),
            number(
                "max_per_hour",
                0,
                0,
                1_000_000_000,
                "E-mails an hour that this node (the fleet, with guard.nodes or redis) sends at most; beyond: 429. 0: off.",
            ),
        ],
    ),
);

/// What each adapter has: these are the keys of the second and third one, too.
const ADAPTER: [Key; 11] = [
    url(
        "url",
        "smtp://user:pass@host:587: plain; ?tls=opportunistic or ?tls=required: STARTTLS; smtps://: TLS.\n\
         User and password are percent-encoded. For transport http: where each message is POSTed.",
    ),
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
    secret("secret", "Signs what transport http POSTs: whsec_ and base64 of 24 to 64 bytes (Standard Webhooks)."),
    url(
        "api_base",
        "The provider's API. Default: its own; Mailgun: https://api.mailgun.net, in the EU https://api.eu.mailgun.net.",
    ),
    secret("api_key", "Postmark: the server's API token. Resend, SendGrid, Mailgun: the key."),
    text("domain", "", "Mailgun: the domain that sends; empty: the sender's."),
    text("region", "", "Amazon SES: the region, such as eu-central-1."),
    text("access_key_id", "", "Amazon SES: the name of a key that may ses:SendEmail and ses:SendRawEmail."),
    secret("secret_access_key", "Amazon SES: the key."),
];

const OTHER: [Key; 13] = joined(
    &[
        Key::new("transport", Kind::Choice(OTHERS), "Which one; empty: none."),
        text("from", "", "The sender; empty: that of [email]."),
    ],
    &all_like::<11>(&ADAPTER, "email"),
);

choices! {
    enum Choice {
        Console = "console",
        File = "file",
        Smtp = "smtp",
        Http = "http",
        Postmark = "postmark",
        Resend = "resend",
        SendGrid = "sendgrid",
        Mailgun = "mailgun",
        Ses = "ses",
        Discard = "discard",
    }
}

/// What may come second: none, or any that keeps what it is given.
const OTHERS: &[&str] = &["", "console", "file", "smtp", "http", "postmark", "resend", "sendgrid", "mailgun", "ses"];

/// E-mail delivery.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Email {
    /// What carries it, in the order in which it is asked; nothing: it is discarded.
    pub ways: Vec<EmailWay>,
    /// The words of messages, of e-mail and SMS.
    pub templates: Arc<Templates>,
    /// Whether the subject starts with the code.
    pub code_in_subject: bool,
    /// E-mails an hour that this node, or the fleet that counts as one, sends at most; 0: off.
    pub max_per_hour: u32,
}

/// One way for e-mail.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EmailWay {
    /// The section that it is from: `email`, `email_2` or `email_3`.
    pub section: &'static str,
    /// By what.
    pub transport: EmailTransport,
    /// The sender's mailbox.
    pub from: Sender,
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
    /// An endpoint of one's own.
    Http(Webhook),
    /// Postmark.
    Postmark(postmark::Settings),
    /// Resend.
    Resend(resend::Settings),
    /// SendGrid.
    SendGrid(sendgrid::Settings),
    /// Mailgun.
    Mailgun(mailgun::Settings),
    /// Amazon SES.
    #[cfg(feature = "aws")]
    Ses(ses::Settings),
}

pub(crate) fn read(first: &Section<'_>, others: [&Section<'_>; 2]) -> Option<Email> {
    let sender = read_sender(first);
    let way = read_way(first, sender.as_ref());
    let templates =
        if first.text("templates").is_empty() { Some(Templates::built_in()) } else { first.read_templates("templates") };
    let rest = others.map(|section| read_other(section, sender.as_ref()));
    let mut ways: Vec<_> = way?.into_iter().collect();
    let is_discarded = ways.is_empty();
    for (other, section) in rest.into_iter().zip(others) {
        let Some(other) = other? else { continue };
        if is_discarded {
            section.warn("transport", "is not used with email.transport = \"discard\"");
        } else {
            ways.push(other);
        }
    }
    let code_in_subject = first.switch("code_in_subject");
    Some(Email { ways, templates: templates?.into(), code_in_subject, max_per_hour: first.number("max_per_hour") })
}

/// A way after the first. `None`: faulty. `Some(None)`: there is none.
#[allow(clippy::option_option, reason = "faulty, or right with or without a way")]
fn read_other(section: &Section<'_>, first: Option<&Sender>) -> Option<Option<EmailWay>> {
    if section.text("transport").is_empty() {
        section.reads_only_what_is_used("without a transport");
        return Some(None);
    }
    let sender = match section.text("from") {
        "" => first.cloned(),
        // Whatever carries a message, it has one name.
        _ => read_sender(section).map(|sender| first.map_or(sender.clone(), |first| sender.naming_as(first))),
    };
    // A sender that is missing is a fault of the first.
    read_way(section, sender.as_ref())
}

fn read_sender(section: &Section<'_>) -> Option<Sender> {
    section.parse("from", |text| {
        Sender::parse(text).ok_or_else(|| "is no mailbox: write noreply@example.com or Example <noreply@example.com>".to_owned())
    })
}

/// `None`: faulty. `Some(None)`: nothing leaves.
#[allow(clippy::option_option, reason = "faulty, or right with or without a way")]
fn read_way(section: &Section<'_>, from: Option<&Sender>) -> Option<Option<EmailWay>> {
    let word = section.text("transport");
    let why = format!("with transport = \"{word}\"");
    section.reads_only_what_is_used(&why);
    let transport = match Choice::of_word(word)? {
        Choice::Console => Some(EmailTransport::Console),
        Choice::File => section.required("path", &why).map(|path| EmailTransport::File(path.into())),
        Choice::Smtp => read_smtp(section, &why),
        Choice::Http => read_http(section, &why).map(EmailTransport::Http),
        Choice::Postmark => read_api(section, "https://api.postmarkapp.com", &why)
            .map(|(api_base, api_key)| EmailTransport::Postmark(postmark::Settings { api_base, api_key })),
        Choice::Resend => read_api(section, "https://api.resend.com", &why)
            .map(|(api_base, api_key)| EmailTransport::Resend(resend::Settings { api_base, api_key })),
        Choice::SendGrid => read_api(section, "https://api.sendgrid.com", &why)
            .map(|(api_base, api_key)| EmailTransport::SendGrid(sendgrid::Settings { api_base, api_key })),
        Choice::Mailgun => read_mailgun(section, &why),
        Choice::Ses => read_ses(section, &why),
        Choice::Discard => return from.map(|_| None),
    };
    Some(Some(EmailWay { section: section.name(), transport: transport?, from: from?.clone() }))
}

/// An API, and the key that it is shown.
fn read_api(section: &Section<'_>, default: &str, why: &str) -> Option<(Url, SecretText)> {
    let api_base = read_provider(section, default);
    let api_key = read_key(section, "api_key", why);
    Some((api_base?, api_key?))
}

fn read_mailgun(section: &Section<'_>, why: &str) -> Option<EmailTransport> {
    let api = read_api(section, "https://api.mailgun.net", why);
    let domain = section.parse("domain", |text| match text {
        "" => Ok(None),
        _ if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)) => Ok(Some(text.to_owned())),
        _ => Err("must be a domain, such as mg.example.com".into()),
    });
    let ((api_base, api_key), domain) = (api?, domain?);
    Some(EmailTransport::Mailgun(mailgun::Settings { api_base, api_key, domain }))
}

#[cfg(feature = "aws")]
fn read_ses(section: &Section<'_>, why: &str) -> Option<EmailTransport> {
    let (api_base, key) = read_amazon(section, "email", why)?;
    Some(EmailTransport::Ses(ses::Settings { api_base, key }))
}

#[cfg(not(feature = "aws"))]
fn read_ses(section: &Section<'_>, _: &str) -> Option<EmailTransport> {
    section.fault("transport", "ses needs a build with the feature \"aws\"");
    None
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
    Some(EmailTransport::Smtp(smtp::Settings {
        section: section.name(),
        hello: hello?,
        roots: roots?,
        ..smtp::Settings::new(server?)
    }))
}

#[cfg(not(feature = "smtp"))]
fn read_smtp(section: &Section<'_>, _: &str) -> Option<EmailTransport> {
    section.fault("transport", "smtp needs a build with the feature \"smtp\"");
    None
}
