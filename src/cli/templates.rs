//! `templates export`: the built-in messages as files, to be changed.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{exit::Exit, print};
use crate::delivery::Templates;

/// Writes every built-in file into `folder`. One that is there with another content is left, and nothing is written, unless
/// it is said to overwrite.
pub(super) fn export(folder: &Path, overwrite: bool) -> Result<(), Exit> {
    let mut changes = Vec::new();
    let mut in_the_way = Vec::new();
    for (name, text) in Templates::built_in_files() {
        let path = folder.join(name);
        match fs::read(&path) {
            Ok(there) if there == text.as_bytes() => {}
            Ok(_) => in_the_way.push((path, text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => changes.push((path, text)),
            Err(error) => return Err(unavailable("read", &path, &error)),
        }
    }
    if !overwrite && !in_the_way.is_empty() {
        let names: Vec<String> = in_the_way.iter().map(|(path, _)| format!("\n  {}", path.display())).collect();
        return Err(Exit::Usage(format!(
            "countersign: nothing is written, since these files are there and differ from the built-in ones:{}\n\
             Name another folder, or say --overwrite.",
            names.concat()
        )));
    }
    let mut said = String::new();
    for (verb, files) in [("wrote", changes), ("overwrote", in_the_way)] {
        for (path, text) in files {
            write(&path, text)?;
            said.extend([verb, " ", &path.display().to_string(), "\n"]);
        }
    }
    let shown = folder.display();
    print(&format!(
        "{said}The built-in templates are in {shown}. Delete what you don't change, and set email.templates = \"{shown}\".\n"
    ))
}

/// Writes a file, in a folder that is made if it isn't there; never through a link to another file.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Exit> {
    if path.is_symlink() {
        return Err(Exit::Usage(format!("countersign: {} is a link to another file, and is left", path.display())));
    }
    let folder = path.parent().map(PathBuf::from).unwrap_or_default();
    fs::create_dir_all(&folder).map_err(|error| unavailable("make", &folder, &error))?;
    fs::write(path, text).map_err(|error| unavailable("write", path, &error))
}

pub(super) fn unavailable(verb: &str, path: &Path, error: &io::Error) -> Exit {
    Exit::Unavailable(format!("can't {verb} {}: {error}", path.display()))
}
