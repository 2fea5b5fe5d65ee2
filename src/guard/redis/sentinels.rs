//! The master that sentinels name, and a connection that follows it to wherever it is.
//!
//! They are asked at the start, whenever the master gives no answer or takes no writes, and with each look at readiness. While
//! no sentinel answers, the master that was named last is used.

use std::{
    fmt,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionInfo, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value,
    aio::ConnectionManager,
};
use tokio::sync::Mutex;

use super::{connection, scripts, url::NamedMaster};

/// Asks the sentinels, for all runtimes.
pub(super) struct Sentinels {
    named: NamedMaster,
    /// How long a decision may take.
    timeout: Duration,
    known: RwLock<Option<Known>>,
    /// Whether another server may be the master by now.
    is_in_doubt: AtomicBool,
    /// Held by the one who asks.
    asking: Mutex<()>,
}

/// The master that was named last.
#[derive(Clone)]
struct Known {
    /// How many were named before it.
    generation: u64,
    info: ConnectionInfo,
}

/// One runtime's connection to whoever is master.
#[derive(Clone)]
pub(super) struct Following {
    sentinels: Arc<Sentinels>,
    /// With the generation that it leads to.
    open: Arc<RwLock<Option<(u64, ConnectionManager)>>>,
}

/// Whoever loses this without having settled it has had no answer that would show that the master is one.
struct Unsettled<'s>(&'s Sentinels);

impl Sentinels {
    pub(super) fn new(named: NamedMaster, timeout: Duration) -> Self {
        Self { named, timeout, known: RwLock::default(), is_in_doubt: AtomicBool::new(true), asking: Mutex::default() }
    }

    /// Has them asked before the next command is sent.
    pub(super) fn doubt(&self) {
        self.is_in_doubt.store(true, Ordering::Relaxed);
    }

    /// Whether there is a master to speak to.
    ///
    /// # Errors
    /// `InvalidClientConfig`: they know none of that name. Else none of them answers in time.
    pub(super) async fn master(&self) -> RedisResult<()> {
        self.current().await.map(drop)
    }

    fn known(&self) -> Option<Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn current(&self) -> RedisResult<Known> {
        let undoubted = || self.known().filter(|_| !self.is_in_doubt.load(Ordering::Relaxed));
        if let Some(known) = undoubted() {
            return Ok(known);
        }
        let _asking = self.asking.lock().await;
        if let Some(known) = undoubted() {
            return Ok(known);
        }
        let before = self.known();
        match (self.ask().await, before) {
            (Ok(info), Some(known)) if known.info.addr() == info.addr() => {
                self.is_in_doubt.store(false, Ordering::Relaxed);
                Ok(known)
            }
            (Ok(info), before) => {
                let generation = before.map_or(0, |known| known.generation + 1);
                #[cfg(feature = "server")]
                tracing::info!(master = %info.addr(), "the sentinels name the master of the guard's Redis");
                let known = Known { generation, info };
                *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(known.clone());
                self.is_in_doubt.store(false, Ordering::Relaxed);
                Ok(known)
            }
            // Whoever fails with it has them asked again.
            (Err(_), Some(known)) => {
                self.is_in_doubt.store(false, Ordering::Relaxed);
                Ok(known)
            }
            (Err(error), None) => Err(error),
        }
    }

    /// What the first of them says that knows a master, each asked for its share of the time.
    async fn ask(&self) -> RedisResult<ConnectionInfo> {
        let share = self.timeout / u32::try_from(self.named.sentinels.len() + 1).unwrap_or(u32::MAX);
        let mut error = RedisError::from((ErrorKind::InvalidClientConfig, "no address"));
        for sentinel in &self.named.sentinels {
            match tokio::time::timeout(share, self.ask_one(sentinel, share)).await {
                Ok(Ok(info)) => return Ok(info),
                Ok(Err(reason)) => error = reason,
                Err(_) => error = RedisError::from((ErrorKind::Io, "no sentinel answers in time")),
            }
        }
        Err(error)
    }

    async fn ask_one(&self, sentinel: &ConnectionInfo, share: Duration) -> RedisResult<ConnectionInfo> {
        let config = AsyncConnectionConfig::new().set_connection_timeout(Some(share)).set_response_timeout(Some(share));
        let mut sentinel = Client::open(sentinel.clone())?.get_multiplexed_async_connection_with_config(&config).await?;
        let mut question = redis::cmd("SENTINEL");
        question.arg("get-master-addr-by-name").arg(&*self.named.name);
        let found: Option<(String, u16)> = question.query_async(&mut sentinel).await?;
        let unknown =
            || RedisError::from((ErrorKind::InvalidClientConfig, "the sentinels know no master of the name in the URL"));
        found.map(|(host, port)| self.named.at(host, port)).ok_or_else(unknown)
    }
}

impl Following {
    pub(super) fn new(sentinels: Arc<Sentinels>) -> Self {
        Self { sentinels, open: Arc::default() }
    }

    /// Sends a command to the master.
    ///
    /// It is sent once. Only one that was surely not run, because it came to a replica, is sent again, to the master.
    pub(super) async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        let (generation, answer) = self.send_once(command).await?;
        match answer {
            Err(error) if is_of_a_replica(&error) => {
                let (again, answer) = self.send_once(command).await?;
                if again == generation { Err(error) } else { answer }
            }
            answer => answer,
        }
    }

    /// The answer, and the generation of the master that gave it.
    async fn send_once(&self, command: &Cmd) -> RedisResult<(u64, RedisResult<Value>)> {
        let (generation, mut master) = self.connection().await?;
        let unsettled = Unsettled(&self.sentinels);
        let answer = master.send_packed_command(command).await.and_then(Value::extract_error);
        if answer.as_ref().err().is_none_or(is_of_a_master) {
            unsettled.settle();
        }
        Ok((generation, answer))
    }

    /// The connection to the master that is known.
    async fn connection(&self) -> RedisResult<(u64, ConnectionManager)> {
        let known = self.sentinels.current().await?;
        let is_current = |open: &&(u64, ConnectionManager)| open.0 == known.generation;
        if let Some(open) = self.open.read().unwrap_or_else(PoisonError::into_inner).as_ref().filter(is_current) {
            return Ok(open.clone());
        }
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = open.as_ref().filter(is_current) {
            return Ok(open.clone());
        }
        // Without tries of its own: where it fails, the sentinels are asked again.
        let config = connection::settings(self.sentinels.timeout).set_number_of_retries(0);
        let connected = (known.generation, ConnectionManager::new_lazy_with_config(Client::open(known.info)?, config)?);
        *open = Some(connected.clone());
        Ok(connected)
    }
}

impl Unsettled<'_> {
    fn settle(self) {
        std::mem::forget(self);
    }
}

impl Drop for Unsettled<'_> {
    fn drop(&mut self) {
        self.0.doubt();
    }
}

/// Whether this may be the answer of a master.
fn is_of_a_master(error: &RedisError) -> bool {
    use ServerErrorKind::{BusyLoading, MasterDown};
    !matches!(error.kind(), ErrorKind::Io | ErrorKind::Server(BusyLoading | MasterDown)) && !is_of_a_replica(error)
}

/// Whether a replica says that it writes nothing, or a script found that it runs on one.
fn is_of_a_replica(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
        || error.detail().is_some_and(|detail| detail.contains(scripts::NO_MASTER))
}

impl fmt::Debug for Sentinels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sentinels").field("count", &self.named.sentinels.len()).finish_non_exhaustive()
    }
}
