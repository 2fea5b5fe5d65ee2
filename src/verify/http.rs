//! A provider of one's own: an endpoint that is POSTed JSON, signed as Standard Webhooks.
//!
//! `{"action":"start","phone_number","method"}`, `{"action":"check","phone_number","code"}` and
//! `{"action":"cancel","phone_number"}` are answered by `{"status":"pending"|"accepted"|"rejected"|"expired"}`; nobody reads the
//! answer to the last.

use std::{fmt, sync::Arc, time::Duration};

use hyper::body::Bytes;
use serde::Serialize;
use tokio::runtime::Handle;

use super::{
    Checked, Method, NotStarted, Unreachable, VerifyProvider,
    fault::{Faults, json},
};
use crate::{
    crypto::base64url,
    outbound::{
        client::{self, CallFailed, Reply, WebhookCaller},
        webhook::Webhook,
    },
    recipient::Recipient,
    time::Clock,
};

/// An endpoint that makes codes and checks them.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where, and what calls are signed with.
    pub webhook: Webhook,
    /// How long one call may take.
    pub timeout: Duration,
}

/// An endpoint of one's own.
pub struct HttpVerify {
    endpoint: WebhookCaller,
    background: Handle,
    faults: Faults,
}

#[derive(Serialize)]
struct Order<'a> {
    action: &'static str,
    phone_number: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Pending,
    Accepted,
    Rejected,
    Expired,
}

impl HttpVerify {
    /// By these settings; calls run on `background`.
    #[must_use]
    pub fn new(settings: Settings, clock: Clock, background: &Handle) -> Self {
        let Settings { webhook, timeout } = settings;
        let endpoint = WebhookCaller::new(client::client(timeout), webhook, Arc::clone(&clock), background);
        Self { endpoint, background: background.clone(), faults: Faults::new("http", clock) }
    }

    async fn order(&self, order: &Order<'_>) -> Result<Reply, CallFailed> {
        let (id, body) = letter(order);
        self.endpoint.post(&id, body).await
    }

    fn status(&self, action: &'static str, reply: &Reply) -> Result<Status, Unreachable> {
        if reply.status != 200 {
            return Err(self.faults.note_status(action, reply.status, None));
        }
        let answer = json(reply).unwrap_or_default();
        match answer["status"].as_str() {
            Some("pending") => Ok(Status::Pending),
            Some("accepted") => Ok(Status::Accepted),
            Some("rejected") => Ok(Status::Rejected),
            Some("expired") => Ok(Status::Expired),
            _ => {
                let reason = "it answered 200, but no JSON with a `status` of pending, accepted, rejected or expired";
                Err(self.faults.note(action, reason))
            }
        }
    }
}

fn letter(order: &Order<'_>) -> (String, Bytes) {
    let id = format!("msg_{}", base64url::encode(&rand::random::<[u8; 16]>()));
    (id, serde_json::to_vec(order).expect("strings are always JSON").into())
}

impl VerifyProvider for HttpVerify {
    async fn start(&self, number: &Recipient, method: Method) -> Result<(), NotStarted> {
        let order = Order { action: "start", phone_number: number.as_str(), method: Some(method.as_str()), code: None };
        let reply = self.order(&order).await.map_err(|failed| self.faults.note_silence(&failed))?;
        match self.status("start", &reply) {
            Ok(Status::Pending) => Ok(()),
            Ok(Status::Rejected) => Err(NotStarted::Refused),
            Ok(Status::Accepted | Status::Expired) => {
                let reason = "it answered a start with accepted or expired, not with pending or rejected";
                let Unreachable = self.faults.note("start", reason);
                Err(NotStarted::Unanswered)
            }
            Err(Unreachable) if reply.status == 200 => Err(NotStarted::Unanswered),
            Err(Unreachable) => Err(NotStarted::Unreachable),
        }
    }

    async fn check(&self, number: &Recipient, code: &str) -> Result<Checked, Unreachable> {
        let order = Order { action: "check", phone_number: number.as_str(), method: None, code: Some(code) };
        let reply = self.order(&order).await.map_err(|failed| self.faults.note("check", &failed.to_string()))?;
        Ok(match self.status("check", &reply)? {
            Status::Accepted => Checked::Accepted,
            // The code that it waits for hasn't come.
            Status::Pending | Status::Rejected => Checked::Rejected,
            Status::Expired => Checked::Expired,
        })
    }

    fn cancel(&self, number: &Recipient) {
        let (id, body) = letter(&Order { action: "cancel", phone_number: number.as_str(), method: None, code: None });
        let endpoint = self.endpoint.clone();
        // Nobody waits for it.
        drop(self.background.spawn(async move { endpoint.post(&id, body).await }));
    }
}

impl fmt::Debug for HttpVerify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpVerify").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing, *};
    use crate::outbound::signing::WebhookSecret;

    #[test]
    fn whatever_is_none_of_the_four_states_is_no_answer() {
        let secret = WebhookSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let settings = Settings { webhook: Webhook { url: testing::url(), secret }, timeout: Duration::from_secs(1) };
        let http = HttpVerify::new(settings, testing::clock(), &testing::handle());
        for (status, body, expected) in [
            (200, r#"{"status":"pending"}"#, Ok(Status::Pending)),
            (200, r#"{"status":"accepted","more":1}"#, Ok(Status::Accepted)),
            (200, r#"{"status":"rejected"}"#, Ok(Status::Rejected)),
            (200, r#"{"status":"expired"}"#, Ok(Status::Expired)),
            (200, r#"{"status":"Accepted"}"#, Err(Unreachable)),
            (200, r#"{"status":"approved"}"#, Err(Unreachable)),
            (200, r#"{"status":true}"#, Err(Unreachable)),
            (200, r#"["accepted"]"#, Err(Unreachable)),
            (200, r#"{"status":"accepted"} x"#, Err(Unreachable)),
            (200, "", Err(Unreachable)),
            (201, r#"{"status":"accepted"}"#, Err(Unreachable)),
            (302, r#"{"status":"accepted"}"#, Err(Unreachable)),
            (404, r#"{"status":"accepted"}"#, Err(Unreachable)),
            (500, r#"{"status":"accepted"}"#, Err(Unreachable)),
        ] {
            assert_eq!(http.status("check", &testing::reply(status, body)), expected, "{status} {body}");
        }
    }

    #[test]
    fn method_is_said_at_the_start_only_and_the_code_at_the_check_only() {
        let order = |action, method, code| {
            let (_, body) = letter(&Order { action, phone_number: "+13035551234", method, code });
            String::from_utf8(body.to_vec()).unwrap()
        };
        assert_eq!(order("start", Some("sms"), None), r#"{"action":"start","phone_number":"+13035551234","method":"sms"}"#);
        assert_eq!(order("check", None, Some("1")), r#"{"action":"check","phone_number":"+13035551234","code":"1"}"#);
        assert_eq!(order("cancel", None, None), r#"{"action":"cancel","phone_number":"+13035551234"}"#);
    }
}
