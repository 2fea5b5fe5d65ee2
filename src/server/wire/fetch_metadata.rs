//! What a browser says of a request by itself: who had it made, and what becomes of the answer
//! (<https://www.w3.org/TR/fetch-metadata/>).

use hyper::{
    HeaderMap,
    header::{ACCEPT, HeaderName},
};

/// Whether a page of the site, of a sibling host, of another site, or nobody but the person had the request made.
pub(crate) const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// `navigate`: the browser goes there.
pub(crate) const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
/// `document`: it shows what comes as a page.
pub(crate) const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// Whether a header is there once, with this value.
pub(crate) fn says(headers: &HeaderMap, name: &HeaderName, value: &str) -> bool {
    let mut values = headers.get_all(name).iter();
    values.next().is_some_and(|given| given == value) && values.next().is_none()
}

/// Whether `Accept` names `text/html`, as that of browsers does for pages.
pub(crate) fn accepts_html(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut types = accepted.flat_map(|value| value.split(',')).filter_map(|range| range.split(';').next());
    types.any(|essence| essence.trim().eq_ignore_ascii_case("text/html"))
}
