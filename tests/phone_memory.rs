//! Hostile numbers of every calling code: what they cost in memory. A process of its own, because it reads its size.

use std::{fs, thread};

use countersign::recipient::phone::{PhoneRules, warm};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

use crate::alone::alone;

/// Resident MiB, without what the program's file takes.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

/// Numbers that begin like one of each calling code, with and without a national prefix, up to the largest length.
fn attack(rules: &PhoneRules, seed: u64) -> usize {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut accepted = 0;
    for code in 1..1000 {
        for length in 4..=14 {
            for prefix in ["", "(0)", "8", "1"] {
                let mut number = format!("+{code} {prefix}");
                for _ in 0..length {
                    number.push(char::from(b'0' + u8::try_from(random.next_u32() % 10).unwrap()));
                }
                accepted += usize::from(rules.parse(&number).is_ok());
            }
        }
    }
    accepted
}

#[test]
fn hostile_numbers_of_every_calling_code_stay_within_100_mib() {
    alone("phone_memory::hostile_numbers_of_every_calling_code_stay_within_100_mib", measure);
}

fn measure() {
    let before = resident();
    warm();
    let warmed = resident();
    let rules = [PhoneRules::default(), PhoneRules::new("", &["US", "GB", "RU", "IT", "AU", "NO", "FI", "MA"], &[]).unwrap()];
    let accepted: usize = thread::scope(|scope| {
        let attackers: Vec<_> = (0..4).map(|at| (&rules[at % 2], at as u64)).collect();
        let attackers: Vec<_> = attackers.into_iter().map(|(rules, seed)| scope.spawn(move || attack(rules, seed))).collect();
        attackers.into_iter().map(|attacker| attacker.join().unwrap()).sum()
    });
    let after = resident();
    println!("{before} MiB before, {warmed} MiB warmed, {after} MiB after; {accepted} numbers were accepted");
    assert!(accepted > 1000);
    assert!(after - before <= 100, "{before} MiB before, {warmed} MiB warmed, {after} MiB after");
}
