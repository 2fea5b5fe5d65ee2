//! Connections to Redis: a single server, the master that sentinels name, or a cluster.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    ops::RangeInclusive,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use redis::{
    Client, Cmd, ConnectionAddr, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value,
    aio::{ConnectionLike as _, ConnectionManager, ConnectionManagerConfig},
    cluster::{ClusterClient, ClusterConfig},
    cluster_async::ClusterConnection,
    cluster_routing::{MultipleNodeRoutingInfo, ResponsePolicy, RoutingInfo, SingleNodeRoutingInfo},
};
use tokio::{
    runtime::{self, Handle},
    time::error::Elapsed,
};

use super::{
    sentinels::{Following, Sentinels},
    url::{RedisUrl, Servers as Named},
};

/// The longest pause between two attempts to connect, but for chance, which may double it.
const PAUSE: Duration = Duration::from_millis(200);
/// How often a cluster may send us elsewhere before we give up.
const REDIRECTIONS: usize = 3;

/// The slots of a cluster's masters, by the masters' ids.
pub(super) type Masters = BTreeMap<String, Vec<RangeInclusive<u16>>>;

/// The servers, and a connection to them for each runtime: a connection is driven by a task, which ends with its runtime.
pub(super) struct Connections {
    servers: Servers,
    timeout: Duration,
    open: RwLock<HashMap<runtime::Id, Connection>>,
}

#[allow(clippy::large_enum_variant, reason = "there is one")]
enum Servers {
    Single(Client),
    Sentinels(Arc<Sentinels>),
    Cluster(ClusterClient),
}

#[derive(Clone)]
enum Connection {
    Single(ConnectionManager),
    Following(Following),
    Cluster(ClusterConnection),
}

impl Connections {
    /// Finds out what `url` leads to.
    ///
    /// # Errors
    /// `InvalidClientConfig` for a bad URL; else nobody answers in time.
    pub(super) async fn open(url: &RedisUrl, timeout: Duration) -> RedisResult<Self> {
        if url.addresses().any(|address| matches!(address, ConnectionAddr::TcpTls { .. })) {
            // The client takes the process's cryptography. Where the embedder chose one already, that one stays.
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        }
        let (nodes, must_be_cluster) = match &url.servers {
            Named::Nodes { nodes, is_cluster } => (nodes, is_cluster),
            Named::Sentinels(named) => {
                let sentinels = Sentinels::new((**named).clone(), timeout);
                sentinels.master().await?;
                return Ok(Self::with(Servers::Sentinels(Arc::new(sentinels)), timeout));
            }
        };
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

    /// Has the sentinels asked who is master before the next command is sent, where there are some.
    pub(super) fn doubt(&self) {
        if let Servers::Sentinels(sentinels) = &self.servers {
            sentinels.doubt();
        }
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
            Connection::Following(master) => master.send(&info).await?,
            Connection::Cluster(mut cluster) => {
                let one = (MultipleNodeRoutingInfo::AllMasters, Some(ResponsePolicy::OneSucceeded));
                cluster.route_command(info, RoutingInfo::MultiNode(one)).await?
            }
        };
        Ok(redis::from_redis_value(answer)?)
    }

    /// The masters of a cluster, as one of its servers knows them; `None` where it is none.
    pub(super) async fn masters(&self) -> RedisResult<Option<Masters>> {
        let Connection::Cluster(mut cluster) = self.connection()? else { return Ok(None) };
        let mut slots = redis::cmd("CLUSTER");
        slots.arg("SLOTS");
        let answer = cluster.route_command(slots, RoutingInfo::SingleNode(SingleNodeRoutingInfo::Random)).await?;
        let masters = masters_of(answer.extract_error()?);
        masters.map(Some).ok_or_else(|| (ErrorKind::UnexpectedReturnType, "it doesn't say which slots its masters have").into())
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
            Connection::Following(master) => Ok(vec![master.send(&command).await?]),
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
                // Without an end, so that a Redis that comes back is used at once. Nobody waits longer than for a decision.
                let config = settings(self.timeout).set_number_of_retries(usize::MAX);
                Connection::Single(ConnectionManager::new_lazy_with_config(client.clone(), config)?)
            }
            Servers::Sentinels(sentinels) => Connection::Following(Following::new(Arc::clone(sentinels))),
            Servers::Cluster(client) => {
                let config = ClusterConfig::new().set_connection_timeout(self.timeout).set_response_timeout(self.timeout);
                Connection::Cluster(client.get_pending_async_connection_with_config(config))
            }
        };
        open.insert(runtime, connection.clone());
        Ok(connection)
    }
}

/// How a server is connected to that is asked for decisions.
pub(super) fn settings(timeout: Duration) -> ConnectionManagerConfig {
    ConnectionManagerConfig::new()
        .set_connection_timeout(Some(timeout))
        .set_response_timeout(Some(timeout))
        .set_max_delay(PAUSE)
        .set_pipeline_buffer_size(1024)
}

/// What a server says of itself, by a connection of its own.
async fn info_of(client: &Client) -> RedisResult<String> {
    let mut server = client.get_multiplexed_async_connection().await?;
    redis::cmd("INFO").arg("cluster").query_async(&mut server).await
}

/// Reads the answer to `CLUSTER SLOTS`: first slot, last slot, the master (address, port, id), its replicas.
fn masters_of(answer: Value) -> Option<Masters> {
    let Value::Array(ranges) = answer else { return None };
    let mut masters = Masters::new();
    for range in ranges {
        let Value::Array(parts) = range else { return None };
        let [Value::Int(first), Value::Int(last), Value::Array(master), ..] = &parts[..] else { return None };
        let Some(Value::BulkString(id)) = master.get(2) else { return None };
        let slots = u16::try_from(*first).ok()?..=u16::try_from(*last).ok()?;
        masters.entry(String::from_utf8_lossy(id).into_owned()).or_default().push(slots);
    }
    Some(masters)
}

fn late(_: Elapsed) -> RedisError {
    RedisError::from((ErrorKind::Io, "no answer in time"))
}

impl Connection {
    async fn send(&mut self, command: &Cmd) -> RedisResult<Value> {
        let answer = match self {
            Self::Single(server) => server.req_packed_command(command).await?,
            Self::Following(master) => return master.send(command).await,
            Self::Cluster(cluster) => cluster.req_packed_command(command).await?,
        };
        answer.extract_error()
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").field("cluster", &self.is_cluster()).finish_non_exhaustive()
    }
}
