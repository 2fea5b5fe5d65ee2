//! Connections to Redis, a single server or a cluster.

use std::{
    collections::HashMap,
    fmt,
    sync::{PoisonError, RwLock},
    time::Duration,
};

use redis::{
    Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo as _, ProtocolVersion, RedisError, RedisResult,
    ServerErrorKind, Value,
    aio::{ConnectionLike as _, ConnectionManager, ConnectionManagerConfig},
    cluster::{ClusterClient, ClusterConfig},
    cluster_async::ClusterConnection,
    cluster_routing::{MultipleNodeRoutingInfo, ResponsePolicy, RoutingInfo},
    io::tcp::TcpSettings,
};
use tokio::{
    runtime::{self, Handle},
    time::error::Elapsed,
};

/// How long a lost server may stay unnoticed while something is on its way to it.
const DEAD_AFTER: Duration = Duration::from_secs(2);
/// The longest pause between two attempts to connect, but for chance, which may double it.
const PAUSE: Duration = Duration::from_millis(200);
/// How often a cluster may send us elsewhere before we give up.
const REDIRECTIONS: usize = 3;

/// The servers, and a connection to them for each runtime: a connection is driven by a task, which ends with its runtime.
pub(super) struct Connections {
    servers: Servers,
    timeout: Duration,
    open: RwLock<HashMap<runtime::Id, Connection>>,
}

#[allow(clippy::large_enum_variant, reason = "there is one")]
enum Servers {
    Single(Client),
    Cluster(ClusterClient),
}

#[derive(Clone)]
enum Connection {
    Single(ConnectionManager),
    Cluster(ClusterConnection),
}

impl Connections {
    /// Finds out what `url` leads to.
    ///
    /// # Errors
    /// `InvalidClientConfig` for a bad URL; else nobody answers in time.
    pub(super) async fn open(url: &RedisUrl, timeout: Duration) -> RedisResult<Self> {
        let RedisUrl { nodes, is_cluster: must_be_cluster } = url;
        if nodes.iter().any(|node| matches!(node.addr(), ConnectionAddr::TcpTls { .. })) {
            // The client takes the process's cryptography. Where the embedder chose one already, that one stays.
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        }
        let mut unreachable = RedisError::from((ErrorKind::InvalidClientConfig, "no address"));
        for node in nodes {
            let client = Client::open(node.clone())?;
            let info = tokio::time::timeout(timeout, info_of(&client)).await.map_err(late).flatten();
            match info {
                Ok(info) if info.contains("cluster_enabled:1") => {
                    let cluster = ClusterClient::builder(nodes.iter().cloned()).retries(0).build()?;
                    return Ok(Self::with(Servers::Cluster(cluster), timeout));
                }
                Ok(_) if *must_be_cluster => {
                    return Err((ErrorKind::InvalidClientConfig, "the URL says that it is a cluster, but it isn't one").into());
                }
                Ok(_) => return Ok(Self::with(Servers::Single(client), timeout)),
                Err(error) => unreachable = error,
            }
        }
        Err(unreachable)
    }

    fn with(servers: Servers, timeout: Duration) -> Self {
        Self { servers, timeout, open: RwLock::default() }
    }

    /// Whether keys of one script must be in one slot.
    pub(super) const fn is_cluster(&self) -> bool {
        matches!(self.servers, Servers::Cluster(_))
    }

    /// A section of INFO, of every master.
    pub(super) async fn info(&self, section: &str) -> RedisResult<Vec<String>> {
        let mut info = redis::cmd("INFO");
        info.arg(section);
        self.everywhere(info).await?.into_iter().map(|info| Ok(redis::from_redis_value(info)?)).collect()
    }

    /// A section of INFO, of whichever master answers.
    pub(super) async fn info_of_one(&self, section: &str) -> RedisResult<String> {
        let mut info = redis::cmd("INFO");
        info.arg(section);
        let answer = match self.connection()? {
            Connection::Single(mut server) => server.send_packed_command(&info).await?,
            Connection::Cluster(mut cluster) => {
                let one = (MultipleNodeRoutingInfo::AllMasters, Some(ResponsePolicy::OneSucceeded));
                cluster.route_command(info, RoutingInfo::MultiNode(one)).await?
            }
        };
        Ok(redis::from_redis_value(answer)?)
    }

    /// A value of the configuration, of every master.
    pub(super) async fn config(&self, name: &str) -> RedisResult<Vec<String>> {
        let mut config = redis::cmd("CONFIG");
        config.arg("GET").arg(name);
        let answers = self.everywhere(config).await?.into_iter();
        answers.map(|answer| Ok(redis::from_redis_value::<(String, String)>(answer)?.1)).collect()
    }

    /// The answers of all masters.
    async fn everywhere(&self, command: Cmd) -> RedisResult<Vec<Value>> {
        match self.connection()? {
            Connection::Single(mut server) => Ok(vec![server.send_packed_command(&command).await?]),
            Connection::Cluster(mut cluster) => {
                let masters = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None));
                match cluster.route_command(command, masters).await? {
                    Value::Map(answers) => Ok(answers.into_iter().map(|(_, answer)| answer).collect()),
                    answer => Ok(vec![answer]),
                }
            }
        }
    }

    /// Sends a command that names its keys.
    ///
    /// A command is sent once. Only one that was surely not run, because it came to the wrong node of a cluster, is sent again.
    pub(super) async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        let mut connection = self.connection()?;
        for _ in 0..REDIRECTIONS {
            match connection.send(command).await {
                Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::Moved) => {}
                answer => return answer,
            }
        }
        connection.send(command).await
    }

    /// Waits for something at most as long as a decision may take.
    ///
    /// # Errors
    /// `Io`: it takes longer.
    pub(super) async fn in_time<T>(&self, work: impl Future<Output = T>) -> RedisResult<T> {
        tokio::time::timeout(self.timeout, work).await.map_err(late)
    }

    /// This runtime's connection. It connects when it is used first.
    fn connection(&self) -> RedisResult<Connection> {
        let runtime = Handle::current().id();
        if let Some(connection) = self.open.read().unwrap_or_else(PoisonError::into_inner).get(&runtime) {
            return Ok(connection.clone());
        }
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(connection) = open.get(&runtime) {
            return Ok(connection.clone());
        }
        let connection = match &self.servers {
            Servers::Single(client) => {
                let config = ConnectionManagerConfig::new()
                    .set_connection_timeout(Some(self.timeout))
                    .set_response_timeout(Some(self.timeout))
                    .set_max_delay(PAUSE)
                    // Without an end, so that a Redis that comes back is used at once. Nobody waits longer than for a decision.
                    .set_number_of_retries(usize::MAX)
                    .set_pipeline_buffer_size(1024);
                Connection::Single(ConnectionManager::new_lazy_with_config(client.clone(), config)?)
            }
            Servers::Cluster(client) => {
                let config = ClusterConfig::new().set_connection_timeout(self.timeout).set_response_timeout(self.timeout);
                Connection::Cluster(client.get_pending_async_connection_with_config(config))
            }
        };
        open.insert(runtime, connection.clone());
        Ok(connection)
    }
}

/// What a server says of itself, by a connection of its own.
async fn info_of(client: &Client) -> RedisResult<String> {
    let mut server = client.get_multiplexed_async_connection().await?;
    redis::cmd("INFO").arg("cluster").query_async(&mut server).await
}

fn late(_: Elapsed) -> RedisError {
    RedisError::from((ErrorKind::Io, "no answer in time"))
}

impl Connection {
    async fn send(&mut self, command: &Cmd) -> RedisResult<Value> {
        let answer = match self {
            Self::Single(server) => server.req_packed_command(command).await?,
            Self::Cluster(cluster) => cluster.req_packed_command(command).await?,
        };
        answer.extract_error()
    }
}

/// Where a Redis is: `redis://`, `rediss://` (TLS, with the system's roots or `SSL_CERT_FILE`) or `unix://`; several, separated
/// by commas, and `redis+cluster://` are nodes of one cluster. May hold passwords, so `Debug` shows nothing of it.
#[derive(Clone)]
pub struct RedisUrl {
    pub(super) nodes: Vec<ConnectionInfo>,
    /// Whether it says that they are a cluster's.
    pub(super) is_cluster: bool,
}

impl RedisUrl {
    /// Reads such a URL. Nothing is connected to.
    ///
    /// # Errors
    /// What a URL would have to be.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut is_cluster = text.contains(',');
        let nodes = text.split(',').map(|url| {
            let plain = url.trim().replacen("+cluster://", "://", 1);
            is_cluster |= plain.len() < url.trim().len();
            plain.into_connection_info().map(settle)
        });
        // The library's reason may quote the URL, password and all.
        let nodes: RedisResult<Vec<_>> = nodes.collect();
        let nodes = nodes
            .map_err(|_| "must be a URL, as redis://:password@host:6379/0; a cluster's are separated by commas".to_owned())?;
        Ok(Self { nodes, is_cluster })
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedisUrl(…)")
    }
}

/// Our own settings: no delays, a server that is gone without a word is noticed, and one that closes an idle connection is
/// connected to at once (RESP3 tells that; before the next decision needs it).
fn settle(info: ConnectionInfo) -> ConnectionInfo {
    let settings = TcpSettings::default().set_nodelay(true);
    #[cfg(target_os = "linux")]
    let settings = settings.set_user_timeout(DEAD_AFTER);
    let redis = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    info.set_tcp_settings(settings).set_redis_settings(redis)
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").field("cluster", &self.is_cluster()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let is_url = |text: &str| RedisUrl::parse(text).is_ok();
        for good in [
            "redis://:secret@localhost:6379/0",
            "redis://a:6379, redis://b:6379",
            "unix:///run/redis.sock",
            "rediss://ann:secret@a:6380",
            "redis+cluster://a:6379",
        ] {
            assert!(is_url(good), "{good}");
        }
        assert!(!["", "localhost:6379", "http://a", "redis://a,", "redis:"].into_iter().any(is_url));
        assert!(!format!("{:?}", RedisUrl::parse("redis://:secret@a")).contains("secret"));
    }
}
