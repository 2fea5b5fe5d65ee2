//! Makes challenges and authenticates envelopes.
//!
//! mac = HMAC-SHA-256(envelope MAC key, (label, iss, aud, jti, iat, exp, use, channel, fmt, guard, bind, recipient))
//!
//! The recipient stands in no claim but is under the `mac`: an envelope made for another address is a forged one. `fmt` is the
//! alphabet and the length of the code; an empty alphabet and 0 where there is no such claim. A claim that comes later is
//! optional, and where it is there, its name and its value follow the recipient: so no envelope of today changes, and no two
//! sets of claims have the same fields.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::fmt;

use super::{
    Challenge, Code, CodeFormat, UntrustedEnvelope, VerifiedChallenge, claims::CHALLENGE_AUDIENCE, envelope::write_claims,
};
use crate::{
    crypto::{Mac, MacKey, base64url, jws, labels, paseto},
    keyring::{EnvelopeFormat, Keyring, RootId, SigningKey},
    recipient::Recipient,
    time::Spelling,
};

/// An envelope that isn't ours, or not this recipient's. One kind on purpose: the answer never says which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forged;

/// Makes and checks the challenges of one fleet.
///
/// A [`VerifiedChallenge`] is used with the keys that made or believed it, or with ones that still have its root: its code,
/// its link and its envelope are that root's.
#[derive(Debug)]
pub struct Challenges {
    /// `iss` as a JSON string, quotes included.
    issuer_json: Box<str>,
    format: EnvelopeFormat,
    roots: Vec<RootKeys>,
}

#[derive(Debug)]
struct RootKeys {
    id: RootId,
    /// What stands before or behind the payload and names the key: a JWS header or a PASETO footer, as base64url.
    protected: Box<str>,
    /// `protected`, decoded.
    footer: Box<str>,
    signing: SigningKey,
    mac: MacKey,
    code: MacKey,
}

impl Challenges {
    /// For one issuer and envelope format, with the keys of every root.
    #[must_use]
    pub fn new(keyring: &Keyring, issuer: &str, format: EnvelopeFormat) -> Self {
        let roots = keyring.roots().iter().map(|root| {
            let signing = root.envelope_key(format);
            let footer = format.protected(signing.public()).expect("a root's key is of the format it was derived for");
            let mac = MacKey::new(&root.derive(labels::ENVELOPE_MAC_KEY));
            RootKeys {
                id: root.id(),
                protected: base64url::encode(footer.as_bytes()).into(),
                footer: footer.into(),
                signing,
                mac: MacKey::with_prefix(mac.begin(labels::CHALLENGE).text(issuer).text(CHALLENGE_AUDIENCE)),
                code: MacKey::new(&root.derive(labels::CODE_KEY)),
            }
        });
        let issuer_json = serde_json::to_string(issuer).expect("a string is always JSON");
        Self { issuer_json: issuer_json.into(), format, roots: roots.collect() }
    }

    /// A new challenge for `recipient`, made with the first root.
    #[must_use]
    pub fn seal(&self, challenge: Challenge, recipient: Recipient) -> VerifiedChallenge {
        self.roots[0].seal(challenge, recipient)
    }

    /// A challenge that stands in what was sealed with the keys of this root; `None` where it isn't ours.
    #[cfg(feature = "std")]
    pub(super) fn seal_with(&self, root: RootId, challenge: Challenge, recipient: Recipient) -> Option<VerifiedChallenge> {
        self.roots.iter().find(|keys| keys.id == root).map(|keys| keys.seal(challenge, recipient))
    }

    /// The signed envelope of `verified`: one signature.
    #[must_use]
    pub fn sign(&self, verified: &VerifiedChallenge) -> String {
        let keys = self.root_of(verified);
        match self.format {
            EnvelopeFormat::V4Public => {
                paseto::assemble(self.claims(verified), &keys.footer, |message| keys.signing.sign(message))
            }
            _ => jws::assemble(&keys.protected, &self.claims(verified), |message| keys.signing.sign(message)),
        }
    }

    fn claims(&self, verified: &VerifiedChallenge) -> Vec<u8> {
        let spelling = if self.format == EnvelopeFormat::V4Public { Spelling::Iso8601 } else { Spelling::Number };
        write_claims(&self.issuer_json, &verified.challenge, &verified.mac, spelling)
    }

    /// Believes an envelope, for this recipient, by one HMAC. `alg`, `typ`, `kid`, `iss` and `aud` are pinned.
    ///
    /// # Errors
    /// [`Forged`], whatever is wrong.
    pub fn authenticate(&self, envelope: UntrustedEnvelope<'_>, recipient: &Recipient) -> Result<VerifiedChallenge, Forged> {
        let keys = self.named_by(&envelope).ok_or(Forged)?;
        let mac = keys.authenticate(&envelope.challenge, recipient);
        if mac != envelope.mac || envelope.challenge.channel != recipient.channel() {
            return Err(Forged);
        }
        Ok(VerifiedChallenge { challenge: envelope.challenge, mac, recipient: recipient.clone(), root: keys.id })
    }

    /// The short code of a challenge, for the user whose epoch this is; `None` where its code is none of ours.
    #[must_use]
    pub fn code(&self, verified: &VerifiedChallenge, epoch: &str) -> Option<Code> {
        let format = verified.challenge.format.as_ref()?;
        Some(Code::short(&self.root_of(verified).code, &verified.mac, epoch, format))
    }

    /// The long code of a challenge, for a link that is good only in the requesting browser.
    #[must_use]
    pub fn long_code(&self, verified: &VerifiedChallenge, epoch: &str, format: &CodeFormat) -> Code {
        Code::long(&self.root_of(verified).code, &verified.mac, epoch, format)
    }

    /// The root whose header this envelope carries, byte for byte, if the issuer is ours; the audience always is.
    fn named_by(&self, envelope: &UntrustedEnvelope<'_>) -> Option<&RootKeys> {
        if envelope.issuer_json() != self.issuer_json.as_bytes() {
            return None;
        }
        self.roots.iter().find(|keys| *keys.protected == *envelope.protected())
    }

    /// The root that a challenge was made with.
    fn root_of(&self, verified: &VerifiedChallenge) -> &RootKeys {
        let made_with = self.roots.iter().find(|keys| keys.id == verified.root);
        made_with.expect("a verified challenge is used with the keys that made or believed it")
    }
}

impl RootKeys {
    fn seal(&self, challenge: Challenge, recipient: Recipient) -> VerifiedChallenge {
        let mac = self.authenticate(&challenge, &recipient);
        VerifiedChallenge { challenge, mac, recipient, root: self.id }
    }

    fn authenticate(&self, challenge: &Challenge, recipient: &Recipient) -> Mac {
        let binding = challenge.binding.as_ref().map_or(&[][..], |binding| binding.as_bytes());
        let (alphabet, length) =
            challenge.format.as_ref().map_or(("", 0), |format| (format.alphabet().characters(), format.length()));
        self.mac
            .resume()
            .bytes(challenge.id.as_bytes())
            .number(challenge.issued_at.as_seconds())
            .number(challenge.expires_at.as_seconds())
            .text(challenge.usage.as_str())
            .text(challenge.channel.as_str())
            .text(alphabet)
            .number(u64::from(length))
            .text(challenge.guard.as_str())
            .bytes(binding)
            .text(recipient.as_str())
            .mac()
    }
}

impl fmt::Display for Forged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an envelope of this fleet for this recipient")
    }
}

impl core::error::Error for Forged {}
