//! Ended sessions in the guard's Redis: the fleet's. Each question is one script, one round trip, and what doesn't answer, or not in
//! time, is nobody's word that a session lives.
//!
//! A session's key and its subject's share a hash tag, which is the subject's, so that one script sees both in a cluster too. Keys hold
//! hashes and end by themselves. Redis may forget what it was told, by a restart, a failover or a flush; that is noticed, and said.

use std::{
    collections::BTreeMap,
    fmt,
    ops::RangeInclusive,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use redis::{RedisError, cluster_routing::Slot};
use tokio::runtime::Handle;

use super::{
    RedisGuard,
    connection::Connections,
    scripts::{Call, SCRIPTS},
    start::field,
};
use crate::{
    ended::{Elsewhere, Ended, Ending, NamedIn, NotEnded, SessionFacts, Terms},
    time::{UnixMillis, UnixTime},
    unavailable::Unavailable,
};

/// When it makes sense to ask again after Redis didn't answer.
const AGAIN: Unavailable = Unavailable::for_seconds(2);
/// Seconds by which what is remembered outlives its session, since Redis' clock may differ.
const OUTLIVES: u64 = 120;
/// Seconds after which a node looks again whether Redis may have forgotten something.
const LOOKING: u64 = 5;
/// How many names are tried for a key that is to be at one master of a cluster.
const TRIES: u32 = 100_000;
/// How many answers are kept at most, where some are.
const COPIES: usize = 4096;

/// Remembers in the Redis of a guard.
pub struct RedisEnded {
    prefix: Box<str>,
    durable: bool,
    connections: Arc<Connections>,
    names: NamedIn,
    terms: Terms,
    copies: Copies,
    memory: Arc<Memory>,
}

/// What tells one memory of Redis from another.
#[derive(Debug)]
struct Memory {
    /// A key that is there for as long as nothing is forgotten. In a cluster each master has one, whose name begins so.
    key: String,
    /// When it was looked at last.
    looked: AtomicU64,
    /// What a key that is made now begins with, different for each process.
    mark: String,
    last: Mutex<Option<Found>>,
}

/// What was found where the memory is.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    /// The histories of the masters' data, as they call them.
    histories: Vec<String>,
    /// The values of the keys, by their names.
    marks: BTreeMap<String, String>,
}

/// Answers that are kept for some seconds, each in the place that its name gives it.
#[derive(Debug)]
struct Copies {
    seconds: u64,
    places: Box<[Mutex<Option<Copied>>]>,
}

#[derive(Debug)]
struct Copied {
    session: String,
    at: UnixTime,
    has_ended: bool,
}

impl RedisGuard {
    /// The ended sessions of this guard's fleet. An answer is kept for so many seconds; 0: Redis is asked each time.
    #[must_use]
    pub fn ended(&self, terms: &Terms, copy_seconds: u64) -> RedisEnded {
        let prefix = format!("countersign:{}:", self.id());
        let key = format!("{prefix}ended");
        #[cfg(feature = "server")]
        metrics::describe_counter!(
            FORGOTTEN,
            "Times that Redis may have forgotten which sessions were ended: a restart, a failover or a flush."
        );
        RedisEnded {
            prefix: prefix.into(),
            durable: self.durable,
            connections: Arc::clone(&self.connections),
            names: NamedIn::new(&terms.issuer),
            terms: terms.clone(),
            copies: Copies::new(copy_seconds),
            memory: Arc::new(Memory { key, looked: AtomicU64::new(0), mark: self.fresh.hex::<16>(), last: Mutex::new(None) }),
        }
    }
}

#[cfg(feature = "server")]
const FORGOTTEN: &str = "countersign_ended_sessions_forgotten_total";

impl RedisEnded {
    /// The keys of a session and of its subject, and what the session is called among copies.
    fn keys(&self, session: &SessionFacts<'_>) -> (Vec<String>, String) {
        let (name, subject) = (self.names.session(session.id), self.names.subject(session.subject));
        let tagged = |what: &str| format!("{}{{e{subject}}}:{what}", self.prefix);
        (vec![tagged(&name), tagged("all")], name)
    }

    async fn ask(&self, session: &SessionFacts<'_>, now: UnixTime) -> Result<bool, Unavailable> {
        self.look(now);
        let (keys, name) = self.keys(session);
        if let Some(has_ended) = self.copies.find(&name, now) {
            return Ok(has_ended);
        }
        let call = Call::new(&SCRIPTS.ended_has, keys, vec![session.began.as_millis().to_string()]);
        let reply = self.connections.in_time(call.run(&self.connections)).await.flatten().map_err(|error| unavailable(&error))?;
        let has_ended = match reply.word() {
            "ended" => true,
            "living" => false,
            _ => return Err(AGAIN),
        };
        self.copies.keep(name, now, has_ended);
        Ok(has_ended)
    }

    async fn tell(&self, ending: &Ending<'_>, now: UnixMillis) -> Result<Ended, NotEnded> {
        self.look(now.to_seconds());
        let session = &ending.session;
        let (keys, name) = self.keys(session);
        let unknown = |from: UnixMillis| from.to_seconds().plus(1).plus(self.terms.longest);
        let until = |end: UnixTime| end.plus(self.terms.leeway).plus(OUTLIVES).as_seconds().to_string();
        // By another node's clock it may have begun later than now.
        let before = now.max(session.began);
        let all = ending.everywhere.then(|| (before.as_millis().to_string(), until(unknown(before))));
        let (all, all_until) = all.unwrap_or_default();
        let this_until = until(ending.ends_at.unwrap_or_else(|| unknown(now)));
        let call = Call::new(&SCRIPTS.ended_end, keys, vec![this_until, all, all_until]);
        let reply = self.connections.in_time(call.run(&self.connections)).await.flatten().map_err(|error| refused(&error))?;
        if reply.word() != "done" {
            return Err(NotEnded::Unavailable(AGAIN));
        }
        self.copies.keep(name, now.to_seconds(), true);
        Ok(Ended { pending: 0 })
    }

    /// Has it looked at, now and then, whether Redis may have forgotten something. Nobody waits for it.
    fn look(&self, now: UnixTime) {
        let (now, last) = (now.as_seconds(), self.memory.looked.load(Ordering::Relaxed));
        let is_due = now >= last + LOOKING || now + LOOKING < last;
        if !is_due || self.memory.looked.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        let (memory, connections, durable) = (Arc::clone(&self.memory), Arc::clone(&self.connections), self.durable);
        runtime.spawn(async move {
            let offered = format!("{}{now:x}", memory.mark);
            if let Ok(Ok(found)) = connections.in_time(memory.find(&connections, durable, &offered)).await {
                memory.compare(found);
            }
        });
    }
}

impl Memory {
    /// What is found now. Keys that aren't there are made, with `offered` as their value.
    async fn find(&self, connections: &Connections, durable: bool, offered: &str) -> Result<Found, RedisError> {
        let mut histories = Vec::new();
        if !durable {
            let history = |info: &String| field(info, "master_replid").unwrap_or_default().to_owned();
            histories.extend(connections.info("replication").await?.iter().map(history));
            histories.sort_unstable();
        }
        let mut marks = BTreeMap::new();
        for key in self.keys(connections).await? {
            let (mut offer, mut get) = (redis::cmd("SET"), redis::cmd("GET"));
            connections.send(offer.arg(&key).arg(offered).arg("NX")).await?;
            let mark = redis::from_redis_value(connections.send(get.arg(&key)).await?)?;
            marks.insert(key, mark);
        }
        Ok(Found { histories, marks })
    }

    /// A key for each master.
    async fn keys(&self, connections: &Connections) -> Result<Vec<String>, RedisError> {
        let masters = connections.masters().await?;
        Ok(masters.map_or_else(
            || vec![self.key.clone()],
            |masters| masters.values().filter_map(|slots| key_in(&self.key, slots)).collect(),
        ))
    }

    /// Says where it is another one than before.
    fn compare(&self, found: Found) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let is_another = last.as_ref().is_some_and(|last| found.is_another_than(last));
        *last = Some(found);
        drop(last);
        #[cfg(feature = "server")]
        if is_another {
            metrics::counter!(FORGOTTEN).increment(1);
            tracing::warn!(
                "Redis was restarted, flushed or another master was promoted: it may have forgotten which sessions were ended, and those go \
                 on until they end by themselves (docs/ended.md)"
            );
        }
        let _ = is_another;
    }
}

impl Found {
    /// Whether something may have been forgotten since. A key that wasn't looked at before, since slots were moved, says nothing.
    fn is_another_than(&self, last: &Self) -> bool {
        let is_other = |(key, mark): (&String, &String)| last.marks.get(key).is_some_and(|before| before != mark);
        self.histories != last.histories || self.marks.iter().any(is_other)
    }
}

/// The name of a key that begins so and is in one of these slots; the same for the same slots.
fn key_in(key: &str, slots: &[RangeInclusive<u16>]) -> Option<String> {
    let is_there = |key: &String| {
        let slot = Some(Slot::for_key(key));
        slots.iter().cloned().flatten().any(|number| Slot::new(number) == slot)
    };
    (0..TRIES).map(|number| format!("{key}:{{{number}}}")).find(is_there)
}

impl Copies {
    fn new(seconds: u64) -> Self {
        let places = if seconds == 0 { 0 } else { COPIES };
        Self { seconds, places: (0..places).map(|_| Mutex::new(None)).collect() }
    }

    /// An answer that is recent enough.
    fn find(&self, session: &str, now: UnixTime) -> Option<bool> {
        let copied = self.place(session)?.lock().unwrap_or_else(PoisonError::into_inner);
        let copied = copied.as_ref().filter(|copied| copied.session == session)?;
        (now >= copied.at && now.seconds_since(copied.at) < self.seconds).then_some(copied.has_ended)
    }

    fn keep(&self, session: String, now: UnixTime, has_ended: bool) {
        if let Some(place) = self.place(&session) {
            *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(Copied { session, at: now, has_ended });
        }
    }

    /// Names are hashes in hexadecimal digits.
    fn place(&self, session: &str) -> Option<&Mutex<Option<Copied>>> {
        let digits = usize::from_str_radix(session.get(session.len().checked_sub(8)?..)?, 16).ok()?;
        self.places.get(digits % self.places.len().max(1))
    }
}

impl Elsewhere for RedisEnded {
    fn has_ended<'a>(
        &'a self,
        session: &'a SessionFacts<'_>,
        now: UnixTime,
    ) -> Pin<Box<dyn Future<Output = Result<bool, Unavailable>> + 'a>> {
        Box::pin(self.ask(session, now))
    }

    fn end<'a>(&'a self, ending: &'a Ending<'_>, now: UnixMillis) -> Pin<Box<dyn Future<Output = Result<Ended, NotEnded>> + 'a>> {
        Box::pin(self.tell(ending, now))
    }
}

impl fmt::Debug for RedisEnded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisEnded").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

fn unavailable(error: &RedisError) -> Unavailable {
    #[cfg(feature = "server")]
    tracing::debug!(%error, "Redis doesn't say whether a session was ended");
    let _ = error;
    AGAIN
}

/// Redis' memory is its capacity.
fn refused(error: &RedisError) -> NotEnded {
    let is_full = error.code() == Some("OOM");
    #[cfg(feature = "server")]
    if is_full {
        tracing::error!("Redis has no memory left to remember that a session was ended: raise its maxmemory");
    }
    if is_full { NotEnded::Full } else { NotEnded::Unavailable(unavailable(error)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_master_has_a_key_and_only_one_that_was_there_before_tells_of_a_loss() {
        let parts = [0..=5461, 5462..=10_923, 10_924..=16_383].map(|slots| vec![slots]);
        let keys = parts.each_ref().map(|slots| key_in("countersign:fleet:ended", slots).unwrap());
        assert!(keys[0] != keys[1] && keys[1] != keys[2] && keys[0] != keys[2], "{keys:?}");
        assert_eq!(key_in("countersign:fleet:ended", &parts[1]), Some(keys[1].clone()));
        assert!(key_in("countersign:fleet:ended", &[16_383..=16_383]).is_some(), "a single slot is enough");
        assert_eq!(key_in("countersign:fleet:ended", &[]), None, "a master without slots holds nothing");

        let found = |marks: &[(&str, &str)]| Found {
            histories: vec!["a".into(), "b".into()],
            marks: marks.iter().map(|(key, mark)| ((*key).into(), (*mark).into())).collect(),
        };
        let before = found(&[("one", "1"), ("two", "1")]);
        assert!(!found(&[("one", "1"), ("two", "1")]).is_another_than(&before));
        assert!(found(&[("one", "1"), ("two", "2")]).is_another_than(&before), "the second was flushed");
        assert!(!found(&[("one", "1"), ("three", "2")]).is_another_than(&before), "slots were moved");
        assert!(Found { histories: vec!["a".into(), "c".into()], ..found(&[]) }.is_another_than(&before));
    }

    #[test]
    fn a_copy_is_believed_for_so_many_seconds_and_for_its_session_only() {
        let now = UnixTime::from_seconds(1_800_000_000);
        let copies = Copies::new(10);
        copies.keep("0123456789abcdef".into(), now, false);
        assert_eq!(copies.find("0123456789abcdef", now.plus(9)), Some(false));
        assert_eq!(copies.find("0123456789abcdef", now.plus(10)), None);
        assert_eq!(copies.find("0123456789abcdef", now.minus(1)), None, "the clock was set back");
        assert_eq!(copies.find("fedcba9889abcdef", now), None, "another one of the same place");
        let none = Copies::new(0);
        none.keep("0123456789abcdef".into(), now, false);
        assert_eq!(none.find("0123456789abcdef", now), None);
    }
}
