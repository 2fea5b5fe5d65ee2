//! `check`: judges the configuration and shows what is in force.

use super::{ConfigFile, exit::Exit, print, sources};

/// Prints the effective configuration; warnings go to stderr.
pub(super) fn check(file: &ConfigFile) -> Result<(), Exit> {
    let config = sources::load(file)?;
    sources::print_warnings(&config);
    print(config.effective())
}
