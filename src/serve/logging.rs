//! The log: on stderr, by `RUST_LOG`, without recipients, codes, envelopes and tokens.

use std::{
    io::{IsTerminal as _, stderr},
    panic,
};

use tracing_subscriber::{EnvFilter, filter::LevelFilter, fmt};

/// Starts to log. What is logged without `RUST_LOG`: `info` and above.
pub(crate) fn start() {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).from_env_lossy();
    let log = fmt().with_writer(stderr).with_ansi(stderr().is_terminal()).with_env_filter(filter);
    // Only tests start two servers in one process.
    let _ = log.try_init();
    // A panic's message may quote what a client sent; the place says enough.
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a fault of the program; the request was answered with 500");
    }));
}
