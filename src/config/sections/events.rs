//! `[events]`: where events are sent.

use crate::config::{
    Webhook,
    reader::{
        judge::Section,
        schema::{Absent, SectionSchema, secret, url},
    },
};

pub(crate) static SCHEMA: SectionSchema = SectionSchema {
    name: "events",
    about: "What happened, as signed webhooks.",
    keys: &[
        url("url", "Where events are POSTed; empty: nowhere.").without(Absent::Whole),
        secret("secret", "Signs them: whsec_ and base64 of 24 to 64 bytes (Standard Webhooks).").without(Absent::Part),
    ],
};

/// `None`: faulty. `Some(None)`: events go nowhere.
#[allow(clippy::option_option, reason = "faulty, or right with or without events")]
pub(crate) fn read(section: &Section<'_>) -> Option<Option<Webhook>> {
    if section.text("url").is_empty() {
        section.unused(&["secret"], "without a url");
        return Some(None);
    }
    Webhook::read(section, "with a url").map(Some)
}
