//! How far a connection is with its current request, and what follows from how long that takes.
//!
//! Nothing here registers a timer per request: one alarm per connection asks [`Progress::alarm`] what to do when it rings.

use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use hyper::StatusCode;
use tokio::time::Instant;

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// A whole request, from its first byte to its last.
    pub(crate) request: Duration,
    /// A connection between two requests, or with an answer that nobody reads.
    pub(crate) idle: Duration,
}

/// What one connection is doing.
#[derive(Debug)]
pub(crate) struct Progress {
    phase: Cell<Phase>,
    since: Cell<Instant>,
    refused: Cell<Option<StatusCode>>,
    peer_has_closed: Cell<bool>,
    in_flight: Arc<AtomicUsize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Between two requests.
    Idle,
    /// A head is arriving.
    Head,
    /// A body is arriving.
    Body,
    /// The request is there, its answer isn't.
    Handling,
    /// A part of the answer is there, the rest isn't.
    Streaming,
    /// The answer is there and has to leave.
    Answering,
}

/// One that is in flight, for as long as this lives.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<AtomicUsize>);

impl InFlight {
    /// One more.
    pub(super) fn new(in_flight: &Arc<AtomicUsize>) -> Self {
        in_flight.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(in_flight))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What to do when the alarm rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alarm {
    /// Nothing, until then.
    At(Instant),
    /// The request took too long.
    Late,
    /// The connection is of no use any more.
    Idle,
}

impl Progress {
    /// Of a new connection; `in_flight` counts the requests of its worker.
    pub(crate) fn new(in_flight: Arc<AtomicUsize>) -> Self {
        Self {
            phase: Cell::new(Phase::Idle),
            since: Cell::new(Instant::now()),
            refused: Cell::new(None),
            peer_has_closed: Cell::new(false),
            in_flight,
        }
    }

    /// The head is there and was understood.
    pub(crate) fn head_arrived(&self) {
        if self.phase.get() == Phase::Idle {
            // It stood in hyper's buffer behind the request before it.
            self.since.set(Instant::now());
        }
        self.phase.set(Phase::Body);
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    /// The body is there, or isn't needed.
    pub(crate) fn request_arrived(&self) {
        self.phase.set(Phase::Handling);
    }

    /// Counts something that goes on whatever becomes of the connection.
    pub(crate) fn one_more_in_flight(&self) -> InFlight {
        InFlight::new(&self.in_flight)
    }

    /// The next part of the answer is there.
    pub(crate) fn answered_in_part(&self) {
        self.phase.set(Phase::Streaming);
        self.since.set(Instant::now());
    }

    /// The answer is there, to its last byte.
    pub(crate) fn answered(&self) {
        self.phase.set(Phase::Answering);
        self.since.set(Instant::now());
    }

    /// What hyper would have answered to a head that it didn't understand.
    pub(crate) fn refused(&self) -> Option<StatusCode> {
        self.refused.get()
    }

    /// Whether a request is there whose answer isn't.
    pub(super) fn is_handling(&self) -> bool {
        self.phase.get() == Phase::Handling
    }

    /// The peer has closed its side.
    pub(super) fn note_closed(&self) {
        self.peer_has_closed.set(true);
    }

    /// Whether the peer has closed its side.
    pub(crate) fn peer_has_closed(&self) -> bool {
        self.peer_has_closed.get()
    }

    /// What to do at `now`.
    pub(crate) fn alarm(&self, now: Instant, patience: Patience) -> Alarm {
        let since = self.since.get();
        match self.phase.get() {
            Phase::Head | Phase::Body if now >= since + patience.request => Alarm::Late,
            Phase::Head | Phase::Body => Alarm::At(since + patience.request),
            Phase::Idle | Phase::Answering if now >= since + patience.idle => Alarm::Idle,
            // A request that starts right after this can't be late before the alarm rings again.
            Phase::Idle | Phase::Answering => Alarm::At((since + patience.idle).min(now + patience.request)),
            Phase::Handling => Alarm::At(now + patience.request),
            // Handlers have limits of their own, but nobody else has one for a peer that stops reading half-way.
            Phase::Streaming if now >= since + patience.request.max(patience.idle) => Alarm::Idle,
            Phase::Streaming => Alarm::At(since + patience.request.max(patience.idle)),
        }
    }

    /// Bytes have arrived that hyper is to read.
    pub(super) fn bytes_arrived(&self) {
        if self.phase.get() == Phase::Idle {
            self.phase.set(Phase::Head);
            self.since.set(Instant::now());
        }
    }

    /// Whatever was answered has left.
    pub(super) fn flushed(&self) {
        if self.phase.get() == Phase::Answering {
            self.phase.set(Phase::Idle);
            self.in_flight.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Whether what is being written comes from hyper itself, since no request was handed to us.
    pub(super) fn is_not_ours(&self, written: &[u8]) -> bool {
        let is_not_ours = matches!(self.phase.get(), Phase::Idle | Phase::Head);
        if is_not_ours && self.refused.get().is_none() {
            // "HTTP/1.1 431 …"
            let status = written.get(9..12).and_then(|status| StatusCode::from_bytes(status).ok());
            self.refused.set(Some(status.unwrap_or(StatusCode::BAD_REQUEST)));
        }
        is_not_ours
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if !matches!(self.phase.get(), Phase::Idle | Phase::Head) {
            self.in_flight.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience { request: Duration::from_secs(10), idle: Duration::from_secs(60) };

    #[test]
    fn a_request_is_late_by_its_first_byte_and_a_connection_idle_by_its_last() {
        let in_flight = Arc::new(AtomicUsize::new(0));
        let progress = Progress::new(Arc::clone(&in_flight));
        let start = progress.since.get();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(progress.alarm(at(0), PATIENCE), Alarm::At(at(10)));
        assert_eq!(progress.alarm(at(55), PATIENCE), Alarm::At(at(60)));
        assert_eq!(progress.alarm(at(60), PATIENCE), Alarm::Idle);

        progress.bytes_arrived();
        progress.since.set(at(30));
        progress.bytes_arrived();
        assert_eq!(progress.alarm(at(35), PATIENCE), Alarm::At(at(40)));
        assert_eq!(progress.alarm(at(40), PATIENCE), Alarm::Late);
        progress.head_arrived();
        assert_eq!(progress.alarm(at(40), PATIENCE), Alarm::Late, "the body has no time of its own");
        progress.request_arrived();
        assert_eq!(progress.alarm(at(99), PATIENCE), Alarm::At(at(109)), "handlers have limits of their own");
    }

    #[test]
    fn requests_are_in_flight_until_their_answer_has_left() {
        let in_flight = Arc::new(AtomicUsize::new(0));
        let count = || in_flight.load(Ordering::Relaxed);
        let progress = Progress::new(Arc::clone(&in_flight));
        progress.flushed();
        progress.bytes_arrived();
        assert_eq!(count(), 0);
        progress.head_arrived();
        progress.request_arrived();
        progress.flushed();
        assert_eq!(count(), 1, "flushing nothing ends nothing");
        progress.answered();
        progress.flushed();
        assert_eq!(count(), 0);
        progress.head_arrived();
        drop(progress);
        assert_eq!(count(), 0);
    }

    #[test]
    fn an_answer_in_parts_is_in_flight_until_its_last_byte_has_left() {
        let in_flight = Arc::new(AtomicUsize::new(0));
        let count = || in_flight.load(Ordering::Relaxed);
        let progress = Progress::new(Arc::clone(&in_flight));
        let at = |seconds| progress.since.get() + Duration::from_secs(seconds);
        progress.head_arrived();
        progress.request_arrived();
        progress.answered_in_part();
        progress.flushed();
        assert_eq!(count(), 1);
        assert!(!progress.is_not_ours(b"the next part"));
        assert_eq!(progress.alarm(at(10), PATIENCE), Alarm::At(at(60)));
        assert_eq!(progress.alarm(at(60), PATIENCE), Alarm::Idle);
        progress.answered();
        progress.flushed();
        assert_eq!(count(), 0);
    }

    #[test]
    fn what_hyper_says_by_itself_is_noticed() {
        let in_flight = Arc::new(AtomicUsize::new(0));
        let progress = Progress::new(Arc::clone(&in_flight));
        progress.bytes_arrived();
        progress.head_arrived();
        assert!(!progress.is_not_ours(b"HTTP/1.1 100 Continue\r\n"));
        progress.answered();
        assert!(!progress.is_not_ours(b"HTTP/1.1 200 OK\r\n"));
        progress.flushed();
        progress.bytes_arrived();
        assert!(progress.is_not_ours(b"HTTP/1.1 431 Request Header Fields Too Large\r\n"));
        assert_eq!(progress.refused(), Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
    }
}
