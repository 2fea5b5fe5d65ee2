//! Challenges, recipients and a guard to try them on.

use std::{
    path::PathBuf,
    pin::pin,
    task::{Context, Poll, Waker},
};

use countersign::{
    challenge::{Alphabet, Challenge, ChallengeId, Challenges, CodeFormat, GuardId, NodeName, Use, VerifiedChallenge},
    files::FileError,
    guard::{
        Attempt, AttemptRefused, By, Counted, Guard, Limits, MemoryGuard, Request, Verdict,
        journal::{JournalGuard, OpenError, Opening},
    },
    keyring::{EnvelopeFormat, Keyring},
    network::ClientNetwork,
    recipient::{Channel, Recipient},
    time::UnixTime,
};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

/// Noon of a day, so that tests move by hours without reaching the next.
pub(crate) const START: u64 = 20_000 * 86_400 + 43_200;
pub(crate) const LIFETIME: u64 = 600;

pub(crate) const SHORT: (&str, u8) = ("0123456789", 6);
pub(crate) const MEDIUM: (&str, u8) = ("BCDFGHJKLMNPQRSTVWXZ", 8);
pub(crate) const LONG: (&str, u8) = ("BCDFGHJKLMNPQRSTVWXZ", 15);

pub(crate) fn at(seconds: u64) -> UnixTime {
    UnixTime::from_seconds(seconds)
}

/// No guard that is tested here waits.
pub(crate) fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("nothing here waits"),
    }
}

pub(crate) fn random(seed: u8) -> ChaCha8Rng {
    ChaCha8Rng::from_seed([seed; 32])
}

pub(crate) fn guard(limits: Limits) -> MemoryGuard {
    let mut random = random(5);
    MemoryGuard::new(GuardId::fresh(None, &mut random), limits, &mut random)
}

/// Limits of which a test turns on what it is about.
pub(crate) fn limits() -> Limits {
    Limits {
        throttle_seconds: 0,
        max_messages_per_hour: 0,
        max_messages_per_network_per_hour: 0,
        sms_per_hour: 0,
        sms_per_prefix_per_hour: 0,
        capacity: 10_000,
        challenge_lifetime: LIFETIME,
        ..Limits::default()
    }
}

pub(crate) fn mail(name: impl std::fmt::Display) -> Recipient {
    Recipient::parse_email(&format!("{name}@example.com")).unwrap()
}

pub(crate) fn network(number: u32) -> ClientNetwork {
    ClientNetwork::of(std::net::Ipv4Addr::from_bits(number).into())
}

/// Makes authentic challenges.
pub(crate) struct Issuer {
    challenges: Challenges,
    random: ChaCha8Rng,
    guard: GuardId,
}

impl Issuer {
    /// Always the same challenges, in this order.
    pub(crate) fn new(guard: &GuardId) -> Self {
        Self::seeded(guard, 9)
    }

    /// Others than those of another seed.
    pub(crate) fn seeded(guard: &GuardId, seed: u8) -> Self {
        let keyring = Keyring::new([vec![7; 32]]).unwrap();
        let challenges = Challenges::new(&keyring, "https://login.example", EnvelopeFormat::EdDsa);
        Self { challenges, random: random(seed), guard: guard.clone() }
    }

    pub(crate) fn issue(
        &mut self,
        recipient: &Recipient,
        usage: Use,
        format: (&str, u8),
        issued_at: u64,
        lifetime: u64,
    ) -> VerifiedChallenge {
        let mut id = [0; 16];
        self.random.fill_bytes(&mut id);
        let challenge = Challenge {
            id: ChallengeId::from_random(id),
            issued_at: at(issued_at),
            expires_at: at(issued_at + lifetime),
            usage,
            channel: Channel::Email,
            format: CodeFormat::new(Alphabet::new(format.0).unwrap(), format.1),
            guard: self.guard.clone(),
            binding: None,
        };
        self.challenges.seal(challenge, recipient.clone())
    }

    /// A code of six digits, made at [`START`].
    pub(crate) fn code(&mut self, recipient: &Recipient) -> VerifiedChallenge {
        self.issue(recipient, Use::CODE, SHORT, START, LIFETIME)
    }
}

pub(crate) fn attempt(challenge: &VerifiedChallenge, by: By, seconds: u64) -> Attempt<'_> {
    Attempt::new(challenge, by, at(seconds))
}

/// Counts a stranger's attempt with a code at [`START`].
pub(crate) fn guess(guard: &impl Guard, challenge: &VerifiedChallenge, right: bool) -> Result<Counted, AttemptRefused> {
    now(guard.count(&attempt(challenge, By::Code, START), Verdict::sealed(right)))
}

/// A stranger's request at a moment, for a code.
pub(crate) fn request(recipient: &Recipient, seconds: u64) -> Request<'_> {
    let now = at(seconds);
    Request::new(recipient, network(1), now)
}

/// A journal in a folder of its own, and how it is opened.
pub(crate) struct TestJournal {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) limits: Limits,
    pub(crate) node: Option<&'static str>,
    pub(crate) boot: Option<[u8; 16]>,
    pub(crate) segment_bytes: Option<u64>,
}

impl TestJournal {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder, limits: limits(), node: Some("node"), boot: Some([1; 16]), segment_bytes: None }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("guard.journal")
    }

    /// All files beside it, its own too.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<_> = std::fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }

    pub(crate) fn try_open(&self, seconds: u64) -> Result<JournalGuard, OpenError> {
        let Self { limits, node, boot, segment_bytes, .. } = self;
        let (node, boot, segment_bytes) = (*node, *boot, *segment_bytes);
        let node = node.map(|node| NodeName::parse(node).unwrap());
        let opening = Opening { path: &self.path(), node: node.as_ref(), limits: limits.clone(), boot, segment_bytes };
        JournalGuard::open(&opening, at(seconds), &mut rand::rng())
    }

    /// Opens it once nobody has it: a process that another test is just starting holds a copy of every open file, and with
    /// it the lock, until it runs its own program.
    pub(crate) fn open_when_free(&self, seconds: u64) -> Result<JournalGuard, OpenError> {
        for _ in 0..1_000 {
            match self.try_open(seconds) {
                Err(OpenError::File(FileError::InUse)) => std::thread::sleep(std::time::Duration::from_millis(5)),
                opened => return opened,
            }
        }
        Err(OpenError::File(FileError::InUse))
    }

    pub(crate) fn open(&self, seconds: u64) -> JournalGuard {
        self.open_when_free(seconds).unwrap()
    }
}
