//! base64url without padding (RFC 4648 §5), strict: one text for each byte string and no other.

use alloc::{string::String, vec::Vec};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// The text of `bytes`.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Appends the text of `bytes` to `text`.
pub fn encode_into(bytes: &[u8], text: &mut String) {
    URL_SAFE_NO_PAD.encode_string(bytes, text);
}

/// Appends the text of `bytes` to `text`, which is UTF-8 that isn't checked.
///
/// # Panics
/// If the text were longer than the address space.
pub fn push(bytes: &[u8], text: &mut Vec<u8>) {
    let start = text.len();
    let length = base64::encoded_len(bytes.len(), false).expect("inputs are limited to far less");
    text.resize(start + length, 0);
    URL_SAFE_NO_PAD.encode_slice(bytes, &mut text[start..]).expect("the room was made");
}

/// The bytes of `text`; `None` for padding, another alphabet or trailing bits that aren't zero.
#[must_use]
pub fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// The `N` bytes of `text`; `None` for anything else.
#[must_use]
pub fn decode_array<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let length = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
    (length == N).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_text_for_each_byte_string() {
        assert_eq!(decode_array::<1>("AA"), Some([0]));
        assert_eq!(decode("AB"), None, "trailing bits");
        assert_eq!(decode("AA=="), None, "padding");
        assert_eq!(decode("+/+/"), None, "the other alphabet");
        assert_eq!(decode_array::<2>("AA"), None, "too short");
        assert_eq!(decode_array::<1>("AAAA"), None, "too long");
    }
}
