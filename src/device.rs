//! The device cookie: which recipients this browser has proved before.
use crate::keyring::Keyring;
use crate::recipient::Recipient;
use crate::time::UnixTime;
use alloc::string::String;

/// 64 random bits that name one browser for one recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeviceId(pub u64);

/// Reads and writes the cookie.
#[derive(Debug)]
pub struct Devices;

/// An entry for this recipient that isn't yet judged: its MAC is over the user's epoch too.
#[derive(Clone, Copy, Debug)]
pub struct ClaimedDevice;

impl Devices {
    /// With the keys of every root.
    #[must_use]
    pub fn new(_keyring: &Keyring) -> Self {
        todo!()
    }
    /// The entry of this recipient in a cookie's value, if there is one.
    #[must_use]
    pub fn claimed(&self, _cookie: &str, _recipient: &Recipient, _now: UnixTime) -> Option<ClaimedDevice> {
        todo!()
    }
    /// Judges the entry, now that the epoch is known.
    #[must_use]
    pub fn verify(&self, _claimed: ClaimedDevice, _recipient: &Recipient, _epoch: &str) -> Option<DeviceId> {
        todo!()
    }
    /// The cookie's new value after a login: at most 5 entries, this one first.
    #[must_use]
    pub fn remember(&self, _cookie: Option<&str>, _recipient: &Recipient, _epoch: &str, _id: DeviceId, _now: UnixTime) -> String {
        todo!()
    }
}
impl DeviceId {
    /// Takes 64 random bits.
    #[must_use]
    pub fn random(random: &mut impl rand_core::CryptoRng) -> Self {
        Self(random.next_u64())
    }
}
