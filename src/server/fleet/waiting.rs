//! What a worker is about to send to each node, and the batches that it goes in.

use std::{cell::RefCell, collections::HashMap};

use tokio::sync::oneshot;

use super::node::{NoAnswer, Replied};
use crate::fleet::batch::{MOST_REQUESTS, REQUEST_OVERHEAD, push_request};

/// A sealed request, and who waits for its reply.
#[derive(Debug)]
pub(crate) struct Sealed {
    pub(crate) bytes: Vec<u8>,
    pub(crate) reply: oneshot::Sender<Replied>,
}

/// Requests that travel together.
#[derive(Debug)]
pub(crate) struct Batch {
    /// What is sent.
    pub(crate) body: Vec<u8>,
    /// Who waits.
    pub(crate) waiting: Waiting,
}

/// Those who wait for the replies to a batch, by their positions.
#[derive(Debug)]
pub(crate) struct Waiting(Vec<Option<oneshot::Sender<Replied>>>);

thread_local! {
    /// By node.
    static QUEUES: RefCell<HashMap<Box<str>, Queue>> = RefCell::default();
}

#[derive(Default)]
struct Queue {
    /// Those that nobody has collected yet.
    sealed: Vec<Sealed>,
    /// Whether there were several when some were collected last.
    had_company: bool,
}

/// Leaves a request to be collected. Whether somebody has to be told, since there was none before it.
pub(crate) fn push(node: &str, sealed: Sealed) -> bool {
    QUEUES.with_borrow_mut(|all| {
        let queue = match all.get_mut(node) {
            Some(queue) => queue,
            None => all.entry(node.into()).or_default(),
        };
        queue.sealed.push(sealed);
        queue.sealed.len() == 1
    })
}

/// Whether more requests to a node may come soon: several are there, or were there the last time.
pub(crate) fn has_company(node: &str) -> bool {
    QUEUES.with_borrow(|all| all.get(node).is_some_and(|queue| queue.had_company || queue.sealed.len() > 1))
}

/// The next requests to a node, as many as make a batch of at most `longest` bytes, and whether there are more.
pub(crate) fn collect(node: &str, longest: usize) -> (Option<Batch>, bool) {
    QUEUES.with_borrow_mut(|all| match all.get_mut(node) {
        Some(queue) => {
            queue.had_company = queue.sealed.len() > 1;
            (Batch::take(&mut queue.sealed, longest), !queue.sealed.is_empty())
        }
        None => (None, false),
    })
}

impl Batch {
    /// A request that is too long goes alone: the node will say so.
    fn take(queued: &mut Vec<Sealed>, longest: usize) -> Option<Self> {
        let (mut length, mut count) = (0, 0);
        for sealed in queued.iter().take(MOST_REQUESTS) {
            let longer = length + REQUEST_OVERHEAD + sealed.bytes.len();
            if count > 0 && longer > longest {
                break;
            }
            (length, count) = (longer, count + 1);
        }
        let (mut body, mut waiting) = (Vec::with_capacity(length), Vec::with_capacity(count));
        for Sealed { bytes, reply } in queued.drain(..count) {
            push_request(&mut body, &bytes);
            waiting.push(Some(reply));
        }
        (count > 0).then_some(Self { body, waiting: Waiting(waiting) })
    }
}

impl Waiting {
    /// How many requests the batch has.
    pub(crate) fn requests(&self) -> usize {
        self.0.len()
    }

    /// Tells the one at `position`, who may have gone away since.
    pub(crate) fn tell(&mut self, position: usize, replied: Replied) {
        if let Some(waiting) = self.0.get_mut(position).and_then(Option::take) {
            let _ = waiting.send(replied);
        }
    }

    /// Tells all who still wait.
    pub(crate) fn give_up(self, reason: &NoAnswer) {
        for waiting in self.0.into_iter().flatten() {
            let _ = waiting.send(Err(reason.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::batch::requests;

    fn queued(lengths: &[usize]) -> Vec<Sealed> {
        lengths.iter().map(|length| Sealed { bytes: vec![7; *length], reply: oneshot::channel().0 }).collect()
    }

    fn taken(queued: &mut Vec<Sealed>, longest: usize) -> Option<Vec<usize>> {
        let batch = Batch::take(queued, longest)?;
        let sealed = requests(&batch.body).expect("a batch is well-formed");
        assert_eq!(sealed.len(), batch.waiting.requests());
        Some(sealed.iter().map(|sealed| sealed.len()).collect())
    }

    #[test]
    fn as_many_as_fit_travel_together_and_what_is_too_long_alone() {
        let mut requests = queued(&[10, 20, 30, 200, 5]);
        assert_eq!(taken(&mut requests, 38), Some(vec![10, 20]));
        assert_eq!(taken(&mut requests, 38), Some(vec![30]));
        assert_eq!(taken(&mut requests, 38), Some(vec![200]));
        assert_eq!(taken(&mut requests, 38), Some(vec![5]));
        assert_eq!(taken(&mut requests, 38), None);
    }

    #[test]
    fn there_are_at_most_64_in_a_batch() {
        let mut requests = queued(&[0; 130]);
        let taken: Vec<_> = std::iter::from_fn(|| taken(&mut requests, 1 << 20)).map(|batch| batch.len()).collect();
        assert_eq!(taken, [64, 64, 2]);
    }

    #[test]
    fn somebody_is_told_of_the_first_request_only() {
        let push_one = || push("node", queued(&[1]).remove(0));
        assert_eq!([push_one(), push_one(), push_one()], [true, false, false]);
        let (batch, more) = collect("node", 10);
        assert_eq!((batch.unwrap().waiting.requests(), more), (2, true));
        assert!(!push_one(), "whoever collected knows that there are more");
        assert!(has_company("node"));
        assert!(!collect("node", 1000).1);
        assert!(has_company("node"), "there was some the last time");
        assert!(push_one());
        assert!(!collect("node", 1000).1);
        assert!(!has_company("node"));
        assert!(collect("another", 1000).0.is_none());
    }
}
