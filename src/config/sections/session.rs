//! `[session]`: sessions, and those that were ended before their time.

use crate::{
    config::reader::{
        judge::Section,
        schema::{SectionSchema, number},
    },
    ended::{LEAST_CAPACITY, MOST_CAPACITY},
};

pub(crate) static SCHEMA: SectionSchema = SectionSchema {
    name: "session",
    about: "Sessions, and for how long it is remembered that one was ended.",
    keys: &[number(
        "ended_capacity",
        1_000_000,
        LEAST_CAPACITY as u64,
        MOST_CAPACITY as u64,
        "How many sessions that were ended before their time are remembered, 24 bytes each; full: ending one is 503.",
    )],
};

/// How sessions are kept.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Session {
    /// How many ended sessions are remembered.
    pub ended_capacity: u32,
}

pub(crate) fn read(section: &Section<'_>) -> Session {
    Session { ended_capacity: section.number("ended_capacity") }
}
