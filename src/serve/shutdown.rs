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

/// Hears SIGTERM, SIGINT and SIGHUP from the moment that it is made; before, they end the process at once.
#[derive(Debug)]
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// SIGTERM, SIGINT: to end.
    End,
    /// SIGHUP: to read again what can be read again.
    Reload,
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
        let [terminate, interrupt, hangup] = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()].map(signal);
        Ok(Self { terminate: terminate?, interrupt: interrupt?, hangup: hangup? })
    }

    /// Waits for one. Several of the same kind that nobody has waited for yet are one.
    pub(crate) async fn next(&mut self) -> Request {
        tokio::select! {
            _ = self.terminate.recv() => Request::End,
            _ = self.interrupt.recv() => Request::End,
            _ = self.hangup.recv() => Request::Reload,
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
