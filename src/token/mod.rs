//! Session tokens: what a login is worth.
//!
//! The access token is for whoever has the published keys; the refresh token is opaque to everybody but the fleet.

pub(crate) mod access;
mod algorithm;
mod amr;
mod claims;
mod documents;
mod jwt;
mod paseto;
mod refresh;
pub(crate) mod sealed;
mod session;
mod sessions;

pub use access::TokenInvalid;
pub use algorithm::{AccessAlgorithm, AccessKeys, SharedKey};
pub use amr::Amr;
pub use claims::{ACCESS, OUR_CLAIMS, is_reserved};
pub use documents::KeyDocuments;
pub use refresh::{VerifiedRefresh, untrusted_root};
pub use session::{Session, SessionId};
pub use sessions::{DEFAULT_REVIEWER_AUDIENCE, Login, SessionTokens, Sessions, SessionsConfig, SessionsError};
