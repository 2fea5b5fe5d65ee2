//! Uses, attempts and comparisons.

use std::sync::Arc;

use countersign::{
    challenge::{GuardId, NodeName, Strength, Use, VerifiedChallenge},
    guard::{
        Amendment, Attempt, AttemptRefused, Bucket, By, Counted, Guard as _, Limits, MOST_ATTEMPTS, MOST_USES, Request,
        RequestRefused, Verdict, redis::RedisGuard,
    },
    recipient::Recipient,
    time::UnixTime,
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

use super::{
    Test,
    server::{Server, until},
    world::{
        RECORDS, admit, attempt, begin, challenge, challenge_of, challenge_until, connect, email, from_known_device, guard, left,
        limits, now, numeric, peek, race, request, right, run, settings, wrong,
    },
};

pub(crate) const TESTS: &[Test] = &[
    Test::new("of_64_parallel_redemptions_at_four_replicas_one_succeeds", one_succeeds),
    Test::new("of_64_parallel_redemptions_max_uses_succeed", max_uses_succeed),
    Test::new("parallel_wrong_codes_at_four_replicas_get_no_more_attempts", no_more_attempts),
    Test::new("parallel_wrong_codes_for_one_recipient_get_no_more_comparisons_than_l", no_more_comparisons),
    Test::new("a_right_code_after_the_last_attempt_is_refused", too_late),
    Test::new("wrong_codes_do_not_end_the_link", link),
    Test::new("wrong_codes_may_take_uses_but_not_from_the_link", wrong_code_spends),
    Test::new("a_use_is_given_back", give_back),
    Test::new("a_use_is_given_back_though_nobody_waits_for_it", give_back_that_nobody_waits_for),
    Test::new("an_expired_challenge_is_refused", expired),
    Test::new("a_budget_outlives_its_challenges_and_codes_grow", budget),
    Test::new("a_success_takes_its_own_comparisons_off", success_takes_off),
    Test::new("a_victim_who_clicks_gives_an_attacker_no_comparisons_back", clicks),
    Test::new("a_device_has_a_budget_of_its_own", device),
    Test::new("an_external_attempt_is_amended", external),
    Test::new("another_fleet_is_another_guard", another_fleet),
    Test::new("nodes_that_draw_the_same_numbers_make_no_record_anew", copies),
    Test::new("the_largest_values_are_counted_too", largest),
    Test::new("an_epoch_of_any_spelling_is_misdirected", spellings),
    Test::new("keys_show_nothing_and_all_but_the_key_of_the_counters_expire", keys),
];

/// So many wrong codes, all of them compared.
fn guess(guard: &RedisGuard, challenge: &VerifiedChallenge, times: u32, now: UnixTime) {
    (0..times).for_each(|_| assert!(wrong(guard, challenge, now).is_ok()));
}

fn one_succeeds() {
    assert_eq!(redemptions(1), 1);
}

fn max_uses_succeed() {
    assert_eq!(redemptions(3), 3);
}

fn redemptions(max_uses: u32) -> usize {
    let server = Server::plain();
    let replicas: Arc<[_]> = (0..4).map(|_| guard(&server.url(), Limits { max_uses, ..limits() })).collect();
    let now = now(&server);
    let challenge = begin(&replicas[0], &email("ann"), now);
    let results = race(64, move |number| right(&replicas[number % 4], &challenge, now));
    let (won, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(|result| matches!(result, Ok(Counted::Accepted { .. })));
    assert!(lost.iter().all(|result| *result == Err(AttemptRefused::Spent)), "{lost:?}");
    won.len()
}

fn no_more_attempts() {
    let server = Server::plain();
    let replicas: Arc<[_]> = (0..4).map(|_| guard(&server.url(), limits())).collect();
    let now = now(&server);
    let challenge = begin(&replicas[0], &email("ann"), now);
    let results = race(64, move |number| wrong(&replicas[number % 4], &challenge, now));
    let mut compared: Vec<u32> = results
        .iter()
        .filter_map(|result| if let Ok(Counted::Rejected { attempts_left }) = result { Some(*attempts_left) } else { None })
        .collect();
    compared.sort_unstable();
    assert_eq!(compared, [0, 1, 2, 3, 4]);
    assert_eq!(results.iter().filter(|result| **result == Err(AttemptRefused::Exhausted)).count(), 59);
}

fn no_more_comparisons() {
    let server = Server::plain();
    let limits = Limits { comparisons: 20, ..limits() };
    let replicas: Arc<[_]> = (0..4).map(|_| guard(&server.url(), limits.clone())).collect();
    let now = now(&server);
    let challenges: Vec<_> = (0..16).map(|number| begin(&replicas[number % 4], &email("ann"), now)).collect();
    let results = race(64, move |number| wrong(&replicas[number % 4], &challenges[number / 4], now));
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 15, "5 of 20 are kept for known devices");
    assert_eq!(results.iter().filter(|result| **result == Err(AttemptRefused::Exhausted)).count(), 49);
}

fn too_late() {
    let server = Server::plain();
    let (guard, now) = (guard(&server.url(), limits()), now(&server));
    let challenge = begin(&guard, &email("ann"), now);
    for attempts_left in (0..5).rev() {
        assert_eq!(peek(&guard, &challenge, now), Ok(()));
        assert_eq!(wrong(&guard, &challenge, now), left(attempts_left));
    }
    assert_eq!(peek(&guard, &challenge, now), Err(AttemptRefused::Exhausted));
    assert_eq!(right(&guard, &challenge, now), Err(AttemptRefused::Exhausted));
}

fn link() {
    let server = Server::plain();
    let (guard, now) = (guard(&server.url(), limits()), now(&server));
    let challenge = begin(&guard, &email("ann"), now);
    guess(&guard, &challenge, 5, now);
    let link = Attempt { by: By::Link, ..attempt(&challenge, now) };
    assert_eq!(run(guard.count(&link, Verdict::sealed(false))), left(0));
    assert_eq!(run(guard.count(&link, Verdict::sealed(true))), Ok(Counted::Accepted { use_number: 1 }));
    assert_eq!(run(guard.count(&link, Verdict::sealed(true))), Err(AttemptRefused::Spent));
    assert_eq!(peek(&guard, &challenge, now), Err(AttemptRefused::Spent));
}

fn wrong_code_spends() {
    let server = Server::plain();
    let limits = Limits { wrong_code_spends: true, max_uses: 2, ..limits() };
    let (guard, now) = (guard(&server.url(), limits), now(&server));
    let challenge = begin(&guard, &email("ann"), now);
    assert_eq!(wrong(&guard, &challenge, now), left(1));
    assert_eq!(wrong(&guard, &challenge, now), left(0));
    assert_eq!(right(&guard, &challenge, now), Err(AttemptRefused::Spent));
    let link = Attempt { by: By::Link, ..attempt(&challenge, now) };
    for expected in [Ok(Counted::Accepted { use_number: 1 }), Ok(Counted::Accepted { use_number: 2 }), Err(AttemptRefused::Spent)]
    {
        assert_eq!(run(guard.count(&link, Verdict::sealed(true))), expected);
    }
}

fn give_back() {
    let server = Server::plain();
    let (guard, now) = (guard(&server.url(), limits()), now(&server));
    let challenge = begin(&guard, &email("ann"), now);
    assert_eq!(wrong(&guard, &challenge, now), left(4));
    assert_eq!(right(&guard, &challenge, now), Ok(Counted::Accepted { use_number: 1 }));
    run(guard.give_back(&attempt(&challenge, now)));
    assert_eq!(wrong(&guard, &challenge, now), left(3));
    assert_eq!(right(&guard, &challenge, now), Ok(Counted::Accepted { use_number: 1 }));
    assert_eq!(right(&guard, &challenge, now), Err(AttemptRefused::Spent));
}

fn give_back_that_nobody_waits_for() {
    let server = Server::plain();
    let (guard, now) = (guard(&server.url(), limits()), now(&server));
    let challenge = begin(&guard, &email("ann"), now);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _inside = runtime.enter();
    assert_eq!(
        runtime.block_on(guard.count(&attempt(&challenge, now), Verdict::sealed(true))),
        Ok(Counted::Accepted { use_number: 1 })
    );
    assert!(runtime.block_on(guard.peek(&attempt(&challenge, now))).is_err());
    drop(guard.give_back(&attempt(&challenge, now)));
    until("the use is given back", || runtime.block_on(guard.peek(&attempt(&challenge, now))).is_ok());
    assert_eq!(
        runtime.block_on(guard.count(&attempt(&challenge, now), Verdict::sealed(true))),
        Ok(Counted::Accepted { use_number: 1 })
    );
}

fn expired() {
    let server = Server::plain();
    let (guard, now) = (guard(&server.url(), limits()), now(&server));
    let ann = email("ann");
    // By Redis' clock, whatever the node's says.
    let old = challenge(admit(&guard, &ann, now).guard, &ann, now.minus(600));
    assert_eq!(peek(&guard, &old, now.minus(300)), Err(AttemptRefused::Expired));
    assert_eq!(right(&guard, &old, now.minus(300)), Err(AttemptRefused::Expired));
}

fn budget() {
    let server = Server::plain();
    let (guard, now) = (guard(&server.url(), Limits { comparisons: 20, ..limits() }), now(&server));
    let ann = email("ann");
    let early = [numeric(6), numeric(11), numeric(20)]
        .map(|format| challenge_of(admit(&guard, &ann, now).guard, &ann, now, format, Use::CODE));
    let mut compared = 0;
    let mut compare = |strength, format, until: u32| {
        while compared < until {
            let admitted = admit(&guard, &ann, now);
            assert_eq!(admitted.strength, strength, "after {compared}");
            let challenge = challenge_of(admitted.guard, &ann, now, numeric(format), Use::CODE);
            for attempts_left in (0..5).rev() {
                assert_eq!(wrong(&guard, &challenge, now), left(attempts_left));
                compared += 1;
            }
        }
    };
    compare(Strength::Short, 6, 10);
    compare(Strength::Medium, 11, 20);
    assert_eq!(early.each_ref().map(|challenge| peek(&guard, challenge, now)), [Err(AttemptRefused::Exhausted), Ok(()), Ok(())]);
    assert_eq!(right(&guard, &early[0], now), Err(AttemptRefused::Exhausted));
    compare(Strength::Medium, 11, 100);
    assert_eq!(admit(&guard, &ann, now).strength, Strength::Long);
    assert_eq!(right(&guard, &early[1], now), Err(AttemptRefused::Exhausted));
    assert_eq!(right(&guard, &early[2], now), Ok(Counted::Accepted { use_number: 1 }));
    assert_eq!(admit(&guard, &email("bob"), now).strength, Strength::Short);
    // The link of a short code is no guess.
    let link = Attempt { by: By::Link, ..attempt(&early[0], now) };
    assert_eq!(run(guard.count(&link, Verdict::sealed(true))), Ok(Counted::Accepted { use_number: 1 }));
}

fn success_takes_off() {
    let server = Server::plain();
    let (guard, now) = (guard(&server.url(), Limits { max_attempts: 20, ..limits() }), now(&server));
    let ann = email("ann");
    let (mine, other) = (begin(&guard, &ann, now), begin(&guard, &ann, now));
    guess(&guard, &mine, 4, now);
    guess(&guard, &other, 9, now);
    assert_eq!(admit(&guard, &ann, now).strength, Strength::Medium);
    assert_eq!(right(&guard, &mine, now), Ok(Counted::Accepted { use_number: 1 }));
    assert_eq!(admit(&guard, &ann, now).strength, Strength::Short);
    assert_eq!(wrong(&guard, &other, now), left(10));
    assert_eq!(admit(&guard, &ann, now).strength, Strength::Medium);
}

/// An attacker guesses at challenges of his own for Ann; she clicks the links that these send her.
fn clicks() {
    let server = Server::plain();
    let (guard, now) = (guard(&server.url(), Limits { comparisons: 12, max_attempts: 5, ..limits() }), now(&server));
    let ann = email("ann");
    let mut compared = 0;
    for _ in 0..10 {
        let challenge = begin(&guard, &ann, now);
        compared += (0..5).filter(|_| wrong(&guard, &challenge, now).is_ok()).count();
        let link = Attempt { by: By::Link, ..attempt(&challenge, now) };
        assert_eq!(
            run(guard.count(&link, Verdict::sealed(true))),
            Ok(Counted::Accepted { use_number: 1 }),
            "her link is good all the same"
        );
    }
    assert_eq!(compared, 9, "3 of 12 are kept for known devices");
}

fn device() {
    let server = Server::plain();
    let (guard, now) = (guard(&server.url(), Limits { comparisons: 12, max_attempts: 9, ..limits() }), now(&server));
    let ann = email("ann");
    let attacked = begin(&guard, &ann, now);
    guess(&guard, &attacked, 9, now);
    let mine = begin(&guard, &ann, now);
    assert_eq!(peek(&guard, &mine, now), Err(AttemptRefused::Exhausted));
    assert_eq!(run(guard.peek(&Attempt { bucket: Bucket::Claimed, ..attempt(&mine, now) })).map(drop), Ok(()));
    let claimed = Attempt { bucket: Bucket::Claimed, ..attempt(&mine, now) };
    assert_eq!(run(guard.count(&claimed, Verdict::sealed(true))), Err(AttemptRefused::Exhausted));
    assert_eq!(run(guard.count(&from_known_device(&mine, now), Verdict::sealed(true))), Ok(Counted::Accepted { use_number: 1 }));

    let mine = begin(&guard, &ann, now);
    let known = |challenge| run(guard.count(&from_known_device(challenge, now), Verdict::sealed(false)));
    assert_eq!([known(&mine), known(&mine), known(&mine)], [left(8), left(7), left(6)]);
    assert_eq!(known(&mine), Err(AttemptRefused::Exhausted), "past their share they are strangers");
    let again = Request { is_known: true, ..request(&ann, now) };
    assert_eq!(run(guard.admit(&again)).unwrap().strength, Strength::Medium);
}

fn external() {
    let server = Server::plain();
    let (guard, now) = (guard(&server.url(), Limits { external_comparisons: 3, ..limits() }), now(&server));
    let ann = email("ann");
    let begin = || challenge_of(admit(&guard, &ann, now).guard, &ann, now, numeric(6), Use::EXTERNAL);
    let check = |challenge| {
        let attempt = Attempt { by: By::External, ..attempt(challenge, now) };
        run(guard.count(&attempt, Verdict::sealed(false)))
    };
    let amend = |challenge, amendment| run(guard.amend(&Attempt { by: By::External, ..attempt(challenge, now) }, amendment));

    let first = begin();
    assert_eq!(check(&first), left(4));
    assert_eq!(amend(&first, Amendment::Unanswered), Ok(0));
    assert_eq!(check(&first), left(4));
    assert_eq!(check(&first), left(3));
    assert_eq!(amend(&first, Amendment::Right), Ok(1));
    assert_eq!(amend(&first, Amendment::Right), Err(AttemptRefused::Spent));
    assert_eq!(check(&first), Err(AttemptRefused::Spent));

    let second = begin();
    (0..3).for_each(|_| assert!(check(&second).is_ok()));
    assert_eq!(check(&second), Err(AttemptRefused::Exhausted));
    let mut external = request(&ann, now);
    external.by = By::External;
    assert!(run(guard.admit(&external)).is_err());
    // Its own codes stay open.
    assert_eq!(admit(&guard, &ann, now).strength, Strength::Short);
}

fn another_fleet() {
    let server = Server::plain();
    let now = now(&server);
    let one = guard(&server.url(), limits());
    let mut settings = settings(&server.url());
    settings.id = NodeName::parse("fleet.two").unwrap();
    let two = connect(&settings, limits()).unwrap();
    let challenge = begin(&one, &email("ann"), now);
    assert_eq!(right(&two, &challenge, now), Err(AttemptRefused::Misdirected));
    assert_eq!(right(&one, &challenge, now), Ok(Counted::Accepted { use_number: 1 }));
    assert_eq!(begin(&two, &email("ann"), now).challenge().guard.node(), "fleet.two");
}

/// As a machine that was copied while it ran, and its copy.
fn copies() {
    let server = Server::plain();
    let now = now(&server);
    let copy = || run(RedisGuard::connect(&settings(&server.url()), limits(), &mut ChaCha20Rng::seed_from_u64(1))).unwrap();
    let (one, two) = (copy(), copy());
    let ann = email("ann");
    let challenge = begin(&one, &ann, now);
    assert_eq!(right(&one, &challenge, now), Ok(Counted::Accepted { use_number: 1 }));
    let refused = run(two.admit(&request(&ann, now)));
    assert!(matches!(refused, Err(RequestRefused::Unavailable(_))), "{refused:?}");
    assert_eq!(right(&one, &challenge, now), Err(AttemptRefused::Spent));
    assert_eq!(right(&two, &begin(&two, &ann, now), now), Ok(Counted::Accepted { use_number: 1 }));
}

fn largest() {
    let server = Server::plain();
    let lifetime = 10 * 365 * 86_400;
    let limits = Limits { max_uses: MOST_USES, max_attempts: MOST_ATTEMPTS, challenge_lifetime: lifetime, ..limits() };
    let (guard, now) = (guard(&server.url(), limits), now(&server));
    let long = Recipient::parse_email(&format!("{}@{}.{}.com", "x".repeat(64), "y".repeat(63), "z".repeat(63))).unwrap();
    let sealed = |format| {
        let id = admit(&guard, &long, now).guard;
        challenge_until(id, &long, now, now.plus(lifetime), format)
    };
    let challenge = sealed(numeric(20));
    let by_known_device = from_known_device(&challenge, now);
    assert_eq!(run(guard.count(&by_known_device, Verdict::sealed(false))), left(MOST_ATTEMPTS - 1));
    assert_eq!(wrong(&guard, &challenge, now), left(MOST_ATTEMPTS - 2));
    for use_number in 1..=3 {
        assert_eq!(run(guard.count(&by_known_device, Verdict::sealed(true))), Ok(Counted::Accepted { use_number }));
    }
    let key = server.ask::<Vec<String>>(RECORDS).remove(0);
    assert_eq!(server.ask::<u64>(&format!("EXPIRETIME {key}")), now.plus(lifetime + 120).as_seconds());
    // The last one of all.
    let _: u32 = server.ask(&format!("HSET {key} u {}", MOST_USES - 1));
    assert_eq!(right(&guard, &challenge, now), Ok(Counted::Accepted { use_number: MOST_USES }));
    assert_eq!(right(&guard, &challenge, now), Err(AttemptRefused::Spent));
}

fn spellings() {
    let server = Server::plain();
    let (guard, now) = (guard(&server.url(), limits()), now(&server));
    let ann = email("ann");
    let real = admit(&guard, &ann, now).guard;
    let epoch = real.epoch();
    let zeros = ["0".repeat(31), "0".repeat(32), "0".repeat(33), "0".repeat(48), "0".repeat(64)];
    let near = [epoch[..31].to_owned(), format!("{epoch}0"), format!("0{epoch}"), epoch.to_uppercase()];
    let mut tried = 0;
    for spelled in zeros.into_iter().chain(near).chain(["0".into(), "-1".into()]) {
        let Some(id) = GuardId::new(format!("fleet.{spelled}")).filter(|id| *id != real) else { continue };
        let made_up = challenge(id, &ann, now);
        assert_eq!(peek(&guard, &made_up, now), Err(AttemptRefused::Misdirected), "{spelled}");
        assert_eq!(right(&guard, &made_up, now), Err(AttemptRefused::Misdirected), "{spelled}");
        tried += 1;
    }
    assert!(tried > 5, "{tried}");
    assert_eq!(right(&guard, &challenge(real, &ann, now), now), Ok(Counted::Accepted { use_number: 1 }));
}

fn keys() {
    let server = Server::plain();
    let limits = Limits { throttle_seconds: 60, max_messages_per_hour: 10, max_messages_per_network_per_hour: 10, ..limits() };
    let (guard, now) = (guard(&server.url(), limits), now(&server));
    let challenge = begin(&guard, &email("ann"), now);
    guess(&guard, &challenge, 1, now);
    let keys: Vec<String> = server.ask("KEYS *");
    // The key of the counters, challenge, bucket, messages, pause, network.
    assert_eq!(keys.len(), 6, "{keys:?}");
    for key in keys {
        assert!(!key.contains("ann@") && !key.contains("example") && !key.contains("192.0.2"), "{key}");
        let lives: i64 = server.ask(&format!("TTL {key}"));
        assert_eq!(lives == -1, key == "countersign:fleet:key", "{key} lives {lives} s");
    }
}
