//! The files of a journal: regular ones, of this process alone, readable by their owner only. They hold the key of the
//! guard's hashes, and whoever could have another file written in their place, by a link, would have it destroyed.

use std::{
    fs::{self, File, Metadata, OpenOptions, TryLockError},
    io,
    path::Path,
};

use super::OpenError;

/// How often opening begins again when another process opens or closes the same journal meanwhile.
pub(super) const TRIES: usize = 20;

/// Makes a file that isn't there yet, and locks it. What was left over under this name goes first; a link is taken away,
/// not followed.
///
/// # Errors
/// [`io::ErrorKind::WouldBlock`] if another process has what stands there.
pub(super) fn create(path: &Path) -> io::Result<File> {
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
/// [`OpenError::NotAFile`] for a link and for whatever else is no regular file; [`OpenError::InUse`].
pub(super) fn open(path: &Path) -> Result<Option<File>, OpenError> {
    for _ in 0..TRIES {
        match look(path)? {
            Some(found) if !found.is_file() => return Err(OpenError::NotAFile(path.into())),
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
    Err(OpenError::InUse)
}

/// Takes away what stands there, if anything does; of a link, the link.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path).or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// What stands there itself, not what it may lead to; `None` for nothing.
pub(super) fn look(path: &Path) -> io::Result<Option<Metadata>> {
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
