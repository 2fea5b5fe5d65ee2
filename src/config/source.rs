//! Where a configuration comes from: handed in, never read here.

use std::{fmt, io, path::Path};

/// What the configuration is made of. Pure: tests hand in literals, the command line hands in the real things.
pub struct Sources<'a> {
    /// The configuration file's name and text, if there is one.
    pub file: Option<(&'a str, &'a str)>,
    /// The environment's variables; those that aren't `COUNTERSIGN_<SECTION>__<KEY>` are ignored.
    pub environment: &'a [(String, String)],
    /// Reads the files that the configuration names.
    pub read: &'a dyn Fn(&Path) -> io::Result<Vec<u8>>,
}

impl<'a> Sources<'a> {
    /// A text alone: no environment, and the file system for the files that it names.
    #[must_use]
    pub fn of_text(text: &'a str) -> Self {
        Self { file: Some(("countersign.toml", text)), environment: &[], read: &|path| std::fs::read(path) }
    }
}

impl fmt::Debug for Sources<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources").field("file", &self.file.map(|(name, _)| name)).finish_non_exhaustive()
    }
}
