//! Where a Redis is, as the configuration writes it.

use std::{fmt, time::Duration};

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, ProtocolVersion, RedisResult, io::tcp::TcpSettings};

/// How long a lost server may stay unnoticed while something is on its way to it.
const DEAD_AFTER: Duration = Duration::from_secs(2);
/// What a scheme ends with whose servers are sentinels.
const SENTINEL: &str = "+sentinel://";
/// Where a sentinel listens if nobody says otherwise.
const SENTINEL_PORT: u16 = 26379;

/// Where a Redis is: `redis://`, `rediss://` (TLS, with the system's roots or `SSL_CERT_FILE`) or `unix://`; several, separated
/// by commas, and `redis+cluster://` are nodes of one cluster; `redis+sentinel://` names sentinels that know the master. May hold
/// passwords, so `Debug` shows nothing of it.
#[derive(Clone)]
pub struct RedisUrl {
    pub(super) servers: Servers,
}

/// What a URL names.
#[derive(Clone)]
pub(super) enum Servers {
    /// A single server, or nodes of one cluster.
    Nodes {
        /// Where they are.
        nodes: Vec<ConnectionInfo>,
        /// Whether the URL says that they are a cluster's.
        is_cluster: bool,
    },
    /// Sentinels.
    Sentinels(Box<NamedMaster>),
}

/// A master that sentinels know by a name.
#[derive(Clone)]
pub(super) struct NamedMaster {
    /// The sentinels.
    pub(super) sentinels: Vec<ConnectionInfo>,
    /// What they call the master.
    pub(super) name: Box<str>,
    /// How the master is spoken to, at an address that isn't its own yet.
    master: ConnectionInfo,
}

impl RedisUrl {
    /// Reads such a URL. Nothing is connected to.
    ///
    /// # Errors
    /// What a URL would have to be.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some((scheme, rest)) = text.split_once(SENTINEL) {
            return Ok(Self { servers: Servers::Sentinels(Box::new(NamedMaster::parse(scheme, rest)?)) });
        }
        let mut is_cluster = text.contains(',');
        let nodes = text.split(',').map(|url| {
            let plain = url.trim().replacen("+cluster://", "://", 1);
            is_cluster |= plain.len() < url.trim().len();
            plain.into_connection_info().map(settle)
        });
        // The library's reason may quote the URL, password and all.
        let nodes: RedisResult<Vec<_>> = nodes.collect();
        let nodes = nodes.map_err(|_| {
            "must be a URL, as redis://:password@host:6379/0; a cluster's are separated by commas; with sentinels it is \
             redis+sentinel://:password@host:26379,host:26379/NAME"
                .to_owned()
        })?;
        Ok(Self { servers: Servers::Nodes { nodes, is_cluster } })
    }

    /// Whether another server takes over where this one is lost, which may not have heard all that this one confirmed.
    #[must_use]
    pub const fn fails_over(&self) -> bool {
        matches!(self.servers, Servers::Sentinels(_))
    }

    /// All that may be connected to, as far as it is known.
    pub(super) fn addresses(&self) -> impl Iterator<Item = &ConnectionAddr> {
        let (nodes, master) = match &self.servers {
            Servers::Nodes { nodes, .. } => (nodes, None),
            Servers::Sentinels(named) => (&named.sentinels, Some(&named.master)),
        };
        nodes.iter().chain(master).map(ConnectionInfo::addr)
    }
}

impl NamedMaster {
    /// Reads `[user:password@]host[:port][,host[:port]…]/NAME[/db][?sentinel_user=…&sentinel_password=…]`, which stands behind
    /// `redis+sentinel://`; the scheme with an `s` is TLS, to all of them.
    fn parse(scheme: &str, rest: &str) -> Result<Self, String> {
        // Nothing of the URL is repeated: a password may stand anywhere in it.
        let shape = || {
            "must be as redis+sentinel://user:password@host:26379,host:26379/NAME/0?sentinel_password=…, where special characters of \
             passwords are percent-encoded"
                .to_owned()
        };
        if !matches!(scheme, "redis" | "rediss") {
            return Err(shape());
        }
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = place.split_once('/').unwrap_or((place, ""));
        let (name, db) = path.split_once('/').unwrap_or((path, ""));
        if name.is_empty() {
            return Err(
                "names no master: write redis+sentinel://host:26379/NAME, as it is in the sentinels' `sentinel monitor NAME …`"
                    .into(),
            );
        }
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if !name.bytes().all(is_allowed) || !db.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(shape());
        }
        let (user, hosts) = match authority.rsplit_once('@') {
            Some((user, hosts)) => (format!("{user}@"), hosts),
            None => (String::new(), authority),
        };
        let own = sentinel_user(query).ok_or_else(shape)?;
        let read = |user: &str, host: &str, db: &str| {
            let info = format!("{scheme}://{user}{host}/{db}").into_connection_info();
            info.map(settle).map_err(|_| shape())
        };
        let sentinel = |host: &str| {
            read(&own, &with_port(host).ok_or_else(shape)?, "").map(|info| {
                // Old ones don't know RESP3.
                let plain = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP2);
                info.set_redis_settings(plain)
            })
        };
        let sentinels = hosts.split(',').map(|host| sentinel(host.trim())).collect::<Result<_, _>>()?;
        Ok(Self { sentinels, name: name.into(), master: read(&user, "master", db)? })
    }

    /// The master, where the sentinels say that it is.
    pub(super) fn at(&self, host: String, port: u16) -> ConnectionInfo {
        let address = match self.master.addr().clone() {
            ConnectionAddr::TcpTls { insecure, tls_params, .. } => ConnectionAddr::TcpTls { host, port, insecure, tls_params },
            _ => ConnectionAddr::Tcp(host, port),
        };
        self.master.clone().set_addr(address)
    }
}

/// What stands before a sentinel's `@`; `None` where the query isn't one of ours.
fn sentinel_user(query: &str) -> Option<String> {
    let (mut user, mut password) = ("", "");
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=')? {
            ("sentinel_user", value) => user = value,
            ("sentinel_password", value) => password = value,
            _ => return None,
        }
    }
    // What would end it, or be read as something else in a query.
    let is_plain = |text: &str| !text.contains(['@', '/', ':', '?', '#', '+', ',']);
    match (user, password) {
        ("", "") => Some(String::new()),
        (_, "") => None,
        _ => (is_plain(user) && is_plain(password)).then(|| format!("{user}:{password}@")),
    }
}

/// A host with its port; `None` where there is no host, or more than one.
fn with_port(host: &str) -> Option<String> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    if host.is_empty() || host.starts_with(':') || !host.bytes().all(is_allowed) {
        return None;
    }
    let has_port = host.rsplit_once(']').map_or(host.contains(':'), |(_, rest)| rest.starts_with(':'));
    Some(if has_port { host.into() } else { format!("{host}:{SENTINEL_PORT}") })
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

    fn named(text: &str) -> NamedMaster {
        match RedisUrl::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).servers {
            Servers::Sentinels(named) => *named,
            Servers::Nodes { .. } => panic!("{text}"),
        }
    }

    fn addresses(named: &NamedMaster) -> Vec<String> {
        named.sentinels.iter().map(|sentinel| sentinel.addr().to_string()).collect()
    }

    #[test]
    fn sentinels_and_what_they_call_the_master() {
        let all = named(
            "redis+sentinel://ann:s%40cret@s1:26380,s2,[::1],10.0.0.3:26379/my-master.1/3?sentinel_user=bo&sentinel_password=p%2Fw",
        );
        assert_eq!(addresses(&all), ["s1:26380", "s2:26379", "::1:26379", "10.0.0.3:26379"]);
        assert_eq!(&*all.name, "my-master.1");
        let sentinel = all.sentinels[0].redis_settings();
        assert_eq!((sentinel.username(), sentinel.password(), sentinel.db()), (Some("bo"), Some("p/w"), 0));
        let master = all.at("10.0.0.9".into(), 6390);
        let redis = master.redis_settings();
        assert_eq!(master.addr().to_string(), "10.0.0.9:6390");
        assert_eq!((redis.username(), redis.password(), redis.db()), (Some("ann"), Some("s@cret"), 3));

        let plain = named("redis+sentinel://s1/mymaster");
        assert_eq!((addresses(&plain), plain.master.redis_settings().password()), (vec!["s1:26379".into()], None));
        assert!(matches!(plain.at("a".into(), 1).addr(), ConnectionAddr::Tcp(..)));
        let tls = named("rediss+sentinel://:pw@s1/mymaster");
        assert!(matches!(tls.at("a".into(), 1).addr(), ConnectionAddr::TcpTls { insecure: false, .. }));
        assert!(matches!(tls.sentinels[0].addr(), ConnectionAddr::TcpTls { insecure: false, .. }));
        assert!(RedisUrl::parse("redis+sentinel://s1/m").unwrap().fails_over());
        assert!(!RedisUrl::parse("redis://s1").unwrap().fails_over());
    }

    #[test]
    fn whatever_names_no_master_of_sentinels_is_refused_and_never_repeated() {
        for bad in [
            "redis+sentinel://hunter2@s1",
            "redis+sentinel://:hunter2@s1/",
            "redis+sentinel://:hunter2@/m",
            "redis+sentinel://:hunter2@s1,/m",
            "redis+sentinel://:hunter2@s1:x/m",
            "redis+sentinel://:hun/ter2@s1/m",
            "redis+sentinel://:hunter2@s1/m/x",
            "redis+sentinel://:hunter2@s1/m/0/1",
            "redis+sentinel://s1/m?password=hunter2",
            "redis+sentinel://s1/m?sentinel_password=hunt@r2",
            "redis+sentinel://s1/m?sentinel_user=hunter2",
            "redis+sentinel://s1/m#hunter2",
            "redis+sentinel://:hunter2@s1,redis://s2/m",
            "unix+sentinel://:hunter2@s1/m",
            "redis+sentinel://",
        ] {
            let reason = RedisUrl::parse(bad).err().unwrap_or_else(|| panic!("{bad}"));
            assert!(reason.contains("redis+sentinel://") && !reason.contains("hunt"), "{bad}: {reason}");
        }
    }
}
