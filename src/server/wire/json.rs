//! Writes small JSON objects straight into the bytes of an answer.

use hyper::body::Bytes;

use crate::crypto::json::{push_number, push_string};

/// A JSON object in progress.
#[derive(Debug)]
pub(crate) struct Object(Vec<u8>);

impl Object {
    /// An object that will have about `capacity` bytes.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        let mut bytes = Vec::with_capacity(capacity);
        bytes.push(b'{');
        Self(bytes)
    }

    /// A member that is a text.
    pub(crate) fn text(self, name: &'static str, value: &str) -> Self {
        self.member(name, |bytes| push_string(bytes, value))
    }

    /// A member that is text without anything that JSON would escape, quoted as it is: tokens and names of ours.
    pub(crate) fn plain(self, name: &'static str, value: &str) -> Self {
        debug_assert!(is_plain(value));
        self.member(name, |bytes| {
            bytes.push(b'"');
            bytes.extend_from_slice(value.as_bytes());
            bytes.push(b'"');
        })
    }

    /// A member that is a number.
    pub(crate) fn number(self, name: &'static str, value: u64) -> Self {
        self.member(name, |bytes| push_number(bytes, value))
    }

    /// A member of any name that is an array with one text.
    pub(crate) fn list(mut self, name: &str, value: &str) -> Self {
        self.begin_member();
        push_string(&mut self.0, name);
        self.0.extend_from_slice(b":[");
        push_string(&mut self.0, value);
        self.0.push(b']');
        self
    }

    /// A member that is JSON already.
    pub(crate) fn raw(self, name: &'static str, json: &[u8]) -> Self {
        self.member(name, |bytes| bytes.extend_from_slice(json))
    }

    /// The whole object.
    pub(crate) fn finish(mut self) -> Bytes {
        self.0.push(b'}');
        self.0.into()
    }

    fn member(mut self, name: &'static str, value: impl FnOnce(&mut Vec<u8>)) -> Self {
        debug_assert!(is_plain(name));
        self.begin_member();
        self.0.push(b'"');
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
        value(&mut self.0);
        self
    }

    fn begin_member(&mut self) {
        if self.0.len() > 1 {
            self.0.push(b',');
        }
    }
}

fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_escaped() {
        let object = Object::with_capacity(64).text("a", "b\n").number("n", 7).list("l\"", "\u{1F600}\\").plain("p", "x.y");
        let json: serde_json::Value = serde_json::from_slice(&object.raw("r", b"{}").finish()).unwrap();
        assert_eq!(json, serde_json::json!({"a": "b\n", "n": 7, "l\"": ["\u{1F600}\\"], "p": "x.y", "r": {}}));
        assert_eq!(&Object::with_capacity(0).finish()[..], b"{}");
    }
}
