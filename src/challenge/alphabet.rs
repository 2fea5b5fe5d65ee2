//! The characters that codes are made of.

use alloc::{string::String, sync::Arc};
use core::fmt;

use zeroize::Zeroizing;

use crate::typed::{is_dash, is_invisible, to_ascii};

/// The decimal digits.
pub const NUMERIC: &str = "0123456789";
/// Twenty consonants: no vowels, so no words, and nothing that looks like a digit. Read in either case.
pub const BASE20: &str = "BCDFGHJKLMNPQRSTVWXZ";

/// 1 to 64 different characters. One character makes codes that hide nothing; it is for load tests only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alphabet {
    /// [`NUMERIC`].
    Numeric,
    /// [`BASE20`].
    Base20,
    /// Any other.
    Custom(Arc<str>),
}

/// Why a text is no alphabet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlphabetError {
    /// No character, or more than 64.
    Size,
    /// A character stands in it twice.
    Repeated(char),
    /// It spells the name of a built-in alphabet, so a claim couldn't tell the two apart.
    Reserved,
    /// White space or a control character, which nobody can type or see.
    Unreadable(char),
}

impl Alphabet {
    /// Judges `characters`.
    ///
    /// # Errors
    /// See [`AlphabetError`].
    pub fn new(characters: &str) -> Result<Self, AlphabetError> {
        match characters {
            NUMERIC => return Ok(Self::Numeric),
            BASE20 => return Ok(Self::Base20),
            "numeric" | "base20" => return Err(AlphabetError::Reserved),
            _ => {}
        }
        if !(1..=64).contains(&characters.chars().count()) {
            return Err(AlphabetError::Size);
        }
        for (at, character) in characters.char_indices() {
            if character.is_whitespace() || character.is_control() {
                return Err(AlphabetError::Unreadable(character));
            }
            if characters[..at].contains(character) {
                return Err(AlphabetError::Repeated(character));
            }
        }
        Ok(Self::Custom(characters.into()))
    }

    /// All its characters, in order.
    #[must_use]
    pub fn characters(&self) -> &str {
        match self {
            Self::Numeric => NUMERIC,
            Self::Base20 => BASE20,
            Self::Custom(characters) => characters,
        }
    }

    /// How many characters it has, 1 to 64.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::Numeric => 10,
            Self::Base20 => 20,
            Self::Custom(characters) => characters.chars().count(),
        }
    }

    /// What somebody typed, in these characters as far as it goes. A character of the alphabet stays; of base 20 in either
    /// case. Full-width forms and the decimal digits of other scripts become ASCII. White space, dashes, and what is
    /// invisible or directs text, is dropped. Whatever else there is stays, and makes no code right.
    #[must_use]
    pub fn read(&self, typed: &str) -> Zeroizing<String> {
        let mut read = Zeroizing::new(String::with_capacity(typed.len()));
        read.extend(typed.chars().filter_map(|character| {
            let ascii = to_ascii(character);
            let known = self.known(character).or_else(|| self.known(ascii));
            let is_nothing = || character.is_whitespace() || is_dash(character) || is_invisible(character);
            known.or_else(|| (!is_nothing()).then_some(ascii))
        }));
        read
    }

    /// The character of the alphabet that this one is.
    fn known(&self, character: char) -> Option<char> {
        let character = if *self == Self::Base20 { character.to_ascii_uppercase() } else { character };
        self.characters().contains(character).then_some(character)
    }

    /// Its name on the wire (`code_charset`, and the first part of the claim `fmt`): `numeric`, `base20` or the characters themselves.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Numeric => "numeric",
            Self::Base20 => "base20",
            Self::Custom(characters) => characters,
        }
    }

    /// The inverse of [`Alphabet::name`].
    ///
    /// # Errors
    /// See [`AlphabetError`]; only a custom alphabet can be wrong.
    pub fn from_name(name: &str) -> Result<Self, AlphabetError> {
        match name {
            "numeric" => Ok(Self::Numeric),
            "base20" => Ok(Self::Base20),
            characters => Self::new(characters),
        }
    }
}

impl fmt::Display for AlphabetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size => f.write_str("1 to 64 characters are needed"),
            Self::Repeated(character) => write!(f, "'{character}' stands in it twice"),
            Self::Reserved => f.write_str("this is the name of a built-in alphabet; write its characters"),
            Self::Unreadable(character) => write!(f, "{character:?} can't be read or typed"),
        }
    }
}

impl core::error::Error for AlphabetError {}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    fn read(alphabet: &str, typed: &str) -> String {
        Alphabet::new(alphabet).unwrap().read(typed).to_string()
    }

    #[test]
    fn codes_are_read_whatever_the_keyboard_and_whatever_was_copied_with_them() {
        for typed in [
            "123456",
            " 123 456\n",
            "123\u{a0}456",
            "1-2-3-4-5-6",
            "123–456",
            "１２３４５６",
            "123\u{3000}−４５６",
            "١٢٣٤٥٦",
            "۱۲۳۴۵۶",
            "१२३ ४५६",
            "১২৩৪৫৬",
            "๑๒๓๔๕๖",
            "\u{200e}123456\u{200f}",
            "\u{202b}١٢٣-٤٥٦\u{202c}",
            "\u{2068}123\u{2069}\u{200b}456\u{feff}",
            "1\u{fe0f}2\u{fe0f}3\u{2060}4\u{ad}56",
            "\u{61c}١٢٣ 456\0",
        ] {
            assert_eq!(read(NUMERIC, typed), "123456", "{typed:?}");
        }
        for typed in ["BCDF-GHJK", "bcdf ghjk", "ＢＣＤＦｇｈｊｋ", "\u{200e}bCdF—GhJk\u{200e}"] {
            assert_eq!(read(BASE20, typed), "BCDFGHJK", "{typed:?}");
        }
    }

    #[test]
    fn what_belongs_to_an_alphabet_is_never_dropped_nor_changed() {
        assert_eq!(read("-–ab", "a-b – b"), "a-b–b");
        assert_eq!(read("٠١٢", "٢ ١"), "٢١");
        assert_eq!(read("０1", "０1１0"), "０110");
        assert_eq!(read("\u{200b}x", "x\u{200b}\u{200c}x"), "x\u{200b}x");
        assert_eq!(read("abC", "abc ABC"), "abcABC", "only base 20 is read in either case");
    }

    #[test]
    fn what_else_there_is_stays_and_is_wrong() {
        for typed in ["123456.", "12345б", "123,456", "123456①", "#123456", "1²3456", "123456!"] {
            assert_ne!(read(NUMERIC, typed), "123456", "{typed:?}");
        }
        for nothing in ["\u{200b}", "—", "\u{202a}\u{202c}"] {
            assert_eq!(read(NUMERIC, nothing), "", "{nothing:?}");
        }
    }

    #[test]
    fn alphabets_are_judged() {
        assert_eq!(Alphabet::new("0123456789"), Ok(Alphabet::Numeric));
        assert_eq!(Alphabet::new(""), Err(AlphabetError::Size));
        assert_eq!(Alphabet::new("abca"), Err(AlphabetError::Repeated('a')));
        assert_eq!(Alphabet::new("a b"), Err(AlphabetError::Unreadable(' ')));
        assert_eq!(Alphabet::new("é1ü").map(|a| a.size()), Ok(3));
        let too_many: String = ('\u{4e00}'..).take(65).collect();
        assert_eq!(Alphabet::new(&too_many), Err(AlphabetError::Size));
    }

    #[test]
    fn names_come_back() {
        for characters in [NUMERIC, BASE20, "01", "x"] {
            let alphabet = Alphabet::new(characters).unwrap();
            assert_eq!(Alphabet::from_name(alphabet.name()), Ok(alphabet));
        }
        assert_eq!(Alphabet::new("numeric"), Err(AlphabetError::Reserved));
    }
}
