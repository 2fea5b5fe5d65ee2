//! What is worth a warning, but may happen as often as a stranger likes.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::Instant;

/// Seconds between two warnings.
const PAUSE: u64 = 60;

/// Lets one warning a minute through, so that nobody can fill the log with them.
#[derive(Debug)]
pub(crate) struct Seldom {
    began: Instant,
    /// In seconds since then, from when on the next is due.
    next: AtomicU64,
}

impl Seldom {
    pub(crate) fn new() -> Self {
        Self { began: Instant::now(), next: AtomicU64::new(0) }
    }

    /// Whether to warn; if so, nobody else does for a minute.
    pub(crate) fn is_due(&self) -> bool {
        let now = self.began.elapsed().as_secs();
        let claimed = |next| (next <= now).then_some(now + PAUSE);
        self.next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, claimed).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn once_a_minute() {
        let seldom = Seldom::new();
        let mut due = Vec::new();
        for second in 0..200 {
            due.extend(seldom.is_due().then_some(second));
            advance(Duration::from_secs(1)).await;
        }
        assert_eq!(due, [0, 60, 120, 180]);
    }
}
