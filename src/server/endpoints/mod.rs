//! One file for each resource.

pub(crate) mod client;
pub(crate) mod documents;
mod exchange;
pub(crate) mod external;
mod logout;
mod refresh;
mod request;
mod resend;
mod revoke;
pub(crate) mod session;
mod status;
mod verify;
pub(crate) mod webhook;
