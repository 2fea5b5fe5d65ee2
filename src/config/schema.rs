//! The whole schema: every section and key with its default and its explanation, once.
//!
//! Readers take names, kinds and defaults from here; so do the suggestions for misspelt keys, the effective
//! configuration, the file that `init` writes, and the reference in `docs/configuration.md`.

use super::sections::{
    authz, captcha, delivery, directory, email, events, external_2fa, guard, keyring, pages, passwordless, reviewers, server,
    session, sms, tokens,
};

pub use super::reader::schema::{Absent, Key, Kind, SectionSchema};

/// All sections, in the order in which they are written.
pub static SECTIONS: [&SectionSchema; 20] = [
    &server::SCHEMA,
    &keyring::SCHEMA,
    &passwordless::SCHEMA,
    &pages::SCHEMA,
    &tokens::SCHEMA,
    &authz::SCHEMA,
    &email::SCHEMA,
    &email::SECOND,
    &email::THIRD,
    &sms::SCHEMA,
    &sms::SECOND,
    &sms::THIRD,
    &delivery::SCHEMA,
    &external_2fa::SCHEMA,
    &captcha::SCHEMA,
    &directory::SCHEMA,
    &reviewers::SCHEMA,
    &session::SCHEMA,
    &guard::SCHEMA,
    &events::SCHEMA,
];
