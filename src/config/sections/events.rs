//! `[events]`: where events are sent.

use super::webhook::read_webhook;
use crate::{
    config::reader::{
        judge::Section,
        schema::{Absent, SectionSchema, secret, url},
    },
    outbound::webhook::Webhook,
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
        section.reads_only_what_is_used("without a url");
        return Some(None);
    }
    read_webhook(section, "with a url").map(Some)
}
