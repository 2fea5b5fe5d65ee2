//! The outbox of the server.

use std::{fmt, time::Duration};

use tokio::runtime::Handle;

use super::{Composer, DeliveryFailed, Dispatch, Outbox, Transport};
use crate::{config::delivery::Mode, guard::Unavailable, recipient::Channel, time::Clock};

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
#[derive(Clone, Debug)]
pub struct Post {}

/// Room for one message.
#[derive(Debug)]
pub struct Slot {}

impl Post {
    /// Starts to deliver on `background`, a runtime that lives until [`Post::drain`] has returned.
    #[must_use]
    pub fn start(settings: Settings, background: &Handle) -> Self {
        let _ = (settings, background);
        todo!()
    }

    /// Waits until every message has left, for at most `at_most`, and returns how many haven't. To be called when no
    /// request is in flight any more.
    pub async fn drain(&self, at_most: Duration) -> usize {
        let _ = at_most;
        todo!()
    }
}

impl Outbox for Post {
    type Slot = Slot;

    fn reserve(&self, channel: Channel) -> Result<Slot, Unavailable> {
        let _ = channel;
        todo!()
    }

    async fn post(&self, slot: Slot, dispatch: Dispatch) -> Result<(), DeliveryFailed> {
        let _ = (slot, dispatch);
        todo!()
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("mode", &self.mode).field("queue_length", &self.queue_length).finish_non_exhaustive()
    }
}
