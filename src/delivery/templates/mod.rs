//! The words of messages: built in, or from a folder.
//!
//! Four layouts, `email.subject.txt`, `email.txt`, `email.html` and `sms.txt`, put the texts of a language in place. A folder
//! may hold any of them, and folders named by language tags may hold them too, and the language's `texts.toml`. A layout is
//! looked for in the chosen language, then in the folder itself, then built in; a text in the chosen language, then built in.
//! All are read, parsed and tried once, before anything starts.

mod loading;
mod part;
#[cfg(test)]
mod tests;
mod texts;
mod words;

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use minijinja::{AutoEscape, Environment, Error, UndefinedBehavior, Value, escape_formatter};

use self::{loading::Loading, part::Part};
use super::language::{LANGUAGES, Tag};
use crate::{
    browser::agent::{Agent, Browser, System},
    time::UnixTime,
};

pub(super) use self::words::Words;

/// Every template, parsed and tried once.
pub struct Templates {
    environment: Environment<'static>,
    languages: BTreeMap<Tag, Language>,
}

/// The names of one language's templates in the environment.
struct Language {
    layouts: Layouts,
    texts: String,
}

/// Names, in the order of [`Part::ALL`].
type Layouts = [String; 4];

/// A written e-mail.
pub(super) struct WrittenEmail {
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// A template that can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateFault {
    /// The file, or the folder itself.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

impl Templates {
    /// The built-in ones alone.
    #[must_use]
    pub fn built_in() -> Self {
        let (templates, faults) = Loading::new().finish(Path::new(""));
        debug_assert!(faults.is_empty(), "{faults:?}");
        templates
    }

    /// Those of a folder before the built-in ones.
    ///
    /// # Errors
    /// The folder, or every file in it that can't be read, parsed or rendered.
    pub fn load(folder: &Path) -> Result<Self, Vec<TemplateFault>> {
        let mut loading = Loading::new();
        if let Err(error) = loading.read(folder) {
            return Err(vec![TemplateFault { path: folder.to_owned(), reason: error.to_string() }]);
        }
        let (templates, mut faults) = loading.finish(folder);
        templates.try_out(folder, &mut faults);
        if faults.is_empty() { Ok(templates) } else { Err(faults) }
    }

    /// The built-in files, by their paths in a folder. A folder that holds them all, as they are, changes nothing.
    pub fn built_in_files() -> impl Iterator<Item = (String, &'static str)> {
        let layouts = Part::ALL.into_iter().map(|part| (part.file().to_owned(), part.built_in()));
        let texts = LANGUAGES.iter().filter_map(|tag| Some((texts::path(tag.as_str()), texts::built_in_file(tag)?)));
        layouts.chain(texts)
    }

    /// The languages that messages are written in.
    pub fn languages(&self) -> impl Iterator<Item = &Tag> {
        self.languages.keys()
    }

    /// Whether messages are written in exactly this language.
    #[must_use]
    pub fn has(&self, tag: &Tag) -> bool {
        self.languages.contains_key(tag)
    }

    /// Whether messages are written in this language, or in one that it is a kind of.
    #[must_use]
    pub fn have_like(&self, tag: &Tag) -> bool {
        tag.shortened().any(|tag| self.has(&tag))
    }

    /// An e-mail.
    pub(super) fn email(&self, words: &Words<'_>) -> Result<WrittenEmail, Error> {
        let language = self.language(words.locale);
        let variables = self.variables(language, words)?;
        let render = |part| self.render(language, part, &variables);
        Ok(WrittenEmail { subject: render(Part::Subject)?, text: render(Part::Text)?, html: render(Part::Html)? })
    }

    /// An SMS.
    pub(super) fn sms(&self, words: &Words<'_>) -> Result<String, Error> {
        let language = self.language(words.locale);
        self.render(language, Part::Sms, &self.variables(language, words)?)
    }

    fn language(&self, tag: &Tag) -> &Language {
        let found = tag.shortened().find_map(|tag| self.languages.get(&tag));
        found.or_else(|| self.languages.get(&Tag::ENGLISH)).expect("English is built in")
    }

    /// Writes the texts of a language, and puts them beside all else that a layout may use.
    fn variables(&self, language: &Language, words: &Words<'_>) -> Result<Value, Error> {
        let mut variables = words.variables();
        let written = self.environment.get_template(&language.texts)?.render_captured(Value::from(variables.clone()))?;
        let state = written.state();
        let texts: BTreeMap<&str, Value> = texts::KEYS.into_iter().filter_map(|key| Some((key, state.lookup(key)?))).collect();
        variables.insert("text", Value::from(texts));
        Ok(Value::from(variables))
    }

    fn render(&self, language: &Language, part: Part, variables: &Value) -> Result<String, Error> {
        self.environment.get_template(&language.layouts[part as usize])?.render(variables)
    }

    /// What is wrong with a text: its template's lines are nobody's, so its name is said.
    fn reason_of_text(&self, language: &Language, error: &Error) -> String {
        let template = self.environment.get_template(&language.texts).ok();
        let key = template.and_then(|template| Some(texts::key_at(template.source(), error.line()?)?.to_owned()));
        format!("{}: {}", key.unwrap_or_default(), what(error))
    }

    /// Writes every message once in each language, with and without what may be missing.
    fn try_out(&self, folder: &Path, faults: &mut Vec<TemplateFault>) {
        let samples = [
            ("", 1, Agent::default()),
            ("", 2, Agent { browser: Some(Browser::Firefox), system: None }),
            ("https://example.com/link#token", 10, Agent { browser: None, system: Some(System::Linux) }),
            ("https://example.com/link#token", 11, Agent { browser: Some(Browser::Safari), system: Some(System::Ios) }),
        ];
        for ((locale, language), (link, minutes, agent)) in
            self.languages.iter().flat_map(|each| samples.map(|sample| (each, sample)))
        {
            let words = Words {
                code: "123456",
                link,
                site_name: "example.com",
                minutes,
                host: "example.com",
                locale,
                requested_at: UnixTime::from_seconds(0),
                agent,
                code_in_subject: !link.is_empty(),
            };
            let mut note = |error: &Error, reason| {
                let path = folder.join(error.name().unwrap_or_default());
                if faults.iter().all(|fault| fault.path != path) {
                    faults.push(TemplateFault { path, reason });
                }
            };
            match self.variables(language, &words) {
                Ok(variables) => Part::ALL.into_iter().for_each(|part| {
                    if let Err(error) = self.render(language, part, &variables) {
                        note(&error, reason(&error));
                    }
                }),
                Err(error) => note(&error, self.reason_of_text(language, &error)),
            }
        }
    }
}

/// HTML is escaped in `.html` and nowhere else; a misspelt variable is an error, so that the start finds it.
fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment
        .set_auto_escape_callback(|name| if name.ends_with(Part::Html.file()) { AutoEscape::Html } else { AutoEscape::None });
    environment.set_formatter(|out, state, value| match value.as_str() {
        // minijinja's own escaping turns every slash of a link into `&#x2f;`.
        Some(text) if *state.auto_escape() == AutoEscape::Html && !value.is_safe() => escape_html(out, text).map_err(Error::from),
        _ => escape_formatter(out, state, value),
    });
    environment
}

fn escape_html(out: &mut impl fmt::Write, mut text: &str) -> fmt::Result {
    while let Some(at) = text.find(['&', '<', '>', '"', '\'']) {
        out.write_str(&text[..at])?;
        out.write_str(match text.as_bytes()[at] {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            _ => "&#39;",
        })?;
        text = &text[at + 1..];
    }
    out.write_str(text)
}

/// What is wrong, and in which line; not the file's name, which the fault says already.
fn reason(error: &Error) -> String {
    error.line().map_or_else(|| what(error), |line| format!("{}, in line {line}", what(error)))
}

fn what(error: &Error) -> String {
    error.detail().map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()))
}

impl fmt::Debug for Templates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Templates").field("languages", &self.languages.keys()).finish_non_exhaustive()
    }
}

impl fmt::Display for TemplateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.reason)
    }
}

impl std::error::Error for TemplateFault {}
