//! Standard Webhooks: how calls to configured endpoints are signed, and how signed calls are checked.
//!
//! signature = `v1,` ‖ base64(HMAC-SHA-256(secret, id ‖ `.` ‖ timestamp ‖ `.` ‖ body))

use alloc::{format, string::String, vec::Vec};
use core::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::time::UnixTime;

/// Header that names one message; a retry keeps it.
pub const ID_HEADER: &str = "webhook-id";
/// Header with the moment of signing, in seconds since 1970; a retry renews it.
pub const TIMESTAMP_HEADER: &str = "webhook-timestamp";
/// Header with one or more signatures, separated by spaces.
pub const SIGNATURE_HEADER: &str = "webhook-signature";
/// How far a timestamp may be from now, in seconds, either way.
pub const TOLERANCE: u64 = 300;

/// A signing secret: 24 to 64 bytes, written as `whsec_` and their base64.
#[derive(Clone)]
pub struct WebhookSecret(Zeroizing<Vec<u8>>);

/// A call whose signature isn't right. One kind on purpose: the answer never says which part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidSignature;

impl WebhookSecret {
    /// The secret that `text` writes; `None` for another prefix, another encoding or another length.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(STANDARD.decode(text.strip_prefix("whsec_")?).ok()?);
        (24..=64).contains(&bytes.len()).then_some(Self(bytes))
    }

    /// The value of [`SIGNATURE_HEADER`].
    #[must_use]
    pub fn sign(&self, id: &str, at: UnixTime, body: &[u8]) -> String {
        let mac = self.mac(id, &format!("{}", at.as_seconds()), body).finalize().into_bytes();
        let mut signature = String::from("v1,");
        STANDARD.encode_string(mac, &mut signature);
        signature
    }

    /// Checks the three headers of a call: one `v1` signature must be right, and the timestamp within [`TOLERANCE`].
    ///
    /// # Errors
    /// [`InvalidSignature`], whatever is wrong.
    pub fn verify(
        &self,
        id: &str,
        timestamp: &str,
        signatures: &str,
        body: &[u8],
        now: UnixTime,
    ) -> Result<(), InvalidSignature> {
        let digits = !timestamp.is_empty() && timestamp.bytes().all(|byte| byte.is_ascii_digit());
        let at = digits.then(|| timestamp.parse().ok()).flatten().map(UnixTime::from_seconds).ok_or(InvalidSignature)?;
        if at.seconds_since(now).max(now.seconds_since(at)) > TOLERANCE {
            return Err(InvalidSignature);
        }
        let candidates = signatures.split(' ').filter_map(|signature| STANDARD.decode(signature.strip_prefix("v1,")?).ok());
        // `verify_slice` compares in constant time.
        let right =
            candidates.fold(false, |right, candidate| right | self.mac(id, timestamp, body).verify_slice(&candidate).is_ok());
        right.then_some(()).ok_or(InvalidSignature)
    }

    fn mac(&self, id: &str, timestamp: &str, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            mac.update(part);
        }
        mac
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(…)")
    }
}

impl fmt::Display for InvalidSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the webhook's signature is invalid")
    }
}

impl core::error::Error for InvalidSignature {}
