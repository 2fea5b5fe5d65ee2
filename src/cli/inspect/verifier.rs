//! Whether this fleet made a token.

use crate::{
    challenge::{Challenges, Links, UntrustedEnvelope, UntrustedLink, VerifiedLink},
    config::Config,
    time::UnixTime,
    token::{Sessions, VerifiedRefresh},
};

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
        let sessions = config.tokens.sessions.clone();
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

    /// The claims of an access token that was right at `moment`, as JSON.
    pub(super) fn access_claims(&self, token: &str, moment: UnixTime) -> Option<String> {
        self.sessions.verify_access(token, moment).ok().map(|verified| verified.json().to_owned())
    }

    /// A refresh token, whether its session has ended or not.
    pub(super) fn refresh(&self, token: &str) -> Option<VerifiedRefresh> {
        self.sessions.open_refresh(token, UnixTime::from_seconds(0)).ok()
    }

    pub(super) fn refresh_lives(&self, token: &str, now: UnixTime) -> bool {
        self.sessions.open_refresh(token, now).is_ok()
    }
}
