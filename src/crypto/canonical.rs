//! The canonical encoding under every MAC: no two lists of fields give the same bytes.
//!
//! A text or byte field is its length as 4 bytes big-endian, then its bytes; a number is 8 bytes big-endian.
//! The order and the kinds of the fields are fixed for each label, and the label is the first field.

use alloc::vec::Vec;

/// Where canonical bytes go: a MAC in progress, or a buffer.
pub trait Sink {
    /// Takes the next bytes.
    fn absorb(&mut self, bytes: &[u8]);
}

impl Sink for Vec<u8> {
    fn absorb(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// A writer of canonical fields.
#[derive(Debug)]
pub struct Canonical<S>(S);

impl<S: Sink> Canonical<S> {
    /// Starts with `label`, so that values of different purposes never collide.
    pub fn new(sink: S, label: &str) -> Self {
        Self(sink).text(label)
    }

    /// Goes on where another writer stopped, at a field boundary.
    pub fn resume(sink: S) -> Self {
        Self(sink)
    }

    /// A field of bytes, length first.
    ///
    /// # Panics
    /// On a field of 4 GiB or more, which no input limit lets through.
    #[must_use]
    pub fn bytes(mut self, field: &[u8]) -> Self {
        let length = u32::try_from(field.len()).expect("requests are limited to far less than 4 GiB");
        self.0.absorb(&length.to_be_bytes());
        self.0.absorb(field);
        self
    }

    /// A field of text: its UTF-8 bytes, length first.
    #[must_use]
    pub fn text(self, field: &str) -> Self {
        self.bytes(field.as_bytes())
    }

    /// A number, 8 bytes.
    #[must_use]
    pub fn number(mut self, field: u64) -> Self {
        self.0.absorb(&field.to_be_bytes());
        self
    }

    /// What was written.
    pub fn finish(self) -> S {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_are_part_of_the_encoding() {
        let encode = |fields: &[&str]| fields.iter().fold(Canonical::new(Vec::new(), "l"), |c, field| c.text(field)).finish();
        assert_ne!(encode(&["ab", "c"]), encode(&["a", "bc"]));
        assert_ne!(encode(&["", "a"]), encode(&["a", ""]));
        assert_ne!(encode(&["a"]), encode(&["a", ""]));
        assert_eq!(encode(&["ab"]), b"\0\0\0\x01l\0\0\0\x02ab");
    }
}
