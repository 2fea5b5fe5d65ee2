//! The table's own promises; not beside the code, whose file is compiled a second time to try the ledger's interleavings.

use std::collections::HashMap;

use proptest::prelude::*;

use super::{
    record::{FINGERPRINT_BITS, Record, Slot},
    spent::{LockedSpent, Place, Spent},
};

fn put(table: &mut LockedSpent<'_>, fingerprint: u64, record: Record) -> bool {
    match table.locate(fingerprint) {
        Place::Known(at) | Place::Free(at) => {
            table.write(at, record.to_slot(fingerprint));
            true
        }
        Place::Full => false,
    }
}

fn get(table: &LockedSpent<'_>, fingerprint: u64) -> Option<Record> {
    match table.locate(fingerprint) {
        Place::Known(at) => Some(table.read(at)),
        _ => None,
    }
}

#[test]
fn records_come_back_from_16_bytes() {
    assert_eq!(size_of::<Slot>(), 16);
    let full = Record { expires_at: u32::MAX, uses: u16::MAX, attempts: 127, strangers: 127, known: 255, day: 3 };
    for record in [Record::new(1), full, Record { attempts: 1, ..Record::new(7) }, Record { known: 9, ..full }] {
        assert_eq!(Record::from_slot(record.to_slot((1 << FINGERPRINT_BITS) - 1)), ((1 << FINGERPRINT_BITS) - 1, record));
        assert_eq!(Record::from_slot(record.to_slot(1)), (1, record));
    }
}

#[test]
fn an_empty_shard_knows_nothing() {
    let table = Spent::new(1 << 20);
    assert_eq!((table.glance(7), get(&table.lock(), 7)), (None, None));
}

#[test]
fn a_full_shard_takes_no_more_and_still_finds_everything() {
    let spent = Spent::new(64);
    let mut table = spent.lock();
    let taken: Vec<u64> = (1..=100).filter(|fingerprint| put(&mut table, *fingerprint, Record::new(9))).collect();
    assert_eq!(taken, (1..=63).collect::<Vec<_>>());
    assert!(taken.iter().all(|fingerprint| get(&table, *fingerprint) == Some(Record::new(9))));
    assert!(taken.iter().all(|fingerprint| spent.glance(*fingerprint) == Some(Record::new(9))));
    assert_eq!(spent.glance(64), None);
    assert_eq!(table.locate(64), Place::Full);
}

#[test]
fn what_was_forgotten_is_remembered_as_a_moment() {
    let spent = Spent::new(64);
    let mut table = spent.lock();
    for (fingerprint, end) in [(1, 100), (2, 120), (3, 140)] {
        put(&mut table, fingerprint, Record::new(end));
    }
    assert_eq!((table.sweep(120, 64), table.forgotten(), table.live()), (2, 120, 1));
    assert_eq!((get(&table, 2), get(&table, 3)), (None, Some(Record::new(140))));
}

proptest! {
    /// Against a map, with homes that collide on purpose and a sweep of a few slots at a time.
    #[test]
    fn behaves_like_a_map(steps in prop::collection::vec((0_u64..40, 1_u32..50, any::<bool>()), 1..400)) {
        let spent = Spent::new(48);
        let mut table = spent.lock();
        let mut model: HashMap<u64, Record> = HashMap::new();
        for (name, number, is_put) in steps {
            // Eight homes, some at the end of the table, so that runs wrap around.
            let fingerprint = (name + 1) << 32 | (name % 8).wrapping_mul(0x2000_0000).wrapping_add(0xf000_0000) & 0xffff_ffff;
            if is_put {
                prop_assert!(put(&mut table, fingerprint, Record::new(number)));
                model.insert(fingerprint, Record::new(number));
            } else {
                if name % 2 == 0 { table.sweep(number, 5) } else { table.sweep_near(fingerprint, number) };
                let forgotten = table.forgotten();
                model.retain(|fingerprint, record| {
                    let kept = get(&table, *fingerprint);
                    assert_eq!(kept.unwrap_or(*record), *record);
                    assert!(kept.is_some() || record.expires_at <= number && record.expires_at <= forgotten);
                    kept.is_some()
                });
            }
            prop_assert_eq!(table.live(), model.len());
            for (fingerprint, record) in &model {
                prop_assert_eq!(get(&table, *fingerprint), Some(*record));
                prop_assert_eq!(spent.glance(*fingerprint), Some(*record));
            }
        }
    }
}
