//! Who passed, in headers: what a proxy sets in the request that it lets through.

use alloc::string::String;
use core::{array, fmt::Write as _, ops::Range};

use super::{VerifiedAccess, VerifiedEnvelope};
use crate::token::Session;

/// How many identity headers there are.
const NUMBER: usize = 9;

/// Every identity header, in lower case. Whoever lets a request through sets each of them, empty where nothing is known: one
/// that is left out is what the client sent by that name.
pub const IDENTITY_HEADERS: [&str; NUMBER] = [
    "x-auth-subject",
    "x-auth-issuer",
    "x-auth-expires",
    "x-auth-methods",
    "x-challenge-id",
    "x-challenge-guard",
    "x-challenge-expires",
    "x-auth-session",
    "x-auth-channel",
];

/// Values for all of [`IDENTITY_HEADERS`]. Each is printable ASCII: other characters are percent-encoded UTF-8.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// All values, one behind the other.
    text: String,
    /// Where each of them ends.
    ends: [usize; NUMBER],
}

impl Identity {
    /// Of an access token.
    #[must_use]
    pub fn of_token(token: &VerifiedAccess) -> Self {
        let expires = number(token.expires_at().as_seconds());
        let (methods, channel) = (token.amr().as_str(), token.channel().as_str());
        Self::new([token.subject(), token.issuer(), &expires, methods, "", "", "", token.session_id(), channel])
    }

    /// Of a session that a cookie carries, for which this issuer makes tokens.
    #[must_use]
    pub fn of_session(session: &Session, issuer: &str) -> Self {
        let (expires, id) = (number(session.ends_at.as_seconds()), session.id.to_text());
        let (methods, channel) = (session.amr.as_str(), session.recipient.channel().as_str());
        Self::new([&session.subject, issuer, &expires, methods, "", "", "", &id, channel])
    }

    /// Of a challenge: which one, never whose.
    #[must_use]
    pub fn of_challenge(envelope: &VerifiedEnvelope) -> Self {
        let challenge = envelope.challenge();
        let (id, expires) = (challenge.id.to_text(), number(challenge.expires_at.as_seconds()));
        Self::new(["", "", "", "", &id, challenge.guard.as_str(), &expires, "", ""])
    }

    /// Of whoever comes where nothing is asked for: all empty.
    #[must_use]
    pub fn nobody() -> Self {
        Self::default()
    }

    /// Of the texts that the headers tell.
    fn new(texts: [&str; NUMBER]) -> Self {
        let mut text = String::with_capacity(texts.iter().map(|text| text.len()).sum());
        let ends = texts.map(|told| {
            push_encoded(told, &mut text);
            text.len()
        });
        Self { text, ends }
    }

    /// Each of [`IDENTITY_HEADERS`] with its value.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        IDENTITY_HEADERS.into_iter().zip(ranges(self.ends).map(|range| &self.text[range]))
    }

    /// All values, one behind the other, and where each of them stands, in the order of [`IDENTITY_HEADERS`].
    #[cfg(feature = "server")]
    pub(crate) fn into_text(self) -> (String, [Range<usize>; NUMBER]) {
        (self.text, ranges(self.ends))
    }
}

/// What lies between these ends.
fn ranges(ends: [usize; NUMBER]) -> [Range<usize>; NUMBER] {
    array::from_fn(|at| if at == 0 { 0..ends[0] } else { ends[at - 1]..ends[at] })
}

/// Whether an app could take a header of this name for one that countersign vouches for: `X-Auth-…` and `X-Challenge-…` in any
/// case, also with `_`, which is `-` to CGI, WSGI and PHP. A proxy removes these from what a client sends.
#[must_use]
pub fn claims_identity(name: &str) -> bool {
    let begins = |prefix: &str| {
        let is_same = |(byte, wanted): (u8, u8)| byte.eq_ignore_ascii_case(&wanted) || byte == b'_' && wanted == b'-';
        name.len() >= prefix.len() && name.bytes().zip(prefix.bytes()).all(is_same)
    };
    begins("x-auth-") || begins("x-challenge-")
}

/// A text as the value of a header: as it is where it is printable ASCII; every other character as percent-encoded UTF-8. So that no two texts look
/// alike, a space at either end is encoded too, and a `%` before two hexadecimal digits.
#[cfg(any(test, feature = "server"))]
pub(crate) fn encoded(text: &str) -> String {
    let mut value = String::with_capacity(text.len());
    push_encoded(text, &mut value);
    value
}

/// Appends it.
fn push_encoded(text: &str, value: &mut String) {
    // Nearly all are as they are told.
    if text.bytes().all(|byte| matches!(byte, b'!'..=b'~') && byte != b'%') {
        value.push_str(text);
        return;
    }
    let (first, last) = (0, text.len().saturating_sub(1));
    let is_escape = |at: usize| text.as_bytes().get(at + 1..at + 3).is_some_and(|next| next.iter().all(u8::is_ascii_hexdigit));
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b' ' if at == first || at == last => value.push_str("%20"),
            b'%' if is_escape(at) => value.push_str("%25"),
            b' '..=b'~' => value.push(char::from(byte)),
            other => write!(value, "%{other:02X}").expect("a String takes everything"),
        }
    }
}

fn number(number: u64) -> String {
    let mut text = String::new();
    write!(text, "{number}").expect("a String takes everything");
    text
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_in_headers() {
        for (text, value) in [
            ("", ""),
            ("ann@example.com", "ann@example.com"),
            ("a b,c;\"d\"\\e", "a b,c;\"d\"\\e"),
            ("jürgen", "j%C3%BCrgen"),
            ("名", "%E5%90%8D"),
            ("a\r\nX-Auth-Subject: root", "a%0D%0AX-Auth-Subject: root"),
            ("a\0\x7f\t", "a%00%7F%09"),
            (" a ", "%20a%20"),
            (" ", "%20"),
            ("a%b@example.com", "a%b@example.com"),
            ("%C3%BC", "%25C3%25BC"),
            ("100%", "100%"),
        ] {
            assert_eq!(encoded(text), value, "{text:?}");
        }
    }

    #[test]
    fn names_that_an_app_could_take_for_ours() {
        for name in IDENTITY_HEADERS {
            assert!(claims_identity(name));
        }
        for name in ["X-Auth-Subject", "x_auth_subject", "X_AUTH-ROLE", "x-auth_token", "X-Challenge_Id", "x-auth-"] {
            assert!(claims_identity(name), "{name}");
        }
        for name in ["", "x", "x-auth", "x-authority", "authorization", "countersign-challenge", "x-challeng", "xx-auth-subject"]
        {
            assert!(!claims_identity(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn whoever_decodes_a_header_has_the_text_again(text in "\\PC*|[%a-f0-9 ü\r\n]{0,12}") {
            let value = encoded(&text);
            prop_assert!(value.bytes().all(|byte| matches!(byte, b' '..=b'~')));
            prop_assert_eq!(value.trim(), &*value, "no parser takes white space away");
            prop_assert_eq!(percent_decode_str(&value).decode_utf8().unwrap(), text);
        }
    }
}
