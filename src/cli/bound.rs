//! `bound`: how likely guessing takes over one account in one day.

use super::{ConfigFile, exit::Exit, print, sources};

/// Prints the probability, then what it is made of; warnings go to stderr. Above the target, the answer is no.
pub(super) fn bound(file: &ConfigFile, json: bool) -> Result<(), Exit> {
    let config = sources::load_apart_from_bound(file)?;
    sources::print_warnings(&config);
    let bound = config.bound();
    print(&if json { format!("{:#}\n", bound.to_json()) } else { format!("{}\n", bound.explain()) })?;
    bound.check().map_err(|_| Exit::No)
}
