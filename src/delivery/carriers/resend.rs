//! E-mail by Resend: <https://resend.com/docs/api-reference/emails/send-email>.

use std::fmt;

use reqwest::Url;
use serde::Serialize;

use super::api::{Caller, Meaning, Refusal, Told, below, json};
use crate::{
    crypto::SecretText,
    delivery::{Carrier, Message, Outgoing, SendError, Sender, Sending, mail},
    time::UnixTime,
};

/// Sends e-mail through one Resend account.
pub struct Resend {
    caller: Caller,
    url: Url,
    api_key: SecretText,
    sender: Sender,
}

/// A Resend account, and what it takes to use it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The API without a path; Resend's own is `https://api.resend.com`.
    pub api_base: Url,
    /// The account's key.
    pub api_key: SecretText,
}

#[derive(Serialize)]
struct Body<'m> {
    from: String,
    to: [&'m str; 1],
    subject: &'m str,
    text: &'m str,
    html: &'m str,
    headers: Headers,
}

#[derive(Serialize)]
struct Headers {
    #[serde(rename = "Auto-Submitted")]
    auto_submitted: &'static str,
}

impl Resend {
    /// Through the account of `settings`, as `sender`.
    #[must_use]
    pub fn new(caller: Caller, settings: Settings, sender: Sender) -> Self {
        Self { caller, url: below(&settings.api_base, &["emails"]), api_key: settings.api_key, sender }
    }

    /// Under its idempotency key a message is sent once, however often it is tried within a day.
    async fn post(&self, outgoing: &Outgoing) -> Result<(), SendError> {
        let request = self.caller.post(&self.url, "application/json", &outgoing.body);
        let request = request.bearer_auth(self.api_key.expose()).header("idempotency-key", outgoing.id.as_str());
        self.caller.call("Resend", request, told).await
    }
}

/// `{"name":"invalid_from_address",…}`: <https://resend.com/docs/api-reference/errors>.
fn told(refusal: &Refusal) -> Told {
    let body = refusal.json();
    let told = Told::name(
        body["name"].as_str().unwrap_or_default(),
        &[
            ("invalid_from_address", Meaning::Account),
            ("restricted_api_key", Meaning::Account),
            ("invalid_api_key", Meaning::Account),
            // The first try under this key is still under way.
            ("concurrent_idempotent_requests", Meaning::Later),
            ("rate_limit_exceeded", Meaning::TooMany),
            ("daily_quota_exceeded", Meaning::TooMany),
            ("monthly_quota_exceeded", Meaning::TooMany),
        ],
    );
    // A key that isn't one is a 400, too.
    let meaning = told.meaning.or_else(|| (refusal.status == 400).then_some(Meaning::Account));
    Told { meaning, ..told }
}

impl Carrier for Resend {
    fn name(&self) -> &'static str {
        "resend"
    }

    fn format(&self, message: &Message, at: UnixTime) -> Result<Outgoing, SendError> {
        let to = mail::recipient(&message.to)?;
        let body = Body {
            from: self.sender.mailbox(),
            to: [&to],
            subject: &message.subject,
            text: &message.text,
            html: &message.html,
            // It names messages itself.
            headers: Headers { auto_submitted: "auto-generated" },
        };
        Ok(json(message, at, &to, &body))
    }

    fn send<'a>(&'a self, outgoing: &'a Outgoing) -> Sending<'a> {
        Box::pin(self.post(outgoing))
    }
}

impl fmt::Debug for Resend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resend").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::api::refusal, *};

    #[test]
    fn errors() {
        for (status, body, meaning) in [
            (422, r#"{"statusCode":422,"name":"validation_error","message":"Invalid `to` field: ann@"}"#, None),
            (422, r#"{"name":"invalid_from_address"}"#, Some(Meaning::Account)),
            (400, r#"{"name":"validation_error","message":"API key is invalid"}"#, Some(Meaning::Account)),
            (409, r#"{"name":"concurrent_idempotent_requests"}"#, Some(Meaning::Later)),
            (429, r#"{"name":"daily_quota_exceeded"}"#, Some(Meaning::TooMany)),
            (403, r#"{"name":"ann@example.com"}"#, None),
            (500, "", None),
        ] {
            let told = told(&refusal(status, body));
            assert_eq!(told.meaning, meaning, "{body}");
            assert!(told.name.is_none_or(|name| !name.contains('@')));
        }
    }
}
