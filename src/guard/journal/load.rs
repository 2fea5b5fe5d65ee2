//! Reads a journal back.

use std::{
    collections::VecDeque,
    fs::{self, File},
    path::Path,
};

use super::{
    OpenError,
    entry::{BootId, Entry, Header, SketchReader},
    segment::{Scanned, Segment, earlier_segments, read_header, scan},
    writer::{Earlier, Kept},
};
use crate::{
    files::{self, FileError},
    guard::counting::{
        change::{Change, Log},
        ledger::{Ledger, SKETCHES, sketch_of},
        record::Slot,
        sketch::Sketch,
    },
};

/// A journal that was read.
pub(super) enum Loaded {
    /// Nothing that was answered can be missing.
    Whole { active: Segment, earlier: VecDeque<Earlier>, changes: Changes },
    /// The machine went down without closing it: what was written last may be missing.
    Untrusted { file: File, changes: Changes },
}

/// What the entries say, one after the other.
pub(super) struct Changes {
    spent: Vec<Slot>,
    /// The end of whatever was in segments that are gone.
    forgotten: u32,
    sketches: Vec<Sketch>,
    /// Where each shard was last written whole.
    pub(super) kept: Kept,
    /// The number of the segment being read.
    sequence: u64,
    reading: Option<SketchReader>,
    boot: Option<BootId>,
    is_closed: bool,
    /// The latest end of a challenge in the segment being read.
    ends: u32,
}

/// Reads the journal whose last segment is `file`.
pub(super) fn load(path: &Path, file: File, header: &Header, boot: BootId) -> Result<Loaded, OpenError> {
    let mut changes = Changes::new();
    let mut damage = None;
    let mut headers = Vec::new();
    let mut earlier = VecDeque::new();
    for (sequence, path) in earlier_segments(path)? {
        // One that goes meanwhile is found missing below.
        let Some(file) = files::open(&path)? else { continue };
        let found = read_header(&file)?;
        if found.as_ref().is_some_and(|found| found.id != header.id) {
            // Left over from the guard before this one.
            fs::remove_file(path)?;
            continue;
        }
        let Some(found) = found.filter(|found| found.sequence == sequence && sequence < header.sequence) else {
            damage = damage.or(Some((path, 0)));
            continue;
        };
        let scanned = changes.read(&file, &found)?;
        // A full segment ends with a whole entry.
        let torn = scanned.is_torn.then_some(scanned.length);
        damage = damage.or(scanned.damage.or(torn).map(|offset| (path.clone(), offset)));
        let mut segment = Segment::resume(file, found.clone(), &Scanned { is_torn: false, ..scanned })?;
        segment.ends = changes.ends;
        earlier.push_back(Earlier { segment, path });
        headers.push(found);
    }
    let scanned = changes.read(&file, header)?;
    damage = damage.or(scanned.damage.map(|offset| (path.to_owned(), offset)));
    headers.push(header.clone());

    let is_same_boot = boot != BootId::default() && changes.boot == Some(boot);
    // A crash of the machine may have damaged anything that was written since it last began; but not the name of the boot.
    let is_known = damage.is_none() || changes.boot.is_some();
    if is_known && !(is_same_boot || changes.is_closed && !scanned.is_torn) {
        return Ok(Loaded::Untrusted { file, changes });
    }
    let oldest = &headers[0];
    let is_gapless = headers.windows(2).all(|pair| pair[0].sequence + 1 == pair[1].sequence);
    let has_sketch = oldest.sequence == 1 || changes.kept.iter().all(|kept| *kept > 0);
    if !(is_gapless && has_sketch) {
        damage = damage.or(Some((path.to_owned(), 0)));
    }
    if let Some((path, offset)) = damage {
        return Err(FileError::Damaged { path, offset }.into());
    }
    changes.forgotten = oldest.earlier_end;
    let mut active = Segment::resume(file, header.clone(), &scanned)?;
    active.ends = changes.ends;
    Ok(Loaded::Whole { active, earlier, changes })
}

impl Changes {
    fn new() -> Self {
        Self {
            spent: Vec::new(),
            forgotten: 0,
            sketches: (0..SKETCHES).map(|_| Sketch::default()).collect(),
            kept: [0; SKETCHES],
            sequence: 0,
            reading: None,
            boot: None,
            is_closed: false,
            ends: 0,
        }
    }

    fn read(&mut self, file: &File, header: &Header) -> Result<Scanned, OpenError> {
        self.ends = 0;
        self.sequence = header.sequence;
        self.reading = None;
        Ok(scan(file, &header.seal(), |entry| self.take(&entry))?)
    }

    fn take(&mut self, entry: &Entry) {
        self.is_closed = *entry == Entry::Closed;
        match entry {
            Entry::Change(change) => self.change(change),
            Entry::Opened(boot) => self.boot = Some(*boot),
            Entry::Closed => {}
            Entry::Sketch { shard, day } => {
                self.reading = Some(SketchReader::new(*shard, *day));
                return;
            }
            Entry::Cells { is_yesterday, from, run } => {
                if let Some(reading) = &mut self.reading {
                    reading.take(*is_yesterday, *from, run);
                }
                return;
            }
            Entry::SketchEnd { shard } => {
                if let Some((shard, sketch)) = self.reading.take().and_then(|reading| reading.finish(*shard)) {
                    self.sketches[usize::from(shard) % SKETCHES] = sketch;
                    self.kept[usize::from(shard) % SKETCHES] = self.sequence;
                }
            }
        }
        // A shard whose entries were cut off by the end of the process is not replaced.
        self.reading = None;
    }

    fn change(&mut self, change: &Change) {
        self.ends = self.ends.max(change.ends());
        self.spent.push(change.slot);
        if let Some(moved) = &change.comparisons {
            self.sketches[sketch_of(moved.key)].replay(moved);
        }
    }

    /// Puts everything back into an empty ledger.
    pub(super) fn restore<L: Log>(self, ledger: &Ledger<L>, now: u32) -> Result<(), OpenError> {
        ledger.forget_until(self.forgotten);
        for slot in &self.spent {
            ledger.restore(*slot, now).map_err(|_| OpenError::TooMany)?;
        }
        self.restore_comparisons(ledger, now);
        Ok(())
    }

    /// Puts the comparisons back, and nothing else.
    pub(super) fn restore_comparisons<L: Log>(self, ledger: &Ledger<L>, now: u32) {
        ledger.see(now);
        self.sketches.into_iter().enumerate().for_each(|(shard, sketch)| ledger.restore_sketch(shard, sketch));
    }

    /// The comparisons as entries.
    pub(super) fn sketch_entries(&self) -> Vec<Entry> {
        let number = |shard: usize| u8::try_from(shard).expect("there are 64 shards");
        self.sketches.iter().enumerate().flat_map(|(shard, sketch)| Entry::of_sketch(number(shard), sketch)).collect()
    }
}
