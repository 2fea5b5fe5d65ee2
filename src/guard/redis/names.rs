//! What things are called in Redis: keyed hashes, so that a key says nothing about a recipient or a network.
//!
//! `countersign:<id>:{<group>}:…`: recipients fall into groups by their keyed hash, and a group is the hash tag, so a challenge
//! and all that is counted for its recipient are in one slot of a cluster. What belongs to no recipient is tagged `{ceilings}`.
//! A challenge has a key of its own, and so has a recipient who was guessed at; all else is in the tables of a group, or of the
//! ceilings, whose number is fixed. Names are short: Redis keeps each of them, and anybody who asks for a code makes one.

use crate::{
    crypto::{Mac, MacKey, Secret, base64url, hex, labels},
    network::ClientNetwork,
    recipient::{Channel, Recipient},
};

/// Groups of recipients, each a hash tag: three hexadecimal digits.
const GROUPS: u16 = 4_096;
/// Sets of a table of messages, or of breakers. A group has 40 slots, so that all have 163,840.
const SETS_OF_MESSAGES: u8 = 5;
/// Of one of pauses: 56 slots.
const SETS_OF_PAUSES: u8 = 7;
/// Of one of solved puzzles: 120 slots in one set.
const SETS_OF_PROOFS: u8 = 1;
/// Tables of networks' messages, and of their shares.
const TABLES_OF_NETWORKS: u16 = 1_024;
/// Tables of prefixes, and of their breakers.
const TABLES_OF_PREFIXES: u16 = 256;
/// Bytes of a hash that names a recipient, as base64url.
const SHOWN: usize = 16;
/// Bytes of a challenge's nonce.
const NONCE: usize = 8;

/// The key of the counters, and the names made with it.
#[derive(Clone, Debug)]
pub(super) struct Names {
    prefix: Box<str>,
    key: MacKey,
    /// The key as Redis keeps it.
    text: Box<str>,
}

/// The names of what belongs to one recipient.
#[derive(Debug)]
pub(super) struct Tagged<'a> {
    names: &'a Names,
    /// `countersign:<id>:{<group>}:`
    prefix: String,
    hash: Mac,
}

/// Where something is in a table: a set, and the name that it has there, which is never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) set: u8,
    pub(super) name: u32,
}

impl Names {
    /// Names under `prefix`, with a key of 64 hexadecimal digits; `None` if it isn't.
    pub(super) fn new(prefix: &str, text: &str) -> Option<Self> {
        let digits = text.as_bytes().chunks_exact(2);
        let mut key = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (byte, digits) in key.iter_mut().zip(digits) {
            *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        Some(Self { prefix: prefix.into(), key: MacKey::new(&Secret::new(key)), text: text.into() })
    }

    /// These names under another key.
    pub(super) fn with_key(&self, text: &str) -> Option<Self> {
        Self::new(&self.prefix, text)
    }

    /// The key of the counters, for Redis.
    pub(super) fn key_text(&self) -> &str {
        &self.text
    }

    /// Where the key of the counters is kept.
    pub(super) fn kept_key(&self) -> String {
        format!("{}key", self.prefix)
    }

    /// What belongs to `recipient`.
    pub(super) fn of(&self, recipient: &Recipient) -> Tagged<'_> {
        let hash = self.key.begin(labels::COUNTED_RECIPIENT).text(recipient.channel().as_str()).text(recipient.as_str()).mac();
        let group = number(&hash, 0) % GROUPS;
        Tagged { names: self, prefix: format!("{}{{{group:03x}}}:", self.prefix), hash }
    }

    /// The table and the spot of one client network's ceiling.
    pub(super) fn network(&self, network: ClientNetwork) -> (String, Spot) {
        let hash = self.key.begin(labels::COUNTED_NETWORK).bytes(&network.to_bytes()).mac();
        self.shared("networks", TABLES_OF_NETWORKS, &hash)
    }

    /// Those of what a network has of a ceiling, of known devices' messages or of strangers'.
    pub(super) fn share(&self, network: ClientNetwork, is_known: bool, of: &str) -> (String, Spot) {
        let hash = self.key.begin(labels::COUNTED_NETWORK).bytes(&network.to_bytes()).number(u64::from(is_known)).text(of).mac();
        self.shared("shares", TABLES_OF_NETWORKS, &hash)
    }

    /// Those of the ceiling of the numbers that begin with `digits`.
    pub(super) fn prefix(&self, digits: &str) -> (String, Spot) {
        self.shared("prefixes", TABLES_OF_PREFIXES, &self.key.begin(labels::COUNTED_PREFIX).text(digits).mac())
    }

    /// Those of the breaker of a prefix.
    pub(super) fn breaker(&self, prefix: &str) -> (String, Spot) {
        self.shared("breakers", TABLES_OF_PREFIXES, &self.key.begin(labels::COUNTED_PREFIX).text(prefix).mac())
    }

    /// Those of the ceiling of a channel: nobody else has its set, so nothing ever takes its place.
    pub(super) fn channel(&self, channel: Channel) -> (String, Spot) {
        let set = match channel {
            Channel::Email => 0,
            Channel::Mobile => 1,
        };
        (self.ceiling("channels"), Spot { set, name: 1 })
    }

    /// A key that belongs to no recipient.
    pub(super) fn ceiling(&self, name: &str) -> String {
        format!("{}{{ceilings}}:{name}", self.prefix)
    }

    /// One of some tables, and the spot in it.
    fn shared(&self, name: &str, tables: u16, hash: &Mac) -> (String, Spot) {
        (self.ceiling(&format!("{name}:{:x}", number(hash, 0) % tables)), Spot::at(hash, 2, SETS_OF_MESSAGES))
    }
}

impl Tagged<'_> {
    /// Where the key of the counters would be kept in this recipient's slot of a cluster: it isn't.
    pub(super) fn no_key(&self) -> String {
        format!("{}key", self.prefix)
    }

    /// One challenge, by the nonce in its epoch: hexadecimal digits, which nothing else of a group is called by. Another
    /// recipient's challenge of the same nonce is another one.
    pub(super) fn challenge(&self, nonce: &str) -> String {
        let nonce = u64::from_str_radix(nonce, 16).unwrap_or_default().to_be_bytes();
        let own = self.hash.as_bytes()[2 + SHOWN..].iter().zip(nonce).map(|(hash, nonce)| hash ^ nonce);
        format!("{}{}", self.prefix, hex::encode(&own.take(NONCE).collect::<Vec<u8>>()))
    }

    /// The recipient's comparisons.
    pub(super) fn compared(&self) -> String {
        format!("{}{}", self.prefix, base64url::encode(&self.hash.as_bytes()[2..2 + SHOWN]))
    }

    /// The table of the messages to this group's recipients.
    pub(super) fn messages_table(&self) -> String {
        format!("{}messages", self.prefix)
    }

    /// How many messages the recipient got lately, on behalf of strangers or of known devices.
    pub(super) fn messages(&self, is_known: bool) -> Spot {
        let Spot { set, name } = Spot::at(&self.hash, 2 + SHOWN + NONCE, SETS_OF_MESSAGES);
        Spot { set, name: (name ^ (u32::from(is_known) << 31)).max(1) }
    }

    /// The table of the group's pauses.
    pub(super) fn pauses_table(&self) -> String {
        format!("{}pauses", self.prefix)
    }

    /// The pause after a message on behalf of a network, or of known devices.
    pub(super) fn pause(&self, network: ClientNetwork, is_known: bool) -> Spot {
        let of: &[u8] = if is_known { b"known" } else { &network.to_bytes() };
        let hash = self.names.key.begin(labels::COUNTED_NETWORK).bytes(self.hash.as_bytes()).bytes(of).mac();
        Spot::at(&hash, 0, SETS_OF_PAUSES)
    }

    /// The table of the group's solved puzzles.
    pub(super) fn proofs_table(&self) -> String {
        format!("{}proofs", self.prefix)
    }

    /// A solved puzzle.
    pub(super) fn proof(&self, id: [u8; 16]) -> Spot {
        let hash = self.names.key.begin(labels::COUNTED_RECIPIENT).bytes(self.hash.as_bytes()).bytes(&id).mac();
        Spot::at(&hash, 0, SETS_OF_PROOFS)
    }
}

impl Spot {
    /// The one that five bytes of a hash choose among so many sets.
    fn at(hash: &Mac, from: usize, sets: u8) -> Self {
        let bytes = &hash.as_bytes()[from..];
        Self { set: bytes[4] % sets, name: u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]).max(1) }
    }
}

/// Two bytes of a hash.
fn number(hash: &Mac, from: usize) -> u16 {
    u16::from_be_bytes([hash.as_bytes()[from], hash.as_bytes()[from + 1]])
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn names() -> Names {
        Names::new("countersign:fleet:", &"0123456789abcdef".repeat(4)).unwrap()
    }

    #[test]
    fn names_show_no_recipient_and_no_network() {
        let names = names();
        let ann = Recipient::from_canonical(Channel::Email, "ann@example.com");
        let network = ClientNetwork::of([192, 0, 2, 7].into());
        let tagged = names.of(&ann);
        let shown = [
            tagged.no_key(),
            tagged.challenge("0123456789abcdef"),
            tagged.compared(),
            tagged.messages_table(),
            tagged.pauses_table(),
            tagged.proofs_table(),
        ];
        let tag = &shown[0][..shown[0].find('}').unwrap()];
        for name in &shown {
            assert!(name.starts_with(tag) && !name.contains("ann"), "{name}");
            assert!(!name.contains("0123456789abcdef"), "{name}");
        }
        for (name, _) in [names.network(network), names.share(network, true, "email"), names.prefix("+491511")] {
            assert!(!name.contains("c0000207") && !name.contains("192") && !name.contains("491511"), "{name}");
        }
    }

    #[test]
    fn whoever_is_counted_apart_has_a_name_of_its_own() {
        let names = names();
        let ann = Recipient::from_canonical(Channel::Email, "ann@example.com");
        let [here, there] = [7, 8].map(|last| ClientNetwork::of([192, 0, 2, last].into()));
        let nonces = ["0123456789abcdef", "0123456789abcdee", "", "no number", "ffffffffffffffffff"];
        let mut challenges = HashSet::new();
        for recipient in ["ann@example.com", "bob@example.com", "+12025550100"] {
            for channel in [Channel::Email, Channel::Mobile] {
                let tagged = names.of(&Recipient::from_canonical(channel, recipient));
                nonces[..3].iter().for_each(|nonce| assert!(challenges.insert(tagged.challenge(nonce)), "{nonce}"));
                // What is no nonce leads to some record, in which no epoch like it is spelled.
                nonces[3..].iter().for_each(|nonce| assert!(!challenges.insert(tagged.challenge(nonce))));
                assert!(challenges.insert(tagged.compared()));
            }
        }
        let tagged = names.of(&ann);
        let spots = [
            tagged.pause(here, false),
            tagged.pause(there, false),
            tagged.pause(here, true),
            tagged.messages(false),
            tagged.messages(true),
            tagged.proof([1; 16]),
            tagged.proof([2; 16]),
            names.network(here).1,
            names.share(here, false, "email").1,
            names.share(here, true, "email").1,
            names.share(here, true, "mobile").1,
            names.prefix("+49151").1,
        ];
        assert_eq!(spots.map(|spot| spot.name).into_iter().collect::<HashSet<_>>().len(), spots.len());
        assert_eq!(tagged.pause(here, true), tagged.pause(there, true), "known devices have one, wherever they are");
        assert_ne!(names.channel(Channel::Email).1.set, names.channel(Channel::Mobile).1.set);
    }

    #[test]
    fn recipients_spread_over_all_groups_and_sets() {
        let names = names();
        let (mut groups, mut spots, mut networks) = (HashSet::new(), HashSet::new(), HashSet::new());
        for number in 0..60_000_u32 {
            let tagged = names.of(&Recipient::from_canonical(Channel::Email, format!("{number}@example.com")));
            groups.insert(tagged.no_key());
            spots.insert(tagged.messages(false).set);
            networks.insert(names.network(ClientNetwork::of(std::net::Ipv4Addr::from_bits(number).into())).0);
        }
        assert_eq!((groups.len(), spots.len(), networks.len()), (4_096, 5, 1_024));
    }

    #[test]
    fn scripts_make_tables_of_as_many_sets() {
        let (marks, ceilings) = (include_str!("scripts/marks.lua"), include_str!("scripts/ceilings.lua"));
        assert!(include_str!("scripts/breaker.lua").contains(&format!("BREAKERS = {{ sets = {SETS_OF_MESSAGES},")));
        assert!(marks.contains(&format!("PAUSES = {{ sets = {SETS_OF_PAUSES},")));
        assert!(marks.contains(&format!("PROOFS = {{ sets = {SETS_OF_PROOFS},")));
        assert!(ceilings.contains(&format!("BUCKETS, FORM = {{ sets = {SETS_OF_MESSAGES},")));
    }

    #[test]
    fn a_key_is_64_hexadecimal_digits() {
        for bad in ["", "00", &"g".repeat(64), &"é".repeat(32), &"0".repeat(63), &"0".repeat(66)] {
            assert!(Names::new("p:", bad).is_none(), "{bad}");
        }
    }
}
