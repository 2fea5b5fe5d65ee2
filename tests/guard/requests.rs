//! Who may ask for how many messages.

use countersign::{
    browser::puzzle::Proof,
    challenge::{Strength, Use, VerifiedChallenge},
    guard::{Attempt, Bucket, By, Counted, Guard, Limits, Request, RequestRefused, Verdict},
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
    assert_eq!(refusal(&guard, &Request { now: at(START + 1), ..base }), Some((59, false)));
    assert_eq!(refusal(&guard, &Request { network: network(2), ..base }), None, "a stranger elsewhere holds nobody up");
    assert_eq!(refusal(&guard, &Request { is_known: true, ..base }), None);
    assert_eq!(refusal(&guard, &Request { is_known: true, ..base }), Some((60, false)));
    assert_eq!(refusal(&guard, &request(&bob, START)), None);
    assert_eq!(refusal(&guard, &Request { proof: Some(proof(1)), ..base }), Some((60, false)), "a puzzle doesn't shorten it");
    assert_eq!(refusal(&guard, &Request { by: By::External, ..base }), Some((60, false)), "external requests share it");
    assert_eq!(refusal(&guard, &request(&ann, START + 60)), None);
}

#[test]
fn strangers_messages_to_one_recipient_are_limited_and_a_puzzle_lifts_that_five_times() {
    let guard = guard(Limits { max_messages_per_hour: 3, ..limits() });
    let ann = mail("ann");
    let from = |number: u32| Request { network: network(number), ..request(&ann, START + u64::from(number)) };
    (0..3).for_each(|number| assert_eq!(refusal(&guard, &from(number)), None));
    assert_eq!(refusal(&guard, &from(3)), Some((3597, true)));
    assert_eq!(refusal(&guard, &Request { is_known: true, ..from(3) }), None, "a known device isn't counted");
    for number in 0..12 {
        assert_eq!(refusal(&guard, &Request { proof: Some(proof(number)), ..from(3) }), None);
        assert_eq!(
            refusal(&guard, &Request { proof: Some(proof(number)), ..from(3) }),
            Some((3597, number < 11)),
            "a solution counts once"
        );
    }
    assert_eq!(refusal(&guard, &Request { proof: Some(proof(99)), ..from(3) }), Some((3597, false)), "not beyond five times");
    assert_eq!(refusal(&guard, &from(4)), Some((3596, false)));
    assert_eq!(refusal(&guard, &request(&ann, START + 3600)), None, "an hour later");
}

#[test]
fn a_refused_request_uses_up_nothing() {
    let guard =
        guard(Limits { throttle_seconds: 60, max_messages_per_hour: 1, max_messages_per_network_per_hour: 2, ..limits() });
    let (ann, bob) = (mail("ann"), mail("bob"));
    assert_eq!(refusal(&guard, &request(&ann, START)), None);
    // Refused for the recipient's count: neither the pause nor the network's count is touched.
    let elsewhere = Request { network: network(2), proof: None, ..request(&ann, START) };
    assert_eq!(refusal(&guard, &elsewhere), Some((3600, true)));
    assert_eq!(refusal(&guard, &Request { proof: Some(proof(1)), ..elsewhere }), None, "no pause: the refused one began none");
    // Refused for the pause: the proof is still good.
    assert_eq!(refusal(&guard, &Request { proof: Some(proof(2)), ..elsewhere }), Some((60, false)));
    assert_eq!(refusal(&guard, &Request { proof: Some(proof(2)), network: network(3), ..elsewhere }), None);
    assert_eq!(refusal(&guard, &request(&bob, START)), None);
    assert_eq!(refusal(&guard, &request(&mail("eve"), START)), Some((3600, true)), "the network's third");
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
            assert_eq!(refusal(&guard, &request), None);
            assert!(refusal(&guard, &request).is_some());
            now(guard.withdraw(&request));
        }
    }
    // A proof is not given back: it may have counted for another request.
    let proven = Request { proof: Some(proof(1)), ..request(&ann, START) };
    assert_eq!(refusal(&guard, &proven), None);
    now(guard.withdraw(&proven));
    assert_eq!(refusal(&guard, &request(&ann, START)), None);
    assert_eq!(
        refusal(&guard, &Request { network: network(2), ..proven }).map(|(_, puzzle)| puzzle),
        Some(false),
        "the node's ceiling"
    );
}

#[cfg(feature = "mobile")]
#[test]
fn ceilings_are_hard_and_keep_a_quarter_for_known_devices() {
    let guard = guard(Limits { sms_per_hour: 8, sms_per_prefix_per_hour: 4, ..limits() });
    let sms: Vec<_> = (0..30).map(|number: u32| phone(if number < 10 { 2 } else { 3 + number % 6 }, number)).collect();
    let ask = |number: usize, proven: bool| {
        let mut request = request(&sms[number], START);
        request.proof = proven.then(|| proof(u8::try_from(number).unwrap()));
        refusal(&guard, &request)
    };
    (0..3).for_each(|number| assert_eq!(ask(number, false), None));
    assert_eq!(ask(3, true), Some((3600, false)), "the prefix is full for strangers, and no puzzle helps");
    assert_eq!(refusal(&guard, &Request { is_known: true, ..request(&sms[4], START) }), None);
    assert_eq!(refusal(&guard, &Request { is_known: true, ..request(&sms[5], START) }), Some((3600, false)));
    (10..12).for_each(|number| assert_eq!(ask(number, false), None));
    assert_eq!(ask(12, false), Some((3600, false)), "three quarters of the node's 8 are gone");
    assert_eq!(refusal(&guard, &Request { is_known: true, ..request(&sms[20], START) }), None);
    assert_eq!(refusal(&guard, &request(&mail("ann"), START)), None, "e-mail stays open");
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
        assert_eq!(now(guard.count(&link, Verdict::sealed(true))), Ok(Counted::Accepted), "her link is good all the same");
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
    assert_eq!(now(guard.count(&known, Verdict::sealed(true))), Ok(Counted::Accepted));
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
