//! Attacks on envelopes: nothing but what the fleet made, for this recipient, is believed.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use countersign::{
    challenge::{
        Binding, Challenge, ChallengeId, Challenges, Forged, GuardId, UntrustedEnvelope, Use, VerifiedChallenge, Verifier,
    },
    crypto::Secret,
    edge::EnvelopeInvalid,
    keyring::{EnvelopeFormat, SigningKey},
    recipient::{Channel, Recipient},
};
use proptest::prelude::*;

use crate::given::{ISSUER, NOW, challenge, challenges, code_format, envelope_verifier, keyring, recipient};

const FORMATS: [EnvelopeFormat; 3] = [EnvelopeFormat::EdDsa, EnvelopeFormat::Es256, EnvelopeFormat::V4Public];

/// `iss aud jti iat exp use channel fmt guard bind mac`, in the envelope's order, as JSON texts.
type Claims = Vec<(String, String)>;

fn envelope(format: EnvelopeFormat) -> String {
    let challenges = challenges(format);
    challenges.sign(&challenges.seal(bound(), recipient()))
}

/// A challenge with every claim in use.
fn bound() -> Challenge {
    Challenge { binding: Binding::from_text("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"), ..challenge() }
}

fn claims(envelope: &str) -> Claims {
    let payload = BASE64.decode(envelope.split('.').nth(1).unwrap()).unwrap();
    // serde_json sorts an object's members; the order matters here.
    let text = String::from_utf8(payload).unwrap();
    let members = text.strip_prefix('{').unwrap().strip_suffix('}').unwrap();
    let member = |member: &str| {
        let (name, value) = member.split_once(':').unwrap();
        (name.trim_matches('"').to_owned(), value.to_owned())
    };
    members.split(',').map(member).collect()
}

/// The envelope with other claims: same header, same signature.
fn with_claims(envelope: &str, claims: &[(String, String)]) -> String {
    let members: Vec<String> = claims.iter().map(|(name, value)| format!(r#""{name}":{value}"#)).collect();
    let parts: Vec<&str> = envelope.split('.').collect();
    [parts[0], &BASE64.encode(format!("{{{}}}", members.join(","))), parts[2]].join(".")
}

fn authenticate(challenges: &Challenges, envelope: &str, recipient: &Recipient) -> Result<VerifiedChallenge, Forged> {
    challenges.authenticate(UntrustedEnvelope::parse(envelope).ok_or(Forged)?, recipient)
}

/// As the edge does, which has public keys only.
fn verify(format: EnvelopeFormat, envelope: &str) -> Result<Challenge, EnvelopeInvalid> {
    envelope_verifier(&[1], format).verify(envelope, NOW).map(|verified| verified.challenge().clone())
}

/// Neither the engine nor the edge believes it.
#[track_caller]
fn refused(format: EnvelopeFormat, envelope: &str, why: &str) {
    let challenges = challenges(format);
    assert_eq!(authenticate(&challenges, envelope, &recipient()).err(), Some(Forged), "{format:?}, {why}");
    assert_eq!(verify(format, envelope), Err(EnvelopeInvalid), "{format:?}, {why}, at the edge");
}

#[test]
fn what_was_made_is_believed() {
    for format in FORMATS {
        let challenges = challenges(format);
        let envelope = envelope(format);
        let verified = authenticate(&challenges, &envelope, &recipient()).unwrap();
        assert_eq!((verified.challenge(), verified.recipient()), (&bound(), &recipient()));
        assert_eq!(verify(format, &envelope), Ok(bound()));
    }
}

#[test]
fn the_envelope_holds_neither_recipient_nor_code() {
    for format in FORMATS {
        let challenges = challenges(format);
        let verified = challenges.seal(challenge(), recipient());
        let envelope = challenges.sign(&verified);
        let code = challenges.code(&verified, "epoch 7").unwrap();
        for part in envelope.split('.') {
            let bytes = BASE64.decode(part).unwrap_or_default();
            for secret in ["ann@", "example.com", "epoch 7", code.expose()] {
                let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
                assert!(!found, "{format:?} shows {secret}");
            }
        }
    }
}

#[test]
fn every_claim_altered() {
    let alterations: [(&str, &[&str]); 11] = [
        ("iss", &[r#""https://login.example/""#, r#""https://other.example""#, r#""""#, "1", "null"]),
        ("aud", &[r#""https://api.example""#, r#"["countersign-challenge"]"#, r#""Countersign-challenge""#]),
        ("jti", &[r#""AAAAAAAAAAAAAAAAAAAAAA""#, r#""MDEyMzQ1Njc4OWFiY2RlZh""#, r#""""#]),
        ("iat", &["1799999999", "1800000001", "0", "01800000000", "1800000000.0", "1.8e9", "-1", "18446744073709551616"]),
        ("exp", &["1800000601", "1800000599", "18446744073709551615", r#""1800000600""#]),
        ("use", &[r#""external""#, r#""Code""#, r#""""#]),
        ("channel", &[r#""mobile""#, r#""sms""#]),
        ("fmt", &[r#""5:numeric""#, r#""7:numeric""#, r#""6:base20""#, r#""06:numeric""#, r#""6:0123456789""#, r#""6:1""#]),
        ("guard", &[r#""node-2.0011223344556677""#, r#""node-1.0011223344556678""#, r#""node-1""#, r#""no de.1""#]),
        ("bind", &[r#""""#, r#""AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA""#, r#""E9""#]),
        ("mac", &[r#""AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA""#, r#""""#]),
    ];
    for format in [EnvelopeFormat::EdDsa, EnvelopeFormat::Es256] {
        let envelope = envelope(format);
        let claims = claims(&envelope);
        assert_eq!(claims.iter().map(|(name, _)| &**name).collect::<Vec<_>>(), alterations.map(|(name, _)| name));
        assert_eq!(with_claims(&envelope, &claims), envelope, "the tool that alters is exact");
        for (at, (name, values)) in alterations.iter().enumerate() {
            for value in *values {
                let mut altered = claims.clone();
                assert_ne!(altered[at].1, *value);
                altered[at].1 = (*value).to_owned();
                refused(format, &with_claims(&envelope, &altered), &format!("{name} = {value}"));
            }
        }
    }
}

#[test]
fn every_claim_removed_repeated_moved_or_added() {
    for format in [EnvelopeFormat::EdDsa, EnvelopeFormat::Es256] {
        let envelope = envelope(format);
        let claims = claims(&envelope);
        for at in 0..claims.len() {
            let name = &claims[at].0;
            let mut altered = claims.clone();
            let claim = altered.remove(at);
            refused(format, &with_claims(&envelope, &altered), &format!("without {name}"));
            for place in 0..=altered.len() {
                let mut moved = altered.clone();
                moved.insert(place, claim.clone());
                if moved != claims {
                    refused(format, &with_claims(&envelope, &moved), &format!("{name} at {place}"));
                }
                let mut repeated = claims.clone();
                repeated.insert(place, claim.clone());
                refused(format, &with_claims(&envelope, &repeated), &format!("{name} twice"));
                let mut added = claims.clone();
                added.insert(place, ("nbf".into(), "1".into()));
                refused(format, &with_claims(&envelope, &added), "a claim that no envelope has");
            }
        }
        refused(format, &with_claims(&envelope, &[]), "no claims");
    }
}

#[test]
fn other_spellings_of_the_same_claims() {
    let format = EnvelopeFormat::EdDsa;
    let envelope = envelope(format);
    let parts: Vec<&str> = envelope.split('.').collect();
    let payload = String::from_utf8(BASE64.decode(parts[1]).unwrap()).unwrap();
    for (from, to) in [
        (r#"{"iss""#, r#"{ "iss""#),
        (r#""code""#, r#""\u0063ode""#),
        (r#""https:"#, r#""https\u003a"#),
        (r#""https://"#, r#""https:\/\/"#),
        (r#""6:numeric""#, r#""\u0036:numeric""#),
        ("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cN"),
    ] {
        assert!(payload.contains(from));
        let altered = [parts[0], &BASE64.encode(payload.replacen(from, to, 1)), parts[2]].join(".");
        refused(format, &altered, to);
    }
    refused(format, &[parts[0], &BASE64.encode(format!("{payload} ")), parts[2]].join("."), "white space at the end");
    refused(format, &[parts[0], &format!("{}=", parts[1]), parts[2]].join("."), "padding");
    refused(format, &format!("{envelope}.{}", parts[2]), "a fourth part");
    refused(format, &[parts[0], parts[1]].join("."), "two parts");
}

#[test]
fn paseto_altered_byte_by_byte() {
    let format = EnvelopeFormat::V4Public;
    let envelope = envelope(format);
    let parts: Vec<&str> = envelope.split('.').collect();
    let body = BASE64.decode(parts[2]).unwrap();
    let challenges = challenges(format);
    for at in 0..body.len() {
        let mut altered = body.clone();
        altered[at] ^= 1;
        let altered = ["v4", "public", &BASE64.encode(altered), parts[3]].join(".");
        assert_eq!(verify(format, &altered), Err(EnvelopeInvalid), "byte {at}");
        if at < body.len() - 64 {
            assert!(authenticate(&challenges, &altered, &recipient()).is_err(), "byte {at}");
        }
    }
    for footer in ["", "{}", r#"{"kid":"k4.pid.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#] {
        refused(format, &["v4", "public", parts[2], &BASE64.encode(footer)].join("."), "another footer");
    }
    refused(format, &["v4", "public", parts[2]].join("."), "no footer");
    refused(format, &["v3", "public", parts[2], parts[3]].join("."), "another version");
    refused(format, &["v4", "local", parts[2], parts[3]].join("."), "another purpose");
}

#[test]
fn the_signature_replaced() {
    for format in [EnvelopeFormat::EdDsa, EnvelopeFormat::Es256] {
        let envelope = envelope(format);
        let (signed, signature) = envelope.rsplit_once('.').unwrap();
        let other = challenges(format).sign(&challenges(format).seal(challenge(), recipient()));
        let by_another_key = match format {
            EnvelopeFormat::Es256 => SigningKey::p256(&Secret::new([5; 48])),
            _ => SigningKey::ed25519(&Secret::new([5; 32])),
        };
        let replacements = [
            other.rsplit_once('.').unwrap().1.to_owned(),
            BASE64.encode(by_another_key.sign(signed.as_bytes())),
            BASE64.encode([0; 64]),
        ];
        for replacement in replacements {
            let altered = format!("{signed}.{replacement}");
            assert_eq!(verify(format, &altered), Err(EnvelopeInvalid), "{format:?}");
            // The engine relies on the MAC, which is under the signature; only the owner of the challenge gets through.
            assert!(authenticate(&challenges(format), &altered, &recipient()).is_ok());
            let mallory = Recipient::parse_email("mallory@example.com").unwrap();
            assert!(authenticate(&challenges(format), &altered, &mallory).is_err());
        }
        let bytes = BASE64.decode(signature).unwrap();
        for replacement in [
            BASE64.encode([]),
            BASE64.encode(&bytes[..63]),
            BASE64.encode([&bytes[..], b"x"].concat()),
            format!("{signature}A"),
            format!("{signature}=="),
            format!("{signature}\",\"access\":\"x"),
            format!("{signature}; Domain=example.com"),
            format!("{signature}\r\n"),
        ] {
            refused(format, &format!("{signed}.{replacement}"), "a signature of another form");
        }
    }
}

#[test]
fn the_header_altered() {
    for format in [EnvelopeFormat::EdDsa, EnvelopeFormat::Es256] {
        let envelope = envelope(format);
        let (header, rest) = envelope.split_once('.').unwrap();
        let header = String::from_utf8(BASE64.decode(header).unwrap()).unwrap();
        let alg = if format == EnvelopeFormat::Es256 { "ES256" } else { "EdDSA" };
        for (from, to) in [
            (alg, "none"),
            (alg, "None"),
            (alg, "HS256"),
            (alg, if alg == "ES256" { "EdDSA" } else { "ES256" }),
            ("challenge+jwt", "at+jwt"),
            ("challenge+jwt", "JWT"),
            ("challenge+jwt", "CHALLENGE+JWT"),
            (r#","typ":"challenge+jwt""#, ""),
            (r#""kid":""#, r#""kid":"x"#),
            (r#"{"alg""#, r#"{"crit":["x"],"alg""#),
            (r#"{"alg""#, r#"{ "alg""#),
        ] {
            assert!(header.contains(from), "{header} has {from}");
            refused(format, &format!("{}.{rest}", BASE64.encode(header.replacen(from, to, 1))), to);
        }
        refused(format, &format!(".{rest}"), "no header");
    }
}

#[test]
fn alg_none_without_a_signature() {
    let envelope = envelope(EnvelopeFormat::EdDsa);
    let payload = envelope.split('.').nth(1).unwrap();
    let header = BASE64.encode(r#"{"alg":"none","typ":"challenge+jwt"}"#);
    refused(EnvelopeFormat::EdDsa, &format!("{header}.{payload}."), "alg none");
}

#[test]
fn a_format_that_is_not_the_configured_one() {
    for made in FORMATS {
        for configured in FORMATS {
            if made != configured {
                refused(configured, &envelope(made), &format!("made as {made:?}"));
            }
        }
    }
}

#[test]
fn fields_moved_across_a_boundary() {
    let challenges = challenges(EnvelopeFormat::EdDsa);
    let guard = |text: &str| GuardId::new(text).unwrap();
    let email = |text: &str| Recipient::parse_email(text).unwrap();
    let with = |characters: &str, length: u8, guard: GuardId| Challenge {
        format: Some(code_format(characters, length)),
        guard,
        ..challenge()
    };
    // Each pair has the same bytes once the boundaries between neighbouring fields are gone.
    let pairs = [
        ((with("abc", 6, guard("n.1")), email("xann@example.com")), (with("abc", 6, guard("n.1x")), email("ann@example.com"))),
        ((with("abcn", 6, guard("n.1")), email("ann@example.com")), (with("abc", 6, guard("nn.1")), email("ann@example.com"))),
    ];
    for ((made, made_for), (claimed, claimed_for)) in pairs {
        let envelope = challenges.sign(&challenges.seal(made, made_for.clone()));
        let wanted = challenges.sign(&challenges.seal(claimed, claimed_for.clone()));
        let mut shifted = claims(&wanted);
        shifted.last_mut().unwrap().1 = claims(&envelope).last().unwrap().1.clone();
        let shifted = with_claims(&wanted, &shifted);
        assert!(authenticate(&challenges, &envelope, &made_for).is_ok());
        assert!(authenticate(&challenges, &wanted, &claimed_for).is_ok());
        for recipient in [&made_for, &claimed_for] {
            assert_eq!(authenticate(&challenges, &shifted, recipient).err(), Some(Forged));
        }
        assert_eq!(authenticate(&challenges, &envelope, &claimed_for).is_ok(), made_for == claimed_for);
    }
}

#[test]
fn a_binding_is_no_part_of_guard_or_recipient() {
    let challenges = challenges(EnvelopeFormat::EdDsa);
    // A binding whose bytes are text, moved in front of the recipient and behind the guard.
    let text = "a23456789b123456789c123456789d12";
    let binding = Binding::from_text(&BASE64.encode(text)).unwrap();
    let made = challenges.seal(Challenge { binding: Some(binding), ..challenge() }, recipient());
    let mac = claims(&challenges.sign(&made)).pop().unwrap();
    let moved_to_recipient = Recipient::parse_email(&format!("{text}ann@example.com")).unwrap();
    let moved_to_guard = GuardId::new(format!("node-1.0011223344556677{text}")).unwrap();
    for (challenge, recipient) in
        [(challenge(), moved_to_recipient), (Challenge { guard: moved_to_guard, ..challenge() }, recipient())]
    {
        let wanted = challenges.sign(&challenges.seal(challenge, recipient.clone()));
        let mut claims = claims(&wanted);
        *claims.last_mut().unwrap() = mac.clone();
        assert_eq!(authenticate(&challenges, &with_claims(&wanted, &claims), &recipient).err(), Some(Forged));
    }
}

#[test]
fn another_recipient() {
    for format in FORMATS {
        let challenges = challenges(format);
        let envelope = envelope(format);
        for other in ["bob@example.com", "ann@example.org", "ann@mail.example.com", "an@example.com", "ann@example.comm"] {
            let other = Recipient::parse_email(other).unwrap();
            assert_eq!(authenticate(&challenges, &envelope, &other).err(), Some(Forged), "{format:?}");
        }
    }
}

/// A pile of envelopes for throwaway addresses gives no guess at a victim: a code never comes from another envelope.
#[test]
fn envelopes_of_throwaway_addresses() {
    let challenges = challenges(EnvelopeFormat::EdDsa);
    let victim = recipient();
    for at in 0..100 {
        let throwaway = Recipient::parse_email(&format!("throwaway{at}@example.net")).unwrap();
        let envelope = challenges.sign(&challenges.seal(challenge(), throwaway));
        assert_eq!(authenticate(&challenges, &envelope, &victim).err(), Some(Forged));
    }
}

#[cfg(feature = "mobile")]
#[test]
fn another_channel() {
    let number = Recipient::of_stored(Channel::Mobile, "+13035551234").unwrap();
    let challenges = challenges(EnvelopeFormat::EdDsa);
    let mobile = Challenge { channel: Channel::Mobile, ..challenge() };
    let envelope = challenges.sign(&challenges.seal(mobile.clone(), number.clone()));
    assert!(authenticate(&challenges, &envelope, &number).is_ok());
    assert!(authenticate(&challenges, &envelope, &recipient()).is_err());
    // A channel that isn't the recipient's is refused even with the right MAC.
    let mixed = challenges.sign(&challenges.seal(challenge(), number.clone()));
    assert!(authenticate(&challenges, &mixed, &number).is_err());
}

#[test]
fn another_issuer() {
    for format in FORMATS {
        let other = Challenges::new(&keyring(&[1]), "https://other.example", format);
        let envelope = other.sign(&other.seal(challenge(), recipient()));
        refused(format, &envelope, "the same secret, another issuer");
    }
}

#[test]
fn another_fleet() {
    for format in FORMATS {
        let other = Challenges::new(&keyring(&[2]), ISSUER, format);
        let envelope = other.sign(&other.seal(challenge(), recipient()));
        refused(format, &envelope, "another secret");
    }
}

#[test]
fn rotated_secrets_are_accepted_until_they_are_removed() {
    for format in FORMATS {
        let old = challenges(format);
        let verified = old.seal(challenge(), recipient());
        let envelope = old.sign(&verified);
        let rotated = Challenges::new(&keyring(&[2, 1]), ISSUER, format);
        let again = authenticate(&rotated, &envelope, &recipient()).unwrap();
        let code = |challenges: &Challenges, of| challenges.code(of, "e").unwrap().expose().to_owned();
        assert_eq!(code(&rotated, &again), code(&old, &verified), "the code is the old root's");
        assert!(envelope_verifier(&[2, 1], format).verify(&envelope, NOW).is_ok());
        assert!(envelope_verifier(&[2], format).verify(&envelope, NOW).is_err());
        let removed = Challenges::new(&keyring(&[2]), ISSUER, format);
        assert!(authenticate(&removed, &envelope, &recipient()).is_err());
    }
}

#[test]
fn expired_by_a_second() {
    let verified = challenges(EnvelopeFormat::EdDsa).seal(challenge(), recipient());
    assert!(!verified.is_expired(NOW.plus(599)));
    assert!(verified.is_expired(NOW.plus(600)), "exp is the first second at which it is refused");
    assert!(verified.is_expired(NOW.plus(601)));
}

#[test]
fn a_code_of_an_older_envelope() {
    let challenges = challenges(EnvelopeFormat::EdDsa);
    let newer = |at: u8| Challenge { id: ChallengeId::from_random([at; 16]), ..challenge() };
    let [old, new] = [1, 2].map(|at| challenges.seal(newer(at), recipient()));
    let [old_code, new_code] = [&old, &new].map(|verified| challenges.code(verified, "e").unwrap());
    let format = challenge().format.unwrap();
    assert!(new_code.matches(new_code.expose(), format.alphabet()));
    assert!(!new_code.matches(old_code.expose(), format.alphabet()));
    assert_eq!(challenges.code(&old, "e").unwrap().expose(), old_code.expose(), "the same envelope, the same code");
    assert_ne!(challenges.code(&old, "f").unwrap().expose(), old_code.expose(), "another epoch of the user");
}

#[test]
fn one_claim_makes_another_code() {
    let challenges = challenges(EnvelopeFormat::EdDsa);
    let long = Challenge { format: Some(code_format("0123456789", 30)), ..challenge() };
    let code = |challenge: &Challenge| {
        challenges.code(&challenges.seal(challenge.clone(), recipient()), "").unwrap().expose().to_owned()
    };
    let first = code(&long);
    for other in [
        Challenge { id: ChallengeId::from_random([0; 16]), ..long.clone() },
        Challenge { issued_at: NOW.plus(1), ..long.clone() },
        Challenge { expires_at: NOW.plus(601), ..long.clone() },
        Challenge { usage: Use::EXTERNAL, ..long.clone() },
        Challenge { guard: GuardId::new("node-1.1011223344556677").unwrap(), ..long.clone() },
        bound(),
    ] {
        assert_ne!(code(&other), first);
    }
}

#[test]
fn a_bound_challenge_needs_its_verifier() {
    let binding = bound().binding.unwrap();
    assert!(binding.is_met_by(Verifier::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").unwrap()));
    assert!(!binding.is_met_by(Verifier::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXK").unwrap()));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "(v4\\.public\\.)?[A-Za-z0-9_.=-]{0,200}|.{0,60}") {
        prop_assert!(UntrustedEnvelope::parse(&text).is_none());
    }

    #[test]
    fn an_envelope_with_one_character_changed(at in any::<prop::sample::Index>(), character in "[A-Za-z0-9_.-]", format in 0..3_usize) {
        let format = FORMATS[format];
        let envelope = envelope(format);
        let at = at.index(envelope.len());
        let mut altered = envelope.clone();
        altered.replace_range(at..=at, &character);
        prop_assume!(altered != envelope);
        prop_assert!(verify(format, &altered).is_err());
    }
}

#[test]
fn a_challenge_whose_code_somebody_else_makes_has_no_format_and_no_code() {
    for format in FORMATS {
        let challenges = challenges(format);
        let external = Challenge { usage: Use::EXTERNAL, format: None, ..challenge() };
        let sealed = challenges.seal(external.clone(), recipient());
        let envelope = challenges.sign(&sealed);
        let read = authenticate(&challenges, &envelope, &recipient()).unwrap();
        assert_eq!(*read.challenge(), external);
        assert_eq!(verify(format, &envelope), Ok(external.clone()));
        assert!(challenges.code(&read, "e").is_none());
        let payload = BASE64.decode(envelope.split('.').nth_back(1).unwrap()).unwrap();
        assert!(!payload.windows(3).any(|window| window == b"fmt"), "{format:?}");
    }
}

#[test]
fn a_format_can_neither_be_added_to_an_envelope_nor_taken_away() {
    let format = EnvelopeFormat::EdDsa;
    let challenges = challenges(format);
    let without = challenges.sign(&challenges.seal(Challenge { format: None, ..challenge() }, recipient()));
    let with = challenges.sign(&challenges.seal(challenge(), recipient()));
    let claims = |envelope: &str| String::from_utf8(BASE64.decode(envelope.split('.').nth(1).unwrap()).unwrap()).unwrap();
    let added = claims(&without).replace(r#","guard""#, r#","fmt":"6:numeric","guard""#);
    let taken = claims(&with).replace(r#""fmt":"6:numeric","#, "");
    for (envelope, altered) in [(without, added), (with, taken)] {
        let parts: Vec<&str> = envelope.split('.').collect();
        let altered = [parts[0], &BASE64.encode(altered), parts[2]].join(".");
        assert!(UntrustedEnvelope::parse(&altered).is_some(), "it has the form of an envelope");
        refused(format, &altered, "a format that was added or taken away");
    }
}

#[test]
fn a_use_of_one_s_own_comes_back() {
    for format in FORMATS {
        let challenges = challenges(format);
        let own = Challenge { usage: Use::named("x-badge"), format: None, ..challenge() };
        let envelope = challenges.sign(&challenges.seal(own.clone(), recipient()));
        assert_eq!(*authenticate(&challenges, &envelope, &recipient()).unwrap().challenge(), own);
    }
}
