//! What a full table does, and what it costs.

use countersign::{
    browser::puzzle::Proof,
    challenge::{Use, VerifiedChallenge},
    guard::{Attempt, AttemptRefused, Bucket, By, Counted, Guard, Limits, MemoryGuard, Request, RequestRefused, Verdict},
};

use super::support::{Issuer, LIFETIME, SHORT, START, at, attempt, guard, guess, limits, mail, network, now, request};

fn entries(guard: &MemoryGuard) -> u32 {
    guard.pressure(at(START)).entries
}

/// Fills the table with strangers' first attempts until it takes no more.
fn fill(guard: &MemoryGuard, issuer: &mut Issuer) -> Vec<VerifiedChallenge> {
    let mut entered = Vec::new();
    loop {
        let challenge = issuer.code(&mail(entered.len()));
        match guess(guard, &challenge, false) {
            Ok(_) => entered.push(challenge),
            Err(AttemptRefused::Unavailable(_)) => return entered,
            Err(other) => panic!("{other:?}"),
        }
    }
}

fn proof(number: u32) -> Proof {
    let mut id = [0; 16];
    id[..4].copy_from_slice(&number.to_be_bytes());
    Proof { id, expires_at: at(START + 60) }
}

#[test]
fn requests_and_wrong_links_make_no_entry() {
    let guard = guard(limits());
    let mut issuer = Issuer::new(guard.id());
    for name in 0..100 {
        now(guard.admit(&request(&mail(name), START))).unwrap();
        let challenge = issuer.code(&mail(name));
        now(guard.peek(&attempt(&challenge, By::Code, START))).unwrap();
        now(guard.count(&attempt(&challenge, By::Link, START), Verdict::sealed(false))).unwrap();
    }
    assert_eq!(entries(&guard), 0);
}

#[test]
fn strangers_leave_a_quarter_and_a_full_table_fails_closed() {
    for capacity in [64, 100, 4096] {
        let guard = guard(Limits { capacity, ..limits() });
        let mut issuer = Issuer::new(guard.id());
        let entered = fill(&guard, &mut issuer);
        assert_eq!(entered.len(), (capacity - capacity / 4) as usize);
        guess(&guard, &entered[0], false).expect("known challenges go on");

        // The last quarter is for known devices, and for challenges that a puzzle was solved for.
        let proven = mail("proven");
        now(guard.admit(&Request { proof: Some(proof(0)), ..request(&proven, START) })).unwrap();
        guess(&guard, &issuer.code(&proven), true).expect("a puzzle was solved for it");
        let earlier = issuer.issue(&proven, Use::CODE, SHORT, START - 1, LIFETIME);
        assert!(matches!(guess(&guard, &earlier, true), Err(AttemptRefused::Unavailable(_))), "but not for this one");
        let mut known = 1;
        loop {
            let challenge = issuer.code(&mail("ann"));
            let attempt = Attempt { bucket: Bucket::Known, ..attempt(&challenge, By::Code, START) };
            match now(guard.count(&attempt, Verdict::sealed(true))) {
                Ok(_) => known += 1,
                Err(AttemptRefused::Unavailable(_)) => break,
                Err(other) => panic!("{other:?}"),
            }
        }
        assert_eq!((known, entries(&guard)), (capacity / 4, capacity));
        let refused = now(guard.admit(&Request { is_known: true, ..request(&mail("ann"), START) })).unwrap_err();
        assert!(matches!(refused, RequestRefused::Unavailable(_)), "full is 503 for everyone");
        assert_eq!(entries(&guard), capacity, "a full table never grows");
    }
}

/// Ann asked before the flood, so her challenge was made for no proof; she solves the puzzle when she asks for its code again.
#[test]
fn a_puzzle_that_is_solved_for_a_resend_opens_the_reserve_too() {
    let guard = guard(Limits { capacity: 64, ..limits() });
    let mut issuer = Issuer::new(guard.id());
    let ann = mail("ann");
    now(guard.admit(&request(&ann, START))).unwrap();
    let hers = issuer.code(&ann);
    let again = Request { issued_at: at(START), ..request(&ann, START + 5) };
    let resend = Attempt { now: at(START + 5), ..attempt(&hers, By::Resend, START) };
    let strangers = fill(&guard, &mut issuer);
    assert_eq!(strangers.len(), 48);

    now(guard.peek(&resend)).expect("what is sent once more makes no entry");
    let RequestRefused::Throttled { puzzle: Some(_), .. } = now(guard.admit(&again)).unwrap_err() else {
        panic!("a puzzle lifts it")
    };
    assert!(matches!(guess(&guard, &hers, true), Err(AttemptRefused::Unavailable(_))));
    now(guard.admit(&Request { proof: Some(proof(1)), ..again })).unwrap();
    assert_eq!(guess(&guard, &hers, true), Ok(Counted::Accepted { use_number: 1 }));
}

#[test]
fn more_than_half_full_new_envelopes_are_for_proofs_and_devices() {
    let guard = guard(Limits { capacity: 100, ..limits() });
    let mut issuer = Issuer::new(guard.id());
    let ann = mail("ann");
    for name in 0..50 {
        guess(&guard, &issuer.code(&mail(name)), false).unwrap();
        now(guard.admit(&request(&ann, START))).expect("half full is not more than half full");
    }
    guess(&guard, &issuer.code(&mail(50)), false).unwrap();
    let RequestRefused::Throttled { puzzle: Some(_), .. } = now(guard.admit(&request(&ann, START))).unwrap_err() else {
        panic!("a puzzle lifts it")
    };
    now(guard.admit(&Request { proof: Some(proof(1)), ..request(&ann, START) })).unwrap();
    now(guard.admit(&Request { is_known: true, ..request(&ann, START) })).unwrap();
}

#[test]
fn entries_leave_when_their_challenge_ends_and_a_clock_set_back_brings_nothing_back() {
    let guard = guard(Limits { capacity: 64, ..limits() });
    let mut issuer = Issuer::new(guard.id());
    let spent: Vec<_> = (0..40).map(|name| issuer.code(&mail(name))).collect();
    for challenge in &spent {
        assert!(guess(&guard, challenge, true).is_ok());
    }
    assert_eq!(entries(&guard), 40);
    let end = START + LIFETIME;
    assert_eq!(guard.pressure(at(end - 1)).entries, 40);
    (0..8).for_each(|_| _ = guard.pressure(at(end)));
    assert_eq!(guard.pressure(at(end)).entries, 0);
    for challenge in &spent {
        let again = now(guard.count(&attempt(challenge, By::Code, START), Verdict::sealed(true)));
        assert_eq!(again, Err(AttemptRefused::Expired), "ten minutes back, and still no replay");
    }
    let fresh = issuer.issue(&mail("ann"), Use::CODE, SHORT, START + 1, LIFETIME);
    assert!(guess(&guard, &fresh, true).is_ok(), "what ends later was never forgotten");
}

#[test]
fn a_table_that_was_full_takes_new_challenges_when_the_old_have_ended() {
    let guard = guard(Limits { capacity: 4096, ..limits() });
    let mut issuer = Issuer::new(guard.id());
    fill(&guard, &mut issuer);
    let later = START + LIFETIME;
    for name in 0..1000 {
        let challenge = issuer.issue(&mail(name), Use::CODE, SHORT, later, LIFETIME);
        now(guard.count(&attempt(&challenge, By::Code, later), Verdict::sealed(false))).expect("each count makes room");
    }
}

#[test]
fn a_flood_that_is_over_holds_nobody_up_for_long() {
    let guard = guard(Limits { capacity: 100_000, ..limits() });
    let mut issuer = Issuer::new(guard.id());
    (0..60_000).for_each(|name| _ = guess(&guard, &issuer.code(&mail(name)), false).unwrap());
    let later = START + LIFETIME;
    let refused = (0..1_000).take_while(|name| now(guard.admit(&request(&mail(name), later))).is_err()).count();
    assert!((1..200).contains(&refused), "{refused} were sent a puzzle by what had ended");
}

#[test]
fn another_guards_challenges_count_nothing() {
    let (here, elsewhere) = (guard(limits()), Issuer::new(&"node.other".parse_id()));
    let mut elsewhere = elsewhere;
    let challenge = elsewhere.code(&mail("ann"));
    for by in [By::Code, By::Link, By::External] {
        let attempt = attempt(&challenge, by, START);
        assert_eq!(now(here.peek(&attempt)).map(drop), Err(AttemptRefused::Misdirected));
        assert_eq!(now(here.count(&attempt, Verdict::sealed(true))), Err(AttemptRefused::Misdirected));
        now(here.give_back(&attempt));
    }
    assert_eq!(entries(&here), 0);
}

trait ParseId {
    fn parse_id(&self) -> countersign::challenge::GuardId;
}

impl ParseId for &str {
    fn parse_id(&self) -> countersign::challenge::GuardId {
        countersign::challenge::GuardId::new(*self).unwrap()
    }
}

/// Two thousand request-and-wrong-guess pairs a second, for a quarter of an hour, by strangers with a network each.
#[test]
fn a_flood_of_hostile_pairs_does_not_close_the_service() {
    const RATE: u64 = 2_000;
    // A twentieth of the rate over a twentieth of the default capacity: the same shape in a twentieth of the time.
    const SCALE: u64 = 20;
    let guard = guard(Limits { capacity: 50_000, max_messages_per_hour: 10, throttle_seconds: 60, ..limits() });
    let mut issuer = Issuer::new(guard.id());
    let (ann, bob) = (mail("ann"), mail("bob"));
    let mut hoard = Vec::new();
    let (mut number, mut fullest) = (0, 0);
    for second in START..START + 900 {
        for _ in 0..RATE / SCALE {
            number += 1;
            let throwaway = mail(number);
            let request = Request { network: network(number), ..request(&throwaway, second) };
            if now(guard.admit(&request)).is_ok() {
                let challenge = issuer.issue(&throwaway, Use::CODE, SHORT, second, LIFETIME);
                // Half of them are kept, to be used all at once.
                if number % 2 == 0 {
                    hoard.push(challenge);
                } else {
                    let _ = now(guard.count(&attempt(&challenge, By::Code, second), Verdict::sealed(false)));
                }
            }
        }
        if second % 300 == 299 {
            for challenge in hoard.drain(..) {
                let _ = now(guard.count(&attempt(&challenge, By::Code, second), Verdict::sealed(false)));
            }
        }
        fullest = fullest.max(entries(&guard));
        if second % 100 != 50 {
            continue;
        }
        // Ann has a browser that is known; Bob solves a puzzle where he is asked to.
        let known = Request { is_known: true, ..request(&ann, second) };
        now(guard.admit(&known)).expect("a known device gets a code");
        let challenge = issuer.issue(&ann, Use::CODE, SHORT, second, LIFETIME);
        let login = Attempt { bucket: Bucket::Known, ..attempt(&challenge, By::Code, second) };
        now(guard.count(&login, Verdict::sealed(true))).expect("a known device logs in");

        let mut stranger = Request { network: network(u32::MAX), ..request(&bob, second) };
        if let Err(refused) = now(guard.admit(&stranger)) {
            assert!(matches!(refused, RequestRefused::Throttled { puzzle: Some(_), .. }), "{refused:?}");
            stranger.proof = Some(Proof { expires_at: at(second + 60), ..proof(u32::try_from(second - START).unwrap()) });
            now(guard.admit(&stranger)).expect("whoever solves a puzzle gets a code");
        }
        let challenge = issuer.issue(&bob, Use::CODE, SHORT, second, LIFETIME);
        now(guard.count(&attempt(&challenge, By::Code, second), Verdict::sealed(true))).expect("and logs in");
    }
    assert!((25_001..=37_500 + 18).contains(&fullest), "the flood filled what strangers may fill: {fullest}");
}
