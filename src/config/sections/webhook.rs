//! Keys that several sections have: an endpoint with its secret, a provider's API.

use reqwest::Url;

use crate::{
    config::reader::judge::Section,
    crypto::SecretText,
    outbound::{signing::WebhookSecret, url::parse_http_url, webhook::Webhook},
};

/// Reads the keys `url` and `secret` of a section that needs both. `why`: as `with transport = "http"`.
pub(crate) fn read_webhook(section: &Section<'_>, why: &str) -> Option<Webhook> {
    let url = section.required("url", why).and_then(|_| section.parse("url", parse_http_url));
    let secret = section.required("secret", why).and_then(|_| section.parse("secret", parse_secret));
    Some(Webhook { url: url?, secret: secret? })
}

/// An endpoint that messages are POSTed to.
pub(crate) fn read_http(section: &Section<'_>, why: &str) -> Option<Webhook> {
    let webhook = read_webhook(section, why)?;
    warn_of_plain_http(section, "url", &webhook.url);
    Some(webhook)
}

/// The API of a provider that messages are handed to.
pub(crate) fn read_provider(section: &Section<'_>, default: &str) -> Option<Url> {
    let api_base = read_api_base(section, default)?;
    warn_of_plain_http(section, "api_base", &api_base);
    Some(api_base)
}

/// Warns where messages, and the keys of a provider, would cross a network that others may read.
fn warn_of_plain_http(section: &Section<'_>, key: &str, url: &Url) {
    let is_here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    if url.scheme() == "http" && !is_here {
        section.warn(
            key,
            "is http: whoever can read this network can log in with the codes that cross it; https keeps them to yourself",
        );
    }
}

fn parse_secret(text: &str) -> Result<WebhookSecret, String> {
    WebhookSecret::parse(text).ok_or_else(|| "must be whsec_ and the base64 of 24 to 64 bytes (Standard Webhooks)".into())
}

/// A key that a provider is shown in a header.
pub(crate) fn read_key(section: &Section<'_>, key: &str, why: &str) -> Option<SecretText> {
    section.required(key, why)?;
    section.parse(key, |text| {
        let fits = text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| SecretText::new(text)).ok_or_else(|| "must be letters, digits and signs of ASCII without spaces".into())
    })
}

/// The id of an account or a service of Twilio's: letters and digits. It stands in paths, and before the colon of a password.
pub(crate) fn read_sid(section: &Section<'_>, key: &str, why: &str) -> Option<String> {
    section.required(key, why)?;
    section.parse(key, |text| {
        let is_fit = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        is_fit
            .then(|| text.to_owned())
            .ok_or_else(|| format!("is {text:?}, but a SID has letters and digits only, such as AC and 32 digits"))
    })
}

/// The API of a provider: scheme, host and port. `default` is the provider's own.
pub(crate) fn read_api_base(section: &Section<'_>, default: &str) -> Option<Url> {
    if section.text("api_base").is_empty() {
        section.show("api_base", default);
        return Some(Url::parse(default).expect("the providers' own URLs are well-formed"));
    }
    section.parse("api_base", |text| {
        let url = parse_http_url(text)?;
        let is_bare = url.query().is_none() && url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
        if is_bare { Ok(url) } else { Err("must have no user, no query and no fragment".into()) }
    })
}
