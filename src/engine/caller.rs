//! Who is asking: a network, and a browser that may have proved this recipient before.

use super::Learned;
use crate::{
    browser::device::{ClaimedDevice, MAX_COOKIES},
    directory::Found,
    guard::Bucket,
    keys::Keys,
    network::ClientNetwork,
    recipient::Recipient,
    time::UnixTime,
};

/// What the engine may know of a client.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Caller<'a> {
    /// Where it calls from.
    pub network: ClientNetwork,
    /// The values of its device cookies: none or one, or more where a sibling host has set some too.
    pub device_cookies: &'a [&'a str],
    /// Where the engine notes what it finds out, if that is wanted.
    pub learned: Option<&'a Learned>,
}

impl<'a> Caller<'a> {
    /// Somebody without a device cookie.
    #[must_use]
    pub const fn new(network: ClientNetwork) -> Self {
        Self { network, device_cookies: &[], learned: None }
    }

    /// With the values of the device cookies that came with the request.
    #[must_use]
    pub const fn with_device_cookies(self, device_cookies: &'a [&'a str]) -> Self {
        Self { device_cookies, ..self }
    }

    /// Whose request is kept a record of.
    #[must_use]
    pub const fn noted_in(self, learned: &'a Learned) -> Self {
        Self { learned: Some(learned), ..self }
    }

    pub(super) fn learn(&self, note: impl FnOnce(&Learned)) {
        self.learned.map(note);
    }

    /// The device that it says it is for this recipient: of several, the one that logged in last.
    pub(super) fn claimed_device(&self, keys: &Keys, recipient: &Recipient, now: UnixTime) -> Option<ClaimedDevice> {
        let cookies = self.device_cookies.iter().take(MAX_COOKIES);
        cookies.filter_map(|cookie| keys.devices.claimed(cookie, recipient, now)).max_by_key(ClaimedDevice::minutes)
    }
}

/// Whose failures an attempt counts among, as far as that is known before the directory is asked.
pub(super) fn presumed_bucket(
    keys: &Keys,
    claimed: Option<ClaimedDevice>,
    recipient: &Recipient,
    recently: Option<&Found>,
) -> Bucket {
    match (claimed, recently) {
        (None, _) => Bucket::Strangers,
        (Some(_), None) => Bucket::Claimed,
        (Some(_), Some(found)) => bucket_of(keys, claimed, recipient, found.epoch()),
    }
}

/// Whose failures an attempt counts among, once the epoch is known.
pub(super) fn bucket_of(keys: &Keys, claimed: Option<ClaimedDevice>, recipient: &Recipient, epoch: &str) -> Bucket {
    let device = claimed.and_then(|claimed| keys.devices.verify(claimed, recipient, epoch));
    if device.is_some() { Bucket::Known } else { Bucket::Strangers }
}
