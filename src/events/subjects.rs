//! Subjects as keyed hashes: the same person has the same one, and whoever has only the log can't tell whose it is.

use std::fmt;

use crate::{
    crypto::{MacKey, base64url, labels},
    keyring::{Keyring, RootId},
};

/// Hashes subjects with the current root secret's key for that.
#[derive(Clone)]
pub struct SubjectHasher {
    root: RootId,
    key: MacKey,
}

impl SubjectHasher {
    /// With the key of the current root. Another root gives other hashes, and its id stands before them.
    #[must_use]
    pub fn new(keyring: &Keyring) -> Self {
        let root = keyring.current();
        Self { root: root.id(), key: MacKey::new(&root.derive(labels::AUDIT_KEY)) }
    }

    /// `<root id>.<hash>`, where hash = base64url(the first 16 bytes of HMAC-SHA-256(audit key, length-prefixed(label, subject))).
    #[must_use]
    pub fn hash(&self, subject: &str) -> String {
        let mac = self.key.begin(labels::AUDIT_SUBJECT).text(subject).mac();
        format!("{}.{}", self.root.to_text(), base64url::encode(&mac.as_bytes()[..16]))
    }
}

impl fmt::Debug for SubjectHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SubjectHasher(…)")
    }
}
