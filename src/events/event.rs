//! One event, and its form as JSON.

use std::{fmt, sync::Arc};

use serde::Serialize;

use super::UserAgent;
use crate::{
    challenge::ChallengeId,
    crypto::base64url,
    directory::Found,
    network::ClientNetwork,
    recipient::{Channel, Recipient},
    time::UnixTime,
    user::User,
};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Somebody asked for a code and got a challenge, whether anybody has that recipient or not.
    ChallengeRequested,
    /// A message left.
    DeliverySucceeded,
    /// A message will never leave.
    DeliveryFailed,
    /// Somebody proved a recipient and got tokens.
    LoginSucceeded,
    /// An attempt to log in was refused.
    LoginFailed,
    /// A verify provider says that it has sent its code.
    VerificationSent,
    /// A verify provider says that its code has arrived.
    VerificationDelivered,
    /// A verify provider says that its code couldn't be delivered.
    VerificationDeliveryFailed,
    /// Many messages go to numbers of one prefix and few of them are redeemed, so strangers get none there for a while.
    BreakerOpened,
    /// A reviewer logged in, with the code that is fixed.
    ReviewerUsed,
}

/// An event's name, which no other event of any node has.
#[derive(Clone, PartialEq, Eq)]
pub struct EventId(Box<str>);

/// Whom an event is about: resolved when it is written, so that emitting costs the same for anybody and nobody.
#[derive(Clone)]
pub enum Subject {
    /// Whom the directory knows by a recipient, if it knows anybody.
    Found(Found),
    /// A user.
    User(Arc<User>),
    /// A recipient that is a subject itself: there is no directory.
    Recipient(Recipient),
}

/// Something that happened. What isn't known of it is left out of its JSON.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Event {
    /// Its name, the same at every receiver and in every try.
    pub id: EventId,
    /// What happened.
    pub kind: Kind,
    /// When.
    pub at: UnixTime,
    /// By which channel.
    pub channel: Option<Channel>,
    /// Of which challenge: the envelope's `jti`.
    pub challenge: Option<ChallengeId>,
    /// Whom it is about: the tokens' `sub`.
    pub subject: Option<Subject>,
    /// Where the request came from.
    pub network: Option<ClientNetwork>,
    /// What the request's client calls itself.
    pub user_agent: Option<UserAgent>,
    /// Why it failed: a problem's stable code.
    pub reason: Option<&'static str>,
    /// Why exactly a message never left: such as `recipient_refused`.
    pub cause: Option<&'static str>,
    /// The provider's own id of a verification or message.
    pub provider_id: Option<Box<str>>,
    /// The provider's word for the state of its delivery.
    pub delivery_status: Option<Box<str>>,
    /// The calling code and the digits behind it that an event about numbers is about.
    pub prefix: Option<Box<str>>,
}

#[derive(Serialize)]
struct Written<'e> {
    r#type: &'static str,
    timestamp: String,
    data: Data<'e>,
}

#[derive(Serialize)]
struct Data<'e> {
    id: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    challenge_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_network: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_id: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery_status: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix: Option<&'e str>,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::ChallengeRequested,
        Self::DeliverySucceeded,
        Self::DeliveryFailed,
        Self::LoginSucceeded,
        Self::LoginFailed,
        Self::VerificationSent,
        Self::VerificationDelivered,
        Self::VerificationDeliveryFailed,
        Self::BreakerOpened,
        Self::ReviewerUsed,
    ];

    /// Its `type`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ChallengeRequested => "challenge.requested",
            Self::DeliverySucceeded => "delivery.succeeded",
            Self::DeliveryFailed => "delivery.failed",
            Self::LoginSucceeded => "login.succeeded",
            Self::LoginFailed => "login.failed",
            Self::VerificationSent => "verification.sent",
            Self::VerificationDelivered => "verification.delivered",
            Self::VerificationDeliveryFailed => "verification.delivery_failed",
            Self::BreakerOpened => "abuse.breaker_opened",
            Self::ReviewerUsed => "reviewer.used",
        }
    }

    /// Whether room is kept for it. Of the others strangers can cause as many as they like, and could crowd these out.
    #[must_use]
    pub const fn is_precious(self) -> bool {
        matches!(self, Self::LoginSucceeded | Self::BreakerOpened | Self::ReviewerUsed)
    }
}

impl EventId {
    /// From 128 random bits.
    #[must_use]
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(format!("evt_{}", base64url::encode(&bytes)).into())
    }

    /// A provider's id of what it reports, so that the same report has the same id at whichever node it comes to. `None` for a
    /// text that doesn't fit a header as it is: 1 to 128 letters, digits, `-`, `_` and `:`. A full stop isn't among them: it ends
    /// the id in what Standard Webhooks signs.
    #[must_use]
    pub fn of_provider(id: &str) -> Option<Self> {
        let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"-_:".contains(&byte);
        ((1..=128).contains(&id.len()) && id.bytes().all(is_fit)).then(|| Self(id.into()))
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Subject {
    /// The tokens' `sub`; `None` for nobody.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Found(found) => found.user().map(|user| &*user.id),
            Self::User(user) => Some(&user.id),
            Self::Recipient(recipient) => Some(recipient.as_str()),
        }
    }
}

impl Event {
    pub(super) const fn new(id: EventId, kind: Kind, at: UnixTime) -> Self {
        Self {
            id,
            kind,
            at,
            channel: None,
            challenge: None,
            subject: None,
            network: None,
            user_agent: None,
            reason: None,
            cause: None,
            provider_id: None,
            delivery_status: None,
            prefix: None,
        }
    }

    /// As it is sent: `{"type","timestamp","data":{…}}`, on one line.
    #[must_use]
    pub fn to_json(&self) -> String {
        self.written(self.subject.as_ref().and_then(Subject::as_str))
    }

    /// As it is sent, with another name for its subject.
    #[must_use]
    pub fn to_json_with_subject(&self, rename: impl FnOnce(&str) -> String) -> String {
        let renamed = self.subject.as_ref().and_then(Subject::as_str).map(rename);
        self.written(renamed.as_deref())
    }

    fn written(&self, subject: Option<&str>) -> String {
        let written = Written {
            r#type: self.kind.name(),
            timestamp: self.at.to_iso8601(),
            data: Data {
                id: self.id.as_str(),
                channel: self.channel.map(Channel::as_str),
                challenge_id: self.challenge.map(ChallengeId::to_text),
                subject,
                client_network: self.network.and_then(ClientNetwork::to_text),
                user_agent: self.user_agent.as_ref().map(UserAgent::as_str),
                reason: self.reason,
                cause: self.cause,
                provider_id: self.provider_id.as_deref(),
                delivery_status: self.delivery_status.as_deref(),
                prefix: self.prefix.as_deref(),
            },
        };
        serde_json::to_string(&written).expect("texts are always JSON")
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subject(…)")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::delivery::Failure;

    fn event(kind: Kind) -> Event {
        Event::new(EventId::from_random([7; 16]), kind, UnixTime::from_seconds(1_700_000_000))
    }

    fn read(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn everything_that_is_known_stands_in_the_json() {
        let ann = Recipient::parse_email("ann@example.com").unwrap();
        let event = Event {
            channel: Some(Channel::Email),
            challenge: Some(ChallengeId::from_random([1; 16])),
            subject: Some(Subject::Recipient(ann)),
            network: Some(ClientNetwork::of("2001:db8::1".parse().unwrap())),
            user_agent: UserAgent::judge(b"Mozilla/5.0 (X11; \"quoted\")"),
            reason: Some("invalid_credentials"),
            cause: Some("expired"),
            provider_id: Some("v-1".into()),
            delivery_status: Some("delivered".into()),
            prefix: Some("+493012".into()),
            ..event(Kind::LoginFailed)
        };
        let expected = json!({
            "type": "login.failed",
            "timestamp": "2023-11-14T22:13:20+00:00",
            "data": {
                "id": "evt_BwcHBwcHBwcHBwcHBwcHBw",
                "channel": "email",
                "challenge_id": "AQEBAQEBAQEBAQEBAQEBAQ",
                "subject": "ann@example.com",
                "client_network": "2001:db8::/64",
                "user_agent": "Mozilla/5.0 (X11; \"quoted\")",
                "reason": "invalid_credentials",
                "cause": "expired",
                "provider_id": "v-1",
                "delivery_status": "delivered",
                "prefix": "+493012",
            },
        });
        assert_eq!(read(&event.to_json()), expected);
        let renamed = read(&event.to_json_with_subject(|subject| format!("not {subject}")));
        assert_eq!(renamed["data"]["subject"], "not ann@example.com");
        assert!(!format!("{event:?}").contains("ann@"), "{event:?}");
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let nobody = Event { subject: Some(Subject::Found(Found::nobody())), ..event(Kind::ChallengeRequested) };
        for event in [event(Kind::ChallengeRequested), nobody] {
            let written = read(&event.to_json());
            assert_eq!(written["data"], json!({"id": "evt_BwcHBwcHBwcHBwcHBwcHBw"}));
            let renamed = event.to_json_with_subject(|subject| panic!("there is none, not {subject}"));
            assert_eq!(read(&renamed), written);
        }
    }

    #[test]
    fn a_providers_id_is_one_where_it_fits_a_header() {
        let long = "a".repeat(128);
        for id in ["3bb6321b-abd5-4d60-8cf8-1e6026bb1c41", "SM0123:delivered", "a:b_c", &long] {
            assert_eq!(EventId::of_provider(id).unwrap().as_str(), id);
        }
        for id in ["", "a b", "SM0123.delivered", "a.1700000000", "a\r\nb", "+12025550143", "ä", &format!("{long}a")] {
            assert!(EventId::of_provider(id).is_none(), "{id}");
        }
    }

    #[test]
    fn every_event_and_every_field_is_documented() {
        let page = include_str!("../../docs/events.md");
        for kind in Kind::ALL {
            let row = format!("\n| `{}` | ", kind.name());
            assert!(page.contains(&row), "docs/events.md has no row of {}", kind.name());
        }
        let fields = ["id", "channel", "challenge_id", "subject", "client_network", "user_agent", "reason", "provider_id"];
        for field in fields.into_iter().chain(["delivery_status", "prefix"]) {
            assert!(page.contains(&format!("\n| `{field}` | ")), "docs/events.md has no row of {field}");
        }

        for failure in [
            Failure::Recipient,
            Failure::Refused,
            Failure::Unsent,
            Failure::Expired,
            Failure::Displaced,
            Failure::Unwritten,
            Failure::Abandoned,
        ] {
            assert!(page.contains(&format!("\n| `{}` | ", failure.as_str())), "docs/events.md has no row of {failure:?}");
        }
    }

    #[test]
    fn names_are_those_of_the_list() {
        let names = Kind::ALL.map(Kind::name);
        let expected = [
            "challenge.requested",
            "delivery.succeeded",
            "delivery.failed",
            "login.succeeded",
            "login.failed",
            "verification.sent",
            "verification.delivered",
            "verification.delivery_failed",
            "abuse.breaker_opened",
            "reviewer.used",
        ];
        assert_eq!(names, expected);
    }
}
