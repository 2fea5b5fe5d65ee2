//! What the filter is told, the keys that it has, and when it fetches them again.

use countersign::{
    edge::{Checker, KeyDocument},
    time::UnixTime,
};
use serde::Deserialize;

/// The fewest seconds between two fetches: anybody can name a key that nobody knows.
const PAUSE: u64 = 10;
/// Seconds until the next try, as long as a document was never had.
const IMPATIENCE: u64 = 2;

/// The filter's configuration, as JSON.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configuration {
    /// `tokens.issuer` of the fleet.
    pub issuer: String,
    /// Of access tokens: one of these has to be theirs. Without any, it is the issuer.
    #[serde(default)]
    pub audiences: Vec<String>,
    /// Seconds that access tokens are believed past their end.
    #[serde(default)]
    pub leeway: u64,
    /// Envoy's name of the cluster that keys are fetched from.
    pub cluster: String,
    /// Seconds between two fetches.
    #[serde(default = "five_minutes")]
    pub reload_seconds: u64,
    /// Seconds that a fetch may take.
    #[serde(default = "two_seconds")]
    pub timeout_seconds: u64,
}

const fn five_minutes() -> u64 {
    300
}

const fn two_seconds() -> u64 {
    2
}

impl Configuration {
    /// Reads and judges it.
    pub fn parse(json: &[u8]) -> Result<Self, String> {
        let mut read: Self = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        if read.issuer.is_empty() || read.cluster.is_empty() {
            return Err("`issuer` and `cluster` can't be empty".into());
        }
        if read.reload_seconds < PAUSE || read.timeout_seconds == 0 {
            return Err(format!("`reload_seconds` is at least {PAUSE}, `timeout_seconds` at least 1"));
        }
        if read.audiences.is_empty() {
            read.audiences.push(read.issuer.clone());
        }
        Ok(read)
    }
}

/// The keys of one worker.
pub struct Keys {
    checker: Checker,
    /// Which documents were had, in the order of [`KeyDocument::ALL`].
    had: [bool; 3],
    reload_seconds: u64,
    last: Option<UnixTime>,
    is_one_missing: bool,
}

impl Default for Keys {
    fn default() -> Self {
        Self::new(&Configuration::default())
    }
}

impl Keys {
    pub fn new(configuration: &Configuration) -> Self {
        let Configuration { issuer, audiences, leeway, reload_seconds, .. } = configuration;
        Self {
            checker: Checker::new(issuer, audiences.clone(), *leeway),
            had: [false; 3],
            reload_seconds: *reload_seconds,
            last: None,
            is_one_missing: false,
        }
    }

    /// What checks, once every document was had: before, nobody can be judged.
    pub fn checker(&self) -> Option<&Checker> {
        (self.had == [true; 3]).then_some(&self.checker)
    }

    /// A key was named that isn't here.
    pub fn miss_one(&mut self) {
        self.is_one_missing = true;
    }

    /// Whether documents are to be fetched now. A clock that was set back is no reason to wait.
    pub fn are_due(&mut self, now: UnixTime) -> bool {
        let pause = match (self.checker(), self.is_one_missing) {
            (None, _) => IMPATIENCE,
            (_, true) => PAUSE,
            _ => self.reload_seconds,
        };
        let is_due = self.last.is_none_or(|last| now < last || last.plus(pause) <= now);
        if is_due {
            (self.last, self.is_one_missing) = (Some(now), false);
        }
        is_due
    }

    /// Takes what was fetched.
    pub fn take(&mut self, document: KeyDocument, status: &str, body: &[u8]) -> Result<(), String> {
        if status != "200" {
            return Err(format!("no answer, or not 200: {status:?}"));
        }
        let text = std::str::from_utf8(body).map_err(|_| "no UTF-8")?;
        self.checker.load(document, text).map_err(|error| error.to_string())?;
        let at = KeyDocument::ALL.iter().position(|known| *known == document);
        self.had[at.expect("it is one of all")] = true;
        Ok(())
    }
}
