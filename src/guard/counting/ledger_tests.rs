//! The ledger's own promises; not beside the code, whose file is compiled a second time to try its interleavings.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use super::{
    budget::Allowance,
    change::{Change, Log, NoLog, Unwritten},
    ledger::{Case, Ledger, Outcome, Refusal, Rules, What},
    record::{FINGERPRINT_BITS, Tally},
};

const TEN: Allowance = Allowance { known: 0, strangers: 10, all: 10 };

fn rules(capacity: u32) -> Rules {
    Rules { max_attempts: 5, max_uses: 1, wrong_code_spends: false, capacity }
}

/// A right code of the challenge of that number.
fn redeem<L: Log>(ledger: &Ledger<L>, number: u32) -> Result<Outcome, Refusal> {
    let tally = Some(Tally { key: spread(number), is_known: false, allowance: TEN });
    let fingerprint = spread(number) >> (64 - FINGERPRINT_BITS);
    let case = Case { fingerprint, expires_at: 1_000, now: 1, what: What::Code, tally, is_trusted: true };
    ledger.count(&case, true)
}

fn spread(number: u32) -> u64 {
    u64::from(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32).wrapping_mul(0xd6e8_feb8_6659_fd93)
}

#[test]
fn an_entry_costs_at_most_24_bytes() {
    for capacity in [64, 100, 1_000, 4_096, 65_536] {
        let ledger = Ledger::new(rules(capacity), NoLog);
        assert!(ledger.table_bytes() <= capacity as usize * 24, "{capacity}: {}", ledger.table_bytes());
        (0..capacity).for_each(|number| assert_eq!(redeem(&ledger, number), Ok(Outcome::Accepted { use_number: 1 })));
        assert_eq!((ledger.entries(), redeem(&ledger, capacity)), (capacity as usize, Err(Refusal::Full)));
        assert!((0..capacity).step_by(97).all(|number| redeem(&ledger, number) == Err(Refusal::Spent)));
    }
}

/// Takes as many changes as it was given.
#[derive(Debug)]
struct Disk(Arc<AtomicU32>);

impl Log for Disk {
    fn append(&self, _: &Change, _: u32) -> Result<(), Unwritten> {
        let take = |left: u32| left.checked_sub(1);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).map(|_| ()).map_err(|_| Unwritten)
    }
}

#[test]
fn what_the_log_does_not_take_does_not_happen() {
    let left = Arc::new(AtomicU32::new(2));
    let ledger = Ledger::new(rules(64), Disk(Arc::clone(&left)));
    let tally = Some(Tally { key: 7, is_known: false, allowance: TEN });
    let case = Case { fingerprint: 1, expires_at: 1_000, now: 1, what: What::Code, tally, is_trusted: false };
    for attempts_left in [4, 3] {
        assert_eq!(ledger.count(&case, false), Ok(Outcome::Rejected { attempts_left }));
    }
    assert_eq!(ledger.count(&case, false), Err(Refusal::Full));
    assert_eq!(ledger.count(&case, true), Err(Refusal::Full));
    assert_eq!(redeem(&ledger, 9), Err(Refusal::Full));
    assert_eq!((ledger.entries(), ledger.comparisons(7, 1).all()), (1, 2));
    left.store(1, Ordering::Relaxed);
    assert_eq!(ledger.count(&case, false), Ok(Outcome::Rejected { attempts_left: 2 }), "nothing was counted in between");
}
