//! `run`: from a judged configuration to the end of the process.

use std::{
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use hyper::{
    Request,
    body::{Body as _, Incoming},
};
use metrics_exporter_prometheus::PrometheusBuilder;
use rand_core::Rng as _;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    task::{LocalSet, spawn_local},
    time::timeout,
};

use super::{
    assembly::{self, Assembled},
    clock,
    error::StartError,
    logging,
    shutdown::{self, Signals},
};
use crate::{
    config::Config,
    server::{
        Listen,
        admin::Admin,
        http::{
            connection::Protocol,
            listen::Listener,
            outgoing::{Outgoing, closing},
            progress::{Patience, Progress},
            runtime::{Workers, single_threaded},
        },
        random::Random,
        service::Service,
    },
};

/// The longest head on the admin listener, in bytes.
const ADMIN_HEAD_BYTES: usize = 16 << 10;
/// Patience with those who ask for health and metrics.
const ADMIN_PATIENCE: Patience = Patience { request: Duration::from_secs(10), idle: Duration::from_secs(120) };

/// The thread's own generator, seeded by the system.
const SYSTEM_RANDOM: Random = Random::new(|bytes| rand::rng().fill_bytes(bytes));

/// Serves until SIGTERM or SIGINT, on as many threads as are configured and this one.
///
/// # Errors
/// See [`StartError`]: nothing was served then.
pub fn run(config: Config) -> Result<(), StartError> {
    logging::start();
    let runtime = single_threaded().map_err(StartError::unavailable("a runtime"))?;
    LocalSet::new().block_on(&runtime, serve(config))
}

async fn serve(config: Config) -> Result<(), StartError> {
    allow_many_connections();
    let mut signals = Signals::listen().map_err(StartError::unavailable("signals"))?;
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    // Only tests run two servers in one process, and they don't look at metrics.
    let _ = metrics::set_global_recorder(recorder);

    let workers = config.server.workers.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
    let background = tokio::runtime::Handle::current();
    // What is wrong with the configuration comes first: a port is bound by whoever can serve.
    let Assembled { app, protocol, queue } =
        assembly::assemble(&config, &background, Arc::new(clock::now), SYSTEM_RANDOM).await?;
    let listener = bind("server.listen", &config.server.listen)?;
    let admin_listener = bind("server.admin_listen", &config.server.admin_listen)?;
    let is_closing = Arc::new(AtomicBool::new(false));
    let service = Arc::new(Service { app: Arc::new(app), protocol, is_closing: Arc::clone(&is_closing) });
    let workers = Workers::start(workers, &service).map_err(StartError::unavailable("a thread"))?;
    let observed = Arc::clone(&service);
    let observe = Box::new(move || observed.app.metrics.observe(observed.app.engine.guard.pressure(clock::now())));
    let admin = Admin { metrics, observe, is_closing: Arc::clone(&is_closing) };
    spawn_local(serve_admin(admin_listener, admin, Arc::clone(&service)));
    let page = config.server.page_url.as_ref().unwrap_or(&config.server.public_url);
    announce(&listener, config.server.pages.then_some(page.as_str()));

    tokio::select! {
        () = workers.feed(&listener) => {}
        () = signals.requested() => {}
    }
    is_closing.store(true, Ordering::Relaxed);
    // Whoever has connected by now is told so, instead of being cut off.
    let _ = timeout(shutdown::SETTLING, workers.feed(&listener)).await;
    drop(listener);
    match shutdown::drain(&workers, &queue).await {
        0 => {}
        left => tracing::warn!(left, "messages could not be delivered before the end"),
    }
    workers.stop();
    if let Err(error) = service.app.engine.guard.close() {
        tracing::warn!(%error, "the journal could not be closed: after a reboot, outstanding challenges are refused");
    }
    Ok(())
}

fn bind(key: &str, listen: &Listen) -> Result<Listener, StartError> {
    Listener::bind(listen).map_err(StartError::unavailable(format!("{key}: {listen}")))
}

/// Raises the soft limit of open files, often 1024, to the hard one. Where that fails, accepting pauses at the limit.
fn allow_many_connections() {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// Says where it listens, since the port may be the system's choice.
fn announce(listener: &Listener, page: Option<&str>) {
    eprintln!("countersign: listening on {listener}");
    if let Some(page) = page {
        eprintln!("countersign: login page at {page}/");
    }
}

async fn serve_admin(listener: Listener, admin: Admin, service: Arc<Service>) {
    eprintln!("countersign: health and metrics on {listener}");
    let admin = Rc::new((admin, Protocol::new(ADMIN_HEAD_BYTES, ADMIN_PATIENCE)));
    loop {
        let (socket, _) = listener.accept().await;
        let (admin, service) = (Rc::clone(&admin), Arc::clone(&service));
        spawn_local(async move {
            let (admin, protocol) = &*admin;
            let handle = async |request: Request<Incoming>, progress: &Progress| {
                progress.request_arrived();
                let answer = admin.answer(&request, async || service.app.engine.guard.is_ready().await).await;
                let answer = if request.body().is_end_stream() { answer } else { closing(answer) };
                answer.map(Outgoing::Whole)
            };
            let in_flight = Arc::new(AtomicUsize::new(0));
            let served = socket.serve(protocol, &in_flight, handle).await;
            if let Err(error) = served {
                tracing::error!(%error, "an accepted connection can't be served");
            }
        });
    }
}
