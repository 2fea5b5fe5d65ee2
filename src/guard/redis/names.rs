//! What things are called in Redis: keyed hashes, so that a key says nothing about a recipient or a network.
//!
//! `countersign:<id>:{<hash of the recipient>}:…`: the hash tag is the recipient's, so a challenge and its recipient's counts
//! are in one slot of a cluster. What belongs to no recipient is tagged `{ceilings}`. Names are short: Redis keeps each of them, and
//! anybody who asks for a code makes one.

use crate::{
    crypto::{Mac, MacKey, Secret, base64url, labels},
    guard::Bucket,
    network::ClientNetwork,
    recipient::Recipient,
};

/// Bytes of a hash that a name shows, as base64url.
const SHOWN: usize = 16;

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
    /// `countersign:<id>:{<hash>}:`
    prefix: String,
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
        let hash = self.key.begin(labels::COUNTED_RECIPIENT).text(recipient.channel().as_str()).text(recipient.as_str());
        let mut prefix = format!("{}{{", self.prefix);
        prefix.push_str(&shown(&hash.mac()));
        prefix.push_str("}:");
        Tagged { names: self, prefix }
    }

    /// The ceiling of one client network.
    pub(super) fn network(&self, network: ClientNetwork) -> String {
        let hash = self.key.begin(labels::COUNTED_NETWORK).bytes(&network.to_bytes());
        let mut name = self.ceiling("network:");
        name.push_str(&shown(&hash.mac()));
        name
    }

    /// What a network has of a ceiling, of known devices' messages or of strangers'.
    pub(super) fn share(&self, network: ClientNetwork, is_known: bool, of: &str) -> String {
        let hash = self.key.begin(labels::COUNTED_NETWORK).bytes(&network.to_bytes()).number(u64::from(is_known)).text(of);
        let mut name = self.ceiling("share:");
        name.push_str(&shown(&hash.mac()));
        name
    }

    /// The ceiling of the numbers that begin with `digits`.
    pub(super) fn prefix(&self, digits: &str) -> String {
        let mut name = self.ceiling("prefix:");
        name.push_str(&shown(&self.key.begin(labels::COUNTED_PREFIX).text(digits).mac()));
        name
    }

    /// A ceiling that anybody may know the name of.
    pub(super) fn ceiling(&self, name: &str) -> String {
        format!("{}{{ceilings}}:{name}", self.prefix)
    }
}

impl Tagged<'_> {
    /// Where the key of the counters would be kept in this recipient's slot of a cluster: it isn't.
    pub(super) fn no_key(&self) -> String {
        format!("{}key", self.prefix)
    }

    /// One challenge, by the nonce in its epoch: hexadecimal digits, which no other name of a recipient ends in.
    pub(super) fn challenge(&self, nonce: &str) -> String {
        format!("{}{nonce}", self.prefix)
    }

    /// The recipient's comparisons.
    pub(super) fn compared(&self) -> String {
        format!("{}compared", self.prefix)
    }

    fn bucket_name(bucket: Bucket) -> &'static str {
        match bucket {
            Bucket::Strangers | Bucket::Claimed => "strangers",
            Bucket::Known => "known",
        }
    }

    /// How many messages a bucket got lately.
    pub(super) fn messages(&self, bucket: Bucket) -> String {
        format!("{}messages:{}", self.prefix, Self::bucket_name(bucket))
    }

    /// The pause after a message on behalf of a network, or of known devices.
    pub(super) fn pause(&self, network: ClientNetwork, is_known: bool) -> String {
        if is_known {
            return format!("{}pause:{}", self.prefix, Self::bucket_name(Bucket::Known));
        }
        let mut name = format!("{}pause:", self.prefix);
        let hash = self.names.key.begin(labels::COUNTED_NETWORK).text(&self.prefix).bytes(&network.to_bytes());
        name.push_str(&shown(&hash.mac()));
        name
    }

    /// A solved puzzle.
    pub(super) fn proof(&self, id: [u8; 16]) -> String {
        let mut name = format!("{}proof:", self.prefix);
        name.push_str(&base64url::encode(&id));
        name
    }
}

fn shown(hash: &Mac) -> String {
    base64url::encode(&hash.as_bytes()[..SHOWN])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipient::Channel;

    #[test]
    fn names_show_no_recipient_and_no_network() {
        let names = Names::new("countersign:fleet:", &"0123456789abcdef".repeat(4)).unwrap();
        let ann = Recipient::from_canonical(Channel::Email, "ann@example.com");
        let network = ClientNetwork::of([192, 0, 2, 7].into());
        let tagged = names.of(&ann);
        let shown = [
            tagged.no_key(),
            tagged.challenge("0123456789abcdef"),
            tagged.compared(),
            tagged.messages(Bucket::Strangers),
            tagged.messages(Bucket::Known),
            tagged.pause(network, false),
            tagged.pause(network, true),
            tagged.proof([9; 16]),
        ];
        let tag = &shown[0][..shown[0].find('}').unwrap()];
        for name in &shown {
            assert!(name.starts_with(tag) && !name.contains("ann"), "{name}");
            assert!(!name.contains("c0000207") && !name.contains("192"), "{name}");
        }
        assert_eq!(names.of(&ann).no_key(), shown[0]);
        assert_ne!(names.of(&Recipient::from_canonical(Channel::Email, "bob@example.com")).no_key(), shown[0]);
        assert_ne!(names.of(&Recipient::from_canonical(Channel::Mobile, "ann@example.com")).no_key(), shown[0]);
        assert_eq!(names.network(network).len(), names.ceiling("network:").len() + 22);
    }

    #[test]
    fn a_key_is_64_hexadecimal_digits() {
        for bad in ["", "00", &"g".repeat(64), &"é".repeat(32), &"0".repeat(63), &"0".repeat(66)] {
            assert!(Names::new("p:", bad).is_none(), "{bad}");
        }
    }
}
