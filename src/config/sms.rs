//! `[sms]`: how SMS go out.

use std::path::PathBuf;

use reqwest::Url;

use super::{SecretText, Webhook};

/// SMS delivery.
#[derive(Clone, Debug)]
pub struct Sms {
    /// By what.
    pub transport: SmsTransport,
    /// SMS an hour that this node sends at most; 0: off.
    pub max_per_hour: u32,
    /// SMS an hour to numbers of one prefix; 0: off.
    pub max_per_prefix_per_hour: u32,
}

/// What carries an SMS.
#[derive(Clone, Debug)]
pub enum SmsTransport {
    /// Readable text on stdout.
    Console,
    /// One `.json` a message in this folder.
    File(PathBuf),
    /// Twilio Messaging.
    Twilio {
        /// The API without a path.
        api_base: Url,
        /// The account.
        account_sid: String,
        /// Its token.
        auth_token: SecretText,
        /// The sender.
        from: String,
    },
    /// Telnyx Messaging.
    Telnyx {
        /// The API without a path.
        api_base: Url,
        /// The key.
        api_key: SecretText,
        /// The sender.
        from: String,
    },
    /// A POST for each message.
    Http(Webhook),
    /// Nothing.
    Discard,
}
