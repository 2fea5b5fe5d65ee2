//! Proofs of work, in ALTCHA's format (version 1, as `altcha-lib` 1.x and `altcha-lib/v1` have it).
//!
//! salt = nonce (hex) ‖ `?expires=` seconds ‖ `&root=` root id ‖ `&for=` recipient tag ‖ `&`
//! recipient tag = HMAC-SHA-256(puzzle key, (label, channel, recipient, nonce, expires)), cut to 16 bytes
//! challenge = hex(SHA-256(salt ‖ number)), number in decimal
//! signature = hex(HMAC-SHA-256(puzzle key, challenge))
//!
//! The last `&` keeps digits from moving between salt and number (CVE-2025-68113); the salt has this one form besides.
//! Both MACs have one key: a canonical message starts with a zero byte, a challenge never does.

use alloc::{borrow::Cow, format, string::String, vec::Vec};
use core::fmt;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

use crate::{
    crypto::{MacKey, base64url, hex, labels, random},
    keyring::{Keyring, RootId},
    recipient::Recipient,
    time::UnixTime,
};

/// Seconds for which a puzzle may be solved and its solution be used.
pub const LIFETIME: u64 = 60;

/// The most bytes of a solution; a real one has about 500.
const MAX_PAYLOAD: usize = 2048;
const ALGORITHM: &str = "SHA-256";
/// Clients write base64 with or without padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent).with_decode_allow_trailing_bits(true),
);

/// A puzzle that was solved for this recipient; the guard counts each once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Names the puzzle: its nonce.
    pub id: [u8; 16],
    /// When it ends.
    pub expires_at: UnixTime,
}

/// Makes puzzles and checks their solutions.
pub struct Puzzles {
    keys: Vec<(RootId, MacKey)>,
}

/// An ALTCHA challenge, as its clients take it.
#[derive(Clone, Debug, Serialize)]
pub struct Puzzle {
    algorithm: &'static str,
    challenge: String,
    maxnumber: u32,
    salt: String,
    signature: String,
}

/// What an ALTCHA client sends. Members that we don't need, such as `took`, are passed over.
#[derive(Deserialize)]
struct Solution<'a> {
    #[serde(borrow)]
    algorithm: Cow<'a, str>,
    #[serde(borrow)]
    challenge: Cow<'a, str>,
    number: u32,
    #[serde(borrow)]
    salt: Cow<'a, str>,
    #[serde(borrow)]
    signature: Cow<'a, str>,
}

struct Salt {
    nonce: [u8; 16],
    expires_at: UnixTime,
    root: RootId,
    tag: [u8; 16],
}

impl Puzzles {
    /// With the keys of every root.
    #[must_use]
    pub fn new(keyring: &Keyring) -> Self {
        let key = |root: &crate::keyring::Root| (root.id(), MacKey::new(&root.derive(labels::PUZZLE_KEY)));
        Self { keys: keyring.roots().iter().map(key).collect() }
    }

    /// A puzzle that only counts for `recipient`, and for a minute: a number from 0 to `max_number` is to be found.
    pub fn offer(&self, recipient: &Recipient, max_number: u32, now: UnixTime, random: &mut impl CryptoRng) -> Puzzle {
        let (root, key) = &self.keys[0];
        let nonce = random::bytes(random);
        let number = (u64::from(random.next_u32()) * (u64::from(max_number) + 1)) >> 32;

        let mut salt = Salt { nonce, expires_at: now.plus(LIFETIME), root: *root, tag: [0; 16] };
        salt.tag = salt.tag_for(key, recipient);
        let salt = format!("{salt}");
        let challenge = challenge(&salt, number);
        let signature = hex::encode(key.of_message(challenge.as_bytes()).as_bytes());
        Puzzle { algorithm: ALGORITHM, challenge, maxnumber: max_number, salt, signature }
    }

    /// Checks the payload that an ALTCHA client sends: base64 of JSON, in either alphabet, padded or not.
    #[must_use]
    pub fn check(&self, payload: &str, recipient: &Recipient, now: UnixTime) -> Option<Proof> {
        if payload.len() > MAX_PAYLOAD {
            return None;
        }
        let json = LENIENT.decode(payload.trim().replace('-', "+").replace('_', "/")).ok()?;
        let solution: Solution<'_> = serde_json::from_slice(&json).ok()?;
        let salt = Salt::parse(&solution.salt)?;
        if solution.algorithm != ALGORITHM || salt.expires_at <= now {
            return None;
        }
        let (_, key) = self.keys.iter().find(|(root, _)| *root == salt.root)?;
        let challenge = challenge(&solution.salt, u64::from(solution.number));
        let signature = hex::encode(key.of_message(challenge.as_bytes()).as_bytes());
        let right = salt.tag_for(key, recipient).ct_eq(&salt.tag)
            & challenge.as_bytes().ct_eq(solution.challenge.as_bytes())
            & signature.as_bytes().ct_eq(solution.signature.as_bytes());
        bool::from(right).then_some(Proof { id: salt.nonce, expires_at: salt.expires_at })
    }
}

impl Salt {
    /// Reads exactly what [`fmt::Display`] writes.
    fn parse(text: &str) -> Option<Self> {
        let (nonce, rest) = text.split_once("?expires=")?;
        let (expires_at, rest) = rest.split_once("&root=")?;
        let (root, rest) = rest.split_once("&for=")?;
        let salt = Self {
            nonce: u128::from_str_radix(nonce, 16).ok()?.to_be_bytes(),
            expires_at: UnixTime::from_seconds(expires_at.parse().ok()?),
            root: RootId::from_text(root)?,
            tag: base64url::decode_array(rest.strip_suffix('&')?)?,
        };
        // Numbers have more spellings than one.
        (format!("{salt}") == text).then_some(salt)
    }

    fn tag_for(&self, key: &MacKey, recipient: &Recipient) -> [u8; 16] {
        let fields = key.begin(labels::PUZZLE_RECIPIENT).text(recipient.channel().as_str()).text(recipient.as_str());
        let mac = fields.bytes(&self.nonce).number(self.expires_at.as_seconds()).mac();
        *mac.as_bytes().first_chunk().expect("a MAC has 32 bytes")
    }
}

impl fmt::Display for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (nonce, expires) = (u128::from_be_bytes(self.nonce), self.expires_at.as_seconds());
        write!(f, "{nonce:032x}?expires={expires}&root={}&for={}&", self.root.to_text(), base64url::encode(&self.tag))
    }
}

fn challenge(salt: &str, number: u64) -> String {
    let mut hash = Sha256::new_with_prefix(salt);
    hash.update(format!("{number}"));
    hex::encode(&hash.finalize())
}

impl fmt::Debug for Puzzles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|(root, _)| root)).finish()
    }
}

#[cfg(test)]
mod tests {
    use alloc::{string::ToString, vec};

    use proptest::prelude::*;
    use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
    use serde_json::{Value, json};

    use super::*;

    const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);

    fn puzzles(roots: &[u8]) -> Puzzles {
        Puzzles::new(&Keyring::new(roots.iter().map(|byte| vec![*byte; 32])).unwrap())
    }

    fn ann() -> Recipient {
        Recipient::parse_email("ann@example.com").unwrap()
    }

    fn offer(puzzles: &Puzzles, max_number: u32) -> Value {
        serde_json::to_value(puzzles.offer(&ann(), max_number, NOW, &mut ChaCha8Rng::seed_from_u64(1))).unwrap()
    }

    /// As ALTCHA's clients do it.
    fn solve(puzzle: &Value) -> Value {
        let text = |name: &str| puzzle[name].as_str().unwrap();
        let number =
            (0..=puzzle["maxnumber"].as_u64().unwrap()).find(|n| challenge(text("salt"), *n) == text("challenge")).unwrap();
        let [algorithm, challenge, salt, signature] = ["algorithm", "challenge", "salt", "signature"].map(text);
        json!({"algorithm": algorithm, "challenge": challenge, "number": number, "salt": salt, "signature": signature, "took": 1})
    }

    fn check(puzzles: &Puzzles, solution: &Value) -> Option<Proof> {
        let payload = base64::engine::general_purpose::STANDARD.encode(solution.to_string());
        puzzles.check(&payload, &ann(), NOW)
    }

    #[test]
    fn a_solution_is_a_proof() {
        let puzzles = puzzles(b"1");
        let puzzle = offer(&puzzles, 1000);
        assert_eq!(puzzle["algorithm"], "SHA-256");
        assert_eq!(puzzle["maxnumber"], 1000);
        assert!(puzzle["salt"].as_str().unwrap().ends_with('&'));
        let proof = check(&puzzles, &solve(&puzzle)).unwrap();
        assert_eq!(proof.expires_at, NOW.plus(LIFETIME));
        let nonce = hex::encode(&proof.id);
        assert!(puzzle["salt"].as_str().unwrap().starts_with(&format!("{nonce}?expires=1800000060&")));
        assert!(check(&puzzles, &solve(&offer(&puzzles, 0))).is_some(), "the least puzzle");
    }

    #[test]
    fn numbers_reach_from_0_to_the_largest() {
        let (puzzles, mut random) = (puzzles(b"1"), ChaCha8Rng::seed_from_u64(2));
        let mut seen = [0; 3];
        for _ in 0..300 {
            let puzzle = serde_json::to_value(puzzles.offer(&ann(), 2, NOW, &mut random)).unwrap();
            seen[usize::try_from(solve(&puzzle)["number"].as_u64().unwrap()).unwrap()] += 1;
        }
        assert!(seen.iter().all(|count| (60..140).contains(count)), "{seen:?}");
    }

    #[test]
    fn any_base64() {
        let puzzles = puzzles(b"1");
        let mut solution = solve(&offer(&puzzles, 10));
        for pad in ["", "?", "??", "???>>>"] {
            solution["pad"] = pad.into();
            let text = base64::engine::general_purpose::STANDARD.encode(solution.to_string());
            for payload in [text.clone(), text.replace('=', ""), text.replace('+', "-").replace('/', "_"), format!(" {text}\n")] {
                assert!(puzzles.check(&payload, &ann(), NOW).is_some(), "{payload}");
            }
        }
    }

    #[test]
    fn for_one_recipient_and_one_minute() {
        let puzzles = puzzles(b"1");
        let payload = base64url::encode(solve(&offer(&puzzles, 10)).to_string().as_bytes());
        assert!(puzzles.check(&payload, &ann(), NOW.plus(LIFETIME - 1)).is_some());
        assert!(puzzles.check(&payload, &ann(), NOW.plus(LIFETIME)).is_none());
        let bob = Recipient::parse_email("bob@example.com").unwrap();
        assert!(puzzles.check(&payload, &bob, NOW).is_none());
        let mobile = Recipient::from_canonical(crate::recipient::Channel::Mobile, "ann@example.com");
        assert!(puzzles.check(&payload, &mobile, NOW).is_none(), "the same text on another channel");
    }

    #[test]
    fn roots_are_named() {
        let solution = solve(&offer(&puzzles(b"1"), 10));
        assert!(check(&puzzles(b"21"), &solution).is_some(), "rotated");
        assert!(check(&puzzles(b"2"), &solution).is_none(), "removed");
    }

    #[test]
    fn digits_dont_move_between_salt_and_number() {
        // CVE-2025-68113: one solution must not be readable as another puzzle's, with a later end.
        let puzzles = puzzles(b"1");
        let mut solution = solve(&offer(&puzzles, 1000));
        solution["number"] = 123.into();
        let salt = solution["salt"].as_str().unwrap().to_string();
        solution["challenge"] = challenge(&salt, 123).into();
        solution["signature"] =
            hex::encode(puzzles.keys[0].1.of_message(solution["challenge"].as_str().unwrap().as_bytes()).as_bytes()).into();
        assert!(check(&puzzles, &solution).is_some(), "signed with our key");
        for (moved, number) in
            [(format!("{salt}1"), 23), (format!("{salt}12"), 3), (format!("{salt}0"), 123), (salt[..salt.len() - 1].into(), 123)]
        {
            (solution["salt"], solution["number"]) = (moved.into(), number.into());
            assert!(check(&puzzles, &solution).is_none(), "{solution}");
        }
    }

    #[test]
    fn one_spelling_of_a_salt() {
        let puzzles = puzzles(b"1");
        let puzzle = offer(&puzzles, 10);
        let salt = puzzle["salt"].as_str().unwrap();
        assert!(Salt::parse(salt).is_some());
        let others = [
            salt.to_ascii_uppercase(),
            format!("+{}", &salt[1..]),
            format!("0{salt}"),
            salt.replace("expires=", "expires=0"),
            salt.replace("expires=", "expires=+"),
            salt.replace("?expires", "?expires=9&expires"),
            salt.replace("&for=", "&x=1&for="),
            salt.replace("&root", "&&root"),
            format!("{salt}&"),
            format!("{salt}expires=9&"),
        ];
        for other in others {
            assert!(Salt::parse(&other).is_none(), "{other}");
        }
    }

    #[test]
    fn forged_solutions() {
        let puzzles = puzzles(b"1");
        let good = solve(&offer(&puzzles, 1000));
        assert!(check(&puzzles, &good).is_some());
        for name in ["algorithm", "challenge", "number", "salt", "signature"] {
            for value in [
                json!(null),
                json!(""),
                json!(0),
                json!("0"),
                json!(-1),
                json!(1.5),
                json!(4_294_967_296_u64),
                json!([]),
                json!("SHA-512"),
            ] {
                let mut forged = good.clone();
                forged[name] = value;
                assert!(check(&puzzles, &forged).is_none(), "{forged}");
            }
            let mut forged = good.clone();
            forged.as_object_mut().unwrap().remove(name);
            assert!(check(&puzzles, &forged).is_none(), "no {name}");
        }
        for name in ["challenge", "salt", "signature"] {
            let text = good[name].as_str().unwrap();
            for at in 0..text.len() {
                let mut forged = good.clone();
                let replaced = if &text[at..=at] == "0" { "1" } else { "0" };
                forged[name] = format!("{}{replaced}{}", &text[..at], &text[at + 1..]).into();
                assert!(check(&puzzles, &forged).is_none(), "{name} {at}");
            }
        }
        let mut forged = good.clone();
        forged["signature"] = good["signature"].as_str().unwrap().to_ascii_uppercase().into();
        assert!(check(&puzzles, &forged).is_none());
        assert!(check(&puzzles, &json!([good])).is_none());
    }

    #[test]
    fn huge_payloads_are_not_read() {
        assert!(puzzles(b"1").check(&"A".repeat(10_000_000), &ann(), NOW).is_none());
        let mut padded = solve(&offer(&puzzles(b"1"), 10));
        padded["pad"] = "x".repeat(MAX_PAYLOAD).into();
        assert!(check(&puzzles(b"1"), &padded).is_none());
    }

    #[test]
    fn frozen() {
        // Solved by PyPI's altcha 2.3.0 (altcha.v1), whose verify_solution accepts it too, with our derived key.
        let payload = "\
            eyJhbGdvcml0aG0iOiAiU0hBLTI1NiIsICJjaGFsbGVuZ2UiOiAiNDdhZmQ0OGE2ZmFmYjkwODAzMjY1ZWEwNTU3ZGMyMTg5ZDExY2Y2NjdhY2Mz\
            OGM0NTgyNjA1M2VlMjExM2RkMiIsICJudW1iZXIiOiAyMTEsICJzYWx0IjogImIxMGRhNDhjZWE0YzA5Njc2YjhlMGVmY2Q4MDY5NDE0P2V4cGly\
            ZXM9MTgwMDAwMDA2MCZyb290PUxNQnlOLTZoJmZvcj1abHN1d0VSVHhGRHg4OFlFbVl2djV3JiIsICJzaWduYXR1cmUiOiAiMjZkYzBkNzdmYWE4\
            MTlkNDhlODkwZjI2OWExMDE3ZmQwZWIxN2ZjNmYwMzZhNGEyMWJjNjBmNTQ3MzZkNjQxZSJ9";
        let proof = puzzles(b"1").check(payload, &ann(), NOW).unwrap();
        assert_eq!(hex::encode(&proof.id), "b10da48cea4c09676b8e0efcd8069414");
        assert_eq!(proof.expires_at, NOW.plus(LIFETIME));
    }

    proptest! {
        #[test]
        fn no_payload_is_a_proof_by_chance(payload in ".{0,60}|[A-Za-z0-9+/=_-]{0,600}", json in "\\{\"algorithm\":\"SHA-256\",\"challenge\":\"[0-9a-f]{64}\",\"number\":[0-9]{1,6},\"salt\":\"[0-9a-f]{32}\\?expires=[0-9]{10}&root=[A-Za-z]{8}&for=[A-Za-z]{21}A&\",\"signature\":\"[0-9a-f]{64}\"\\}") {
            let puzzles = puzzles(b"1");
            prop_assert!(puzzles.check(&payload, &ann(), NOW).is_none());
            prop_assert!(puzzles.check(&base64url::encode(json.as_bytes()), &ann(), NOW).is_none());
        }
    }
}
