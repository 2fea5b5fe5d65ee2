//! Messages on their way: a task for each, which tries until it is sent, until it never will be, or until its challenge
//! ends.

use std::{future::pending, pin::pin, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep_until},
};
use tracing::{error, warn};

use super::{
    Composer, DeliveryFailed, Dispatch, Failure, Fate,
    breaker::Need,
    carrier::SendError,
    letter::{Letter, Next},
    metrics::{self, Outcome},
    room::{Deferred, HeldSlot},
    route::Tried,
    transport::Transport,
};
use crate::{
    events::{Events, Kind, Subject},
    recipient::Channel,
    time::{Clock, UnixTime},
};

/// Why the message that waited longest is given up.
const DISPLACED: &str = "later ones needed its room";
/// Why a message whose time is over is given up.
const EXPIRED: &str = "its challenge has ended";

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
        let Some(transport) = self.transport(dispatch.challenge.challenge().channel) else { return };
        let room = Arc::clone(slot.room());
        metrics::on_their_way(room.lengths());
        // The same for those who get the message and those who don't.
        let letter = self.write(transport, &dispatch);
        let trip = Trip { dispatch: &dispatch, transport, is_inline: waiting.is_some() };
        match (waiting, dispatch.fate) {
            (None, Fate::Send) => self.send(&trip, letter, slot).await,
            (None, Fate::Drop) => self.imitate(&trip, letter, slot).await,
            (Some(waiting), _) => self.send_inline(&trip, letter, slot, waiting).await,
        }
        metrics::on_their_way(room.lengths());
    }

    fn write<'t>(&self, transport: &'t Transport, dispatch: &Dispatch) -> Result<Letter<'t>, (Failure, String)> {
        let now = (self.clock)();
        let message = self.composer.compose(dispatch, now, &mut rand::rng());
        let message = message.map_err(|error| (Failure::Unwritten, error.kind().to_string()))?;
        Letter::new(transport, message, now).map_err(|error| match error {
            SendError::Final(reason) => (Failure::Recipient, reason),
            error => (Failure::Refused, error.reason().to_owned()),
        })
    }

    /// Asks one carrier after the other, each again after 1, 2, 4 … seconds. The slot is held until each was asked once; then
    /// the message is deferred.
    async fn send(&self, trip: &Trip<'_>, letter: Result<Letter<'_>, (Failure, String)>, slot: HeldSlot) {
        let mut letter = match letter {
            Ok(letter) => letter,
            Err((failure, reason)) => return self.failed(trip, "", 0, failure, &reason),
        };
        let begun = Instant::now();
        let (mut slot, mut deferred) = (Some(slot), None);
        let (mut ending, mut is_ending) = (self.ending.clone(), false);
        let mut last = 0;
        loop {
            // From here on nobody who begins to work again is missed.
            let mut recovered = pin!(trip.transport.recovered.notified());
            recovered.as_mut().enable();
            let asked = match letter.next(Instant::now()) {
                Next::Ask { place, need } => {
                    last = place;
                    self.ask(trip, &mut letter, (place, need), deferred.as_mut()).await
                }
                Next::Wait(until) => {
                    if let Some(slot) = slot.take() {
                        trip.transport.took(begun.elapsed());
                        let room = Arc::clone(slot.room());
                        deferred = Some(slot.defer());
                        metrics::on_their_way(room.lengths());
                    }
                    // The longest that makes sense, whatever a provider asks for.
                    let until = until.min(Instant::now() + Duration::from_secs(trip.expires_at().seconds_since((self.clock)())));
                    tokio::select! {
                        () = sleep_until(until) => {}
                        () = recovered => {}
                        _ = ending.wait_for(|ending| *ending), if !is_ending => {
                            is_ending = true;
                            letter.hurry();
                        }
                        () = displaced(deferred.as_mut()) => {
                            return self.failed(trip, letter.id(), last, Failure::Displaced, DISPLACED);
                        }
                    }
                    if trip.has_expired((self.clock)()) {
                        return self.failed(trip, letter.id(), last, Failure::Expired, EXPIRED);
                    }
                    continue;
                }
                Next::Nowhere => Asked::Ended(Failure::Refused, letter.last_reason().to_owned()),
            };
            if let Asked::Later = asked {
                continue;
            }
            if slot.is_some() {
                trip.transport.took(begun.elapsed());
            }
            return match asked {
                Asked::Ended(failure, reason) => self.failed(trip, letter.id(), last, failure, &reason),
                Asked::Sent | Asked::Later => self.sent(trip, last),
            };
        }
    }

    /// Asks one carrier once: waits for its turn, tries, and notes how that went.
    async fn ask(
        &self,
        trip: &Trip<'_>,
        letter: &mut Letter<'_>,
        (place, need): (usize, Need),
        deferred: Option<&mut Deferred>,
    ) -> Asked {
        let tried = match letter.outgoing(place) {
            Ok((route, outgoing, ticket)) => {
                let turn = tokio::select! {
                    turn = route.enter(ticket) => turn,
                    () = displaced(deferred) => return Asked::Ended(Failure::Displaced, DISPLACED.into()),
                };
                if trip.has_expired((self.clock)()) {
                    return Asked::Ended(Failure::Expired, EXPIRED.into());
                }
                route.send(&turn, outgoing, need).await
            }
            // It can't have the form that this carrier needs.
            Err(error) => Tried::Failed(error),
        };
        let error = match tried {
            Tried::Sent { recovered } => {
                if recovered {
                    trip.transport.recovered.notify_waiters();
                }
                return Asked::Sent;
            }
            Tried::WaitForPlace => return Asked::Later,
            Tried::NotAsked(again) => {
                letter.not_asked(place, again);
                return Asked::Later;
            }
            Tried::Failed(error) => error,
        };
        let wait = letter.failed(place, &error);
        let (outcome, again_in) = match error {
            SendError::Final(reason) => return Asked::Ended(Failure::Recipient, reason),
            SendError::Refused(reason) if !letter.has_carriers() => return Asked::Ended(Failure::Refused, reason),
            SendError::Refused(_) => (Outcome::Refused, None),
            _ if trip.is_inline && !matches!(letter.next(Instant::now()), Next::Ask { .. }) => {
                return Asked::Ended(Failure::Unsent, error.reason().to_owned());
            }
            _ => (Outcome::Retried, Some(wait.as_secs_f32())),
        };
        let route = &trip.transport.routes()[place];
        route.count(outcome);
        if let Some(left_out) = trip.transport.retried.due((self.clock)()) {
            let (adapter, reason) = (route.name(), error.reason());
            warn!(id = letter.id(), adapter, reason, again_in, left_out, "a message wasn't sent");
        }
        Asked::Later
    }

    /// Nobody waits for the end of a message that doesn't leave.
    async fn imitate(&self, trip: &Trip<'_>, letter: Result<Letter<'_>, (Failure, String)>, slot: HeldSlot) {
        let mut ending = self.ending.clone();
        if let Some(outgoing) = letter.as_ref().ok().and_then(Letter::for_the_first) {
            tokio::select! {
                () = trip.transport.imitate(outgoing) => {}
                _ = ending.wait_for(|ending| *ending) => {}
            }
        }
        drop(slot);
        trip.transport.first().count(Outcome::Dropped);
    }

    /// Inline: one try of each carrier, until one takes it. Whoever can't log in is answered at once; the mode's documentation
    /// says what that gives away.
    async fn send_inline(
        &self,
        trip: &Trip<'_>,
        letter: Result<Letter<'_>, (Failure, String)>,
        slot: HeldSlot,
        mut waiting: oneshot::Sender<Result<(), DeliveryFailed>>,
    ) {
        let result = match letter {
            _ if trip.dispatch.fate == Fate::Drop => {
                trip.transport.first().count(Outcome::Dropped);
                Ok(())
            }
            Err((failure, reason)) => {
                self.failed(trip, "", 0, failure, &reason);
                Err(DeliveryFailed)
            }
            Ok(mut letter) => {
                let mut last = 0;
                let trying = self.try_each(trip, &mut letter, &mut last);
                let ended = tokio::select! {
                    biased;
                    ended = trying => ended,
                    // Nobody would hold the envelope that its code belongs to.
                    () = waiting.closed() => Err((Failure::Abandoned, "nobody waits for it any more".into())),
                };
                match ended {
                    Ok(()) => {
                        self.sent(trip, last);
                        Ok(())
                    }
                    Err((failure, reason)) => {
                        self.failed(trip, letter.id(), last, failure, &reason);
                        Err(DeliveryFailed)
                    }
                }
            }
        };
        drop(slot);
        // Nobody waits any more if the client has gone.
        let _ = waiting.send(result);
    }

    async fn try_each(&self, trip: &Trip<'_>, letter: &mut Letter<'_>, last: &mut usize) -> Result<(), (Failure, String)> {
        loop {
            match letter.next(Instant::now()) {
                Next::Ask { place, need } => {
                    *last = place;
                    match self.ask(trip, letter, (place, need), None).await {
                        Asked::Sent => return Ok(()),
                        Asked::Ended(failure, reason) => return Err((failure, reason)),
                        Asked::Later => {}
                    }
                }
                Next::Wait(_) | Next::Nowhere => return Err((Failure::Unsent, letter.last_reason().to_owned())),
            }
        }
    }

    /// A message that has left by the carrier of this place.
    fn sent(&self, trip: &Trip<'_>, place: usize) {
        trip.transport.routes()[place].count(Outcome::Sent);
        self.tell(trip, Ok(()));
    }

    /// A message that won't leave; the carrier of this place was asked last.
    fn failed(&self, trip: &Trip<'_>, id: &str, place: usize, failure: Failure, reason: &str) {
        let route = &trip.transport.routes()[place];
        route.count(Outcome::Failed);
        if let Some(left_out) = trip.transport.failed.due((self.clock)()) {
            let (channel, adapter) = (trip.channel().as_str(), route.name());
            error!(id, channel, adapter, reason, left_out, "a message can't be sent");
        }
        self.tell(trip, Err(failure));
    }

    /// Tells of a message that has left, or never will. Of one that is dropped there is nothing to tell.
    fn tell(&self, trip: &Trip<'_>, result: Result<(), Failure>) {
        let (kind, cause) = match result {
            Ok(()) => (Kind::DeliverySucceeded, None),
            Err(failure) => (Kind::DeliveryFailed, Some(failure.as_str())),
        };
        let challenge = trip.dispatch.challenge.challenge();
        self.events.emit(kind, (self.clock)(), |event| {
            event.channel = Some(challenge.channel);
            event.challenge = Some(challenge.id);
            event.subject = Some(Subject::Found(trip.dispatch.found.clone()));
            event.reason = cause.map(|_| "delivery_failed");
            event.cause = cause;
        });
    }

    const fn transport(&self, channel: Channel) -> Option<&Transport> {
        match channel {
            Channel::Email => self.email.as_ref(),
            Channel::Mobile => self.sms.as_ref(),
        }
    }
}

/// What a message was asked for, and its channel's way out.
struct Trip<'a> {
    dispatch: &'a Dispatch,
    transport: &'a Transport,
    is_inline: bool,
}

impl Trip<'_> {
    const fn channel(&self) -> Channel {
        self.dispatch.challenge.challenge().channel
    }

    const fn expires_at(&self) -> UnixTime {
        self.dispatch.challenge.challenge().expires_at
    }

    fn has_expired(&self, now: UnixTime) -> bool {
        now >= self.expires_at()
    }
}

/// What asking a carrier came to.
enum Asked {
    Sent,
    /// Nothing yet: another one, or another time.
    Later,
    /// It never leaves.
    Ended(Failure, String),
}

async fn displaced(deferred: Option<&mut Deferred>) {
    match deferred {
        Some(deferred) => deferred.displaced().await,
        None => pending().await,
    }
}
