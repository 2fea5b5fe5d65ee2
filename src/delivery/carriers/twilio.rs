//! SMS by Twilio Messaging: <https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource>.

use std::fmt;

use reqwest::Url;

use super::api::{Caller, Meaning, Refusal, Told, below, code};
use crate::{
    crypto::SecretText,
    delivery::{Carrier, Message, Outgoing, SendError, Sending},
    outbound::form::{FORM, form},
    time::UnixTime,
};

/// Sends SMS from one Twilio account.
pub struct Twilio {
    caller: Caller,
    url: Url,
    settings: Settings,
}

/// A Twilio account, and what it takes to use it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The API without a path; Twilio's own is `https://api.twilio.com`.
    pub api_base: Url,
    /// The account: `AC` and 32 digits.
    pub account_sid: String,
    /// Its token; it signs Twilio's callbacks, too.
    pub auth_token: SecretText,
    /// A number or name of the account's, or a messaging service: `MG` and 32 digits.
    pub from: String,
}

impl Twilio {
    /// From the account of `settings`.
    #[must_use]
    pub fn new(caller: Caller, settings: Settings) -> Self {
        let url = below(&settings.api_base, &["2010-04-01", "Accounts", &settings.account_sid, "Messages.json"]);
        Self { caller, url, settings }
    }

    async fn post(&self, outgoing: &Outgoing) -> Result<(), SendError> {
        let Settings { account_sid, auth_token, .. } = &self.settings;
        let request = self.caller.post(&self.url, FORM, &outgoing.body);
        self.caller.call("Twilio", request.basic_auth(account_sid, Some(auth_token.expose())), told).await
    }
}

/// `{"code":21211,…}`: <https://www.twilio.com/docs/api/errors>.
fn told(refusal: &Refusal) -> Told {
    Told::code(code(&refusal.json()["code"]), |code| match code {
        // This account or sender can't, though its status is 400: another sender's number, a country that isn't enabled, an
        // unverified number of a trial, a pair that isn't connected, somebody who wants nothing of this sender any more, a
        // messaging service without numbers.
        21212 | 21408 | 21603 | 21606 | 21608 | 21610 | 21612 | 21660 | 21703 => Some(Meaning::Account),
        // The sender's own queue is full.
        21611 => Some(Meaning::TooMany),
        _ => None,
    })
}

/// Whether this sender is a messaging service, which picks one of its numbers.
fn is_messaging_service(from: &str) -> bool {
    from.len() == 34 && from.starts_with("MG") && from.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

impl Carrier for Twilio {
    fn name(&self) -> &'static str {
        "twilio"
    }

    fn format(&self, message: &Message, at: UnixTime) -> Result<Outgoing, SendError> {
        let from = &self.settings.from;
        let sender = if is_messaging_service(from) { "MessagingServiceSid" } else { "From" };
        let body = form(&[("To", &message.to), (sender, from), ("Body", &message.text)]);
        Ok(Outgoing { id: message.id.clone(), written_at: at, to: message.to.clone(), body })
    }

    fn send<'a>(&'a self, outgoing: &'a Outgoing) -> Sending<'a> {
        Box::pin(self.post(outgoing))
    }
}

impl fmt::Debug for Twilio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Twilio").field("settings", &self.settings).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::api::refusal, *};

    #[test]
    fn errors() {
        for (body, code, meaning) in [
            (r#"{"code":21211,"message":"The 'To' number +1 is not a valid phone number.","status":400}"#, 21211, None),
            (r#"{"code":21606,"status":400}"#, 21606, Some(Meaning::Account)),
            (r#"{"code":20003,"status":401}"#, 20003, None),
        ] {
            assert_eq!(told(&refusal(400, body)), Told { code: Some(code), name: None, meaning });
        }
        for body in ["", "{}", "[]", "null", "<html>", r#"{"code":"+12025550123"}"#] {
            assert_eq!(told(&refusal(400, body)), Told::default(), "{body}");
        }
    }
}
