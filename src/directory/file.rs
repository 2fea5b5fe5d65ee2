//! Users from a JSON file.

use std::path::Path;

use super::{Directory, User};
use crate::{guard::Unavailable, recipient::Recipient};

/// The users of a JSON file, reread when it changes.
#[derive(Debug)]
pub struct FileDirectory {}

/// Why a file isn't a directory of users; without addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFault(pub String);

impl FileDirectory {
    /// Reads and judges the file. Lookups later reread it on the runtime that they run on.
    ///
    /// # Errors
    /// [`FileFault`], for a file that can't be read or that isn't an array of users with one address each.
    pub fn open(path: &Path) -> Result<Self, FileFault> {
        let _ = path;
        todo!()
    }
}

impl Directory for FileDirectory {
    async fn lookup(&self, recipient: &Recipient) -> Result<Option<User>, Unavailable> {
        let _ = recipient;
        todo!()
    }

    /// A file takes nobody in; the configuration refuses the combination.
    async fn register(&self, recipient: &Recipient, _: bool) -> Result<User, Unavailable> {
        let _ = recipient;
        Err(Unavailable::for_seconds(60))
    }
}
