//! An HTTP endpoint that the engine calls, signed as Standard Webhooks.

use reqwest::Url;

pub use crate::webhook::WebhookSecret;

/// Where to POST and what to sign with. Both come from the configuration only, never from a request.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// `http` or `https`.
    pub url: Url,
    /// The signing secret.
    pub secret: WebhookSecret,
}
