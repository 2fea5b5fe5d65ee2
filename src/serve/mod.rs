//! A configuration becomes a running product: assembly, run, shutdown.

pub(crate) mod assembly;
pub mod clock;
mod error;
mod logging;
mod run;
mod shutdown;

pub use error::StartError;
pub use logging::log_to_stderr;
pub(crate) use logging::{finish as finish_log, say};
pub use run::{run, run_reloading};
