//! The file that `init` writes: the whole schema, explained.

use std::fmt::Write as _;

use super::{reader::shown::list, schema::SECTIONS};

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
            // What another section explains takes a line.
            if key.like.is_none() {
                text.push('\n');
                for line in key.about().lines() {
                    let _ = writeln!(text, "# {line}");
                }
            }
            let _ = match (section.name, key.name) {
                ("keyring", "secrets") => writeln!(text, "{} = {}", key.name, list([secret].into_iter())),
                _ => writeln!(text, "#{} = {}", key.name, key.kind.default_toml()),
            };
        }
    }
    text
}
