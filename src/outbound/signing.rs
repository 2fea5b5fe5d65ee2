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

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const AT: UnixTime = UnixTime::from_seconds(1_614_265_330);
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    /// From the specification's own example; PyPI `standardwebhooks` agrees (`tests/real/webhook.py`).
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn secret() -> WebhookSecret {
        WebhookSecret::parse(SECRET).unwrap()
    }

    #[test]
    fn signatures_are_those_of_the_specification() {
        assert_eq!(secret().sign(ID, AT, BODY), SIGNATURE);
        let check = |signatures: &str| secret().verify(ID, "1614265330", signatures, BODY, AT);
        assert_eq!(check(SIGNATURE), Ok(()));
        assert_eq!(check(&format!("v1a,nonsense v1,AAAA {SIGNATURE}")), Ok(()), "one of several");
    }

    #[test]
    fn whatever_is_altered_is_refused() {
        let other = WebhookSecret::parse("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").unwrap();
        let short = &SIGNATURE[..SIGNATURE.len() - 4];
        let unversioned = SIGNATURE.strip_prefix("v1,").unwrap();
        let second = SIGNATURE.replace("v1,", "v2,");
        for (secret, id, at, signature, body) in [
            (&other, ID, "1614265330", SIGNATURE, BODY),
            (&secret(), "msg_other", "1614265330", SIGNATURE, BODY),
            (&secret(), ID, "1614265331", SIGNATURE, BODY),
            (&secret(), ID, "1614265330", SIGNATURE, br#"{"test": 2432232315}"#),
            (&secret(), ID, "1614265330", "", BODY),
            (&secret(), ID, "1614265330", short, BODY),
            (&secret(), ID, "1614265330", unversioned, BODY),
            (&secret(), ID, "1614265330", &second, BODY),
            (&secret(), ID, "", SIGNATURE, BODY),
            (&secret(), ID, "+1614265330", SIGNATURE, BODY),
            (&secret(), ID, "99999999999999999999999", SIGNATURE, BODY),
        ] {
            assert_eq!(secret.verify(id, at, signature, body, AT), Err(InvalidSignature), "{id} {at} {signature}");
        }
    }

    #[test]
    fn a_timestamp_is_good_for_five_minutes_either_way() {
        let check = |now| secret().verify(ID, "1614265330", SIGNATURE, BODY, now).is_ok();
        assert!(check(AT.plus(TOLERANCE)) && check(AT.minus(TOLERANCE)));
        assert!(!check(AT.plus(TOLERANCE + 1)) && !check(AT.minus(TOLERANCE + 1)));
    }

    #[test]
    fn secrets_have_24_to_64_bytes_and_are_never_shown() {
        let written = |bytes: usize| format!("whsec_{}", STANDARD.encode(alloc::vec![7; bytes]));
        for (bytes, is) in [(23, false), (24, true), (64, true), (65, false)] {
            assert_eq!(WebhookSecret::parse(&written(bytes)).is_some(), is, "{bytes}");
        }
        for bad in ["", "whsec_", &SECRET[6..], "whsec_not base64 at all, is it?", "WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
            assert!(WebhookSecret::parse(bad).is_none(), "{bad}");
        }
        assert_eq!(format!("{:?}", secret()), "WebhookSecret(…)");
    }
}
