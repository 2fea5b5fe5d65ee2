//! Who passed, in headers: what a proxy copies into the request that it lets through.

use http_body_util::Full;
use hyper::{
    HeaderMap, Response,
    body::Bytes,
    header::{CACHE_CONTROL, HeaderName, HeaderValue},
};

use super::claim_headers::ClaimHeaders;
use crate::{
    edge::{self, IDENTITY_HEADERS, VerifiedAccess, VerifiedEnvelope},
    engine::Present,
    server::call::Answer,
    time::UnixTime,
};

/// How many identity headers there always are.
const NUMBER: usize = IDENTITY_HEADERS.len();

/// Those that are there at every server.
pub(super) static HEADERS: [HeaderName; NUMBER] = [
    HeaderName::from_static(IDENTITY_HEADERS[0]),
    HeaderName::from_static(IDENTITY_HEADERS[1]),
    HeaderName::from_static(IDENTITY_HEADERS[2]),
    HeaderName::from_static(IDENTITY_HEADERS[3]),
    HeaderName::from_static(IDENTITY_HEADERS[4]),
    HeaderName::from_static(IDENTITY_HEADERS[5]),
    HeaderName::from_static(IDENTITY_HEADERS[6]),
    HeaderName::from_static(IDENTITY_HEADERS[7]),
    HeaderName::from_static(IDENTITY_HEADERS[8]),
];
/// An access token, where one is handed on.
pub(super) static X_AUTH_TOKEN: HeaderName = HeaderName::from_static("x-auth-token");

/// The identity headers of one server. Each stands in every allowing answer, empty where nothing is known: a proxy that finds one
/// missing passes on what the client sent by that name.
#[derive(Debug)]
pub(crate) struct Headers {
    /// Of the user's claims.
    pub(crate) claims: ClaimHeaders,
    /// Whether an access token is handed on.
    pub(crate) forward_token: bool,
}

/// Who passed: values for all headers of a server.
#[derive(Debug)]
pub(crate) struct Identity {
    always: [HeaderValue; NUMBER],
    /// In the order of the claims' headers; none: all of them empty.
    claims: Box<[HeaderValue]>,
    token: HeaderValue,
}

static EMPTY: HeaderValue = HeaderValue::from_static("");

impl Identity {
    /// Of an access token.
    pub(super) fn of_token(text: &str, token: &VerifiedAccess, headers: &Headers, now: UnixTime) -> Self {
        let claims = || serde_json::from_str(token.json()).unwrap_or_default();
        let claims = if headers.claims.is_empty() { Box::default() } else { headers.claims.values(&claims(), now) };
        Self { claims, ..Self::new(edge::Identity::of_token(token)) }.with_token(headers, || value(text.into()))
    }

    /// Of a session that a cookie carries, with what the directory says of its user; `token` makes an access token of it.
    pub(super) fn of_session(
        present: &Present,
        issuer: &str,
        headers: &Headers,
        now: UnixTime,
        token: impl FnOnce() -> HeaderValue,
    ) -> Self {
        let claims = headers.claims.values(&present.user.claims, now);
        Self { claims, ..Self::new(edge::Identity::of_session(&present.session, issuer)) }.with_token(headers, token)
    }

    /// Of a challenge: which one, never whose.
    pub(super) fn of_challenge(envelope: &VerifiedEnvelope) -> Self {
        Self::new(edge::Identity::of_challenge(envelope))
    }

    fn new(identity: edge::Identity) -> Self {
        let (text, ranges) = identity.into_text();
        // One piece of memory for all of them.
        let text = Bytes::from(text);
        let value = |range| HeaderValue::from_maybe_shared(text.slice(range)).expect("printable ASCII is a header's value");
        Self { always: ranges.map(value), claims: Box::default(), token: EMPTY.clone() }
    }

    fn with_token(self, headers: &Headers, token: impl FnOnce() -> HeaderValue) -> Self {
        if headers.forward_token { Self { token: token(), ..self } } else { self }
    }

    /// Each header with its value.
    pub(crate) fn headers<'a>(&'a self, names: &'a Headers) -> impl Iterator<Item = (&'a HeaderName, &'a HeaderValue)> {
        let claims = names.claims.names().enumerate().map(|(at, name)| (name, self.claims.get(at).unwrap_or(&EMPTY)));
        let token = names.forward_token.then_some((&X_AUTH_TOKEN, &self.token));
        HEADERS.iter().zip(&self.always).chain(claims).chain(token)
    }

    /// 200 without a body: nginx and Caddy close the connection to an authoriser whose answer has one.
    pub(crate) fn answer(&self, names: &Headers) -> Answer {
        let mut answer = Response::new(Full::new(Bytes::new()));
        let headers = answer.headers_mut();
        *headers = HeaderMap::with_capacity(NUMBER + names.claims.len() + 4);
        for (name, value) in self.headers(names) {
            headers.insert(name, value.clone());
        }
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        answer
    }
}

/// What was encoded, as a header has it.
pub(super) fn value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("printable ASCII is a header's value")
}
