//! One connection: HTTP/1.1 by hyper, within limits, and with our answer wherever hyper would give its own or none.

use std::{
    convert::Infallible,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    rc::Rc,
    sync::{Arc, atomic::AtomicUsize},
    task::Poll,
    time::Duration,
};

use hyper::{Request, StatusCode, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{Instant, sleep_until, timeout},
};

use super::{
    framing,
    outgoing::{Leaving, Outgoing, Tracked, closing},
    progress::{Alarm, Patience, Progress},
    watched::Watched,
};
use crate::server::wire::problem::Problem;

/// hyper's smallest buffer.
const SMALLEST_BUFFER: usize = 8192;
/// How long the rest of a refused request is read, so that the peer gets to read its answer.
const LINGER: Duration = Duration::from_secs(5);
/// How much of it is read.
const LINGER_BYTES: usize = 64 << 20;

/// How connections are served.
#[derive(Debug)]
pub(crate) struct Protocol {
    http: http1::Builder,
    patience: Patience,
}

/// Why a connection ended.
enum Ended {
    ByHyper,
    ByReset,
    Late,
    Idle,
}

impl Protocol {
    /// With this limit for a request's head, in bytes.
    pub(crate) fn new(max_head_bytes: usize, patience: Patience) -> Self {
        let mut http = http1::Builder::new();
        // Answers are short, so their head and body are copied together. A measurable gain over two pieces was not shown.
        http.writev(false)
            .half_close(true)
            .header_read_timeout(None)
            .max_header_size(max_head_bytes)
            .max_buf_size(max_head_bytes.max(SMALLEST_BUFFER));
        Self { http, patience }
    }

    /// Serves `io` until either side is done with it. `handle` tells the progress what arrived; `in_flight` counts its requests.
    pub(crate) async fn serve<S, H>(&self, io: S, in_flight: &Arc<AtomicUsize>, handle: H)
    where
        S: AsyncRead + AsyncWrite + Unpin,
        H: AsyncFn(Request<Incoming>, &Progress) -> Leaving,
    {
        let progress = Rc::new(Progress::new(Arc::clone(in_flight)));
        let (progress, handle) = (&progress, &handle);
        let service = service_fn(move |request: Request<Incoming>| async move {
            progress.head_arrived();
            let (head, body) = request.into_parts();
            let answer = match framing::judge(&head) {
                Ok(()) => unless_it_panics(pin!(handle(Request::from_parts(head, body), progress))).await,
                Err(problem) => closing(problem.into_answer()).map(Outgoing::Whole),
            };
            Ok::<_, Infallible>(answer.map(|body| Tracked::new(body, progress)))
        });
        let (io, watch) = Watched::new(io, progress);
        let mut connection = self.http.serve_connection(TokioIo::new(io), service);
        let mut alarm = pin!(sleep_until(Instant::now() + self.patience.request));
        let ended = poll_fn(|cx| {
            // What hyper says about the connection, `progress` knows better.
            if Pin::new(&mut connection).poll(cx).is_ready() {
                return Poll::Ready(Ended::ByHyper);
            }
            if progress.is_handling() && watch.poll_reset(cx).is_ready() {
                return Poll::Ready(Ended::ByReset);
            }
            while alarm.as_mut().poll(cx).is_ready() {
                match progress.alarm(Instant::now(), self.patience) {
                    Alarm::At(moment) => alarm.as_mut().reset(moment),
                    Alarm::Late => return Poll::Ready(Ended::Late),
                    Alarm::Idle => return Poll::Ready(Ended::Idle),
                }
            }
            Poll::Pending
        });
        let ended = ended.await;
        drop(watch);
        // What is still handled is given up here.
        let Some(io) = connection.into_parts().io.into_inner().into_inner() else { return };
        match (ended, progress.refused()) {
            (Ended::Idle | Ended::ByReset, _) => {}
            (Ended::Late, _) => refuse(io, Problem::request_timeout()).await,
            (Ended::ByHyper, Some(status)) => refuse(io, problem_of(status)).await,
            (Ended::ByHyper, None) if progress.peer_has_closed() => {}
            (Ended::ByHyper, None) => linger(io).await,
        }
    }
}

/// The problem that stands for hyper's own answer.
fn problem_of(status: StatusCode) -> Problem {
    match status {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE | StatusCode::URI_TOO_LONG => Problem::head_too_large(),
        _ => Problem::parse_error("This is not a valid HTTP/1.1 request."),
    }
}

/// Answers a request that hyper doesn't hand out, and closes.
async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(mut io: S, problem: Problem) {
    let written = timeout(LINGER, io.write_all(&problem.into_raw())).await;
    if matches!(written, Ok(Ok(()))) {
        linger(io).await;
    }
}

/// Closes our side and reads what still arrives for a while: closing with unread bytes resets the connection, and the
/// peer may lose an answer that it hasn't read.
async fn linger<S: AsyncRead + AsyncWrite + Unpin>(mut io: S) {
    let drain = async {
        io.shutdown().await?;
        let mut buffer = [0; 4096];
        let mut left = LINGER_BYTES;
        while left > 0 {
            match io.read(&mut buffer).await? {
                0 => break,
                read => left = left.saturating_sub(read),
            }
        }
        std::io::Result::Ok(())
    };
    // Whatever goes wrong here, the connection is over.
    let _ = timeout(LINGER, drain).await;
}

/// A fault of ours ends one request, not the worker.
fn unless_it_panics(mut answer: Pin<&mut impl Future<Output = Leaving>>) -> impl Future<Output = Leaving> {
    poll_fn(move |cx| match catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(cx))) {
        Ok(poll) => poll,
        Err(_) => Poll::Ready(Problem::internal().into_answer().map(Outgoing::Whole)),
    })
}
