//! What the file of ended sessions holds: a header of 32 bytes, then records of 32.
//!
//! header = magic (8) ‖ key (16) ‖ check (8)
//! record = entry (20) ‖ how many records before it were on the disk for sure (4) ‖ check (8)
//! check = SipHash-2-4(the file's key; the header's own: zeros, (place, all before it))
//!
//! Numbers are big-endian. Each check covers its place, so that a record found elsewhere is none. What is damaged before what was on the
//! disk for sure is the disk's fault; behind it, it is the end of a file that a crash of the machine cut, of which nothing was answered.

use core::hash::Hasher as _;

use siphasher::sip::SipHasher24;

use crate::ended::entry::Entry;

/// Bytes of a header.
pub(super) const HEADER: usize = 32;
/// Bytes of a record.
pub(super) const RECORD: usize = 32;

const MAGIC: [u8; 8] = *b"csgnend1";
const CHECK: usize = 8;

/// Makes and believes the records of one file.
#[derive(Clone)]
pub(super) struct Seal {
    key: [u8; 16],
    hasher: SipHasher24,
}

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) entry: Entry,
    /// How many of the file's records were on the disk when this one was written.
    pub(super) synced: u32,
}

impl Seal {
    pub(super) fn new(key: [u8; 16]) -> Self {
        Self { key, hasher: SipHasher24::new_with_key(&key) }
    }

    /// For the file that comes after this one, so that nothing left over from this one is believed there.
    pub(super) fn renewed(&self) -> Self {
        let mut key = [0; 16];
        for (half, which) in key.chunks_exact_mut(8).zip([0, 1]) {
            let mut hasher = self.hasher;
            hasher.write(&[which]);
            half.copy_from_slice(&hasher.finish().to_be_bytes());
        }
        Self::new(key)
    }

    /// Of the file that has this header; `None` if it is damaged.
    pub(super) fn of_header(bytes: &[u8; HEADER]) -> Option<Self> {
        let (head, check) = bytes.split_last_chunk::<CHECK>()?;
        let (magic, key) = head.split_first_chunk()?;
        (*magic == MAGIC && *check == header_check(head))
            .then(|| Self::new(key.try_into().expect("the header's middle is the key")))
    }

    pub(super) fn header(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        let (head, check) = bytes.split_at_mut(HEADER - CHECK);
        head[..MAGIC.len()].copy_from_slice(&MAGIC);
        head[MAGIC.len()..].copy_from_slice(&self.key);
        check.copy_from_slice(&header_check(head));
        bytes
    }

    /// The record at a place, counted from 0.
    pub(super) fn write(&self, record: Record, place: u32) -> [u8; RECORD] {
        let mut bytes = [0; RECORD];
        bytes[..Entry::BYTES].copy_from_slice(&record.entry.to_bytes());
        bytes[Entry::BYTES..RECORD - CHECK].copy_from_slice(&record.synced.to_be_bytes());
        let check = self.check(&bytes[..RECORD - CHECK], place);
        bytes[RECORD - CHECK..].copy_from_slice(&check);
        bytes
    }

    /// `None` if it is damaged.
    pub(super) fn read(&self, bytes: &[u8; RECORD], place: u32) -> Option<Record> {
        let (head, check) = bytes.split_last_chunk::<CHECK>()?;
        let (entry, synced) = head.split_first_chunk()?;
        if *check != self.check(head, place) {
            return None;
        }
        Some(Record { entry: Entry::from_bytes(entry)?, synced: u32::from_be_bytes(synced.try_into().ok()?) })
    }

    fn check(&self, head: &[u8], place: u32) -> [u8; CHECK] {
        let mut hasher = self.hasher;
        hasher.write(&place.to_be_bytes());
        hasher.write(head);
        hasher.finish().to_be_bytes()
    }
}

fn header_check(head: &[u8]) -> [u8; CHECK] {
    let mut hasher = SipHasher24::new();
    hasher.write(head);
    hasher.finish().to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ended::name::Name;

    #[test]
    fn headers_and_records_come_back_and_any_altered_byte_or_place_is_damage() {
        let seal = Seal::new([9; 16]);
        let header = seal.header();
        assert_eq!(Seal::of_header(&header).map(|seal| seal.key), Some([9; 16]));
        let record = Record { entry: Entry { name: Name::from_bits(7), before: 5, until: 3 }, synced: 2 };
        let bytes = seal.write(record, 4);
        assert_eq!(seal.read(&bytes, 4), Some(record));
        assert_eq!(seal.read(&bytes, 5), None);
        assert_eq!(Seal::new([8; 16]).read(&bytes, 4), None);
        for at in 0..32 {
            let (mut altered_header, mut altered) = (header, bytes);
            altered_header[at] ^= 1;
            altered[at] ^= 0x80;
            assert!(Seal::of_header(&altered_header).is_none(), "byte {at}");
            assert_eq!(seal.read(&altered, 4), None, "byte {at}");
        }
    }
}
