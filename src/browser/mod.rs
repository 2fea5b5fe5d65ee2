//! What a browser holds, does or says for us beside the envelope: the cookie of a known device, the solution of a puzzle, its name.

pub mod agent;
pub mod device;
pub mod puzzle;
