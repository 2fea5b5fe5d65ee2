//! What happened, told to whoever keeps a record of it: a port, and its adapters.
//!
//! Emitting is part of a login, so it neither waits nor fails, and costs the same for known and unknown recipients. What a
//! sink can't take, it counts.

pub mod audit;
mod event;
mod room;
mod subjects;
mod tally;
#[cfg(test)]
pub(crate) mod testing;
mod user_agent;
pub mod webhooks;

use std::{fmt, future::ready, pin::Pin, sync::Arc};

use tokio::time::Instant;

pub use self::{
    event::{Event, EventId, Kind, Subject},
    subjects::SubjectHasher,
    user_agent::UserAgent,
};
use crate::time::UnixTime;

/// Waits until what a sink was handed has left; the output is how many events haven't.
pub type Draining<'a> = Pin<Box<dyn Future<Output = usize> + 'a>>;

/// Takes events: an adapter's side of the port.
pub trait Sink: Send + Sync {
    /// Takes an event, or counts it as lost where there is no room. Never waits.
    fn take(&self, event: &Arc<Event>);

    /// Begins anew with the file that it writes to, if it writes to one: the old one may have been moved away.
    fn reopen(&self) {}

    /// Waits until every event has left, no longer than `until`. To be called when nothing is emitted any more.
    fn drain(&self, until: Instant) -> Draining<'_> {
        let _ = until;
        Box::pin(ready(0))
    }
}

/// Where events are emitted: one for the whole server, which everybody clones. Without sinks, which is the default, it does
/// nothing.
#[derive(Clone)]
pub struct Events {
    sinks: Arc<[Box<dyn Sink>]>,
    random: fn() -> [u8; 16],
}

impl Events {
    /// Told to all of these. `random` gives what ids are made of.
    #[must_use]
    pub fn new(sinks: Vec<Box<dyn Sink>>, random: fn() -> [u8; 16]) -> Self {
        Self { sinks: sinks.into(), random }
    }

    /// Whether anybody listens. What only events need isn't worth finding out otherwise.
    #[must_use]
    pub fn are_wanted(&self) -> bool {
        !self.sinks.is_empty()
    }

    /// Tells everybody that this happened; `describe` adds what is known of it, and isn't called where nobody listens.
    pub fn emit(&self, kind: Kind, at: UnixTime, describe: impl FnOnce(&mut Event)) {
        if !self.are_wanted() {
            return;
        }
        let mut event = Event::new(EventId::from_random((self.random)()), kind, at);
        describe(&mut event);
        let event = Arc::new(event);
        for sink in &*self.sinks {
            sink.take(&event);
        }
    }

    /// Has each sink begin anew with its file.
    pub fn reopen(&self) {
        for sink in &*self.sinks {
            sink.reopen();
        }
    }

    /// Waits until every event has left, no longer than `until`, and returns how many haven't.
    pub async fn drain(&self, until: Instant) -> usize {
        let draining: Vec<_> = self.sinks.iter().map(|sink| sink.drain(until)).collect();
        let mut left = 0;
        for sink in draining {
            left += sink.await;
        }
        left
    }
}

impl Default for Events {
    fn default() -> Self {
        Self::new(Vec::new(), || [0; 16])
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("sinks", &self.sinks.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{testing::Kept, *};

    const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);

    #[test]
    fn every_sink_is_told_the_same_event() {
        let (one, other) = (Kept::default(), Kept::default());
        let events = Events::new(vec![Box::new(one.clone()), Box::new(other.clone())], rand::random);
        events.emit(Kind::LoginFailed, NOW, |event| event.reason = Some("invalid_credentials"));
        events.emit(Kind::LoginFailed, NOW, |_| {});
        let [first, second] = &one.take()[..] else { panic!("two were emitted") };
        assert_eq!(other.take(), [first.clone(), second.clone()]);
        assert_eq!(first["data"]["reason"], "invalid_credentials");
        assert!(second["data"].get("reason").is_none() && second["data"]["id"] != first["data"]["id"], "{second}");
    }

    #[test]
    fn where_nobody_listens_nothing_is_even_described() {
        let events = Events::default();
        assert!(!events.are_wanted());
        events.emit(Kind::LoginFailed, NOW, |_| panic!("nobody asked"));
    }
}
