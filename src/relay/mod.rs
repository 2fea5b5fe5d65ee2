//! What nodes relay to each other: a request to the node whose guard decides, and its answer, both sealed.
//!
//! request = version 1 ‖ root id (6) ‖ nonce (24) ‖ XChaCha20-Poly1305(relay key, nonce, fields, label ‖ version ‖ root id)
//! answer = nonce (24) ‖ XChaCha20-Poly1305(relay key, nonce, fields, (label, the request's nonce))
//!
//! So plain HTTP inside a cluster shows nothing, a recycled address learns nothing, and an answer fits one request only.
//! A request counts once, for 30 seconds, at the node it names. The labels keep requests and answers apart.
//! How several of them travel together is in [`batch`].

pub mod batch;
mod seen;

use alloc::{boxed::Box, vec::Vec};
use core::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use rand_core::CryptoRng;

use crate::{
    challenge::GuardId,
    crypto::{
        Canonical,
        canonical::Fields,
        labels,
        seal::{NONCE, SealKey},
    },
    keyring::{Keyring, Root, RootId},
    time::UnixTime,
};

pub use seen::SeenRequests;

/// Seconds that the clocks of two nodes may differ by, the way included.
pub const MAX_SKEW: u64 = 30;

const VERSION: u8 = 1;
const HEAD: usize = 1 + 6 + NONCE;

/// Names and values of HTTP headers.
pub type Headers = Vec<(Box<str>, Box<[u8]>)>;

/// Seals and opens what the nodes of one fleet relay.
pub struct Relays {
    keys: Vec<(RootId, SealKey)>,
}

/// Whom a request is relayed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Addressee {
    /// The guard that an authentic envelope names: its node redeems, in whatever epoch it is; the guard itself refuses
    /// envelopes of an earlier one.
    Guard(GuardId),
    /// A node, as a recipient's home.
    Home(Box<str>),
}

/// A request to be relayed: what the deciding node needs of it, and no more.
#[derive(Clone, PartialEq, Eq)]
pub struct RelayedRequest {
    /// To whom.
    pub addressee: Addressee,
    /// The client's address, as this node believes it.
    pub client: IpAddr,
    /// `POST`, …
    pub method: Box<str>,
    /// Path and query.
    pub path: Box<str>,
    /// The headers that matter, in their order.
    pub headers: Headers,
    /// The whole body.
    pub body: Box<[u8]>,
}

/// An answer on its way back.
#[derive(Clone, PartialEq, Eq)]
pub struct RelayedAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The headers that matter, in their order.
    pub headers: Headers,
    /// The whole body.
    pub body: Box<[u8]>,
}

/// A sealed request as it came from the network.
#[derive(Clone, Copy)]
pub struct UntrustedRequest<'a>(&'a [u8]);

/// A request that a node of this fleet sealed for this node, in time. It may be a repetition.
pub struct AuthenticRequest {
    request: RelayedRequest,
    sent_at: UnixTime,
    answering: Exchange,
}

/// An authentic request that came for the first time.
#[derive(Debug)]
pub struct VerifiedRequest {
    /// The request.
    pub request: RelayedRequest,
    /// Seals its answer.
    pub exchange: Exchange,
}

/// One request and its answer: who sealed the request opens the answer, who opened it seals the answer.
#[derive(Clone, Copy)]
pub struct Exchange {
    root: usize,
    nonce: [u8; NONCE],
}

/// Why a relayed request or answer is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayRefused {
    /// No node of this fleet sealed it, or not as this kind of message.
    Forged,
    /// It is for another node.
    OtherNode,
    /// It was sent more than 30 seconds ago or ahead, or when this node may have forgotten what it has seen.
    Untimely,
    /// It came before.
    Replayed,
    /// There is no room to remember it. It may be sent again, to be sealed anew.
    Full,
}

impl Relays {
    /// With the keys of every root.
    #[must_use]
    pub fn new(keyring: &Keyring) -> Self {
        let key = |root: &Root| (root.id(), SealKey::new(&root.derive(labels::RELAY_KEY)));
        Self { keys: keyring.roots().iter().map(key).collect() }
    }

    /// Seals a request with the current root. The exchange opens its answer.
    #[must_use]
    pub fn seal(&self, request: &RelayedRequest, now: UnixTime, random: &mut impl CryptoRng) -> (Vec<u8>, Exchange) {
        let (root, key) = &self.keys[0];
        let mut sealed = Vec::with_capacity(512 + request.body.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(root.as_bytes());
        let nonce = push_nonce(&mut sealed, random);
        let associated = Canonical::new(Vec::new(), labels::RELAY_REQUEST).bytes(&sealed[..HEAD - NONCE]).finish();
        let mut sealed = request.encode(sealed, now);
        key.seal(&nonce, &associated, &mut sealed, HEAD);
        (sealed, Exchange { root: 0, nonce })
    }

    /// Believes a request that a node of this fleet sealed for `node`, no more than 30 seconds from now.
    ///
    /// # Errors
    /// See [`RelayRefused`].
    pub fn open(&self, sealed: UntrustedRequest<'_>, node: &str, now: UnixTime) -> Result<AuthenticRequest, RelayRefused> {
        let opened = self.open_sealed(sealed.0).ok_or(RelayRefused::Forged)?;
        let skew = now.seconds_since(opened.sent_at).max(opened.sent_at.seconds_since(now));
        match &opened.request.addressee {
            Addressee::Guard(guard) if guard.node() != node => Err(RelayRefused::OtherNode),
            Addressee::Home(home) if **home != *node => Err(RelayRefused::OtherNode),
            _ if skew > MAX_SKEW => Err(RelayRefused::Untimely),
            _ => Ok(opened),
        }
    }

    /// Seals the answer of an exchange.
    #[must_use]
    pub fn seal_answer(&self, exchange: &Exchange, answer: &RelayedAnswer, random: &mut impl CryptoRng) -> Vec<u8> {
        let (_, key) = &self.keys[exchange.root];
        let mut sealed = Vec::with_capacity(512 + answer.body.len());
        let nonce = push_nonce(&mut sealed, random);
        let mut sealed = answer.encode(sealed);
        key.seal(&nonce, &exchange.associated(), &mut sealed, NONCE);
        sealed
    }

    /// Believes the answer of this exchange and of no other.
    ///
    /// # Errors
    /// [`RelayRefused::Forged`].
    pub fn open_answer(&self, exchange: &Exchange, sealed: &[u8]) -> Result<RelayedAnswer, RelayRefused> {
        let (_, key) = &self.keys[exchange.root];
        let mut sealed = sealed.to_vec();
        let opened = sealed.split_first_chunk_mut().and_then(|(nonce, sealed)| key.open(nonce, &exchange.associated(), sealed));
        opened.and_then(|fields| RelayedAnswer::decode(fields)).ok_or(RelayRefused::Forged)
    }

    fn open_sealed(&self, sealed: &[u8]) -> Option<AuthenticRequest> {
        let (head, ciphertext) = sealed.split_first_chunk::<HEAD>()?;
        let (public, nonce) = head.split_last_chunk::<NONCE>()?;
        let (&VERSION, root) = public.split_first()? else { return None };
        let root = RootId::from_bytes(root.try_into().ok()?);
        let at = self.keys.iter().position(|(id, _)| *id == root)?;
        let associated = Canonical::new(Vec::new(), labels::RELAY_REQUEST).bytes(public).finish();
        let mut sealed = ciphertext.to_vec();
        let fields = self.keys[at].1.open(nonce, &associated, &mut sealed)?;
        let (request, sent_at) = RelayedRequest::decode(fields)?;
        Some(AuthenticRequest { request, sent_at, answering: Exchange { root: at, nonce: *nonce } })
    }
}

impl<'a> UntrustedRequest<'a> {
    /// What came as the body of a relayed request.
    #[must_use]
    pub const fn new(sealed: &'a [u8]) -> Self {
        Self(sealed)
    }
}

impl AuthenticRequest {
    /// Lets it count, once.
    ///
    /// # Errors
    /// See [`RelayRefused`].
    pub fn once(self, seen: &mut SeenRequests, now: UnixTime) -> Result<VerifiedRequest, RelayRefused> {
        let (name, _) = self.answering.nonce.split_first_chunk().expect("a nonce has 24 bytes");
        seen.admit(u64::from_be_bytes(*name), self.sent_at, now)?;
        Ok(VerifiedRequest { request: self.request, exchange: self.answering })
    }
}

impl Exchange {
    fn associated(&self) -> Vec<u8> {
        Canonical::new(Vec::new(), labels::RELAY_ANSWER).bytes(&self.nonce).finish()
    }
}

impl RelayedRequest {
    /// Appends the fields.
    fn encode(&self, to: Vec<u8>, now: UnixTime) -> Vec<u8> {
        let (kind, addressee) = match &self.addressee {
            Addressee::Guard(guard) => (0, guard.as_str()),
            Addressee::Home(node) => (1, &**node),
        };
        let fields = Canonical::resume(to).number(kind).text(addressee);
        let fields = fields.number(now.as_seconds());
        let fields = match self.client {
            IpAddr::V4(v4) => fields.bytes(&v4.octets()),
            IpAddr::V6(v6) => fields.bytes(&v6.octets()),
        };
        let fields = write_headers(fields.text(&self.method).text(&self.path), &self.headers);
        fields.bytes(&self.body).finish()
    }

    fn decode(encoded: &[u8]) -> Option<(Self, UnixTime)> {
        let mut fields = Fields::new(encoded);
        let addressee = match (fields.number()?, fields.text()?) {
            (0, guard) => Addressee::Guard(GuardId::new(guard)?),
            (1, node) => Addressee::Home(node.into()),
            _ => return None,
        };
        let sent_at = UnixTime::from_seconds(fields.number()?);
        let client = fields.bytes()?;
        let client = match (<[u8; 4]>::try_from(client), <[u8; 16]>::try_from(client)) {
            (Ok(v4), _) => IpAddr::V4(Ipv4Addr::from(v4)),
            (_, Ok(v6)) => IpAddr::V6(Ipv6Addr::from(v6)),
            _ => return None,
        };
        let (method, path) = (fields.text()?.into(), fields.text()?.into());
        let headers = read_headers(&mut fields)?;
        let body = fields.bytes()?.into();
        fields.end()?;
        Some((Self { addressee, client, method, path, headers, body }, sent_at))
    }
}

impl RelayedAnswer {
    /// Appends the fields.
    fn encode(&self, to: Vec<u8>) -> Vec<u8> {
        let fields = Canonical::resume(to).number(u64::from(self.status));
        write_headers(fields, &self.headers).bytes(&self.body).finish()
    }

    fn decode(encoded: &[u8]) -> Option<Self> {
        let mut fields = Fields::new(encoded);
        let status = u16::try_from(fields.number()?).ok()?;
        let headers = read_headers(&mut fields)?;
        let body = fields.bytes()?.into();
        fields.end()?;
        Some(Self { status, headers, body })
    }
}

fn write_headers(fields: Canonical<Vec<u8>>, headers: &Headers) -> Canonical<Vec<u8>> {
    headers.iter().fold(fields.number(headers.len() as u64), |fields, (name, value)| fields.text(name).bytes(value))
}

fn read_headers(fields: &mut Fields<'_>) -> Option<Headers> {
    let count = fields.number()?;
    (0..count).map(|_| Some((fields.text()?.into(), fields.bytes()?.into()))).collect()
}

fn push_nonce(sealed: &mut Vec<u8>, random: &mut impl CryptoRng) -> [u8; NONCE] {
    let mut nonce = [0; NONCE];
    random.fill_bytes(&mut nonce);
    sealed.extend_from_slice(&nonce);
    nonce
}

impl fmt::Debug for Relays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|(root, _)| root)).finish()
    }
}

impl fmt::Debug for RelayedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RelayedRequest").field("addressee", &self.addressee).finish_non_exhaustive()
    }
}

impl fmt::Debug for RelayedAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RelayedAnswer").field("status", &self.status).finish_non_exhaustive()
    }
}

impl fmt::Debug for UntrustedRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UntrustedRequest(…)")
    }
}

impl fmt::Debug for AuthenticRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AuthenticRequest").field(&self.request).finish()
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exchange(…)")
    }
}

impl fmt::Display for RelayRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Forged => "not sealed by a node of this fleet",
            Self::OtherNode => "for another node",
            Self::Untimely => "sent too long ago, or too far ahead",
            Self::Replayed => "came before",
            Self::Full => "too many relayed requests",
        })
    }
}

impl core::error::Error for RelayRefused {}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use proptest::prelude::*;
    use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

    use super::*;
    use crate::crypto::base64url;

    const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);

    fn relays(roots: &[u8]) -> Relays {
        Relays::new(&Keyring::new(roots.iter().map(|byte| vec![*byte; 32])).unwrap())
    }

    fn random() -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(1)
    }

    fn request() -> RelayedRequest {
        RelayedRequest {
            addressee: Addressee::Guard(GuardId::new("node-1.epoch").unwrap()),
            client: "2001:db8::7".parse().unwrap(),
            method: "POST".into(),
            path: "/passwordless/exchange/email/".into(),
            headers: vec![("content-type".into(), (*b"application/json").into()), ("cookie".into(), [0xff, 0].into())],
            body: (*br#"{"email":"ann@example.com","token":"123456"}"#).into(),
        }
    }

    fn answer() -> RelayedAnswer {
        RelayedAnswer { status: 200, headers: vec![("set-cookie".into(), (*b"a=b").into())], body: (*b"{}").into() }
    }

    fn open(relays: &Relays, sealed: &[u8], node: &str, now: UnixTime) -> Result<RelayedRequest, RelayRefused> {
        let mut seen = SeenRequests::new(10, UnixTime::from_seconds(1));
        Ok(relays.open(UntrustedRequest::new(sealed), node, now)?.once(&mut seen, now)?.request)
    }

    #[test]
    fn there_and_back() {
        let relays = relays(b"1");
        let (sealed, asking) = relays.seal(&request(), NOW, &mut random());
        let mut seen = SeenRequests::new(10, NOW);
        let opened = relays.open(UntrustedRequest::new(&sealed), "node-1", NOW).unwrap().once(&mut seen, NOW).unwrap();
        assert_eq!(opened.request, request());
        let sealed = relays.seal_answer(&opened.exchange, &answer(), &mut random());
        assert_eq!(relays.open_answer(&asking, &sealed), Ok(answer()));
    }

    #[test]
    fn nothing_of_it_can_be_read() {
        let (sealed, _) = relays(b"1").seal(&request(), NOW, &mut random());
        for secret in [&b"ann@"[..], b"123456", b"POST", b"node-1", b"passwordless"] {
            assert!(!sealed.windows(secret.len()).any(|bytes| bytes == secret));
        }
        assert!(!alloc::format!("{:?}{:?}", request(), answer()).contains("ann"));
    }

    #[test]
    fn late_and_early() {
        let relays = relays(b"1");
        let (sealed, _) = relays.seal(&request(), NOW, &mut random());
        for (now, expected) in [(NOW.plus(30), true), (NOW.minus(30), true), (NOW.plus(31), false), (NOW.minus(31), false)] {
            let opened = open(&relays, &sealed, "node-1", now);
            assert_eq!(opened, if expected { Ok(request()) } else { Err(RelayRefused::Untimely) });
        }
    }

    #[test]
    fn for_one_node() {
        let relays = relays(b"1");
        for addressee in [Addressee::Guard(GuardId::new("node-1.epoch").unwrap()), Addressee::Home("node-1".into())] {
            let (sealed, _) = relays.seal(&RelayedRequest { addressee, ..request() }, NOW, &mut random());
            assert!(open(&relays, &sealed, "node-1", NOW).is_ok());
            for other in ["node-2", "node", "node-1.epoch", ""] {
                assert_eq!(open(&relays, &sealed, other, NOW), Err(RelayRefused::OtherNode));
            }
        }
    }

    #[test]
    fn replayed() {
        let relays = relays(b"1");
        let mut seen = SeenRequests::new(1000, NOW.minus(1000));
        let mut random = random();
        let (sealed, _) = relays.seal(&request(), NOW, &mut random);
        let mut try_at = |sealed: &[u8], now| {
            relays.open(UntrustedRequest::new(sealed), "node-1", now).and_then(|request| request.once(&mut seen, now)).map(drop)
        };
        assert_eq!(try_at(&sealed, NOW.minus(30)), Ok(()));
        for second in 0..=60 {
            let now = NOW.minus(30).plus(second);
            assert_eq!(try_at(&sealed, now), Err(RelayRefused::Replayed), "{second}");
            let (other, _) = relays.seal(&request(), now, &mut random);
            assert_eq!(try_at(&other, now), Ok(()), "others go on");
        }
        assert_eq!(try_at(&sealed, NOW.plus(31)), Err(RelayRefused::Untimely));
    }

    #[test]
    fn a_clock_set_back_brings_nothing_back() {
        let relays = relays(b"1");
        let mut seen = SeenRequests::new(1000, NOW.minus(1));
        let mut random = random();
        let (first, _) = relays.seal(&request(), NOW, &mut random);
        let mut try_at = |sealed: &[u8], now| {
            relays.open(UntrustedRequest::new(sealed), "node-1", now).and_then(|request| request.once(&mut seen, now)).map(drop)
        };
        assert_eq!(try_at(&first, NOW), Ok(()));
        for minute in 1..=10 {
            let now = NOW.plus(minute * 61);
            assert_eq!(try_at(&relays.seal(&request(), now, &mut random).0, now), Ok(()));
            assert!(try_at(&first, NOW).is_err(), "{minute}");
        }
    }

    #[test]
    fn what_was_sent_before_the_start_is_refused() {
        let relays = relays(b"1");
        let (sealed, _) = relays.seal(&request(), NOW, &mut random());
        let opened = relays.open(UntrustedRequest::new(&sealed), "node-1", NOW.plus(1)).unwrap();
        assert_eq!(opened.once(&mut SeenRequests::new(10, NOW.plus(1)), NOW.plus(1)).map(drop), Err(RelayRefused::Untimely));
    }

    #[test]
    fn a_request_is_no_answer_and_an_answer_no_request() {
        let relays = relays(b"1");
        let (sealed, asking) = relays.seal(&request(), NOW, &mut random());
        assert_eq!(relays.open_answer(&asking, &sealed), Err(RelayRefused::Forged));
        assert_eq!(relays.open_answer(&asking, &sealed[HEAD - NONCE..]), Err(RelayRefused::Forged));
        let answered = relays.seal_answer(&asking, &answer(), &mut random());
        assert_eq!(open(&relays, &answered, "node-1", NOW), Err(RelayRefused::Forged));
        let as_request = [&sealed[..HEAD - NONCE], &answered].concat();
        assert_eq!(open(&relays, &as_request, "node-1", NOW), Err(RelayRefused::Forged));
    }

    #[test]
    fn an_answer_fits_one_request() {
        let (relays, mut random) = (relays(b"1"), random());
        let (_, one) = relays.seal(&request(), NOW, &mut random);
        let (_, other) = relays.seal(&request(), NOW, &mut random);
        let sealed = relays.seal_answer(&one, &answer(), &mut random);
        assert!(relays.open_answer(&one, &sealed).is_ok());
        assert_eq!(relays.open_answer(&other, &sealed), Err(RelayRefused::Forged));
    }

    #[test]
    fn truncated_extended_and_altered() {
        let (relays, mut random) = (relays(b"1"), random());
        let (sealed, asking) = relays.seal(&request(), NOW, &mut random);
        let answered = relays.seal_answer(&asking, &answer(), &mut random);
        for length in 0..sealed.len() {
            assert_eq!(open(&relays, &sealed[..length], "node-1", NOW), Err(RelayRefused::Forged), "{length}");
        }
        for length in 0..answered.len() {
            assert_eq!(relays.open_answer(&asking, &answered[..length]), Err(RelayRefused::Forged), "{length}");
        }
        assert!(open(&relays, &[&sealed[..], &[0]].concat(), "node-1", NOW).is_err());
        assert!(relays.open_answer(&asking, &[&answered[..], &[0]].concat()).is_err());
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert_eq!(open(&relays, &altered, "node-1", NOW), Err(RelayRefused::Forged), "{at}");
        }
    }

    #[test]
    fn roots_rotate() {
        let mut random = random();
        let (sealed, asking) = relays(b"1").seal(&request(), NOW, &mut random);
        let rotated = relays(b"21");
        let opened = rotated.open(UntrustedRequest::new(&sealed), "node-1", NOW).unwrap();
        let answered = rotated.seal_answer(&opened.answering, &answer(), &mut random);
        assert_eq!(relays(b"1").open_answer(&asking, &answered), Ok(answer()), "answered with the root that asked");
        assert!(matches!(relays(b"2").open(UntrustedRequest::new(&sealed), "node-1", NOW), Err(RelayRefused::Forged)));
    }

    #[test]
    fn frozen() {
        let (sealed, asking) = relays(b"1").seal(&request(), NOW, &mut random());
        let expected = "\
            ASzAcjfuobENpIzqTAlna44O_NgGlBRlBgc2Ayu4mFUWLLUSpladsIRFdJbbKyKiIzP13U5gclbC2KSBnWKlYLDPBqZ22PY72IC1\
            _PaJr1sReIOR8Gz9TJk7Hzlg6ecLSdRjpJZd88KIKji2yLHSCLbmq3nkLxxoKcL9RyJKZs8iPE0ClnUCmOdDN90-VIneCukCb3-C\
            hlb_uMtM-B34vRqtheJHA8gqckkQhp3n1X1cB05fpYlHej2BTFftLUwBC8WIElrSnH9IdxsvGKrMQ0ouvr_YfC1nAM0beCpX0U-X\
            Rv5ulimMgWSaDE7NoMf3x6BdxV2vfM8";
        assert_eq!(base64url::encode(&sealed), expected);
        let answered = relays(b"1").seal_answer(&asking, &answer(), &mut random());
        let expected = "\
            sQ2kjOpMCWdrjg782AaUFGUGBzYDK7iYVRYstRKmVlWwhEV4-LRPRo8SHZreRHc3Na23z4OxsKVgs64r5HfVTjmj_cooei6YOjU2\
            J1dIW96hshs";
        assert_eq!(base64url::encode(&answered), expected);
    }

    proptest! {
        #[test]
        fn any_request_and_answer(
            (home, node) in (any::<bool>(), "[a-zA-Z0-9-]{1,63}"),
            client in any::<IpAddr>(),
            (method, path) in ("[A-Z]{3,7}", "/.{0,100}"),
            headers in proptest::collection::vec(("[a-z-]{1,20}", proptest::collection::vec(any::<u8>(), 0..50)), 0..8),
            (status, body) in (any::<u16>(), proptest::collection::vec(any::<u8>(), 0..1000)),
        ) {
            let relays = relays(b"1");
            let guard = GuardId::new(alloc::format!("{node}.e")).unwrap();
            let addressee = if home { Addressee::Home(node.as_str().into()) } else { Addressee::Guard(guard) };
            let headers: Headers = headers.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
            let body: Box<[u8]> = body.into();
            let request = RelayedRequest { addressee, client, method: method.into(), path: path.into(), headers: headers.clone(), body: body.clone() };
            let (sealed, asking) = relays.seal(&request, NOW, &mut random());
            prop_assert_eq!(open(&relays, &sealed, &node, NOW), Ok(request));
            let answer = RelayedAnswer { status, headers, body };
            prop_assert_eq!(relays.open_answer(&asking, &relays.seal_answer(&asking, &answer, &mut random())), Ok(answer));
        }

        #[test]
        fn garbage_is_forged(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(open(&relays(b"1"), &bytes, "node-1", NOW), Err(RelayRefused::Forged));
            prop_assert!(RelayedRequest::decode(&bytes).is_none_or(|(request, sent_at)| request.encode(Vec::new(), sent_at) == bytes));
            prop_assert!(RelayedAnswer::decode(&bytes).is_none_or(|answer| answer.encode(Vec::new()) == bytes));
        }
    }
}
