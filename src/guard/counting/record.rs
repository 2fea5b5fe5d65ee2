//! What is remembered of one challenge: 16 bytes, with the fingerprint that names it.

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
    /// Comparisons that a success may take off again; at most 127.
    pub(crate) comparisons: u8,
    /// The day on which they were made, modulo 4.
    pub(crate) day: u8,
    /// A few bits of the bucket that they were counted in.
    pub(crate) bucket: u8,
}

/// A record with its fingerprint, as memory and journal hold it. All zeros: an empty slot.
pub(crate) type Slot = [u64; 2];

/// A bucket of comparisons, and how many it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tally {
    /// The keyed hash of the bucket.
    pub(crate) key: u64,
    /// A few more bits of it, so that a challenge knows whose comparisons it holds.
    pub(crate) mark: u8,
    /// From how many on a code as strong as this one is refused.
    pub(crate) ceiling: u32,
}

impl Record {
    /// Of a challenge that nobody attempted yet.
    pub(crate) const fn new(expires_at: u32) -> Self {
        Self { expires_at, uses: 0, attempts: 0, comparisons: 0, day: 0, bucket: 0 }
    }

    /// fingerprint (56) ‖ bucket (8), expires_at (32) ‖ uses (16) ‖ attempts (7) ‖ comparisons (7) ‖ day (2)
    pub(crate) fn to_slot(self, fingerprint: u64) -> Slot {
        let counts = u64::from(self.attempts & 127) << 9 | u64::from(self.comparisons & 127) << 2 | u64::from(self.day & 3);
        [fingerprint << 8 | u64::from(self.bucket), u64::from(self.expires_at) << 32 | u64::from(self.uses) << 16 | counts]
    }

    /// The inverse of [`Record::to_slot`].
    #[allow(clippy::cast_possible_truncation, reason = "each part is shifted and cut to its width")]
    pub(crate) const fn from_slot(slot: Slot) -> (u64, Self) {
        let [name, counts] = slot;
        let record = Self {
            expires_at: (counts >> 32) as u32,
            uses: (counts >> 16) as u16,
            attempts: (counts >> 9) as u8 & 127,
            comparisons: (counts >> 2) as u8 & 127,
            day: counts as u8 & 3,
            bucket: name as u8,
        };
        (name >> 8, record)
    }

    /// Notes one comparison in a bucket; a right one ends with all that this challenge has there taken off.
    pub(crate) fn compare(&mut self, tally: &Tally, day: u32, right: bool) -> Option<(u64, i8, u32)> {
        if right {
            return self.take_off(tally, day, self.comparisons);
        }
        if !self.holds(tally, day) || self.day != modulo_4(day) {
            // Those of another bucket, or of another day, stay where they were counted.
            (self.comparisons, self.day, self.bucket) = (0, modulo_4(day), tally.mark);
        }
        self.comparisons = (self.comparisons + 1).min(127);
        Some((tally.key, 1, day))
    }

    /// Takes comparisons off, if they were counted in this bucket, today or yesterday.
    pub(crate) fn take_off(&mut self, tally: &Tally, today: u32, number: u8) -> Option<(u64, i8, u32)> {
        if number == 0 || !self.holds(tally, today) {
            return None;
        }
        let day = if self.day == modulo_4(today) { today } else { today.wrapping_sub(1) };
        self.comparisons -= number;
        Some((tally.key, -number.cast_signed(), day))
    }

    fn holds(&self, tally: &Tally, today: u32) -> bool {
        let is_recent = [today, today.wrapping_sub(1)].map(modulo_4).contains(&self.day);
        self.comparisons > 0 && self.bucket == tally.mark && is_recent
    }
}

const fn modulo_4(day: u32) -> u8 {
    (day & 3) as u8
}
