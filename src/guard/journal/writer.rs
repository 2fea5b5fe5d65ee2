//! The end of a journal that is written: appends each change before it takes effect, begins a new segment when one is
//! large enough, and removes those whose challenges have all expired.
//!
//! What must outlive a segment's challenges is the sketch. After a segment is begun, each count writes one shard of the
//! sketch whole; a segment after which all were written isn't needed for the comparisons any more.

use std::{
    collections::VecDeque,
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::{
    entry::{BootId, Entry, Header},
    segment::{Segment, earlier_path, next_path},
};
use crate::{
    files::sync_folder,
    guard::counting::{
        change::{Change, Log, Unwritten},
        ledger::SKETCHES,
        sketch::Sketch,
    },
};

/// A journal that is open for writing.
#[derive(Debug)]
pub(super) struct Writer {
    path: PathBuf,
    boot: BootId,
    /// Bytes from which on a segment is followed by the next.
    segment_bytes: u64,
    files: Mutex<Files>,
    /// The shard of the sketch to write next; [`SKETCHES`]: all stand in the active segment.
    wanted: AtomicUsize,
}

#[derive(Debug)]
struct Files {
    active: Segment,
    /// Those before it, oldest first, which stay locked.
    earlier: VecDeque<Earlier>,
    /// In which segment each shard of the sketch was last written whole.
    kept: Kept,
    /// Whether the writer was closed: nothing is written any more.
    is_closed: bool,
    /// Whether the last change could not be written.
    is_failing: bool,
    /// Whether the last segment that was due could not be begun.
    is_stuck: bool,
}

/// For each shard of the sketch, the segment in which it was last written whole; 0: in none.
pub(super) type Kept = [u64; SKETCHES];

/// A segment that is full.
#[derive(Debug)]
pub(super) struct Earlier {
    pub(super) segment: Segment,
    pub(super) path: PathBuf,
}

impl Writer {
    pub(super) fn new(
        path: &Path,
        boot: BootId,
        segment_bytes: u64,
        active: Segment,
        earlier: VecDeque<Earlier>,
        kept: &Kept,
    ) -> Self {
        let files = Files { active, earlier, kept: *kept, is_closed: false, is_failing: false, is_stuck: false };
        let wanted = AtomicUsize::new(files.wanted());
        Self { path: path.into(), boot, segment_bytes, files: Mutex::new(files), wanted }
    }

    /// Writes that the journal was closed, and waits until it and its name are on disk.
    pub(super) fn close(&self) -> io::Result<()> {
        let mut files = self.files();
        if files.is_closed {
            return Ok(());
        }
        files.is_closed = true;
        // All else first: where the word is on disk, so is what it speaks of, whenever the machine goes down.
        files.earlier.iter().try_for_each(|earlier| earlier.segment.sync())?;
        files.active.sync()?;
        sync_folder(&self.path)?;
        files.active.append(&[Entry::Closed])?;
        files.active.sync()
    }

    /// Whether the file takes changes. Where it took none the last time, this tries again: nobody else may, while the node is
    /// kept out of the way.
    pub(super) fn is_ready(&self) -> bool {
        let mut files = self.files();
        !files.is_closed && (!files.is_failing || files.append(Entry::Opened(self.boot)).is_ok())
    }

    /// Begins a segment where the active one is large enough.
    fn rotate(&self, files: &mut Files) -> io::Result<()> {
        let Header { sequence, earlier_end, .. } = files.active.header;
        let next = next_path(&self.path);
        let header =
            Header { sequence: sequence + 1, earlier_end: earlier_end.max(files.active.ends), ..files.active.header.clone() };
        let mut segment = Segment::create(&next, header)?;
        segment.append(&[Entry::Opened(self.boot)])?;
        // Once in 800,000 attempts: a name never stands for a file that a crash of the machine leaves without its header.
        segment.sync()?;
        let earlier = earlier_path(&self.path, sequence);
        fs::rename(&self.path, &earlier)?;
        if let Err(error) = fs::rename(&next, &self.path) {
            // Where this fails too, the next start finds the prepared segment and the one before it, and goes on there.
            fs::rename(&earlier, &self.path)?;
            return Err(error);
        }
        let full = core::mem::replace(&mut files.active, segment);
        files.earlier.push_back(Earlier { segment: full, path: earlier });
        self.wanted.store(files.wanted(), Ordering::Relaxed);
        Ok(())
    }

    /// Removes segments that nobody needs: their challenges have ended, and the sketch was written since.
    fn drop_ended(files: &mut Files, now: u32) {
        while let Some(Earlier { segment, path }) = files.earlier.front() {
            let is_needed = segment.ends > now || files.kept.iter().any(|kept| *kept <= segment.header.sequence);
            if is_needed || fs::remove_file(path).is_err() {
                break;
            }
            files.earlier.pop_front();
        }
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Files {
    fn append(&mut self, entry: Entry) -> io::Result<()> {
        let appended = self.active.append(&[entry]);
        tell(&mut self.is_failing, &appended, "the journal takes no more, so every attempt is refused");
        appended
    }

    /// The shard of the sketch that was written longest ago, if that was before the active segment began.
    fn wanted(&self) -> usize {
        let stale = (0..SKETCHES).filter(|shard| self.kept[*shard] < self.active.header.sequence);
        let oldest = stale.min_by_key(|shard| self.kept[*shard]).filter(|_| !self.earlier.is_empty());
        oldest.unwrap_or(SKETCHES)
    }
}

/// Notes whether something failed, and logs it where that is new.
fn tell(is_failing: &mut bool, result: &io::Result<()>, what: &'static str) {
    #[cfg(feature = "server")]
    match result {
        Err(error) if !*is_failing => tracing::error!(%error, "{what}"),
        Ok(()) if *is_failing => tracing::info!("no longer: {what}"),
        _ => {}
    }
    #[cfg(not(feature = "server"))]
    let _ = what;
    *is_failing = result.is_err();
}

impl Log for Writer {
    fn append(&self, change: &Change, now: u32) -> Result<(), Unwritten> {
        let mut files = self.files();
        if files.is_closed {
            return Err(Unwritten);
        }
        if !files.earlier.is_empty() {
            Self::drop_ended(&mut files, now);
        }
        if files.active.length() >= self.segment_bytes {
            // A segment that can't be followed grows: what it can't take is refused below.
            let rotated = self.rotate(&mut files);
            tell(&mut files.is_stuck, &rotated, "the journal can't begin a segment, so the file grows");
        }
        files.append(Entry::Change(*change)).map_err(|_| Unwritten)?;
        files.active.ends = files.active.ends.max(change.ends());
        Ok(())
    }

    fn wants(&self) -> Option<usize> {
        let wanted = self.wanted.load(Ordering::Relaxed);
        (wanted < SKETCHES).then_some(wanted)
    }

    fn keep(&self, shard: usize, sketch: &Sketch) {
        let mut files = self.files();
        let number = u8::try_from(shard).expect("there are 64 shards");
        if self.wanted.load(Ordering::Relaxed) != shard || files.is_closed {
            return;
        }
        if files.active.append(&Entry::of_sketch(number, sketch)).is_ok() {
            files.kept[shard] = files.active.header.sequence;
            self.wanted.store(files.wanted(), Ordering::Relaxed);
        }
    }
}
