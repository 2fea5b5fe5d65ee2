//! The same answer for everyone.
