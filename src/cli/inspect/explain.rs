//! What a token is and what it states. Codes, keys and whole recipients are never among it.

use serde_json::Value;

use super::verifier::Verifier;
use crate::{
    challenge::{CHALLENGE_AUDIENCE, Challenge, UntrustedEnvelope, UntrustedLink, Use},
    crypto::{base64url, jws::Compact, paseto},
    time::UnixTime,
    token::{VerifiedRefresh, untrusted_root},
};

const NO_SECRET: &str = "no secret is configured";

/// A token, taken apart.
#[derive(Debug)]
pub(super) struct Explained {
    /// What it is.
    pub(super) kind: &'static str,
    /// What is known about it, line by line.
    pub(super) facts: Vec<(&'static str, String)>,
    /// Its claims as JSON, for tokens whose claims anyone may read.
    pub(super) claims: Option<String>,
    /// When it ends, where it says so.
    pub(super) expires_at: Option<UnixTime>,
    /// What is to be thought of it.
    pub(super) verdict: Verdict,
}

/// Whether this fleet made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It did; whether the token has ended is another question.
    Valid,
    /// It didn't, and this is what shows it.
    Forged(&'static str),
    /// That can't be said.
    NotVerified {
        /// Why not.
        why: &'static str,
    },
}

impl Explained {
    /// Whether it is past its end.
    pub(super) fn is_over(&self, now: UnixTime) -> bool {
        self.expires_at.is_some_and(|end| now >= end)
    }
}

/// `None` for what is none of ours by its looks.
pub(super) fn explain(token: &str, verifier: Option<&Verifier>) -> Option<Explained> {
    // A magic link's address is read too.
    let token = token.rsplit_once('#').filter(|(address, _)| address.contains("://")).map_or(token, |(_, token)| token);
    explain_envelope(token, verifier)
        .or_else(|| explain_link(token, verifier))
        .or_else(|| explain_access(token, verifier))
        .or_else(|| explain_refresh(token, verifier))
}

fn explain_envelope(token: &str, verifier: Option<&Verifier>) -> Option<Explained> {
    let envelope = UntrustedEnvelope::parse(token)?;
    let issuer = envelope.untrusted_issuer();
    let challenge = envelope.untrusted_challenge().clone();
    let verdict = match verifier {
        None => Verdict::NotVerified { why: NO_SECRET },
        Some(verifier) if issuer != verifier.issuer => Verdict::Forged("its issuer is another one than tokens.issuer"),
        Some(verifier) if verifier.signed(token) => Verdict::Valid,
        Some(_) => Verdict::Forged("it was not signed by these secrets in this format, or was changed since"),
    };
    let mut facts = vec![("issuer", issuer), ("audience", CHALLENGE_AUDIENCE.into())];
    facts.extend(facts_of(&challenge));
    if verdict == Verdict::Valid {
        facts.push(("recipient", "not in it; an exchange checks it".into()));
    }
    let kind = if token.starts_with("v4.") { "Challenge envelope (PASETO v4.public)" } else { "Challenge envelope (JWS)" };
    Some(Explained { kind, facts, claims: None, expires_at: Some(challenge.expires_at), verdict })
}

fn facts_of(challenge: &Challenge) -> Vec<(&'static str, String)> {
    let usage = match challenge.usage {
        Use::CODE => "code (the engine made it)",
        Use::EXTERNAL => "external (a verify provider made it)",
        ref other => other.as_str(),
    };
    let code = challenge.format.as_ref().map(|format| format!("{} characters of {}", format.length(), format.alphabet().name()));
    vec![
        ("id", challenge.id.to_text()),
        ("issued", challenge.issued_at.to_iso8601()),
        ("expires", challenge.expires_at.to_iso8601()),
        ("use", usage.into()),
        ("channel", challenge.channel.as_str().into()),
        ("code", code.unwrap_or_else(|| "none of ours".into())),
        ("guard", format!("node {}, epoch {}", challenge.guard.node(), challenge.guard.epoch())),
        ("bound", if challenge.binding.is_some() { "to a client (S256)" } else { "to no client" }.into()),
    ]
}

/// v4.local: nobody without the secret sees what is inside.
fn explain_link(token: &str, verifier: Option<&Verifier>) -> Option<Explained> {
    let link = UntrustedLink::parse(token)?;
    let footer =
        token.splitn(4, '.').nth(3).and_then(base64url::decode).and_then(|footer| serde_json::from_slice::<Value>(&footer).ok());
    let key = footer.as_ref().and_then(|footer| footer.get("kid")).and_then(Value::as_str)?.to_owned();
    if key.starts_with("k4.") {
        return None;
    }
    let mut facts = vec![("key", key)];
    let opened = verifier.map(|verifier| verifier.open_link(link));
    let (expires_at, verdict) = match opened {
        None => (None, Verdict::NotVerified { why: NO_SECRET }),
        Some(None) => (None, Verdict::Forged("it was not sealed by these secrets for this issuer, or was changed since")),
        Some(Some(opened)) => {
            let challenge = opened.challenge.challenge();
            facts.extend(facts_of(challenge));
            facts.push(("recipient", opened.challenge.recipient().masked()));
            (Some(challenge.expires_at), Verdict::Valid)
        }
    };
    Some(Explained { kind: "Link token (sealed)", facts, claims: None, expires_at, verdict })
}

fn explain_access(token: &str, verifier: Option<&Verifier>) -> Option<Explained> {
    let mut is_unsigned = false;
    let (kind, header, claims) = if let Some(jws) = Compact::split(token) {
        let header: Value = serde_json::from_slice(&base64url::decode(jws.header)?).ok()?;
        let claims: Value = serde_json::from_slice(&base64url::decode(jws.payload)?).ok()?;
        let algorithm = header.get("alg").and_then(Value::as_str).unwrap_or_default();
        is_unsigned = algorithm.is_empty() || algorithm.eq_ignore_ascii_case("none") || jws.signature.is_empty();
        let kind = match header.get("typ").and_then(Value::as_str) {
            Some("at+jwt") => "Access token (JWT)",
            Some("challenge+jwt") => "Something that calls itself an envelope, without an envelope's claims",
            _ => "JWT of another kind",
        };
        (kind, Some(header), Some(claims))
    } else if let Some(public) = paseto::Public::split(token) {
        let footer = base64url::decode(public.footer).and_then(|footer| serde_json::from_slice(&footer).ok());
        ("Access token (PASETO v4.public)", footer, Some(serde_json::from_slice(public.message()).ok()?))
    } else if token.starts_with("v4.local.") {
        let footer = token.splitn(4, '.').nth(3).and_then(base64url::decode);
        ("Access token (PASETO v4.local, sealed)", footer.and_then(|footer| serde_json::from_slice(&footer).ok()), None)
    } else {
        return None;
    };
    let mut facts = Vec::new();
    for name in ["alg", "typ", "kid"] {
        if let Some(value) = header.as_ref().and_then(|header| header.get(name)) {
            facts.push((name, value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
        }
    }
    let (claims, verdict) = match verifier.map(|verifier| verifier.access_claims(token)) {
        _ if is_unsigned => (claims, Verdict::Forged("it is not signed: anybody could have written it")),
        None => (claims, Verdict::NotVerified { why: NO_SECRET }),
        Some(None) => (claims, Verdict::Forged("no key of this configuration made it, for this issuer, audience and algorithm")),
        Some(Some(json)) => (serde_json::from_str(&json).ok(), Verdict::Valid),
    };
    let expires_at = claims.as_ref().and_then(end_of);
    let claims = claims.and_then(|claims| serde_json::to_string_pretty(&claims).ok());
    Some(Explained { kind, facts, claims, expires_at, verdict })
}

/// `exp`, as JWT or PASETO writes it.
fn end_of(claims: &Value) -> Option<UnixTime> {
    let end = claims.get("exp")?;
    end.as_u64().map(UnixTime::from_seconds).or_else(|| end.as_str().and_then(UnixTime::from_iso8601))
}

/// Opaque on purpose: nobody without the secret sees what is inside.
fn explain_refresh(token: &str, verifier: Option<&Verifier>) -> Option<Explained> {
    let mut facts = vec![("key", untrusted_root(token)?.to_text())];
    let (expires_at, verdict) = match verifier.map(|verifier| verifier.open_refresh(token)) {
        None => (None, Verdict::NotVerified { why: NO_SECRET }),
        Some(None) => (None, Verdict::Forged("it was not sealed by these secrets for this issuer, or was changed since")),
        Some(Some(VerifiedRefresh { session, .. })) => {
            facts.extend([
                ("session", session.id.to_text()),
                ("recipient", session.recipient.masked()),
                ("channel", session.recipient.channel().as_str().into()),
                ("login", session.authenticated_at().to_iso8601()),
                ("ends", session.ends_at.to_iso8601()),
            ]);
            (Some(session.ends_at), Verdict::Valid)
        }
    };
    Some(Explained { kind: "Refresh token (sealed)", facts, claims: None, expires_at, verdict })
}

#[cfg(test)]
mod tests {
    use rand_chacha::{ChaCha12Rng, rand_core::SeedableRng as _};

    use super::*;
    use crate::{
        challenge::{ChallengeId, Challenges, GuardId, Links, VerifiedChallenge},
        config::{Config, Sources},
        recipient::{Channel, Recipient},
        token::{Amr, Login, SessionId, SessionTokens, Sessions},
        user::User,
    };

    const NOW: UnixTime = UnixTime::from_seconds(1_700_000_000);
    const OURS: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
    const THEIRS: &str = "ISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0-P0A";

    fn config(secret: &str, tokens: &str) -> Config {
        let text = format!("[keyring]\nsecrets = [\"{secret}\"]\n[tokens]\n{tokens}");
        Config::judge(&Sources::of_text(&text), &mut ChaCha12Rng::seed_from_u64(1)).unwrap()
    }

    fn recipient() -> Recipient {
        Recipient::of_stored(Channel::Email, "ann@example.com").unwrap()
    }

    fn challenges(config: &Config) -> Challenges {
        Challenges::new(&config.keyring, &config.tokens.sessions.issuer, config.tokens.envelope_format)
    }

    fn challenge(config: &Config) -> VerifiedChallenge {
        let challenge = Challenge {
            id: ChallengeId::from_random([7; 16]),
            issued_at: NOW,
            expires_at: NOW.plus(600),
            usage: Use::CODE,
            channel: Channel::Email,
            format: Some(config.passwordless.policy.code_format.clone()),
            guard: GuardId::new("node.epoch").unwrap(),
            binding: None,
        };
        challenges(config).seal(challenge, recipient())
    }

    fn envelope(config: &Config) -> String {
        challenges(config).sign(&challenge(config))
    }

    fn link(config: &Config) -> String {
        Links::new(&config.keyring, &config.tokens.sessions.issuer).seal(&challenge(config), "epoch").expose().to_owned()
    }

    fn session(config: &Config) -> SessionTokens {
        let user: User = serde_json::from_str(r#"{"id":"42","email":"ann@example.com","is_active":true}"#).unwrap();
        let sessions = Sessions::new(&config.keyring, &config.tokens.sessions).unwrap();
        let recipient = recipient();
        let login = Login::new(SessionId::new(&ChallengeId::from_random([7; 16]), 1), &user, &recipient, Amr::OTP);
        sessions.begin(&login, NOW, &mut ChaCha12Rng::seed_from_u64(2))
    }

    fn verdicts(token: &str, config: &Config) -> [Verdict; 3] {
        let own = Verifier::new(config).unwrap();
        let stranger = Verifier::new(&self::config(THEIRS, "")).unwrap();
        [None, Some(&own), Some(&stranger)].map(|verifier| explain(token, verifier).unwrap().verdict)
    }

    #[test]
    fn each_kind_is_known_without_a_secret_and_judged_with_one() {
        for tokens in [
            "",
            "format = \"paseto\"\nchallenge_format = \"paseto\"",
            "algorithm = \"v4.local\"",
            "algorithm = \"HS256\"\nhs256_secret = \"32 bytes or more that are nobody else's\"",
            "algorithm = \"ES256\"\nchallenge_algorithm = \"ES256\"",
        ] {
            let config = config(OURS, tokens);
            let session = session(&config);
            for (token, kind, lifetime) in [
                (envelope(&config), "Challenge envelope", 600),
                (link(&config), "Link token", 600),
                (session.access, "Access token", 300),
                (session.refresh, "Refresh token", 86_400),
            ] {
                let [unknown, own, strange] = verdicts(&token, &config);
                assert_eq!((unknown, own), (Verdict::NotVerified { why: NO_SECRET }, Verdict::Valid), "{tokens} {kind}");
                assert!(matches!(strange, Verdict::Forged(_)), "{tokens} {kind}");
                let verifier = Verifier::new(&config).unwrap();
                let explained = explain(&token, Some(&verifier)).unwrap();
                assert!(explained.kind.starts_with(kind), "{}", explained.kind);
                assert!(explained.is_over(NOW.plus(lifetime)) && !explained.is_over(NOW.plus(lifetime - 1)), "{tokens} {kind}");
                assert_eq!(explained.verdict, Verdict::Valid, "authentic though expired: {tokens} {kind}");
            }
        }
    }

    #[test]
    fn what_was_changed_is_forged() {
        let config = config(OURS, "");
        let verifier = Verifier::new(&config).unwrap();
        let session = session(&config);
        for token in [envelope(&config), link(&config), session.access, session.refresh] {
            let at = token.len() / 2;
            let changed = format!("{}{}{}", &token[..at], if &token[at..=at] == "A" { "B" } else { "A" }, &token[at + 1..]);
            let verdict = explain(&changed, Some(&verifier)).map(|explained| explained.verdict);
            assert!(matches!(verdict, None | Some(Verdict::Forged(_))), "{verdict:?}");
        }
    }

    #[test]
    fn what_nobody_signed_is_forged_with_and_without_a_secret() {
        let config = config(OURS, "");
        let verifier = Verifier::new(&config).unwrap();
        let access = session(&config).access;
        let payload = access.split('.').nth(1).unwrap();
        for header in [
            r#"{"alg":"none"}"#,
            r#"{"alg":"None","typ":"at+jwt"}"#,
            r#"{"alg":"nOnE","typ":"JWT"}"#,
            r#"{"alg":"","typ":"at+jwt"}"#,
            r#"{"alg":null,"typ":"at+jwt"}"#,
            r#"{"typ":"challenge+jwt"}"#,
        ] {
            for signature in ["", "AAAA"] {
                let token = format!("{}.{payload}.{signature}", base64url::encode(header.as_bytes()));
                for verifier in [None, Some(&verifier)] {
                    let Some(explained) = explain(&token, verifier) else { continue };
                    assert!(matches!(explained.verdict, Verdict::Forged(_)), "{header} {signature:?}");
                }
            }
        }
        let unsigned = access.rsplit_once('.').unwrap().0;
        assert!(matches!(explain(&format!("{unsigned}."), None).unwrap().verdict, Verdict::Forged(_)));
    }

    #[test]
    fn nothing_secret_and_no_whole_recipient_is_shown() {
        let config = config(OURS, "");
        let verifier = Verifier::new(&config).unwrap();
        let code = challenges(&config).code(&challenge(&config), "epoch").unwrap();
        for token in [envelope(&config), link(&config), session(&config).refresh] {
            let shown = format!("{:?}", explain(&token, Some(&verifier)).unwrap());
            assert!(!shown.contains("ann@") && !shown.contains(code.expose()) && !shown.contains(&token), "{shown}");
        }
    }

    #[test]
    fn a_magic_links_address_will_do() {
        let config = config(OURS, "");
        let address = format!("https://login.example.com/passwordless/link#{}", link(&config));
        assert_eq!(explain(&address, Verifier::new(&config).as_ref()).unwrap().verdict, Verdict::Valid);
    }

    #[test]
    fn other_texts_are_nothing() {
        for text in ["", "123456", "a.b.c", "v4.local.", "v4.public.x.y", "eyJ.eyJ.x", "AQ", &"A".repeat(200)] {
            assert!(explain(text, None).is_none(), "{text}");
        }
    }
}
