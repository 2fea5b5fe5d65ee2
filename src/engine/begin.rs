//! A request for a code, the steps that it and a resend share, and why no code may be on its way.

use alloc::{string::String, sync::Arc};
use core::fmt;

use super::{Caller, CompleteError, Engine, policy::MethodDisabled};
use crate::{
    browser::{agent::Agent, device::ClaimedDevice, puzzle::Proof},
    challenge::{Binding, VerifiedChallenge},
    delivery::{DeliveryFailed, Dispatch, Fate, Languages, NoRoom, Outbox, SlotRequest},
    directory::{Directory, Found},
    guard::{Admitted, By, Guard, Request, RequestRefused},
    keys::Keys,
    recipient::Recipient,
    time::UnixTime,
    unavailable::Unavailable,
    verify::NotStarted,
};

/// A request for a code.
#[derive(Clone, Debug)]
#[non_exhaustive]
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
    /// With what it is asked for: the message says so.
    pub agent: Agent,
}

/// A request for the same code once more.
#[derive(Debug)]
#[non_exhaustive]
pub struct Resend<'a> {
    /// The request itself; its binding is not looked at, the envelope's stays.
    pub begin: Begin<'a>,
    /// The envelope that the first request was answered with.
    pub envelope: &'a str,
}

/// A code on its way.
#[derive(Debug)]
#[non_exhaustive]
pub struct Begun {
    /// The signed envelope.
    pub envelope: String,
    /// What it says.
    pub challenge: VerifiedChallenge,
}

/// Why no code is on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BeginError {
    /// The channel isn't allowed.
    MethodDisabled,
    /// Too many, too soon, or a guard without room.
    Refused(RequestRefused),
    /// Inline delivery failed.
    DeliveryFailed,
    /// The verify provider sends no code.
    NotStarted(NotStarted),
    /// Resend only: the envelope can't be resent.
    Envelope(CompleteError),
}

/// A request that was let in.
pub(super) struct Entry<'a> {
    /// What the guard was asked.
    pub(super) request: Request<'a>,
    /// What the guard says about it, and about the challenge to make.
    pub(super) admitted: Admitted,
    /// Whom the directory knows by this recipient.
    pub(super) found: Found,
}

impl<'a> Begin<'a> {
    /// A request in no special language, with nothing that has a name, bound to no client, without a puzzle.
    #[must_use]
    pub fn new(recipient: Recipient, caller: Caller<'a>) -> Self {
        Self { recipient, caller, proof: None, binding: None, languages: Languages::default(), agent: Agent::default() }
    }
}

impl<'a> Resend<'a> {
    /// Asks for the code of this envelope once more.
    #[must_use]
    pub const fn new(begin: Begin<'a>, envelope: &'a str) -> Self {
        Self { begin, envelope }
    }
}

impl<G: Guard, D: Directory, O: Outbox, E> Engine<G, D, O, E> {
    /// Takes room for a message, lets the request in, and asks whom it is for.
    pub(super) async fn admit<'a>(
        &self,
        keys: &Keys,
        begin: &'a Begin<'_>,
        by: By,
        issued_at: UnixTime,
        now: UnixTime,
    ) -> Result<(O::Slot, Entry<'a>), BeginError> {
        let Begin { recipient, caller, proof, .. } = begin;
        let claimed = caller.claimed_device(keys, recipient, now);
        let wanted = SlotRequest {
            channel: recipient.channel(),
            network: Some(caller.network).filter(|network| !network.stands_for_many()),
            is_vouched: proof.is_some() || claimed.is_some(),
        };
        // Before this one takes its own slot. Whoever isn't vouched for gets none then.
        let is_crowded = wanted.is_vouched && self.outbox.is_crowded();
        let slot = match self.outbox.reserve(&wanted) {
            Ok(slot) => Ok(slot),
            // The guard has the puzzle that is needed.
            Err(no_room @ NoRoom::NeedsProof(_)) => Err(no_room),
            Err(no_room) => return Err(no_room.into()),
        };
        let crowded = is_crowded || slot.is_err();
        let network = caller.network;
        let request = Request { by, proof: *proof, crowded, issued_at, ..Request::new(recipient, network, now) };
        let entry = self.enter(keys, caller, claimed, request).await?;
        match slot {
            Ok(slot) => Ok((slot, entry)),
            Err(no_room) => {
                self.guard.withdraw(&entry.request, &entry.admitted.taken).await;
                Err(no_room.into())
            }
        }
    }

    /// Lets a request in and asks whom it is for. Whoever claims to be a known device is judged by the directory's epoch,
    /// so there the directory comes first; everybody else is counted first, so that a flood doesn't reach it.
    async fn enter<'a>(
        &self,
        keys: &Keys,
        caller: &Caller<'_>,
        claimed: Option<ClaimedDevice>,
        mut request: Request<'a>,
    ) -> Result<Entry<'a>, BeginError> {
        let (recipient, now) = (request.recipient, request.now);
        if let Some(claimed) = claimed {
            let recently = self.asked.recently(recipient, now);
            let asked = if recently.is_none() { Some(self.directory.lookup(recipient).await?) } else { None };
            let epoch = recently.as_ref().or(asked.as_ref()).map_or("", Found::epoch);
            request.is_known = keys.devices.verify(claimed, recipient, epoch).is_some();
            if let Some(found) = asked {
                return match self.ask_guard(caller, &request).await {
                    Ok(admitted) => Ok(Entry { request, admitted, found }),
                    Err(refused) => {
                        self.asked.keep(recipient, found, now);
                        Err(refused.into())
                    }
                };
            }
        }
        let admitted = self.ask_guard(caller, &request).await?;
        match self.directory.lookup(recipient).await {
            Ok(found) => Ok(Entry { request, admitted, found }),
            Err(unavailable) => {
                self.guard.withdraw(&request, &admitted.taken).await;
                Err(unavailable.into())
            }
        }
    }

    /// Lets a request in. What the operator has to know is noted at once, whatever becomes of the request.
    async fn ask_guard(&self, caller: &Caller<'_>, request: &Request<'_>) -> Result<Admitted, RequestRefused> {
        let admitted = self.guard.admit(request).await?;
        if let Some(opened) = &admitted.opened {
            caller.learn(|learned| learned.note_opened(opened));
        }
        Ok(admitted)
    }

    /// Hands the message over; one to somebody who may not log in is dropped where nobody sees it.
    pub(super) async fn dispatch(
        &self,
        slot: O::Slot,
        keys: &Arc<Keys>,
        begin: &Begin<'_>,
        entry: Entry<'_>,
        challenge: VerifiedChallenge,
    ) -> Result<(), BeginError> {
        let Entry { request, admitted, found } = entry;
        let dispatch = self.dispatch_of(keys, begin, challenge, found, request.now);
        if let Err(DeliveryFailed) = self.outbox.send(slot, dispatch).await {
            self.guard.withdraw(&request, &admitted.taken).await;
            return Err(BeginError::DeliveryFailed);
        }
        Ok(())
    }

    /// What is handed over for somebody: to be sent, or to be dropped.
    pub(super) fn dispatch_of(
        &self,
        keys: &Arc<Keys>,
        begin: &Begin<'_>,
        challenge: VerifiedChallenge,
        found: Found,
        now: UnixTime,
    ) -> Dispatch {
        begin.caller.learn(|learned| {
            learned.note_challenge(&challenge);
            learned.note_found(&found);
        });
        let is_sent = self.policy.may_log_in(&found) & self.policy.reviewers_of(challenge.recipient(), now).is_none();
        let fate = if is_sent { Fate::Send } else { Fate::Drop };
        let (languages, agent) = (begin.languages.clone(), begin.agent);
        Dispatch { challenge, found, fate, languages, agent, keys: Arc::clone(keys) }
    }
}

impl BeginError {
    /// Whether the same request, with a proof, would be let in.
    #[must_use]
    pub const fn is_lifted_by_a_proof(&self) -> bool {
        matches!(self, Self::Refused(RequestRefused::Throttled { puzzle: Some(_), .. }))
    }
}

impl fmt::Display for BeginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MethodDisabled => "this channel is not allowed",
            Self::Refused(RequestRefused::Throttled { .. }) => "too many requests",
            Self::Refused(RequestRefused::Unavailable(_)) => "the guard is full or out of reach",
            Self::DeliveryFailed => "the message could not be delivered",
            Self::NotStarted(reason) => return reason.fmt(f),
            Self::Envelope(error) => return error.fmt(f),
        })
    }
}

impl core::error::Error for BeginError {}

impl From<MethodDisabled> for BeginError {
    fn from(MethodDisabled: MethodDisabled) -> Self {
        Self::MethodDisabled
    }
}

impl From<RequestRefused> for BeginError {
    fn from(refused: RequestRefused) -> Self {
        Self::Refused(refused)
    }
}

impl From<NoRoom> for BeginError {
    fn from(no_room: NoRoom) -> Self {
        Self::Refused(match no_room {
            NoRoom::Full(unavailable) => RequestRefused::Unavailable(unavailable),
            NoRoom::NeedsProof(Unavailable { retry_after }) | NoRoom::Network(Unavailable { retry_after }) => {
                RequestRefused::Throttled { retry_after, puzzle: None }
            }
        })
    }
}

impl From<Unavailable> for BeginError {
    fn from(unavailable: Unavailable) -> Self {
        Self::Refused(RequestRefused::Unavailable(unavailable))
    }
}
