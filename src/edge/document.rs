//! What is wrong with a document in which keys are published, whichever form it has.

use core::fmt;

/// The longest document that is read. A fleet publishes at most 10 keys of a kind, some 6 KiB.
pub const MAX_DOCUMENT_BYTES: usize = 64 << 10;

/// Why a document isn't believed. Places count the document's keys from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentError {
    /// More than [`MAX_DOCUMENT_BYTES`].
    TooLong,
    /// It is no JSON object with a list `keys`, or a member has another type than it should, or stands there twice.
    Malformed,
    /// The key at this place is symmetric (`oct`, `k4.local`): whoever reads the document could sign with it.
    Symmetric(usize),
    /// The key at this place is a private one.
    Private(usize),
    /// The key at this place lacks a part, or is no key of its kind.
    Unusable(usize),
    /// The `kid` of the key at this place isn't its own (RFC 7638's thumbprint, PASERK's id), so no token could name it.
    OtherKid(usize),
    /// The key at this place stands there twice.
    Repeated(usize),
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "the key document has more than {MAX_DOCUMENT_BYTES} bytes"),
            Self::Malformed => f.write_str("this is no key document"),
            Self::Symmetric(place) => write!(f, "key {} is symmetric: it must not be published", place + 1),
            Self::Private(place) => write!(f, "key {} is a private one: it must not be published", place + 1),
            Self::Unusable(place) => write!(f, "key {} is incomplete, or no key of its kind", place + 1),
            Self::OtherKid(place) => write!(f, "the kid of key {} is not the one that it has by itself", place + 1),
            Self::Repeated(place) => write!(f, "key {} stands in the document twice", place + 1),
        }
    }
}

impl core::error::Error for DocumentError {}
