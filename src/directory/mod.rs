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

use alloc::{boxed::Box, sync::Arc};

use serde_json::Map;

use crate::{
    recipient::{Channel, Recipient},
    unavailable::Unavailable,
    user::User,
};

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
}

/// No directory: everybody who proves a recipient is its user, and the canonical recipient is the subject.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoDirectory;

impl NoDirectory {
    fn user(recipient: &Recipient) -> User {
        let address = Some(Box::from(recipient.as_str()));
        let (email, phone_number) = match recipient.channel() {
            Channel::Email => (address, None),
            Channel::Mobile => (None, address),
        };
        User {
            id: recipient.as_str().into(),
            email,
            phone_number,
            is_active: true,
            is_staff: false,
            is_superuser: false,
            epoch: Box::default(),
            claims: Map::new(),
            locale: None,
        }
    }
}

impl Directory for NoDirectory {
    async fn lookup(&self, recipient: &Recipient) -> Result<Found, Unavailable> {
        Ok(Found::new(recipient, Some(Arc::new(Self::user(recipient)))))
    }

    async fn register(&self, recipient: &Recipient, _: bool) -> Result<User, Unavailable> {
        Ok(Self::user(recipient))
    }
}
