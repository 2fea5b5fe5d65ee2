//! The schema as data: what a section and a key are. Readers take names, kinds and defaults from here.

use super::{
    choice::Choice,
    shown::{self, list, quoted},
};

/// All sections, in the order in which they are written.
pub(crate) type Schema = [&'static SectionSchema];

/// A section of the file.
#[derive(Debug)]
pub struct SectionSchema {
    /// Its name, as in `[server]`.
    pub name: &'static str,
    /// What it is about, in a line.
    pub about: &'static str,
    /// Its keys, in the order in which they are written.
    pub keys: &'static [Key],
}

/// A key of a section.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it holds, and what it holds when nothing is said.
    pub kind: Kind,
    /// What it does: a few lines.
    pub about: &'static str,
    /// The section whose key of this name explains it.
    pub like: Option<&'static str>,
    /// What of it comes in a later version.
    pub absent: Absent,
}

/// What of a key this version doesn't have yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// Nothing: it works.
    Nothing,
    /// These words; each is a fault.
    Choices(&'static [&'static str]),
    /// The key: to use it is a fault.
    Whole,
    /// What it belongs to: nothing reads it.
    Part,
}

/// What a key holds, with its default.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Any text.
    Text(&'static str),
    /// A URL, whose password and query may be secret; default: empty.
    Url,
    /// A text that is never shown; default: empty.
    Secret,
    /// Texts that are never shown; default: none.
    Secrets,
    /// One text or several, never shown; default: none.
    SecretOrSecrets,
    /// One of these words; the first is the default.
    Choice(&'static [&'static str]),
    /// A whole number.
    Number {
        /// The default.
        default: u64,
        /// The least.
        min: u64,
        /// The most.
        max: u64,
    },
    /// A number above 0 and up to 1.
    Probability(f64),
    /// A number from 0 to 1.
    Share(f64),
    /// True or false.
    Switch(bool),
    /// A list of texts.
    Texts(&'static [&'static str]),
    /// One text or several; default: none.
    TextOrTexts,
    /// A text, or a table of texts by names; default: empty.
    TextOrTable,
}

/// How the documentation marks what comes later.
const NOT_YET: &str = "Not in this version";

impl SectionSchema {
    /// The key of that name.
    #[must_use]
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// What it is about, and whether this version has nothing of it.
    #[must_use]
    pub fn about(&self) -> String {
        let is_absent = self.keys.iter().all(|key| key.absent != Absent::Nothing);
        if is_absent { format!("{} {NOT_YET}.", self.about) } else { self.about.into() }
    }
}

impl Key {
    /// What it does, and what of it this version doesn't have.
    #[must_use]
    pub fn about(&self) -> String {
        if let Some(section) = self.like {
            return format!("As in [{section}].");
        }
        match self.absent {
            Absent::Nothing => self.about.into(),
            Absent::Choices(words) => format!("{}\n{NOT_YET}: {}.", self.about, words.join(", ")),
            Absent::Whole | Absent::Part => format!("{}\n{NOT_YET}.", self.about),
        }
    }

    /// The name of its environment variable.
    #[must_use]
    pub fn variable(&self, section: &SectionSchema) -> String {
        format!("COUNTERSIGN_{}__{}", section.name, self.name).to_ascii_uppercase()
    }
}

impl Kind {
    /// The default as TOML.
    #[must_use]
    pub fn default_toml(self) -> String {
        match self {
            Self::Text(default) => quoted(default),
            Self::Url | Self::Secret | Self::SecretOrSecrets | Self::TextOrTexts | Self::TextOrTable => quoted(""),
            Self::Secrets => "[]".into(),
            Self::Choice(choices) => quoted(choices[0]),
            Self::Number { default, .. } => default.to_string(),
            Self::Probability(default) | Self::Share(default) => shown::number(default),
            Self::Switch(default) => default.to_string(),
            Self::Texts(defaults) => list(defaults.iter().copied()),
        }
    }

    /// Whether its value may never be shown.
    #[must_use]
    pub const fn is_secret(self) -> bool {
        matches!(self, Self::Secret | Self::Secrets | Self::SecretOrSecrets)
    }

    /// Whether no part of its value is ever a secret.
    #[must_use]
    pub const fn is_harmless(self) -> bool {
        !self.is_secret() && !matches!(self, Self::Url)
    }

    /// What it holds, in words.
    #[must_use]
    pub fn in_words(self) -> String {
        match self {
            Self::Text(_) => "text".into(),
            Self::Url => "URL".into(),
            Self::Secret => "secret text".into(),
            Self::Secrets => "list of secret texts".into(),
            Self::SecretOrSecrets => "secret text, or a list".into(),
            Self::Choice(choices) => choices.join(", "),
            Self::Number { min, max, .. } => format!("{min} to {max}"),
            Self::Probability(_) => "above 0, up to 1".into(),
            Self::Share(_) => "0 to 1".into(),
            Self::Switch(_) => "true, false".into(),
            Self::Texts(_) => "list of texts".into(),
            Self::TextOrTexts => "text, or a list".into(),
            Self::TextOrTable => "text, or a table".into(),
        }
    }
}

impl Key {
    pub(crate) const fn new(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, kind, about, like: None, absent: Absent::Nothing }
    }

    /// This key, explained by that of its name in `section`.
    pub(crate) const fn like(self, section: &'static str) -> Self {
        Self { like: Some(section), ..self }
    }

    /// This key, of which `absent` comes in a later version.
    pub(crate) const fn without(self, absent: Absent) -> Self {
        Self { absent, ..self }
    }
}

pub(crate) const fn text(name: &'static str, default: &'static str, about: &'static str) -> Key {
    Key::new(name, Kind::Text(default), about)
}

pub(crate) const fn url(name: &'static str, about: &'static str) -> Key {
    Key::new(name, Kind::Url, about)
}

pub(crate) const fn secret(name: &'static str, about: &'static str) -> Key {
    Key::new(name, Kind::Secret, about)
}

pub(crate) const fn one_of<C: Choice>(name: &'static str, about: &'static str) -> Key {
    Key::new(name, Kind::Choice(C::WORDS), about)
}

pub(crate) const fn number(name: &'static str, default: u64, min: u64, max: u64, about: &'static str) -> Key {
    Key::new(name, Kind::Number { default, min, max }, about)
}

pub(crate) const fn switch(name: &'static str, default: bool, about: &'static str) -> Key {
    Key::new(name, Kind::Switch(default), about)
}

pub(crate) const fn text_or_table(name: &'static str, about: &'static str) -> Key {
    Key::new(name, Kind::TextOrTable, about)
}

pub(crate) const fn texts(name: &'static str, default: &'static [&'static str], about: &'static str) -> Key {
    Key::new(name, Kind::Texts(default), about)
}

/// The keys of `first` and then those of `second`; `N` is how many that makes.
pub(crate) const fn joined<const N: usize>(first: &[Key], second: &[Key]) -> [Key; N] {
    assert!(first.len() + second.len() == N, "N is the number of keys");
    let mut keys = [first[0]; N];
    let mut at = 0;
    while at < N {
        keys[at] = if at < first.len() { first[at] } else { second[at - first.len()] };
        at += 1;
    }
    keys
}

/// These keys, explained in `section`.
pub(crate) const fn all_like<const N: usize>(keys: &[Key], section: &'static str) -> [Key; N] {
    assert!(keys.len() == N, "N is the number of keys");
    let mut like = [keys[0]; N];
    let mut at = 0;
    while at < N {
        like[at] = keys[at].like(section);
        at += 1;
    }
    like
}
