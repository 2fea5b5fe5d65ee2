//! Why the server doesn't start.

use std::{fmt, io};

/// Why the server doesn't start.
#[derive(Debug)]
pub enum StartError {
    /// Something in the configuration doesn't work, though it looked right.
    Configuration {
        /// The key or section.
        key: &'static str,
        /// What is wrong, without secrets.
        reason: String,
    },
    /// A port, a file or a thread can't be had.
    Unavailable {
        /// What was wanted.
        what: String,
        /// What the system says.
        error: io::Error,
    },
}

impl StartError {
    pub(crate) fn at(key: &'static str, reason: impl fmt::Display) -> Self {
        Self::Configuration { key, reason: reason.to_string() }
    }

    pub(crate) fn unavailable(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        |error| Self::Unavailable { what, error }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration { key, reason } => write!(f, "{key}: {reason}"),
            Self::Unavailable { what, error } if error.kind() == io::ErrorKind::AddrInUse => {
                write!(f, "{what}: somebody else listens there already")
            }
            Self::Unavailable { what, error } => write!(f, "{what}: {error}"),
        }
    }
}

impl std::error::Error for StartError {}
