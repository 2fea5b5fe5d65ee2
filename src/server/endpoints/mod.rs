//! One file for each resource.

pub(crate) mod documents;
mod exchange;
mod refresh;
mod request;
mod resend;
mod status;
mod verify;
