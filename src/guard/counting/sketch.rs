//! One shard of the comparisons of each recipient: a keyed count-min sketch over this day and the one before.
//!
//! A bucket (a recipient's strangers, or one device of a recipient) owns four cells of each day, in one block whose days stand
//! side by side, so that a look costs the memory one access. Others may share some of them, so the smallest of the four is
//! never less than what was counted, and seldom more. Together the two days cover the last 24 hours and more: every error is
//! toward caution.

/// Seconds of a day.
pub(crate) const DAY: u32 = 24 * 60 * 60;

/// Blocks of a shard and day; as many bits choose one.
const BLOCK_BITS: u32 = 10;
/// A key has one cell in each row of its block.
const ROWS: u32 = 4;
/// Cells of a row; as many bits choose one.
const ROW_BITS: u32 = 4;
/// Cells of a block and day.
const BLOCK: usize = (ROWS as usize) << ROW_BITS;
/// Cells of a shard and day.
pub(crate) const CELLS: usize = BLOCK << BLOCK_BITS;
/// The bits of a key that choose cells; those above are free to choose the shard.
pub(crate) const CELL_BITS: u32 = BLOCK_BITS + ROWS * ROW_BITS;

/// A cell that was ever full may have missed some, and counts no more down.
const STUCK: u8 = u8::MAX;

/// The cells of two days, allocated when they are needed.
#[derive(Debug, Default)]
pub(crate) struct Sketch {
    /// Days since 1970; never goes back, so a clock that does forgets nothing.
    day: u32,
    blocks: Vec<Block>,
}

/// The cells of an even day, and those of an odd one: of this day and the one before.
#[derive(Clone, Debug)]
#[repr(align(128))]
struct Block([[u8; BLOCK]; 2]);

impl Sketch {
    /// Empty, on `day`.
    pub(crate) const fn of_day(day: u32) -> Self {
        Self { day, blocks: Vec::new() }
    }

    /// The day that it counts on.
    pub(crate) const fn day(&self) -> u32 {
        self.day
    }

    /// Counts on `day` from now on, and forgets what is older than the day before it; never goes back.
    pub(crate) fn turn_to(&mut self, day: u32) -> u32 {
        if day == self.day + 1 {
            self.blocks.iter_mut().for_each(|block| block.0[parity(day)].fill(0));
        } else if day > self.day {
            self.blocks = Vec::new();
        }
        self.day = self.day.max(day);
        self.day
    }

    /// Comparisons of the last 24 hours, or more.
    pub(crate) fn count(&self, key: u64) -> u32 {
        self.windows(key).iter().sum()
    }

    /// Comparisons of the current day, and of the one before.
    pub(crate) fn windows(&self, key: u64) -> [u32; 2] {
        let Some(Block(days)) = self.blocks.get(block(key)) else { return [0, 0] };
        let least = |cells: &[u8; BLOCK]| u32::from(cells_of(key).map(|cell| cells[cell]).into_iter().min().unwrap_or(STUCK));
        let today = parity(self.day);
        [least(&days[today]), least(&days[1 - today])]
    }

    /// Counts one more on the current day.
    pub(crate) fn add(&mut self, key: u64) {
        let day = parity(self.day);
        let cells = &mut self.blocks()[block(key)].0[day];
        for cell in cells_of(key) {
            cells[cell] = cells[cell].saturating_add(1);
        }
    }

    /// Takes off what was added on `day`; nothing if that day is gone.
    pub(crate) fn take_off(&mut self, key: u64, number: u8, day: u32) {
        let is_kept = self.day.checked_sub(day).is_some_and(|days| days <= 1);
        let Some(Block(days)) = self.blocks.get_mut(block(key)).filter(|_| is_kept) else { return };
        let cells = &mut days[parity(day)];
        for cell in cells_of(key) {
            if cells[cell] != STUCK {
                cells[cell] = cells[cell].saturating_sub(number);
            }
        }
    }

    /// All cells of the current day, or of the one before, in order; none where nothing was counted.
    pub(crate) fn cells(&self, is_yesterday: bool) -> Vec<u8> {
        let day = parity(self.day + u32::from(is_yesterday));
        self.blocks.iter().flat_map(|block| block.0[day]).collect()
    }

    /// Puts cells back that [`Sketch::cells`] gave, from the one of that number on.
    pub(crate) fn restore(&mut self, is_yesterday: bool, from: usize, cells: &[u8]) {
        let day = parity(self.day + u32::from(is_yesterday));
        let blocks = self.blocks();
        for (at, cell) in (from..CELLS).zip(cells) {
            blocks[at / BLOCK].0[day][at % BLOCK] = *cell;
        }
    }

    fn blocks(&mut self) -> &mut [Block] {
        if self.blocks.is_empty() {
            self.blocks = vec![Block([[0; BLOCK]; 2]); CELLS / BLOCK];
        }
        &mut self.blocks
    }
}

const fn parity(day: u32) -> usize {
    (day & 1) as usize
}

/// The block of a key.
#[allow(clippy::cast_possible_truncation, reason = "cut to its width")]
const fn block(key: u64) -> usize {
    key as usize & ((1 << BLOCK_BITS) - 1)
}

/// The cells of a key: one in each row of its block.
#[allow(clippy::cast_possible_truncation, reason = "each part is cut to its width")]
fn cells_of(key: u64) -> [usize; ROWS as usize] {
    core::array::from_fn(|row| {
        let cell = (key >> (BLOCK_BITS + row as u32 * ROW_BITS)) as usize & ((1 << ROW_BITS) - 1);
        row << ROW_BITS | cell
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
        assert_eq!(sketch.blocks.capacity(), 0);
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
