//! Who passed, in headers: what a proxy copies into the request that it lets through.

use std::fmt::Write as _;

use http_body_util::Full;
use hyper::{
    HeaderMap, Response,
    body::Bytes,
    header::{CACHE_CONTROL, HeaderName, HeaderValue},
};

use crate::{challenge::Challenge, edge::VerifiedAccess, server::call::Answer};

/// How many identity headers there are.
const NUMBER: usize = 7;

/// Every identity header. Each stands in every allowing answer, empty where nothing is known: a proxy that finds one missing
/// passes on what the client sent by that name.
pub(crate) static HEADERS: [HeaderName; NUMBER] = [
    HeaderName::from_static("x-auth-subject"),
    HeaderName::from_static("x-auth-issuer"),
    HeaderName::from_static("x-auth-expires"),
    HeaderName::from_static("x-auth-methods"),
    HeaderName::from_static("x-challenge-id"),
    HeaderName::from_static("x-challenge-guard"),
    HeaderName::from_static("x-challenge-expires"),
];

/// Values for all of [`HEADERS`], in that order.
#[derive(Clone, Debug)]
pub(crate) struct Identity([HeaderValue; NUMBER]);

impl Identity {
    /// Of an access token.
    pub(crate) fn of_token(token: &VerifiedAccess) -> Self {
        let mut identity = Self::unknown();
        identity.0[0] = header(token.subject());
        identity.0[1] = header(token.issuer());
        identity.0[2] = token.expires_at().as_seconds().into();
        identity.0[3] = header(token.amr().as_str());
        identity
    }

    /// Of a challenge: which one, never whose.
    pub(crate) fn of_challenge(challenge: &Challenge) -> Self {
        let mut identity = Self::unknown();
        identity.0[4] = header(&challenge.id.to_text());
        identity.0[5] = header(challenge.guard.as_str());
        identity.0[6] = challenge.expires_at.as_seconds().into();
        identity
    }

    fn unknown() -> Self {
        Self([const { HeaderValue::from_static("") }; NUMBER])
    }

    /// Each header with its value.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (&'static HeaderName, &HeaderValue)> {
        HEADERS.iter().zip(&self.0)
    }

    /// 200 without a body: nginx and Caddy close the connection to an authoriser whose answer has one.
    pub(crate) fn answer(&self) -> Answer {
        let mut answer = Response::new(Full::new(Bytes::new()));
        let headers = answer.headers_mut();
        *headers = HeaderMap::with_capacity(HEADERS.len() + 3);
        for (name, value) in self.headers() {
            headers.insert(name, value.clone());
        }
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        answer
    }
}

/// A text as the value of a header: as it is where it is printable ASCII; every other character as percent-encoded UTF-8. So
/// that no two texts look alike, a space at either end is encoded too, and a `%` before two hexadecimal digits.
fn header(text: &str) -> HeaderValue {
    let (first, last) = (0, text.len().saturating_sub(1));
    let is_escape = |at: usize| text.as_bytes().get(at + 1..at + 3).is_some_and(|next| next.iter().all(u8::is_ascii_hexdigit));
    let mut value = String::with_capacity(text.len());
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b' ' if at == first || at == last => value.push_str("%20"),
            b'%' if is_escape(at) => value.push_str("%25"),
            b' '..=b'~' => value.push(char::from(byte)),
            other => write!(value, "%{other:02X}").expect("a String takes everything"),
        }
    }
    HeaderValue::try_from(value).expect("printable ASCII is a header's value")
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
            assert_eq!(header(text), value, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn whoever_decodes_a_header_has_the_text_again(text in "\\PC*|[%a-f0-9 ü\r\n]{0,12}") {
            let value = header(&text);
            let value = value.to_str().unwrap();
            prop_assert_eq!(value.trim(), value, "no parser takes white space away");
            prop_assert_eq!(percent_decode_str(value).decode_utf8().unwrap(), text);
        }
    }
}
