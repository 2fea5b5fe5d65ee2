//! An HTTP endpoint that the engine calls, signed as Standard Webhooks.

use std::fmt;

use reqwest::Url;

pub use crate::outbound::signing::WebhookSecret;

use crate::{
    config::reader::{judge::Section, shown::masked_url},
    outbound::url::parse_http_url,
};

/// Where to POST and what to sign with. Both come from the configuration only, never from a request.
///
/// `Debug` shows the URL without its password and query.
#[derive(Clone)]
pub struct Webhook {
    /// `http` or `https`.
    pub url: Url,
    /// The signing secret.
    pub secret: WebhookSecret,
}

impl Webhook {
    /// Reads the keys `url` and `secret` of a section that needs both. `why`: as `with transport = "http"`.
    pub(crate) fn read(section: &Section<'_>, why: &str) -> Option<Self> {
        let url = section.required("url", why).and_then(|_| section.parse("url", parse_http_url));
        let secret = section.required("secret", why).and_then(|_| section.parse("secret", parse_secret));
        Some(Self { url: url?, secret: secret? })
    }
}

fn parse_secret(text: &str) -> Result<WebhookSecret, String> {
    WebhookSecret::parse(text).ok_or_else(|| "must be whsec_ and the base64 of 24 to 64 bytes (Standard Webhooks)".into())
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

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Webhook").field(&masked_url(self.url.as_str())).finish()
    }
}
