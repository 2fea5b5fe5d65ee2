//! `bound`: how likely guessing takes over one account in one day.

use super::{ConfigFile, exit::Exit, sources};

/// Prints the probability, then what it is made of.
pub(super) fn bound(file: &ConfigFile, _json: bool) -> Result<(), Exit> {
    let _config = sources::load(file)?;
    Err(Exit::Unavailable("the bound comes with the next commit".into()))
}
