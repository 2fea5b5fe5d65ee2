//! Homes: at which node of a fleet a recipient's challenges are made, so that its counts live in one place.
//!
//! rank = SHA-256(label, issuer, node, recipient), the largest first (rendezvous hashing): every node comes to the same
//! order by itself, and when one leaves, only its own recipients move.

use alloc::{boxed::Box, vec::Vec};

use sha2::{Digest as _, Sha256};

use crate::{
    crypto::{Canonical, canonical::Sink, labels},
    recipient::Recipient,
};

/// The nodes of a fleet, as homes.
#[derive(Clone, Debug)]
pub struct Homes(Vec<Home>);

#[derive(Clone)]
struct Home {
    node: Box<str>,
    /// With issuer and node absorbed.
    prefix: Sha256,
}

impl Sink for Sha256 {
    fn absorb(&mut self, bytes: &[u8]) {
        self.update(bytes);
    }
}

impl Homes {
    /// The fleet's node names, each once. Their order doesn't matter.
    pub fn new<S: Into<Box<str>>>(issuer: &str, nodes: impl IntoIterator<Item = S>) -> Self {
        let home = |node: S| {
            let node = node.into();
            let prefix = Canonical::new(Sha256::new(), labels::HOME).text(issuer).text(&node).finish();
            Home { node, prefix }
        };
        Self(nodes.into_iter().map(home).collect())
    }

    /// The node where this recipient is at home; `None` only if there are no nodes.
    #[must_use]
    pub fn of(&self, recipient: &Recipient) -> Option<&str> {
        self.0.iter().max_by_key(|home| home.rank(recipient)).map(|home| &*home.node)
    }

    /// All nodes: the recipient's home, then where it is at home when that one is away, and so on.
    #[must_use]
    pub fn order(&self, recipient: &Recipient) -> Vec<&str> {
        let mut ranked: Vec<_> = self.0.iter().map(|home| (home.rank(recipient), &*home.node)).collect();
        ranked.sort_unstable_by(|one, other| other.cmp(one));
        ranked.into_iter().map(|(_, node)| node).collect()
    }
}

impl Home {
    fn rank(&self, recipient: &Recipient) -> [u8; 32] {
        Canonical::resume(self.prefix.clone()).text(recipient.as_str()).finish().finalize().into()
    }
}

impl core::fmt::Debug for Home {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.node)
    }
}

#[cfg(test)]
mod tests {
    use alloc::{collections::BTreeMap, format};

    use super::*;

    fn fleet(size: usize) -> Vec<Box<str>> {
        (0..size).map(|node| format!("node-{node}").into()).collect()
    }

    fn recipients(count: usize) -> impl Iterator<Item = Recipient> {
        (0..count).map(|at| Recipient::parse_email(&format!("user{at}@example.com")).unwrap())
    }

    #[test]
    fn every_node_is_home_to_as_many() {
        let homes = Homes::new("https://login.example.com", fleet(50));
        let mut counts = BTreeMap::new();
        for recipient in recipients(20_000) {
            *counts.entry(homes.of(&recipient).unwrap()).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 50);
        // 400 each, with a standard deviation of 20.
        assert!(counts.values().all(|count| (300..500).contains(count)), "{counts:?}");
    }

    #[test]
    fn when_a_node_leaves_only_its_own_recipients_move_to_the_next_in_order() {
        let all = Homes::new("i", fleet(7));
        let fewer = Homes::new("i", fleet(7).into_iter().filter(|node| &**node != "node-3"));
        let mut moved = 0;
        for recipient in recipients(2000) {
            let order = all.order(&recipient);
            let expected = if order[0] == "node-3" { order[1] } else { order[0] };
            assert_eq!(fewer.of(&recipient), Some(expected));
            moved += usize::from(order[0] == "node-3");
        }
        assert!((200..400).contains(&moved), "{moved}");
    }

    #[test]
    fn the_order_starts_at_home_and_names_every_node_once() {
        let homes = Homes::new("i", fleet(9));
        let reversed = Homes::new("i", fleet(9).into_iter().rev());
        for recipient in recipients(100) {
            let mut order = homes.order(&recipient);
            assert_eq!(Some(order[0]), homes.of(&recipient));
            assert_eq!(order, reversed.order(&recipient), "however the fleet is listed");
            order.sort_unstable();
            assert_eq!(order, fleet(9).iter().map(|node| &**node).collect::<Vec<_>>());
        }
    }

    #[test]
    fn fleets_of_other_issuers_have_other_homes() {
        let [one, other] = ["i", "j"].map(|issuer| Homes::new(issuer, fleet(10)));
        let same = recipients(1000).filter(|recipient| one.of(recipient) == other.of(recipient)).count();
        assert!((50..150).contains(&same), "{same}");
    }

    #[test]
    fn no_nodes_no_home() {
        let recipient = Recipient::parse_email("ann@example.com").unwrap();
        assert_eq!(Homes::new::<&str>("i", []).of(&recipient), None);
        assert!(Homes::new::<&str>("i", []).order(&recipient).is_empty());
        assert_eq!(Homes::new("i", ["only"]).of(&recipient), Some("only"));
    }

    #[test]
    fn frozen() {
        let homes = Homes::new("https://login.example.com", ["a", "b", "c", "d"]);
        let recipient = Recipient::parse_email("ann@example.com").unwrap();
        assert_eq!(homes.order(&recipient), ["b", "d", "a", "c"]);
    }
}
