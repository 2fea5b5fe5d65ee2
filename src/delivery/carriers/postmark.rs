//! E-mail by Postmark: <https://postmarkapp.com/developer/api/email-api>.

use std::fmt;

use reqwest::Url;
use serde::Serialize;

use super::api::{Caller, Meaning, Refusal, Told, below, code, json};
use crate::{
    crypto::SecretText,
    delivery::{Carrier, Message, Outgoing, SendError, Sender, Sending, mail},
    time::UnixTime,
};

/// Sends e-mail through one Postmark server.
pub struct Postmark {
    caller: Caller,
    url: Url,
    api_key: SecretText,
    sender: Sender,
}

/// A Postmark server, and what it takes to use it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The API without a path; Postmark's own is `https://api.postmarkapp.com`.
    pub api_base: Url,
    /// The server's API token.
    pub api_key: SecretText,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Email<'m> {
    from: String,
    to: &'m str,
    subject: &'m str,
    text_body: &'m str,
    html_body: &'m str,
    headers: [Header<'m>; 3],
    message_stream: &'static str,
    track_opens: bool,
    track_links: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Header<'m> {
    name: &'static str,
    value: &'m str,
}

impl Postmark {
    /// Through the server of `settings`, as `sender`.
    #[must_use]
    pub fn new(caller: Caller, settings: Settings, sender: Sender) -> Self {
        Self { caller, url: below(&settings.api_base, &["email"]), api_key: settings.api_key, sender }
    }

    async fn post(&self, outgoing: &Outgoing) -> Result<(), SendError> {
        let request = self.caller.post(&self.url, "application/json", &outgoing.body);
        let request = request.header("accept", "application/json").header("x-postmark-server-token", self.api_key.expose());
        self.caller.call("Postmark", request, told).await
    }
}

/// `{"ErrorCode":406,…}`: <https://postmarkapp.com/developer/api/overview#error-codes>. All of them come with status 422.
fn told(refusal: &Refusal) -> Told {
    Told::code(code(&refusal.json()["ErrorCode"]), |code| match code {
        // An address that isn't one.
        300 => Some(Meaning::Recipient),
        // Its maintenance.
        100 => Some(Meaning::Later),
        // The server, its sender, its credits; and 406, an address that Postmark keeps on its own list of bounces.
        _ if refusal.status == 422 => Some(Meaning::Account),
        _ => None,
    })
}

impl Carrier for Postmark {
    fn name(&self) -> &'static str {
        "postmark"
    }

    fn format(&self, message: &Message, at: UnixTime) -> Result<Outgoing, SendError> {
        let (to, name) = (mail::recipient(&message.to)?, self.sender.message_id(&message.id));
        let body = Email {
            from: self.sender.mailbox(),
            to: &to,
            subject: &message.subject,
            text_body: &message.text,
            html_body: &message.html,
            headers: [
                Header { name: "Auto-Submitted", value: "auto-generated" },
                Header { name: "Message-ID", value: &name },
                // Without it Postmark gives it a name of its own.
                Header { name: "X-PM-KeepID", value: "true" },
            ],
            message_stream: "outbound",
            // A link that Postmark rewrites is one that Postmark can log in with.
            track_opens: false,
            track_links: "None",
        };
        Ok(json(message, at, &to, &body))
    }

    fn send<'a>(&'a self, outgoing: &'a Outgoing) -> Sending<'a> {
        Box::pin(self.post(outgoing))
    }
}

impl fmt::Debug for Postmark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postmark").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::api::refusal, *};

    #[test]
    fn errors() {
        for (status, body, meaning) in [
            (422, r#"{"ErrorCode":300,"Message":"Invalid 'To' address: 'ann@'"}"#, Some(Meaning::Recipient)),
            (422, r#"{"ErrorCode":400,"Message":"Sender signature not found"}"#, Some(Meaning::Account)),
            (422, r#"{"ErrorCode":406,"Message":"Inactive recipient"}"#, Some(Meaning::Account)),
            (503, r#"{"ErrorCode":100,"Message":"Maintenance"}"#, Some(Meaning::Later)),
            (401, r#"{"ErrorCode":10,"Message":"No token"}"#, None),
            (500, "<html>", None),
        ] {
            assert_eq!(told(&refusal(status, body)).meaning, meaning, "{body}");
        }
    }
}
