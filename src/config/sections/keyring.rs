//! `[keyring]`: the root secrets.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::{
    config::reader::{
        judge::Section,
        schema::{Key, Kind, SectionSchema, text},
    },
    crypto::Secret,
    keyring::{Keyring, MIN_ROOT_BYTES},
};

/// base64url as people write it: with or without padding, and whatever the bits are that stand for nothing.
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true).with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

pub(crate) static SCHEMA: SectionSchema = SectionSchema {
    name: "keyring",
    about: "The root secrets, from which every key is derived. All nodes of a fleet have the same.",
    keys: &[
        Key::new(
            "secrets",
            Kind::Secrets,
            "base64url of 32 bytes or more each, at most 10; `countersign secret` prints one. The first signs, all are accepted.\n\
                    To rotate: add the new one at the end everywhere, then put it first everywhere; drop the old one when the longest session has ended.\n\
                    None: a random one, so that nothing outlives the process.",
        ),
        text(
            "secrets_file",
            "",
            "A file with one secret a line, instead of `secrets`. Blank lines and lines that start with # are skipped.",
        ),
    ],
};

pub(crate) fn read(section: &Section<'_>, random: &mut impl CryptoRng) -> Option<Keyring> {
    let (key, secrets) = match (section.is_given("secrets"), section.is_given("secrets_file")) {
        (true, true) => {
            section.fault("secrets_file", "is for use instead of keyring.secrets: give one of them");
            return None;
        }
        (false, false) => ("secrets", vec![random_secret(random)]),
        (true, false) => {
            let named = section.texts("secrets").enumerate().map(|(at, secret)| (format!("secret {}", at + 1), secret));
            ("secrets", judge_each(section, "secrets", named)?)
        }
        (false, true) => {
            let file = section.read_secret_file("secrets_file")?;
            let path = section.text("secrets_file");
            let lines = file.lines().enumerate().map(|(at, line)| (format!("{path}:{}", at + 1), line.trim()));
            let named = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
            ("secrets_file", judge_each(section, "secrets_file", named)?)
        }
    };
    let keyring = Keyring::new(secrets).map_err(|error| section.fault(key, error.to_string())).ok()?;
    if key == "secrets" {
        let ids = keyring.roots().iter().map(|root| root.id().to_text()).collect::<Vec<_>>().join(", ");
        section.show_text("secrets", format!("[{}]  # ids: {ids}", vec!["\"***\""; keyring.roots().len()].join(", ")));
    }
    Some(keyring)
}

/// Whether no secret is configured, so that a random one is used.
pub(crate) fn is_random(section: &Section<'_>) -> bool {
    !section.is_given("secrets") && !section.is_given("secrets_file")
}

fn random_secret(random: &mut impl CryptoRng) -> Vec<u8> {
    Secret::<32>::random(random).expose().to_vec()
}

/// The bytes of each secret. Each that can't be one is a fault, by the name of the place where it stands.
fn judge_each<'a>(section: &Section<'_>, key: &str, secrets: impl Iterator<Item = (String, &'a str)>) -> Option<Vec<Vec<u8>>> {
    let mut judged: Vec<(String, Zeroizing<Vec<u8>>)> = Vec::new();
    let mut are_right = true;
    for (name, secret) in secrets {
        let reason = match BASE64URL.decode(secret).map(Zeroizing::new) {
            Err(_) => "is not base64url; `countersign secret` prints one that is".to_owned(),
            Ok(bytes) if bytes.len() < MIN_ROOT_BYTES => {
                format!("has {} bytes, and needs {MIN_ROOT_BYTES} or more; `countersign secret` prints one that has", bytes.len())
            }
            Ok(bytes) => {
                let Some((other, _)) = judged.iter().find(|(_, other)| *other == bytes) else {
                    judged.push((name, bytes));
                    continue;
                };
                format!("is {other} once more")
            }
        };
        section.fault(key, format!("{name} {reason}"));
        are_right = false;
    }
    are_right.then(|| judged.into_iter().map(|(_, mut bytes)| std::mem::take(&mut *bytes)).collect())
}
