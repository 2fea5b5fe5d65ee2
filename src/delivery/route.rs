//! One carrier in use: the tries that run at once, its circuit breaker, and what is counted about it.

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::time::Instant;
use tracing::{info, warn};

use super::{
    breaker::{Blame, Breaker, Leave, Need, Standing},
    carrier::{Carrier, Outgoing, SendError},
    gate::{Gate, Ticket, Turn},
    metrics::{Outcome, RouteMetrics},
};
use crate::recipient::Channel;

/// One carrier in use.
#[derive(Debug)]
pub(super) struct Route {
    /// What metrics and the log call it: `smtp`, or `smtp_2` in the second place.
    name: Box<str>,
    carrier: Box<dyn Carrier>,
    gate: Gate,
    breaker: Mutex<Breaker>,
    destinations: RandomState,
    recoveries: AtomicU64,
    metrics: RouteMetrics,
}

/// How a try went.
#[derive(Debug)]
pub(super) enum Tried {
    /// It left.
    Sent {
        /// Whether this ended an outage.
        recovered: bool,
    },
    /// The other side takes no more at once: it makes sense to wait for the next free place.
    WaitForPlace,
    /// It didn't leave.
    Failed(SendError),
    /// It wasn't tried: the carrier is left alone until then.
    NotAsked(Instant),
}

/// A try that began, for as long as nothing is known of it.
struct Trial<'r> {
    route: &'r Route,
    leave: Leave,
    is_judged: bool,
}

/// What a try says of its carrier.
enum Verdict {
    Works,
    Fails(Blame),
    /// Nothing.
    Nothing,
}

impl Route {
    /// The carrier in this place of its channel, with at most so many tries at once.
    pub(super) fn new(channel: Channel, place: usize, carrier: Box<dyn Carrier>, most: usize) -> Self {
        let name = match place {
            0 => carrier.name().into(),
            place => format!("{}_{}", carrier.name(), place + 1).into_boxed_str(),
        };
        let metrics = RouteMetrics::new(channel, &name);
        Self {
            name,
            carrier,
            gate: Gate::new(most),
            breaker: Mutex::new(Breaker::new()),
            destinations: RandomState::new(),
            recoveries: AtomicU64::new(0),
            metrics,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn carrier(&self) -> &dyn Carrier {
        &*self.carrier
    }

    pub(super) fn count(&self, outcome: Outcome) {
        self.metrics.count(outcome);
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

    /// Whether it could be asked now; else when it makes sense to look again.
    pub(super) fn would_be_asked(&self, need: Need) -> Result<(), Instant> {
        self.breaker().would_admit(need, Instant::now())
    }

    /// How often it has begun to work again.
    pub(super) fn recoveries(&self) -> u64 {
        self.recoveries.load(Ordering::Relaxed)
    }

    /// Tries to send.
    pub(super) async fn send(&self, turn: &Turn<'_>, outgoing: &Outgoing, need: Need) -> Tried {
        let trial = match self.begin(need) {
            Ok(trial) => trial,
            Err(again) => return Tried::NotAsked(again),
        };
        let error = match self.carrier.send(outgoing).await {
            Ok(()) => {
                turn.went_well();
                return Tried::Sent { recovered: trial.judge(&Verdict::Works) };
            }
            Err(error) => error,
        };
        let verdict = match &error {
            SendError::Final(_) | SendError::Temporary { .. } => Verdict::Works,
            SendError::Refused(_) => Verdict::Nothing,
            SendError::Down { .. } => Verdict::Fails(Blame::Carrier),
            SendError::NoAnswer { .. } => Verdict::Fails(Blame::Unclear),
            SendError::Busy { retry_after, .. } => match (turn.was_too_many(), retry_after) {
                (true, None) => {
                    trial.judge(&Verdict::Nothing);
                    return Tried::WaitForPlace;
                }
                (true, Some(_)) => Verdict::Nothing,
                // Too many, and nobody else was there.
                (false, _) => Verdict::Fails(Blame::Unclear),
            },
        };
        trial.judge(&verdict);
        Tried::Failed(error)
    }

    fn begin(&self, need: Need) -> Result<Trial<'_>, Instant> {
        let mut breaker = self.breaker();
        let leave = breaker.admit(need, Instant::now())?;
        self.metrics.breaker(breaker.standing());
        drop(breaker);
        Ok(Trial { route: self, leave, is_judged: false })
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Trial<'_> {
    /// Whether an outage ended.
    fn judge(mut self, verdict: &Verdict) -> bool {
        self.is_judged = true;
        self.tell(verdict)
    }

    fn tell(&self, verdict: &Verdict) -> bool {
        let (mut breaker, now) = (self.route.breaker(), Instant::now());
        let was_open = breaker.standing() == Standing::Open;
        let recovered = match verdict {
            Verdict::Works => breaker.worked(),
            Verdict::Fails(blame) => {
                breaker.failed(self.leave, *blame, now);
                false
            }
            Verdict::Nothing => {
                breaker.undecided(self.leave, now);
                false
            }
        };
        let standing = breaker.standing();
        drop(breaker);
        self.route.metrics.breaker(standing);
        if standing == Standing::Open && !was_open {
            warn!(adapter = self.route.name(), "failed again and again: it is left alone for a while, then probed");
        } else if recovered {
            self.route.recoveries.fetch_add(1, Ordering::Relaxed);
            info!(adapter = self.route.name(), "works again");
        }
        recovered
    }
}

impl Drop for Trial<'_> {
    fn drop(&mut self) {
        if !self.is_judged {
            self.tell(&Verdict::Nothing);
        }
    }
}
