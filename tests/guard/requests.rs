//! Who may ask for how many messages.

use countersign::{
    browser::puzzle::Proof,
    challenge::{Strength, Use, VerifiedChallenge},
    guard::{Attempt, Bucket, By, Counted, Guard, Limits, Request, RequestRefused, Verdict},
    network::Client,
};

use super::support::{Issuer, START, at, attempt, guard, guess, limits, mail, network, now, request};

fn proof(number: u8) -> Proof {
    Proof { id: [number; 16], expires_at: at(START + 60) }
}

/// Seconds to wait, and whether a puzzle helps.
fn refusal(guard: &impl Guard, request: &Request<'_>) -> Option<(u32, bool)> {
    match now(guard.admit(request)) {
        Ok(_) => None,
        Err(RequestRefused::Throttled { retry_after, puzzle }) => Some((retry_after.get(), puzzle.is_some())),
        Err(RequestRefused::Unavailable(_)) => panic!("unavailable"),
    }
}

#[test]
fn a_pause_is_of_recipient_and_network_or_of_known_devices() {
    let guard = guard(Limits { throttle_seconds: 60, ..limits() });
    let (ann, bob) = (mail("ann"), mail("bob"));
    let base = request(&ann, START);
    assert_eq!(refusal(&guard, &base), None);
    assert_eq!(refusal(&guard, &Request { now: at(START + 1), ..base }), Some((59, true)));
    assert_eq!(refusal(&guard, &Request { network: network(2), ..base }), None, "a stranger elsewhere holds nobody up");
    assert_eq!(refusal(&guard, &Request { is_known: true, ..base }), None, "nor do strangers hold a known device up");
    assert_eq!(refusal(&guard, &Request { is_known: true, ..base }), Some((60, true)), "all known devices have one pause");
    assert_eq!(refusal(&guard, &request(&bob, START)), None);
    assert_eq!(refusal(&guard, &Request { by: By::External, ..base }), Some((60, true)), "external requests share it");
    assert_eq!(refusal(&guard, &request(&ann, START + 60)), None);
}

#[test]
fn with_a_crowded_message_queue_a_stranger_needs_a_proof_that_counts() {
    let guard = guard(limits());
    let ann = mail("ann");
    let base = Request { crowded: true, ..request(&ann, START) };
    let (_, puzzle) = refusal(&guard, &base).unwrap();
    assert!(puzzle, "one helps");
    assert_eq!(refusal(&guard, &Request { is_known: true, ..base }), None);
    assert_eq!(refusal(&guard, &Request { proof: Some(proof(1)), ..base }), None);
    assert!(refusal(&guard, &Request { proof: Some(proof(1)), ..base }).is_some(), "it has counted");
    assert_eq!(refusal(&guard, &Request { crowded: false, ..base }), None);
}

/// Somebody in one's own network asks for one's address every minute.
#[test]
fn a_puzzle_lifts_the_pause_whoever_holds_it() {
    let guard = guard(Limits { throttle_seconds: 60, max_messages_per_hour: 100, ..limits() });
    let ann = mail("ann");
    for minute in 0..10 {
        let hostile = request(&ann, START + 60 * minute);
        assert_eq!(refusal(&guard, &hostile), None);
        let hers = Request { now: at(START + 60 * minute + 1), ..hostile };
        assert_eq!(refusal(&guard, &hers), Some((59, true)));
        let solved = Proof { expires_at: at(START + 60 * minute + 60), ..proof(u8::try_from(minute).unwrap()) };
        let taken = now(guard.admit(&Request { proof: Some(solved), ..hers })).unwrap().taken;
        assert_eq!(refusal(&guard, &Request { proof: Some(solved), ..hers }), Some((60, true)), "a solution counts once");
        now(guard.withdraw(&hers, &taken));
    }
}

/// Past their bucket known devices are strangers: they ask as one from their own network, which their own message paused.
#[test]
fn past_their_bucket_known_devices_are_strangers() {
    let all = Limits { throttle_seconds: 60, max_messages_per_hour: 2, max_messages_per_network_per_hour: 3, ..limits() };
    let guard = guard(all);
    let ann = mail("ann");
    let known = |number: u64| Request { is_known: true, network: network(1), ..request(&ann, START + 60 * number) };
    let as_known = |request| now(guard.admit(&request)).unwrap().taken.as_known();
    assert!(as_known(known(0)));
    assert_eq!(refusal(&guard, &known(0)), Some((60, true)), "the network's pause holds who is none of theirs any more");
    assert!(!as_known(Request { network: network(2), ..known(0) }), "elsewhere they are strangers at once");
    assert!(as_known(known(1)) && !as_known(known(2)), "two an hour");
    assert_eq!(refusal(&guard, &Request { is_known: false, ..known(3) }), Some((1800 - 180, true)), "two by strangers, too");
    assert_eq!(refusal(&guard, &known(3)), Some((1800 - 180, true)), "and the next in half an hour, or with a puzzle");
    assert!(as_known(known(30)), "a drop is back");
}

/// Fifty requests by strangers: the next drop falls in 72 seconds, not in an hour.
#[test]
fn a_puzzle_lifts_strangers_ceiling_five_times_and_drop_by_drop() {
    let guard = guard(Limits { max_messages_per_hour: 10, ..limits() });
    let ann = mail("ann");
    let from = |number: u32, seconds: u64| Request { network: network(number), ..request(&ann, START + seconds) };
    let solved = |number: u8, seconds: u64| Some(Proof { expires_at: at(START + seconds + 60), ..proof(number) });
    (0..10).for_each(|number| assert_eq!(refusal(&guard, &from(number, 0)), None));
    assert_eq!(refusal(&guard, &from(10, 0)), Some((360, true)));
    for number in 10..50 {
        let hostile = Request { proof: solved(number, 0), ..from(number.into(), 0) };
        assert_eq!(refusal(&guard, &hostile), None);
    }
    assert_eq!(refusal(&guard, &from(99, 0)), Some((72, false)), "no puzzle that doesn't help");
    assert_eq!(refusal(&guard, &Request { proof: solved(99, 0), ..from(99, 0) }), Some((72, false)));
    assert_eq!(refusal(&guard, &from(99, 71)), Some((1, false)), "and nothing was reserved");
    assert_eq!(refusal(&guard, &from(99, 72)), Some((288, true)));
    assert_eq!(refusal(&guard, &Request { proof: solved(99, 72), ..from(99, 72) }), None);
    assert_eq!(refusal(&guard, &Request { proof: solved(100, 72), ..from(99, 72) }), Some((72, false)));
    let known = Request { is_known: true, ..from(99, 72) };
    assert_eq!(refusal(&guard, &known), None, "a known device isn't held by what strangers asked for");
    assert_eq!(refusal(&guard, &from(99, 432)), None, "while nobody solves puzzles, one in six minutes needs none");
    assert_eq!(refusal(&guard, &from(99, 720)), Some((72, true)));
    assert_eq!((0..20).filter(|number| refusal(&guard, &from(*number, 3 * 3600)).is_none()).count(), 10, "all are back");
}

/// A network that has had all its messages, puzzles included, asks again and again with one solution that is never used up.
#[test]
fn a_refused_puzzle_puts_nothing_back_that_it_did_not_take() {
    let guard = guard(Limits { max_messages_per_hour: 10, max_messages_per_network_per_hour: 1, ..limits() });
    let (ann, hostile) = (mail("ann"), network(99));
    for number in 0..5 {
        let other = mail(usize::from(number));
        let solved = Request { network: hostile, proof: Some(proof(number)), ..request(&other, START) };
        assert_eq!(refusal(&guard, &solved), None);
    }
    let from = |number: u32| Request { network: network(number), ..request(&ann, START) };
    (0..10).for_each(|number| assert_eq!(refusal(&guard, &from(number)), None));
    for _ in 0..10 {
        let refused = Request { network: hostile, proof: Some(proof(5)), ..request(&ann, START) };
        assert_eq!(refusal(&guard, &refused), Some((720, false)));
    }
    assert_eq!(refusal(&guard, &from(10)), Some((360, true)), "ten an hour without a puzzle, whoever was refused meanwhile");
}

#[test]
fn messages_on_behalf_of_a_network_are_limited_drop_by_drop_but_not_of_who_stands_for_many() {
    let guard = guard(Limits { max_messages_per_network_per_hour: 4, ..limits() });
    let names: Vec<_> = (0..40).map(mail).collect();
    let ask = |number: usize, seconds| refusal(&guard, &request(&names[number], START + seconds));
    (0..4).for_each(|number| assert_eq!(ask(number, 0), None));
    assert_eq!(ask(4, 0), Some((900, true)));
    assert_eq!(ask(4, 900), None);
    assert_eq!(ask(5, 900), Some((900, true)));
    assert_eq!(refusal(&guard, &Request { is_known: true, ..request(&names[5], START + 900) }), None);
    let app = Client { address: [127, 0, 0, 1].into(), stands_for_many: true }.network();
    for name in &names {
        assert_eq!(refusal(&guard, &Request { network: app, ..request(name, START) }), None);
    }
}

#[test]
fn puzzles_get_harder_with_the_messages_of_their_recipient_and_their_network() {
    let guard = guard(Limits { max_messages_per_hour: 10, max_messages_per_network_per_hour: 20, ..limits() });
    let ann = mail("ann");
    let number = |request: &Request<'_>| match now(guard.admit(request)) {
        Err(RequestRefused::Throttled { puzzle: Some(puzzle), .. }) => puzzle.get(),
        other => panic!("{other:?}"),
    };
    (0..10).for_each(|name| assert_eq!(refusal(&guard, &Request { network: network(name), ..request(&ann, START) }), None));
    let mut hardest = 0;
    for solved in 0..40 {
        let hostile = Request { network: network(100 + u32::from(solved)), ..request(&ann, START) };
        let harder = number(&hostile);
        assert!(harder >= hardest && harder <= 1_000_000, "{harder} after {hardest}");
        hardest = harder;
        assert_eq!(refusal(&guard, &Request { proof: Some(proof(solved)), ..hostile }), None);
    }
    assert_eq!(hardest, 800_000, "sixteen times as hard as for one whom nobody asked for");
    // One network asks for one address after the other.
    let names: Vec<_> = (0..60).map(mail).collect();
    let from_one = |at: usize| Request { network: network(999), ..request(&names[at], START) };
    (0..20).for_each(|at| assert_eq!(refusal(&guard, &from_one(at)), None));
    let first = number(&from_one(20));
    (20..60).for_each(|at| {
        let solved = Proof { id: [0; 16].map(|_| 100 + u8::try_from(at).unwrap()), expires_at: proof(0).expires_at };
        assert_eq!(refusal(&guard, &Request { proof: Some(solved), ..from_one(at) }), None);
    });
    assert!(number(&Request { network: network(999), ..request(&mail("last"), START) }) >= 4 * first);
}

#[test]
fn a_refused_request_uses_up_nothing() {
    let guard =
        guard(Limits { throttle_seconds: 60, max_messages_per_hour: 1, max_messages_per_network_per_hour: 2, ..limits() });
    let (ann, bob) = (mail("ann"), mail("bob"));
    assert_eq!(refusal(&guard, &request(&ann, START)), None);
    // Refused for the recipient's bucket: neither the pause nor the network's bucket is touched.
    let elsewhere = Request { network: network(2), proof: None, ..request(&ann, START) };
    for _ in 0..5 {
        assert_eq!(refusal(&guard, &elsewhere), Some((3600, true)));
    }
    assert_eq!(refusal(&guard, &Request { network: network(2), ..request(&bob, START) }), None);
    assert_eq!(refusal(&guard, &Request { network: network(2), ..request(&mail("cat"), START) }), None);
    // Refused for the network's bucket: the recipient's isn't touched, and the proof is still good.
    for _ in 0..5 {
        assert_eq!(refusal(&guard, &Request { network: network(2), ..request(&mail("eve"), START) }), Some((1800, true)));
    }
    assert_eq!(refusal(&guard, &request(&mail("eve"), START)), None);
    // Refused for the pause: nothing of it was taken.
    for _ in 0..5 {
        assert_eq!(refusal(&guard, &Request { now: at(START + 1), ..request(&mail("eve"), START) }), Some((3599, true)));
    }
    assert_eq!(refusal(&guard, &Request { proof: Some(proof(2)), ..request(&mail("eve"), START) }), None);
}

#[test]
fn what_is_withdrawn_can_be_asked_again() {
    let all = Limits {
        throttle_seconds: 60,
        max_messages_per_hour: 1,
        max_messages_per_network_per_hour: 1,
        email_per_hour: 1,
        ..limits()
    };
    let guard = guard(all);
    let ann = mail("ann");
    for is_known in [false, true] {
        let request = Request { is_known, ..request(&ann, START) };
        for _ in 0..3 {
            let taken = now(guard.admit(&request)).unwrap().taken;
            assert!(refusal(&guard, &request).is_some());
            now(guard.withdraw(&request, &taken));
        }
    }
    // A proof is not given back: it may have counted for another request.
    let proven = Request { proof: Some(proof(1)), ..request(&ann, START) };
    let taken = now(guard.admit(&proven)).unwrap().taken;
    now(guard.withdraw(&proven, &taken));
    assert_eq!(refusal(&guard, &request(&ann, START)), None);
    assert_eq!(
        refusal(&guard, &Request { network: network(2), ..proven }).map(|(_, puzzle)| puzzle),
        Some(false),
        "the node's ceiling"
    );
}

/// Messages with a puzzle that don't leave, over and over: each put a plain one back once, though it had taken none.
#[test]
fn what_a_puzzle_took_from_nothing_is_not_put_back() {
    let guard = guard(Limits { max_messages_per_hour: 3, max_messages_per_network_per_hour: 0, ..limits() });
    let ann = mail("ann");
    (0..3).for_each(|_| assert_eq!(refusal(&guard, &request(&ann, START)), None));
    for number in 0..30 {
        let solved = Request { proof: Some(proof(number)), ..request(&ann, START) };
        let taken = now(guard.admit(&solved)).unwrap().taken;
        now(guard.withdraw(&solved, &taken));
    }
    assert_eq!(refusal(&guard, &request(&ann, START)), Some((1200, true)));
    // Ten minutes later half a message is there, which a puzzle takes with it.
    let later = Request { proof: Some(Proof { expires_at: at(START + 660), ..proof(31) }), ..request(&ann, START + 600) };
    let taken = now(guard.admit(&later)).unwrap().taken;
    assert_eq!(refusal(&guard, &request(&ann, START + 600)), Some((1200, true)));
    now(guard.withdraw(&later, &taken));
    assert_eq!(refusal(&guard, &request(&ann, START + 600)), Some((600, true)));
}

#[cfg(feature = "mobile")]
#[test]
fn ceilings_are_hard_and_keep_a_quarter_for_known_devices() {
    let guard = guard(Limits { sms_per_hour: 8, sms_per_prefix_per_hour: 4, ..limits() });
    let sms: Vec<_> = (0..30).map(|number: u32| phone(if number < 10 { 2 } else { 3 + number % 6 }, number)).collect();
    let from = |number: usize| Request { network: network(u32::try_from(number).unwrap()), ..request(&sms[number], START) };
    let ask = |number: usize, proven: bool| {
        refusal(&guard, &Request { proof: proven.then(|| proof(u8::try_from(number).unwrap())), ..from(number) })
    };
    (0..3).for_each(|number| assert_eq!(ask(number, false), None));
    assert_eq!(ask(3, true), Some((900, false)), "the prefix is full for strangers, and no puzzle helps");
    assert_eq!(refusal(&guard, &Request { is_known: true, ..from(4) }), None);
    assert_eq!(refusal(&guard, &Request { is_known: true, ..from(5) }), Some((900, false)));
    (10..12).for_each(|number| assert_eq!(ask(number, false), None));
    assert_eq!(ask(12, false), Some((450, false)), "three quarters of the node's 8 are gone");
    assert_eq!(refusal(&guard, &Request { is_known: true, ..from(20) }), None);
    assert_eq!(refusal(&guard, &request(&mail("ann"), START)), None, "e-mail stays open");
}

/// Three thousand requests from one address took the hour's SMS of everybody once.
#[cfg(feature = "mobile")]
#[test]
fn one_network_has_a_tenth_of_what_costs_money() {
    let guard = guard(Limits { sms_per_hour: 4_000, sms_per_prefix_per_hour: 1_400, ..limits() });
    let ask = |network_number, block, number, is_known| {
        let sms = phone(block, number);
        let asked = Request { network: network(network_number), is_known, ..request(&sms, START) };
        refusal(&guard, &asked).is_none()
    };
    let of_prefix = (0..3_000).filter(|number| ask(1, 2, *number, false)).count();
    assert_eq!(of_prefix, 140, "a tenth of the prefix's");
    let of_all = (0..3_000).filter(|number| ask(1, 3 + number % 6, *number, false)).count();
    assert_eq!(of_prefix + of_all, 400, "a tenth of all");
    assert!(ask(2, 2, 5_000, false), "nobody else is held up");
    assert!(ask(1, 2, 5_001, true), "nor is a known device in that network");
    let of_known = (0..3_000).filter(|number| ask(1, 3 + number % 6, *number, true)).count();
    assert_eq!(of_known, 399, "known devices of a network have a tenth, too");
    let app = Client { address: [10, 0, 0, 1].into(), stands_for_many: true }.network();
    let by_app = |number: u32| {
        let sms = phone(2 + number % 7, 9_000 + number);
        refusal(&guard, &Request { network: app, ..request(&sms, START) }).is_none()
    };
    assert!((0..2_000).all(by_app), "who stands for many has all that is there");
}

#[cfg(feature = "mobile")]
mod breaker {
    use countersign::guard::{Admitted, BreakerLimits, BreakerOpened};

    use super::*;

    const LIMITS: BreakerLimits = BreakerLimits { min_sent: 10, min_conversion: 20 };

    fn breaking(change: impl FnOnce(&mut Limits)) -> (countersign::guard::MemoryGuard, Issuer) {
        let mut limits = Limits { breaker: LIMITS, ..limits() };
        change(&mut limits);
        let guard = guard(limits);
        let issuer = Issuer::new(guard.id());
        (guard, issuer)
    }

    /// Somebody else each time, from somewhere else, for a number of one block.
    fn ask(
        guard: &impl Guard,
        number: u32,
        seconds: u64,
        change: impl FnOnce(&mut Request<'_>),
    ) -> Result<Admitted, RequestRefused> {
        let sms = phone(2, number);
        let mut request = Request { network: network(number), ..request(&sms, START + seconds) };
        change(&mut request);
        now(guard.admit(&request))
    }

    fn flood(guard: &impl Guard) {
        (0..12).for_each(|number| assert_eq!(ask(guard, number, 0, |_| {}).unwrap().opened, None));
    }

    fn until_a_try(answer: &Result<Admitted, RequestRefused>) -> u32 {
        match answer {
            Err(RequestRefused::Throttled { retry_after, puzzle: None }) => retry_after.get(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn where_few_messages_are_redeemed_strangers_get_one_a_minute_and_no_puzzle() {
        let (guard, _) = breaking(|_| {});
        flood(&guard);
        let first = ask(&guard, 20, 300, |_| {}).unwrap();
        assert_eq!(first.opened, Some(BreakerOpened { prefix: "+491512".into(), sent: 10, redeemed: 0 }));
        assert_eq!(until_a_try(&ask(&guard, 21, 300, |_| {})), 60);
        assert_eq!(
            until_a_try(&ask(&guard, 22, 310, |request| request.proof = Some(Proof { expires_at: at(START + 400), ..proof(1) }))),
            50
        );
        assert_eq!(until_a_try(&ask(&guard, 23, 310, |request| request.by = By::External)), 50, "nor by somebody else's code");
        assert_eq!(until_a_try(&ask(&guard, 24, 310, |request| request.crowded = true)), 50, "nor with a puzzle for the queue");
        let known = ask(&guard, 25, 310, |request| request.is_known = true).unwrap();
        assert_eq!(known.opened, None, "a known device passes, and it was told already");
        assert!(now(guard.admit(&request(&phone(3, 1), START + 310))).is_ok(), "another prefix");
        assert!(now(guard.admit(&request(&mail("ann"), START + 310))).is_ok(), "and e-mail");
        assert!(ask(&guard, 26, 360, |_| {}).is_ok(), "the next try");
        assert_eq!(until_a_try(&ask(&guard, 27, 361, |_| {})), 59);
    }

    #[test]
    fn tries_that_are_redeemed_close_it_however_they_are() {
        for by in [By::Code, By::Link, By::External] {
            let (guard, mut issuer) = breaking(|_| {});
            flood(&guard);
            assert!(ask(&guard, 20, 300, |_| {}).is_ok() && ask(&guard, 21, 300, |_| {}).is_err());
            for number in 0..3 {
                let usage = if by == By::External { Use::EXTERNAL } else { Use::CODE };
                let challenge = issuer.issue(&phone(2, number), usage, super::super::support::SHORT, START, 600);
                let attempt = attempt(&challenge, by, START + 301);
                if by == By::External {
                    assert!(now(guard.count(&attempt, Verdict::sealed(false))).is_ok());
                    assert_eq!(now(guard.amend(&attempt, countersign::guard::Amendment::Right)), Ok(1));
                } else {
                    assert_eq!(now(guard.count(&attempt, Verdict::sealed(true))), Ok(Counted::Accepted { use_number: 1 }));
                }
            }
            (30..40).for_each(|number| assert!(ask(&guard, number, 302, |_| {}).is_ok(), "{by:?} {number}"));
        }
    }

    /// Somebody who may use one challenge often redeems one message with it, not many.
    #[test]
    fn a_challenge_that_is_used_often_redeems_one_message() {
        let (guard, mut issuer) = breaking(|limits| limits.max_uses = 100);
        flood(&guard);
        assert!(ask(&guard, 20, 300, |_| {}).is_ok());
        let challenge = issuer.code(&phone(2, 0));
        (1..=100).for_each(|use_number| assert_eq!(guess(&guard, &challenge, true), Ok(Counted::Accepted { use_number })));
        until_a_try(&ask(&guard, 21, 301, |_| {}));
    }

    #[test]
    fn messages_that_did_not_leave_open_nothing_and_a_refused_try_is_still_there() {
        let (guard, _) = breaking(|limits| limits.max_messages_per_hour = 1);
        for number in 0..12 {
            let sms = phone(2, number);
            let request = Request { network: network(number), ..request(&sms, START) };
            let taken = now(guard.admit(&request)).unwrap().taken;
            now(guard.withdraw(&request, &taken));
        }
        (0..5).for_each(|number| assert!(ask(&guard, 30 + number, 300, |_| {}).is_ok(), "{number}"));
        let (guard, _) = breaking(|limits| limits.max_messages_per_hour = 1);
        flood(&guard);
        // Number 0 had its message: what refuses it takes no try.
        assert!(ask(&guard, 0, 300, |_| {}).is_err() && ask(&guard, 0, 301, |_| {}).is_err());
        assert!(ask(&guard, 20, 302, |_| {}).unwrap().opened.is_some());
    }

    /// Ceilings and pauses are the guard's, whoever makes and checks the code.
    #[test]
    fn messages_of_verify_providers_count_under_the_same_ceilings() {
        let (guard, _) = breaking(|limits| (limits.sms_per_hour, limits.sms_per_prefix_per_hour) = (8, 4));
        let external = |request: &mut Request<'_>| request.by = By::External;
        (0..3).for_each(|number| assert!(ask(&guard, number, 0, external).is_ok()));
        assert_eq!(until_a_try(&ask(&guard, 3, 0, |_| {})), 900, "the prefix is full for both");
        assert_eq!(until_a_try(&ask(&guard, 3, 0, external)), 900);
        let (guard, _) = breaking(|limits| limits.max_messages_per_hour = 2);
        let again = |request: &mut Request<'_>| (request.by, request.network) = (By::External, network(99));
        assert!(ask(&guard, 0, 0, external).is_ok() && ask(&guard, 0, 0, |_| {}).is_ok());
        assert!(
            matches!(ask(&guard, 0, 0, again), Err(RequestRefused::Throttled { puzzle: Some(_), .. })),
            "the recipient's, too"
        );
    }
}

#[cfg(feature = "mobile")]
fn phone(block: u32, number: u32) -> countersign::recipient::Recipient {
    let rules = countersign::recipient::phone::PhoneRules::new("", &[] as &[&str], &[] as &[&str]).unwrap();
    rules.parse(&format!("+49151{block}{number:07}")).unwrap()
}

#[test]
fn codes_grow_with_the_recipients_failures() {
    let guard = guard(Limits { comparisons: 49, ..limits() });
    let mut issuer = Issuer::new(guard.id());
    let ann = mail("ann");
    let strength = |is_known| now(guard.admit(&Request { is_known, ..request(&ann, START) })).unwrap().strength;
    let mut fail = |times, format| {
        for _ in 0..times {
            let challenge = issuer.issue(&ann, Use::CODE, format, START, 600);
            guess(&guard, &challenge, false).unwrap();
        }
    };
    fail(9, super::support::SHORT);
    assert_eq!(strength(false), Strength::Short);
    fail(1, super::support::SHORT);
    assert_eq!(strength(false), Strength::Medium);
    assert_eq!(strength(true), Strength::Short, "known devices have their own failures");
    fail(89, super::support::MEDIUM);
    assert_eq!(strength(false), Strength::Medium);
    fail(1, super::support::MEDIUM);
    assert_eq!(strength(false), Strength::Long);
}

/// An attacker guesses at challenges of his own for Ann; she clicks the links that these send her.
#[test]
fn a_victim_who_clicks_gives_an_attacker_no_comparisons_back() {
    let guard = guard(Limits { comparisons: 12, max_attempts: 5, ..limits() });
    let mut issuer = Issuer::new(guard.id());
    let ann = mail("ann");
    let mut compared = 0;
    for _ in 0..10 {
        let challenge = issuer.code(&ann);
        compared += (0..5).filter(|_| guess(&guard, &challenge, false).is_ok()).count();
        let link = attempt(&challenge, By::Link, START);
        assert_eq!(
            now(guard.count(&link, Verdict::sealed(true))),
            Ok(Counted::Accepted { use_number: 1 }),
            "her link is good all the same"
        );
    }
    assert_eq!(compared, 9, "3 of 12 are kept for known devices");
}

#[test]
fn a_small_l_makes_codes_grow_sooner() {
    let guard = guard(Limits { comparisons: 5, ..limits() });
    let mut issuer = Issuer::new(guard.id());
    let ann = mail("ann");
    let strength = || now(guard.admit(&request(&ann, START))).unwrap().strength;
    for _ in 0..4 {
        assert_eq!(strength(), Strength::Short);
        guess(&guard, &issuer.code(&ann), false).unwrap();
    }
    assert_eq!(strength(), Strength::Medium, "a new code is never of a refused length");
}

#[test]
fn external_requests_stop_at_their_own_l() {
    let guard = guard(Limits { external_comparisons: 2, ..limits() });
    let mut issuer = Issuer::new(guard.id());
    let ann = mail("ann");
    let external = Request { by: By::External, ..request(&ann, START) };
    for _ in 0..2 {
        assert_eq!(refusal(&guard, &external), None);
        let challenge = issuer.issue(&ann, Use::EXTERNAL, super::support::SHORT, START, 600);
        let attempt = super::support::attempt(&challenge, countersign::guard::By::External, START);
        now(guard.count(&attempt, countersign::guard::Verdict::sealed(false))).unwrap();
    }
    assert_eq!(refusal(&guard, &external), Some((43_200 + 86_400, false)), "today's count until the day after is over");
    let tomorrow = Request { now: at(START + 86_400), ..external };
    assert_eq!(refusal(&guard, &tomorrow), Some((43_200, false)));
    assert_eq!(refusal(&guard, &Request { now: at(START + 86_400 + 43_200), ..external }), None);
    assert_eq!(refusal(&guard, &request(&ann, START)), None, "its own codes stay open");
    guess(&guard, &issuer.code(&ann), true).unwrap();
}

/// Four logins without a cookie make four known devices; each of them had L comparisons a day once.
#[test]
fn all_known_devices_of_a_recipient_share_one_budget_inside_l() {
    for (most, kept) in [(49, 10), (33, 8), (16, 4), (7, 1), (3, 0)] {
        let guard = guard(Limits { comparisons: most, ..limits() });
        let mut issuer = Issuer::new(guard.id());
        let ann = mail("ann");
        let mut compare = |bucket, times: u32| {
            let guess = |challenge: VerifiedChallenge| {
                let attempt = Attempt { bucket, ..attempt(&challenge, By::Code, START) };
                now(guard.count(&attempt, Verdict::sealed(false))).is_ok()
            };
            (0..times).map(|_| u32::from(guess(issuer.code(&ann)))).sum::<u32>()
        };
        // Whoever has the cookies guesses first with one, then with the others, then without any.
        assert_eq!(compare(Bucket::Known, kept), kept);
        assert_eq!(compare(Bucket::Strangers, most - kept - 1), most - kept - 1);
        assert_eq!(compare(Bucket::Known, 100), 1, "past their share known devices are strangers");
        assert_eq!(compare(Bucket::Strangers, 100), 0);
        let strength = |is_known| now(guard.admit(&Request { is_known, ..request(&ann, START) })).unwrap().strength;
        assert_eq!([strength(true), strength(false)], [Strength::Medium; 2], "a new code is never of a refused length");
    }
}

#[test]
fn strangers_leave_known_devices_their_share() {
    let guard = guard(Limits { comparisons: 49, max_attempts: 100, ..limits() });
    let mut issuer = Issuer::new(guard.id());
    let ann = mail("ann");
    let hers = issuer.code(&ann);
    let attacked = issuer.issue(&ann, Use::CODE, super::support::MEDIUM, START, 600);
    (0..100).for_each(|_| _ = guess(&guard, &attacked, false).unwrap());
    assert!(guess(&guard, &issuer.issue(&ann, Use::CODE, super::support::MEDIUM, START, 600), false).is_err());
    let known = Attempt { bucket: Bucket::Known, ..attempt(&hers, By::Code, START) };
    (0..9).for_each(|_| assert!(now(guard.count(&known, Verdict::sealed(false))).is_ok()));
    assert_eq!(now(guard.admit(&Request { is_known: true, ..request(&ann, START) })).unwrap().strength, Strength::Short);
    assert_eq!(now(guard.count(&known, Verdict::sealed(true))), Ok(Counted::Accepted { use_number: 1 }));
}

/// All comparisons of a recipient count toward the hundred, whoever made them.
#[test]
fn after_a_hundred_comparisons_in_all_strangers_codes_have_64_bits() {
    let guard = guard(Limits { comparisons: 49, ..limits() });
    let mut issuer = Issuer::new(guard.id());
    let ann = mail("ann");
    let mut compare = |bucket, format, times| {
        for _ in 0..times {
            let challenge = issuer.issue(&ann, Use::CODE, format, START, 600);
            let attempt = Attempt { bucket, ..attempt(&challenge, By::Code, START) };
            now(guard.count(&attempt, Verdict::sealed(false))).unwrap();
        }
        let next = issuer.issue(&ann, Use::CODE, format, START, 600);
        guess(&guard, &next, true).is_ok()
    };
    assert!(compare(Bucket::Known, super::support::SHORT, 10));
    assert!(compare(Bucket::Strangers, super::support::MEDIUM, 89));
    assert!(!compare(Bucket::Strangers, super::support::MEDIUM, 1));
    assert_eq!(now(guard.admit(&request(&ann, START))).unwrap().strength, Strength::Long);
}
