//! What a journal's segments hold: a header of 256 bytes, then entries of 40.
//!
//! header = magic (8) ‖ sequence (8) ‖ earlier end (4) ‖ hash key (16) ‖ length of id (1) ‖ id (128) ‖ zeros ‖ check (8)
//! entry = kind (1) ‖ body (35) ‖ check (4)
//! check = SipHash-2-4(key of the journal; the header's own: zeros, (sequence, offset, all before it)), cut
//!
//! Numbers are big-endian. All entries have one length, so that damage in the middle is never taken for a torn end; and
//! each check covers its place, so that an entry found elsewhere is none.

use core::hash::Hasher as _;

use siphasher::sip::SipHasher24;

use crate::{
    challenge::GuardId,
    guard::counting::{change::Change, record::Moved, sketch::Sketch},
};

/// Bytes of a header.
pub(super) const HEADER: usize = 256;
/// Bytes of an entry.
pub(super) const ENTRY: usize = 40;

const MAGIC: [u8; 8] = *b"csgnjrn2";
const BODY: usize = 35;
/// Cells that one entry holds.
const RUN: usize = 32;

/// Names one run of the machine's kernel; all zeros where there is no such name.
pub(super) type BootId = [u8; 16];

/// What a segment begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Counts a journal's segments from 1.
    pub(super) sequence: u64,
    /// The latest end of a challenge in all earlier segments: where those are gone, whatever ended by then is refused.
    pub(super) earlier_end: u32,
    /// The key of the guard's hashes, and of the checks.
    pub(super) key: [u8; 16],
    /// The guard's id.
    pub(super) id: GuardId,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// A decision.
    Change(Change),
    /// A process opened the journal, or began a segment, in this run of the kernel.
    Opened(BootId),
    /// It closed the journal, and all before this is on disk.
    Closed,
    /// The cells of one shard of the sketch follow, of this day and the one before.
    Sketch { shard: u8, day: u32 },
    /// Some of them, from this one on; all others are 0.
    Cells { is_yesterday: bool, from: u16, run: [u8; RUN] },
    /// They are complete and replace what the shard held.
    SketchEnd { shard: u8 },
}

/// Checks the entries of one segment.
#[derive(Clone)]
pub(super) struct Seal {
    hasher: SipHasher24,
    sequence: u64,
}

impl Header {
    pub(super) fn encode(&self) -> [u8; HEADER] {
        let id = self.id.as_str().as_bytes();
        let length = u8::try_from(id.len()).expect("a guard's id has at most 128 bytes");
        let mut bytes = [0; HEADER];
        let mut at = 0;
        for part in [&MAGIC[..], &self.sequence.to_be_bytes(), &self.earlier_end.to_be_bytes(), &self.key, &[length], id] {
            bytes[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
        let check = header_check(&bytes);
        bytes[HEADER - 8..].copy_from_slice(&check);
        bytes
    }

    /// `None` if it is damaged.
    pub(super) fn decode(bytes: &[u8; HEADER]) -> Option<Self> {
        if bytes[..8] != MAGIC || bytes[HEADER - 8..] != header_check(bytes) {
            return None;
        }
        let mut rest = &bytes[8..];
        let sequence = u64::from_be_bytes(take(&mut rest));
        let earlier_end = u32::from_be_bytes(take(&mut rest));
        let key = take(&mut rest);
        let [length] = take(&mut rest);
        let id = core::str::from_utf8(rest.get(..usize::from(length))?).ok()?;
        Some(Self { sequence, earlier_end, key, id: GuardId::new(id)? })
    }

    pub(super) fn seal(&self) -> Seal {
        Seal { hasher: SipHasher24::new_with_key(&self.key), sequence: self.sequence }
    }
}

impl Entry {
    pub(super) fn encode(&self, seal: &Seal, offset: u64) -> [u8; ENTRY] {
        let mut bytes = [0; ENTRY];
        let (kind, body) = bytes.split_at_mut(1);
        let body = &mut body[..BODY];
        let mut put = |at: usize, part: &[u8]| body[at..at + part.len()].copy_from_slice(part);
        kind[0] = match self {
            Self::Change(Change { slot: [name, counts], comparisons }) => {
                let Moved { key, day, strangers, known } = comparisons.unwrap_or_default();
                put(0, &name.to_be_bytes());
                put(8, &counts.to_be_bytes());
                put(16, &key.to_be_bytes());
                put(24, &day.to_be_bytes());
                put(28, &strangers.to_be_bytes());
                put(29, &known.to_be_bytes());
                1
            }
            Self::Opened(boot) => {
                put(0, boot);
                2
            }
            Self::Closed => 3,
            Self::Sketch { shard, day } => {
                put(0, &[*shard]);
                put(1, &day.to_be_bytes());
                4
            }
            Self::Cells { is_yesterday, from, run } => {
                put(0, &[u8::from(*is_yesterday)]);
                put(1, &from.to_be_bytes());
                put(3, run);
                5
            }
            Self::SketchEnd { shard } => {
                put(0, &[*shard]);
                6
            }
        };
        let check = seal.check(&bytes, offset);
        bytes[ENTRY - 4..].copy_from_slice(&check);
        bytes
    }

    /// `None` if it is damaged.
    pub(super) fn decode(bytes: &[u8; ENTRY], seal: &Seal, offset: u64) -> Option<Self> {
        if bytes[ENTRY - 4..] != seal.check(bytes, offset) {
            return None;
        }
        let mut rest = &bytes[1..];
        Some(match bytes[0] {
            1 => {
                let slot = [u64::from_be_bytes(take(&mut rest)), u64::from_be_bytes(take(&mut rest))];
                let key = u64::from_be_bytes(take(&mut rest));
                let day = u32::from_be_bytes(take(&mut rest));
                let (strangers, known) = (i8::from_be_bytes(take(&mut rest)), i8::from_be_bytes(take(&mut rest)));
                let moved = Moved { key, day, strangers, known };
                Self::Change(Change { slot, comparisons: ((strangers, known) != (0, 0)).then_some(moved) })
            }
            2 => Self::Opened(take(&mut rest)),
            3 => Self::Closed,
            4 => {
                let [shard] = take(&mut rest);
                Self::Sketch { shard, day: u32::from_be_bytes(take(&mut rest)) }
            }
            5 => {
                let [is_yesterday] = take(&mut rest);
                let from = u16::from_be_bytes(take(&mut rest));
                Self::Cells { is_yesterday: is_yesterday != 0, from, run: take(&mut rest) }
            }
            6 => {
                let [shard] = take(&mut rest);
                Self::SketchEnd { shard }
            }
            _ => return None,
        })
    }

    /// All entries of one shard of the sketch: only runs in which something was counted.
    pub(super) fn of_sketch(shard: u8, sketch: &Sketch) -> Vec<Self> {
        let mut entries = vec![Self::Sketch { shard, day: sketch.day() }];
        for is_yesterday in [false, true] {
            let cells = sketch.cells(is_yesterday);
            let mut at = 0;
            while let Some(skipped) = cells[at..].iter().position(|cell| *cell != 0) {
                at += skipped;
                let mut run = [0; RUN];
                let end = (at + RUN).min(cells.len());
                run[..end - at].copy_from_slice(&cells[at..end]);
                let from = u16::try_from(at).expect("a shard has 65,536 cells");
                entries.push(Self::Cells { is_yesterday, from, run });
                at = end;
            }
        }
        entries.push(Self::SketchEnd { shard });
        entries
    }
}

/// A shard of the sketch while its entries are read.
#[derive(Debug)]
pub(super) struct SketchReader {
    shard: u8,
    sketch: Sketch,
}

impl SketchReader {
    pub(super) fn new(shard: u8, day: u32) -> Self {
        Self { shard, sketch: Sketch::of_day(day) }
    }

    pub(super) fn take(&mut self, is_yesterday: bool, from: u16, run: &[u8; RUN]) {
        self.sketch.restore(is_yesterday, from.into(), run);
    }

    /// The shard, if `shard` is the one that was begun.
    pub(super) fn finish(self, shard: u8) -> Option<(u8, Sketch)> {
        (self.shard == shard).then_some((shard, self.sketch))
    }
}

impl Seal {
    fn check(&self, entry: &[u8; ENTRY], offset: u64) -> [u8; 4] {
        let mut hasher = self.hasher;
        hasher.write(&self.sequence.to_be_bytes());
        hasher.write(&offset.to_be_bytes());
        hasher.write(&entry[..ENTRY - 4]);
        let [a, b, c, d, ..] = hasher.finish().to_be_bytes();
        [a, b, c, d]
    }
}

fn header_check(header: &[u8; HEADER]) -> [u8; 8] {
    let mut hasher = SipHasher24::new();
    hasher.write(&header[..HEADER - 8]);
    hasher.finish().to_be_bytes()
}

fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    let (first, others) = rest.split_first_chunk().expect("an entry is as long as its parts");
    *rest = others;
    *first
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::budget::Whose;

    fn header() -> Header {
        Header { sequence: 3, earlier_end: 7, key: [9; 16], id: GuardId::new("node.eu.0123").unwrap() }
    }

    fn entries() -> Vec<Entry> {
        let change = Change { slot: [1, 2], comparisons: Some(Moved { key: 3, day: 5, strangers: -4, known: 2 }) };
        let cells = Entry::Cells { is_yesterday: true, from: 65_530, run: [7; RUN] };
        vec![
            Entry::Change(change),
            Entry::Change(Change { comparisons: None, ..change }),
            Entry::Opened([8; 16]),
            Entry::Closed,
            Entry::Sketch { shard: 63, day: 20_000 },
            cells,
            Entry::SketchEnd { shard: 63 },
        ]
    }

    #[test]
    fn headers_come_back_and_any_altered_byte_is_damage() {
        let bytes = header().encode();
        assert_eq!(Header::decode(&bytes), Some(header()));
        for at in 0..HEADER {
            let mut altered = bytes;
            altered[at] ^= 1;
            assert_eq!(Header::decode(&altered), None, "byte {at}");
        }
    }

    #[test]
    fn entries_come_back_and_any_altered_byte_or_place_is_damage() {
        let seal = header().seal();
        for entry in entries() {
            let bytes = entry.encode(&seal, 256);
            assert_eq!(Entry::decode(&bytes, &seal, 256), Some(entry));
            assert_eq!(Entry::decode(&bytes, &seal, 296), None);
            assert_eq!(Entry::decode(&bytes, &Header { sequence: 4, ..header() }.seal(), 256), None);
            for at in 0..ENTRY {
                let mut altered = bytes;
                altered[at] ^= 0x80;
                assert_eq!(Entry::decode(&altered, &seal, 256), None, "byte {at}");
            }
        }
    }

    fn whose(key: u64) -> Whose {
        if key.is_multiple_of(3) { Whose::Known } else { Whose::Strangers }
    }

    #[test]
    fn a_sketch_comes_back() {
        let mut sketch = Sketch::default();
        for (day, keys) in [(20_000_u32, 0..50_u64), (20_001, 25..75)] {
            sketch.turn_to(day);
            keys.for_each(|key| (0..=key % 7).for_each(|_| sketch.add(key.wrapping_mul(0x9e37_79b9_7f4a_7c15), whose(key))));
        }
        let mut reader = None;
        let mut read = None;
        for entry in Entry::of_sketch(5, &sketch) {
            match entry {
                Entry::Sketch { shard, day } => reader = Some(SketchReader::new(shard, day)),
                Entry::Cells { is_yesterday, from, run } => reader.as_mut().unwrap().take(is_yesterday, from, &run),
                Entry::SketchEnd { shard } => read = reader.take().unwrap().finish(shard),
                other => panic!("{other:?}"),
            }
        }
        let (shard, read) = read.unwrap();
        assert_eq!((shard, read.day()), (5, sketch.day()));
        assert!([false, true].iter().all(|is_yesterday| read.cells(*is_yesterday) == sketch.cells(*is_yesterday)));
    }
}
