//! The way from one node to another, which can be cut while both of them live.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    thread,
    time::Duration,
};

/// How often a link looks whether it was cut or is over.
const LOOKING: Duration = Duration::from_millis(5);

/// What becomes of what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Way {
    /// It arrives.
    Open,
    /// Connections end, and new ones end at once.
    Refused,
    /// Nothing comes back, and nothing says so: what is sent meanwhile arrives when the way is open again.
    Silent,
}

/// Takes connections on a port of its own and passes on what they say.
pub struct Link {
    pub url: String,
    shared: Arc<Shared>,
}

struct Shared {
    to: String,
    way: AtomicU8,
    is_over: AtomicBool,
}

impl Link {
    pub fn to(address: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a listener takes options");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let shared =
            Arc::new(Shared { to: address.to_owned(), way: AtomicU8::new(Way::Open as u8), is_over: AtomicBool::new(false) });
        let own = Arc::clone(&shared);
        thread::spawn(move || own.accept(&listener));
        Self { url, shared }
    }

    pub fn set(&self, way: Way) {
        self.shared.way.store(way as u8, Ordering::Relaxed);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
    }
}

impl Shared {
    fn is(&self, way: Way) -> bool {
        self.way.load(Ordering::Relaxed) == way as u8
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    fn accept(self: Arc<Self>, listener: &TcpListener) {
        while !self.is_over() {
            match listener.accept() {
                Ok((from, _)) if !self.is(Way::Refused) => {
                    let Ok(to) = TcpStream::connect(&self.to) else { continue };
                    let both = from.try_clone().and_then(|back| Ok((back, to.try_clone()?)));
                    let Ok((back, there)) = both else { continue };
                    for (from, to) in [(from, to), (there, back)] {
                        let shared = Arc::clone(&self);
                        thread::spawn(move || shared.pass(from, to));
                    }
                }
                Ok(_) => {}
                Err(_) => thread::sleep(LOOKING),
            }
        }
    }

    /// Passes on one direction of a connection, until one side ends it or the link does.
    fn pass(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut buffer = [0; 16 * 1024];
        let patient = from.set_nonblocking(false).and_then(|()| from.set_read_timeout(Some(LOOKING)));
        while patient.is_ok() && !self.is_over() && !self.is(Way::Refused) {
            if self.is(Way::Silent) {
                thread::sleep(LOOKING);
                continue;
            }
            match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) if to.write_all(&buffer[..read]).is_ok() => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                _ => break,
            }
        }
        for stream in [&from, &to] {
            // The other direction may have ended it already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}
