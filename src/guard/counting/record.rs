//! What is remembered of one challenge: 16 bytes, with the fingerprint that names it.

use super::budget::{Allowance, Whose};

/// Bits of a fingerprint.
pub(crate) const FINGERPRINT_BITS: u32 = 56;

/// What is remembered of one challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// `exp`, in seconds since 1970.
    pub(crate) expires_at: u32,
    /// Redemptions.
    pub(crate) uses: u16,
    /// Attempts that were not given back; at most 127.
    pub(crate) attempts: u8,
    /// Comparisons that count as strangers' and that a success may take off again; at most 127.
    pub(crate) strangers: u8,
    /// Those that count as known devices'.
    pub(crate) known: u8,
    /// The day on which they were made, modulo 4.
    pub(crate) day: u8,
}

/// A record with its fingerprint, as memory and journal hold it. All zeros: an empty slot.
pub(crate) type Slot = [u64; 2];

/// Where an attempt's comparison is counted, and how many there may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tally {
    /// The keyed hash of the recipient.
    pub(crate) key: u64,
    /// Whether a known device makes it.
    pub(crate) is_known: bool,
    /// How many with codes as strong as this one.
    pub(crate) allowance: Allowance,
}

/// How a recipient's comparisons of one day change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moved {
    /// The keyed hash of the recipient.
    pub(crate) key: u64,
    /// The day, since 1970.
    pub(crate) day: u32,
    /// By how many those of strangers change.
    pub(crate) strangers: i8,
    /// By how many those of known devices do.
    pub(crate) known: i8,
}

impl Record {
    /// Of a challenge that nobody attempted yet.
    pub(crate) const fn new(expires_at: u32) -> Self {
        Self { expires_at, uses: 0, attempts: 0, strangers: 0, known: 0, day: 0 }
    }

    /// fingerprint (56) ‖ known (8), expires_at (32) ‖ uses (16) ‖ attempts (7) ‖ strangers (7) ‖ day (2)
    pub(crate) fn to_slot(self, fingerprint: u64) -> Slot {
        let counts = u64::from(self.attempts & 127) << 9 | u64::from(self.strangers & 127) << 2 | u64::from(self.day & 3);
        [fingerprint << 8 | u64::from(self.known), u64::from(self.expires_at) << 32 | u64::from(self.uses) << 16 | counts]
    }

    /// The inverse of [`Record::to_slot`].
    #[allow(clippy::cast_possible_truncation, reason = "each part is shifted and cut to its width")]
    pub(crate) const fn from_slot(slot: Slot) -> (u64, Self) {
        let [name, counts] = slot;
        let record = Self {
            expires_at: (counts >> 32) as u32,
            uses: (counts >> 16) as u16,
            attempts: (counts >> 9) as u8 & 127,
            strangers: (counts >> 2) as u8 & 127,
            known: name as u8,
            day: counts as u8 & 3,
        };
        (name >> 8, record)
    }

    /// Notes one wrong comparison. Those of another day stay where they were counted.
    pub(crate) fn compare(&mut self, key: u64, whose: Whose, day: u32) -> Moved {
        if self.day != modulo_4(day) {
            (self.strangers, self.known, self.day) = (0, 0, modulo_4(day));
        }
        let mut moved = Moved { key, day, ..Moved::default() };
        match whose {
            Whose::Strangers => (self.strangers, moved.strangers) = ((self.strangers + 1).min(127), 1),
            Whose::Known => (self.known, moved.known) = ((self.known + 1).min(127), 1),
        }
        moved
    }

    /// Takes off all comparisons that were made today or yesterday.
    pub(crate) fn take_off_all(&mut self, key: u64, today: u32) -> Option<Moved> {
        let Self { strangers, known, .. } = *self;
        self.take_off(key, today, strangers, known)
    }

    /// Takes off the last one that was made today or yesterday, by a known device or by a stranger.
    pub(crate) fn take_off_one(&mut self, key: u64, is_known: bool, today: u32) -> Option<Moved> {
        match (is_known && self.known > 0, self.strangers > 0) {
            (true, _) => self.take_off(key, today, 0, 1),
            (false, true) => self.take_off(key, today, 1, 0),
            (false, false) => None,
        }
    }

    fn take_off(&mut self, key: u64, today: u32, strangers: u8, known: u8) -> Option<Moved> {
        let yesterday = today.wrapping_sub(1);
        let day = [today, yesterday].into_iter().find(|day| modulo_4(*day) == self.day)?;
        if strangers == 0 && known == 0 {
            return None;
        }
        self.strangers -= strangers;
        self.known -= known;
        Some(Moved { key, day, strangers: -strangers.cast_signed(), known: -known.cast_signed() })
    }
}

const fn modulo_4(day: u32) -> u8 {
    (day & 3) as u8
}
