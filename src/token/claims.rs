//! The claims of an access token: their names, and how a login was proved.

use crate::recipient::Channel;

/// The claims that the engine writes, beside the configured one for the user's id. A user's claims replace none of them.
pub const OUR_CLAIMS: [&str; 12] =
    ["iss", "sub", "aud", "client_id", "iat", "exp", "jti", "sid", "auth_time", "amr", "channel", "token_type"];

/// Whether a claim can't be chosen: neither as `user_id_claim` nor by a user's own claims. `nbf` is never written.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    OUR_CLAIMS.contains(&name) || name == "nbf"
}

/// How somebody proved a recipient (`amr`, RFC 8176).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amr {
    /// `["otp"]`: a code or link by e-mail, or a check that is neither of those below.
    Otp,
    /// `["otp","sms"]`: by SMS.
    OtpSms,
    /// `["otp","tel"]`: by a call or a flash call.
    OtpTel,
}

impl Amr {
    /// For the engine's own codes and links.
    #[must_use]
    pub const fn of(channel: Channel) -> Self {
        match channel {
            Channel::Email => Self::Otp,
            Channel::Mobile => Self::OtpSms,
        }
    }

    /// The methods, as the claim lists them.
    #[must_use]
    pub const fn methods(self) -> &'static [&'static str] {
        match self {
            Self::Otp => &["otp"],
            Self::OtpSms => &["otp", "sms"],
            Self::OtpTel => &["otp", "tel"],
        }
    }
}
