//! The file: read at the start, appended to and synced, and written anew when most of it has passed.

use std::{
    fmt,
    fs::{self, File},
    io::{self, BufReader, BufWriter, Read, Seek as _, Write},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{
    NotOpened,
    record::{HEADER, RECORD, Record, Seal},
};
use crate::{
    ended::entry::Entry,
    files::{self, FileError},
};

/// Records beyond twice the living ones after which the file is written anew.
const SLACK: u64 = 1 << 16;

/// An open file that this process has locked.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    /// One thread waits for the disk at a time; the others find that theirs is there.
    syncing: Mutex<()>,
    active: Mutex<Active>,
    /// Whether it didn't take the last entries.
    is_failing: AtomicBool,
}

/// The file that is appended to.
struct Active {
    file: Arc<File>,
    seal: Seal,
    /// Counts the files that this one came after, so that nobody takes what is known of one for another's.
    generation: u64,
    /// Records written.
    written: u32,
    /// Those of them that are on the disk.
    synced: u32,
    /// From how many on it is written anew.
    most: u64,
    /// Nobody knows what of it is on the disk, or what its end is: it is written anew before it takes more.
    is_doubtful: bool,
}

/// A file that was read, locked.
pub(super) struct Found {
    file: File,
    /// `None` where it was cut off within its header, and so knows nothing, or its end was.
    whole: Option<(Seal, u32)>,
}

impl Found {
    /// Reads the file, if there is one, and hands each entry to `visit`.
    pub(super) fn read(path: &Path, mut visit: impl FnMut(Entry) -> Result<(), NotOpened>) -> Result<Option<Self>, NotOpened> {
        let Some(file) = files::open(path)? else { return Ok(None) };
        let damaged = |offset| NotOpened::from(FileError::Damaged { path: path.into(), offset });
        let size = file.metadata()?.len();
        let mut reader = BufReader::with_capacity(1 << 16, &file);
        reader.rewind()?;
        let mut header = [0; HEADER];
        if size < HEADER as u64 {
            return Ok(Some(Self { file, whole: None }));
        }
        reader.read_exact(&mut header)?;
        let seal = Seal::of_header(&header).ok_or_else(|| damaged(0))?;
        let records = u32::try_from((size - HEADER as u64) / RECORD as u64).map_err(|_| damaged(size))?;
        let (mut damage, mut on_disk) = (None, 0);
        for place in 0..records {
            let mut bytes = [0; RECORD];
            reader.read_exact(&mut bytes)?;
            match seal.read(&bytes, place) {
                Some(Record { entry, synced }) => {
                    visit(entry)?;
                    on_disk = on_disk.max(synced);
                }
                None => damage = damage.or(Some(place)),
            }
        }
        if let Some(place) = damage.filter(|place| *place < on_disk) {
            return Err(damaged(HEADER as u64 + u64::from(place) * RECORD as u64));
        }
        let is_whole = damage.is_none() && size == HEADER as u64 + u64::from(records) * RECORD as u64;
        if !is_whole {
            tell_of_a_torn_end(path);
        }
        drop(reader);
        Ok(Some(Self { file, whole: is_whole.then_some((seal, records)) }))
    }
}

impl Journal {
    /// Goes on with the file that was found, if it is whole and not mostly past; else writes `living` into a new one.
    pub(super) fn begin(
        path: &Path,
        key: [u8; 16],
        found: Option<Found>,
        living: impl FnOnce() -> Vec<Entry>,
    ) -> Result<Self, NotOpened> {
        let living = living();
        let active = match found {
            Some(Found { file, whole: Some((seal, written)) }) if u64::from(written) < most(living.len()) => {
                // What was written may not be on the disk.
                file.sync_all()?;
                Active::new(file, seal, 0, written, living.len())
            }
            found => {
                // What was found stays locked until the new one has taken its place.
                if found.is_none() && files::look(path)?.is_some() {
                    return Err(FileError::InUse.into());
                }
                Active::write(path, Seal::new(key), 0, &living)?
            }
        };
        Ok(Self { path: path.into(), syncing: Mutex::default(), active: Mutex::new(active), is_failing: AtomicBool::new(false) })
    }

    /// Whether the file didn't take the last entries.
    pub(super) fn is_failing(&self) -> bool {
        self.is_failing.load(Ordering::Relaxed)
    }

    /// Has `news` make entries, writes them at the end, and waits until all that was written is on disk. Where the file is in doubt,
    /// or mostly past, `living`, which has the news too, is written into a new one.
    pub(super) fn append(&self, news: impl FnOnce() -> Vec<Entry>, living: impl FnOnce() -> Vec<Entry>) -> io::Result<()> {
        let mut active = self.active();
        // In here, so that whoever finds that there is none waits for what others have written before.
        let entries = news();
        if active.is_doubtful || u64::from(active.written) + entries.len() as u64 > active.most {
            return self.write_anew(&mut active, &living());
        }
        if !entries.is_empty() {
            let appended = active.append(&entries);
            self.tell(&appended);
            appended?;
        }
        let wanted = (active.generation, active.written);
        drop(active);
        self.sync(wanted)
    }

    /// Writes `living` into a new file, if the last entries weren't taken.
    pub(super) fn recover(&self, living: impl FnOnce() -> Vec<Entry>) -> io::Result<()> {
        let mut active = self.active();
        if self.is_failing() { self.write_anew(&mut active, &living()) } else { Ok(()) }
    }

    fn write_anew(&self, active: &mut Active, living: &[Entry]) -> io::Result<()> {
        let (generation, seal) = (active.generation + 1, active.seal.renewed());
        let written = Active::write(&self.path, seal, generation, living).map(|new| *active = new);
        self.tell(&written);
        written
    }

    /// Waits until so many records of a generation are on disk.
    fn sync(&self, (generation, written): (u64, u32)) -> io::Result<()> {
        // Whoever holds it syncs for all who have written by then.
        let _syncing = self.syncing.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, target) = {
            let active = self.active();
            if active.generation != generation || active.synced >= written {
                // A file that was written anew is on the disk as a whole.
                return Ok(());
            }
            if active.is_doubtful {
                return Err(io::Error::other("what was written may not be on the disk"));
            }
            (Arc::clone(&active.file), active.written)
        };
        let synced = file.sync_data();
        let mut active = self.active();
        if active.generation == generation {
            match &synced {
                Ok(()) => active.synced = active.synced.max(target),
                // The kernel may have dropped what it couldn't write, and says so only once.
                Err(_) => active.is_doubtful = true,
            }
            drop(active);
            self.tell(&synced);
        }
        synced
    }

    /// Notes whether the file takes entries, and logs it where that is new.
    fn tell(&self, result: &io::Result<()>) {
        let was_failing = self.is_failing.swap(result.is_err(), Ordering::Relaxed);
        #[cfg(feature = "server")]
        match result {
            Err(error) if !was_failing => {
                tracing::error!(%error, "the file of ended sessions takes no more, so ending one answers 503");
            }
            Ok(()) if was_failing => tracing::info!("the file of ended sessions takes entries again"),
            _ => {}
        }
        #[cfg(not(feature = "server"))]
        let _ = was_failing;
    }

    fn active(&self) -> MutexGuard<'_, Active> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Active {
    fn new(file: File, seal: Seal, generation: u64, written: u32, living: usize) -> Self {
        Self { file: file.into(), seal, generation, written, synced: written, most: most(living), is_doubtful: false }
    }

    /// Writes a file of these entries, and waits until it and its name are on disk.
    fn write(path: &Path, seal: Seal, generation: u64, living: &[Entry]) -> io::Result<Self> {
        let next = files::beside(path, "next");
        let file = files::create(&next)?;
        let mut writer = BufWriter::with_capacity(1 << 16, &file);
        writer.write_all(&seal.header())?;
        let mut written = 0;
        for entry in living {
            writer.write_all(&seal.write(Record { entry: *entry, synced: 0 }, written))?;
            written += 1;
        }
        writer.flush()?;
        drop(writer);
        file.sync_all()?;
        fs::rename(&next, path)?;
        files::sync_folder(path)?;
        Ok(Self::new(file, seal, generation, written, living.len()))
    }

    /// Writes entries at the end.
    fn append(&mut self, entries: &[Entry]) -> io::Result<()> {
        let synced = self.synced;
        let bytes: Vec<u8> = entries
            .iter()
            .zip(self.written..)
            .flat_map(|(entry, place)| self.seal.write(Record { entry: *entry, synced }, place))
            .collect();
        if let Err(error) = (&*self.file).write_all(&bytes) {
            // What memory has and the file hasn't comes with all else.
            self.is_doubtful = true;
            return Err(error);
        }
        self.written += u32::try_from(entries.len()).expect("what comes at once is far less than 4 Gi");
        Ok(())
    }
}

/// How many records a file may have, of which so many live.
const fn most(living: usize) -> u64 {
    living as u64 * 2 + SLACK
}

fn tell_of_a_torn_end(path: &Path) {
    #[cfg(feature = "server")]
    tracing::warn!(
        path = %path.display(),
        "the end of the file of ended sessions was cut off by a crash, with what nobody had been answered; it is written anew"
    );
    #[cfg(not(feature = "server"))]
    let _ = path;
}

impl fmt::Debug for Active {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Active").field("written", &self.written).field("synced", &self.synced).finish_non_exhaustive()
    }
}
