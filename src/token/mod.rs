//! Session tokens: what a login is worth.
use crate::{
    directory::User,
    recipient::{Channel, Recipient},
    time::UnixTime,
};
use alloc::string::String;
use rand_core::CryptoRng;

/// How somebody proved a recipient (`amr`, RFC 8176).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amr {
    /// `["otp"]`
    Otp,
    /// `["otp","sms"]`
    OtpSms,
    /// `["otp","tel"]`
    OtpTel,
}

/// A login that was proved.
#[derive(Debug)]
pub struct Login<'a> {
    /// Who.
    pub user: &'a User,
    /// By which recipient.
    pub recipient: &'a Recipient,
    /// How.
    pub amr: Amr,
}

/// What a client gets. Never printed.
#[derive(Debug)]
pub struct SessionTokens {
    /// The access token.
    pub access: String,
    /// The refresh token.
    pub refresh: String,
    /// Seconds that the access token lives.
    pub expires_in: u64,
}

/// A refresh token that this fleet made and that hasn't ended.
#[derive(Debug)]
pub struct VerifiedRefresh {
    /// Whose it is, by the recipient that was proved.
    pub recipient: Recipient,
    /// The user's id at login.
    pub subject: String,
    /// The user's epoch at login.
    pub epoch: String,
}

/// An invalid token: one kind on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenInvalid;

/// Makes and checks session tokens.
#[derive(Debug)]
pub struct Sessions;

impl Sessions {
    /// The tokens of a new login.
    pub fn begin(&self, _login: &Login<'_>, _now: UnixTime, _random: &mut impl CryptoRng) -> SessionTokens {
        todo!()
    }
    /// Believes a refresh token.
    pub fn open_refresh(&self, _token: &str, _now: UnixTime) -> Result<VerifiedRefresh, TokenInvalid> {
        todo!()
    }
    /// A new access token of the same session.
    pub fn renew(&self, _session: &VerifiedRefresh, _user: &User, _now: UnixTime, _random: &mut impl CryptoRng) -> String {
        todo!()
    }
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
}
