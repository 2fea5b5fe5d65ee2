//! Requests for messages: pauses, counts, ceilings, proofs of work.

use std::num::NonZeroU32;

use countersign::{
    guard::{Guard as _, Limits, Request, RequestRefused, redis::RedisGuard},
    network::Client,
    recipient::Recipient,
    time::UnixTime,
};

use super::{
    Test,
    clocks::{Faked, faked},
    server::Server,
    world::{email, guard, limits, network, now, proof, race, request, run},
};

pub(crate) const TESTS: &[Test] = &[
    Test::new("a_pause_holds_one_network_and_is_given_back", pause),
    Test::new("of_parallel_requests_within_a_pause_one_is_admitted", parallel),
    Test::new("messages_an_hour_are_counted_and_a_proof_lifts_them", messages),
    Test::new("a_proof_counts_once", proof_once),
    Test::new("proofs_that_there_is_no_room_to_remember_count_as_none", proofs_without_room),
    Test::new("a_flood_pushes_out_what_counts_least", flood),
    Test::new("with_a_crowded_message_queue_a_stranger_needs_a_proof_that_counts", crowded_queue),
    Test::new("a_network_has_a_ceiling", networks),
    Test::new("ceilings_that_cost_money_are_hard_and_keep_a_quarter_for_devices", hard),
    Test::new("one_network_has_a_tenth_of_what_costs_money", tenth),
    faked("strangers_ceiling_is_lifted_drop_by_drop", drops),
    Test::new("a_refused_request_counts_nothing", refused_counts_nothing),
];

/// Whether it was admitted; else the seconds to wait and whether a puzzle helps.
pub(crate) fn ask(guard: &RedisGuard, request: &Request<'_>) -> Result<(), (u32, bool)> {
    match run(guard.admit(request)) {
        Ok(_) => Ok(()),
        Err(RequestRefused::Throttled { retry_after, puzzle }) => Err((retry_after.get(), puzzle.is_some())),
        Err(refused) => panic!("{refused:?}"),
    }
}

fn with<'a>(recipient: &'a Recipient, now: UnixTime, change: impl FnOnce(&mut Request<'a>)) -> Request<'a> {
    let mut request = request(recipient, now);
    change(&mut request);
    request
}

fn pause() {
    let server = Server::plain();
    let (guard, now) = (guard(&server.url(), Limits { throttle_seconds: 60, ..limits() }), now(&server));
    let ann = email("ann");
    let here = request(&ann, now);
    assert_eq!(ask(&guard, &here), Ok(()));
    let (wait, puzzle) = ask(&guard, &here).unwrap_err();
    assert!((1..=60).contains(&wait) && puzzle, "{wait}");
    // A proof lifts it, once; another network, known devices and another recipient have pauses of their own.
    let solved = with(&ann, now, |request| request.proof = Some(proof(1, now)));
    assert_eq!(ask(&guard, &solved), Ok(()));
    assert!(ask(&guard, &solved).is_err());
    assert_eq!(ask(&guard, &with(&ann, now, |request| request.network = network(2))), Ok(()));
    assert_eq!(ask(&guard, &with(&ann, now, |request| request.is_known = true)), Ok(()));
    assert!(ask(&guard, &with(&ann, now, |request| request.is_known = true)).is_err());
    assert_eq!(ask(&guard, &request(&email("bob"), now)), Ok(()));

    let cat = email("cat");
    let there = request(&cat, now);
    let taken = run(guard.admit(&there)).unwrap().taken;
    assert!(ask(&guard, &there).is_err());
    run(guard.withdraw(&there, &taken));
    assert_eq!(ask(&guard, &there), Ok(()));
    assert!(ask(&guard, &there).is_err());
}

fn parallel() {
    let server = Server::plain();
    let (guard, now) = (guard(&server.url(), Limits { throttle_seconds: 60, ..limits() }), now(&server));
    let admitted = race(32, move |_| ask(&guard, &request(&email("ann"), now)).is_ok());
    assert_eq!(admitted.into_iter().filter(|admitted| *admitted).count(), 1);
}

fn messages() {
    let server = Server::plain();
    let (guard, now) = (guard(&server.url(), Limits { max_messages_per_hour: 2, ..limits() }), now(&server));
    let ann = email("ann");
    let plain = request(&ann, now);
    assert_eq!(ask(&guard, &plain), Ok(()));
    let taken = run(guard.admit(&plain)).unwrap().taken;
    let (wait, puzzle) = ask(&guard, &plain).unwrap_err();
    assert!((1_790..=1_800).contains(&wait) && puzzle, "{wait}");
    run(guard.withdraw(&plain, &taken));
    assert_eq!(ask(&guard, &plain), Ok(()));
    assert!(ask(&guard, &plain).is_err());

    // Known devices have a bucket of their own.
    let device = with(&ann, now, |request| request.is_known = true);
    assert_eq!((ask(&guard, &device), ask(&guard, &device)), (Ok(()), Ok(())));
    assert!(ask(&guard, &device).is_err());

    // One with a proof that took nothing from the others puts nothing back there.
    for number in 50..60 {
        let solved = with(&ann, now, |request| request.proof = Some(proof(number, now)));
        let taken = run(guard.admit(&solved)).unwrap().taken;
        run(guard.withdraw(&solved, &taken));
    }
    assert_eq!(ask(&guard, &plain).map_err(|(_, puzzle)| puzzle), Err(true));
    for number in 0..8 {
        assert_eq!(ask(&guard, &with(&ann, now, |request| request.proof = Some(proof(number, now)))), Ok(()));
    }
    let (_, puzzle) = ask(&guard, &with(&ann, now, |request| request.proof = Some(proof(99, now)))).unwrap_err();
    assert!(!puzzle, "five times as many is the end");
    assert_eq!(ask(&guard, &plain).map_err(|(_, puzzle)| puzzle), Err(false));
}

fn proof_once() {
    let server = Server::plain();
    let (guard, now) = (guard(&server.url(), Limits { max_messages_per_hour: 1, ..limits() }), now(&server));
    let ann = email("ann");
    assert_eq!(ask(&guard, &request(&ann, now)), Ok(()));
    let proved = with(&ann, now, |request| request.proof = Some(proof(1, now)));
    let taken = run(guard.admit(&proved)).unwrap().taken;
    let (_, puzzle) = ask(&guard, &proved).unwrap_err();
    assert!(puzzle, "another one would help");
    // It stays used where the message didn't leave: it may have counted for another one.
    run(guard.withdraw(&proved, &taken));
    assert_eq!(ask(&guard, &with(&ann, now, |request| request.proof = Some(proof(2, now)))), Ok(()));
    assert!(ask(&guard, &proved).is_err());
    let old = proof(3, now.minus(120));
    assert!(ask(&guard, &with(&ann, now, |request| request.proof = Some(old))).is_err());
}

fn proofs_without_room() {
    let server = Server::plain();
    let (guard, now) = (guard(&server.url(), Limits { max_messages_per_hour: 100, ..limits() }), now(&server));
    let ann = email("ann");
    let solved = |number| with(&ann, now, |request| request.proof = Some(proof(number, now)));
    (0..120).for_each(|number| assert_eq!(ask(&guard, &solved(number)), Ok(())));
    let plain = ask(&guard, &request(&ann, now)).unwrap_err();
    assert_eq!(ask(&guard, &solved(120)), Err(plain), "as none");
    (0..120).for_each(|number| assert!(ask(&guard, &solved(number)).is_err(), "and none is forgotten"));
}

/// The scripts' tables by themselves: in one set of eight, who had many messages stays, whoever had one comes and goes.
fn flood() {
    const TABLES: &str = concat!(
        "local now = 1000\n",
        include_str!("../../src/guard/redis/scripts/tables.lua"),
        include_str!("../../src/guard/redis/scripts/marks.lua"),
        include_str!("../../src/guard/redis/scripts/ceilings.lua"),
    );
    let server = Server::plain();
    let mut connection = server.connect();
    // A ceiling of a hundred an hour, in the second set.
    let mut count = |name: u32, times: u32| {
        let body = format!(
            "{TABLES} for i = 1, {times} do count_message(ceilings(1, 1), {{}}) end return ceilings(1, 1)[1].missing / PARTS"
        );
        let mut call = redis::cmd("EVAL");
        call.arg(body).arg(1).arg("table").arg(1).arg(name).arg(100).arg(100).arg(1);
        call.query::<u32>(&mut connection).unwrap()
    };
    (1..=7).for_each(|name| assert_eq!(count(name, 10 + name), 10 + name));
    // Whatever the bytes of a name, it is found: those of the slots before have them inside, too.
    (1_000..1_500).for_each(|name| assert_eq!(count(name << 8, 1), 1, "one after the other in one slot"));
    (1..=7).for_each(|name| assert_eq!(count(name, 0), 10 + name, "{name}"));
    assert_eq!(count(1_000 << 8, 0), 0, "forgotten");
    assert_eq!(server.ask::<u32>("STRLEN table"), 5 * 8 * 24);
    assert!((3_500..=3_600).contains(&server.ask::<u32>("TTL table")));

    let mut mark = |name: u32, ends: u32| {
        let body = format!(
            "{TABLES} mark(PAUSES, KEYS[1], 6, name_of(ARGV[1]), {ends}) return mark_left(PAUSES, KEYS[1], 6, name_of(ARGV[1]), 60)"
        );
        redis::cmd("EVAL").arg(body).arg(1).arg("marks").arg(name).query::<u32>(&mut connection).unwrap()
    };
    assert_eq!((mark(1, 1_060), mark(2, 1_061), mark(3, 1_000)), (60, 0, 0), "too far away is none, and what has ended");
    (4..=8).for_each(|name| assert_eq!(mark(name, 1_010 + name), 10 + name));
    assert_eq!(mark(9, 1_050), 50);
    let left = |name: u32, connection: &mut redis::Connection| {
        let body = format!("{TABLES} return mark_left(PAUSES, KEYS[1], 6, name_of(ARGV[1]), 60)");
        redis::cmd("EVAL").arg(body).arg(1).arg("marks").arg(name).query::<u32>(connection).unwrap()
    };
    assert_eq!([1, 3, 4, 9].map(|name| left(name, &mut connection)), [60, 0, 14, 50], "what had ended made room");
}

fn crowded_queue() {
    let server = Server::plain();
    let (guard, now) = (guard(&server.url(), limits()), now(&server));
    let ann = email("ann");
    let crowded = |change: fn(&mut Request<'_>)| {
        let mut request = request(&ann, now);
        request.crowded = true;
        change(&mut request);
        ask(&guard, &request)
    };
    assert_eq!(ask(&guard, &request(&ann, now)), Ok(()));
    assert!(crowded(|_| {}).unwrap_err().1, "a puzzle helps");
    assert_eq!(crowded(|request| request.is_known = true), Ok(()));
    let solved = with(&ann, now, |request| (request.crowded, request.proof) = (true, Some(proof(1, now))));
    assert_eq!(ask(&guard, &solved), Ok(()));
    assert!(ask(&guard, &solved).is_err(), "it has counted");
}

fn networks() {
    let server = Server::plain();
    let limits = Limits { max_messages_per_network_per_hour: 2, ..limits() };
    let (guard, now) = (guard(&server.url(), limits), now(&server));
    assert_eq!(ask(&guard, &request(&email("ann"), now)), Ok(()));
    assert_eq!(ask(&guard, &request(&email("bob"), now)), Ok(()));
    let cat = email("cat");
    assert_eq!(ask(&guard, &request(&cat, now)).map_err(|(_, puzzle)| puzzle), Err(true));
    assert_eq!(ask(&guard, &with(&cat, now, |request| request.network = network(2))), Ok(()));
    assert_eq!(ask(&guard, &with(&cat, now, |request| request.is_known = true)), Ok(()));
    assert_eq!(ask(&guard, &with(&cat, now, |request| request.proof = Some(proof(1, now)))), Ok(()));
}

fn hard() {
    let server = Server::plain();
    let (guard, now) = (guard(&server.url(), Limits { email_per_hour: 4, ..limits() }), now(&server));
    for (name, last) in [("ann", 2), ("bob", 3), ("cat", 4)] {
        assert_eq!(ask(&guard, &with(&email(name), now, |request| request.network = network(last))), Ok(()));
    }
    let dan = email("dan");
    let (wait, puzzle) = ask(&guard, &request(&dan, now)).unwrap_err();
    assert!((890..=900).contains(&wait) && !puzzle, "{wait}");
    assert!(ask(&guard, &with(&dan, now, |request| request.proof = Some(proof(1, now)))).is_err());
    let device = with(&dan, now, |request| request.is_known = true);
    assert_eq!(ask(&guard, &device), Ok(()));
    assert!(ask(&guard, &device).is_err());
}

/// One address asks for one number after the other: it gets a tenth, and no more.
fn tenth() {
    let server = Server::plain();
    let (guard, now) = (guard(&server.url(), Limits { email_per_hour: 40, ..limits() }), now(&server));
    let names: Vec<_> = (0..20).map(|number| email(&number.to_string())).collect();
    let admitted = |is_known| {
        let ask = |name| ask(&guard, &with(name, now, |request| request.is_known = is_known)).is_ok();
        names.iter().filter(|name| ask(name)).count()
    };
    assert_eq!((admitted(false), admitted(true)), (4, 4));
    assert_eq!(ask(&guard, &with(&names[0], now, |request| request.network = network(2))), Ok(()));
    let app = Client { address: [10, 0, 0, 1].into(), stands_for_many: true }.network();
    assert!(names.iter().all(|name| ask(&guard, &with(name, now, |request| request.network = app)).is_ok()));
}

/// Fifty requests by strangers: the next drop falls within 72 seconds, not in an hour.
fn drops() {
    let faked = Faked::start();
    let guard = guard(&faked.server.url(), Limits { max_messages_per_hour: 10, ..limits() });
    let (ann, start) = (email("ann"), UnixTime::from_seconds(2_000_000_000));
    faked.clock.rest_at(start);
    let solved = |number, now| with(&ann, now, |request| request.proof = Some(proof(number, now)));
    (0..10).for_each(|_| assert_eq!(ask(&guard, &request(&ann, start)), Ok(())));
    assert_eq!(ask(&guard, &request(&ann, start)), Err((360, true)));
    (0..40).for_each(|number| assert_eq!(ask(&guard, &solved(number, start)), Ok(())));
    assert_eq!(ask(&guard, &request(&ann, start)), Err((72, false)), "no puzzle that doesn't help");
    assert_eq!(ask(&guard, &solved(50, start)), Err((72, false)));
    let later = start.plus(72);
    faked.clock.rest_at(later);
    assert_eq!(ask(&guard, &request(&ann, later)), Err((288, true)));
    assert_eq!(ask(&guard, &solved(51, later)), Ok(()));
    assert_eq!(ask(&guard, &solved(52, later)), Err((72, false)));
    assert_eq!(ask(&guard, &with(&ann, later, |request| request.is_known = true)), Ok(()), "strangers don't hold it");
}

fn refused_counts_nothing() {
    let server = Server::plain();
    let limits = Limits { throttle_seconds: 60, max_messages_per_hour: 2, email_per_hour: 4, ..limits() };
    let (guard, now) = (guard(&server.url(), limits), now(&server));
    let ann = email("ann");
    assert_eq!(ask(&guard, &request(&ann, now)), Ok(()));
    (0..20).for_each(|_| assert!(ask(&guard, &request(&ann, now)).is_err()));
    let elsewhere = |last| with(&ann, now, |request| request.network = network(last));
    assert_eq!(ask(&guard, &elsewhere(2)), Ok(()));
    for last in 3..20 {
        assert!(ask(&guard, &elsewhere(last)).is_err());
    }
    let bob = email("bob");
    let other = with(&bob, now, |request| request.network = network(20));
    assert_eq!(ask(&guard, &other), Ok(()), "the node's ceiling counts three");
    assert!(NonZeroU32::new(ask(&guard, &request(&email("cat"), now)).unwrap_err().0).is_some());
}
