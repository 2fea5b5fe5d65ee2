//! What a browser holds, does or says for us beside the envelope: the cookies of a known device and of a session, the solution of a
//! puzzle, its name.

pub mod agent;
pub mod device;
pub mod puzzle;
pub mod session;
