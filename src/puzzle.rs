//! Proofs of work, in ALTCHA's format.

use alloc::string::String;

use rand_core::CryptoRng;
use serde::Serialize;

use crate::{keyring::Keyring, recipient::Recipient, time::UnixTime};

/// A puzzle that was solved for this recipient; the guard counts each once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Names the puzzle.
    pub id: [u8; 16],
    /// When it ends.
    pub expires_at: UnixTime,
}

/// Makes puzzles and checks their solutions.
#[derive(Debug)]
pub struct Puzzles;

/// An ALTCHA challenge, as its clients take it.
#[derive(Clone, Debug, Serialize)]
pub struct Puzzle {
    algorithm: &'static str,
    challenge: String,
    maxnumber: u32,
    salt: String,
    signature: String,
}

impl Puzzles {
    /// With the keys of every root.
    #[must_use]
    pub fn new(_keyring: &Keyring) -> Self {
        todo!()
    }

    /// A puzzle that only counts for `recipient`, and for a minute: a number from 0 to `max_number` is to be found.
    pub fn offer(&self, _recipient: &Recipient, _max_number: u32, _now: UnixTime, _random: &mut impl CryptoRng) -> Puzzle {
        todo!()
    }

    /// Checks the payload that an ALTCHA client sends: base64 of JSON.
    #[must_use]
    pub fn check(&self, _payload: &str, _recipient: &Recipient, _now: UnixTime) -> Option<Proof> {
        todo!()
    }
}
