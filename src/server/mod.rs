//! The HTTP side: what a browser, an app and an edge proxy talk to.

mod admin;
mod app;
mod assembly;
mod body;
mod client;
pub mod clock;
mod connection;
mod cookies;
mod cors;
mod documents;
mod envelope;
mod error;
mod exchange;
mod fields;
mod json;
mod listen;
mod logging;
mod long_integer;
mod metrics;
mod origin;
mod outgoing;
pub mod pages;
mod phones;
mod problem;
mod progress;
mod refresh;
mod relay;
mod request;
mod resend;
mod route;
mod runtime;
mod serve;
mod shutdown;
mod verify;

pub use error::StartError;
pub use serve::run;
