//! The other nodes of a fleet by their names, and what becomes of requests that are relayed to them.
//!
//! What a worker relays to one node in the same turn travels in one batch: tasks run in the order in which they were woken, so
//! the line that the first request calls runs after all the other tasks that were ready in this turn, and collects their
//! requests too. Nothing waits for company: a request that is alone travels alone.

use std::{
    collections::HashMap,
    io,
    rc::Rc,
    sync::{Arc, PoisonError, RwLock},
};

use tokio::sync::oneshot;

use super::{
    line,
    node::{NoAnswer, Node, Replied},
    peer_urls::PeerUrls,
    waiting::{self, Sealed},
};

/// Sends to the nodes of a fleet. Redirects are answers that nobody expects, so they are not followed.
#[derive(Debug)]
pub(crate) struct Peers {
    urls: PeerUrls,
    path: Box<str>,
    longest: usize,
    /// Names come from authentic envelopes and the configuration only, so there are as many as nodes.
    nodes: RwLock<HashMap<Box<str>, Arc<Node>>>,
}

impl Peers {
    /// With where nodes are, the path that takes batches, and the length of the longest batch.
    pub(crate) fn new(urls: PeerUrls, path: &str, longest: usize) -> Self {
        Self { urls, path: path.into(), longest, nodes: RwLock::default() }
    }

    /// The node of this name.
    ///
    /// # Errors
    /// Where the name has no URL, or doesn't make one: there is no such node.
    pub(crate) fn node(&self, name: &str) -> Result<Arc<Node>, NoAnswer> {
        // A poisoned lock guards nodes, each of which is whole.
        if let Some(node) = self.nodes.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Ok(Arc::clone(node));
        }
        let away = |error: io::Error| NoAnswer::Away(Rc::new(error));
        let authority =
            self.urls.authority_of(name).ok_or_else(|| away(io::Error::other("guard.peer_url has no entry for it")))?;
        let node = Node::new(name, &authority, &self.path, self.longest);
        let node = Arc::new(node.map_err(|error| away(io::Error::other(error)))?);
        Ok(Arc::clone(self.nodes.write().unwrap_or_else(PoisonError::into_inner).entry(name.into()).or_insert(node)))
    }
}

/// Sends `sealed` to `node`, once, and returns what it answers to it.
pub(crate) async fn send(node: &Arc<Node>, sealed: Vec<u8>) -> Replied {
    let (reply, replied) = oneshot::channel();
    if waiting::push(node.name(), Sealed { bytes: sealed, reply }) {
        line::call(node);
    }
    // Whoever should have told is gone: nobody knows what was sent.
    replied.await.unwrap_or(Err(NoAnswer::Silent))
}
