//! Entity tags (RFC 9110 §8.8.3), for what is fetched again and again and seldom changes.

use hyper::{
    HeaderMap,
    header::{HeaderValue, IF_NONE_MATCH},
};
use sha2::{Digest as _, Sha256};

/// A strong tag: the same for the same bytes, at every node.
#[derive(Clone, Debug)]
pub(crate) struct EntityTag(HeaderValue);

impl EntityTag {
    /// The first 16 hexadecimal digits of the bytes' SHA-256.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let digest = Sha256::digest(bytes);
        let number = u64::from_be_bytes(*digest.first_chunk().expect("a digest has 32 bytes"));
        Self(HeaderValue::try_from(format!("\"{number:016x}\"")).expect("digits in quotes"))
    }

    /// The value of `ETag`.
    pub(crate) fn header(&self) -> HeaderValue {
        self.0.clone()
    }

    /// The digits alone.
    pub(crate) fn hash(&self) -> &str {
        self.0.to_str().expect("digits in quotes").trim_matches('"')
    }

    /// Whether a client has these bytes already (RFC 9110 §13.1.2): the comparison is the weak one, since proxies that compress
    /// make tags weak.
    pub(crate) fn is_known(&self, headers: &HeaderMap) -> bool {
        let lists = headers.get_all(IF_NONE_MATCH).iter();
        let mut tags = lists.flat_map(|list| list.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
        tags.any(|tag| tag == b"*" || tag.strip_prefix(b"W/").unwrap_or(tag) == self.0.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_known_in_every_form_that_clients_send() {
        // SHA-256 of "abc" is ba7816bf 8f01cfea …: FIPS 180-4's example.
        let tag = EntityTag::of(b"abc");
        assert_eq!(tag.header(), "\"ba7816bf8f01cfea\"");
        let is_known = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(IF_NONE_MATCH, HeaderValue::from_str(value).unwrap());
            }
            tag.is_known(&headers)
        };
        for known in [
            &["\"ba7816bf8f01cfea\""][..],
            &["W/\"ba7816bf8f01cfea\""],
            &["\"x\", \"ba7816bf8f01cfea\""],
            &["\"x\",W/\"ba7816bf8f01cfea\" ,\"y\""],
            &["\"x\"", "\"ba7816bf8f01cfea\""],
            &["*"],
        ] {
            assert!(is_known(known), "{known:?}");
        }
        for unknown in [&[][..], &[""], &["\"x\""], &["ba7816bf8f01cfea"], &["\"BA7816BF8F01CFEA\""], &["\"ba7816bf8f01cfe\""]] {
            assert!(!is_known(unknown), "{unknown:?}");
        }
    }
}
