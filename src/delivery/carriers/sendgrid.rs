//! E-mail by SendGrid: <https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send>.

use std::fmt;

use reqwest::Url;
use serde::Serialize;

use super::api::{Caller, Told, below, json};
use crate::{
    crypto::SecretText,
    delivery::{Carrier, Message, Outgoing, SendError, Sender, Sending, mail},
    time::UnixTime,
};

/// Sends e-mail through one SendGrid account.
pub struct SendGrid {
    caller: Caller,
    url: Url,
    api_key: SecretText,
    sender: Sender,
}

/// A SendGrid account, and what it takes to use it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The API without a path; SendGrid's own is `https://api.sendgrid.com`.
    pub api_base: Url,
    /// The account's key.
    pub api_key: SecretText,
}

#[derive(Serialize)]
struct Body<'m> {
    personalizations: [Personalization<'m>; 1],
    from: Mailbox<'m>,
    subject: &'m str,
    content: [Content<'m>; 2],
    headers: Headers,
    tracking_settings: Tracking,
}

#[derive(Serialize)]
struct Personalization<'m> {
    to: [Mailbox<'m>; 1],
}

#[derive(Serialize)]
struct Mailbox<'m> {
    email: &'m str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'m str>,
}

#[derive(Serialize)]
struct Content<'m> {
    r#type: &'static str,
    value: &'m str,
}

#[derive(Serialize)]
struct Headers {
    #[serde(rename = "Auto-Submitted")]
    auto_submitted: &'static str,
    #[serde(rename = "Message-ID")]
    message_id: String,
}

/// A link that somebody rewrites is one that he can log in with: off, whatever the account says.
#[derive(Default, Serialize)]
struct Tracking {
    click_tracking: Clicks,
    open_tracking: Switch,
}

#[derive(Default, Serialize)]
struct Clicks {
    enable: bool,
    enable_text: bool,
}

#[derive(Default, Serialize)]
struct Switch {
    enable: bool,
}

impl SendGrid {
    /// Through the account of `settings`, as `sender`.
    #[must_use]
    pub fn new(caller: Caller, settings: Settings, sender: Sender) -> Self {
        Self { caller, url: below(&settings.api_base, &["v3", "mail", "send"]), api_key: settings.api_key, sender }
    }

    async fn post(&self, outgoing: &Outgoing) -> Result<(), SendError> {
        let request = self.caller.post(&self.url, "application/json", &outgoing.body);
        // Its errors have texts and no codes.
        self.caller.call("SendGrid", request.bearer_auth(self.api_key.expose()), Told::nothing).await
    }
}

impl Carrier for SendGrid {
    fn name(&self) -> &'static str {
        "sendgrid"
    }

    fn format(&self, message: &Message, at: UnixTime) -> Result<Outgoing, SendError> {
        let to = mail::recipient(&message.to)?;
        let body = Body {
            personalizations: [Personalization { to: [Mailbox { email: &to, name: None }] }],
            from: Mailbox { email: self.sender.address(), name: self.sender.name() },
            subject: &message.subject,
            // In the order in which SendGrid wants them.
            content: [
                Content { r#type: "text/plain", value: &message.text },
                Content { r#type: "text/html", value: &message.html },
            ],
            headers: Headers { auto_submitted: "auto-generated", message_id: self.sender.message_id(&message.id) },
            tracking_settings: Tracking::default(),
        };
        Ok(json(message, at, &to, &body))
    }

    fn send<'a>(&'a self, outgoing: &'a Outgoing) -> Sending<'a> {
        Box::pin(self.post(outgoing))
    }
}

impl fmt::Debug for SendGrid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendGrid").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}
