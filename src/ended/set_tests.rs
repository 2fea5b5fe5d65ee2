//! The set against a map: any order of adding, time passing and forgetting.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::ended::{
    digests::{BUCKETS, bucket},
    entry::WHENEVER,
};

const NOW: u32 = 1_800_000_000;

/// A name whose first bits, and so its shard and bucket, are those of the number's mix.
fn name(number: u64) -> Name {
    let mut bits = u128::from(number) + 1;
    for _ in 0..3 {
        bits = bits.wrapping_mul(0x2d35_8dcc_aa6c_78a5_9e37_79b9_7f4a_7c15);
        bits ^= bits >> 59;
    }
    Name::from_bits(bits)
}

fn session(number: u64, until: u32) -> Entry {
    Entry { name: name(number), before: WHENEVER, until }
}

fn has(set: &Set, number: u64) -> bool {
    set.has_ended(name(number), UnixMillis::from_millis(0))
}

#[test]
fn a_million_take_less_than_24_mib_and_a_full_set_finds_all_it_has() {
    assert!(Set::new(1_000_000).bytes() <= 24 << 20, "{}", Set::new(1_000_000).bytes());
    let set = Set::new(100_000);
    for number in 0..100_000 {
        assert_eq!(set.put(session(number, NOW + 100), NOW), Ok(true), "{number}");
    }
    assert_eq!(set.put(session(100_000, NOW + 100), NOW), Err(Full));
    assert_eq!(set.put(session(5, NOW + 200), NOW), Ok(true), "what is known is joined");
    assert!((0..100_000).all(|number| has(&set, number)));
    assert!((100_000..200_000).all(|number| !has(&set, number)));
    // Looking for what isn't there ends soon, though five of six slots are taken.
    let steps = |number| set.read(set.shard_of(name(number))).steps(name(number));
    let mean = (100_000..110_000).map(steps).sum::<usize>() / 10_000;
    assert!(mean < 6, "{mean}");
}

/// Whoever chooses addresses can have the first bits of their names be what they like.
#[test]
fn names_that_were_chosen_fill_no_part_before_the_others() {
    let set = Set::new(9000);
    assert_eq!(set.shards.len(), 2);
    let chosen = |number| Entry { name: Name::from_bits(name(number).bits() >> 20), ..session(number, NOW + 100) };
    for number in 0..7000 {
        assert_eq!(set.put(chosen(number), NOW), Ok(true), "{number}");
    }
    assert!((0..2).all(|at| (3000..4000).contains(&set.read(at).entries().count())));
    assert!((0..7000).all(|number| set.has_ended(chosen(number).name, UnixMillis::from_millis(0))));
    let mut listed = Vec::new();
    set.push_bucket(0, NOW, &mut listed);
    assert_eq!(listed.len(), 7000);
}

#[test]
fn a_full_set_takes_more_when_something_has_ended() {
    for capacity in [64, 5000, 20_000] {
        let set = Set::new(capacity);
        for number in 0..u64::from(capacity) {
            set.put(session(number, NOW + 10 + u32::from(number == 7)), NOW).unwrap();
        }
        assert_eq!(set.put(session(u64::MAX / 2, NOW + 100), NOW), Err(Full));
        assert_eq!(set.put(session(u64::MAX / 2, NOW + 100), NOW + 10), Ok(true), "at the very second");
        assert_eq!(set.room(), Room { entries: 2, capacity });
        assert!(has(&set, 7) && !has(&set, 8));
    }
}

#[test]
fn an_entry_stays_a_minute_beyond_its_end_and_leaves_without_a_new_one() {
    let set = Set::new(100_000);
    (0..1000).for_each(|number| assert_eq!(set.put(session(number, NOW + 10), NOW), Ok(true)));
    let rounds = |now| (0..set.shards.len()).for_each(|_| set.housekeeping(now));
    rounds(NOW + 10 + STAYS - 1);
    assert_eq!(set.room().entries, 1000);
    rounds(NOW + 10 + STAYS);
    assert_eq!(set.room().entries, 0);
}

#[test]
fn what_has_ended_by_itself_a_minute_ago_is_no_news() {
    let set = Set::new(64);
    assert_eq!(set.put(session(1, NOW - STAYS), NOW), Ok(false));
    assert_eq!(set.put(session(1, NOW - STAYS + 1), NOW), Ok(true), "another node's clock may differ");
    assert_eq!(set.put(session(1, NOW + 1), NOW), Ok(true));
    assert_eq!(set.put(session(1, NOW + 1), NOW), Ok(false));
}

/// All that stays beyond a moment, by bucket.
fn all(set: &Set, after: u32) -> Vec<Entry> {
    let mut entries = Vec::new();
    (0..BUCKETS).for_each(|bucket| set.push_bucket(bucket, after, &mut entries));
    entries
}

#[test]
fn digests_are_the_same_whatever_the_order_the_capacity_and_the_time_of_sweeping() {
    let (one, other) = (Set::new(1000), Set::new(1_000_000));
    (0..900).for_each(|number| _ = one.put(session(number, NOW + 10 + u32::try_from(number % 50).unwrap()), NOW).unwrap());
    (0..900)
        .rev()
        .for_each(|number| _ = other.put(session(number, NOW + 10 + u32::try_from(number % 50).unwrap()), NOW).unwrap());
    let rounds = |set: &Set, now| (0..set.shards.len()).for_each(|_| set.housekeeping(now));
    assert_eq!(one.digests(NOW), other.digests(NOW));
    rounds(&one, NOW + 90);
    assert_eq!(one.digests(NOW + 32), other.digests(NOW + 32), "what one has swept counts at neither");
    assert_ne!(one.digests(NOW), other.digests(NOW));
    assert_eq!(all(&one, NOW + 32).len(), all(&other, NOW + 32).len());
    other.put(session(3, NOW + 1000), NOW).unwrap();
    let differ: Vec<_> = (0..BUCKETS).filter(|at| one.digests(NOW + 32)[*at] != other.digests(NOW + 32)[*at]).collect();
    assert_eq!(differ, [bucket(name(3))]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// The sums that are kept up are those of a set that has what is there, whenever and however often it is asked, forwards and back.
    #[test]
    fn digests_are_those_of_what_is_there(
        capacity in prop_oneof![Just(64_u32), Just(5000), Just(20_000)],
        steps in proptest::collection::vec((0..60_u64, 0..2000_u32, 0..200_u32, 0..4_u8), 1..60),
    ) {
        let (set, mut now) = (Set::new(capacity), NOW);
        for (number, lasts, passes, what) in steps {
            match what {
                0 => now += passes * 20,
                1 => now -= passes / 4,
                2 => now += passes,
                _ => {}
            }
            set.put(session(number, now + lasts), now).unwrap();
            if what == 3 {
                (0..passes).for_each(|_| set.housekeeping(now));
            }
            let after = now / STEP * STEP;
            let alike = Set::new(capacity);
            set.all(after).into_iter().for_each(|entry| _ = alike.put(entry, after).unwrap());
            prop_assert_eq!(set.digests(now), alike.digests(after));
            let mut listed: Vec<_> = all(&set, after).into_iter().map(Entry::to_bytes).collect();
            let mut held: Vec<_> = set.all(after).into_iter().map(Entry::to_bytes).collect();
            listed.sort_unstable();
            held.sort_unstable();
            prop_assert_eq!(listed, held);
        }
    }

}

proptest! {
    #[test]
    fn it_holds_what_a_map_holds(
        capacity in prop_oneof![Just(64_u32), Just(300), Just(9000)],
        steps in proptest::collection::vec((0..200_u64, 0..5_u32, any::<bool>(), 0..40_u32, 0..3_u32), 1..400),
    ) {
        let (set, mut map, mut now) = (Set::new(capacity), HashMap::<u64, Entry>::new(), NOW);
        for (number, before, is_session, lasts, passes) in steps {
            now += passes;
            let before = if is_session { WHENEVER } else { u64::from(before) };
            let new = Entry { name: name(number), before, until: now + lasts };
            let known = map.get(&number).copied();
            match set.put(new, now) {
                Ok(is_news) => {
                    // A map that never forgets: what the set has swept can't be alive, so that it is news is right too.
                    let joined = known.map_or(new, |known| known.joined(new));
                    prop_assert!(!is_news || known != Some(joined));
                    prop_assert!(is_news || known.is_some() || lasts == 0);
                    if lasts > 0 {
                        map.insert(number, if known.is_some_and(|known| known.until > now) { joined } else { new });
                    }
                }
                Err(Full) => prop_assert!(map.values().filter(|entry| entry.until + STAYS > now).count() >= capacity as usize),
            }
            if passes > 0 {
                set.housekeeping(now);
            }
        }
        for (number, entry) in map.iter().filter(|(_, entry)| entry.until > now) {
            for began in [0, 1, 2, 3, 4, 1000].map(UnixMillis::from_millis) {
                prop_assert!(!entry.has_ended(began) || set.has_ended(name(*number), began));
            }
        }
    }
}
