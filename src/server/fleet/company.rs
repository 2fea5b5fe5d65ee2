//! Whether this node hears from others of its fleet: what they ended while it doesn't, it doesn't know.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

use metrics::{describe_gauge, gauge};
use tokio::time::Instant;

const METRIC: &str = "countersign_fleet_isolated";

/// What a node does with sessions while it is isolated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolated {
    /// It accepts those that weren't ended as far as it knows.
    Serve,
    /// It answers 503.
    Deny,
}

/// When others were heard of, and whether what they knew at this node's start is known here.
#[derive(Debug)]
pub(crate) struct Company {
    began: Instant,
    /// In milliseconds since `began`, and one more; 0: never.
    heard: AtomicU64,
    /// How long nobody may be heard of.
    patience: Duration,
    has_started: AtomicBool,
    was_isolated: AtomicBool,
}

impl Company {
    /// Of a node that starts now.
    pub(crate) fn new(patience: Duration) -> Self {
        describe_gauge!(
            METRIC,
            "1 while this node hears from no other node of its fleet, so that it may not know what they ended."
        );
        Self {
            began: Instant::now(),
            heard: AtomicU64::new(0),
            patience,
            has_started: AtomicBool::new(false),
            was_isolated: AtomicBool::new(false),
        }
    }

    /// Notes that another node was heard of.
    pub(crate) fn hear(&self) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.heard.fetch_max(now.saturating_add(1), Ordering::Relaxed);
    }

    /// Ends the start: what others knew is known, or nobody could be asked in time.
    pub(crate) fn start(&self) {
        self.has_started.store(true, Ordering::Relaxed);
    }

    /// Whether the start has ended.
    pub(crate) fn has_started(&self) -> bool {
        self.has_started.load(Ordering::Relaxed)
    }

    /// Whether nobody was heard of for too long, or since the start.
    pub(crate) fn is_isolated(&self) -> bool {
        let heard = self.heard.load(Ordering::Relaxed);
        self.has_started() && (heard == 0 || self.began.elapsed() > Duration::from_millis(heard).saturating_add(self.patience))
    }

    /// Says in the log and in the metrics whether it is isolated, where that is new.
    pub(crate) fn tell(&self) {
        let is_isolated = self.is_isolated();
        gauge!(METRIC).set(u32::from(is_isolated));
        if self.was_isolated.swap(is_isolated, Ordering::Relaxed) == is_isolated {
            return;
        }
        if is_isolated {
            tracing::warn!(
                "this node hears from no other node of guard.nodes, so it may accept sessions that were ended elsewhere \
                 (session.isolated = \"serve\") or refuses all (\"deny\"): look at the network between the nodes, their secrets and their \
                 clocks"
            );
        } else {
            tracing::info!("this node hears from others of guard.nodes again");
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_hears_from_nobody_is_isolated_after_its_patience_and_at_once_after_its_start() {
        let company = Company::new(Duration::from_secs(15));
        advance(Duration::from_secs(20)).await;
        assert!(!company.is_isolated() && !company.has_started(), "it is asked nothing before");
        company.start();
        assert!(company.is_isolated(), "nobody was heard of");
        company.hear();
        advance(Duration::from_secs(15)).await;
        assert!(!company.is_isolated());
        advance(Duration::from_millis(2)).await;
        assert!(company.is_isolated());
        company.hear();
        assert!(!company.is_isolated());
    }
}
