//! A message to look at: written like any other, with a code and a link that open nothing.

use rand_core::CryptoRng;

use super::{Dispatch, Fate, Languages};
use crate::{
    browser::agent::Agent,
    challenge::{Challenge, ChallengeId, CodeFormat, GuardId, Use},
    crypto::{Secret, random},
    directory::Found,
    keyring::{EnvelopeFormat, Keyring},
    keys::Keys,
    recipient::Recipient,
    time::UnixTime,
    token::SessionsConfig,
};

/// What a sample is like.
#[derive(Clone, Debug)]
pub struct Sample {
    /// For whom.
    pub recipient: Recipient,
    /// Of which form its code is.
    pub format: CodeFormat,
    /// How many seconds it says that it is good for.
    pub lifetime: u64,
    /// In which language it is wanted.
    pub languages: Languages,
    /// With what it says that it was asked for.
    pub agent: Agent,
}

impl Sample {
    /// Makes its challenge with keys of its own, which are forgotten: no server believes its code or its link.
    ///
    /// # Panics
    /// Never: what it is made with is in order.
    #[must_use]
    pub fn dispatch(self, now: UnixTime, random: &mut impl CryptoRng) -> Dispatch {
        let Self { recipient, format, lifetime, languages, agent } = self;
        let keyring = Keyring::new([Secret::<32>::random(random).expose().to_vec()]).expect("32 random bytes are a secret");
        let sessions = SessionsConfig::new("https://sample.invalid");
        let keys = Keys::new(&keyring, &sessions, EnvelopeFormat::EdDsa).expect("the default algorithm needs no key");
        let challenge = Challenge {
            id: ChallengeId::from_random(random::bytes(random)),
            issued_at: now,
            expires_at: now.plus(lifetime),
            usage: Use::CODE,
            channel: recipient.channel(),
            format: Some(format),
            guard: GuardId::new("sample.0").expect("a node and an epoch"),
            binding: None,
        };
        let challenge = keys.challenges.seal(challenge, recipient);
        let found = Found::new(challenge.recipient(), None);
        Dispatch { challenge, found, fate: Fate::Send, languages, agent, keys: keys.into() }
    }
}
