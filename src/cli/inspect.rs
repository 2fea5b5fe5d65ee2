//! `inspect`: says what a token is, what it states, and, where there is a configuration, whether it is ours.

use super::{ConfigFile, exit::Exit};

/// Explains the token.
pub(super) fn inspect(_token: Option<&str>, _file: &ConfigFile) -> Result<(), Exit> {
    Err(Exit::Unavailable("inspect comes with the next commit".into()))
}
