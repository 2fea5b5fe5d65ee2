//! Whether this fleet made a token.

use crate::{
    challenge::{Challenges, Links, UntrustedEnvelope, UntrustedLink, VerifiedLink},
    config::Config,
    time::UnixTime,
    token::{Sessions, VerifiedRefresh},
};

/// No token has ended then: whether it was made by this fleet is one question, whether it has ended another.
const LONG_AGO: UnixTime = UnixTime::from_seconds(0);

/// The keys of one configuration, for checking only.
pub(super) struct Verifier {
    pub(super) issuer: String,
    challenges: Challenges,
    links: Links,
    sessions: Sessions,
}

impl Verifier {
    /// `None` if session tokens can't be made that way, which the configuration has judged before.
    pub(super) fn new(config: &Config) -> Option<Self> {
        let sessions = &config.tokens.sessions;
        let issuer = sessions.issuer.clone();
        Some(Self {
            challenges: Challenges::new(&config.keyring, &issuer, config.tokens.envelope_format),
            links: Links::new(&config.keyring, &issuer),
            sessions: Sessions::new(&config.keyring, sessions).ok()?,
            issuer,
        })
    }

    /// Whether the envelope's signature is right.
    pub(super) fn signed(&self, envelope: UntrustedEnvelope<'_>) -> bool {
        self.challenges.verify_signature(envelope).is_ok()
    }

    pub(super) fn open_link(&self, link: UntrustedLink<'_>) -> Option<VerifiedLink> {
        self.links.open(&self.challenges, link).ok()
    }

    /// The claims of an access token as JSON, whether it has ended or not.
    pub(super) fn access_claims(&self, token: &str) -> Option<String> {
        self.sessions.verify_access(token, LONG_AGO).ok().map(|verified| verified.json().to_owned())
    }

    /// The session of a refresh token, whether it has ended or not.
    pub(super) fn open_refresh(&self, token: &str) -> Option<VerifiedRefresh> {
        self.sessions.open_refresh(token, LONG_AGO).ok()
    }
}
