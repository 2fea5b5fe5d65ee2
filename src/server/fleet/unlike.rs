//! Which nodes of the fleet have another list of nodes than this one. Each list sends a recipient to homes of its own, and
//! each of those keeps a count of its own, so that the bound on guesses no longer holds. Nobody can mend that from here, but
//! whoever watches the fleet is told.

use std::{
    collections::BTreeSet,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use metrics::{describe_gauge, gauge};

use crate::fleet::HomesId;

const METRIC: &str = "countersign_fleet_nodes_differ";

/// The nodes that were last heard of with another list.
#[derive(Debug)]
pub(crate) struct Unlike {
    own: HomesId,
    /// Names that stood in authentic messages, so there are as many as nodes.
    nodes: RwLock<BTreeSet<Box<str>>>,
    /// Whether there are any, so that a fleet that is set up alike never takes the lock.
    are_some: AtomicBool,
}

impl Unlike {
    /// With this node's own list.
    pub(crate) fn new(own: HomesId) -> Self {
        describe_gauge!(
            METRIC,
            "1 for a node whose guard.nodes or tokens.issuer isn't this node's, 0 for one that has mended it."
        );
        Self { own, nodes: RwLock::default(), are_some: AtomicBool::new(false) }
    }

    /// This node's own list.
    pub(crate) const fn own(&self) -> HomesId {
        self.own
    }

    /// Notes the list that stood in a message of `node`. A change is logged once.
    pub(crate) fn note(&self, node: &str, list: HomesId) {
        let is_like = list == self.own;
        if is_like && !self.are_some.load(Ordering::Relaxed) {
            return;
        }
        // A poisoned lock guards names, each of which is whole.
        let mut nodes = self.nodes.write().unwrap_or_else(PoisonError::into_inner);
        let is_news = if is_like { nodes.remove(node) } else { nodes.insert(node.into()) };
        self.are_some.store(!nodes.is_empty(), Ordering::Relaxed);
        drop(nodes);
        if !is_news {
            return;
        }
        gauge!(METRIC, "node" => node.to_owned()).set(u32::from(!is_like));
        if is_like {
            tracing::info!(node, "it has the same guard.nodes and tokens.issuer as this node again");
        } else {
            tracing::warn!(
                node,
                "its guard.nodes or tokens.issuer is another than this node's: codes for a recipient may be made at more nodes \
                 than the bound on guesses allows for, and each refuses what the other should make; give all nodes the same"
            );
        }
    }

    /// What an operator should know; `None` where all nodes that were heard of have the same list.
    pub(crate) fn notice(&self) -> Option<String> {
        let nodes = self.nodes.read().unwrap_or_else(PoisonError::into_inner);
        let names = nodes.iter().map(|node| &**node).collect::<Vec<_>>().join(", ");
        (!names.is_empty()).then(|| format!("guard.nodes or tokens.issuer is not the same here and at: {names}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::Homes;

    #[test]
    fn nodes_are_named_until_they_are_like_this_one() {
        let id = |nodes: &[&str]| Homes::new("i", nodes.iter().copied()).id();
        let unlike = Unlike::new(id(&["a", "b", "c"]));
        unlike.note("b", id(&["c", "b", "a"]));
        assert_eq!(unlike.notice(), None, "the order doesn't matter");
        for _ in 0..2 {
            unlike.note("c", id(&["a", "c"]));
            unlike.note("b", id(&["a", "b", "c", "d"]));
        }
        assert_eq!(unlike.notice().unwrap(), "guard.nodes or tokens.issuer is not the same here and at: b, c");
        unlike.note("b", unlike.own());
        unlike.note("a", unlike.own());
        assert_eq!(unlike.notice().unwrap(), "guard.nodes or tokens.issuer is not the same here and at: c");
        unlike.note("c", unlike.own());
        assert_eq!(unlike.notice(), None);
    }
}
