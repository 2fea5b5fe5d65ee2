//! `[directory]`: where users are looked up.

use std::{path::PathBuf, time::Duration};

use super::Webhook;

/// Where users are looked up.
#[derive(Clone, Debug)]
pub enum Directory {
    /// Nowhere: whoever proves a recipient is that recipient.
    None,
    /// A JSON file.
    File(PathBuf),
    /// An HTTP endpoint.
    Http {
        /// Where.
        webhook: Webhook,
        /// How long one call may take.
        timeout: Duration,
    },
}
