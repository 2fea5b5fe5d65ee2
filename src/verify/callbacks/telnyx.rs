//! Telnyx's webhooks: <https://developers.telnyx.com/docs/identity/verify/receiving-webhooks>.
//!
//! signature = Ed25519(key, timestamp ‖ `|` ‖ raw body)

use alloc::{borrow::ToOwned as _, string::String};
use core::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature, VerifyingKey};
use serde_json::Value;

use super::{InvalidSignature, Progress, Report, name};
use crate::time::UnixTime;

/// How far a timestamp may be from now, in seconds, either way.
pub const TOLERANCE: u64 = 300;
/// The longest type of an event that is told back to whoever signed it.
const SHOWN: usize = 64;

/// The key of an account's webhooks.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// Why a report that is signed says nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// It is no JSON.
    NotJson,
    /// It is no object with a member `data`.
    NoData,
    /// `data` is no object.
    DataIsNoObject,
    /// `data` has no `event_type` that is a text.
    NoEventType,
    /// Events of this type are none of ours.
    UnexpectedEventType(String),
    /// `data` has no `id` that is a text.
    NoId,
}

impl PublicKey {
    /// The key that `text` writes: standard base64 of 32 bytes that are a point of the curve, and not one of those of small
    /// order, for which anybody can sign.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = <[u8; 32]>::try_from(STANDARD.decode(text).ok()?).ok()?;
        let key = VerifyingKey::from_bytes(&bytes).ok()?;
        (!key.is_weak()).then_some(Self(key))
    }

    /// Checks the two headers of a webhook over the raw bytes of its body.
    ///
    /// # Errors
    /// [`InvalidSignature`], whatever is wrong: also a timestamp that is further than [`TOLERANCE`] from `now`.
    pub fn verify(&self, signature: &str, timestamp: &str, body: &[u8], now: UnixTime) -> Result<(), InvalidSignature> {
        let is_number = !timestamp.is_empty() && timestamp.bytes().all(|byte| byte.is_ascii_digit());
        let at = is_number.then(|| timestamp.parse().ok()).flatten().map(UnixTime::from_seconds).ok_or(InvalidSignature)?;
        if at.seconds_since(now).max(now.seconds_since(at)) > TOLERANCE {
            return Err(InvalidSignature);
        }
        let bytes = STANDARD.decode(signature).ok().and_then(|bytes| <[u8; 64]>::try_from(bytes).ok()).ok_or(InvalidSignature)?;
        let signed = [timestamp.as_bytes(), b"|", body].concat();
        self.0.verify_strict(&signed, &Signature::from_bytes(&bytes)).map_err(|_| InvalidSignature)
    }
}

/// Reads the body of a webhook whose signature is right.
///
/// # Errors
/// See [`Malformed`].
pub fn read(body: &[u8]) -> Result<Report, Malformed> {
    let whole: Value = serde_json::from_slice(body).map_err(|_| Malformed::NotJson)?;
    let data = whole.get("data").ok_or(Malformed::NoData)?;
    let data = data.as_object().ok_or(Malformed::DataIsNoObject)?;
    let event_type = data.get("event_type").and_then(Value::as_str).ok_or(Malformed::NoEventType)?;
    let (by_type, said) = match event_type {
        "verify.sent" => (Progress::Sent, "sent"),
        "verify.delivered" => (Progress::Delivered, "delivered"),
        "verify.failed" => (Progress::Failed, "failed"),
        other => return Err(Malformed::UnexpectedEventType(shown(other))),
    };
    let id = data.get("id").and_then(Value::as_str).filter(|id| !id.trim().is_empty()).ok_or(Malformed::NoId)?;
    let payload = |member: &str| data.get("payload")?.get(member)?.as_str().and_then(name);
    // `payload.status` says `pending` until somebody types the code.
    let delivery_status = payload("delivery_status").unwrap_or_else(|| said.into());
    let progress = progress_of(&delivery_status).unwrap_or(by_type);
    let provider_id = payload("id").or_else(|| name(id));
    Ok(Report { id: id.to_owned(), progress: Some(progress), provider_id, delivery_status: Some(delivery_status) })
}

fn progress_of(delivery_status: &str) -> Option<Progress> {
    match delivery_status {
        "sent" => Some(Progress::Sent),
        "delivered" => Some(Progress::Delivered),
        status if status.contains("fail") || status == "undelivered" => Some(Progress::Failed),
        _ => None,
    }
}

/// What of a foreign text may stand in an answer.
fn shown(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(SHOWN).collect()
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson => f.write_str("The webhook payload is not JSON"),
            Self::NoData => f.write_str("Missing 'data' key in webhook payload"),
            Self::DataIsNoObject => f.write_str("'data' must be a dictionary"),
            Self::NoEventType => f.write_str("Missing 'event_type' in webhook data"),
            Self::UnexpectedEventType(event_type) => write!(f, "Unexpected event type: {event_type}"),
            Self::NoId => f.write_str("Missing 'id' in webhook data"),
        }
    }
}

impl core::error::Error for Malformed {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PublicKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer as _, SigningKey};
    use proptest::prelude::*;

    use super::*;

    const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);
    const AT: &str = "1800000000";
    /// As Telnyx's documentation shows one.
    const BODY: &str = r#"{"data":{"event_type":"verify.delivered","id":"3bb6321b-abd5-4d60-8cf8-1e6026bb1c41","occurred_at":"2025-10-08T17:16:09.602+00:00","payload":{"custom_code":"25565","delivery_status":"delivered","id":"010d9dee-d86d-47d0-8d6c-20c0f95a79ec","phone_number":"+13125000000","status":"pending","type":"sms"},"record_type":"event"},"meta":{"attempt":1}}"#;

    fn signing() -> SigningKey {
        SigningKey::from_bytes(&[7; 32])
    }

    fn key() -> PublicKey {
        PublicKey::parse(&STANDARD.encode(signing().verifying_key().as_bytes())).unwrap()
    }

    fn sign(timestamp: &str, body: &str) -> String {
        STANDARD.encode(signing().sign(format!("{timestamp}|{body}").as_bytes()).to_bytes())
    }

    #[test]
    fn keys_are_judged() {
        assert!(PublicKey::parse(&STANDARD.encode(signing().verifying_key().as_bytes())).is_some());
        let weak = STANDARD.encode([0; 32]);
        let one = STANDARD.encode({
            let mut identity = [0; 32];
            identity[0] = 1;
            identity
        });
        for bad in ["", "x", &weak, &one, &STANDARD.encode([7; 31]), &STANDARD.encode([1; 33])] {
            assert!(PublicKey::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn what_is_signed_is_the_timestamp_a_bar_and_the_raw_body() {
        assert_eq!(key().verify(&sign(AT, BODY), AT, BODY.as_bytes(), NOW), Ok(()));
        let spaced = BODY.replace(':', ": ");
        let other = SigningKey::from_bytes(&[8; 32]).sign(format!("{AT}|{BODY}").as_bytes()).to_bytes();
        let right = sign(AT, BODY);
        // S + L: another spelling of the same signature, which strict verification refuses.
        for (signature, at, body) in [
            (&*right, "1800000001", BODY),
            (&right, AT, &*spaced),
            (&right, AT, ""),
            (&sign("1800000001", BODY), AT, BODY),
            (&STANDARD.encode(signing().sign(BODY.as_bytes()).to_bytes()), AT, BODY),
            (&STANDARD.encode(signing().sign(format!("{AT}.{BODY}").as_bytes()).to_bytes()), AT, BODY),
            (&STANDARD.encode(other), AT, BODY),
            (&right[1..], AT, BODY),
            (&right[..right.len() - 2], AT, BODY),
            ("", AT, BODY),
            (&STANDARD.encode([0; 64]), AT, BODY),
            (&right, "", BODY),
            (&sign("+1800000000", BODY), "+1800000000", BODY),
            (&sign(" 1800000000", BODY), " 1800000000", BODY),
            (&sign("1800000000.0", BODY), "1800000000.0", BODY),
            (&sign("99999999999999999999999", BODY), "99999999999999999999999", BODY),
        ] {
            assert_eq!(key().verify(signature, at, body.as_bytes(), NOW), Err(InvalidSignature), "{signature} {at}");
        }
        // The bar moved: the same bytes, another timestamp.
        let moved = sign(AT, "5|x");
        assert_eq!(key().verify(&moved, "1800000000", b"5|x", NOW), Ok(()));
        assert_eq!(key().verify(&moved, "1800000000|5", b"x", NOW), Err(InvalidSignature));
    }

    #[test]
    fn a_timestamp_is_good_for_300_seconds_either_way() {
        let verify = |now: UnixTime| key().verify(&sign(AT, BODY), AT, BODY.as_bytes(), now).is_ok();
        assert!(verify(NOW.plus(300)) && verify(NOW.minus(300)));
        assert!(!verify(NOW.plus(301)) && !verify(NOW.minus(301)));
    }

    #[test]
    fn the_state_is_that_of_the_delivery_and_nothing_else_is_kept() {
        let report = read(BODY.as_bytes()).unwrap();
        assert_eq!(report.id, "3bb6321b-abd5-4d60-8cf8-1e6026bb1c41");
        assert_eq!(report.progress, Some(Progress::Delivered));
        assert_eq!(report.provider_id.as_deref(), Some("010d9dee-d86d-47d0-8d6c-20c0f95a79ec"));
        assert_eq!(report.delivery_status.as_deref(), Some("delivered"));
        let kept = format!("{report:?}");
        assert!(!kept.contains("25565") && !kept.contains("3125000000") && !kept.contains("pending"), "{kept}");

        let progress = |event_type: &str, status: &str| {
            let body = BODY.replace("verify.delivered", event_type).replace(r#""delivery_status":"delivered""#, status);
            read(body.as_bytes()).unwrap().progress.unwrap()
        };
        for (event_type, status, expected) in [
            ("verify.sent", r#""x":1"#, Progress::Sent),
            ("verify.delivered", r#""x":1"#, Progress::Delivered),
            ("verify.failed", r#""x":1"#, Progress::Failed),
            ("verify.sent", r#""delivery_status":"delivered""#, Progress::Delivered),
            ("verify.sent", r#""delivery_status":"sending_failed""#, Progress::Failed),
            ("verify.delivered", r#""delivery_status":"failed""#, Progress::Failed),
            ("verify.failed", r#""delivery_status":"in transit""#, Progress::Failed),
            ("verify.sent", r#""delivery_status":null"#, Progress::Sent),
            ("verify.sent", r#""delivery_status":["delivered"]"#, Progress::Sent),
        ] {
            assert_eq!(progress(event_type, status), expected, "{event_type} {status}");
        }
    }

    #[test]
    fn each_malformation_has_its_words() {
        for (body, text) in [
            ("", "The webhook payload is not JSON"),
            ("{", "The webhook payload is not JSON"),
            (r#"{"data":{}} x"#, "The webhook payload is not JSON"),
            ("{}", "Missing 'data' key in webhook payload"),
            ("[]", "Missing 'data' key in webhook payload"),
            ("null", "Missing 'data' key in webhook payload"),
            (r#"{"Data":{}}"#, "Missing 'data' key in webhook payload"),
            (r#"{"data":null}"#, "'data' must be a dictionary"),
            (r#"{"data":[]}"#, "'data' must be a dictionary"),
            (r#"{"data":"verify.sent"}"#, "'data' must be a dictionary"),
            (r#"{"data":{}}"#, "Missing 'event_type' in webhook data"),
            (r#"{"data":{"event_type":null,"id":"1"}}"#, "Missing 'event_type' in webhook data"),
            (r#"{"data":{"event_type":"message.sent","id":"1"}}"#, "Unexpected event type: message.sent"),
            (r#"{"data":{"event_type":"","id":"1"}}"#, "Unexpected event type: "),
            (r#"{"data":{"event_type":"a\r\n\u0000b"}}"#, "Unexpected event type: ab"),
            (r#"{"data":{"event_type":"verify.sent"}}"#, "Missing 'id' in webhook data"),
            (r#"{"data":{"event_type":"verify.sent","id":""}}"#, "Missing 'id' in webhook data"),
            (r#"{"data":{"event_type":"verify.sent","id":7}}"#, "Missing 'id' in webhook data"),
        ] {
            assert_eq!(read(body.as_bytes()).unwrap_err().to_string(), text, "{body}");
        }
        let long = read(format!(r#"{{"data":{{"event_type":"{}"}}}}"#, "ä".repeat(5000)).as_bytes()).unwrap_err().to_string();
        assert_eq!(long, format!("Unexpected event type: {}", "ä".repeat(64)));
        assert!(read(br#"{"data":{"event_type":"verify.sent","id":"1"}}"#).is_ok(), "a payload isn't needed");
        assert!(read(br#"{"data":{"event_type":"verify.sent","id":"1","payload":[{"id":1}]}}"#).is_ok());
    }

    proptest! {
        #[test]
        fn no_body_panics_and_no_foreign_text_is_kept(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&body);
            prop_assert!(key().verify(&String::from_utf8_lossy(&body), AT, &body, NOW).is_err());
        }

        #[test]
        fn whatever_a_payload_says_only_names_are_kept(id in "\\PC{0,80}", status in "\\PC{0,80}") {
            let payload = serde_json::json!({"id": id, "delivery_status": status, "custom_code": "25565"});
            let body = serde_json::json!({"data": {"event_type": "verify.sent", "id": "1", "payload": payload}}).to_string();
            let report = read(body.as_bytes()).unwrap();
            for kept in [report.provider_id, report.delivery_status].into_iter().flatten() {
                prop_assert!(kept.len() <= 64 && kept.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'+'), "{kept}");
            }
        }
    }
}
