//! The beginning of a phone number: its calling code, and the digits behind it that stand for an operator's block.

use super::{Channel, Recipient};

/// How many digits behind the calling code belong to a prefix.
const BEHIND: usize = 4;

/// Calling codes of two digits (ITU-T E.164, list of assigned country codes). Those that begin with 1 or 7 have one digit; all
/// others have three.
const OF_TWO_DIGITS: [&str; 44] = [
    "20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47", "48", "49", "51", "52", "53",
    "54", "55", "56", "57", "58", "60", "61", "62", "63", "64", "65", "66", "81", "82", "84", "86", "90", "91", "92", "93", "94",
    "95", "98",
];

impl Recipient {
    /// The `+`, the calling code and the next four digits of a phone number, which is about an operator's block; `None` for an
    /// e-mail address.
    #[must_use]
    pub fn number_prefix(&self) -> Option<&str> {
        if self.channel() != Channel::Mobile {
            return None;
        }
        let number = self.as_str();
        let digits = number.strip_prefix('+').unwrap_or(number);
        let code = match digits.get(..2) {
            Some(two) if two.starts_with(['1', '7']) => 1,
            Some(two) if OF_TWO_DIGITS.contains(&two) => 2,
            _ => 3,
        };
        Some(number.get(..number.len() - digits.len() + code + BEHIND).unwrap_or(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(number: &str) -> String {
        Recipient::from_canonical(Channel::Mobile, number).number_prefix().unwrap().to_owned()
    }

    #[test]
    fn a_prefix_is_the_calling_code_and_four_digits() {
        for (number, expected) in [
            ("+12025550100", "+12025"),
            ("+79161234567", "+79161"),
            ("+491512345678", "+491512"),
            ("+989121234567", "+989121"),
            ("+358401234567", "+3584012"),
            ("+88213123456", "+8821312"),
            ("+2901234", "+2901234"),
            ("+49151", "+49151"),
            ("+1", "+1"),
            ("", ""),
        ] {
            assert_eq!(prefix(number), expected);
        }
        assert_eq!(Recipient::from_canonical(Channel::Email, "ann@example.com").number_prefix(), None);
    }

    /// Against the numbering plans that numbers are parsed by.
    #[cfg(feature = "mobile")]
    #[test]
    fn calling_codes_have_the_digits_that_the_plans_say() {
        let mut seen = 0;
        for code in 1..1_000_u16 {
            if phonenumber::metadata::DATABASE.by_code(&code).is_some_and(|regions| !regions.is_empty()) {
                let found = prefix(&alloc::format!("+{code}23456789"));
                assert_eq!(found.len(), 1 + alloc::format!("{code}").len() + BEHIND, "+{code}: {found}");
                seen += 1;
            }
        }
        assert!(seen > 200, "{seen}");
    }
}
