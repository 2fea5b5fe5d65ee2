//! What an admitted request used up, so that exactly this can be given back.

use super::{drops::PARTS, rules::CEILINGS};

/// What an admitted request used up: whoever withdraws it gives that back, and nothing that it didn't take.
///
/// With a proof of work a message leaves a bucket even where none, or only a part of one, is in it. So what was taken can't be
/// found out later; it is said here. Only the guard that said it understands it; the default is nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Whether the request counts as a known device's.
    pub(super) as_known: bool,
    /// Whether the breaker of its prefix counted it.
    pub(super) is_sent: bool,
    /// When the pause ends that it began, in seconds since 1970; 0: it began none.
    pub(super) paused_until: u32,
    /// Of a message, what left each bucket.
    pub(super) parts: [Parts; CEILINGS],
}

/// Parts of a drop: at most a whole one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Parts(u16);

impl Parts {
    /// A drop.
    pub(super) const WHOLE: Self = Self(3_600);

    /// So many; what is more than a drop is one.
    pub(super) fn new(parts: u64) -> Self {
        Self(u16::try_from(parts.min(PARTS)).expect("a drop has 3,600 parts"))
    }

    /// How many.
    pub(super) const fn get(self) -> u16 {
        self.0
    }
}

impl Taken {
    /// Whether the request counts among those of known devices: past their limits they are strangers.
    #[must_use]
    pub const fn as_known(&self) -> bool {
        self.as_known
    }

    /// Notes what left the next buckets, the first of which is number `at`.
    pub(super) fn note(&mut self, at: usize, parts: impl IntoIterator<Item = Parts>) {
        self.parts.iter_mut().skip(at).zip(parts).for_each(|(noted, parts)| *noted = parts);
    }

    /// What left the buckets, from number `at` on.
    pub(super) fn parts(&self, at: usize) -> impl Iterator<Item = Parts> + use<'_> {
        self.parts.iter().skip(at).copied()
    }
}
