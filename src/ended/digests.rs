//! What two sets are compared by: a number for each part that names fall into, kept up as entries come and go.
//!
//! A comparison counts what lives on after a moment, and that moment moves on. So time is cut into steps, and beside the sums of all
//! entries there are those of the ones that end in each of the next steps: what has ended is taken off by subtracting. Which entries
//! end when is found by looking at them, a shard at a time, each of which is looked at again after a while.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use super::{name::Name, shard::entry};

/// Into how many parts names fall.
pub(super) const BUCKETS: usize = 1 << BUCKET_BITS;
/// Bits of a name that choose its part: the first ones.
pub(super) const BUCKET_BITS: u32 = 10;
/// Seconds of a step. All comparisons of one step count what lives on after its beginning.
pub(super) const STEP: u32 = 16;

/// Steps for which a shard that was looked at is counted.
const SPAN: u32 = 16;
/// Steps by which comparisons may lag behind each other: clocks of nodes that hear each other are at most a minute apart.
const LAG: u32 = 4;
/// Steps after which a shard is looked at again.
const AGAIN: u32 = SPAN - LAG + 1;
/// Steps that are told apart: shards are looked at at different times.
const TOLD_APART: usize = 2 * SPAN as usize;

/// A number for each part. Two sets with the same number hold, as far as anybody can tell, the same there.
pub(super) type Digests = Box<[u64; BUCKETS]>;

/// An entry's bytes as numbers, as a set has them.
pub(super) type Slot = [u32; 5];

type Sums = [AtomicU64; BUCKETS];

/// The sums of a set's entries. They are right while all shards are [`Counted`] for a step; what is put meanwhile may be seen by half,
/// so that a comparison looks closer for nothing.
#[derive(Debug)]
pub(super) struct Running {
    /// Of all entries that count.
    living: Box<Sums>,
    /// Of those that end in a step, for [`SPAN`] steps from the one that their shard counts from, in turns.
    ending: Box<[Sums]>,
    /// Two that count shards for steps far apart would undo each other's work.
    turn: Mutex<()>,
}

/// From which step on the entries of a shard are counted: those that ended before aren't.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counted(u32);

impl Default for Counted {
    /// None are.
    fn default() -> Self {
        Self(u32::MAX)
    }
}

impl Counted {
    /// How a shard, of this number, is best counted for a step: not all of them at once, so that each step looks at a few.
    pub(super) fn best_for(step: u32, shard: usize) -> Self {
        let latest = step.saturating_sub(LAG);
        let turn = u32::try_from(shard).unwrap_or(0) % AGAIN;
        Self(latest.saturating_sub((latest % AGAIN + AGAIN - turn) % AGAIN))
    }

    /// Whether a shard that is counted so tells what lives on after a step has begun.
    pub(super) fn is_for(self, step: u32) -> bool {
        self.0 <= step && step - self.0 <= SPAN
    }

    fn is_living(self, ends: u32) -> bool {
        self.0 <= ends
    }

    fn is_ending(self, ends: u32) -> bool {
        self.is_living(ends) && ends - self.0 < SPAN
    }
}

impl Running {
    /// What it takes.
    #[cfg(test)]
    pub(super) const BYTES: usize = (1 + TOLD_APART) * size_of::<Sums>();

    /// Of a set of which no shard is counted yet.
    pub(super) fn new() -> Self {
        let sums = || Box::new([const { AtomicU64::new(0) }; BUCKETS]);
        Self { living: sums(), ending: (0..TOLD_APART).map(|_| *sums()).collect(), turn: Mutex::new(()) }
    }

    /// Waits for the turn to ask.
    pub(super) fn turn(&self) -> MutexGuard<'_, ()> {
        // It guards nothing that could be left half done.
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes an entry that came into a shard.
    pub(super) fn enter(&self, slot: &Slot, counted: Counted) {
        self.recount(slot, Counted::default(), counted);
    }

    /// Notes an entry that left one.
    pub(super) fn leave(&self, slot: &Slot, counted: Counted) {
        self.recount(slot, counted, Counted::default());
    }

    /// Notes that the shard of an entry is counted otherwise now.
    pub(super) fn recount(&self, slot: &Slot, before: Counted, now: Counted) {
        let ends = ends_in(slot);
        let is_as_before = before.is_living(ends) == now.is_living(ends) && before.is_ending(ends) == now.is_ending(ends);
        if is_as_before {
            return;
        }
        let (part, number) = (bucket(entry(*slot).name), mixed(slot));
        let change = |sum: &AtomicU64, was: bool, is: bool| match (was, is) {
            (false, true) => _ = sum.fetch_add(number, Relaxed),
            (true, false) => _ = sum.fetch_sub(number, Relaxed),
            _ => {}
        };
        change(&self.living[part], before.is_living(ends), now.is_living(ends));
        change(&self.ending[ends as usize % TOLD_APART][part], before.is_ending(ends), now.is_ending(ends));
    }

    /// The digests of what lives on after a step has begun, where all shards are counted for it.
    pub(super) fn after(&self, step: u32) -> Digests {
        let mut digests = Box::new([0_u64; BUCKETS]);
        digests.iter_mut().zip(&*self.living).for_each(|(digest, sum)| *digest = sum.load(Relaxed));
        for ended in step.saturating_sub(SPAN)..step {
            let sums = &self.ending[ended as usize % TOLD_APART];
            digests.iter_mut().zip(sums).for_each(|(digest, sum)| *digest = digest.wrapping_sub(sum.load(Relaxed)));
        }
        digests
    }
}

/// The part that a name falls into.
#[allow(clippy::cast_possible_truncation, reason = "the bits above are zeros")]
pub(super) const fn bucket(name: Name) -> usize {
    (name.bits() >> (Name::BITS - BUCKET_BITS)) as usize
}

/// The step in which an entry ends: it lives on after each step's beginning up to this one's.
const fn ends_in(slot: &Slot) -> u32 {
    (slot[4] - 1) / STEP
}

/// All bits of a slot in 64. Names are hashes already, so no more is asked of it than that two entries seldom look the same.
#[allow(clippy::cast_possible_truncation, reason = "both halves of the product are used")]
fn mixed(slot: &Slot) -> u64 {
    let fold = |one: u64, other: u64| {
        let product = u128::from(one) * u128::from(other);
        product as u64 ^ (product >> 64) as u64
    };
    let pair = |at: usize| u64::from(slot[at]) << 32 | u64::from(slot[at + 1]);
    let head = fold(pair(0) ^ 0x9e37_79b9_7f4a_7c15, pair(2) ^ 0xd1b5_4a32_d192_ed03);
    fold(head ^ 0x8cb9_2ba7_2f3d_8dd7, u64::from(slot[4]) | 0xaaaa_aaaa_0000_0000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_counted_for_its_step_those_of_a_minute_before_and_some_to_come() {
        for step in (0..200).chain([u32::MAX / STEP]) {
            for shard in 0..64 {
                let counted = Counted::best_for(step, shard);
                assert!((step.saturating_sub(LAG)..=step).all(|step| counted.is_for(step)), "{step} {shard}");
                assert!(counted == Counted(0) || step - counted.0 < SPAN + 1, "{step} {shard}");
            }
        }
        assert!(!Counted::default().is_for(u32::MAX / STEP), "what is counted nowhere is counted for none");
    }

    #[test]
    fn few_shards_are_looked_at_in_each_step() {
        let mut counted = [Counted::default(); 64];
        for step in 1_000_000..1_000_100 {
            let mut looked_at = 0;
            for (shard, counted) in counted.iter_mut().enumerate().filter(|(_, counted)| !counted.is_for(step)) {
                *counted = Counted::best_for(step, shard);
                looked_at += 1;
            }
            assert!(looked_at <= 5 || step == 1_000_000, "{step}: {looked_at}");
        }
    }
}
