//! HTTP/1.1: listeners, connections within limits, and the threads that serve them.

pub(crate) mod connection;
pub(crate) mod framing;
pub(crate) mod listen;
pub(crate) mod multiplexed;
pub(crate) mod outgoing;
pub(crate) mod progress;
pub(crate) mod runtime;
mod watched;
