//! `[external_2fa]`: a third party that makes and checks codes for phone numbers.

use std::time::Duration;

use super::webhook::{read_api_base, read_key, read_sid, read_webhook};
use crate::{
    config::reader::{
        choice::choices,
        judge::Section,
        schema::{SectionSchema, number, one_of, secret, text, url},
    },
    verify::{callbacks::telnyx::PublicKey, http, telnyx, twilio},
};

pub(crate) static SCHEMA: SectionSchema = SectionSchema {
    name: "external_2fa",
    about: "A third party that makes and checks codes for phone numbers itself: external/*. See docs/external.md.",
    keys: &[
        one_of::<Choice>("provider", "Which one; empty: none, and external/* answers 503."),
        url("api_base", "The provider's API. Default: https://api.telnyx.com or https://verify.twilio.com."),
        secret("api_key", "Telnyx: the key."),
        text("verify_profile_id", "", "Telnyx: the Verify profile."),
        text("webhook_public_key", "", "Telnyx: the key of its webhooks, base64 of 32 bytes. Empty: their route is 404."),
        text("account_sid", "", "Twilio: the account."),
        secret("auth_token", "Twilio: the account's token. It signs the status callbacks, too."),
        text("service_sid", "", "Twilio: the Verify service."),
        url("url", "Provider http: where checks are started and made."),
        secret("secret", "Signs what provider http is POSTed: whsec_ and base64 of 24 to 64 bytes (Standard Webhooks)."),
        number(
            "code_digits",
            6,
            4,
            10,
            "Digits of the provider's codes, as they are configured there; enters the bound on guesses.",
        ),
        number("timeout_seconds", 10, 1, 60, "How long one call to the provider may take; beyond: 502."),
    ],
};

choices! {
    enum Choice {
        None = "",
        Telnyx = "telnyx",
        Twilio = "twilio",
        Http = "http",
    }
}

/// A verify provider.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct External2fa {
    /// Which one.
    pub provider: Provider,
    /// How many digits its codes have; enters the bound.
    pub code_digits: u8,
}

/// The verify providers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Provider {
    /// Telnyx Verify.
    Telnyx {
        /// What calls of its API need.
        settings: telnyx::Settings,
        /// The key of its webhooks; without one their route is 404.
        webhook_key: Option<PublicKey>,
    },
    /// Twilio Verify. Its token signs its callbacks, too.
    Twilio(twilio::Settings),
    /// Bring your own.
    Http(http::Settings),
}

/// `None`: faulty. `Some(None)`: there is none.
#[allow(clippy::option_option, reason = "faulty, or right with or without a provider")]
pub(crate) fn read(section: &Section<'_>) -> Option<Option<External2fa>> {
    let choice = section.choice("provider");
    let why = format!("with provider = \"{}\"", section.text("provider"));
    section.reads_only_what_is_used(if choice == Choice::None { "without a provider" } else { &why });
    let timeout = Duration::from_secs(section.number("timeout_seconds"));
    let provider = match choice {
        Choice::None => return Some(None),
        Choice::Telnyx => read_telnyx(section, &why, timeout),
        Choice::Twilio => read_twilio(section, &why, timeout),
        Choice::Http => read_webhook(section, &why).map(|webhook| Provider::Http(http::Settings { webhook, timeout })),
    };
    let code_digits = section.number("code_digits");
    Some(Some(External2fa { provider: provider?, code_digits }))
}

fn read_telnyx(section: &Section<'_>, why: &str, timeout: Duration) -> Option<Provider> {
    let api_base = read_api_base(section, "https://api.telnyx.com");
    let api_key = read_key(section, "api_key", why);
    let verify_profile_id = section.required("verify_profile_id", why);
    let webhook_key = match section.text("webhook_public_key") {
        "" => Some(None),
        _ => section.parse("webhook_public_key", parse_public_key).map(Some),
    };
    let settings =
        telnyx::Settings { api_base: api_base?, api_key: api_key?, verify_profile_id: verify_profile_id?.to_owned(), timeout };
    Some(Provider::Telnyx { settings, webhook_key: webhook_key? })
}

fn read_twilio(section: &Section<'_>, why: &str, timeout: Duration) -> Option<Provider> {
    let api_base = read_api_base(section, "https://verify.twilio.com");
    let (account_sid, service_sid) = (read_sid(section, "account_sid", why), read_sid(section, "service_sid", why));
    let auth_token = read_key(section, "auth_token", why);
    Some(Provider::Twilio(twilio::Settings {
        api_base: api_base?,
        account_sid: account_sid?,
        auth_token: auth_token?,
        service_sid: service_sid?,
        timeout,
    }))
}

fn parse_public_key(text: &str) -> Result<PublicKey, String> {
    PublicKey::parse(text).ok_or_else(|| "must be base64 of the 32 bytes of an Ed25519 key".into())
}
