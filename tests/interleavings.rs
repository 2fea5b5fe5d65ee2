//! Every interleaving of two threads that the guard's ledger can meet, tried by loom, and those of three with at most two
//! preemptions: the ledger's own files, with loom's locks and atomics in the place of the standard library's, down to the
//! slots that a look reads without a lock.
#![allow(dead_code, unreachable_pub, clippy::pedantic, reason = "files of the library; a part of them is used")]

#[path = "../src/guard/counting/apart.rs"]
mod apart;
#[path = "../src/guard/budget.rs"]
mod budget;
#[path = "../src/guard/counting/change.rs"]
mod change;
#[path = "../src/guard/counting/ledger.rs"]
mod ledger;
#[path = "../src/guard/counting/record.rs"]
mod record;
#[path = "../src/guard/counting/room.rs"]
mod room;
#[path = "../src/guard/counting/sketch.rs"]
mod sketch;
#[path = "../src/guard/counting/spent.rs"]
mod spent;

mod sync {
    pub(super) use std::sync::PoisonError;

    pub(super) use loom::sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    };
}

use budget::{Allowance, Compared};
use change::NoLog;
use ledger::{Case, Ledger, Outcome, Refusal, Rules, What};
use loom::{
    sync::{Arc, Mutex},
    thread,
};
use record::Tally;
use room::{Hand, Room};

const RULES: Rules = Rules { max_attempts: 5, max_uses: 1, wrong_code_spends: false, capacity: 8 };
/// Fingerprints whose shards differ, where there are two.
const ONE: u64 = 1;
const OTHER: u64 = 1 << 48 | 2;
/// In the shard of the first, and in its line.
const BESIDE: u64 = 3;
/// One recipient.
const ANN: u64 = 7;

/// A stranger's attempt, of which the recipient stands so many.
const fn case(fingerprint: u64, what: What, most: u32) -> Case {
    let allowance = Allowance { known: 1, strangers: most, all: most + 1 };
    let tally = Some(Tally { key: ANN, is_known: false, allowance });
    Case { fingerprint, expires_at: 1_000, now: 10, what, tally, is_trusted: true }
}

/// Runs `acts`, each in a thread, in every order of their steps, and lets `judge` see the answers.
fn every_order<T: 'static>(
    rules: Rules,
    acts: &'static [fn(&Ledger<NoLog>) -> T],
    judge: impl Fn(&Ledger<NoLog>, Vec<T>) + Sync + Send + 'static,
) {
    every_order_from(rules, |_| (), acts.to_vec(), judge);
}

/// Runs `acts` in every order of their steps, after something that comes first.
fn every_order_from<T: 'static>(
    rules: Rules,
    first: impl Fn(&Ledger<NoLog>) + Sync + Send + 'static,
    acts: Vec<fn(&Ledger<NoLog>) -> T>,
    judge: impl Fn(&Ledger<NoLog>, Vec<T>) + Sync + Send + 'static,
) {
    let mut model = loom::model::Builder::new();
    // Three threads need a bound to end in time: with two preemptions nearly all bugs show.
    model.preemption_bound = (acts.len() > 2).then_some(2);
    model.max_branches = 10_000;
    model.check(move || {
        let ledger = Arc::new(Ledger::with_shards(rules, 2, NoLog));
        first(&ledger);
        let threads = acts[1..].iter().map(|act| {
            let (ledger, act) = (Arc::clone(&ledger), *act);
            thread::spawn(move || act(&ledger))
        });
        let threads: Vec<_> = threads.collect();
        let mut answers = vec![acts[0](&ledger)];
        answers.extend(threads.into_iter().map(|thread| thread.join().unwrap()));
        judge(&ledger, answers);
    });
}

type Answer = Result<Outcome, Refusal>;

fn number(answers: &[Answer], wanted: fn(&Outcome) -> bool) -> usize {
    answers.iter().filter(|answer| answer.as_ref().is_ok_and(wanted)).count()
}

#[test]
fn one_use_is_taken_once() {
    let right: fn(&Ledger<NoLog>) -> Answer = |ledger| ledger.count(&case(ONE, What::Code, 10), true);
    let link: fn(&Ledger<NoLog>) -> Answer = |ledger| ledger.count(&case(ONE, What::Link, 10), true);
    every_order(RULES, Vec::leak(vec![right, link, right]), |ledger, answers| {
        assert_eq!(number(&answers, |outcome| matches!(outcome, Outcome::Accepted { .. })), 1);
        assert_eq!(answers.iter().filter(|answer| **answer == Err(Refusal::Spent)).count(), 2);
        assert_eq!((ledger.entries(), ledger.comparisons(ANN, 10).all()), (1, 0));
    });
}

#[test]
fn one_attempt_is_opened_once() {
    let wrong: fn(&Ledger<NoLog>) -> Answer = |ledger| ledger.count(&case(ONE, What::Code, 10), false);
    every_order(Rules { max_attempts: 1, ..RULES }, Vec::leak(vec![wrong, wrong, wrong]), |ledger, answers| {
        assert_eq!(number(&answers, |outcome| matches!(outcome, Outcome::Rejected { attempts_left: 0 })), 1);
        assert_eq!(ledger.comparisons(ANN, 10).all(), 1, "what is refused is not counted");
    });
}

#[test]
fn two_challenges_of_one_recipient_share_its_comparisons() {
    let one: fn(&Ledger<NoLog>) -> Answer = |ledger| ledger.count(&case(ONE, What::Code, 1), false);
    let other: fn(&Ledger<NoLog>) -> Answer = |ledger| ledger.count(&case(OTHER, What::Code, 1), false);
    every_order(RULES, Vec::leak(vec![one, other]), |ledger, answers| {
        assert_eq!(number(&answers, |_| true), 1);
        assert_eq!((ledger.entries(), ledger.comparisons(ANN, 10).all()), (1, 1));
    });
}

/// What is kept for known devices is given once, whichever of them asks; past it they are strangers.
#[test]
fn the_share_of_known_devices_is_given_once() {
    const fn known(fingerprint: u64) -> Case {
        let stranger = case(fingerprint, What::Code, 1);
        let Some(tally) = stranger.tally else { panic!("a code is compared") };
        Case { tally: Some(Tally { is_known: true, ..tally }), ..stranger }
    }
    let one: fn(&Ledger<NoLog>) -> Answer = |ledger| ledger.count(&known(ONE), false);
    let other: fn(&Ledger<NoLog>) -> Answer = |ledger| ledger.count(&known(OTHER), false);
    let stranger: fn(&Ledger<NoLog>) -> Answer = |ledger| ledger.count(&case(BESIDE, What::Code, 1), false);
    every_order(RULES, Vec::leak(vec![one, other, stranger]), |ledger, answers| {
        assert_eq!(number(&answers, |_| true), 2);
        assert_eq!(ledger.comparisons(ANN, 10), Compared { strangers: 1, known: 1 });
    });
}

#[test]
fn the_last_entry_is_given_once_across_shards() {
    let one: fn(&Ledger<NoLog>) -> Answer = |ledger| ledger.count(&case(ONE, What::Link, 1), true);
    let other: fn(&Ledger<NoLog>) -> Answer = |ledger| ledger.count(&case(OTHER, What::Link, 1), true);
    every_order(Rules { capacity: 1, ..RULES }, Vec::leak(vec![one, other]), |ledger, answers| {
        assert_eq!(number(&answers, |_| true), 1);
        assert_eq!(ledger.entries(), 1);
    });
}

#[test]
fn two_checks_that_a_provider_accepts_take_one_use() {
    let check: fn(&Ledger<NoLog>) -> Result<(), Refusal> = |ledger| {
        let case = case(ONE, What::External, 10);
        assert!(matches!(ledger.count(&case, false), Ok(Outcome::Rejected { .. }) | Err(Refusal::Spent)));
        ledger.accept(&case).map(drop)
    };
    every_order(RULES, Vec::leak(vec![check, check]), |_, answers| {
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    });
}

#[test]
fn an_attempt_that_is_given_back_leaves_no_trace() {
    let wrong: fn(&Ledger<NoLog>) -> bool = |ledger| ledger.count(&case(ONE, What::External, 10), false).is_ok();
    let unanswered: fn(&Ledger<NoLog>) -> bool = |ledger| {
        let case = case(ONE, What::External, 10);
        assert!(ledger.count(&case, false).is_ok());
        ledger.forget(&case).is_ok()
    };
    every_order(RULES, Vec::leak(vec![wrong, unanswered]), |ledger, answers| {
        assert_eq!(answers, [true, true]);
        assert_eq!(ledger.comparisons(ANN, 10).all(), 1);
        assert_eq!(ledger.count(&case(ONE, What::External, 10), false), Ok(Outcome::Rejected { attempts_left: 3 }));
    });
}

/// A look takes no lock unless it refuses: it may see the name of a new challenge beside what was counted of the spent one
/// that had its slot.
#[test]
fn a_look_beside_a_change_refuses_nothing_that_is_open() {
    const fn later() -> Case {
        Case { now: 30, ..case(BESIDE, What::Code, 10) }
    }
    every_order_from(
        RULES,
        |ledger| {
            let ended = Case { expires_at: 20, ..case(ONE, What::Link, 10) };
            assert_eq!(ledger.count(&ended, true), Ok(Outcome::Accepted { use_number: 1 }));
        },
        vec![|ledger| ledger.peek(&later()).map(|()| Outcome::Accepted { use_number: 1 }), |ledger| {
            ledger.count(&later(), false)
        }],
        |_, answers| assert_eq!(answers, [Ok(Outcome::Accepted { use_number: 1 }), Ok(Outcome::Rejected { attempts_left: 4 })]),
    );
}

/// One entry leaves, and the one behind it moves up into its slot: wherever the look is then, it finds it or finds nothing.
#[test]
fn a_look_beside_a_sweep_never_takes_another_challenge_for_its_own() {
    every_order_from(
        RULES,
        |ledger| {
            let ended = Case { expires_at: 20, ..case(ONE, What::Link, 10) };
            assert_eq!(ledger.count(&ended, true), Ok(Outcome::Accepted { use_number: 1 }));
            assert_eq!(ledger.count(&case(BESIDE, What::Link, 10), true), Ok(Outcome::Accepted { use_number: 1 }));
        },
        vec![|ledger| ledger.peek(&Case { now: 30, ..case(BESIDE, What::Link, 10) }), |ledger| {
            ledger.housekeeping(30);
            Ok(())
        }],
        |ledger, answers| {
            // A look may err toward letting through, for a moment; counting never does.
            assert!([Ok(()), Err(Refusal::Spent)].contains(&answers[0]), "{answers:?}");
            let again = Case { now: 30, ..case(BESIDE, What::Link, 10) };
            assert_eq!((ledger.peek(&again), ledger.count(&again, true)), (Err(Refusal::Spent), Err(Refusal::Spent)));
            assert_eq!(ledger.entries(), 1);
        },
    );
}

#[test]
fn a_use_that_is_given_back_beside_an_attempt_is_taken_once() {
    every_order_from(
        RULES,
        |ledger| assert_eq!(ledger.count(&case(ONE, What::Link, 10), true), Ok(Outcome::Accepted { use_number: 1 })),
        vec![|ledger| ledger.give_back(&case(ONE, What::Link, 10)).map(|()| Outcome::Accepted { use_number: 1 }), |ledger| {
            ledger.count(&case(ONE, What::Code, 10), true)
        }],
        |ledger, answers| {
            let again = ledger.count(&case(ONE, What::Link, 10), true);
            assert_eq!(number(&answers[1..], |_| true) + usize::from(again.is_ok()), 1, "{answers:?} {again:?}");
        },
    );
}

/// Two shards fill their hands while places grow scarce and all hands are wanted back.
#[test]
fn places_in_hand_are_never_given_twice() {
    const CAPACITY: u32 = 16;

    fn enter(room: &Room, hands: &[Mutex<Hand>; 2], mine: usize) -> bool {
        if room.wants_hands_back() {
            hands.iter().for_each(|hand| room.empty(&mut hand.lock().unwrap()));
        }
        let mut hand = hands[mine].lock().unwrap();
        let has_entered = room.take(&mut hand, CAPACITY);
        room.settle(&mut hand);
        has_entered
    }

    loom::model(|| {
        let room = Arc::new(Room::new(CAPACITY, 2));
        let hands: Arc<[Mutex<Hand>; 2]> = Arc::default();
        // The next ones take handfuls for the last time.
        let before = (0..3).filter(|_| enter(&room, &hands, 0)).count();
        let other = thread::spawn({
            let (room, hands) = (Arc::clone(&room), Arc::clone(&hands));
            move || (0..2).filter(|_| enter(&room, &hands, 1)).count()
        });
        let here = (0..2).filter(|_| enter(&room, &hands, 0)).count();
        let mut entered = before + here + other.join().unwrap();
        assert_eq!(entered, 7);
        entered += (0..20).filter(|place| enter(&room, &hands, place % 2)).count();
        assert_eq!((entered, room.taken()), (16, CAPACITY), "none is given twice, and none is lost");
    });
}

#[test]
fn sweeping_beside_a_redemption_loses_no_entry() {
    let right: fn(&Ledger<NoLog>) -> bool = |ledger| ledger.count(&case(ONE, What::Link, 1), true).is_ok();
    let sweep: fn(&Ledger<NoLog>) -> bool = |ledger| {
        ledger.housekeeping(1_000);
        ledger.housekeeping(1_000);
        true
    };
    every_order(RULES, Vec::leak(vec![right, sweep]), |ledger, answers| {
        assert_eq!(answers, [true, true]);
        // Swept, it is remembered as a moment; else, as an entry: it is redeemed no more in either case.
        let again = ledger.count(&case(ONE, What::Link, 1), true);
        assert_eq!(again, Err(if ledger.entries() == 0 { Refusal::Expired } else { Refusal::Spent }));
    });
}
