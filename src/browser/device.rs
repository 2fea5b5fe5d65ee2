//! The device cookie: which recipients this browser has proved before.
//!
//! cookie = base64url(version 1 ‖ 1 to 5 entries, newest first)
//! entry = root id (6) ‖ device id (8) ‖ minutes since 1970 (4) ‖ recipient tag (16) ‖ epoch tag (16)
//! recipient tag = HMAC-SHA-256(device key, (label, channel, recipient, device id, minutes)), cut
//! epoch tag = HMAC-SHA-256(device key, (label, recipient tag, channel, recipient, epoch)), cut
//!
//! The first tag makes an entry recognisable, and authentic but for the user's epoch, before the directory is asked; the
//! second judges it afterwards. Without the root secret neither says whose it is, nor whether two cookies know the same
//! person: a guess can't be tested.

use alloc::{string::String, vec::Vec};
use core::fmt;

use rand_core::CryptoRng;
use subtle::ConstantTimeEq;

use crate::{
    crypto::{Mac, MacKey, base64url, labels},
    keyring::{Keyring, RootId},
    recipient::Recipient,
    time::UnixTime,
};

/// The most entries of a cookie; a browser's sixth recipient replaces the one that logged in longest ago.
pub const MAX_ENTRIES: usize = 5;
/// The most cookies of one name that are looked at.
pub const MAX_COOKIES: usize = 8;
/// Seconds for which an entry counts after its login, and the cookie's `Max-Age`: 90 days.
pub const LIFETIME: u64 = 90 * 24 * 60 * 60;

const VERSION: u8 = 1;
const TAG: usize = 16;
const ENTRY: usize = 6 + 8 + 4 + TAG + TAG;
const MAX_TEXT: usize = (1 + MAX_ENTRIES * ENTRY).div_ceil(3) * 4;

/// 64 random bits that name one browser for one recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeviceId(pub u64);

/// Reads and writes the cookie.
pub struct Devices {
    keys: Vec<(RootId, MacKey)>,
}

/// An authentic entry for one recipient whose epoch isn't judged yet.
#[derive(Clone, Copy)]
pub struct ClaimedDevice(Entry);

#[derive(Clone, Copy, PartialEq, Eq)]
struct Entry {
    root: RootId,
    device: DeviceId,
    minutes: u32,
    recipient_tag: [u8; TAG],
    epoch_tag: [u8; TAG],
}

impl DeviceId {
    /// Takes 64 random bits.
    #[must_use]
    pub fn random(random: &mut impl CryptoRng) -> Self {
        Self(random.next_u64())
    }
}

impl ClaimedDevice {
    /// When it proved the recipient, in minutes since 1970.
    #[must_use]
    pub const fn minutes(&self) -> u32 {
        self.0.minutes
    }
}

impl Devices {
    /// With the keys of every root.
    #[must_use]
    pub fn new(keyring: &Keyring) -> Self {
        let key = |root: &crate::keyring::Root| (root.id(), MacKey::new(&root.derive(labels::DEVICE_KEY)));
        Self { keys: keyring.roots().iter().map(key).collect() }
    }

    /// The entry of this recipient in a cookie's value, if there is one that we made in the last 90 days.
    #[must_use]
    pub fn claimed(&self, cookie: &str, recipient: &Recipient, now: UnixTime) -> Option<ClaimedDevice> {
        let entries = entries(cookie)?;
        entries.iter().filter(|entry| entry.is_fresh(now)).find_map(|entry| self.claim(entry, recipient))
    }

    /// Judges the entry, now that the user's epoch is known.
    #[must_use]
    pub fn verify(&self, claimed: ClaimedDevice, recipient: &Recipient, epoch: &str) -> Option<DeviceId> {
        let ClaimedDevice(entry) = claimed;
        let right = entry.epoch_tag(self.key(entry.root)?, recipient, epoch).ct_eq(&entry.epoch_tag);
        bool::from(right).then_some(entry.device)
    }

    /// The cookie's new value after a login: at most 5 entries, this one first. `cookies` are the values that came by its name,
    /// of which a sibling host can have set some; at most 8 are read.
    ///
    /// A browser that they already name for this recipient and epoch keeps its id instead of getting `fresh`: its
    /// failures stay in their bucket, so logging in doesn't reset them.
    #[must_use]
    pub fn remember(&self, cookies: &[&str], recipient: &Recipient, epoch: &str, fresh: DeviceId, now: UnixTime) -> String {
        let mut cookies: Vec<_> = cookies.iter().take(MAX_COOKIES).filter_map(|cookie| entries(cookie)).collect();
        // The one that knows this recipient is the browser's own; if there is no room for all, its others stay.
        cookies.sort_by_key(|entries| entries.iter().all(|entry| self.claim(entry, recipient).is_none()));
        let mut others = cookies.concat();
        let mut device = fresh;
        // Whose the others are can't be known; those of this recipient are replaced.
        others.retain(|entry| {
            let claimed = self.claim(entry, recipient);
            if let Some(known) =
                claimed.filter(|_| entry.is_fresh(now)).and_then(|claimed| self.verify(claimed, recipient, epoch))
            {
                device = known;
            }
            claimed.is_none() && entry.is_fresh(now) && self.key(entry.root).is_some()
        });
        let mut kept = Vec::with_capacity(MAX_ENTRIES);
        for other in others {
            if kept.len() < MAX_ENTRIES - 1 && !kept.contains(&other) {
                kept.push(other);
            }
        }

        let (root, key) = &self.keys[0];
        let minutes = u32::try_from(now.as_seconds() / 60).unwrap_or(u32::MAX);
        let mut entry = Entry { root: *root, device, minutes, recipient_tag: [0; TAG], epoch_tag: [0; TAG] };
        entry.recipient_tag = entry.recipient_tag(key, recipient);
        entry.epoch_tag = entry.epoch_tag(key, recipient, epoch);
        let mut bytes = Vec::with_capacity(1 + (1 + kept.len()) * ENTRY);
        bytes.push(VERSION);
        entry.write(&mut bytes);
        for other in &kept {
            other.write(&mut bytes);
        }
        base64url::encode(&bytes)
    }

    fn claim(&self, entry: &Entry, recipient: &Recipient) -> Option<ClaimedDevice> {
        let right = entry.recipient_tag(self.key(entry.root)?, recipient).ct_eq(&entry.recipient_tag);
        bool::from(right).then_some(ClaimedDevice(*entry))
    }

    fn key(&self, root: RootId) -> Option<&MacKey> {
        self.keys.iter().find(|(id, _)| *id == root).map(|(_, key)| key)
    }
}

impl Entry {
    fn recipient_tag(&self, key: &MacKey, recipient: &Recipient) -> [u8; TAG] {
        let fields = key.begin(labels::DEVICE_RECIPIENT).text(recipient.channel().as_str()).text(recipient.as_str());
        cut(fields.number(self.device.0).number(u64::from(self.minutes)).mac())
    }

    fn epoch_tag(&self, key: &MacKey, recipient: &Recipient, epoch: &str) -> [u8; TAG] {
        let fields = key.begin(labels::DEVICE).bytes(&self.recipient_tag);
        cut(fields.text(recipient.channel().as_str()).text(recipient.as_str()).text(epoch).mac())
    }

    fn is_fresh(&self, now: UnixTime) -> bool {
        now.seconds_since(UnixTime::from_seconds(u64::from(self.minutes) * 60)) < LIFETIME
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(self.root.as_bytes());
        bytes.extend_from_slice(&self.device.0.to_be_bytes());
        bytes.extend_from_slice(&self.minutes.to_be_bytes());
        bytes.extend_from_slice(&self.recipient_tag);
        bytes.extend_from_slice(&self.epoch_tag);
    }

    fn read(bytes: &[u8; ENTRY]) -> Self {
        let (root, rest) = split(bytes);
        let (device, rest) = split(rest);
        let (minutes, rest) = split(rest);
        let (recipient_tag, epoch_tag) = split(rest);
        Self {
            root: RootId::from_bytes(root),
            device: DeviceId(u64::from_be_bytes(device)),
            minutes: u32::from_be_bytes(minutes),
            recipient_tag,
            epoch_tag: split(epoch_tag).0,
        }
    }
}

/// The entries of a cookie's value, not judged; `None` unless it has our form exactly.
fn entries(cookie: &str) -> Option<Vec<Entry>> {
    if cookie.len() > MAX_TEXT {
        return None;
    }
    let bytes = base64url::decode(cookie)?;
    let (&VERSION, entries) = bytes.split_first()? else { return None };
    let (entries, []) = entries.as_chunks::<ENTRY>() else { return None };
    (1..=MAX_ENTRIES).contains(&entries.len()).then(|| entries.iter().map(Entry::read).collect())
}

/// The first `N` bytes and the rest.
fn split<const N: usize>(bytes: &[u8]) -> ([u8; N], &[u8]) {
    let (first, rest) = bytes.split_first_chunk().expect("an entry is as long as its fields");
    (*first, rest)
}

fn cut(mac: Mac) -> [u8; TAG] {
    split(mac.as_bytes()).0
}

impl fmt::Debug for Devices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|(root, _)| root)).finish()
    }
}

impl fmt::Debug for ClaimedDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClaimedDevice(…)")
    }
}

#[cfg(test)]
mod tests {
    use alloc::{format, vec};

    use proptest::prelude::*;

    use super::*;

    const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);
    const ID: DeviceId = DeviceId(0x0123_4567_89ab_cdef);

    fn devices(roots: &[u8]) -> Devices {
        Devices::new(&Keyring::new(roots.iter().map(|byte| vec![*byte; 32])).unwrap())
    }

    fn recipient(name: &str) -> Recipient {
        Recipient::parse_email(&format!("{name}@example.com")).unwrap()
    }

    fn known(devices: &Devices, cookie: &str, name: &str, epoch: &str, now: UnixTime) -> Option<DeviceId> {
        let recipient = recipient(name);
        devices.verify(devices.claimed(cookie, &recipient, now)?, &recipient, epoch)
    }

    fn cookie(devices: &Devices, names: &[&str]) -> String {
        let mut cookie = None;
        for (name, id) in names.iter().zip(1..) {
            cookie = Some(devices.remember(cookie.as_deref().as_slice(), &recipient(name), "e", DeviceId(id), NOW));
        }
        cookie.unwrap()
    }

    #[test]
    fn a_browser_is_known_to_whom_it_proved() {
        let devices = devices(b"1");
        let cookie = devices.remember(&[], &recipient("ann"), "e", ID, NOW);
        assert_eq!(known(&devices, &cookie, "ann", "e", NOW), Some(ID));
        assert!(devices.claimed(&cookie, &recipient("bob"), NOW).is_none(), "another recipient");
        assert!(devices.claimed(&cookie, &recipient("ann"), NOW).is_some());
        assert_eq!(known(&devices, &cookie, "ann", "f", NOW), None, "another epoch");
        assert_eq!(known(&devices, &cookie, "ann", "", NOW), None, "no epoch");
    }

    #[test]
    fn the_channel_counts() {
        let devices = devices(b"1");
        let text = "+13035551234";
        let [email, mobile] = crate::recipient::Channel::ALL.map(|channel| Recipient::from_canonical(channel, text));
        let cookie = devices.remember(&[], &mobile, "", ID, NOW);
        assert!(devices.claimed(&cookie, &mobile, NOW).is_some());
        assert!(devices.claimed(&cookie, &email, NOW).is_none());
    }

    #[test]
    fn an_entry_ends_after_90_days() {
        let devices = devices(b"1");
        let cookie = devices.remember(&[], &recipient("ann"), "e", ID, NOW);
        assert_eq!(known(&devices, &cookie, "ann", "e", NOW.plus(LIFETIME - 1)), Some(ID));
        assert_eq!(known(&devices, &cookie, "ann", "e", NOW.plus(LIFETIME)), None);
        assert_eq!(known(&devices, &cookie, "ann", "e", NOW.minus(60)), Some(ID), "a clock that was set back");
        let later = devices.remember(&[&cookie], &recipient("bob"), "e", ID, NOW.plus(LIFETIME));
        assert_eq!(entries(&later).unwrap().len(), 1, "the old entry is gone");
    }

    #[test]
    fn the_sixth_recipient_replaces_the_oldest() {
        let devices = devices(b"1");
        let cookie = cookie(&devices, &["a", "b", "c", "d", "e", "f"]);
        assert_eq!(entries(&cookie).unwrap().len(), MAX_ENTRIES);
        assert_eq!(known(&devices, &cookie, "a", "e", NOW), None);
        for (name, id) in ["b", "c", "d", "e", "f"].into_iter().zip(2..) {
            assert_eq!(known(&devices, &cookie, name, "e", NOW), Some(DeviceId(id)));
        }
    }

    #[test]
    fn logging_in_again_resets_no_failures() {
        let devices = devices(b"1");
        let first = cookie(&devices, &["ann", "bob"]);
        let later = NOW.plus(LIFETIME - 60);
        let second = devices.remember(&[&first], &recipient("ann"), "e", ID, later);
        assert_eq!(known(&devices, &second, "ann", "e", later), Some(DeviceId(1)), "the id stays");
        assert_eq!(known(&devices, &second, "ann", "e", NOW.plus(LIFETIME + 60)), Some(DeviceId(1)), "the time is new");
        assert_eq!(known(&devices, &second, "bob", "e", later), Some(DeviceId(2)), "the others stay");
        assert_eq!(entries(&second).unwrap().len(), 2);
        let third = devices.remember(&[&second], &recipient("ann"), "f", ID, later);
        assert_eq!(known(&devices, &third, "ann", "f", later), Some(ID), "a new epoch is a new device");
        assert_eq!(entries(&third).unwrap().len(), 2);
    }

    #[test]
    fn others_cookies_take_nothing_of_ours_along() {
        let devices = devices(b"1");
        let ours = cookie(&devices, &["ann", "bob"]);
        let foreign = cookie(&super::tests::devices(b"2"), &["eve", "mallory"]);
        let planted = cookie(&devices, &["v", "w", "x", "y", "z"]);
        let later = NOW.plus(3_600);
        for cookies in [&["zz", &foreign, &planted, &ours][..], &[&ours, "", &planted], &[&ours, &ours]] {
            let renewed = devices.remember(cookies, &recipient("ann"), "e", ID, later);
            assert_eq!(known(&devices, &renewed, "ann", "e", later), Some(DeviceId(1)));
            assert_eq!(known(&devices, &renewed, "bob", "e", later), Some(DeviceId(2)));
            let entries = entries(&renewed).unwrap();
            assert!(entries.len() <= MAX_ENTRIES && !entries[1..].contains(&entries[0]));
        }
        assert_eq!(entries(&devices.remember(&[&ours, &ours], &recipient("ann"), "e", ID, later)).unwrap().len(), 2);
    }

    #[test]
    fn rotated_secrets_keep_cookies_alive() {
        let cookie = cookie(&devices(b"1"), &["ann", "bob"]);
        let rotated = devices(b"21");
        assert_eq!(known(&rotated, &cookie, "ann", "e", NOW), Some(DeviceId(1)));
        let renewed = rotated.remember(&[&cookie], &recipient("ann"), "e", ID, NOW);
        let without = devices(b"2");
        assert_eq!(known(&without, &renewed, "ann", "e", NOW), Some(DeviceId(1)), "made with the new root");
        assert_eq!(known(&without, &renewed, "bob", "e", NOW), None);
        assert_eq!(entries(&without.remember(&[&renewed], &recipient("ann"), "e", ID, NOW)).unwrap().len(), 1);
        assert_eq!(known(&without, &cookie, "ann", "e", NOW), None, "a root that was removed");
    }

    #[test]
    fn forged_entries() {
        let devices = devices(b"1");
        let bytes = base64url::decode(&cookie(&devices, &["ann"])).unwrap();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut forged = bytes.clone();
                forged[at] ^= 1 << bit;
                assert_eq!(known(&devices, &base64url::encode(&forged), "ann", "e", NOW), None, "bit {bit} of byte {at}");
            }
        }
        assert_eq!(known(&devices, &cookie(&super::tests::devices(b"2"), &["ann"]), "ann", "e", NOW), None, "another fleet's");
    }

    #[test]
    fn truncated_and_extended_cookies() {
        let devices = devices(b"1");
        let good = cookie(&devices, &["ann", "bob"]);
        for length in 0..good.len() {
            assert!(entries(&good[..length]).is_none_or(|entries| entries.len() == 1), "{length}");
            assert_eq!(known(&devices, &good[..length], "ann", "e", NOW), None, "ann's is the second entry");
        }
        let mut bytes = base64url::decode(&good).unwrap();
        bytes.push(0);
        assert!(entries(&base64url::encode(&bytes)).is_none());
        assert!(entries(&format!("{good}=")).is_none());
        assert!(entries(&base64url::encode(&[VERSION])).is_none(), "no entry");
        let six = [&[VERSION][..], &[0; 6 * ENTRY]].concat();
        assert!(entries(&base64url::encode(&six)).is_none(), "six entries");
        assert!(entries(&"A".repeat(10_000_000)).is_none());
    }

    #[test]
    fn spliced_entries() {
        let devices = devices(b"1");
        let one = devices.remember(&[], &recipient("ann"), "old", DeviceId(1), NOW);
        let two = devices.remember(&[], &recipient("ann"), "new", DeviceId(2), NOW.plus(60));
        let three = devices.remember(&[], &recipient("bob"), "new", DeviceId(2), NOW.plus(60));
        let [one, two, three] = [one, two, three].map(|cookie| base64url::decode(&cookie).unwrap());
        // Fields: root id 1..7, device id 7..15, minutes 15..19, recipient tag 19..35, epoch tag 35..51.
        for (base, other) in [(&one, &two), (&one, &three), (&two, &three)] {
            for range in [7..15, 7..19, 15..19, 19..35, 35..51, 7..35, 15..35, 19..51] {
                let mut spliced = base.clone();
                spliced[range.clone()].copy_from_slice(&other[range.clone()]);
                if spliced == *base {
                    continue;
                }
                let spliced = base64url::encode(&spliced);
                for name in ["ann", "bob"] {
                    let epoch = if base == &one { "old" } else { "new" };
                    let whole = spliced == base64url::encode(other);
                    assert!(whole || known(&devices, &spliced, name, epoch, NOW).is_none(), "{name}'s {range:?}");
                    assert!(whole || known(&devices, &spliced, name, "new", NOW).is_none(), "{name}'s {range:?}");
                }
            }
        }
    }

    #[test]
    fn two_browsers_of_one_person_have_nothing_in_common() {
        let devices = devices(b"1");
        let [one, two] =
            [1, 2].map(|id| base64url::decode(&devices.remember(&[], &recipient("ann"), "e", DeviceId(id), NOW)).unwrap());
        assert!(one[19..].iter().zip(&two[19..]).filter(|(one, two)| one == two).count() < 6);
        assert!(!one.windows(3).any(|bytes| bytes == b"ann"));
    }

    #[test]
    fn frozen() {
        let cookie = cookie(&devices(b"1"), &["ann"]);
        assert_eq!(cookie, "ASzAcjfuoQAAAAAAAAABAcnDgNln-h5kK-EbYipmezjgsZG23hWLhAn47s8GCg7NvF1z");
    }

    proptest! {
        #[test]
        fn any_cookie_is_replaced_by_a_good_one(cookie in "[A-Za-z0-9_-]{0,400}|.{0,40}", bytes in proptest::collection::vec(any::<u8>(), 1..6 * ENTRY)) {
            let devices = devices(b"1");
            for cookie in [cookie, base64url::encode(&[&[VERSION][..], &bytes].concat())] {
                prop_assert!(devices.claimed(&cookie, &recipient("ann"), NOW).is_none());
                let renewed = devices.remember(&[&cookie], &recipient("ann"), "e", ID, NOW);
                prop_assert_eq!(known(&devices, &renewed, "ann", "e", NOW), Some(ID));
                prop_assert!(renewed.len() <= MAX_TEXT);
            }
        }

        #[test]
        fn entries_there_and_back(bytes in proptest::collection::vec(any::<u8>(), ENTRY)) {
            let cookie = base64url::encode(&[&[VERSION][..], &bytes].concat());
            let mut written = vec![];
            entries(&cookie).unwrap()[0].write(&mut written);
            prop_assert_eq!(written, bytes);
        }
    }
}
