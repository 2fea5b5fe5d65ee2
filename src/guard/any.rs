//! The guard that the configuration chose.

#[cfg(feature = "redis")]
use alloc::boxed::Box;

#[cfg(feature = "redis")]
use super::redis::RedisGuard;
use super::{
    Admitted, Amendment, Attempt, AttemptRefused, Counted, Guard, Looked, MemoryGuard, Pressure, Request, RequestRefused, Taken,
    Verdict, journal::JournalGuard,
};
use crate::time::UnixTime;

/// One of the guards.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "a process has one")]
pub enum AnyGuard {
    /// In this process's memory: `memory` and `shared-nothing`.
    Memory(MemoryGuard),
    /// In a file.
    Journal(JournalGuard),
    /// In Redis.
    #[cfg(feature = "redis")]
    Redis(RedisGuard),
}

impl AnyGuard {
    /// How full it is, from 0 to 1; `None` where nobody knows.
    #[must_use]
    pub fn fullness(&self, now: UnixTime) -> Option<f64> {
        match self {
            Self::Memory(_) | Self::Journal(_) => {
                self.pressure(now).map(|pressure| f64::from(pressure.entries) / f64::from(pressure.capacity))
            }
            #[cfg(feature = "redis")]
            Self::Redis(guard) => guard.fullness(),
        }
    }

    /// How many challenges it remembers, and could; `None` where that isn't counted.
    #[must_use]
    pub fn pressure(&self, now: UnixTime) -> Option<Pressure> {
        match self {
            Self::Memory(guard) => Some(guard.pressure(now)),
            Self::Journal(guard) => Some(guard.pressure(now)),
            #[cfg(feature = "redis")]
            Self::Redis(_) => None,
        }
    }
}

impl AnyGuard {
    /// Whether it can decide now. Memory always can; a journal can while its file takes changes; Redis is asked.
    pub async fn is_ready(&self) -> bool {
        match self {
            Self::Memory(_) => true,
            Self::Journal(guard) => guard.is_ready(),
            #[cfg(feature = "redis")]
            Self::Redis(guard) => match guard.ready().await {
                Ok(()) => true,
                Err(error) => {
                    #[cfg(feature = "server")]
                    tracing::warn!(%error, "not ready");
                    let _ = error;
                    false
                }
            },
        }
    }

    /// Ends it: what is kept in a file is on disk when this returns, and every later attempt is refused.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn close(&self) -> std::io::Result<()> {
        match self {
            Self::Journal(guard) => guard.close(),
            _ => Ok(()),
        }
    }
}

/// What has begun at one of them.
enum Begun<M, J, #[cfg(feature = "redis")] R> {
    Memory(M),
    Journal(J),
    #[cfg(feature = "redis")]
    Redis(R),
}

/// What waits for a network is boxed, so that a request to the others doesn't hold the room for it.
impl Guard for AnyGuard {
    async fn admit(&self, request: &Request<'_>) -> Result<Admitted, RequestRefused> {
        match self {
            Self::Memory(guard) => guard.admit(request).await,
            Self::Journal(guard) => guard.admit(request).await,
            #[cfg(feature = "redis")]
            Self::Redis(guard) => Box::pin(guard.admit(request)).await,
        }
    }

    async fn withdraw(&self, request: &Request<'_>, taken: &Taken) {
        match self {
            Self::Memory(guard) => guard.withdraw(request, taken).await,
            Self::Journal(guard) => guard.withdraw(request, taken).await,
            #[cfg(feature = "redis")]
            Self::Redis(guard) => Box::pin(guard.withdraw(request, taken)).await,
        }
    }

    async fn peek(&self, attempt: &Attempt<'_>) -> Result<Looked, AttemptRefused> {
        match self {
            Self::Memory(guard) => guard.peek(attempt).await,
            Self::Journal(guard) => guard.peek(attempt).await,
            #[cfg(feature = "redis")]
            Self::Redis(guard) => Box::pin(guard.peek(attempt)).await,
        }
    }

    async fn count(&self, attempt: &Attempt<'_>, verdict: Verdict) -> Result<Counted, AttemptRefused> {
        match self {
            Self::Memory(guard) => guard.count(attempt, verdict).await,
            Self::Journal(guard) => guard.count(attempt, verdict).await,
            #[cfg(feature = "redis")]
            Self::Redis(guard) => Box::pin(guard.count(attempt, verdict)).await,
        }
    }

    fn give_back(&self, attempt: &Attempt<'_>) -> impl Future<Output = ()> {
        // Begun here, not in the future: nobody may ever poll it.
        let begun = match self {
            Self::Memory(guard) => Begun::Memory(guard.give_back(attempt)),
            Self::Journal(guard) => Begun::Journal(guard.give_back(attempt)),
            #[cfg(feature = "redis")]
            Self::Redis(guard) => Begun::Redis(Box::pin(guard.give_back(attempt))),
        };
        async move {
            match begun {
                Begun::Memory(begun) => begun.await,
                Begun::Journal(begun) => begun.await,
                #[cfg(feature = "redis")]
                Begun::Redis(begun) => begun.await,
            }
        }
    }

    async fn amend(&self, attempt: &Attempt<'_>, amendment: Amendment) -> Result<u32, AttemptRefused> {
        match self {
            Self::Memory(guard) => guard.amend(attempt, amendment).await,
            Self::Journal(guard) => guard.amend(attempt, amendment).await,
            #[cfg(feature = "redis")]
            Self::Redis(guard) => Box::pin(guard.amend(attempt, amendment)).await,
        }
    }
}
