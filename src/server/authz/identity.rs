//! Who passed, in headers: what a proxy copies into the request that it lets through.

use http_body_util::Full;
use hyper::{
    HeaderMap, Response,
    body::Bytes,
    header::{CACHE_CONTROL, HeaderName, HeaderValue},
};

use crate::{
    edge::{self, IDENTITY_HEADERS, VerifiedAccess, VerifiedEnvelope},
    server::call::Answer,
};

/// How many identity headers there are.
const NUMBER: usize = IDENTITY_HEADERS.len();

/// Every identity header. Each stands in every allowing answer, empty where nothing is known: a proxy that finds one missing
/// passes on what the client sent by that name.
pub(crate) static HEADERS: [HeaderName; NUMBER] = [
    HeaderName::from_static(IDENTITY_HEADERS[0]),
    HeaderName::from_static(IDENTITY_HEADERS[1]),
    HeaderName::from_static(IDENTITY_HEADERS[2]),
    HeaderName::from_static(IDENTITY_HEADERS[3]),
    HeaderName::from_static(IDENTITY_HEADERS[4]),
    HeaderName::from_static(IDENTITY_HEADERS[5]),
    HeaderName::from_static(IDENTITY_HEADERS[6]),
];

/// Values for all of [`HEADERS`], in that order.
#[derive(Clone, Debug)]
pub(crate) struct Identity([HeaderValue; NUMBER]);

impl Identity {
    /// Of an access token.
    pub(crate) fn of_token(token: &VerifiedAccess) -> Self {
        Self::new(edge::Identity::of_token(token))
    }

    /// Of a challenge: which one, never whose.
    pub(crate) fn of_challenge(envelope: &VerifiedEnvelope) -> Self {
        Self::new(edge::Identity::of_challenge(envelope))
    }

    fn new(identity: edge::Identity) -> Self {
        Self(identity.into_values().map(|value| HeaderValue::try_from(value).expect("printable ASCII is a header's value")))
    }

    /// Each header with its value.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (&'static HeaderName, &HeaderValue)> {
        HEADERS.iter().zip(&self.0)
    }

    /// 200 without a body: nginx and Caddy close the connection to an authoriser whose answer has one.
    pub(crate) fn answer(&self) -> Answer {
        let mut answer = Response::new(Full::new(Bytes::new()));
        let headers = answer.headers_mut();
        *headers = HeaderMap::with_capacity(HEADERS.len() + 3);
        for (name, value) in self.headers() {
            headers.insert(name, value.clone());
        }
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        answer
    }
}
