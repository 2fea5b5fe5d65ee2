//! Proofs of work, in ALTCHA's format.
use crate::time::UnixTime;

/// A puzzle that was solved for this recipient; the guard counts each once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Names the puzzle.
    pub id: [u8; 16],
    /// When it ends.
    pub expires_at: UnixTime,
}
