//! Session tokens: what a login is worth.
//!
//! The access token is for whoever has the published keys; the refresh token is opaque to everybody but the fleet.

pub mod algorithm;
pub mod claims;
pub mod sessions;

pub use algorithm::{AccessAlgorithm, AccessKeys, SharedKey};
pub use claims::Amr;
pub use sessions::{
    Login, SessionTokens, Sessions, SessionsConfig, SessionsError, TokenInvalid, VerifiedAccess, VerifiedRefresh,
};
