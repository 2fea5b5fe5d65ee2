//! Every interleaving of threads that the guard's ledger can meet, tried by loom: the ledger's own files, with loom's
//! locks and atomics in the place of the standard library's.
#![allow(dead_code, unreachable_pub, clippy::pedantic, reason = "files of the library; a part of them is used")]

#[path = "../src/guard/ledger.rs"]
mod ledger;
#[path = "../src/guard/sketch.rs"]
mod sketch;
#[path = "../src/guard/spent.rs"]
mod spent;

mod sync {
    pub(super) use std::sync::PoisonError;

    pub(super) use loom::sync::{
        Mutex, MutexGuard,
        atomic::{AtomicU32, Ordering},
    };
}

use ledger::{Case, Ledger, NoLog, Outcome, Refusal, Rules, Tally, What};
use loom::{sync::Arc, thread};

const RULES: Rules = Rules { max_attempts: 5, max_uses: 1, wrong_code_spends: false, capacity: 8 };
/// Fingerprints whose shards differ, where there are two.
const ONE: u64 = 1;
const OTHER: u64 = 1 << 48 | 2;
/// One recipient's bucket.
const ANN: u64 = 7;

fn case(fingerprint: u64, what: What, ceiling: u32) -> Case {
    let tally = Some(Tally { key: ANN, mark: 0, ceiling });
    Case { fingerprint, expires_at: 1_000, now: 10, what, tally, is_trusted: true }
}

/// Runs `acts`, each in a thread, in every order of their steps, and lets `judge` see the answers.
fn every_order<T: 'static>(
    rules: Rules,
    acts: &'static [fn(&Ledger<NoLog>) -> T],
    judge: impl Fn(&Ledger<NoLog>, Vec<T>) + Sync + Send + 'static,
) {
    let mut model = loom::model::Builder::new();
    // Three threads need a bound to end in time: with two preemptions nearly all bugs show.
    model.preemption_bound = (acts.len() > 2).then_some(2);
    model.check(move || {
        let ledger = Arc::new(Ledger::with_shards(rules, 2, NoLog));
        let threads = acts[1..].iter().map(|act| {
            let ledger = Arc::clone(&ledger);
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
        assert_eq!(number(&answers, |outcome| *outcome == Outcome::Accepted), 1);
        assert_eq!(answers.iter().filter(|answer| **answer == Err(Refusal::Spent)).count(), 2);
        assert_eq!((ledger.entries(), ledger.comparisons(ANN, 10)), (1, 0));
    });
}

#[test]
fn one_attempt_is_opened_once() {
    let wrong: fn(&Ledger<NoLog>) -> Answer = |ledger| ledger.count(&case(ONE, What::Code, 10), false);
    every_order(Rules { max_attempts: 1, ..RULES }, Vec::leak(vec![wrong, wrong, wrong]), |ledger, answers| {
        assert_eq!(number(&answers, |outcome| matches!(outcome, Outcome::Rejected { attempts_left: 0 })), 1);
        assert_eq!(ledger.comparisons(ANN, 10), 1, "what is refused is not counted");
    });
}

#[test]
fn two_challenges_of_one_recipient_share_its_comparisons() {
    let one: fn(&Ledger<NoLog>) -> Answer = |ledger| ledger.count(&case(ONE, What::Code, 1), false);
    let other: fn(&Ledger<NoLog>) -> Answer = |ledger| ledger.count(&case(OTHER, What::Code, 1), false);
    every_order(RULES, Vec::leak(vec![one, other]), |ledger, answers| {
        assert_eq!(number(&answers, |_| true), 1);
        assert_eq!((ledger.entries(), ledger.comparisons(ANN, 10)), (1, 1));
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
        ledger.accept(&case)
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
        assert_eq!(ledger.comparisons(ANN, 10), 1);
        assert_eq!(ledger.count(&case(ONE, What::External, 10), false), Ok(Outcome::Rejected { attempts_left: 3 }));
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
