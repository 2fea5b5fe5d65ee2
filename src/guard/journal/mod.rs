//! The guard in a file: the counters are those of the guard in memory, and every change of attempts, uses and comparisons
//! is written to an append-only journal before it is answered.
//!
//! Nothing that was answered is forgotten by `kill -9`: the kernel has it. What a crash of the machine may lose is never
//! trusted: after another boot without a clean close the guard has a new id, and all earlier challenges are refused.

mod entry;
mod load;
mod segment;
mod writer;

use std::{
    collections::VecDeque,
    fmt,
    fs::{self, File},
    io,
    path::Path,
};

use rand_core::CryptoRng;

use self::{
    entry::{Entry, Header},
    load::{Loaded, load},
    segment::{Segment, earlier_segments, next_path, read_header},
    writer::{Earlier, Kept, Writer},
};
use super::{
    Admitted, Amendment, Attempt, AttemptRefused, Counted, Guard, Limits, Looked, Pressure, Request, RequestRefused, Taken,
    Verdict,
    counting::{hashing::Hashes, ledger::SKETCHES, recent::seconds},
    memory::Counters,
};
use crate::{
    challenge::{GuardId, NodeName},
    crypto::random,
    files::{self, FileError},
    time::UnixTime,
};

/// Bytes from which on a segment is followed by the next: some 800,000 attempts.
const SEGMENT_BYTES: u64 = 32 << 20;

/// Counts in memory and in a file, for all threads of the one process that has the file.
///
/// It takes no more once it is closed. Dropping it without closing is what a crash does: nothing is lost, unless the
/// machine goes down too.
pub struct JournalGuard {
    counters: Counters<Writer>,
}

/// What a journal is opened with.
#[derive(Clone, Debug)]
pub struct Opening<'a> {
    /// The file; segments that are full stand beside it under `<path>.<number>`.
    pub path: &'a Path,
    /// The name that this node must have; `None`: the one in the file, or a random one.
    pub node: Option<&'a NodeName>,
    /// The guard's limits.
    pub limits: Limits,
    /// Names this run of the kernel; see [`boot`]. `None`: unknown, so only a clean close is trusted.
    pub boot: Option<[u8; 16]>,
    /// Bytes from which on a segment is followed by the next; `None`: 32 MiB.
    pub segment_bytes: Option<u64>,
}

/// Why a journal can't be opened.
#[derive(Debug)]
pub enum OpenError {
    /// Something is wrong with one of its files; damaged counts from before its last entry on, and where segments are missing.
    File(FileError),
    /// It belongs to the node of this other name.
    OtherNode(String),
    /// It remembers more living challenges than the guard's capacity allows.
    TooMany,
}

/// The name of this run of the kernel, where it has one (Linux).
#[must_use]
pub fn boot() -> Option<[u8; 16]> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let digits: String = text.trim().chars().filter(|character| *character != '-').collect();
    u128::from_str_radix(&digits, 16).ok().map(u128::to_be_bytes)
}

impl JournalGuard {
    /// Opens the journal, or makes a new one where there is none, and waits until that is on disk.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(opening: &Opening<'_>, now: UnixTime, random: &mut impl CryptoRng) -> Result<Self, OpenError> {
        let file = find(opening.path)?;
        let known = match &file {
            Some(file) => read_known(opening.path, file)?,
            None => None,
        };
        match (file, known) {
            (Some(file), Some(header)) => Self::reopen(opening, file, &header, now, random),
            (file, _) => Self::begin(opening, file.as_ref(), random),
        }
    }

    /// What its envelopes name.
    #[must_use]
    pub const fn id(&self) -> &GuardId {
        self.counters.id()
    }

    /// How full it is at `now`.
    #[must_use]
    pub fn pressure(&self, now: UnixTime) -> Pressure {
        self.counters.pressure(now)
    }

    /// Whether its file takes changes; where the last one failed, it is tried.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.counters.ledger.log().is_ready()
    }

    /// Writes all to disk, so that the guard keeps its id across a reboot. From now on every attempt is refused.
    ///
    /// # Errors
    /// If the system can't write; then the next boot makes a new guard.
    pub fn close(&self) -> io::Result<()> {
        self.counters.ledger.log().close()
    }

    /// A journal of which nothing is known yet. `file` is one that was cut off within its header, locked.
    fn begin(opening: &Opening<'_>, file: Option<&File>, random: &mut impl CryptoRng) -> Result<Self, OpenError> {
        let key = random::bytes(random);
        let id = GuardId::fresh(opening.node, random);
        let header = Header { sequence: 1, earlier_end: 0, key, id };
        let segment = prepare(opening, header, file, &[])?;
        for (_, stale) in earlier_segments(opening.path)? {
            fs::remove_file(stale)?;
        }
        Ok(Self { counters: Self::counters(opening, &segment.header.clone(), segment, VecDeque::new(), &[0; SKETCHES]) })
    }

    /// A journal that was found, and is locked.
    fn reopen(
        opening: &Opening<'_>,
        file: File,
        header: &Header,
        now: UnixTime,
        random: &mut impl CryptoRng,
    ) -> Result<Self, OpenError> {
        if opening.node.is_some_and(|node| node.as_str() != header.id.node()) {
            return Err(OpenError::OtherNode(header.id.node().into()));
        }
        let boot = opening.boot.unwrap_or_default();
        match load(opening.path, file, header, boot)? {
            Loaded::Whole { mut active, earlier, changes } => {
                active.append(&[Entry::Opened(boot)])?;
                active.sync()?;
                let guard = Self { counters: Self::counters(opening, header, active, earlier, &changes.kept) };
                changes.restore(&guard.counters.ledger, seconds(now))?;
                Ok(guard)
            }
            // The machine went down and may have lost what was written last. A new guard, with the old one's comparisons.
            Loaded::Untrusted { file, changes } => {
                let id = header.id.renewed(random);
                let header = Header { sequence: header.sequence + 1, earlier_end: 0, key: header.key, id };
                let sketches = changes.sketch_entries();
                let segment = prepare(opening, header, Some(&file), &sketches)?;
                for (_, stale) in earlier_segments(opening.path)? {
                    fs::remove_file(stale)?;
                }
                let guard =
                    Self { counters: Self::counters(opening, &segment.header.clone(), segment, VecDeque::new(), &[0; SKETCHES]) };
                changes.restore_comparisons(&guard.counters.ledger, seconds(now));
                Ok(guard)
            }
        }
    }

    fn counters(
        opening: &Opening<'_>,
        header: &Header,
        active: Segment,
        earlier: VecDeque<Earlier>,
        kept: &Kept,
    ) -> Counters<Writer> {
        let boot = opening.boot.unwrap_or_default();
        let writer = Writer::new(opening.path, boot, opening.segment_bytes.unwrap_or(SEGMENT_BYTES), active, earlier, kept);
        Counters::new(header.id.clone(), opening.limits.clone(), Hashes::with_key(&header.key), writer)
    }
}

/// Makes a first segment in the place of the journal, and waits until it is on disk. `held` is what stands there, locked.
fn prepare(opening: &Opening<'_>, header: Header, held: Option<&File>, entries: &[Entry]) -> Result<Segment, OpenError> {
    let next = next_path(opening.path);
    let mut segment = Segment::create(&next, header)?;
    segment.append(&[Entry::Opened(opening.boot.unwrap_or_default())])?;
    segment.append(entries)?;
    segment.sync()?;
    if held.is_none() && files::look(opening.path)?.is_some() {
        return Err(FileError::InUse.into());
    }
    fs::rename(&next, opening.path)?;
    files::sync_folder(opening.path)?;
    Ok(segment)
}

/// Opens and locks the journal's last segment, if there is one; ends a change of segments that was interrupted.
fn find(path: &Path) -> Result<Option<File>, OpenError> {
    let next = next_path(path);
    if let Some(file) = files::open(path)? {
        // Prepared by a process that was killed before it took its place.
        files::remove(&next)?;
        return Ok(Some(file));
    }
    // What is no file there was prepared by nobody; whoever prepares takes it away.
    if !files::look(&next)?.is_some_and(|found| found.is_file()) {
        return Ok(None);
    }
    let Some(prepared) = files::open(&next)? else { return Ok(None) };
    let is_whole = read_header(&prepared)?.is_some_and(|header| header.sequence > 1);
    if !is_whole {
        return Ok(None);
    }
    fs::rename(&next, path)?;
    Ok(Some(prepared))
}

/// The header of a journal; `None` if it was cut off within it, and so knows nothing.
fn read_known(path: &Path, file: &File) -> Result<Option<Header>, OpenError> {
    if let Some(header) = read_header(file)? {
        return Ok(Some(header));
    }
    let is_short = file.metadata()?.len() < entry::HEADER as u64;
    let is_first = earlier_segments(path)?.is_empty();
    if is_short && is_first { Ok(None) } else { Err(FileError::Damaged { path: path.into(), offset: 0 }.into()) }
}

impl Guard for JournalGuard {
    async fn admit(&self, request: &Request<'_>) -> Result<Admitted, RequestRefused> {
        self.counters.admit(request)
    }

    async fn withdraw(&self, request: &Request<'_>, taken: &Taken) {
        self.counters.withdraw(request, taken);
    }

    async fn peek(&self, attempt: &Attempt<'_>) -> Result<Looked, AttemptRefused> {
        self.counters.peek(attempt)
    }

    async fn count(&self, attempt: &Attempt<'_>, verdict: Verdict) -> Result<Counted, AttemptRefused> {
        self.counters.count(attempt, verdict)
    }

    fn give_back(&self, attempt: &Attempt<'_>) -> impl Future<Output = ()> {
        self.counters.give_back(attempt);
        core::future::ready(())
    }

    async fn amend(&self, attempt: &Attempt<'_>, amendment: Amendment) -> Result<u32, AttemptRefused> {
        self.counters.amend(attempt, amendment)
    }
}

impl fmt::Debug for JournalGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JournalGuard").field(self.id()).finish()
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error @ FileError::Damaged { .. }) => write!(f, "{error}; only a new guard helps: remove the journal"),
            Self::File(error) => error.fmt(f),
            Self::OtherNode(node) => write!(f, "it belongs to the node {node}"),
            Self::TooMany => f.write_str("it remembers more challenges than guard.capacity allows"),
        }
    }
}

impl std::error::Error for OpenError {}

impl<E: Into<FileError>> From<E> for OpenError {
    fn from(error: E) -> Self {
        Self::File(error.into())
    }
}
