//! The directory that the configuration chose.

use super::{Directory, Found, NoDirectory, User, file::FileDirectory, http::HttpDirectory};
use crate::{recipient::Recipient, unavailable::Unavailable};

/// One of the directories.
#[derive(Debug)]
pub enum AnyDirectory {
    /// Everybody who proves a recipient is its user.
    None(NoDirectory),
    /// The users of a file.
    File(FileDirectory),
    /// The users of an HTTP endpoint.
    Http(Box<HttpDirectory>),
}

impl Directory for AnyDirectory {
    async fn lookup(&self, recipient: &Recipient) -> Result<Found, Unavailable> {
        match self {
            Self::None(directory) => directory.lookup(recipient).await,
            Self::File(directory) => directory.lookup(recipient).await,
            // Boxed, so that the others' requests don't hold the room that a call over the network needs.
            Self::Http(directory) => Box::pin(directory.lookup(recipient)).await,
        }
    }

    async fn register(&self, recipient: &Recipient, set_unusable_password: bool) -> Result<User, Unavailable> {
        match self {
            Self::None(directory) => directory.register(recipient, set_unusable_password).await,
            Self::File(directory) => directory.register(recipient, set_unusable_password).await,
            Self::Http(directory) => Box::pin(directory.register(recipient, set_unusable_password)).await,
        }
    }
    fn knows_everybody(&self) -> bool {
        match self {
            Self::None(directory) => directory.knows_everybody(),
            Self::File(directory) => directory.knows_everybody(),
            Self::Http(directory) => directory.knows_everybody(),
        }
    }
}
