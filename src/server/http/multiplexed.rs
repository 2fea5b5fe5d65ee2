//! One HTTP/2 connection by hyper, within limits: many calls of one proxy, none of which waits for another.

use std::{
    cell::Cell,
    convert::Infallible,
    future::poll_fn,
    pin::{Pin, pin},
    rc::Rc,
    sync::{Arc, atomic::AtomicUsize},
    task::{Context, Poll},
    time::Duration,
};

use hyper::{
    Request, Response,
    body::{Body, Bytes, Frame, Incoming, SizeHint},
    rt::Executor,
    server::conn::http2,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::spawn_local,
    time::{Instant, sleep_until},
};

use super::progress::{InFlight, Patience};

/// How many calls may be open at once; a proxy with more of them opens another connection.
const STREAMS: u32 = 256;
/// How many calls that were reset wait to be looked at, until the connection ends.
const RESETS: usize = 64;
/// The largest frame that is read, in bytes: the least that the protocol allows.
const FRAME: u32 = 16 << 10;
/// How much of one call may be on its way, in bytes.
const STREAM_WINDOW: u32 = 64 << 10;
/// How much of all calls of a connection may be on its way, in bytes.
const WINDOW: u32 = 256 << 10;
/// How much of an answer waits for a peer that doesn't read, in bytes.
const SENDING: usize = 64 << 10;
/// How long what is open has after the peer was told that the connection ends.
const LEAVING: Duration = Duration::from_secs(5);
/// How long handlers take at most: those that ask others have limits of their own, of ten seconds each.
const HANDLING: Duration = Duration::from_secs(30);

/// How connections are served.
#[derive(Debug)]
pub(crate) struct Multiplexed {
    http: http2::Builder<Here>,
    patience: Patience,
}

/// Runs calls on this thread.
#[derive(Clone, Copy, Debug)]
struct Here;

/// What one connection is doing.
#[derive(Debug)]
struct Activity {
    open: Cell<usize>,
    since: Cell<Instant>,
    in_flight: Arc<AtomicUsize>,
}

/// A call, from its head to the last byte of its answer.
#[derive(Debug)]
struct Open {
    activity: Rc<Activity>,
    _in_flight: InFlight,
}

/// An answer's body, which ends its call.
struct Leaving<B> {
    body: B,
    _open: Open,
}

impl Multiplexed {
    /// With this limit for a request's head, in bytes.
    pub(crate) fn new(max_head_bytes: usize, patience: Patience) -> Self {
        let mut http = http2::Builder::new(Here);
        http.max_concurrent_streams(STREAMS)
            .max_pending_accept_reset_streams(RESETS)
            .max_local_error_reset_streams(RESETS)
            .max_header_list_size(u32::try_from(max_head_bytes).unwrap_or(u32::MAX))
            .max_frame_size(FRAME)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(WINDOW)
            .max_send_buf_size(SENDING)
            .auto_date_header(false);
        Self { http, patience }
    }

    /// How long a whole request may take to arrive.
    pub(crate) const fn patience(&self) -> Duration {
        self.patience.request
    }

    /// Serves `io` until either side is done with it; once `is_closing`, the peer is told to go elsewhere. `in_flight` counts
    /// its calls.
    pub(crate) async fn serve<S, H, F, B>(&self, io: S, in_flight: &Arc<AtomicUsize>, is_closing: impl Fn() -> bool, handle: H)
    where
        S: AsyncRead + AsyncWrite + Unpin,
        H: Fn(Request<Incoming>) -> F,
        F: Future<Output = Response<B>> + 'static,
        B: Body<Data = Bytes, Error = Infallible> + Unpin + 'static,
    {
        let activity = Rc::new(Activity::new(in_flight));
        let service = service_fn(|request| {
            let (open, answer) = (Open::new(&activity), handle(request));
            async move { Ok::<_, Infallible>(answer.await.map(|body| Leaving { body, _open: open })) }
        });
        let mut connection = pin!(self.http.serve_connection(TokioIo::new(io), service));
        let mut alarm = pin!(sleep_until(Instant::now() + self.patience.idle));
        let mut is_leaving = false;
        poll_fn(|cx| {
            // Whatever ended it, nobody is left to be told.
            if connection.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            let mut has_to_leave = !is_leaving && is_closing();
            while alarm.as_mut().poll(cx).is_ready() {
                match activity.ends_at(self.patience) {
                    moment if is_leaving || activity.is_stuck(moment) => return Poll::Ready(()),
                    moment if moment > Instant::now() => alarm.as_mut().reset(moment),
                    _ => {
                        has_to_leave = true;
                        break;
                    }
                }
            }
            if has_to_leave {
                is_leaving = true;
                connection.as_mut().graceful_shutdown();
                alarm.as_mut().reset(Instant::now() + LEAVING);
                cx.waker().wake_by_ref();
            }
            Poll::Pending
        })
        .await;
    }
}

impl Activity {
    fn new(in_flight: &Arc<AtomicUsize>) -> Self {
        Self { open: Cell::new(0), since: Cell::new(Instant::now()), in_flight: Arc::clone(in_flight) }
    }

    /// When the connection is of no use any more, unless something happens.
    fn ends_at(&self, patience: Patience) -> Instant {
        let open = if self.open.get() > 0 { patience.request + HANDLING } else { Duration::ZERO };
        self.since.get() + patience.idle + open
    }

    /// Whether calls are open that should have ended by `moment`: their peer doesn't read.
    fn is_stuck(&self, moment: Instant) -> bool {
        self.open.get() > 0 && Instant::now() >= moment
    }
}

impl Open {
    fn new(activity: &Rc<Activity>) -> Self {
        activity.open.set(activity.open.get() + 1);
        activity.since.set(Instant::now());
        Self { activity: Rc::clone(activity), _in_flight: InFlight::new(&activity.in_flight) }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.activity.open.set(self.activity.open.get() - 1);
        self.activity.since.set(Instant::now());
    }
}

impl<F: Future<Output = ()> + 'static> Executor<F> for Here {
    fn execute(&self, future: F) {
        spawn_local(future);
    }
}

impl<B: Body<Data = Bytes, Error = Infallible> + Unpin> Body for Leaving<B> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use http_body_util::{BodyExt as _, Full};
    use hyper::client::conn::http2;
    use tokio::{io::duplex, task::LocalSet, time::timeout};

    use super::*;

    const PATIENCE: Patience = Patience { request: Duration::from_secs(10), idle: Duration::from_secs(75) };

    /// Runs a client, whose streams take so many bytes, against a handler; how long the connection lasted.
    async fn connection_of<T>(
        window: u32,
        is_closing: impl Fn() -> bool + 'static,
        ask: impl AsyncFnOnce(http2::SendRequest<Full<Bytes>>, Arc<AtomicUsize>) -> T,
    ) -> Duration {
        let (near, far) = duplex(1 << 20);
        let (start, in_flight) = (Instant::now(), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&in_flight);
        LocalSet::new()
            .run_until(async move {
                let served = spawn_local(async move {
                    let answer = async |_| Response::new(Full::new(Bytes::from_static(&[b'x'; 100])));
                    Multiplexed::new(16 << 10, PATIENCE).serve(near, &in_flight, is_closing, answer).await;
                    // The calls of a connection that is gone end by themselves.
                    while in_flight.load(Ordering::Relaxed) > 0 {
                        tokio::task::yield_now().await;
                    }
                });
                let client = http2::Builder::new(Here).initial_stream_window_size(window).handshake(TokioIo::new(far));
                let (sender, connection) = client.await.unwrap();
                spawn_local(async move { drop(connection.await) });
                let _kept = ask(sender, count).await;
                timeout(Duration::from_secs(1000), served).await.unwrap().unwrap();
            })
            .await;
        start.elapsed()
    }

    async fn ask(sender: &mut http2::SendRequest<Full<Bytes>>) -> hyper::Result<Response<Incoming>> {
        sender.ready().await?;
        sender.send_request(Request::post("http://a/").body(Full::default()).unwrap()).await
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_nothing_is_waited_for_as_between_two_calls() {
        assert_eq!(connection_of(1000, || false, async |sender, _| sender).await, PATIENCE.idle);
        let lasted = connection_of(
            1000,
            || false,
            async |mut sender, _| {
                tokio::time::sleep(Duration::from_secs(9)).await;
                ask(&mut sender).await.unwrap().into_body().collect().await.unwrap();
                sender
            },
        );
        assert_eq!(lasted.await, Duration::from_secs(9) + PATIENCE.idle);
    }

    #[tokio::test(start_paused = true)]
    async fn who_reads_no_answer_is_dropped_in_the_end() {
        let lasted = connection_of(
            0,
            || false,
            async |mut sender, in_flight| {
                let answer = ask(&mut sender).await.unwrap();
                assert_eq!(in_flight.load(Ordering::Relaxed), 1, "its answer hasn't left");
                (sender, answer)
            },
        );
        assert_eq!(lasted.await, PATIENCE.idle + PATIENCE.request + HANDLING);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_ends_is_left_after_the_next_answer() {
        let is_closing = Rc::new(Cell::new(false));
        let asked = Rc::clone(&is_closing);
        let lasted = connection_of(
            1000,
            move || asked.get(),
            async |mut sender, _| {
                ask(&mut sender).await.unwrap().into_body().collect().await.unwrap();
                is_closing.set(true);
                ask(&mut sender).await.unwrap().into_body().collect().await.unwrap();
                assert!(ask(&mut sender).await.is_err());
            },
        );
        assert!(lasted.await < Duration::from_secs(1));
    }
}
