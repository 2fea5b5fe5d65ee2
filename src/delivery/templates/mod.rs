//! The words of messages: built in, or from a folder.
//!
//! A folder may hold `email.subject.txt`, `email.txt`, `email.html` and `sms.txt`, and folders of the same named by
//! language tags. Each is looked for in the chosen language, then in the folder itself, then built in. All are read,
//! parsed and tried once, before anything starts.

use std::{
    collections::BTreeMap,
    fmt, fs, io,
    path::{Path, PathBuf},
};

use minijinja::{AutoEscape, Environment, Error, UndefinedBehavior, Value, context, escape_formatter};

use super::language::{Tag, choose};

/// What a template may use.
#[derive(Clone, Copy)]
pub(super) struct Words<'a> {
    pub code: &'a str,
    /// Empty if there is none.
    pub link: &'a str,
    pub site_name: &'a str,
    /// Until the code ends.
    pub minutes: u64,
    /// The public URL's, without the port.
    pub host: &'a str,
    pub locale: &'a Tag,
}

/// One of the four texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Subject,
    Text,
    Html,
    Sms,
}

/// Every template, parsed and tried once.
pub struct Templates {
    environment: Environment<'static>,
    default: Set,
    languages: BTreeMap<Tag, Set>,
}

/// The names of one language's templates, in the order of [`Part::ALL`].
type Set = [String; 4];

/// A template that can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateFault {
    /// The file, or the folder itself.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

impl Part {
    const ALL: [Self; 4] = [Self::Subject, Self::Text, Self::Html, Self::Sms];

    const fn file(self) -> &'static str {
        match self {
            Self::Subject => "email.subject.txt",
            Self::Text => "email.txt",
            Self::Html => "email.html",
            Self::Sms => "sms.txt",
        }
    }

    const fn built_in(self) -> &'static str {
        match self {
            Self::Subject => include_str!("email.subject.txt"),
            Self::Text => include_str!("email.txt"),
            Self::Html => include_str!("email.html"),
            Self::Sms => include_str!("sms.txt"),
        }
    }
}

impl Templates {
    /// The built-in ones alone.
    #[must_use]
    pub fn built_in() -> Self {
        let mut environment = environment();
        let default = Part::ALL.map(|part| {
            let name = format!("built-in/{}", part.file());
            environment.add_template_owned(name.clone(), part.built_in()).expect("a test parses the built-in templates");
            name
        });
        Self { environment, default, languages: BTreeMap::new() }
    }

    /// Those of a folder before the built-in ones.
    ///
    /// # Errors
    /// The folder, or every template in it that can't be read, parsed or rendered.
    pub fn load(folder: &Path) -> Result<Self, Vec<TemplateFault>> {
        let mut templates = Self::built_in();
        let mut faults = Vec::new();
        let unreadable = |error: io::Error| vec![TemplateFault { path: folder.to_owned(), reason: error.to_string() }];
        let mut folders: BTreeMap<Tag, String> = BTreeMap::new();
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            // Not the entry's own type: a mounted ConfigMap is made of symbolic links.
            let Some(name) = entry.map_err(unreadable)?.file_name().into_string().ok() else { continue };
            let Some(tag) = Tag::parse(&name).filter(|_| folder.join(&name).is_dir()) else { continue };
            if let Some(other) = folders.insert(tag, name.clone()) {
                faults.push(TemplateFault { path: folder.join(name), reason: format!("the same language as {other}") });
            }
        }
        templates.default = templates.add(folder, None, templates.default.clone(), &mut faults);
        // Shorter tags come first in the map, so `de` is there when `de-AT` falls back to it.
        for (tag, name) in folders {
            let fallback = tag.shortened().find_map(|tag| templates.languages.get(&tag)).unwrap_or(&templates.default).clone();
            let set = templates.add(folder, Some(&name), fallback.clone(), &mut faults);
            if set != fallback {
                templates.languages.insert(tag, set);
            }
        }
        if faults.is_empty() { Ok(templates) } else { Err(faults) }
    }

    /// Reads the templates of one folder; those that aren't there are those of `fallback`.
    fn add(&mut self, folder: &Path, language: Option<&str>, mut set: Set, faults: &mut Vec<TemplateFault>) -> Set {
        for (part, name) in Part::ALL.into_iter().zip(&mut set) {
            let file = language.map_or_else(|| part.file().to_owned(), |language| format!("{language}/{}", part.file()));
            match fs::read_to_string(folder.join(&file)) {
                Ok(text) => match self.try_out(&file, text) {
                    Ok(()) => *name = file,
                    Err(error) => faults.push(TemplateFault { path: folder.join(file), reason: reason(&error) }),
                },
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => faults.push(TemplateFault { path: folder.join(file), reason: error.to_string() }),
            }
        }
        set
    }

    /// Parses a template and renders it, with and without a link.
    fn try_out(&mut self, file: &str, text: String) -> Result<(), Error> {
        self.environment.add_template_owned(file.to_owned(), text)?;
        let template = self.environment.get_template(file)?;
        let locale = Tag::english();
        for (link, minutes) in [("", 1), ("https://example.com/link#token", 10)] {
            let words = Words { code: "123456", link, site_name: "example.com", minutes, host: "example.com", locale: &locale };
            template.render(words.context())?;
        }
        Ok(())
    }

    /// The language that a message is written in, or, where no template is, the one that was asked for first.
    pub(super) fn choose(&self, wanted: &[Tag]) -> Tag {
        let english = Tag::english();
        choose(wanted, |tag| *tag == english || self.languages.contains_key(tag))
    }

    /// One text.
    pub(super) fn render(&self, part: Part, words: &Words<'_>) -> Result<String, Error> {
        let set = words.locale.shortened().find_map(|tag| self.languages.get(&tag)).unwrap_or(&self.default);
        self.environment.get_template(&set[part as usize])?.render(words.context())
    }
}

impl Words<'_> {
    fn context(&self) -> Value {
        let Self { code, link, site_name, minutes, host, locale } = *self;
        context! { code, link, site_name, minutes, host, locale => locale.as_str() }
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

fn escape_html(out: &mut impl fmt::Write, text: &str) -> fmt::Result {
    text.chars().try_for_each(|character| match character {
        '&' => out.write_str("&amp;"),
        '<' => out.write_str("&lt;"),
        '>' => out.write_str("&gt;"),
        '"' => out.write_str("&quot;"),
        '\'' => out.write_str("&#39;"),
        other => out.write_char(other),
    })
}

/// What is wrong, without the file's name, which the fault says already.
fn reason(error: &Error) -> String {
    let what = error.detail().map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()));
    error.line().map_or(what.clone(), |line| format!("{what}, in line {line}"))
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

#[cfg(test)]
mod tests {
    use super::*;

    const ENGLISH: fn() -> Tag = Tag::english;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn load(files: &[(&str, &str)]) -> Templates {
        Templates::load(folder(files).path()).unwrap()
    }

    fn words<'a>(code: &'a str, link: &'a str, site_name: &'a str, locale: &'a Tag) -> Words<'a> {
        Words { code, link, site_name, minutes: 10, host: "example.com", locale }
    }

    #[test]
    fn the_built_in_ones_say_what_they_must() {
        let (templates, english) = (Templates::built_in(), ENGLISH());
        let words = words("123456", "https://example.com/link#a.b", "example.com", &english);
        assert_eq!(templates.render(Part::Subject, &words).unwrap(), "Login on example.com");
        for part in [Part::Text, Part::Sms] {
            let text = templates.render(part, &words).unwrap();
            assert!(text.lines().any(|line| line == "123456"), "the code is on a line of its own: {text}");
            assert!(text.contains("10 minutes."), "{text}");
        }
        let text = templates.render(Part::Text, &words).unwrap();
        assert!(text.lines().any(|line| line == "https://example.com/link#a.b"), "{text}");
        let html = templates.render(Part::Html, &words).unwrap();
        assert!(html.contains(r#"href="https://example.com/link#a.b""#) && html.contains(">123456<"), "{html}");

        let plain = Words { link: "", minutes: 1, ..words };
        let text = templates.render(Part::Text, &plain).unwrap();
        assert!(!text.contains("link") && text.contains("1 minute.\n"), "{text}");
        assert!(!templates.render(Part::Html, &plain).unwrap().contains("<a "));
    }

    #[test]
    fn language_then_folder_then_built_in() {
        let templates = load(&[
            ("email.txt", "folder {{ code }}"),
            ("de/email.txt", "deutsch {{ code }} {{ locale }}"),
            ("de/sms.txt", "SMS {{ code }}"),
            ("de_at/sms.txt", "Servus {{ code }}"),
            ("README.md", "{{ broken"),
            ("drafts.old/email.txt", "{{ broken"),
        ]);
        let render = |part, tag: &str| {
            let tag = templates.choose(&[Tag::parse(tag).unwrap()]);
            templates.render(part, &words("1", "", "s", &tag)).unwrap()
        };
        assert_eq!(render(Part::Text, "de"), "deutsch 1 de");
        assert_eq!(render(Part::Text, "de-CH"), "deutsch 1 de");
        assert_eq!(render(Part::Text, "de-AT"), "deutsch 1 de-AT", "what a region doesn't have is its language's");
        assert_eq!(render(Part::Sms, "de-AT"), "Servus 1");
        assert_eq!(render(Part::Subject, "de-AT"), "Login on s");
        assert_eq!(render(Part::Text, "fr"), "folder 1");
        assert_eq!(render(Part::Text, "en"), "folder 1");
    }

    #[test]
    fn english_is_there_without_a_folder_and_what_is_asked_for_in_vain_keeps_its_name() {
        let templates = load(&[("de/email.txt", "deutsch")]);
        let tags = |tags: &[&str]| tags.iter().map(|tag| Tag::parse(tag).unwrap()).collect::<Vec<_>>();
        assert_eq!(templates.choose(&tags(&["en-GB", "de"])).as_str(), "en");
        assert_eq!(templates.choose(&tags(&["fr", "de"])).as_str(), "de");
        assert_eq!(templates.choose(&tags(&["fr-CA", "it"])).as_str(), "fr-CA");
        assert_eq!(Templates::built_in().choose(&[]).as_str(), "en");
    }

    #[test]
    fn html_is_escaped_in_html_only() {
        let english = ENGLISH();
        let hostile = r#"</title><script>"'&"#;
        let words = words("<b>", "https://e.x/?a=1&b=\"2\"", hostile, &english);
        let templates = Templates::built_in();
        let html = templates.render(Part::Html, &words).unwrap();
        assert!(html.contains("&lt;/title&gt;&lt;script&gt;&quot;&#39;&amp;") && !html.contains("<script>"), "{html}");
        assert!(html.contains("&lt;b&gt;") && html.contains("https://e.x/?a=1&amp;b=&quot;2&quot;"), "{html}");
        assert!(templates.render(Part::Text, &words).unwrap().contains(hostile));
        let templates = load(&[("email.html", "{{ code|safe }} {{ code|upper }} {{ minutes }}")]);
        assert_eq!(templates.render(Part::Html, &words).unwrap(), "<b> &lt;B&gt; 10");
    }

    #[test]
    fn every_broken_template_is_a_fault_of_the_start() {
        let folder = folder(&[
            ("email.txt", "line\n{{ code"),
            ("email.html", "{{ cod }}"),
            ("sms.txt", "{% include 'email.txt' %}"),
            ("de/email.subject.txt", "{% if link %}{{ link.nothing.there }}{% endif %}"),
            ("fr/email.txt", "{{ code|nonsense }}"),
        ]);
        fs::write(folder.path().join("email.subject.txt"), [0xff, 0xfe]).unwrap();
        let faults = Templates::load(folder.path()).unwrap_err();
        let name = |fault: &TemplateFault| fault.path.strip_prefix(folder.path()).unwrap().to_str().unwrap().to_owned();
        let files: Vec<_> = faults.iter().map(name).collect();
        assert_eq!(files, ["email.subject.txt", "email.txt", "email.html", "sms.txt", "de/email.subject.txt", "fr/email.txt"]);
        assert!(faults[1].to_string().contains("line 2"), "{}", faults[1]);
        let missing = folder.path().join("missing");
        let [fault] = &Templates::load(&missing).unwrap_err()[..] else { panic!("one fault") };
        assert!(fault.to_string().starts_with(&format!("{}: ", missing.display())), "{fault}");
    }

    #[test]
    fn two_folders_of_one_language_are_a_fault() {
        let folder = folder(&[("pt-BR/sms.txt", "a"), ("pt_br/sms.txt", "b")]);
        assert_eq!(Templates::load(folder.path()).unwrap_err().len(), 1);
    }
}
