//! What a guard adds to a redemption: looking before, counting after, of challenges that were never seen, while old ones
//! leave at the same rate. And what it costs to see that a session wasn't ended. As ratios within one run: M = one cloned HMAC-SHA-256 of 128 bytes.
//!
//! `cargo bench --bench guard` prints criterion's figures, then the ratios, each from the fastest of many rounds by turns;
//! then how two threads share one guard.
#![allow(clippy::disallowed_methods, reason = "it measures time")]
#![allow(clippy::cast_precision_loss, reason = "figures for people")]

use std::{
    hint::black_box,
    path::Path,
    pin::pin,
    sync::{Arc, Barrier},
    task::{Context, Poll, Waker},
    thread,
    time::{Duration, Instant},
};

use countersign::{
    challenge::{Alphabet, Challenge, ChallengeId, Challenges, CodeFormat, GuardId, Use, VerifiedChallenge},
    crypto::{MacKey, Secret},
    ended::{EndedSessions, Ending, MemoryEnded, SessionFacts, Terms},
    guard::{
        AnyGuard, Attempt, Bucket, By, Counted, Guard, Limits, Looked, MemoryGuard, Verdict,
        journal::{self, JournalGuard, Opening},
    },
    keyring::{EnvelopeFormat, Keyring},
    recipient::{Channel, Recipient},
    time::{UnixMillis, UnixTime},
};
use criterion::Criterion;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

const START: u64 = 1_800_000_000;
/// Redemptions of one round; the clock moves by a second after each.
const BATCH: u32 = 512;
/// Two journals of the same size cost the same however full they are.
const JOURNAL_ENTRIES: [u32; 2] = [1_000, 1_000_000];
const MEMORY_ENTRIES: [u32; 3] = [1_000, 100_000, 1_000_000];

fn challenges() -> Challenges {
    let keyring = Keyring::new([vec![1; 32]]).expect("one secret of 32 bytes");
    Challenges::new(&keyring, "https://login.example.com", EnvelopeFormat::EdDsa)
}

fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("these guards never wait"),
    }
}

/// A guard in which about as many challenges live as were asked for, and the means to redeem more.
struct Desk {
    guard: Arc<AnyGuard>,
    id: GuardId,
    challenges: Challenges,
    recipients: Vec<Recipient>,
    random: ChaCha8Rng,
    /// Seconds that a challenge lives, so that as many leave in a second as come.
    lifetime: u64,
    clock: u64,
    right: bool,
}

impl Desk {
    fn new(guard: Arc<AnyGuard>, id: GuardId, entries: u32, right: bool, seed: u8) -> Self {
        let recipient = |number| Recipient::parse_email(&format!("user{number}@example.com")).expect("an address");
        let mut desk = Self {
            guard,
            id,
            challenges: challenges(),
            recipients: (0..4096).map(recipient).collect(),
            random: ChaCha8Rng::from_seed([seed; 32]),
            lifetime: u64::from(entries.div_ceil(BATCH)),
            clock: START,
            right: false,
        };
        // Somebody failed yesterday and today, so that there are comparisons to look at.
        for clock in [START - 86_400, START] {
            desk.clock = clock;
            (0..8).for_each(|_| _ = desk.round());
        }
        desk.right = right;
        (0..desk.lifetime).for_each(|_| _ = desk.round());
        desk
    }

    fn memory(entries: u32, right: bool) -> Self {
        let mut random = ChaCha8Rng::from_seed([2; 32]);
        let id = GuardId::fresh(None, &mut random);
        let guard = MemoryGuard::new(id.clone(), limits(entries), &mut random);
        Self::new(Arc::new(AnyGuard::Memory(guard)), id, entries, right, 3)
    }

    fn journal(folder: &Path, entries: u32) -> Self {
        let path = folder.join(format!("{entries}.journal"));
        let opening = Opening { path: &path, node: None, limits: limits(entries), boot: journal::boot(), segment_bytes: None };
        let now = UnixTime::from_seconds(START);
        let guard = JournalGuard::open(&opening, now, &mut ChaCha8Rng::from_seed([2; 32])).expect("a journal");
        let id = guard.id().clone();
        Self::new(Arc::new(AnyGuard::Journal(guard)), id, entries, true, 3)
    }

    fn challenge(&mut self) -> VerifiedChallenge {
        let mut id = [0; 16];
        self.random.fill_bytes(&mut id);
        let recipient = self.recipients[self.random.next_u32() as usize % self.recipients.len()].clone();
        let challenge = Challenge {
            id: ChallengeId::from_random(id),
            issued_at: UnixTime::from_seconds(self.clock),
            expires_at: UnixTime::from_seconds(self.clock + self.lifetime),
            usage: Use::CODE,
            channel: Channel::Email,
            // Long codes: a wrong one is compared however often its recipient was guessed at.
            format: CodeFormat::new(Alphabet::Base20, 15),
            guard: self.id.clone(),
            binding: None,
        };
        self.challenges.seal(challenge, recipient)
    }

    /// Redeems a batch of new challenges.
    fn round(&mut self) -> Duration {
        let batch: Vec<_> = (0..BATCH).map(|_| self.challenge()).collect();
        let start = Instant::now();
        self.redeem(&batch);
        let elapsed = start.elapsed();
        self.clock += 1;
        elapsed
    }

    /// Looks, then counts, as an exchange does.
    fn redeem(&self, challenges: &[VerifiedChallenge]) {
        for challenge in challenges {
            let now_is = UnixTime::from_seconds(self.clock);
            let looked = Looked::default();
            let mut attempt = Attempt { challenge, by: By::Code, bucket: Bucket::Strangers, now: now_is, looked };
            attempt.looked = now(self.guard.peek(black_box(&attempt))).expect("nothing speaks against it");
            let counted = now(self.guard.count(black_box(&attempt), Verdict::sealed(self.right)));
            assert_eq!(counted.map(|counted| matches!(counted, Counted::Accepted { .. })), Ok(self.right));
        }
    }

    /// Another for the same guard.
    fn beside(&self) -> Self {
        let (guard, id, random) = (Arc::clone(&self.guard), self.id.clone(), self.random.clone());
        Self { guard, id, challenges: challenges(), recipients: self.recipients.clone(), random, ..*self }
    }
}

/// Room for what lives, and for what has ended until the sweep meets it: a guard that isn't crowded.
fn limits(entries: u32) -> Limits {
    Limits { capacity: (entries * 3).max(4_096), ..Limits::default() }
}

/// One thing under measurement: runs a batch and says how long that took.
struct Subject {
    name: String,
    /// How many M it may take.
    limit: Option<f64>,
    run: Box<dyn FnMut() -> Duration>,
}

fn mac() -> Subject {
    let key = MacKey::new(&Secret::new([1; 32]));
    let message = [7; 128];
    let run = move || {
        let start = Instant::now();
        (0..BATCH).for_each(|_| _ = black_box(key.of_message(black_box(&message))));
        start.elapsed()
    };
    Subject { name: "M".into(), limit: None, run: Box::new(run) }
}

fn subject(name: String, limit: f64, mut desk: Desk) -> Subject {
    Subject { name, limit: Some(limit), run: Box::new(move || desk.round()) }
}

/// Looking for sessions that live, among so many that were ended.
fn ended(name: String, entries: u32) -> Subject {
    let ended = MemoryEnded::new(&Terms::new("https://login.example.com", 604_800));
    let began = UnixMillis::from_millis(START * 1000);
    let id = |number: u32| format!("{number:022}");
    for number in 0..entries {
        let session = SessionFacts { id: &id(number), subject: "ann@example.com", began };
        let ending = Ending { session, ends_at: Some(UnixTime::from_seconds(START + 604_800)), everywhere: false };
        now(ended.end(&ending, began)).expect("there is room for a million");
    }
    let mut living = u32::MAX;
    let run = move || {
        let sessions: Vec<_> = (0..BATCH).map(|back| (id(living - back), format!("user{}@example.com", living - back))).collect();
        living -= BATCH;
        let start = Instant::now();
        for (id, subject) in &sessions {
            let session = SessionFacts { id, subject, began };
            assert_eq!(now(ended.has_ended(black_box(&session), UnixTime::from_seconds(START))), Ok(false));
        }
        start.elapsed()
    };
    Subject { name, limit: Some(2.0), run: Box::new(run) }
}

/// `is_real`: with as many entries as the promise says; else a few, to see that it runs.
fn subjects(folder: &Path, is_real: bool) -> Vec<Subject> {
    let few = |entries: u32| if is_real { entries } else { entries.min(2_000) };
    let mut subjects = vec![mac()];
    for entries in MEMORY_ENTRIES {
        subjects.push(subject(format!("memory, {entries} entries"), 2.0, Desk::memory(few(entries), true)));
    }
    subjects.push(subject("memory, 1000 entries, wrong".into(), 2.0, Desk::memory(1_000, false)));
    for entries in JOURNAL_ENTRIES {
        subjects.push(subject(format!("journal, {entries} entries"), 15.0, Desk::journal(folder, few(entries))));
    }
    for entries in MEMORY_ENTRIES {
        subjects.push(ended(format!("ended sessions, {entries}"), few(entries)));
    }
    subjects
}

fn ratios(subjects: &mut [Subject]) {
    const TURNS: usize = 60;
    /// Rounds of a turn: the first ones find nothing in the processor's caches.
    const ROUNDS: usize = 16;
    let mut fastest = vec![Duration::MAX; subjects.len()];
    for _ in 0..TURNS {
        for (subject, fastest) in subjects.iter_mut().zip(&mut fastest) {
            (0..ROUNDS).for_each(|_| *fastest = (subject.run)().min(*fastest));
        }
    }
    println!("\n{:<32} {:>9}   ratio   limit", "", "ns");
    for (subject, time) in subjects.iter().zip(&fastest) {
        let nanoseconds = time.as_secs_f64() * 1e9 / f64::from(BATCH);
        let ratio = time.as_secs_f64() / fastest[0].as_secs_f64();
        match subject.limit {
            None => println!("{:<32} {nanoseconds:>9.0}", subject.name),
            Some(limit) => {
                let verdict = if ratio <= limit { "" } else { "  missed" };
                println!("{:<32} {nanoseconds:>9.0} {ratio:>6.2} M  {limit:.2} M{verdict}", subject.name);
            }
        }
    }
}

/// Seconds of a processor that a redemption takes while several threads redeem on one guard: the median of some rounds.
fn shared(threads: u8) -> f64 {
    // Long enough for a clock that moves by milliseconds.
    const BATCHES: u32 = 200;
    const ROUNDS: u8 = 15;
    let first = Desk::memory(200_000, true);
    let mut desks: Vec<_> = (0..threads)
        .map(|number| Desk {
            random: ChaCha8Rng::from_seed([10 + number; 32]),
            lifetime: 2 / u64::from(threads),
            ..first.beside()
        })
        .collect();
    let mut times = Vec::new();
    for round in 0..ROUNDS {
        let barrier = Barrier::new(usize::from(threads));
        let slowest = thread::scope(|scope| {
            let started: Vec<_> = desks
                .iter_mut()
                .map(|desk| {
                    desk.clock = first.clock + first.lifetime + u64::from(round);
                    let batches: Vec<_> = (0..BATCHES * BATCH).map(|_| desk.challenge()).collect();
                    let barrier = &barrier;
                    scope.spawn(move || {
                        barrier.wait();
                        let start = processor_time();
                        desk.redeem(&batches);
                        processor_time().saturating_sub(start)
                    })
                })
                .collect();
            started.into_iter().map(|thread| thread.join().expect("no panic")).max().expect("a thread")
        });
        times.push(slowest.as_secs_f64() / f64::from(BATCHES * BATCH));
    }
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// What this thread has had of a processor: others that run on the machine take none of it away.
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    Duration::from_nanos(text.split(' ').next().and_then(|number| number.parse().ok()).expect("nanoseconds"))
}

fn main() {
    let is_real = std::env::args().any(|argument| argument == "--bench");
    // Beside the build, so that it is a disk and not a file system in memory.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let mut subjects = subjects(folder.path(), is_real);
    let mut criterion = Criterion::default().configure_from_args();
    for subject in &mut subjects {
        criterion.bench_function(&subject.name, |bencher| {
            bencher.iter_custom(|times| {
                let rounds = times.div_ceil(u64::from(BATCH));
                let all: Duration = (0..rounds).map(|_| (subject.run)()).sum();
                all.mul_f64(times as f64 / (rounds * u64::from(BATCH)) as f64)
            });
        });
    }
    criterion.final_summary();
    if is_real {
        ratios(&mut subjects);
        let (one, two) = (shared(1), shared(2));
        let times = 2.0 * one / two;
        println!(
            "\nmemory, a redemption in one thread {:.0} ns, in each of two {:.0} ns: {times:.2} times as many",
            one * 1e9,
            two * 1e9
        );
    }
}
