//! The message queue: the outbox of the server.

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;

use std::{fmt, sync::Arc, time::Duration};

use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot, watch},
};
use tracing::info;

use super::{
    Composer, DeliveryFailed, Dispatch, NoRoom, Outbox, SlotRequest, Templates,
    carrier::Carrier,
    metrics,
    room::{HeldSlot, Room},
    transport::Transport,
    worker::{Job, Worker},
};
use crate::{events::Events, outbound::deadline, recipient::Channel, time::Clock};

/// When messages leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// After the answer, with retries until the challenge ends.
    Queued,
    /// Before the answer, with one try; tells known from unknown recipients.
    Inline,
}

/// What a queue is made of.
#[non_exhaustive]
pub struct QueueSettings {
    /// Whether a request waits for its message; by default not.
    pub mode: Mode,
    /// How many messages may wait for their first try, by default 10,000; a request that finds no room is refused. What waits
    /// to be tried again has half as much besides.
    pub length: usize,
    /// How many tries of one carrier run at once, by default 16; fewer where a server or provider asks for that.
    pub max_connections: usize,
    /// Writes messages.
    pub composer: Composer,
    /// What carries e-mail, in the order in which it is asked; nothing, the default: it is discarded, and not even written.
    pub email: Vec<Box<dyn Carrier>>,
    /// What carries SMS, in the order in which it is asked; nothing, the default: they are discarded, and not even written.
    pub sms: Vec<Box<dyn Carrier>>,
    /// Told what becomes of each message; by default nobody is.
    pub events: Events,
    /// Tells the time.
    pub clock: Clock,
}

/// The message queue of a server: one for all its threads, who clone it.
///
/// A request leaves the challenge here and no more; a message is written and sent by tasks of another runtime.
#[derive(Clone)]
pub struct Queue(Arc<Inner>);

struct Inner {
    mode: Mode,
    discards_email: bool,
    discards_sms: bool,
    room: Arc<Room>,
    composer: Arc<Composer>,
    jobs: mpsc::UnboundedSender<Job>,
    ending: watch::Sender<bool>,
}

/// Room for one message, given back when it is dropped.
#[derive(Debug)]
pub struct Slot(Option<HeldSlot>);

impl QueueSettings {
    /// Of a queue that discards everything until it is given carriers.
    #[must_use]
    pub fn new(composer: Composer, clock: Clock) -> Self {
        let (email, sms, events) = (Vec::new(), Vec::new(), Events::default());
        Self { mode: Mode::Queued, length: 10_000, max_connections: 16, composer, email, sms, events, clock }
    }
}

impl Queue {
    /// Starts to deliver on `background`, a runtime that lives until [`Queue::drain`] has returned.
    #[must_use]
    pub fn start(settings: QueueSettings, background: &Handle) -> Self {
        let QueueSettings { mode, length, max_connections, composer, email, sms, events, clock } = settings;
        let composer = Arc::new(composer);
        let (discards_email, discards_sms) = (email.is_empty(), sms.is_empty());
        // The slots bound the channel.
        let (jobs, received) = mpsc::unbounded_channel();
        let (ending, ended) = watch::channel(false);
        metrics::describe(length);
        let worker = Worker {
            composer: Arc::clone(&composer),
            email: Transport::new(Channel::Email, email, max_connections),
            sms: Transport::new(Channel::Mobile, sms, max_connections),
            events,
            clock,
            ending: ended,
        };
        background.spawn(worker.run(received));
        Self(Arc::new(Inner { mode, discards_email, discards_sms, room: Room::new(length), composer, jobs, ending }))
    }

    /// Writes with other templates from the next message on.
    pub fn use_templates(&self, templates: Arc<Templates>) {
        self.0.composer.use_templates(templates);
    }

    /// Waits until every message has left, for at most `at_most`, and returns how many haven't. What waits for its next
    /// try is tried at once. To be called when no request is in flight any more.
    pub async fn drain(&self, at_most: Duration) -> usize {
        self.0.ending.send_replace(true);
        let waiting = self.0.room.lengths().total();
        if waiting > 0 {
            let seconds = at_most.as_secs();
            info!(waiting, seconds, "messages are still on their way: they are delivered before the end, for at most so long");
        }
        let _ = tokio::time::timeout(at_most, self.0.room.all_free()).await;
        self.0.room.lengths().total()
    }
}

impl Outbox for Queue {
    type Slot = Slot;

    fn reserve(&self, request: &SlotRequest) -> Result<Slot, NoRoom> {
        let discards = match request.channel {
            Channel::Email => self.0.discards_email,
            Channel::Mobile => self.0.discards_sms,
        };
        if discards {
            return Ok(Slot(None));
        }
        Ok(Slot(Some(self.0.room.take(request)?)))
    }

    fn is_crowded(&self) -> bool {
        self.0.room.is_crowded()
    }

    async fn send(&self, slot: Slot, dispatch: Dispatch) -> Result<(), DeliveryFailed> {
        let Slot(Some(slot)) = slot else { return Ok(()) };
        let (waiting, result) = match self.0.mode {
            Mode::Queued => (None, None),
            Mode::Inline => {
                let (waiting, result) = oneshot::channel();
                (Some(waiting), Some(result))
            }
        };
        self.0.jobs.send(Job { dispatch, slot, waiting }).map_err(|_| DeliveryFailed)?;
        match result {
            // Where nobody can wait any longer, the try is given up.
            Some(result) => deadline::in_time(result).await.unwrap_or(Ok(Err(DeliveryFailed))).unwrap_or(Err(DeliveryFailed)),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for QueueSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueSettings").field("mode", &self.mode).field("length", &self.length).finish_non_exhaustive()
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("mode", &self.0.mode).field("lengths", &self.0.room.lengths()).finish_non_exhaustive()
    }
}
