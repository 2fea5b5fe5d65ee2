//! The guard in memory and the guard in Redis answer alike: the same steps, drawn at random, are given to both. The guard in
//! memory keeps to the rules that `tests/guard/model.rs` writes down.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use countersign::{
    challenge::{GuardId, NodeName, Use, VerifiedChallenge},
    guard::{
        Admitted, Amendment, Attempt, AttemptRefused, BreakerLimits, BreakerOpened, Bucket, By, Counted, Guard, Limits,
        MemoryGuard, Request, RequestRefused, Verdict,
    },
    recipient::Recipient,
    time::UnixTime,
};
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{Rng as _, SeedableRng},
};

use super::{
    Test,
    clocks::{Faked, faked},
    server::Server,
    world::{challenge_of, connect, email, mobile, network, now, numeric, proof, random, run, settings},
};

pub(crate) const TESTS: &[Test] =
    &[Test::new("redis_and_memory_answer_alike", alike), faked("redis_and_memory_answer_alike_while_time_passes", alike_in_time)];

const SEQUENCES: u64 = 60;
const STEPS: usize = 80;

/// How often a breaker opened.
static OPENED: AtomicU32 = AtomicU32::new(0);

/// A challenge as both guards made it.
struct Pair {
    in_memory: VerifiedChallenge,
    in_redis: VerifiedChallenge,
}

/// What a guard did, as far as both must do the same: not how long to wait, which clocks and roundings make differ.
#[derive(Debug, PartialEq)]
enum Done {
    Admitted(countersign::challenge::Strength, Option<BreakerOpened>),
    Throttled { puzzle: bool },
    Tried(Result<Counted, AttemptRefused>),
    Looked(Result<(), AttemptRefused>),
    Unavailable,
    GivenBack,
}

fn alike() {
    let server = Server::plain();
    for seed in 0..SEQUENCES {
        let mut choices = Choices::new(seed);
        let limits = choices.limits();
        play(&mut choices, limits, seed, &server, now(&server), None);
    }
}

/// Redis' clock rests but where a step moves it, and the guard in memory is told the same second.
fn alike_in_time() {
    let clock = Faked::start();
    let mut start = UnixTime::from_seconds(2_000_000_000);
    for seed in 0..SEQUENCES {
        clock.clock.rest_at(start);
        let mut choices = Choices::new(seed);
        let mut limits = choices.limits();
        limits.breaker = choices.breaker();
        start = play(&mut choices, limits, seed, &clock.server, start, Some(&clock));
    }
    assert!(OPENED.load(Relaxed) > 10, "breakers opened: {OPENED:?}");
}

/// One sequence of steps; returns when it ends.
fn play(choices: &mut Choices, limits: Limits, seed: u64, server: &Server, now: UnixTime, clock: Option<&Faked>) -> UnixTime {
    let mut settings = settings(&server.url());
    settings.id = NodeName::parse(&format!("fleet{seed}")).unwrap();
    let in_redis = connect(&settings, limits.clone()).unwrap();
    let in_memory = MemoryGuard::new(GuardId::fresh(None, &mut random()), limits, &mut random());
    // One runtime for all steps of a sequence: connections belong to runtimes.
    run(sequence(choices, &in_memory, &in_redis, now, clock, seed))
}

async fn sequence(
    choices: &mut Choices,
    in_memory: &impl Guard,
    in_redis: &impl Guard,
    mut now: UnixTime,
    clock: Option<&Faked>,
    seed: u64,
) -> UnixTime {
    let [ann, bob] = ["ann", "bob"].map(email);
    // Two numbers of one prefix.
    let recipients = [ann, bob, mobile(1), mobile(2)];
    let mut pairs: Vec<Pair> = Vec::new();
    let mut asked = Vec::new();
    let mut history = Vec::new();
    for _ in 0..STEPS {
        if let Some(clock) = clock.filter(|_| choices.below(8) == 0) {
            let pass = [1, 9, 59, 60, 61, 299, 599, 600, 601, 3_600, 43_200, 86_400][choices.below(12)];
            now = now.plus(pass);
            clock.clock.rest_at(now);
            history.push(format!("{pass} s pass"));
        }
        let whose = choices.below(4);
        let recipient = &recipients[whose];
        let (step, memory, redis) = match choices.below(10) {
            0..3 => {
                let request = choices.request(recipient, whose, now);
                let (memory, redis) = (in_memory.admit(&request).await, in_redis.admit(&request).await);
                if let (Ok(memory), Ok(redis)) = (&memory, &redis) {
                    OPENED.fetch_add(u32::from(memory.opened.is_some()), Relaxed);
                    pairs.push(choices.pair(recipient, memory, redis, now));
                    asked.push((request, memory.taken, redis.taken));
                }
                (format!("admit {request:?}"), admitted(memory), admitted(redis))
            }
            3 if asked.is_empty() => continue,
            3 => {
                let (request, by_memory, by_redis) = asked.swap_remove(choices.below(asked.len()));
                in_memory.withdraw(&request, &by_memory).await;
                in_redis.withdraw(&request, &by_redis).await;
                (format!("withdraw {request:?}"), Done::GivenBack, Done::GivenBack)
            }
            _ if pairs.is_empty() => continue,
            what => {
                // Mostly one of the last ones, which still live.
                let number = pairs.len() - 1 - choices.below(pairs.len()).min(choices.below(pairs.len()));
                let pair = &pairs[number];
                let (by, bucket) = choices.attempt(&pair.in_memory);
                let memory = Attempt { bucket, ..Attempt::new(&pair.in_memory, by, now) };
                let redis = Attempt { challenge: &pair.in_redis, ..memory };
                let right = choices.below(4) == 0;
                // A result comes right after its attempt; of what has ended the two may forget at different times.
                let has_ended = pair.in_memory.is_expired(now);
                match what {
                    4 | 5 => {
                        let done = (in_memory.peek(&memory).await, in_redis.peek(&redis).await);
                        (
                            format!("peek {number} {by:?} {bucket:?}"),
                            Done::Looked(done.0.map(drop)),
                            Done::Looked(done.1.map(drop)),
                        )
                    }
                    9 if has_ended => continue,
                    9 if by == By::External => {
                        let amendment = if right { Amendment::Right } else { Amendment::Unanswered };
                        let done = (in_memory.amend(&memory, amendment).await, in_redis.amend(&redis, amendment).await);
                        (
                            format!("amend {number} {amendment:?} {bucket:?}"),
                            Done::Looked(done.0.map(drop)),
                            Done::Looked(done.1.map(drop)),
                        )
                    }
                    9 => {
                        in_memory.give_back(&memory).await;
                        in_redis.give_back(&redis).await;
                        (format!("give back {number}"), Done::GivenBack, Done::GivenBack)
                    }
                    _ => {
                        let verdict = Verdict::sealed(right && by != By::External);
                        let done = (in_memory.count(&memory, verdict).await, in_redis.count(&redis, verdict).await);
                        (format!("count {number} {by:?} {bucket:?} {right}"), Done::Tried(done.0), Done::Tried(done.1))
                    }
                }
            }
        };
        history.push(step);
        assert_eq!(redis, memory, "Redis against memory, sequence {seed}:\n{}", history.join("\n"));
    }
    now
}

fn admitted(result: Result<Admitted, RequestRefused>) -> Done {
    match result {
        Ok(admitted) => Done::Admitted(admitted.strength, admitted.opened),
        Err(RequestRefused::Throttled { puzzle, .. }) => Done::Throttled { puzzle: puzzle.is_some() },
        Err(RequestRefused::Unavailable(_)) => Done::Unavailable,
    }
}

struct Choices(ChaCha20Rng);

impl Choices {
    fn new(seed: u64) -> Self {
        Self(ChaCha20Rng::seed_from_u64(seed))
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.0.next_u32()).expect("32 bits fit") % end
    }

    fn limits(&mut self) -> Limits {
        let mut number = |from: u32, to: u32| from + u32::try_from(self.below((to - from + 1) as usize)).expect("it is small");
        Limits {
            max_attempts: number(1, 8),
            max_uses: number(1, 3),
            wrong_code_spends: number(0, 3) == 0,
            comparisons: number(5, 25),
            external_comparisons: number(2, 8),
            throttle_seconds: number(0, 1) * 600,
            max_messages_per_hour: number(0, 6),
            max_messages_per_network_per_hour: number(0, 8),
            email_per_hour: number(0, 1) * number(4, 40),
            // It goes by windows of Redis' clock, which here runs while that of the guard in memory stands still.
            breaker: BreakerLimits::default(),
            ..Limits::default()
        }
    }

    fn breaker(&mut self) -> BreakerLimits {
        let mut number = |from: u32, to: u32| from + u32::try_from(self.below((to - from + 1) as usize)).expect("it is small");
        BreakerLimits { min_sent: number(0, 3), min_conversion: number(20, 90) }
    }

    fn request<'a>(&mut self, recipient: &'a Recipient, whose: usize, now: UnixTime) -> Request<'a> {
        Request {
            recipient,
            by: if self.below(4) == 0 { By::External } else { By::Code },
            network: network(u8::try_from(self.below(3)).expect("it is small")),
            is_known: self.below(4) == 0,
            crowded: false,
            // A proof for this recipient alone, as the puzzle says.
            proof: (self.below(3) == 0).then(|| proof(u8::try_from(self.below(4) * 4 + whose).expect("it is small"), now)),
            now,
            issued_at: now,
        }
    }

    fn pair(&mut self, recipient: &Recipient, memory: &Admitted, redis: &Admitted, now: UnixTime) -> Pair {
        let usage = if self.below(4) == 0 { Use::EXTERNAL } else { Use::CODE };
        let format = numeric([6, 11, 20][self.below(3)]);
        let make = |guard: &GuardId| challenge_of(guard.clone(), recipient, now, format.clone(), usage);
        Pair { in_memory: make(&memory.guard), in_redis: make(&redis.guard) }
    }

    fn attempt(&mut self, challenge: &VerifiedChallenge) -> (By, Bucket) {
        let by = match challenge.challenge().usage {
            Use::EXTERNAL => By::External,
            Use::CODE if self.below(5) == 0 => By::Link,
            _ => By::Code,
        };
        let bucket = match self.below(6) {
            0 | 1 => Bucket::Known,
            2 if by != By::External => Bucket::Claimed,
            _ => Bucket::Strangers,
        };
        (by, bucket)
    }
}
