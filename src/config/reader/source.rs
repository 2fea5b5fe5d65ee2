//! Where a configuration comes from: handed in, never read here.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fmt, fs,
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use toml::de::{DeTable, DeValue};
use zeroize::Zeroizing;

use crate::delivery::{TemplateFault, Templates};

use super::{
    fault::{Fault, Origin},
    schema::{Key, Schema, SectionSchema},
    shown::{list, quoted},
    suggest::closest,
};

/// How every variable of ours starts.
const PREFIX: &str = "COUNTERSIGN_";

/// What the configuration is made of. Pure: tests hand in literals, the command line hands in the real things.
#[non_exhaustive]
pub struct Sources<'a> {
    /// The configuration file's name and text, if there is one.
    pub file: Option<(&'a str, &'a str)>,
    /// The environment's variables; those that aren't `COUNTERSIGN_<SECTION>__<KEY>` are ignored.
    pub environment: &'a [(OsString, OsString)],
    /// The files that the configuration names.
    pub files: &'a dyn Files,
}

/// The files that a configuration names, read while it is judged.
pub trait Files {
    /// The bytes of a file.
    ///
    /// # Errors
    /// What the system says.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// The bytes of a file that should have so many at most; where it has more, it is enough to give one more. A device or a
    /// pipe, which may have no end, is an error.
    ///
    /// # Errors
    /// What the system says, or that it is no regular file.
    fn read_at_most(&self, path: &Path, most: usize) -> io::Result<Vec<u8>> {
        let mut bytes = self.read(path)?;
        bytes.truncate(most.saturating_add(1));
        Ok(bytes)
    }

    /// The templates of a folder.
    ///
    /// # Errors
    /// What is wrong with each that can't be used.
    fn templates(&self, folder: &Path) -> Result<Templates, Vec<TemplateFault>>;

    /// Whether every user of this machine may read the file. `false` where that isn't known.
    fn is_open_to_all(&self, path: &Path) -> bool;
}

/// The files of this machine.
#[derive(Clone, Copy, Debug)]
pub struct FileSystem;

impl Files for FileSystem {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn read_at_most(&self, path: &Path, most: usize) -> io::Result<Vec<u8>> {
        // Opening a pipe would wait for whoever writes to it.
        if !fs::metadata(path)?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
        }
        let mut bytes = Vec::new();
        fs::File::open(path)?.take(most as u64 + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn templates(&self, folder: &Path) -> Result<Templates, Vec<TemplateFault>> {
        Templates::load(folder)
    }

    fn is_open_to_all(&self, path: &Path) -> bool {
        const OTHERS_READ: u32 = 0o004;
        const OTHERS_ENTER: u32 = 0o001;
        let has = |path: &Path, right: u32| fs::metadata(path).is_ok_and(|metadata| metadata.mode() & right != 0);
        let Ok(path) = path.canonicalize() else { return false };
        has(&path, OTHERS_READ) && path.ancestors().skip(1).all(|folder| has(folder, OTHERS_ENTER))
    }
}

/// A value as somebody gave it, before its kind is judged.
pub(crate) enum Raw {
    Text(Zeroizing<String>),
    Integer(i128),
    Decimal(f64),
    Switch(bool),
    List(Vec<Raw>),
    /// By names, in alphabetical order.
    Table(Vec<(String, Raw)>),
    /// The text of a variable, whose kind isn't known yet.
    Variable(Zeroizing<String>),
    /// A date, or a number that is none.
    Other(&'static str),
}

/// A value and where it came from.
pub(crate) struct Given {
    pub(crate) raw: Raw,
    pub(crate) origin: Origin,
}

/// All values that were given, by section and key; the environment's stand for the file's.
pub(crate) type GivenValues = BTreeMap<(&'static str, &'static str), Given>;

impl<'a> Sources<'a> {
    /// A text alone: no environment, and this machine's files where it names some.
    #[must_use]
    pub const fn of_text(text: &'a str) -> Self {
        Self { file: Some(("countersign.toml", text)), environment: &[], files: &FileSystem }
    }

    /// A file of this name with this text, or none, and the environment's variables.
    #[must_use]
    pub const fn new(file: Option<(&'a str, &'a str)>, environment: &'a [(OsString, OsString)]) -> Self {
        Self { file, environment, files: &FileSystem }
    }

    /// With these files in the place of this machine's.
    #[must_use]
    pub const fn with_files(self, files: &'a dyn Files) -> Self {
        Self { files, ..self }
    }

    /// Everything that was given, and a fault for each name that means nothing.
    pub(crate) fn collect(&self, schema: &'static Schema) -> (GivenValues, Vec<Fault>) {
        let mut values = GivenValues::new();
        let mut faults = Vec::new();
        if let Some((name, text)) = self.file {
            read_file(schema, name, text, &mut values, &mut faults);
        }
        for (name, value) in self.environment {
            if let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) {
                read_variable(schema, name, value, &mut values, &mut faults);
            }
        }
        (values, faults)
    }
}

fn read_file(schema: &'static Schema, name: &str, text: &str, values: &mut GivenValues, faults: &mut Vec<Fault>) {
    let line_of = |at: usize| 1 + text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count();
    let origin = |at: usize| Origin::File(name.to_owned(), Some(line_of(at)));
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut unquoted = BTreeSet::new();
    for error in errors {
        let at = error.span().map(|span| span.start);
        let origin = at.map_or(Origin::File(name.to_owned(), None), origin);
        match at.and_then(|at| text.lines().nth(line_of(at) - 1)).and_then(|line| without_quotes(schema, line)) {
            // One value without quotes may be several errors.
            Some(reason) => {
                if unquoted.insert(at.map(line_of)) {
                    faults.push(Fault { key: String::new(), origin, reason });
                }
            }
            None => faults.push(Fault { key: String::new(), origin, reason: format!("no TOML: {}", error.message()) }),
        }
    }
    for (section_name, section_value) in table.into_inner() {
        let at = origin(section_name.span().start);
        let section_name = section_name.into_inner();
        let Some(section) = schema.iter().find(|section| section.name == section_name) else {
            faults.push(Fault { key: section_name.to_string(), origin: at, reason: unknown_section(schema, &section_name) });
            continue;
        };
        let DeValue::Table(keys) = section_value.into_inner() else {
            let reason = format!("is a section: write [{}] on a line of its own", section.name);
            faults.push(Fault { key: section.name.to_owned(), origin: at, reason });
            continue;
        };
        for (key_name, value) in keys {
            let at = origin(key_name.span().start);
            let key_name = key_name.into_inner();
            if let Some(key) = section.key(&key_name) {
                values.insert((section.name, key.name), Given { raw: Raw::of_toml(value.into_inner()), origin: at });
            } else {
                let reason = unknown_key(schema, section, &key_name);
                faults.push(Fault { key: format!("{}.{key_name}", section.name), origin: at, reason });
            }
        }
    }
}

/// What to write in the place of a line whose value is a text without quotes; `None` for any other line. A value that may
/// be secret isn't repeated.
fn without_quotes(schema: &Schema, line: &str) -> Option<String> {
    let (key, value) = line.split_once('=')?;
    let (key, value) = (key.trim(), value.split(" #").next()?.trim());
    let is_bare = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    let items = value.strip_prefix('[').and_then(|items| items.strip_suffix(']'));
    let bare = items.unwrap_or(value);
    if !is_bare || bare.is_empty() || bare.contains(['"', '\'', '[', ']', '{']) || DeValue::parse(value).is_ok() {
        return None;
    }
    let is_shown = schema.iter().filter_map(|section| section.key(key)).all(|key| key.kind.is_harmless());
    let would_do = match (is_shown, items) {
        (true, None) => quoted(value),
        (true, Some(items)) => list(items.split(',').map(str::trim).filter(|item| !item.is_empty())),
        (false, None) => quoted("…"),
        (false, Some(_)) => list(["…"].into_iter()),
    };
    Some(format!("{key} has a text without quotes: write {key} = {would_do}"))
}

/// Only names with `__` are of our form: an orchestrator may set `COUNTERSIGN_PORT` and the like for reasons of its own.
fn read_variable(schema: &'static Schema, name: &str, value: &OsString, values: &mut GivenValues, faults: &mut Vec<Fault>) {
    let Some((section_name, key_name)) = name[PREFIX.len()..].split_once("__") else { return };
    let origin = Origin::Environment(name.to_owned());
    let mut fault = |reason| {
        let key = format!("{section_name}.{key_name}").to_lowercase();
        faults.push(Fault { key, origin: origin.clone(), reason });
    };
    let is_exact = |ours: &str, theirs: &str| ours.to_ascii_uppercase() == theirs;
    let Some(section) = schema.iter().find(|section| is_exact(section.name, section_name)) else {
        return fault(unknown_section(schema, section_name));
    };
    let Some(key) = section.keys.iter().find(|key| is_exact(key.name, key_name)) else {
        return fault(unknown_key(schema, section, key_name));
    };
    let Some(text) = value.to_str() else { return fault("is not UTF-8".to_owned()) };
    values.insert((section.name, key.name), Given { raw: Raw::Variable(Zeroizing::new(text.to_owned())), origin });
}

fn unknown_section(schema: &Schema, name: &str) -> String {
    if let Some(meant) = closest(name, schema.iter().map(|section| section.name)) {
        return format!("no such section; did you mean [{meant}]?");
    }
    let owner = schema.iter().find(|section| section.key(name).is_some());
    owner.map_or_else(|| "no such section".to_owned(), |owner| format!("no such section; the key belongs under [{}]", owner.name))
}

fn unknown_key(schema: &Schema, section: &SectionSchema, name: &str) -> String {
    if let Some(meant) = closest(name, section.keys.iter().map(|key| key.name)) {
        return format!("no such key; did you mean {}.{meant}?", section.name);
    }
    let spelled = |key: &Key| key.name.eq_ignore_ascii_case(name);
    let owner = schema.iter().find(|other| other.keys.iter().any(spelled));
    owner.map_or_else(|| "no such key".to_owned(), |owner| format!("no such key; it belongs under [{}]", owner.name))
}

impl Raw {
    fn of_toml(value: DeValue<'_>) -> Self {
        match value {
            DeValue::String(text) => Self::Text(Zeroizing::new(text.into_owned())),
            DeValue::Integer(digits) => i128::from_str_radix(digits.as_str(), digits.radix())
                .map_or(Self::Other("a number beyond all bounds"), Self::Integer),
            DeValue::Float(digits) => digits.as_str().parse().map_or(Self::Other("a number that can't be read"), Self::Decimal),
            DeValue::Boolean(switch) => Self::Switch(switch),
            DeValue::Array(items) => Self::List(items.into_iter().map(|item| Self::of_toml(item.into_inner())).collect()),
            DeValue::Datetime(_) => Self::Other("a date"),
            DeValue::Table(entries) => {
                let entries = entries.into_iter();
                Self::Table(
                    entries.map(|(name, value)| (name.into_inner().into_owned(), Self::of_toml(value.into_inner()))).collect(),
                )
            }
        }
    }

    /// Whether it is an empty text or list, which says as little as nothing.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) | Self::Variable(text) => text.is_empty(),
            Self::List(items) => items.is_empty(),
            Self::Table(entries) => entries.is_empty(),
            Self::Integer(_) | Self::Decimal(_) | Self::Switch(_) | Self::Other(_) => false,
        }
    }

    /// What it is, for a fault; never its value.
    pub(crate) const fn noun(&self) -> &'static str {
        match self {
            Self::Text(_) | Self::Variable(_) => "a text",
            Self::Integer(_) => "a whole number",
            Self::Decimal(_) => "a number with a point",
            Self::Switch(_) => "true or false",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(noun) => noun,
        }
    }
}

impl fmt::Debug for Sources<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources").field("file", &self.file.map(|(name, _)| name)).finish_non_exhaustive()
    }
}
