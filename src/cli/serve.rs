//! `serve`: hands the judged configuration to the server.

use super::{ConfigFile, exit::Exit, sources};
use crate::serve::{self, StartError};

/// Serves until SIGTERM or SIGINT; at SIGHUP the configuration is read again.
pub(super) fn serve(file: &ConfigFile) -> Result<(), Exit> {
    serve::log_to_stderr().map_err(|error| Exit::Unavailable(format!("a thread for the log: {error}")))?;
    let mut is_first = true;
    serve::run_reloading(|| {
        let config = sources::load(file)?;
        if std::mem::take(&mut is_first) {
            sources::print_warnings(&config);
        }
        Ok(config)
    })
    .map_err(Exit::from)
}

impl From<StartError> for Exit {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Configuration(faults) => Self::Faults(faults),
            unavailable @ StartError::Unavailable { .. } => Self::Unavailable(unavailable.to_string()),
        }
    }
}
