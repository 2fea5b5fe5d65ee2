//! The end: what is in flight is answered, for at most [`ANSWERING`], then the queue is delivered, for at most [`DELIVERING`].

use std::{io, time::Duration};

use rustix::process::Signal as Number;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::{Instant, sleep},
};

/// How long what is in flight has to be answered, and its answers to be read.
const ANSWERING: Duration = Duration::from_secs(10);
/// How long the queue has after that.
const DELIVERING: Duration = Duration::from_secs(25);
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

    /// Waits for one that asks to end.
    pub(crate) async fn end(&mut self) {
        while self.next().await != Request::End {}
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

/// Waits until the last answer has left, stops the workers, has the queue delivered, and returns what is left of it.
pub(crate) async fn finish<W>(
    workers: W,
    in_flight: impl Fn(&W) -> usize,
    stop: impl FnOnce(W),
    deliver: impl AsyncFnOnce(Duration) -> usize,
) -> usize {
    match until_answered(|| in_flight(&workers)).await {
        0 => {}
        left => tracing::warn!(left, "requests are dropped whose answers were not ready, or read by nobody"),
    }
    // Nothing comes into the queue any more.
    stop(workers);
    deliver(DELIVERING).await
}

/// Waits until nothing is in flight any more, for at most [`ANSWERING`]; returns what still is.
async fn until_answered(in_flight: impl Fn() -> usize) -> usize {
    let mut now = Instant::now();
    let end = now + ANSWERING;
    let mut busy = now;
    loop {
        let left = in_flight();
        if left > 0 {
            busy = now;
        }
        if now >= end || now >= busy + SETTLING {
            return left;
        }
        sleep(STEP).await;
        now = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// When the workers stop, when the queue is delivered, and how long that may take.
    async fn finished(in_flight: impl Fn(Duration) -> usize) -> (Duration, Duration, Duration) {
        let start = Instant::now();
        let (stopped, delivered) = (Cell::new(None), Cell::new(None));
        let left = finish(
            (),
            |()| in_flight(start.elapsed()),
            |()| stopped.set(Some(start.elapsed())),
            async |at_most| {
                delivered.set(Some((start.elapsed(), at_most)));
                3
            },
        );
        assert_eq!(left.await, 3);
        let (at, at_most) = delivered.get().unwrap();
        (stopped.get().unwrap(), at, at_most)
    }

    #[tokio::test(start_paused = true)]
    async fn who_never_reads_costs_the_queue_nothing() {
        assert_eq!(finished(|_| 1).await, (ANSWERING, ANSWERING, DELIVERING));
    }

    #[tokio::test(start_paused = true)]
    async fn the_queue_is_delivered_as_soon_as_the_last_answer_has_left() {
        assert_eq!(finished(|_| 0).await, (SETTLING, SETTLING, DELIVERING));
        let (stopped, delivered, _) = finished(|passed| usize::from(passed < Duration::from_secs(2))).await;
        assert_eq!(stopped, delivered);
        assert!(stopped > Duration::from_secs(2) && stopped < Duration::from_secs(3));
    }
}
