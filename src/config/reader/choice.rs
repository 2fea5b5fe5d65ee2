//! Choices: an enum and the words that the configuration writes for it, from one list, so that no word of the schema can be
//! one that no reader knows.

/// What a key with [`Kind::Choice`](super::schema::Kind::Choice) holds.
pub(crate) trait Choice: Copy + 'static {
    /// The words, the default first.
    const WORDS: &'static [&'static str];
    /// What each word stands for, in the same order.
    const ALL: &'static [Self];

    /// What `word` stands for.
    fn of_word(word: &str) -> Option<Self> {
        Self::WORDS.iter().position(|known| *known == word).map(|at| Self::ALL[at])
    }
}

/// Makes an enum that is a [`Choice`], or one of an enum that there is: `choices! { for Existing { Variant = "word" } }`. The
/// first word is the default; a variant without a word doesn't compile.
macro_rules! choices {
    ($(#[$about:meta])* $visible:vis enum $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $visible enum $name { $($(#[$doc])* $variant),+ }
        choices! { for $name { $($variant = $word),+ } }
    };
    (for $name:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl $crate::config::reader::choice::Choice for $name {
            const WORDS: &'static [&'static str] = &[$($word),+];
            const ALL: &'static [Self] = &[$(Self::$variant),+];
        }
        const _: fn($name) = |choice| match choice { $($name::$variant => {}),+ };
    };
}
pub(crate) use choices;

#[cfg(test)]
mod tests {
    use super::*;

    choices! {
        enum Colour {
            Red = "red",
            None = "",
        }
    }

    #[test]
    fn each_word_is_one_variant() {
        assert_eq!(Colour::WORDS, ["red", ""]);
        assert_eq!((Colour::of_word("red"), Colour::of_word("")), (Some(Colour::Red), Some(Colour::None)));
        assert_eq!(Colour::of_word("blue"), None);
    }
}
