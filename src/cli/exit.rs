//! How the program ends: what it says, and the code that scripts see (sysexits.h).

use std::process::ExitCode;

use crate::{config::Faults, serve::say};

/// The end of a command.
#[derive(Debug)]
pub(super) enum Exit {
    /// 0: this was asked for.
    Printed(String),
    /// 1: the answer is no, and was printed already.
    No,
    /// 64: the command is wrong.
    Usage(String),
    /// 64: the configuration is wrong; each fault on a line.
    Faults(Faults),
    /// 65: this is nothing that we know.
    Unknown(String),
    /// 69: something is taken or out of reach.
    Unavailable(String),
}

impl Exit {
    /// Says what has to be said, and gives the code.
    pub(super) fn report(self) -> ExitCode {
        match self {
            Self::Printed(text) => super::print(&text).map_or_else(Self::report, |()| ExitCode::SUCCESS),
            Self::No => ExitCode::from(1),
            Self::Usage(text) => fail(text.trim_end(), 64),
            Self::Faults(faults) => {
                for fault in faults.as_slice() {
                    say(&format!("countersign: {fault}"));
                }
                ExitCode::from(64)
            }
            Self::Unknown(text) => fail(&format!("countersign: {text}"), 65),
            Self::Unavailable(text) => fail(&format!("countersign: {text}"), 69),
        }
    }
}

fn fail(text: &str, code: u8) -> ExitCode {
    say(text);
    ExitCode::from(code)
}

impl From<Faults> for Exit {
    fn from(faults: Faults) -> Self {
        Self::Faults(faults)
    }
}
