//! A passwordless login engine that keeps no token table.
//!
//! Who asks for a code gets a signed *envelope*; the code, which goes to the person, is derived from that envelope and
//! from a root secret, and stored nowhere. Envelope and code come back, and session tokens (JWT or PASETO) go out. What has
//! to be remembered, which challenges were used and how often somebody guessed, is a [`guard`]'s: a few bytes each, of
//! fixed capacity.
//!
//! The crate is also a program, `countersign`, which serves all of this over HTTP. A service that embeds it starts at
//! [`engine::Engine`]: four functions over three ports, a [`Guard`](guard::Guard), a [`Directory`](directory::Directory) and
//! an [`Outbox`](delivery::Outbox). The engine does no IO and reads no clock; time and randomness are arguments.
//!
//! ```
//! use std::sync::{Arc, Mutex};
//!
//! use countersign::{
//!     challenge::{Alphabet, Challenges, CodeFormat, GuardId, Links},
//!     delivery::{DeliveryFailed, Dispatch, Languages, Outbox},
//!     device::Devices,
//!     directory::NoDirectory,
//!     engine::{Begin, Caller, Complete, Engine, Presented},
//!     guard::{ClientNetwork, Limits, MemoryGuard},
//!     keyring::{EnvelopeFormat, Keyring},
//!     policy::Policy,
//!     recipient::{Channel, Recipient},
//!     time::UnixTime,
//!     token::{AccessAlgorithm, AccessKeys, Sessions, SessionsConfig},
//!     unavailable::Unavailable,
//! };
//!
//! /// Delivers into a variable.
//! struct Letterbox(Arc<Challenges>, Mutex<String>);
//!
//! impl Outbox for Letterbox {
//!     type Slot = ();
//!     fn reserve(&self, _: Channel) -> Result<(), Unavailable> {
//!         Ok(())
//!     }
//!     async fn post(&self, _: (), dispatch: Dispatch) -> Result<(), DeliveryFailed> {
//!         let code = self.0.code(&dispatch.challenge, dispatch.epoch());
//!         *self.1.lock().unwrap() = code.expose().to_owned();
//!         Ok(())
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let mut random = rand::rng();
//! let keyring = Keyring::new([b"at least 32 bytes that nobody else knows".to_vec()])?;
//! let issuer = "https://login.example.com";
//! let challenges = Arc::new(Challenges::new(&keyring, issuer, EnvelopeFormat::EdDsa));
//! let sessions = SessionsConfig {
//!     algorithm: AccessAlgorithm::EdDsa,
//!     keys: AccessKeys::Derived,
//!     issuer: issuer.into(),
//!     audiences: vec![issuer.into()],
//!     leeway: 0,
//!     client_id: "my-service".into(),
//!     access_lifetime: 300,
//!     refresh_lifetime: 86_400,
//!     user_id_claim: "user_id".into(),
//! };
//! let engine = Engine {
//!     policy: Policy {
//!         channels: vec![Channel::Email],
//!         code_format: CodeFormat::new(Alphabet::Numeric, 6).unwrap(),
//!         challenge_lifetime: 600,
//!         browser_link: None,
//!         allows_admins: false,
//!         registers: false,
//!         registration_sets_unusable_password: true,
//!     },
//!     links: Arc::new(Links::new(&keyring, issuer)),
//!     sessions: Sessions::new(&keyring, &sessions).unwrap(),
//!     devices: Devices::new(&keyring),
//!     guard: MemoryGuard::new(GuardId::fresh(None, &mut random).unwrap(), Limits::default(), &mut random),
//!     directory: NoDirectory,
//!     outbox: Letterbox(Arc::clone(&challenges), Mutex::default()),
//!     challenges,
//! };
//!
//! let now = UnixTime::from_seconds(1_800_000_000);
//! let caller = Caller { network: ClientNetwork::of([192, 0, 2, 1].into()), device_cookie: None };
//! let ann = Recipient::parse_email("Ann@Example.com")?;
//! let begin = Begin { recipient: ann.clone(), caller, proof: None, binding: None, languages: Languages::default() };
//! let begun = engine.begin(begin, now, &mut random).await.unwrap();
//!
//! let code = engine.outbox.1.lock().unwrap().clone();
//! let presented = Presented::Code { recipient: ann, envelope: &begun.envelope, code: &code };
//! let complete = Complete { presented, caller, verifier: None };
//! let signed_in = engine.complete(complete, now.plus(30), &mut random).await.unwrap();
//! assert_eq!(signed_in.tokens.expires_in, 300);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! Without any, the inside compiles without std: [`crypto`], [`keyring`], [`recipient`], [`challenge`], [`token`]. `std` brings
//! the engine; `server`, `mobile`, `smtp` and `redis` are the default. What each brings and costs is in
//! `docs/dependencies.md`.
#![forbid(unsafe_code)]
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

pub mod browser;
pub mod challenge;
#[cfg(feature = "server")]
pub mod cli;
#[cfg(feature = "server")]
pub mod config;
pub mod crypto;
pub mod delivery;
pub mod directory;
#[cfg(feature = "std")]
pub mod engine;
pub mod fleet;
pub mod guard;
pub mod keyring;
pub mod outbound;
pub mod recipient;
#[cfg(feature = "server")]
pub mod serve;
#[cfg(feature = "server")]
pub mod server;
pub mod time;
pub mod token;
pub mod unavailable;
