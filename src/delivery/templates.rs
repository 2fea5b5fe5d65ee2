//! The words of messages: built in, or from a folder.

use std::{fmt, path::Path};

/// Every template, parsed and tried once.
#[derive(Debug)]
pub struct Templates {}

/// A template that can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateFault {
    /// The file, below the folder.
    pub file: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Templates {
    /// The built-in ones alone.
    #[must_use]
    pub fn built_in() -> Self {
        todo!()
    }

    /// Those of a folder before the built-in ones.
    ///
    /// # Errors
    /// Every template that can't be read, parsed or rendered, or the folder itself.
    pub fn load(folder: &Path) -> Result<Self, Vec<TemplateFault>> {
        let _ = folder;
        todo!()
    }
}

impl fmt::Display for TemplateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file, self.reason)
    }
}

impl std::error::Error for TemplateFault {}
