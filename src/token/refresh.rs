//! The refresh token: opaque to everybody but the fleet, good until its session ends.
//!
//! token = base64url(version ‖ root id ‖ nonce ‖ sealed), sealed = XChaCha20-Poly1305 under the root's refresh key of
//! the canonical fields (generation, sid, channel, recipient, subject, amr, epoch, auth_time, end), with the associated
//! data (label, version, root id, issuer).
//!
//! The generation counts rotations; without rotation it is 0 and nobody looks at it.

use alloc::{string::String, vec::Vec};
use core::fmt;

use rand_core::CryptoRng;

use super::{Amr, TokenInvalid, claims::SessionId};
use crate::{
    crypto::{
        Canonical, Fields, base64url, labels, random,
        seal::{NONCE, SealKey, TAG},
    },
    keyring::{Keyring, Root, RootId},
    recipient::{Channel, Recipient},
    time::UnixTime,
};

const VERSION: u8 = 1;
const ROOT_ID: usize = 6;
const CLEAR: usize = 1 + ROOT_ID + NONCE;

/// A session, as its refresh token knows it.
#[derive(Clone)]
pub struct VerifiedRefresh {
    /// Whose it is, by the recipient that was proved.
    pub recipient: Recipient,
    /// The user's id at login.
    pub subject: String,
    /// The user's epoch at login.
    pub epoch: String,
    /// How the recipient was proved.
    pub amr: Amr,
    /// `sid`.
    pub session: SessionId,
    /// When the recipient was proved.
    pub authenticated_at: UnixTime,
    /// The first second at which it is refused; refreshing never moves it.
    pub ends_at: UnixTime,
    /// How often it was rotated.
    pub generation: u64,
}

/// Seals and opens the refresh tokens of one fleet.
#[derive(Debug)]
pub(super) struct RefreshTokens(Vec<RootKey>);

#[derive(Debug)]
struct RootKey {
    id: RootId,
    key: SealKey,
    associated: Vec<u8>,
}

impl RefreshTokens {
    pub(super) fn new(keyring: &Keyring, issuer: &str) -> Self {
        let prepare = |root: &Root| RootKey {
            id: root.id(),
            key: SealKey::new(&root.derive(labels::REFRESH_KEY)),
            associated: Canonical::new(Vec::new(), labels::REFRESH)
                .number(u64::from(VERSION))
                .bytes(root.id().as_bytes())
                .text(issuer)
                .finish(),
        };
        Self(keyring.roots().iter().map(prepare).collect())
    }

    /// The token of `session`, sealed with the first root.
    pub(super) fn seal(&self, session: &VerifiedRefresh, random: &mut impl CryptoRng) -> String {
        let root = &self.0[0];
        let nonce = random::bytes::<NONCE>(random);
        let texts = session.recipient.as_str().len() + session.subject.len() + session.epoch.len();
        let mut token = Vec::with_capacity(CLEAR + texts + 96 + TAG);
        token.push(VERSION);
        token.extend_from_slice(root.id.as_bytes());
        token.extend_from_slice(&nonce);
        let mut token = Canonical::resume(token)
            .number(session.generation)
            .bytes(session.session.as_bytes())
            .text(session.recipient.channel().as_str())
            .text(session.recipient.as_str())
            .text(&session.subject)
            .text(session.amr.as_str())
            .text(&session.epoch)
            .number(session.authenticated_at.as_seconds())
            .number(session.ends_at.as_seconds())
            .finish();
        root.key.seal(&nonce, &root.associated, &mut token, CLEAR);
        base64url::encode(&token)
    }

    /// Believes a token. Its end isn't judged here.
    pub(super) fn open(&self, token: &str) -> Result<VerifiedRefresh, TokenInvalid> {
        self.open_sealed(token).ok_or(TokenInvalid)
    }

    fn open_sealed(&self, token: &str) -> Option<VerifiedRefresh> {
        let mut bytes = base64url::decode(token)?;
        let (clear, sealed) = bytes.split_first_chunk_mut::<CLEAR>()?;
        let (&mut [VERSION], rest) = clear.split_first_chunk_mut()? else { return None };
        let (id, rest) = rest.split_first_chunk::<ROOT_ID>()?;
        let nonce = rest.first_chunk::<NONCE>()?;
        let root = self.0.iter().find(|root| root.id == RootId::from_bytes(*id))?;
        let mut fields = Fields::new(root.key.open(nonce, &root.associated, sealed)?);
        let generation = fields.number()?;
        let session = SessionId::from_random(fields.bytes()?.try_into().ok()?);
        let channel = Channel::from_name(fields.text()?)?;
        let verified = VerifiedRefresh {
            recipient: Recipient::from_canonical(channel, fields.text()?),
            subject: fields.text()?.into(),
            amr: Amr::from_text(fields.text()?)?,
            epoch: fields.text()?.into(),
            authenticated_at: UnixTime::from_seconds(fields.number()?),
            ends_at: UnixTime::from_seconds(fields.number()?),
            session,
            generation,
        };
        fields.end().map(|()| verified)
    }
}

/// The root that a token names which looks like a refresh token; nothing of it is believed.
#[must_use]
pub fn untrusted_root(token: &str) -> Option<RootId> {
    let bytes = base64url::decode(token).filter(|bytes| bytes.len() >= CLEAR + TAG && bytes[0] == VERSION)?;
    bytes[1..].first_chunk().copied().map(RootId::from_bytes)
}

impl fmt::Debug for VerifiedRefresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerifiedRefresh(…)")
    }
}
