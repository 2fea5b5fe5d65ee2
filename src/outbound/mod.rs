//! Calls to others: the HTTP client, how calls are signed, and how long they may take.

#[cfg(feature = "server")]
pub mod api;
#[cfg(feature = "server")]
pub(crate) mod backoff;
#[cfg(feature = "server")]
pub mod client;
#[cfg(feature = "server")]
pub(crate) mod deadline;
#[cfg(feature = "server")]
pub(crate) mod form;
#[cfg(feature = "server")]
pub(crate) mod retry_after;
pub mod signing;
#[cfg(feature = "server")]
pub(crate) mod url;
#[cfg(feature = "server")]
pub mod webhook;
