//! The start: what Redis must be before anything is trusted to it.

use core::fmt;
use std::{sync::RwLock, time::Duration};

use rand_core::CryptoRng;
use redis::{ErrorKind, RedisError};

use super::{
    Fresh, Memory, RedisGuard,
    connection::Connections,
    names::Names,
    scripts::{Call, SCRIPTS},
    url::RedisUrl,
};
use crate::{
    challenge::NodeName,
    guard::{Limits, difficulty::Difficulty},
};

/// Where the guard's memory is.
#[derive(Clone)]
#[non_exhaustive]
pub struct RedisSettings {
    /// Where it is.
    pub url: RedisUrl,
    /// The guard's id without its epoch: fleets that share a Redis have different ones.
    pub id: NodeName,
    /// Whether the operator states that Redis never loses what it has confirmed: `appendfsync always`, and no failover
    /// to a replica that lags. Then a restart retires nothing.
    pub durable: bool,
    /// How long one decision may take, connecting included. Default: a second.
    pub timeout: Duration,
}

/// Why the guard can't start.
#[derive(Debug)]
pub enum StartError {
    /// The URL isn't that of what is there.
    Settings(Box<str>),
    /// Nobody answers.
    Unreachable(Box<str>),
    /// It answers, but isn't set up so that it can be trusted.
    Unfit(Box<str>),
}

impl RedisSettings {
    /// A Redis that may forget, asked for at most a second.
    #[must_use]
    pub const fn new(url: RedisUrl, id: NodeName) -> Self {
        Self { url, id, durable: false, timeout: Duration::from_secs(1) }
    }
}

impl RedisGuard {
    /// Connects, judges how Redis is set up, and takes part in its memory. `random` offers a key for the counters and
    /// makes nonces.
    ///
    /// # Errors
    /// [`StartError`]
    pub async fn connect(settings: &RedisSettings, limits: Limits, random: &mut impl CryptoRng) -> Result<Self, StartError> {
        let connections = Connections::open(&settings.url, settings.timeout).await?;

        let fresh = Fresh::new(random);
        let offered = fresh.hex::<32>();
        let names = Names::new(&format!("countersign:{}:", settings.id), &offered).expect("these are 64 hexadecimal digits");
        let guard = Self {
            id: settings.id.as_str().into(),
            durable: settings.durable,
            limits,
            connections: connections.into(),
            names: RwLock::new(names.into()),
            fresh,
            difficulty: Difficulty::default(),
            memory: Memory::default(),
            looked: 0.into(),
        };
        guard.take_part().await?;
        guard.warn_without_limit().await?;
        Ok(guard)
    }

    /// Whether Redis answers in time and is set up so that it can be trusted. Of a cluster one master is enough: the others'
    /// recipients are refused meanwhile, those of this one aren't.
    ///
    /// # Errors
    /// [`StartError`] says what it lacks.
    pub async fn ready(&self) -> Result<(), StartError> {
        if !self.connections.is_cluster() {
            // A master that was cut off from its sentinels may not know that it is none any more.
            self.connections.doubt();
            return self.take_part().await;
        }
        let memory = self.connections.in_time(self.connections.info_of_one("memory")).await??;
        judge_memory(&memory)
    }

    async fn take_part(&self) -> Result<(), StartError> {
        self.connections.in_time(judge(&self.connections, self.durable)).await??;
        Ok(self.connections.in_time(self.begin()).await??)
    }

    /// Without a `maxmemory` nobody knows how full it is.
    async fn warn_without_limit(&self) -> Result<(), StartError> {
        let memory = self.connections.in_time(self.connections.info("memory")).await??;
        #[cfg(feature = "server")]
        if memory.iter().any(|memory| field(memory, "maxmemory") == Some("0")) {
            tracing::warn!(
                "guard.url: this Redis has no maxmemory, so whoever asks for many codes may fill its machine; with one, strangers \
                 solve a puzzle from half of it on"
            );
        }
        let _ = memory;
        Ok(())
    }

    /// Takes the key of the counters that is in Redis, or puts ours there.
    pub(super) async fn begin(&self) -> Result<(), RedisError> {
        let reply = self.decide(|names| Call::new(&SCRIPTS.begin, vec![names.kept_key()], self.arguments(names, []))).await?;
        if reply.word() == "begun" { Ok(()) } else { Err((ErrorKind::UnexpectedReturnType, "it doesn't begin").into()) }
    }
}

/// Whether it keeps what it is given.
async fn judge(connections: &Connections, durable: bool) -> Result<(), StartError> {
    for server in connections.info("server").await? {
        if let Some(version) = field(&server, "redis_version").filter(|version| is_too_old(version)) {
            return Err(StartError::Unfit(format!("this is Redis {version}; it has to be 6.2 or newer").into()));
        }
    }
    for memory in connections.info("memory").await? {
        judge_memory(&memory)?;
    }
    if durable {
        let told = connections.config("appendfsync").await;
        for persistence in connections.info("persistence").await? {
            let appends = field(&persistence, "aof_enabled") == Some("1");
            // Where CONFIG is forbidden, the operator's word stands.
            if !appends || told.as_ref().is_ok_and(|values| values.iter().any(|value| value != "always")) {
                return Err(StartError::Unfit(
                    "redis_durable is stated, but Redis isn't set up so: it needs appendonly yes and appendfsync always".into(),
                ));
            }
        }
    }
    Ok(())
}

fn judge_memory(memory: &str) -> Result<(), StartError> {
    match field(memory, "maxmemory_policy") {
        Some("noeviction") => Ok(()),
        policy => {
            let policy = policy.unwrap_or("unknown");
            let reason = format!("maxmemory-policy is {policy}: Redis would forget what was spent; it has to be noeviction");
            Err(StartError::Unfit(reason.into()))
        }
    }
}

/// Whether the scripts need more than this version has.
fn is_too_old(version: &str) -> bool {
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().ok());
    matches!((numbers.next().flatten(), numbers.next().flatten()), (Some(major), Some(minor)) if (major, minor) < (6, 2))
}

pub(super) fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

impl From<RedisError> for StartError {
    fn from(error: RedisError) -> Self {
        let text = error.to_string().into();
        match error.kind() {
            ErrorKind::InvalidClientConfig => Self::Settings(text),
            ErrorKind::Io | ErrorKind::ClusterConnectionNotFound => Self::Unreachable(text),
            _ => Self::Unfit(text),
        }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings(text) => write!(f, "the settings of Redis: {text}"),
            Self::Unreachable(text) => write!(f, "Redis is out of reach: {text}"),
            Self::Unfit(text) => write!(f, "this Redis can't guard: {text}"),
        }
    }
}

impl std::error::Error for StartError {}

impl fmt::Debug for RedisSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSettings").field("id", &self.id).field("durable", &self.durable).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_show_no_password() {
        let shown = format!(
            "{:?}",
            RedisSettings::new(RedisUrl::parse("redis://:hunter2@localhost").unwrap(), NodeName::parse("fleet").unwrap())
        );
        assert!(shown.contains("fleet") && !shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn redis_before_6_2_is_too_old() {
        assert!(["2.8.24", "5.0.14", "6.0.16", "6.1.240"].into_iter().all(is_too_old));
        assert!(!["6.2.0", "7.0.15", "8.4.0", "10.0.1", "unstable", ""].into_iter().any(is_too_old));
    }

    #[test]
    fn fields_of_info() {
        assert_eq!(field("# Memory\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n", "maxmemory_policy"), Some("noeviction"));
        assert_eq!(field("maxmemory_policy_x:1", "maxmemory_policy"), None);
    }
}
