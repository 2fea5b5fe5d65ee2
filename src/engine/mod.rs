//! The whole product on one page: `begin` and `resend` send a code, `complete` turns it into tokens, `refresh` renews them.
//!
//! The engine does no IO and reads no clock: time and randomness are arguments, and what has to be asked or sent goes
//! through three ports, a [`Guard`], a [`Directory`] and an [`Outbox`]. The order of the steps is the protocol's.

mod messages;
pub mod policy;
mod steps;

use alloc::string::String;

use rand_core::CryptoRng;

pub use messages::{Begin, BeginError, Begun, Caller, Complete, CompleteError, Presented, RefreshError, Resend, SignedIn};
use steps::{Entry, authenticate, bucket, claimed_device, slot_request};

use crate::{
    browser::device::DeviceId,
    challenge::{Challenge, ChallengeId, Use, VerifiedChallenge},
    crypto::random,
    delivery::Outbox,
    directory::Directory,
    engine::policy::Policy,
    guard::{Attempt, Bucket, By, Counted, Guard, Looked, Verdict},
    keys::CurrentKeys,
    time::UnixTime,
    token::{Amr, Login},
};

/// A login engine over one guard, one directory and one outbox.
#[derive(Debug)]
pub struct Engine<G, D, O> {
    /// The rules.
    pub policy: Policy,
    /// Makes and believes challenges, links, tokens and cookies. A call uses the keys that are current when it begins.
    pub keys: CurrentKeys,
    /// Counts.
    pub guard: G,
    /// Knows users.
    pub directory: D,
    /// Sends.
    pub outbox: O,
}

impl<G: Guard, D: Directory, O: Outbox> Engine<G, D, O> {
    /// Sends a code to a recipient and returns the challenge that it belongs to.
    ///
    /// # Errors
    /// See [`BeginError`]. Unknown, inactive and admin users are none: their message is dropped, the answer is the same.
    pub async fn begin(&self, begin: Begin<'_>, now: UnixTime, random: &mut impl CryptoRng) -> Result<Begun, BeginError> {
        let channel = begin.recipient.channel();
        self.allow(channel).map_err(|_| BeginError::MethodDisabled)?;
        let keys = self.keys.load();
        let slot = self.outbox.reserve(&slot_request(&keys, &begin, now))?;
        let Entry { request, admitted, found } = self.admit(&keys, &begin, now, now).await?;

        let challenge = Challenge {
            id: ChallengeId::from_random(random::bytes(random)),
            issued_at: now,
            expires_at: now.plus(self.policy.challenge_lifetime),
            usage: Use::Code,
            channel,
            format: self.policy.code_format.at_least(admitted.strength),
            guard: admitted.guard,
            binding: begin.binding,
        };
        let challenge = keys.challenges.seal(challenge, begin.recipient.clone());
        self.dispatch(slot, &keys, &begin, &request, challenge.clone(), found).await?;
        Ok(Begun { envelope: keys.challenges.sign(&challenge), challenge })
    }

    /// Sends the code of a living challenge once more, by the same channel to the same recipient. Its end stays.
    ///
    /// # Errors
    /// See [`BeginError`].
    pub async fn resend(&self, resend: Resend<'_>, now: UnixTime) -> Result<VerifiedChallenge, BeginError> {
        let Resend { begin, envelope } = resend;
        self.allow(begin.recipient.channel()).map_err(|_| BeginError::MethodDisabled)?;
        let keys = self.keys.load();
        let challenge = authenticate(&keys, envelope, &begin.recipient, now).map_err(BeginError::Envelope)?;
        let claimed = claimed_device(&keys, &begin.caller, &begin.recipient, now);
        let bucket = if claimed.is_some() { Bucket::Claimed } else { Bucket::Strangers };
        let attempt = Attempt { challenge: &challenge, by: By::Resend, bucket, now, looked: Looked::default() };
        let living = self.guard.peek(&attempt).await;
        living.map_err(|refused| BeginError::Envelope(CompleteError::refused(refused, &challenge)))?;

        let slot = self.outbox.reserve(&slot_request(&keys, &begin, now))?;
        let Entry { request, found, .. } = self.admit(&keys, &begin, challenge.challenge().issued_at, now).await?;
        self.dispatch(slot, &keys, &begin, &request, challenge.clone(), found).await?;
        Ok(challenge)
    }

    /// Redeems a challenge: authentic? expired? whose guard, spent, exhausted? who is it? Then count, compare, register, sign.
    ///
    /// # Errors
    /// See [`CompleteError`].
    pub async fn complete(
        &self,
        complete: Complete<'_>,
        now: UnixTime,
        random: &mut impl CryptoRng,
    ) -> Result<SignedIn, CompleteError> {
        let keys = self.keys.load();
        let (challenge, proving) = self.believe(&keys, &complete.presented, now)?;
        let recipient = challenge.recipient();
        let claimed = claimed_device(&keys, &complete.caller, recipient, now);
        let bucket_for_now = if claimed.is_some() { Bucket::Claimed } else { Bucket::Strangers };
        let mut attempt =
            Attempt { challenge: &challenge, by: proving.by(), bucket: bucket_for_now, now, looked: Looked::default() };
        let looked = self.guard.peek(&attempt).await;
        attempt.looked = looked.map_err(|refused| CompleteError::refused(refused, &challenge))?;

        let found = self.directory.lookup(recipient).await?;
        let epoch = found.epoch();
        attempt.bucket = bucket(&keys, claimed, recipient, epoch);

        let binding = challenge.challenge().binding;
        let is_bound = binding.is_none_or(|binding| complete.verifier.is_some_and(|verifier| binding.is_met_by(verifier)));
        let right = self.is_right(&keys, &proving, &challenge, epoch) & is_bound & self.policy.may_log_in(&found);
        let counted = self.guard.count(&attempt, Verdict::sealed(right)).await;
        if let Counted::Rejected { attempts_left } = counted.map_err(|refused| CompleteError::refused(refused, &challenge))? {
            let attempts_left = (attempt.by == By::Code).then_some(attempts_left);
            return Err(CompleteError::InvalidCredentials { attempts_left });
        }

        let user = match found.into_user() {
            Some(user) => user,
            None => match self.register(recipient).await {
                Ok(user) => user,
                Err(error) => {
                    self.guard.give_back(&attempt).await;
                    return Err(error);
                }
            },
        };
        let tokens = keys.sessions.begin(&Login { user: &user, recipient, amr: Amr::of(recipient.channel()) }, now, random);
        let device = DeviceId::random(random);
        let device_cookie = keys.devices.remember(complete.caller.device_cookie, recipient, &user.epoch, device, now);
        Ok(SignedIn { tokens, device_cookie, challenge })
    }

    /// A new access token of a living session, if the directory still has the same user and the login rules still hold.
    ///
    /// # Errors
    /// See [`RefreshError`].
    pub async fn refresh(&self, token: &str, now: UnixTime, random: &mut impl CryptoRng) -> Result<String, RefreshError> {
        let keys = self.keys.load();
        let session = keys.sessions.open_refresh(token, now)?;
        self.allow(session.recipient.channel()).map_err(|_| RefreshError::Invalid)?;
        let found = self.directory.lookup(&session.recipient).await.map_err(RefreshError::Unavailable)?;
        let same = found
            .into_user()
            .filter(|user| *user.id == *session.subject && *user.epoch == *session.epoch && self.policy.admits(user));
        let user = same.ok_or(RefreshError::Invalid)?;
        Ok(keys.sessions.renew(&session, &user, now, random))
    }
}
