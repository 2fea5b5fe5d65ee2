//! What a decision costs: one round trip.

use std::net::Ipv4Addr;

use countersign::{
    browser::puzzle::Proof,
    challenge::Use,
    guard::{Amendment, Attempt, By, Guard as _, Limits, Request, RequestRefused, Verdict},
    network::ClientNetwork,
};
use redis::Connection;

use super::{
    Test,
    server::{Server, ask},
    world::{LIFETIME, admit, attempt, challenge_of, email, guard, limits, now, numeric, proof, request, run},
};

pub(crate) const TESTS: &[Test] = &[
    Test::new("every_decision_is_one_command", one_command),
    Test::new("a_challenge_takes_at_most_200_bytes", bytes_of_a_challenge),
    Test::new("whoever_asks_for_many_from_everywhere_makes_no_more_than_their_records", bytes_of_an_attack),
    Test::new("from_half_of_maxmemory_on_strangers_solve_a_puzzle", half_of_memory),
];

/// What whoever asks for codes makes Redis keep for each of them: names, expiry and tables included.
fn bytes_of_a_challenge() {
    const CHALLENGES: u64 = 20_000;
    let server = Server::plain();
    let guard = guard(&server.url(), limits());
    let now = now(&server);
    admit(&guard, &email("first"), now);
    let before = used_memory(&server);
    // On one runtime, since each has a connection.
    run(async {
        for number in 0..CHALLENGES {
            assert!(guard.admit(&request(&email(&format!("person-{number}")), now)).await.is_ok());
        }
    });
    let each = (used_memory(&server) - before) / CHALLENGES;
    let keys: u64 = server.ask("DBSIZE");
    // One of them is the key of the counters, one the first challenge.
    assert_eq!(keys, CHALLENGES + 2);
    assert!((100..=200).contains(&each), "{each} bytes");
}

/// By default each request is counted for its recipient, its network and what the network has of a ceiling. A quarter of these
/// solved a puzzle.
fn bytes_of_an_attack() {
    // So many that all tables are there, and that Redis' own table of keys doesn't grow between the two measurements.
    const FIRST: u32 = 30_000;
    const THEN: u32 = 15_000;
    // Pauses, solved puzzles and messages of 4,096 groups; networks and their shares in 1,024 tables each; channels; the key.
    const TABLES: u64 = 3 * 4_096 + 2 * 1_024 + 1 + 1;
    const FIXED: u64 = 16 << 20;
    let server = Server::plain();
    let limits = Limits { email_per_hour: 1_000_000, challenge_lifetime: LIFETIME, ..Limits::default() };
    let (guard, now) = (guard(&server.url(), limits), now(&server));
    let ask = |number: u32| {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&number.to_be_bytes());
        let solved = number.is_multiple_of(4).then(|| Proof { id, expires_at: now.plus(60) });
        let network = ClientNetwork::of(Ipv4Addr::from_bits(number).into());
        (email(&format!("person-{number}")), network, solved)
    };
    let all = |numbers: std::ops::Range<u32>| {
        run(async {
            for number in numbers {
                let (recipient, network, proof) = ask(number);
                let admitted = guard.admit(&Request { network, proof, ..request(&recipient, now) }).await;
                assert!(admitted.is_ok(), "{number}: {admitted:?}");
            }
        });
    };
    let empty = used_memory(&server);
    all(0..FIRST);
    let first = used_memory(&server);
    all(FIRST..FIRST + THEN);
    let each = (used_memory(&server) - first) / u64::from(THEN);
    let fixed = (first - empty).saturating_sub(each * u64::from(FIRST));
    let tables = server.ask::<u64>("DBSIZE") - u64::from(FIRST + THEN);
    eprintln!("{each} bytes each, beyond {} KiB in {tables} tables", fixed >> 10);
    assert!(tables <= TABLES, "{tables}");
    assert!(each <= 200 && fixed <= FIXED, "{each} bytes each, and {fixed}");
}

fn half_of_memory() {
    let server = Server::plain();
    let guard = guard(&server.url(), limits());
    let now = now(&server);
    admit(&guard, &email("before"), now);

    let limit = |hundredths: u64| {
        let _: String = server.ask(&format!("CONFIG SET maxmemory {}", used_memory(&server) * 100 / hundredths));
    };
    assert_eq!(guard.fullness(), None, "there is no limit yet");
    limit(60);
    // What is known counts for a second of the caller's clock.
    for later in 1..4 {
        let (ann, now) = (email("ann"), now.plus(later));
        let mut asking = request(&ann, now);
        let refused = run(guard.admit(&asking)).unwrap_err();
        assert!(matches!(refused, RequestRefused::Throttled { puzzle: Some(_), .. }), "{refused:?}");
        asking.is_known = true;
        assert!(run(guard.admit(&asking)).is_ok(), "a known device");
        asking.is_known = false;
        asking.proof = Some(proof(u8::try_from(later).unwrap(), now));
        assert!(run(guard.admit(&asking)).is_ok(), "a solved puzzle");
        let refused = run(guard.admit(&asking)).unwrap_err();
        assert!(matches!(refused, RequestRefused::Throttled { puzzle: Some(_), .. }), "a solution counts once: {refused:?}");
    }
    limit(20);
    assert!(run(guard.admit(&request(&email("ann"), now.plus(4)))).is_ok(), "there is room again");
    assert!(guard.fullness().is_some_and(|full| full > 0.1 && full < 0.3), "{:?}", guard.fullness());
}

fn used_memory(server: &Server) -> u64 {
    let memory: String = server.ask("INFO memory");
    memory.lines().find_map(|line| line.strip_prefix("used_memory:")).and_then(|used| used.trim().parse().ok()).unwrap()
}

fn one_command() {
    let server = Server::plain();
    let limits = Limits {
        throttle_seconds: 60,
        max_messages_per_hour: 10,
        max_messages_per_network_per_hour: 10,
        max_uses: 2,
        external_comparisons: 5,
        ..limits()
    };
    let guard = guard(&server.url(), limits);
    let (ann, now) = (email("ann"), now(&server));
    let mut asking = request(&ann, now);
    asking.proof = Some(proof(1, now));
    run(async {
        // The first round meets a server that doesn't know the scripts; only the second one is watched.
        for is_watched in [false, true] {
            let mut watched = is_watched.then(|| Watched::new(&server));
            let mut expect = |what: &str| {
                let Some(watched) = &mut watched else { return };
                let seen = watched.commands();
                assert_eq!(seen, ["EVALSHA"], "{what}");
            };
            let admitted = guard.admit(&asking).await.expect("it was withdrawn before");
            expect("a request");
            assert!(guard.admit(&asking).await.is_err());
            expect("a request that is throttled");
            guard.withdraw(&asking, &admitted.taken).await;
            expect("a request that is withdrawn");
            let make = |usage| challenge_of(admitted.guard.clone(), &ann, now, numeric(20), usage);
            let challenge = make(Use::CODE);
            let attempt = attempt(&challenge, now);
            assert!(guard.peek(&attempt).await.is_ok());
            expect("a look");
            assert!(guard.count(&attempt, Verdict::sealed(false)).await.is_ok());
            expect("a wrong code");
            assert!(guard.count(&attempt, Verdict::sealed(true)).await.is_ok());
            expect("a right code");
            guard.give_back(&attempt).await;
            expect("a use that is given back");
            assert!(guard.count(&Attempt { by: By::Link, ..attempt }, Verdict::sealed(true)).await.is_ok());
            expect("a link");
            let challenge = make(Use::EXTERNAL);
            let attempt = Attempt { challenge: &challenge, by: By::External, ..attempt };
            assert!(guard.count(&attempt, Verdict::sealed(false)).await.is_ok());
            expect("an external check");
            assert!(guard.amend(&attempt, Amendment::Right).await.is_ok());
            expect("its result");
        }
    });
}

/// What a server is told from now on.
struct Watched {
    monitor: Connection,
    other: Connection,
}

impl Watched {
    fn new(server: &Server) -> Self {
        let (mut monitor, other) = (server.connect(), server.connect());
        let _: String = ask(&mut monitor, "MONITOR");
        Self { monitor, other }
    }

    /// The commands since the last time, without those that scripts ran.
    fn commands(&mut self) -> Vec<String> {
        let _: String = ask(&mut self.other, "ECHO enough");
        let mut commands = Vec::new();
        loop {
            let line: String = redis::from_redis_value(self.monitor.recv_response().unwrap()).unwrap();
            // 1700000000.123456 [0 127.0.0.1:50000] "EVALSHA" "…"
            let (from, command) = line.split_once("] \"").unwrap();
            match command.split('"').next().unwrap() {
                "ECHO" => return commands,
                _ if from.ends_with("lua") => {}
                command => commands.push(command.to_owned()),
            }
        }
    }
}
