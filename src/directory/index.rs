//! Users by canonical address, looked up by the same steps whether they are there or not.

use std::{
    fmt,
    hash::{BuildHasher as _, RandomState},
    sync::Arc,
};

use super::{Found, User};
use crate::recipient::Recipient;

/// Users in the order of their addresses' keyed hashes. A search always ends at one of them, and takes as many steps to the
/// recipient's user as to the stand-in of a stranger. Nobody outside can choose who that is, or tell.
pub(super) struct Index {
    keys: RandomState,
    /// Ascending, all different.
    hashes: Box<[u64]>,
    /// Each at the place of its hash.
    users: Box<[(Recipient, Arc<User>)]>,
}

/// Two users with one address.
#[derive(Debug)]
pub(super) struct Twice(pub(super) [Arc<User>; 2], pub(super) Recipient);

impl Index {
    /// An index of these.
    pub(super) fn new(mut users: Vec<(Recipient, Arc<User>)>) -> Result<Self, Twice> {
        loop {
            let keys = RandomState::new();
            users.sort_by_cached_key(|(recipient, _)| keys.hash_one(recipient));
            let hashes: Box<[u64]> = users.iter().map(|(recipient, _)| keys.hash_one(recipient)).collect();
            let Some(at) = hashes.windows(2).position(|pair| pair[0] == pair[1]) else {
                return Ok(Self { keys, hashes, users: users.into() });
            };
            let [(recipient, first), (other, second)] = &users[at..at + 2] else { unreachable!("a window of two") };
            if recipient == other {
                return Err(Twice([first, second].map(Arc::clone), recipient.clone()));
            }
            // Two addresses of one hash: another key tells them apart.
        }
    }

    /// How many addresses it has.
    pub(super) fn len(&self) -> usize {
        self.users.len()
    }

    /// The user of a recipient, or a stand-in.
    pub(super) fn find(&self, recipient: &Recipient) -> Found {
        let Some(last) = self.users.len().checked_sub(1) else { return Found::nobody() };
        let hash = self.keys.hash_one(recipient);
        let at = self.hashes.partition_point(|other| *other < hash).min(last);
        let (other, user) = &self.users[at];
        Found::at(Arc::clone(user), is_same(recipient, other))
    }
}

/// Whether two recipients are one. Looks at every byte of the first, whatever the other is.
fn is_same(asked: &Recipient, other: &Recipient) -> bool {
    let (bytes, others) = (asked.as_str().as_bytes(), other.as_str().as_bytes());
    let difference = |at: usize, byte: u8| usize::from(byte ^ others.get(at).copied().unwrap_or_default());
    let first = (bytes.len() ^ others.len()) | usize::from(asked.channel() != other.channel());
    bytes.iter().enumerate().fold(first, |all, (at, byte)| all | difference(at, *byte)) == 0
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Index({} addresses)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;
    use crate::recipient::Channel;

    fn recipient(text: &str) -> Recipient {
        Recipient::from_canonical(if text.starts_with('+') { Channel::Mobile } else { Channel::Email }, text)
    }

    fn user(id: &str) -> Arc<User> {
        Arc::new(serde_json::from_value(serde_json::json!({"id": id, "is_active": true})).unwrap())
    }

    fn found(index: &Index, text: &str) -> Option<String> {
        index.find(&recipient(text)).user().map(|user| user.id.to_string())
    }

    #[test]
    fn an_empty_one_finds_nobody() {
        assert_eq!(found(&Index::new(Vec::new()).unwrap(), "ann@example.com"), None);
    }

    #[test]
    fn one_address_of_two_users_is_refused() {
        let users = ["ann@example.com", "bob@example.com", "ann@example.com"].map(|text| (recipient(text), user(text)));
        let Twice(users, address) = Index::new(users.into()).unwrap_err();
        assert_eq!((address.as_str(), &*users[0].id), ("ann@example.com", "ann@example.com"));
    }

    #[test]
    fn recipients_that_begin_alike_are_others() {
        for (one, other) in [("a@example.com", "a@example.co"), ("a@example.co", "a@example.com"), ("a@b", "a@c"), ("a", "")] {
            assert!(!is_same(&recipient(one), &recipient(other)), "{one} {other}");
        }
        let as_mail = Recipient::from_canonical(Channel::Email, "+12025550123");
        assert!(is_same(&recipient("+12025550123"), &recipient("+12025550123")));
        assert!(!is_same(&recipient("+12025550123"), &as_mail));
    }

    proptest! {
        /// As a map does.
        #[test]
        fn finds_its_users_and_nobody_else(names in prop::collection::hash_set("[a-c]{1,4}", 0..60), asked in "[a-c]{1,4}") {
            let users: HashMap<&str, Arc<User>> = names.iter().map(|name| (name.as_str(), user(name))).collect();
            let index = Index::new(users.iter().map(|(name, user)| (recipient(name), Arc::clone(user))).collect()).unwrap();
            prop_assert_eq!(index.len(), names.len());
            for name in names.iter().chain([&asked]) {
                prop_assert_eq!(found(&index, name), names.get(name).cloned());
            }
        }
    }
}
