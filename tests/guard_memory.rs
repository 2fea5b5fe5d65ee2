//! What a million live entries cost. A process of its own, because it reads its size.

use std::{
    fs,
    pin::pin,
    task::{Context, Poll, Waker},
    thread,
};

use countersign::{
    challenge::{Alphabet, Challenge, ChallengeId, Challenges, CodeFormat, GuardId, Use},
    guard::{Attempt, Bucket, By, Counted, Guard, Limits, MemoryGuard, Verdict},
    keyring::{EnvelopeFormat, Keyring},
    recipient::{Channel, Recipient},
    time::UnixTime,
};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use crate::alone::alone;

const ENTRIES: u32 = 1_000_000;
const THREADS: u32 = 4;
const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);

/// Resident bytes that belong to no file.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

fn redeem(guard: &MemoryGuard, challenges: &Challenges, ann: &Recipient, number: u32) {
    let mut id = [0; 16];
    id[..4].copy_from_slice(&number.to_be_bytes());
    let challenge = Challenge {
        id: ChallengeId::from_random(id),
        issued_at: NOW,
        expires_at: NOW.plus(600),
        usage: Use::CODE,
        channel: Channel::Email,
        format: CodeFormat::new(Alphabet::Numeric, 6),
        guard: guard.id().clone(),
        binding: None,
    };
    let challenge = challenges.seal(challenge, ann.clone());
    let attempt = Attempt { bucket: Bucket::Known, ..Attempt::new(&challenge, By::Code, NOW) };
    let answer = pin!(guard.count(&attempt, Verdict::sealed(true))).poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!(answer, Poll::Ready(Ok(Counted::Accepted { use_number: 1 })));
}

#[test]
fn a_million_live_entries_take_at_most_24_bytes_each_and_an_empty_guard_next_to_nothing() {
    alone("guard_memory::a_million_live_entries_take_at_most_24_bytes_each_and_an_empty_guard_next_to_nothing", measure);
}

fn measure() {
    let keyring = Keyring::new([vec![7; 32]]).unwrap();
    let challenges = Challenges::new(&keyring, "https://login.example", EnvelopeFormat::EdDsa);
    let ann = Recipient::parse_email("ann@example.com").unwrap();
    let mut random = ChaCha8Rng::from_seed([5; 32]);
    let before = resident();
    let guard =
        MemoryGuard::new(GuardId::fresh(None, &mut random), Limits { capacity: ENTRIES, ..Limits::default() }, &mut random);
    let empty = resident();
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (guard, challenges, ann) = (&guard, &challenges, &ann);
            let numbers = ENTRIES / THREADS * thread..ENTRIES / THREADS * (thread + 1);
            scope.spawn(move || numbers.for_each(|number| redeem(guard, challenges, ann, number)));
        }
    });
    let full = resident();
    let pressure = guard.pressure(NOW);
    assert_eq!((pressure.entries, pressure.capacity), (ENTRIES, ENTRIES));
    let each = (full - before) / u64::from(ENTRIES);
    println!("{} KiB empty; {each} bytes for each of a million", (empty - before) / 1024);
    assert!(full - before <= 24 * u64::from(ENTRIES), "{} bytes for {ENTRIES} entries", full - before);
    assert!(empty - before < 512 * 1024, "{} bytes empty", empty - before);
}
