//! `[sms]`, `[sms_2]` and `[sms_3]`: how SMS go out.

use std::path::PathBuf;

#[cfg(feature = "aws")]
use crate::{config::sections::amazon::read_amazon, delivery::carriers::sns};
use crate::{
    config::{
        reader::{
            choice::{Choice as _, choices},
            judge::Section,
            schema::{Key, Kind, SectionSchema, all_like, joined, number, one_of, secret, text, url},
        },
        sections::webhook::{read_http, read_key, read_provider, read_sid},
    },
    delivery::carriers::{telnyx, twilio, vonage},
    guard::BreakerLimits,
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

const FIRST: [Key; 17] = joined(
    &[one_of::<Choice>(
        "transport",
        "console: readable text on stdout. file: one .json a message in `path`. twilio, telnyx, vonage, sns (Amazon): by that\n\
         provider. http: signed and POSTed to `url`. discard: nothing leaves.",
    )],
    &joined::<16>(
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
            number(
                "breaker_min_sent",
                200,
                0,
                1_000_000_000,
                "From so many SMS and calls to one calling code and its next 4 digits on, most of them within 40 minutes, strangers get\n\
                 none there but one a minute where too few are redeemed. 0: off.",
            ),
            number("breaker_min_conversion", 10, 1, 100, "How many of a hundred have to be redeemed there."),
        ],
    ),
);

/// What each adapter has: these are the keys of the second and third one, too.
const ADAPTER: [Key; 12] = [
    url("api_base", "The provider's API. Default: its own."),
    text("account_sid", "", "Twilio: the account."),
    secret("auth_token", "Twilio: the account's token."),
    secret("api_key", "Telnyx, Vonage: the key."),
    secret("api_secret", "Vonage: the key's secret."),
    text("region", "", "Amazon SNS: the region, such as eu-central-1."),
    text("access_key_id", "", "Amazon SNS: the name of a key that may sns:Publish."),
    secret("secret_access_key", "Amazon SNS: the key."),
    text(
        "from",
        "",
        "The sender's number or name; Twilio: or a messaging service, MG and 32 digits; Amazon SNS: a name, or empty.",
    ),
    text("path", "sms", "The folder of transport file."),
    url("url", "Transport http: where each message is POSTed."),
    secret("secret", "Signs what transport http POSTs: whsec_ and base64 of 24 to 64 bytes (Standard Webhooks)."),
];

const OTHER: [Key; 13] =
    joined(&[Key::new("transport", Kind::Choice(OTHERS), "Which one; empty: none.")], &all_like::<12>(&ADAPTER, "sms"));

choices! {
    enum Choice {
        Console = "console",
        File = "file",
        Twilio = "twilio",
        Telnyx = "telnyx",
        Vonage = "vonage",
        Sns = "sns",
        Http = "http",
        Discard = "discard",
    }
}

/// What may come second: none, or any that keeps what it is given.
const OTHERS: &[&str] = &["", "console", "file", "twilio", "telnyx", "vonage", "sns", "http"];

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
    /// When strangers get none to a prefix any more.
    pub breaker: BreakerLimits,
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
    /// Vonage.
    Vonage(vonage::Settings),
    /// Amazon SNS.
    #[cfg(feature = "aws")]
    Sns(sns::Settings),
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
        breaker: BreakerLimits {
            min_sent: first.number("breaker_min_sent"),
            min_conversion: first.number("breaker_min_conversion"),
        },
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
        Choice::Vonage => read_vonage(section, &why).map(SmsTransport::Vonage),
        Choice::Sns => read_sns(section, &why),
        Choice::Http => read_http(section, &why).map(SmsTransport::Http),
        Choice::Discard => return Some(None),
    };
    Some(Some(SmsWay { section: section.name(), transport: transport? }))
}

fn read_twilio(section: &Section<'_>, why: &str) -> Option<twilio::Settings> {
    let api_base = read_provider(section, "https://api.twilio.com");
    let account_sid = read_sid(section, "account_sid", why);
    let auth_token = read_key(section, "auth_token", why);
    let from = section.required("from", why);
    Some(twilio::Settings { api_base: api_base?, account_sid: account_sid?, auth_token: auth_token?, from: from?.to_owned() })
}

fn read_telnyx(section: &Section<'_>, why: &str) -> Option<telnyx::Settings> {
    let api_base = read_provider(section, "https://api.telnyx.com");
    let api_key = read_key(section, "api_key", why);
    let from = section.required("from", why);
    Some(telnyx::Settings { api_base: api_base?, api_key: api_key?, from: from?.to_owned() })
}

fn read_vonage(section: &Section<'_>, why: &str) -> Option<vonage::Settings> {
    let api_base = read_provider(section, "https://api.nexmo.com");
    let api_key = read_key(section, "api_key", why);
    let api_secret = read_key(section, "api_secret", why);
    let from = section.required("from", why);
    Some(vonage::Settings { api_base: api_base?, api_key: api_key?, api_secret: api_secret?, from: from?.to_owned() })
}

#[cfg(feature = "aws")]
fn read_sns(section: &Section<'_>, why: &str) -> Option<SmsTransport> {
    let amazon = read_amazon(section, "sns", why);
    let from = Some(section.text("from")).filter(|from| !from.is_empty()).map(str::to_owned);
    let (api_base, key) = amazon?;
    Some(SmsTransport::Sns(sns::Settings { api_base, key, from }))
}

#[cfg(not(feature = "aws"))]
fn read_sns(section: &Section<'_>, _: &str) -> Option<SmsTransport> {
    section.fault("transport", "sns needs a build with the feature \"aws\"");
    None
}
