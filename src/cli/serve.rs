//! `serve`: hands the judged configuration to the server.

use super::{ConfigFile, exit::Exit, sources};
use crate::server::{StartError, run};

/// Serves until SIGTERM or SIGINT.
pub(super) fn serve(file: &ConfigFile) -> Result<(), Exit> {
    let config = sources::load(file)?;
    for warning in &config.warnings {
        eprintln!("countersign: warning: {warning}");
    }
    run(config).map_err(|error| match error {
        StartError::Configuration { .. } => Exit::Usage(format!("countersign: {error}")),
        StartError::Unavailable { .. } => Exit::Unavailable(error.to_string()),
    })
}
