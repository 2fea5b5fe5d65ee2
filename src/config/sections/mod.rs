//! The sections of the configuration: what each holds, and what is right in it by itself.

#[cfg(feature = "aws")]
mod amazon;
pub mod authz;
pub(crate) mod bound;
pub mod captcha;
pub mod delivery;
pub mod directory;
pub mod email;
pub mod events;
pub mod external_2fa;
pub mod guard;
pub mod keyring;
pub mod pages;
pub mod passwordless;
pub(crate) mod reviewers;
pub mod server;
pub mod session;
pub mod sms;
pub mod tokens;
mod webhook;
