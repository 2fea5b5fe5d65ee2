//! What the functions on the path of a request cost, as ratios within one run: nanoseconds don't travel, ratios do.
//!
//! M = one cloned HMAC-SHA-256 of 128 bytes, S = one Ed25519 signature of the backend over as many bytes as an access
//! token signs. `cargo bench --bench functions` prints criterion's figures, then the ratios, each from the
//! fastest of many rounds in which all functions take turns, so that a busy machine disturbs all alike. At last it makes
//! up to 10⁶ challenges, and shows that the costs stay what they are: nothing of them is kept.
#![allow(clippy::disallowed_methods, reason = "it measures time")]
#![allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "figures for people")]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use countersign::{
    challenge::{Alphabet, Challenge, ChallengeId, Challenges, CodeFormat, GuardId, UntrustedEnvelope, Use, VerifiedChallenge},
    crypto::{MacKey, Secret},
    keyring::{EnvelopeFormat, Keyring, SigningKey},
    recipient::{Channel, Recipient},
    time::UnixTime,
    token::{Amr, Login, SessionId, Sessions, SessionsConfig},
    user::User,
};
use criterion::Criterion;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use serde::Deserialize;
use serde_json::json;

const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);
const ISSUER: &str = "https://login.example.com";

/// One function under measurement.
struct Subject {
    name: &'static str,
    /// In multiples of what, and how many of it may be.
    limit: Option<(&'static str, f64)>,
    run: Box<dyn FnMut()>,
}

fn keyring() -> Keyring {
    Keyring::new([vec![1; 32]]).expect("one secret of 32 bytes")
}

fn recipient() -> Recipient {
    Recipient::parse_email("ann@example.com").expect("an address")
}

fn challenge(random: &mut ChaCha8Rng) -> Challenge {
    let mut id = [0; 16];
    random.fill_bytes(&mut id);
    Challenge {
        id: ChallengeId::from_random(id),
        issued_at: NOW,
        expires_at: NOW.plus(600),
        usage: Use::CODE,
        channel: Channel::Email,
        format: CodeFormat::new(Alphabet::Numeric, 6),
        guard: GuardId::new("node-1.0011223344556677").expect("a guard id"),
        binding: None,
    }
}

/// M.
fn mac() -> Subject {
    let key = MacKey::new(&Secret::new([1; 32]));
    let message = [7; 128];
    Subject {
        name: "M",
        limit: None,
        run: Box::new(move || {
            black_box(key.of_message(black_box(&message)));
        }),
    }
}

/// S.
fn signature() -> Subject {
    let key = SigningKey::ed25519(&Secret::new([1; 32]));
    let message = vec![7; access_and_refresh_tokens().0.rfind('.').expect("a JWT has dots")];
    Subject { name: "S", limit: None, run: Box::new(move || drop(black_box(key.sign(black_box(&message))))) }
}

/// A request's body in, the answer's body out.
fn make_challenge() -> Subject {
    #[derive(Deserialize)]
    struct Request<'a> {
        email: &'a str,
    }
    let challenges = Challenges::new(&keyring(), ISSUER, EnvelopeFormat::EdDsa);
    let mut random = ChaCha8Rng::from_seed([1; 32]);
    let body = br#"{"email": "ann@example.com"}"#;
    let mut make = move || {
        let request: Request<'_> = serde_json::from_slice(black_box(body)).expect("JSON");
        let recipient = Recipient::parse_email(request.email).expect("an address");
        let verified = challenges.seal(challenge(&mut random), recipient);
        let envelope = challenges.sign(&verified);
        let mut answer = Vec::with_capacity(envelope.len() + 160);
        answer.extend_from_slice(br#"{"detail":"A token has been sent to you","challenge":""#);
        answer.extend_from_slice(envelope.as_bytes());
        answer.extend_from_slice(br#"","expires_in":600,"resend_after":60,"code_length":6,"code_charset":"numeric"}"#);
        answer
    };
    let answer: serde_json::Value = serde_json::from_slice(&make()).expect("JSON");
    assert!(answer["challenge"].as_str().is_some_and(|envelope| envelope.split('.').count() == 3));
    Subject { name: "make a challenge", limit: Some(("S", 1.11)), run: Box::new(move || drop(black_box(make()))) }
}

fn check(challenges: &Challenges, envelope: &str, recipient: &Recipient, code: &str) -> Option<(VerifiedChallenge, bool)> {
    let verified = challenges.authenticate(UntrustedEnvelope::parse(envelope)?, recipient).ok()?;
    let right = challenges.code(&verified, "")?.matches(code, verified.challenge().format.as_ref()?.alphabet());
    Some((verified, right))
}

fn check_code(name: &'static str, right: bool) -> Subject {
    let challenges = Challenges::new(&keyring(), ISSUER, EnvelopeFormat::EdDsa);
    let verified = challenges.seal(challenge(&mut ChaCha8Rng::from_seed([1; 32])), recipient());
    let envelope = challenges.sign(&verified);
    let mut code = challenges.code(&verified, "").expect("six digits").expose().to_owned();
    if !right {
        let other = if code.ends_with('0') { "1" } else { "0" };
        code.replace_range(5.., other);
    }
    let recipient = recipient();
    assert_eq!(check(&challenges, &envelope, &recipient, &code).map(|(_, right)| right), Some(right));
    let run = move || drop(black_box(check(&challenges, black_box(&envelope), &recipient, black_box(&code))));
    Subject { name, limit: Some(("M", 3.6)), run: Box::new(run) }
}

fn sessions() -> Sessions {
    Sessions::new(&keyring(), &SessionsConfig::new(ISSUER)).expect("a right configuration")
}

fn session_id() -> SessionId {
    SessionId::new(&ChallengeId::from_random([7; 16]), 1)
}

fn user() -> User {
    serde_json::from_value(json!({"id": "ann@example.com", "is_active": true})).expect("a user")
}

fn access_and_refresh_tokens() -> (String, String) {
    let (user, recipient) = (user(), recipient());
    let login = Login::new(session_id(), &user, &recipient, Amr::OTP);
    let tokens = sessions().begin(&login, NOW, &mut ChaCha8Rng::from_seed([1; 32]));
    (tokens.access, tokens.refresh)
}

fn access_and_refresh() -> Subject {
    let (sessions, user, recipient, mut random) = (sessions(), user(), recipient(), ChaCha8Rng::from_seed([1; 32]));
    let (access, refresh) = access_and_refresh_tokens();
    assert_eq!(sessions.verify_access(&access, NOW).map(|access| access.subject() == "ann@example.com"), Ok(true));
    assert_eq!(sessions.open_refresh(&refresh, NOW).map(|refresh| refresh.session.recipient == recipient), Ok(true));
    let run = move || {
        let login = Login::new(session_id(), black_box(&user), &recipient, Amr::OTP);
        drop(black_box(sessions.begin(&login, NOW, &mut random)));
    };
    Subject { name: "access and refresh", limit: Some(("S", 1.25)), run: Box::new(run) }
}

fn subjects() -> Vec<Subject> {
    vec![
        mac(),
        signature(),
        make_challenge(),
        check_code("check envelope and right code", true),
        check_code("check envelope and wrong code", false),
        access_and_refresh(),
    ]
}

/// How long one call takes, as a mean over many.
fn time(subject: &mut Subject, calls: u32) -> f64 {
    let start = Instant::now();
    (0..calls).for_each(|_| (subject.run)());
    start.elapsed().as_secs_f64() / f64::from(calls)
}

/// Prints each function in multiples of M or S; says where a limit is missed.
fn ratios() {
    const ROUNDS: usize = 4_000;
    let mut subjects = subjects();
    let calls: Vec<u32> = subjects
        .iter_mut()
        .map(|subject| {
            let each = time(subject, 1_000);
            (Duration::from_micros(100).as_secs_f64() / each).clamp(1.0, 100_000.0) as u32
        })
        .collect();
    let rounds: Vec<Vec<f64>> =
        (0..ROUNDS).map(|_| subjects.iter_mut().zip(&calls).map(|(subject, calls)| time(subject, *calls)).collect()).collect();

    let fastest = |at: usize| rounds.iter().map(|round| round[at]).fold(f64::INFINITY, f64::min);
    println!("\n{:<32} {:>9}   ratio   limit", "", "ns");
    for (at, subject) in subjects.iter().enumerate() {
        let seconds = fastest(at);
        let nanoseconds = 1e9 * seconds;
        let Some((unit, limit)) = subject.limit else {
            println!("{:<32} {nanoseconds:>9.0}", subject.name);
            continue;
        };
        let ratio = seconds / fastest(subjects.iter().position(|other| other.name == unit).expect("the units are subjects"));
        let verdict = if ratio <= limit { "" } else { "  missed" };
        println!("{:<32} {nanoseconds:>9.0} {ratio:>6.2} {unit}  {limit:.2} {unit}{verdict}", subject.name);
    }
}

/// Prints what making costs in multiples of S, and checking in multiples of M, while ever more challenges are outstanding.
fn outstanding() {
    const ROUNDS: usize = 500;
    let mut subjects = [mac(), make_challenge(), check_code("right", true), check_code("wrong", false), signature()];
    let mut made = 0_u32;
    println!("\n{:<16} {:>10} {:>12} {:>12}", "outstanding", "make", "check right", "check wrong");
    for exponent in 3..=6 {
        while made < 10_u32.pow(exponent) {
            (subjects[1].run)();
            made += 1;
        }
        let mut best = [f64::INFINITY; 5];
        for _ in 0..ROUNDS {
            for (best, subject) in best.iter_mut().zip(&mut subjects) {
                *best = best.min(time(subject, 100));
            }
        }
        let [mac, make, right, wrong, signature] = best;
        println!("10^{exponent:<13} {:>8.2} S {:>10.2} M {:>10.2} M", make / signature, right / mac, wrong / mac);
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for mut subject in subjects() {
        criterion.bench_function(subject.name, |bencher| bencher.iter(|| (subject.run)()));
    }
    criterion.final_summary();
    // `cargo test --benches` only checks that everything runs and is right.
    if std::env::args().any(|argument| argument == "--bench") {
        ratios();
        outstanding();
    }
}
