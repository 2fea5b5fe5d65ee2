//! What lines are written to.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::{
        fd::AsFd as _,
        unix::fs::{FileExt as _, OpenOptionsExt as _},
    },
    path::{Path, PathBuf},
};

use rustix::fs::OFlags;

use super::Target;

/// An output that takes whole lines.
pub(super) struct Output {
    file: File,
    /// Where it is opened again; `None` for what can't be.
    path: Option<PathBuf>,
    /// Whether the last line was cut off.
    is_torn: bool,
}

impl Output {
    pub(super) fn open(target: &Target) -> io::Result<Self> {
        match target {
            Target::Stdout => {
                // A descriptor of its own: the lock of the standard library's would be held for as long as a write blocks.
                let file = File::from(io::stdout().as_fd().try_clone_to_owned()?);
                Ok(Self { file, path: None, is_torn: false })
            }
            Target::File(path) => Self::of_file(path),
        }
    }

    fn of_file(path: &Path) -> io::Result<Self> {
        let file = open(path)?;
        let length = file.metadata()?.len();
        // A process that was killed may have left half a line.
        let mut last = [b'\n'];
        if length > 0 {
            file.read_exact_at(&mut last, length - 1)?;
        }
        Ok(Self { file, path: Some(path.to_owned()), is_torn: last != [b'\n'] })
    }

    #[cfg(test)]
    pub(super) fn of_pipe(pipe: io::PipeWriter) -> Self {
        Self { file: File::from(std::os::fd::OwnedFd::from(pipe)), path: None, is_torn: false }
    }

    /// Opens the file anew: the one that it wrote to may have been moved away. Where that fails, the old one stays.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        if let Some(path) = &self.path {
            *self = Self::of_file(path)?;
        }
        Ok(())
    }

    /// Writes a line, which ends with a line feed. Where the one before was cut off, that one is ended first.
    pub(super) fn write(&mut self, line: &str) -> io::Result<()> {
        let ended;
        let line = if self.is_torn {
            ended = format!("\n{line}");
            &ended
        } else {
            line
        };
        let mut rest = line.as_bytes();
        while !rest.is_empty() {
            match self.file.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    rest = &rest[written..];
                    self.is_torn = !rest.is_empty();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// A regular file to append to, made for its owner only where there is none. A link isn't followed: whoever could put one in
/// its place could have another file written to.
fn open(path: &Path) -> io::Result<File> {
    // Whatever else stands there, opening it must not wait for anybody.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let flags = i32::try_from(flags).expect("flags of open fit a C int");
    let opened = OpenOptions::new().read(true).append(true).create(true).mode(0o600).custom_flags(flags).open(path);
    let not_a_file = || io::Error::new(io::ErrorKind::InvalidInput, "it is a link, or no regular file");
    match opened {
        Ok(file) if file.metadata()?.is_file() => Ok(file),
        Ok(_) => Err(not_a_file()),
        Err(_) if path.symlink_metadata().is_ok_and(|found| !found.is_file()) => Err(not_a_file()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::{PermissionsExt as _, symlink},
    };

    use super::*;

    #[test]
    fn a_new_file_is_its_owners_and_an_old_one_keeps_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let path = folder.path().join("new");
        Output::of_file(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        Output::of_file(&path).unwrap();
        assert_eq!(mode(&path), 0o640, "logrotate may have made it for a group");
    }

    #[test]
    fn links_folders_and_pipes_are_refused_without_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("precious"), "precious").unwrap();
        symlink(at("precious"), at("link")).unwrap();
        symlink(at("nothing"), at("dangling")).unwrap();
        fs::create_dir(at("folder")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, at("pipe"), 0o600.into()).unwrap();
        for name in ["link", "dangling", "folder", "pipe"] {
            let error = Output::of_file(&at(name)).err().unwrap();
            assert_eq!(error.to_string(), "it is a link, or no regular file", "{name}");
        }
        assert!(Output::of_file(Path::new("/dev/null")).is_err());
        assert!(!at("nothing").exists());
        assert_eq!(fs::read_to_string(at("precious")).unwrap(), "precious");
        assert_eq!(Output::of_file(&at("no/such/folder")).err().unwrap().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_line_after_one_that_was_cut_off_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        fs::write(&path, "{\"whole\":1}\n{\"hal").unwrap();
        let mut output = Output::of_file(&path).unwrap();
        output.write("{\"next\":2}\n").unwrap();
        output.write("{\"last\":3}\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "{\"whole\":1}\n{\"hal\n{\"next\":2}\n{\"last\":3}\n");
    }

    #[test]
    fn a_disk_that_is_full_is_an_error_and_the_next_line_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut output = Output::of_file(&path).unwrap();
        let file = std::mem::replace(&mut output.file, OpenOptions::new().write(true).open("/dev/full").unwrap());
        assert_eq!(output.write("lost\n").unwrap_err().kind(), io::ErrorKind::StorageFull);
        output.file = file;
        output.write("kept\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "kept\n");
    }
}
