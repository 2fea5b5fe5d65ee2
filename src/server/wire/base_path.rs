//! What stands before every endpoint.

use std::{fmt, ops::Deref};

/// Empty, or a path with a leading slash and no trailing one: `/passwordless`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BasePath(Box<str>);

impl BasePath {
    /// Reads `/passwordless`, with or without a final slash; `/` is the empty one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let path = text.strip_suffix('/').unwrap_or(text);
        if path.is_empty() {
            return Ok(Self("".into()));
        }
        let Some(segments) = path.strip_prefix('/') else { return Err(format!("must start with a slash, as \"/{path}\"")) };
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        for segment in segments.split('/') {
            if segment.is_empty() || matches!(segment, "." | "..") || !segment.bytes().all(allowed) {
                return Err(format!("{text:?} has a segment that isn't of letters, digits and -._~"));
            }
        }
        match segments.split('/').next() {
            Some(taken @ ("authz" | ".well-known" | "openapi.json")) => Err(format!("/{taken} is taken by other endpoints")),
            _ => Ok(Self(path.into())),
        }
    }
}

impl Deref for BasePath {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BasePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_paths() {
        for (text, path) in [("/passwordless", "/passwordless"), ("/a/b/", "/a/b"), ("/", ""), ("", "")] {
            assert_eq!(BasePath::parse(text).as_deref(), Ok(path));
        }
        for bad in ["passwordless", "//", "/a//b", "/a/../b", "/.", "/a b", "/ä", "/a;b", "/a?b", "/authz", "/.well-known/x"] {
            assert!(BasePath::parse(bad).is_err(), "{bad}");
        }
    }
}
