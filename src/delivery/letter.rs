//! One message on its way: its carriers in order, and when each of them may be asked.

use rand::RngExt as _;
use tokio::time::{Duration, Instant};

use super::{
    breaker::Need,
    carrier::{Outgoing, SendError},
    gate::Ticket,
    message::{Message, MessageId},
    route::Route,
    transport::Transport,
};
use crate::{outbound::backoff::jittered, time::UnixTime};

/// The longest wait between two tries of one carrier, in seconds, and the longest while the process wants to end.
const MAX_WAIT: u64 = 60;
const MAX_WAIT_AT_THE_END: u64 = 5;

/// A message, and where it can go.
pub(super) struct Letter<'t> {
    id: MessageId,
    /// For as long as a carrier may need it that wasn't asked yet: what each of them sends is kept besides.
    message: Option<Message>,
    written_at: UnixTime,
    stops: Vec<Stop<'t>>,
    need: Need,
    last_reason: String,
}

/// One carrier, as this message knows it.
struct Stop<'t> {
    route: &'t Route,
    /// Once it was needed.
    outgoing: Option<Outgoing>,
    /// A place in the line that is waited for still.
    ticket: Option<Ticket>,
    was_tried: bool,
    /// It will never take this message.
    is_out: bool,
    not_before: Instant,
    waits: Waits,
    /// Where it didn't work: how often it had begun to work again by then. Then a change is worth another try.
    down_since: Option<u64>,
}

/// What to do with a message next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Ask this carrier.
    Ask {
        /// Its place.
        place: usize,
        /// How much it is needed.
        need: Need,
    },
    /// Wait until then.
    Wait(Instant),
    /// No carrier takes it.
    Nowhere,
}

impl<'t> Letter<'t> {
    /// A message in the form in which the first carrier takes it.
    ///
    /// # Errors
    /// A message that no carrier can take.
    pub(super) fn new(transport: &'t Transport, message: Message, written_at: UnixTime) -> Result<Self, SendError> {
        let now = Instant::now();
        let stops = transport.routes().iter().map(|route| Stop::new(route, now)).collect();
        let mut letter = Self {
            id: message.id.clone(),
            message: Some(message),
            written_at,
            stops,
            need: Need::Usual,
            last_reason: "no carrier could be asked".into(),
        };
        let is_only = letter.stops.len() == 1;
        match letter.outgoing(0).map(drop) {
            Err(SendError::Refused(_)) if !is_only => letter.stops[0].is_out = true,
            first => first?,
        }
        Ok(letter)
    }

    /// In the form in which the first carrier takes it, where it does.
    pub(super) fn for_the_first(&self) -> Option<&Outgoing> {
        self.stops[0].outgoing.as_ref()
    }

    /// The form in which the carrier of this place takes it, and that carrier with this message's place in its line.
    pub(super) fn outgoing(&mut self, place: usize) -> Result<(&'t Route, &Outgoing, Ticket), SendError> {
        let stop = &mut self.stops[place];
        if stop.outgoing.is_none() {
            let message = self.message.as_ref().expect("it is kept for as long as a carrier hasn't its own form of it");
            stop.outgoing = Some(stop.route.carrier().format(message, self.written_at)?);
        }
        if self.stops.iter().all(|stop| stop.outgoing.is_some()) {
            self.message = None;
        }
        let stop = &mut self.stops[place];
        let outgoing = stop.outgoing.as_ref().expect("it was just kept");
        let ticket = *stop.ticket.get_or_insert_with(|| stop.route.ticket(outgoing, stop.was_tried));
        Ok((stop.route, outgoing, ticket))
    }

    /// The first carrier that may be asked. Whatever is shut by its breaker is put off.
    pub(super) fn next(&mut self, now: Instant) -> Next {
        let mut last_way = None;
        for (place, stop) in self.stops.iter_mut().enumerate().filter(|(_, stop)| !stop.is_out) {
            if stop.down_since.is_some_and(|recoveries| recoveries != stop.route.recoveries()) {
                (stop.down_since, stop.not_before) = (None, now);
            }
            if stop.not_before > now {
                continue;
            }
            match stop.route.would_be_asked(self.need) {
                Ok(()) => return Next::Ask { place, need: self.need },
                Err(_) if last_way.is_none() && stop.route.would_be_asked(Need::NoOtherWay).is_ok() => last_way = Some(place),
                Err(again) => stop.not_asked(again),
            }
        }
        if let Some(place) = last_way {
            return Next::Ask { place, need: Need::NoOtherWay };
        }
        let in_use = self.stops.iter().filter(|stop| !stop.is_out);
        in_use.map(|stop| stop.not_before).min().map_or(Next::Nowhere, Next::Wait)
    }

    /// This carrier was tried and failed; how long it isn't tried again.
    pub(super) fn failed(&mut self, place: usize, error: &SendError) -> Duration {
        error.reason().clone_into(&mut self.last_reason);
        self.stops[place].failed(error)
    }

    /// This carrier wasn't tried, since it didn't work lately; it may be `again`.
    pub(super) fn not_asked(&mut self, place: usize, again: Instant) {
        self.stops[place].not_asked(again);
    }

    /// Whether any carrier may still take it.
    pub(super) fn has_carriers(&self) -> bool {
        self.stops.iter().any(|stop| !stop.is_out)
    }

    /// Why it wasn't sent when it was tried last.
    pub(super) fn last_reason(&self) -> &str {
        &self.last_reason
    }

    /// From here on it is tried at once and then every few seconds: the process wants to end.
    pub(super) fn hurry(&mut self) {
        self.need = Need::NowOrNever;
        let now = Instant::now();
        for stop in &mut self.stops {
            (stop.not_before, stop.waits) = (now, Waits::new(MAX_WAIT_AT_THE_END));
        }
    }

    pub(super) fn id(&self) -> &str {
        self.id.as_str()
    }
}

impl<'t> Stop<'t> {
    const fn new(route: &'t Route, now: Instant) -> Self {
        Self {
            route,
            outgoing: None,
            ticket: None,
            was_tried: false,
            is_out: false,
            not_before: now,
            waits: Waits::new(MAX_WAIT),
            down_since: None,
        }
    }

    fn failed(&mut self, error: &SendError) -> Duration {
        (self.ticket, self.was_tried) = (None, true);
        if matches!(error, SendError::Final(_) | SendError::Refused(_)) {
            self.is_out = true;
        }
        let is_down = matches!(error, SendError::Down { .. } | SendError::NoAnswer { .. });
        self.down_since = is_down.then(|| self.route.recoveries());
        let wait = self.waits.next().max(error.retry_after().unwrap_or_default());
        self.not_before = Instant::now() + wait;
        wait
    }

    fn not_asked(&mut self, again: Instant) {
        self.ticket = None;
        self.down_since = Some(self.route.recoveries());
        self.not_before = again + Duration::from_millis(rand::rng().random_range(0..=500));
    }
}

/// 1, 2, 4 … seconds, each about that.
struct Waits {
    seconds: u64,
    longest: u64,
}

impl Waits {
    const fn new(longest: u64) -> Self {
        Self { seconds: 1, longest }
    }

    fn next(&mut self) -> Duration {
        let wait = jittered(self.seconds, self.longest);
        self.seconds = (self.seconds * 2).min(self.longest);
        wait
    }
}
