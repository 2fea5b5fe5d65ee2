//! `[delivery]`: when messages leave.

use std::time::Duration;

use crate::{
    config::reader::{
        choice::choices,
        judge::Section,
        schema::{SectionSchema, number, one_of},
    },
    delivery::Mode,
};

pub(crate) static SCHEMA: SectionSchema = SectionSchema {
    name: "delivery",
    about: "When messages leave.",
    keys: &[
        one_of::<Mode>(
            "mode",
            "queued: after the answer, with retries until the challenge ends. inline: before it, with one try; a failure is 502.",
        ),
        number(
            "queue_length",
            10_000,
            1,
            10_000_000,
            "How many messages may wait for their first try; half as many besides may wait to be tried again. From half of it on\n\
             a stranger's request needs a puzzle; a request that finds no room gets 503.",
        ),
        number(
            "max_connections",
            16,
            1,
            1000,
            "How many messages of one channel are sent at once; fewer where the mail server or provider asks for that (421, 429).",
        ),
        number("timeout_seconds", 10, 1, 300, "How long one try of a transport may take."),
    ],
};

choices! {
    for Mode {
        Queued = "queued",
        Inline = "inline",
    }
}

/// How messages are handed to their carriers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Delivery {
    /// Before or after the answer.
    pub mode: Mode,
    /// How many messages may wait; a request that finds no room gets 503.
    pub queue_length: usize,
    /// How many messages of one channel are sent at once.
    pub max_connections: usize,
    /// How long one try of a carrier may take.
    pub timeout: Duration,
}

pub(crate) fn read(section: &Section<'_>) -> Delivery {
    let mode = section.choice("mode");
    if mode == Mode::Inline {
        section.unused(&["queue_length"], "with mode = \"inline\"");
    }
    Delivery {
        mode,
        queue_length: section.number("queue_length"),
        max_connections: section.number("max_connections"),
        timeout: Duration::from_secs(section.number("timeout_seconds")),
    }
}
