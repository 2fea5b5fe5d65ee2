//! Why the server doesn't start.

use std::{fmt, io};

use crate::config::{Fault, Faults, Origin};

/// Why the server doesn't start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// The configuration has faults, or something in it doesn't work, though it looked right.
    Configuration(Faults),
    /// A port, a file or a thread can't be had.
    #[non_exhaustive]
    Unavailable {
        /// What was wanted.
        what: String,
        /// What the system says.
        error: io::Error,
    },
}

impl StartError {
    pub(super) fn at(key: &str, reason: impl fmt::Display) -> Self {
        let fault = Fault { key: key.to_owned(), origin: Origin::Default, reason: reason.to_string() };
        Self::Configuration(Faults::of(fault))
    }

    pub(super) fn unavailable(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        |error| Self::Unavailable { what, error }
    }
}

impl From<Faults> for StartError {
    fn from(faults: Faults) -> Self {
        Self::Configuration(faults)
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration(faults) => faults.fmt(f),
            Self::Unavailable { what, error } if error.kind() == io::ErrorKind::AddrInUse => {
                write!(f, "{what}: somebody else listens there already")
            }
            Self::Unavailable { what, error } => write!(f, "{what}: {error}"),
        }
    }
}

impl std::error::Error for StartError {}
