//! Bring your own: messages of both channels, POSTed as JSON to an endpoint of yours and signed as Standard Webhooks.
//!
//! `{"channel","to","code","link","text","locale"}`, all of them texts; `link` is empty if there is none.

use std::fmt;

use serde::Serialize;

use super::api::{Caller, Told, json};
use crate::{
    delivery::{Carrier, Message, Outgoing, SendError, Sending},
    outbound::{
        signing::{ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER},
        webhook::Webhook,
    },
    time::UnixTime,
};

/// POSTs each message to one endpoint.
pub struct Http {
    caller: Caller,
    webhook: Webhook,
}

#[derive(Serialize)]
struct Body<'m> {
    channel: &'static str,
    to: &'m str,
    code: &'m str,
    link: &'m str,
    text: &'m str,
    locale: &'m str,
}

impl Http {
    /// To the endpoint of `webhook`.
    #[must_use]
    pub const fn new(caller: Caller, webhook: Webhook) -> Self {
        Self { caller, webhook }
    }

    /// Each try is signed anew, under the message's own id.
    async fn post(&self, outgoing: &Outgoing) -> Result<(), SendError> {
        let (id, now) = (outgoing.id.as_str(), (self.caller.clock)());
        let signature = self.webhook.secret.sign(id, now, &outgoing.body);
        let request = self.caller.post(&self.webhook.url, "application/json", &outgoing.body);
        let request =
            request.header(ID_HEADER, id).header(TIMESTAMP_HEADER, now.as_seconds()).header(SIGNATURE_HEADER, signature);
        self.caller.call("the endpoint", request, Told::nothing).await
    }
}

impl Carrier for Http {
    fn name(&self) -> &'static str {
        "http"
    }

    fn format(&self, message: &Message, at: UnixTime) -> Result<Outgoing, SendError> {
        let Message { channel, to, code, link, text, locale, .. } = message;
        let body = Body { channel: channel.as_str(), to, code, link, text, locale: locale.as_str() };
        Ok(json(message, at, to, &body))
    }

    fn send<'a>(&'a self, outgoing: &'a Outgoing) -> Sending<'a> {
        Box::pin(self.post(outgoing))
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").field("webhook", &self.webhook).finish_non_exhaustive()
    }
}
