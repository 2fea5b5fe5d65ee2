//! SMS by Vonage's Messages API: <https://developer.vonage.com/en/api/messages>.

use std::fmt;

use reqwest::Url;
use serde::Serialize;

use super::api::{Caller, Meaning, Refusal, Told, below, json};
use crate::{
    crypto::SecretText,
    delivery::{Carrier, Message, Outgoing, SendError, Sending},
    time::UnixTime,
};

/// Sends SMS from one Vonage account.
pub struct Vonage {
    caller: Caller,
    url: Url,
    settings: Settings,
}

/// A Vonage account, and what it takes to use it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The API without a path; Vonage's own is `https://api.nexmo.com`.
    pub api_base: Url,
    /// The account's key.
    pub api_key: SecretText,
    /// Its secret.
    pub api_secret: SecretText,
    /// A number or name of the account's.
    pub from: String,
}

#[derive(Serialize)]
struct Body<'m> {
    message_type: &'static str,
    channel: &'static str,
    to: &'m str,
    from: &'m str,
    text: &'m str,
}

impl Vonage {
    /// From the account of `settings`.
    #[must_use]
    pub fn new(caller: Caller, settings: Settings) -> Self {
        let url = below(&settings.api_base, &["v1", "messages"]);
        Self { caller, url, settings }
    }

    async fn post(&self, outgoing: &Outgoing) -> Result<(), SendError> {
        let Settings { api_key, api_secret, .. } = &self.settings;
        let request = self.caller.post(&self.url, "application/json", &outgoing.body);
        self.caller.call("Vonage", request.basic_auth(api_key.expose(), Some(api_secret.expose())), told).await
    }
}

/// `{"type":"https://developer.vonage.com/api-errors/messages#1120",…}`: <https://developer.vonage.com/en/api-errors/messages>.
fn told(refusal: &Refusal) -> Told {
    let body = refusal.json();
    let code = body["type"].as_str().and_then(|kind| kind.rsplit_once('#')).and_then(|(_, code)| {
        let is_code = (1..=4).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_digit());
        is_code.then(|| code.parse().ok()).flatten()
    });
    Told::code(code, |code| match code {
        // The account, whatever the status: barred, without credit or this service, a sender that it may not use, numbers that a
        // trial may not write to.
        1060 | 1070 | 1080 | 1100 | 1120 | 1150 | 1300 => Some(Meaning::Account),
        1000 | 1090 => Some(Meaning::TooMany),
        1030 => Some(Meaning::Later),
        _ => None,
    })
}

/// As Vonage spells numbers: without the plus. A name stays as it is.
fn without_plus(number: &str) -> &str {
    number.strip_prefix('+').unwrap_or(number)
}

impl Carrier for Vonage {
    fn name(&self) -> &'static str {
        "vonage"
    }

    fn format(&self, message: &Message, at: UnixTime) -> Result<Outgoing, SendError> {
        let (to, from) = (without_plus(&message.to), without_plus(&self.settings.from));
        let body = Body { message_type: "text", channel: "sms", to, from, text: &message.text };
        Ok(json(message, at, &message.to, &body))
    }

    fn send<'a>(&'a self, outgoing: &'a Outgoing) -> Sending<'a> {
        Box::pin(self.post(outgoing))
    }
}

impl fmt::Debug for Vonage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vonage").field("settings", &self.settings).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::api::refusal, *};

    #[test]
    fn errors() {
        let told = |body: &str| {
            let told = told(&refusal(422, body));
            (told.code, told.meaning)
        };
        let typed = |code: &str| format!(r#"{{"type":"https://developer.vonage.com/api-errors/messages#{code}"}}"#);
        assert_eq!(told(&typed("1120")), (Some(1120), Some(Meaning::Account)));
        assert_eq!(told(&typed("1240")), (Some(1240), None));
        assert_eq!(told(&typed("1000")), (Some(1000), Some(Meaning::TooMany)));
        for other in ["", "12025550123", "+1", "out-of-credit"] {
            assert_eq!(told(&typed(other)), (None, None), "{other}");
        }
        for body in ["", "{}", r#"{"type":1}"#, r#"{"type":"about:blank"}"#] {
            assert_eq!(told(body), (None, None), "{body}");
        }
    }
}
