//! `[sms]`, `[sms_2]` and `[sms_3]`: how SMS go out.

use std::path::PathBuf;

use crate::{
    config::{
        reader::{
            choice::{Choice as _, choices},
            judge::Section,
            schema::{Key, Kind, SectionSchema, all_like, joined, number, one_of, secret, text, url},
        },
        sections::webhook::{read_api_base, read_webhook},
    },
    crypto::SecretText,
    delivery::carriers::{telnyx, twilio},
    outbound::webhook::Webhook,
};

pub(crate) static SCHEMA: SectionSchema = SectionSchema { name: "sms", about: "How SMS go out.", keys: &FIRST };

pub(crate) static SECOND: SectionSchema = SectionSchema {
    name: "sms_2",
    about: "What carries an SMS that [sms] doesn't take now, or never takes. Empty: nothing.",
    keys: &OTHER,
};

pub(crate) static THIRD: SectionSchema = SectionSchema {
    name: "sms_3",
    about: "What carries an SMS that neither [sms] nor [sms_2] takes. Empty: nothing.",
    keys: &OTHER,
};

const FIRST: [Key; 11] = joined(
    &[one_of::<Choice>(
        "transport",
        "console: readable text on stdout. file: one .json a message in `path`. twilio, telnyx: by that provider. http: signed and\n\
         POSTed to `url`. discard: nothing leaves.",
    )],
    &joined::<10>(
        &ADAPTER,
        &[
            number(
                "max_per_hour",
                4_000,
                0,
                1_000_000_000,
                "SMS an hour that this node (the fleet, with guard.nodes or redis) sends at most; beyond: 429. 0: off.",
            ),
            number(
                "max_per_prefix_per_hour",
                1_400,
                0,
                1_000_000_000,
                "SMS an hour to numbers that share their first 6 digits, country code included, which is what SMS pumping buys. 0: off.",
            ),
        ],
    ),
);

/// What each adapter has: these are the keys of the second and third one, too.
const ADAPTER: [Key; 8] = [
    url("api_base", "The provider's API. Default: https://api.twilio.com or https://api.telnyx.com."),
    text("account_sid", "", "Twilio: the account."),
    secret("auth_token", "Twilio: the account's token."),
    secret("api_key", "Telnyx: the key."),
    text("from", "", "Twilio, Telnyx: the sender's number or name; Twilio: or a messaging service, MG and 32 digits."),
    text("path", "sms", "The folder of transport file."),
    url("url", "Transport http: where each message is POSTed."),
    secret("secret", "Signs what transport http POSTs: whsec_ and base64 of 24 to 64 bytes (Standard Webhooks)."),
];

const OTHER: [Key; 9] = joined(
    &[Key::new("transport", Kind::Choice(&["", "console", "file", "twilio", "telnyx", "http"]), "Which one; empty: none.")],
    &all_like::<8>(&ADAPTER, "sms"),
);

choices! {
    enum Choice {
        Console = "console",
        File = "file",
        Twilio = "twilio",
        Telnyx = "telnyx",
        Http = "http",
        Discard = "discard",
    }
}

/// SMS delivery.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Sms {
    /// What carries it, in the order in which it is asked; nothing: it is discarded.
    pub ways: Vec<SmsWay>,
    /// SMS an hour that this node, or the fleet that counts as one, sends at most; 0: off.
    pub max_per_hour: u32,
    /// SMS an hour to numbers of one prefix; 0: off.
    pub max_per_prefix_per_hour: u32,
}

/// One way for SMS.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SmsWay {
    /// The section that it is from: `sms`, `sms_2` or `sms_3`.
    pub section: &'static str,
    /// By what.
    pub transport: SmsTransport,
}

/// What carries an SMS.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SmsTransport {
    /// Readable text on stdout.
    Console,
    /// One `.json` a message in this folder.
    File(PathBuf),
    /// Twilio Messaging.
    Twilio(twilio::Settings),
    /// Telnyx Messaging.
    Telnyx(telnyx::Settings),
    /// An endpoint of one's own.
    Http(Webhook),
}

pub(crate) fn read(first: &Section<'_>, others: [&Section<'_>; 2]) -> Option<Sms> {
    let way = read_way(first);
    let rest = others.map(read_other);
    let mut ways: Vec<_> = way?.into_iter().collect();
    let is_discarded = ways.is_empty();
    for (other, section) in rest.into_iter().zip(others) {
        let Some(other) = other? else { continue };
        if is_discarded {
            section.warn("transport", "is not used with sms.transport = \"discard\"");
        } else {
            ways.push(other);
        }
    }
    Some(Sms {
        ways,
        max_per_hour: first.number("max_per_hour"),
        max_per_prefix_per_hour: first.number("max_per_prefix_per_hour"),
    })
}

/// A way after the first. `None`: faulty. `Some(None)`: there is none.
#[allow(clippy::option_option, reason = "faulty, or right with or without a way")]
fn read_other(section: &Section<'_>) -> Option<Option<SmsWay>> {
    if section.text("transport").is_empty() {
        section.reads_only_what_is_used("without a transport");
        return Some(None);
    }
    read_way(section)
}

/// `None`: faulty. `Some(None)`: nothing leaves.
#[allow(clippy::option_option, reason = "faulty, or right with or without a way")]
fn read_way(section: &Section<'_>) -> Option<Option<SmsWay>> {
    let word = section.text("transport");
    let why = format!("with transport = \"{word}\"");
    section.reads_only_what_is_used(&why);
    let transport = match Choice::of_word(word)? {
        Choice::Console => Some(SmsTransport::Console),
        Choice::File => section.required("path", &why).map(|path| SmsTransport::File(path.into())),
        Choice::Twilio => read_twilio(section, &why).map(SmsTransport::Twilio),
        Choice::Telnyx => read_telnyx(section, &why).map(SmsTransport::Telnyx),
        Choice::Http => read_webhook(section, &why).map(SmsTransport::Http),
        Choice::Discard => return Some(None),
    };
    Some(Some(SmsWay { section: section.name(), transport: transport? }))
}

fn read_twilio(section: &Section<'_>, why: &str) -> Option<twilio::Settings> {
    let api_base = read_api_base(section, "https://api.twilio.com");
    let account_sid = section.required("account_sid", why);
    let auth_token = section.required("auth_token", why);
    let from = section.required("from", why);
    Some(twilio::Settings {
        api_base: api_base?,
        account_sid: account_sid?.to_owned(),
        auth_token: SecretText::new(auth_token?),
        from: from?.to_owned(),
    })
}

fn read_telnyx(section: &Section<'_>, why: &str) -> Option<telnyx::Settings> {
    let api_base = read_api_base(section, "https://api.telnyx.com");
    let api_key = section.required("api_key", why);
    let from = section.required("from", why);
    Some(telnyx::Settings { api_base: api_base?, api_key: SecretText::new(api_key?), from: from?.to_owned() })
}
