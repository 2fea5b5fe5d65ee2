//! `[events]`: where events are sent, and the audit log.

use std::time::Duration;

use super::webhook::read_webhook;
use crate::{
    config::reader::{
        choice::choices,
        judge::Section,
        schema::{SectionSchema, number, one_of, secret, text, url},
    },
    events::{audit::Target, webhooks},
};

pub(crate) static SCHEMA: SectionSchema = SectionSchema {
    name: "events",
    about: "What happened: as signed webhooks, and as an audit log.",
    keys: &[
        url("url", "Where events are POSTed; empty: nowhere."),
        secret("secret", "Signs them: whsec_ and base64 of 24 to 64 bytes (Standard Webhooks)."),
        number("timeout_seconds", 10, 1, 60, "How long one POST may take; beyond, it is tried again."),
        text(
            "audit",
            "",
            "The audit log: the same events, a line of JSON each, at the end of this file, or of stdout (\"stdout\"); empty: none.\n\
             SIGHUP opens the file anew, after it was moved away.",
        ),
        one_of::<Subjects>(
            "audit_subjects",
            "How the audit log names people: plain, as the tokens do, or hashed, with a key of keyring.secrets.",
        ),
    ],
};

choices! {
    /// How the audit log names people.
    pub enum Subjects {
        /// As the tokens do.
        Plain = "plain",
        /// As keyed hashes.
        Hashed = "hashed",
    }
}

/// Where events go.
#[derive(Debug)]
#[non_exhaustive]
pub struct Events {
    /// The receiver of webhooks, if there is one.
    pub webhooks: Option<webhooks::Settings>,
    /// The audit log, if there is one.
    pub audit: Option<Target>,
    /// How the audit log names people.
    pub audit_subjects: Subjects,
}

pub(crate) fn read(section: &Section<'_>) -> Option<Events> {
    let timeout = Duration::from_secs(section.number("timeout_seconds"));
    let webhooks = if section.text("url").is_empty() {
        section.unused(&["secret", "timeout_seconds"], "without a url");
        Some(None)
    } else {
        read_webhook(section, "with a url").map(|webhook| Some(webhooks::Settings { webhook, timeout }))
    };
    let audit = match section.text("audit") {
        "" => {
            section.unused(&["audit_subjects"], "without audit");
            None
        }
        "stdout" => Some(Target::Stdout),
        path => Some(Target::File(path.into())),
    };
    Some(Events { webhooks: webhooks?, audit, audit_subjects: section.choice("audit_subjects") })
}
