//! What a browser holds or does for us beside the envelope: the cookie of a known device, the solution of a puzzle.

pub mod device;
pub mod puzzle;
