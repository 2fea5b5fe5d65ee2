//! Threads and runtimes: workers that serve connections, and the background that accepts them and does everything else.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
};

use hyper::{
    Request,
    body::{Body as _, Bytes, Incoming},
    header,
    http::request::Parts,
};
use tokio::{
    runtime::{Builder, Runtime},
    sync::mpsc,
    task::LocalSet,
};

use super::{
    connection::Protocol,
    listen::{Listener, Socket},
    outgoing::{Leaving, Outgoing},
    progress::Progress,
};
use crate::{
    delivery::Outbox,
    directory::Directory,
    guard::Guard,
    server::{
        app::App,
        route::Route,
        wire::{
            body,
            client::Peer,
            problem::{Answer, Problem},
        },
    },
};

/// What all workers share.
#[derive(Debug)]
pub(crate) struct Service<G, D, O> {
    /// Answers requests.
    pub(crate) app: Arc<App<G, D, O>>,
    /// Limits of connections.
    pub(crate) protocol: Protocol,
    /// Set when new requests are refused, because the process is about to end.
    pub(crate) is_closing: Arc<AtomicBool>,
}

/// The threads that serve connections, each with a current-thread runtime of its own.
#[derive(Debug)]
pub(crate) struct Workers(Vec<Worker>);

#[derive(Debug)]
struct Worker {
    sockets: mpsc::UnboundedSender<(Socket, Peer)>,
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
    pub(crate) fn start<G, D, O>(count: usize, service: &Arc<Service<G, D, O>>) -> io::Result<Self>
    where
        G: Guard + Send + Sync + 'static,
        D: Directory + Send + Sync + 'static,
        O: Outbox + Send + Sync + 'static,
    {
        let workers = (0..count).map(|index| {
            let (sockets, arriving) = mpsc::unbounded_channel();
            let in_flight = Arc::new(AtomicUsize::new(0));
            let runtime = single_threaded()?;
            let (service, load) = (Arc::clone(service), Arc::clone(&in_flight));
            let thread = thread::Builder::new().name(format!("worker-{index}"));
            let thread = thread.spawn(move || LocalSet::new().block_on(&runtime, serve_all(service, load, arriving)))?;
            Ok(Worker { sockets, in_flight, thread })
        });
        workers.collect::<io::Result<_>>().map(Self)
    }

    /// Hands connections to the workers, one after the other, for as long as it is polled.
    pub(crate) async fn feed(&self, listener: &Listener) {
        for worker in self.0.iter().cycle() {
            // A worker ends after its channel, so the connection can't get lost.
            let _ = worker.sockets.send(listener.accept().await);
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

async fn serve_all<G, D, O>(
    service: Arc<Service<G, D, O>>,
    in_flight: Arc<AtomicUsize>,
    mut arriving: mpsc::UnboundedReceiver<(Socket, Peer)>,
) where
    G: Guard + 'static,
    D: Directory + 'static,
    O: Outbox + 'static,
{
    while let Some((socket, peer)) = arriving.recv().await {
        let (service, in_flight) = (Arc::clone(&service), Arc::clone(&in_flight));
        tokio::task::spawn_local(async move {
            let handle = async |request: Request<Incoming>, progress: &Progress| service.handle(request, peer, progress).await;
            let registered = socket.serve(&service.protocol, &in_flight, handle).await;
            if let Err(error) = registered {
                tracing::error!(%error, "an accepted connection can't be served");
            }
        });
    }
}

impl<G, D, O> Service<G, D, O>
where
    G: Guard + 'static,
    D: Directory + 'static,
    O: Outbox + 'static,
{
    /// One request from its head to its answer.
    pub(crate) async fn handle(&self, request: Request<Incoming>, peer: Peer, progress: &Progress) -> Leaving {
        let (head, body) = request.into_parts();
        let app = &self.app;
        if self.is_closing.load(Ordering::Relaxed) {
            return closing(Problem::shutting_down().into_answer()).map(Outgoing::Whole);
        }
        if let Some(answer) = app.preflight(&head) {
            let answer = app.finish(None, &head, Ok(answer));
            return if body.is_end_stream() { answer } else { closing(answer) }.map(Outgoing::Whole);
        }
        let route = app.route(&head);
        if matches!(route, Ok(Route::Relay)) {
            return Box::pin(self.handle_batch(&head, body, progress)).await;
        }
        let known = route.as_ref().ok().copied();
        let (received, was_read) = match route {
            Err(problem) => (Err(problem), body::discard(body, &head.headers, app.settings.max_body_bytes).await),
            Ok(route) if !route.reads_body() => (Ok((route, Bytes::new())), body.is_end_stream()),
            Ok(route) => match body::receive(body, app.longest_body(route)).await {
                Err(problem) => (Err(problem), false),
                Ok(body) => (Ok((route, body)), true),
            },
        };
        let answered = match received {
            Err(problem) => Err(problem),
            Ok((route, body)) => {
                progress.request_arrived();
                app.answer(route, &head, &body, peer).await
            }
        };
        let answer = app.finish(known, &head, answered);
        if was_read { answer } else { closing(answer) }.map(Outgoing::Whole)
    }

    /// A batch of another node's requests, whose answers leave as they are ready.
    async fn handle_batch(&self, head: &Parts, body: Incoming, progress: &Progress) -> Leaving {
        let app = &self.app;
        let (problem, was_read) = match body::receive(body, app.longest_body(Route::Relay)).await {
            Err(problem) => (problem, false),
            Ok(batch) => {
                progress.request_arrived();
                match app.answer_batch(&batch, progress).await {
                    Ok(leaving) => return leaving,
                    Err(problem) => (problem, true),
                }
            }
        };
        let answer = app.finish(Some(Route::Relay), head, Err(problem));
        if was_read { answer } else { closing(answer) }.map(Outgoing::Whole)
    }
}

/// The last answer on its connection, which says so: what follows would be the rest of a request that nobody read.
pub(crate) fn closing(mut answer: Answer) -> Answer {
    answer.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
    answer
}
