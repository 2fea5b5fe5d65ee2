//! `health`: asks the running server's admin listener, for probes in images without a shell.

use std::time::Duration;

use clap::Args;
use tokio::runtime;

use super::{ConfigFile, exit::Exit, print, sources};
use crate::server::{
    Listen,
    admin::probe::{Found, Probe, ask},
};

/// How it is asked.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Whether it lives (/healthz): restart it where it doesn't.
    #[arg(long, conflicts_with = "ready")]
    live: bool,
    /// Whether it should be sent requests (/readyz): the default.
    #[arg(long)]
    ready: bool,
    /// Where its admin listener is, as 127.0.0.1:8001 or unix:/run/admin.sock. Default: server.admin_listen of the configuration.
    #[arg(long, value_name = "ADDRESS", value_parser = Listen::parse)]
    admin: Option<Listen>,
    /// How many seconds it may take, 1 to 60.
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=60))]
    timeout: u8,
}

/// Prints what it says; where it says no, or says nothing, the reason goes to stderr.
pub(super) fn health(arguments: &Arguments, file: &ConfigFile) -> Result<(), Exit> {
    let listen = match &arguments.admin {
        Some(listen) => listen.clone(),
        None => sources::load_admin_listen(file)?,
    };
    if listen.lets_the_system_choose() {
        let reason = "countersign: server.admin_listen: port 0 is the system's choice, so nobody knows it: say --admin ADDRESS";
        return Err(Exit::Usage(reason.into()));
    }
    let probe = if arguments.live { Probe::Live } else { Probe::Ready };
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Exit::Unavailable(format!("an event loop: {error}")))?;
    match runtime.block_on(ask(&listen, probe, Duration::from_secs(arguments.timeout.into()))) {
        Ok(Found::Yes(said)) => print(&format!("{said}\n")),
        Ok(Found::No(status)) => {
            let reason = "it is about to end, or its guard can't decide; its log says which";
            print(&format!("not ready ({}): {reason}\n", status.as_u16()))?;
            Err(Exit::No)
        }
        Err(unanswered) => Err(Exit::Unavailable(unanswered.to_string())),
    }
}
