//! `[guard]`: where attempts and uses are remembered, and this node's place in its fleet.

use std::path::PathBuf;

#[cfg(feature = "redis")]
use crate::guard::redis::{RedisSettings, RedisUrl};
use crate::{
    challenge::NodeName,
    config::reader::{
        choice::choices,
        judge::Section,
        schema::{Key, Kind, SectionSchema, number, one_of, switch, text, text_or_table, texts, url},
    },
    guard::LEAST_CAPACITY,
    server::PeerUrls,
};

pub(crate) static SCHEMA: SectionSchema = SectionSchema {
    name: "guard",
    about: "Where attempts and uses are remembered, and this node's place in its fleet.",
    keys: &[
        one_of::<Choice>(
            "kind",
            "memory: in this process; a restart refuses outstanding challenges. journal: in the file `path`, which survives a crash.\n\
             redis: in the Redis at `url`, for any number of nodes. shared-nothing: each node counts alone; the bound grows with `replicas`.",
        ),
        text("path", "", "The journal: a file on a volume of this node's own; a missing one is a new guard."),
        url(
            "url",
            "redis://:password@host:6379/0, rediss:// with TLS, or unix:///run/redis.sock?pass=…; of a cluster one or several, separated by commas;\n\
             with sentinels redis+sentinel://:password@sentinel1:26379,sentinel2:26379/NAME.",
        ),
        text(
            "id",
            "",
            "The fleet's guard id, required for redis and shared-nothing: up to 63 letters, digits, dots and hyphens.",
        ),
        number(
            "replicas",
            1,
            1,
            1_000_000,
            "How many nodes count alone; enters the bound. Not for redis, and not with `nodes`, where the fleet counts as one.",
        ),
        number(
            "capacity",
            1_000_000,
            LEAST_CAPACITY as u64,
            1 << 31,
            "How many challenges that were spent or attempted are remembered, 24 bytes each; full: 503. Not for redis.",
        ),
        text(
            "node",
            "",
            "The name of this node, up to 63 letters, digits, dots and hyphens. Default: a random one, or the journal's.",
        ),
        text_or_table(
            "peer_url",
            "Where the other nodes are, to which requests are relayed: \"http://{node}.countersign:8000\" for all of them, or a table\n\
             [guard.peer_url] with a URL for each name, this node's too; in the environment a=http://host:8101,b=http://host:8102. Needs `node`.",
        ),
        texts(
            "nodes",
            &[],
            "The names of all nodes, the same everywhere: each challenge is made at its recipient's home, so that the fleet counts as one,\n\
             and each node keeps to its share of the ceilings. Needs `peer_url`, and `node` among them.",
        ),
        switch("redis_durable", false, "States that Redis runs with appendfsync always and without asynchronous failover."),
        number(
            "restarts_per_day",
            1,
            0,
            10_000,
            "How often a day a node is restarted; enters the bound of memory and shared-nothing, which forget, and with `nodes` that of\n\
             journal too, since another node counts anew while a home is away.",
        ),
        Key::new(
            "max_takeover_probability",
            Kind::Probability(1e-4),
            "How likely, at most, an attacker takes one account in one day by guessing. `serve` refuses to start above it.\n\
                    `countersign bound` explains it. 1: no bound is wanted, for load tests.",
        ),
    ],
};

choices! {
    pub(crate) enum Choice {
        Memory = "memory",
        Journal = "journal",
        Redis = "redis",
        SharedNothing = "shared-nothing",
    }
}

/// The guard of this process.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Guard {
    /// Where it remembers.
    pub kind: GuardKind,
    /// This node's name; `None`: a random one. Unused by Redis and shared-nothing.
    pub node: Option<NodeName>,
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

impl Guard {
    /// Where this node stands among the nodes that have homes, counted from 0, and how many they are. All nodes agree on
    /// the order, however each lists them. `None` where challenges are made wherever the request arrives.
    #[must_use]
    pub fn place(&self) -> Option<(u32, u32)> {
        let nodes = &self.peers.as_ref().filter(|peers| !peers.nodes.is_empty())?.nodes;
        let before = nodes.iter().filter(|name| self.node.as_ref().is_some_and(|node| *name < node)).count();
        let count = |number| u32::try_from(number).unwrap_or(u32::MAX);
        Some((count(before), count(nodes.len())))
    }
}

/// Where the guard remembers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum GuardKind {
    /// In this process.
    Memory,
    /// In a file.
    Journal {
        /// The file.
        path: PathBuf,
    },
    /// In Redis.
    #[cfg(feature = "redis")]
    Redis(RedisSettings),
    /// In every process for itself, under one id.
    SharedNothing {
        /// The guard's id; its epoch is 0.
        id: NodeName,
    },
}

/// The other nodes of a fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Peers {
    /// Where they are.
    pub urls: PeerUrls,
    /// All nodes, this one among them; empty: challenges are made where the request arrives.
    pub nodes: Vec<NodeName>,
}

pub(crate) fn read(section: &Section<'_>) -> Option<Guard> {
    let choice = section.choice("kind");
    let why = format!("with kind = \"{}\"", section.text("kind"));
    section.reads_only_what_is_used(&why);
    let kind = read_kind(section, choice, &why);
    let (node, peers) = match choice {
        Choice::Memory | Choice::Journal => {
            let node = match section.text("node") {
                "" => Some(None),
                _ => section.parse("node", NodeName::parse).map(Some),
            };
            let peers = read_peers(section, node.as_ref());
            (node, peers)
        }
        Choice::Redis | Choice::SharedNothing => {
            for key in ["peer_url", "nodes"].into_iter().filter(|key| section.is_given(key)) {
                section.fault(key, format!("can't be used {why}, where any node redeems every challenge"));
            }
            (Some(None), Some(None))
        }
    };
    let replicas = read_replicas(section, choice, peers.as_ref().and_then(Option::as_ref));
    let target = section.probability("max_takeover_probability");
    if target >= 1.0 {
        section.warn("max_takeover_probability", "is 1: NO BOUND ON GUESSES IS KEPT. That is for load tests only");
    }
    Some(Guard {
        kind: kind?,
        node: node?,
        replicas,
        capacity: section.number("capacity"),
        peers: peers?,
        restarts_per_day: section.number("restarts_per_day"),
        max_takeover_probability: target,
    })
}

fn read_kind(section: &Section<'_>, choice: Choice, why: &str) -> Option<GuardKind> {
    match choice {
        Choice::Memory => Some(GuardKind::Memory),
        Choice::Journal => section.required("path", why).map(|path| GuardKind::Journal { path: path.into() }),
        Choice::Redis => {
            section.unused(&["capacity", "restarts_per_day"], why);
            read_redis(section, why)
        }
        Choice::SharedNothing => read_id(section, why).map(|id| GuardKind::SharedNothing { id }),
    }
}

fn read_id(section: &Section<'_>, why: &str) -> Option<NodeName> {
    section.required("id", why).and_then(|_| section.parse("id", NodeName::parse))
}

#[cfg(feature = "redis")]
fn read_redis(section: &Section<'_>, why: &str) -> Option<GuardKind> {
    let url = section.required("url", why).and_then(|_| section.parse("url", RedisUrl::parse));
    let (id, durable) = (read_id(section, why), section.switch("redis_durable"));
    let url = url?;
    if durable && url.fails_over() {
        section.fault("redis_durable", "states that no replica is ever promoted, which is what the sentinels of guard.url do");
    }
    let mut settings = RedisSettings::new(url, id?);
    settings.durable = durable;
    Some(GuardKind::Redis(settings))
}

#[cfg(not(feature = "redis"))]
fn read_redis(section: &Section<'_>, _: &str) -> Option<GuardKind> {
    section.fault("kind", "redis needs a build with the feature \"redis\"");
    None
}

#[allow(clippy::option_option, reason = "faulty, or right with or without peers")]
fn read_peers(section: &Section<'_>, node: Option<&Option<NodeName>>) -> Option<Option<Peers>> {
    let is_nameless = node == Some(&None);
    let node = node.and_then(Option::as_ref);
    let urls = read_peer_urls(section);
    let nodes = section.parse_each("nodes", NodeName::parse);
    if urls.is_some() && is_nameless {
        section.fault("node", "is required with peer_url: other nodes find this one by its name");
    }
    if let Some(nodes) = nodes.as_ref().filter(|nodes| !nodes.is_empty()) {
        if urls.is_none() && !section.is_faulty("peer_url") {
            section.fault("peer_url", "is required with nodes: challenges are made at their recipient's home");
        }
        match node {
            Some(node) if !nodes.contains(node) => {
                section.fault("nodes", format!("must name this node, \"{node}\""));
            }
            None if urls.is_none() && is_nameless => section.fault("node", "is required with nodes, and must be among them"),
            _ => {}
        }
        if (1..nodes.len()).any(|at| nodes[..at].contains(&nodes[at])) {
            section.fault("nodes", "names one twice");
        }
    }
    if let (Some(Some(urls)), Some(nodes)) = (&urls, &nodes) {
        judge_entries(section, urls, node, nodes);
    }
    let nodes = nodes?;
    match urls {
        Some(urls) => Some(Some(Peers { urls: urls?, nodes })),
        None => Some(None),
    }
}

/// Where the other nodes are; `None` where nobody said.
#[allow(clippy::option_option, reason = "faulty, or right, or not given")]
fn read_peer_urls(section: &Section<'_>) -> Option<Option<PeerUrls>> {
    const KEY: &str = "peer_url";
    if let Some(entries) = section.table(KEY) {
        let urls = PeerUrls::each(entries).map_err(|faults| faults.into_iter().for_each(|fault| section.fault(KEY, fault))).ok();
        return section.is_given(KEY).then_some(urls);
    }
    match section.text(KEY) {
        "" => None,
        _ => Some(section.parse(KEY, PeerUrls::template)),
    }
}

/// A table names the whole fleet: this node, and exactly the nodes of `nodes` where there are some.
fn judge_entries(section: &Section<'_>, urls: &PeerUrls, node: Option<&NodeName>, nodes: &[NodeName]) {
    let Some(names) = urls.names() else { return };
    let is_named = |node: &NodeName| names.contains(&node);
    let own = node.filter(|node| !nodes.contains(node));
    for missing in own.into_iter().chain(nodes).filter(|node| !is_named(node)) {
        section.fault("peer_url", format!("has no entry for node \"{missing}\""));
    }
    for unknown in names.iter().filter(|name| !nodes.is_empty() && !nodes.contains(name)) {
        let known = nodes.iter().map(NodeName::as_str).collect::<Vec<_>>().join(", ");
        section.fault("peer_url", format!("has an entry for \"{unknown}\", which is none of guard.nodes ({known})"));
    }
}

/// How many nodes count alone. Warns where `replicas` says fewer than there must be.
fn read_replicas(section: &Section<'_>, choice: Choice, peers: Option<&Peers>) -> u32 {
    const KEY: &str = "replicas";
    const AS_ONE: &str = "where the fleet counts as one";
    match (choice, peers) {
        (Choice::Redis, _) => {
            section.unused(&[KEY], &format!("with kind = \"redis\", {AS_ONE}"));
        }
        (Choice::SharedNothing, _) if !section.is_given(KEY) => section.warn(
            KEY,
            "is not given, so the bound is that of one node: set it to how many processes there are at most, each of which \
             counts alone",
        ),
        (Choice::Memory | Choice::Journal, Some(peers)) if !peers.nodes.is_empty() => {
            section.unused(&[KEY], &format!("with nodes, {AS_ONE}"));
        }
        (Choice::Memory | Choice::Journal, Some(_)) if section.number::<u32>(KEY) == 1 => section.warn(
            KEY,
            "is 1, but with peer_url there are two nodes or more, each of which counts alone, so the bound is understated: set it \
             to how many there are, or guard.nodes to their names",
        ),
        (Choice::Memory | Choice::Journal | Choice::SharedNothing, _) => {}
    }
    section.number(KEY)
}
