//! Session tokens: what a login is worth.
//!
//! The access token is for whoever has the published keys; the refresh token is opaque to everybody but the fleet.

pub mod access;
pub mod algorithm;
pub mod claims;
pub mod documents;
mod jwt;
mod paseto;
pub mod refresh;
pub mod sessions;

pub use access::{AccessVerifier, TokenInvalid, VerifiedAccess};
pub use algorithm::{AccessAlgorithm, AccessKeys, SharedKey};
pub use claims::{Amr, SessionId};
pub use documents::KeyDocuments;
pub use refresh::VerifiedRefresh;
pub use sessions::{Login, SessionTokens, Sessions, SessionsConfig, SessionsError};
