//! E-mail by Amazon SES, API v2, as MIME: <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html>.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::Url;
use serde::Serialize;

use super::{
    api::{Caller, Meaning, Refusal, Told, below},
    aws::{Key, signed_post},
};
use crate::{
    delivery::{Carrier, Message, Outgoing, SendError, Sender, Sending},
    time::UnixTime,
};

/// Sends e-mail through SES in one region.
pub struct Ses {
    caller: Caller,
    url: Url,
    key: Key,
    sender: Sender,
}

/// SES in one region, and what it takes to use it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The API without a path; Amazon's own is `https://email.<region>.amazonaws.com`.
    pub api_base: Url,
    /// A key that may `ses:SendEmail` and `ses:SendRawEmail`.
    pub key: Key,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'m> {
    from_email_address: &'m str,
    destination: Destination<'m>,
    content: Content,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Destination<'m> {
    to_addresses: [&'m str; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Content {
    raw: Raw,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Raw {
    data: String,
}

impl Ses {
    /// With the key of `settings`, as `sender`.
    #[must_use]
    pub fn new(caller: Caller, settings: Settings, sender: Sender) -> Self {
        Self { caller, url: below(&settings.api_base, &["v2", "email", "outbound-emails"]), key: settings.key, sender }
    }

    async fn post(&self, outgoing: &Outgoing) -> Result<(), SendError> {
        let request = signed_post(&self.caller, &self.key, "ses", (&self.url, "application/json", &outgoing.body));
        let request = request.ok_or_else(|| SendError::Refused("the request can't be signed".into()))?;
        self.caller.call("Amazon SES", request, told).await
    }
}

/// The header `x-amzn-ErrorType`: `MessageRejected`, or with what follows a colon.
fn told(refusal: &Refusal) -> Told {
    let name = refusal.amazon_error.as_deref().unwrap_or_default();
    Told::name(
        name.split(':').next().unwrap_or_default(),
        &[
            // Their status is 400, though it is the account that can't: a sender (or, in the sandbox, a recipient) that isn't
            // verified, an account that may not send.
            ("MessageRejected", Meaning::Account),
            ("MailFromDomainNotVerifiedException", Meaning::Account),
            ("AccountSuspendedException", Meaning::Account),
            ("SendingPausedException", Meaning::Account),
            ("LimitExceededException", Meaning::TooMany),
            ("TooManyRequestsException", Meaning::TooMany),
            ("InvalidSignatureException", Meaning::Account),
            ("BadRequestException", Meaning::Recipient),
        ],
    )
}

impl Carrier for Ses {
    fn name(&self) -> &'static str {
        "ses"
    }

    fn format(&self, message: &Message, at: UnixTime) -> Result<Outgoing, SendError> {
        let Outgoing { id, to, body: mime, .. } = self.sender.format(message, at)?;
        let body = Body {
            from_email_address: self.sender.address(),
            destination: Destination { to_addresses: [&to] },
            content: Content { raw: Raw { data: STANDARD.encode(&mime) } },
        };
        let body = serde_json::to_vec(&body).expect("texts are JSON");
        Ok(Outgoing { id, written_at: at, to, body: body.into() })
    }

    fn send<'a>(&'a self, outgoing: &'a Outgoing) -> Sending<'a> {
        Box::pin(self.post(outgoing))
    }
}

impl fmt::Debug for Ses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ses").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors() {
        for (name, meaning) in [
            ("MessageRejected", Some(Meaning::Account)),
            ("TooManyRequestsException:http://internal.amazon.com/coral/", Some(Meaning::TooMany)),
            ("BadRequestException", Some(Meaning::Recipient)),
            ("ann@example.com", None),
            ("", None),
        ] {
            let told = told(&Refusal { status: 400, amazon_error: Some(name.into()), body: Vec::new() });
            assert_eq!(told.meaning, meaning, "{name}");
            assert_eq!(told.name.is_some(), meaning.is_some(), "no name that isn't known is kept");
        }
    }
}
