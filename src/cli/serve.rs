//! `serve`: hands the judged configuration to the server.

use super::{ConfigFile, exit::Exit, sources};
use crate::{
    config::{Fault, Faults, reader::fault::Origin},
    serve::{self, StartError},
};

/// Serves until SIGTERM or SIGINT.
pub(super) fn serve(file: &ConfigFile) -> Result<(), Exit> {
    let config = sources::load(file)?;
    sources::print_warnings(&config);
    serve::run(config).map_err(Exit::from)
}

impl From<StartError> for Exit {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Configuration { key, reason } => {
                Self::Faults(Faults::of(Fault { key: key.to_owned(), origin: Origin::Default, reason }))
            }
            unavailable @ StartError::Unavailable { .. } => Self::Unavailable(unavailable.to_string()),
        }
    }
}
