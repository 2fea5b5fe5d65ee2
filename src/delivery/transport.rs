//! One channel's way out: its carriers in the order in which they are asked, and how a dropped message passes for a sent
//! one.

use std::sync::{Mutex, PoisonError};

use tokio::{
    sync::{Notify, Semaphore},
    time::{Duration, sleep},
};

use super::{
    carrier::{Carrier, Outgoing},
    route::Route,
};
use crate::{recipient::Channel, seldom::Seldom};

/// Lines a minute about messages that weren't sent for now, and about those that never will be.
const RETRIED_LINES: u32 = 5;
const FAILED_LINES: u32 = 20;

/// One channel's way out.
#[derive(Debug)]
pub(super) struct Transport {
    /// One at least.
    routes: Vec<Route>,
    rehearsals: Semaphore,
    /// How long the last message took from the request until each carrier had been asked, or one had taken it.
    usual: Mutex<Duration>,
    /// Tells those who wait that a carrier works again.
    pub(super) recovered: Notify,
    /// Lines about messages that weren't sent for now.
    pub(super) retried: Seldom,
    /// Lines about messages that never will be.
    pub(super) failed: Seldom,
}

impl Transport {
    /// With at most so many tries of each carrier at once. `None` without carriers.
    pub(super) fn new(channel: Channel, carriers: Vec<Box<dyn Carrier>>, most: usize) -> Option<Self> {
        let route = |(place, carrier)| Route::new(channel, place, carrier, most);
        let routes: Vec<_> = carriers.into_iter().enumerate().map(route).collect();
        (!routes.is_empty()).then(|| Self {
            routes,
            rehearsals: Semaphore::new(most),
            usual: Mutex::new(Duration::ZERO),
            recovered: Notify::new(),
            retried: Seldom::new(RETRIED_LINES),
            failed: Seldom::new(FAILED_LINES),
        })
    }

    /// Its carriers, the first first.
    pub(super) fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// The carrier that is asked first.
    pub(super) fn first(&self) -> &Route {
        &self.routes[0]
    }

    /// A message has left or has to wait, so long after the request.
    pub(super) fn took(&self, time: Duration) {
        *self.usual.lock().unwrap_or_else(PoisonError::into_inner) = time;
    }

    /// Takes as long as a message usually does: one that is dropped holds its slot like one that is sent, so that a full queue
    /// tells nobody which recipients exist. No real one waits for it.
    pub(super) async fn imitate(&self, outgoing: &Outgoing) {
        if let Some(rehearsal) = self.first().carrier().rehearse(outgoing) {
            let _permit = self.rehearsals.acquire().await;
            // What fails for a real one is in the log already.
            let _ = rehearsal.await;
            return;
        }
        let usual = *self.usual.lock().unwrap_or_else(PoisonError::into_inner);
        if usual > Duration::ZERO {
            sleep(usual).await;
        }
    }
}
