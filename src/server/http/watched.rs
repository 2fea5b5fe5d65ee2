//! A connection as hyper has it: its progress is watched, and so is its peer while a request is handled.
//!
//! hyper doesn't look at the peer while it waits for an answer, since it lets peers close their side early. A peer that
//! resets the connection then would be noticed only when its answer can't be written. So what arrives meanwhile is read
//! ahead, a little, and hyper gets it afterwards: an end is no reset, and a reset ends the request.

use std::{
    cell::RefCell,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::progress::Progress;

/// How much is read ahead: enough to see that the peer is still there.
const AHEAD: usize = 64;

/// A connection whose progress is watched. An answer of hyper's own isn't written: ours will take its place.
#[derive(Debug)]
pub(crate) struct Watched<'p, S> {
    shared: Rc<RefCell<Shared<S>>>,
    progress: &'p Progress,
}

/// Looks at the peer of a connection that hyper has.
#[derive(Debug)]
pub(crate) struct Watch<S>(Rc<RefCell<Shared<S>>>);

#[derive(Debug)]
struct Shared<S> {
    io: S,
    /// What was read before hyper wanted it. `None`: nothing; empty: the end.
    ahead: Option<Vec<u8>>,
}

impl<'p, S> Watched<'p, S> {
    /// Watches `io`.
    pub(crate) fn new(io: S, progress: &'p Progress) -> (Self, Watch<S>) {
        let shared = Rc::new(RefCell::new(Shared { io, ahead: None }));
        (Self { shared: Rc::clone(&shared), progress }, Watch(shared))
    }

    /// The connection itself, if nobody looks at it any more.
    pub(crate) fn into_inner(self) -> Option<S> {
        Rc::into_inner(self.shared).map(|shared| shared.into_inner().io)
    }
}

impl<S: AsyncRead + Unpin> Watch<S> {
    /// Ready once the peer has reset the connection.
    pub(crate) fn poll_reset(&self, cx: &mut Context<'_>) -> Poll<()> {
        let Shared { io, ahead } = &mut *self.0.borrow_mut();
        // A second look would need room without a limit.
        if ahead.is_some() {
            return Poll::Pending;
        }
        let mut bytes = [0; AHEAD];
        let mut buffer = ReadBuf::new(&mut bytes);
        match ready!(Pin::new(io).poll_read(cx, &mut buffer)) {
            Ok(()) => {
                *ahead = Some(buffer.filled().to_vec());
                Poll::Pending
            }
            Err(_) => Poll::Ready(()),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<'_, S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let Shared { io, ahead } = &mut *self.shared.borrow_mut();
        if let Some(bytes) = ahead {
            let taken = bytes.len().min(buffer.remaining());
            buffer.put_slice(&bytes[..taken]);
            // The end stays the end.
            if !bytes.is_empty() {
                bytes.drain(..taken);
                if bytes.is_empty() {
                    *ahead = None;
                }
            }
        } else {
            ready!(Pin::new(io).poll_read(cx, buffer))?;
        }
        if buffer.filled().len() == before {
            self.progress.note_closed();
        } else {
            self.progress.bytes_arrived();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<'_, S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.progress.is_not_ours(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut self.shared.borrow_mut().io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, slices: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        if self.progress.is_not_ours(slices.first().map_or(&[], |slice| slice)) {
            return Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()));
        }
        Pin::new(&mut self.shared.borrow_mut().io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.shared.borrow().io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper flushes when its buffer is empty: whatever was answered has left.
        ready!(Pin::new(&mut self.shared.borrow_mut().io).poll_flush(cx))?;
        self.progress.flushed();
        Poll::Ready(Ok(()))
    }

    /// Doesn't close anything: ours may be the last word.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::poll_fn,
        sync::{Arc, atomic::AtomicUsize},
        task::Waker,
    };

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    fn progress() -> Progress {
        Progress::new(Arc::new(AtomicUsize::new(0)))
    }

    /// One whose peer has reset it.
    struct Reset;

    impl AsyncRead for Reset {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
        }
    }

    #[test]
    fn a_reset_is_seen() {
        let progress = progress();
        let (_watched, watch) = Watched::new(Reset, &progress);
        assert!(watch.poll_reset(&mut Context::from_waker(Waker::noop())).is_ready());
    }

    #[tokio::test]
    async fn what_was_read_ahead_comes_first_and_in_order() {
        let (near, mut far) = duplex(1024);
        let progress = progress();
        let (mut watched, watch) = Watched::new(near, &progress);
        let look = || poll_fn(|cx| Poll::Ready(watch.poll_reset(cx).is_ready()));
        assert!(!look().await, "nothing yet");
        let sent: Vec<u8> = (0..200).collect();
        far.write_all(&sent).await.unwrap();
        assert!(!look().await && !look().await);
        let mut first = [0; 10];
        watched.read_exact(&mut first).await.unwrap();
        assert!(!look().await);
        drop(far);
        let mut rest = Vec::new();
        watched.read_to_end(&mut rest).await.unwrap();
        assert_eq!([&first[..], &rest].concat(), sent);
        assert!(progress.peer_has_closed());
    }

    #[tokio::test]
    async fn an_end_is_no_reset_and_stays_the_end() {
        let (near, far) = duplex(16);
        let progress = progress();
        let (mut watched, watch) = Watched::new(near, &progress);
        drop(far);
        assert!(!poll_fn(|cx| Poll::Ready(watch.poll_reset(cx).is_ready())).await);
        for _ in 0..2 {
            assert_eq!(watched.read(&mut [0; 4]).await.unwrap(), 0);
        }
        drop(watch);
        assert!(watched.into_inner().is_some());
    }
}
