//! Bytes as lower-case hexadecimal digits.

use alloc::string::String;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The digits of `bytes`, two each.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    push(bytes, &mut text);
    text
}

/// Appends the digits of `bytes` to `text`.
pub fn push(bytes: &[u8], text: &mut String) {
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from(DIGITS[usize::from(digit)]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_digits_for_each_byte() {
        assert_eq!(encode(&[0, 9, 10, 0xab, 0xff]), "00090aabff");
        let mut text = String::from("x");
        push(&[0x42], &mut text);
        assert_eq!(text, "x42");
        assert_eq!(encode(&[]), "");
    }
}
