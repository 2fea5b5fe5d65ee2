//! The characters that codes are made of.

use alloc::sync::Arc;
use core::fmt;

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
    use alloc::string::String;

    use super::*;

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
