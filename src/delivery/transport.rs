//! One channel's way out: a carrier, the tries that run at once, and how a dropped message passes for a sent one.

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::{Mutex, PoisonError},
};

use tokio::{
    sync::Semaphore,
    time::{Duration, sleep},
};

use super::{
    carrier::{Carrier, Outgoing, SendError},
    gate::{Gate, Ticket, Turn},
};
use crate::seldom::Seldom;

/// Lines a minute about messages that weren't sent for now, and about those that never will be.
const RETRIED_LINES: u32 = 5;
const FAILED_LINES: u32 = 20;

/// One channel's way out.
#[derive(Debug)]
pub(super) struct Transport {
    carrier: Box<dyn Carrier>,
    gate: Gate,
    destinations: RandomState,
    rehearsals: Semaphore,
    /// How long the last message took from the request to the end of its first try.
    usual: Mutex<Duration>,
    /// Lines about messages that weren't sent for now.
    pub(super) retried: Seldom,
    /// Lines about messages that never will be.
    pub(super) failed: Seldom,
}

impl Transport {
    /// With at most so many tries at once.
    pub(super) fn new(carrier: Box<dyn Carrier>, most: usize) -> Self {
        Self {
            carrier,
            gate: Gate::new(most),
            destinations: RandomState::new(),
            rehearsals: Semaphore::new(most),
            usual: Mutex::new(Duration::ZERO),
            retried: Seldom::new(RETRIED_LINES),
            failed: Seldom::new(FAILED_LINES),
        }
    }

    /// What carries its messages.
    pub(super) fn carrier(&self) -> &dyn Carrier {
        &*self.carrier
    }

    /// A place in the line: behind all others, for a first try or for another one.
    pub(super) fn ticket(&self, outgoing: &Outgoing, again: bool) -> Ticket {
        let domain = outgoing.to.rsplit_once('@').map(|(_, domain)| domain.to_ascii_lowercase());
        self.gate.ticket(domain.map(|domain| self.destinations.hash_one(domain)), again)
    }

    /// Waits for a turn.
    pub(super) async fn enter(&self, ticket: Ticket) -> Turn<'_> {
        self.gate.enter(ticket).await
    }

    /// Tries to send.
    pub(super) async fn send(&self, turn: &Turn<'_>, outgoing: &Outgoing) -> Result<(), SendError> {
        let result = self.carrier.send(outgoing).await;
        if result.is_ok() {
            turn.went_well();
        }
        result
    }

    /// A first try has ended, so long after the request.
    pub(super) fn took(&self, time: Duration) {
        *self.usual.lock().unwrap_or_else(PoisonError::into_inner) = time;
    }

    /// Takes as long as a message usually does: one that is dropped holds its slot like one that is sent, so that a full queue
    /// tells nobody which recipients exist. No real one waits for it.
    pub(super) async fn imitate(&self, outgoing: &Outgoing) {
        if let Some(rehearsal) = self.carrier.rehearse(outgoing) {
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
