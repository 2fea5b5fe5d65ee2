//! Where the configuration comes from in a real process: the one place that reads the environment.

use std::{ffi::OsString, fs, io, path::Path};

use zeroize::Zeroizing;

use super::ConfigFile;
use crate::{
    config::{Config, Fault, Faults, Origin, Sources},
    serve::say,
    server::Listen,
};

/// The file that is read if nobody names one and it is there.
const DEFAULT_FILE: &str = "countersign.toml";

/// Finds, reads and judges the configuration.
pub(super) fn load(file: &ConfigFile) -> Result<Config, Faults> {
    judge(file, |sources| Config::judge(sources, &mut rand::rng()))
}

/// Finds and reads the configuration, and judges all of it but how probable guesses are.
pub(super) fn load_apart_from_bound(file: &ConfigFile) -> Result<Config, Faults> {
    judge(file, |sources| Config::judge_apart_from_bound(sources, &mut rand::rng()))
}

/// Finds and reads where the admin listener is, and judges nothing else: what is wrong elsewhere in a file that was changed says
/// nothing about the process that runs.
pub(super) fn load_admin_listen(file: &ConfigFile) -> Result<Listen, Faults> {
    judge(file, Config::admin_listen)
}

/// Says on stderr what works but should be known.
pub(super) fn print_warnings(config: &Config) {
    for warning in &config.warnings {
        say(&format!("countersign: warning: {warning}"));
    }
}

#[allow(clippy::disallowed_methods, reason = "this is the one place")]
fn judge<T>(file: &ConfigFile, judge: impl FnOnce(&Sources<'_>) -> Result<T, Faults>) -> Result<T, Faults> {
    let file = read_file(file)?;
    let environment: Vec<(OsString, OsString)> = std::env::vars_os().collect();
    let file = file.as_ref().map(|(name, text)| (name.as_str(), text.as_str()));
    judge(&Sources::new(file, &environment))
}

/// The configuration file's name and text, if there is one.
fn read_file(file: &ConfigFile) -> Result<Option<(String, Zeroizing<String>)>, Faults> {
    let named =
        file.config.clone().or_else(|| std::env::var_os("COUNTERSIGN_CONFIG").filter(|path| !path.is_empty()).map(Into::into));
    let path = named.as_deref().unwrap_or(Path::new(DEFAULT_FILE));
    let name = path.display().to_string();
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some((name, Zeroizing::new(text)))),
        Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let reason = format!("can't read {name}: {error}");
            Err(Faults::of(Fault { key: String::new(), origin: Origin::Default, reason }))
        }
    }
}
