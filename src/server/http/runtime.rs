//! Threads and runtimes: workers that serve connections, and the background that accepts them and does everything else.

use std::{
    convert::Infallible,
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
};

use hyper::{
    Request, Response,
    body::{Body, Bytes, Incoming},
};
use tokio::{
    runtime::{Builder, Runtime},
    sync::mpsc,
    task::LocalSet,
};

use super::{
    connection::Protocol,
    listen::{Listener, Socket},
    multiplexed::Multiplexed,
    outgoing::Leaving,
    progress::Progress,
};
use crate::server::wire::client::Peer;

/// What workers do with the requests of their connections.
pub(crate) trait Handler: Send + Sync + 'static {
    /// The body of a gRPC call's answer.
    type Reply: Body<Data = Bytes, Error = Infallible> + Unpin + 'static;

    /// How connections are served.
    fn protocol(&self) -> &Protocol;

    /// One request from its head to its answer. Tells `progress` when all of the request is there.
    fn handle(&self, request: Request<Incoming>, peer: Peer, progress: &Progress) -> impl Future<Output = Leaving>;

    /// How connections are served that speak gRPC.
    fn multiplexed(&self) -> &Multiplexed;

    /// One gRPC call from its head to its answer.
    fn call(self: Arc<Self>, request: Request<Incoming>) -> impl Future<Output = Response<Self::Reply>> + 'static;

    /// Whether connections that last should end now.
    fn is_closing(&self) -> bool;
}

/// What is spoken on a listener.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Speaks {
    /// HTTP/1.1.
    Http,
    /// gRPC, over HTTP/2 from the first byte.
    Grpc,
}

/// The threads that serve connections, each with a current-thread runtime of its own.
#[derive(Debug)]
pub(crate) struct Workers(Vec<Worker>);

#[derive(Debug)]
struct Worker {
    sockets: mpsc::UnboundedSender<(Socket, Peer, Speaks)>,
    in_flight: Arc<AtomicUsize>,
    thread: JoinHandle<()>,
}

/// A runtime for one thread.
pub(crate) fn single_threaded() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

impl Workers {
    /// Starts `count` threads.
    ///
    /// # Errors
    /// Where the system has no thread to spare.
    pub(crate) fn start(count: usize, handler: &Arc<impl Handler>) -> io::Result<Self> {
        let workers = (0..count).map(|index| {
            let (sockets, arriving) = mpsc::unbounded_channel();
            let in_flight = Arc::new(AtomicUsize::new(0));
            let runtime = single_threaded()?;
            let (handler, load) = (Arc::clone(handler), Arc::clone(&in_flight));
            let thread = thread::Builder::new().name(format!("worker-{index}"));
            let thread = thread.spawn(move || LocalSet::new().block_on(&runtime, serve_all(handler, load, arriving)))?;
            Ok(Worker { sockets, in_flight, thread })
        });
        workers.collect::<io::Result<_>>().map(Self)
    }

    /// Hands connections to the workers, one after the other, for as long as it is polled.
    pub(crate) async fn feed(&self, listener: &Listener, speaks: Speaks) {
        for worker in self.0.iter().cycle() {
            let (socket, peer) = listener.accept().await;
            // A worker ends after its channel, so the connection can't get lost.
            let _ = worker.sockets.send((socket, peer, speaks));
        }
    }

    /// How many requests have arrived whose answers haven't left.
    pub(crate) fn in_flight(&self) -> usize {
        self.0.iter().map(|worker| worker.in_flight.load(Ordering::Relaxed)).sum()
    }

    /// Closes every connection and waits for the threads.
    pub(crate) fn stop(self) {
        let threads: Vec<_> = self.0.into_iter().map(|worker| worker.thread).collect();
        for thread in threads {
            // A worker that panicked has ended too.
            let _ = thread.join();
        }
    }
}

async fn serve_all(
    handler: Arc<impl Handler>,
    in_flight: Arc<AtomicUsize>,
    mut arriving: mpsc::UnboundedReceiver<(Socket, Peer, Speaks)>,
) {
    while let Some((socket, peer, speaks)) = arriving.recv().await {
        let (handler, in_flight) = (Arc::clone(&handler), Arc::clone(&in_flight));
        tokio::task::spawn_local(async move {
            let registered = match speaks {
                Speaks::Http => {
                    let handle =
                        async |request: Request<Incoming>, progress: &Progress| handler.handle(request, peer, progress).await;
                    socket.serve(handler.protocol(), &in_flight, handle).await
                }
                Speaks::Grpc => {
                    let call = |request| Arc::clone(&handler).call(request);
                    socket.serve_calls(handler.multiplexed(), &in_flight, || handler.is_closing(), call).await
                }
            };
            if let Err(error) = registered {
                tracing::error!(%error, "an accepted connection can't be served");
            }
        });
    }
}
