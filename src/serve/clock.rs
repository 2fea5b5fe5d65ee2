//! The one place that reads the clock.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::time::{UnixMillis, UnixTime};

/// The current moment. A clock before 1970 counts as 1970.
#[must_use]
pub fn now() -> UnixTime {
    precisely_now().to_seconds()
}

/// The current moment, in milliseconds.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "this is the one place")]
pub fn precisely_now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
