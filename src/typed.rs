//! What people type, whatever the keyboard: digits of other scripts, full-width forms, and the characters that come along
//! when text is copied and that nobody sees. Properties are those of Unicode 16.

/// The zero of each run of ten decimal digits (general category Nd) beyond ASCII, in order.
const ZEROS: [u32; 75] = [
    0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50, 0xed0, 0xf20, 0x1040,
    0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0,
    0xa9f0, 0xaa50, 0xabf0, 0xff10, 0x104a0, 0x10d30, 0x10d40, 0x11066, 0x110f0, 0x11136, 0x111d0, 0x112f0, 0x11450, 0x114d0,
    0x11650, 0x116c0, 0x116d0, 0x116da, 0x11730, 0x118e0, 0x11950, 0x11bf0, 0x11c50, 0x11d50, 0x11da0, 0x11f50, 0x16130, 0x16a60,
    0x16ac0, 0x16b50, 0x16d70, 0x1ccf0, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0, 0x1e4f0, 0x1e5f1, 0x1e950,
    0x1fbf0,
];

/// The ASCII character that `character` is another form of: a decimal digit of any script, or a full-width form.
#[must_use]
pub(crate) fn to_ascii(character: char) -> char {
    let code = character as u32;
    if code < ZEROS[0] {
        return character;
    }
    let run = ZEROS[ZEROS.partition_point(|zero| *zero <= code) - 1];
    let full_width = || (0xff01..=0xff5e).contains(&code).then(|| char::from_u32(code - 0xfee0)).flatten();
    char::from_digit(code - run, 10).or_else(full_width).unwrap_or(character)
}

/// Whether nobody sees it: default-ignorable characters, among them all that direct text, and control characters.
#[must_use]
pub(crate) fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
        )
}

/// Whether it is a dash (property Dash), or the long vowel mark that a Japanese keyboard has in its place.
#[must_use]
pub(crate) const fn is_dash(character: char) -> bool {
    matches!(
        character,
        '-' | '\u{58a}' | '\u{5be}' | '\u{1400}' | '\u{1806}' | '\u{2010}'..='\u{2015}' | '\u{2053}' | '\u{207b}' | '\u{208b}'
            | '\u{2212}' | '\u{2e17}' | '\u{2e1a}' | '\u{2e3a}'..='\u{2e3b}' | '\u{2e40}' | '\u{2e5d}' | '\u{301c}' | '\u{3030}'
            | '\u{30a0}' | '\u{30fc}' | '\u{fe31}'..='\u{fe32}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}' | '\u{ff70}' | '\u{10d6e}'
            | '\u{10ead}'
    )
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use super::*;

    fn read(text: &str) -> String {
        text.chars().map(to_ascii).collect()
    }

    #[test]
    fn digits_of_all_scripts_and_full_width_forms_become_ascii() {
        for (typed, ascii) in [
            ("0123456789", "0123456789"),
            ("٠١٢٣٤٥٦٧٨٩", "0123456789"),
            ("۰۱۲۳۴۵۶۷۸۹", "0123456789"),
            ("०१२३४५६७८९", "0123456789"),
            ("০১২৩৪৫৬৭৮৯", "0123456789"),
            ("๐๑๒๓๔๕๖๗๘๙", "0123456789"),
            ("၀၁၂၃၄၅၆၇၈၉", "0123456789"),
            ("０１２３４５６７８９", "0123456789"),
            ("𝟎𝟗𝟘𝟡𝟢𝟫𝟬𝟵𝟶𝟿", "0909090909"),
            ("🯰🯹", "09"),
            ("＋（ＢＣＤ）～ｂｃｄ！", "+(BCD)~bcd!"),
        ] {
            assert_eq!(read(typed), ascii, "{typed}");
        }
    }

    #[test]
    fn what_only_looks_like_ascii_stays_what_it_is() {
        for text in ["ABCxyz", "Ⅷ", "①", "²", "½", "О", "а", "Ι", "一二三", "٪", "೯೰", "🯺", "\u{10ffff}", "٫", "｟", "￠"]
        {
            let unchanged: String = text.chars().filter(|character| to_ascii(*character) == *character).collect();
            assert!(unchanged == text || text == "೯೰" && unchanged == "೰", "{text}");
        }
    }

    #[test]
    fn invisible_characters_and_dashes() {
        for invisible in "\u{200b}\u{200e}\u{200f}\u{202a}\u{202c}\u{2066}\u{2069}\u{feff}\u{ad}\u{fe0f}\u{61c}\0\u{7f}".chars() {
            assert!(is_invisible(invisible), "{invisible:?}");
        }
        for dash in "-‐‑‒–—―−﹘﹣－ー〜".chars() {
            assert!(is_dash(dash), "{dash:?}");
        }
        for other in "a0 .\u{a0}١_~+".chars() {
            assert!(!is_invisible(other) && !is_dash(other), "{other:?}");
        }
    }

    #[test]
    fn runs_of_digits_are_in_order_and_apart() {
        assert!(ZEROS.windows(2).all(|pair| pair[0] + 10 <= pair[1]));
    }
}
