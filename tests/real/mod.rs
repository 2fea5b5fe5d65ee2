//! Tests with real parts from outside: a mail server, a browser, other people's libraries.

mod apps;
mod client;
mod description;
mod directory;
mod edge;
mod edge_session;
mod events;
mod external;
mod fleet;
#[cfg(target_os = "linux")]
mod flood;
mod in_process;
mod kubernetes;
mod mail_server;
mod messages;
mod outages;
mod pages;
mod parts;
mod providers;
mod puzzle;
mod stand_in;
mod tokens;
mod wasm;
mod worker;

use libtest_mimic::Trial;

pub(crate) fn trials() -> impl Iterator<Item = Trial> {
    let trials = [
        mail_server::trials(),
        messages::trials(),
        directory::trials(),
        events::trials(),
        external::trials(),
        tokens::trials(),
        wasm::trials(),
        worker::trials(),
        in_process::trials(),
        description::trials(),
        edge::trials(),
        edge_session::trials(),
        fleet::trials(),
        kubernetes::trials(),
        outages::trials(),
        pages::trials(),
        client::trials(),
        apps::trials(),
        providers::trials(),
        puzzle::trials(),
        #[cfg(target_os = "linux")]
        flood::trials(),
    ];
    trials.into_iter().flatten()
}
