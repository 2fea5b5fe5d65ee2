//! Where a request carries its envelope, and how an answer hands one out.

use hyper::header::HeaderValue;

use super::{
    cookies::Cookies,
    fields::{FieldErrors, REQUIRED},
    json::Object,
};
use crate::{
    challenge::{Challenge, VerifiedChallenge},
    engine::{BeginError, CompleteError},
    server::call::{Answer, COUNTERSIGN_CHALLENGE, COUNTERSIGN_GUARD, Call, json_answer},
    time::UnixTime,
};

/// What the original says when a code is on its way.
const SENT: &str = "A token has been sent to you";

/// The field that may carry an envelope.
const FIELD: &str = "challenge";

/// The envelopes that a request may mean.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Envelopes<'c> {
    /// The one in its body or its header.
    Given(&'c str),
    /// Those of its cookies, at least one. Any host of the site can set some, so none of them is the last word.
    OfCookies {
        /// In the order in which the browser sent them.
        envelopes: &'c [&'c str],
        /// Whether other guards can still be asked about theirs.
        may_be_relayed: bool,
    },
}

/// How much an attempt at one envelope has found out. What is known most of is told when no envelope was good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Known {
    /// It is of no challenge for this recipient.
    Forged,
    /// It is, but ended.
    Ended,
    /// It is, and that one was wrong; so many attempts are left.
    Wrong(u32),
    /// Another guard knows, and is asked next.
    Elsewhere,
}

/// The envelope of a request: the body's, else the header's, else the cookies'. `has_peers` says whether other guards can be
/// asked at all.
pub(crate) fn find<'c>(call: &'c Call<'_>, has_peers: bool, errors: &mut FieldErrors) -> Option<Envelopes<'c>> {
    if call.fields.is_given_at_all(FIELD) {
        return call.fields.optional(FIELD, errors).map(Envelopes::Given);
    }
    if let Some(header) = call.headers.get(COUNTERSIGN_CHALLENGE).filter(|value| !value.is_empty()) {
        // A header that isn't ASCII is an envelope that nobody made, not a missing one.
        return Some(Envelopes::Given(header.to_str().unwrap_or_default()));
    }
    if call.jar.challenges().is_empty() {
        errors.add(FIELD, REQUIRED);
        return None;
    }
    let may_be_relayed = has_peers && call.arrived.may_be_relayed();
    Some(Envelopes::OfCookies { envelopes: call.jar.challenges(), may_be_relayed })
}

impl<'c> Envelopes<'c> {
    /// What comes of the first envelope that `attempt` accepts, else the most that was found out of one. Where an attempt fails
    /// for another reason, no other envelope is tried.
    pub(crate) async fn try_each<T, E: OfEnvelope>(self, mut attempt: impl AsyncFnMut(&'c str) -> Result<T, E>) -> Result<T, E> {
        let (mut most, may_be_relayed) = match self {
            Self::Given(envelope) => return attempt(envelope).await,
            Self::OfCookies { may_be_relayed, .. } => (None, may_be_relayed),
        };
        for envelope in self.all() {
            let error = match attempt(envelope).await {
                Ok(accepted) => return Ok(accepted),
                Err(error) => error,
            };
            let known = error.of_envelope().and_then(|error| Known::of(error, may_be_relayed));
            let Some(known) = known else { return Err(error) };
            if most.as_ref().is_none_or(|(so_far, _)| *so_far < known) {
                most = Some((known, error));
            }
        }
        let (_, error) = most.expect("there is at least one");
        Err(error)
    }

    /// All of them.
    pub(crate) fn all(&self) -> &[&'c str] {
        match self {
            Self::Given(envelope) => std::slice::from_ref(envelope),
            Self::OfCookies { envelopes, .. } => envelopes,
        }
    }
}

/// An error that may be an envelope's fault.
pub(crate) trait OfEnvelope {
    /// What is wrong with the envelope; `None` where something else is wrong.
    fn of_envelope(&self) -> Option<&CompleteError>;
}

impl OfEnvelope for CompleteError {
    fn of_envelope(&self) -> Option<&CompleteError> {
        Some(self)
    }
}

impl OfEnvelope for BeginError {
    fn of_envelope(&self) -> Option<&CompleteError> {
        if let Self::Envelope(error) = self { Some(error) } else { None }
    }
}

impl Known {
    /// `None` where another envelope wouldn't fare better.
    const fn of(error: &CompleteError, may_be_relayed: bool) -> Option<Self> {
        match error {
            CompleteError::InvalidCredentials { attempts_left: None } => Some(Self::Forged),
            CompleteError::InvalidCredentials { attempts_left: Some(left) } => Some(Self::Wrong(*left)),
            CompleteError::Misdirected(_) if may_be_relayed => Some(Self::Elsewhere),
            // Where nobody can be asked any more about one, what this guard knows of another tells more.
            CompleteError::Expired | CompleteError::Spent | CompleteError::Exhausted | CompleteError::Misdirected(_) => {
                Some(Self::Ended)
            }
            CompleteError::MethodDisabled
            | CompleteError::CodeExpired
            | CompleteError::ProviderUnavailable
            | CompleteError::TooLong
            | CompleteError::Unavailable(_) => None,
        }
    }
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
        .text("detail", SENT)
        .plain("challenge", envelope)
        .number("expires_in", left)
        .number("resend_after", throttle_seconds.into());
    if let Some(format) = &challenge.format {
        body = body.number("code_length", format.length().into()).text("code_charset", format.alphabet().name());
    }
    handed_out(call, cookies, envelope, challenge, now, body)
}

/// The answer to a request for an external check.
pub(crate) fn sent_by_provider(
    call: &Call<'_>,
    cookies: &Cookies,
    envelope: &str,
    challenge: &VerifiedChallenge,
    now: UnixTime,
) -> Answer {
    let body = Object::with_capacity(64 + envelope.len()).text("detail", SENT).plain("challenge", envelope);
    handed_out(call, cookies, envelope, challenge.challenge(), now, body)
}

/// An answer with this body, whose header and cookies say what it hands out.
fn handed_out(call: &Call<'_>, cookies: &Cookies, envelope: &str, challenge: &Challenge, now: UnixTime, body: Object) -> Answer {
    let left = challenge.expires_at.seconds_since(now);
    let mut answer = json_answer(body.finish());
    let guard = challenge.guard.as_str();
    let headers = answer.headers_mut();
    headers.insert(COUNTERSIGN_GUARD, HeaderValue::from_str(guard).expect("guard ids are plain ASCII"));
    if call.may_set_cookies {
        cookies.set_challenge(headers, envelope, guard, left);
    }
    answer
}
