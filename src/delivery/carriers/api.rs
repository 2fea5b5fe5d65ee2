//! What the adapters of HTTP APIs share: one call, and what its answer means.

use std::{error::Error as _, fmt};

use hyper::body::Bytes;
use reqwest::{Client, RequestBuilder, Url};
use serde::Serialize;
use serde_json::Value;

use crate::{
    delivery::{Message, Outgoing, SendError},
    outbound::{client, retry_after::retry_after},
    time::{Clock, UnixTime},
};

/// What it takes to call others: one for all adapters.
#[derive(Clone)]
pub struct Caller {
    client: Client,
    pub(super) clock: Clock,
}

/// What an answer that isn't 2xx means, where its provider's own word for it says more than its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The recipient or the message is refused: no other provider would do.
    Recipient,
    /// This account or sender can't: another provider may.
    Account,
    /// It may work later.
    Later,
    /// Too much at once.
    TooMany,
}

/// An answer that isn't 2xx.
pub(super) struct Refusal {
    /// Its status.
    pub(super) status: u16,
    /// The header `x-amzn-errortype`.
    #[cfg_attr(not(feature = "aws"), allow(dead_code, reason = "only Amazon has it"))]
    pub(super) amazon_error: Option<String>,
    /// Its body.
    pub(super) body: Vec<u8>,
}

/// What a provider says of an error: its own code, if that is a short number or a name that we know, and what it means, if it
/// isn't what the status says. Nothing else of an answer is ever kept, since it often quotes the recipient.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) code: Option<u32>,
    pub(super) name: Option<&'static str>,
    pub(super) meaning: Option<Meaning>,
}

impl Told {
    /// Nothing beyond the status.
    pub(super) fn nothing(_: &Refusal) -> Self {
        Self::default()
    }

    /// A code, and what it means.
    pub(super) fn code(code: Option<u32>, meaning: impl FnOnce(u32) -> Option<Meaning>) -> Self {
        Self { code, name: None, meaning: code.and_then(meaning) }
    }

    /// One of the names that are known, and what it means.
    pub(super) fn name(name: &str, known: &[(&'static str, Meaning)]) -> Self {
        let known = known.iter().find(|(known, _)| *known == name);
        Self { code: None, name: known.map(|(name, _)| *name), meaning: known.map(|(_, meaning)| *meaning) }
    }
}

impl Refusal {
    /// The body as JSON; null where it is none.
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl Caller {
    /// With a client whose calls end in time.
    #[must_use]
    pub const fn new(client: Client, clock: Clock) -> Self {
        Self { client, clock }
    }

    /// A POST of these bytes.
    pub(super) fn post(&self, url: &Url, content_type: &str, body: &Bytes) -> RequestBuilder {
        self.client.post(url.clone()).header("content-type", content_type).body(body.clone())
    }

    /// Makes a call. `provider` names whom it asks in reasons; `told` reads what it says of an error.
    pub(super) async fn call(
        &self,
        provider: &str,
        request: RequestBuilder,
        told: fn(&Refusal) -> Told,
    ) -> Result<(), SendError> {
        let response = request.send().await.map_err(|error| unanswered(provider, error))?;
        let status = response.status().as_u16();
        let amazon_error = response.headers().get("x-amzn-errortype").and_then(|name| name.to_str().ok()).map(str::to_owned);
        let wait = retry_after(response.headers(), (self.clock)());
        // Read to its end, a connection can be used again.
        let read = client::read(response).await;
        if (200..300).contains(&status) {
            // It was taken, whatever became of the rest of the answer.
            return Ok(());
        }
        let read = read.map(|reply| told(&Refusal { status, amazon_error, body: reply.body }));
        let Told { code, name, meaning } = read.unwrap_or_default();
        let reason = match (code, name) {
            (Some(code), _) => format!("{provider} answered {status} (its error {code})"),
            (None, Some(name)) => format!("{provider} answered {status} (its error {name})"),
            (None, None) => format!("{provider} answered {status}"),
        };
        Err(match meaning.unwrap_or_else(|| of_status(status)) {
            Meaning::Recipient => SendError::Final(reason),
            Meaning::Account => SendError::Refused(reason),
            Meaning::Later => SendError::Down { reason, retry_after: wait },
            Meaning::TooMany => SendError::Busy { reason, retry_after: wait },
        })
    }
}

/// What a status means by itself. A redirect is never followed: a message goes where the configuration says, or nowhere.
const fn of_status(status: u16) -> Meaning {
    match status {
        408 | 425 | 500..=599 => Meaning::Later,
        429 => Meaning::TooMany,
        400 | 422 => Meaning::Recipient,
        _ => Meaning::Account,
    }
}

/// What it means that there was no answer.
fn unanswered(provider: &str, error: reqwest::Error) -> SendError {
    let error = error.without_url();
    if error.is_timeout() && !error.is_connect() {
        return SendError::NoAnswer { reason: format!("{provider} didn't answer in time") };
    }
    let mut reason = format!("{provider} can't be reached: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        reason.extend([": ", &cause.to_string()]);
        source = cause.source();
    }
    SendError::down(reason)
}

/// A whole number of at most six digits, or its text: a code, and never a phone number.
pub(super) fn code(value: &Value) -> Option<u32> {
    let code = match value {
        Value::Number(number) => u32::try_from(number.as_u64()?).ok()?,
        Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok()?,
        _ => return None,
    };
    (code < 1_000_000).then_some(code)
}

/// A message in the form of an API that takes JSON.
pub(super) fn json(message: &Message, at: UnixTime, to: &str, body: &impl Serialize) -> Outgoing {
    let body = serde_json::to_vec(body).expect("texts are JSON");
    Outgoing { id: message.id.clone(), written_at: at, to: to.into(), body: body.into() }
}

/// The path `segments` below `base`.
pub(super) fn below(base: &Url, segments: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").finish_non_exhaustive()
    }
}

/// A refusal with this status and body, for the tests of the adapters.
#[cfg(test)]
pub(super) fn refusal(status: u16, body: &str) -> Refusal {
    Refusal { status, amazon_error: None, body: body.into() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn statuses() {
        for (status, meaning) in [
            (302, Meaning::Account),
            (400, Meaning::Recipient),
            (401, Meaning::Account),
            (403, Meaning::Account),
            (404, Meaning::Account),
            (408, Meaning::Later),
            (413, Meaning::Account),
            (422, Meaning::Recipient),
            (425, Meaning::Later),
            (429, Meaning::TooMany),
            (500, Meaning::Later),
            (503, Meaning::Later),
        ] {
            assert_eq!(of_status(status), meaning, "{status}");
        }
    }

    #[test]
    fn a_code_is_a_short_number() {
        assert_eq!((code(&json!(21211)), code(&json!("40310"))), (Some(21211), Some(40310)));
        for other in
            [json!(4_915_112_345_678_u64), json!("4915112345678"), json!("ann@example.com"), json!(-1), json!(1.5), json!(null)]
        {
            assert_eq!(code(&other), None, "{other}");
        }
    }

    #[test]
    fn what_stands_in_a_path_stays_in_its_segment() {
        let url = |base: &str, segments: &[&str]| below(&Url::parse(base).unwrap(), segments).to_string();
        assert_eq!(url("https://a.example", &["v2", "messages"]), "https://a.example/v2/messages");
        assert_eq!(url("https://a.example/x/", &["v2"]), "https://a.example/x/v2");
        assert_eq!(url("https://a.example", &["a/../b?c#d"]), "https://a.example/a%2F..%2Fb%3Fc%23d");
    }
}
