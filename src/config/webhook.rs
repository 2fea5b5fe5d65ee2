//! An HTTP endpoint that the engine calls, signed as Standard Webhooks.

use std::fmt;

use reqwest::Url;
use zeroize::Zeroizing;

/// Where to POST and what to sign with. Both come from the configuration only, never from a request.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// `http` or `https`.
    pub url: Url,
    /// The signing secret.
    pub secret: WebhookSecret,
}

/// The bytes behind `whsec_…`: 24 to 64 of them (Standard Webhooks, "Signature scheme").
#[derive(Clone)]
pub struct WebhookSecret(Zeroizing<Vec<u8>>);

impl WebhookSecret {
    /// The key of the HMAC.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(…)")
    }
}
