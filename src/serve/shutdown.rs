//! The end: what is in flight is answered, then the queue is delivered, in at most [`PATIENCE`].

use std::{io, time::Duration};

use rustix::process::Signal as Number;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::{Instant, sleep},
};

use crate::{delivery::Queue, server::http::runtime::Workers};

/// How long the end may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(25);
/// How long nothing may be in flight until that counts: what a client sent a moment ago may not have been read yet.
pub(crate) const SETTLING: Duration = Duration::from_millis(20);
/// How often it is looked whether the last answer has left.
const STEP: Duration = Duration::from_millis(5);

/// Hears SIGTERM and SIGINT from the moment that it is made; before, they end the process at once.
#[derive(Debug)]
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Begins to listen.
    ///
    /// # Errors
    /// Where the system doesn't let the process listen for them.
    pub(crate) fn listen() -> io::Result<Self> {
        // Nobody waits for this one. Heard, it no longer ends the process when a file reaches its largest size: the write
        // fails, as on a full disk, and what can't be written is refused.
        drop(signal(SignalKind::from_raw(Number::XFSZ.as_raw()))?);
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for one.
    pub(crate) async fn requested(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Waits until the last answer has left, then until the last message has; returns how many messages haven't.
pub(crate) async fn drain(workers: &Workers, queue: &Queue) -> usize {
    let mut now = Instant::now();
    let end = now + PATIENCE;
    let mut busy = now;
    loop {
        if workers.in_flight() > 0 {
            busy = now;
        }
        if now >= end || now >= busy + SETTLING {
            break;
        }
        sleep(STEP).await;
        now = Instant::now();
    }
    queue.drain(end.saturating_duration_since(Instant::now())).await
}
