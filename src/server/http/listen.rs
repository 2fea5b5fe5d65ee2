//! Listeners and the sockets that they accept, TCP and Unix alike.

use std::{
    convert::Infallible,
    fmt, fs, io,
    net::{SocketAddr, TcpStream},
    os::unix::{fs::FileTypeExt, net::UnixStream},
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use hyper::{
    Request, Response,
    body::{Body, Bytes, Incoming},
};
use tokio::{
    net::{TcpListener, TcpSocket, UnixListener},
    time::{Instant, sleep},
};

use super::{connection::Protocol, multiplexed::Multiplexed, outgoing::Leaving, progress::Progress};
use crate::{seldom::Seldom, server::wire::client::Peer, time::UnixTime};

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 1024;
/// How long accepting pauses when it fails, as without a free file descriptor.
const PAUSE: Duration = Duration::from_millis(50);

/// Something to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// An address and a port; port 0 lets the system choose.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

/// Something that accepts connections. Its port is bound without `SO_REUSEPORT`, so no second process shares it unseen.
#[derive(Debug)]
pub(crate) struct Listener {
    bound: Bound,
    began: Instant,
    /// Tells of connections that can't be accepted, as without a free file descriptor.
    faults: Seldom,
}

#[derive(Debug)]
enum Bound {
    /// A port.
    Tcp(TcpListener),
    /// A file, removed when the listener is dropped.
    Unix(UnixListener, SocketFile),
}

/// An accepted connection, not yet registered with any runtime.
#[derive(Debug)]
pub(crate) enum Socket {
    /// Over TCP.
    Tcp(TcpStream),
    /// Over a Unix socket.
    Unix(UnixStream),
}

/// The file of a Unix socket.
#[derive(Debug)]
pub(crate) struct SocketFile(PathBuf);

impl Listen {
    /// Reads `127.0.0.1:8000`, `[::1]:8000` or `unix:/run/countersign.sock`.
    ///
    /// # Errors
    /// What is wrong, and what would do.
    pub fn parse(text: &str) -> Result<Self, String> {
        // A socket's path has to fit into `sockaddr_un` with its final zero.
        const LONGEST_PATH: usize = 107;
        match text.strip_prefix("unix:") {
            Some("") => Err("names no socket: write unix:/run/countersign.sock".into()),
            Some(path) if path.len() > LONGEST_PATH => Err(format!("a socket's path has at most {LONGEST_PATH} bytes")),
            Some(path) if path.contains('\0') => Err("a path has no zero byte".into()),
            Some(path) => Ok(Self::Unix(path.into())),
            None => text.parse().map(Self::Tcp).map_err(|_| {
                format!(
                    "{} is no address with a port: write 127.0.0.1:8000, [::1]:8000 or unix:/run/countersign.sock",
                    format_args!("{text:?}")
                )
            }),
        }
    }

    /// Whether the port is the system's choice.
    #[must_use]
    pub const fn lets_the_system_choose(&self) -> bool {
        matches!(self, Self::Tcp(address) if address.port() == 0)
    }

    /// Whether only this machine can reach it: a loopback address, or a Unix socket.
    #[must_use]
    pub const fn is_local(&self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().to_canonical().is_loopback(),
            Self::Unix(_) => true,
        }
    }
}

impl Listener {
    /// Binds. Needs a runtime.
    ///
    /// # Errors
    /// Whatever the system says; `AddrInUse` where another process listens.
    pub(crate) fn bind(listen: &Listen) -> io::Result<Self> {
        match listen {
            Listen::Tcp(address) => {
                let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
                socket.set_reuseaddr(true)?;
                socket.bind(*address)?;
                Ok(Self::new(Bound::Tcp(socket.listen(BACKLOG)?)))
            }
            Listen::Unix(path) => {
                remove_stale(path)?;
                Ok(Self::new(Bound::Unix(UnixListener::bind(path)?, SocketFile(path.clone()))))
            }
        }
    }

    fn new(bound: Bound) -> Self {
        Self { bound, began: Instant::now(), faults: Seldom::new(1) }
    }

    /// The next connection. Faults of the system are waited out: they concern one connection, or pass.
    pub(crate) async fn accept(&self) -> (Socket, Peer) {
        loop {
            match self.try_accept().await {
                Ok(accepted) => return accepted,
                Err(error) if is_about_one_connection(&error) => {}
                Err(error) => {
                    if let Some(left_out) = self.faults.due(UnixTime::from_seconds(self.began.elapsed().as_secs())) {
                        tracing::error!(%error, left_out, "no connection can be accepted");
                    }
                    sleep(PAUSE).await;
                }
            }
        }
    }

    async fn try_accept(&self) -> io::Result<(Socket, Peer)> {
        match &self.bound {
            Bound::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok((Socket::Tcp(stream.into_std()?), Peer::Ip(address.ip())))
            }
            Bound::Unix(listener, _) => {
                let (stream, _) = listener.accept().await?;
                Ok((Socket::Unix(stream.into_std()?), Peer::Unix))
            }
        }
    }

    fn address(&self) -> Option<SocketAddr> {
        match &self.bound {
            Bound::Tcp(listener) => listener.local_addr().ok(),
            Bound::Unix(..) => None,
        }
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

/// As a URL, with the port that the system chose where none was configured.
impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.bound, self.address()) {
            (Bound::Unix(_, file), _) => write!(f, "unix:{}", file.0.display()),
            (_, Some(address)) => write!(f, "http://{address}"),
            (_, None) => f.write_str("an unknown address"),
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Whether it can be removed changes nothing: the next start tells a stale file from a living one.
        let _ = fs::remove_file(&self.0);
    }
}

impl Socket {
    /// Serves it on the runtime of this thread; see [`Protocol::serve`].
    ///
    /// # Errors
    /// Where it can't be registered with the runtime.
    pub(crate) async fn serve<H>(self, protocol: &Protocol, in_flight: &Arc<AtomicUsize>, handle: H) -> io::Result<()>
    where
        H: AsyncFn(Request<Incoming>, &Progress) -> Leaving,
    {
        match self {
            Self::Tcp(stream) => protocol.serve(tokio::net::TcpStream::from_std(stream)?, in_flight, handle).await,
            Self::Unix(stream) => protocol.serve(tokio::net::UnixStream::from_std(stream)?, in_flight, handle).await,
        }
        Ok(())
    }

    /// Serves it on the runtime of this thread; see [`Multiplexed::serve`].
    ///
    /// # Errors
    /// Where it can't be registered with the runtime.
    pub(crate) async fn serve_calls<H, F, B>(
        self,
        protocol: &Multiplexed,
        in_flight: &Arc<AtomicUsize>,
        is_closing: impl Fn() -> bool,
        handle: H,
    ) -> io::Result<()>
    where
        H: Fn(Request<Incoming>) -> F,
        F: Future<Output = Response<B>> + 'static,
        B: Body<Data = Bytes, Error = Infallible> + Unpin + 'static,
    {
        match self {
            Self::Tcp(stream) => {
                protocol.serve(tokio::net::TcpStream::from_std(stream)?, in_flight, is_closing, handle).await;
            }
            Self::Unix(stream) => {
                protocol.serve(tokio::net::UnixStream::from_std(stream)?, in_flight, is_closing, handle).await;
            }
        }
        Ok(())
    }
}

/// Removes a socket file that nobody listens on; any other file stays where it is, and binding fails.
fn remove_stale(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.file_type().is_socket() => {}
        _ => return Ok(()),
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(io::ErrorKind::AddrInUse.into()),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) => Err(error),
    }
}

fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted, InvalidInput};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted | InvalidInput)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_runtime<T>(check: impl AsyncFnOnce() -> T) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(check())
    }

    #[test]
    fn listeners() {
        assert_eq!(Listen::parse("[::1]:80").unwrap().to_string(), "[::1]:80");
        assert_eq!(Listen::parse("unix:/run/x.sock").unwrap(), Listen::Unix("/run/x.sock".into()));
        for bad in
            ["", "8000", ":8000", "localhost:8000", "127.0.0.1", "127.0.0.1:65536", "unix:", "http://127.0.0.1:1", "unix:\0"]
        {
            assert!(Listen::parse(bad).is_err(), "{bad}");
        }
        assert!(Listen::parse(&format!("unix:/{}", "x".repeat(107))).is_err());
    }

    #[test]
    fn what_only_this_machine_reaches() {
        let is_local = |listen: &str| Listen::parse(listen).unwrap().is_local();
        assert!(["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1", "unix:/x"].into_iter().all(is_local));
        assert!(!["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "[::ffff:10.0.0.1]:1"].into_iter().any(is_local));
    }

    #[test]
    fn a_port_is_never_shared() {
        with_runtime(async || {
            let first = Listener::bind(&Listen::Tcp("127.0.0.1:0".parse().unwrap())).unwrap();
            let second = Listener::bind(&Listen::Tcp(first.address().unwrap()));
            assert_eq!(second.unwrap_err().kind(), io::ErrorKind::AddrInUse);
        });
    }

    #[test]
    fn a_stale_socket_file_is_replaced_and_a_living_one_is_not() {
        with_runtime(async || {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("socket");
            drop(UnixListener::bind(&path).unwrap());
            assert!(path.exists(), "the standard library leaves the file behind");
            let first = Listener::bind(&Listen::Unix(path.clone())).unwrap();
            let second = Listener::bind(&Listen::Unix(path.clone()));
            assert_eq!(second.unwrap_err().kind(), io::ErrorKind::AddrInUse);
            drop(first);
            assert!(!path.exists());
            fs::write(&path, "precious").unwrap();
            assert!(Listener::bind(&Listen::Unix(path.clone())).is_err());
            assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
        });
    }
}
