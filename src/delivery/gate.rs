//! How many tries run at once: fewer when the other side asks for that, and never so many of one kind that others wait for
//! them.
//!
//! - Second and later tries get at most half of the places.
//! - One destination gets at most three quarters of them, so that a domain whose messages hang leaves the others some.
//! - A try that the other side had no room for takes a place away and waits for another one, first in the line; places come
//!   back one at a time, a while after.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::{
    sync::oneshot,
    time::{Duration, Instant},
};

/// For how long nothing more is asked of a side that had no room.
const RESPECT: Duration = Duration::from_secs(15);

/// The places of one carrier.
#[derive(Debug)]
pub(super) struct Gate {
    most: usize,
    state: Mutex<State>,
}

/// A place; given back when dropped.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    gate: &'a Gate,
    ticket: Ticket,
}

/// Who wants a place. A smaller number came earlier.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket {
    number: u64,
    /// Whether it was tried before.
    again: bool,
    /// Where it goes, as far as places are shared out by that.
    destination: Option<u64>,
}

#[derive(Debug)]
struct State {
    /// How many may run now: 1 to `most`.
    limit: usize,
    running: usize,
    retries: usize,
    by_destination: HashMap<u64, usize>,
    /// Places don't come back before.
    respected_until: Instant,
    next: u64,
    /// By number.
    waiting: VecDeque<(Ticket, oneshot::Sender<()>)>,
}

/// Waits in the line; leaves it when dropped.
struct Waiting<'a> {
    gate: &'a Gate,
    ticket: Ticket,
    called: oneshot::Receiver<()>,
    is_done: bool,
}

impl Gate {
    /// With at most so many places.
    pub(super) fn new(most: usize) -> Self {
        let most = most.max(1);
        let state = State {
            limit: most,
            running: 0,
            retries: 0,
            by_destination: HashMap::new(),
            respected_until: Instant::now(),
            next: 0,
            waiting: VecDeque::new(),
        };
        Self { most, state: Mutex::new(state) }
    }

    /// The last place in the line.
    pub(super) fn ticket(&self, destination: Option<u64>, again: bool) -> Ticket {
        let mut state = self.state();
        state.next += 1;
        Ticket { number: state.next, again, destination }
    }

    /// Waits for a place.
    pub(super) async fn enter(&self, ticket: Ticket) -> Turn<'_> {
        let mut waiting = {
            let (call, called) = oneshot::channel();
            let mut state = self.state();
            let at = state.waiting.partition_point(|(other, _)| other.number < ticket.number);
            state.waiting.insert(at, (ticket, call));
            state.serve();
            Waiting { gate: self, ticket, called, is_done: false }
        };
        (&mut waiting.called).await.expect("who waits is called before it is forgotten");
        waiting.is_done = true;
        Turn { gate: self, ticket }
    }

    /// How many may run now.
    #[cfg(test)]
    pub(super) fn limit(&self) -> usize {
        self.state().limit
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn<'_> {
    /// It went well: a place comes back, if none was taken away lately.
    pub(super) fn went_well(&self) {
        let mut state = self.gate.state();
        if state.limit < self.gate.most && Instant::now() >= state.respected_until {
            state.limit += 1;
        }
    }

    /// The other side has no room for as many. Whether it makes sense to wait for another place: not where nobody else has
    /// one.
    pub(super) fn was_too_many(&self) -> bool {
        let mut state = self.gate.state();
        let others = state.running - 1;
        state.limit = state.limit.min(others.max(1));
        state.respected_until = Instant::now() + RESPECT;
        others > 0
    }
}

impl State {
    /// Calls whoever may begin, the earliest first.
    fn serve(&mut self) {
        while self.running < self.limit {
            let Some(at) = self.waiting.iter().position(|(ticket, _)| self.admits(*ticket)) else { return };
            let (ticket, call) = self.waiting.remove(at).expect("it was just found");
            self.begin(ticket);
            if call.send(()).is_err() {
                self.end(ticket);
            }
        }
    }

    fn admits(&self, ticket: Ticket) -> bool {
        let of = |destination| self.by_destination.get(&destination).copied().unwrap_or_default();
        let has_room = |destination| of(destination) < (self.limit - self.limit / 4).max(1);
        (!ticket.again || self.retries < (self.limit / 2).max(1)) && ticket.destination.is_none_or(has_room)
    }

    fn begin(&mut self, ticket: Ticket) {
        self.running += 1;
        self.retries += usize::from(ticket.again);
        if let Some(destination) = ticket.destination {
            *self.by_destination.entry(destination).or_default() += 1;
        }
    }

    fn end(&mut self, ticket: Ticket) {
        self.running -= 1;
        self.retries -= usize::from(ticket.again);
        let Some(destination) = ticket.destination else { return };
        if let Some(running) = self.by_destination.get_mut(&destination) {
            *running -= 1;
            if *running == 0 {
                self.by_destination.remove(&destination);
            }
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.gate.state();
        state.end(self.ticket);
        state.serve();
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        let mut state = self.gate.state();
        if self.called.try_recv().is_ok() {
            // It was called just now, and nobody comes.
            state.end(self.ticket);
            state.serve();
        } else {
            state.waiting.retain(|(ticket, _)| ticket.number != self.ticket.number);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use tokio::time::advance;

    use super::*;

    fn now<'g>(entering: impl Future<Output = Turn<'g>>) -> Option<Turn<'g>> {
        match pin!(entering).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(turn) => Some(turn),
            Poll::Pending => None,
        }
    }

    fn enter(gate: &Gate, destination: Option<u64>) -> Option<Turn<'_>> {
        now(gate.enter(gate.ticket(destination, false)))
    }

    #[tokio::test(start_paused = true)]
    async fn the_earliest_comes_first_and_who_leaves_the_line_takes_no_place() {
        let gate = Gate::new(1);
        let running = enter(&gate, None).unwrap();
        let (first, second, third) = (gate.ticket(None, false), gate.ticket(None, false), gate.ticket(None, false));
        let mut waits_second = pin!(gate.enter(second));
        assert!(waits_second.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert!(now(gate.enter(third)).is_none(), "it left again");
        let mut waits_first = pin!(gate.enter(first));
        assert!(waits_first.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        drop(running);
        assert!(waits_second.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let Poll::Ready(turn) = waits_first.as_mut().poll(&mut Context::from_waker(Waker::noop())) else { panic!("its turn") };
        drop(turn);
        assert!(waits_second.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_that_was_offered_to_somebody_who_left_is_free() {
        let gate = Gate::new(1);
        let running = enter(&gate, None).unwrap();
        let mut waits = Box::pin(gate.enter(gate.ticket(None, false)));
        assert!(waits.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        drop(running);
        drop(waits);
        assert!(enter(&gate, None).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn retries_get_half_and_one_destination_three_quarters() {
        let gate = Gate::new(8);
        let again = || now(gate.enter(gate.ticket(None, true)));
        let retries: Vec<_> = (0..8).filter_map(|_| again()).collect();
        assert_eq!(retries.len(), 4);
        let others: Vec<_> = (0..8).filter_map(|_| enter(&gate, None)).collect();
        assert_eq!(others.len(), 4);
        drop((retries, others));

        let hanging: Vec<_> = (0..8).filter_map(|_| enter(&gate, Some(1))).collect();
        assert_eq!(hanging.len(), 6);
        assert!(enter(&gate, Some(2)).is_some() && enter(&gate, None).is_some());
        let single = Gate::new(1);
        assert!(enter(&single, Some(1)).is_some() && now(single.enter(single.ticket(None, true))).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_was_too_many_takes_a_place_away_which_comes_back_later() {
        let gate = Gate::new(8);
        let mut turns: Vec<_> = (0..8).filter_map(|_| enter(&gate, None)).collect();
        for _ in 0..5 {
            let turn = turns.pop().unwrap();
            assert!(turn.was_too_many(), "others go on");
        }
        assert_eq!(gate.limit(), 3);
        assert!(enter(&gate, None).is_none());
        turns[0].went_well();
        assert_eq!(gate.limit(), 3, "not yet");
        advance(RESPECT).await;
        turns[0].went_well();
        assert_eq!(gate.limit(), 4);
        turns.truncate(1);
        assert!(!turns[0].was_too_many(), "there is nobody to wait for");
        assert_eq!(gate.limit(), 1);
        for _ in 0..20 {
            advance(RESPECT).await;
            turns[0].went_well();
        }
        assert_eq!(gate.limit(), 8, "never more than configured");
    }
}
