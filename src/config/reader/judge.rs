//! Reads one section after the other: kinds, ranges and choices are judged here, what they mean in the sections' files.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use zeroize::Zeroizing;

use super::{
    choice::Choice,
    fault::{Fault, Faults, Origin},
    schema::{Absent, Key, Kind, Schema, SectionSchema},
    shown::{self, Effective, quoted},
    source::{Given, GivenValues, Raw, Sources},
    value::Value,
};
use crate::delivery::Templates;

/// The name of a key with its section's.
type Name = (&'static str, &'static str);

/// Collects what is wrong while the sections are read.
pub(crate) struct Judge<'a> {
    schema: &'static Schema,
    sources: &'a Sources<'a>,
    given: GivenValues,
    findings: RefCell<Findings>,
}

#[derive(Default)]
struct Findings {
    faults: Vec<Fault>,
    warnings: Vec<Warning>,
    shown: BTreeMap<Name, String>,
    /// What was asked for.
    read: BTreeSet<Name>,
    /// What was said to change nothing.
    dismissed: BTreeSet<Name>,
    /// Why a section reads only some of its keys.
    reasons: BTreeMap<&'static str, String>,
}

struct Warning {
    key: String,
    text: String,
}

/// One section: every key of the schema with a value of its kind, the given one or the default.
pub(crate) struct Section<'j> {
    judge: &'j Judge<'j>,
    schema: &'static SectionSchema,
    values: BTreeMap<&'static str, Value>,
}

impl<'a> Judge<'a> {
    pub(crate) fn new(schema: &'static Schema, sources: &'a Sources<'a>) -> Self {
        let (given, faults) = sources.collect(schema);
        Self { schema, sources, given, findings: RefCell::new(Findings { faults, ..Findings::default() }) }
    }

    /// Opens a section and judges the kind of every value in it.
    pub(crate) fn section(&'a self, schema: &'static SectionSchema) -> Section<'a> {
        let mut section = Section { judge: self, schema, values: BTreeMap::new() };
        for key in schema.keys {
            let given = self.given.get(&(schema.name, key.name));
            let value = given.map(|given| Value::judge(key.kind, &given.raw));
            let value = match value {
                Some(Ok(value)) => value,
                Some(Err(reason)) => {
                    section.fault(key.name, reason);
                    Value::default_of(key.kind)
                }
                None => Value::default_of(key.kind),
            };
            section.show_text(key.name, value.shown(key.kind));
            section.values.insert(key.name, value);
        }
        section
    }

    /// Warns where the configuration file holds secrets and everybody may read it.
    pub(crate) fn judge_openness(&self) {
        let Some((file, _)) = self.sources.file else { return };
        let kind_of = |(section, key): &Name| {
            let section = self.schema.iter().find(|schema| schema.name == *section);
            section.and_then(|section| section.key(key)).map(|key| key.kind)
        };
        let is_secret = |kind: Kind, raw: &Raw| match (kind, raw) {
            (Kind::Url, Raw::Text(url)) => shown::masked_url(url).contains("***"),
            (kind, raw) => kind.is_secret() && !raw.is_empty(),
        };
        let secret = self.given.iter().find(|(name, given)| {
            matches!(given.origin, Origin::File(..)) && kind_of(name).is_some_and(|kind| is_secret(kind, &given.raw))
        });
        if let Some(((section, key), _)) = secret.filter(|_| self.sources.files.is_open_to_all(Path::new(file))) {
            let warning = Warning { key: format!("{section}.{key}"), text: open_to_all(file) };
            self.findings.borrow_mut().warnings.push(warning);
        }
    }

    /// Whether anything is wrong so far.
    pub(crate) fn is_content(&self) -> bool {
        self.findings.borrow().faults.is_empty()
    }

    /// The faults of these keys; an empty one is a file as a whole.
    pub(crate) fn faults_at(self, keys: &[&str]) -> Faults {
        let mut faults = self.findings.into_inner().faults;
        faults.retain(|fault| keys.contains(&&*fault.key));
        Faults(without_guesses(faults))
    }

    /// The faults in the order of the schema, if there are any; else the warnings and the effective configuration.
    pub(crate) fn conclude(self) -> Result<(Vec<String>, Effective), Faults> {
        let Findings { faults, mut warnings, shown, read, dismissed, reasons } = self.findings.into_inner();
        let mut faults = without_guesses(faults);
        if !faults.is_empty() {
            faults.sort_by_key(|fault| place(self.schema, &fault.key));
            return Err(Faults(faults));
        }
        let is_left = |name: &Name, given: &Given| !read.contains(name) && !dismissed.contains(name) && !given.raw.is_empty();
        for (name, _) in self.given.iter().filter(|(name, given)| is_left(name, given)) {
            let text = reasons.get(name.0).map_or_else(|| "is not used".into(), |reason| format!("is not used {reason}"));
            warnings.push(Warning { key: format!("{}.{}", name.0, name.1), text });
        }
        warnings.sort_by_key(|warning| place(self.schema, &warning.key));
        let origin = |section, key| self.given.get(&(section, key)).map(|given| &given.origin);
        let effective = Effective::new(self.schema, shown, origin);
        Ok((warnings.into_iter().map(|Warning { key, text }| format!("{key}: {text}")).collect(), effective))
    }

    /// The keys that were asked for until now.
    #[cfg(test)]
    pub(crate) fn read(&self) -> BTreeSet<Name> {
        self.findings.borrow().read.clone()
    }
}

/// Without what lines that are no TOML would have meant, which is anybody's guess.
fn without_guesses(mut faults: Vec<Fault>) -> Vec<Fault> {
    let unreadable: Vec<_> = faults.iter().filter(|fault| fault.key.is_empty()).map(|fault| fault.origin.clone()).collect();
    faults.retain(|fault| fault.key.is_empty() || !unreadable.contains(&fault.origin));
    faults
}

/// What is to be known of a file with secrets that everybody may read.
fn open_to_all(path: &str) -> String {
    format!("every user of this machine can read the secrets in {path}: chmod o= {path}")
}

/// Where a key stands in the schema; what stands nowhere comes first.
fn place(schema: &Schema, key: &str) -> Option<(usize, usize)> {
    let (section, key) = key.split_once('.').unwrap_or((key, ""));
    let at = schema.iter().position(|schema| schema.name == section)?;
    let key_at = schema[at].keys.iter().position(|schema| schema.name == key);
    Some((at, key_at.unwrap_or(usize::MAX)))
}

impl Section<'_> {
    fn value(&self, key: &str) -> &Value {
        self.judge.findings.borrow_mut().read.insert(self.name_of(key));
        &self.values[key]
    }

    /// Its name, as in `[server]`.
    pub(crate) const fn name(&self) -> &'static str {
        self.schema.name
    }

    fn name_of(&self, key: &str) -> Name {
        (self.schema.name, self.schema.key(key).expect("only keys of the schema are asked for").name)
    }

    /// A text, a URL or a secret as it is.
    pub(crate) fn text(&self, key: &str) -> &str {
        match self.value(key) {
            Value::Text(text) => text,
            Value::Choice(word) => word,
            _ => unreachable!("the schema says that this key is a text"),
        }
    }

    /// What the word stands for.
    pub(crate) fn choice<C: Choice>(&self, key: &str) -> C {
        let Value::Choice(word) = self.value(key) else { unreachable!("the schema says that this key is a choice") };
        C::of_word(word).unwrap_or_else(|| unreachable!("the schema has the words of this choice"))
    }

    /// The number, which the schema's range lets fit.
    pub(crate) fn number<T: TryFrom<u64>>(&self, key: &str) -> T {
        let Value::Number(number) = *self.value(key) else { unreachable!("the schema says that this key is a number") };
        T::try_from(number).unwrap_or_else(|_| unreachable!("the schema's range fits the type"))
    }

    pub(crate) fn probability(&self, key: &str) -> f64 {
        let Value::Probability(number) = *self.value(key) else { unreachable!("the schema says that this key is a probability") };
        number
    }

    /// A number from 0 to 1.
    pub(crate) fn share(&self, key: &str) -> f64 {
        self.probability(key)
    }

    pub(crate) fn switch(&self, key: &str) -> bool {
        let Value::Switch(switch) = *self.value(key) else { unreachable!("the schema says that this key is a switch") };
        switch
    }

    pub(crate) fn texts(&self, key: &str) -> impl Iterator<Item = &str> {
        let Value::Texts(texts) = self.value(key) else { unreachable!("the schema says that this key is a list") };
        texts.iter().map(|text| text.as_str())
    }

    /// The entries, where it is a table and no text.
    pub(crate) fn table(&self, key: &str) -> Option<impl Iterator<Item = (&str, &str)>> {
        match self.value(key) {
            Value::Table(entries) => Some(entries.iter().map(|(name, text)| (&**name, &**text))),
            _ => None,
        }
    }

    /// What `read` makes of the text; its error is a fault, unless it is for something absent.
    pub(crate) fn parse<T>(&self, key: &str, read: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let is_moot = || self.asks_for_absent() && self.schema.key(key).is_some_and(|key| key.absent != Absent::Nothing);
        match read(self.text(key)) {
            Ok(value) => Some(value),
            Err(_) if is_moot() => None,
            Err(reason) => {
                self.fault(key, reason);
                None
            }
        }
    }

    /// Whether it asks for something that comes in a later version.
    pub(crate) fn asks_for_absent(&self) -> bool {
        self.schema.keys.iter().any(|key| self.is_absent(key))
    }

    /// Refuses whatever comes in a later version. What that would need besides is no second fault.
    pub(crate) fn judge_available(&self) {
        const LATER: &str = "is not available in this version";
        for key in self.schema.keys.iter().filter(|key| self.is_absent(key)) {
            match key.absent {
                Absent::Choices(_) => self.fault(key.name, format!("{} {LATER}", self.text(key.name))),
                Absent::Nothing | Absent::Whole | Absent::Part => self.fault(key.name, LATER),
            }
        }
    }

    fn is_absent(&self, key: &Key) -> bool {
        match (key.absent, &self.values[key.name]) {
            (Absent::Choices(words), Value::Choice(word)) => words.contains(word),
            (Absent::Whole, Value::Switch(is_on)) => *is_on,
            (Absent::Whole, _) => self.is_given(key.name),
            _ => false,
        }
    }

    /// What `read` makes of each text; each error is a fault.
    pub(crate) fn parse_each<T>(&self, key: &str, read: impl Fn(&str) -> Result<T, String>) -> Option<Vec<T>> {
        let mut all = Some(Vec::new());
        for text in self.texts(key) {
            match read(text) {
                Ok(value) => {
                    if let Some(all) = &mut all {
                        all.push(value);
                    }
                }
                Err(reason) => {
                    self.fault(key, reason);
                    all = None;
                }
            }
        }
        all
    }

    /// A text that has to be given: an empty one, or one of white space alone, is a fault, "is required" and `why`, unless it
    /// is for something absent.
    pub(crate) fn required(&self, key: &str, why: &str) -> Option<&str> {
        let text = self.text(key);
        let says_nothing = text.trim().is_empty();
        if says_nothing && !self.asks_for_absent() {
            self.fault(key, format!("is required {why}"));
        }
        (!says_nothing).then_some(text)
    }

    /// The content of the file that the key names.
    pub(crate) fn read_bytes(&self, key: &str) -> Option<Zeroizing<Vec<u8>>> {
        let path = Path::new(self.text(key));
        let bytes = self.judge.sources.files.read(path).map(Zeroizing::new);
        bytes.map_err(|error| self.fault(key, format!("can't read {}: {error}", path.display()))).ok()
    }

    /// The content of the file that the key names, and no more than one byte beyond `most`.
    pub(crate) fn read_bytes_at_most(&self, key: &str, most: usize) -> Option<Vec<u8>> {
        let path = Path::new(self.text(key));
        let bytes = self.judge.sources.files.read_at_most(path, most);
        bytes.map_err(|error| self.fault(key, format!("can't read {}: {error}", path.display()))).ok()
    }

    /// The text of the file that the key names.
    pub(crate) fn read_file(&self, key: &str) -> Option<Zeroizing<String>> {
        let path = Path::new(self.text(key));
        let bytes = self.read_bytes(key)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| self.fault(key, format!("{} is not UTF-8", path.display()))).ok()?;
        Some(Zeroizing::new(text.to_owned()))
    }

    /// The text of the file with secrets that the key names; a warning where everybody may read it.
    pub(crate) fn read_secret_file(&self, key: &str) -> Option<Zeroizing<String>> {
        let path = self.text(key);
        if self.judge.sources.files.is_open_to_all(Path::new(path)) {
            self.warn(key, &open_to_all(path));
        }
        self.read_file(key)
    }

    /// The templates of the folder that the key names; each one that can't be used is a fault.
    pub(crate) fn read_templates(&self, key: &str) -> Option<Templates> {
        let templates = self.judge.sources.files.templates(Path::new(self.text(key)));
        templates.map_err(|faults| faults.iter().for_each(|fault| self.fault(key, fault.to_string()))).ok()
    }

    /// Whether somebody gave it, and more than an empty text or list.
    pub(crate) fn is_given(&self, key: &str) -> bool {
        self.given(key).is_some()
            && match &self.values[key] {
                Value::Text(text) => !text.is_empty(),
                Value::Texts(texts) => !texts.is_empty(),
                Value::Table(entries) => !entries.is_empty(),
                Value::Choice(_) | Value::Number(_) | Value::Probability(_) | Value::Switch(_) => true,
            }
    }

    fn given(&self, key: &str) -> Option<&Given> {
        self.judge.given.get(&self.name_of(key))
    }

    /// Something is wrong with this key.
    pub(crate) fn fault(&self, key: &str, reason: impl Into<String>) {
        let origin = self.given(key).map_or(Origin::Default, |given| given.origin.clone());
        let key = format!("{}.{key}", self.schema.name);
        self.judge.findings.borrow_mut().faults.push(Fault { key, origin, reason: reason.into() });
    }

    /// Whether something was found wrong with this key already.
    pub(crate) fn is_faulty(&self, key: &str) -> bool {
        let name = format!("{}.{key}", self.schema.name);
        self.judge.findings.borrow().faults.iter().any(|fault| fault.key == name)
    }

    /// Something about this key should be known.
    pub(crate) fn warn(&self, key: &str, text: &str) {
        let key = format!("{}.{key}", self.schema.name);
        self.judge.findings.borrow_mut().warnings.push(Warning { key, text: text.into() });
    }

    /// Says why some keys of this section are not read. Each of them that is given becomes a warning with this reason.
    pub(crate) fn reads_only_what_is_used(&self, because: &str) {
        self.judge.findings.borrow_mut().reasons.insert(self.schema.name, because.into());
    }

    /// Warns about each of these keys that is given, though its value changes nothing.
    pub(crate) fn unused(&self, keys: &[&str], because: &str) {
        for key in keys {
            self.judge.findings.borrow_mut().dismissed.insert(self.name_of(key));
            if self.is_given(key) {
                self.warn(key, &format!("is not used {because}"));
            }
        }
    }

    /// Shows this text as the effective value, instead of what was given.
    pub(crate) fn show(&self, key: &str, text: &str) {
        self.show_text(key, quoted(text));
    }

    /// Shows these texts as the effective value.
    pub(crate) fn show_all(&self, key: &str, texts: &[String]) {
        self.show_text(key, shown::list(texts.iter().map(String::as_str)));
    }

    /// Shows this TOML as the effective value.
    pub(crate) fn show_text(&self, key: &str, toml: String) {
        self.judge.findings.borrow_mut().shown.insert(self.name_of(key), toml);
    }
}
