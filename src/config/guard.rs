//! `[guard]`: where attempts and uses are remembered, and this node's place in its fleet.

use std::path::PathBuf;

use super::SecretText;

/// The guard of this process.
#[derive(Clone, Debug)]
pub struct Guard {
    /// Where it remembers.
    pub kind: GuardKind,
    /// This node's name; `None`: a random one. Unused by Redis and shared-nothing.
    pub node: Option<String>,
    /// How many processes count alone; enters the bound.
    pub replicas: u32,
    /// How many challenges can be remembered as spent or attempted; at least 64.
    pub capacity: u32,
    /// The other nodes, where challenges can be relayed.
    pub peers: Option<Peers>,
    /// How often a day a node forgets; enters the bound.
    pub restarts_per_day: u32,
    /// The most likely takeover of one account in one day that is acceptable; 1: no bound is wanted.
    pub max_takeover_probability: f64,
}

/// Where the guard remembers.
#[derive(Clone, Debug)]
pub enum GuardKind {
    /// In this process.
    Memory,
    /// In a file.
    Journal {
        /// The file.
        path: PathBuf,
    },
    /// In Redis.
    Redis {
        /// Its URL, which may hold a password.
        url: SecretText,
        /// The guard's id without its epoch.
        id: String,
        /// Whether the operator states `appendfsync always` and no asynchronous failover.
        durable: bool,
    },
    /// In every process for itself, under one id.
    SharedNothing {
        /// The guard's id; its epoch is 0.
        id: String,
    },
}

/// The other nodes of a fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peers {
    /// Their URL with `{node}` in it, without a trailing slash.
    pub url: String,
    /// All nodes, this one among them; empty: challenges are made where the request arrives.
    pub nodes: Vec<String>,
}

impl Peers {
    /// The URL of one node.
    #[must_use]
    pub fn url_of(&self, node: &str) -> String {
        self.url.replace("{node}", node)
    }
}
