//! `run`: from a judged configuration to the end of the process.

use std::{
    pin::pin,
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
use metrics::{counter, describe_counter};
use metrics_exporter_prometheus::PrometheusBuilder;
use rand_core::Rng as _;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    task::{LocalSet, spawn_local},
    time::{Instant, sleep, timeout},
};

use super::{
    assembly::{self, Assembled},
    clock,
    error::StartError,
    logging::{self, say},
    shutdown::{self, Request as Asked, Signals},
};
use crate::{
    config::{Config, Faults},
    delivery::Queue,
    directory::AnyDirectory,
    events::Events,
    server::{
        Listen,
        admin::{Admin, metrics::Metrics},
        app::App,
        http::{
            connection::Protocol,
            listen::Listener,
            outgoing::{Outgoing, closing},
            progress::{Patience, Progress},
            runtime::{Speaks, Workers, single_threaded},
        },
        random::Random,
        service::Service,
    },
};

/// The longest head on the admin listener, in bytes.
const ADMIN_HEAD_BYTES: usize = 16 << 10;
/// Patience with those who ask for health and metrics.
const ADMIN_PATIENCE: Patience = Patience { request: Duration::from_secs(10), idle: Duration::from_secs(120) };

/// What events have of the time that the queue has at the end.
const TELLING: Duration = Duration::from_secs(3);

/// The thread's own generator, seeded by the system.
const SYSTEM_RANDOM: Random = Random::new(|bytes| rand::rng().fill_bytes(bytes));

/// Serves until SIGTERM or SIGINT, on as many threads as are configured and this one.
///
/// This is the whole program, for a process of its own or a thread of one that embeds it:
///
/// ```no_run
/// use countersign::{config::{Config, Sources}, serve};
///
/// let text = "[server]\nlisten = \"127.0.0.1:8000\"\n[email]\ntransport = \"file\"";
/// let config = Config::judge(&Sources::of_text(text), &mut rand::rng())?;
/// serve::log_to_stderr()?;
/// serve::run(config)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A service that has an HTTP server already embeds the [`Engine`](crate::engine::Engine) instead.
///
/// # Errors
/// See [`StartError`]: nothing was served then.
pub fn run(config: Config) -> Result<(), StartError> {
    let mut config = Some(config);
    begin(&mut || config.take().map(Ok))
}

/// Serves like [`run`]; `load` finds the configuration, once at the start and again at each SIGHUP. What can be taken over
/// then is: templates, and the directory's file. A configuration with faults changes nothing.
///
/// # Errors
/// See [`StartError`]: nothing was served then.
pub fn run_reloading(mut load: impl FnMut() -> Result<Config, Faults>) -> Result<(), StartError> {
    begin(&mut || Some(load()))
}

/// Finds a configuration; `None` where there is none but the first.
type Load<'l> = &'l mut dyn FnMut() -> Option<Result<Config, Faults>>;

fn begin(load: Load<'_>) -> Result<(), StartError> {
    let runtime = single_threaded().map_err(StartError::unavailable("a runtime"))?;
    let ended = LocalSet::new().block_on(&runtime, serve(load));
    // What still writes to a pipe that nobody reads isn't waited for.
    runtime.shutdown_background();
    logging::finish();
    ended
}

async fn serve(load: Load<'_>) -> Result<(), StartError> {
    // Before anything else: SIGHUP must never end the process.
    let mut signals = Signals::listen().map_err(StartError::unavailable("signals"))?;
    let config = load().expect("the first configuration is there")?;
    allow_many_connections();
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    // Only tests run two servers in one process, and they don't look at metrics.
    let _ = metrics::set_global_recorder(recorder);
    describe_counter!("countersign_log_lines_lost_total", "Log lines that could not be written.");

    let workers = config.server.workers.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
    let background = tokio::runtime::Handle::current();
    // What is wrong with the configuration comes first: a port is bound by whoever can serve.
    let Assembled { app, protocol, multiplexed, queue, events } =
        assembly::assemble(&config, &background, Arc::new(clock::precisely_now), SYSTEM_RANDOM).await?;
    let listener = bind("server.listen", &config.server.listen)?;
    let admin_listener = bind("server.admin_listen", &config.server.admin_listen)?;
    let grpc_listener = config.authz.grpc_listen.as_ref().map(|listen| bind("authz.grpc_listen", listen)).transpose()?;
    let [is_leaving, is_closing] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
    let service = Arc::new(Service { app: Arc::new(app), protocol, multiplexed, is_closing: Arc::clone(&is_closing) });
    let workers = Workers::start(workers, &service).map_err(StartError::unavailable("a thread"))?;
    spawn_local(service.app.engine.ended.clone().keep_company());
    let observed = Arc::clone(&service);
    let lost_lines = counter!("countersign_log_lines_lost_total");
    let observe = Box::new(move || {
        lost_lines.absolute(logging::lost());
        let (guard, now) = (&observed.app.engine.guard, clock::now());
        Metrics::observe(guard.fullness(now), guard.pressure(now));
        Metrics::observe_ended(observed.app.engine.ended.room(now));
    });
    let noted = Arc::clone(&service);
    let notice = Box::new(move || noted.app.fleet.as_ref().and_then(|fleet| fleet.notice()));
    let admin = Admin { metrics, observe, notice, is_leaving: Arc::clone(&is_leaving) };
    let admin = spawn_local(serve_admin(admin_listener, admin, Arc::clone(&service)));
    let page = config.server.page_url.as_ref().unwrap_or(&config.server.public_url);
    announce(&listener, config.server.pages.then_some(page.as_str()));
    if let Some(listener) = &grpc_listener {
        say(&format!("countersign: Envoy's questions by gRPC on {listener}"));
    }

    let feed = async || match &grpc_listener {
        Some(questions) => {
            tokio::join!(workers.feed(&listener, Speaks::Http), workers.feed(questions, Speaks::Grpc));
        }
        None => workers.feed(&listener, Speaks::Http).await,
    };
    {
        let mut feeding = pin!(feed());
        loop {
            tokio::select! {
                () = &mut feeding => break,
                asked = signals.next() => match asked {
                    Asked::End => break,
                    Asked::Reload => {
                        events.reopen();
                        reload(&config, load(), &queue, &service.app);
                    }
                }
            }
        }
        is_leaving.store(true, Ordering::Relaxed);
        if let Some(fleet) = &service.app.fleet {
            fleet.leave();
        }
        let drain = config.server.drain;
        if !drain.is_zero() {
            tracing::info!(seconds = drain.as_secs(), "asked to end: /readyz says so, connections are still taken");
            tokio::select! {
                () = &mut feeding => {}
                () = sleep(drain) => {}
                () = signals.end() => {}
            }
        }
    }
    is_closing.store(true, Ordering::Relaxed);
    // Whoever has connected by now is told so, instead of being cut off.
    let _ = timeout(shutdown::SETTLING, feed()).await;
    // From here on a successor may bind; connections that are open are served to their end.
    drop((listener, grpc_listener));
    admin.abort();
    let _ = admin.await;
    let deliver = async |at_most| deliver(&queue, &events, at_most).await;
    match shutdown::finish(workers, Workers::in_flight, Workers::stop, deliver).await {
        0 => {}
        left => tracing::warn!(left, "messages could not be delivered before the end"),
    }
    if let Err(error) = service.app.engine.guard.close() {
        tracing::warn!(%error, "the journal could not be closed: after a reboot, outstanding challenges are refused");
    }
    Ok(())
}

/// Has the queue delivered, and then told what became of it, for at most so long together; returns how many messages are left.
async fn deliver(queue: &Queue, events: &Events, at_most: Duration) -> usize {
    let left = queue.drain(if events.are_wanted() { at_most.saturating_sub(TELLING) } else { at_most }).await;
    events.drain(Instant::now() + TELLING).await;
    left
}

/// Takes over what can be taken over from a configuration that was read again, and says what can't.
fn reload(running: &Config, again: Option<Result<Config, Faults>>, queue: &Queue, app: &App) {
    let again = match again {
        Some(Ok(again)) => again,
        Some(Err(faults)) => {
            for fault in faults.as_slice() {
                tracing::error!(%fault, "SIGHUP: the configuration has a fault, so everything stays as it is");
            }
            return;
        }
        None => {
            tracing::warn!("SIGHUP: this process has no configuration that could be read again");
            return;
        }
    };
    queue.use_templates(Arc::clone(&again.email.templates));
    if let AnyDirectory::File(file) = &app.engine.directory {
        file.read_again();
    }
    if let Some(pages) = app.pages.as_ref().filter(|_| again.server.pages) {
        pages.store(Arc::new(assembly::pages(running, &again.pages)));
    }
    tracing::info!("SIGHUP: templates, the directory's file and how the pages look are read again");
    let mut changed = again.differences(running);
    // A random root secret is another one each time.
    let is_random = running.keyring_is_random && again.keyring_is_random;
    changed.retain(|key| key != "email.templates" && !key.starts_with("pages.") && !(is_random && key == "keyring.secrets"));
    if !changed.is_empty() {
        tracing::warn!(keys = changed.join(", "), "SIGHUP: these keys are read at the start only; restart to change them");
    }
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
    say(&format!("countersign: listening on {listener}"));
    if let Some(page) = page {
        say(&format!("countersign: login page at {page}/"));
    }
}

async fn serve_admin(listener: Listener, admin: Admin, service: Arc<Service>) {
    say(&format!("countersign: health and metrics on {listener}"));
    let admin = Rc::new((admin, Protocol::new(ADMIN_HEAD_BYTES, ADMIN_PATIENCE)));
    loop {
        let (socket, _) = listener.accept().await;
        let (admin, service) = (Rc::clone(&admin), Arc::clone(&service));
        spawn_local(async move {
            let (admin, protocol) = &*admin;
            let handle = async |request: Request<Incoming>, progress: &Progress| {
                progress.request_arrived();
                let answer = admin
                    .answer(&request, async || {
                        let engine = &service.app.engine;
                        engine.guard.is_ready().await && engine.ended.is_ready(clock::now()).await
                    })
                    .await;
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
