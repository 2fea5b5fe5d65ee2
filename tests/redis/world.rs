//! Guards, recipients, challenges and attempts for the tests.

use std::{
    future::Future,
    net::IpAddr,
    sync::{
        Arc, Barrier,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use countersign::{
    browser::puzzle::Proof,
    challenge::{Alphabet, Challenge, ChallengeId, Challenges, CodeFormat, GuardId, NodeName, Use, VerifiedChallenge},
    guard::{
        Admitted, Attempt, AttemptRefused, Bucket, By, Counted, Guard, Limits, Request, Verdict,
        redis::{RedisGuard, RedisSettings, RedisUrl, StartError},
    },
    keyring::{EnvelopeFormat, Keyring},
    network::ClientNetwork,
    recipient::{Recipient, phone::PhoneRules},
    time::UnixTime,
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

use super::server::{self, Server};

/// Seconds that a challenge of the tests lives.
pub(crate) const LIFETIME: u64 = 600;

/// Asks for the names of challenges' records: no other name ends in sixteen characters behind its recipient's tag.
pub(crate) const RECORDS: &str = "KEYS *}:????????????????";

/// What most tests want: no pauses.
pub(crate) fn limits() -> Limits {
    Limits {
        throttle_seconds: 0,
        max_messages_per_hour: 0,
        max_messages_per_network_per_hour: 0,
        challenge_lifetime: LIFETIME,
        ..Limits::default()
    }
}

/// Runs a future on a runtime of its own, as an HTTP worker does.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

/// A guard over this server, with patience for a busy machine.
pub(crate) fn guard(url: &str, limits: Limits) -> RedisGuard {
    connect(&settings(url), limits).unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn settings(url: &str) -> RedisSettings {
    let mut settings = RedisSettings::new(RedisUrl::parse(url).expect("a URL"), NodeName::parse("fleet").expect("a name"));
    settings.timeout = Duration::from_secs(10);
    settings
}

pub(crate) fn connect(settings: &RedisSettings, limits: Limits) -> Result<RedisGuard, StartError> {
    run(RedisGuard::connect(settings, limits, &mut random()))
}

/// Another generator each time.
pub(crate) fn random() -> ChaCha20Rng {
    static SEED: AtomicU64 = AtomicU64::new(1);
    ChaCha20Rng::seed_from_u64(SEED.fetch_add(1, Ordering::Relaxed))
}

/// The server's time.
pub(crate) fn now(server: &Server) -> UnixTime {
    let (seconds, _): (u64, u64) = server.ask("TIME");
    UnixTime::from_seconds(seconds)
}

pub(crate) fn email(name: &str) -> Recipient {
    Recipient::parse_email(&format!("{name}@example.com")).expect("an address")
}

/// A number; all of them have one prefix.
pub(crate) fn mobile(number: u32) -> Recipient {
    let rules = PhoneRules::new("", &[] as &[&str], &[] as &[&str]).expect("rules");
    rules.parse(&format!("+491512{number:07}")).expect("a number")
}

pub(crate) fn network(last: u8) -> ClientNetwork {
    ClientNetwork::of(IpAddr::from([192, 0, 2, last]))
}

pub(crate) fn numeric(length: u8) -> CodeFormat {
    CodeFormat::new(Alphabet::new("0123456789").expect("an alphabet"), length).expect("a format")
}

/// A request of a stranger.
pub(crate) fn request(recipient: &Recipient, now: UnixTime) -> Request<'_> {
    Request::new(recipient, network(1), now)
}

/// A solved puzzle.
pub(crate) fn proof(number: u8, now: UnixTime) -> Proof {
    // No two puzzles have one id.
    let mut id = [number; 16];
    id[..8].copy_from_slice(&now.as_seconds().to_be_bytes());
    Proof { id, expires_at: now.plus(60) }
}

pub(crate) fn admit(guard: &impl Guard, recipient: &Recipient, now: UnixTime) -> Admitted {
    run(guard.admit(&request(recipient, now))).unwrap_or_else(|refused| panic!("{refused:?}"))
}

/// A challenge of this guard, with a code of six digits.
pub(crate) fn challenge(guard: GuardId, recipient: &Recipient, now: UnixTime) -> VerifiedChallenge {
    challenge_of(guard, recipient, now, numeric(6), Use::CODE)
}

pub(crate) fn challenge_of(
    guard: GuardId,
    recipient: &Recipient,
    now: UnixTime,
    format: CodeFormat,
    usage: Use,
) -> VerifiedChallenge {
    seal(guard, recipient, [now, now.plus(LIFETIME)], format, usage)
}

/// One that ends at another time than those of the tests do.
pub(crate) fn challenge_until(
    guard: GuardId,
    recipient: &Recipient,
    now: UnixTime,
    end: UnixTime,
    format: CodeFormat,
) -> VerifiedChallenge {
    seal(guard, recipient, [now, end], format, Use::CODE)
}

fn seal(guard: GuardId, recipient: &Recipient, life: [UnixTime; 2], format: CodeFormat, usage: Use) -> VerifiedChallenge {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let keyring = Keyring::new([vec![7; 32]]).expect("a secret");
    let mut id = [0; 16];
    id[..8].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    let challenge = Challenge {
        id: ChallengeId::from_random(id),
        issued_at: life[0],
        expires_at: life[1],
        usage,
        channel: recipient.channel(),
        format: Some(format),
        guard,
        binding: None,
    };
    Challenges::new(&keyring, "https://login.example.com", EnvelopeFormat::EdDsa).seal(challenge, recipient.clone())
}

/// Asks for a message and makes its challenge.
pub(crate) fn begin(guard: &RedisGuard, recipient: &Recipient, now: UnixTime) -> VerifiedChallenge {
    challenge(admit(guard, recipient, now).guard, recipient, now)
}

/// An attempt with a code.
pub(crate) fn attempt(challenge: &VerifiedChallenge, now: UnixTime) -> Attempt<'_> {
    Attempt::new(challenge, By::Code, now)
}

pub(crate) fn from_known_device(challenge: &VerifiedChallenge, now: UnixTime) -> Attempt<'_> {
    Attempt { bucket: Bucket::Known, ..attempt(challenge, now) }
}

pub(crate) fn peek(guard: &impl Guard, challenge: &VerifiedChallenge, now: UnixTime) -> Result<(), AttemptRefused> {
    run(guard.peek(&attempt(challenge, now))).map(drop)
}

pub(crate) fn right(guard: &impl Guard, challenge: &VerifiedChallenge, now: UnixTime) -> Result<Counted, AttemptRefused> {
    run(guard.count(&attempt(challenge, now), Verdict::sealed(true)))
}

pub(crate) fn wrong(guard: &impl Guard, challenge: &VerifiedChallenge, now: UnixTime) -> Result<Counted, AttemptRefused> {
    run(guard.count(&attempt(challenge, now), Verdict::sealed(false)))
}

/// A wrong code after which so many attempts are left.
#[allow(clippy::unnecessary_wraps, reason = "it is compared with an answer")]
pub(crate) const fn left(attempts_left: u32) -> Result<Counted, AttemptRefused> {
    Ok(Counted::Rejected { attempts_left })
}

/// Lets `threads` threads, each with its runtime, go off at the same moment; thread n is given n.
pub(crate) fn race<T: Send + 'static>(threads: usize, act: impl Fn(usize) -> T + Send + Sync + 'static) -> Vec<T> {
    let (act, start) = (Arc::new(act), Arc::new(Barrier::new(threads)));
    let running: Vec<_> = (0..threads)
        .map(|number| {
            let (act, start) = (Arc::clone(&act), Arc::clone(&start));
            thread::spawn(move || {
                start.wait();
                act(number)
            })
        })
        .collect();
    running.into_iter().map(|thread| thread.join().expect("it ends")).collect()
}

/// Waits until a guard that lost its connection decides again.
pub(crate) fn until_it_decides(guard: &RedisGuard, now: UnixTime) {
    server::until("the guard decides", || run(guard.admit(&request(&email("whoever"), now))).is_ok());
}
