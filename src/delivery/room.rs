//! Room for messages on their way: a bounded number of slots.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::Notify;

/// How many messages may be on their way, and how many are.
#[derive(Debug)]
pub(super) struct Slots {
    capacity: usize,
    taken: AtomicUsize,
    given_back: Notify,
}

/// Room for one message, until it is sent or dropped.
#[derive(Debug)]
pub(super) struct HeldSlot(pub(super) Arc<Slots>);

impl Slots {
    pub(super) fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self { capacity, taken: AtomicUsize::new(0), given_back: Notify::new() })
    }

    /// `None` if there is no room.
    pub(super) fn take(self: &Arc<Self>) -> Option<HeldSlot> {
        let more = |taken| (taken < self.capacity).then_some(taken + 1);
        self.taken.fetch_update(Ordering::AcqRel, Ordering::Relaxed, more).ok()?;
        Some(HeldSlot(Arc::clone(self)))
    }

    pub(super) fn taken(&self) -> usize {
        self.taken.load(Ordering::Acquire)
    }

    /// Waits until none is taken.
    pub(super) async fn all_free(&self) {
        loop {
            let given_back = self.given_back.notified();
            tokio::pin!(given_back);
            // From here on nothing that is given back is missed.
            given_back.as_mut().enable();
            if self.taken() == 0 {
                return;
            }
            given_back.await;
        }
    }
}

impl Drop for HeldSlot {
    fn drop(&mut self) {
        if self.0.taken.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.given_back.notify_waiters();
        }
    }
}
