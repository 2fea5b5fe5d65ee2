//! What a message costs, as ratios within one run to S, one Ed25519 signature of the backend: handing it over, which is all that
//! a request does, and what the delivery worker does after that.
//!
//! `cargo bench --bench messages` prints the fastest of many rounds in which all take turns, so that a busy machine disturbs all
//! alike. The targets are 30 µs for each part where S is 6.3 µs, and a tenth of a request, which takes 3.2 S
//! (docs/performance.md).
#![allow(clippy::disallowed_methods, reason = "it measures time")]
#![allow(clippy::cast_precision_loss, reason = "figures for people")]

use std::{
    future::pending,
    hint::black_box,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    thread,
    time::Instant,
};

use countersign::{
    browser::agent::Agent,
    challenge::{Alphabet, Challenge, ChallengeId, CodeFormat, GuardId, Use},
    crypto::Secret,
    delivery::{
        Carrier, Composer, Dispatch, Fate, Languages, Message, Outbox, Outgoing, Queue, QueueSettings, SendError, Sender,
        Sending, Site, SlotRequest, Tag, Templates, carriers::file::EmailFiles,
    },
    directory::Found,
    keyring::{EnvelopeFormat, Keyring, SigningKey},
    keys::Keys,
    recipient::{Channel, Recipient},
    time::UnixTime,
    token::SessionsConfig,
};
use hyper::body::Bytes;

const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);
const ISSUER: &str = "https://login.example.com";

/// 30 µs where S is 6.3 µs.
const PART: f64 = 4.76;
/// A tenth of a request.
const TENTH_OF_A_REQUEST: f64 = 0.32;

/// One function under measurement.
struct Subject {
    name: &'static str,
    /// In multiples of S.
    limit: Option<f64>,
    /// How often it is called in one round.
    calls: u32,
    run: Box<dyn FnMut()>,
}

/// Takes everything and keeps nothing.
#[derive(Debug)]
struct Nowhere;

impl Carrier for Nowhere {
    fn name(&self) -> &'static str {
        "nowhere"
    }

    fn format(&self, message: &Message, at: UnixTime) -> Result<Outgoing, SendError> {
        Ok(Outgoing { id: message.id.clone(), written_at: at, to: message.to.clone(), body: Bytes::new() })
    }

    fn send<'a>(&'a self, _: &'a Outgoing) -> Sending<'a> {
        Box::pin(async { Ok(()) })
    }
}

fn dispatch() -> Dispatch {
    let keyring = Keyring::new([vec![1; 32]]).expect("one secret of 32 bytes");
    let keys = Keys::new(&keyring, &SessionsConfig::new(ISSUER), EnvelopeFormat::EdDsa).expect("a right configuration");
    let recipient = Recipient::parse_email("ann@example.com").expect("an address");
    let challenge = Challenge {
        id: ChallengeId::from_random([1; 16]),
        issued_at: NOW,
        expires_at: NOW.plus(600),
        usage: Use::CODE,
        channel: Channel::Email,
        format: CodeFormat::new(Alphabet::Numeric, 6),
        guard: GuardId::new("node-1.0011223344556677").expect("a guard id"),
        binding: None,
    };
    let challenge = keys.challenges.seal(challenge, recipient);
    Dispatch {
        challenge,
        found: Found::nobody(),
        fate: Fate::Send,
        languages: Languages::default(),
        agent: Agent::default(),
        keys: Arc::new(keys),
    }
}

fn composer() -> Composer {
    let site = Site {
        name: "example.com".into(),
        host: "login.example.com".into(),
        is_https: true,
        link_url: "https://login.example.com/passwordless/link#{token}".into(),
        default_locale: Tag::ENGLISH,
        code_in_subject: false,
        browser_link: None,
    };
    Composer::new(site, Templates::built_in().into())
}

/// Starts a queue whose worker has a thread of its own.
fn queue() -> Queue {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let handle = runtime.handle().clone();
    thread::spawn(move || runtime.block_on(pending::<()>()));
    let mut settings = QueueSettings::new(composer(), Arc::new(|| NOW));
    settings.length = 10_000_000;
    settings.email = vec![Box::new(Nowhere)];
    Queue::start(settings, &handle)
}

fn subjects() -> Vec<Subject> {
    let key = SigningKey::ed25519(&Secret::new([1; 32]));
    let signed = vec![7; 500];
    let (dispatch, composer, queue) = (dispatch(), composer(), queue());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let files = EmailFiles::open(folder.path(), Sender::parse("Example <noreply@example.com>").expect("a mailbox"));
    let files = files.expect("the folder can be made");
    let message = composer.compose(&dispatch, NOW, &mut rand::rng()).expect("the built-in templates");
    assert!(message.html.contains(message.code.as_str()) && message.link.contains("#v4.local."));
    let asking = SlotRequest { channel: Channel::Email, network: None, is_vouched: true };
    let (to_hand_over, to_link, to_write) = (dispatch.clone(), dispatch.clone(), dispatch);
    // Made beforehand, as a request has it from the engine.
    let mut ready: Vec<Dispatch> = Vec::new();
    vec![
        Subject { name: "S", limit: None, calls: 20, run: Box::new(move || drop(black_box(key.sign(black_box(&signed))))) },
        Subject {
            name: "hand a message over",
            limit: Some(TENTH_OF_A_REQUEST),
            calls: 20,
            run: Box::new(move || {
                if ready.is_empty() {
                    ready.extend((0..20).map(|_| to_hand_over.clone()));
                }
                let slot = queue.reserve(&asking).expect("room for ten million");
                let sending = queue.send(slot, ready.pop().expect("it was filled"));
                let sent = pin!(sending).poll(&mut Context::from_waker(Waker::noop()));
                assert_eq!(sent, Poll::Ready(Ok(())));
            }),
        },
        Subject { name: "seal a link", limit: Some(PART), calls: 20, run: Box::new(move || drop(black_box(to_link.link()))) },
        Subject {
            name: "write: code, link, three texts",
            limit: Some(2.0 * PART),
            calls: 20,
            run: Box::new(move || drop(black_box(composer.compose(black_box(&to_write), NOW, &mut rand::rng())))),
        },
        Subject {
            name: "build the mail",
            limit: Some(PART),
            calls: 20,
            run: Box::new(move || drop(black_box((files.format(black_box(&message), NOW), &folder)))),
        },
    ]
}

fn main() {
    const ROUNDS: usize = 1_000;
    let mut subjects = subjects();
    let measures = std::env::args().any(|argument| argument == "--bench");
    let rounds = if measures { ROUNDS } else { 1 };
    let mut fastest = vec![f64::INFINITY; subjects.len()];
    for _ in 0..rounds {
        for (subject, fastest) in subjects.iter_mut().zip(&mut fastest) {
            let begun = Instant::now();
            (0..subject.calls).for_each(|_| (subject.run)());
            *fastest = fastest.min(begun.elapsed().as_secs_f64() / f64::from(subject.calls));
        }
    }
    // `cargo test --benches` only checks that everything runs.
    if !measures {
        return;
    }
    println!("{:<32} {:>9}   ratio   limit", "", "ns");
    for (subject, seconds) in subjects.iter().zip(&fastest) {
        let (nanoseconds, ratio) = (1e9 * seconds, seconds / fastest[0]);
        match subject.limit {
            None => println!("{:<32} {nanoseconds:>9.0}", subject.name),
            Some(limit) => {
                let verdict = if ratio <= limit { "" } else { "  missed" };
                println!("{:<32} {nanoseconds:>9.0} {ratio:>6.2} S  {limit:.2} S{verdict}", subject.name);
            }
        }
    }
}
