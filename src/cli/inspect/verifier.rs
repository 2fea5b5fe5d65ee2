//! Whether this fleet made a token.

use crate::{
    challenge::{UntrustedLink, VerifiedLink},
    config::Config,
    keys::Keys,
    time::UnixTime,
    token::VerifiedRefresh,
};

/// No token has ended then: whether it was made by this fleet is one question, whether it has ended another.
const LONG_AGO: UnixTime = UnixTime::from_seconds(0);

/// The keys of one configuration, for checking only.
pub(super) struct Verifier {
    pub(super) issuer: String,
    keys: Keys,
}

impl Verifier {
    /// `None` if session tokens can't be made that way, which the configuration has judged before.
    pub(super) fn new(config: &Config) -> Option<Self> {
        let sessions = &config.tokens.sessions;
        let keys = Keys::new(&config.keyring, sessions, config.tokens.envelope_format).ok()?;
        Some(Self { issuer: sessions.issuer.clone(), keys })
    }

    /// Whether the envelope is signed by these keys, whether it has ended or not.
    pub(super) fn signed(&self, envelope: &str) -> bool {
        self.keys.envelopes.verify(envelope, LONG_AGO).is_ok()
    }

    pub(super) fn open_link(&self, link: UntrustedLink<'_>) -> Option<VerifiedLink> {
        self.keys.links.open(&self.keys.challenges, link).ok()
    }

    /// The claims of an access token as JSON, whether it has ended or not.
    pub(super) fn access_claims(&self, token: &str) -> Option<String> {
        self.keys.sessions.verify_access(token, LONG_AGO).ok().map(|verified| verified.json().to_owned())
    }

    /// The session of a refresh token, whether it has ended or not.
    pub(super) fn open_refresh(&self, token: &str) -> Option<VerifiedRefresh> {
        self.keys.sessions.open_refresh(token, LONG_AGO).ok()
    }
}
