//! Redis is killed, flushed, starved and cut off again and again, while four nodes redeem every challenge as often as they can.
//!
//! `COUNTERSIGN_CHAOS` says how many are redeemed at least: 100 unless it does.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use countersign::{
    challenge::VerifiedChallenge,
    guard::{AttemptRefused, Counted, Guard as _, Limits, RequestRefused, Verdict, redis::RedisGuard},
    time::UnixTime,
};

use super::{
    Test,
    server::{Server, until},
    world::{attempt, challenge, connect, email, limits, now, request, run, settings},
};

pub(crate) const TESTS: &[Test] = &[
    Test::new("in_chaos_nothing_is_redeemed_twice_and_nobody_guesses_more_often", forgetful),
    Test::new("in_chaos_a_durable_redis_redeems_everything_once", durable),
];

const NODES: usize = 4;
const ROUNDS: usize = 16;
const MAX_ATTEMPTS: u32 = 3;

/// A challenge, and what was seen of it.
struct Seen {
    challenge: VerifiedChallenge,
    accepted: AtomicU32,
    compared: AtomicU32,
    /// How often it was in doubt: the answer was lost.
    in_doubt: AtomicU32,
}

struct Chaos {
    now: UnixTime,
    recipients: usize,
    seen: Mutex<Vec<Arc<Seen>>>,
    accepted: AtomicU32,
    spent: AtomicU32,
    misdirected: AtomicU32,
    unavailable: AtomicU32,
    ends: AtomicBool,
}

fn forgetful() {
    let mut redis = Server::start("--save 3600 1");
    let chaos = start(&redis, false, 5);
    let wanted = std::env::var_os("COUNTERSIGN_CHAOS").map_or(100, |wanted| wanted.to_str().unwrap().parse().unwrap());
    let mut rounds = 0;
    while rounds < ROUNDS || chaos.chaos.accepted.load(Relaxed) < wanted {
        chaos.progresses();
        match rounds % 8 {
            // A snapshot that is older than what was spent since.
            0 => _ = redis.ask::<String>("SAVE"),
            1 | 2 => {
                redis.kill();
                redis.revive();
            }
            3 => _ = redis.ask::<String>("SCRIPT FLUSH"),
            4 => _ = redis.ask::<i64>("CLIENT KILL TYPE normal SKIPME yes"),
            5 => {
                let _: String = redis.ask("CONFIG SET maxmemory 1");
                thread::sleep(Duration::from_millis(50));
                let _: String = redis.ask("CONFIG SET maxmemory 0");
            }
            6 => _ = redis.ask::<String>("FLUSHALL"),
            _ => _ = redis.ask::<String>("DEBUG RELOAD"),
        }
        rounds += 1;
    }
    let all = chaos.end();
    let compared: u32 = all.iter().map(|seen| seen.compared.load(Relaxed)).sum();
    let Chaos { accepted, spent, misdirected, unavailable, .. } = &*chaos.chaos;
    println!(
        "{accepted:?} accepted, {compared} compared, {spent:?} spent, {misdirected:?} misdirected, {unavailable:?} unavailable; \
         {rounds} blows at Redis, {} kills among them",
        rounds / 4
    );
    assert!(compared > 50, "{compared} compared of {}", all.len());
}

fn durable() {
    let mut redis = Server::start(r#"--save "" --appendonly yes --appendfsync always"#);
    // So many that nobody's comparisons, which are never lost here, come near their end.
    let chaos = start(&redis, true, 10_000);
    let mut rounds = 0;
    while rounds < ROUNDS || chaos.chaos.accepted.load(Relaxed) < 300 {
        chaos.progresses();
        match rounds % 2 {
            0 => {
                redis.kill();
                redis.revive();
            }
            _ => _ = redis.ask::<i64>("CLIENT KILL TYPE normal SKIPME yes"),
        }
        rounds += 1;
    }
    // Whatever wasn't in doubt was redeemed: nothing was retired.
    let all = chaos.end();
    let guard = durable_guard(&redis.url(), true);
    let (mut open, mut spent, mut exhausted) = (0, 0, 0);
    run(async {
        for seen in &all {
            let [accepted, compared, in_doubt] =
                [&seen.accepted, &seen.compared, &seen.in_doubt].map(|count| count.load(Relaxed));
            match guard.count(&attempt(&seen.challenge, chaos.now), Verdict::sealed(true)).await {
                Ok(Counted::Accepted { .. }) => {
                    assert_eq!(accepted, 0);
                    open += 1;
                }
                Err(AttemptRefused::Spent) => {
                    assert!(accepted + in_doubt > 0);
                    spent += 1;
                }
                // By wrong codes for this challenge: nobody's comparisons come near their end.
                Err(AttemptRefused::Exhausted) => {
                    assert!(accepted == 0 && compared + in_doubt >= MAX_ATTEMPTS, "{compared} compared, {in_doubt} in doubt");
                    exhausted += 1;
                }
                counted => panic!("{counted:?}"),
            }
        }
    });
    let accepted = chaos.chaos.accepted.load(Relaxed);
    let compared: u32 = all.iter().map(|seen| seen.compared.load(Relaxed)).sum();
    println!(
        "{} challenges, {accepted} accepted, {compared} compared; at the end {open} open, {spent} spent, {exhausted} exhausted; \
         {rounds} blows at Redis",
        all.len()
    );
    assert_eq!(chaos.chaos.misdirected.load(Relaxed), 0, "nothing was retired meanwhile");
    // A kill costs each node one answer at most, and whoever tries again finds what was lost spent.
    assert!(accepted as usize * 2 > all.len() && compared > 50, "{accepted} accepted, {compared} compared of {}", all.len());
}

fn durable_guard(url: &str, durable: bool) -> RedisGuard {
    let mut settings = settings(url);
    settings.durable = durable;
    settings.timeout = Duration::from_millis(500);
    let mut guard = None;
    until("a node starts", || {
        let limits = Limits { max_attempts: MAX_ATTEMPTS, comparisons: 100, ..limits() };
        guard = connect(&settings, limits).ok();
        guard.is_some()
    });
    guard.expect("it has started")
}

/// The nodes, at work.
struct Running {
    chaos: Arc<Chaos>,
    now: UnixTime,
    nodes: Mutex<Vec<thread::JoinHandle<()>>>,
}

fn start(redis: &Server, durable: bool, recipients: usize) -> Running {
    let now = now(redis);
    let (seen, ends) = Default::default();
    let [accepted, spent, misdirected, unavailable] = [const { AtomicU32::new(0) }; 4];
    let chaos = Arc::new(Chaos { now, recipients, seen, accepted, spent, misdirected, unavailable, ends });
    let nodes = (0..NODES).map(|number| {
        let (chaos, guard) = (Arc::clone(&chaos), durable_guard(&redis.url(), durable));
        thread::spawn(move || run(node(&chaos, &guard, number)))
    });
    let nodes = Mutex::new(nodes.collect());
    Running { chaos, now, nodes }
}

impl Running {
    /// Waits until more challenges are there than before.
    fn progresses(&self) {
        let count = || self.chaos.seen.lock().unwrap().len();
        let before = count();
        until("more challenges are made", || count() >= before + 8);
    }

    /// Ends the nodes; everything that they saw, judged.
    fn end(&self) -> Vec<Arc<Seen>> {
        self.chaos.ends.store(true, Relaxed);
        self.nodes.lock().unwrap().drain(..).for_each(|node| node.join().expect("it ends well"));
        let all = self.chaos.seen.lock().unwrap().clone();
        for seen in &all {
            assert!(seen.accepted.load(Relaxed) <= 1, "redeemed {} times", seen.accepted.load(Relaxed));
            assert!(seen.compared.load(Relaxed) <= MAX_ATTEMPTS, "compared {} times", seen.compared.load(Relaxed));
        }
        all
    }
}

/// What one node does: makes challenges, and tries those of all nodes, rightly and wrongly, over and over.
async fn node(chaos: &Chaos, guard: &RedisGuard, number: usize) {
    let mut turn = number;
    while !chaos.ends.load(Relaxed) {
        turn += 1;
        let recipient = email(&format!("someone{}", turn % chaos.recipients));
        match guard.admit(&request(&recipient, chaos.now)).await {
            Ok(admitted) => {
                let challenge = challenge(admitted.guard, &recipient, chaos.now);
                let (accepted, compared, in_doubt) = Default::default();
                chaos.seen.lock().unwrap().push(Arc::new(Seen { challenge, accepted, compared, in_doubt }));
            }
            Err(RequestRefused::Unavailable(_)) => tokio::time::sleep(Duration::from_millis(10)).await,
            Err(refused) => panic!("{refused:?}"),
        }
        // The newest ones at once by everybody, and now and then an old one.
        let tried: Vec<_> = {
            let all = chaos.seen.lock().unwrap();
            all.iter().rev().take(6).chain(all.get(turn * 7 % all.len().max(1))).cloned().collect()
        };
        for seen in &tried {
            let is_right = !turn.is_multiple_of(3);
            match guard.count(&attempt(&seen.challenge, chaos.now), Verdict::sealed(is_right)).await {
                Ok(Counted::Accepted { .. }) => {
                    seen.accepted.fetch_add(1, Relaxed);
                    chaos.accepted.fetch_add(1, Relaxed);
                }
                Ok(Counted::Rejected { .. }) => _ = seen.compared.fetch_add(1, Relaxed),
                Err(AttemptRefused::Unavailable(_)) => {
                    seen.in_doubt.fetch_add(1, Relaxed);
                    chaos.unavailable.fetch_add(1, Relaxed);
                }
                Err(AttemptRefused::Spent) => _ = chaos.spent.fetch_add(1, Relaxed),
                Err(AttemptRefused::Misdirected) => _ = chaos.misdirected.fetch_add(1, Relaxed),
                Err(_) => {}
            }
        }
    }
}
