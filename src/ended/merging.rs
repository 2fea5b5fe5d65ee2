//! How nodes of a fleet come to know the same: each tells the others what it ends, and compares what it holds with each of them now
//! and then. What is merged is a set that only grows, so messages may be lost, come twice, and come in any order.
//!
//! question = 1 ‖ entries: keep these
//!          | 2 ‖ after (4) ‖ root (8): do we hold the same, of what lives on after this second?
//!          | 3 ‖ after (4) ‖ buckets (2 each): which entries do you have there?
//! answer = whether the node that answers knows what it should (1) ‖
//!          1: kept | 2: no room, or the disk takes nothing | 3: the same
//!          | 4 ‖ digests (8 for each bucket) | 5 ‖ how many of the buckets (2) ‖ their entries
//!
//! Numbers are big-endian. The messages are sealed as all that nodes relay is, which makes them authentic; each has a greatest length.
//! Both sides count what lives on after the same second, the beginning of a step of time, which is a little in the past: both hold that
//! still, though their clocks differ.

use core::hash::Hasher as _;
use std::collections::VecDeque;

use siphasher::sip::SipHasher13;

use super::{
    AnyEnded, Ending,
    digests::{BUCKETS, Digests, STEP},
    entry::{Entry, seconds},
    known::Known,
};
use crate::time::{UnixMillis, UnixTime};

/// The longest question, in bytes.
pub(crate) const LONGEST_QUESTION: usize = 1 + ENTRIES_AT_ONCE * Entry::BYTES;

/// Entries that one question has at most.
const ENTRIES_AT_ONCE: usize = 1000;
/// Buckets that one question asks for at most.
const BUCKETS_AT_ONCE: usize = 64;
/// Entries from which on an answer is long enough; whole buckets go, so there may be more.
const ENOUGH_ENTRIES: usize = 12_000;

const KEEP: u8 = 1;
const COMPARE: u8 = 2;
const GIVE: u8 = 3;

const KEPT: u8 = 1;
const NOT_KEPT: u8 = 2;
const SAME: u8 = 3;
const DIGESTS: u8 = 4;
const ENTRIES: u8 = 5;

/// What came isn't a message of these, or not the answer to what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// A comparison with one other node, from its first question to its last answer.
#[derive(Debug)]
pub(crate) struct Comparison {
    after: u32,
    /// Whether the other node knows what it should: it isn't about to ask others itself.
    is_other_ready: bool,
    /// What is asked now.
    asked: Asked,
    /// Buckets that differ, to be asked for.
    differing: VecDeque<u16>,
    /// What the other lacks, as questions.
    lacking: VecDeque<Vec<u8>>,
}

#[derive(Debug)]
enum Asked {
    Compare,
    Give(Vec<u16>),
    Keep,
}

impl Comparison {
    /// Begins one, with its first question.
    pub(crate) fn begin(store: &AnyEnded, now: UnixTime) -> (Self, Vec<u8>) {
        let after = seconds(now) / STEP * STEP;
        let root = store.known().map_or(0, |known| root(&known.set.digests(after)));
        let question = [&[COMPARE][..], &after.to_be_bytes(), &root.to_be_bytes()].concat();
        let (differing, lacking) = (VecDeque::new(), VecDeque::new());
        (Self { after, is_other_ready: false, asked: Asked::Compare, differing, lacking }, question)
    }

    /// Takes the answer to the last question; `None`: that was all.
    ///
    /// # Errors
    /// [`Malformed`].
    pub(crate) async fn go_on(&mut self, store: &AnyEnded, answer: &[u8], now: UnixTime) -> Result<Option<Vec<u8>>, Malformed> {
        let (&[is_ready, kind], rest) = answer.split_first_chunk().ok_or(Malformed)?;
        let known = store.known().ok_or(Malformed)?;
        self.is_other_ready = is_ready == 1;
        match (&self.asked, kind) {
            (Asked::Compare, SAME) | (Asked::Keep, KEPT | NOT_KEPT) if rest.is_empty() => {}
            (Asked::Compare, DIGESTS) => {
                let theirs = read_digests(rest).ok_or(Malformed)?;
                let ours = known.set.digests(self.after);
                let differ = (0_u16..).zip(ours.iter().zip(theirs)).filter(|(_, (ours, theirs))| **ours != *theirs);
                self.differing = differ.map(|(bucket, _)| bucket).collect();
            }
            (Asked::Give(buckets), ENTRIES) => {
                let (number, rest) = rest.split_first_chunk().ok_or(Malformed)?;
                let number = usize::from(u16::from_be_bytes(*number));
                let theirs = read_entries(rest).ok_or(Malformed)?;
                if number == 0 || number > buckets.len() {
                    return Err(Malformed);
                }
                let (given, left) = buckets.split_at(number);
                left.iter().rev().for_each(|bucket| self.differing.push_front(*bucket));
                self.lacking.extend(lacking(known, given, self.after, &theirs));
                // Where there is no room, others may have some: the rest is told all the same.
                let _ = store.keep(theirs, now).await;
            }
            _ => return Err(Malformed),
        }
        Ok(self.next_question())
    }

    /// Whether the node that answered knows what it should.
    pub(crate) const fn is_other_ready(&self) -> bool {
        self.is_other_ready
    }

    fn next_question(&mut self) -> Option<Vec<u8>> {
        if let Some(question) = self.lacking.pop_front() {
            self.asked = Asked::Keep;
            return Some(question);
        }
        let buckets: Vec<u16> = self.differing.drain(..self.differing.len().min(BUCKETS_AT_ONCE)).collect();
        if buckets.is_empty() {
            return None;
        }
        let mut question = [&[GIVE][..], &self.after.to_be_bytes()].concat();
        question.extend(buckets.iter().flat_map(|bucket| bucket.to_be_bytes()));
        self.asked = Asked::Give(buckets);
        Some(question)
    }
}

impl AnyEnded {
    /// What tells another node of an ending. It never fails to fit one question.
    pub(crate) fn telling(&self, ending: &Ending<'_>, now: UnixMillis) -> Option<Vec<u8>> {
        Some(keep(&self.known()?.entries(ending, now).collect::<Vec<_>>()))
    }

    /// The answer to another node's question; `None` if it is none. `is_ready` says whether this node knows what it should.
    pub(crate) async fn answer(&self, question: &[u8], is_ready: bool, now: UnixTime) -> Option<Vec<u8>> {
        let (known, (kind, rest)) = (self.known()?, question.split_first()?);
        let mut answer = vec![u8::from(is_ready)];
        match *kind {
            KEEP => {
                let entries = read_entries(rest).filter(|entries| entries.len() <= ENTRIES_AT_ONCE)?;
                answer.push(if self.keep(entries, now).await.is_ok() { KEPT } else { NOT_KEPT });
            }
            COMPARE => {
                let (after, theirs) = rest.split_first_chunk()?;
                let ours = known.set.digests(u32::from_be_bytes(*after));
                if root(&ours) == u64::from_be_bytes(theirs.try_into().ok()?) {
                    answer.push(SAME);
                } else {
                    answer.push(DIGESTS);
                    ours.iter().for_each(|digest| answer.extend_from_slice(&digest.to_be_bytes()));
                }
            }
            GIVE => {
                let (after, buckets) = rest.split_first_chunk()?;
                let (after, (buckets, odd)) = (u32::from_be_bytes(*after), buckets.as_chunks::<2>());
                if buckets.is_empty() || buckets.len() > BUCKETS_AT_ONCE || !odd.is_empty() {
                    return None;
                }
                let (mut entries, mut number) = (Vec::new(), 0_u16);
                for bucket in buckets {
                    let bucket = usize::from(u16::from_be_bytes(*bucket));
                    if bucket >= BUCKETS {
                        return None;
                    }
                    known.set.push_bucket(bucket, after, &mut entries);
                    number += 1;
                    if entries.len() >= ENOUGH_ENTRIES {
                        break;
                    }
                }
                answer.push(ENTRIES);
                answer.extend_from_slice(&number.to_be_bytes());
                push_entries(&mut answer, &entries);
            }
            _ => return None,
        }
        Some(answer)
    }
}

/// Whether the answer to [`AnyEnded::telling`] says that it is kept; `None` if it isn't one.
pub(crate) fn read_kept(answer: &[u8]) -> Option<bool> {
    match answer {
        [_, KEPT] => Some(true),
        [_, NOT_KEPT] => Some(false),
        _ => None,
    }
}

/// Questions that tell what is held in these buckets and not among `theirs`.
fn lacking(known: &Known, buckets: &[u16], after: u32, theirs: &[Entry]) -> Vec<Vec<u8>> {
    let mut ours = Vec::new();
    for bucket in buckets {
        known.set.push_bucket(usize::from(*bucket), after, &mut ours);
    }
    let theirs: std::collections::HashMap<u128, &Entry> = theirs.iter().map(|entry| (entry.name.bits(), entry)).collect();
    ours.retain(|entry| theirs.get(&entry.name.bits()).is_none_or(|theirs| theirs.joined(*entry) != **theirs));
    ours.chunks(ENTRIES_AT_ONCE).map(keep).collect()
}

fn keep(entries: &[Entry]) -> Vec<u8> {
    let mut question = vec![KEEP];
    push_entries(&mut question, entries);
    question
}

fn push_entries(to: &mut Vec<u8>, entries: &[Entry]) {
    to.reserve(entries.len() * Entry::BYTES);
    for entry in entries {
        to.extend_from_slice(&entry.to_bytes());
    }
}

fn read_entries(bytes: &[u8]) -> Option<Vec<Entry>> {
    let (entries, rest) = bytes.as_chunks();
    if rest.is_empty() { entries.iter().map(Entry::from_bytes).collect() } else { None }
}

fn read_digests(bytes: &[u8]) -> Option<impl Iterator<Item = u64>> {
    let (digests, rest) = bytes.as_chunks();
    let is_whole = digests.len() == BUCKETS && rest.is_empty();
    is_whole.then(|| digests.iter().map(|digest| u64::from_be_bytes(*digest)))
}

/// A number for the whole set.
fn root(digests: &Digests) -> u64 {
    let mut hasher = SipHasher13::new();
    digests.iter().for_each(|digest| hasher.write_u64(*digest));
    hasher.finish()
}

#[cfg(test)]
#[path = "merging_tests.rs"]
mod tests;
