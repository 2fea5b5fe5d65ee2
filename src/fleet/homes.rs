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
pub struct Homes {
    nodes: Vec<Home>,
    id: HomesId,
}

/// Names a list of nodes with its issuer: nodes with the same one send every recipient to the same homes.
///
/// id = SHA-256(label, issuer, the nodes in the order of their names), cut to 16 bytes
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HomesId([u8; Self::BYTES]);

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
        let nodes: Vec<Home> = nodes.into_iter().map(home).collect();
        let mut names: Vec<&str> = nodes.iter().map(|home| &*home.node).collect();
        names.sort_unstable();
        names.dedup();
        let fields = Canonical::new(Sha256::new(), labels::HOMES).text(issuer);
        let hash = names.iter().fold(fields, |fields, name| fields.text(name)).finish().finalize();
        let (id, _) = hash.split_first_chunk().expect("SHA-256 has 32 bytes");
        Self { id: HomesId(*id), nodes }
    }

    /// Names this list.
    #[must_use]
    pub const fn id(&self) -> HomesId {
        self.id
    }

    /// Whether `node` may make this recipient's challenges.
    #[must_use]
    pub fn may_make(&self, node: &str, recipient: &Recipient) -> bool {
        self.makers(recipient).contains(&Some(node))
    }

    /// The nodes that may make this recipient's challenges: its home, and the one that stands in for it. `None` only
    /// where there are fewer nodes.
    #[must_use]
    pub fn makers(&self, recipient: &Recipient) -> [Option<&str>; 2] {
        let (mut home, mut stand_in) = (None, None);
        for node in &self.nodes {
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

impl HomesId {
    /// Its length.
    pub const BYTES: usize = 16;

    pub(crate) const fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
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
            let mut ranked: Vec<_> = homes.nodes.iter().map(|home| (home.rank(&recipient), &*home.node)).collect();
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
    fn a_list_is_named_by_its_nodes_and_issuer() {
        let id = |issuer, nodes: &[&str]| Homes::new(issuer, nodes.iter().copied()).id();
        assert_eq!(id("i", &["a", "b", "c"]), id("i", &["c", "a", "b", "a"]), "the order and what is said twice don't matter");
        let all =
            [id("i", &["a", "b", "c"]), id("i", &["a", "b"]), id("i", &["ab", "c"]), id("i", &[]), id("j", &["a", "b", "c"])];
        for (at, one) in all.iter().enumerate() {
            assert!(all[..at].iter().all(|other| other != one), "{at}");
        }
    }

    #[test]
    fn only_home_and_stand_in_may_make() {
        let homes = Homes::new("i", fleet(5));
        for recipient in recipients(50) {
            let makers = homes.makers(&recipient);
            for node in fleet(6) {
                assert_eq!(homes.may_make(&node, &recipient), makers.contains(&Some(&node)), "{node}");
            }
        }
        assert!(!Homes::new::<&str>("i", []).may_make("a", &recipients(1).next().unwrap()), "without a list, nobody");
    }

    #[test]
    fn frozen() {
        let homes = Homes::new("https://login.example.com", ["a", "b", "c", "d"]);
        let recipient = Recipient::parse_email("ann@example.com").unwrap();
        assert_eq!(homes.makers(&recipient), [Some("b"), Some("d")]);
    }
}
