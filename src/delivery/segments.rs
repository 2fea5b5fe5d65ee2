//! How many SMS a text takes (3GPP TS 23.038, 23.040): each is paid for.

/// The default alphabet, without the escape, and what its extension adds at the price of two characters.
const ALPHABET: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
const EXTENSION: &str = "\u{c}^{}\\[~]|€";

/// What a text takes as SMS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segments {
    /// Whether each character is of the default alphabet of GSM. One that isn't makes the whole text UCS-2.
    pub is_gsm7: bool,
    /// Characters, as they are counted in its alphabet.
    pub length: usize,
    /// How many SMS.
    pub count: usize,
}

impl Segments {
    /// Of a text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let septets = text.chars().try_fold(0, |length, character| match character {
            _ if ALPHABET.contains(character) => Some(length + 1),
            _ if EXTENSION.contains(character) => Some(length + 2),
            _ => None,
        });
        // Several are told apart by a header, which takes 7 septets, or 3 units.
        let count = |length: usize, whole: usize, part: usize| if length <= whole { 1 } else { length.div_ceil(part) };
        if let Some(length) = septets {
            return Self { is_gsm7: true, length, count: count(length, 160, 153) };
        }
        let length = text.encode_utf16().count();
        Self { is_gsm7: false, length, count: count(length, 70, 67) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_counted_in_their_alphabet() {
        for (text, is_gsm7, length, count) in [
            (String::new(), true, 0, 1),
            ("Größe: à è ì ò ù é ñ ¿".into(), true, 22, 1),
            ("€".into(), true, 2, 1),
            ("x".repeat(160), true, 160, 1),
            ("x".repeat(161), true, 161, 2),
            ("x".repeat(307), true, 307, 3),
            ("código".into(), false, 6, 1),
            ("ç".repeat(70), false, 70, 1),
            ("あ".repeat(71), false, 71, 2),
            ("😀".into(), false, 2, 1),
        ] {
            assert_eq!(Segments::of(&text), Segments { is_gsm7, length, count }, "{text}");
        }
        assert_eq!(ALPHABET.chars().count(), 127);
    }
}
