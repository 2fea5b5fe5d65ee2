//! What the fleet seals for itself and hands to clients as text: refresh tokens and session cookies.
//!
//! text = base64url(version ‖ root id ‖ nonce ‖ sealed), sealed = XChaCha20-Poly1305 under a key of the root's of the purpose,
//! of canonical fields, with the associated data (the purpose's label, version, root id, issuer).

use alloc::{string::String, vec::Vec};
use core::fmt;

use rand_core::CryptoRng;

use crate::{
    crypto::{
        Canonical, Fields, base64url, random,
        seal::{NONCE, SealKey, TAG},
    },
    keyring::{Keyring, Root, RootId},
};

const ROOT_ID: usize = 6;
const CLEAR: usize = 1 + ROOT_ID + NONCE;
/// What the seal adds to its fields, in bytes.
pub(crate) const OVERHEAD: usize = CLEAR + TAG;

/// What is sealed, and for what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Purpose {
    /// The label of its key.
    pub(crate) key: &'static str,
    /// The first field of its associated data.
    pub(crate) label: &'static str,
    /// Of its format.
    pub(crate) version: u8,
}

/// Seals and opens for one purpose and issuer.
pub(crate) struct Sealer {
    version: u8,
    keys: Vec<RootKey>,
}

struct RootKey {
    id: RootId,
    key: SealKey,
    associated: Vec<u8>,
}

impl Sealer {
    /// With the keys of every root.
    pub(crate) fn new(keyring: &Keyring, purpose: Purpose, issuer: &str) -> Self {
        let prepare = |root: &Root| RootKey {
            id: root.id(),
            key: SealKey::new(&root.derive(purpose.key)),
            associated: Canonical::new(Vec::new(), purpose.label)
                .number(u64::from(purpose.version))
                .bytes(root.id().as_bytes())
                .text(issuer)
                .finish(),
        };
        Self { version: purpose.version, keys: keyring.roots().iter().map(prepare).collect() }
    }

    /// Seals the fields that `write` appends, about `length` bytes, with the first root.
    pub(crate) fn seal(
        &self,
        length: usize,
        write: impl FnOnce(Canonical<Vec<u8>>) -> Canonical<Vec<u8>>,
        random: &mut impl CryptoRng,
    ) -> String {
        let root = &self.keys[0];
        let nonce = random::bytes::<NONCE>(random);
        let mut bytes = Vec::with_capacity(OVERHEAD + length);
        bytes.push(self.version);
        bytes.extend_from_slice(root.id.as_bytes());
        bytes.extend_from_slice(&nonce);
        let mut bytes = write(Canonical::resume(bytes)).finish();
        root.key.seal(&nonce, &root.associated, &mut bytes, CLEAR);
        base64url::encode(&bytes)
    }

    /// What `read` makes of the fields of a text, which may be anything. Each field has to be read.
    pub(crate) fn open<T>(&self, text: &str, read: impl FnOnce(&mut Fields<'_>) -> Option<T>) -> Option<T> {
        let mut bytes = base64url::decode(text)?;
        let (clear, sealed) = bytes.split_first_chunk_mut::<CLEAR>()?;
        let (&mut version, rest) = clear.split_first_mut()?;
        let (id, rest) = rest.split_first_chunk::<ROOT_ID>()?;
        let nonce = rest.first_chunk::<NONCE>()?;
        let root = self.keys.iter().find(|root| version == self.version && root.id == RootId::from_bytes(*id))?;
        let mut fields = Fields::new(root.key.open(nonce, &root.associated, sealed)?);
        let read = read(&mut fields)?;
        fields.end().map(|()| read)
    }
}

/// The root that a text names which looks like one of this version; nothing of it is believed.
pub(crate) fn untrusted_root(text: &str, version: u8) -> Option<RootId> {
    let bytes = base64url::decode(text).filter(|bytes| bytes.len() >= OVERHEAD && bytes[0] == version)?;
    bytes[1..].first_chunk().copied().map(RootId::from_bytes)
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|root| root.id)).finish()
    }
}
