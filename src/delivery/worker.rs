//! Messages on their way: a task for each, which tries until it is sent, until it never will be, or until its challenge
//! ends.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, oneshot, watch},
    time::sleep,
};
use tracing::{error, warn};

use super::{
    Composer, DeliveryFailed, Dispatch, Fate,
    carrier::{Outgoing, SendError},
    metrics::{self, Outcome},
    room::HeldSlot,
    transport::Transport,
};
use crate::{recipient::Channel, time::Clock};

/// The longest wait between two tries, in seconds.
const MAX_WAIT: u64 = 60;

/// One message to write and send.
pub(super) struct Job {
    pub dispatch: Dispatch,
    pub slot: HeldSlot,
    /// Inline: who waits. There is one try then.
    pub waiting: Option<oneshot::Sender<Result<(), DeliveryFailed>>>,
}

/// What writes and sends.
pub(super) struct Worker {
    pub composer: Arc<Composer>,
    /// `None` where messages are discarded: then no job comes.
    pub email: Option<Transport>,
    pub sms: Option<Transport>,
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
        let Some(transport) = self.transport(channel) else { return };
        metrics::on_their_way(slot.0.taken());
        let outcome = match (self.write(transport, &dispatch), &mut waiting) {
            (Ok(outgoing), Some(waiting)) => tokio::select! {
                biased;
                outcome = send_once(transport, &dispatch, &outgoing) => outcome,
                // Nobody would hold the envelope that its code belongs to.
                () = waiting.closed() => failed(&dispatch, Some(&outgoing), "nobody waits for it any more"),
            },
            (Ok(outgoing), None) => self.send(transport, &dispatch, &outgoing).await,
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
    fn write(&self, transport: &Transport, dispatch: &Dispatch) -> Result<Outgoing, String> {
        let now = (self.clock)();
        let message = self.composer.compose(dispatch, now, &mut rand::rng()).map_err(|error| error.kind().to_string())?;
        transport.carrier().format(&message, now).map_err(|error| error.reason().to_owned())
    }

    /// Tries after 1, 2, 4 … seconds.
    async fn send(&self, transport: &Transport, dispatch: &Dispatch, outgoing: &Outgoing) -> Outcome {
        let dropped = dispatch.fate == Fate::Drop;
        let expires_at = dispatch.challenge.challenge().expires_at;
        let mut ending = self.ending.clone();
        let mut hurried = false;
        let mut waits = waits();
        let mut again = false;
        loop {
            let turn = transport.turn(again).await;
            if (self.clock)() >= expires_at {
                return failed(dispatch, Some(outgoing), "its challenge has ended");
            }
            let tried = if dropped { transport.imitate(&turn, outgoing).await } else { transport.send(&turn, outgoing).await };
            drop(turn);
            let (reason, retry_after) = match tried {
                Ok(()) if dropped => return Outcome::Dropped,
                Ok(()) => return Outcome::Sent,
                Err(_) if dropped && *ending.borrow() => return Outcome::Dropped,
                Err(SendError::Final(reason)) => return failed(dispatch, Some(outgoing), &reason),
                Err(SendError::Temporary { reason, retry_after }) => (reason, retry_after),
            };
            again = true;
            let wait = waits.next().unwrap_or(MAX_WAIT).max(retry_after.map_or(0, |least| least.as_secs()));
            if !dropped {
                metrics::count(dispatch.challenge.challenge().channel, Outcome::Retried);
                warn!(id = %outgoing.id, reason, again_in = wait, "a message wasn't sent");
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

    const fn transport(&self, channel: Channel) -> Option<&Transport> {
        match channel {
            Channel::Email => self.email.as_ref(),
            Channel::Mobile => self.sms.as_ref(),
        }
    }
}

/// Inline: one try. Whoever can't log in is answered at once; the mode's documentation says what that gives away.
async fn send_once(transport: &Transport, dispatch: &Dispatch, outgoing: &Outgoing) -> Outcome {
    if dispatch.fate == Fate::Drop {
        return Outcome::Dropped;
    }
    match transport.send(&transport.turn(false).await, outgoing).await {
        Ok(()) => Outcome::Sent,
        Err(error) => failed(dispatch, Some(outgoing), error.reason()),
    }
}

/// A message that won't leave; one that wouldn't have left anyway is only dropped.
fn failed(dispatch: &Dispatch, outgoing: Option<&Outgoing>, reason: &str) -> Outcome {
    if dispatch.fate == Fate::Drop {
        return Outcome::Dropped;
    }
    let channel = dispatch.challenge.challenge().channel.as_str();
    error!(id = outgoing.map_or("", |outgoing| outgoing.id.as_str()), channel, reason, "a message can't be sent");
    Outcome::Failed
}

/// 1, 2, 4 … 60, 60 …
fn waits() -> impl Iterator<Item = u64> {
    std::iter::successors(Some(1), |wait| Some((wait * 2).min(MAX_WAIT)))
}
