//! What messages say in one language: a table of texts that the layouts, which are the same for all languages, put in place.

use std::{borrow::Cow, collections::BTreeMap};

use minijinja::Environment;

use crate::delivery::language::{LANGUAGES, Tag};

/// The name of a language's file of texts.
pub(super) const FILE: &str = "texts.toml";

/// Every text, in the order in which they are written: each may use those before it.
pub(super) const KEYS: [&str; 15] = [
    "duration",
    "subject",
    "subject_with_code",
    "heading",
    "code_intro",
    "expires",
    "link_intro",
    "button",
    "link_fallback",
    "requested_label",
    "date",
    "browser_label",
    "device",
    "not_you",
    "sms",
];

/// The texts of one language, each a template of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Texts(BTreeMap<&'static str, Cow<'static, str>>);

impl Texts {
    /// Those of a language that is built in.
    pub(super) fn built_in(tag: &Tag) -> Option<Self> {
        let parsed = parse(built_in_file(tag)?).expect("a test reads the built-in texts");
        Some(Self(parsed.into_iter().map(|(key, text)| (key, text.into())).collect()))
    }

    /// With those of a file in their place; the others stay.
    ///
    /// # Errors
    /// Everything that is wrong with the file, each in a sentence.
    pub(super) fn replaced_by(mut self, file: &str) -> Result<Self, Vec<String>> {
        let parsed = parse(file)?;
        let environment = Environment::new();
        let faults: Vec<String> = parsed
            .iter()
            .filter_map(|(key, text)| {
                let error = environment.template_from_str(text).err()?;
                Some(format!("{key}: {}", super::reason(&error)))
            })
            .collect();
        if !faults.is_empty() {
            return Err(faults);
        }
        self.0.extend(parsed.into_iter().map(|(key, text)| (key, text.into())));
        Ok(self)
    }

    /// A template that writes nothing, and leaves each text in a variable.
    pub(super) fn as_template(&self) -> String {
        KEYS.into_iter().flat_map(|key| ["{% set ", key, " %}", &self.0[key], "{% endset %}\n"]).collect()
    }
}

/// The path of a language's file, in a folder of templates.
pub(super) fn path(language: &str) -> String {
    format!("{language}/{FILE}")
}

/// The file of a language that is built in.
pub(super) fn built_in_file(tag: &Tag) -> Option<&'static str> {
    const FILES: [&str; LANGUAGES.len()] = [
        include_str!("en/texts.toml"),
        include_str!("de/texts.toml"),
        include_str!("fr/texts.toml"),
        include_str!("es/texts.toml"),
        include_str!("it/texts.toml"),
        include_str!("pt/texts.toml"),
        include_str!("fi/texts.toml"),
        include_str!("ja/texts.toml"),
        include_str!("ar/texts.toml"),
    ];
    LANGUAGES.iter().position(|language| language == tag).map(|at| FILES[at])
}

/// Which text stands in this line of [`Texts::as_template`].
pub(super) fn key_at(template: &str, line: usize) -> Option<&str> {
    let starts = template.lines().take(line).filter_map(|line| line.strip_prefix("{% set ")?.split(' ').next());
    starts.last()
}

/// The texts of a file, which may be some of them.
fn parse(file: &str) -> Result<Vec<(&'static str, String)>, Vec<String>> {
    let table: toml::Table = toml::from_str(file).map_err(|error| vec![described(file, &error)])?;
    let mut faults = Vec::new();
    let mut texts = Vec::with_capacity(table.len());
    for (name, value) in table {
        match (KEYS.into_iter().find(|key| *key == name), value) {
            (Some(key), toml::Value::String(text)) => texts.push((key, text)),
            (Some(key), _) => faults.push(format!("{key} must be a text in quotes")),
            (None, _) => faults.push(format!("there is no text {name:?}: the texts are {}", KEYS.join(", "))),
        }
    }
    if faults.is_empty() { Ok(texts) } else { Err(faults) }
}

/// What is wrong, and in which line.
fn described(file: &str, error: &toml::de::Error) -> String {
    let line = error.span().map(|span| file[..span.start].matches('\n').count() + 1);
    let what = error.message();
    line.map_or_else(|| what.to_owned(), |line| format!("{what}, in line {line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_language_has_every_text() {
        for tag in &LANGUAGES {
            let texts = Texts::built_in(tag).unwrap();
            assert_eq!(texts.0.len(), KEYS.len(), "{tag}");
            assert_eq!(texts.clone().replaced_by(built_in_file(tag).unwrap()).as_ref(), Ok(&texts), "{tag}");
        }
        assert_eq!(Texts::built_in(&Tag::parse("nl").unwrap()), None);
        let variables =
            ["code", "link", "site_name", "minutes", "host", "locale", "dir", "requested_at", "browser", "os", "text"];
        assert!(KEYS.iter().all(|key| !variables.contains(key)), "a text would hide a variable from those after it");
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said() {
        let english = || Texts::built_in(&Tag::ENGLISH).unwrap();
        for (file, fault) in [
            ("subject = \"a\"\nsubject = \"b\"", "line 2"),
            ("[subject", "line 1"),
            ("subjekt = \"a\"", "there is no text \"subjekt\": the texts are duration, subject,"),
            ("subject = 1", "subject must be a text"),
            ("subject = \"{{ code\"", "subject: syntax error"),
            ("sms = \"{% endset %}\"", "sms: syntax error"),
        ] {
            let faults = english().replaced_by(file).unwrap_err();
            assert!(faults.len() == 1 && faults[0].contains(fault), "{file}: {faults:?}");
        }
        let replaced = english().replaced_by("subject = \"Hi\"").unwrap();
        assert!(replaced != english() && replaced.as_template().contains("{% set subject %}Hi{% endset %}"));
    }
}
