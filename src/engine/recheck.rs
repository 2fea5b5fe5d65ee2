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
mod tests {
    use core::{cell::Cell, pin::pin, task::Context};

    use super::*;
    use crate::{challenge::ChallengeId, recipient::Recipient};

    const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);
    const AWAY: Unavailable = Unavailable::for_seconds(5);

    fn id(number: u32) -> SessionId {
        SessionId::new(&ChallengeId::from_random([7; 16]), number)
    }

    fn user(name: &str) -> Arc<User> {
        Arc::new(User::of(&Recipient::parse_email(&alloc::format!("{name}@example.com")).unwrap()))
    }

    /// A directory that is asked, and counts.
    struct Desk {
        rechecks: Rechecks,
        asked: Cell<u32>,
        answer: Cell<Option<Result<Answer, Unavailable>>>,
    }

    impl Desk {
        fn new() -> Self {
            Self { rechecks: Rechecks::default(), asked: Cell::new(0), answer: Cell::new(None) }
        }

        /// What the directory says from now on; nothing, for ever, where it is `None`.
        fn says(&self, answer: Option<Result<Answer, Unavailable>>) {
            self.answer.set(answer);
        }

        async fn user(&self, number: u32, seconds: u64, now: UnixTime) -> Result<Answer, Unavailable> {
            let ask = async || {
                self.asked.set(self.asked.get() + 1);
                poll_fn(|_| {
                    let answer = self.answer.take();
                    self.answer.set(answer.clone());
                    answer.map_or(Poll::Pending, Poll::Ready)
                })
                .await
            };
            self.rechecks.user(id(number), seconds, now, ask).await
        }

        fn now(&self, number: u32, seconds: u64, now: UnixTime) -> Result<Answer, Unavailable> {
            ready(pin!(self.user(number, seconds, now))).expect("nobody waits")
        }
    }

    fn ready<T>(future: core::pin::Pin<&mut impl Future<Output = T>>) -> Option<T> {
        match future.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }

    #[test]
    fn an_answer_counts_for_so_many_seconds() {
        let desk = Desk::new();
        desk.says(Some(Ok(Some(user("ann")))));
        for (seconds, asked) in [(0, 1), (299, 1), (300, 2), (301, 2), (599, 2), (600, 3)] {
            assert_eq!(desk.now(1, 300, NOW.plus(seconds)), Ok(Some(user("ann"))));
            assert_eq!(desk.asked.get(), asked, "after {seconds} s");
        }
        desk.says(Some(Ok(None)));
        assert_eq!(desk.now(1, 300, NOW.plus(899)), Ok(Some(user("ann"))));
        assert_eq!(desk.now(1, 300, NOW.plus(900)), Ok(None), "inactive, gone or of another epoch");
        assert_eq!(desk.now(2, 300, NOW), Ok(None), "another session is asked about apart");
    }

    #[test]
    fn with_zero_the_directory_is_asked_every_time() {
        let desk = Desk::new();
        desk.says(Some(Ok(Some(user("ann")))));
        (1..=3).for_each(|times| {
            desk.now(1, 0, NOW).unwrap();
            assert_eq!(desk.asked.get(), times);
        });
        desk.says(Some(Err(AWAY)));
        assert_eq!(desk.now(1, 0, NOW), Err(AWAY));
    }

    #[test]
    fn the_last_answer_serves_as_long_again_while_the_directory_is_away() {
        let desk = Desk::new();
        desk.says(Some(Ok(Some(user("ann")))));
        desk.now(1, 300, NOW).unwrap();
        desk.says(Some(Err(AWAY)));
        for (seconds, asked) in [(299, 1), (300, 2), (301, 2), (302, 3), (599, 4)] {
            assert_eq!(desk.now(1, 300, NOW.plus(seconds)), Ok(Some(user("ann"))), "after {seconds} s");
            assert_eq!(desk.asked.get(), asked, "after {seconds} s: not every request waits for a directory that is away");
        }
        assert_eq!(desk.now(1, 300, NOW.plus(600)), Err(AWAY));
        assert_eq!(desk.now(1, 300, NOW.plus(600)), Err(AWAY));
        assert_eq!(desk.asked.get(), 6);
        desk.says(Some(Ok(Some(user("ann")))));
        assert_eq!(desk.now(1, 300, NOW.plus(600)), Ok(Some(user("ann"))), "it is back, and nobody waits");
    }

    #[test]
    fn parallel_requests_of_one_session_ask_once() {
        let desk = Desk::new();
        let mut first = pin!(desk.user(1, 300, NOW));
        let mut others: Vec<_> = (0..10).map(|_| Box::pin(desk.user(1, 300, NOW))).collect();
        assert!(ready(first.as_mut()).is_none());
        assert!(others.iter_mut().all(|other| ready(other.as_mut()).is_none()));
        let mut of_another = pin!(desk.user(2, 300, NOW));
        assert!(ready(of_another.as_mut()).is_none());
        assert_eq!(desk.asked.get(), 2, "another session asks itself");
        desk.says(Some(Ok(Some(user("ann")))));
        assert_eq!(ready(first), Some(Ok(Some(user("ann")))));
        assert!(others.iter_mut().all(|other| ready(other.as_mut()) == Some(Ok(Some(user("ann"))))));
        assert_eq!(desk.asked.get(), 2);
    }

    #[test]
    fn who_waits_is_told_too_that_there_is_no_answer() {
        let desk = Desk::new();
        let (mut first, mut second) = (pin!(desk.user(1, 300, NOW)), pin!(desk.user(1, 300, NOW)));
        assert!(ready(first.as_mut()).is_none() && ready(second.as_mut()).is_none());
        desk.says(Some(Err(AWAY)));
        assert_eq!((ready(first), ready(second)), (Some(Err(AWAY)), Some(Err(AWAY))));
        assert_eq!(desk.asked.get(), 1, "they don't ask one after the other");
    }

    #[test]
    fn where_whoever_asks_goes_away_the_next_one_asks() {
        let desk = Desk::new();
        let mut second = pin!(desk.user(1, 300, NOW));
        {
            let mut first = Box::pin(desk.user(1, 300, NOW));
            assert!(ready(first.as_mut()).is_none());
            assert!(ready(second.as_mut()).is_none());
            assert_eq!(desk.asked.get(), 1);
        }
        assert!(ready(second.as_mut()).is_none());
        assert_eq!(desk.asked.get(), 2);
        desk.says(Some(Ok(None)));
        assert_eq!(ready(second), Some(Ok(None)));
    }

    #[test]
    fn whoever_waits_is_woken() {
        struct Bell(std::sync::atomic::AtomicBool);
        impl std::task::Wake for Bell {
            fn wake(self: Arc<Self>) {
                self.0.store(true, std::sync::atomic::Ordering::Relaxed);
            }
        }
        let desk = Desk::new();
        let bell = Arc::new(Bell(false.into()));
        let (mut first, mut second) = (pin!(desk.user(1, 300, NOW)), pin!(desk.user(1, 300, NOW)));
        assert!(ready(first.as_mut()).is_none());
        assert!(second.as_mut().poll(&mut Context::from_waker(&Arc::clone(&bell).into())).is_pending());
        desk.says(Some(Ok(None)));
        assert!(ready(first).is_some());
        assert!(bell.0.load(std::sync::atomic::Ordering::Relaxed));
    }

    #[test]
    fn a_clock_that_is_set_back_keeps_no_answer_alive() {
        let desk = Desk::new();
        desk.says(Some(Ok(None)));
        desk.now(1, 300, NOW).unwrap();
        desk.now(1, 300, NOW.minus(2)).unwrap();
        assert_eq!(desk.asked.get(), 1, "a request that was overtaken");
        desk.now(1, 300, NOW.minus(3_600)).unwrap();
        assert_eq!(desk.asked.get(), 2);
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_oldest_makes_room() {
        let desk = Desk::new();
        desk.says(Some(Ok(None)));
        for number in 1..=60_000 {
            desk.now(number, 300, NOW.plus(u64::from(number))).unwrap();
        }
        let most = desk.rechecks.shards.iter().map(|shard| shard.lock().unwrap().len()).max();
        assert_eq!(most, Some(MOST_OF_A_SHARD));
        let asked = desk.asked.get();
        desk.now(60_000, 300, NOW.plus(60_000)).unwrap();
        assert_eq!(desk.asked.get(), asked, "the newest is there");
    }

    /// Who has these many bytes of claims.
    fn big(bytes: usize) -> Arc<User> {
        let mut user = User::clone(&user("ann"));
        user.claims.insert("text".into(), "x".repeat(bytes).into());
        Arc::new(user)
    }

    fn kept(desk: &Desk) -> usize {
        let shards = desk.rechecks.shards.iter().map(|shard| {
            let bytes = shard.lock().unwrap().iter().filter_map(|entry| Some(entry.last.as_ref()?.bytes)).sum::<usize>();
            assert!(bytes <= MOST_BYTES_OF_A_SHARD, "{bytes}");
            bytes
        });
        shards.sum()
    }

    #[test]
    fn big_answers_take_no_more_memory_than_their_share_and_the_oldest_make_room() {
        let desk = Desk::new();
        desk.says(Some(Ok(Some(big(10_000)))));
        for number in 1..=20_000 {
            desk.now(number, 1_000_000, NOW.plus(u64::from(number))).unwrap();
        }
        assert!(kept(&desk) > SHARDS * MOST_BYTES_OF_A_SHARD / 2, "{}", kept(&desk));
        let asked = desk.asked.get();
        assert_eq!(desk.now(20_000, 1_000_000, NOW.plus(20_000)), Ok(Some(big(10_000))));
        assert_eq!(desk.asked.get(), asked, "the newest is there");
        desk.now(1, 1_000_000, NOW.plus(20_001)).unwrap();
        assert_eq!(desk.asked.get(), asked + 1, "the oldest isn't");
    }

    #[test]
    fn an_answer_that_is_larger_than_the_share_of_a_shard_is_given_and_not_kept() {
        let desk = Desk::new();
        desk.says(Some(Ok(Some(big(MOST_BYTES_OF_A_SHARD)))));
        for asked in 1..=3 {
            assert_eq!(desk.now(1, 300, NOW), Ok(Some(big(MOST_BYTES_OF_A_SHARD))));
            assert_eq!(desk.asked.get(), asked);
        }
        desk.rechecks.keep(id(2), Some(big(MOST_BYTES_OF_A_SHARD)), NOW);
        assert_eq!(kept(&desk), 0);
        desk.says(Some(Ok(Some(user("ann")))));
        desk.now(1, 300, NOW).unwrap();
        desk.says(Some(Ok(Some(big(MOST_BYTES_OF_A_SHARD)))));
        desk.now(1, 300, NOW.plus(300)).unwrap();
        assert_eq!(kept(&desk), 0, "an older answer doesn't stand for it");
    }

    #[test]
    fn what_a_login_found_needs_no_question() {
        let desk = Desk::new();
        desk.rechecks.keep(id(1), Some(user("ann")), NOW);
        assert_eq!(desk.now(1, 300, NOW.plus(299)), Ok(Some(user("ann"))));
        assert_eq!(desk.asked.get(), 0);
    }
}
