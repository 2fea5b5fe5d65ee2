//! Turns a judged configuration into the running product.

use std::{io, path::Path, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::runtime::Handle;

use super::{error::StartError, logging::say};
use crate::{
    captcha::Captcha,
    challenge::{CodeFormat, GuardId, NodeName},
    config::{
        Config,
        sections::{
            directory::Directory,
            email::{EmailTransport, EmailWay},
            events,
            external_2fa::Provider,
            guard::{self, GuardKind},
            sms::{SmsTransport, SmsWay},
        },
    },
    delivery::{
        Carrier, Composer, Queue, QueueSettings, Site,
        carriers::{
            api::Caller,
            console::Console,
            file::{EmailFiles, SmsFiles},
            http::Http,
            mailgun::Mailgun,
            postmark::Postmark,
            resend::Resend,
            sendgrid::SendGrid,
            telnyx::Telnyx,
            twilio::Twilio,
            vonage::Vonage,
        },
    },
    directory::{
        AnyDirectory, Directory as _, NoDirectory,
        file::FileDirectory,
        http::{FieldNames, HttpDirectory},
    },
    ended::{AnyEnded, JournalEnded, MemoryEnded, Terms, journal::NotOpened},
    engine::Engine,
    events::{
        Events, Sink, SubjectHasher,
        audit::{AuditLog, Subjects},
        webhooks::Webhooks,
    },
    files::beside,
    fleet::Homes,
    guard::{
        AnyGuard, MemoryGuard,
        journal::{self, JournalGuard, OpenError},
    },
    keys::{CurrentKeys, Keys},
    outbound::client::client,
    recipient::Channel,
    server::{
        Phones,
        admin::metrics::Metrics,
        app::{App, Settings},
        authz::{Authz, ClaimHeaders, Forwarded, Headers, Issuer, Verdicts},
        endpoints::{
            documents::{Documents, Published},
            external::External,
            webhook::Reports,
        },
        fleet::{self as relay, Fleet, FleetEnded, Merging, Peers},
        http::{connection::Protocol, multiplexed::Multiplexed, progress::Patience},
        pages::{Pages, PagesConfig, brand::Brand},
        random::Random,
        sessions::BrowserSessions,
        wire::{client::Proxies, cookies::Cookies, origin::Sites},
    },
    time::{Clock, PreciseClock, UnixTime},
    verify::{
        AnyProvider, Method, Starts,
        callbacks::{SeenReports, twilio::AuthToken},
        http::HttpVerify,
        telnyx::TelnyxVerify,
        twilio::TwilioVerify,
    },
};

#[cfg(feature = "smtp")]
use crate::delivery::carriers::smtp::{HelloName, Smtp};
#[cfg(feature = "aws")]
use crate::delivery::carriers::{ses::Ses, sns::Sns};
#[cfg(feature = "redis")]
use crate::guard::redis::{self, RedisGuard};

/// What was assembled.
pub(crate) struct Assembled {
    /// Answers requests.
    pub(crate) app: App,
    /// How connections are served.
    pub(crate) protocol: Protocol,
    /// How connections are served that speak gRPC.
    pub(crate) multiplexed: Multiplexed,
    /// Delivers until it is drained; the application's outbox is the same.
    pub(crate) queue: Queue,
    /// Tells what happened until it is drained; the application and the queue have the same.
    pub(crate) events: Events,
}

/// Builds everything. Deliveries run on `background`; time and randomness are the caller's.
pub(crate) async fn assemble(
    config: &Config,
    background: &Handle,
    precise: PreciseClock,
    random: Random,
) -> Result<Assembled, StartError> {
    let (server, rules) = (&config.server, &config.passwordless);
    let clock = coarse(&precise);
    let keys = CurrentKeys::new(keys(config)?);
    let fleet = fleet(config, &clock, random).map(Arc::new);
    let merging = merging(config, fleet.as_ref(), &keys);
    let events = events(config, &clock, background)?;
    let caller = caller(config, &clock);
    let queue = QueueSettings {
        mode: config.delivery.mode,
        length: config.delivery.queue_length,
        max_connections: config.delivery.max_connections,
        email: email(config, &caller)?,
        sms: sms(config, &caller)?,
        events: events.clone(),
        ..QueueSettings::new(composer(config), Arc::clone(&clock))
    };
    let queue = Queue::start(queue, background);
    let guard = guard(config, &clock, random).await?;
    let ended = FleetEnded::new(ended(config, &guard, &clock, random)?, merging, Arc::clone(&clock));
    let engine = Engine::new(rules.policy.clone(), keys, guard, directory(config, &clock, background)?, queue.clone());
    let engine = engine.with_ended(ended);
    let external = external(config, engine.directory.knows_everybody(), &events, &clock, background);
    if rules.policy.allows(Channel::Mobile) {
        Phones::warm();
    }
    let app = App {
        engine,
        phones: rules.phones.clone(),
        settings: Settings {
            base_path: (&*server.base_path).into(),
            email_field: rules.email_field.as_str().into(),
            mobile_field: rules.mobile_field.as_str().into(),
            throttle_seconds: rules.throttle_seconds,
            max_head_bytes: server.max_head_bytes,
            max_body_bytes: server.max_body_bytes,
        },
        proxies: Proxies::new(server.trusted_proxies.clone()),
        sites: Sites::new([&server.public_url].into_iter().chain(&server.page_url), &server.cors_origins),
        cookies: Cookies::new(&server.cookie_path, server.public_url.wants_secure_cookies()),
        sessions: sessions(config),
        documents: documents(config, external.as_ref()),
        pages: server.pages.then(|| ArcSwap::from_pointee(pages(config, &config.pages))),
        authz: authz(config),
        metrics: Metrics::new(&rules.policy.channels),
        fleet,
        captcha: config.captcha.clone().map(|settings| Captcha::new(settings, Arc::clone(&clock), background)),
        events: events.clone(),
        external,
        reports: reports(config),
        clock,
        precise,
        random,
    };
    let patience = Patience { request: server.request_timeout, idle: server.idle_timeout };
    let (protocol, multiplexed) =
        (Protocol::new(server.max_head_bytes, patience), Multiplexed::new(server.max_head_bytes, patience));
    Ok(Assembled { app, protocol, multiplexed, queue, events })
}

/// The same clock, in seconds.
fn coarse(precise: &PreciseClock) -> Clock {
    let precise = Arc::clone(precise);
    Arc::new(move || precise().to_seconds())
}

/// How browsers hold sessions, where they do.
fn sessions(config: &Config) -> Option<BrowserSessions> {
    let server = &config.server;
    let settings = config.session.browsers.as_ref()?;
    Some(BrowserSessions::new(settings, &server.public_url, server.page_url.as_ref(), &server.base_path))
}

/// The pages of a configuration, as a brand has them look.
pub(super) fn pages(config: &Config, brand: &Brand) -> Pages {
    let rules = &config.passwordless;
    Pages::new(&PagesConfig {
        base_path: &config.server.base_path,
        brand,
        default_locale: &rules.default_locale,
        channels: &rules.policy.channels,
        email_field_name: &rules.email_field,
        mobile_field_name: &rules.mobile_field,
        needs_country_code: !rules.phones.reads_national_format(),
        bound_link_length: rules.policy.browser_link.as_ref().map(CodeFormat::length),
        has_sessions: config.session.browsers.is_some(),
    })
}

fn documents(config: &Config, external: Option<&External>) -> Documents {
    Documents::new(&Published {
        algorithm: config.tokens.sessions.algorithm,
        issuer: &config.tokens.sessions.issuer,
        public_url: &config.server.public_url,
        base_path: &config.server.base_path,
        email_field: &config.passwordless.email_field,
        mobile_field: &config.passwordless.mobile_field,
        methods: external.map_or(&Method::ALL, |external| external.provider().methods()),
    })
}
fn keys(config: &Config) -> Result<Keys, StartError> {
    let keys = Keys::new(&config.keyring, &config.tokens.sessions, config.tokens.envelope_format);
    keys.map_err(|error| StartError::at("tokens", error))
}

/// Writes the messages of this site.
pub(crate) fn composer(config: &Config) -> Composer {
    let public_url = &config.server.public_url;
    let site = Site {
        name: config.passwordless.site_name.clone(),
        host: public_url.host().to_owned(),
        is_https: public_url.is_https(),
        link_url: config.passwordless.link_url.clone(),
        default_locale: config.passwordless.default_locale.clone(),
        code_in_subject: config.email.code_in_subject,
        browser_link: config.passwordless.policy.browser_link.clone(),
    };
    Composer::new(site, Arc::clone(&config.email.templates))
}

/// Calls providers.
pub(crate) fn caller(config: &Config, clock: &Clock) -> Caller {
    Caller::new(client(config.delivery.timeout), Arc::clone(clock))
}

/// What carries e-mail, in the order in which it is asked; nothing: it is discarded.
fn email(config: &Config, caller: &Caller) -> Result<Vec<Box<dyn Carrier>>, StartError> {
    // What can't be used is a fault, whether anybody may ask for e-mail or not.
    let ways: Vec<_> = config.email.ways.iter().map(|way| email_way(config, way, caller)).collect::<Result<_, _>>()?;
    Ok(if config.passwordless.policy.allows(Channel::Email) { ways } else { Vec::new() })
}

/// What one way for e-mail is carried by.
pub(crate) fn email_way(config: &Config, way: &EmailWay, caller: &Caller) -> Result<Box<dyn Carrier>, StartError> {
    #[cfg(not(feature = "smtp"))]
    let _ = config;
    let EmailWay { section, transport, from, .. } = way;
    let sender = from.clone();
    Ok(match transport {
        EmailTransport::Console => Box::new(Console),
        EmailTransport::File(path) => {
            let unusable = |error| StartError::at(&format!("{section}.path"), format!("can't make {}: {error}", path.display()));
            Box::new(EmailFiles::open(path, sender).map_err(unusable)?)
        }
        #[cfg(feature = "smtp")]
        EmailTransport::Smtp(settings) => {
            let mut settings = settings.clone();
            settings.timeout = config.delivery.timeout;
            let host = || HelloName::parse(config.server.public_url.host());
            settings.hello = settings.hello.or_else(HelloName::of_system).or_else(host);
            Box::new(Smtp::new(settings, sender).map_err(|reason| StartError::at(&format!("{section}.url"), reason))?)
        }
        EmailTransport::Http(webhook) => Box::new(Http::new(caller.clone(), webhook.clone())),
        EmailTransport::Postmark(settings) => Box::new(Postmark::new(caller.clone(), settings.clone(), sender)),
        EmailTransport::Resend(settings) => Box::new(Resend::new(caller.clone(), settings.clone(), sender)),
        EmailTransport::SendGrid(settings) => Box::new(SendGrid::new(caller.clone(), settings.clone(), sender)),
        EmailTransport::Mailgun(settings) => Box::new(Mailgun::new(caller.clone(), settings.clone(), sender)),
        #[cfg(feature = "aws")]
        EmailTransport::Ses(settings) => Box::new(Ses::new(caller.clone(), settings.clone(), sender)),
    })
}

/// What carries SMS, in the order in which it is asked; nothing: they are discarded.
fn sms(config: &Config, caller: &Caller) -> Result<Vec<Box<dyn Carrier>>, StartError> {
    let ways: Vec<_> = config.sms.ways.iter().map(|way| sms_way(way, caller)).collect::<Result<_, _>>()?;
    Ok(if config.passwordless.policy.allows(Channel::Mobile) { ways } else { Vec::new() })
}

/// What one way for SMS is carried by.
pub(crate) fn sms_way(way: &SmsWay, caller: &Caller) -> Result<Box<dyn Carrier>, StartError> {
    Ok(match &way.transport {
        SmsTransport::Console => Box::new(Console),
        SmsTransport::File(path) => {
            let unusable =
                |error| StartError::at(&format!("{}.path", way.section), format!("can't make {}: {error}", path.display()));
            Box::new(SmsFiles::open(path).map_err(unusable)?)
        }
        SmsTransport::Twilio(settings) => Box::new(Twilio::new(caller.clone(), settings.clone())),
        SmsTransport::Telnyx(settings) => Box::new(Telnyx::new(caller.clone(), settings.clone())),
        SmsTransport::Vonage(settings) => Box::new(Vonage::new(caller.clone(), settings.clone())),
        #[cfg(feature = "aws")]
        SmsTransport::Sns(settings) => Box::new(Sns::new(caller.clone(), settings.clone())),
        SmsTransport::Http(webhook) => Box::new(Http::new(caller.clone(), webhook.clone())),
    })
}

/// Whoever is told what happens; nobody, unless it is configured.
fn events(config: &Config, clock: &Clock, background: &Handle) -> Result<Events, StartError> {
    let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
    if let Some(settings) = &config.events.webhooks {
        sinks.push(Box::new(Webhooks::start(settings.clone(), clock, background)));
    }
    if let Some(target) = &config.events.audit {
        let subjects = match config.events.audit_subjects {
            events::Subjects::Plain => Subjects::Plain,
            events::Subjects::Hashed => Subjects::Hashed(SubjectHasher::new(&config.keyring)),
        };
        let log = AuditLog::open(target, subjects, Arc::clone(clock));
        sinks.push(Box::new(log.map_err(|error| StartError::at("events.audit", format!("can't be written to: {error}")))?));
    }
    Ok(Events::new(sinks, rand::random))
}

fn directory(config: &Config, clock: &Clock, background: &Handle) -> Result<AnyDirectory, StartError> {
    Ok(match &config.directory {
        Directory::None => AnyDirectory::None(NoDirectory),
        Directory::File(path) => {
            // It was judged before, but may have changed since.
            let directory = FileDirectory::open(path)
                .map_err(|fault| StartError::at("directory.path", format!("{}: {}", path.display(), fault.0)))?;
            AnyDirectory::File(directory)
        }
        Directory::Http(settings) => {
            let rules = &config.passwordless;
            let fields = FieldNames { email: rules.email_field.clone(), mobile: rules.mobile_field.clone() };
            AnyDirectory::Http(HttpDirectory::new(settings.clone(), fields, Arc::clone(clock), background).into())
        }
    })
}

/// Who makes and checks codes itself, and when it is asked; `None` where nobody does.
fn external(config: &Config, waits: bool, events: &Events, clock: &Clock, background: &Handle) -> Option<External> {
    let provider = match config.external_2fa.as_ref()?.provider.clone() {
        Provider::Telnyx { settings, .. } => AnyProvider::Telnyx(TelnyxVerify::new(settings, Arc::clone(clock), background)),
        Provider::Twilio(settings) => AnyProvider::Twilio(TwilioVerify::new(settings, Arc::clone(clock), background)),
        Provider::Http(settings) => AnyProvider::Http(HttpVerify::new(settings, Arc::clone(clock), background)),
    };
    let later = (!waits).then(|| background.clone());
    Some(Starts::new(provider, later, events.clone(), Arc::clone(clock)).into())
}

/// What proxies are answered by.
fn authz(config: &Config) -> Authz {
    let settings = &config.authz;
    let claims = ClaimHeaders::new(settings.claim_headers.clone());
    let tokens = &config.tokens.sessions;
    Authz {
        rules: settings.rules.clone(),
        verdicts: Verdicts::new(settings.cache_seconds),
        headers: Headers { claims, forward_token: settings.forward_token },
        forwarded: Forwarded::new(settings.forward_token && config.session.browsers.is_some()),
        issuer: Issuer {
            name: tokens.issuer.as_str().into(),
            audiences: tokens.audiences.clone(),
            of_reviewers: vec![tokens.reviewer_audience.clone()],
        },
    }
}

/// Whose reports are believed.
fn reports(config: &Config) -> Reports {
    let verified_by = config.external_2fa.as_ref().map(|external| &external.provider);
    let telnyx = match verified_by {
        Some(Provider::Telnyx { webhook_key, .. }) => webhook_key.clone(),
        Some(Provider::Twilio(_) | Provider::Http(_)) | None => None,
    };
    let of_sms = config.sms.ways.iter().filter_map(|way| match &way.transport {
        SmsTransport::Twilio(settings) => Some(&settings.auth_token),
        _ => None,
    });
    let of_verify = match verified_by {
        Some(Provider::Twilio(settings)) => Some(&settings.auth_token),
        Some(Provider::Telnyx { .. } | Provider::Http(_)) | None => None,
    };
    let twilio = of_verify.into_iter().chain(of_sms).map(AuthToken::new).collect();
    let public_url = config.server.public_url.as_str().parse().expect("a judged URL is one");
    Reports { telnyx, twilio, public_url, seen: SeenReports::default() }
}

async fn guard(config: &Config, clock: &Clock, mut random: Random) -> Result<AnyGuard, StartError> {
    let node = config.guard.node.as_ref();
    let id = match &config.guard.kind {
        GuardKind::Memory => GuardId::fresh(node, &mut random),
        GuardKind::SharedNothing { id } => GuardId::shared_nothing(id),
        GuardKind::Journal { path } => return open_journal(config, path, clock(), &mut random).map(AnyGuard::Journal),
        #[cfg(feature = "redis")]
        GuardKind::Redis(settings) => {
            return Ok(AnyGuard::Redis(RedisGuard::connect(settings, config.limits(), &mut random).await?));
        }
    };
    Ok(AnyGuard::Memory(MemoryGuard::new(id, config.limits(), &mut random)))
}

/// Where ended sessions are remembered: where the guard remembers.
fn ended(config: &Config, guard: &AnyGuard, clock: &Clock, mut random: Random) -> Result<AnyEnded, StartError> {
    let sessions = &config.tokens.sessions;
    let of_cookies = config.session.browsers.as_ref().map_or(0, |_| config.session.lifetime);
    let mut terms = Terms::new(&sessions.issuer, sessions.refresh_lifetime.max(of_cookies));
    (terms.capacity, terms.leeway) = (config.session.ended_capacity, sessions.leeway);
    tell_who_forgets(config);
    #[cfg(feature = "redis")]
    if let AnyGuard::Redis(guard) = guard {
        return Ok(AnyEnded::Elsewhere(Box::new(guard.ended(&terms, config.session.redis_copy_seconds))));
    }
    #[cfg(not(feature = "redis"))]
    let _ = guard;
    let GuardKind::Journal { path } = &config.guard.kind else { return Ok(AnyEnded::Memory(MemoryEnded::new(&terms))) };
    let path = beside(path, "ended");
    let opened = JournalEnded::open(&path, &terms, clock(), &mut random);
    opened.map(AnyEnded::Journal).map_err(|error| match error {
        NotOpened::TooMany => StartError::at("session.ended_capacity", error),
        NotOpened::File(_) => StartError::unavailable(format!("guard.path: {}", path.display()))(io::Error::other(error)),
    })
}

/// Says at the start where it is forgotten, or not known, that a session was ended.
fn tell_who_forgets(config: &Config) {
    let guard = &config.guard;
    let forgets = match guard.kind {
        GuardKind::Memory | GuardKind::SharedNothing { .. } => true,
        GuardKind::Journal { .. } => false,
        #[cfg(feature = "redis")]
        GuardKind::Redis(_) => return,
    };
    let is_shared = guard.peers.as_ref().is_some_and(|peers| peers.nodes.len() > 1);
    let has_others = guard.peers.is_some() || guard.replicas > 1 || matches!(guard.kind, GuardKind::SharedNothing { .. });
    if has_others && !is_shared {
        tracing::warn!(
            "a session that is ended here is ended at this node only: give the nodes guard.nodes, or Redis, so that all of them know \
             (docs/ended.md)"
        );
    }
    // With a random root secret a restart ends every session: whoever only tries the program has been told.
    let matters = config.session.browsers.is_some() || !config.keyring_is_random;
    if forgets && matters {
        let whose = if is_shared { "of all nodes at a time" } else { "of this process" };
        say(&format!(
            "countersign: a restart {whose} forgets which sessions were ended, and they go on until they end by themselves: \
             guard.kind = \"journal\" keeps it (docs/ended.md)"
        ));
    }
}

fn open_journal(config: &Config, path: &Path, now: UnixTime, random: &mut Random) -> Result<JournalGuard, StartError> {
    let node = config.guard.node.as_ref();
    let opening = journal::Opening { path, node, limits: config.limits(), boot: journal::boot(), segment_bytes: None };
    JournalGuard::open(&opening, now, random).map_err(|error| match error {
        OpenError::OtherNode(_) => StartError::at("guard.node", error),
        OpenError::TooMany => StartError::at("guard.capacity", error),
        OpenError::File(_) => StartError::unavailable(format!("guard.path: {}", path.display()))(io::Error::other(error)),
    })
}

#[cfg(feature = "redis")]
impl From<redis::StartError> for StartError {
    fn from(error: redis::StartError) -> Self {
        match error {
            redis::StartError::Settings(reason) => Self::at("guard.url", reason),
            error => Self::Unavailable { what: "guard.url".into(), error: std::io::Error::other(error) },
        }
    }
}

/// What makes this node's ended sessions those of its fleet; `None` where it counts alone, or Redis has them.
fn merging(config: &Config, fleet: Option<&Arc<Fleet>>, keys: &CurrentKeys) -> Option<Merging> {
    let (fleet, peers) = (Arc::clone(fleet?), config.guard.peers.as_ref()?);
    let is_other = |name: &&NodeName| config.guard.node.as_ref() != Some(*name);
    let others: Box<[Box<str>]> = peers.nodes.iter().filter(is_other).map(|name| name.as_str().into()).collect();
    let recheck = Duration::from_secs(config.session.recheck_seconds);
    let peers = reached(config, peers);
    (!others.is_empty()).then(|| Merging::new(fleet, keys.clone(), peers, others, recheck, config.session.isolated))
}

/// This node's place among the others; `None` where it has no peers.
fn fleet(config: &Config, clock: &Clock, random: Random) -> Option<Fleet> {
    let (peers, node) = (config.guard.peers.as_ref()?, config.guard.node.as_deref()?);
    let homes = Homes::new(&config.tokens.sessions.issuer, peers.nodes.iter().map(NodeName::as_str));
    Some(Fleet::new(node, reached(config, peers), homes, Arc::clone(clock), random))
}

/// How other nodes are reached.
fn reached(config: &Config, peers: &guard::Peers) -> Peers {
    let server = &config.server;
    let path = format!("{}/relay", server.base_path);
    Peers::new(peers.urls.clone(), &path, relay::longest(server.max_head_bytes, server.max_body_bytes))
}
