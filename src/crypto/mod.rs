//! The cryptographic pieces that everything else is built from: derivation, canonical encoding, MACs and secret types.
//!
//! Nothing here knows what a challenge or a token is.

pub mod base64url;
mod canonical;
mod derive;
pub mod hex;
pub mod json;
pub mod jws;
pub mod labels;
mod mac;
pub mod paseto;
pub mod random;
pub mod seal;
mod secret;
mod secret_text;

pub use canonical::{Canonical, Fields, Sink};
pub use derive::derive;
pub use mac::{Mac, MacFields, MacKey};
pub use secret::Secret;
pub use secret_text::SecretText;
