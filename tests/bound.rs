//! Attacks the real engine as somebody with any number of addresses would, and compares with what `bound` says.
//!
//! Codes have two digits here, so that guessing succeeds often enough to be measured. Nothing else is different. Who attacks
//! keeps every envelope and presents it wherever it might count: at the other nodes, after a restart, at a stand-in. They once
//! read the mailbox, so they have the cookies of several known devices, and use one after the other.

use std::{
    path::Path,
    pin::pin,
    sync::LazyLock,
    sync::{Arc, atomic::AtomicU32},
    task::{Context, Poll, Waker},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign::{
    browser::device::{DeviceId, Devices},
    challenge::{Alphabet, CodeFormat, GuardId, NodeName, Strength},
    delivery::{DeliveryFailed, Dispatch, NoRoom, Outbox, SlotRequest},
    directory::{Directory, Found},
    engine::{Begin, Begun, ByCode, Caller, Complete, CompleteError, Engine, Policy},
    fleet::Homes,
    guard::{
        AnyGuard, Ceilings, Limits, MemoryGuard,
        bound::{Bound, Deployment, Keeper},
        journal::{JournalGuard, Opening},
    },
    network::ClientNetwork,
    recipient::{Channel, Recipient, phone::PhoneRules},
    unavailable::Unavailable,
    user::User,
};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use crate::given::{self, ISSUER, NOW};

/// How many people are attacked: 400, or as many as `COUNTERSIGN_VICTIMS` says. What is measured may be off by four standard errors,
/// so more people find smaller faults of the bound.
static VICTIMS: LazyLock<u32> =
    LazyLock::new(|| std::env::var_os("COUNTERSIGN_VICTIMS").map_or(400, |n| n.to_str().unwrap().parse().unwrap()));
const ATTEMPTS: u32 = 5;
/// Challenges that are asked for before the first guess.
const AT_ONCE: usize = 8;

/// A directory in which everybody has an address and a number, and either opens the account.
struct Accounts;

impl Directory for Accounts {
    async fn lookup(&self, recipient: &Recipient) -> Result<Found, Unavailable> {
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        let number = match recipient.channel() {
            Channel::Email => digits(recipient.as_str()).parse().unwrap(),
            Channel::Mobile => digits(recipient.as_str()).parse::<u64>().unwrap() % 10_000,
        };
        let user = serde_json::json!({"id": format!("account {number}"), "is_active": true});
        Ok(Found::new(recipient, Some(Arc::new(serde_json::from_value(user).unwrap()))))
    }

    async fn register(&self, _: &Recipient, _: bool) -> Result<User, Unavailable> {
        Err(Unavailable::for_seconds(1))
    }
}

struct Nowhere;

impl Outbox for Nowhere {
    type Slot = ();

    fn reserve(&self, _: &SlotRequest) -> Result<(), NoRoom> {
        Ok(())
    }

    async fn send(&self, (): (), _: Dispatch) -> Result<(), DeliveryFailed> {
        Ok(())
    }
}

type Node = Engine<AnyGuard, Accounts, Nowhere>;

/// A recipient under attack, and all that was got hold of.
struct Victim {
    number: u32,
    /// Spellings of one address.
    spellings: Vec<Recipient>,
    /// Cookies of browsers that proved the recipient, for who once read the mailbox; none for a stranger.
    cookies: Vec<String>,
    held: Vec<Held>,
    is_taken: bool,
}

/// An envelope, and the first code that wasn't tried on it.
struct Held {
    envelope: String,
    guard: GuardId,
    next: u32,
}

fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("nothing here waits"),
    }
}

/// Somebody who never calls from the same network twice.
fn caller<'a>(device_cookies: &'a [&'a str]) -> Caller<'a> {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let call = CALLS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let network = ClientNetwork::of(std::net::Ipv4Addr::from_bits(0x0a00_0000 + call).into());
    Caller::new(network).with_device_cookies(device_cookies)
}

fn two_digits() -> CodeFormat {
    CodeFormat::new(Alphabet::Numeric, 2).unwrap()
}

/// One node with two-digit codes.
fn deployment(keeper: Keeper, target: f64) -> Deployment {
    Deployment {
        keeper,
        replicas: 1,
        homes: 0,
        restarts_per_day: 0,
        channels: 1,
        code: two_digits(),
        max_attempts: ATTEMPTS,
        ceilings: Ceilings::default(),
        external_digits: None,
        target,
    }
}

/// Limits of a fleet that keeps to this bound and throttles nobody.
fn limits(bound: &Bound) -> Limits {
    Limits {
        max_attempts: ATTEMPTS,
        comparisons: bound.comparisons,
        throttle_seconds: 0,
        max_messages_per_hour: 0,
        sms_per_hour: 0,
        sms_per_prefix_per_hour: 0,
        ..Limits::default()
    }
}

/// A node whose codes have this format until they grow.
fn node_with(guard: AnyGuard, code_format: CodeFormat) -> Node {
    let policy = Policy::new([Channel::Email, Channel::Mobile], code_format);
    Engine::new(policy, given::keys(&[1]), guard, Accounts, Nowhere)
}

/// A node that has just started, with an empty memory under an id of its own.
fn started(bound: &Bound, random: &mut ChaCha8Rng) -> Node {
    let id = GuardId::fresh(None, random);
    node_with(AnyGuard::Memory(MemoryGuard::new(id, limits(bound), random)), two_digits())
}

/// The same under the fleet's id.
fn started_sharing_nothing(bound: &Bound, random: &mut ChaCha8Rng) -> Node {
    let id = GuardId::shared_nothing(&NodeName::parse("fleet").unwrap());
    node_with(AnyGuard::Memory(MemoryGuard::new(id, limits(bound), random)), two_digits())
}

/// A node that opens the file of an earlier one, under the kernel of this name.
fn opened(path: &Path, boot: u8, bound: &Bound, random: &mut ChaCha8Rng) -> Node {
    let opening = Opening { path, node: None, limits: limits(bound), boot: Some([boot; 16]), segment_bytes: None };
    node_with(AnyGuard::Journal(JournalGuard::open(&opening, NOW, random).unwrap()), two_digits())
}

fn victims(channel: Channel, count: u32) -> Vec<Victim> {
    let spellings = |number| match channel {
        Channel::Email => [
            format!("victim{number}@example.com"),
            format!("VICTIM{number}@Example.COM"),
            format!(" Victim{number}@eXAMPLE.com\n"),
        ]
        .map(|typed| Recipient::parse_email(&typed).unwrap())
        .to_vec(),
        Channel::Mobile => [format!("+1202555{number:04}"), format!("tel:+1-202-555-{number:04}")]
            .map(|typed| PhoneRules::default().parse(&typed).unwrap())
            .to_vec(),
    };
    let devices = Devices::new(&given::keyring(&[1]));
    let victim = |number| {
        let spellings = spellings(number);
        let cookie = |device| devices.remember(&[], &spellings[0], "", DeviceId(device), NOW);
        Victim { number, cookies: (1..5).map(cookie).collect(), spellings, held: Vec::new(), is_taken: false }
    };
    (0..count).map(victim).collect()
}

fn begin(node: &Node, recipient: Recipient, cookie: Option<&str>, random: &mut ChaCha8Rng) -> Begun {
    let begin = Begin::new(recipient, caller(cookie.as_slice()));
    now(node.begin(begin, NOW, random)).expect("nobody is throttled")
}

/// The account that the code opens.
fn guess(
    node: &Node,
    recipient: Recipient,
    envelope: &str,
    code: &str,
    cookie: Option<&str>,
    random: &mut ChaCha8Rng,
) -> Result<String, CompleteError> {
    let complete = Complete::new(ByCode { recipient, envelope, code }, caller(cookie.as_slice()));
    let signed_in = now(node.complete(complete, NOW, random))?;
    let claims = URL_SAFE_NO_PAD.decode(signed_in.tokens().unwrap().access.split('.').nth(1).unwrap()).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    Ok(claims["sub"].as_str().unwrap().to_owned())
}

impl Victim {
    /// One cookie after the other.
    fn cookie(&self, at: usize) -> Option<&str> {
        self.cookies.get(at % self.cookies.len().max(1)).map(String::as_str)
    }

    fn spelling(&self, at: usize) -> Recipient {
        self.spellings[at % self.spellings.len()].clone()
    }

    /// Asks for a code and keeps the envelope, if its code is worth a guess: of 8 characters there are 20⁸. Says whose it is.
    fn request(&mut self, node: &Node, random: &mut ChaCha8Rng) -> GuardId {
        let Begun { envelope, challenge, .. } = begin(node, self.spelling(self.held.len()), self.cookie(self.held.len()), random);
        let challenge = challenge.challenge();
        if challenge.format == Some(two_digits()) {
            self.held.push(Held { envelope, guard: challenge.guard.clone(), next: 0 });
        }
        challenge.guard.clone()
    }

    /// Guesses as often as the node lets somebody, but at most so often: many challenges outstanding at once, each under
    /// another spelling, those of other nodes and of earlier lives too. Returns how many guesses were compared.
    fn attack(&mut self, node: &Node, most: u32, random: &mut ChaCha8Rng) -> u32 {
        let here = self.request(node, random);
        for _ in 1..AT_ONCE {
            assert_eq!(self.request(node, random), here);
        }
        let mut comparisons = 0;
        let mut at = 0;
        while at < self.held.len() && comparisons < most {
            comparisons += self.guess_at(at, node, &here, most - comparisons, random);
            if self.is_taken {
                break;
            }
            self.request(node, random);
            at += 1;
        }
        comparisons
    }

    fn guess_at(&mut self, at: usize, node: &Node, here: &GuardId, most: u32, random: &mut ChaCha8Rng) -> u32 {
        let recipient = self.spelling(at + 1);
        let cookies = self.cookies.clone();
        let held = &mut self.held[at];
        let mut comparisons = 0;
        while comparisons < most {
            let cookie = cookies.get(held.next as usize % cookies.len().max(1)).map(String::as_str);
            let result = guess(node, recipient.clone(), &held.envelope, &format!("{:02}", held.next), cookie, random);
            if held.guard != *here {
                assert_eq!(result, Err(CompleteError::Misdirected(held.guard.clone())), "it counts nowhere else");
                break;
            }
            match result {
                Ok(account) => {
                    assert_eq!(account, format!("account {}", self.number));
                    self.is_taken = true;
                    return comparisons + 1;
                }
                Err(CompleteError::InvalidCredentials { attempts_left: Some(_) }) => comparisons += 1,
                Err(CompleteError::Exhausted) => break,
                Err(other) => panic!("{other:?}"),
            }
            held.next += 1;
        }
        comparisons
    }
}

/// An envelope of an address of one's own is no guess at anybody else.
fn throwaway_envelopes_count_nothing(node: &Node, victim: &Victim, random: &mut ChaCha8Rng) {
    let throwaway = Recipient::parse_email(&format!("throwaway{}@example.org", victim.number)).unwrap();
    let foreign = begin(node, throwaway, None, random).envelope;
    for code in 0..20 {
        let refused = guess(node, victim.spelling(0), &foreign, &format!("{code:02}"), None, random);
        assert_eq!(refused, Err(CompleteError::InvalidCredentials { attempts_left: None }), "no guess at a victim");
    }
}

/// Attacks everybody who isn't taken over yet, each at the node where this person is served. Each that stays so stood exactly
/// `comparisons` guesses there.
fn attack_all<'n>(people: &mut [Victim], node: impl Fn(&Victim) -> &'n Node, comparisons: u32, random: &mut ChaCha8Rng) {
    for victim in people.iter_mut().filter(|victim| !victim.is_taken) {
        let node = node(victim);
        throwaway_envelopes_count_nothing(node, victim, random);
        let made = victim.attack(node, u32::MAX, random);
        assert!(made == comparisons || victim.is_taken && made <= comparisons, "{made} comparisons, not {comparisons}");
    }
}

/// The share of accounts that are taken over. `channels` are lists of the same people.
fn share_taken(channels: &[Vec<Victim>]) -> f64 {
    let is_taken = |number: usize| channels.iter().any(|people| people[number].is_taken);
    let taken = (0..*VICTIMS as usize).filter(|number| is_taken(*number)).count();
    f64::from(u32::try_from(taken).unwrap()) / f64::from(*VICTIMS)
}

/// What so many guesses at one code after the other find, where each challenge stands `each` different ones.
fn expected(comparisons: u32, each: u32) -> f64 {
    let missed = |guesses: u32| 1.0 - f64::from(guesses) / 100.0;
    1.0 - missed(each).powi(i32::try_from(comparisons / each).unwrap()) * missed(comparisons % each)
}

/// Within four standard errors of what is expected, and not above what is promised by more than that.
#[track_caller]
fn agrees(bound: &Bound, measured: f64, expected: f64) {
    let error = 4.0 * (expected * (1.0 - expected) / f64::from(*VICTIMS)).sqrt();
    let promised = bound.probability;
    println!("measured {measured}, expected {expected:.3} ± {error:.3}, promised {promised:.3}");
    assert!((measured - expected).abs() <= error, "measured {measured}, expected {expected} ± {error}");
    assert!(measured <= promised + error, "measured {measured}, promised {promised}");
    assert!(expected <= promised, "expected {expected}, promised {promised}");
}

/// What is missed in each of several independent lives of one count.
fn in_lives(lives: i32, comparisons: u32) -> f64 {
    1.0 - (1.0 - expected(comparisons, ATTEMPTS)).powi(lives)
}

fn random() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(1)
}

#[test]
fn one_node_without_a_restart() {
    let (random, bound) = (&mut random(), deployment(Keeper::Memory, 0.2).bound());
    assert_eq!(bound.comparisons, 19);
    let mut people = victims(Channel::Email, *VICTIMS);
    let node = started(&bound, random);
    attack_all(&mut people, |_| &node, 19, random);
    attack_all(&mut people, |_| &node, 0, random);
    agrees(&bound, share_taken(&[people]), in_lives(1, 19));
}

/// Who never read the mailbox has what is not kept for known devices.
#[test]
fn strangers_have_less_than_whoever_once_read_the_mailbox() {
    let (random, bound) = (&mut random(), deployment(Keeper::Memory, 0.2).bound());
    assert_eq!((bound.for_strangers(), bound.for_known_devices()), (15, 4));
    let node = started(&bound, random);
    let mut people = victims(Channel::Email, *VICTIMS);
    let cookies: Vec<_> = people.iter_mut().map(|victim| std::mem::take(&mut victim.cookies)).collect();
    attack_all(&mut people, |_| &node, 15, random);
    agrees(&bound, share_taken(std::slice::from_ref(&people)), in_lives(1, 15));
    // The others' cookies are worth what was kept for them, together.
    people.iter_mut().zip(cookies).for_each(|(victim, cookies)| victim.cookies = cookies);
    attack_all(&mut people, |_| &node, 4, random);
    attack_all(&mut people, |_| &node, 0, random);
    agrees(&bound, share_taken(&[people]), in_lives(1, 15 + 4));
}

#[test]
fn a_restart_forgets_the_count_and_refuses_every_earlier_envelope() {
    let (random, bound) = (&mut random(), Deployment { restarts_per_day: 1, ..deployment(Keeper::Memory, 0.3) }.bound());
    assert_eq!(bound.comparisons, 14);
    let mut people = victims(Channel::Email, *VICTIMS);
    for _ in 0..2 {
        let node = started(&bound, random);
        attack_all(&mut people, |_| &node, 14, random);
    }
    agrees(&bound, share_taken(&[people]), in_lives(2, 14));
}

#[test]
fn nodes_that_count_alone_refuse_each_others_envelopes() {
    let (random, bound) = (&mut random(), Deployment { replicas: 3, ..deployment(Keeper::Memory, 0.3) }.bound());
    assert_eq!(bound.comparisons, 9);
    let mut people = victims(Channel::Email, *VICTIMS);
    let nodes: Vec<Node> = (0..3).map(|_| started(&bound, random)).collect();
    // Twice, so that each sees the envelopes of all the others.
    for comparisons in [9, 0] {
        for node in &nodes {
            attack_all(&mut people, |_| node, comparisons, random);
        }
    }
    agrees(&bound, share_taken(&[people]), in_lives(3, 9));
}

#[test]
fn who_shares_nothing_counts_every_envelope_anew_at_each_node_and_each_start() {
    let deployment = Deployment { replicas: 2, restarts_per_day: 1, ..deployment(Keeper::SharedNothing, 0.6) };
    let (random, bound) = (&mut random(), deployment.bound());
    assert_eq!(bound.comparisons, 14);
    let mut people = victims(Channel::Email, *VICTIMS);
    for life in 0..2 {
        let nodes: Vec<Node> = (0..2).map(|_| started_sharing_nothing(&bound, random)).collect();
        let before: Vec<u32> = people.iter().map(|victim| victim.held.first().map_or(0, |held| held.next)).collect();
        for node in &nodes {
            attack_all(&mut people, |_| node, 14, random);
        }
        // The very first envelope is compared with five more codes at each of them.
        let left = people.iter().zip(before).filter(|(victim, _)| !victim.is_taken);
        left.for_each(|(victim, before)| assert_eq!(victim.held[0].next, before + 2 * ATTEMPTS, "life {life}"));
        for node in &nodes {
            attack_all(&mut people, |_| node, 0, random);
        }
    }
    agrees(&bound, share_taken(&[people]), expected(4 * 14, 4 * ATTEMPTS));
}

#[test]
fn a_journal_counts_on_after_a_restart_and_after_a_crash_of_the_machine() {
    let (random, bound) = (&mut random(), Deployment { restarts_per_day: 1, ..deployment(Keeper::Journal, 0.2) }.bound());
    assert_eq!(bound.comparisons, 19);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("guard");
    let mut people = victims(Channel::Email, *VICTIMS);
    let node = opened(&path, 1, &bound, random);
    for victim in &mut people {
        let made = victim.attack(&node, 7, random);
        assert!(made == 7 || victim.is_taken);
    }
    drop(node);
    let node = opened(&path, 1, &bound, random);
    attack_all(&mut people, |_| &node, 19 - 7, random);
    drop(node);
    let node = opened(&path, 2, &bound, random);
    attack_all(&mut people, |_| &node, 0, random);
    agrees(&bound, share_taken(&[people]), in_lives(1, 19));
}

#[test]
fn a_home_that_restarts_is_two_counts_and_its_stand_in_a_third() {
    let deployment = Deployment { homes: 3, replicas: 3, restarts_per_day: 1, ..deployment(Keeper::Memory, 0.45) };
    let (random, bound) = (&mut random(), deployment.bound());
    assert_eq!(bound.comparisons, 14);
    let names = ["a", "b", "c"];
    let homes = Homes::new(ISSUER, names);
    // Where somebody is served while so many of the best nodes are away.
    let place = |victim: &Victim, away: usize| {
        let home = homes.makers(&victim.spellings[0])[away].expect("of three nodes two make challenges");
        names.iter().position(|name| *name == home).unwrap()
    };
    let mut people = victims(Channel::Email, *VICTIMS);
    let mut start = || -> Vec<Node> { names.iter().map(|_| started(&bound, random)).collect() };
    let (before, after) = (start(), start());
    attack_all(&mut people, |victim| &before[place(victim, 0)], 14, random);
    attack_all(&mut people, |victim| &before[place(victim, 1)], 14, random);
    attack_all(&mut people, |victim| &after[place(victim, 0)], 14, random);
    // When a home is away again, the next node still knows what it counted.
    attack_all(&mut people, |victim| &before[place(victim, 1)], 0, random);
    agrees(&bound, share_taken(&[people]), in_lives(3, 14));
}

#[test]
fn two_channels_that_open_one_account_have_a_count_each() {
    let (random, bound) = (&mut random(), Deployment { channels: 2, ..deployment(Keeper::Memory, 0.3) }.bound());
    assert_eq!(bound.comparisons, 14);
    let node = started(&bound, random);
    let channels = [Channel::Email, Channel::Mobile].map(|channel| {
        let mut people = victims(channel, *VICTIMS);
        attack_all(&mut people, |_| &node, 14, random);
        people
    });
    agrees(&bound, share_taken(&channels), in_lives(2, 14));
}

/// How many guesses are compared at codes of this strength, one challenge after the other.
fn compared(node: &Node, victim: &Victim, strength: Strength, random: &mut ChaCha8Rng) -> u32 {
    let mut comparisons = 0;
    let mut outstanding: Vec<Begun> = (0..2).map(|_| begin(node, victim.spelling(0), victim.cookie(0), random)).collect();
    while let Some(Begun { envelope, challenge, .. }) = outstanding.pop() {
        let format = challenge.challenge().format.as_ref().unwrap();
        if format.strength() != strength {
            return comparisons;
        }
        let wrong = format.alphabet().characters().get(..1).unwrap().repeat(format.length().into());
        loop {
            match guess(node, victim.spelling(0), &envelope, &wrong, victim.cookie(0), random) {
                Err(CompleteError::InvalidCredentials { attempts_left: Some(_) }) => comparisons += 1,
                Err(CompleteError::Exhausted) => break,
                other => panic!("one of 2³⁴ or more is never right here: {other:?}"),
            }
        }
        if outstanding.len() < 2 {
            outstanding.insert(0, begin(node, victim.spelling(0), victim.cookie(0), random));
        }
    }
    comparisons
}

/// That a guess at them is right can't be measured, so only their number is: it is what the formula multiplies by p₃₄.
#[test]
fn codes_of_34_bits_stand_what_is_left_of_a_hundred_comparisons() {
    let (random, bound) = (&mut random(), deployment(Keeper::Memory, 0.2).bound());
    let node = started(&bound, random);
    for victim in &mut victims(Channel::Email, 20) {
        let short = victim.attack(&node, u32::MAX, random);
        if victim.is_taken {
            continue;
        }
        assert_eq!(short, bound.comparisons);
        assert_eq!(compared(&node, victim, Strength::Medium, random), 100 - short);
        let next = begin(&node, victim.spelling(0), victim.cookie(0), random).challenge;
        assert_eq!(next.challenge().format.as_ref().unwrap().strength(), Strength::Long);
    }
    // Configured ones stand all hundred.
    let code = CodeFormat::new(Alphabet::Numeric, 11).unwrap();
    let bound = Deployment { code: code.clone(), ..deployment(Keeper::Memory, 1e-4) }.bound();
    let id = GuardId::fresh(None, random);
    let node = node_with(AnyGuard::Memory(MemoryGuard::new(id, limits(&bound), random)), code);
    for victim in &victims(Channel::Email, 20) {
        assert_eq!(compared(&node, victim, Strength::Medium, random), 100);
        let next = begin(&node, victim.spelling(0), victim.cookie(0), random).challenge;
        assert_eq!(next.challenge().format.as_ref().unwrap().strength(), Strength::Long);
    }
}
