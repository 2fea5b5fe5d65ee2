//! In which language a message is written: BCP 47 tags and `Accept-Language` as people send them, nonsense included.

use std::{borrow::Cow, fmt};

use super::Languages;

/// The longest tag that is looked at (RFC 5646 §4.4.1 asks for room for 35 characters).
const MAX_TAG: usize = 35;
/// How many entries of an `Accept-Language` are looked at.
const MAX_ENTRIES: usize = 32;

/// A language tag in its usual spelling: `de`, `pt-BR`, `zh-Hant-TW` (RFC 5646 §2.1.1). It holds only letters, digits
/// and hyphens, so it fits a header and can name no path but one beside the others.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(Cow<'static, str>);

/// The languages that messages can be written in without a folder of templates, in the order in which they are offered.
pub const LANGUAGES: [Tag; 9] = [
    Tag::ENGLISH,
    Tag(Cow::Borrowed("de")),
    Tag(Cow::Borrowed("fr")),
    Tag(Cow::Borrowed("es")),
    Tag(Cow::Borrowed("it")),
    Tag(Cow::Borrowed("pt")),
    Tag(Cow::Borrowed("fi")),
    Tag(Cow::Borrowed("ja")),
    Tag(Cow::Borrowed("ar")),
];

/// Languages, and scripts of languages with several, that are written from right to left.
const RIGHT_TO_LEFT: [&str; 14] = ["ar", "ckb", "dv", "fa", "he", "ks", "ps", "sd", "ug", "ur", "yi", "Arab", "Hebr", "Thaa"];

impl Tag {
    /// English: what is written where nobody said anything else.
    pub const ENGLISH: Self = Self(Cow::Borrowed("en"));

    /// The tag that `text` writes, in any case and with `_` for `-`; `None` if it isn't shaped like one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() > MAX_TAG {
            return None;
        }
        let mut tag = String::with_capacity(text.len());
        for (at, part) in text.split(['-', '_']).enumerate() {
            let letters = part.bytes().all(|byte| byte.is_ascii_alphabetic());
            let fits = match at {
                0 => (2..=8).contains(&part.len()) && letters,
                _ => (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()),
            };
            if !fits {
                return None;
            }
            match (at, part.len()) {
                (0, _) => tag.push_str(&part.to_ascii_lowercase()),
                (_, 2) if letters => tag.extend(["-", &part.to_ascii_uppercase()]),
                (_, 4) if letters => {
                    tag.extend(["-", &part[..1].to_ascii_uppercase(), &part[1..].to_ascii_lowercase()]);
                }
                _ => tag.extend(["-", &part.to_ascii_lowercase()]),
            }
        }
        Some(Self(tag.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `rtl` for a language that is written from right to left, else `ltr`: HTML's `dir`.
    #[must_use]
    pub fn direction(&self) -> &'static str {
        let mut parts = self.0.split('-');
        let language = parts.next();
        let script = parts.next().filter(|part| part.len() == 4);
        let is_rtl = script.or(language).is_some_and(|part| RIGHT_TO_LEFT.contains(&part));
        if is_rtl { "rtl" } else { "ltr" }
    }

    /// This tag, then each shorter one: `zh-Hant-TW`, `zh-Hant`, `zh` (RFC 4647 §3.4).
    pub(crate) fn shortened(&self) -> impl Iterator<Item = Self> + use<> {
        std::iter::successors(Some(self.clone()), |tag| {
            let (mut shorter, _) = tag.0.rsplit_once('-')?;
            // A single letter or digit only introduces what follows it.
            while shorter.rsplit_once('-').is_some_and(|(_, last)| last.len() == 1) {
                shorter = shorter.rsplit_once('-')?.0;
            }
            Some(Self(shorter.to_owned().into()))
        })
    }
}

impl Languages {
    /// Chooses among the languages that there are: the longest match of the first wanted one that has a match (RFC 4647
    /// §3.4, "lookup"). The request's locale comes first, then the user's, `stored`, then `Accept-Language` by its weights.
    /// Nothing matches: `default`.
    #[must_use]
    pub fn choose(&self, stored: Option<&str>, default: &Tag, is_there: impl Fn(&Tag) -> bool) -> Tag {
        let wanted = self.wanted(stored);
        let matching = wanted.iter().flat_map(Tag::shortened).find(is_there);
        matching.unwrap_or_else(|| default.clone())
    }

    /// What is wanted, first things first.
    fn wanted(&self, stored: Option<&str>) -> Vec<Tag> {
        let mut wanted: Vec<Tag> = [self.requested.as_deref(), stored].into_iter().flatten().filter_map(Tag::parse).collect();
        wanted.extend(self.accepted.as_deref().map(accepted).unwrap_or_default());
        wanted
    }
}

/// The tags of an `Accept-Language` (RFC 9110 §12.5.4), heaviest first. `*`, what weighs 0 and what can't be read is left out.
fn accepted(header: &str) -> Vec<Tag> {
    let mut weighed: Vec<(u16, Tag)> = header.split(',').take(MAX_ENTRIES).filter_map(entry).collect();
    weighed.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    weighed.into_iter().map(|(_, tag)| tag).collect()
}

fn entry(entry: &str) -> Option<(u16, Tag)> {
    let mut parts = entry.split(';');
    let tag = Tag::parse(parts.next()?)?;
    let weight = match parts.find_map(|part| part.trim().strip_prefix(['q', 'Q'])?.trim_start().strip_prefix('=')) {
        Some(weight) => thousandths(weight.trim())?,
        None => 1000,
    };
    (weight > 0).then_some((weight, tag))
}

/// `0.8` as 800; `None` for anything but 0 to 1 with at most three decimals.
fn thousandths(weight: &str) -> Option<u16> {
    let (whole, decimals) = weight.split_once('.').unwrap_or((weight, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fraction: u16 = format!("{decimals:0<3}").parse().ok()?;
    match (whole, fraction) {
        ("0", fraction) => Some(fraction),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tags(tags: &[Tag]) -> Vec<&str> {
        tags.iter().map(Tag::as_str).collect()
    }

    #[test]
    fn tags_have_one_spelling() {
        for (written, tag) in [
            ("de", "de"),
            ("DE_at", "de-AT"),
            (" pt-br ", "pt-BR"),
            ("ZH-hant-tw", "zh-Hant-TW"),
            ("sl-nedis", "sl-nedis"),
            ("de-CH-1996", "de-CH-1996"),
            ("es-419", "es-419"),
        ] {
            assert_eq!(Tag::parse(written).unwrap().as_str(), tag);
        }
    }

    #[test]
    fn nonsense_is_no_tag() {
        let long = "a".repeat(9);
        let many = ["de"; 20].join("-");
        for nonsense in [
            "",
            "-",
            "d",
            "*",
            "de-",
            "-de",
            "de--at",
            "1a",
            "../../etc",
            "de/../..",
            "de\0",
            "dé",
            "de at",
            "de\r\nX: y",
            &long,
            &many,
        ] {
            assert_eq!(Tag::parse(nonsense), None, "{nonsense:?}");
        }
    }

    #[test]
    fn weights_order_and_nonsense_is_skipped() {
        let header =
            "fr;q=0.3, de-CH, , *;q=0.9, en;q=0, it;q=1.5, es;q=0.30, ../..;q=1, pt ; q = 0.7, nl;q=x, da;level=1;q=0.95";
        assert_eq!(tags(&accepted(header)), ["de-CH", "da", "pt", "fr", "es"]);
        assert_eq!(accepted(&"x,".repeat(1000)), []);
        assert_eq!(accepted(&"de,".repeat(1000)).len(), MAX_ENTRIES);
    }

    #[test]
    fn the_request_comes_before_the_user_and_the_user_before_the_browser() {
        let all = Languages { requested: Some("fr".into()), accepted: Some("en;q=0.1, it".into()) };
        assert_eq!(tags(&all.wanted(Some("de_AT"))), ["fr", "de-AT", "it", "en"]);
        let broken = Languages { requested: Some("../../etc/passwd".into()), ..all };
        assert_eq!(tags(&broken.wanted(Some("de_AT"))), ["de-AT", "it", "en"]);
    }

    #[test]
    fn lookup_shortens_before_it_goes_on() {
        let choose = |wanted: &str, available: &[&str]| {
            let languages = Languages { requested: None, accepted: Some(wanted.into()) };
            languages.choose(None, &Tag::parse("pt-BR").unwrap(), |tag| available.contains(&tag.as_str())).to_string()
        };
        assert_eq!(choose("de-AT, fr", &["fr", "de", "en"]), "de");
        assert_eq!(choose("de-AT, fr", &["fr", "en"]), "fr");
        assert_eq!(choose("zh-Hant-TW", &["zh-Hant", "zh"]), "zh-Hant");
        assert_eq!(choose("en-a-bbb-x-a", &["en-a", "en-a-bbb"]), "en-a-bbb");
        assert_eq!(choose("en-a-bbb", &["en-a", "en"]), "en");
        assert_eq!(choose("de-AT, fr", &["it"]), "pt-BR", "the default, where nothing matches");
        assert_eq!(choose("", &["it"]), "pt-BR");
    }

    #[test]
    fn arabic_and_its_kin_are_written_from_right_to_left() {
        for (tag, direction) in [
            ("ar", "rtl"),
            ("ar-EG", "rtl"),
            ("he-IL", "rtl"),
            ("az-Arab", "rtl"),
            ("ar-Latn", "ltr"),
            ("en", "ltr"),
            ("ja", "ltr"),
        ] {
            assert_eq!(Tag::parse(tag).unwrap().direction(), direction, "{tag}");
        }
        for tag in LANGUAGES {
            assert_eq!(Tag::parse(tag.as_str()).as_ref(), Some(&tag), "one spelling");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_sent_makes_only_tags(header in ".{0,200}") {
            for tag in accepted(&header) {
                prop_assert!(tag.as_str().len() <= MAX_TAG);
                prop_assert!(tag.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
                prop_assert_eq!(Tag::parse(tag.as_str()), Some(tag.clone()), "one spelling");
            }
        }
    }
}
