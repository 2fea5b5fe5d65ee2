//! The ways out, one file each.

pub(crate) mod console;
pub(crate) mod file;
#[cfg(feature = "smtp")]
pub(crate) mod smtp;
