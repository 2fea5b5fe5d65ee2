//! All that one keyring gives: the keys of every purpose, made once and swapped whole.
//!
//! A request takes the [`Keys`] that are current when it begins and uses no others; a message that waits to be written
//! holds those that its challenge was made with. So new keys may take the place of the old ones at any moment, and what is
//! under way ends with the keys that it began with.

use alloc::sync::Arc;
use core::fmt;

use arc_swap::{ArcSwap, Guard};

use crate::{
    browser::{device::Devices, puzzle::Puzzles, session::SessionCookies},
    challenge::{Challenges, Links},
    edge::EnvelopeVerifier,
    fleet::Relays,
    keyring::{EnvelopeFormat, Keyring},
    token::{KeyDocuments, Sessions, SessionsConfig, SessionsError},
};

/// What makes and believes everything that the root secrets vouch for.
#[derive(Debug)]
#[non_exhaustive]
pub struct Keys {
    /// Challenges and their codes.
    pub challenges: Challenges,
    /// Envelopes, for whoever has no recipient at hand.
    pub envelopes: EnvelopeVerifier,
    /// Link tokens.
    pub links: Links,
    /// Access and refresh tokens.
    pub sessions: Sessions,
    /// Session cookies.
    pub cookies: SessionCookies,
    /// Device cookies.
    pub devices: Devices,
    /// Puzzles.
    pub puzzles: Puzzles,
    /// What nodes relay to each other.
    pub relays: Relays,
    /// The public keys, as they are published.
    pub documents: KeyDocuments,
}

impl Keys {
    /// Of one keyring. Envelopes have the issuer of the session tokens.
    ///
    /// # Errors
    /// See [`SessionsError`].
    pub fn new(keyring: &Keyring, sessions: &SessionsConfig, envelopes: EnvelopeFormat) -> Result<Self, SessionsError> {
        let issuer = &sessions.issuer;
        let sessions = Sessions::new(keyring, sessions)?;
        Ok(Self {
            challenges: Challenges::new(keyring, issuer, envelopes),
            envelopes: EnvelopeVerifier::new(
                &[envelopes],
                keyring.roots().iter().map(|root| root.envelope_key(envelopes).public().clone()),
                issuer,
            ),
            links: Links::new(keyring, issuer),
            cookies: SessionCookies::new(keyring, issuer),
            devices: Devices::new(keyring),
            puzzles: Puzzles::new(keyring),
            relays: Relays::new(keyring),
            documents: KeyDocuments::new(&sessions, keyring, envelopes),
            sessions,
        })
    }
}

/// The keys that are used now, the same for all clones. To look costs a few nanoseconds, however many threads look.
#[derive(Clone)]
pub struct CurrentKeys(Arc<ArcSwap<Keys>>);

impl CurrentKeys {
    /// Begins with these.
    #[must_use]
    pub fn new(keys: impl Into<Arc<Keys>>) -> Self {
        Self(Arc::new(ArcSwap::new(keys.into())))
    }

    /// The current keys. They stay what they are for as long as the caller holds them, so one request asks once.
    #[must_use]
    pub fn load(&self) -> Guard<Arc<Keys>> {
        self.0.load()
    }

    /// Puts others in their place, for all that begins from now on.
    pub fn replace(&self, keys: impl Into<Arc<Keys>>) {
        self.0.store(keys.into());
    }
}

impl From<Keys> for CurrentKeys {
    fn from(keys: Keys) -> Self {
        Self::new(keys)
    }
}

impl fmt::Debug for CurrentKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.load().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use core::{
        cell::RefCell,
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

    use super::*;
    use crate::{
        challenge::{Alphabet, CodeFormat, GuardId},
        delivery::{DeliveryFailed, Dispatch, NoRoom, Outbox, SlotRequest},
        directory::NoDirectory,
        engine::{Begin, Begun, ByCode, Caller, Complete, CompleteError, Engine, Policy},
        guard::{Limits, MemoryGuard},
        network::ClientNetwork,
        recipient::{Channel, Recipient},
        time::UnixTime,
    };

    const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);

    /// Messages that nobody writes yet.
    #[derive(Default)]
    struct Waiting(RefCell<vec::Vec<Dispatch>>);

    impl Outbox for Waiting {
        type Slot = ();

        fn reserve(&self, _: &SlotRequest) -> Result<(), NoRoom> {
            Ok(())
        }

        async fn send(&self, (): (), dispatch: Dispatch) -> Result<(), DeliveryFailed> {
            self.0.borrow_mut().push(dispatch);
            Ok(())
        }
    }

    fn keys(roots: &[u8]) -> Keys {
        let keyring = Keyring::new(roots.iter().map(|byte| vec![*byte; 32])).unwrap();
        Keys::new(&keyring, &SessionsConfig::new("https://login.example.com"), EnvelopeFormat::EdDsa).unwrap()
    }

    fn engine(roots: &[u8]) -> Engine<MemoryGuard, NoDirectory, Waiting> {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let policy = Policy::new([Channel::Email], CodeFormat::new(Alphabet::Numeric, 6).unwrap());
        let guard = MemoryGuard::new(GuardId::fresh(None, &mut random), Limits::default(), &mut random);
        Engine::new(policy, keys(roots), guard, NoDirectory, Waiting::default())
    }

    fn now<T>(future: impl Future<Output = T>) -> T {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("nothing here waits"),
        }
    }

    fn caller() -> Caller<'static> {
        Caller::new(ClientNetwork::of([192, 0, 2, 1].into()))
    }

    fn person(name: &str) -> Recipient {
        Recipient::parse_email(&alloc::format!("{name}@example.com")).unwrap()
    }

    fn begin(engine: &Engine<MemoryGuard, NoDirectory, Waiting>, name: &str) -> Begun {
        let begin = Begin::new(person(name), caller());
        now(engine.begin(begin, NOW, &mut ChaCha8Rng::seed_from_u64(name.as_bytes()[0].into()))).unwrap()
    }

    fn redeem(
        engine: &Engine<MemoryGuard, NoDirectory, Waiting>,
        name: &str,
        envelope: &str,
        code: &str,
    ) -> Result<(), CompleteError> {
        let complete = Complete::new(ByCode { recipient: person(name), envelope, code }, caller());
        now(engine.complete(complete, NOW, &mut ChaCha8Rng::seed_from_u64(3))).map(drop)
    }

    #[test]
    fn a_message_that_waits_is_written_with_the_root_its_challenge_was_made_with() {
        let engine = engine(b"1");
        let first = begin(&engine, "ann");
        engine.keys.replace(keys(b"21"));
        let second = begin(&engine, "bob");
        let header = |begun: &Begun| begun.envelope.split('.').next().map(str::to_owned);
        assert_ne!(header(&first), header(&second), "what begins after the swap has the new root");

        // Both are written only now.
        let [ann, bob] = [0, 1].map(|at| engine.outbox.0.borrow()[at].clone());
        for (name, begun, dispatch) in [("ann", &first, &ann), ("bob", &second, &bob)] {
            redeem(&engine, name, &begun.envelope, dispatch.code().expose()).unwrap();
        }
    }

    #[test]
    fn a_message_whose_root_is_gone_is_still_written_and_redeems_nothing() {
        let engine = engine(b"1");
        let begun = begin(&engine, "ann");
        let dispatch = engine.outbox.0.borrow()[0].clone();
        let (code, link) = (dispatch.code().expose().to_owned(), dispatch.link());
        engine.keys.replace(keys(b"2"));
        assert_eq!(dispatch.code().expose(), code);
        assert!(dispatch.link().expose().starts_with("v4.local."));
        assert_eq!(
            redeem(&engine, "ann", &begun.envelope, &code),
            Err(CompleteError::InvalidCredentials { attempts_left: None })
        );
        let untrusted = crate::challenge::UntrustedLink::parse(link.expose()).unwrap();
        let current = engine.keys.load();
        assert!(current.links.open(&current.challenges, untrusted).is_err());
    }

    #[test]
    fn what_a_request_holds_stays_what_it_is() {
        let current = CurrentKeys::new(keys(b"1"));
        let held = current.load();
        let published = held.documents.challenge_jwks.clone();
        current.replace(keys(b"2"));
        assert_eq!(held.documents.challenge_jwks, published);
        assert_ne!(current.load().documents.challenge_jwks, published);
    }
}
