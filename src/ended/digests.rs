//! What two sets are compared by: a number for each part that names fall into.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use super::name::Name;

/// Into how many parts names fall.
pub(super) const BUCKETS: usize = 1 << BUCKET_BITS;
/// Bits of a name that choose its part: the first ones.
pub(super) const BUCKET_BITS: u32 = 10;

/// A number for each part. Two sets with the same number hold, as far as anybody can tell, the same there.
pub(super) type Digests = Box<[u64; BUCKETS]>;

/// An entry's bytes as numbers, as a set has them.
pub(super) type Slot = [u32; 5];

/// The digests that were made last, while they are right.
#[derive(Debug, Default)]
pub(super) struct Digested {
    /// Counts changes of the set.
    version: AtomicU64,
    kept: Mutex<Option<Kept>>,
}

#[derive(Debug)]
struct Kept {
    version: u64,
    after: u32,
    digests: Digests,
}

impl Digested {
    /// Notes a change of the set.
    pub(super) fn change(&self) {
        self.version.fetch_add(1, Relaxed);
    }

    /// The digests of what lives on after `after`; `visit` shows all slots, where they have to be made anew.
    pub(super) fn of(&self, after: u32, visit: impl FnOnce(&mut dyn FnMut(&Slot, Name))) -> Digests {
        // Changes that come in between may be in it already; then it is made anew for nothing.
        let version = self.version.load(Relaxed);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = kept.as_ref().filter(|kept| (kept.version, kept.after) == (version, after)) {
            return kept.digests.clone();
        }
        let mut digests = Box::new([0_u64; BUCKETS]);
        visit(&mut |slot, name| {
            let digest = &mut digests[bucket(name)];
            *digest = digest.wrapping_add(mixed(slot));
        });
        *kept = Some(Kept { version, after, digests: digests.clone() });
        digests
    }
}

/// The part that a name falls into.
#[allow(clippy::cast_possible_truncation, reason = "the bits above are zeros")]
pub(super) const fn bucket(name: Name) -> usize {
    (name.bits() >> (Name::BITS - BUCKET_BITS)) as usize
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
