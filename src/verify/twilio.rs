//! Twilio Verify: <https://www.twilio.com/docs/verify/api>.
//!
//! `POST {api_base}/v2/Services/{sid}/Verifications` starts one, `POST …/VerificationCheck` checks a code. Twilio cancels one
//! only by its own id, which nobody here keeps; after five wrong codes it ends it by itself.

use std::{fmt, time::Duration};

use reqwest::Url;
use tokio::runtime::Handle;

use super::{
    Checked, Method, NotStarted, Unreachable, VerifyProvider,
    fault::{Faults, Refusal, code, json},
};
use crate::{
    crypto::SecretText,
    outbound::{
        api::{ApiCaller, Credentials},
        client::{CallFailed, Reply, client},
    },
    recipient::Recipient,
    time::Clock,
};

/// What it needs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The API: scheme, host and port, perhaps a path before `/v2`.
    pub api_base: Url,
    /// The account.
    pub account_sid: String,
    /// Its token, which also signs its callbacks.
    pub auth_token: SecretText,
    /// The Verify service.
    pub service_sid: String,
    /// How long one call may take.
    pub timeout: Duration,
}

/// Twilio Verify.
pub struct TwilioVerify {
    api: ApiCaller,
    service: Box<str>,
    faults: Faults,
}

/// "Max check attempts reached": <https://www.twilio.com/docs/api/errors/60202>.
const MAX_CHECK_ATTEMPTS: &str = "60202";

impl TwilioVerify {
    /// By these settings; calls run on `background`.
    #[must_use]
    pub fn new(settings: Settings, clock: Clock, background: &Handle) -> Self {
        let Settings { api_base, account_sid, auth_token, service_sid, timeout } = settings;
        let credentials = Credentials::Basic { user: account_sid, password: auth_token };
        let api = ApiCaller::new(client(timeout), &api_base, credentials, background);
        Self { api, service: service_sid.into(), faults: Faults::new("twilio", clock) }
    }

    async fn post(&self, resource: &str, form: &[(&str, &str)]) -> Result<Reply, CallFailed> {
        self.api.post_form(&["v2", "Services", &self.service, resource], form).await
    }

    fn started(&self, reply: &Reply) -> Result<(), NotStarted> {
        let code = error_code(reply);
        let noted = |not_started| {
            let Unreachable = self.faults.note_status("start", reply.status, code.as_deref());
            not_started
        };
        match reply.status {
            200 | 201 => json(reply).map(|_| ()).ok_or_else(|| noted(NotStarted::Unanswered)),
            status if is_exhausted(status, code.as_deref()) => Err(NotStarted::Exhausted),
            status => match Refusal::of(status, code.as_deref()) {
                Refusal::Rejected => Err(NotStarted::Refused),
                Refusal::Expired | Refusal::Unreachable => Err(noted(NotStarted::Unreachable)),
            },
        }
    }

    fn checked(&self, reply: &Reply) -> Result<Checked, Unreachable> {
        let code = error_code(reply);
        let no_answer = || self.faults.note_status("check", reply.status, code.as_deref());
        match reply.status {
            200 | 201 => match json(reply).ok_or_else(no_answer)?["status"].as_str() {
                Some("approved") => Ok(Checked::Accepted),
                Some("expired" | "canceled" | "deleted") => Ok(Checked::Expired),
                Some("max_attempts_reached") => Ok(Checked::Exhausted),
                Some(_) => Ok(Checked::Rejected),
                None => Err(no_answer()),
            },
            status if is_exhausted(status, code.as_deref()) => Ok(Checked::Exhausted),
            status => match Refusal::of(status, code.as_deref()) {
                Refusal::Rejected => Ok(Checked::Rejected),
                Refusal::Expired => Ok(Checked::Expired),
                Refusal::Unreachable => Err(no_answer()),
            },
        }
    }
}

impl VerifyProvider for TwilioVerify {
    async fn start(&self, number: &Recipient, method: Method) -> Result<(), NotStarted> {
        let reply = self.post("Verifications", &[("To", number.as_str()), ("Channel", method.as_str())]).await;
        self.started(&reply.map_err(|failed| self.faults.note_silence(&failed))?)
    }

    async fn check(&self, number: &Recipient, code: &str) -> Result<Checked, Unreachable> {
        let reply = self.post("VerificationCheck", &[("To", number.as_str()), ("Code", code)]).await;
        self.checked(&reply.map_err(|failed| self.faults.note("check", &failed.to_string()))?)
    }
}

/// Too many attempts: of this number, or of all that this account makes.
fn is_exhausted(status: u16, code: Option<&str>) -> bool {
    status == 429 || (400..500).contains(&status) && code == Some(MAX_CHECK_ATTEMPTS)
}

/// `code`.
fn error_code(reply: &Reply) -> Option<String> {
    code(json(reply)?.get("code")?)
}

impl fmt::Debug for TwilioVerify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TwilioVerify").field("api", &self.api).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing, *};

    fn twilio() -> TwilioVerify {
        let settings = Settings {
            api_base: testing::url(),
            account_sid: "AC1".into(),
            auth_token: SecretText::new("token"),
            service_sid: "VA1".into(),
            timeout: Duration::from_secs(1),
        };
        TwilioVerify::new(settings, testing::clock(), &testing::handle())
    }

    #[test]
    fn only_status_approved_is_accepted() {
        let twilio = twilio();
        for (status, body, expected) in [
            (200, r#"{"status":"approved","valid":true}"#, Ok(Checked::Accepted)),
            (201, r#"{"status":"approved"}"#, Ok(Checked::Accepted)),
            (200, r#"{"status":"pending","valid":true}"#, Ok(Checked::Rejected)),
            (200, r#"{"status":"Approved"}"#, Ok(Checked::Rejected)),
            (200, r#"{"status":"failed"}"#, Ok(Checked::Rejected)),
            (200, r#"{"status":"expired"}"#, Ok(Checked::Expired)),
            (200, r#"{"status":"canceled"}"#, Ok(Checked::Expired)),
            (200, r#"{"status":"max_attempts_reached"}"#, Ok(Checked::Exhausted)),
            (200, r#"{"valid":true}"#, Err(Unreachable)),
            (200, r#"{"status":["approved"]}"#, Err(Unreachable)),
            (200, r#""approved""#, Err(Unreachable)),
            (200, "approved", Err(Unreachable)),
            (202, r#"{"status":"approved"}"#, Err(Unreachable)),
            (302, r#"{"status":"approved"}"#, Err(Unreachable)),
            (404, r#"{"code":20404,"message":"not found","status":404}"#, Ok(Checked::Expired)),
            (404, "", Ok(Checked::Expired)),
            (400, r#"{"code":60200,"message":"Invalid parameter: +13035551234","status":"approved"}"#, Ok(Checked::Rejected)),
            (400, r#"{"code":60202}"#, Ok(Checked::Exhausted)),
            (403, r#"{"code":"60202"}"#, Ok(Checked::Exhausted)),
            (429, r#"{"code":60202}"#, Ok(Checked::Exhausted)),
            (429, r#"{"code":20429}"#, Ok(Checked::Exhausted)),
            (429, "", Ok(Checked::Exhausted)),
            (401, r#"{"code":20003}"#, Err(Unreachable)),
            (403, "{}", Err(Unreachable)),
            (500, r#"{"code":60202}"#, Err(Unreachable)),
            (503, r#"{"status":"approved"}"#, Err(Unreachable)),
        ] {
            assert_eq!(twilio.checked(&testing::reply(status, body)), expected, "{status} {body}");
        }
    }

    #[test]
    fn a_start_is_pending_with_200_and_201() {
        let twilio = twilio();
        for (status, body, expected) in [
            (200, r#"{"status":"pending"}"#, Ok(())),
            (201, r#"{"status":"pending"}"#, Ok(())),
            (201, "<html>", Err(NotStarted::Unanswered)),
            (301, "{}", Err(NotStarted::Unreachable)),
            (400, r#"{"code":60200,"message":"Invalid parameter `To`: +13035551234"}"#, Err(NotStarted::Refused)),
            (410, "", Err(NotStarted::Refused)),
            (401, "{}", Err(NotStarted::Unreachable)),
            (403, "{}", Err(NotStarted::Unreachable)),
            (404, r#"{"code":20404}"#, Err(NotStarted::Unreachable)),
            (429, r#"{"code":60203}"#, Err(NotStarted::Exhausted)),
            (400, r#"{"code":60202}"#, Err(NotStarted::Exhausted)),
            (500, "{}", Err(NotStarted::Unreachable)),
        ] {
            assert_eq!(twilio.started(&testing::reply(status, body)), expected, "{status} {body}");
        }
    }
}
