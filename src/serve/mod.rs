//! A configuration becomes a running product: assembly, run, shutdown.

pub(crate) mod assembly;
pub mod clock;
pub(crate) mod error;
mod logging;
mod run;
mod shutdown;

pub use error::StartError;
pub use run::run;
