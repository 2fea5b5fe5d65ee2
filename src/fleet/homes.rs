//! Homes: at which node of a fleet a recipient's challenges are made, so that its counts live in one place.
//!
//! rank = SHA-256(label, issuer, node, recipient), the largest first (rendezvous hashing): every node comes to the same
//! order by itself, and when one leaves, only its own recipients move.
//!
//! Only the first two make a recipient's challenges: its home, and the node that stands in while the home is away. Each of
//! them keeps a count of its own, and the bound on guesses allows for two, however many nodes there are and whoever can
//! reach whom.

use alloc::{boxed::Box, vec::Vec};

use sha2::{Digest as _, Sha256};

use crate::{
    crypto::{Canonical, Sink, labels},
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

    /// The nodes that may make this recipient's challenges: its home, and the one that stands in for it. `None` only
    /// where there are fewer nodes.
    #[must_use]
    pub fn makers(&self, recipient: &Recipient) -> [Option<&str>; 2] {
        let (mut home, mut stand_in) = (None, None);
        for node in &self.0 {
            let ranked = Some((node.rank(recipient), &*node.node));
            if ranked > home {
                (home, stand_in) = (ranked, home);
            } else if ranked > stand_in {
                stand_in = ranked;
            }
        }
        [home, stand_in].map(|ranked| ranked.map(|(_, node)| node))
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

    /// Where a recipient is at home.
    fn home<'h>(homes: &'h Homes, recipient: &Recipient) -> &'h str {
        homes.makers(recipient)[0].unwrap()
    }

    #[test]
    fn every_node_is_home_to_as_many() {
        let homes = Homes::new("https://login.example.com", fleet(50));
        let mut counts = BTreeMap::new();
        for recipient in recipients(20_000) {
            *counts.entry(home(&homes, &recipient)).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 50);
        // 400 each, with a standard deviation of 20.
        assert!(counts.values().all(|count| (300..500).contains(count)), "{counts:?}");
    }

    #[test]
    fn when_a_node_leaves_only_its_own_recipients_move_and_to_their_stand_in() {
        let all = Homes::new("i", fleet(7));
        let fewer = Homes::new("i", fleet(7).into_iter().filter(|node| &**node != "node-3"));
        let mut moved = 0;
        for recipient in recipients(2000) {
            let [first, second] = all.makers(&recipient).map(Option::unwrap);
            assert_eq!(home(&fewer, &recipient), if first == "node-3" { second } else { first });
            moved += usize::from(first == "node-3");
        }
        assert!((200..400).contains(&moved), "{moved}");
    }

    #[test]
    fn two_make_a_recipients_challenges_and_they_are_the_first_by_rank() {
        let homes = Homes::new("i", fleet(9));
        let reversed = Homes::new("i", fleet(9).into_iter().rev());
        for recipient in recipients(100) {
            let mut ranked: Vec<_> = homes.0.iter().map(|home| (home.rank(&recipient), &*home.node)).collect();
            ranked.sort_unstable_by(|one, other| other.cmp(one));
            let first_two = [Some(ranked[0].1), Some(ranked[1].1)];
            assert_eq!(homes.makers(&recipient), first_two);
            assert_eq!(reversed.makers(&recipient), first_two, "however the fleet is listed");
        }
    }

    #[test]
    fn fleets_of_other_issuers_have_other_homes() {
        let [one, other] = ["i", "j"].map(|issuer| Homes::new(issuer, fleet(10)));
        let same = recipients(1000).filter(|recipient| home(&one, recipient) == home(&other, recipient)).count();
        assert!((50..150).contains(&same), "{same}");
    }

    #[test]
    fn no_nodes_no_home_and_one_node_no_stand_in() {
        let recipient = Recipient::parse_email("ann@example.com").unwrap();
        assert_eq!(Homes::new::<&str>("i", []).makers(&recipient), [None, None]);
        assert_eq!(Homes::new("i", ["only"]).makers(&recipient), [Some("only"), None]);
    }

    #[test]
    fn frozen() {
        let homes = Homes::new("https://login.example.com", ["a", "b", "c", "d"]);
        let recipient = Recipient::parse_email("ann@example.com").unwrap();
        assert_eq!(homes.makers(&recipient), [Some("b"), Some("d")]);
    }
}
