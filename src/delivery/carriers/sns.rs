//! SMS by Amazon SNS: <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>.

use std::fmt;

use reqwest::Url;

use super::{
    api::{Caller, Meaning, Refusal, Told, below},
    aws::{Key, signed_post},
};
use crate::{
    delivery::{Carrier, Message, Outgoing, SendError, Sending},
    outbound::form::{FORM, form},
    time::UnixTime,
};

/// Sends SMS through SNS in one region.
pub struct Sns {
    caller: Caller,
    url: Url,
    settings: Settings,
}

/// SNS in one region, and what it takes to use it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The API without a path; Amazon's own is `https://sns.<region>.amazonaws.com`.
    pub api_base: Url,
    /// A key that may `sns:Publish`.
    pub key: Key,
    /// A sender's name, where the country has those; `None`: the account's own.
    pub from: Option<String>,
}

impl Sns {
    /// With the key of `settings`.
    #[must_use]
    pub fn new(caller: Caller, settings: Settings) -> Self {
        let url = below(&settings.api_base, &[""]);
        Self { caller, url, settings }
    }

    async fn post(&self, outgoing: &Outgoing) -> Result<(), SendError> {
        let request = signed_post(&self.caller, &self.settings.key, "sns", (&self.url, FORM, &outgoing.body));
        let request = request.ok_or_else(|| SendError::Refused("the request can't be signed".into()))?;
        self.caller.call("Amazon SNS", request, told).await
    }
}

/// `<ErrorResponse><Error><Code>InvalidParameter</Code>…`: <https://docs.aws.amazon.com/sns/latest/api/CommonErrors.html>.
fn told(refusal: &Refusal) -> Told {
    let text = String::from_utf8_lossy(&refusal.body);
    let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>")).map_or("", |(code, _)| code);
    Told::name(
        code,
        &[
            ("InvalidParameter", Meaning::Recipient),
            ("InvalidParameterValue", Meaning::Recipient),
            // Their status is 400, too.
            ("Throttling", Meaning::TooMany),
            ("ThrottlingException", Meaning::TooMany),
            ("Throttled", Meaning::TooMany),
            ("OptedOut", Meaning::Account),
            ("IncompleteSignature", Meaning::Account),
            ("InvalidSecurity", Meaning::Account),
            ("RequestExpired", Meaning::Account),
            ("UserError", Meaning::Account),
        ],
    )
}

impl Carrier for Sns {
    fn name(&self) -> &'static str {
        "sns"
    }

    fn format(&self, message: &Message, at: UnixTime) -> Result<Outgoing, SendError> {
        const ATTRIBUTES: [[&str; 3]; 2] = [
            [
                "MessageAttributes.entry.1.Name",
                "MessageAttributes.entry.1.Value.DataType",
                "MessageAttributes.entry.1.Value.StringValue",
            ],
            [
                "MessageAttributes.entry.2.Name",
                "MessageAttributes.entry.2.Value.DataType",
                "MessageAttributes.entry.2.Value.StringValue",
            ],
        ];
        let mut fields =
            vec![("Action", "Publish"), ("Version", "2010-03-31"), ("PhoneNumber", &*message.to), ("Message", &**message.text)];
        let mut attributes = vec![("AWS.SNS.SMS.SMSType", "Transactional")];
        attributes.extend(self.settings.from.as_deref().map(|from| ("AWS.SNS.SMS.SenderID", from)));
        for ([name_field, type_field, value_field], (name, value)) in ATTRIBUTES.into_iter().zip(attributes) {
            fields.extend([(name_field, name), (type_field, "String"), (value_field, value)]);
        }
        Ok(Outgoing { id: message.id.clone(), written_at: at, to: message.to.clone(), body: form(&fields) })
    }

    fn send<'a>(&'a self, outgoing: &'a Outgoing) -> Sending<'a> {
        Box::pin(self.post(outgoing))
    }
}

impl fmt::Debug for Sns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sns").field("settings", &self.settings).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::api::refusal, *};

    #[test]
    fn errors() {
        let xml = |code: &str| {
            format!("<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>+1</Message></Error></ErrorResponse>")
        };
        for (code, meaning) in [
            ("InvalidParameter", Some(Meaning::Recipient)),
            ("Throttling", Some(Meaning::TooMany)),
            ("OptedOut", Some(Meaning::Account)),
            ("+12025550123", None),
        ] {
            let told = told(&refusal(400, &xml(code)));
            assert_eq!((told.meaning, told.name.is_some()), (meaning, meaning.is_some()), "{code}");
        }
        for body in ["", "<Code>", "</Code><Code>", "<Code>x"] {
            assert_eq!(told(&refusal(400, body)), Told::default(), "{body}");
        }
    }
}
