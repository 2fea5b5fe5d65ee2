//! The one place that reads the clock.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::time::UnixTime;

/// The current moment. A clock before 1970 counts as 1970.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "this is the one place")]
pub fn now() -> UnixTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixTime::from_seconds(since.as_secs())
}
