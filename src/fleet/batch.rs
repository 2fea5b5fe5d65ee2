//! How sealed requests travel together, and their answers back.
//!
//! batch = 1 to 64 times: length (4) ‖ sealed request
//! answers = for each request of the batch, in any order: position (1) ‖ status (2) ‖ length (4) ‖ sealed answer
//!
//! Numbers are big-endian. A position counts the batch's requests from 0. The status is 200 with a sealed answer; that of a
//! request which is refused has its reason's, and no answer. Nothing of this framing is authentic: whoever alters it can
//! keep an answer from arriving, as by cutting the line, and no more, since each request counts once and each sealed answer
//! opens for its own request only.

use alloc::vec::Vec;
use core::fmt;

/// The requests of one batch, at most.
pub const MOST_REQUESTS: usize = 64;
/// What a request's length adds to a batch.
pub const REQUEST_OVERHEAD: usize = 4;
/// The longest sealed reply, with room for whatever a directory may say of one user: 256 KiB, which a token holds in
/// base64, after numbers like `1e15` have become four times as long.
pub const LONGEST_REPLY: usize = 2 << 20;

/// What a refused request's answer has in place of the status 200.
pub type Status = u16;

const ANSWERED: Status = 200;
const ANSWER_HEAD: usize = 1 + 2 + 4;

/// The answers of one batch as they arrive, in pieces of any size.
pub struct Answers {
    arrived: Vec<u8>,
    read: usize,
    /// What is still to come of an answer that is too long.
    skip: usize,
    /// A bit for each request that has no answer yet.
    open: u64,
    longest: usize,
}

/// The answer to one request of a batch.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FramedAnswer<'a> {
    /// Which request it answers.
    pub position: usize,
    /// The sealed answer, if there is one.
    pub sealed: Result<&'a [u8], Missing>,
}

/// Why there is no sealed answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The request was refused, with this status.
    Refused(Status),
    /// The answer is too long to be taken.
    TooLong,
}

/// What arrived isn't framed as answers of this batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Adds a sealed request to a batch.
///
/// # Panics
/// On a request of 4 GiB or more, which no limit lets through.
pub fn push_request(batch: &mut Vec<u8>, sealed: &[u8]) {
    push_length(batch, sealed.len());
    batch.extend_from_slice(sealed);
}

/// The sealed requests of a batch, in their order. `None` if it has none or too many, or is cut off anywhere.
#[must_use]
pub fn requests(mut batch: &[u8]) -> Option<Vec<&[u8]>> {
    let mut requests = Vec::new();
    while let Some((length, rest)) = batch.split_first_chunk() {
        let (sealed, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        if requests.len() == MOST_REQUESTS {
            return None;
        }
        requests.push(sealed);
        batch = rest;
    }
    (batch.is_empty() && !requests.is_empty()).then_some(requests)
}

/// Adds the sealed answer to the request at `position`.
///
/// # Panics
/// At a position that no batch has.
pub fn push_answer(answers: &mut Vec<u8>, position: usize, sealed: &[u8]) {
    push_answer_head(answers, position, ANSWERED, sealed.len());
    answers.extend_from_slice(sealed);
}

/// Adds that the request at `position` is refused.
///
/// # Panics
/// At a position that no batch has.
pub fn push_refusal(answers: &mut Vec<u8>, position: usize, status: Status) {
    push_answer_head(answers, position, status, 0);
}

impl Answers {
    /// To a batch of so many requests, each of at most `longest` bytes.
    #[must_use]
    pub const fn new(requests: usize, longest: usize) -> Self {
        let open = match requests {
            0 => 0,
            MOST_REQUESTS.. => u64::MAX,
            requests => (1 << requests) - 1,
        };
        Self { arrived: Vec::new(), read: 0, skip: 0, open, longest }
    }

    /// Takes the next piece.
    pub fn arrive(&mut self, piece: &[u8]) {
        self.arrived.drain(..self.read);
        self.read = 0;
        self.arrived.extend_from_slice(piece);
    }

    /// The next answer; `None` until more has arrived. An answer comes once. One that is longer than allowed is skipped, so
    /// that it takes no other along.
    ///
    /// # Errors
    /// On what can't be the framing of this batch's answers, also once all have come.
    pub fn next_answer(&mut self) -> Result<Option<FramedAnswer<'_>>, Malformed> {
        let skipped = self.skip.min(self.arrived.len() - self.read);
        self.read += skipped;
        self.skip -= skipped;
        let unread = self.arrived.get(self.read..).unwrap_or_default();
        let Some((head, rest)) = unread.split_first_chunk::<ANSWER_HEAD>() else {
            return if unread.is_empty() || self.open != 0 { Ok(None) } else { Err(Malformed) };
        };
        let [position, s1, s2, l1, l2, l3, l4] = *head;
        let (position, status) = (usize::from(position), Status::from_be_bytes([s1, s2]));
        let length = usize::try_from(u32::from_be_bytes([l1, l2, l3, l4])).map_err(|_| Malformed)?;
        let this = if position < MOST_REQUESTS { 1 << position } else { 0 };
        if self.open & this == 0 || (status != ANSWERED && length > 0) {
            return Err(Malformed);
        }
        if length > self.longest {
            self.open &= !this;
            self.read += ANSWER_HEAD;
            self.skip = length;
            return Ok(Some(FramedAnswer { position, sealed: Err(Missing::TooLong) }));
        }
        let Some((sealed, _)) = rest.split_at_checked(length) else { return Ok(None) };
        self.open &= !this;
        self.read += ANSWER_HEAD + length;
        Ok(Some(FramedAnswer { position, sealed: if status == ANSWERED { Ok(sealed) } else { Err(Missing::Refused(status)) } }))
    }

    /// Whether every request has its answer, and nothing is left of any.
    #[must_use]
    pub const fn are_all_there(&self) -> bool {
        self.open == 0 && self.skip == 0
    }
}

fn push_answer_head(answers: &mut Vec<u8>, position: usize, status: Status, length: usize) {
    answers.push(u8::try_from(position).expect("batches have at most 64 requests"));
    answers.extend_from_slice(&status.to_be_bytes());
    push_length(answers, length);
}

fn push_length(to: &mut Vec<u8>, length: usize) {
    let length = u32::try_from(length).expect("messages are limited to far less than 4 GiB");
    to.extend_from_slice(&length.to_be_bytes());
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answers({} open)", self.open.count_ones())
    }
}

impl fmt::Debug for FramedAnswer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sealed = self.sealed.map(<[u8]>::len);
        f.debug_struct("FramedAnswer").field("position", &self.position).field("sealed", &sealed).finish()
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not framed as the answers of this batch")
    }
}

impl core::error::Error for Malformed {}

#[cfg(test)]
mod tests {
    use alloc::{vec, vec::Vec};

    use proptest::{collection::vec as vec_of, prelude::*};

    use super::*;

    /// An answer and its position.
    type Owned = (usize, Result<Vec<u8>, Missing>);

    fn batch(requests: &[Vec<u8>]) -> Vec<u8> {
        requests.iter().fold(Vec::new(), |mut batch, request| {
            push_request(&mut batch, request);
            batch
        })
    }

    fn all(answers: &mut Answers) -> Result<Vec<Owned>, Malformed> {
        let mut read = Vec::new();
        while let Some(answer) = answers.next_answer()? {
            read.push((answer.position, answer.sealed.map(<[u8]>::to_vec)));
        }
        Ok(read)
    }

    /// All that is read from these bytes as answers of a batch of so many requests.
    fn read(requests: usize, bytes: &[u8]) -> Result<Vec<Owned>, Malformed> {
        let mut answers = Answers::new(requests, 1000);
        answers.arrive(bytes);
        all(&mut answers)
    }

    #[test]
    fn frozen() {
        assert_eq!(batch(&[b"one".to_vec(), b"".to_vec()]), b"\0\0\0\x03one\0\0\0\0");
        let mut answers = Vec::new();
        push_answer(&mut answers, 1, b"two");
        push_refusal(&mut answers, 0, 403);
        assert_eq!(answers, b"\x01\x00\xc8\0\0\0\x03two\x00\x01\x93\0\0\0\0");
    }

    #[test]
    fn each_truncation_of_a_batch_is_refused() {
        let whole = batch(&[vec![1; 5], vec![2; 7]]);
        for length in (0..whole.len()).filter(|length| *length != REQUEST_OVERHEAD + 5) {
            assert_eq!(requests(&whole[..length]), None, "{length}");
        }
        assert_eq!(requests(&[&whole[..], &[0]].concat()), None);
        assert_eq!(requests(&u32::MAX.to_be_bytes()), None);
    }

    #[test]
    fn a_bomb_of_empty_requests_is_refused() {
        assert_eq!(requests(&[0; REQUEST_OVERHEAD * MOST_REQUESTS]).map(|requests| requests.len()), Some(MOST_REQUESTS));
        assert_eq!(requests(&[0; REQUEST_OVERHEAD * (MOST_REQUESTS + 1)]), None);
        assert_eq!(requests(&vec![0; 1 << 20]), None);
    }

    #[test]
    fn an_answer_comes_once_and_for_a_request_that_was_sent() {
        let mut answers = Vec::new();
        push_answer(&mut answers, 1, b"x");
        assert_eq!(read(2, &answers), Ok(vec![(1, Ok(b"x".to_vec()))]));
        assert_eq!(read(1, &answers), Err(Malformed), "no such request");
        assert_eq!(read(2, &[&answers[..], &answers].concat()), Err(Malformed), "twice");
        for position in [64, 255] {
            let mut answers = Vec::new();
            push_answer(&mut answers, position, b"");
            assert_eq!(read(64, &answers), Err(Malformed), "{position}");
        }
    }

    #[test]
    fn what_is_too_much_is_malformed() {
        let mut answers = Vec::new();
        push_answer(&mut answers, 0, &[0; 1000]);
        assert!(read(1, &answers).is_ok());
        assert_eq!(read(1, &[&answers[..], &[0]].concat()), Err(Malformed), "something after the last");
        assert_eq!(read(1, b"\x00\x01\x93\0\0\0\x01x"), Err(Malformed), "a refusal that says something");
    }

    #[test]
    fn an_answer_that_is_too_long_is_skipped_and_takes_no_other_along() {
        let mut whole = Vec::new();
        push_answer(&mut whole, 1, b"before");
        push_answer(&mut whole, 0, &[0; 5000]);
        push_answer(&mut whole, 2, b"after");
        let expected = vec![(1, Ok(b"before".to_vec())), (0, Err(Missing::TooLong)), (2, Ok(b"after".to_vec()))];
        for piece in [1, 7, 100, 1000, whole.len()] {
            let (mut answers, mut received) = (Answers::new(3, 1000), Vec::new());
            for piece in whole.chunks(piece) {
                assert!(!answers.are_all_there());
                answers.arrive(piece);
                received.extend(all(&mut answers).unwrap());
                assert!(answers.arrived.len() < 2 * ANSWER_HEAD + piece.len() + 1000, "nothing of it is kept");
            }
            assert!(answers.are_all_there());
            assert_eq!(received, expected);
        }
        let mut last = Answers::new(1, 1000);
        last.arrive(b"\0\x00\xc8\xff\xff\xff\xff");
        assert_eq!(all(&mut last), Ok(vec![(0, Err(Missing::TooLong))]));
        assert!(!last.are_all_there(), "the rest of it isn't");
    }

    #[test]
    fn answers_cut_off_are_not_there() {
        let mut whole = Vec::new();
        push_answer(&mut whole, 1, b"second");
        push_refusal(&mut whole, 0, 421);
        for length in 0..whole.len() {
            let mut answers = Answers::new(2, 1000);
            answers.arrive(&whole[..length]);
            assert_eq!(all(&mut answers).unwrap().len(), usize::from(length >= ANSWER_HEAD + 6), "{length}");
            assert!(!answers.are_all_there());
        }
    }

    proptest! {
        #[test]
        fn there(sealed in vec_of(vec_of(any::<u8>(), 0..200), 1..=MOST_REQUESTS)) {
            let batch = batch(&sealed);
            prop_assert_eq!(requests(&batch).unwrap(), sealed);
        }

        #[test]
        fn and_back_in_any_order_and_any_pieces(
            sent in vec_of(prop_oneof![vec_of(any::<u8>(), 0..200).prop_map(Ok), (400_u16..500).prop_map(|status| Err(Missing::Refused(status)))], 1..=MOST_REQUESTS)
                .prop_map(|answers| answers.into_iter().enumerate().collect::<Vec<_>>()).prop_shuffle(),
            piece in 1..300_usize,
        ) {
            let mut bytes = Vec::new();
            for (position, sealed) in &sent {
                match sealed {
                    Ok(sealed) => push_answer(&mut bytes, *position, sealed),
                    Err(Missing::Refused(status)) => push_refusal(&mut bytes, *position, *status),
                    Err(Missing::TooLong) => unreachable!(),
                }
            }
            let (mut answers, mut received) = (Answers::new(sent.len(), 200), Vec::new());
            for piece in bytes.chunks(piece) {
                prop_assert!(!answers.are_all_there());
                answers.arrive(piece);
                received.extend(all(&mut answers).unwrap());
            }
            prop_assert!(answers.are_all_there());
            prop_assert_eq!(received, sent);
        }

        #[test]
        fn no_batch_panics(bytes in vec_of(prop_oneof![Just(0), any::<u8>()], 0..400)) {
            if let Some(sealed) = requests(&bytes) {
                let sealed: Vec<Vec<u8>> = sealed.into_iter().map(<[u8]>::to_vec).collect();
                prop_assert_eq!(batch(&sealed), bytes);
            }
        }

        #[test]
        fn no_answers_panic(bytes in vec_of(prop_oneof![Just(0), any::<u8>()], 0..400), requests in 0..70_usize, piece in 1..50_usize) {
            let mut answers = Answers::new(requests, 1000);
            for piece in bytes.chunks(piece) {
                answers.arrive(piece);
                if all(&mut answers).is_err() {
                    break;
                }
            }
        }
    }
}
