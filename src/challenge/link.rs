//! The link token: the same challenge as the code, sealed, so that it stands alone in a magic link.
//!
//! PASETO v4.local under the key of its root; the footer names the root, and the implicit assertion is the
//! canonical encoding of (label, issuer). pasetors draws the nonce from the operating system itself.

use alloc::{borrow::Cow, format, string::String, vec::Vec};
use core::fmt;

use pasetors::{
    Local,
    keys::SymmetricKey,
    token::UntrustedToken,
    version4::{LocalToken, V4},
};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::{Binding, Challenge, ChallengeId, Challenges, CodeFormat, GuardId, Use, VerifiedChallenge, issuer::Forged};
use crate::{
    crypto::{Canonical, base64url, labels},
    keyring::{Keyring, RootId},
    recipient::{Channel, Recipient},
    time::UnixTime,
};

/// How every link token starts.
pub const LINK_HEADER: &str = "v4.local.";

/// A link token as the engine made it: whoever has it can log in, so it is never printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct LinkToken(String);

/// A link token as a client sent it.
#[derive(Clone, Copy)]
pub struct UntrustedLink<'a>(&'a str);

/// A link token that this fleet made.
#[derive(Clone, Debug)]
pub struct VerifiedLink {
    /// The challenge that it redeems, with the recipient inside.
    pub challenge: VerifiedChallenge,
    /// The directory's word for the user when the link was made.
    pub epoch: String,
}

/// Seals and opens the link tokens of one fleet.
pub struct Links {
    assertion: Vec<u8>,
    keys: Vec<(RootId, SymmetricKey<V4>)>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed<'a> {
    jti: Cow<'a, str>,
    iat: u64,
    exp: u64,
    channel: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fmt: Option<Cow<'a, str>>,
    guard: Cow<'a, str>,
    bind: Cow<'a, str>,
    rcpt: Cow<'a, str>,
    epoch: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Footer<'a> {
    kid: Cow<'a, str>,
}

impl LinkToken {
    /// The text, for the message that carries it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl<'a> UntrustedLink<'a> {
    /// `None` unless `token` is a link token by its looks: no code is. It ends at the first character that can't belong to
    /// one, and before trailing dots: mail gateways, and whoever copies a link out of a sentence, append such.
    #[must_use]
    pub fn parse(token: &'a str) -> Option<Self> {
        let belongs = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let end = token.bytes().position(|byte| !belongs(byte)).unwrap_or(token.len());
        let token = token[..end].trim_end_matches('.');
        token.starts_with(LINK_HEADER).then_some(Self(token))
    }
}

impl Links {
    /// With the keys of every root.
    #[must_use]
    pub fn new(keyring: &Keyring, issuer: &str) -> Self {
        let key = |root: &crate::keyring::Root| {
            let key = SymmetricKey::from(root.derive::<32>(labels::LINK_KEY).expose());
            (root.id(), key.expect("v4.local keys have 32 bytes"))
        };
        Self {
            assertion: Canonical::new(Vec::new(), labels::LINK).text(issuer).finish(),
            keys: keyring.roots().iter().map(key).collect(),
        }
    }

    /// The link of `verified` for the user whose epoch this is. Costs several HMACs, so it belongs in the delivery worker.
    ///
    /// # Panics
    /// If the operating system has no randomness.
    #[must_use]
    pub fn seal(&self, verified: &VerifiedChallenge, epoch: &str) -> LinkToken {
        let challenge = verified.challenge();
        let sealed = Sealed {
            jti: challenge.id.to_text().into(),
            iat: challenge.issued_at.as_seconds(),
            exp: challenge.expires_at.as_seconds(),
            channel: challenge.channel.as_str().into(),
            fmt: challenge.format.as_ref().map(|format| format!("{format}").into()),
            guard: challenge.guard.as_str().into(),
            bind: challenge.binding.map(|binding| base64url::encode(binding.as_bytes())).unwrap_or_default().into(),
            rcpt: verified.recipient().as_str().into(),
            epoch: epoch.into(),
        };
        let message = zeroize::Zeroizing::new(serde_json::to_vec(&sealed).expect("strings and numbers are always JSON"));
        let (root, key) = self.key(verified.root).expect("a verified challenge is used with the keys that made or believed it");
        let footer = format!(r#"{{"kid":"{}"}}"#, root.to_text());
        let token = LocalToken::encrypt(key, &message, Some(footer.as_bytes()), Some(&self.assertion));
        LinkToken(token.expect("sealing fails only without randomness"))
    }

    /// Believes a link token: opens it and makes the challenge's `mac` anew. Its lifetime isn't judged here.
    ///
    /// # Errors
    /// [`Forged`], whatever is wrong.
    pub fn open(&self, challenges: &Challenges, link: UntrustedLink<'_>) -> Result<VerifiedLink, Forged> {
        self.open_sealed(challenges, link).ok_or(Forged)
    }

    fn open_sealed(&self, challenges: &Challenges, link: UntrustedLink<'_>) -> Option<VerifiedLink> {
        let token = UntrustedToken::<Local, V4>::try_from(link.0).ok()?;
        let footer: Footer<'_> = serde_json::from_slice(token.untrusted_footer()).ok()?;
        let root = RootId::from_text(&footer.kid)?;
        let (_, key) = self.key(root)?;
        let opened = LocalToken::decrypt(key, &token, None, Some(&self.assertion)).ok()?;
        let sealed: Sealed<'_> = serde_json::from_str(opened.payload()).ok()?;
        let channel = Channel::from_name(&sealed.channel)?;
        let challenge = Challenge {
            id: ChallengeId::from_text(&sealed.jti)?,
            issued_at: UnixTime::from_seconds(sealed.iat),
            expires_at: UnixTime::from_seconds(sealed.exp),
            usage: Use::CODE,
            channel,
            format: match sealed.fmt {
                Some(claim) => Some(CodeFormat::from_claim(&claim)?),
                None => None,
            },
            guard: GuardId::new(sealed.guard)?,
            binding: match sealed.bind.as_ref() {
                "" => None,
                text => Some(Binding::from_text(text)?),
            },
        };
        let challenge = challenges.seal_with(root, challenge, Recipient::from_canonical(channel, sealed.rcpt))?;
        Some(VerifiedLink { challenge, epoch: sealed.epoch.into_owned() })
    }

    fn key(&self, root: RootId) -> Option<&(RootId, SymmetricKey<V4>)> {
        self.keys.iter().find(|(id, _)| *id == root)
    }
}

impl fmt::Debug for LinkToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkToken(…)")
    }
}

impl fmt::Debug for UntrustedLink<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UntrustedLink(…)")
    }
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|(root, _)| root)).finish()
    }
}
