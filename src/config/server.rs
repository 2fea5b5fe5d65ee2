//! `[server]`: listeners, limits, cookies, pages.

use std::{fmt, net::SocketAddr, path::PathBuf, time::Duration};

use ipnet::IpNet;

/// The HTTP side.
#[derive(Clone, Debug)]
pub struct Server {
    /// Where clients connect.
    pub listen: Listen,
    /// Where health and metrics are served.
    pub admin_listen: Listen,
    /// How people reach `listen`: the base of links and the default issuer.
    pub public_url: PublicUrl,
    /// What stands before every endpoint: empty, or `/passwordless`: a leading slash and no trailing one.
    pub base_path: String,
    /// Peers whose `X-Forwarded-For` counts; a Unix socket's peer always does.
    pub trusted_proxies: Vec<IpNet>,
    /// The longest request body, in bytes.
    pub max_body_bytes: usize,
    /// The longest request head, in bytes; may be less than hyper's smallest buffer (8192).
    pub max_head_bytes: usize,
    /// How long a whole request may take to arrive.
    pub request_timeout: Duration,
    /// How long a connection may wait for its next request.
    pub idle_timeout: Duration,
    /// How many threads serve requests; `None`: one per core.
    pub workers: Option<usize>,
    /// Origins, beside the public URL's own, that may call from a browser: `https://app.example.com`, lower case.
    pub cors_origins: Vec<String>,
    /// `Path` of every cookie.
    pub cookie_path: String,
    /// Whether the login page and the link's landing page are served.
    pub pages: bool,
}

/// Something to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// An address and a port; port 0 lets the system choose.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

/// `scheme://host[:port]`, without a path.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicUrl {
    text: String,
    host: String,
    is_https: bool,
    is_loopback: bool,
}

impl PublicUrl {
    /// As an origin is written: no trailing slash, no default port.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host without the port, as the last line of an SMS names it.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether it is `https`.
    #[must_use]
    pub const fn is_https(&self) -> bool {
        self.is_https
    }

    /// Whether its host is `localhost`, `127.0.0.1` or `[::1]`, which are one for origins.
    #[must_use]
    pub const fn is_loopback(&self) -> bool {
        self.is_loopback
    }

    /// Whether cookies are `Secure`: always, unless it is `http` on loopback.
    #[must_use]
    pub const fn wants_secure_cookies(&self) -> bool {
        self.is_https || !self.is_loopback
    }
}

impl fmt::Debug for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}
