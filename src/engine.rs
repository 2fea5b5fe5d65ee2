//! The whole product on one page: `begin` and `resend` send a code, `complete` turns it into tokens, `refresh` renews them.
//!
//! The engine does no IO and reads no clock: time and randomness are arguments, and what has to be asked or sent goes
//! through three ports, a [`Guard`], a [`Directory`] and an [`Outbox`]. The order of the steps is the protocol's.

use alloc::{boxed::Box, string::String, sync::Arc};

use rand_core::CryptoRng;

use crate::{
    challenge::{
        Binding, Challenge, ChallengeId, Challenges, GuardId, Links, UntrustedEnvelope, UntrustedLink, Use, VerifiedChallenge,
        VerifiedLink, Verifier,
    },
    delivery::{DeliveryFailed, Dispatch, Fate, Languages, Outbox},
    device::{ClaimedDevice, DeviceId, Devices},
    directory::{Directory, User},
    guard::{Attempt, AttemptRefused, Bucket, By, ClientNetwork, Counted, Guard, Request, RequestRefused, Unavailable, Verdict},
    policy::Policy,
    puzzle::Proof,
    recipient::{Channel, Recipient},
    time::UnixTime,
    token::{Amr, Login, SessionTokens, Sessions, TokenInvalid},
};

/// A login engine over one guard, one directory and one outbox.
#[derive(Debug)]
pub struct Engine<G, D, O> {
    /// The rules.
    pub policy: Policy,
    /// Makes and authenticates challenges.
    pub challenges: Arc<Challenges>,
    /// Seals and opens link tokens.
    pub links: Arc<Links>,
    /// Makes and checks session tokens.
    pub sessions: Sessions,
    /// Reads and writes device cookies.
    pub devices: Devices,
    /// Counts.
    pub guard: G,
    /// Knows users.
    pub directory: D,
    /// Sends.
    pub outbox: O,
}

/// Who is asking: what the engine may know of a client.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    /// Where it calls from.
    pub network: ClientNetwork,
    /// The value of its device cookie, if it has one.
    pub device_cookie: Option<&'a str>,
}

/// A request for a code.
#[derive(Debug)]
pub struct Begin<'a> {
    /// For whom.
    pub recipient: Recipient,
    /// Who asks.
    pub caller: Caller<'a>,
    /// A solved puzzle for this recipient.
    pub proof: Option<Proof>,
    /// S256 of a verifier that only this client knows.
    pub binding: Option<Binding>,
    /// In which language the message is wanted.
    pub languages: Languages,
}

/// A request for the same code once more.
#[derive(Debug)]
pub struct Resend<'a> {
    /// The request itself; its binding is not looked at, the envelope's stays.
    pub begin: Begin<'a>,
    /// The envelope that the first request was answered with.
    pub envelope: &'a str,
}

/// A code on its way.
#[derive(Debug)]
pub struct Begun {
    /// The signed envelope.
    pub envelope: String,
    /// What it says.
    pub challenge: VerifiedChallenge,
}

/// An attempt to log in.
#[derive(Debug)]
pub struct Complete<'a> {
    /// What is presented.
    pub presented: Presented<'a>,
    /// Who presents it.
    pub caller: Caller<'a>,
    /// The verifier, for a challenge that was bound to its client.
    pub verifier: Option<Verifier<'a>>,
}

/// What proves a recipient.
#[derive(Debug)]
pub enum Presented<'a> {
    /// A code with its envelope.
    Code {
        /// The recipient that the code was sent to.
        recipient: Recipient,
        /// The envelope, as it came.
        envelope: &'a str,
        /// The code, trimmed.
        code: &'a str,
    },
    /// A link token.
    Link {
        /// The recipient, where the client says it; then it must be the link's.
        recipient: Option<Recipient>,
        /// The token, as it came.
        link: UntrustedLink<'a>,
    },
}

/// A person who is signed in.
#[derive(Debug)]
pub struct SignedIn {
    /// The session.
    pub tokens: SessionTokens,
    /// The new value of the browser's device cookie.
    pub device_cookie: String,
    /// The challenge that was redeemed.
    pub challenge: VerifiedChallenge,
}

/// Why no code is on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BeginError {
    /// The channel isn't allowed.
    MethodDisabled,
    /// Too many, too soon, or a guard without room.
    Refused(RequestRefused),
    /// Inline delivery failed.
    DeliveryFailed,
    /// Resend only: the envelope can't be resent.
    Envelope(CompleteError),
}

/// Why nobody is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CompleteError {
    /// The channel isn't allowed.
    MethodDisabled,
    /// Forged, another recipient's, a wrong code, an unknown user, a missing verifier: nobody learns which.
    InvalidCredentials {
        /// How many attempts are left, where one was counted.
        attempts_left: Option<u32>,
    },
    /// Authentic but past its end.
    Expired,
    /// Authentic but redeemed.
    Spent,
    /// Authentic, but no attempt is left.
    Exhausted,
    /// It belongs to this guard. Nothing was counted.
    Misdirected(GuardId),
    /// Guard or directory can't answer. Nothing was counted.
    Unavailable(Unavailable),
}

impl<G: Guard, D: Directory, O: Outbox> Engine<G, D, O> {
    /// Sends a code to a recipient and returns the challenge that it belongs to.
    ///
    /// # Errors
    /// See [`BeginError`]. Unknown, inactive and admin users are none: their message is dropped, the answer is the same.
    pub async fn begin(&self, begin: Begin<'_>, now: UnixTime, random: &mut impl CryptoRng) -> Result<Begun, BeginError> {
        let channel = begin.recipient.channel();
        self.allow(channel).map_err(|_| BeginError::MethodDisabled)?;
        let slot = self.outbox.reserve(channel)?;
        let (admitted, user) = self.admit(&begin, now).await?;
        let mut id = [0; 16];
        random.fill_bytes(&mut id);
        let challenge = Challenge {
            id: ChallengeId::from_random(id),
            issued_at: now,
            expires_at: now.plus(self.policy.challenge_lifetime),
            usage: Use::Code,
            channel,
            format: self.policy.code_format.at_least(admitted.strength),
            guard: admitted.guard,
            binding: begin.binding,
        };
        let challenge = self.challenges.seal(challenge, begin.recipient.clone());
        self.dispatch(slot, &begin, challenge.clone(), user, now).await?;
        Ok(Begun { envelope: self.challenges.sign(&challenge), challenge })
    }

    /// Sends the code of a living challenge once more, by the same channel to the same recipient. Its end stays.
    ///
    /// # Errors
    /// See [`BeginError`].
    pub async fn resend(&self, resend: Resend<'_>, now: UnixTime) -> Result<VerifiedChallenge, BeginError> {
        let Resend { begin, envelope } = resend;
        self.allow(begin.recipient.channel()).map_err(|_| BeginError::MethodDisabled)?;
        let challenge = self.authenticate(envelope, &begin.recipient, now).map_err(BeginError::Envelope)?;
        let bucket = self.bucket(&begin.caller, &begin.recipient, now).1;
        let attempt = Attempt { challenge: &challenge, by: By::Code, bucket, now };
        self.guard.peek(&attempt).await.map_err(|refused| BeginError::Envelope(refusal(refused, &challenge)))?;
        let slot = self.outbox.reserve(begin.recipient.channel())?;
        let (_, user) = self.admit(&begin, now).await?;
        self.dispatch(slot, &begin, challenge.clone(), user, now).await?;
        Ok(challenge)
    }

    /// Redeems a challenge.
    ///
    /// Authentic? expired? whose guard, spent, exhausted? who is it? count; compare; register; sign. In this order.
    ///
    /// # Errors
    /// See [`CompleteError`].
    pub async fn complete(
        &self,
        complete: Complete<'_>,
        now: UnixTime,
        random: &mut impl CryptoRng,
    ) -> Result<SignedIn, CompleteError> {
        let (challenge, proof) = self.believe(&complete.presented, now)?;
        let recipient = challenge.recipient();
        let (claimed, bucket) = self.bucket(&complete.caller, recipient, now);
        let mut attempt = Attempt { challenge: &challenge, by: proof.by(), bucket, now };
        self.guard.peek(&attempt).await.map_err(|refused| refusal(refused, &challenge))?;

        let user = self.directory.lookup(recipient).await?.filter(|user| self.policy.knows(user, recipient));
        let epoch = user.as_ref().map_or("", |user| &*user.epoch);
        attempt.bucket = self.judge(claimed, recipient, epoch);
        let bound = challenge.challenge().binding.is_none_or(|binding| complete.verifier.is_some_and(|v| binding.is_met_by(v)));
        let right = self.is_right(&proof, &challenge, epoch) & bound & self.may_log_in(user.as_ref());
        match self.guard.count(&attempt, Verdict::sealed(right)).await.map_err(|refused| refusal(refused, &challenge))? {
            Counted::Rejected { attempts_left } => {
                let attempts_left = (attempt.by == By::Code).then_some(attempts_left);
                return Err(CompleteError::InvalidCredentials { attempts_left });
            }
            Counted::Accepted => {}
        }

        let user = match user {
            Some(user) => user,
            None => match self.register(recipient).await {
                Ok(user) => user,
                Err(error) => {
                    self.guard.give_back(&attempt).await;
                    return Err(error);
                }
            },
        };
        let login = Login { user: &user, recipient, amr: Amr::of(recipient.channel()) };
        let tokens = self.sessions.begin(&login, now, random);
        let device = DeviceId::random(random);
        let device_cookie = self.devices.remember(complete.caller.device_cookie, recipient, &user.epoch, device, now);
        Ok(SignedIn { tokens, device_cookie, challenge })
    }

    /// A new access token of a living session, if the directory still has the same user and the login rules still hold.
    ///
    /// # Errors
    /// [`RefreshError`].
    pub async fn refresh(&self, token: &str, now: UnixTime, random: &mut impl CryptoRng) -> Result<String, RefreshError> {
        let session = self.sessions.open_refresh(token, now)?;
        self.allow(session.recipient.channel()).map_err(|_| RefreshError::Invalid)?;
        let user = self.directory.lookup(&session.recipient).await.map_err(RefreshError::Unavailable)?;
        let user = user.filter(|user| self.policy.knows(user, &session.recipient) && self.policy.admits(user));
        let user = user.filter(|user| *user.id == *session.subject && *user.epoch == *session.epoch);
        Ok(self.sessions.renew(&session, &user.ok_or(RefreshError::Invalid)?, now, random))
    }

    /// Authenticates an envelope for this recipient and judges its lifetime and kind.
    fn authenticate(&self, envelope: &str, recipient: &Recipient, now: UnixTime) -> Result<VerifiedChallenge, CompleteError> {
        let forged = CompleteError::InvalidCredentials { attempts_left: None };
        let untrusted = UntrustedEnvelope::parse(envelope).ok_or(forged.clone())?;
        let challenge = self.challenges.authenticate(untrusted, recipient).map_err(|_| forged.clone())?;
        match challenge {
            _ if challenge.challenge().usage != Use::Code => Err(forged),
            _ if challenge.is_expired(now) => Err(CompleteError::Expired),
            _ => Ok(challenge),
        }
    }

    /// The challenge that something presented belongs to, and how it wants to prove it.
    fn believe<'a>(&self, presented: &Presented<'a>, now: UnixTime) -> Result<(VerifiedChallenge, Proving<'a>), CompleteError> {
        match presented {
            Presented::Code { recipient, envelope, code } => {
                self.allow(recipient.channel())?;
                let challenge = self.authenticate(envelope, recipient, now)?;
                let long =
                    self.policy.browser_link.as_ref().filter(|format| code.chars().count() == usize::from(format.length()));
                Ok((challenge, if long.is_some() { Proving::LongCode(code) } else { Proving::Code(code) }))
            }
            Presented::Link { recipient, link } => {
                let forged = CompleteError::InvalidCredentials { attempts_left: None };
                let VerifiedLink { challenge, epoch } = self.links.open(&self.challenges, *link).map_err(|_| forged.clone())?;
                if recipient.as_ref().is_some_and(|recipient| recipient != challenge.recipient()) {
                    return Err(forged);
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
    fn is_right(&self, proof: &Proving<'_>, challenge: &VerifiedChallenge, epoch: &str) -> bool {
        match (proof, &self.policy.browser_link) {
            (Proving::Link { epoch: sealed }, _) => sealed == epoch,
            (Proving::LongCode(code), Some(format)) => {
                self.challenges.long_code(challenge, epoch, format).matches(code, format.alphabet())
            }
            (Proving::Code(code) | Proving::LongCode(code), _) => {
                self.challenges.code(challenge, epoch).matches(code, challenge.challenge().format.alphabet())
            }
        }
    }

    /// Takes a request in and asks who it is for. A known device is judged by the directory's epoch, so it asks first;
    /// everybody else is counted first, so that a flood doesn't reach the directory.
    async fn admit(&self, begin: &Begin<'_>, now: UnixTime) -> Result<(crate::guard::Admitted, Option<User>), BeginError> {
        let Begin { recipient, caller, proof, .. } = begin;
        let mut request = Request { recipient, network: caller.network, device: None, proof: *proof, now };
        if let (Some(claimed), _) = self.bucket(caller, recipient, now) {
            let user = self.find(recipient).await?;
            let epoch = user.as_ref().map_or("", |user| &*user.epoch);
            request.device = self.devices.verify(claimed, recipient, epoch);
            return Ok((self.guard.admit(&request).await?, user));
        }
        let admitted = self.guard.admit(&request).await?;
        match self.find(recipient).await {
            Ok(user) => Ok((admitted, user)),
            Err(error) => {
                self.guard.withdraw(&request).await;
                Err(error)
            }
        }
    }

    async fn find(&self, recipient: &Recipient) -> Result<Option<User>, BeginError> {
        Ok(self.directory.lookup(recipient).await?.filter(|user| self.policy.knows(user, recipient)))
    }

    /// Hands the message over; one to somebody who may not log in is dropped where nobody sees it.
    async fn dispatch(
        &self,
        slot: O::Slot,
        begin: &Begin<'_>,
        challenge: VerifiedChallenge,
        user: Option<User>,
        now: UnixTime,
    ) -> Result<(), BeginError> {
        let recipient = &begin.recipient;
        let fate = match &user {
            _ if !self.may_log_in(user.as_ref()) => Fate::Drop,
            Some(user) => Fate::Send(user.address(recipient.channel()).unwrap_or(recipient.as_str()).into()),
            None => Fate::Send(recipient.as_str().into()),
        };
        let mut languages = begin.languages.clone();
        let epoch = user.map_or_else(Box::default, |user| {
            languages.stored = user.locale;
            user.epoch
        });
        let sent = self.outbox.post(slot, Dispatch { challenge, epoch, fate, languages }).await;
        if let Err(DeliveryFailed) = sent {
            let device = None;
            let request = Request { recipient, network: begin.caller.network, device, proof: None, now };
            self.guard.withdraw(&request).await;
            return Err(BeginError::DeliveryFailed);
        }
        Ok(())
    }

    /// Whether a code may open something for this user, or for an unknown one.
    fn may_log_in(&self, user: Option<&User>) -> bool {
        user.map_or(self.policy.registers, |user| self.policy.admits(user))
    }

    async fn register(&self, recipient: &Recipient) -> Result<User, CompleteError> {
        let user = self.directory.register(recipient, self.policy.registration_sets_unusable_password).await?;
        let admitted = self.policy.knows(&user, recipient) && self.policy.admits(&user);
        admitted.then_some(user).ok_or(CompleteError::InvalidCredentials { attempts_left: None })
    }

    fn bucket(&self, caller: &Caller<'_>, recipient: &Recipient, now: UnixTime) -> (Option<ClaimedDevice>, Bucket) {
        let claimed = caller.device_cookie.and_then(|cookie| self.devices.claimed(cookie, recipient, now));
        (claimed, if claimed.is_some() { Bucket::Claimed } else { Bucket::Strangers })
    }

    fn judge(&self, claimed: Option<ClaimedDevice>, recipient: &Recipient, epoch: &str) -> Bucket {
        claimed.and_then(|claimed| self.devices.verify(claimed, recipient, epoch)).map_or(Bucket::Strangers, Bucket::Device)
    }

    fn allow(&self, channel: Channel) -> Result<(), CompleteError> {
        if self.policy.allows(channel) { Ok(()) } else { Err(CompleteError::MethodDisabled) }
    }
}

/// How an attempt wants to prove its challenge.
enum Proving<'a> {
    Code(&'a str),
    LongCode(&'a str),
    Link { epoch: String },
}

impl Proving<'_> {
    const fn by(&self) -> By {
        match self {
            Self::Code(_) => By::Code,
            Self::LongCode(_) | Self::Link { .. } => By::Link,
        }
    }
}

/// Why a session was not renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshError {
    /// The token is invalid or its session has ended.
    Invalid,
    /// The directory can't answer.
    Unavailable(Unavailable),
}

fn refusal(refused: AttemptRefused, challenge: &VerifiedChallenge) -> CompleteError {
    match refused {
        AttemptRefused::Misdirected => CompleteError::Misdirected(challenge.challenge().guard.clone()),
        AttemptRefused::Expired => CompleteError::Expired,
        AttemptRefused::Spent => CompleteError::Spent,
        AttemptRefused::Exhausted => CompleteError::Exhausted,
        AttemptRefused::Unavailable(unavailable) => CompleteError::Unavailable(unavailable),
    }
}

impl From<RequestRefused> for BeginError {
    fn from(refused: RequestRefused) -> Self {
        Self::Refused(refused)
    }
}

impl From<Unavailable> for BeginError {
    fn from(unavailable: Unavailable) -> Self {
        Self::Refused(RequestRefused::Unavailable(unavailable))
    }
}

impl From<Unavailable> for CompleteError {
    fn from(unavailable: Unavailable) -> Self {
        Self::Unavailable(unavailable)
    }
}

impl From<TokenInvalid> for RefreshError {
    fn from(_: TokenInvalid) -> Self {
        Self::Invalid
    }
}
