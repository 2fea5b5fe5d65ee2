//! One shard of the comparisons of each recipient: a keyed count-min sketch over this day and the one before.
//!
//! A recipient owns four cells of each day for what counts as strangers' comparisons, and four others for what counts as known
//! devices', all in one block whose days stand side by side, so that a look costs the memory one access. Others may share some
//! of them, so the smallest of the four is never less than what was counted, and seldom more. Together the two days cover the
//! last 24 hours and more: every error is toward caution.

use super::budget::{Compared, Whose};

/// Seconds of a day.
pub(crate) const DAY: u32 = 24 * 60 * 60;

/// Blocks of a shard and day; as many bits choose one.
const BLOCK_BITS: u32 = 10;
/// A key has two cells in each row of its block.
const ROWS: u32 = 4;
/// Cells of a row; as many bits choose one.
const ROW_BITS: u32 = 4;
/// Cells of a block and day.
const BLOCK: usize = (ROWS as usize) << ROW_BITS;
/// Cells of a shard and day.
pub(crate) const CELLS: usize = BLOCK << BLOCK_BITS;
/// The bits of a key that choose a block and its strangers' cells; those above are free to choose the shard.
pub(crate) const CELL_BITS: u32 = BLOCK_BITS + ROWS * ROW_BITS;
/// From this bit on they choose its known devices' cells.
const OTHER_CELLS: u32 = 32;

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
    pub(crate) fn count(&self, key: u64) -> Compared {
        let [today, yesterday] = self.windows(key);
        Compared { strangers: today.strangers + yesterday.strangers, known: today.known + yesterday.known }
    }

    /// Comparisons of the current day, and of the one before.
    pub(crate) fn windows(&self, key: u64) -> [Compared; 2] {
        let Some(Block(days)) = self.blocks.get(block(key)) else { return [Compared::default(); 2] };
        let least = |cells: &[u8; BLOCK], whose| {
            u32::from(cells_of(key, whose).map(|cell| cells[cell]).into_iter().min().unwrap_or(STUCK))
        };
        let of_day = |cells| Compared { strangers: least(cells, Whose::Strangers), known: least(cells, Whose::Known) };
        let today = parity(self.day);
        [of_day(&days[today]), of_day(&days[1 - today])]
    }

    /// Counts one more on the current day.
    pub(crate) fn add(&mut self, key: u64, whose: Whose) {
        let day = parity(self.day);
        let cells = &mut self.blocks()[block(key)].0[day];
        for cell in cells_of(key, whose) {
            cells[cell] = cells[cell].saturating_add(1);
        }
    }

    /// Takes off what was added on `day`; nothing if that day is gone.
    pub(crate) fn take_off(&mut self, key: u64, whose: Whose, number: u8, day: u32) {
        let is_kept = self.day.checked_sub(day).is_some_and(|days| days <= 1);
        let Some(Block(days)) = self.blocks.get_mut(block(key)).filter(|_| is_kept) else { return };
        let cells = &mut days[parity(day)];
        for cell in cells_of(key, whose) {
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

/// The cells of a key: one in each row of its block, and another for known devices' comparisons than for strangers', so that
/// a recipient's own never mix.
#[allow(clippy::cast_possible_truncation, reason = "each part is cut to its width")]
fn cells_of(key: u64, whose: Whose) -> [usize; ROWS as usize] {
    const ROW: usize = (1 << ROW_BITS) - 1;
    core::array::from_fn(|row| {
        let nibble = |from: u32| (key >> (from + row as u32 * ROW_BITS)) as usize & ROW;
        let cell = match whose {
            Whose::Strangers => nibble(BLOCK_BITS),
            Whose::Known => nibble(BLOCK_BITS) ^ (1 + nibble(OTHER_CELLS) % ROW),
        };
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

    const STRANGERS: Whose = Whose::Strangers;

    /// Strangers' comparisons of one recipient; known devices have made none.
    fn of(sketch: &Sketch) -> u32 {
        let Compared { strangers, known } = sketch.count(7);
        assert_eq!(known, 0);
        strangers
    }

    /// As good as a guard's: names that differ in a few bits share no cells for it.
    fn key(name: u64) -> u64 {
        BuildHasherDefault::<DefaultHasher>::default().hash_one(name)
    }

    #[test]
    fn an_idle_sketch_takes_no_memory() {
        let mut sketch = Sketch::default();
        assert_eq!((sketch.turn_to(5), sketch.count(1).all()), (5, 0));
        sketch.take_off(1, STRANGERS, 3, 5);
        assert_eq!(sketch.blocks.capacity(), 0);
    }

    #[test]
    fn two_days_are_remembered_and_a_clock_set_back_forgets_nothing() {
        let mut sketch = Sketch::default();
        for (now, expected) in [(DAY, 1), (2 * DAY - 1, 2), (2 * DAY, 3), (DAY, 4), (3 * DAY - 1, 5), (3 * DAY, 4), (5 * DAY, 1)]
        {
            sketch.turn_to(now / DAY);
            sketch.add(7, STRANGERS);
            assert_eq!(of(&sketch), expected, "at {now}");
        }
    }

    #[test]
    fn only_what_a_day_got_is_taken_off_it() {
        let mut sketch = Sketch::default();
        let day = sketch.turn_to(9);
        (0..5).for_each(|_| sketch.add(7, STRANGERS));
        sketch.turn_to(10);
        sketch.add(7, STRANGERS);
        sketch.take_off(7, STRANGERS, 3, day);
        assert_eq!(of(&sketch), 3);
        sketch.take_off(7, STRANGERS, 1, day - 1);
        assert_eq!(of(&sketch), 3);
        sketch.turn_to(11);
        sketch.take_off(7, STRANGERS, 2, day);
        assert_eq!(of(&sketch), 1);
    }

    #[test]
    fn a_recipients_strangers_and_known_devices_never_mix() {
        for name in 0..10_000 {
            let cells = cells_of(key(name), Whose::Strangers);
            assert!(cells_of(key(name), Whose::Known).iter().all(|cell| !cells.contains(cell)), "{name}");
        }
        let mut sketch = Sketch::default();
        let day = sketch.turn_to(1);
        (0..40).for_each(|_| sketch.add(7, Whose::Known));
        sketch.add(7, Whose::Strangers);
        sketch.take_off(7, Whose::Known, 3, day);
        assert_eq!(sketch.count(7), Compared { strangers: 1, known: 37 });
    }

    #[test]
    fn a_full_cell_stays_full() {
        let mut sketch = Sketch::default();
        let day = sketch.turn_to(1);
        (0..300).for_each(|_| sketch.add(7, STRANGERS));
        assert_eq!(of(&sketch), 255);
        sketch.take_off(7, STRANGERS, 100, day);
        assert_eq!(of(&sketch), 255);
    }

    /// 64 shards share the failures of all recipients: 7 million in two days make nobody's codes longer, 35 million
    /// everybody's.
    #[test]
    fn from_how_many_failures_on_others_pay_for_them() {
        let mut sketch = Sketch::default();
        sketch.turn_to(1);
        let counted_as_ten =
            |sketch: &Sketch| (0..1_000).filter(|name| sketch.count(key(u64::MAX - name)).strangers >= 10).count();
        (0..7_000_000 / 64).for_each(|number| sketch.add(key(number), STRANGERS));
        let few = counted_as_ten(&sketch);
        (7_000_000 / 64..35_000_000 / 64).for_each(|number| sketch.add(key(number), STRANGERS));
        let all = counted_as_ten(&sketch);
        assert!(few <= 10 && all >= 990, "{few} and {all} of 1,000");
    }

    proptest! {
        /// Never less than the truth, whatever is added and taken off; and the truth itself while it is nearly empty.
        #[test]
        fn errs_only_toward_caution(steps in prop::collection::vec((0_u64..5_000, 0_u32..4, any::<bool>(), any::<bool>()), 1..600)) {
            let mut sketch = Sketch::default();
            let mut truth: HashMap<(u64, bool, u32), u32> = HashMap::new();
            for (name, days, adds, is_known) in steps {
                let whose = if is_known { Whose::Known } else { Whose::Strangers };
                let day = sketch.turn_to(100 + days);
                let mine = truth.entry((name, is_known, day)).or_default();
                if adds {
                    *mine += 1;
                    sketch.add(key(name), whose);
                } else if *mine > 0 {
                    *mine -= 1;
                    sketch.take_off(key(name), whose, 1, day);
                }
                let expected: u32 = [day, day - 1].iter().filter_map(|day| truth.get(&(name, is_known, *day))).sum();
                let Compared { strangers, known } = sketch.count(key(name));
                let counted = if is_known { known } else { strangers };
                prop_assert!(counted >= expected);
                prop_assert!(counted <= expected + 1);
            }
        }
    }
}
