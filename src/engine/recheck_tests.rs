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
