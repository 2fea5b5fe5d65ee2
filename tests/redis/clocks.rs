//! Clocks that are set: nothing comes back to life. Redis' own clock is moved by a library that is preloaded (clock.c).

use std::{
    path::Path,
    process::{Command, Stdio},
};

use countersign::{
    guard::{AttemptRefused, Counted, Limits, RedisGuard},
    time::UnixTime,
};
use tempfile::TempDir;

use crate::{
    Test,
    server::{Server, until},
    world::{admit, begin, email, guard, left, limits, now, peek, right, wrong},
};

pub(crate) const TESTS: &[Test] = &[
    Test::new("nodes_whose_clocks_differ_decide_alike", nodes),
    faked("a_clock_set_back_a_minute_finds_everything", a_minute),
    faked("a_clock_set_back_an_hour_retires_everything", an_hour),
    faked("a_clock_that_jumps_ahead_and_back_unseen_replays_nothing", unseen),
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

/// A server whose clock the test sets.
pub(crate) struct Faked {
    pub(crate) server: Server,
    folder: TempDir,
}

impl Faked {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let [file, library] = ["time", "clock.so"].map(|name| folder.path().join(name));
        std::fs::write(&file, "0").expect("it can be written");
        build(&library);
        let server = Server::start_with(r#"--save """#, &[("LD_PRELOAD", library), ("TEST_CLOCK", file)]);
        Self { server, folder }
    }

    /// Sets the clock so many seconds off the true time.
    fn set(&self, offset: i64) {
        self.write(&offset.to_string());
    }

    /// Lets the clock rest.
    pub(crate) fn rest_at(&self, now: UnixTime) {
        self.write(&format!("={}", now.as_seconds()));
    }

    fn write(&self, text: &str) {
        let new = self.folder.path().join("new");
        std::fs::write(&new, text).expect("it can be written");
        std::fs::rename(new, self.folder.path().join("time")).expect("it can be renamed");
    }

    fn guard(&self) -> RedisGuard {
        guard(&self.server.url(), limits())
    }
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
        // Back by 610 seconds at once is too much; what went on in between isn't.
        let expected = if offset == 0 { AttemptRefused::Misdirected } else { expected };
        assert_eq!(right(&guard, &challenge, now), Err(expected), "at {offset}");
    }
}

fn an_hour() {
    let faked = Faked::start();
    let guard = faked.guard();
    let now = now(&faked.server);
    let [spent, open] = ["ann", "bob"].map(|name| begin(&guard, &email(name), now));
    assert_eq!(right(&guard, &spent, now), Ok(Counted::Accepted));
    faked.set(3_600);
    admit(&guard, &email("cat"), now);
    // Redis forgets keys whose time has come when they are looked at.
    let keys: Vec<String> = faked.server.ask("KEYS *challenge*");
    assert!(keys.is_empty(), "{keys:?}");
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
    // Redis drops what has ended by itself, in time; DBSIZE counts what it hasn't dropped yet.
    let dropped = |left: usize| until("Redis drops them", || faked.server.ask::<usize>("DBSIZE") == left);
    faked.set(300);
    let second = begin(&guard, &email("bob"), now.plus(300));
    assert_eq!(faked.server.ask::<usize>("DBSIZE"), 4);
    // Ahead by seven minutes, until the first one's record is gone, and back: nobody saw that.
    faked.set(725);
    dropped(2);
    faked.set(301);
    assert_eq!(peek(&guard, &first, now), Err(AttemptRefused::Misdirected));
    assert_eq!(right(&guard, &first, now), Err(AttemptRefused::Misdirected));
    assert_eq!(right(&guard, &second, now), Ok(Counted::Accepted));
    // By an hour, in which all goes but the epoch.
    faked.set(3_600);
    dropped(1);
    faked.set(302);
    for challenge in [&first, &second] {
        assert_eq!(right(&guard, challenge, now), Err(AttemptRefused::Misdirected));
    }
    let next = begin(&guard, &email("ann"), now.plus(302));
    assert_eq!(right(&guard, &next, now), Ok(Counted::Accepted));
    assert_eq!(right(&guard, &next, now), Err(AttemptRefused::Spent));
}

fn forward() {
    let faked = Faked::start();
    let guard = faked.guard();
    let now = now(&faked.server);
    let challenge = begin(&guard, &email("ann"), now);
    assert_eq!(right(&guard, &challenge, now), Ok(Counted::Accepted));
    let records = || faked.server.ask::<Vec<String>>("KEYS *challenge*").len();
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
    use countersign::challenge::code::Strength::{Medium, Short};
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
    let guard = guard(&faked.server.url(), Limits { comparisons: 8, ..limits() });
    let ann = email("ann");
    let day = 86_400;
    let noon = UnixTime::from_seconds(2_000_000_000 / day * day + day / 2);
    // Five today, three tomorrow; then none until the day after that.
    for (day_of, compared) in [(0, 5), (1, 3), (2, 5), (4, 5)] {
        let now = noon.plus(day_of * day);
        faked.rest_at(now);
        let challenge = begin(&guard, &ann, now);
        for number in 0..5 {
            let expected = if number < compared { left(4 - number) } else { Err(AttemptRefused::Exhausted) };
            assert_eq!(wrong(&guard, &challenge, now), expected, "day {day_of}, {number}");
        }
    }
}
