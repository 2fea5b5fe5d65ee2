//! The JavaScript client, which every node serves to the pages of any site.

use std::sync::LazyLock;

use http_body_util::Full;
use hyper::{
    Response, StatusCode,
    body::Bytes,
    header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS},
    http::request::Parts,
};

use crate::server::{
    call::Answer,
    wire::{etag::EntityTag, problem::Problem},
};

/// The module, which is the npm package's too.
pub(crate) const SOURCE: &str = include_str!("../../../clients/js/countersign.js");

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

static TAG: LazyLock<EntityTag> = LazyLock::new(|| EntityTag::of(SOURCE.as_bytes()));

/// How long what has this name among the assets may be kept; `None` where it isn't the client's.
fn kept(name: &str) -> Option<&'static str> {
    if name == "countersign.js" {
        return Some("no-cache");
    }
    let hash = name.strip_prefix("countersign.")?.strip_suffix(".js")?;
    (hash == TAG.hash()).then_some("max-age=31536000, immutable")
}

/// Whether the client has this name among the assets.
pub(crate) fn is_named(name: &str) -> bool {
    kept(name).is_some()
}

/// The module, or that the one that the browser has is the same.
pub(crate) fn answer(head: &Parts) -> Result<Answer, Problem> {
    let name = head.uri.path().trim_end_matches('/').rsplit('/').next();
    let kept = name.and_then(kept).ok_or_else(Problem::not_found)?;
    let is_known = TAG.is_known(&head.headers);
    let mut answer = Response::new(Full::new(Bytes::from_static(if is_known { b"" } else { SOURCE.as_bytes() })));
    let headers = answer.headers_mut();
    headers.insert(ETAG, TAG.header());
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(kept));
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    if is_known {
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/javascript; charset=utf-8"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    }
    Ok(answer)
}
