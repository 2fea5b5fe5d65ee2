//! Whom sealed messages open for, when, and how often.

use alloc::{boxed::Box, vec, vec::Vec};

use proptest::prelude::*;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use super::*;
use crate::{
    challenge::GuardId,
    crypto::base64url,
    fleet::{Headers, Homes, RelayedAnswer},
    network::Client,
};

const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);
const BOOT: Incarnation = Incarnation::from_random([7; Incarnation::BYTES]);

fn relays(roots: &[u8]) -> Relays {
    Relays::new(&Keyring::new(roots.iter().map(|byte| vec![*byte; 32])).unwrap())
}

fn homes() -> HomesId {
    Homes::new("https://login.example.com", ["node-1", "node-2"]).id()
}

fn random() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(1)
}

fn request() -> RelayedRequest {
    RelayedRequest {
        target: Target::Guard(GuardId::new("node-1.epoch").unwrap()),
        sender: "node-2".into(),
        homes: homes(),
        client: Client { address: "2001:db8::7".parse().unwrap(), stands_for_many: true },
        method: "POST".into(),
        path: "/passwordless/exchange/email/".into(),
        headers: vec![("content-type".into(), (*b"application/json").into()), ("cookie".into(), [0xff, 0].into())],
        body: (*br#"{"email":"ann@example.com","token":"123456"}"#).into(),
    }
}

fn answer() -> Reply {
    Reply::Answer(RelayedAnswer { status: 200, headers: vec![("set-cookie".into(), (*b"a=b").into())], body: (*b"{}").into() })
}

fn seal(relays: &Relays, now: UnixTime, random: &mut ChaCha8Rng) -> (Vec<u8>, Exchange) {
    relays.seal(&request(), Some(BOOT), now, random)
}

fn open(relays: &Relays, sealed: &[u8], node: &str, now: UnixTime) -> Result<RelayedRequest, RelayRefused> {
    let opened = relays.open(UntrustedRequest::new(sealed), node, now)?;
    Ok(opened.current(BOOT).expect("sealed for this life").once(&mut SeenRequests::new(10), now)?.request)
}

/// Lets it count among others.
fn count(relays: &Relays, seen: &mut SeenRequests, sealed: &[u8], now: UnixTime) -> Result<(), RelayRefused> {
    let opened = relays.open(UntrustedRequest::new(sealed), "node-1", now)?;
    opened.current(BOOT).expect("sealed for this life").once(seen, now).map(drop)
}

#[test]
fn there_and_back() {
    let relays = relays(b"1");
    let (sealed, asking) = seal(&relays, NOW, &mut random());
    let opened = relays.open(UntrustedRequest::new(&sealed), "node-1", NOW).unwrap().current(BOOT).unwrap();
    let opened = opened.once(&mut SeenRequests::new(10), NOW).unwrap();
    assert_eq!(opened.request, request());
    let sealed = opened.exchange.seal(homes(), &answer(), &mut random());
    assert_eq!(asking.open(&sealed), Ok((homes(), answer())));
}

#[test]
fn nothing_of_it_can_be_read() {
    let (sealed, _) = seal(&relays(b"1"), NOW, &mut random());
    for secret in [&b"ann@"[..], b"123456", b"POST", b"node-1", b"passwordless"] {
        assert!(!sealed.windows(secret.len()).any(|bytes| bytes == secret));
    }
    assert!(!alloc::format!("{:?}{:?}", request(), answer()).contains("ann"));
}

#[test]
fn late_and_early() {
    let relays = relays(b"1");
    let (sealed, _) = seal(&relays, NOW, &mut random());
    for (now, expected) in [(NOW.plus(30), true), (NOW.minus(30), true), (NOW.plus(31), false), (NOW.minus(31), false)] {
        let opened = open(&relays, &sealed, "node-1", now);
        assert_eq!(opened, if expected { Ok(request()) } else { Err(RelayRefused::Untimely) });
    }
}

#[test]
fn for_one_node() {
    let relays = relays(b"1");
    let [home, leaving] = [Target::Home("node-1".into()), Target::LeavingHome("node-1".into())];
    for target in [Target::Guard(GuardId::new("node-1.epoch").unwrap()), home, leaving] {
        let (sealed, _) = relays.seal(&RelayedRequest { target, ..request() }, Some(BOOT), NOW, &mut random());
        assert!(open(&relays, &sealed, "node-1", NOW).is_ok());
        for other in ["node-2", "node", "node-1.epoch", ""] {
            assert_eq!(open(&relays, &sealed, other, NOW), Err(RelayRefused::OtherNode));
        }
    }
}

#[test]
fn replayed() {
    let relays = relays(b"1");
    let mut seen = SeenRequests::new(1000);
    let mut random = random();
    let (sealed, _) = seal(&relays, NOW, &mut random);
    let mut try_at = |sealed: &[u8], now| count(&relays, &mut seen, sealed, now);
    assert_eq!(try_at(&sealed, NOW.minus(30)), Ok(()));
    for second in 0..=60 {
        let now = NOW.minus(30).plus(second);
        assert_eq!(try_at(&sealed, now), Err(RelayRefused::Replayed), "{second}");
        let (other, _) = seal(&relays, now, &mut random);
        assert_eq!(try_at(&other, now), Ok(()), "others go on");
    }
    assert_eq!(try_at(&sealed, NOW.plus(31)), Err(RelayRefused::Untimely));
}

#[test]
fn a_clock_set_back_brings_nothing_back() {
    let relays = relays(b"1");
    let mut seen = SeenRequests::new(1000);
    let mut random = random();
    let (first, _) = seal(&relays, NOW, &mut random);
    let mut try_at = |sealed: &[u8], now| count(&relays, &mut seen, sealed, now);
    assert_eq!(try_at(&first, NOW), Ok(()));
    for minute in 1..=10 {
        let now = NOW.plus(minute * 61);
        assert_eq!(try_at(&seal(&relays, now, &mut random).0, now), Ok(()));
        assert!(try_at(&first, NOW).is_err(), "{minute}");
    }
}

#[test]
fn what_is_for_another_life_or_for_none_is_told_the_boot() {
    let (relays, mut random) = (relays(b"1"), random());
    let earlier = Incarnation::from_random([6; Incarnation::BYTES]);
    for stated in [None, Some(earlier)] {
        let (sealed, asking) = relays.seal(&request(), stated, NOW, &mut random);
        let exchange = relays.open(UntrustedRequest::new(&sealed), "node-1", NOW).unwrap().current(BOOT).unwrap_err();
        let stale = exchange.seal(homes(), &Reply::Stale(BOOT), &mut random);
        assert_eq!(asking.open(&stale), Ok((homes(), Reply::Stale(BOOT))));
        let (_, other) = seal(&relays, NOW, &mut random);
        assert_eq!(other.open(&stale), Err(RelayRefused::Forged), "a boot is told to one request only");
    }
}

#[test]
fn a_life_begins_with_nothing_forgotten() {
    let (relays, mut random) = (relays(b"1"), random());
    let mut seen = SeenRequests::new(1000);
    for sent in [NOW.minus(30), NOW.minus(1), NOW, NOW.plus(30)] {
        let (sealed, _) = seal(&relays, sent, &mut random);
        assert_eq!(count(&relays, &mut seen, &sealed, NOW), Ok(()), "{sent:?}");
        assert_eq!(count(&relays, &mut seen, &sealed, NOW), Err(RelayRefused::Replayed), "{sent:?}");
    }
}

#[test]
fn a_request_is_no_answer_and_an_answer_no_request() {
    let relays = relays(b"1");
    let (sealed, asking) = seal(&relays, NOW, &mut random());
    assert_eq!(asking.open(&sealed), Err(RelayRefused::Forged));
    assert_eq!(asking.open(&sealed[HEAD - NONCE..]), Err(RelayRefused::Forged));
    let answered = asking.seal(homes(), &answer(), &mut random());
    assert_eq!(open(&relays, &answered, "node-1", NOW), Err(RelayRefused::Forged));
    let as_request = [&sealed[..HEAD - NONCE], &answered].concat();
    assert_eq!(open(&relays, &as_request, "node-1", NOW), Err(RelayRefused::Forged));
}

#[test]
fn an_answer_fits_one_request() {
    let (relays, mut random) = (relays(b"1"), random());
    let (_, one) = seal(&relays, NOW, &mut random);
    let (_, other) = seal(&relays, NOW, &mut random);
    let sealed = one.seal(homes(), &answer(), &mut random);
    assert!(one.open(&sealed).is_ok());
    assert_eq!(other.open(&sealed), Err(RelayRefused::Forged));
}

#[test]
fn truncated_extended_and_altered() {
    let (relays, mut random) = (relays(b"1"), random());
    let (sealed, asking) = seal(&relays, NOW, &mut random);
    let answered = asking.seal(homes(), &answer(), &mut random);
    for length in 0..sealed.len() {
        assert_eq!(open(&relays, &sealed[..length], "node-1", NOW), Err(RelayRefused::Forged), "{length}");
    }
    for length in 0..answered.len() {
        assert_eq!(asking.open(&answered[..length]), Err(RelayRefused::Forged), "{length}");
    }
    assert!(open(&relays, &[&sealed[..], &[0]].concat(), "node-1", NOW).is_err());
    assert!(asking.open(&[&answered[..], &[0]].concat()).is_err());
    for at in 0..sealed.len() {
        let mut altered = sealed.clone();
        altered[at] ^= 1;
        assert_eq!(open(&relays, &altered, "node-1", NOW), Err(RelayRefused::Forged), "{at}");
    }
}

#[test]
fn roots_rotate() {
    let mut random = random();
    let (sealed, asking) = seal(&relays(b"1"), NOW, &mut random);
    let rotated = relays(b"21");
    let opened = rotated.open(UntrustedRequest::new(&sealed), "node-1", NOW).unwrap();
    let answered = opened.exchange.seal(homes(), &answer(), &mut random);
    assert_eq!(asking.open(&answered), Ok((homes(), answer())), "answered with the root that asked");
    assert!(matches!(relays(b"2").open(UntrustedRequest::new(&sealed), "node-1", NOW), Err(RelayRefused::Forged)));
}

#[test]
fn frozen() {
    let (sealed, asking) = seal(&relays(b"1"), NOW, &mut random());
    let expected = "\
        AyzAcjfuobENpIzqTAlna44O_NgGlBRlBgc2Ayu4mFUWLLUSpladsIRFdJbbKyKiIzP13U5gclbC2KKEu9TATYLPFoZnl7AJjRbJ\
        PqNCR8KqgITHw2z5HMZvTD5n7v0jPrIX0OY1hqHjT0vF57_jud6HxR6RIHgI8KuRaCJKZs8iPE0AkXUClIQsWalaOv3zesA9WSuC\
        hkaD58tB4g3upgGmh6heA4ghCip44ZDv3zlQDy82yaS4ej2BTHuWDSlsaqCHXw6EmH9SGgouCaK8Ly8QvKDFMmgmFdYZcipagR7J\
        Gs1aoxnNkwxr0xP9Vp8JIAe9rmJaPRUoq783_c13TEXQ2J0za8V_ZkKOyHBFs1Ta0UrvxcBm8HOvUFNCuWvFNfrfgsp0q2j3zfl5\
        Fqo8pbzC";
    assert_eq!(base64url::encode(&sealed), expected);
    let answered = asking.seal(homes(), &answer(), &mut random());
    let expected = "\
        sQ2kjOpMCWdrjg782AaUFGUGBzYDK7iYVRYspVBYZMgm-IctM1zW_HcSS6OtIQMaVsLYpOrUsKVgsM_ehnfVTjvYgLT89omlKHQM\
        qfKfA5J1s2hLOWOIx0Y5tRDVmk_WO8OtLd2j5ozr5JKsyZzP";
    assert_eq!(base64url::encode(&answered), expected);
    let stale = asking.seal(homes(), &Reply::Stale(BOOT), &mut random());
    let expected = "\
        sQ2kjOpMCWdrjg782AaUFGUGBzYDK7iYVRYspVBYZMgm-\
        IctM1zW_HcSS6OtIQMaVsLYperUsLVnt8gRgXDSSTzfh7L78Y6ozYeqbu3T5vyW5rrsG683Sg";
    assert_eq!(base64url::encode(&stale), expected);
}

proptest! {
    #[test]
    fn any_request_and_answer(
        (kind, node) in (0..3_u8, "[a-zA-Z0-9-]{1,63}"),
        (address, stands_for_many) in (any::<core::net::IpAddr>(), any::<bool>()),
        (method, path) in ("[A-Z]{3,7}", "/.{0,100}"),
        headers in proptest::collection::vec(("[a-z-]{1,20}", proptest::collection::vec(any::<u8>(), 0..50)), 0..8),
        (status, body) in (any::<u16>(), proptest::collection::vec(any::<u8>(), 0..1000)),
    ) {
        let relays = relays(b"1");
        let guard = GuardId::new(alloc::format!("{node}.e")).unwrap();
        let target = match kind {
            0 => Target::Guard(guard),
            1 => Target::Home(node.as_str().into()),
            _ => Target::LeavingHome(node.as_str().into()),
        };
        let headers: Headers = headers.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        let body: Box<[u8]> = body.into();
        let client = Client { address, stands_for_many };
        let request = RelayedRequest { target, sender: "node-2".into(), homes: homes(), client, method: method.into(), path: path.into(), headers: headers.clone(), body: body.clone() };
        let (sealed, asking) = relays.seal(&request, Some(BOOT), NOW, &mut random());
        prop_assert_eq!(open(&relays, &sealed, &node, NOW), Ok(request));
        let answer = Reply::Answer(RelayedAnswer { status, headers, body });
        for reply in [answer, Reply::Leaving] {
            prop_assert_eq!(asking.open(&asking.seal(homes(), &reply, &mut random())), Ok((homes(), reply)));
        }
    }

    #[test]
    fn garbage_is_forged(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert_eq!(open(&relays(b"1"), &bytes, "node-1", NOW), Err(RelayRefused::Forged));
        prop_assert!(RelayedRequest::decode(&bytes).is_none_or(|(request, boot, sent_at)| request.encode(Vec::new(), boot, sent_at) == bytes));
        prop_assert!(Reply::decode(&bytes).is_none_or(|(homes, reply)| reply.encode(homes, Vec::new()) == bytes));
    }
}
