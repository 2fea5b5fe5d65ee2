//! Clocks that are set: nothing comes back to life. Redis' own clock is moved by a library that is preloaded (clock.c).

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use countersign::{
    challenge::VerifiedChallenge,
    guard::{
        Amendment, Attempt, AttemptRefused, BreakerLimits, BreakerOpened, By, Counted, Guard as _, Limits, Request,
        RequestRefused, Verdict, redis::RedisGuard,
    },
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
        LIFETIME, RECORDS, admit, attempt, begin, challenge, email, guard, left, limits, mobile, now, peek, request, right, run,
        wrong,
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
    faked("where_few_messages_are_redeemed_strangers_get_one_a_minute_on_all_nodes", breaker),
    faked("in_a_cluster_the_breaker_counts_all_recipients", breaker_in_cluster),
    faked("a_prefix_that_nobody_redeems_is_closed_to_strangers_over_http", breaker_over_http),
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
    assert_eq!(right(&early, &challenge, now.minus(5)), Ok(Counted::Accepted { use_number: 1 }));
    assert_eq!(right(&late, &challenge, now.plus(5)), Err(AttemptRefused::Spent));
}

fn a_minute() {
    let faked = Faked::start();
    let guard = faked.guard();
    let now = now(&faked.server);
    let challenge = begin(&guard, &email("ann"), now);
    assert_eq!(right(&guard, &challenge, now), Ok(Counted::Accepted { use_number: 1 }));
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
    assert_eq!(right(&guard, &spent, now), Ok(Counted::Accepted { use_number: 1 }));
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
    assert_eq!(right(&guard, &next, now), Ok(Counted::Accepted { use_number: 1 }));
    assert_eq!(right(&guard, &spent, now), Err(AttemptRefused::Misdirected));
}

fn unseen() {
    let faked = Faked::start();
    let guard = faked.guard();
    let now = now(&faked.server);
    let first = begin(&guard, &email("ann"), now);
    assert_eq!(right(&guard, &first, now), Ok(Counted::Accepted { use_number: 1 }));
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
        assert_eq!(right(&guard, &begin(&guard, &email(name), now), now.plus(301)), Ok(Counted::Accepted { use_number: 1 }));
        is_retired(&first);
    }
    assert_eq!(right(&guard, &second, now), Ok(Counted::Accepted { use_number: 1 }));
    // By an hour, in which all goes but the key of the counters.
    faked.set(3_600);
    faked.drops_all_but(1);
    faked.set(302);
    for challenge in [&first, &second] {
        admit(&guard, &email("bob"), now.plus(300));
        is_retired(challenge);
    }
    let next = begin(&guard, &email("ann"), now.plus(302));
    assert_eq!(right(&guard, &next, now), Ok(Counted::Accepted { use_number: 1 }));
    assert_eq!(right(&guard, &next, now), Err(AttemptRefused::Spent));
}

fn unseen_in_cluster() {
    let clock = Clock::new();
    let cluster = Cluster::start_with(&clock.environment());
    let guard = guard(&cluster.url(), limits());
    let now = now(&cluster.masters[0]);
    let challenges = cluster.on_each(&guard, now);
    for (_, challenge) in &challenges {
        assert_eq!(right(&guard, challenge, now), Ok(Counted::Accepted { use_number: 1 }));
    }
    clock.set(740);
    until("the masters drop them", || cluster.sizes().iter().sum::<usize>() == 1);
    clock.set(0);
    for (recipient, spent) in &challenges {
        assert_eq!(right(&guard, spent, now), Err(AttemptRefused::Misdirected));
        // The same recipient asks again, for a challenge that ends in the same second.
        let next = begin(&guard, recipient, now);
        assert_eq!(right(&guard, spent, now), Err(AttemptRefused::Misdirected));
        assert_eq!(right(&guard, &next, now), Ok(Counted::Accepted { use_number: 1 }));
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
        assert_eq!(right(&guard, challenge, now), Ok(Counted::Accepted { use_number: 1 }));
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
    assert_eq!(right(&guard, &challenge, now), Ok(Counted::Accepted { use_number: 1 }));
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

fn breaker() {
    let faked = Faked::start();
    let limits = Limits { breaker: BreakerLimits { min_sent: 10, min_conversion: 20 }, ..limits() };
    let nodes = [guard(&faked.server.url(), limits.clone()), guard(&faked.server.url(), limits)];
    opens_and_closes(&nodes, &faked.clock);
    // Nor is there one where the message queue is crowded, or Redis half full.
    let start = UnixTime::from_seconds(2_000_010_000);
    faked.clock.rest_at(start);
    let asked = |number: u32, now, crowded| {
        let sms = mobile(number);
        run(nodes[0].admit(&Request { crowded, ..request(&sms, now) }))
    };
    (100..130).for_each(|number| assert!(asked(number, start, false).is_ok()));
    let later = start.plus(300);
    faked.clock.rest_at(later);
    let with_puzzle = asked(130, later, true);
    assert!(matches!(with_puzzle, Err(RequestRefused::Throttled { puzzle: Some(_), .. })), "a try is there: {with_puzzle:?}");
    assert!(asked(131, later, false).is_ok(), "and still there");
    for crowded in [true, false] {
        let refused = asked(132, later, crowded);
        assert!(matches!(refused, Err(RequestRefused::Throttled { puzzle: None, .. })), "{refused:?}");
    }
    let tables: Vec<String> = faked.server.ask("KEYS *breakers*");
    assert_eq!((tables.len(), tables[0].contains("491512")), (1, false), "{tables:?}");
    assert!((1..=5 * 3_600 + 1_200).contains(&faked.server.ask::<i64>(&format!("TTL {}", tables[0]))));
}

fn breaker_in_cluster() {
    let clock = Clock::new();
    let cluster = Cluster::start_with(&clock.environment());
    let limits = Limits { breaker: BreakerLimits { min_sent: 10, min_conversion: 20 }, ..limits() };
    let nodes = [guard(&cluster.url(), limits.clone()), guard(&cluster.url(), limits)];
    opens_and_closes(&nodes, &clock);
}

/// Two nodes that share what they count.
fn opens_and_closes(nodes: &[RedisGuard; 2], clock: &Clock) {
    let start = UnixTime::from_seconds(2_000_000_100);
    clock.rest_at(start);
    let ask = |node: usize, number: u32, now, change: fn(&mut Request<'_>)| {
        let sms = mobile(number);
        let mut request = request(&sms, now);
        change(&mut request);
        run(nodes[node].admit(&request))
    };
    // Twelve that leave, and twenty that don't.
    let sent: Vec<_> = (0..12).map(|number| ask(number as usize % 2, number, start, |_| {}).unwrap()).collect();
    for number in 20..40 {
        let sms = mobile(number);
        let request = request(&sms, start);
        let taken = run(nodes[0].admit(&request)).unwrap().taken;
        run(nodes[0].withdraw(&request, &taken));
    }
    let later = start.plus(300);
    clock.rest_at(later);
    let opened = ask(0, 50, later, |_| {}).unwrap().opened;
    assert_eq!(opened, Some(BreakerOpened { prefix: "+491512".into(), sent: 10, redeemed: 0 }));
    let is_closed = |answer: Result<_, RequestRefused>| {
        let Err(RequestRefused::Throttled { retry_after, puzzle: None }) = answer else { panic!("{answer:?}") };
        assert_eq!(retry_after.get(), 60);
    };
    is_closed(ask(1, 51, later, |_| {}));
    is_closed(ask(1, 52, later, |request| request.by = By::External));
    is_closed(ask(1, 53, later, |request| request.proof = Some(super::world::proof(1, request.now))));
    assert_eq!(ask(1, 54, later, |request| request.is_known = true).unwrap().opened, None);
    assert!(run(nodes[1].admit(&request(&email("ann"), later))).is_ok());
    // Three are redeemed: by code, by link, by a verify provider.
    let challenge_of = |number: usize| challenge(sent[number].guard.clone(), &mobile(u32::try_from(number).unwrap()), start);
    let [code, link, external] = [0, 1, 2].map(challenge_of);
    let by_code = attempt(&code, later);
    let by_link = Attempt { by: By::Link, ..attempt(&link, later) };
    let by_other = Attempt { by: By::External, ..attempt(&external, later) };
    clock.rest_at(later.plus(60));
    let [one, two] = [60, 61].map(mobile);
    // On one runtime: in a cluster nobody waits for what counts them.
    run(async {
        assert_eq!(nodes[0].count(&by_code, Verdict::sealed(true)).await, Ok(Counted::Accepted { use_number: 1 }));
        assert_eq!(nodes[1].count(&by_link, Verdict::sealed(true)).await, Ok(Counted::Accepted { use_number: 1 }));
        assert!(nodes[1].count(&by_other, Verdict::sealed(false)).await.is_ok());
        assert_eq!(nodes[1].amend(&by_other, Amendment::Right).await, Ok(1));
        for tries in 0.. {
            assert!(tries < 600, "it stays open");
            let answers = [
                nodes[0].admit(&request(&one, later.plus(60))).await.is_ok(),
                nodes[1].admit(&request(&two, later.plus(60))).await.is_ok(),
            ];
            if answers == [true; 2] {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
}

fn breaker_over_http() {
    let faked = Faked::start();
    let settings = [
        ("passwordless.allowed_passwordless_methods", "EMAIL,MOBILE"),
        ("sms.breaker_min_sent", "10"),
        ("sms.breaker_min_conversion", "20"),
    ];
    let nodes = [node(&faked.server.url(), &settings), node(&faked.server.url(), &settings)];
    let ask =
        |node: usize, number: u32| nodes[node].post("request/mobile/", &json!({"phone_number": format!("+491512{number:07}")}));
    // So many that it doesn't matter if a window ends meanwhile.
    (0..16).for_each(|number| assert_eq!(ask(number as usize % 2, number).status, 200));
    faked.set(301);
    assert_eq!(ask(0, 50).status, 200, "one a minute");
    for (node, number) in [(0, 51), (1, 52)] {
        let refused = ask(node, number);
        assert_eq!((refused.status, refused.code().as_str()), (429, "throttled"));
        assert!(refused.json().get("puzzle").is_none(), "{refused:?}");
        let wait: u32 = refused.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
    }
    assert_eq!(nodes[1].post("request/email/", &json!({"email": "ann@example.com"})).status, 200);
    for (node, opened) in nodes.iter().zip(["countersign_breakers_opened_total 1", "countersign_breakers_opened_total 0"]) {
        let metrics = node.get_admin("/metrics");
        assert!(String::from_utf8_lossy(&metrics.body).contains(opened), "{opened}");
    }
    let [node, _] = nodes;
    node.signal("TERM");
    let (_, log) = node.wait();
    assert!(log.contains("prefix=+491512 ") && !log.contains("+4915120"), "{log}");
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
                            Ok(Counted::Accepted { .. }) if what == 5 && below(2) == 0 => guard.give_back(&tried).await,
                            Ok(Counted::Accepted { .. }) => seen.accepted += 1,
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
