//! SMS by Telnyx Messaging: <https://developers.telnyx.com/api/messaging/send-message>.

use std::fmt;

use reqwest::Url;
use serde::Serialize;

use super::api::{Caller, Meaning, Refusal, Told, below, code, json};
use crate::{
    crypto::SecretText,
    delivery::{Carrier, Message, Outgoing, SendError, Sending},
    time::UnixTime,
};

/// Sends SMS from one Telnyx account.
pub struct Telnyx {
    caller: Caller,
    url: Url,
    settings: Settings,
}

/// A Telnyx account, and what it takes to use it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The API without a path; Telnyx' own is `https://api.telnyx.com`.
    pub api_base: Url,
    /// The account's key.
    pub api_key: SecretText,
    /// A number or name of the account's.
    pub from: String,
}

#[derive(Serialize)]
struct Body<'m> {
    from: &'m str,
    to: &'m str,
    text: &'m str,
}

impl Telnyx {
    /// From the account of `settings`.
    #[must_use]
    pub fn new(caller: Caller, settings: Settings) -> Self {
        let url = below(&settings.api_base, &["v2", "messages"]);
        Self { caller, url, settings }
    }

    async fn post(&self, outgoing: &Outgoing) -> Result<(), SendError> {
        let request = self.caller.post(&self.url, "application/json", &outgoing.body);
        self.caller.call("Telnyx", request.bearer_auth(self.settings.api_key.expose()), told).await
    }
}

/// `{"errors":[{"code":"40310",…}]}`: <https://developers.telnyx.com/docs/messaging/messages/error-codes>.
fn told(refusal: &Refusal) -> Told {
    Told::code(code(&refusal.json()["errors"][0]["code"]), |code| match code {
        // This account or sender can't, whatever its status is: this sender, this country, a profile that is off or has spent
        // its limit, somebody who wants nothing of this sender any more.
        40013 | 40300 | 40305 | 40309 | 40312 | 40333 => Some(Meaning::Account),
        // Too many at once.
        40011 | 40318 => Some(Meaning::TooMany),
        _ => None,
    })
}

impl Carrier for Telnyx {
    fn name(&self) -> &'static str {
        "telnyx"
    }

    fn format(&self, message: &Message, at: UnixTime) -> Result<Outgoing, SendError> {
        let body = Body { from: &self.settings.from, to: &message.to, text: &message.text };
        Ok(json(message, at, &message.to, &body))
    }

    fn send<'a>(&'a self, outgoing: &'a Outgoing) -> Sending<'a> {
        Box::pin(self.post(outgoing))
    }
}

impl fmt::Debug for Telnyx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telnyx").field("settings", &self.settings).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::api::refusal, *};

    #[test]
    fn errors() {
        for (body, code, meaning) in [
            (r#"{"errors":[{"code":"40310","title":"Invalid 'to' address"}]}"#, 40310, None),
            (r#"{"errors":[{"code":"40305","title":"Invalid 'from' address"}]}"#, 40305, Some(Meaning::Account)),
            (r#"{"errors":[{"code":"10009"}]}"#, 10009, None),
        ] {
            assert_eq!(told(&refusal(400, body)), Told { code: Some(code), name: None, meaning });
        }
        for body in ["", "{}", "[]", r#"{"errors":[]}"#, r#"{"errors":{}}"#, r#"{"errors":[{"code":"+12025550123"}]}"#] {
            assert_eq!(told(&refusal(400, body)), Told::default(), "{body}");
        }
    }
}
