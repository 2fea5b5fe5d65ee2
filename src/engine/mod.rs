//! The whole product on one page: `begin` and `resend` send a code, `complete` turns what proves a recipient into tokens,
//! `refresh` renews them.
//!
//! The engine does no IO and reads no clock: time and randomness are arguments, and what has to be asked or sent goes
//! through ports: a [`Guard`], a [`Directory`], an [`Outbox`] and a store of [`EndedSessions`]. The order of the steps is the protocol's. What a
//! client presents to prove a recipient is a [`Way`]: each is a file of its own, and nothing here knows which there are.

mod asked;
mod authority;
mod begin;
mod by_code;
mod by_external;
mod by_link;
mod caller;
mod complete;
mod learned;
mod policy;
mod recheck;
mod refresh;
mod reviewers;
mod session;
mod sign_in;
mod status;
mod trial;
mod way;
mod weight;

use alloc::string::String;

use rand_core::CryptoRng;

use self::{
    asked::Asked,
    begin::Entry,
    caller::{bucket_of, presumed_bucket},
    complete::Terms,
    recheck::Rechecks,
};
pub use self::{
    authority::Authority,
    begin::{Begin, BeginError, Begun, Resend},
    by_code::{ByCode, TypedCode},
    by_external::{ByExternal, ProvidersCode},
    by_link::{ByLink, SealedEpoch},
    caller::Caller,
    complete::{Complete, CompleteError, Wants},
    learned::Learned,
    policy::Policy,
    refresh::RefreshError,
    reviewers::{Reviewers, is_fictional},
    session::{NoSession, Present},
    sign_in::{Credentials, SignedIn},
    status::{State, Status},
    trial::{Pending, Proved, Trial},
    way::{Evidence, Way},
};
use crate::{
    challenge::{Challenge, ChallengeId, Use, VerifiedChallenge},
    crypto::random,
    delivery::{Dispatch, Outbox},
    directory::Directory,
    ended::{EndedSessions, NeverEnded, SessionFacts},
    guard::{Attempt, By, Guard},
    keys::CurrentKeys,
    time::UnixTime,
    verify::{Method, NotStarted},
};

/// A login engine over one guard, one directory, one outbox, and where sessions are ended one store of those.
#[derive(Debug)]
pub struct Engine<G, D, O, E = NeverEnded> {
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
    /// Remembers which sessions were ended before their time.
    pub ended: E,
    asked: Asked,
    rechecks: Rechecks,
}

impl<G, D, O> Engine<G, D, O> {
    /// An engine with these rules and keys.
    #[must_use]
    pub fn new(policy: Policy, keys: impl Into<CurrentKeys>, guard: G, directory: D, outbox: O) -> Self {
        let ended = NeverEnded;
        Self {
            policy,
            keys: keys.into(),
            guard,
            directory,
            outbox,
            ended,
            asked: Asked::default(),
            rechecks: Rechecks::default(),
        }
    }

    /// This engine, whose sessions can be ended before their time.
    #[must_use]
    pub fn with_ended<E>(self, ended: E) -> Engine<G, D, O, E> {
        let Self { policy, keys, guard, directory, outbox, ended: NeverEnded, asked, rechecks } = self;
        Engine { policy, keys, guard, directory, outbox, ended, asked, rechecks }
    }
}

impl<G: Guard, D: Directory, O: Outbox, E: EndedSessions> Engine<G, D, O, E> {
    /// Sends a code to a recipient and returns the challenge that it belongs to.
    ///
    /// # Errors
    /// See [`BeginError`]. Unknown, inactive and admin users are none: their message is dropped, the answer is the same.
    pub async fn begin(&self, begin: Begin<'_>, now: UnixTime, random: &mut impl CryptoRng) -> Result<Begun, BeginError> {
        let channel = begin.recipient.channel();
        self.policy.require(channel)?;
        let keys = self.keys.load();
        let (slot, entry) = self.admit(&keys, &begin, By::Code, now, now).await?;

        let id = ChallengeId::from_random(random::bytes(random));
        let guard = entry.admitted.guard.clone();
        let challenge = Challenge {
            format: Some(self.policy.code_format.at_least(entry.admitted.strength)),
            binding: begin.binding,
            ..Challenge::new(id, Use::CODE, channel, guard, now, self.policy.challenge_lifetime)
        };
        let challenge = keys.challenges.seal(challenge, begin.recipient.clone());
        self.dispatch(slot, &keys, &begin, entry, challenge.clone()).await?;
        Ok(Begun { envelope: keys.challenges.sign(&challenge), challenge })
    }

    /// Has a verify provider send a code of its own, and returns the challenge that its check belongs to.
    ///
    /// `start` is where the provider is asked. With a directory it must return before the provider has answered, and must ask it
    /// only where the fate is [`Fate::Send`](crate::delivery::Fate::Send): what it returns, and when, tells whoever asked. It
    /// holds the room in the message queue until the check has been started. The challenge has no code of ours.
    ///
    /// # Errors
    /// See [`BeginError`]. Where `start` fails the request is given back, unless the code may be on its way.
    pub async fn begin_external(
        &self,
        begin: Begin<'_>,
        method: Method,
        start: impl AsyncFnOnce(O::Slot, Dispatch) -> Result<(), NotStarted>,
        now: UnixTime,
        random: &mut impl CryptoRng,
    ) -> Result<Begun, BeginError> {
        let channel = begin.recipient.channel();
        self.policy.require(channel)?;
        let keys = self.keys.load();
        let (slot, Entry { request, admitted, found }) = self.admit(&keys, &begin, By::External, now, now).await?;

        let (id, guard) = (method.id(random::bytes(random)), admitted.guard.clone());
        let challenge = Challenge {
            binding: begin.binding,
            ..Challenge::new(id, Use::EXTERNAL, channel, guard, now, self.policy.challenge_lifetime)
        };
        let challenge = keys.challenges.seal(challenge, begin.recipient.clone());
        let dispatch = self.dispatch_of(&keys, &begin, challenge.clone(), found, now);
        if let Err(reason) = start(slot, dispatch).await {
            if reason != NotStarted::Unanswered {
                self.guard.withdraw(&request, &admitted.taken).await;
            }
            return Err(BeginError::NotStarted(reason));
        }
        Ok(Begun { envelope: keys.challenges.sign(&challenge), challenge })
    }

    /// Sends the code of a living challenge once more, by the same channel to the same recipient. Its end stays.
    ///
    /// # Errors
    /// See [`BeginError`].
    pub async fn resend(&self, resend: Resend<'_>, now: UnixTime) -> Result<VerifiedChallenge, BeginError> {
        let Resend { begin, envelope } = resend;
        let recipient = &begin.recipient;
        self.policy.require(recipient.channel())?;
        let keys = self.keys.load();
        let authority = Authority::new(&self.policy, &keys);
        let challenge = authority.envelope_for(Use::CODE, envelope, recipient).map_err(BeginError::Envelope)?;
        let claimed = begin.caller.claimed_device(&keys, recipient, now);
        let bucket = presumed_bucket(&keys, claimed, recipient, self.asked.recently(recipient, now).as_ref());
        let attempt = Attempt { bucket, ..Attempt::new(&challenge, By::Resend, now) };
        self.look(&attempt).await.map_err(BeginError::Envelope)?;

        let (slot, entry) = self.admit(&keys, &begin, By::Code, challenge.challenge().issued_at, now).await?;
        self.dispatch(slot, &keys, &begin, entry, challenge.clone()).await?;
        Ok(challenge)
    }

    /// Redeems a challenge: authentic? expired? whose guard, spent, exhausted? the right client? who is it? Then count,
    /// compare, register, sign.
    ///
    /// # Errors
    /// See [`CompleteError`].
    pub async fn complete<W: Way>(
        &self,
        complete: Complete<'_, W>,
        now: UnixTime,
        random: &mut impl CryptoRng,
    ) -> Result<SignedIn, CompleteError> {
        let Complete { way, caller, verifier, at, wants } = complete;
        let keys = self.keys.load();
        let authority = Authority::new(&self.policy, &keys);
        let (challenge, evidence) = way.believe(&authority)?;
        caller.learn(|learned| learned.note_challenge(&challenge));
        let recipient = challenge.recipient();
        self.policy.require(recipient.channel())?;

        let claimed = caller.claimed_device(&keys, recipient, now);
        let recently = self.asked.recently(recipient, now);
        let bucket = presumed_bucket(&keys, claimed, recipient, recently.as_ref());
        let mut attempt = Attempt { bucket, ..Attempt::new(&challenge, evidence.by(), now) };
        attempt.looked = self.look(&attempt).await?;
        if challenge.challenge().binding.is_some_and(|binding| !verifier.is_some_and(|verifier| binding.is_met_by(verifier))) {
            return Err(self.count_as_wrong(&attempt).await);
        }
        if let (By::Link, Some(recently)) = (attempt.by, &recently) {
            evidence.judge(Trial::<G>::rehearsal(&authority, &attempt, recently)).await?;
        }

        let found = self.policy.with_reviewers(recipient, self.directory.lookup(recipient).await?, now);
        caller.learn(|learned| learned.note_found(&found));
        attempt.bucket = bucket_of(&keys, claimed, recipient, found.epoch());
        let amr = evidence.amr(recipient);
        match evidence.judge(Trial::new(&self.guard, &authority, &attempt, &found)).await {
            Ok(proved) => {
                let terms = Terms { caller, at, wants };
                self.sign_in(&keys, proved, &found, amr, &terms, random).await
            }
            Err(error) => {
                if !error.is_counted() {
                    self.asked.keep(recipient, found, now);
                }
                Err(error)
            }
        }
    }

    /// A new access token of a living session, if it wasn't ended, the directory still has the same user and the login rules still
    /// hold.
    ///
    /// # Errors
    /// See [`RefreshError`].
    pub async fn refresh(&self, token: &str, now: UnixTime, random: &mut impl CryptoRng) -> Result<String, RefreshError> {
        let keys = self.keys.load();
        let session = keys.sessions.open_refresh(token, now)?.session;
        if !self.may_go_on(&session, now) {
            return Err(RefreshError::Invalid);
        }
        let id = session.id.to_text();
        if self.ended.has_ended(&SessionFacts::of(&session, &id), now).await? {
            return Err(RefreshError::Invalid);
        }
        let user = self.still_the_user_of(&session, now).await?.ok_or(RefreshError::Invalid)?;
        Ok(keys.sessions.renew(&session, &user, now, random))
    }
}
