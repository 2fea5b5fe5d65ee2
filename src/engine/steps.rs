//! The steps that `begin`, `resend` and `complete` are made of.

use alloc::{string::String, sync::Arc};

use super::{Begin, BeginError, Caller, CompleteError, Engine, Presented};
use crate::{
    browser::device::ClaimedDevice,
    challenge::{UntrustedEnvelope, Use, VerifiedChallenge, VerifiedLink},
    delivery::{DeliveryFailed, Dispatch, Fate, Outbox, SlotRequest},
    directory::{Directory, Found},
    guard::{Admitted, Bucket, By, Guard, Request},
    keys::Keys,
    recipient::{Channel, Recipient},
    time::UnixTime,
    user::User,
};

/// A request that was let in.
pub(super) struct Entry<'a> {
    /// As the guard counted it.
    pub(super) request: Request<'a>,
    /// What the guard says about the challenge to make.
    pub(super) admitted: Admitted,
    /// Whom the directory knows by this recipient.
    pub(super) found: Found,
}

/// How an attempt wants to prove its challenge.
pub(super) enum Proving<'a> {
    Code(&'a str),
    LongCode(&'a str),
    Link { epoch: String },
}

impl Proving<'_> {
    pub(super) const fn by(&self) -> By {
        match self {
            Self::Code(_) => By::Code,
            Self::LongCode(_) | Self::Link { .. } => By::Link,
        }
    }
}

impl<G: Guard, D: Directory, O: Outbox> Engine<G, D, O> {
    pub(super) fn allow(&self, channel: Channel) -> Result<(), CompleteError> {
        if self.policy.allows(channel) { Ok(()) } else { Err(CompleteError::MethodDisabled) }
    }

    /// The challenge that something presented belongs to, and how it wants to prove it.
    pub(super) fn believe<'a>(
        &self,
        keys: &Keys,
        presented: &Presented<'a>,
        now: UnixTime,
    ) -> Result<(VerifiedChallenge, Proving<'a>), CompleteError> {
        match presented {
            Presented::Code { recipient, envelope, code } => {
                self.allow(recipient.channel())?;
                let challenge = authenticate(keys, envelope, recipient, now)?;
                let is_long = |length: u8| code.chars().count() == usize::from(length);
                let long = self.policy.browser_link.as_ref().is_some_and(|format| is_long(format.length()));
                Ok((challenge, if long { Proving::LongCode(code) } else { Proving::Code(code) }))
            }
            Presented::Link { recipient, link } => {
                let opened = keys.links.open(&keys.challenges, *link).map_err(|_| CompleteError::FORGED)?;
                let VerifiedLink { challenge, epoch } = opened;
                if recipient.as_ref().is_some_and(|recipient| recipient != challenge.recipient()) {
                    return Err(CompleteError::FORGED);
                }
                self.allow(challenge.recipient().channel())?;
                if challenge.is_expired(now) {
                    return Err(CompleteError::Expired);
                }
                Ok((challenge, Proving::Link { epoch }))
            }
        }
    }

    /// Whether what was presented is right for the user of this epoch. The same work whatever the answer.
    pub(super) fn is_right(&self, keys: &Keys, proving: &Proving<'_>, challenge: &VerifiedChallenge, epoch: &str) -> bool {
        let short = |code: &str| {
            let alphabet = challenge.challenge().format.alphabet();
            keys.challenges.code(challenge, epoch).matches(code, alphabet)
        };
        match (proving, &self.policy.browser_link) {
            (Proving::Link { epoch: sealed }, _) => sealed == epoch,
            (Proving::LongCode(code), Some(format)) => {
                keys.challenges.long_code(challenge, epoch, format).matches(code, format.alphabet())
            }
            (Proving::Code(code) | Proving::LongCode(code), _) => short(code),
        }
    }

    /// Lets a request in and asks whom it is for. Whoever claims to be a known device is judged by the directory's epoch,
    /// so there the directory comes first; everybody else is counted first, so that a flood doesn't reach it.
    pub(super) async fn admit<'a>(
        &self,
        keys: &Keys,
        begin: &'a Begin<'_>,
        issued_at: UnixTime,
        now: UnixTime,
    ) -> Result<Entry<'a>, BeginError> {
        let Begin { recipient, caller, proof, .. } = begin;
        let Caller { network, .. } = *caller;
        let mut request = Request { recipient, usage: Use::Code, network, is_known: false, proof: *proof, now, issued_at };
        let Some(claimed) = claimed_device(keys, caller, recipient, now) else {
            let admitted = self.guard.admit(&request).await?;
            return match self.directory.lookup(recipient).await {
                Ok(found) => Ok(Entry { request, admitted, found }),
                Err(unavailable) => {
                    self.guard.withdraw(&request).await;
                    Err(unavailable.into())
                }
            };
        };
        let found = self.directory.lookup(recipient).await?;
        request.is_known = keys.devices.verify(claimed, recipient, found.epoch()).is_some();
        Ok(Entry { request, admitted: self.guard.admit(&request).await?, found })
    }

    /// Hands the message over; one to somebody who may not log in is dropped where nobody sees it.
    pub(super) async fn dispatch(
        &self,
        slot: O::Slot,
        keys: &Arc<Keys>,
        begin: &Begin<'_>,
        request: &Request<'_>,
        challenge: VerifiedChallenge,
        found: Found,
    ) -> Result<(), BeginError> {
        let fate = if self.policy.may_log_in(&found) { Fate::Send } else { Fate::Drop };
        let sent = self
            .outbox
            .send(slot, Dispatch { challenge, found, fate, languages: begin.languages.clone(), keys: Arc::clone(keys) })
            .await;
        if let Err(DeliveryFailed) = sent {
            self.guard.withdraw(request).await;
            return Err(BeginError::DeliveryFailed);
        }
        Ok(())
    }

    /// Makes a user of somebody who just proved an unknown recipient.
    pub(super) async fn register(&self, recipient: &Recipient) -> Result<Arc<User>, CompleteError> {
        let user = self.directory.register(recipient, self.policy.registration_sets_unusable_password).await?;
        let user = Found::new(recipient, Some(user.into())).into_user();
        user.filter(|user| self.policy.admits(user)).ok_or(CompleteError::FORGED)
    }
}

/// Authenticates an envelope for this recipient and judges its kind and lifetime.
pub(super) fn authenticate(
    keys: &Keys,
    envelope: &str,
    recipient: &Recipient,
    now: UnixTime,
) -> Result<VerifiedChallenge, CompleteError> {
    let untrusted = UntrustedEnvelope::parse(envelope).ok_or(CompleteError::FORGED)?;
    let challenge = keys.challenges.authenticate(untrusted, recipient).map_err(|_| CompleteError::FORGED)?;
    match challenge {
        _ if challenge.challenge().usage != Use::Code => Err(CompleteError::FORGED),
        _ if challenge.is_expired(now) => Err(CompleteError::Expired),
        _ => Ok(challenge),
    }
}

/// For whom room in the outbox is asked, before the directory is.
pub(super) fn slot_request(keys: &Keys, begin: &Begin<'_>, now: UnixTime) -> SlotRequest {
    let Begin { recipient, caller, proof, .. } = begin;
    let is_vouched = proof.is_some() || claimed_device(keys, caller, recipient, now).is_some();
    SlotRequest { channel: recipient.channel(), network: Some(caller.network), is_vouched }
}

pub(super) fn claimed_device(keys: &Keys, caller: &Caller<'_>, recipient: &Recipient, now: UnixTime) -> Option<ClaimedDevice> {
    keys.devices.claimed(caller.device_cookie?, recipient, now)
}

/// Whose failures an attempt counts among, once the epoch is known.
pub(super) fn bucket(keys: &Keys, claimed: Option<ClaimedDevice>, recipient: &Recipient, epoch: &str) -> Bucket {
    let device = claimed.and_then(|claimed| keys.devices.verify(claimed, recipient, epoch));
    if device.is_some() { Bucket::Known } else { Bucket::Strangers }
}
