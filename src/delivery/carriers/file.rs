//! One file a message: `.eml` for e-mail, `.json` for SMS.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::{
    delivery::message::{Message, MessageId},
    time::UnixTime,
};

/// A folder that messages are written into.
#[derive(Clone)]
pub(crate) struct Folder {
    path: PathBuf,
    suffix: &'static str,
}

impl Folder {
    /// Makes the folder, if it isn't there.
    ///
    /// # Errors
    /// Whatever keeps it from being made.
    pub(crate) fn open(path: &Path, suffix: &'static str) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        Ok(Self { path: path.to_owned(), suffix })
    }

    /// Writes one message, readable for this user only, under another suffix first: whoever watches the folder for
    /// our suffix sees whole messages.
    pub(crate) fn write(&self, id: &MessageId, at: UnixTime, bytes: &[u8]) -> io::Result<()> {
        let name = format!("{}-{id}", at.as_seconds());
        let unfinished = self.path.join(format!("{name}.part"));
        let written = self.create(&unfinished).and_then(|mut file| file.write_all(bytes));
        let finished = written.and_then(|()| fs::rename(&unfinished, self.path.join(format!("{name}.{}", self.suffix))));
        if finished.is_err() {
            let _ = fs::remove_file(&unfinished);
        }
        finished
    }

    /// The same work for a message that is dropped: it is written and removed, and never has our suffix.
    pub(crate) fn rehearse(&self, id: &MessageId, at: UnixTime, bytes: &[u8]) -> io::Result<()> {
        let unfinished = self.path.join(format!("{}-{id}.part", at.as_seconds()));
        let written = self.create(&unfinished).and_then(|mut file| file.write_all(bytes));
        written.and(fs::remove_file(&unfinished))
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
pub(crate) fn json(message: &Message) -> Vec<u8> {
    serde_json::json!({"to": message.to, "body": message.text.as_str()}).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rehearsal_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new");
        let messages = Folder::open(&path, "eml").unwrap();
        let (id, at) = (MessageId::random(&mut rand::rng()), UnixTime::from_seconds(1_700_000_000));
        messages.rehearse(&id, at, b"dropped").unwrap();
        assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
        fs::remove_dir(&path).unwrap();
        messages.write(&id, at, b"sent").unwrap();
        let names: Vec<_> = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, [format!("1700000000-{id}.eml").as_str()], "the folder is made again");
    }
}
