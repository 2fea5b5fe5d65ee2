//! Where a request carries its envelope, and how an answer hands one out.

use hyper::header::HeaderValue;

use super::{
    cookies::Cookies,
    fields::{FieldErrors, REQUIRED},
    json::Object,
};
use crate::{
    challenge::VerifiedChallenge,
    server::call::{Answer, COUNTERSIGN_CHALLENGE, COUNTERSIGN_GUARD, Call, json_answer},
    time::UnixTime,
};

/// The field that may carry an envelope.
const FIELD: &str = "challenge";

/// The envelope of a request: the body's, else the header's, else the cookie's.
pub(crate) fn find<'c>(call: &'c Call<'_>, errors: &mut FieldErrors) -> Option<&'c str> {
    if call.fields.is_given_at_all(FIELD) {
        return call.fields.optional(FIELD, errors);
    }
    let header = call.headers.get(COUNTERSIGN_CHALLENGE).filter(|value| !value.is_empty());
    // A header that isn't ASCII is an envelope that nobody made, not a missing one.
    let found = header.map(|value| value.to_str().unwrap_or_default()).or(call.jar.challenge);
    if found.is_none() {
        errors.add(FIELD, REQUIRED);
    }
    found
}

/// The answer to a request or a resend.
pub(crate) fn sent(
    call: &Call<'_>,
    cookies: &Cookies,
    envelope: &str,
    challenge: &VerifiedChallenge,
    throttle_seconds: u32,
    now: UnixTime,
) -> Answer {
    let challenge = challenge.challenge();
    let left = challenge.expires_at.seconds_since(now);
    let mut body = Object::with_capacity(192 + envelope.len())
        .text("detail", "A token has been sent to you")
        .plain("challenge", envelope)
        .number("expires_in", left)
        .number("resend_after", throttle_seconds.into());
    if let Some(format) = &challenge.format {
        body = body.number("code_length", format.length().into()).text("code_charset", format.alphabet().name());
    }
    let mut answer = json_answer(body.finish());
    let guard = challenge.guard.as_str();
    let headers = answer.headers_mut();
    headers.insert(COUNTERSIGN_GUARD, HeaderValue::from_str(guard).expect("guard ids are plain ASCII"));
    if call.may_set_cookies {
        cookies.set_challenge(headers, envelope, guard, left);
    }
    answer
}
