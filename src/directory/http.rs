//! Users from an HTTP endpoint, asked by signed POSTs.
//!
//! `{"action":"lookup","channel":"email","field":"email","value":"ann@example.com"}` is answered by `{"user":{…}}` or
//! `{"user":null}`; `{"action":"register",…,"set_unusable_password":true}` by `{"user":{…}}`. Whatever else comes back is
//! no answer. Nothing is cached.

use std::{fmt, sync::Arc, time::Duration};

use hyper::body::Bytes;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tracing::{error, warn};

use super::{Directory, Found, User, fault};
use crate::{
    crypto::base64url,
    outbound::{
        client::{self, WebhookCaller},
        webhook::Webhook,
    },
    recipient::{Channel, Recipient},
    seldom::Seldom,
    time::Clock,
    unavailable::Unavailable,
};

/// Seconds after which it makes sense to ask again when the endpoint didn't answer.
const RETRY_AFTER: u32 = 5;

/// Lines a minute about answers that are none, and about users of another address.
const LINES: u32 = 5;

/// The users of an HTTP endpoint.
pub struct HttpDirectory {
    endpoint: WebhookCaller,
    fields: FieldNames,
    clock: Clock,
    no_answers: Seldom,
    strangers: Seldom,
}

/// An endpoint that is asked for users.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where, and what calls are signed with.
    pub webhook: Webhook,
    /// How long one call may take.
    pub timeout: Duration,
}

/// The names that requests use for the recipient's field, and that the endpoint is told.
#[derive(Clone, Debug)]
pub struct FieldNames {
    /// Of e-mail addresses.
    pub email: String,
    /// Of phone numbers.
    pub mobile: String,
}

#[derive(Serialize)]
struct Question<'a> {
    action: &'static str,
    channel: &'static str,
    field: &'a str,
    value: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    set_unusable_password: Option<bool>,
}

#[derive(Deserialize)]
struct Reply {
    /// Null for nobody; an answer without it is none.
    #[serde(deserialize_with = "Option::deserialize")]
    user: Option<User>,
}

impl HttpDirectory {
    /// Asks the endpoint of `settings`. The calls are made on `background`, so that their connections outlive the caller's
    /// runtime.
    #[must_use]
    pub fn new(settings: Settings, fields: FieldNames, clock: Clock, background: &Handle) -> Self {
        let Settings { webhook, timeout } = settings;
        let endpoint = WebhookCaller::new(client::client(timeout), webhook, Arc::clone(&clock), background);
        Self { endpoint, fields, clock, no_answers: Seldom::new(LINES), strangers: Seldom::new(LINES) }
    }

    async fn ask(&self, recipient: &Recipient, register: Option<bool>) -> Result<Option<User>, Unavailable> {
        let question = Question {
            action: if register.is_some() { "register" } else { "lookup" },
            channel: recipient.channel().as_str(),
            field: match recipient.channel() {
                Channel::Email => &self.fields.email,
                Channel::Mobile => &self.fields.mobile,
            },
            value: recipient.as_str(),
            set_unusable_password: register,
        };
        let body = Bytes::from(serde_json::to_vec(&question).expect("strings are always JSON"));
        let id = format!("msg_{}", base64url::encode(&rand::random::<[u8; 16]>()));
        let unavailable = |reason: &str| self.unavailable(question.action, reason);
        let answer = match self.endpoint.post(&id, body.clone()).await {
            Err(failed) if failed.was_closed() && register.is_none() => self.endpoint.post(&id, body).await,
            answer => answer,
        };
        let answer = answer.map_err(|error| unavailable(&error.to_string()))?;
        if answer.status != 200 {
            return Err(unavailable(&format!("it answered {}", answer.status)));
        }
        let reply: Result<Reply, _> = serde_json::from_slice(&answer.body);
        Ok(reply.map_err(|error| unavailable(&fault::of_answer(&answer.body, &error)))?.user)
    }

    fn unavailable(&self, action: &str, reason: &str) -> Unavailable {
        if let Some(left_out) = self.no_answers.due((self.clock)()) {
            error!(reason, action, left_out, "the directory can't answer");
        }
        Unavailable::for_seconds(RETRY_AFTER)
    }

    /// Whether a user is the recipient that was asked for. The engine judges that too; here it is said in the log.
    fn is_about(&self, user: &User, recipient: &Recipient) -> bool {
        let is = user.is(recipient);
        if !is && let Some(left_out) = self.strangers.due((self.clock)()) {
            let (user, channel) = (&*user.id, recipient.channel().as_str());
            let what = "the directory's user has another address than the one asked for and counts as unknown";
            warn!(user, channel, left_out, "{what}");
        }
        is
    }
}

impl Directory for HttpDirectory {
    async fn lookup(&self, recipient: &Recipient) -> Result<Found, Unavailable> {
        let user = self.ask(recipient, None).await?;
        Ok(Found::new(recipient, user.filter(|user| self.is_about(user, recipient)).map(Arc::new)))
    }

    async fn register(&self, recipient: &Recipient, set_unusable_password: bool) -> Result<User, Unavailable> {
        let user = self.ask(recipient, Some(set_unusable_password)).await?;
        let user = user.filter(|user| self.is_about(user, recipient));
        user.ok_or_else(|| self.unavailable("register", "it registered nobody, or somebody else"))
    }
}

impl fmt::Debug for HttpDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpDirectory").field("endpoint", &self.endpoint).field("fields", &self.fields).finish_non_exhaustive()
    }
}
