//! How a message goes out: a port of the engine, and its adapters.
//!
//! The request only hands over a [`Dispatch`]; deriving the code, sealing the link and rendering the text are the
//! delivery's work, outside the request.

#[cfg(feature = "server")]
mod breaker;
#[cfg(feature = "server")]
mod carrier;
#[cfg(feature = "server")]
pub mod carriers;
#[cfg(feature = "server")]
mod composer;
#[cfg(feature = "server")]
mod gate;
#[cfg(feature = "server")]
mod language;
#[cfg(feature = "server")]
mod letter;
#[cfg(feature = "server")]
mod mail;
#[cfg(feature = "server")]
mod message;
#[cfg(feature = "server")]
mod metrics;
#[cfg(feature = "server")]
mod queue;
#[cfg(feature = "server")]
mod room;
#[cfg(feature = "server")]
mod route;
#[cfg(feature = "server")]
mod sample;
#[cfg(feature = "server")]
mod segments;
#[cfg(feature = "server")]
mod templates;
#[cfg(all(test, feature = "server"))]
pub(crate) mod testing;
#[cfg(feature = "server")]
mod transport;
#[cfg(feature = "server")]
mod worker;

use alloc::{boxed::Box, sync::Arc};

use crate::{
    browser::agent::Agent,
    challenge::{Code, CodeFormat, LinkToken, VerifiedChallenge},
    directory::Found,
    keys::Keys,
    network::ClientNetwork,
    recipient::Channel,
    unavailable::Unavailable,
};

#[cfg(feature = "server")]
pub use {
    carrier::{Carrier, Outgoing, SendError, Sending, in_time},
    composer::{Composer, Site},
    language::{LANGUAGES, Tag},
    mail::Sender,
    message::{Message, MessageId},
    queue::{Mode, Queue, QueueSettings, Slot},
    sample::Sample,
    segments::Segments,
    templates::{TemplateFault, Templates},
};

/// Where messages are handed over.
#[allow(async_fn_in_trait, reason = "embedders name a concrete outbox, so the futures' Send-ness shows")]
pub trait Outbox {
    /// Room for one message; given back when dropped.
    type Slot;

    /// Takes room for a message before anything else is asked, the same for everyone.
    fn reserve(&self, request: &SlotRequest) -> Result<Self::Slot, NoRoom>;

    /// Whether more than half of the room is taken: then a stranger needs a solved puzzle.
    fn is_crowded(&self) -> bool {
        false
    }

    /// Hands a message over. In inline mode this waits until it has left.
    async fn send(&self, slot: Self::Slot, dispatch: Dispatch) -> Result<(), DeliveryFailed>;
}

/// For whom room is asked.
#[derive(Clone, Copy, Debug)]
pub struct SlotRequest {
    /// How the message would leave.
    pub channel: Channel,
    /// Whose request it is; `None` for one that stands for many.
    pub network: Option<ClientNetwork>,
    /// Whether a solved puzzle came with it, or a browser that proved this recipient before.
    pub is_vouched: bool,
}

/// Why there is no room for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRoom {
    /// More than half is taken: the rest is kept for those who solved a puzzle, and for known devices.
    NeedsProof(Unavailable),
    /// This network holds as much as one network may.
    Network(Unavailable),
    /// Everything is taken.
    Full(Unavailable),
}

/// All that is needed to write one message and send it.
#[derive(Clone, Debug)]
pub struct Dispatch {
    /// The challenge that its code and link redeem.
    pub challenge: VerifiedChallenge,
    /// Whom the directory knows by this recipient, whether they may log in or not.
    pub found: Found,
    /// Whether it leaves at all: one to somebody who can't log in is rendered and dropped, like any other.
    pub fate: Fate,
    /// In which language it is wanted.
    pub languages: Languages,
    /// With what it was asked for.
    pub agent: Agent,
    /// The keys that its challenge was made or believed with. Others may be current by the time it is written.
    pub keys: Arc<Keys>,
}

impl Dispatch {
    /// The directory's word for the user, under which the code is derived; empty for unknown ones.
    #[must_use]
    pub fn epoch(&self) -> &str {
        self.found.epoch()
    }

    /// The short code.
    ///
    /// # Panics
    /// If its challenge has no code of ours; the engine dispatches none of those.
    #[must_use]
    pub fn code(&self) -> Code {
        self.keys.challenges.code(&self.challenge, self.epoch()).expect("only challenges with a code are dispatched")
    }

    /// The long code, for a link that is good only in the requesting browser.
    #[must_use]
    pub fn long_code(&self, format: &CodeFormat) -> Code {
        self.keys.challenges.long_code(&self.challenge, self.epoch(), format)
    }

    /// The link token. Costs several HMACs, so it is made where the message is written, not in the request.
    ///
    /// # Panics
    /// If the operating system has no randomness.
    #[must_use]
    pub fn link(&self) -> LinkToken {
        self.keys.links.seal(&self.challenge, self.epoch())
    }

    /// Where it goes, or would: an e-mail to the directory's stored address, else to the canonical one; an SMS to the number
    /// as E.164, however the directory spells it.
    #[must_use]
    pub fn address(&self) -> &str {
        let recipient = self.challenge.recipient();
        match recipient.channel() {
            Channel::Email => {
                let stored = self.found.user().and_then(|user| user.address(Channel::Email));
                stored.unwrap_or(recipient.as_str())
            }
            Channel::Mobile => recipient.as_str(),
        }
    }
}

/// What happens to a rendered message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It goes to [`Dispatch::address`].
    Send,
    /// It is dropped.
    Drop,
}

/// The languages of a request, in the order in which they are looked for; each is what somebody sent, not yet judged.
/// A user's own comes after the first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Languages {
    /// The request's `locale`.
    pub requested: Option<Box<str>>,
    /// The header `Accept-Language`, whole.
    pub accepted: Option<Box<str>>,
}

/// A message that could not be sent, in inline mode. No upstream text: that goes to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryFailed;

#[cfg(all(test, feature = "server", feature = "mobile"))]
mod tests {
    use super::{testing::Fleet, *};
    use crate::user::User;

    /// Carriers take E.164 and nothing else.
    #[test]
    fn an_sms_goes_to_the_canonical_number_however_the_directory_spells_it() {
        for stored in ["+447911123456", "+44 7911-123456", "+44 (0)7911 123456", "tel:+44-7911-123456"] {
            let mut dispatch = Fleet::new().dispatch("+447911123456");
            let user = User { phone_number: Some(stored.into()), ..dispatch.found.user().expect("it knows somebody").clone() };
            dispatch.found = Found::new(dispatch.challenge.recipient(), Some(user.into()));
            assert!(dispatch.found.user().is_some(), "{stored} is the same number");
            assert_eq!(dispatch.address(), "+447911123456", "{stored}");
        }
    }
}

/// Why a message never left, in words that stay the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Its recipient, or what it says, was refused for good.
    Recipient,
    /// Every carrier refused it for good, for a reason of its own: how it is set up, say.
    Refused,
    /// No carrier could take it in the one try of inline mode.
    Unsent,
    /// Its challenge ended first.
    Expired,
    /// Later messages needed its place among those that wait to be tried again.
    Displaced,
    /// It couldn't be written: a template failed.
    Unwritten,
    /// Inline: whoever had asked for it was gone.
    Abandoned,
}

impl Failure {
    /// Its word in events.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Recipient => "recipient_refused",
            Self::Refused => "provider_refused",
            Self::Unsent => "provider_unavailable",
            Self::Expired => "expired",
            Self::Displaced => "queue_full",
            Self::Unwritten => "not_written",
            Self::Abandoned => "abandoned",
        }
    }
}
