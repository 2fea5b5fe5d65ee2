//! One shard of the comparisons of each recipient: a keyed count-min sketch over this day and the one before.
//!
//! A bucket (a recipient's strangers, or one device of a recipient) owns four cells of each day, in one block of 64 bytes, so
//! that a look costs the memory one access. Others may share some of them, so the smallest of the four is never less than
//! what was counted, and seldom more. Together the two days cover the last 24 hours and more: every error is toward caution.

/// Seconds of a day.
pub(super) const DAY: u32 = 24 * 60 * 60;

/// Blocks of a shard and day; as many bits choose one.
const BLOCK_BITS: u32 = 10;
/// A key has one cell in each row of its block.
const ROWS: u32 = 4;
/// Cells of a row; as many bits choose one.
const ROW_BITS: u32 = 4;
/// Cells of a shard and day.
pub(super) const CELLS: usize = (ROWS as usize) << (BLOCK_BITS + ROW_BITS);
/// The bits of a key that choose cells; those above are free to choose the shard.
pub(super) const CELL_BITS: u32 = BLOCK_BITS + ROWS * ROW_BITS;

/// A cell that was ever full may have missed some, and counts no more down.
const STUCK: u8 = u8::MAX;

/// The cells of two days, allocated when they are needed.
#[derive(Debug, Default)]
pub(super) struct Sketch {
    /// Days since 1970; never goes back, so a clock that does forgets nothing.
    day: u32,
    today: Cells,
    yesterday: Cells,
}

#[derive(Debug, Default)]
struct Cells(Vec<u8>);

impl Sketch {
    /// Counts on `day` from now on, and forgets what is older than the day before it; never goes back.
    pub(super) fn turn_to(&mut self, day: u32) -> u32 {
        if day > self.day {
            let last = std::mem::take(&mut self.today);
            self.yesterday = if day == self.day + 1 { last } else { Cells::default() };
            self.day = day;
        }
        self.day
    }

    /// Comparisons of the last 24 hours, or more.
    pub(super) fn count(&self, key: u64) -> u32 {
        self.today.count(key) + self.yesterday.count(key)
    }

    /// Counts one more on the current day.
    pub(super) fn add(&mut self, key: u64) {
        self.today.add(key);
    }

    /// Takes off what was added on `day`; nothing if that day is gone.
    pub(super) fn take_off(&mut self, key: u64, number: u8, day: u32) {
        match self.day.checked_sub(day) {
            Some(0) => self.today.take_off(key, number),
            Some(1) => self.yesterday.take_off(key, number),
            _ => {}
        }
    }

    /// The day that it has reached, and the cells of that day and of the one before; none where nothing was counted.
    pub(super) fn cells(&self) -> (u32, &[u8], &[u8]) {
        (self.day, &self.today.0, &self.yesterday.0)
    }

    /// The inverse of [`Sketch::cells`]; each has [`CELLS`] cells, or none.
    pub(super) fn with_cells(day: u32, today: Vec<u8>, yesterday: Vec<u8>) -> Self {
        Self { day, today: Cells(today), yesterday: Cells(yesterday) }
    }
}

impl Cells {
    fn count(&self, key: u64) -> u32 {
        if self.0.is_empty() {
            return 0;
        }
        cells(key).map(|cell| u32::from(self.0[cell])).min().unwrap_or(u32::MAX)
    }

    fn add(&mut self, key: u64) {
        if self.0.is_empty() {
            self.0 = vec![0; CELLS];
        }
        cells(key).for_each(|cell| self.0[cell] = self.0[cell].saturating_add(1));
    }

    fn take_off(&mut self, key: u64, number: u8) {
        if self.0.is_empty() {
            return;
        }
        for cell in cells(key) {
            if self.0[cell] != STUCK {
                self.0[cell] = self.0[cell].saturating_sub(number);
            }
        }
    }
}

/// The cells of a key: one in each row of its block.
#[allow(clippy::cast_possible_truncation, reason = "each part is cut to its width")]
fn cells(key: u64) -> impl Iterator<Item = usize> {
    let block = key as usize & ((1 << BLOCK_BITS) - 1);
    (0..ROWS).map(move |row| {
        let cell = (key >> (BLOCK_BITS + row * ROW_BITS)) as usize & ((1 << ROW_BITS) - 1);
        (block * ROWS as usize + row as usize) << ROW_BITS | cell
    })
}

#[cfg(test)]
mod tests {
    use std::{
        collections::HashMap,
        hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher},
    };

    use proptest::prelude::*;

    use super::*;

    /// A spread-out key; in the guard a keyed hash.
    fn key(name: u64) -> u64 {
        name.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 8 ^ name << 40
    }

    #[test]
    fn an_idle_sketch_takes_no_memory() {
        let mut sketch = Sketch::default();
        assert_eq!((sketch.turn_to(5), sketch.count(1)), (5, 0));
        sketch.take_off(1, 3, 5);
        assert_eq!((sketch.today.0.capacity(), sketch.yesterday.0.capacity()), (0, 0));
    }

    #[test]
    fn two_days_are_remembered_and_a_clock_set_back_forgets_nothing() {
        let mut sketch = Sketch::default();
        for (now, expected) in [(DAY, 1), (2 * DAY - 1, 2), (2 * DAY, 3), (DAY, 4), (3 * DAY - 1, 5), (3 * DAY, 4), (5 * DAY, 1)]
        {
            sketch.turn_to(now / DAY);
            sketch.add(7);
            assert_eq!(sketch.count(7), expected, "at {now}");
        }
    }

    #[test]
    fn only_what_a_day_got_is_taken_off_it() {
        let mut sketch = Sketch::default();
        let day = sketch.turn_to(9);
        (0..5).for_each(|_| sketch.add(7));
        sketch.turn_to(10);
        sketch.add(7);
        sketch.take_off(7, 3, day);
        assert_eq!(sketch.count(7), 3);
        sketch.take_off(7, 1, day - 1);
        assert_eq!(sketch.count(7), 3);
        sketch.turn_to(11);
        sketch.take_off(7, 2, day);
        assert_eq!(sketch.count(7), 1);
    }

    #[test]
    fn a_full_cell_stays_full() {
        let mut sketch = Sketch::default();
        let day = sketch.turn_to(1);
        (0..300).for_each(|_| sketch.add(7));
        assert_eq!(sketch.count(7), 255);
        sketch.take_off(7, 100, day);
        assert_eq!(sketch.count(7), 255);
    }

    /// 64 shards share the failures of all recipients: 7 million in two days make nobody's codes longer, 35 million
    /// everybody's.
    #[test]
    fn from_how_many_failures_on_others_pay_for_them() {
        let hash = |number: u64| BuildHasherDefault::<DefaultHasher>::default().hash_one(number);
        let mut sketch = Sketch::default();
        sketch.turn_to(1);
        let counted_as_ten = |sketch: &Sketch| (0..1_000).filter(|name| sketch.count(hash(u64::MAX - name)) >= 10).count();
        (0..7_000_000 / 64).for_each(|number| sketch.add(hash(number)));
        let few = counted_as_ten(&sketch);
        (7_000_000 / 64..35_000_000 / 64).for_each(|number| sketch.add(hash(number)));
        let all = counted_as_ten(&sketch);
        assert!(few <= 10 && all >= 990, "{few} and {all} of 1,000");
    }

    proptest! {
        /// Never less than the truth, whatever is added and taken off; and the truth itself while it is nearly empty.
        #[test]
        fn errs_only_toward_caution(steps in prop::collection::vec((0_u64..5_000, 0_u32..4, any::<bool>()), 1..600)) {
            let mut sketch = Sketch::default();
            let mut truth: HashMap<(u64, u32), u32> = HashMap::new();
            for (name, days, adds) in steps {
                let day = sketch.turn_to(100 + days);
                let mine = truth.entry((name, day)).or_default();
                if adds {
                    *mine += 1;
                    sketch.add(key(name));
                } else if *mine > 0 {
                    *mine -= 1;
                    sketch.take_off(key(name), 1, day);
                }
                let expected: u32 = [day, day - 1].iter().filter_map(|day| truth.get(&(name, *day))).sum();
                prop_assert!(sketch.count(key(name)) >= expected);
                prop_assert!(sketch.count(key(name)) <= expected + 1);
            }
        }
    }
}
