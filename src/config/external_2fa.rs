//! `[external_2fa]`: a third party that makes and checks codes for phone numbers.

use reqwest::Url;

use super::{SecretText, Webhook};

/// A verify provider.
#[derive(Clone, Debug)]
pub struct External2fa {
    /// Which one.
    pub provider: Provider,
    /// How many digits its codes have; enters the bound.
    pub code_digits: u8,
}

/// The verify providers.
#[derive(Clone, Debug)]
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
