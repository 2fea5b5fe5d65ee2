//! The documents that anyone may fetch: keys, metadata, the description of this interface. All are written at the start.

use http_body_util::Full;
use hyper::{
    Response,
    body::Bytes,
    header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue},
};

use super::problem::Answer;

/// Documents by path.
#[derive(Debug, Default)]
pub(crate) struct Documents(Vec<(Box<str>, Bytes)>);

impl Documents {
    /// Adds a JSON document.
    pub(crate) fn add(&mut self, path: impl Into<Box<str>>, json: impl Into<Bytes>) {
        self.0.push((path.into(), json.into()));
    }

    /// The place of the document at `path`.
    pub(crate) fn find(&self, path: &str) -> Option<usize> {
        let path = path.strip_suffix('/').unwrap_or(path);
        self.0.iter().position(|(known, _)| **known == *path)
    }

    /// The answer with the document at this place, which [`Documents::find`] told.
    pub(crate) fn answer(&self, at: usize) -> Answer {
        let mut answer = Response::new(Full::new(self.0[at].1.clone()));
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("max-age=300"));
        answer
    }
}
