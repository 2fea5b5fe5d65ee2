//! Everything that can go wrong over HTTP, and the only place where such answers are made.
//!
//! A problem is RFC 9457's `application/problem+json` with a stable `code`, and it carries the members that the original
//! answered with, so that its clients keep reading what they read.

use std::{borrow::Cow, num::NonZeroU32};

use http_body_util::Full;
use hyper::{
    Response, StatusCode,
    body::Bytes,
    header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE},
};

use super::{fields::FieldErrors, json::Object};
use crate::{
    challenge::GuardId,
    engine::{BeginError, CompleteError, NoSession, RefreshError},
    guard::RequestRefused,
    server::call::Answer,
    unavailable::Unavailable,
    verify::NotStarted,
};

/// The members of RFC 9457 and ours; a field of such a name stands in `errors` only.
const PROBLEM_MEMBERS: [&str; 8] = ["type", "title", "status", "detail", "code", "errors", "puzzle", "attempts_left"];

/// Every code that a problem can have.
pub(crate) const CODES: [&str; 27] = [
    "invalid",
    "parse_error",
    "not_found",
    "method_disabled",
    "method_not_allowed",
    "request_timeout",
    "content_too_large",
    "unsupported_media_type",
    "head_too_large",
    "internal",
    "invalid_credentials",
    "challenge_expired",
    "challenge_spent",
    "attempts_exhausted",
    "misdirected",
    "token_not_valid",
    "challenge_not_valid",
    "no_session",
    "cross_site",
    "forbidden",
    "throttled",
    "delivery_failed",
    "unavailable",
    "provider_not_configured",
    "provider_unavailable",
    "invalid_signature",
    "relay_refused",
];

/// Why a request isn't answered as it wishes.
#[derive(Debug)]
pub(crate) struct Problem(Box<Contents>);

/// Boxed, so that every `Result` of a handler stays small.
#[derive(Debug)]
struct Contents {
    status: StatusCode,
    code: &'static str,
    detail: Cow<'static, str>,
    non_field: bool,
    fields: FieldErrors,
    attempts_left: Option<u32>,
    puzzle: Option<Box<[u8]>>,
    retry_after: Option<NonZeroU32>,
    allow: Option<&'static str>,
    scheme: Option<&'static str>,
    owner: Option<GuardId>,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Contents {
            status,
            code,
            detail: detail.into(),
            non_field: false,
            fields: FieldErrors::default(),
            attempts_left: None,
            puzzle: None,
            retry_after: None,
            allow: None,
            scheme: None,
            owner: None,
        }))
    }

    fn with(mut self, change: impl FnOnce(&mut Contents)) -> Self {
        change(&mut self.0);
        self
    }

    /// `detail` is what the original says in `non_field_errors`.
    fn non_field(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail).with(|contents| contents.non_field = true)
    }

    /// Its code, one of [`CODES`].
    pub(crate) fn code(&self) -> &'static str {
        self.0.code
    }

    /// Fields that are missing or wrong.
    pub(crate) fn fields(fields: FieldErrors) -> Self {
        let detail = "Some fields are missing or invalid.";
        Self::new(StatusCode::BAD_REQUEST, "invalid", detail).with(|contents| contents.fields = fields)
    }

    /// The fields don't go together.
    pub(crate) fn invalid(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::non_field("invalid", detail)
    }

    /// The body is JSON, but no object.
    pub(crate) fn not_an_object(kind: &'static str) -> Self {
        match kind {
            "null" => Self::invalid("No data provided"),
            kind => Self::invalid(format!("Invalid data. Expected a dictionary, but got {kind}.")),
        }
    }

    /// The body, or the head, can't be read.
    pub(crate) fn parse_error(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "parse_error", detail)
    }

    /// There is nothing at this path.
    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "Not found.")
    }

    /// This way to log in isn't allowed by the configuration.
    pub(crate) fn method_disabled() -> Self {
        Self::new(StatusCode::NOT_FOUND, "method_disabled", "This login method is not enabled.")
    }

    /// The path is there, but not for this method.
    pub(crate) fn method_not_allowed(allow: &'static str) -> Self {
        let problem = Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "This method is not allowed here.");
        problem.with(|contents| contents.allow = Some(allow))
    }

    /// The request didn't arrive in time.
    pub(crate) fn request_timeout() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", "The request took too long to arrive.")
    }

    /// The body is larger than the configuration allows.
    pub(crate) fn content_too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "content_too_large", "The body is too large.")
    }

    /// The body is of a type that isn't read here.
    pub(crate) fn unsupported_media_type() -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "Send application/json, application/x-www-form-urlencoded or multipart/form-data.",
        )
    }

    /// The head has too many bytes or too many headers.
    pub(crate) fn head_too_large() -> Self {
        Self::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "head_too_large", "The request's head is too large.")
    }

    /// A fault of ours.
    pub(crate) fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something went wrong here.")
    }

    /// Wrong, forged, another recipient's, unknown: nobody learns which.
    pub(crate) fn invalid_credentials(attempts_left: Option<u32>) -> Self {
        Self::non_field("invalid_credentials", "Invalid credentials").with(|contents| contents.attempts_left = attempts_left)
    }

    /// A session token that isn't valid.
    pub(crate) fn token_not_valid() -> Self {
        let problem = Self::new(StatusCode::UNAUTHORIZED, "token_not_valid", "Token is invalid or expired");
        problem.with(|contents| contents.scheme = Some(r#"Bearer realm="countersign", error="invalid_token""#))
    }

    /// A proxy asks about a request without a living challenge of this fleet.
    pub(crate) fn challenge_not_valid() -> Self {
        let problem = Self::new(StatusCode::UNAUTHORIZED, "challenge_not_valid", "Challenge is invalid or expired");
        problem.with(|contents| contents.scheme = Some(r#"Countersign realm="countersign""#))
    }

    /// A request without a living session.
    pub(crate) fn no_session() -> Self {
        let problem = Self::new(StatusCode::UNAUTHORIZED, "no_session", "Not signed in.");
        problem.with(|contents| contents.scheme = Some(r#"Countersign realm="countersign""#))
    }

    /// A request that another site made, which may neither begin nor end a session here.
    pub(crate) fn cross_site() -> Self {
        Self::new(StatusCode::FORBIDDEN, "cross_site", "This request comes from another site.")
    }

    /// A proxy asks about a request that may not pass, whoever makes it.
    pub(crate) fn forbidden(detail: &'static str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    /// The challenge belongs to another guard.
    pub(crate) fn misdirected(owner: GuardId) -> Self {
        let problem = Self::new(
            StatusCode::MISDIRECTED_REQUEST,
            "misdirected",
            "This challenge belongs to another node, or to one that has restarted since. Request a new code.",
        );
        problem.with(|contents| contents.owner = Some(owner))
    }

    /// Whether somebody who signs in would be answered otherwise.
    pub(crate) fn is_sign_in_needed(&self) -> bool {
        self.0.status == StatusCode::UNAUTHORIZED
    }

    /// The guard that can answer instead.
    pub(crate) fn owner(&self) -> Option<&GuardId> {
        self.0.owner.as_ref()
    }

    /// A relayed request that isn't from this fleet, or not for this node, or not from now.
    pub(crate) fn relay_refused(is_for_another_node: bool) -> Self {
        if is_for_another_node {
            return Self::new(StatusCode::MISDIRECTED_REQUEST, "misdirected", "This request was relayed to the wrong node.");
        }
        Self::new(StatusCode::FORBIDDEN, "relay_refused", "This request was not relayed by a node of this fleet, or too late.")
    }

    /// Something that is needed can't be had now.
    pub(crate) fn unavailable(unavailable: Unavailable) -> Self {
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not available at the moment. Try again later.");
        problem.with(|contents| contents.retry_after = Some(unavailable.retry_after))
    }

    /// The node is shutting down.
    pub(crate) fn shutting_down() -> Self {
        Self::unavailable(Unavailable::for_seconds(1))
    }

    /// No external provider is configured.
    pub(crate) fn provider_not_configured() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "provider_not_configured", "External 2FA provider not configured.")
    }

    /// The external provider gives no answer that makes sense.
    pub(crate) fn provider_unavailable() -> Self {
        Self::new(StatusCode::BAD_GATEWAY, "provider_unavailable", "The verification provider can't be reached. Try again later.")
    }

    /// A webhook that nobody has signed who may send one.
    pub(crate) fn invalid_signature() -> Self {
        let problem = Self::new(StatusCode::UNAUTHORIZED, "invalid_signature", "Invalid signature");
        problem.with(|contents| contents.scheme = Some(r#"Webhook-Signature realm="countersign""#))
    }

    /// Too many messages, or too soon. `puzzle` is the JSON of one whose solution lifts the refusal.
    pub(crate) fn throttled(retry_after: NonZeroU32, puzzle: Option<Box<[u8]>>) -> Self {
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "throttled", "Unable to send token");
        problem.with(|contents| {
            contents.retry_after = Some(retry_after);
            contents.puzzle = puzzle;
        })
    }

    /// Inline delivery failed.
    pub(crate) fn delivery_failed() -> Self {
        Self::new(StatusCode::BAD_GATEWAY, "delivery_failed", "The message could not be delivered.")
    }

    /// Why a challenge was neither made nor resent. `offer` makes the JSON of a puzzle that hides at most that number.
    pub(crate) fn of_begin(error: BeginError, offer: impl FnOnce(NonZeroU32) -> Box<[u8]>) -> Self {
        match error {
            BeginError::MethodDisabled => Self::method_disabled(),
            BeginError::Refused(RequestRefused::Throttled { retry_after, puzzle }) => {
                Self::throttled(retry_after, puzzle.map(offer))
            }
            BeginError::Refused(RequestRefused::Unavailable(unavailable))
            | BeginError::NotStarted(NotStarted::NoRoom(unavailable)) => Self::unavailable(unavailable),
            BeginError::DeliveryFailed => Self::delivery_failed(),
            BeginError::NotStarted(NotStarted::Exhausted) => Self::of_complete(CompleteError::Exhausted),
            // What is refused is the number; whoever knows its field says so.
            BeginError::NotStarted(NotStarted::Refused | NotStarted::Unreachable | NotStarted::Unanswered) => {
                Self::provider_unavailable()
            }
            BeginError::Envelope(error) => Self::of_complete(error),
        }
    }

    /// Why a challenge was not redeemed.
    pub(crate) fn of_complete(error: CompleteError) -> Self {
        match error {
            CompleteError::MethodDisabled => Self::method_disabled(),
            CompleteError::InvalidCredentials { attempts_left } => Self::invalid_credentials(attempts_left),
            CompleteError::Expired => Self::non_field("challenge_expired", "Invalid credentials"),
            CompleteError::Spent => Self::non_field("challenge_spent", "Invalid credentials"),
            CompleteError::Exhausted => Self::non_field("attempts_exhausted", "Invalid credentials"),
            CompleteError::Misdirected(owner) => Self::misdirected(owner),
            CompleteError::CodeExpired => Self::non_field("challenge_expired", "Verification code has expired."),
            CompleteError::ProviderUnavailable => Self::provider_unavailable(),
            CompleteError::TooLong => Self::invalid("This account's id is too long for a session cookie."),
            CompleteError::Unavailable(unavailable) => Self::unavailable(unavailable),
        }
    }

    /// Why a session was not renewed.
    pub(crate) fn of_refresh(error: RefreshError) -> Self {
        match error {
            RefreshError::Invalid => Self::token_not_valid(),
            RefreshError::Unavailable(unavailable) => Self::unavailable(unavailable),
        }
    }

    /// Why there is no session.
    pub(crate) fn of_no_session(reason: NoSession) -> Self {
        match reason {
            NoSession::None => Self::no_session(),
            NoSession::Unavailable(unavailable) => Self::unavailable(unavailable),
        }
    }

    /// The answer.
    pub(crate) fn into_answer(self) -> Answer {
        let mut answer = Response::new(Full::new(self.body()));
        *answer.status_mut() = self.0.status;
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.0.retry_after {
            headers.insert(RETRY_AFTER, seconds.get().into());
        }
        if let Some(allow) = self.0.allow {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        if let Some(scheme) = self.0.scheme {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
        }
        answer
    }

    /// The answer as the bytes of HTTP/1.1, for a connection that hyper has given up.
    pub(crate) fn into_raw(self) -> Vec<u8> {
        let body = self.body();
        let reason = self.0.status.canonical_reason().unwrap_or_default();
        let head = format!(
            "HTTP/1.1 {} {reason}\r\n{CONTENT_TYPE}: application/problem+json\r\n{CACHE_CONTROL}: no-store\r\n{CONNECTION}: close\r\ncontent-length: {}\r\n\r\n",
            self.0.status.as_u16(),
            body.len(),
        );
        [head.as_bytes(), &body].concat()
    }

    fn body(&self) -> Bytes {
        let title = self.0.status.canonical_reason().unwrap_or_default();
        let mut body = Object::with_capacity(256)
            .plain("type", "about:blank")
            .text("title", title)
            .number("status", u64::from(self.0.status.as_u16()))
            .text("detail", &self.0.detail)
            .plain("code", self.0.code);
        if self.0.non_field {
            body = body.list("non_field_errors", &self.0.detail);
        }
        if !self.0.fields.is_empty() {
            let errors = self.0.fields.iter().fold(Object::with_capacity(64), |errors, (name, text)| errors.list(name, text));
            body = body.raw("errors", &errors.finish());
        }
        for (name, message) in self.0.fields.iter().filter(|(name, _)| !PROBLEM_MEMBERS.contains(name)) {
            body = body.list(name, message);
        }
        if let Some(attempts_left) = self.0.attempts_left {
            body = body.number("attempts_left", attempts_left.into());
        }
        if let Some(puzzle) = &self.0.puzzle {
            body = body.raw("puzzle", puzzle);
        }
        body.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::Denial;

    #[test]
    fn edges_deny_with_the_same_bytes() {
        for (denial, problem) in [
            (Denial::Token, Problem::token_not_valid()),
            (Denial::Challenge, Problem::challenge_not_valid()),
            (Denial::Unavailable, Problem::shutting_down()),
        ] {
            assert_eq!(denial.body().as_bytes(), &problem.body()[..]);
            let answer = problem.into_answer();
            assert_eq!(denial.status(), answer.status().as_u16());
            let headers = answer.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
            let (mut expected, mut headers) = (denial.headers().to_vec(), headers.collect::<Vec<_>>());
            expected.sort_unstable();
            headers.sort_unstable();
            assert_eq!(expected, headers);
        }
    }
}
