//! The provider that the configuration chose.

use super::{
    Checked, Method, NotStarted, Unreachable, VerifyProvider, http::HttpVerify, metrics, telnyx::TelnyxVerify,
    twilio::TwilioVerify,
};
use crate::recipient::Recipient;

/// One of the providers.
#[derive(Debug)]
pub enum AnyProvider {
    /// Telnyx Verify.
    Telnyx(TelnyxVerify),
    /// Twilio Verify.
    Twilio(TwilioVerify),
    /// An endpoint of one's own.
    Http(HttpVerify),
}

impl AnyProvider {
    /// How its codes can reach a person; the first is the default.
    #[must_use]
    pub const fn methods(&self) -> &'static [Method] {
        match self {
            Self::Telnyx(_) => &[Method::Sms, Method::Call, Method::FlashCall],
            Self::Twilio(_) | Self::Http(_) => &[Method::Sms, Method::Call, Method::Whatsapp],
        }
    }
}

impl VerifyProvider for AnyProvider {
    async fn start(&self, number: &Recipient, method: Method) -> Result<(), NotStarted> {
        match self {
            Self::Telnyx(provider) => provider.start(number, method).await,
            Self::Twilio(provider) => provider.start(number, method).await,
            Self::Http(provider) => provider.start(number, method).await,
        }
    }

    async fn check(&self, number: &Recipient, code: &str) -> Result<Checked, Unreachable> {
        let checked = match self {
            Self::Telnyx(provider) => provider.check(number, code).await,
            Self::Twilio(provider) => provider.check(number, code).await,
            Self::Http(provider) => provider.check(number, code).await,
        };
        metrics::checked(checked);
        checked
    }

    fn cancel(&self, number: &Recipient) {
        match self {
            Self::Telnyx(provider) => provider.cancel(number),
            Self::Twilio(provider) => provider.cancel(number),
            Self::Http(provider) => provider.cancel(number),
        }
    }
}
