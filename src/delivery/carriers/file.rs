//! One file a message: `.eml` for e-mail, `.json` for SMS.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::blocking;
use crate::{
    delivery::{Carrier, Message, MessageId, Outgoing, SendError, Sender, Sending},
    time::UnixTime,
};

/// Writes each e-mail into a folder, as it would go to an SMTP server.
#[derive(Debug)]
pub struct EmailFiles {
    folder: Folder,
    sender: Sender,
}

/// Writes each SMS into a folder, as `{"to","body"}`.
#[derive(Debug)]
pub struct SmsFiles {
    folder: Folder,
}

impl EmailFiles {
    /// Makes the folder, if it isn't there.
    ///
    /// # Errors
    /// Whatever keeps it from being made.
    pub fn open(path: &Path, sender: Sender) -> io::Result<Self> {
        Ok(Self { folder: Folder::open(path, "eml")?, sender })
    }
}

impl SmsFiles {
    /// Makes the folder, if it isn't there.
    ///
    /// # Errors
    /// Whatever keeps it from being made.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { folder: Folder::open(path, "json")? })
    }
}

impl Carrier for EmailFiles {
    fn name(&self) -> &'static str {
        "file"
    }

    fn format(&self, message: &Message, at: UnixTime) -> Result<Outgoing, SendError> {
        self.sender.format(message, at)
    }

    fn send<'a>(&'a self, outgoing: &'a Outgoing) -> Sending<'a> {
        self.folder.send(outgoing)
    }

    fn rehearse<'a>(&'a self, outgoing: &'a Outgoing) -> Option<Sending<'a>> {
        Some(self.folder.rehearse(outgoing))
    }
}

impl Carrier for SmsFiles {
    fn name(&self) -> &'static str {
        "file"
    }

    fn format(&self, message: &Message, at: UnixTime) -> Result<Outgoing, SendError> {
        let body = serde_json::json!({"to": message.to, "body": message.text.as_str()}).to_string();
        Ok(Outgoing { id: message.id.clone(), written_at: at, to: message.to.clone(), body: body.into() })
    }

    fn send<'a>(&'a self, outgoing: &'a Outgoing) -> Sending<'a> {
        self.folder.send(outgoing)
    }

    fn rehearse<'a>(&'a self, outgoing: &'a Outgoing) -> Option<Sending<'a>> {
        Some(self.folder.rehearse(outgoing))
    }
}

/// A folder that messages are written into.
#[derive(Clone, Debug)]
struct Folder {
    path: PathBuf,
    suffix: &'static str,
}

impl Folder {
    fn open(path: &Path, suffix: &'static str) -> io::Result<Self> {
        let folder = Self { path: path.to_owned(), suffix };
        folder.make()?;
        Ok(folder)
    }

    fn send(&self, outgoing: &Outgoing) -> Sending<'static> {
        let (folder, id, at, bytes) = (self.clone(), outgoing.id.clone(), outgoing.written_at, outgoing.body.clone());
        blocking(move || folder.write(&id, at, &bytes))
    }

    /// Does the work of sending for a message that is dropped: it is written and removed, and never has our suffix.
    fn rehearse(&self, outgoing: &Outgoing) -> Sending<'static> {
        let (folder, id, at, bytes) = (self.clone(), outgoing.id.clone(), outgoing.written_at, outgoing.body.clone());
        blocking(move || folder.write_and_remove(&id, at, &bytes))
    }

    /// Writes one message under another suffix first: whoever watches the folder for our suffix sees whole messages.
    fn write(&self, id: &MessageId, at: UnixTime, bytes: &[u8]) -> io::Result<()> {
        let unfinished = self.unfinished(id, at);
        let mut file = self.create(&unfinished)?;
        let finished = self.path.join(format!("{}-{id}.{}", at.as_seconds(), self.suffix));
        let moved = file.write_all(bytes).and_then(|()| fs::rename(&unfinished, finished));
        if moved.is_err() {
            let _ = fs::remove_file(&unfinished);
        }
        moved
    }

    fn write_and_remove(&self, id: &MessageId, at: UnixTime, bytes: &[u8]) -> io::Result<()> {
        let unfinished = self.unfinished(id, at);
        let written = self.create(&unfinished)?.write_all(bytes);
        fs::remove_file(&unfinished).and(written)
    }

    fn unfinished(&self, id: &MessageId, at: UnixTime) -> PathBuf {
        self.path.join(format!("{}-{id}.part", at.as_seconds()))
    }

    /// A new file for this user only. One that is there, or a link of that name, is never opened: somebody else made it.
    fn create(&self, path: &Path) -> io::Result<fs::File> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(path) {
            // Somebody tidied up.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.make()?;
                options.open(path)
            }
            opened => opened,
        }
    }

    /// Makes the folder for this user only, unless it is there.
    fn make(&self) -> io::Result<()> {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Folder) {
        let parent = tempfile::tempdir().unwrap();
        let folder = Folder::open(&parent.path().join("new/folder"), "eml").unwrap();
        (parent, folder)
    }

    fn names(folder: &Folder) -> Vec<String> {
        fs::read_dir(&folder.path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    const AT: UnixTime = UnixTime::from_seconds(1_700_000_000);

    #[test]
    fn a_rehearsal_leaves_nothing() {
        let (_parent, folder) = folder();
        let id = MessageId::random(&mut rand::rng());
        folder.write_and_remove(&id, AT, b"dropped").unwrap();
        assert!(names(&folder).is_empty());
        fs::remove_dir(&folder.path).unwrap();
        folder.write(&id, AT, b"sent").unwrap();
        assert_eq!(names(&folder), [format!("1700000000-{id}.eml")], "the folder is made again");
    }

    #[cfg(unix)]
    #[test]
    fn files_are_made_anew_and_for_their_owner_only() {
        use std::os::unix::fs::{PermissionsExt, symlink};

        let (parent, folder) = folder();
        let (id, target) = (MessageId::random(&mut rand::rng()), parent.path().join("precious"));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder.path), 0o700);
        fs::write(&target, "precious").unwrap();
        for write in [Folder::write, Folder::write_and_remove] {
            symlink(&target, folder.unfinished(&id, AT)).unwrap();
            assert!(write(&folder, &id, AT, b"a message").is_err(), "a link is not followed");
            assert_eq!(fs::read(&target).unwrap(), b"precious");
            fs::remove_file(folder.unfinished(&id, AT)).expect("the link is still there");
            fs::write(folder.unfinished(&id, AT), "another's").unwrap();
            assert!(write(&folder, &id, AT, b"a message").is_err(), "nor is another's file written to");
            assert_eq!(fs::read(folder.unfinished(&id, AT)).unwrap(), b"another's");
            fs::remove_file(folder.unfinished(&id, AT)).unwrap();
        }
        folder.write(&id, AT, b"a message").unwrap();
        assert_eq!(mode(&folder.path.join(&names(&folder)[0])), 0o600);
    }
}
