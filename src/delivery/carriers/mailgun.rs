//! E-mail by Mailgun, as MIME: <https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/messages>.

use std::fmt;

use reqwest::Url;

use super::api::{Caller, Told, below};
use crate::{
    crypto::SecretText,
    delivery::{Carrier, Message, MessageId, Outgoing, SendError, Sender, Sending},
    time::UnixTime,
};

/// Sends e-mail through one domain of a Mailgun account.
pub struct Mailgun {
    caller: Caller,
    url: Url,
    api_key: SecretText,
    sender: Sender,
}

/// A domain of a Mailgun account, and what it takes to use it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The API without a path; Mailgun's own are `https://api.mailgun.net` and `https://api.eu.mailgun.net`.
    pub api_base: Url,
    /// The domain's sending key, or the account's.
    pub api_key: SecretText,
    /// The domain; `None`: the sender's.
    pub domain: Option<String>,
}

impl Mailgun {
    /// Through the domain of `settings`, as `sender`.
    #[must_use]
    pub fn new(caller: Caller, settings: Settings, sender: Sender) -> Self {
        let Settings { api_base, api_key, domain } = settings;
        let of_sender = || sender.address().rsplit('@').next().unwrap_or_default().to_owned();
        let url = below(&api_base, &["v3", &domain.unwrap_or_else(of_sender), "messages.mime"]);
        Self { caller, url, api_key, sender }
    }

    async fn post(&self, outgoing: &Outgoing) -> Result<(), SendError> {
        let kind = format!("multipart/form-data; boundary={}", boundary(&outgoing.id));
        let request = self.caller.post(&self.url, &kind, &outgoing.body).basic_auth("api", Some(self.api_key.expose()));
        // Its errors have texts and no codes.
        self.caller.call("Mailgun", request, Told::nothing).await
    }
}

/// What separates the parts. Nobody who writes something of a message knows its name beforehand.
fn boundary(id: &MessageId) -> String {
    format!("countersign-{id}")
}

impl Carrier for Mailgun {
    fn name(&self) -> &'static str {
        "mailgun"
    }

    fn format(&self, message: &Message, at: UnixTime) -> Result<Outgoing, SendError> {
        let Outgoing { id, to, body: mime, .. } = self.sender.format(message, at)?;
        let boundary = boundary(&id);
        let mut body = Vec::with_capacity(mime.len() + 1024);
        // A link that somebody rewrites is one that he can log in with: off, whatever the account says.
        for (name, value) in [("to", &*to), ("o:tracking", "no"), ("o:tracking-clicks", "no"), ("o:tracking-opens", "no")] {
            let part = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
            body.extend_from_slice(part.as_bytes());
        }
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"message\"; filename=\"message.eml\"\r\n\
             Content-Type: message/rfc822\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(&mime);
        body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        Ok(Outgoing { id, written_at: at, to, body: body.into() })
    }

    fn send<'a>(&'a self, outgoing: &'a Outgoing) -> Sending<'a> {
        Box::pin(self.post(outgoing))
    }
}

impl fmt::Debug for Mailgun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailgun").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}
