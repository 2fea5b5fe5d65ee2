//! What must hold for any input of each parser. The fuzz targets and the property tests in `tests/parsers.rs` share it.
//!
//! An input is used twice: as what a client sends, and as a list of edits to something genuine. Whatever is still
//! believed after the edits has to say what the genuine thing said.

use std::sync::LazyLock;

use countersign::{
    browser::{
        agent::{Agent, Browser, System},
        device::{DeviceId, Devices},
        puzzle::{Proof, Puzzles},
        session::SessionCookies,
    },
    challenge::{
        Alphabet, Challenge, ChallengeId, Challenges, CodeFormat, GuardId, Links, UntrustedEnvelope, UntrustedLink, Use,
    },
    edge::EnvelopeVerifier,
    fleet::{
        Homes, Incarnation, RelayedAnswer, RelayedRequest, Relays, Reply, SeenRequests, Target, UntrustedRequest,
        batch::{Answers, push_answer, push_refusal, push_request, requests},
    },
    keyring::{EnvelopeFormat, Keyring},
    network::Client,
    recipient::{Channel, Recipient, phone::PhoneRules},
    server::{Destination, Destinations, Given, PublicUrl},
    time::UnixTime,
    token::{AccessAlgorithm, AccessKeys, Amr, Login, Session, SessionId, Sessions, SessionsConfig, SharedKey, VerifiedRefresh},
    verify::callbacks::telnyx::{self, PublicKey},
};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);
const ISSUER: &str = "https://login.example.com";

static KEYRING: LazyLock<Keyring> = LazyLock::new(|| Keyring::new([vec![1; 32], vec![2; 32]]).unwrap());

fn random() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(1)
}

fn recipient(name: &str) -> Recipient {
    Recipient::parse_email(&format!("{name}@example.com")).unwrap()
}

fn challenge() -> Challenge {
    Challenge {
        id: ChallengeId::from_random([7; 16]),
        issued_at: NOW,
        expires_at: NOW.plus(600),
        usage: Use::CODE,
        channel: Channel::Email,
        format: CodeFormat::new(Alphabet::Numeric, 6),
        guard: GuardId::new("node.epoch").unwrap(),
        binding: None,
    }
}

/// The input as it is, and the genuine bytes with the input's edits: groups of (kind, place, byte).
fn candidates(input: &[u8], genuine: &[u8]) -> [Vec<u8>; 2] {
    let mut edited = genuine.to_vec();
    for edit in input.chunks_exact(4) {
        let at = usize::from(u16::from_be_bytes([edit[1], edit[2]])) % (edited.len() + 1);
        match edit[0] % 8 {
            0 => edited.insert(at, edit[3]),
            1 => drop((at < edited.len()).then(|| edited.remove(at))),
            2 if edit[3] == 0 => edited.truncate(at),
            _ => edited.get_mut(at).into_iter().for_each(|byte| *byte = edit[3]),
        }
    }
    [input.to_vec(), edited]
}

fn texts(input: &[u8], genuine: &str) -> impl Iterator<Item = String> {
    candidates(input, genuine.as_bytes()).into_iter().filter_map(|bytes| String::from_utf8(bytes).ok())
}

/// No address that isn't its own canonical form; nothing in it that means something to a mail server.
pub(crate) fn email(input: &[u8]) {
    for typed in texts(input, "ann.smith+tag@example.com") {
        let Ok(recipient) = Recipient::parse_email(&typed) else { continue };
        let canonical = recipient.as_str();
        assert_eq!(canonical.matches('@').count(), 1);
        assert!(canonical.len() <= 254 && canonical.bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase()));
        assert!(!canonical.contains(['"', '(', ')', ',', ':', ';', '<', '>', '[', ']', '\\']));
        assert_eq!(Recipient::parse_email(canonical).as_ref(), Ok(&recipient));
        assert_eq!(Recipient::of_stored(Channel::Email, canonical).as_ref(), Some(&recipient));
        if typed.is_ascii() {
            assert_eq!(typed.trim().to_ascii_lowercase(), canonical, "ASCII case is all that changes");
        }
    }
}

/// No number that isn't its own canonical form, whatever the region.
pub(crate) fn phone(input: &[u8]) {
    static RULES: LazyLock<[PhoneRules; 3]> =
        LazyLock::new(|| ["", "US", "AR"].map(|region| PhoneRules::new::<&str>(region, &[], &[]).unwrap()));
    for typed in texts(input, "+49 (0)30 1234-567;ext=8") {
        for rules in &*RULES {
            let Ok(recipient) = rules.parse(&typed) else { continue };
            let canonical = recipient.as_str();
            let digits = canonical.strip_prefix('+').unwrap();
            assert!((4..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()));
            assert!(!digits.starts_with('0'));
            assert_eq!(RULES[0].parse(canonical).as_ref(), Ok(&recipient));
            assert_eq!(Recipient::of_stored(Channel::Mobile, canonical).as_ref(), Some(&recipient));
        }
    }
}

/// An envelope that is still believed states what the genuine one states; nobody else's is.
pub(crate) fn envelope(input: &[u8]) {
    static GENUINE: LazyLock<Vec<(Challenges, EnvelopeVerifier, String)>> = LazyLock::new(|| {
        let genuine = |format| {
            let challenges = Challenges::new(&KEYRING, ISSUER, format);
            let envelope = challenges.sign(&challenges.seal(challenge(), recipient("ann")));
            let keys = KEYRING.roots().iter().map(|root| root.envelope_key(format).public().clone());
            let verifier = match format {
                EnvelopeFormat::V4Public => EnvelopeVerifier::v4_public(keys, ISSUER),
                _ => EnvelopeVerifier::jwt(keys, ISSUER),
            };
            (challenges, verifier, envelope)
        };
        [EnvelopeFormat::EdDsa, EnvelopeFormat::V4Public].map(genuine).into()
    });
    for (challenges, verifier, genuine) in &*GENUINE {
        for text in texts(input, genuine) {
            let parse = || UntrustedEnvelope::parse(&text);
            let Some(envelope) = parse() else { continue };
            if let Ok(verified) = challenges.authenticate(envelope, &recipient("ann")) {
                assert_eq!(*verified.challenge(), challenge());
            }
            assert!(parse().is_none_or(|envelope| challenges.authenticate(envelope, &recipient("bob")).is_err()));
            if let Ok(verified) = verifier.verify(&text, NOW) {
                assert_eq!(*verified.challenge(), challenge());
            }
        }
    }
}

/// A link that still opens is the genuine one.
pub(crate) fn link(input: &[u8]) {
    static GENUINE: LazyLock<(Challenges, Links, String)> = LazyLock::new(|| {
        let challenges = Challenges::new(&KEYRING, ISSUER, EnvelopeFormat::EdDsa);
        let links = Links::new(&KEYRING, ISSUER);
        let link = links.seal(&challenges.seal(challenge(), recipient("ann")), "epoch");
        (challenges, links, link.expose().into())
    });
    let (challenges, links, genuine) = &*GENUINE;
    for text in texts(input, genuine) {
        let Some(link) = UntrustedLink::parse(&text) else { continue };
        if let Ok(opened) = links.open(challenges, link) {
            assert_eq!((opened.challenge.challenge(), opened.challenge.recipient()), (&challenge(), &recipient("ann")));
            assert_eq!(opened.epoch, "epoch");
        }
    }
}

fn sessions(algorithm: AccessAlgorithm) -> (Sessions, String, String) {
    let mut config = SessionsConfig::new(ISSUER);
    config.algorithm = algorithm;
    if algorithm == AccessAlgorithm::Hs256 {
        config.keys = AccessKeys::Shared([SharedKey::new([7; 32]).unwrap()].into());
    }
    let sessions = Sessions::new(&KEYRING, &config).unwrap();
    let user = serde_json::from_str(r#"{"id":"42","is_active":true}"#).unwrap();
    let recipient = recipient("ann");
    let login =
        Login::new(SessionId::new(&ChallengeId::from_random([7; 16]), 1), &user, &recipient, Amr::of_message(Channel::Email));
    let tokens = sessions.begin(&login, NOW, &mut random());
    (sessions, tokens.access, tokens.refresh)
}

fn claims_of(sessions: &Sessions, token: &str) -> Option<String> {
    sessions.verify_access(token, NOW).ok().map(|verified| verified.json().to_owned())
}

/// An access token that is still believed has the genuine one's claims.
pub(crate) fn access(input: &[u8]) {
    use AccessAlgorithm::{EdDsa, Es256, Hs256, V4Local, V4Public};
    static GENUINE: LazyLock<[(Sessions, String, String); 5]> = LazyLock::new(|| {
        [EdDsa, Es256, Hs256, V4Public, V4Local].map(|algorithm| {
            let (sessions, genuine, _) = sessions(algorithm);
            let claims = claims_of(&sessions, &genuine).expect("the genuine one is believed");
            (sessions, genuine, claims)
        })
    });
    for (sessions, genuine, expected) in &*GENUINE {
        for text in texts(input, genuine) {
            assert!(claims_of(sessions, &text).is_none_or(|claims| claims == *expected));
        }
    }
}

/// A refresh token that is still believed is the genuine one's session.
pub(crate) fn refresh(input: &[u8]) {
    static GENUINE: LazyLock<(Sessions, String, String)> = LazyLock::new(|| sessions(AccessAlgorithm::EdDsa));
    let (sessions, _, genuine) = &*GENUINE;
    for text in texts(input, genuine) {
        if let Ok(VerifiedRefresh { session, .. }) = sessions.open_refresh(&text, NOW) {
            assert_eq!((session.recipient, &*session.subject, &*session.epoch), (recipient("ann"), "42", ""));
        }
    }
}

/// A session cookie that is still believed is the genuine one's session.
pub(crate) fn session(input: &[u8]) {
    static GENUINE: LazyLock<(SessionCookies, Session, String)> = LazyLock::new(|| {
        let (user, recipient) = (serde_json::from_str(r#"{"id":"42","is_active":true}"#).unwrap(), recipient("ann"));
        let id = SessionId::new(&challenge().id, 2);
        let session = Login::new(id, &user, &recipient, Amr::of_message(Channel::Email)).begin(604_800, NOW);
        let cookies = SessionCookies::new(&KEYRING, ISSUER);
        let genuine = cookies.seal(&session, &mut random()).unwrap();
        (cookies, session, genuine)
    });
    let (cookies, expected, genuine) = &*GENUINE;
    for text in texts(input, genuine) {
        assert!(cookies.open(&text, 604_800, NOW).is_none_or(|session| session == *expected));
    }
}

/// Whatever is led back to is of an allowed origin, however it is read again, and reads the same.
pub(crate) fn return_to(input: &[u8]) {
    static DESTINATIONS: LazyLock<Destinations> = LazyLock::new(|| {
        let others = ["https://app.example.com", "https://*.example.com"];
        let others = others.map(|text| Destination::parse(text, Some("example.com")).unwrap());
        Destinations::new([&PublicUrl::parse("https://login.example.com").unwrap()], others.into())
    });
    for text in texts(input, "https://app.example.com:443/path?return_to=https://evil.example/#here") {
        if let Given::Once(given) = Given::in_query(&format!("return_to={text}")) {
            leads_to_ours(&DESTINATIONS, &given);
        }
        leads_to_ours(&DESTINATIONS, &text);
    }
}

fn leads_to_ours(destinations: &Destinations, text: &str) {
    let Ok(address) = destinations.judge(text) else { return };
    let told = address.as_str();
    let rest = told.strip_prefix(address.origin()).expect("an address begins with its origin");
    let host = address.origin().strip_prefix("https://").expect("all of these are https");
    assert!(host.ends_with(".example.com") && !host.starts_with('.') && !host.contains([':', '@', '%', '\\']), "{told}");
    assert!(rest.starts_with('/') && told.bytes().all(|byte| byte.is_ascii_graphic()), "{told}");
    assert_eq!(destinations.judge(told).as_ref(), Ok(&address));
}

/// A cookie that is still believed names the genuine device, and any cookie can be replaced by a good one.
pub(crate) fn device(input: &[u8]) {
    static GENUINE: LazyLock<(Devices, String)> = LazyLock::new(|| {
        let devices = Devices::new(&KEYRING);
        let cookie = devices.remember(&[], &recipient("bob"), "epoch", DeviceId(2), NOW);
        let cookie = devices.remember(&[&cookie], &recipient("ann"), "epoch", DeviceId(1), NOW);
        (devices, cookie)
    });
    let (devices, genuine) = &*GENUINE;
    let known = |cookie: &str, name: &str| {
        let claimed = devices.claimed(cookie, &recipient(name), NOW)?;
        devices.verify(claimed, &recipient(name), "epoch")
    };
    for cookie in texts(input, genuine) {
        for (name, device) in [("ann", DeviceId(1)), ("bob", DeviceId(2))] {
            assert!(known(&cookie, name).is_none_or(|known| known == device));
        }
        assert_eq!(known(&cookie, "eve"), None);
        let replaced = devices.remember(&[&cookie], &recipient("eve"), "epoch", DeviceId(3), NOW);
        assert_eq!(known(&replaced, "eve"), Some(DeviceId(3)));
        assert_eq!(known(&replaced, "ann"), known(&cookie, "ann"));
    }
}

/// A solution that still counts is a proof of the genuine puzzle, for its recipient.
pub(crate) fn puzzle(input: &[u8]) {
    static GENUINE: LazyLock<(Puzzles, String, Proof)> = LazyLock::new(|| {
        let puzzles = Puzzles::new(&KEYRING);
        let mut payload = serde_json::to_value(puzzles.offer(&recipient("ann"), 0, NOW, &mut random())).unwrap();
        payload["number"] = 0.into();
        let payload = payload.to_string();
        let proof = puzzles.check(&base64(payload.as_bytes()), &recipient("ann"), NOW);
        (puzzles, payload, proof.expect("0 is the only number"))
    });
    let (puzzles, genuine, proof) = &*GENUINE;
    for json in candidates(input, genuine.as_bytes()) {
        let payload = base64(&json);
        assert!(puzzles.check(&payload, &recipient("ann"), NOW).is_none_or(|checked| checked == *proof));
        assert_eq!(puzzles.check(&payload, &recipient("bob"), NOW), None);
    }
    for payload in texts(input, &base64(genuine.as_bytes())) {
        assert!(puzzles.check(&payload, &recipient("ann"), NOW).is_none_or(|checked| checked == *proof));
    }
}

/// A relayed request or answer that still opens is the genuine one, in whatever batch it travels.
pub(crate) fn relay(input: &[u8]) {
    let homes = Homes::new("issuer", ["node"]).id();
    let request = RelayedRequest {
        target: Target::Home("node".into()),
        sender: "node".into(),
        homes,
        client: Client::at([127, 0, 0, 1].into()),
        method: "POST".into(),
        path: "/".into(),
        headers: vec![("content-type".into(), (*b"application/json").into())],
        body: (*b"{}").into(),
    };
    let answer = Reply::Answer(RelayedAnswer { status: 200, headers: vec![], body: (*b"{}").into() });
    let boot = Incarnation::from_random([7; Incarnation::BYTES]);
    let relays = Relays::new(&KEYRING);
    let (sealed, exchange) = relays.seal(&request, Some(boot), NOW, &mut random());
    let sealed_answer = exchange.seal(homes, &answer, &mut random());
    let mut seen = SeenRequests::new(1);
    for bytes in candidates(input, &sealed) {
        let Ok(opened) = relays.open(UntrustedRequest::new(&bytes), "node", NOW) else { continue };
        let counted = opened.current(boot).expect("it is the genuine one").once(&mut seen, NOW);
        assert!(counted.is_err() || bytes == sealed && counted.is_ok_and(|opened| opened.request == request));
    }
    for bytes in candidates(input, &sealed_answer) {
        assert!(exchange.open(&bytes).is_err() || bytes == sealed_answer);
    }
    let (mut batch, mut answers) = (Vec::new(), Vec::new());
    push_request(&mut batch, b"first");
    push_request(&mut batch, &sealed);
    push_answer(&mut answers, 1, &sealed_answer);
    push_refusal(&mut answers, 0, 403);
    for bytes in candidates(input, &batch) {
        let opens = |sealed: &&[u8]| relays.open(UntrustedRequest::new(sealed), "node", NOW).is_ok();
        assert!(requests(&bytes).is_none_or(|read| read.into_iter().filter(opens).all(|opened| opened == sealed)));
    }
    for bytes in candidates(input, &answers) {
        let (mut whole, mut pieces) = (Answers::new(2, 1000), Answers::new(2, 1000));
        whole.arrive(&bytes);
        let whole: Vec<_> = read_all(&mut whole).collect();
        let pieces = bytes.chunks(input.len() % 7 + 1).flat_map(|piece| {
            pieces.arrive(piece);
            read_all(&mut pieces).collect::<Vec<_>>()
        });
        let pieces: Vec<_> = pieces.collect();
        assert!(whole.len() <= 2);
        assert_eq!(whole, pieces, "how they arrive changes nothing");
        for (_, answer) in whole {
            assert!(exchange.open(&answer).is_err() || answer == sealed_answer);
        }
    }
}

/// The answers that are there, until something is malformed.
fn read_all(answers: &mut Answers) -> impl Iterator<Item = (usize, Vec<u8>)> {
    std::iter::from_fn(|| {
        let answer = answers.next_answer().ok()??;
        Some((answer.position, answer.sealed.unwrap_or_default().to_vec()))
    })
}

fn base64(bytes: &[u8]) -> String {
    countersign::crypto::base64url::encode(bytes)
}

/// A webhook of Telnyx's that is still believed is the genuine one, byte by byte; of one that is signed only names are kept.
pub(crate) fn webhook(input: &[u8]) {
    // Signed by the Ed25519 key whose seed is 32 times 7.
    const KEY: &str = "6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw=";
    const SIGNATURE: &str = "BlWKgdVfTM/bp5yG5xH4QYub9UtSOpJtN02EsA/0t2bBetC+kFfyzZNmDSDTsTzT31Kn1hmCBfqoKIyrMk2CAw==";
    const AT: &str = "1800000000";
    const BODY: &str =
        r#"{"data":{"event_type":"verify.delivered","id":"3bb6321b","payload":{"id":"010d9dee","delivery_status":"delivered"}}}"#;
    let key = PublicKey::parse(KEY).unwrap();
    assert!(key.verify(SIGNATURE, AT, BODY.as_bytes(), NOW).is_ok());
    for signature in texts(input, SIGNATURE) {
        assert!(key.verify(&signature, AT, BODY.as_bytes(), NOW).is_err() || signature == SIGNATURE, "{signature}");
    }
    for at in texts(input, AT) {
        assert!(key.verify(SIGNATURE, &at, BODY.as_bytes(), NOW).is_err() || at == AT, "{at}");
    }
    for body in candidates(input, BODY.as_bytes()) {
        assert!(key.verify(SIGNATURE, AT, &body, NOW).is_err() || body == BODY.as_bytes());
        let Ok(report) = telnyx::read(&body) else { continue };
        assert!(!report.id.trim().is_empty() && report.progress.is_some());
        for kept in [report.provider_id, report.delivery_status].into_iter().flatten() {
            assert!(
                kept.len() <= 64 && kept.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte)),
                "{kept}"
            );
        }
    }
}

/// No word but those of the lists, and none from behind the part that is looked at.
pub(crate) fn user_agent(input: &[u8]) {
    const GENUINE: &[u8] =
        b"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0";
    for sent in candidates(input, GENUINE) {
        let agent = Agent::read(&sent);
        assert!(agent.browser.is_none_or(|browser| Browser::ALL.contains(&browser)));
        assert!(agent.system.is_none_or(|system| System::ALL.contains(&system)));
        let longer = [&sent[..], b" ".repeat(512).as_slice(), b"Vivaldi iPad wv"].concat();
        assert_eq!(Agent::read(&longer), agent);
    }
}
