//! What the directory said of the users of sessions, and how long ago.
//!
//! A session's requests don't ask the directory each time: an answer counts for `recheck_seconds`, and where the directory can't
//! be reached then, the last one for as long again. Requests of one session that come while it is being asked wait for that one
//! answer. Nothing here knows a runtime: whoever asks runs the question, and if they go away, the next one asks.

use alloc::{sync::Arc, vec::Vec};
use core::{
    fmt,
    future::poll_fn,
    hash::BuildHasher as _,
    task::{Poll, Waker},
};
use std::{
    hash::RandomState,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::weight::bytes_of_user;
use crate::{time::UnixTime, token::SessionId, unavailable::Unavailable, user::User};

const SHARDS: usize = 1024;
/// The most sessions of a shard: of 16,384 in all.
const MOST_OF_A_SHARD: usize = 16;
/// The most bytes that the answers of a shard take: 64 MiB in all. A single one that is larger isn't kept.
const MOST_BYTES_OF_A_SHARD: usize = 64 * 1024;
/// Seconds for which the last answer serves without another question, where the directory just gave none.
const PAUSE: u64 = 2;
/// How much later than a request's own time an answer may be: requests overtake each other, and clocks are set back.
const OVERTAKEN: u64 = 2;

/// The user of a session; `None` where it has none any more.
type Answer = Option<Arc<User>>;

/// Answers about sessions.
pub(super) struct Rechecks {
    shards: Box<[Mutex<Vec<Entry>>]>,
    hasher: RandomState,
}

struct Entry {
    id: SessionId,
    last: Option<Last>,
    /// The directory gave no answer, and isn't asked again before.
    asked_again_at: UnixTime,
    asking: Option<Arc<Question>>,
}

/// What was answered last.
struct Last {
    answer: Answer,
    at: UnixTime,
    bytes: usize,
}

/// A question under way, with those who wait for its answer.
#[derive(Default)]
struct Question(Mutex<Asking>);

#[derive(Default)]
struct Asking {
    outcome: Option<Outcome>,
    wakers: Vec<Waker>,
}

#[derive(Clone)]
enum Outcome {
    Answered(Result<Answer, Unavailable>),
    /// Whoever asked went away.
    Abandoned,
}

/// What there is to do about a session.
enum Next {
    Know(Answer),
    /// Ask, and tell the others.
    Ask(Arc<Question>),
    /// Ask for oneself: there is no room.
    AskAlone,
    Wait(Arc<Question>),
}

/// Who has to ask. Dropped without an answer it lets another one.
struct Turn<'a> {
    rechecks: &'a Rechecks,
    id: SessionId,
    question: Arc<Question>,
}

impl Default for Rechecks {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect(), hasher: RandomState::new() }
    }
}

impl Rechecks {
    /// The user of a session, by an answer that is less than `seconds` old; `ask` asks the directory. 0: it is asked each time.
    pub(super) async fn user(
        &self,
        id: SessionId,
        seconds: u64,
        now: UnixTime,
        ask: impl AsyncFn() -> Result<Answer, Unavailable>,
    ) -> Result<Answer, Unavailable> {
        if seconds == 0 {
            return ask().await;
        }
        loop {
            match self.next(id, seconds, now) {
                Next::Know(answer) => return Ok(answer),
                Next::AskAlone => return ask().await,
                Next::Ask(question) => {
                    let turn = Turn { rechecks: self, id, question };
                    let answered = ask().await;
                    return turn.tell(answered, seconds, now);
                }
                Next::Wait(question) => {
                    if let Outcome::Answered(answered) = question.outcome().await {
                        return answered;
                    }
                }
            }
        }
    }

    /// Keeps what was just learnt of a session's user.
    pub(super) fn keep(&self, id: SessionId, answer: Answer, now: UnixTime) {
        let mut shard = self.shard(&id);
        if entry(&mut shard, id).is_some() {
            learn(&mut shard, id, answer, now);
        }
    }

    fn next(&self, id: SessionId, seconds: u64, now: UnixTime) -> Next {
        let mut shard = self.shard(&id);
        let Some(entry) = entry(&mut shard, id) else { return Next::AskAlone };
        if let Some(answer) = entry.known(seconds, now) {
            return Next::Know(answer);
        }
        if let Some(question) = &entry.asking {
            return Next::Wait(Arc::clone(question));
        }
        if let Some(answer) = entry.known(seconds.saturating_mul(2), now).filter(|_| now < entry.asked_again_at) {
            return Next::Know(answer);
        }
        let question = Arc::<Question>::default();
        entry.asking = Some(Arc::clone(&question));
        Next::Ask(question)
    }

    fn shard(&self, id: &SessionId) -> MutexGuard<'_, Vec<Entry>> {
        #[allow(clippy::cast_possible_truncation, reason = "cut to the number of shards")]
        let shard = &self.shards[self.hasher.hash_one(id) as usize % SHARDS];
        // A thread that panicked left no half of an entry behind.
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The entry of a session, or a new one: in the place of the one that was answered longest ago, where there is no other. `None`
/// where all of the shard are being asked about.
fn entry(shard: &mut Vec<Entry>, id: SessionId) -> Option<&mut Entry> {
    if let Some(at) = shard.iter().position(|entry| entry.id == id) {
        return shard.get_mut(at);
    }
    let new = Entry { id, last: None, asked_again_at: UnixTime::from_seconds(0), asking: None };
    if shard.len() < MOST_OF_A_SHARD {
        shard.push(new);
        return shard.last_mut();
    }
    let idle = shard.iter_mut().filter(|entry| entry.asking.is_none());
    let oldest = idle.min_by_key(|entry| entry.last.as_ref().map(|last| last.at))?;
    *oldest = new;
    Some(oldest)
}

/// Keeps an answer about a session that has an entry. The oldest ones of others are forgotten until there is room for it.
fn learn(shard: &mut [Entry], id: SessionId, answer: Answer, now: UnixTime) {
    let bytes = answer.as_ref().map_or(0, |user| bytes_of_user(user));
    let mut room = MOST_BYTES_OF_A_SHARD;
    if let Some(entry) = shard.iter_mut().find(|entry| entry.id == id) {
        entry.last = None;
        if bytes > room {
            return;
        }
        entry.last = Some(Last { answer, at: now, bytes });
        room -= bytes;
    }
    let mut others: Vec<_> = shard.iter_mut().filter(|entry| entry.id != id && entry.last.is_some()).collect();
    others.sort_unstable_by_key(|entry| core::cmp::Reverse(entry.last.as_ref().map(|last| last.at)));
    for other in others {
        if let Some(left) = room.checked_sub(other.last.as_ref().map_or(0, |last| last.bytes)) {
            room = left;
        } else {
            (room, other.last) = (0, None);
        }
    }
}

impl Entry {
    /// The last answer, if it is less than `seconds` old.
    fn known(&self, seconds: u64, now: UnixTime) -> Option<Answer> {
        let Last { answer, at, .. } = self.last.as_ref()?;
        (*at <= now.plus(OVERTAKEN) && now.seconds_since(*at) < seconds).then(|| answer.clone())
    }
}

impl Turn<'_> {
    /// Keeps what the directory answered, and tells who waits for it. Where it gave no answer, the last one serves.
    fn tell(self, answered: Result<Answer, Unavailable>, seconds: u64, now: UnixTime) -> Result<Answer, Unavailable> {
        let outcome = {
            let mut shard = self.rechecks.shard(&self.id);
            let entry = shard.iter_mut().find(|entry| self.is_of(entry));
            match (entry, answered) {
                (Some(_), Ok(answer)) => {
                    learn(&mut shard, self.id, answer.clone(), now);
                    Ok(answer)
                }
                (Some(entry), Err(unavailable)) => {
                    entry.asked_again_at = now.plus(PAUSE);
                    entry.known(seconds.saturating_mul(2), now).ok_or(unavailable)
                }
                (None, answered) => answered,
            }
        };
        self.question.tell(Outcome::Answered(outcome.clone()));
        outcome
    }

    fn is_of(&self, entry: &Entry) -> bool {
        entry.asking.as_ref().is_some_and(|asking| Arc::ptr_eq(asking, &self.question))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut shard = self.rechecks.shard(&self.id);
        if let Some(entry) = shard.iter_mut().find(|entry| self.is_of(entry)) {
            entry.asking = None;
        }
        drop(shard);
        self.question.tell(Outcome::Abandoned);
    }
}

impl Question {
    /// Tells how it ended, once.
    fn tell(&self, outcome: Outcome) {
        let mut asking = self.asking();
        if asking.outcome.is_none() {
            asking.outcome = Some(outcome);
            let wakers = std::mem::take(&mut asking.wakers);
            drop(asking);
            wakers.into_iter().for_each(Waker::wake);
        }
    }

    /// How it ended.
    async fn outcome(&self) -> Outcome {
        poll_fn(|cx| {
            let mut asking = self.asking();
            if let Some(outcome) = &asking.outcome {
                return Poll::Ready(outcome.clone());
            }
            if !asking.wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
                asking.wakers.push(cx.waker().clone());
            }
            Poll::Pending
        })
        .await
    }

    fn asking(&self) -> MutexGuard<'_, Asking> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Rechecks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rechecks(…)")
    }
}

#[cfg(test)]
#[path = "recheck_tests.rs"]
mod tests;
