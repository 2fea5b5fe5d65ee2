//! `keys export`: the public keys, for those who can't fetch them.

use std::fmt::Write as _;

use super::{ConfigFile, exit::Exit, print, sources};
use crate::{keyring::PublicKey, keys::Keys, token::AccessKeys};

/// Prints the public keys of access tokens, or of challenges; the one that signs first.
pub(super) fn export(file: &ConfigFile, pem: bool, challenges: bool) -> Result<(), Exit> {
    let config = sources::load_apart_from_bound(file)?;
    let tokens = &config.tokens;
    let keys = Keys::new(&config.keyring, &tokens.sessions, tokens.envelope_format);
    let keys = keys.map_err(|error| Exit::Usage(format!("countersign: tokens: {error}")))?;
    let access = keys.sessions.public_keys();
    let envelopes: Vec<PublicKey> =
        config.keyring.roots().iter().map(|root| root.envelope_key(tokens.envelope_format).public().clone()).collect();
    let (public, document) =
        if challenges { (&envelopes[..], &keys.documents.challenge_jwks) } else { (access, &keys.documents.jwks) };
    if public.is_empty() {
        let name = tokens.sessions.algorithm.name();
        return Err(Exit::Usage(format!("countersign: tokens.algorithm: {name} has no public key that could be exported")));
    }
    let is_derived = challenges || matches!(tokens.sessions.keys, AccessKeys::Derived);
    if config.keyring_is_random && is_derived {
        return Err(Exit::Usage(
            "countersign: keyring.secrets: none is configured, so each start has other keys. Configure one: `countersign secret` \
             prints a fresh one"
                .into(),
        ));
    }
    if !pem {
        return print(&format!("{document}\n"));
    }
    let mut text = String::new();
    for key in public {
        let _ = write!(text, "kid {} ({})\n{}", key.kid(), key.algorithm().name(), key.pem());
    }
    print(&text)
}
