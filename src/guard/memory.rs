//! The guard in this process's memory: the default. A restart makes a new one, and retires what the old one held.

use rand_core::CryptoRng;

use super::{Admitted, Amendment, Attempt, AttemptRefused, Counted, Guard, Limits, Pressure, Request, RequestRefused, Verdict};
use crate::challenge::GuardId;

/// Counts in fixed memory; shared by all threads of the process.
#[derive(Debug)]
pub struct MemoryGuard {
    id: GuardId,
    limits: Limits,
}

impl MemoryGuard {
    /// An empty guard. `random` keys its hashes.
    #[must_use]
    pub fn new(id: GuardId, limits: Limits, random: &mut impl CryptoRng) -> Self {
        let _ = random;
        Self { id, limits }
    }

    /// What envelopes name.
    #[must_use]
    pub const fn id(&self) -> &GuardId {
        &self.id
    }

    /// How full it is.
    #[must_use]
    pub fn pressure(&self) -> Pressure {
        Pressure { entries: 0, capacity: self.limits.capacity }
    }
}

impl GuardId {
    /// `<node>.<epoch>` with 96 random bits as the epoch; `None` for the node: a random name. `None` if the node's name fits no id.
    #[must_use]
    pub fn fresh(node: Option<&str>, random: &mut impl CryptoRng) -> Option<Self> {
        let mut bytes = [0; 16];
        random.fill_bytes(&mut bytes);
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| alloc::format!("{byte:02x}")).collect::<alloc::string::String>();
        let (name, epoch) = (hex(&bytes[12..]), hex(&bytes[..12]));
        Self::new(alloc::format!("{}.{epoch}", node.unwrap_or(&name)))
    }

    /// `<id>.0`: the id of a fleet whose processes share nothing, and count each for itself.
    #[must_use]
    pub fn shared_nothing(id: &str) -> Option<Self> {
        Self::new(alloc::format!("{id}.0"))
    }
}

impl Guard for MemoryGuard {
    async fn admit(&self, _request: &Request<'_>) -> Result<Admitted, RequestRefused> {
        todo!()
    }

    async fn withdraw(&self, _request: &Request<'_>) {}

    async fn peek(&self, _attempt: &Attempt<'_>) -> Result<(), AttemptRefused> {
        todo!()
    }

    async fn count(&self, _attempt: &Attempt<'_>, _verdict: Verdict) -> Result<Counted, AttemptRefused> {
        todo!()
    }

    async fn give_back(&self, _attempt: &Attempt<'_>) {}

    async fn amend(&self, _attempt: &Attempt<'_>, _amendment: Amendment) -> Result<(), AttemptRefused> {
        todo!()
    }
}
