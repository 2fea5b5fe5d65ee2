//! `[tokens]`: access tokens, refresh tokens, and the envelope's format.

use super::{
    SecretText,
    judge::Section,
    schema::{Key, Kind, SectionSchema, choice, number, switch, text},
    server::Server,
    shown::quoted,
};
use crate::{challenge::claims::CHALLENGE_AUDIENCE, keyring::EnvelopeFormat, token::AccessAlgorithm};

pub(super) static SCHEMA: SectionSchema = SectionSchema {
    name: "tokens",
    about: "What a login is worth: access tokens, refresh tokens, and the envelope's format.",
    keys: &[
        choice("format", &["jwt", "paseto"], "The format of access tokens."),
        choice(
            "algorithm",
            &["EdDSA", "ES256", "RS256", "HS256", "v4.public", "v4.local"],
            "How access tokens are signed. v4.public (the default there) and v4.local with PASETO; RS256 needs private_key_file.",
        ),
        text("issuer", "", "`iss` of tokens and envelopes. Default: server.public_url."),
        Key {
            name: "audience",
            kind: Kind::TextOrTexts,
            about: "`aud` of access tokens: a text, or with JWT a list. Default: the issuer.",
        },
        number("leeway", 0, 0, 3_600, "Seconds of clock difference that are forgiven at token/verify and /authz."),
        text("client_id", "countersign", "`client_id` (RFC 9068)."),
        choice("challenge_format", &["jwt", "paseto"], "The envelope's format."),
        choice(
            "challenge_algorithm",
            &["EdDSA", "ES256"],
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
        ),
        text("user_id_claim", "user_id", "The claim that holds the user's id beside `sub`; no registered name."),
        text(
            "private_key_file",
            "",
            "A PEM file with keys for access tokens (RSA of 2048 bits or more, P-256, Ed25519), instead of derived ones.\n\
             The first signs, all are published and accepted.",
        ),
        Key {
            name: "hs256_secret",
            kind: Kind::SecretOrSecrets,
            about: "The key of HS256, 32 bytes or more, as simplejwt's SIGNING_KEY; or a list: the first signs, all are accepted.\n\
                    In the environment a comma separates. Default: one derived from each root secret.",
        },
    ],
};

/// Claims that mean something already: RFC 7519 §4.1, RFC 9068 and its kin, and our own.
const TAKEN_CLAIMS: [&str; 24] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "client_id",
    "sid",
    "auth_time",
    "amr",
    "acr",
    "azp",
    "nonce",
    "scope",
    "cnf",
    "act",
    "events",
    "channel",
    "token_type",
    "typ",
    "kid",
    "use",
    "mac",
];

/// What a login is worth.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// Format and algorithm of access tokens.
    pub algorithm: AccessAlgorithm,
    /// `iss` of tokens and envelopes.
    pub issuer: String,
    /// `aud`: one or more; with PASETO exactly one.
    pub audiences: Vec<String>,
    /// Seconds of clock difference that are forgiven at `token/verify` and `/authz`.
    pub leeway: u64,
    /// `client_id` (RFC 9068 §2.2).
    pub client_id: String,
    /// Format and algorithm of envelopes.
    pub envelope_format: EnvelopeFormat,
    /// Seconds that an access token lives.
    pub access_lifetime: u64,
    /// Seconds from the login to the end of its session.
    pub refresh_lifetime: u64,
    /// Whether refreshing gives a new refresh token and ends the old one.
    pub rotate_refresh: bool,
    /// The claim that holds the user's id beside `sub`.
    pub user_id_claim: String,
    /// The content of `private_key_file`.
    pub private_keys: Option<SecretText>,
    /// Keys of HS256, the first signs; empty: one is derived from each root secret.
    pub hs256_secrets: Vec<SecretText>,
}

pub(super) fn read(section: &Section<'_>, server: Option<&Server>) -> Option<Tokens> {
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
        taken if TAKEN_CLAIMS.contains(&taken) => Err(format!("{} is a registered claim", quoted(taken))),
        _ => parse_name(name),
    });
    let private_keys = read_private_keys(section, algorithm);
    let hs256_secrets = read_hs256_secrets(section, algorithm);
    Some(Tokens {
        algorithm: algorithm?,
        issuer: issuer?,
        audiences: audiences?,
        leeway: section.number("leeway"),
        client_id: client_id?,
        envelope_format: envelope_format?,
        access_lifetime: section.number("access_lifetime"),
        refresh_lifetime: section.number("refresh_lifetime"),
        rotate_refresh: section.switch("rotate_refresh"),
        user_id_claim: user_id_claim?,
        private_keys: private_keys?,
        hs256_secrets: hs256_secrets?,
    })
}

/// Format and algorithm have to go together; either alone says which the other is.
fn read_algorithm(section: &Section<'_>) -> Option<AccessAlgorithm> {
    let (format, name) = (section.text("format"), section.text("algorithm"));
    let name = if format == "paseto" && !section.is_given("algorithm") { "v4.public" } else { name };
    let algorithm = AccessAlgorithm::from_name(name)?;
    let format = if algorithm.is_paseto() && !section.is_given("format") { "paseto" } else { format };
    section.show("format", format);
    section.show("algorithm", name);
    if algorithm.is_paseto() == (format == "paseto") {
        return Some(algorithm);
    }
    let fitting = if format == "paseto" { "v4.public or v4.local" } else { "EdDSA, ES256, RS256 or HS256" };
    section.fault("algorithm", format!("{name} is none of format {format}: take {fitting}"));
    None
}

fn read_audiences(section: &Section<'_>, issuer: Option<&str>, algorithm: Option<AccessAlgorithm>) -> Option<Vec<String>> {
    let mut audiences = section.parse_each("audience", |name| match name {
        CHALLENGE_AUDIENCE => {
            Err(format!("{CHALLENGE_AUDIENCE} is the audience of envelopes, which must never pass as access tokens"))
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
    match (section.text("challenge_format"), section.text("challenge_algorithm")) {
        ("jwt", "ES256") => Some(EnvelopeFormat::Es256),
        ("jwt", _) => Some(EnvelopeFormat::EdDsa),
        (_, "ES256") => {
            section.fault("challenge_algorithm", "must be EdDSA with challenge_format = \"paseto\"");
            None
        }
        _ => Some(EnvelopeFormat::V4Public),
    }
}

#[allow(clippy::option_option, reason = "faulty, or right with or without a file")]
fn read_private_keys(section: &Section<'_>, algorithm: Option<AccessAlgorithm>) -> Option<Option<SecretText>> {
    const KEY: &str = "private_key_file";
    if section.text(KEY).is_empty() {
        if algorithm == Some(AccessAlgorithm::Rs256) {
            section.fault(KEY, "is required with algorithm = \"RS256\", since no RSA key is derived");
            return None;
        }
        return Some(None);
    }
    let algorithm = algorithm?;
    if algorithm.is_paseto() || algorithm == AccessAlgorithm::Hs256 {
        section.fault(KEY, format!("can't be used with algorithm = \"{}\"", algorithm.name()));
        return None;
    }
    let text = section.read_file(KEY)?;
    Some(Some(SecretText::new(text.as_str())))
}

fn read_hs256_secrets(section: &Section<'_>, algorithm: Option<AccessAlgorithm>) -> Option<Vec<SecretText>> {
    const KEY: &str = "hs256_secret";
    const MOST: usize = 10;
    let secrets = section.parse_each(KEY, |secret| {
        if secret.len() < 32 { Err("must have 32 bytes or more".to_owned()) } else { Ok(SecretText::new(secret)) }
    })?;
    if secrets.len() > MOST {
        section.fault(KEY, format!("must hold at most {MOST} secrets"));
        return None;
    }
    if algorithm.is_some_and(|algorithm| algorithm != AccessAlgorithm::Hs256) {
        section.unused(&[KEY], "without algorithm = \"HS256\"");
    }
    Some(secrets)
}

/// An identifier of one line.
fn parse_name(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > 512 || text.chars().any(|character| character.is_whitespace() || character.is_control()) {
        return Err("must be 1 to 512 bytes without white space".into());
    }
    Ok(text.to_owned())
}
