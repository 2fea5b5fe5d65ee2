//! One file for each resource.

pub(crate) mod client;
pub(crate) mod documents;
mod exchange;
pub(crate) mod external;
mod refresh;
mod request;
mod resend;
mod status;
mod verify;
pub(crate) mod webhook;
