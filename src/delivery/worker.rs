//! Messages on their way: a task for each, which tries until it is sent, until it never will be, or until its challenge
//! ends.

use std::{future::pending, sync::Arc, time::Duration};

use rand::RngExt as _;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep},
};
use tracing::{error, warn};

use super::{
    Composer, DeliveryFailed, Dispatch, Fate,
    carrier::{Outgoing, SendError},
    metrics::{self, Outcome},
    room::{Deferred, HeldSlot},
    transport::Transport,
};
use crate::{
    events::{Events, Kind, Subject},
    recipient::Channel,
    time::Clock,
};

/// The longest wait between two tries, in seconds, and the longest while the process wants to end.
const MAX_WAIT: u64 = 60;
const MAX_WAIT_AT_THE_END: u64 = 5;

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
    pub events: Events,
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
        let Job { dispatch, slot, waiting } = job;
        let channel = dispatch.challenge.challenge().channel;
        let Some(transport) = self.transport(channel) else { return };
        let room = Arc::clone(slot.room());
        metrics::on_their_way(room.lengths());
        let message = Written { dispatch: &dispatch, transport, outgoing: self.write(transport, &dispatch) };
        let outcome = match (waiting, dispatch.fate) {
            (None, Fate::Send) => self.send(message, slot).await,
            (None, Fate::Drop) => self.imitate(message, slot).await,
            (Some(waiting), _) => self.send_once(message, slot, waiting).await,
        };
        metrics::count(channel, outcome);
        metrics::on_their_way(room.lengths());
        self.tell(&dispatch, outcome);
    }

    /// Tells of a message that has left, or never will. Of one that is dropped there is nothing to tell.
    fn tell(&self, dispatch: &Dispatch, outcome: Outcome) {
        let (kind, reason) = match outcome {
            Outcome::Sent => (Kind::DeliverySucceeded, None),
            Outcome::Failed => (Kind::DeliveryFailed, Some("delivery_failed")),
            Outcome::Retried | Outcome::Dropped => return,
        };
        let challenge = dispatch.challenge.challenge();
        self.events.emit(kind, (self.clock)(), |event| {
            event.channel = Some(challenge.channel);
            event.challenge = Some(challenge.id);
            event.subject = Some(Subject::Found(dispatch.found.clone()));
            event.reason = reason;
        });
    }

    /// Everything that is the same for those who get the message and those who don't.
    fn write(&self, transport: &Transport, dispatch: &Dispatch) -> Result<Outgoing, String> {
        let now = (self.clock)();
        let message = self.composer.compose(dispatch, now, &mut rand::rng()).map_err(|error| error.kind().to_string())?;
        transport.carrier().format(&message, now).map_err(|error| error.reason().to_owned())
    }

    /// Tries after 1, 2, 4 … seconds. The slot is held for the first try; then the message is deferred.
    async fn send(&self, message: Written<'_>, slot: HeldSlot) -> Outcome {
        let (transport, begun) = (message.transport, Instant::now());
        let outgoing = match &message.outgoing {
            Ok(outgoing) => outgoing,
            Err(reason) => return self.failed(&message, reason),
        };
        let expires_at = message.dispatch.challenge.challenge().expires_at;
        let (mut slot, mut deferred) = (Some(slot), None);
        let mut ticket = transport.ticket(outgoing, false);
        let mut ending = self.ending.clone();
        let mut waits = Waits::new(MAX_WAIT);
        loop {
            let turn = tokio::select! {
                turn = transport.enter(ticket) => turn,
                () = displaced(deferred.as_mut()) => return self.failed(&message, "later ones needed its room"),
            };
            if (self.clock)() >= expires_at {
                return self.failed(&message, "its challenge has ended");
            }
            let tried = transport.send(&turn, outgoing).await;
            if slot.is_some() {
                transport.took(begun.elapsed());
            }
            let (reason, retry_after) = match tried {
                Ok(()) => return Outcome::Sent,
                Err(SendError::Final(reason)) => return self.failed(&message, &reason),
                Err(SendError::Busy { retry_after, .. }) if turn.was_too_many() && retry_after.is_none() => continue,
                Err(SendError::Temporary { reason, retry_after } | SendError::Busy { reason, retry_after }) => {
                    (reason, retry_after)
                }
            };
            drop(turn);
            let wait = waits.next().max(retry_after.unwrap_or_default());
            self.retried(&message, outgoing, &reason, wait);
            if let Some(slot) = slot.take() {
                let room = Arc::clone(slot.room());
                deferred = Some(slot.defer());
                metrics::on_their_way(room.lengths());
            }
            ticket = transport.ticket(outgoing, true);
            tokio::select! {
                () = sleep(wait) => {}
                // What waits longer than the end of the process can wait would never leave.
                _ = ending.wait_for(|ending| *ending), if waits.longest == MAX_WAIT => waits = Waits::new(MAX_WAIT_AT_THE_END),
                () = displaced(deferred.as_mut()) => return self.failed(&message, "later ones needed its room"),
            }
        }
    }

    /// Nobody waits for the end of a message that doesn't leave.
    async fn imitate(&self, message: Written<'_>, slot: HeldSlot) -> Outcome {
        let mut ending = self.ending.clone();
        if let Ok(outgoing) = &message.outgoing {
            tokio::select! {
                () = message.transport.imitate(outgoing) => {}
                _ = ending.wait_for(|ending| *ending) => {}
            }
        }
        drop(slot);
        Outcome::Dropped
    }

    /// Inline: one try. Whoever can't log in is answered at once; the mode's documentation says what that gives away.
    async fn send_once(
        &self,
        message: Written<'_>,
        slot: HeldSlot,
        mut waiting: oneshot::Sender<Result<(), DeliveryFailed>>,
    ) -> Outcome {
        let outcome = match &message.outgoing {
            _ if message.dispatch.fate == Fate::Drop => Outcome::Dropped,
            Err(reason) => self.failed(&message, reason),
            Ok(outgoing) => {
                let transport = message.transport;
                let trying = async { transport.send(&transport.enter(transport.ticket(outgoing, false)).await, outgoing).await };
                tokio::select! {
                    biased;
                    tried = trying => match tried {
                        Ok(()) => Outcome::Sent,
                        Err(error) => self.failed(&message, error.reason()),
                    },
                    // Nobody would hold the envelope that its code belongs to.
                    () = waiting.closed() => self.failed(&message, "nobody waits for it any more"),
                }
            }
        };
        drop(slot);
        // Nobody waits any more if the client has gone.
        let _ = waiting.send(if outcome == Outcome::Failed { Err(DeliveryFailed) } else { Ok(()) });
        outcome
    }

    /// A try that failed for now.
    fn retried(&self, message: &Written<'_>, outgoing: &Outgoing, reason: &str, wait: Duration) {
        metrics::count(message.channel(), Outcome::Retried);
        if let Some(left_out) = message.transport.retried.due((self.clock)()) {
            let again_in = wait.as_secs_f32();
            warn!(id = %outgoing.id, reason, again_in, left_out, "a message wasn't sent");
        }
    }

    /// A message that won't leave.
    fn failed(&self, message: &Written<'_>, reason: &str) -> Outcome {
        if let Some(left_out) = message.transport.failed.due((self.clock)()) {
            let id = message.outgoing.as_ref().map_or("", |outgoing| outgoing.id.as_str());
            error!(id, channel = message.channel().as_str(), reason, left_out, "a message can't be sent");
        }
        Outcome::Failed
    }

    const fn transport(&self, channel: Channel) -> Option<&Transport> {
        match channel {
            Channel::Email => self.email.as_ref(),
            Channel::Mobile => self.sms.as_ref(),
        }
    }
}

/// A message in the form in which it leaves, or why it has none.
struct Written<'a> {
    dispatch: &'a Dispatch,
    transport: &'a Transport,
    outgoing: Result<Outgoing, String>,
}

impl Written<'_> {
    const fn channel(&self) -> Channel {
        self.dispatch.challenge.challenge().channel
    }
}

async fn displaced(deferred: Option<&mut Deferred>) {
    match deferred {
        Some(deferred) => deferred.displaced().await,
        None => pending().await,
    }
}

/// 1, 2, 4 … seconds, each up to a quarter less: what failed together doesn't come back together.
struct Waits {
    seconds: u64,
    longest: u64,
}

impl Waits {
    const fn new(longest: u64) -> Self {
        Self { seconds: 1, longest }
    }

    fn next(&mut self) -> Duration {
        let milliseconds = self.seconds * 1000;
        self.seconds = (self.seconds * 2).min(self.longest);
        Duration::from_millis(milliseconds - rand::rng().random_range(0..=milliseconds / 4))
    }
}
