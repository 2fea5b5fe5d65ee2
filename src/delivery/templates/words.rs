//! What a template may use.

use std::collections::BTreeMap;

use minijinja::Value;
use time::OffsetDateTime;

use crate::{
    browser::agent::{Agent, Browser, System},
    delivery::language::Tag,
    time::UnixTime,
};

/// What a template may use beside the texts of its language.
#[derive(Clone, Copy)]
pub(in crate::delivery) struct Words<'a> {
    pub code: &'a str,
    /// Empty if there is none.
    pub link: &'a str,
    pub site_name: &'a str,
    /// Until the code ends.
    pub minutes: u64,
    /// The public URL's, without the port.
    pub host: &'a str,
    pub locale: &'a Tag,
    /// When the challenge was made.
    pub requested_at: UnixTime,
    /// With what it was asked for.
    pub agent: Agent,
    /// Whether the subject starts with the code.
    pub code_in_subject: bool,
}

impl Words<'_> {
    /// The variables of a template, by their names.
    pub(super) fn variables(&self) -> BTreeMap<&'static str, Value> {
        BTreeMap::from([
            ("code", self.code.into()),
            ("link", self.link.into()),
            ("site_name", self.site_name.into()),
            ("minutes", self.minutes.into()),
            ("host", self.host.into()),
            ("locale", self.locale.as_str().into()),
            ("dir", self.locale.direction().into()),
            ("requested_at", moment(self.requested_at)),
            ("browser", self.agent.browser.map_or("", Browser::name).into()),
            ("os", self.agent.system.map_or("", System::name).into()),
            ("code_in_subject", self.code_in_subject.into()),
        ])
    }
}

/// A moment in UTC, in the pieces that languages put together.
fn moment(at: UnixTime) -> Value {
    let seconds = i64::try_from(at.as_seconds()).ok();
    let moment = seconds.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    let moment = moment.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (hour, minute) = (moment.hour(), moment.minute());
    let pieces: BTreeMap<&str, Value> = BTreeMap::from([
        ("year", moment.year().into()),
        ("month", u8::from(moment.month()).into()),
        ("day", moment.day().into()),
        ("time", format!("{hour:02}:{minute:02}").into()),
    ]);
    Value::from(pieces)
}
