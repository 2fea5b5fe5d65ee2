//! The outbox of the server.

use std::{fmt, sync::Arc, time::Duration};

use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot, watch},
};

use super::{
    Composer, DeliveryFailed, Dispatch, Outbox, Transport,
    lane::Lane,
    queue::{HeldSlot, Job, Slots, Worker},
};
use crate::{config::delivery::Mode, guard::Unavailable, recipient::Channel, time::Clock};

/// Seconds after which it makes sense to ask again when the queue was full.
const RETRY_AFTER: u32 = 5;

/// What an outbox is made of.
pub struct Settings {
    /// Whether a request waits for its message.
    pub mode: Mode,
    /// How many messages may be on their way; a request that finds no room is refused.
    pub queue_length: usize,
    /// Writes messages.
    pub composer: Composer,
    /// Carries e-mail.
    pub email: Transport,
    /// Carries SMS.
    pub sms: Transport,
    /// Tells the time.
    pub clock: Clock,
}

/// The outbox of the server: one for all its workers, who clone it.
///
/// A request leaves the challenge here and no more; a message is written and sent by tasks of another runtime. Where a
/// transport discards everything, nothing is left and nothing written.
#[derive(Clone)]
pub struct Post(Arc<Inner>);

struct Inner {
    mode: Mode,
    discards_email: bool,
    discards_sms: bool,
    slots: Arc<Slots>,
    jobs: mpsc::UnboundedSender<Job>,
    ending: watch::Sender<bool>,
}

/// Room for one message, given back when it is dropped.
#[derive(Debug)]
pub struct Slot(Option<HeldSlot>);

impl Post {
    /// Starts to deliver on `background`, a runtime that lives until [`Post::drain`] has returned.
    #[must_use]
    pub fn start(settings: Settings, background: &Handle) -> Self {
        let Settings { mode, queue_length, composer, email, sms, clock } = settings;
        let (discards_email, discards_sms) = (email.discards(), sms.discards());
        // The slots bound the channel.
        let (jobs, received) = mpsc::unbounded_channel();
        let (ending, ended) = watch::channel(false);
        let worker = Worker { composer, email: Lane::new(email), mobile: Lane::new(sms), clock, ending: ended };
        background.spawn(worker.run(received));
        Self(Arc::new(Inner { mode, discards_email, discards_sms, slots: Slots::new(queue_length), jobs, ending }))
    }

    /// Waits until every message has left, for at most `at_most`, and returns how many haven't. What waits for its next
    /// try is tried at once. To be called when no request is in flight any more.
    pub async fn drain(&self, at_most: Duration) -> usize {
        self.0.ending.send_replace(true);
        let _ = tokio::time::timeout(at_most, self.0.slots.all_free()).await;
        let left = self.0.slots.taken();
        if left > 0 {
            tracing::error!(messages = left, "messages were not sent before the end");
        }
        left
    }
}

impl Outbox for Post {
    type Slot = Slot;

    fn reserve(&self, channel: Channel) -> Result<Slot, Unavailable> {
        let discards = match channel {
            Channel::Email => self.0.discards_email,
            Channel::Mobile => self.0.discards_sms,
        };
        if discards {
            return Ok(Slot(None));
        }
        let slot = self.0.slots.take().ok_or(Unavailable::for_seconds(RETRY_AFTER))?;
        Ok(Slot(Some(slot)))
    }

    async fn post(&self, slot: Slot, dispatch: Dispatch) -> Result<(), DeliveryFailed> {
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
            Some(result) => result.await.unwrap_or(Err(DeliveryFailed)),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("mode", &self.mode).field("queue_length", &self.queue_length).finish_non_exhaustive()
    }
}

impl fmt::Debug for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Post").field("mode", &self.0.mode).field("slots", &self.0.slots).finish_non_exhaustive()
    }
}
