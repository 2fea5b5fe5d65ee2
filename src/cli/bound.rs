//! `bound`: how likely guessing takes over one account in one day.

use super::{ConfigFile, exit::Exit, print, sources};

/// Prints the probability, then what it is made of. Above the target, the answer is no.
pub(super) fn bound(file: &ConfigFile, json: bool) -> Result<(), Exit> {
    let bound = sources::load_apart_from_bound(file)?.bound();
    print(&if json { format!("{:#}\n", bound.to_json()) } else { format!("{}\n", bound.explain()) })?;
    bound.check().map_err(|_| Exit::No)
}
