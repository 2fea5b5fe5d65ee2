//! Users from a JSON file: an array of them, reread when it changes.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::SystemTime,
};

use tracing::{error, info, warn};

use super::{
    Directory, Found, User,
    fault::{self, Located},
    index::{Index, Twice},
};
use crate::{
    recipient::{Channel, Recipient},
    unavailable::Unavailable,
};

/// What a file that can't be used says. Somebody may be writing it right now.
const BROKEN: Unavailable = Unavailable::for_seconds(5);

/// The users of a JSON file.
///
/// Every lookup looks at the file's metadata, which costs less than a microsecond, so that a change counts for the very
/// next request. A file that has become unreadable or wrong answers nobody: lookups fail until it is right again, since the
/// users of before may hold one whom the change was to keep out.
#[derive(Debug)]
pub struct FileDirectory(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    loaded: RwLock<Loaded>,
    /// Held while the file is read again, by one at a time.
    reading: Mutex<()>,
}

#[derive(Debug)]
struct Loaded {
    /// What the file was when it was last read, rightly or not.
    seen: Option<Stamp>,
    /// `None` where that didn't make sense.
    users: Option<Arc<Index>>,
}

/// What changes when a file does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    /// Inode and time of its change: another file of the same name, or another content of the same length and time.
    identity: [i64; 3],
}

/// Why a file isn't a directory of users; without addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFault(pub String);

impl FileDirectory {
    /// Reads and judges the file. Lookups later reread it on the blocking threads of the runtime that they run on.
    ///
    /// # Errors
    /// [`FileFault`], for a file that can't be read or that isn't an array of users with one address each.
    pub fn open(path: &Path) -> Result<Self, FileFault> {
        let seen = Stamp::of(path);
        let users = Some(Arc::new(read(path)?));
        let loaded = RwLock::new(Loaded { seen, users });
        Ok(Self(Arc::new(Shared { path: path.to_owned(), loaded, reading: Mutex::default() })))
    }
}

impl FileDirectory {
    /// Judges the content of such a file.
    ///
    /// # Errors
    /// [`FileFault`], for what isn't an array of users with one address each.
    pub fn judge(text: &[u8]) -> Result<(), FileFault> {
        parse(text).map(drop)
    }

    /// Has the next lookup read the file again, even if it looks unchanged.
    pub fn read_again(&self) {
        self.0.loaded.write().unwrap_or_else(PoisonError::into_inner).seen = None;
    }
}

impl Shared {
    /// The users that the file is known to hold; whether it has changed since.
    fn users(&self) -> (Option<Arc<Index>>, bool) {
        let stamp = Stamp::of(&self.path);
        let loaded = self.loaded.read().unwrap_or_else(PoisonError::into_inner);
        (loaded.users.clone(), loaded.seen != stamp)
    }

    /// Reads the file again, unless somebody else has just done so.
    fn reread(&self) -> Option<Arc<Index>> {
        let _one_at_a_time = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let (users, changed) = self.users();
        if !changed {
            return users;
        }
        // The stamp comes first: what changes while it is read is read once more.
        let seen = Stamp::of(&self.path);
        let users = match read(&self.path) {
            Ok(read) => {
                info!(addresses = read.len(), "the directory's file was read again");
                Some(Arc::new(read))
            }
            Err(fault) => {
                error!(path = %self.path.display(), reason = %fault, "the directory's file can't be used: nobody logs in until it can");
                None
            }
        };
        *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = Loaded { seen, users: users.clone() };
        users
    }
}

impl Directory for FileDirectory {
    async fn lookup(&self, recipient: &Recipient) -> Result<Found, Unavailable> {
        let (users, changed) = self.0.users();
        let users = if changed {
            let shared = Arc::clone(&self.0);
            tokio::task::spawn_blocking(move || shared.reread()).await.unwrap_or(users)
        } else {
            users
        };
        Ok(users.ok_or(BROKEN)?.find(recipient))
    }

    /// A file takes nobody in; the configuration refuses the combination.
    async fn register(&self, _: &Recipient, _: bool) -> Result<User, Unavailable> {
        Err(Unavailable::for_seconds(60))
    }
}

impl Stamp {
    /// `None` for a file that can't be looked at.
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        #[cfg(unix)]
        let identity = {
            use std::os::unix::fs::MetadataExt;
            [metadata.ino().cast_signed(), metadata.ctime(), metadata.ctime_nsec()]
        };
        #[cfg(not(unix))]
        let identity = [0; 3];
        Some(Self { modified: metadata.modified().ok(), length: metadata.len(), identity })
    }
}

fn read(path: &Path) -> Result<Index, FileFault> {
    parse(&fs::read(path)?)
}

fn parse(text: &[u8]) -> Result<Index, FileFault> {
    // Editors of some systems put a byte order mark there.
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let users: Vec<User> = serde_json::from_slice(text).map_err(|error| {
        let Located { line, reason } = fault::of_list(text, &error);
        FileFault(format!("line {line}: {reason}"))
    })?;
    let mut by_address = Vec::with_capacity(users.len());
    let mut unreachable = [(0_usize, None); Channel::ALL.len()];
    let users: Vec<_> = users.into_iter().map(Arc::new).collect();
    for user in &users {
        for (channel, (number, first)) in Channel::ALL.into_iter().zip(&mut unreachable) {
            let Some(stored) = user.address(channel) else { continue };
            if let Some(recipient) = Recipient::of_stored(channel, stored) {
                by_address.push((recipient, Arc::clone(user)));
            } else {
                *number += 1;
                first.get_or_insert(&*user.id);
            }
        }
    }
    for (channel, (users, first)) in Channel::ALL.into_iter().zip(unreachable) {
        if let Some(first) = first {
            let field = field(channel);
            warn!(users, first, field, "users of the directory's file have an address that nobody can ask for");
        }
    }
    Index::new(by_address).map_err(|Twice([first, second], address)| {
        let field = field(address.channel());
        let has_it = |user: &User| user.address(address.channel()).is_some() && user.is(&address);
        let lines: Vec<_> = fault::lines_of(text, has_it).iter().map(ToString::to_string).collect();
        let lines = lines.join(" and ");
        FileFault(format!(
            "lines {lines}: the users {:?} and {:?} have the same \"{field}\"; an address is one user's",
            first.id, second.id
        ))
    })
}

/// The field of a user that holds this channel's address.
const fn field(channel: Channel) -> &'static str {
    match channel {
        Channel::Email => "email",
        Channel::Mobile => "phone_number",
    }
}

impl From<io::Error> for FileFault {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

impl fmt::Display for FileFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FileFault {}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: &str = r#"{"id":"1","email":"Ann@Example.com","is_active":true,"epoch":"a"}"#;
    const BOB: &str =
        r#"{"id":"2","email":"bob@example.com","phone_number":"+1 202 555 0123","is_active":false,"is_staff":null}"#;

    fn recipient(channel: Channel, address: &str) -> Recipient {
        Recipient::of_stored(channel, address).unwrap()
    }

    async fn epoch(directory: &FileDirectory, address: &str) -> Option<Box<str>> {
        directory.lookup(&recipient(Channel::Email, address)).await.unwrap().user().map(|user| user.epoch.clone())
    }

    fn directory(text: &str) -> (tempfile::TempDir, PathBuf, FileDirectory) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.json");
        fs::write(&path, text).unwrap();
        let directory = FileDirectory::open(&path).unwrap();
        (folder, path, directory)
    }

    #[tokio::test]
    async fn users_are_found_by_canonical_address() {
        let (_folder, _, directory) = directory(&format!("[{ANN},{BOB}]"));
        let found = directory.lookup(&recipient(Channel::Email, "ann@example.com")).await.unwrap();
        let found = found.user().unwrap();
        assert_eq!((&*found.id, found.address(Channel::Email)), ("1", Some("Ann@Example.com")), "as stored");
        assert!(directory.lookup(&recipient(Channel::Email, "eve@example.com")).await.unwrap().user().is_none());
        #[cfg(feature = "mobile")]
        {
            let found = directory.lookup(&recipient(Channel::Mobile, "+12025550123")).await.unwrap();
            let found = found.user().unwrap();
            assert_eq!((&*found.id, found.is_active, found.is_staff), ("2", false, false));
        }
    }

    #[tokio::test]
    async fn a_change_counts_for_the_next_lookup() {
        let (folder, path, directory) = directory(&format!("[{ANN}]"));
        assert_eq!(epoch(&directory, "ann@example.com").await.as_deref(), Some("a"));
        fs::write(&path, format!("[{}]", ANN.replace(r#""epoch":"a""#, r#""epoch":"longer""#))).unwrap();
        assert_eq!(epoch(&directory, "ann@example.com").await.as_deref(), Some("longer"), "written in place");
        let new = folder.path().join("new");
        fs::write(&new, format!("[{BOB}]")).unwrap();
        fs::rename(&new, &path).unwrap();
        assert_eq!(epoch(&directory, "ann@example.com").await, None, "replaced");
        assert!(epoch(&directory, "bob@example.com").await.is_some());
    }

    #[tokio::test]
    async fn a_change_for_the_worse_answers_nobody_until_it_is_mended() {
        let (_folder, path, directory) = directory(&format!("[{ANN}]"));
        let ann = recipient(Channel::Email, "ann@example.com");
        for bad in ["", "[", "{}", r#"[{"id":"1"}]"#, &format!("[{ANN},{ANN}]")] {
            fs::write(&path, bad).unwrap();
            assert_eq!(directory.lookup(&ann).await.err(), Some(BROKEN), "{bad}");
            assert_eq!(directory.lookup(&ann).await.err(), Some(BROKEN), "{bad}, asked again");
        }
        fs::remove_file(&path).unwrap();
        assert_eq!(directory.lookup(&ann).await.err(), Some(BROKEN), "gone");
        fs::write(&path, "[]").unwrap();
        assert_eq!(epoch(&directory, "ann@example.com").await, None);
    }

    #[test]
    fn what_is_no_directory_of_users_is_a_fault_that_names_no_address() {
        let twice = format!("[{ANN},\n{BOB},\n{{\"id\":\"9\",\"email\":\"ann@EXAMPLE.com\",\"is_active\":true}}]");
        for (text, reason) in [
            ("", "line 1: is not JSON"),
            ("null", "line 1: must be a list of users"),
            (r#"[{"id":1,"is_active":true}]"#, r#"line 1: user 1 has a number as "id""#),
            (r#"[{"id":"","is_active":true}]"#, r#"line 1: user 1 has an empty text as "id""#),
            (r#"[{"id":"1","email":"ann@example.com"}]"#, r#"line 1: user 1 has no "is_active""#),
            (r#"[{"id":"1","email":"ann@example.com","is_active":"yes"}]"#, r#"line 1: user 1 has a text as "is_active""#),
            (&twice, r#"lines 1 and 3: the users "1" and "9" have the same "email""#),
        ] {
            let fault = parse(text.as_bytes()).unwrap_err();
            assert!(fault.0.starts_with(reason), "{text}: {fault}");
            assert!(!fault.0.contains('@'), "{fault}");
        }
        assert!(FileDirectory::open(Path::new("/nowhere/users.json")).is_err());
    }

    #[test]
    fn a_user_needs_no_address_and_a_wrong_one_is_only_unreachable() {
        let text = r#"[{"id":"1","is_active":true},{"id":"2","email":"nonsense","is_active":true},{"id":"3","email":"","is_active":true}]"#;
        assert_eq!(parse(text.as_bytes()).unwrap().len(), 0);
        assert_eq!(parse(format!("\u{feff}[{ANN}]").as_bytes()).unwrap().len(), 1, "with a byte order mark");
    }
}
