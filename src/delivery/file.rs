//! One file a message: `.eml` for e-mail, `.json` for SMS.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::message::{Message, MessageId};
use crate::time::UnixTime;

/// A folder that messages are written into.
#[derive(Clone)]
pub(super) struct Folder {
    path: PathBuf,
    suffix: &'static str,
}

impl Folder {
    /// Makes the folder, if it isn't there.
    ///
    /// # Errors
    /// Whatever keeps it from being made.
    pub(super) fn open(path: &Path, suffix: &'static str) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        Ok(Self { path: path.to_owned(), suffix })
    }

    /// Writes one message, readable for this user only, under another suffix first: whoever watches the folder for
    /// our suffix sees whole messages.
    pub(super) fn write(&self, id: &MessageId, at: UnixTime, bytes: &[u8]) -> io::Result<()> {
        let name = format!("{}-{id}", at.as_seconds());
        let unfinished = self.path.join(format!("{name}.part"));
        let written = self.create(&unfinished).and_then(|mut file| file.write_all(bytes));
        let finished = written.and_then(|()| fs::rename(&unfinished, self.path.join(format!("{name}.{}", self.suffix))));
        if finished.is_err() {
            let _ = fs::remove_file(&unfinished);
        }
        finished
    }

    fn create(&self, path: &Path) -> io::Result<fs::File> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(path) {
            // Somebody tidied up.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(&self.path)?;
                options.open(path)
            }
            opened => opened,
        }
    }
}

/// An SMS as JSON: `{"to","body"}`.
pub(super) fn json(message: &Message) -> Vec<u8> {
    serde_json::json!({"to": message.to, "body": message.text.as_str()}).to_string().into_bytes()
}
