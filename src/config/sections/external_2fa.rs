//! `[external_2fa]`: a third party that makes and checks codes for phone numbers.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::Url;

use super::webhook::{read_api_base, read_webhook};
use crate::{
    config::reader::{
        choice::choices,
        judge::Section,
        schema::{Absent, SectionSchema, number, one_of, secret, text, url},
    },
    crypto::SecretText,
    outbound::webhook::Webhook,
};

pub(crate) static SCHEMA: SectionSchema = SectionSchema {
    name: "external_2fa",
    about: "A third party that makes and checks codes for phone numbers itself: external/*.",
    keys: &[
        one_of::<Choice>("provider", "Which one; empty: none, and external/* answers 503.")
            .without(Absent::Choices(&["telnyx", "twilio", "http"])),
        url("api_base", "The provider's API. Default: https://api.telnyx.com or https://verify.twilio.com.")
            .without(Absent::Part),
        secret("api_key", "Telnyx: the key.").without(Absent::Part),
        text("verify_profile_id", "", "Telnyx: the Verify profile.").without(Absent::Part),
        text("webhook_public_key", "", "Telnyx: the key of its webhooks, base64 of 32 bytes. Empty: their route is 404.")
            .without(Absent::Part),
        text("account_sid", "", "Twilio: the account.").without(Absent::Part),
        secret("auth_token", "Twilio: the account's token.").without(Absent::Part),
        text("service_sid", "", "Twilio: the Verify service.").without(Absent::Part),
        url("url", "Provider http: where checks are started and made.").without(Absent::Part),
        secret("secret", "Signs what provider http is POSTed: whsec_ and base64 of 24 to 64 bytes (Standard Webhooks).")
            .without(Absent::Part),
        number("code_digits", 6, 4, 10, "Digits of the provider's codes; enters the bound on guesses.").without(Absent::Part),
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
        /// The API without a path.
        api_base: Url,
        /// The key.
        api_key: SecretText,
        /// Which of the account's profiles.
        verify_profile_id: String,
        /// The Ed25519 key of its webhooks; without one their route is 404.
        webhook_public_key: Option<[u8; 32]>,
    },
    /// Twilio Verify.
    Twilio {
        /// The API without a path.
        api_base: Url,
        /// The account.
        account_sid: String,
        /// Its token, which also signs its callbacks.
        auth_token: SecretText,
        /// The Verify service.
        service_sid: String,
    },
    /// Bring your own.
    Http(Webhook),
}

/// `None`: faulty. `Some(None)`: there is none.
#[allow(clippy::option_option, reason = "faulty, or right with or without a provider")]
pub(crate) fn read(section: &Section<'_>) -> Option<Option<External2fa>> {
    let choice = section.choice("provider");
    let why = format!("with provider = \"{}\"", section.text("provider"));
    section.reads_only_what_is_used(if choice == Choice::None { "without a provider" } else { &why });
    let provider = match choice {
        Choice::None => return Some(None),
        Choice::Telnyx => read_telnyx(section, &why),
        Choice::Twilio => read_twilio(section, &why),
        Choice::Http => read_webhook(section, &why).map(Provider::Http),
    };
    let code_digits = section.number("code_digits");
    Some(Some(External2fa { provider: provider?, code_digits }))
}

fn read_telnyx(section: &Section<'_>, why: &str) -> Option<Provider> {
    let api_base = read_api_base(section, "https://api.telnyx.com");
    let api_key = section.required("api_key", why);
    let verify_profile_id = section.required("verify_profile_id", why);
    let webhook_public_key = match section.text("webhook_public_key") {
        "" => Some(None),
        _ => section.parse("webhook_public_key", parse_public_key).map(Some),
    };
    Some(Provider::Telnyx {
        api_base: api_base?,
        api_key: SecretText::new(api_key?),
        verify_profile_id: verify_profile_id?.to_owned(),
        webhook_public_key: webhook_public_key?,
    })
}

fn read_twilio(section: &Section<'_>, why: &str) -> Option<Provider> {
    let api_base = read_api_base(section, "https://verify.twilio.com");
    let account_sid = section.required("account_sid", why);
    let auth_token = section.required("auth_token", why);
    let service_sid = section.required("service_sid", why);
    Some(Provider::Twilio {
        api_base: api_base?,
        account_sid: account_sid?.to_owned(),
        auth_token: SecretText::new(auth_token?),
        service_sid: service_sid?.to_owned(),
    })
}

/// An Ed25519 key: standard base64 of 32 bytes that are a point of the curve.
fn parse_public_key(text: &str) -> Result<[u8; 32], String> {
    let bytes = STANDARD.decode(text).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let bytes = bytes.ok_or("must be base64 of 32 bytes")?;
    match ed25519_dalek::VerifyingKey::from_bytes(&bytes) {
        Ok(key) if !key.is_weak() => Ok(bytes),
        _ => Err("is no Ed25519 key".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn webhook_keys_are_judged() {
        let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]).verifying_key();
        assert_eq!(parse_public_key(&STANDARD.encode(key.as_bytes())).as_ref(), Ok(key.as_bytes()));
        for bad in ["", "x", &STANDARD.encode([0; 32]), &STANDARD.encode([7; 31]), &STANDARD.encode([1; 33])] {
            assert!(parse_public_key(bad).is_err(), "{bad}");
        }
    }
}
