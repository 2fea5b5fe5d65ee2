//! Telnyx Verify: <https://developers.telnyx.com/docs/identity/verify/quickstart>.
//!
//! `POST {api_base}/v2/verifications/{sms|call|flashcall}` starts one, `POST …/v2/verifications/by_phone_number/{number}/actions/verify`
//! checks a code. Telnyx has nothing that ends one.

use std::{fmt, time::Duration};

use reqwest::Url;
use serde::Serialize;
use tokio::runtime::Handle;

use super::{
    Checked, Method, NotStarted, Unreachable, VerifyProvider,
    fault::{Faults, Refusal, code, json},
};
use crate::{
    crypto::SecretText,
    outbound::{
        api::{ApiCaller, Credentials},
        client::{Reply, client},
    },
    recipient::Recipient,
    time::Clock,
};

/// What it needs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The API: scheme, host and port, perhaps a path before `/v2`.
    pub api_base: Url,
    /// The account's key.
    pub api_key: SecretText,
    /// Which of the account's Verify profiles.
    pub verify_profile_id: String,
    /// How long one call may take.
    pub timeout: Duration,
}

/// Telnyx Verify.
pub struct TelnyxVerify {
    api: ApiCaller,
    profile: Box<str>,
    faults: Faults,
}

#[derive(Serialize)]
struct Start<'a> {
    phone_number: &'a str,
    verify_profile_id: &'a str,
}

#[derive(Serialize)]
struct Check<'a> {
    code: &'a str,
    verify_profile_id: &'a str,
}

impl TelnyxVerify {
    /// By these settings; calls run on `background`.
    #[must_use]
    pub fn new(settings: Settings, clock: Clock, background: &Handle) -> Self {
        let Settings { api_base, api_key, verify_profile_id, timeout } = settings;
        let api = ApiCaller::new(client(timeout), &api_base, Credentials::Bearer(api_key), background);
        Self { api, profile: verify_profile_id.into(), faults: Faults::new("telnyx", clock) }
    }

    fn started(&self, reply: &Reply) -> Result<(), NotStarted> {
        if matches!(reply.status, 200 | 201) {
            return if json(reply).is_some() {
                Ok(())
            } else {
                self.note_start(reply);
                Err(NotStarted::Unanswered)
            };
        }
        match refusal(reply) {
            Refusal::Rejected => Err(NotStarted::Refused),
            Refusal::Expired | Refusal::Unreachable => {
                self.note_start(reply);
                Err(NotStarted::Unreachable)
            }
        }
    }

    fn checked(&self, reply: &Reply) -> Result<Checked, Unreachable> {
        let no_answer = || self.faults.note_status("check", reply.status, error_code(reply).as_deref());
        if reply.status == 200 {
            let answer = json(reply).ok_or_else(no_answer)?;
            return match answer["data"]["response_code"].as_str() {
                Some("accepted") => Ok(Checked::Accepted),
                Some(code) if code.to_ascii_lowercase().contains("expir") => Ok(Checked::Expired),
                Some(_) => Ok(Checked::Rejected),
                None => Err(no_answer()),
            };
        }
        match refusal(reply) {
            Refusal::Rejected => Ok(Checked::Rejected),
            Refusal::Expired => Ok(Checked::Expired),
            Refusal::Unreachable => Err(no_answer()),
        }
    }

    fn note_start(&self, reply: &Reply) {
        let Unreachable = self.faults.note_status("start", reply.status, error_code(reply).as_deref());
    }
}

impl VerifyProvider for TelnyxVerify {
    async fn start(&self, number: &Recipient, method: Method) -> Result<(), NotStarted> {
        let body = Start { phone_number: number.as_str(), verify_profile_id: &self.profile };
        let reply = self.api.post_json(&["v2", "verifications", method.as_str()], &body).await;
        self.started(&reply.map_err(|failed| self.faults.note_silence(&failed))?)
    }

    async fn check(&self, number: &Recipient, code: &str) -> Result<Checked, Unreachable> {
        let segments = ["v2", "verifications", "by_phone_number", number.as_str(), "actions", "verify"];
        let body = Check { code, verify_profile_id: &self.profile };
        let reply = self.api.post_json(&segments, &body).await;
        self.checked(&reply.map_err(|failed| self.faults.note("check", &failed.to_string()))?)
    }
}

/// 429 is the account's limit, not the number's.
fn refusal(reply: &Reply) -> Refusal {
    if reply.status == 429 { Refusal::Unreachable } else { Refusal::of(reply.status, error_code(reply).as_deref()) }
}

/// `errors[0].code`.
fn error_code(reply: &Reply) -> Option<String> {
    code(json(reply)?.get("errors")?.get(0)?.get("code")?)
}

impl fmt::Debug for TelnyxVerify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TelnyxVerify").field("api", &self.api).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing, *};

    fn telnyx() -> TelnyxVerify {
        let settings = Settings {
            api_base: testing::url(),
            api_key: SecretText::new("key"),
            verify_profile_id: "p".into(),
            timeout: Duration::from_secs(1),
        };
        TelnyxVerify::new(settings, testing::clock(), &testing::handle())
    }

    #[test]
    fn only_response_code_accepted_of_status_200_is_accepted() {
        let telnyx = telnyx();
        let expired = r#"{"errors":[{"code":"verification_expired","detail":"+13035551234"}]}"#;
        for (status, body, expected) in [
            (200, r#"{"data":{"phone_number":"+1","response_code":"accepted"}}"#, Ok(Checked::Accepted)),
            (200, r#"{"data":{"response_code":"rejected"}}"#, Ok(Checked::Rejected)),
            (200, r#"{"data":{"response_code":"ACCEPTED"}}"#, Ok(Checked::Rejected)),
            (200, r#"{"data":{"response_code":"expired"}}"#, Ok(Checked::Expired)),
            (200, r#"{"data":{"response_code":true}}"#, Err(Unreachable)),
            (200, r#"{"response_code":"accepted"}"#, Err(Unreachable)),
            (200, r#"{"data":"accepted"}"#, Err(Unreachable)),
            (200, "accepted", Err(Unreachable)),
            (200, "", Err(Unreachable)),
            (201, r#"{"data":{"response_code":"accepted"}}"#, Err(Unreachable)),
            (202, r#"{"data":{"response_code":"accepted"}}"#, Err(Unreachable)),
            (302, r#"{"data":{"response_code":"accepted"}}"#, Err(Unreachable)),
            (400, r#"{"data":{"response_code":"accepted"}}"#, Ok(Checked::Rejected)),
            (400, r#"{"errors":[{"code":"10015","detail":"x"}]}"#, Ok(Checked::Rejected)),
            (422, r#"{"errors":[{"code":10015}]}"#, Ok(Checked::Rejected)),
            (422, "<html>", Ok(Checked::Rejected)),
            (422, expired, Ok(Checked::Expired)),
            (404, "{}", Ok(Checked::Expired)),
            (404, "", Ok(Checked::Expired)),
            (401, "{}", Err(Unreachable)),
            (403, expired, Err(Unreachable)),
            (429, expired, Err(Unreachable)),
            (429, "{}", Err(Unreachable)),
            (500, r#"{"data":{"response_code":"accepted"}}"#, Err(Unreachable)),
            (503, "", Err(Unreachable)),
        ] {
            assert_eq!(telnyx.checked(&testing::reply(status, body)), expected, "{status} {body}");
        }
    }

    #[test]
    fn a_start_is_pending_with_200_and_201() {
        let telnyx = telnyx();
        for (status, body, expected) in [
            (200, r#"{"data":{"status":"pending"}}"#, Ok(())),
            (201, "{}", Ok(())),
            (200, "<html>welcome</html>", Err(NotStarted::Unanswered)),
            (204, "", Err(NotStarted::Unreachable)),
            (302, "{}", Err(NotStarted::Unreachable)),
            (400, r#"{"errors":[{"code":"10002","detail":"+13035551234 is no number"}]}"#, Err(NotStarted::Refused)),
            (422, "{}", Err(NotStarted::Refused)),
            (401, "{}", Err(NotStarted::Unreachable)),
            (403, "{}", Err(NotStarted::Unreachable)),
            (404, "{}", Err(NotStarted::Unreachable)),
            (429, "{}", Err(NotStarted::Unreachable)),
            (500, "{}", Err(NotStarted::Unreachable)),
        ] {
            assert_eq!(telnyx.started(&testing::reply(status, body)), expected, "{status} {body}");
        }
    }
}
