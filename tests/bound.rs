//! Attacks the real engine as somebody with any number of addresses would, and compares with what `bound` says.
//!
//! Codes have two digits here, so that guessing succeeds often enough to be measured. Nothing else is different.

mod given;

use std::{
    pin::pin,
    sync::{Arc, atomic::AtomicU32},
    task::{Context, Poll, Waker},
};

use countersign::{
    challenge::{Alphabet, Challenges, CodeFormat, GuardId, Links},
    delivery::{DeliveryFailed, Dispatch, Languages, Outbox},
    device::Devices,
    directory::NoDirectory,
    engine::{Begin, Caller, Complete, CompleteError, Engine, Presented},
    guard::{
        Ceilings, ClientNetwork, Limits, MemoryGuard, Unavailable,
        bound::{Bound, Deployment, Keeper},
    },
    keyring::EnvelopeFormat,
    policy::Policy,
    recipient::{Channel, Recipient},
    token::AccessAlgorithm,
};
use given::{ISSUER, NOW};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

/// How many people are attacked, one after the other.
const VICTIMS: u32 = 1_000;
const ATTEMPTS: u32 = 5;

struct Nowhere;

impl Outbox for Nowhere {
    type Slot = ();

    fn reserve(&self, _: Channel) -> Result<(), Unavailable> {
        Ok(())
    }

    async fn post(&self, (): (), _: Dispatch) -> Result<(), DeliveryFailed> {
        Ok(())
    }
}

type Node = Engine<MemoryGuard, NoDirectory, Nowhere>;

/// What one attacked person's day came to.
#[derive(Default)]
struct Day {
    is_taken: bool,
    comparisons: u32,
}

fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("nothing here waits"),
    }
}

/// Somebody who never calls from the same network twice.
fn caller() -> Caller<'static> {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let call = CALLS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    Caller { network: ClientNetwork::of(std::net::Ipv4Addr::from_bits(0x0a00_0000 + call).into()), device_cookie: None }
}

fn two_digits() -> CodeFormat {
    CodeFormat::new(Alphabet::Numeric, 2).unwrap()
}

fn deployment(replicas: u32, restarts_per_day: u32, target: f64) -> Deployment {
    Deployment {
        keeper: Keeper::Memory,
        replicas,
        homes: 0,
        restarts_per_day,
        channels: 1,
        code: two_digits(),
        max_attempts: ATTEMPTS,
        ceilings: Ceilings::default(),
        external_digits: None,
        target,
    }
}

/// A node that has just started, of a fleet that keeps to this bound and throttles nobody.
fn node(bound: &Bound, random: &mut ChaCha8Rng) -> Node {
    let keyring = given::keyring(&[1]);
    let limits = Limits {
        max_attempts: ATTEMPTS,
        comparisons: bound.comparisons,
        throttle_seconds: 0,
        max_messages_per_hour: 0,
        ..Limits::default()
    };
    Engine {
        policy: Policy {
            channels: vec![Channel::Email],
            code_format: two_digits(),
            challenge_lifetime: 600,
            browser_link: None,
            allows_admins: false,
            registers: false,
            registration_sets_unusable_password: true,
        },
        challenges: Arc::new(Challenges::new(&keyring, ISSUER, EnvelopeFormat::EdDsa)),
        links: Arc::new(Links::new(&keyring, ISSUER)),
        sessions: given::sessions(AccessAlgorithm::EdDsa),
        devices: Devices::new(&keyring),
        guard: MemoryGuard::new(GuardId::fresh(None, random).unwrap(), limits, random),
        directory: NoDirectory,
        outbox: Nowhere,
    }
}

/// Spellings of one address, and addresses of the attacker's own.
fn victim(number: u32, spelling: u32) -> Recipient {
    let typed = match spelling % 3 {
        0 => format!("victim{number}@example.com"),
        1 => format!("VICTIM{number}@Example.COM"),
        _ => format!(" Victim{number}@eXAMPLE.com\n"),
    };
    Recipient::parse_email(&typed).unwrap()
}

fn envelope(node: &Node, recipient: Recipient, random: &mut ChaCha8Rng) -> Option<String> {
    let begin = Begin { recipient, caller: caller(), proof: None, binding: None, languages: Languages::default() };
    let begun = now(node.begin(begin, NOW, random)).expect("nobody is throttled");
    // Long codes are not worth a guess: 20⁸ of them.
    (begun.challenge.challenge().format == two_digits()).then_some(begun.envelope)
}

fn guess(node: &Node, recipient: Recipient, envelope: &str, code: u32, random: &mut ChaCha8Rng) -> Result<(), CompleteError> {
    let code = format!("{code:02}");
    let complete = Complete { presented: Presented::Code { recipient, envelope, code: &code }, caller: caller(), verifier: None };
    now(node.complete(complete, NOW, random)).map(|_| ())
}

/// Guesses as often as the node lets somebody: many challenges outstanding at once, each under another spelling, and
/// envelopes of throwaway addresses in between.
fn attack(node: &Node, number: u32, random: &mut ChaCha8Rng) -> Day {
    let mut day = Day::default();
    let mut outstanding: Vec<String> = (0..8).filter_map(|n| envelope(node, victim(number, n), random)).collect();
    let throwaway = Recipient::parse_email(&format!("throwaway{number}@example.org")).unwrap();
    let foreign = envelope(node, throwaway, random).unwrap();
    for code in 0..20 {
        let refused = guess(node, victim(number, 0), &foreign, code, random);
        assert_eq!(refused, Err(CompleteError::InvalidCredentials { attempts_left: None }), "no guess at a victim");
    }
    while !outstanding.is_empty() {
        let mut living = Vec::new();
        for (n, challenge) in outstanding.into_iter().enumerate() {
            for code in 0..ATTEMPTS {
                match guess(node, victim(number, u32::try_from(n).unwrap()), &challenge, code, random) {
                    Ok(()) => {
                        day.is_taken = true;
                        day.comparisons += 1;
                        return day;
                    }
                    Err(CompleteError::InvalidCredentials { attempts_left: Some(_) }) => day.comparisons += 1,
                    Err(CompleteError::Exhausted) => break,
                    Err(other) => panic!("{other:?}"),
                }
            }
            living.extend(envelope(node, victim(number, 1), random));
        }
        outstanding = living;
    }
    day
}

/// The share of people who are taken over in a day when each of `lives` (nodes, and what they are after a restart) is
/// attacked as far as it goes.
fn measure(bound: &Bound, lives: usize) -> f64 {
    let random = &mut ChaCha8Rng::seed_from_u64(1);
    let nodes: Vec<Node> = (0..lives).map(|_| node(bound, random)).collect();
    let mut taken = 0;
    for number in 0..VICTIMS {
        let mut is_taken = false;
        for node in &nodes {
            let day = attack(node, number, random);
            assert!(day.comparisons <= bound.comparisons, "{} comparisons", day.comparisons);
            is_taken |= day.is_taken;
        }
        taken += u32::from(is_taken);
    }
    f64::from(taken) / f64::from(VICTIMS)
}

/// What this attack should find: `comparisons` guesses in each life, five different ones at a time.
fn expected(comparisons: u32, lives: i32) -> f64 {
    let missed = |guesses: u32| 1.0 - f64::from(guesses) / 100.0;
    let (whole, rest) = (i32::try_from(comparisons / ATTEMPTS).unwrap(), comparisons % ATTEMPTS);
    1.0 - (missed(ATTEMPTS).powi(whole) * missed(rest)).powi(lives)
}

/// Within four standard errors of what is expected, and not above what is promised by more than that.
#[track_caller]
fn agrees(bound: &Bound, lives: usize) {
    let measured = measure(bound, lives);
    let expected = expected(bound.comparisons, i32::try_from(lives).unwrap());
    let error = 4.0 * (expected * (1.0 - expected) / f64::from(VICTIMS)).sqrt();
    let promised = bound.probability;
    assert!((measured - expected).abs() <= error, "measured {measured}, expected {expected} ± {error}");
    assert!(measured <= promised + error, "measured {measured}, promised {promised}");
    assert!(expected <= promised, "expected {expected}, promised {promised}");
}

#[test]
fn one_node_without_a_restart() {
    let bound = deployment(1, 0, 0.2).bound();
    assert_eq!(bound.comparisons, 19);
    agrees(&bound, 1);
}

#[test]
fn one_node_that_restarts_once() {
    let bound = deployment(1, 1, 0.3).bound();
    assert_eq!(bound.comparisons, 14);
    agrees(&bound, 2);
}

#[test]
fn three_nodes_that_count_alone() {
    let bound = deployment(3, 0, 0.3).bound();
    assert_eq!(bound.comparisons, 9);
    agrees(&bound, 3);
}
