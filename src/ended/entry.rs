//! What is remembered of one ended session, or of one subject: 20 bytes, the same in memory, in a file and on the wire.
//!
//! entry = name (86 bits) ‖ before (42 bits) ‖ until (32 bits)
//!
//! Numbers are big-endian. `before` counts milliseconds since 1970, and reaches into the year 2109; `until` counts seconds.

use super::name::Name;
use crate::time::{UnixMillis, UnixTime};

/// Everything of one name that began before a moment was ended. Of a session, that is whenever it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: Name,
    /// What began before it was ended; [`WHENEVER`]: all.
    pub(super) before: u64,
    /// The first second at which nothing of this can be alive; never 0.
    pub(super) until: u32,
}

/// The end of time.
pub(super) const WHENEVER: u64 = (1 << BEFORE_BITS) - 1;

const BEFORE_BITS: u32 = 42;

impl Entry {
    /// Its length in bytes.
    pub(super) const BYTES: usize = 20;

    /// Of one session.
    pub(super) fn of_session(name: Name, until: UnixTime) -> Self {
        Self { name, before: WHENEVER, until: seconds(until).max(1) }
    }

    /// Of everything that began before a moment.
    pub(super) fn of_subject(name: Name, before: UnixMillis, until: UnixTime) -> Self {
        Self { name, before: before.as_millis().min(WHENEVER), until: seconds(until).max(1) }
    }

    /// Whether it ended what began then.
    pub(super) const fn has_ended(&self, began: UnixMillis) -> bool {
        self.before == WHENEVER || began.as_millis() < self.before
    }

    /// The two of one name in one: all that either ended, for as long as either says.
    pub(super) fn joined(self, other: Self) -> Self {
        Self { before: self.before.max(other.before), until: self.until.max(other.until), ..self }
    }

    pub(super) fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let (head, until) = bytes.split_at_mut(16);
        head.copy_from_slice(&(self.name.bits() << BEFORE_BITS | u128::from(self.before)).to_be_bytes());
        until.copy_from_slice(&self.until.to_be_bytes());
        bytes
    }

    /// `None` where nothing is written.
    pub(super) fn from_bytes(bytes: &[u8; Self::BYTES]) -> Option<Self> {
        let (head, until) = bytes.split_first_chunk().expect("an entry is as long as its parts");
        let until = u32::from_be_bytes(until.try_into().expect("four bytes are left"));
        let head = u128::from_be_bytes(*head);
        let before = u64::try_from(head & u128::from(WHENEVER)).expect("it was cut");
        (until != 0).then_some(Self { name: Name::from_bits(head >> BEFORE_BITS), before, until })
    }
}

/// A moment in 32 bits; the year 2106 never ends.
pub(super) fn seconds(time: UnixTime) -> u32 {
    u32::try_from(time.as_seconds()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entries() -> impl Strategy<Value = Entry> {
        let before = prop_oneof![Just(WHENEVER), 0..WHENEVER];
        (any::<u128>(), before, 1..=u32::MAX).prop_map(|(name, before, until)| Entry {
            name: Name::from_bits(name),
            before,
            until,
        })
    }

    proptest! {
        #[test]
        fn entries_come_back(entry in entries()) {
            prop_assert_eq!(Entry::from_bytes(&entry.to_bytes()), Some(entry));
        }

        #[test]
        fn whatever_the_order_the_join_is_the_same(one in entries(), other in entries(), third in entries()) {
            let [other, third] = [other, third].map(|entry| Entry { name: one.name, ..entry });
            prop_assert_eq!(one.joined(other), other.joined(one));
            prop_assert_eq!(one.joined(one), one);
            prop_assert_eq!(one.joined(other).joined(third), one.joined(other.joined(third)));
        }
    }

    #[test]
    fn what_began_before_is_ended_and_a_session_whenever_it_began() {
        let (name, until) = (Name::from_bits(7), UnixTime::from_seconds(2_000_000_000));
        let at = UnixMillis::from_millis;
        let subject = Entry::of_subject(name, at(1000), until);
        assert!(subject.has_ended(at(999)) && !subject.has_ended(at(1000)));
        assert!(Entry::of_session(name, until).has_ended(at(u64::MAX)));
    }

    #[test]
    fn no_moment_overflows() {
        let end = UnixTime::from_seconds(u64::MAX);
        let entry = Entry::of_subject(Name::from_bits(1), UnixMillis::from_millis(u64::MAX), end);
        assert_eq!((entry.before, entry.until), (WHENEVER, u32::MAX));
        assert_eq!(Entry::of_session(Name::from_bits(1), UnixTime::from_seconds(0)).until, 1);
        assert_eq!(Entry::from_bytes(&[0; Entry::BYTES]), None);
    }
}
