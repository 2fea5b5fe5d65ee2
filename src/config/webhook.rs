//! An HTTP endpoint that the engine calls, signed as Standard Webhooks.

use reqwest::Url;

pub use crate::webhook::WebhookSecret;

use super::{judge::Section, server::parse_http_url};

/// Where to POST and what to sign with. Both come from the configuration only, never from a request.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// `http` or `https`.
    pub url: Url,
    /// The signing secret.
    pub secret: WebhookSecret,
}

impl Webhook {
    /// Reads the keys `url` and `secret` of a section that needs both. `why`: as `with transport = "http"`.
    pub(super) fn read(section: &Section<'_>, why: &str) -> Option<Self> {
        let url = section.required("url", why).and_then(|_| section.parse("url", parse_http_url));
        let secret = section.required("secret", why).and_then(|_| section.parse("secret", parse_secret));
        Some(Self { url: url?, secret: secret? })
    }
}

fn parse_secret(text: &str) -> Result<WebhookSecret, String> {
    WebhookSecret::parse(text).ok_or_else(|| "must be whsec_ and the base64 of 24 to 64 bytes (Standard Webhooks)".into())
}

/// The API of a provider: scheme, host and port. `default` is the provider's own.
pub(super) fn read_api_base(section: &Section<'_>, default: &str) -> Option<Url> {
    if section.text("api_base").is_empty() {
        section.show("api_base", default);
        return Some(Url::parse(default).expect("the providers' own URLs are well-formed"));
    }
    section.parse("api_base", |text| {
        let url = parse_http_url(text)?;
        if url.query().is_some() || url.fragment().is_some() { Err("must have no query and no fragment".into()) } else { Ok(url) }
    })
}
