//! An endpoint of the configuration that is called, signed as Standard Webhooks.

use std::fmt;

use reqwest::Url;

use super::signing::WebhookSecret;

/// Where to POST and what to sign with. Both come from the configuration only, never from a request.
#[derive(Clone)]
pub struct Webhook {
    /// `http` or `https`.
    pub url: Url,
    /// The signing secret.
    pub secret: WebhookSecret,
}

/// Only the host: user, path and query may be secret.
impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("host", &self.url.host_str()).finish_non_exhaustive()
    }
}
