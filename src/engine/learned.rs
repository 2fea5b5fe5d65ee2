//! What the engine finds out about a request on its way, for whoever keeps a record of requests.

use core::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{challenge::VerifiedChallenge, directory::Found, guard::BreakerOpened};

/// What the engine has learnt of one request, whatever becomes of it. It is filled in by the engine, where a
/// [`Caller`](super::Caller) brings it.
#[derive(Default)]
pub struct Learned {
    state: Mutex<State>,
    /// Whether nobody wants to know whom it is about.
    is_brief: bool,
}

#[derive(Clone, Default)]
struct State {
    challenge: Option<VerifiedChallenge>,
    found: Option<Found>,
    opened: Option<BreakerOpened>,
}

impl Learned {
    /// Nothing yet.
    #[must_use]
    pub fn nothing() -> Self {
        Self::default()
    }

    /// Nothing yet, and never more than what the operator has to know.
    #[must_use]
    pub fn brief() -> Self {
        Self { is_brief: true, ..Self::default() }
    }

    /// The challenge that it is about, and whose; `None` where nothing authentic was presented.
    #[must_use]
    pub fn challenge(&self) -> Option<VerifiedChallenge> {
        self.state().challenge.clone()
    }

    /// Whom the directory knows by its recipient; `None` where it wasn't asked, or gave no answer.
    #[must_use]
    pub fn found(&self) -> Option<Found> {
        self.state().found.clone()
    }

    /// A breaker that opened, if one did.
    #[must_use]
    pub fn opened(&self) -> Option<BreakerOpened> {
        self.state().opened.clone()
    }

    pub(super) fn note_challenge(&self, challenge: &VerifiedChallenge) {
        if !self.is_brief {
            self.state().challenge = Some(challenge.clone());
        }
    }

    pub(super) fn note_found(&self, found: &Found) {
        if !self.is_brief {
            self.state().found = Some(found.clone());
        }
    }

    pub(super) fn note_opened(&self, opened: &BreakerOpened) {
        self.state().opened = Some(opened.clone());
    }

    /// A thread that panicked left nothing half-done behind.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Learned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Learned(…)")
    }
}
