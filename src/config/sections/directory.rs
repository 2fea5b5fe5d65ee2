//! `[directory]`: where users are looked up.

use std::{path::PathBuf, time::Duration};

use super::webhook::read_webhook;
use crate::{
    config::reader::{
        choice::choices,
        judge::Section,
        schema::{SectionSchema, number, one_of, secret, text, url},
    },
    directory::{file::FileDirectory, http},
};

pub(crate) static SCHEMA: SectionSchema = SectionSchema {
    name: "directory",
    about: "Where users are looked up.",
    keys: &[
        one_of::<Choice>(
            "kind",
            "none: whoever proves a recipient is that recipient. file: a JSON array of users in `path`. http: `url` is asked.",
        ),
        text("path", "", "The file of kind file; it is read again when it changes; while it makes no sense, logins get 503."),
        url("url", "Kind http: where users are looked up and registered."),
        secret("secret", "Signs what kind http POSTs: whsec_ and base64 of 24 to 64 bytes (Standard Webhooks)."),
        number("timeout_seconds", 10, 1, 60, "How long one call of kind http may take; beyond: 503."),
    ],
};

choices! {
    enum Choice {
        None = "none",
        File = "file",
        Http = "http",
    }
}

/// Where users are looked up.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Directory {
    /// Nowhere: whoever proves a recipient is that recipient.
    None,
    /// A JSON file.
    File(PathBuf),
    /// An HTTP endpoint.
    Http(http::Settings),
}

pub(crate) fn read(section: &Section<'_>) -> Option<Directory> {
    let why = format!("with kind = \"{}\"", section.text("kind"));
    section.reads_only_what_is_used(&why);
    match section.choice("kind") {
        Choice::None => Some(Directory::None),
        Choice::File => {
            let path = section.required("path", &why)?;
            let users = section.read_bytes("path")?;
            FileDirectory::judge(&users).map_err(|fault| section.fault("path", format!("{path}: {}", fault.0))).ok()?;
            Some(Directory::File(path.into()))
        }
        Choice::Http => {
            let timeout = Duration::from_secs(section.number("timeout_seconds"));
            read_webhook(section, &why).map(|webhook| Directory::Http(http::Settings { webhook, timeout }))
        }
    }
}
