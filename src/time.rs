//! Time as an argument: seconds since 1970, or milliseconds where two things of one second have an order; handed in by the
//! caller, never read here.

use alloc::{format, string::String};
use core::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, Unexpected, Visitor},
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// A moment in whole seconds since 1970-01-01T00:00:00Z (RFC 7519 `NumericDate` without fractions).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(u64);

impl UnixTime {
    /// The moment `seconds` after 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn from_seconds(seconds: u64) -> Self {
        Self(seconds)
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn as_seconds(self) -> u64 {
        self.0
    }

    /// The moment `seconds` later; stays at the end of time instead of wrapping.
    #[must_use]
    pub const fn plus(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// The moment `seconds` earlier; stays at 1970 instead of wrapping.
    #[must_use]
    pub const fn minus(self, seconds: u64) -> Self {
        Self(self.0.saturating_sub(seconds))
    }

    /// Seconds from `earlier` to `self`; 0 when `earlier` isn't earlier.
    #[must_use]
    pub const fn seconds_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// A moment in milliseconds since 1970-01-01T00:00:00Z: for what may happen twice in a second and has an order, the beginning
/// and the end of sessions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixMillis(u64);

impl UnixMillis {
    /// The moment `millis` milliseconds after 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The second that it lies in.
    #[must_use]
    pub const fn to_seconds(self) -> UnixTime {
        UnixTime(self.0 / 1000)
    }

    /// The last millisecond of a second: what happened in it happened by then.
    #[must_use]
    pub const fn end_of(second: UnixTime) -> Self {
        Self(second.0.saturating_mul(1000).saturating_add(999))
    }
}

/// The first millisecond of a second.
impl From<UnixTime> for UnixMillis {
    fn from(second: UnixTime) -> Self {
        Self(second.0.saturating_mul(1000))
    }
}

impl fmt::Debug for UnixMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0)
    }
}

/// Tells the time to whatever outlives a request. The server has the only one that reads the system's clock.
#[cfg(feature = "std")]
pub type Clock = alloc::sync::Arc<dyn Fn() -> UnixTime + Send + Sync>;

/// Tells the time in milliseconds.
#[cfg(feature = "std")]
pub type PreciseClock = alloc::sync::Arc<dyn Fn() -> UnixMillis + Send + Sync>;

impl fmt::Debug for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}s", self.0)
    }
}

impl UnixTime {
    /// As PASETO claims have it: `2026-01-02T03:04:05+00:00`. Moments after the year 9999 stay at its end.
    #[must_use]
    pub fn to_iso8601(self) -> String {
        const END: i64 = 253_402_300_799;
        let seconds = i64::try_from(self.0).unwrap_or(END).min(END);
        let moment = OffsetDateTime::from_unix_timestamp(seconds).expect("the range is limited above");
        let (date, time) = (moment.date(), moment.time());
        format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}+00:00",
            date.year(),
            u8::from(date.month()),
            date.day(),
            time.hour(),
            time.minute(),
            time.second()
        )
    }

    /// Reads RFC 3339, with any offset and without fractions; `None` before 1970.
    #[must_use]
    pub fn from_iso8601(text: &str) -> Option<Self> {
        let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        if moment.nanosecond() != 0 {
            return None;
        }
        u64::try_from(moment.unix_timestamp()).ok().map(Self)
    }
}

/// A moment as JSON has it: a number in a JWT, a string in a PASETO token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WireTime {
    spelling: Spelling,
    moment: UnixTime,
}

/// How a format spells moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// JWT: a number.
    Number,
    /// PASETO: ISO 8601.
    Iso8601,
}

impl WireTime {
    /// The moment, if it is spelled that way.
    pub(crate) fn read(self, spelling: Spelling) -> Option<UnixTime> {
        (self.spelling == spelling).then_some(self.moment)
    }
}

impl<'de> Deserialize<'de> for WireTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AsJson)
    }
}

/// Reads a [`WireTime`].
struct AsJson;

impl Visitor<'_> for AsJson {
    type Value = WireTime;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a moment")
    }

    fn visit_u64<E>(self, seconds: u64) -> Result<WireTime, E> {
        Ok(WireTime { spelling: Spelling::Number, moment: UnixTime(seconds) })
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<WireTime, E> {
        let moment = UnixTime::from_iso8601(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))?;
        Ok(WireTime { spelling: Spelling::Iso8601, moment })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso8601_there_and_back() {
        let moment = UnixTime::from_seconds(1_700_000_000);
        assert_eq!(moment.to_iso8601(), "2023-11-14T22:13:20+00:00");
        assert_eq!(UnixTime::from_iso8601("2023-11-14T22:13:20+00:00"), Some(moment));
        assert_eq!(UnixTime::from_iso8601("2023-11-14T23:13:20+01:00"), Some(moment));
        assert_eq!(UnixTime::from_iso8601("2023-11-14T22:13:20Z"), Some(moment));
        assert_eq!(UnixTime::from_iso8601("1969-12-31T23:59:59Z"), None);
        assert_eq!(UnixTime::from_seconds(u64::MAX).to_iso8601(), "9999-12-31T23:59:59+00:00");
    }
}
