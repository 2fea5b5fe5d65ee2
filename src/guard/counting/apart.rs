//! Keeps what different threads change in cache lines of its own.

/// In cache lines of its own: whoever changes it takes nothing else from the other threads.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Apart<T>(pub(crate) T);
