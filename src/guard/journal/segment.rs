//! One file of a journal: its header, and entries that are only ever appended.

use std::{
    fs::{self, File},
    io::{self, BufReader, Read, Write},
    path::{Path, PathBuf},
};

use super::entry::{ENTRY, Entry, HEADER, Header, Seal};
use crate::files::{self, beside, folder_of};

/// An open file that this process has locked.
#[derive(Debug)]
pub(super) struct Segment {
    file: File,
    pub(super) header: Header,
    /// Bytes that are known to be whole entries.
    length: u64,
    /// The latest end of a challenge in it.
    pub(super) ends: u32,
    /// Bytes beyond `length` couldn't be cut off yet.
    is_torn: bool,
}

/// What reading found.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    /// Bytes of whole entries, with the header.
    pub(super) length: u64,
    /// Where an entry is damaged that isn't the last.
    pub(super) damage: Option<u64>,
    /// Whether a last entry was short or damaged.
    pub(super) is_torn: bool,
}

impl Segment {
    /// Makes `path` a new segment; what was left over there goes.
    pub(super) fn create(path: &Path, header: Header) -> io::Result<Self> {
        let file = files::create(path)?;
        (&file).write_all(&header.encode())?;
        Ok(Self { file, header, length: HEADER as u64, ends: 0, is_torn: false })
    }

    /// Takes a file that was opened and locked, whose first `length` bytes were found whole; cuts off what is behind them.
    pub(super) fn resume(file: File, header: Header, scanned: &Scanned) -> io::Result<Self> {
        if scanned.is_torn {
            file.set_len(scanned.length)?;
        }
        Ok(Self { file, header, length: scanned.length, ends: 0, is_torn: false })
    }

    /// Writes entries at the end: all of them, or none.
    ///
    /// The kernel has them when this returns, so that they survive this process, however it ends.
    pub(super) fn append(&mut self, entries: &[Entry]) -> io::Result<()> {
        if self.is_torn {
            self.file.set_len(self.length)?;
            self.is_torn = false;
        }
        let seal = self.header.seal();
        let written = if let [entry] = entries {
            self.file.write_all(&entry.encode(&seal, self.length))
        } else {
            let offsets = (self.length..).step_by(ENTRY);
            let bytes: Vec<u8> = entries.iter().zip(offsets).flat_map(|(entry, at)| entry.encode(&seal, at)).collect();
            self.file.write_all(&bytes)
        };
        if let Err(error) = written {
            self.is_torn = self.file.set_len(self.length).is_err();
            return Err(error);
        }
        self.length += (entries.len() * ENTRY) as u64;
        Ok(())
    }

    /// Waits until all is on disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    pub(super) const fn length(&self) -> u64 {
        self.length
    }
}

/// The header of an open file; `None` if it is too short to have one, or damaged.
pub(super) fn read_header(file: &File) -> io::Result<Option<Header>> {
    let mut bytes = [0; HEADER];
    match rewound(file)?.read_exact(&mut bytes) {
        Ok(()) => Ok(Header::decode(&bytes)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads all whole entries and hands each to `visit`; goes on after damage, so that a caller who wants to can.
pub(super) fn scan(file: &File, seal: &Seal, mut visit: impl FnMut(Entry)) -> io::Result<Scanned> {
    let size = file.metadata()?.len();
    let mut reader = BufReader::with_capacity(1 << 16, rewound(file)?);
    let mut header = [0; HEADER];
    reader.read_exact(&mut header)?;
    let mut at = HEADER as u64;
    let mut scanned = Scanned { length: at, damage: None, is_torn: false };
    while at + ENTRY as u64 <= size {
        let mut bytes = [0; ENTRY];
        reader.read_exact(&mut bytes)?;
        let end = at + ENTRY as u64;
        match Entry::decode(&bytes, seal, at) {
            Some(entry) => {
                visit(entry);
                scanned.length = end;
            }
            None if end == size => scanned.is_torn = true,
            None => scanned.damage = scanned.damage.or(Some(at)),
        }
        at = end;
    }
    scanned.is_torn |= at < size;
    Ok(scanned)
}

/// The files of earlier segments, `<path>.<sequence>`, in order.
pub(super) fn earlier_segments(path: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let (Some(folder), Some(name)) = (folder_of(path), path.file_name().and_then(|name| name.to_str())) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let suffix = entry.file_name().into_string().ok();
        let sequence = suffix.as_deref().and_then(|other| other.strip_prefix(name)?.strip_prefix('.')?.parse().ok());
        found.extend(sequence.map(|sequence| (sequence, entry.path())));
    }
    found.sort();
    Ok(found)
}

/// Where an earlier segment stands.
pub(super) fn earlier_path(path: &Path, sequence: u64) -> PathBuf {
    beside(path, &sequence.to_string())
}

/// Where the next segment is prepared.
pub(super) fn next_path(path: &Path) -> PathBuf {
    beside(path, "next")
}

fn rewound(mut file: &File) -> io::Result<&File> {
    io::Seek::rewind(&mut file)?;
    Ok(file)
}
