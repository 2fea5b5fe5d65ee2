//! What a decision changes, for whoever keeps the ledger elsewhere too.

use super::{
    budget::Whose,
    record::{Moved, Record, Slot},
    sketch::Sketch,
};

/// Hears of each change before it takes effect.
pub(crate) trait Log {
    /// # Errors
    /// If the change can't be kept; then it doesn't happen.
    fn append(&self, change: &Change, now: u32) -> Result<(), Unwritten>;

    /// The shard of the sketch that should be kept whole next, so that old changes can go.
    fn wants(&self) -> Option<usize> {
        None
    }

    /// Keeps it. No change of this shard comes in between.
    fn keep(&self, _shard: usize, _sketch: &Sketch) {}
}

/// What a decision changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// The challenge's record from now on.
    pub(crate) slot: Slot,
    /// How its recipient's comparisons change.
    pub(crate) comparisons: Option<Moved>,
}

/// A log that takes no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unwritten;

/// For a guard that lives in memory alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoLog;

impl Log for NoLog {
    fn append(&self, _: &Change, _: u32) -> Result<(), Unwritten> {
        Ok(())
    }
}

impl Change {
    /// When its challenge ends.
    pub(crate) fn ends(&self) -> u32 {
        Record::from_slot(self.slot).1.expires_at
    }
}

impl Sketch {
    /// What a [`Change`] said that was kept elsewhere.
    pub(crate) fn replay(&mut self, moved: &Moved) {
        self.turn_to(moved.day);
        self.apply(moved);
    }

    /// Adds or takes off what a [`Change`] says.
    pub(crate) fn apply(&mut self, moved: &Moved) {
        let Moved { key, day, strangers, known } = *moved;
        for (whose, number) in [(Whose::Strangers, strangers), (Whose::Known, known)] {
            match number {
                ..0 => self.take_off(key, whose, number.unsigned_abs(), day),
                0 => {}
                1.. => (0..number).for_each(|_| self.add(key, whose)),
            }
        }
    }
}
