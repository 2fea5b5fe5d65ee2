//! Access tokens that were made for sessions, to be handed to apps: each for half of its life, so that an app gets one that lasts,
//! and a session costs a signature now and then.

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::{Arc, Mutex, PoisonError, Weak},
};

use hyper::header::HeaderValue;

use super::identity::value;
use crate::{engine::Present, keys::Keys, server::random::Random, time::UnixTime, token::SessionId};

/// How many tokens are kept at most.
const SLOTS: usize = 4096;
/// The longest token that is kept, in bytes: with the number it bounds what all of them take.
const LONGEST: usize = 4096;

/// Tokens, each in the one place that its session's hash gives it; who comes later takes the place.
#[derive(Debug)]
pub(crate) struct Forwarded {
    slots: Box<[Mutex<Option<Made>>]>,
    hasher: RandomState,
}

#[derive(Debug)]
struct Made {
    session: SessionId,
    /// The keys that signed it.
    keys: Weak<Keys>,
    since: UnixTime,
    until: UnixTime,
    token: HeaderValue,
}

impl Forwarded {
    /// Without room where nothing is handed on.
    pub(crate) fn new(is_wanted: bool) -> Self {
        let slots = if is_wanted { SLOTS } else { 0 };
        Self { slots: (0..slots).map(|_| Mutex::new(None)).collect(), hasher: RandomState::new() }
    }

    /// A token of this session that has at least half of its life before it. Requests that come together wait for the one signature.
    pub(super) fn token(
        &self,
        Present { session, user, .. }: &Present,
        keys: &Arc<Keys>,
        now: UnixTime,
        random: &Random,
    ) -> HeaderValue {
        #[allow(clippy::cast_possible_truncation, reason = "cut to the number of slots")]
        let at = self.hasher.hash_one(session.id) as usize % SLOTS;
        let mut slot = self.slots.get(at).map(|slot| slot.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(made) = slot.as_ref().and_then(|slot| slot.as_ref()).filter(|made| made.session == session.id) {
            let is_by_these = std::ptr::eq(made.keys.as_ptr(), Arc::as_ptr(keys));
            if is_by_these && now >= made.since && now < made.until {
                return made.token.clone();
            }
        }
        let token = value(keys.sessions.renew(session, user, now, &mut random.clone()));
        let half = keys.sessions.expires_at(session, now).seconds_since(now) / 2;
        if let Some(slot) = slot.as_mut().filter(|_| token.len() <= LONGEST) {
            let keys = Arc::downgrade(keys);
            **slot = Some(Made { session: session.id, keys, since: now, until: now.plus(half), token: token.clone() });
        }
        token
    }
}
