//! The file that `init` writes: the whole schema, explained.

use std::fmt::Write as _;

use super::{
    schema::{Kind, SECTIONS},
    shown::{list, number, quoted},
};

const HEAD: &str = "\
# Configuration of countersign.
#
# What stands behind \"# \" explains; what stands behind \"#\" alone is a setting at its default.
# Each key may also stand in the environment, as COUNTERSIGN_<SECTION>__<KEY>, and wins there; a comma separates a list's items.
# `countersign check --config FILE` judges this file and shows what is in force.
";

/// Every section and key with its explanation and its default, commented out; only the root secret is set.
#[must_use]
pub fn annotated(secret: &str) -> String {
    let mut text = String::from(HEAD);
    for section in SECTIONS {
        let _ = write!(text, "\n\n# {}\n[{}]\n", section.about(), section.name);
        for key in section.keys {
            text.push('\n');
            for line in key.about().lines() {
                let _ = writeln!(text, "# {line}");
            }
            let _ = match (section.name, key.name) {
                ("keyring", "secrets") => writeln!(text, "{} = {}", key.name, list([secret].into_iter())),
                _ => writeln!(text, "#{} = {}", key.name, key.kind.default_toml()),
            };
        }
    }
    text
}

impl Kind {
    /// The default as TOML.
    #[must_use]
    pub fn default_toml(self) -> String {
        match self {
            Self::Text(default) => quoted(default),
            Self::Url | Self::Secret | Self::SecretOrSecrets | Self::TextOrTexts => quoted(""),
            Self::Secrets => "[]".into(),
            Self::Choice(choices) => quoted(choices[0]),
            Self::Number { default, .. } => default.to_string(),
            Self::Probability(default) => number(default),
            Self::Switch(default) => default.to_string(),
            Self::Texts(defaults) => list(defaults.iter().copied()),
        }
    }
}
