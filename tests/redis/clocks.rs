//! Clocks that are set: nothing comes back to life. Redis' own clock is moved by a library that is preloaded (clock.c).

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use countersign::{
    challenge::VerifiedChallenge,
    guard::{Amendment, Attempt, AttemptRefused, By, Counted, Guard as _, Limits, Verdict, redis::RedisGuard},
    time::UnixTime,
};
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{Rng as _, SeedableRng as _},
};
use serde_json::json;
use tempfile::TempDir;

use super::{
    Test,
    cluster::Cluster,
    served::{exchange, node},
    server::{Server, until},
    world::{
        LIFETIME, RECORDS, admit, attempt, begin, challenge, email, guard, left, limits, now, peek, request, right, run, wrong,
    },
};

/// Random sequences of steps, and steps in each.
const SEQUENCES: u64 = 24;
const STEPS: usize = 100;

pub(crate) const TESTS: &[Test] = &[
    Test::new("nodes_whose_clocks_differ_decide_alike", nodes),
    faked("a_clock_set_back_a_minute_finds_everything", a_minute),
    faked("a_clock_set_back_an_hour_replays_nothing", an_hour),
    faked("a_clock_that_jumps_ahead_and_back_unseen_replays_nothing", unseen),
    faked("in_a_cluster_a_clock_that_jumps_ahead_and_back_unseen_replays_nothing", unseen_in_cluster),
    faked("a_clock_that_jumps_ahead_and_back_unseen_replays_nothing_over_http", unseen_over_http),
    faked("a_record_that_is_lost_alone_retires_its_challenge_alone", lost_alone),
    faked("whatever_the_clock_does_nothing_is_redeemed_or_compared_too_often", jumps),
    faked("a_clock_set_forward_expires_and_forgets_in_this_order", forward),
    faked("comparisons_are_remembered_until_the_day_after", days),
    faked("comparisons_of_the_day_before_count_toward_l", yesterday),
];

pub(crate) const fn faked(name: &'static str, run: fn()) -> Test {
    Test { name, run, missing: || (!has_compiler()).then_some("needs Linux and a C compiler") }
}

fn has_compiler() -> bool {
    let mut version = Command::new("cc");
    version.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    cfg!(target_os = "linux") && version.status().is_ok_and(|status| status.success())
}

/// Builds the library that sets the clock.
fn build(library: &Path) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/redis/clock.c");
    let status = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(library).arg(source).status();
    assert!(status.expect("there is a compiler").success());
}

/// A wall clock for servers, which the test sets.
pub(crate) struct Clock {
    folder: TempDir,
}

impl Clock {
    fn new() -> Self {
        let clock = Self { folder: tempfile::tempdir().expect("a folder") };
        clock.set(0);
        build(&clock.folder.path().join("clock.so"));
        clock
    }

    /// What a server is started with, so that it goes by this clock.
    fn environment(&self) -> [(&'static str, PathBuf); 2] {
        [("LD_PRELOAD", "clock.so"), ("TEST_CLOCK", "time")].map(|(name, file)| (name, self.folder.path().join(file)))
    }

    /// Sets it so many seconds off the true time.
    fn set(&self, offset: i64) {
        self.write(&offset.to_string());
    }

    /// Lets it rest.
    pub(crate) fn rest_at(&self, now: UnixTime) {
        self.write(&format!("={}", now.as_seconds()));
    }

    fn write(&self, text: &str) {
        let new = self.folder.path().join("new");
        std::fs::write(&new, text).expect("it can be written");
        std::fs::rename(new, self.folder.path().join("time")).expect("it can be renamed");
    }
}

/// A server whose clock the test sets.
pub(crate) struct Faked {
    pub(crate) server: Server,
    pub(crate) clock: Clock,
}

impl Faked {
    pub(crate) fn start() -> Self {
        let clock = Clock::new();
        Self { server: Server::start_with(r#"--save """#, &clock.environment()), clock }
    }

    fn set(&self, offset: i64) {
        self.clock.set(offset);
    }

    /// Redis drops what has ended by itself, in time.
    fn drops_all_but(&self, left: usize) {
        until("Redis drops them", || kept(&self.server) == left);
    }

    fn guard(&self) -> RedisGuard {
        guard(&self.server.url(), limits())
    }
}

/// How many keys a server hasn't dropped yet, those that have ended included.
fn kept(server: &Server) -> usize {
    server.ask("DBSIZE")
}

fn nodes() {
    let server = Server::plain();
    let (early, late) = (guard(&server.url(), limits()), guard(&server.url(), limits()));
    let now = now(&server);
    let challenge = begin(&early, &email("ann"), now.minus(5));
    assert!(wrong(&late, &challenge, now.plus(5)).is_ok());
    assert_eq!(right(&early, &challenge, now.minus(5)), Ok(Counted::Accepted));
    assert_eq!(right(&late, &challenge, now.plus(5)), Err(AttemptRefused::Spent));
}

fn a_minute() {
    let faked = Faked::start();
    let guard = faked.guard();
    let now = now(&faked.server);
    let challenge = begin(&guard, &email("ann"), now);
    assert_eq!(right(&guard, &challenge, now), Ok(Counted::Accepted));
    for offset in [590, 605, 610, 550, 0] {
        faked.set(offset);
        admit(&guard, &email("bob"), now);
        let expected = if offset > 600 { AttemptRefused::Expired } else { AttemptRefused::Spent };
        assert_eq!(right(&guard, &challenge, now), Err(expected), "at {offset}");
    }
}

fn an_hour() {
    let faked = Faked::start();
    let guard = faked.guard();
    let now = now(&faked.server);
    let [spent, open] = ["ann", "bob"].map(|name| begin(&guard, &email(name), now));
    assert_eq!(right(&guard, &spent, now), Ok(Counted::Accepted));
    // Nothing is lost by going back alone.
    faked.set(-3_600);
    assert_eq!(right(&guard, &spent, now), Err(AttemptRefused::Spent));
    assert_eq!(peek(&guard, &open, now), Ok(()));
    faked.set(3_600);
    admit(&guard, &email("cat"), now);
    faked.drops_all_but(1);
    faked.set(0);
    for challenge in [&spent, &open] {
        assert_eq!(peek(&guard, challenge, now), Err(AttemptRefused::Misdirected));
        assert_eq!(right(&guard, challenge, now), Err(AttemptRefused::Misdirected));
    }
    let next = begin(&guard, &email("ann"), now);
    assert_eq!(right(&guard, &next, now), Ok(Counted::Accepted));
    assert_eq!(right(&guard, &spent, now), Err(AttemptRefused::Misdirected));
}

fn unseen() {
    let faked = Faked::start();
    let guard = faked.guard();
    let now = now(&faked.server);
    let first = begin(&guard, &email("ann"), now);
    assert_eq!(right(&guard, &first, now), Ok(Counted::Accepted));
    faked.set(300);
    let second = begin(&guard, &email("bob"), now.plus(300));
    assert_eq!(kept(&faked.server), 3);
    // Ahead by seven minutes, until the first one's record is gone, and back: nobody saw that.
    faked.set(725);
    faked.drops_all_but(2);
    faked.set(301);
    let is_retired = |challenge: &VerifiedChallenge| {
        assert_eq!(peek(&guard, challenge, now), Err(AttemptRefused::Misdirected));
        assert_eq!(right(&guard, challenge, now), Err(AttemptRefused::Misdirected));
        assert_eq!(wrong(&guard, challenge, now), Err(AttemptRefused::Misdirected));
        run(guard.give_back(&attempt(challenge, now)));
        let external = Attempt { by: By::External, ..attempt(challenge, now) };
        assert!(run(guard.amend(&external, Amendment::Unanswered)).is_err());
    };
    is_retired(&first);
    // Whoever asks now, and for challenges that end in the same second as the first, brings nothing back.
    for name in ["ann", "bob", "cat"] {
        assert_eq!(right(&guard, &begin(&guard, &email(name), now), now.plus(301)), Ok(Counted::Accepted));
        is_retired(&first);
    }
    assert_eq!(right(&guard, &second, now), Ok(Counted::Accepted));
    // By an hour, in which all goes but the key of the counters.
    faked.set(3_600);
    faked.drops_all_but(1);
    faked.set(302);
    for challenge in [&first, &second] {
        admit(&guard, &email("bob"), now.plus(300));
        is_retired(challenge);
    }
    let next = begin(&guard, &email("ann"), now.plus(302));
    assert_eq!(right(&guard, &next, now), Ok(Counted::Accepted));
    assert_eq!(right(&guard, &next, now), Err(AttemptRefused::Spent));
}

fn unseen_in_cluster() {
    let clock = Clock::new();
    let cluster = Cluster::start_with(&clock.environment());
    let guard = guard(&cluster.url(), limits());
    let now = now(&cluster.masters[0]);
    let challenges = cluster.on_each(&guard, now);
    for (_, challenge) in &challenges {
        assert_eq!(right(&guard, challenge, now), Ok(Counted::Accepted));
    }
    clock.set(740);
    until("the masters drop them", || cluster.sizes().iter().sum::<usize>() == 1);
    clock.set(0);
    for (recipient, spent) in &challenges {
        assert_eq!(right(&guard, spent, now), Err(AttemptRefused::Misdirected));
        // The same recipient asks again, for a challenge that ends in the same second.
        let next = begin(&guard, recipient, now);
        assert_eq!(right(&guard, spent, now), Err(AttemptRefused::Misdirected));
        assert_eq!(right(&guard, &next, now), Ok(Counted::Accepted));
        assert_eq!(right(&guard, &next, now), Err(AttemptRefused::Spent));
    }
}

fn unseen_over_http() {
    let clock = Clock::new();
    let single = Server::start_with(r#"--save """#, &clock.environment());
    let cluster = Cluster::start_with(&clock.environment());
    let sizes = || kept(&single) + cluster.sizes().iter().sum::<usize>();
    let nodes = [node(&single.url(), &[]), node(&cluster.url(), &[])];
    let before = sizes();
    let ann = nodes.each_ref().map(|node| node.challenge("ann@example.com"));
    for (node, (challenge, code)) in nodes.iter().zip(&ann) {
        assert_eq!(exchange(node, challenge, code).status, 200);
        assert_eq!(exchange(node, challenge, code).code(), "challenge_spent");
    }
    // Longer than an hour, so that the counts of messages are gone too, and nothing is left to wait for.
    clock.set(3_700);
    until("Redis drops them", || sizes() == before);
    clock.set(0);
    for (node, (challenge, code)) in nodes.iter().zip(&ann) {
        let is_refused = || {
            let answer = exchange(node, challenge, code);
            assert_eq!((answer.status, answer.code().as_str()), (421, "misdirected"));
        };
        is_refused();
        // At once, so mostly within the minute in which ann's ends.
        for other in ["bob@example.com", "ann@example.com"] {
            let (next, next_code) = node.challenge(other);
            is_refused();
            let body = json!({"email": other, "token": next_code, "challenge": next});
            assert_eq!(node.post("exchange/email/", &body).status, 200);
            is_refused();
        }
    }
}

/// A jump that is over before Redis has dropped everything, an eviction, somebody's DEL: whatever takes one record.
fn lost_alone() {
    let faked = Faked::start();
    let guard = faked.guard();
    let now = now(&faked.server);
    let records = || faked.server.ask::<Vec<String>>(RECORDS);
    let first = begin(&guard, &email("ann"), now);
    let record = records().remove(0);
    let second = begin(&guard, &email("ann"), now);
    for challenge in [&first, &second] {
        assert_eq!(right(&guard, challenge, now), Ok(Counted::Accepted));
    }
    faked.set(740);
    // Looked at, so dropped.
    assert!(!faked.server.ask::<bool>(&format!("EXISTS {record}")));
    faked.set(0);
    assert_eq!(right(&guard, &first, now), Err(AttemptRefused::Misdirected));
    let answer = right(&guard, &second, now);
    assert!(matches!(answer, Err(AttemptRefused::Spent | AttemptRefused::Misdirected)), "{answer:?}");
}

fn forward() {
    let faked = Faked::start();
    let guard = faked.guard();
    let now = now(&faked.server);
    let challenge = begin(&guard, &email("ann"), now);
    assert_eq!(right(&guard, &challenge, now), Ok(Counted::Accepted));
    let records = || faked.server.ask::<Vec<String>>(RECORDS).len();
    for (offset, expected, kept) in [
        (580, AttemptRefused::Spent, 1),
        (601, AttemptRefused::Expired, 1),
        (700, AttemptRefused::Expired, 1),
        (730, AttemptRefused::Expired, 0),
    ] {
        faked.set(offset);
        assert_eq!(right(&guard, &challenge, now), Err(expected), "at {offset}");
        assert_eq!(records(), kept, "at {offset}");
    }
}

fn days() {
    use countersign::challenge::Strength::{Medium, Short};
    let faked = Faked::start();
    let guard = faked.guard();
    let start = now(&faked.server);
    let ann = email("ann");
    let day = 86_400;
    // Begins early on a day, so that the days of this test aren't the machine's.
    let early = day - i64::try_from(start.as_seconds()).unwrap() % day + 60;
    for (offset, guesses, strength) in
        [(0, 5, Short), (day - 120, 5, Medium), (day, 1, Medium), (day + 120, 0, Medium), (3 * day - 120, 0, Short)]
    {
        faked.set(early + offset);
        let now = now(&faked.server);
        let challenge = begin(&guard, &ann, now);
        (0..guesses).for_each(|_| assert!(wrong(&guard, &challenge, now).is_ok(), "at {offset}"));
        assert_eq!(admit(&guard, &ann, now).strength, strength, "at {offset}");
    }
}

fn yesterday() {
    let faked = Faked::start();
    let guard = guard(&faked.server.url(), Limits { comparisons: 10, ..limits() });
    let ann = email("ann");
    let day = 86_400;
    let noon = UnixTime::from_seconds(2_000_000_000 / day * day + day / 2);
    // Strangers have 8: five today, three tomorrow; then none until the day after that.
    for (day_of, compared) in [(0, 5), (1, 3), (2, 5), (4, 5)] {
        let now = noon.plus(day_of * day);
        faked.clock.rest_at(now);
        let challenge = begin(&guard, &ann, now);
        for number in 0..5 {
            let expected = if number < compared { left(4 - number) } else { Err(AttemptRefused::Exhausted) };
            assert_eq!(wrong(&guard, &challenge, now), expected, "day {day_of}, {number}");
        }
    }
}

/// What was seen of one challenge.
struct Seen {
    challenge: VerifiedChallenge,
    accepted: u32,
    compared: u32,
}

/// Clocks are set at random between any two steps, now and then until Redis has dropped what ended.
fn jumps() {
    let faked = Faked::start();
    let (mut accepted, mut compared, mut lost, mut redeemed_after_loss) = (0, 0, 0, 0);
    for seed in 0..SEQUENCES {
        let mut random = ChaCha20Rng::seed_from_u64(seed);
        let mut below = |end: u32| random.next_u32() % end;
        let limits = Limits { max_uses: 1 + below(2), max_attempts: 3, challenge_lifetime: LIFETIME, ..limits() };
        let (max_uses, max_attempts) = (limits.max_uses, limits.max_attempts);
        let guard = guard(&faked.server.url(), Limits { comparisons: 100, ..limits });
        faked.set(0);
        let start = now(&faked.server);
        let names = ["ann", "bob", "cat"].map(|name| email(&format!("{name}{seed}")));
        let mut all: Vec<Seen> = Vec::new();
        let mut offset = 0_i64;
        run(async {
            for _ in 0..STEPS {
                match below(8) {
                    // Where it is, near an end, near the end of records, far off.
                    0 => {
                        let around = [0, 0, 60, 120, 570, 600, 690, 720, 780, 1_440, 90_000][below(11) as usize];
                        offset = around + i64::from(below(120)) - 60;
                        offset = if below(5) == 0 { -offset } else { offset };
                        faked.set(offset);
                    }
                    // Ahead and back, unseen; Redis drops all, or some, or none.
                    1 => {
                        faked.set(offset + 600 + i64::from(below(300)));
                        let before = kept(&faked.server);
                        if below(2) == 0 {
                            tokio::time::sleep(Duration::from_millis(u64::from(below(120)))).await;
                        } else if let Some(seen) = all.last() {
                            // A look drops it.
                            let _ = guard.peek(&attempt(&seen.challenge, start)).await;
                        }
                        lost += before.saturating_sub(kept(&faked.server));
                        faked.set(offset);
                    }
                    2 | 3 => {
                        let recipient = &names[below(3) as usize];
                        // Nodes go by the true time, by Redis' or by one in between.
                        let its = [0, offset, offset / 2][below(3) as usize];
                        let at = UnixTime::from_seconds(start.as_seconds().saturating_add_signed(its));
                        let admitted = guard.admit(&request(recipient, at)).await.expect("nothing throttles");
                        let challenge = challenge(admitted.guard, recipient, at);
                        all.push(Seen { challenge, accepted: 0, compared: 0 });
                    }
                    _ if all.is_empty() => {}
                    what => {
                        let number = (all.len() - 1).saturating_sub(below(6) as usize);
                        let seen = &mut all[number];
                        let by = if below(4) == 0 { By::Link } else { By::Code };
                        let tried = Attempt { by, ..attempt(&seen.challenge, start) };
                        let is_right = what != 4;
                        match guard.count(&tried, Verdict::sealed(is_right)).await {
                            Ok(Counted::Accepted) if what == 5 && below(2) == 0 => guard.give_back(&tried).await,
                            Ok(Counted::Accepted) => seen.accepted += 1,
                            Ok(Counted::Rejected { .. }) if by == By::Code => seen.compared += 1,
                            Err(AttemptRefused::Misdirected) => redeemed_after_loss += u32::from(seen.accepted > 0),
                            Err(AttemptRefused::Unavailable(_)) => panic!("sequence {seed}"),
                            _ => {}
                        }
                        assert!(seen.accepted <= max_uses, "sequence {seed}: redeemed {} times", seen.accepted);
                        assert!(seen.compared <= max_attempts, "sequence {seed}: compared {} times", seen.compared);
                    }
                }
            }
        });
        accepted += all.iter().map(|seen| seen.accepted).sum::<u32>();
        compared += all.iter().map(|seen| seen.compared).sum::<u32>();
    }
    println!(
        "{accepted} accepted, {compared} compared, {lost} records lost in jumps, {redeemed_after_loss} replays refused as misdirected"
    );
    assert!(accepted > 100 && compared > 30 && lost > 100 && redeemed_after_loss > 10);
}
