//! The code: derived from the envelope, never stored.
//!
//! code = an unbiased sample, over the alphabet and length that the envelope states, of the bytes
//! HMAC-SHA-256(code key, (label, mac, epoch, 0)) ‖ HMAC-SHA-256(code key, (label, mac, epoch, 1)) ‖ …

use alloc::string::String;
use core::fmt;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::Alphabet;
use crate::crypto::{Mac, MacKey, labels};

/// The longest code that can be configured.
pub const MAX_CODE_LENGTH: u8 = 128;

/// An alphabet and a number of characters; in claims `<length>:<alphabet's name>`, as `6:numeric`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeFormat {
    alphabet: Alphabet,
    length: u8,
}

/// How hard a code is to guess, as the guard's budgets know it (NIST SP 800-63B-4 §3.1.3.2 asks for limits below 64 bits).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// Below 34 bits.
    Short,
    /// 34 bits or more: 8 characters of base 20.
    Medium,
    /// 64 bits or more: 15 characters of base 20.
    Long,
}

impl CodeFormat {
    /// `None` for a length that isn't 1 to [`MAX_CODE_LENGTH`].
    #[must_use]
    pub fn new(alphabet: Alphabet, length: u8) -> Option<Self> {
        (1..=MAX_CODE_LENGTH).contains(&length).then_some(Self { alphabet, length })
    }

    /// The format to use where a code must have at least `strength`: `self` if it is as strong.
    #[must_use]
    pub fn at_least(&self, strength: Strength) -> Self {
        let length = match strength {
            required if self.strength() >= required => return self.clone(),
            Strength::Short | Strength::Medium => 8,
            Strength::Long => 15,
        };
        Self { alphabet: Alphabet::Base20, length }
    }

    /// The characters.
    #[must_use]
    pub const fn alphabet(&self) -> &Alphabet {
        &self.alphabet
    }

    /// How many characters a code has.
    #[must_use]
    pub const fn length(&self) -> u8 {
        self.length
    }

    /// How many codes there are, at most 2¹²⁸ − 1.
    #[must_use]
    pub fn possibilities(&self) -> u128 {
        (self.alphabet.size() as u128).checked_pow(u32::from(self.length)).unwrap_or(u128::MAX)
    }

    /// What the budgets count this format as.
    #[must_use]
    pub fn strength(&self) -> Strength {
        // As 64 bits it is found out several times faster than as 128.
        match (self.alphabet.size() as u64).checked_pow(u32::from(self.length)) {
            None => Strength::Long,
            Some(n) if n >= 1 << 34 => Strength::Medium,
            Some(_) => Strength::Short,
        }
    }

    /// The inverse of `Display`.
    #[must_use]
    pub fn from_claim(claim: &str) -> Option<Self> {
        let (length, name) = claim.split_once(':')?;
        let format = Self::new(Alphabet::from_name(name).ok()?, length.parse().ok()?)?;
        // "06:numeric", "+6:numeric" and "6:0123456789" are no claims of ours.
        (!length.starts_with(['0', '+']) && format.alphabet.name() == name).then_some(format)
    }
}

impl fmt::Display for CodeFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.length, self.alphabet.name())
    }
}

/// A code as the engine derived it. Compared in constant time, never printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Code(String);

impl Code {
    /// The code of one challenge for one user. `label` keeps short and long codes apart; `epoch` is the directory's word
    /// for the user, empty for unknown ones.
    #[must_use]
    pub fn derive(key: &MacKey, label: &str, envelope: &Mac, epoch: &str, format: &CodeFormat) -> Self {
        let block = |index: u64| key.begin(label).bytes(envelope.as_bytes()).text(epoch).number(index).mac();
        match &format.alphabet {
            Alphabet::Custom(characters) => {
                Self(sample(block, format, |at| characters.chars().nth(at).expect("it is below the alphabet's size")))
            }
            ascii => {
                let characters = ascii.characters().as_bytes();
                Self(sample(block, format, |at| char::from(characters[at])))
            }
        }
    }

    /// The short code, for the message.
    #[must_use]
    pub fn short(key: &MacKey, envelope: &Mac, epoch: &str, format: &CodeFormat) -> Self {
        Self::derive(key, labels::SHORT_CODE, envelope, epoch, format)
    }

    /// The long code, for a link that is good only in the requesting browser.
    #[must_use]
    pub fn long(key: &MacKey, envelope: &Mac, epoch: &str, format: &CodeFormat) -> Self {
        Self::derive(key, labels::LONG_CODE, envelope, epoch, format)
    }

    /// A code that was chosen, and not derived. `None` unless it is of this format.
    #[must_use]
    pub fn fixed(text: &str, format: &CodeFormat) -> Option<Self> {
        let characters = format.alphabet.characters();
        let is_of_it = text.chars().count() == usize::from(format.length) && text.chars().all(|typed| characters.contains(typed));
        is_of_it.then(|| Self(text.into()))
    }

    /// Whether a person typed this code, as [`Alphabet::read`] reads it: in constant time for inputs of its length.
    #[must_use]
    pub fn matches(&self, typed: &str, alphabet: &Alphabet) -> bool {
        let is_same = |typed: &str| bool::from(self.0.as_bytes().ct_eq(typed.as_bytes()));
        // Nearly everybody types it as it was sent, and digits alone are read as they stand.
        let is_read = *alphabet == Alphabet::Numeric && typed.bytes().all(|byte| byte.is_ascii_digit());
        is_same(typed) || !is_read && is_same(&alphabet.read(typed))
    }

    /// The text, for the message that carries it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(…)")
    }
}

/// Takes one character for each byte below the largest multiple of the alphabet's size, so that all are equally likely.
fn sample(block: impl Fn(u64) -> Mac, format: &CodeFormat, character: impl Fn(usize) -> char) -> String {
    let size = format.alphabet.size();
    let fair = 256 - 256 % size;
    let mut code = String::with_capacity(usize::from(format.length) * 4);
    let mut missing = usize::from(format.length);
    let mut index = 0;
    while missing > 0 {
        let block = block(index);
        for byte in block.as_bytes().iter().copied().map(usize::from).filter(|byte| *byte < fair).take(missing) {
            code.push(character(byte % size));
            missing -= 1;
        }
        index += 1;
    }
    code
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;
    use crate::crypto::Secret;

    fn format(characters: &str, length: u8) -> CodeFormat {
        CodeFormat::new(Alphabet::new(characters).unwrap(), length).unwrap()
    }

    fn code(nonce: u64, format: &CodeFormat) -> Code {
        let key = MacKey::new(&Secret::new([7; 32]));
        let mut mac = [0; 32];
        mac[..8].copy_from_slice(&nonce.to_be_bytes());
        Code::short(&key, &Mac::from_bytes(mac), "epoch", format)
    }

    #[test]
    fn every_character_is_equally_likely() {
        for size in [2_usize, 3, 10, 20, 33, 64] {
            let characters: String = ('\u{4e00}'..).take(size).collect();
            let format = format(&characters, 16);
            let mut seen = alloc::vec![0_u32; size];
            for nonce in 0..2_000 {
                for character in code(nonce, &format).expose().chars() {
                    seen[character as usize - 0x4e00] += 1;
                }
            }
            // χ² with size−1 degrees of freedom stays below mean + 6 standard deviations; the input is fixed, so this never flickers.
            let expected = 32_000.0 / f64::from(u32::try_from(size).unwrap());
            let chi: f64 = seen.iter().map(|n| (f64::from(*n) - expected).powi(2) / expected).sum();
            let freedom = f64::from(u32::try_from(size - 1).unwrap());
            assert!(chi < freedom + 6.0 * (2.0 * freedom).sqrt(), "{size} characters: χ² = {chi}");
        }
    }

    #[test]
    fn strengths() {
        assert_eq!(format("0123456789", 6).strength(), Strength::Short);
        assert_eq!(format("0123456789", 10).strength(), Strength::Short);
        assert_eq!(format("0123456789", 11).strength(), Strength::Medium);
        assert_eq!(format("0123456789", 6).at_least(Strength::Short), format("0123456789", 6));
        let medium = format("0123456789", 6).at_least(Strength::Medium);
        assert_eq!((format!("{medium}").as_str(), medium.strength()), ("8:base20", Strength::Medium));
        let long = medium.at_least(Strength::Long);
        assert_eq!((format!("{long}").as_str(), long.strength()), ("15:base20", Strength::Long));
        assert_eq!(format("0123456789", 20).at_least(Strength::Long), format("0123456789", 20));
    }

    #[test]
    fn claims_come_back_and_have_one_spelling() {
        for format in [format("0123456789", 6), format("BCDFGHJKLMNPQRSTVWXZ", 8), format(":01é", 30), format("x", 128)] {
            assert_eq!(CodeFormat::from_claim(&format!("{format}")), Some(format));
        }
        for claim in ["", "6", "numeric:6", "06:numeric", "+6:numeric", "0:numeric", "129:numeric", "6:", "6:aa", "6:0123456789"]
        {
            assert_eq!(CodeFormat::from_claim(claim), None, "{claim}");
        }
    }

    #[test]
    fn base20_is_read_in_either_case_and_others_are_not() {
        let base20 = format("BCDFGHJKLMNPQRSTVWXZ", 8);
        let wanted = code(1, &base20);
        assert!(wanted.matches(&wanted.expose().to_lowercase(), base20.alphabet()));
        let letters = format("ABCDEFGH", 8);
        let wanted = code(1, &letters);
        assert!(wanted.matches(wanted.expose(), letters.alphabet()));
        assert!(!wanted.matches(&wanted.expose().to_lowercase(), letters.alphabet()));
        assert!(!wanted.matches("", letters.alphabet()));
    }
}
