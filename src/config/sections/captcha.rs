//! `[captcha]`: who says that a captcha on a page of one's own was solved.

use std::time::Duration;

use reqwest::Url;

use crate::{
    captcha::{Provider, Settings},
    config::reader::{
        choice::choices,
        judge::Section,
        schema::{Key, Kind, SectionSchema, number, one_of, secret, text, texts, url},
    },
    crypto::SecretText,
    outbound::url::parse_http_url,
};

pub(crate) static SCHEMA: SectionSchema = SectionSchema {
    name: "captcha",
    about: "Captchas on pages of your own: one that was solved lifts what a solved puzzle lifts. The pages that come with it keep the puzzle.",
    keys: &[
        one_of::<Choice>("provider", "Who says that it was solved; empty: nobody, and the field `captcha` means nothing."),
        secret("secret", "What the provider knows your site by: its secret key, not the site key."),
        url("verify_url", "Where the provider is asked; empty: its own siteverify."),
        texts("hostnames", &[], "The hosts of the pages on which it may have been solved; empty: any that the provider allows."),
        text("action", "", "What it has to have been solved for, as the widget is told; empty: anything."),
        Key::new("min_score", Kind::Share(0.0), "reCAPTCHA 3: the least score of a person. 0: scores aren't looked at."),
        number("timeout_seconds", 4, 1, 10, "How long the provider may take; beyond, the captcha lifts nothing."),
    ],
};

choices! {
    enum Choice {
        None = "",
        Recaptcha = "recaptcha",
        Hcaptcha = "hcaptcha",
        Turnstile = "turnstile",
    }
}

/// `None`: faulty. `Some(None)`: there are no captchas.
#[allow(clippy::option_option, reason = "faulty, or right with or without captchas")]
pub(crate) fn read(section: &Section<'_>) -> Option<Option<Settings>> {
    let provider = match section.choice("provider") {
        Choice::None => {
            section.reads_only_what_is_used("without a provider");
            return Some(None);
        }
        Choice::Recaptcha => Provider::Recaptcha,
        Choice::Hcaptcha => Provider::Hcaptcha,
        Choice::Turnstile => Provider::Turnstile,
    };
    let secret = section.required("secret", "with a provider").map(SecretText::new);
    let verify_url = read_verify_url(section, provider);
    let min_score = match provider {
        Provider::Recaptcha => section.share("min_score"),
        Provider::Hcaptcha | Provider::Turnstile => {
            section.unused(&["min_score"], "but with provider = \"recaptcha\"");
            0.0
        }
    };
    Some(Some(Settings {
        verify_url: verify_url?,
        hostnames: section.texts("hostnames").map(str::to_owned).collect(),
        action: section.text("action").to_owned(),
        min_score,
        timeout: Duration::from_secs(section.number("timeout_seconds")),
        ..Settings::new(provider, secret?)
    }))
}

fn read_verify_url(section: &Section<'_>, provider: Provider) -> Option<Url> {
    if section.text("verify_url").is_empty() {
        section.show("verify_url", provider.verify_url());
        return Some(Settings::new(provider, SecretText::new("")).verify_url);
    }
    section.parse("verify_url", parse_http_url)
}
