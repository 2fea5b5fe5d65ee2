//! The name of a node: what stands before a guard id's epoch.

use alloc::{boxed::Box, format, string::String};
use core::{fmt, ops::Deref};

/// 1 to 63 letters, digits, dots and hyphens, so that it fits a host name, a header and a cookie as it is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName(Box<str>);

impl NodeName {
    /// The most characters.
    pub const MAX_LENGTH: usize = 63;

    /// Reads a name.
    ///
    /// # Errors
    /// What a name would have to be.
    pub fn parse(text: &str) -> Result<Self, String> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
        if (1..=Self::MAX_LENGTH).contains(&text.len()) && text.bytes().all(is_allowed) {
            Ok(Self(text.into()))
        } else {
            Err(format!("{text:?} is not 1 to {} letters, digits, dots and hyphens", Self::MAX_LENGTH))
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for NodeName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_everywhere() {
        assert!(["a", "node-1.eu", &"x".repeat(63)].into_iter().all(|good| NodeName::parse(good).is_ok()));
        assert!(["", "a b", "a_b", "ä", "a/b", "a\n", &"x".repeat(64)].into_iter().all(|bad| NodeName::parse(bad).is_err()));
    }
}
