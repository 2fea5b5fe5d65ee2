//! The cryptographic pieces that everything else is built from: derivation, canonical encoding, MACs and secret types.
//!
//! Nothing here knows what a challenge or a token is.

pub mod base64url;
pub mod canonical;
pub mod derive;
pub mod hex;
pub mod json;
pub mod jws;
pub mod labels;
pub mod mac;
pub mod paseto;
pub mod random;
pub mod seal;
pub mod secret;

pub use canonical::Canonical;
pub use mac::{Mac, MacKey};
pub use seal::SealKey;
pub use secret::Secret;
