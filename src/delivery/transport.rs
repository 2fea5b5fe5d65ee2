//! One channel's way out: a carrier, how many tries run at once, and how a dropped message passes for a sent one.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Duration, Instant, sleep},
};

use super::carrier::{Carrier, Outgoing, SendError};

/// How many tries of one channel run at once; second and later ones get at most half of that, so that they never keep
/// new messages waiting.
const TRIES: usize = 16;
/// For how long a failure counts as the carrier's state: as long as it takes to try again.
const FAILURE_STANDS: Duration = Duration::from_secs(60);

/// One channel's way out.
#[derive(Debug)]
pub(super) struct Transport {
    carrier: Box<dyn Carrier>,
    tries: Semaphore,
    retries: Semaphore,
    last: Mutex<Last>,
}

/// A place among the tries that run at once.
pub(super) struct Turn<'a> {
    _try: SemaphorePermit<'a>,
    _retry: Option<SemaphorePermit<'a>>,
}

/// How the last real try went.
#[derive(Debug)]
struct Last {
    ended: Instant,
    took: Duration,
    result: Result<(), SendError>,
}

impl Transport {
    pub(super) fn new(carrier: Box<dyn Carrier>) -> Self {
        let last = Last { ended: Instant::now(), took: Duration::ZERO, result: Ok(()) };
        Self { carrier, tries: Semaphore::new(TRIES), retries: Semaphore::new(TRIES / 2), last: Mutex::new(last) }
    }

    /// Whose messages it carries.
    pub(super) fn carrier(&self) -> &dyn Carrier {
        &*self.carrier
    }

    /// Waits for a place.
    pub(super) async fn turn(&self, again: bool) -> Turn<'_> {
        let retry = if again { Some(self.retries.acquire().await.expect("nobody closes it")) } else { None };
        Turn { _retry: retry, _try: self.tries.acquire().await.expect("nobody closes it") }
    }

    /// Tries to send.
    pub(super) async fn send(&self, _: &Turn<'_>, outgoing: &Outgoing) -> Result<(), SendError> {
        let begun = Instant::now();
        let result = self.carrier.send(outgoing).await;
        *self.last() = Last { ended: Instant::now(), took: begun.elapsed(), result: result.clone() };
        result
    }

    /// Goes as the last real try went: a message that is dropped takes as long, and holds its slot as long, as one that
    /// is sent, so that a full queue tells nobody which recipients exist.
    pub(super) async fn imitate(&self, _: &Turn<'_>, outgoing: &Outgoing) -> Result<(), SendError> {
        if let Some(rehearsal) = self.carrier.rehearse(outgoing) {
            return rehearsal.await;
        }
        let (took, result) = {
            let last = self.last();
            let stands = last.ended.elapsed() < FAILURE_STANDS;
            (last.took, if stands { last.result.clone() } else { Ok(()) })
        };
        if took > Duration::ZERO {
            sleep(took).await;
        }
        result
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
