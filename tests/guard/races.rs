//! Real threads at the same moment.

use std::{
    sync::{
        Barrier,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread,
};

use countersign::{
    challenge::Use,
    guard::{Attempt, Bucket, By, Counted, Guard, Limits, Verdict},
};

use super::support::{Issuer, LIFETIME, LONG, SHORT, START, at, attempt, guard, guess, limits, mail, now, request};

const THREADS: usize = 64;

/// Calls `act` in 64 threads that start together.
fn together(act: impl Fn(usize) + Sync) {
    let barrier = Barrier::new(THREADS);
    thread::scope(|scope| {
        for number in 0..THREADS {
            let (act, barrier) = (&act, &barrier);
            scope.spawn(move || {
                barrier.wait();
                act(number);
            });
        }
    });
}

#[test]
fn sixty_four_redemptions_of_one_challenge_give_exactly_its_uses() {
    for max_uses in [1, 3] {
        for by in [By::Code, By::Link] {
            let guard = guard(Limits { max_uses, ..limits() });
            let mut issuer = Issuer::new(guard.id());
            for name in 0..20 {
                let challenge = issuer.code(&mail(name));
                let (accepted, numbers) = (AtomicU32::new(0), AtomicU32::new(0));
                together(|_| {
                    let answer = now(guard.count(&attempt(&challenge, by, START), Verdict::sealed(true)));
                    if let Ok(Counted::Accepted { use_number }) = answer {
                        accepted.fetch_add(1, Ordering::Relaxed);
                        numbers.fetch_or(1 << use_number, Ordering::Relaxed);
                    }
                });
                assert_eq!(accepted.into_inner(), max_uses);
                // Each has a number of its own, from 1: it names a session.
                assert_eq!(numbers.into_inner(), (2 << max_uses) - 2);
            }
        }
    }
}

#[test]
fn clocks_that_differ_by_seconds_redeem_once_even_at_the_end() {
    let guard = guard(limits());
    let mut issuer = Issuer::new(guard.id());
    let end = START + LIFETIME;
    let mut all = 0;
    for name in 0..50 {
        let challenge = issuer.code(&mail(name));
        let accepted = AtomicU32::new(0);
        // Some threads see it end, and forget it, while others see it live for some more seconds.
        together(|number| {
            let seconds = end - 5 + number as u64 % 10;
            _ = guard.pressure(at(seconds));
            let answer = now(guard.count(&attempt(&challenge, By::Code, seconds), Verdict::sealed(true)));
            accepted.fetch_add(u32::from(matches!(answer, Ok(Counted::Accepted { .. }))), Ordering::Relaxed);
        });
        let accepted = accepted.into_inner();
        assert!(accepted <= 1);
        all += accepted;
    }
    assert!(all > 0);
}

#[test]
fn never_more_comparisons_are_opened_than_a_challenge_has_attempts() {
    let guard = guard(Limits { max_attempts: 5, ..limits() });
    let mut issuer = Issuer::new(guard.id());
    for name in 0..20 {
        let challenge = issuer.code(&mail(name));
        let (opened, left) = (AtomicU32::new(0), AtomicU32::new(0));
        together(|_| {
            if let Ok(Counted::Rejected { attempts_left }) = guess(&guard, &challenge, false) {
                opened.fetch_add(1, Ordering::Relaxed);
                left.fetch_or(1 << attempts_left, Ordering::Relaxed);
            }
        });
        assert_eq!((opened.into_inner(), left.into_inner()), (5, 0b11111), "each number of attempts is left once");
        assert!(guess(&guard, &challenge, true).is_err());
    }
}

#[test]
fn never_more_comparisons_of_a_recipient_are_opened_than_l() {
    let guard = guard(Limits { comparisons: 30, ..limits() });
    let mut issuer = Issuer::new(guard.id());
    let victim = mail("victim");
    let challenges: Vec<_> = (0..THREADS).map(|_| issuer.code(&victim)).collect();
    let opened = AtomicU32::new(0);
    together(|number| {
        for _ in 0..5 {
            let bucket = if number % 2 == 0 { Bucket::Known } else { Bucket::Strangers };
            let attempt = Attempt { bucket, ..attempt(&challenges[number], By::Code, START) };
            let answer = now(guard.count(&attempt, Verdict::sealed(false)));
            opened.fetch_add(u32::from(answer.is_ok()), Ordering::Relaxed);
        }
    });
    assert_eq!(opened.into_inner(), 30);
}

#[test]
fn a_right_code_among_wrong_ones_wins_once_and_gives_back_only_its_own() {
    let guard = guard(Limits { max_attempts: 100, comparisons: 100, ..limits() });
    let mut issuer = Issuer::new(guard.id());
    let ann = mail("ann");
    let challenge = issuer.code(&ann);
    let accepted = AtomicU32::new(0);
    together(|number| {
        let answer = guess(&guard, &challenge, number % 2 == 0);
        accepted.fetch_add(u32::from(matches!(answer, Ok(Counted::Accepted { .. }))), Ordering::Relaxed);
    });
    assert_eq!(accepted.into_inner(), 1);
    // All 90 of strangers are still there for other challenges: those of the redeemed one were taken off, or never compared.
    let others: Vec<_> = (0..100).map(|_| issuer.code(&ann)).collect();
    assert_eq!(others.iter().filter(|other| guess(&guard, other, false).is_ok()).count(), 90);
    assert!(guess(&guard, &issuer.code(&ann), false).is_err());
}

#[test]
fn one_message_leaves_however_many_ask_at_once() {
    let guard = guard(Limits { throttle_seconds: 60, ..limits() });
    for name in 0..20 {
        let recipient = mail(name);
        let admitted = AtomicU32::new(0);
        together(|_| {
            let answer = now(guard.admit(&request(&recipient, START)));
            admitted.fetch_add(u32::from(answer.is_ok()), Ordering::Relaxed);
        });
        assert_eq!(admitted.into_inner(), 1);
    }
}

#[test]
fn the_table_is_never_fuller_than_its_capacity() {
    let guard = guard(Limits { capacity: 64, ..limits() });
    let mut issuer = Issuer::new(guard.id());
    let challenges: Vec<Vec<_>> = (0..THREADS).map(|_| (0..8).map(|name| issuer.code(&mail(name))).collect()).collect();
    let entered = AtomicU32::new(0);
    together(|number| {
        for challenge in &challenges[number] {
            let answer = now(guard.count(&attempt(challenge, By::Link, START), Verdict::sealed(true)));
            entered.fetch_add(u32::from(answer.is_ok()), Ordering::Relaxed);
        }
    });
    assert_eq!((entered.into_inner(), guard.pressure(attempt(&challenges[0][0], By::Link, START).now).entries), (48, 48));
}

/// Looking takes no lock: what it sees may be half of a change. So it never refuses by that alone.
#[test]
fn a_look_beside_changes_never_refuses_what_is_open() {
    // One shard of a few lines, in which records come, end and are moved up all the time.
    let guard = guard(Limits { capacity: 64, ..limits() });
    let mut issuer = Issuer::new(guard.id());
    let open: Vec<_> = (0..16).map(|name| issuer.issue(&mail(name), Use::CODE, SHORT, START, 1_000_000)).collect();
    assert!(open.iter().all(|challenge| matches!(guess(&guard, challenge, false), Ok(Counted::Rejected { .. }))));
    let passing: Vec<_> = (0..20_000)
        .map(|number| (number / 16, issuer.issue(&mail("passing"), Use::CODE, LONG, START + number / 16, 1)))
        .collect();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for (second, challenge) in &passing {
                _ = now(guard.count(&attempt(challenge, By::Code, START + second), Verdict::sealed(true)));
            }
            is_over.store(true, Ordering::Relaxed);
        });
        while !is_over.load(Ordering::Relaxed) {
            for challenge in &open {
                assert!(now(guard.peek(&attempt(challenge, By::Code, START))).is_ok());
            }
        }
    });
}
