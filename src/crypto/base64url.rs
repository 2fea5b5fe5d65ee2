//! base64url without padding (RFC 4648 §5), strict: one text for each byte string and no other.

use alloc::{string::String, vec::Vec};

use base64::Engine as _;
#[cfg(any(test, not(all(feature = "std", any(target_arch = "x86_64", target_arch = "aarch64")))))]
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

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
    let mut text = Vec::with_capacity(bytes.len() * 4 / 3 + 3);
    push(bytes, &mut text);
    String::from_utf8(text).expect("base64url is ASCII")
}

/// Appends the text of `bytes` to `text`.
///
/// # Panics
/// If the text were longer than the address space.
pub fn push(bytes: &[u8], text: &mut Vec<u8>) {
    let start = text.len();
    let length = base64::encoded_len(bytes.len(), false).expect("inputs are limited to far less");
    text.resize(start + length, 0);
    engine().encode_slice(bytes, &mut text[start..]).expect("the room was made");
}

/// The bytes of `text`; `None` for padding, another alphabet or trailing bits that aren't zero.
#[must_use]
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    engine().decode_vec(text, &mut bytes).ok()?;
    Some(bytes)
}

/// The `N` bytes of `text`; `None` for anything else.
#[must_use]
pub fn decode_array<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    decode_few(text.as_bytes(), &mut bytes).then_some(bytes)
}

/// Fills `bytes`, unless `text` isn't the text of as many. For a few, an engine's preparations take longer than this.
fn decode_few(text: &[u8], bytes: &mut [u8]) -> bool {
    if text.len() != (4 * bytes.len()).div_ceil(3) {
        return false;
    }
    // Values have six bits, so that all of them together are `NOTHING` only where one is.
    let mut all = 0;
    let mut read = |characters: &[u8]| {
        characters.iter().fold(0_u32, |read, character| {
            let value = VALUES[usize::from(*character)];
            all |= value;
            read << 6 | u32::from(value)
        })
    };
    let (groups, end) = text.as_chunks::<4>();
    let (triples, last) = bytes.as_chunks_mut::<3>();
    for (group, triple) in groups.iter().zip(triples) {
        let [_, read @ ..] = read(group).to_be_bytes();
        *triple = read;
    }
    // Bits of the last characters that belong to no byte.
    let left = 6 * end.len() - 8 * last.len();
    let read = read(end);
    last.copy_from_slice(&(read >> left).to_be_bytes()[4 - last.len()..]);
    all != NOTHING && read & ((1 << left) - 1) == 0
}

/// What a character stands for that stands for nothing.
const NOTHING: u8 = 0xff;

/// What each character stands for.
const VALUES: [u8; 256] = {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut values = [NOTHING; 256];
    let mut value = 0;
    while value < 64 {
        values[alphabet[value as usize] as usize] = value;
        value += 1;
    }
    values
};

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

        #[test]
        fn few_bytes_are_read_as_strictly(text in "[A-Za-z0-9_=+-]{42,44}", few in "[A-Za-z0-9_-]{20,23}") {
            prop_assert_eq!(decode_array::<32>(&text).map(Vec::from), decode(&text).filter(|bytes| bytes.len() == 32));
            prop_assert_eq!(decode_array::<16>(&few).map(Vec::from), decode(&few).filter(|bytes| bytes.len() == 16));
        }

        #[test]
        fn few_bytes_there_and_back(bytes in any::<[u8; 32]>(), few in any::<[u8; 16]>(), odd in any::<[u8; 6]>()) {
            prop_assert_eq!(decode_array(&encode(&bytes)), Some(bytes));
            prop_assert_eq!(decode_array(&encode(&few)), Some(few));
            prop_assert_eq!(decode_array(&encode(&odd)), Some(odd));
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
