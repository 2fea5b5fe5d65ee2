//! Files of this process alone: regular ones, locked, readable by their owner only. No link is followed: whoever could have
//! another file written in their place, by a link, would have it destroyed.

use std::{
    fmt,
    fs::{self, File, Metadata, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

/// Why a file can't be had, or not be believed.
#[derive(Debug)]
pub enum FileError {
    /// Another process has it.
    InUse,
    /// What stands there is no regular file but a link, say; none is followed.
    NotAFile(PathBuf),
    /// The file is damaged before its end.
    Damaged {
        /// Which file.
        path: PathBuf,
        /// At which byte, counted from 0.
        offset: u64,
    },
    /// The system refuses something.
    Io(io::Error),
}

/// How often opening begins again when another process opens or closes the same file meanwhile.
const TRIES: usize = 20;

/// Makes a file that isn't there yet, and locks it. What was left over under this name goes first; a link is taken away,
/// not followed.
///
/// # Errors
/// [`io::ErrorKind::WouldBlock`] if another process has what stands there.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    match look(path)? {
        Some(found) if found.is_file() => {
            // Only who holds it may take it away: a process that prepares it now has it locked.
            let left_over = append_to(path)?;
            lock(&left_over)?;
            if !is_still(path, &left_over)? {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            fs::remove_file(path)?;
        }
        Some(_) => fs::remove_file(path)?,
        None => {}
    }
    let mut options = OpenOptions::new();
    options.read(true).append(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let created = options.open(path);
    let file = created.map_err(|error| if error.kind() == io::ErrorKind::AlreadyExists { busy() } else { error })?;
    lock(&file)?;
    // Before it was locked, another process may have taken it for one that was left over.
    if is_still(path, &file)? { Ok(file) } else { Err(busy()) }
}

/// Opens and locks the file at `path`; `None` where there is none.
///
/// # Errors
/// [`FileError::NotAFile`] for a link and for whatever else is no regular file; [`FileError::InUse`].
pub(crate) fn open(path: &Path) -> Result<Option<File>, FileError> {
    for _ in 0..TRIES {
        match look(path)? {
            Some(found) if !found.is_file() => return Err(FileError::NotAFile(path.into())),
            Some(_) => {}
            None => return Ok(None),
        }
        let file = match append_to(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        lock(&file)?;
        // Between the look and the lock, its owner may have put another file in its place, or somebody a link.
        if is_still(path, &file)? {
            take_back(&file)?;
            return Ok(Some(file));
        }
    }
    Err(FileError::InUse)
}

/// Takes away what stands there, if anything does; of a link, the link.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path).or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// The folder of a file; that of a bare name is the working directory.
pub(crate) fn folder_of(path: &Path) -> Option<&Path> {
    let folder = path.parent()?;
    Some(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })
}

/// The file beside `path` that is called like it, with a full stop and `suffix` behind.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

/// Makes the names in the file's folder last.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    folder_of(path).map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// What stands there itself, not what it may lead to; `None` for nothing.
pub(crate) fn look(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::symlink_metadata(path) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).append(true).open(path)
}

/// Locks a file for this process.
fn lock(file: &File) -> io::Result<()> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(busy()),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn busy() -> io::Error {
    io::ErrorKind::WouldBlock.into()
}

/// Whether `path` itself is the file that was opened.
#[cfg(unix)]
fn is_still(path: &Path, file: &File) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let opened = file.metadata()?;
    Ok(look(path)?.is_some_and(|found| found.is_file() && (found.dev(), found.ino()) == (opened.dev(), opened.ino())))
}

#[cfg(not(unix))]
fn is_still(path: &Path, _: &File) -> io::Result<bool> {
    Ok(look(path)?.is_some_and(|found| found.is_file()))
}

/// Takes from others what they may do with a file that was made otherwise. One of another owner stays as it is.
#[cfg(unix)]
fn take_back(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = file.metadata()?.permissions().mode() & 0o777;
    let owners = mode & 0o700;
    if mode == owners {
        return Ok(());
    }
    let taken = file.set_permissions(fs::Permissions::from_mode(owners));
    taken.or_else(|error| if error.kind() == io::ErrorKind::PermissionDenied { Ok(()) } else { Err(error) })
}

#[cfg(not(unix))]
const fn take_back(_: &File) -> io::Result<()> {
    Ok(())
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse => f.write_str("another process has it"),
            Self::NotAFile(path) => write!(
                f,
                "{} is no regular file, and links are not followed: name the file itself, or remove what stands there",
                path.display()
            ),
            Self::Damaged { path, offset } => write!(f, "{} is damaged at byte {offset}", path.display()),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for FileError {}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::WouldBlock { Self::InUse } else { Self::Io(error) }
    }
}
