//! `[sms]`: how SMS go out.

use std::path::PathBuf;

use crate::config::reader::{
    choice::choices,
    judge::Section,
    schema::{Absent, SectionSchema, number, one_of, secret, text, url},
};

pub(crate) static SCHEMA: SectionSchema = SectionSchema {
    name: "sms",
    about: "How SMS go out.",
    keys: &[
        one_of::<Choice>(
            "transport",
            "console: readable text on stdout. file: one .json a message in `path`. http: to `url`. discard: nothing leaves.",
        )
        .without(Absent::Choices(&["twilio", "telnyx", "http"])),
        url("api_base", "The provider's API. Default: https://api.twilio.com or https://api.telnyx.com.").without(Absent::Part),
        text("account_sid", "", "Twilio: the account.").without(Absent::Part),
        secret("auth_token", "Twilio: the account's token.").without(Absent::Part),
        secret("api_key", "Telnyx: the key.").without(Absent::Part),
        text("from", "", "Twilio, Telnyx: the sender's number or name.").without(Absent::Part),
        text("path", "sms", "The folder of transport file."),
        url("url", "Transport http: where each message is POSTed.").without(Absent::Part),
        secret("secret", "Signs what transport http POSTs: whsec_ and base64 of 24 to 64 bytes (Standard Webhooks).")
            .without(Absent::Part),
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
};

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
    /// By what.
    pub transport: SmsTransport,
    /// SMS an hour that this node, or the fleet that counts as one, sends at most; 0: off.
    pub max_per_hour: u32,
    /// SMS an hour to numbers of one prefix; 0: off.
    pub max_per_prefix_per_hour: u32,
}

/// What carries an SMS.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SmsTransport {
    /// Readable text on stdout.
    Console,
    /// One `.json` a message in this folder.
    File(PathBuf),
    /// Nothing.
    Discard,
}

pub(crate) fn read(section: &Section<'_>) -> Option<Sms> {
    let why = format!("with transport = \"{}\"", section.text("transport"));
    section.reads_only_what_is_used(&why);
    let transport = match section.choice("transport") {
        Choice::Console => Some(SmsTransport::Console),
        Choice::File => section.required("path", &why).map(|path| SmsTransport::File(path.into())),
        Choice::Discard => Some(SmsTransport::Discard),
        // What isn't available in this version is refused for all sections together.
        Choice::Twilio | Choice::Telnyx | Choice::Http => None,
    };
    Some(Sms {
        transport: transport?,
        max_per_hour: section.number("max_per_hour"),
        max_per_prefix_per_hour: section.number("max_per_prefix_per_hour"),
    })
}
