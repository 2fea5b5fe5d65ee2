//! Users from an HTTP endpoint.

use std::time::Duration;

use tokio::runtime::Handle;

use super::{Directory, User};
use crate::{config::Webhook, guard::Unavailable, recipient::Recipient, time::Clock};

/// The users of an HTTP endpoint, asked by signed POSTs.
#[derive(Debug)]
pub struct HttpDirectory {}

/// The names that requests use for the recipient's field, and that the endpoint is told.
#[derive(Clone, Debug)]
pub struct FieldNames {
    /// Of e-mail addresses.
    pub email: String,
    /// Of phone numbers.
    pub mobile: String,
}

impl HttpDirectory {
    /// Asks the endpoint of `webhook`; a call that takes longer than `timeout` is given up. The calls are made on
    /// `background`, so that their connections outlive the caller's runtime.
    #[must_use]
    pub fn new(webhook: Webhook, timeout: Duration, fields: FieldNames, clock: Clock, background: &Handle) -> Self {
        let _ = (webhook, timeout, fields, clock, background);
        todo!()
    }
}

impl Directory for HttpDirectory {
    async fn lookup(&self, recipient: &Recipient) -> Result<Option<User>, Unavailable> {
        let _ = recipient;
        todo!()
    }

    async fn register(&self, recipient: &Recipient, set_unusable_password: bool) -> Result<User, Unavailable> {
        let _ = (recipient, set_unusable_password);
        todo!()
    }
}
