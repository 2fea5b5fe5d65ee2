//! Turns a judged configuration into the running product.

use std::{io, path::Path, sync::Arc};

use tokio::runtime::Handle;

use super::error::StartError;
use crate::{
    challenge::GuardId,
    config::{
        Config,
        sections::{directory, email::EmailTransport, guard::GuardKind, sms::SmsTransport},
    },
    delivery::{Composer, Post, Sender, Site, Templates, Transport, post},
    directory::{AnyDirectory, FileDirectory, HttpDirectory, NoDirectory, http::FieldNames},
    engine::Engine,
    fleet::Homes,
    guard::{
        AnyGuard, JournalGuard, MemoryGuard,
        journal::{self, OpenError},
    },
    keys::Keys,
    server::{
        PublicUrl,
        admin::metrics::Metrics,
        app::{App, Settings},
        endpoints::documents::{Documents, Published},
        fleet::{self as relay, Fleet, Peers},
        http::{connection::Protocol, progress::Patience},
        pages::{Pages, PagesConfig},
        random::Random,
        wire::{client::Proxies, cookies::Cookies, origin::Sites, phones::Phones},
    },
    time::{Clock, UnixTime},
};

#[cfg(feature = "redis")]
use crate::guard::redis::{self, RedisGuard, RedisSettings};

/// What was assembled.
pub(crate) struct Assembled {
    /// Answers requests.
    pub(crate) app: App,
    /// How connections are served.
    pub(crate) protocol: Protocol,
    /// Delivers until it is drained; the application's outbox is the same.
    pub(crate) post: Post,
}

/// Builds everything. Deliveries run on `background`; time and randomness are the caller's.
pub(crate) async fn assemble(
    config: &Config,
    background: &Handle,
    clock: Clock,
    random: Random,
) -> Result<Assembled, StartError> {
    let (server, rules) = (&config.server, &config.passwordless);
    let keys = keys(config)?;
    let post = Post::start(
        post::Settings {
            mode: config.delivery.mode,
            queue_length: config.delivery.queue_length,
            composer: composer(config)?,
            email: email(config)?,
            sms: Transport::sms(&config.sms.transport, config.delivery.timeout)
                .map_err(|fault| StartError::at(sms_key(&config.sms.transport), fault.0))?,
            clock: Arc::clone(&clock),
        },
        background,
    );
    let engine = Engine {
        policy: rules.policy.clone(),
        keys: keys.into(),
        guard: guard(config, &clock, random).await?,
        directory: directory(config, &clock, background)?,
        outbox: post.clone(),
    };
    let app = App {
        engine,
        phones: phones(config)?,
        settings: Settings {
            base_path: server.base_path.as_str().into(),
            email_field: rules.email_field.as_str().into(),
            mobile_field: rules.mobile_field.as_str().into(),
            throttle_seconds: rules.throttle_seconds,
            max_head_bytes: server.max_head_bytes,
            max_body_bytes: server.max_body_bytes,
        },
        proxies: Proxies::new(server.trusted_proxies.clone()),
        sites: Sites::new([&server.public_url].into_iter().chain(&server.page_url).map(PublicUrl::as_str), &server.cors_origins),
        cookies: Cookies::new(&server.cookie_path, server.public_url.wants_secure_cookies()),
        documents: documents(config),
        pages: server.pages.then(|| pages(config)),
        metrics: Metrics::new(),
        fleet: fleet(config, &clock, random).map(Arc::new),
        clock,
        random,
    };
    let patience = Patience { request: server.request_timeout, idle: server.idle_timeout };
    Ok(Assembled { app, protocol: Protocol::new(server.max_head_bytes, patience), post })
}

fn pages(config: &Config) -> Pages {
    let rules = &config.passwordless;
    Pages::new(&PagesConfig {
        base_path: &config.server.base_path,
        site_name: &rules.site_name,
        channels: &rules.policy.channels,
        email_field_name: &rules.email_field,
        mobile_field_name: &rules.mobile_field,
        needs_country_code: rules.phone.default_region.is_none(),
        browser_bound_links: rules.policy.browser_link.is_some(),
    })
}

fn documents(config: &Config) -> Documents {
    Documents::new(&Published {
        algorithm: config.tokens.sessions.algorithm,
        issuer: &config.tokens.sessions.issuer,
        public_url: &config.server.public_url,
        base_path: &config.server.base_path,
        email_field: &config.passwordless.email_field,
        mobile_field: &config.passwordless.mobile_field,
    })
}

/// By the configured rules; ready for the first request where the method is allowed.
#[cfg(feature = "mobile")]
fn phones(config: &Config) -> Result<Phones, StartError> {
    use crate::recipient::{Channel, phone};

    let rules = &config.passwordless.phone;
    let region = rules.default_region.as_deref().unwrap_or_default();
    let rules = phone::PhoneRules::new(region, &rules.allowed_regions, &rules.blocked_prefixes);
    let rules = rules.map_err(|faults| StartError::at("passwordless", format!("{faults:?}")))?;
    if config.passwordless.policy.allows(Channel::Mobile) {
        phone::warm();
    }
    Ok(Phones::new(rules))
}

#[cfg(not(feature = "mobile"))]
#[allow(clippy::unnecessary_wraps, reason = "as with the feature")]
fn phones(_: &Config) -> Result<Phones, StartError> {
    Ok(Phones::new())
}

fn keys(config: &Config) -> Result<Keys, StartError> {
    let keys = Keys::new(&config.keyring, &config.tokens.sessions, config.tokens.envelope_format);
    keys.map_err(|error| StartError::at("tokens", error))
}

fn composer(config: &Config) -> Result<Composer, StartError> {
    let public_url = &config.server.public_url;
    let site = Site {
        name: config.passwordless.site_name.clone(),
        host: public_url.host().to_owned(),
        is_https: public_url.is_https(),
        link_url: config.passwordless.link_url.clone(),
        browser_link: config.passwordless.policy.browser_link.clone(),
    };
    let templates = match &config.email.templates {
        None => Templates::built_in(),
        Some(folder) => Templates::load(folder).map_err(|faults| {
            let faults: Vec<_> = faults.iter().map(|fault| format!("{}: {}", fault.file, fault.reason)).collect();
            StartError::at("email.templates", faults.join("; "))
        })?,
    };
    Ok(Composer::new(site, templates))
}

fn email(config: &Config) -> Result<Transport, StartError> {
    let sender = Sender::parse(&config.email.from).ok_or_else(|| StartError::at("email.from", "this is no mailbox"))?;
    let transport = Transport::email(&config.email.transport, sender, config.delivery.timeout);
    let key = match config.email.transport {
        EmailTransport::File(_) => "email.path",
        EmailTransport::Smtp(_) => "email.url",
        _ => "email.transport",
    };
    transport.map_err(|fault| StartError::at(key, fault.0))
}

/// The key that a transport which can't be used has to blame.
const fn sms_key(transport: &SmsTransport) -> &'static str {
    if matches!(transport, SmsTransport::File(_)) { "sms.path" } else { "sms.transport" }
}

fn directory(config: &Config, clock: &Clock, background: &Handle) -> Result<AnyDirectory, StartError> {
    Ok(match &config.directory {
        directory::Directory::None => AnyDirectory::None(NoDirectory),
        directory::Directory::File(path) => {
            let directory = FileDirectory::open(path).map_err(|fault| StartError::at("directory.path", fault.0))?;
            AnyDirectory::File(directory)
        }
        directory::Directory::Http { webhook, timeout } => {
            let rules = &config.passwordless;
            let fields = FieldNames { email: rules.email_field.clone(), mobile: rules.mobile_field.clone() };
            AnyDirectory::Http(HttpDirectory::new(webhook.clone(), *timeout, fields, Arc::clone(clock), background))
        }
    })
}

async fn guard(config: &Config, clock: &Clock, mut random: Random) -> Result<AnyGuard, StartError> {
    let node = config.guard.node.as_deref();
    let id = match &config.guard.kind {
        GuardKind::Memory => GuardId::fresh(node, &mut random),
        GuardKind::SharedNothing { id } => GuardId::shared_nothing(id),
        GuardKind::Journal { path } => return open_journal(config, path, clock(), &mut random).map(AnyGuard::Journal),
        #[cfg(feature = "redis")]
        GuardKind::Redis { url, id, durable } => {
            let settings = RedisSettings { durable: *durable, ..RedisSettings::new(url.expose(), id.as_str()) };
            return Ok(AnyGuard::Redis(RedisGuard::connect(&settings, config.limits(), &mut random).await?));
        }
        #[cfg(not(feature = "redis"))]
        GuardKind::Redis { .. } => return Err(StartError::at("guard.kind", "this build has no such guard")),
    };
    let id = id.ok_or_else(|| StartError::at("guard.node", "this is no name of a node"))?;
    Ok(AnyGuard::Memory(MemoryGuard::new(id, config.limits(), &mut random)))
}

fn open_journal(config: &Config, path: &Path, now: UnixTime, random: &mut Random) -> Result<JournalGuard, StartError> {
    let node = config.guard.node.as_deref();
    let opening = journal::Opening { path, node, limits: config.limits(), boot: journal::boot(), segment_bytes: None };
    JournalGuard::open(&opening, now, random).map_err(|error| match error {
        OpenError::OtherNode(_) | OpenError::NoName => StartError::at("guard.node", error),
        OpenError::TooMany => StartError::at("guard.capacity", error),
        OpenError::InUse | OpenError::Damaged { .. } | OpenError::Io(_) => {
            StartError::unavailable(format!("guard.path: {}", path.display()))(io::Error::other(error))
        }
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

/// This node's place among the others; `None` where it has no peers.
fn fleet(config: &Config, clock: &Clock, random: Random) -> Option<Fleet> {
    let Config { guard, server, .. } = config;
    let (peers, node) = (guard.peers.as_ref()?, guard.node.as_deref()?);
    let homes = Homes::new(&config.tokens.sessions.issuer, peers.nodes.iter().map(String::as_str));
    let path = format!("{}/relay", server.base_path);
    let longest = relay::longest(server.max_head_bytes, server.max_body_bytes);
    let peers = Peers::new(&peers.url, &path, longest);
    Some(Fleet::new(node, peers, homes, Arc::clone(clock), random))
}
