//! `[tokens]`: access tokens, refresh tokens, and the envelope's format.

use super::server::Server;
use crate::{
    challenge::CHALLENGE_AUDIENCE,
    config::reader::{
        choice::choices,
        judge::Section,
        schema::{Absent, Key, Kind, SectionSchema, number, one_of, switch, text},
        shown::quoted,
    },
    keyring::{EnvelopeFormat, MAX_ROOTS, SigningKey, pem::read_pem},
    token::{AccessAlgorithm, AccessKeys, DEFAULT_REVIEWER_AUDIENCE, SessionsConfig, SharedKey, is_reserved},
};

pub(crate) static SCHEMA: SectionSchema = SectionSchema {
    name: "tokens",
    about: "What a login is worth: access tokens, refresh tokens, and the envelope's format.",
    keys: &[
        one_of::<Format>("format", "The format of access tokens."),
        one_of::<AccessAlgorithm>(
            "algorithm",
            "How access tokens are signed. v4.public (the default there) and v4.local with PASETO; RS256 needs private_key_file.",
        ),
        text("issuer", "", "`iss` of tokens and envelopes. Default: server.public_url."),
        Key::new("audience", Kind::TextOrTexts, "`aud` of access tokens: a text, or with JWT a list. Default: the issuer."),
        number("leeway", 0, 0, 3_600, "Seconds of clock difference that are forgiven at token/verify and /authz."),
        text("client_id", "countersign", "`client_id` (RFC 9068)."),
        one_of::<Format>("challenge_format", "The envelope's format."),
        one_of::<ChallengeAlgorithm>(
            "challenge_algorithm",
            "How JWT envelopes are signed; ES256 for edges without EdDSA (HAProxy, AWS).",
        ),
        number("access_lifetime", 300, 1, 2_592_000, "Seconds that an access token lives."),
        number(
            "refresh_lifetime",
            86_400,
            1,
            315_360_000,
            "Seconds from the login to the end of its session, however often it is refreshed.",
        ),
        switch(
            "rotate_refresh",
            false,
            "Each refresh gives a new refresh token and ends the old one. Needs guard.kind journal or redis.",
        )
        .without(Absent::Whole),
        text("user_id_claim", "user_id", "The claim that holds the user's id beside `sub`; no registered name."),
        text(
            "private_key_file",
            "",
            "A PEM file with keys for access tokens (RSA of 2048 bits or more, P-256, Ed25519), instead of derived ones.\n\
             The first signs, all are published and accepted.",
        ),
        Key::new(
            "hs256_secret",
            Kind::SecretOrSecrets,
            "The key of HS256, required there: 32 bytes or more, as simplejwt's SIGNING_KEY; or a list: the first signs, all are accepted.\n\
                    In the environment a comma separates.",
        ),
    ],
};

choices! {
    enum Format {
        Jwt = "jwt",
        Paseto = "paseto",
    }
}

choices! {
    enum ChallengeAlgorithm {
        EdDsa = "EdDSA",
        Es256 = "ES256",
    }
}

choices! {
    for AccessAlgorithm {
        EdDsa = "EdDSA",
        Es256 = "ES256",
        Rs256 = "RS256",
        Hs256 = "HS256",
        V4Public = "v4.public",
        V4Local = "v4.local",
    }
}

/// Claims that others give a meaning to, beside those that the engine writes (RFC 7519, RFC 9068, RFC 7800, RFC 8693, OpenID Connect).
const TAKEN_CLAIMS: [&str; 8] = ["acr", "azp", "nonce", "scope", "cnf", "act", "events", "typ"];

/// What a login is worth.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Tokens {
    /// How session tokens are made; its issuer is the envelopes' too.
    pub sessions: SessionsConfig,
    /// Format and algorithm of envelopes.
    pub envelope_format: EnvelopeFormat,
    /// Whether refreshing gives a new refresh token and ends the old one.
    pub rotate_refresh: bool,
}

pub(crate) fn read(section: &Section<'_>, server: Option<&Server>) -> Option<Tokens> {
    let algorithm = read_algorithm(section);
    let issuer = match (section.text("issuer"), server) {
        ("", server) => server.map(|server| server.public_url.to_string()),
        _ => section.parse("issuer", parse_name),
    };
    if let Some(issuer) = &issuer {
        section.show("issuer", issuer);
    }
    let audiences = read_audiences(section, issuer.as_deref(), algorithm);
    let envelope_format = read_envelope_format(section);
    let client_id = section.parse("client_id", parse_name);
    let user_id_claim = section.parse("user_id_claim", |name| match name {
        taken if is_reserved(taken) || TAKEN_CLAIMS.contains(&taken) => Err(format!("{} is a registered claim", quoted(taken))),
        _ => parse_name(name),
    });
    let keys = read_keys(section, algorithm);
    Some(Tokens {
        sessions: SessionsConfig {
            algorithm: algorithm?,
            keys: keys?,
            issuer: issuer?,
            audiences: audiences?,
            reviewer_audience: DEFAULT_REVIEWER_AUDIENCE.into(),
            leeway: section.number("leeway"),
            client_id: client_id?,
            access_lifetime: section.number("access_lifetime"),
            refresh_lifetime: section.number("refresh_lifetime"),
            user_id_claim: user_id_claim?,
        },
        envelope_format: envelope_format?,
        rotate_refresh: section.switch("rotate_refresh"),
    })
}

/// Format and algorithm have to go together; either alone says which the other is.
fn read_algorithm(section: &Section<'_>) -> Option<AccessAlgorithm> {
    let (mut format, mut algorithm) = (section.choice("format"), section.choice::<AccessAlgorithm>("algorithm"));
    if format == Format::Paseto && !section.is_given("algorithm") {
        algorithm = AccessAlgorithm::V4Public;
    }
    if algorithm.is_paseto() && !section.is_given("format") {
        format = Format::Paseto;
    }
    let (name, format_name, fitting) = match format {
        Format::Jwt => (algorithm.name(), "jwt", "EdDSA, ES256, RS256 or HS256"),
        Format::Paseto => (algorithm.name(), "paseto", "v4.public or v4.local"),
    };
    section.show("format", format_name);
    section.show("algorithm", name);
    if algorithm.is_paseto() == (format == Format::Paseto) {
        return Some(algorithm);
    }
    section.fault("algorithm", format!("{name} is none of format {format_name}: take {fitting}"));
    None
}

fn read_audiences(section: &Section<'_>, issuer: Option<&str>, algorithm: Option<AccessAlgorithm>) -> Option<Vec<String>> {
    let mut audiences = section.parse_each("audience", |name| match name {
        CHALLENGE_AUDIENCE => {
            Err(format!("{CHALLENGE_AUDIENCE} is the audience of envelopes, which must never pass as access tokens"))
        }
        DEFAULT_REVIEWER_AUDIENCE => {
            Err(format!("{DEFAULT_REVIEWER_AUDIENCE} is the audience of reviewers, who must never pass as anybody else"))
        }
        _ => parse_name(name),
    })?;
    if audiences.is_empty() {
        let issuer = issuer?;
        if issuer == CHALLENGE_AUDIENCE {
            section
                .fault("issuer", format!("{CHALLENGE_AUDIENCE} is the audience of envelopes and can't be that of access tokens"));
            return None;
        }
        audiences.push(issuer.to_owned());
    }
    match &*audiences {
        [one] => section.show("audience", one),
        several => section.show_all("audience", several),
    }
    if audiences.len() > 1 && algorithm.is_some_and(AccessAlgorithm::is_paseto) {
        section.fault("audience", "must be a single one with PASETO");
        return None;
    }
    if (1..audiences.len()).any(|at| audiences[..at].contains(&audiences[at])) {
        section.fault("audience", "names one twice");
        return None;
    }
    Some(audiences)
}

fn read_envelope_format(section: &Section<'_>) -> Option<EnvelopeFormat> {
    match (section.choice("challenge_format"), section.choice("challenge_algorithm")) {
        (Format::Jwt, ChallengeAlgorithm::EdDsa) => Some(EnvelopeFormat::EdDsa),
        (Format::Jwt, ChallengeAlgorithm::Es256) => Some(EnvelopeFormat::Es256),
        (Format::Paseto, ChallengeAlgorithm::EdDsa) => Some(EnvelopeFormat::V4Public),
        (Format::Paseto, ChallengeAlgorithm::Es256) => {
            section.fault("challenge_algorithm", "must be EdDSA with challenge_format = \"paseto\"");
            None
        }
    }
}

/// Where the keys of access tokens come from. Both keys are read whatever the algorithm is, so that all faults are found.
fn read_keys(section: &Section<'_>, algorithm: Option<AccessAlgorithm>) -> Option<AccessKeys> {
    let configured = read_key_file(section, algorithm);
    let shared = read_shared_keys(section, algorithm);
    match (algorithm?, configured?, shared?) {
        (AccessAlgorithm::Hs256, _, shared) if !shared.is_empty() => Some(AccessKeys::Shared(shared)),
        (_, configured, _) if !configured.is_empty() => Some(AccessKeys::Configured(configured)),
        _ => Some(AccessKeys::Derived),
    }
}

/// The keys of `private_key_file`; none without one.
fn read_key_file(section: &Section<'_>, algorithm: Option<AccessAlgorithm>) -> Option<Vec<SigningKey>> {
    const KEY: &str = "private_key_file";
    if section.text(KEY).is_empty() {
        if algorithm == Some(AccessAlgorithm::Rs256) {
            section.fault(KEY, "is required with algorithm = \"RS256\", since no RSA key is derived");
            return None;
        }
        return Some(Vec::new());
    }
    let algorithm = algorithm?;
    if algorithm.is_paseto() || algorithm == AccessAlgorithm::Hs256 {
        section.fault(KEY, format!("can't be used with algorithm = \"{}\"", algorithm.name()));
        return None;
    }
    let text = section.read_secret_file(KEY)?;
    let keys = read_pem(&text).map_err(|error| section.fault(KEY, format!("{}: {error}", section.text(KEY)))).ok()?;
    let first = keys.first()?.algorithm().name();
    if first != algorithm.name() {
        section.fault(
            KEY,
            format!("starts with a key of {first}, but tokens.algorithm is {}: the first key signs", algorithm.name()),
        );
        return None;
    }
    Some(keys)
}

fn read_shared_keys(section: &Section<'_>, algorithm: Option<AccessAlgorithm>) -> Option<Vec<SharedKey>> {
    const KEY: &str = "hs256_secret";
    let mut keys = Some(Vec::new());
    for (at, secret) in section.texts(KEY).enumerate() {
        match (SharedKey::new(secret), &mut keys) {
            (Some(key), Some(keys)) => keys.push(key),
            (Some(_), None) => {}
            (None, _) => {
                let (number, least) = (at + 1, SharedKey::MIN_BYTES);
                section.fault(KEY, format!("secret {number} has {} bytes, and needs {least} or more", secret.len()));
                keys = None;
            }
        }
    }
    let keys = keys?;
    if keys.is_empty() && algorithm == Some(AccessAlgorithm::Hs256) {
        section.fault(
            KEY,
            "is required with algorithm = \"HS256\": apps check these tokens with the same secret. To give them a public key instead, \
             take algorithm = \"EdDSA\"",
        );
        return None;
    }
    if keys.len() > MAX_ROOTS {
        section.fault(KEY, format!("must hold at most {MAX_ROOTS} secrets"));
        return None;
    }
    if algorithm.is_some_and(|algorithm| algorithm != AccessAlgorithm::Hs256) {
        section.unused(&[KEY], "without algorithm = \"HS256\"");
    }
    Some(keys)
}

/// An identifier of one line.
fn parse_name(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > 512 || text.chars().any(|character| character.is_whitespace() || character.is_control()) {
        return Err("must be 1 to 512 bytes without white space".into());
    }
    Ok(text.to_owned())
}
