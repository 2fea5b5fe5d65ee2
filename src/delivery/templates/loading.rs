//! Templates while they are read: the built-in ones, then those of a folder before them.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use minijinja::Environment;

use super::{
    Language, Layouts, TemplateFault, Templates, environment,
    part::Part,
    reason,
    texts::{self, Texts},
};
use crate::delivery::language::{LANGUAGES, Tag};

/// Templates while they are read.
pub(super) struct Loading {
    environment: Environment<'static>,
    /// The layouts of languages without their own.
    layouts: Layouts,
    languages: BTreeMap<Tag, (Layouts, Texts)>,
    faults: Vec<TemplateFault>,
}

impl Loading {
    /// The built-in ones.
    pub(super) fn new() -> Self {
        let mut environment = environment();
        let layouts = Part::ALL.map(|part| {
            let name = format!("built-in/{}", part.file());
            environment.add_template_owned(name.clone(), part.built_in()).expect("a test parses the built-in templates");
            name
        });
        let language = |tag: &Tag| Some((tag.clone(), (layouts.clone(), Texts::built_in(tag)?)));
        let languages = LANGUAGES.iter().filter_map(language).collect();
        Self { environment, layouts, languages, faults: Vec::new() }
    }

    /// Puts the files of a folder before what there is.
    pub(super) fn read(&mut self, folder: &Path) -> io::Result<()> {
        let mut folders: BTreeMap<Tag, String> = BTreeMap::new();
        for entry in fs::read_dir(folder)? {
            // Not the entry's own type: a mounted ConfigMap is made of symbolic links.
            let Some(name) = entry?.file_name().into_string().ok() else { continue };
            let Some(tag) = Tag::parse(&name).filter(|_| folder.join(&name).is_dir()) else { continue };
            if let Some(other) = folders.insert(tag, name.clone()) {
                self.fault(folder.join(name), format!("the same language as {other}"));
            }
        }
        if folder.join(texts::FILE).exists() {
            let reason = "texts belong to a language: move them into its folder, as en/texts.toml";
            self.fault(folder.join(texts::FILE), reason.into());
        }
        self.layouts = self.read_layouts(folder, None, self.layouts.clone());
        for (layouts, _) in self.languages.values_mut() {
            layouts.clone_from(&self.layouts);
        }
        // What a new language doesn't say is said in English, so that comes first.
        let english = folders.remove_entry(&Tag::ENGLISH);
        // Shorter tags come first in the map, so `de` is there when `de-AT` falls back to it.
        for (tag, name) in english.into_iter().chain(folders) {
            let fallback = tag.shortened().find_map(|tag| self.languages.get(&tag)).unwrap_or(&self.languages[&Tag::ENGLISH]);
            let fallback = fallback.clone();
            let layouts = self.read_layouts(folder, Some(&name), fallback.0.clone());
            let texts = self.read_texts(folder, &name, &fallback.1);
            if layouts != fallback.0 || texts.is_some() {
                self.languages.insert(tag, (layouts, texts.unwrap_or(fallback.1)));
            }
        }
        Ok(())
    }

    /// The layouts of one folder; those that aren't there are those of `fallback`.
    fn read_layouts(&mut self, folder: &Path, language: Option<&str>, mut layouts: Layouts) -> Layouts {
        for (part, layout) in Part::ALL.into_iter().zip(&mut layouts) {
            let file = language.map_or_else(|| part.file().to_owned(), |language| format!("{language}/{}", part.file()));
            let Some(text) = self.read_file(&folder.join(&file)) else { continue };
            match self.environment.add_template_owned(file.clone(), text) {
                Ok(()) => *layout = file,
                Err(error) => self.fault(folder.join(file), reason(&error)),
            }
        }
        layouts
    }

    /// The texts of one folder, if it has any; those that aren't there are those of `fallback`.
    fn read_texts(&mut self, folder: &Path, language: &str, fallback: &Texts) -> Option<Texts> {
        let path = folder.join(texts::path(language));
        let file = self.read_file(&path)?;
        let replaced = fallback.clone().replaced_by(&file);
        let texts = replaced.map_err(|faults| faults.into_iter().for_each(|reason| self.fault(path.clone(), reason)));
        texts.ok()
    }

    fn read_file(&mut self, path: &Path) -> Option<String> {
        match fs::read_to_string(path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                self.fault(path.to_owned(), error.to_string());
                None
            }
        }
    }

    fn fault(&mut self, path: PathBuf, reason: String) {
        self.faults.push(TemplateFault { path, reason });
    }

    pub(super) fn finish(mut self, folder: &Path) -> (Templates, Vec<TemplateFault>) {
        let mut languages = BTreeMap::new();
        for (tag, (layouts, texts)) in self.languages {
            let name = texts::path(tag.as_str());
            if let Err(error) = self.environment.add_template_owned(name.clone(), texts.as_template()) {
                self.faults.push(TemplateFault { path: folder.join(&name), reason: reason(&error) });
            }
            languages.insert(tag, Language { layouts, texts: name });
        }
        (Templates { environment: self.environment, languages }, self.faults)
    }
}
