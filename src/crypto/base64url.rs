//! base64url without padding (RFC 4648 §5), strict: one text for each byte string and no other.

use alloc::{string::String, vec::Vec};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// The engine for long inputs, chosen once for this processor.
#[cfg(all(feature = "std", any(target_arch = "x86_64", target_arch = "aarch64")))]
fn engine() -> &'static base64::engine::Simd {
    use base64::engine::{Simd, general_purpose::NO_PAD};
    static ENGINE: std::sync::LazyLock<Simd> = std::sync::LazyLock::new(|| Simd::url_safe(NO_PAD));
    &ENGINE
}

/// The engine for long inputs.
#[cfg(not(all(feature = "std", any(target_arch = "x86_64", target_arch = "aarch64"))))]
fn engine() -> &'static base64::engine::GeneralPurpose {
    &URL_SAFE_NO_PAD
}

/// The text of `bytes`.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    engine().encode(bytes)
}

/// Appends the text of `bytes` to `text`.
pub fn encode_into(bytes: &[u8], text: &mut String) {
    engine().encode_string(bytes, text);
}

/// Appends the text of `bytes`, which are few, to `text`.
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
    engine().decode(text).ok()
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
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_fast_engine_is_as_strict(bytes in proptest::collection::vec(any::<u8>(), 0..400), at in 0_usize..400, byte in any::<u8>()) {
            let text = encode(&bytes);
            prop_assert_eq!(&text, &URL_SAFE_NO_PAD.encode(&bytes));
            prop_assert_eq!(decode(&text), Some(bytes));
            let mut altered = text.clone().into_bytes();
            if let Some(place) = altered.get_mut(at) {
                *place = byte;
            }
            if let Ok(altered) = str::from_utf8(&altered) {
                prop_assert_eq!(decode(altered), URL_SAFE_NO_PAD.decode(altered).ok());
            }
        }
    }

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
