//! A request as it arrived, the call that handlers make of it, and its answer.

use http_body_util::Full;
use hyper::{
    HeaderMap, Response, StatusCode,
    body::Bytes,
    header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION},
    http::request::Parts,
};

use super::wire::{client::Peer, cookies::Jar, fields::Fields};
use crate::{
    engine::Caller,
    network::Client,
    time::{UnixMillis, UnixTime},
};

/// The header that may carry an envelope.
pub(crate) const COUNTERSIGN_CHALLENGE: HeaderName = HeaderName::from_static("countersign-challenge");
/// The header that names the guard of the envelope in an answer.
pub(crate) const COUNTERSIGN_GUARD: HeaderName = HeaderName::from_static("countersign-guard");

/// What every handler returns, and every problem becomes.
pub(crate) type Answer = Response<Full<Bytes>>;

/// One request, as the handlers see it.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    /// The fields of its body.
    pub(crate) fields: &'a Fields<'a>,
    /// Its headers.
    pub(crate) headers: &'a HeaderMap,
    /// Where it comes from, and what its browser has proved.
    pub(crate) caller: Caller<'a>,
    /// Its cookies; none where another site made the request.
    pub(crate) jar: &'a Jar<'a>,
    /// Whether the answer may set cookies.
    pub(crate) may_set_cookies: bool,
    /// When it came.
    pub(crate) now: UnixTime,
    /// That moment in milliseconds.
    pub(crate) at: UnixMillis,
    /// The request itself, for another node.
    pub(crate) arrived: Arrived<'a>,
}

/// A request as it arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrived<'a> {
    /// Its head.
    pub(crate) head: &'a Parts,
    /// Its body.
    pub(crate) body: &'a Bytes,
    /// Who sent it.
    pub(crate) peer: Peer,
    /// The client's address, as far as `peer` is believed.
    pub(crate) client: Client,
}

impl Arrived<'_> {
    /// A request is relayed once.
    pub(crate) const fn may_be_relayed(self) -> bool {
        !matches!(self.peer, Peer::Relayed(_))
    }
}

/// The different headers of an answer, about.
const HEADERS: usize = 6;

/// Leads a browser on, by GET whatever the request was.
pub(crate) fn redirect(to: &str) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::new()));
    *answer.status_mut() = StatusCode::SEE_OTHER;
    let headers = answer.headers_mut();
    headers.insert(LOCATION, HeaderValue::from_str(to).expect("addresses that were judged are printable ASCII"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// An answer with a JSON body that nobody may store.
pub(crate) fn json_answer(body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    let headers = answer.headers_mut();
    // For all that is added here and elsewhere, hyper's own two included.
    *headers = HeaderMap::with_capacity(HEADERS);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
