//! Phone numbers: to E.164, by the rules of one fleet.
//!
//! What people type is read by a small grammar of our own; the crate `phonenumber` only ever sees a plus sign and at most
//! 17 digits. It has panicked on input before, and each of its hundreds of patterns is compiled when it is first needed,
//! behind one lock and in a cache that is too small by default: see [`warm`].
//!
//! A number is accepted if a region with its calling code has numbers of that length that start like this. Whether it
//! is assigned isn't asked (`phonenumber::is_valid`): that would take 90 MB more once hostile numbers have touched every
//! pattern, and the plan of a country changes sooner than this table. A number that is accepted as it stands stays as it
//! is; the crate is asked only about the others, because it takes first digits for a national prefix or a calling code
//! that are none (`+370 801 …`, `392 …` in Italy).

use alloc::{boxed::Box, format, string::String, vec::Vec};
use std::{
    iter,
    panic::{UnwindSafe, catch_unwind},
    sync::{
        LazyLock,
        atomic::{AtomicU16, Ordering},
    },
    thread,
};

use phonenumber::{
    Metadata,
    country::{Id as Region, Source},
    metadata::{DATABASE, Descriptor},
};
use regex::{Regex, RegexBuilder};

use super::{Channel, InvalidRecipient, Recipient};
use crate::typed::{is_dash, is_invisible, to_ascii};

/// The most bytes of what is read as a phone number, parameters of a `tel:` URI included.
const MAX_BYTES: usize = 128;
/// The most digits before they are E.164: a calling code and a national prefix that people write although it is dropped.
const MAX_TYPED_DIGITS: usize = 17;
/// The most digits of an E.164 number (ITU-T E.164 §6.2.1).
const MAX_DIGITS: usize = 15;

/// Which numbers are accepted, and how they may be written. The default takes every international number.
#[derive(Clone, Debug, Default)]
pub struct PhoneRules {
    default_region: Option<Region>,
    allowed_regions: Vec<Region>,
    /// Digits, without the plus sign.
    blocked_prefixes: Vec<Box<str>>,
}

/// What is wrong with the configured rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PhoneRulesFault {
    /// `default_region` is no region with a calling code (ISO 3166-1 alpha-2, in either case).
    UnknownDefaultRegion,
    /// The entry of `allowed_regions` at this place isn't one.
    UnknownAllowedRegion(usize),
    /// The entry of `blocked_prefixes` at this place isn't the start of an E.164 number.
    InvalidBlockedPrefix(usize),
}

impl PhoneRules {
    /// Judges the rules. An empty `default_region` is none; no `allowed_regions` allow all.
    ///
    /// # Errors
    /// Every fault there is.
    pub fn new<S: AsRef<str>>(
        default_region: &str,
        allowed_regions: &[S],
        blocked_prefixes: &[S],
    ) -> Result<Self, Vec<PhoneRulesFault>> {
        let mut faults = Vec::new();
        let mut rules = Self::default();
        if !default_region.is_empty() {
            rules.default_region = region(default_region);
            if rules.default_region.is_none() {
                faults.push(PhoneRulesFault::UnknownDefaultRegion);
            }
        }
        for (at, name) in allowed_regions.iter().enumerate() {
            match region(name.as_ref()) {
                Some(region) => rules.allowed_regions.push(region),
                None => faults.push(PhoneRulesFault::UnknownAllowedRegion(at)),
            }
        }
        for (at, prefix) in blocked_prefixes.iter().enumerate() {
            match Typed::read(prefix.as_ref()) {
                Some(typed) if !typed.digits.starts_with('0') && typed.digits.len() <= MAX_DIGITS => {
                    rules.blocked_prefixes.push(typed.digits.into());
                }
                _ => faults.push(PhoneRulesFault::InvalidBlockedPrefix(at)),
            }
        }
        if faults.is_empty() { Ok(rules) } else { Err(faults) }
    }

    /// Whether numbers in national format are read.
    #[must_use]
    pub const fn has_default_region(&self) -> bool {
        self.default_region.is_some()
    }

    /// The number that somebody typed: international, or national where there is a default region. An extension is
    /// dropped; `00` for the plus sign and letters for digits are refused.
    ///
    /// # Errors
    /// [`InvalidRecipient`] for what is no number, or none that these rules accept.
    pub fn parse(&self, typed: &str) -> Result<Recipient, InvalidRecipient> {
        let number = e164(typed.trim(), self.default_region).filter(|number| self.accept(number)).ok_or(InvalidRecipient)?;
        Ok(Recipient::from_canonical(Channel::Mobile, number))
    }

    fn accept(&self, number: &str) -> bool {
        let digits = &number[1..];
        let blocked = self.blocked_prefixes.iter().any(|prefix| digits.starts_with(&**prefix));
        !blocked && (self.allowed_regions.is_empty() || self.is_of_allowed_region(number))
    }

    /// Where a calling code belongs to several regions, the number has to be one that is assigned in an allowed one.
    fn is_of_allowed_region(&self, number: &str) -> bool {
        let allows = |region: &str| self.allowed_regions.iter().any(|allowed| allowed.as_ref() == region);
        let code = calling_code(&number[1..]).and_then(|(code, _)| u16::try_from(code).ok());
        let regions = code.and_then(|code| DATABASE.region(&code)).unwrap_or_default();
        match *regions {
            [only] => allows(only),
            _ if !regions.iter().any(|region| allows(region)) => false,
            _ => guarded(|| {
                let parsed = phonenumber::parse(None, number).ok()?;
                let same = format!("+{}{}", parsed.code().value(), parsed.national()) == number;
                parsed.country().id().filter(|_| same)
            })
            .is_some_and(|region| allows(region.as_ref())),
        }
    }
}

/// Prepares the metadata of every calling code, so that no request waits for it. Once, at the start; takes a tenth of a
/// second of all processors together.
pub fn warm() {
    // There are about 3,000 patterns. As shipped, 100 stay compiled, and a mix of countries costs 2 ms a number.
    if let Ok(mut cache) = DATABASE.cache().lock() {
        cache.set_capacity(8192);
    }
    LazyLock::force(&PLANS);
}

/// The numbering plans by calling code.
static PLANS: LazyLock<Vec<Vec<Plan>>> = LazyLock::new(|| {
    let next = AtomicU16::new(0);
    let plans = || {
        let codes = iter::from_fn(|| Some(next.fetch_add(1, Ordering::Relaxed)).filter(|code| usize::from(*code) < CODES));
        let plans = |code: u16| DATABASE.by_code(&code).unwrap_or_default().into_iter().filter_map(Plan::of).collect();
        codes.map(|code| (code, plans(code))).collect::<Vec<_>>()
    };
    // Compiling the patterns is most of the program's start, so all processors do it. A thread that can't be had leaves
    // its share to the others.
    thread::scope(|scope| {
        let others = thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS) - 1;
        let others: Vec<_> = (0..others).filter_map(|_| thread::Builder::new().spawn_scoped(scope, plans).ok()).collect();
        let mut all: Vec<Vec<Plan>> = (0..CODES).map(|_| Vec::new()).collect();
        let mut fill = |plans: Vec<(u16, Vec<Plan>)>| plans.into_iter().for_each(|(code, plans)| all[usize::from(code)] = plans);
        fill(plans());
        for other in others {
            fill(other.join().expect("patterns that don't compile are left out"));
        }
        all
    })
});

/// Calling codes have one to three digits.
const CODES: usize = 1000;
/// Of the threads that compile patterns.
const MOST_THREADS: usize = 8;

/// What the numbers of one region look like.
struct Plan {
    /// Of the whole national number.
    pattern: Regex,
    /// Bit n is set if numbers with n digits can be dialled from abroad.
    lengths: u32,
}

impl Plan {
    fn of(region: &Metadata) -> Option<Self> {
        let kinds = region.descriptors();
        let pattern = format!("^(?:{})$", kinds.general().national_number().as_str());
        let dialled = [kinds.fixed_line(), kinds.mobile(), kinds.voip(), kinds.personal_number(), kinds.pager(), kinds.uan()];
        let paid = [kinds.toll_free(), kinds.premium_rate(), kinds.shared_cost(), kinds.voicemail()];
        let lengths = dialled.into_iter().chain(paid).flatten().flat_map(Descriptor::possible_length);
        Some(Self {
            // Without Unicode, `\d` has ten characters and the pattern a twentieth of the size.
            pattern: RegexBuilder::new(&pattern).unicode(false).ignore_whitespace(true).build().ok()?,
            lengths: lengths.fold(0, |lengths, length| lengths | 1_u32.checked_shl(u32::from(*length)).unwrap_or(0)),
        })
    }

    fn has(&self, national: &str) -> bool {
        self.lengths & 1 << national.len() != 0 && self.pattern.is_match(national)
    }
}

/// The E.164 form of an international number.
pub(super) fn canonical(number: &str) -> Option<String> {
    e164(number, None)
}

/// The E.164 form of a number, which is its own E.164 form.
fn e164(text: &str, default_region: Option<Region>) -> Option<String> {
    let Typed { international, digits } = Typed::read(text)?;
    if international {
        as_it_stands(&digits).or_else(|| by_the_crate(None, &format!("+{digits}")))
    } else if digits.starts_with("00") {
        None
    } else {
        let region = default_region?;
        let home = DATABASE.by_id(region.as_ref())?;
        let national = |digits: &str| as_it_stands(&format!("{}{digits}", home.country_code()));
        national(&digits)
            .or_else(|| national(digits.strip_prefix(home.national_prefix()?)?))
            .or_else(|| by_the_crate(Some(region), &digits))
    }
}

fn as_it_stands(digits: &str) -> Option<String> {
    is_possible(digits).then(|| format!("+{digits}"))
}

/// For what has a prefix that belongs to no international number, or a carrier's code: `+44 (0) 20 …`, `011 15 …`.
fn by_the_crate(region: Option<Region>, number: &str) -> Option<String> {
    let number = guarded(|| phonenumber::parse(region, number).ok())?;
    let dialled = number.code().source() == Source::Idd;
    as_it_stands(&format!("{}{}", number.code().value(), number.national())).filter(|_| !dialled)
}

/// Whether a region has numbers like this one: at most 15 digits that start with a calling code.
fn is_possible(digits: &str) -> bool {
    let is_of_a_plan = |(code, national): (usize, &str)| PLANS[code].iter().any(|plan| plan.has(national));
    digits.len() <= MAX_DIGITS && calling_code(digits).is_some_and(is_of_a_plan)
}

/// The calling code that the digits start with, and the rest. No calling code starts with another one.
pub(super) fn calling_code(digits: &str) -> Option<(usize, &str)> {
    if digits.starts_with('0') {
        return None;
    }
    (1..=3).find_map(|length| {
        let (code, national) = digits.split_at_checked(length)?;
        let code = code.parse().ok()?;
        PLANS.get(code).filter(|plans: &&Vec<Plan>| !plans.is_empty()).map(|_| (code, national))
    })
}

fn region(name: &str) -> Option<Region> {
    name.to_ascii_uppercase().parse().ok()
}

/// Calls into `phonenumber`. It gets digits only, and still: if it panics, this number is none, and the next one is read.
fn guarded<T>(call: impl FnOnce() -> Option<T> + UnwindSafe) -> Option<T> {
    catch_unwind(call).unwrap_or_else(|_| {
        DATABASE.cache().clear_poison();
        None
    })
}

/// A phone number as it was typed, without anything that only helps to read it.
struct Typed {
    international: bool,
    digits: String,
}

impl Typed {
    /// number = [`tel:`] [`+`] digits and separators [extension] *(`;` parameter)
    ///
    /// `phone-context=+…` (RFC 3966 §5.1.5) makes a local number international; all other parameters are dropped.
    fn read(text: &str) -> Option<Self> {
        if text.len() > MAX_BYTES {
            return None;
        }
        let text: String = text.chars().filter(|character| !is_ignorable(*character)).map(to_ascii).collect();
        let mut parts = strip_scheme(text.trim()).split(';');
        let mut typed = Self::read_number(parts.next()?)?;
        for parameter in parts {
            let (name, value) = parameter.split_once('=')?;
            if !typed.international && name.eq_ignore_ascii_case("phone-context") {
                let context = Self::read_number(value).filter(|context| context.international)?;
                typed = Self { international: true, digits: context.digits + &typed.digits };
            }
        }
        (typed.digits.len() <= MAX_TYPED_DIGITS).then_some(typed)
    }

    fn read_number(text: &str) -> Option<Self> {
        let mut typed = Self { international: false, digits: String::new() };
        for (at, character) in text.char_indices() {
            if character.is_ascii_digit() {
                typed.digits.push(character);
            } else if character == '+' && typed.digits.is_empty() && !typed.international {
                typed.international = true;
            } else if !is_separator(character) {
                let ended = !typed.digits.is_empty() && is_extension(&text[at..]);
                return ended.then_some(typed);
            }
        }
        (!typed.digits.is_empty()).then_some(typed)
    }
}

fn strip_scheme(text: &str) -> &str {
    match text.split_at_checked(4) {
        Some((scheme, number)) if scheme.eq_ignore_ascii_case("tel:") => number,
        _ => text,
    }
}

/// `x 12`, `# 12`, `ext. 12`, `extension 12`.
fn is_extension(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let number = ["extension", "extn", "ext", "x", "#"].iter().find_map(|marker| text.strip_prefix(marker));
    let number = number.map(|number| number.trim_start_matches(['.', ':', ' ']));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The invisible marks that come along when a number is copied from an address book. A control character is none of them.
fn is_ignorable(character: char) -> bool {
    is_invisible(character) && !character.is_control()
}

/// What people put between digits; libphonenumber's `VALID_PUNCTUATION` and every space and dash.
fn is_separator(character: char) -> bool {
    let is_space = character.is_whitespace() && !character.is_control();
    is_space || is_dash(character) || matches!(character, '.' | '/' | '(' | ')' | '[' | ']' | '~' | '\u{223c}')
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use proptest::prelude::*;

    use super::*;

    fn rules(default_region: &str, allowed: &[&str], blocked: &[&str]) -> PhoneRules {
        PhoneRules::new(default_region, allowed, blocked).unwrap()
    }

    fn parsed(rules: &PhoneRules, typed: &str) -> Option<String> {
        rules.parse(typed).ok().map(|recipient| recipient.as_str().to_string())
    }

    #[track_caller]
    fn becomes(rules: &PhoneRules, typed: &str, canonical: &str) {
        assert_eq!(parsed(rules, typed).as_deref(), Some(canonical), "{typed:?}");
    }

    #[track_caller]
    fn refused<'a>(rules: &PhoneRules, numbers: impl IntoIterator<Item = &'a str>) {
        for number in numbers {
            assert_eq!(parsed(rules, number), None, "{number:?}");
        }
    }

    #[test]
    fn international_numbers() {
        let any = PhoneRules::default();
        becomes(&any, "+13035551234", "+13035551234");
        becomes(&any, "  +1 (303) 555-1234\n", "+13035551234");
        becomes(&any, "+1.303.555.1234", "+13035551234");
        becomes(&any, "(+1) 303 555 1234", "+13035551234");
        becomes(&any, "+44 (0)20 7946 0958", "+442079460958");
        becomes(&any, "+49 030/123456", "+4930123456");
        becomes(&any, "+39 06 1234 5678", "+390612345678");
        becomes(&any, "+54 11 15 1234 5678", "+5491112345678");
        becomes(&any, "+370 801 23456", "+37080123456");
        becomes(&any, "+8821612345678", "+8821612345678");
        becomes(&any, "\u{202a}+49\u{a0}151 23456789\u{202c}", "+4915123456789");
        becomes(&any, "＋４９１５１２３４５６７８９", "+4915123456789");
        becomes(&any, "+٩٧١٥٠١٢٣٤٥٦٧", "+971501234567");
    }

    #[test]
    fn numbers_are_read_whatever_the_keyboard_and_whatever_was_copied_with_them() {
        let any = PhoneRules::default();
        for typed in [
            "＋８１－９０－１２３４－５６７８",
            "+81ー90ー1234ー5678",
            "＋８１（９０）１２３４．５６７８",
            "+81\u{3000}90\u{3000}1234\u{3000}5678",
            "+81\u{2009}90\u{202f}1234\u{2007}5678",
            "\u{202d}+81 90-1234-5678\u{202c}",
            "\u{200e}+81‑90‑1234‑5678\u{200f}",
            "\u{2068}+81 90 1234 5678\u{2069}",
            "\u{feff}+81\u{ad}90\u{61c}1234\u{34f}5678\u{fe0f}",
            "+81 ［90］ 1234～5678",
            "+81 90/1234~5678",
            "+८१ ९० १२३४ ५६७८",
            "ｔｅｌ：＋８１９０１２３４５６７８",
            "\u{202a}tel:+81-90-1234-5678\u{202c}",
            "+81 90 1234 5678 ｘ１２",
            "+81 90 1234 5678 ＃１２",
        ] {
            becomes(&any, typed, "+819012345678");
        }
        becomes(&rules("JP", &[], &[]), "０９０－１２３４－５６７８", "+819012345678");
        refused(&any, ["+81\0 90 1234 5678", "+81\n90 1234 5678", "+81 90 1234 5678①", "+81 90 1234 567Ⅷ"]);
    }

    #[test]
    fn national_numbers_need_a_region() {
        refused(&PhoneRules::default(), ["3035551234", "(303) 555-1234", "030 123456", "4915123456789"]);
        becomes(&rules("US", &[], &[]), "(303) 555-1234", "+13035551234");
        becomes(&rules("us", &[], &[]), "1-303-555-1234", "+13035551234");
        becomes(&rules("DE", &[], &[]), "030 123456", "+4930123456");
        becomes(&rules("DE", &[], &[]), "+1 303 555 1234", "+13035551234");
        becomes(&rules("GB", &[], &[]), "07400 123456", "+447400123456");
        becomes(&rules("IT", &[], &[]), "392 345 5729", "+393923455729");
        becomes(&rules("IT", &[], &[]), "06 1234 5678", "+390612345678");
        becomes(&rules("RU", &[], &[]), "8 (800) 123-45-67", "+78001234567");
        becomes(&rules("AR", &[], &[]), "011 15 1234-5678", "+5491112345678");
    }

    #[test]
    fn international_prefixes_that_are_dialled_are_refused() {
        let any = PhoneRules::default();
        let german = rules("DE", &[], &[]);
        let american = rules("US", &[], &[]);
        for rules in [&any, &german, &american] {
            refused(rules, ["0013035551234", "00 1 303 555 1234", "(00)1 303 555 1234", "tel:0013035551234", "+0013035551234"]);
            refused(rules, ["011 49 151 23456789"]);
        }
    }

    #[test]
    fn tel_uris() {
        let any = PhoneRules::default();
        becomes(&any, "tel:+1-303-555-1234", "+13035551234");
        becomes(&any, "TEL:+13035551234;ext=12;isub=3", "+13035551234");
        becomes(&any, "tel:03-331-6005;phone-context=+64", "+6433316005");
        becomes(&any, "tel:331-6005;phone-context=+64-3", "+6433316005");
        becomes(&any, "tel:+64-3-331-6005;phone-context=+1", "+6433316005");
        refused(&any, ["tel:", "tel:+", "tel:331-6005;phone-context=example.com", "tel:331-6005;phone-context=", "tel:331-6005"]);
        refused(&any, [".;phone-context=", "+dwPAA;phone-context=AA", "tel:tel:+13035551234", "sip:+13035551234"]);
    }

    #[test]
    fn extensions_are_dropped() {
        let any = PhoneRules::default();
        for extension in [" x12", "x12", " ext. 12", " ext 12", "ext12", " extension 12", "#12", " # 12", ";ext=12", " EXT: 12"] {
            becomes(&any, &format!("+1 303 555 1234{extension}"), "+13035551234");
        }
        refused(&any, ["+13035551234x", "+13035551234 ext", "+13035551234x12x13", "+13035551234 x+1", "x12", "+x12"]);
    }

    #[test]
    fn no_numbers() {
        let any = PhoneRules::default();
        let american = rules("US", &[], &[]);
        for rules in [&any, &american] {
            refused(
                rules,
                ["", " ", "+", "++13035551234", "+1", "+12", "+123", "1", "12", "+1303555123", "+130355512345", "abc"],
            );
            refused(
                rules,
                [
                    "+1 800 FLOWERS",
                    "+13035551234,+13035551235",
                    "+13035551234 +13035551235",
                    "+1303555\n1234",
                    "+1303555\x001234",
                ],
            );
            refused(
                rules,
                [
                    "ann@example.com",
                    "someletters1110@gmail.com",
                    "13035551234+",
                    "1+3035551234",
                    "+*3035551234",
                    "+1303%35551234",
                ],
            );
            refused(rules, ["+999123456789", "+2101234567", "+0123456789", "+10035551234", "+1234567890123456789", " 2 22#:"]);
            refused(
                rules,
                [&*"9".repeat(10_000_000), &*"(".repeat(100), &*format!("+1{}", "3".repeat(100)), &*"+".repeat(MAX_BYTES)],
            );
        }
    }

    #[test]
    fn regions_and_prefixes() {
        let american = rules("", &["US", "de"], &[]);
        becomes(&american, "+13035551234", "+13035551234");
        becomes(&american, "+4915123456789", "+4915123456789");
        refused(&american, ["+33612345678", "+8821612345678"]);
        refused(&american, ["+18765551234", "+14165551234"]);
        becomes(&rules("", &["JM"], &[]), "+18765551234", "+18765551234");
        becomes(&rules("", &["CA"], &[]), "+14165551234", "+14165551234");
        refused(&rules("", &["RU"], &[]), ["+77012345678"]);
        becomes(&rules("", &["KZ"], &[]), "+77012345678", "+77012345678");
        refused(&rules("", &["US"], &[]), ["+15551234567"]);

        let blocked = rules("US", &[], &["+1 876", "882", "+1-900"]);
        refused(&blocked, ["+18765551234", "+8821612345678", "876 555 1234", "1 900 555 1234", "+1 (876) 555-1234"]);
        becomes(&blocked, "+13035551234", "+13035551234");
        refused(&rules("", &[], &["+1"]), ["+13035551234"]);
        assert!(rules("", &[], &["+1"]).parse("+4915123456789").is_ok());
    }

    #[test]
    fn every_fault_of_the_rules_is_reported() {
        use PhoneRulesFault::{InvalidBlockedPrefix, UnknownAllowedRegion, UnknownDefaultRegion};
        let faults = PhoneRules::new("XX", &["US", "", "001"], &["+1", "", "x", "+0", "+1234567890123456"]).unwrap_err();
        let expected = [
            UnknownDefaultRegion,
            UnknownAllowedRegion(1),
            UnknownAllowedRegion(2),
            InvalidBlockedPrefix(1),
            InvalidBlockedPrefix(2),
        ];
        assert_eq!(faults[..5], expected);
        assert_eq!(faults[5..], [InvalidBlockedPrefix(3), InvalidBlockedPrefix(4)]);
    }

    #[test]
    fn every_region_has_metadata() {
        for letters in (b'A'..=b'Z').flat_map(|a| (b'A'..=b'Z').map(move |b| [a, b])) {
            let name = core::str::from_utf8(&letters).unwrap();
            assert_eq!(region(name).is_some(), DATABASE.by_id(name).is_some(), "{name}");
        }
    }

    #[test]
    fn examples_of_every_region_are_accepted() {
        let any = PhoneRules::default();
        let mut regions = 0;
        for region in DATABASE.iter() {
            let descriptors = region.descriptors();
            for example in [descriptors.fixed_line(), descriptors.mobile(), descriptors.voip()].into_iter().flatten() {
                let Some(example) = example.example() else { continue };
                let number = format!("+{}{example}", region.country_code());
                becomes(&any, &number, &number);
            }
            regions += 1;
        }
        assert!(regions > 240, "{regions}");
    }

    #[test]
    fn stored_numbers() {
        let stored = |text| Recipient::of_stored(Channel::Mobile, text).map(|recipient| recipient.as_str().to_string());
        assert_eq!(stored("+13035551234").as_deref(), Some("+13035551234"));
        assert_eq!(stored("+1 303-555-1234").as_deref(), Some("+13035551234"));
        assert_eq!(stored("303-555-1234"), None);
        assert_eq!(stored(""), None);
    }

    proptest! {
        #[test]
        fn canonical_numbers_are_fixed(typed in "\\+?[0-9]{5,17}|\\+?[0-9 ().x#;=-]{1,30}|.{0,30}", region in "(US|DE|IT|AR|BR|MX|BY|HU)?") {
            if let Some(number) = parsed(&rules(&region, &[], &[]), &typed) {
                prop_assert!(number.starts_with('+') && number.len() <= 1 + MAX_DIGITS);
                prop_assert!(number[1..].bytes().all(|byte| byte.is_ascii_digit()) && !number.starts_with("+0"));
                prop_assert_eq!(parsed(&PhoneRules::default(), &number), Some(number));
            }
        }
    }
}
