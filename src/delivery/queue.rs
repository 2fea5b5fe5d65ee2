//! Messages on their way: a bounded number of slots, and a task for each message that tries until it is sent, until it
//! never will be, or until its challenge ends.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Notify, mpsc, oneshot, watch},
    time::sleep,
};
use tracing::{error, warn};

use super::{
    Composer, DeliveryFailed, Dispatch, Fate,
    lane::Lane,
    metrics::{self, Outcome},
    transport::{Parcel, SendError},
};
use crate::{recipient::Channel, time::Clock};

/// The longest wait between two tries, in seconds.
const MAX_WAIT: u64 = 60;

/// How many messages may be on their way, and how many are.
#[derive(Debug)]
pub(super) struct Slots {
    capacity: usize,
    taken: AtomicUsize,
    given_back: Notify,
}

/// Room for one message, until it is sent or dropped.
#[derive(Debug)]
pub(super) struct HeldSlot(Arc<Slots>);

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

/// One message to write and send.
pub(super) struct Job {
    pub dispatch: Dispatch,
    pub slot: HeldSlot,
    /// Inline: who waits. There is one try then.
    pub waiting: Option<oneshot::Sender<Result<(), DeliveryFailed>>>,
}

/// What writes and sends.
pub(super) struct Worker {
    pub composer: Composer,
    pub email: Lane,
    pub mobile: Lane,
    pub clock: Clock,
    /// Turns true when the process wants to end.
    pub ending: watch::Receiver<bool>,
}

impl Worker {
    /// Takes jobs for as long as there may be more.
    pub(super) async fn run(self, mut jobs: mpsc::UnboundedReceiver<Job>) {
        let worker = Arc::new(self);
        while let Some(job) = jobs.recv().await {
            tokio::spawn(Arc::clone(&worker).carry(job));
        }
    }

    async fn carry(self: Arc<Self>, job: Job) {
        let Job { dispatch, slot, mut waiting } = job;
        let channel = dispatch.challenge.challenge().channel;
        metrics::on_their_way(slot.0.taken());
        let outcome = match (self.write(&dispatch), &mut waiting) {
            (Ok(parcel), Some(waiting)) => tokio::select! {
                biased;
                outcome = self.send_once(&dispatch, &parcel) => outcome,
                // Nobody would hold the envelope that its code belongs to.
                () = waiting.closed() => failed(&dispatch, Some(&parcel), "nobody waits for it any more"),
            },
            (Ok(parcel), None) => self.send(&dispatch, &parcel).await,
            (Err(reason), _) => failed(&dispatch, None, &reason),
        };
        metrics::count(channel, outcome);
        let slots = Arc::clone(&slot.0);
        drop(slot);
        metrics::on_their_way(slots.taken());
        if let Some(waiting) = waiting {
            // Nobody waits any more if the client has gone.
            let _ = waiting.send(if outcome == Outcome::Failed { Err(DeliveryFailed) } else { Ok(()) });
        }
    }

    /// Everything that is the same for those who get the message and those who don't.
    fn write(&self, dispatch: &Dispatch) -> Result<Parcel, String> {
        let now = (self.clock)();
        let message = self.composer.compose(dispatch, now, &mut rand::rng()).map_err(|error| error.kind().to_string())?;
        match self.lane(dispatch).transport().format(&message, now) {
            Ok(parcel) => Ok(parcel),
            Err(SendError::Transient(reason) | SendError::Permanent(reason)) => Err(reason),
        }
    }

    /// Tries after 1, 2, 4 … seconds.
    async fn send(&self, dispatch: &Dispatch, parcel: &Parcel) -> Outcome {
        let lane = self.lane(dispatch);
        let dropped = dispatch.fate == Fate::Drop;
        let expires_at = dispatch.challenge.challenge().expires_at;
        let mut ending = self.ending.clone();
        let mut hurried = false;
        let mut waits = waits();
        let mut again = false;
        loop {
            let turn = lane.turn(again).await;
            if (self.clock)() >= expires_at {
                return failed(dispatch, Some(parcel), "its challenge has ended");
            }
            let tried = if dropped { lane.imitate(&turn, parcel).await } else { lane.send(&turn, parcel).await };
            drop(turn);
            let reason = match tried {
                Ok(()) if dropped => return Outcome::Dropped,
                Ok(()) => return Outcome::Sent,
                Err(_) if dropped && *ending.borrow() => return Outcome::Dropped,
                Err(SendError::Permanent(reason)) => return failed(dispatch, Some(parcel), &reason),
                Err(SendError::Transient(reason)) => reason,
            };
            again = true;
            let wait = waits.next().unwrap_or(MAX_WAIT);
            if !dropped {
                metrics::count(dispatch.challenge.challenge().channel, Outcome::Retried);
                warn!(id = %parcel.id(), reason, again_in = wait, "a message wasn't sent");
            }
            tokio::select! {
                () = sleep(Duration::from_secs(wait)) => {}
                // What waits longer than the end of the process can wait would never leave.
                _ = ending.wait_for(|ending| *ending), if !hurried => {
                    hurried = true;
                    waits = self::waits();
                }
            }
        }
    }

    /// Inline: one try. Whoever can't log in is answered at once; the mode's documentation says what that gives away.
    async fn send_once(&self, dispatch: &Dispatch, parcel: &Parcel) -> Outcome {
        if dispatch.fate == Fate::Drop {
            return Outcome::Dropped;
        }
        let lane = self.lane(dispatch);
        match lane.send(&lane.turn(false).await, parcel).await {
            Ok(()) => Outcome::Sent,
            Err(SendError::Transient(reason) | SendError::Permanent(reason)) => failed(dispatch, Some(parcel), &reason),
        }
    }

    const fn lane(&self, dispatch: &Dispatch) -> &Lane {
        match dispatch.challenge.challenge().channel {
            Channel::Email => &self.email,
            Channel::Mobile => &self.mobile,
        }
    }
}

/// A message that won't leave; one that wouldn't have left anyway is only dropped.
fn failed(dispatch: &Dispatch, parcel: Option<&Parcel>, reason: &str) -> Outcome {
    if dispatch.fate == Fate::Drop {
        return Outcome::Dropped;
    }
    let channel = dispatch.challenge.challenge().channel.as_str();
    error!(id = parcel.map_or("", |parcel| parcel.id().as_str()), channel, reason, "a message can't be sent");
    Outcome::Failed
}

/// 1, 2, 4 … 60, 60 …
fn waits() -> impl Iterator<Item = u64> {
    std::iter::successors(Some(1), |wait| Some((wait * 2).min(MAX_WAIT)))
}
