//! Twilio's status callbacks: <https://www.twilio.com/docs/usage/webhooks/webhooks-security>.
//!
//! signature = base64(HMAC-SHA-1(auth token, URL ‖ name ‖ value ‖ name ‖ value …)), names in order, of one name each different
//! value once, in order

use std::{collections::BTreeSet, fmt};

use aws_lc_rs::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key, verify};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::Url;

use super::{InvalidSignature, Progress, Report, name};
use crate::crypto::SecretText;

/// The account's token, which signs its callbacks.
pub struct AuthToken(Key);

/// Where Twilio sends callbacks: what it signs is this URL, whatever proxies made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallbackUrl(
    /// With the port that it has, and the other way: which of these Twilio signs isn't always the same.
    Vec<String>,
);

/// The members that name what a callback is about, the first that is there counts.
const IDS: [&str; 5] = ["MessageSid", "SmsSid", "VerificationSid", "AttemptSid", "Sid"];
/// The members that hold its state.
const STATES: [&str; 4] = ["MessageStatus", "SmsStatus", "DeliveryStatus", "Status"];

impl AuthToken {
    /// Of this text.
    #[must_use]
    pub fn new(token: &SecretText) -> Self {
        Self(Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.expose().as_bytes()))
    }

    /// Checks the header `X-Twilio-Signature` of a form that was posted to `url`.
    ///
    /// # Errors
    /// [`InvalidSignature`], whatever is wrong.
    pub fn verify(&self, signature: &str, url: &CallbackUrl, form: &[(String, String)]) -> Result<(), InvalidSignature> {
        let tag = STANDARD.decode(signature).map_err(|_| InvalidSignature)?;
        let pairs: BTreeSet<(&str, &str)> = form.iter().map(|(name, value)| (&**name, &**value)).collect();
        let pairs: String = pairs.into_iter().flat_map(|(name, value)| [name, value]).collect();
        // `verify` compares in constant time.
        let is_right =
            url.0.iter().fold(false, |right, url| right | verify(&self.0, format!("{url}{pairs}").as_bytes(), &tag).is_ok());
        is_right.then_some(()).ok_or(InvalidSignature)
    }
}

impl CallbackUrl {
    /// The path, with its query, below the public URL: scheme, host and port.
    #[must_use]
    pub fn new(public_url: &Url, path: &str) -> Self {
        let (scheme, host) = (public_url.scheme(), public_url.host_str().unwrap_or_default());
        let port = public_url.port_or_known_default().map_or_else(String::new, |port| format!(":{port}"));
        Self(vec![format!("{scheme}://{host}{path}"), format!("{scheme}://{host}{port}{path}")])
    }
}

/// Reads the form of a callback whose signature is right; `None` where it is about nothing that we know.
#[must_use]
pub fn read(form: &[(String, String)]) -> Option<Report> {
    let first = |names: &[&str]| {
        let value = |wanted: &&str| form.iter().find(|(name, _)| name == wanted).and_then(|(_, value)| name(value));
        names.iter().find_map(value)
    };
    let (provider_id, status) = (first(&IDS)?, first(&STATES)?);
    let status: Box<str> = status.to_ascii_lowercase().into();
    let progress = match &*status {
        "sent" => Some(Progress::Sent),
        "delivered" | "read" => Some(Progress::Delivered),
        "undelivered" | "failed" => Some(Progress::Failed),
        _ => None,
    };
    Some(Report {
        id: format!("{provider_id}:{status}"),
        progress,
        provider_id: Some(provider_id),
        delivery_status: Some(status),
    })
}

impl fmt::Debug for AuthToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::hmac::sign;
    use proptest::prelude::*;

    use super::*;

    /// Of Twilio's documentation; `RequestValidator` of PyPI's `twilio` says the same.
    const TOKEN: &str = "12345";
    const SIGNATURE: &str = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";
    const PATH: &str = "/myapp.php?foo=1&bar=2";

    fn token() -> AuthToken {
        AuthToken::new(&SecretText::new(TOKEN))
    }

    fn url(public_url: &str, path: &str) -> CallbackUrl {
        CallbackUrl::new(&Url::parse(public_url).unwrap(), path)
    }

    fn form(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn of_the_documentation() -> Vec<(String, String)> {
        form(&[
            ("CallSid", "CA1234567890ABCDE"),
            ("Caller", "+14158675309"),
            ("Digits", "1234"),
            ("From", "+14158675309"),
            ("To", "+18005551212"),
        ])
    }

    fn signature_of(text: &str) -> String {
        STANDARD.encode(sign(&token().0, text.as_bytes()))
    }

    #[test]
    fn signatures_are_those_of_the_documentation() {
        let callback = url("https://mycompany.com", PATH);
        assert_eq!(token().verify(SIGNATURE, &callback, &of_the_documentation()), Ok(()));
        let mut reversed = of_the_documentation();
        reversed.reverse();
        assert_eq!(token().verify(SIGNATURE, &callback, &reversed), Ok(()), "in any order");
        let twice = [of_the_documentation(), of_the_documentation()].concat();
        assert_eq!(token().verify(SIGNATURE, &callback, &twice), Ok(()), "the same value twice is one");
    }

    #[test]
    fn whatever_is_altered_is_refused() {
        let callback = url("https://mycompany.com", PATH);
        let right = of_the_documentation();
        let with = |name: &str, value: &str| [right.clone(), form(&[(name, value)])].concat();
        let mut without = right.clone();
        without.pop();
        let mut renamed = right.clone();
        renamed[0].0 = "callsid".into();
        for altered in [with("Digits", "12345"), with("X", ""), with("", "x"), without, renamed, vec![]] {
            assert_eq!(token().verify(SIGNATURE, &callback, &altered), Err(InvalidSignature), "{altered:?}");
        }
        for other in ["https://mycompany.org", "http://mycompany.com", "https://www.mycompany.com"] {
            assert_eq!(token().verify(SIGNATURE, &url(other, PATH), &right), Err(InvalidSignature), "{other}");
        }
        for other in ["/myapp.php", "/myapp.php?foo=1", "/myapp.php?bar=2&foo=1", "/myapp.php/?foo=1&bar=2"] {
            assert_eq!(token().verify(SIGNATURE, &url("https://mycompany.com", other), &right), Err(InvalidSignature), "{other}");
        }
        let padding = SIGNATURE.trim_end_matches('=');
        for other in ["", "AAAA", padding, &SIGNATURE[1..], &SIGNATURE.to_lowercase(), &format!("{SIGNATURE}{SIGNATURE}")] {
            assert_eq!(token().verify(other, &callback, &right), Err(InvalidSignature), "{other}");
        }
        let other = AuthToken::new(&SecretText::new("12346"));
        assert_eq!(other.verify(SIGNATURE, &callback, &right), Err(InvalidSignature));
    }

    #[test]
    fn the_port_may_be_said_or_not_and_several_values_are_in_order() {
        for said in ["https://a.example/x", "https://a.example:443/x"] {
            assert_eq!(token().verify(&signature_of(said), &url("https://a.example", "/x"), &[]), Ok(()), "{said}");
        }
        for said in ["https://a.example/x", "https://a.example:8443/x"] {
            assert_eq!(token().verify(&signature_of(said), &url("https://a.example:8443", "/x"), &[]), Ok(()), "{said}");
        }
        let several = form(&[("b", "2"), ("a", "z"), ("b", "1"), ("a", "z")]);
        assert_eq!(token().verify(&signature_of("http://a/xazb1b2"), &url("http://a", "/x"), &several), Ok(()));
    }

    #[test]
    fn a_callback_says_whose_state_it_is() {
        let read = |pairs: &[(&str, &str)]| {
            let report = read(&form(pairs))?;
            let [id, status] = [report.provider_id, report.delivery_status].map(|text| text.unwrap().to_string());
            assert_eq!(report.id, format!("{id}:{status}"));
            Some((id, status, report.progress))
        };
        let of = |id: &str, status: &str, progress| Some((id.to_owned(), status.to_owned(), progress));
        let state = |status: &str| read(&[("MessageSid", "SM1"), ("MessageStatus", status), ("To", "+13035551234")]);
        assert_eq!(state("queued"), of("SM1", "queued", None));
        assert_eq!(state("sent"), of("SM1", "sent", Some(Progress::Sent)));
        assert_eq!(state("delivered"), of("SM1", "delivered", Some(Progress::Delivered)));
        assert_eq!(state("read"), of("SM1", "read", Some(Progress::Delivered)));
        assert_eq!(state("undelivered"), of("SM1", "undelivered", Some(Progress::Failed)));
        assert_eq!(state("failed"), of("SM1", "failed", Some(Progress::Failed)));
        let verification = [("VerificationSid", "VE1"), ("Status", "Delivered")];
        assert_eq!(read(&verification), of("VE1", "delivered", Some(Progress::Delivered)));
        for nothing in
            [&[][..], &[("MessageSid", "SM1")], &[("MessageStatus", "sent")], &[("MessageSid", "+1"), ("MessageStatus", "sent")]]
        {
            assert_eq!(read(nothing), None, "{nothing:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_right_but_what_was_signed(pairs in proptest::collection::vec(("\\PC{0,8}", "\\PC{0,8}"), 0..6)) {
            prop_assert!(token().verify(SIGNATURE, &url("https://mycompany.com", PATH), &pairs).is_err());
            if let Some(report) = read(&pairs) {
                prop_assert!(report.provider_id.is_some_and(|id| !id.contains('+')));
            }
        }
    }
}
