//! What a client calls itself: anything at all, so it is judged before it is written anywhere.

use std::fmt;

use crate::typed::is_invisible;

/// The longest, in bytes.
const LONGEST: usize = 256;

/// The header `User-Agent`, cut to 256 bytes at the end of a character. What isn't text, and what nobody sees, controls
/// and marks that direct text among it, is U+FFFD.
#[derive(Clone, PartialEq, Eq)]
pub struct UserAgent(Box<str>);

impl UserAgent {
    /// Of a header's value; `None` where it says nothing.
    #[must_use]
    pub fn judge(value: &[u8]) -> Option<Self> {
        let mut text = String::with_capacity(value.len().min(LONGEST));
        // What is replaced gets longer, never shorter.
        let read = &value[..value.len().min(LONGEST)];
        'reading: for chunk in read.utf8_chunks() {
            let invalid = (!chunk.invalid().is_empty()).then_some(char::REPLACEMENT_CHARACTER);
            for character in chunk.valid().chars().chain(invalid) {
                let character =
                    if is_invisible(character) || ends_lines(character) { char::REPLACEMENT_CHARACTER } else { character };
                if text.len() + character.len_utf8() > LONGEST {
                    break 'reading;
                }
                text.push(character);
            }
        }
        // A character that was cut in two is left out.
        if read.len() < value.len() && text.ends_with(char::REPLACEMENT_CHARACTER) {
            text.pop();
        }
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.into()))
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The separators of lines and of paragraphs: some readers of a log begin a new line there.
const fn ends_lines(character: char) -> bool {
    matches!(character, '\u{2028}' | '\u{2029}')
}

impl fmt::Debug for UserAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn judged(value: &[u8]) -> Option<String> {
        UserAgent::judge(value).map(|agent| agent.as_str().to_owned())
    }

    #[test]
    fn a_usual_one_stays_as_it_is() {
        let usual = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";
        assert_eq!(judged(usual.as_bytes()).as_deref(), Some(usual));
        assert_eq!(judged("curl/8 ä 日本".as_bytes()).as_deref(), Some("curl/8 ä 日本"));
    }

    #[test]
    fn one_that_says_nothing_is_none() {
        for nothing in ["", " ", "   "] {
            assert_eq!(judged(nothing.as_bytes()), None);
        }
    }

    #[test]
    fn what_could_forge_a_line_or_turn_it_around_is_replaced() {
        for (sent, kept) in [
            (&b"a\nb"[..], "a\u{fffd}b"),
            (b"a\r\nb", "a\u{fffd}\u{fffd}b"),
            (b"a\tb\x1b[2Jc\x7f", "a\u{fffd}b\u{fffd}[2Jc\u{fffd}"),
            ("a\u{85}b\u{9b}".as_bytes(), "a\u{fffd}b\u{fffd}"),
            ("a\u{2028}{}\u{2029}b".as_bytes(), "a\u{fffd}{}\u{fffd}b"),
            ("a\u{202e}b\u{2066}c\u{200b}".as_bytes(), "a\u{fffd}b\u{fffd}c\u{fffd}"),
            (b"a\xffb\xe6\x97c", "a\u{fffd}b\u{fffd}c"),
        ] {
            assert_eq!(judged(sent).as_deref(), Some(kept), "{sent:?}");
        }
    }

    #[test]
    fn a_long_one_ends_with_a_whole_character() {
        assert_eq!(judged(&[b'a'; 10_000]).unwrap().len(), 256);
        for shift in 0..4 {
            let long = format!("{}{}", "a".repeat(shift), "𝟎".repeat(100));
            let kept = judged(long.as_bytes()).unwrap();
            assert!(long.starts_with(&kept), "{kept}");
            assert!(kept.len() > 252 && kept.len() <= 256, "{}", kept.len());
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_is_short_and_visible(sent in proptest::collection::vec(any::<u8>(), 0..1024)) {
            if let Some(kept) = judged(&sent) {
                prop_assert!(kept.len() <= 256 && !kept.trim().is_empty());
                prop_assert!(!kept.chars().any(|character| is_invisible(character) || ends_lines(character)));
            }
        }

        #[test]
        fn text_without_oddities_is_kept_as_far_as_it_fits(sent in "[ -~äß日]{0,400}") {
            let kept = judged(sent.as_bytes()).unwrap_or_default();
            prop_assert!(sent.trim_start().starts_with(kept.trim_end()));
        }
    }
}
