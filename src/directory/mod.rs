//! Where users are looked up: a port of the engine, and its adapters.

#[cfg(feature = "server")]
mod any;
#[cfg(feature = "server")]
mod fault;
#[cfg(feature = "server")]
pub mod file;
mod found;
#[cfg(feature = "server")]
pub mod http;
#[cfg(feature = "server")]
mod index;

use alloc::sync::Arc;

use crate::{recipient::Recipient, unavailable::Unavailable, user::User};

#[cfg(feature = "server")]
pub use any::AnyDirectory;
pub use found::Found;

/// A source of users.
#[allow(async_fn_in_trait, reason = "embedders name a concrete directory, so the futures' Send-ness shows")]
pub trait Directory {
    /// The user of this recipient, or nobody.
    async fn lookup(&self, recipient: &Recipient) -> Result<Found, Unavailable>;

    /// Makes a user for a recipient that was just proved.
    async fn register(&self, recipient: &Recipient, set_unusable_password: bool) -> Result<User, Unavailable>;

    /// Whether nobody is unknown to it, so that no answer can give away who is; by default somebody may be.
    fn knows_everybody(&self) -> bool {
        false
    }
}

/// No directory: everybody who proves a recipient is its user, and the canonical recipient is the subject.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoDirectory;

impl Directory for NoDirectory {
    async fn lookup(&self, recipient: &Recipient) -> Result<Found, Unavailable> {
        Ok(Found::new(recipient, Some(Arc::new(User::of(recipient)))))
    }

    async fn register(&self, recipient: &Recipient, _: bool) -> Result<User, Unavailable> {
        Ok(User::of(recipient))
    }

    fn knows_everybody(&self) -> bool {
        true
    }
}
