//! The canonical encoding under every MAC: no two lists of fields give the same bytes.
//!
//! A text or byte field is its length as 4 bytes big-endian, then its bytes; a number is 8 bytes big-endian.
//! The order and the kinds of the fields are fixed for each label, and the label is the first field.

use alloc::vec::Vec;
use core::fmt;

/// Where canonical bytes go: a buffer, or the fields of a MAC.
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

/// A reader of canonical fields. It reads what is sealed, so each field is there or the whole is worth nothing.
#[derive(Clone, Copy)]
pub struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// Starts at a field boundary.
    #[must_use]
    pub const fn new(encoded: &'a [u8]) -> Self {
        Self(encoded)
    }

    /// A field of bytes.
    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_first_chunk()?;
        let (field, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        self.0 = rest;
        Some(field)
    }

    /// A field of text.
    pub fn text(&mut self) -> Option<&'a str> {
        core::str::from_utf8(self.bytes()?).ok()
    }

    /// A number.
    pub fn number(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_be_bytes(*number))
    }

    /// Nothing may be left.
    #[must_use]
    pub const fn end(self) -> Option<()> {
        if self.0.is_empty() { Some(()) } else { None }
    }
}

impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fields(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_there_and_back() {
        let encoded = Canonical::resume(Vec::new()).text("ä").number(7).bytes(&[]).finish();
        let mut fields = Fields::new(&encoded);
        assert_eq!((fields.text(), fields.number(), fields.end()), (Some("ä"), Some(7), None));
        assert_eq!((fields.bytes(), fields.end()), (Some(&[][..]), Some(())));
        assert_eq!((fields.bytes(), fields.number()), (None, None));
        for length in 0..encoded.len() {
            let mut fields = Fields::new(&encoded[..length]);
            assert!(fields.text().is_none() || fields.number().is_none() || fields.bytes().is_none());
        }
        assert_eq!(Fields::new(&[255; 8]).bytes(), None, "a length beyond the end");
        assert_eq!(Fields::new(&[0, 0, 0, 1, 255]).text(), None, "no UTF-8");
    }

    #[test]
    fn boundaries_are_part_of_the_encoding() {
        let encode = |fields: &[&str]| fields.iter().fold(Canonical::new(Vec::new(), "l"), |c, field| c.text(field)).finish();
        assert_ne!(encode(&["ab", "c"]), encode(&["a", "bc"]));
        assert_ne!(encode(&["", "a"]), encode(&["a", ""]));
        assert_ne!(encode(&["a"]), encode(&["a", ""]));
        assert_eq!(encode(&["ab"]), b"\0\0\0\x01l\0\0\0\x02ab");
    }
}
