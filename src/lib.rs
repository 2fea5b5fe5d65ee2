//! A passwordless login engine that keeps no token table.
//!
//! Who asks for a code gets a signed *envelope*; the code, which goes to the person, is derived from that envelope and
//! from a root secret, and stored nowhere. Envelope and code come back, and session tokens (JWT or PASETO) go out. What has
//! to be remembered, which challenges were used and how often somebody guessed, is a [`guard`]'s: a few bytes each, of
//! fixed capacity.
//!
//! The crate is also a program, `countersign`, which serves all of this over HTTP; `serve::run` is the same for a Rust program
//! that wants that server inside. A service that has an HTTP server of its own starts at [`engine::Engine`]: `begin`, `resend`,
//! `complete` and `refresh` over three ports, a [`Guard`](guard::Guard), a [`Directory`](directory::Directory) and an
//! [`Outbox`](delivery::Outbox). The engine does no IO and reads no clock; time and randomness are arguments.
//!
//! This is a whole login. `cargo run --example embedded` serves one over two routes, to try by curl (`examples/embedded.rs`).
//!
//! ```
//! use std::sync::Mutex;
//!
//! use countersign::{
//!     challenge::{Alphabet, CodeFormat, GuardId},
//!     delivery::{DeliveryFailed, Dispatch, NoRoom, Outbox, SlotRequest},
//!     directory::NoDirectory,
//!     engine::{Begin, ByCode, Caller, Complete, Engine, Policy},
//!     guard::{Limits, MemoryGuard},
//!     keyring::{EnvelopeFormat, Keyring},
//!     keys::Keys,
//!     network::ClientNetwork,
//!     recipient::{Channel, Recipient},
//!     time::UnixTime,
//!     token::SessionsConfig,
//! };
//!
//! /// Delivers into a variable.
//! #[derive(Default)]
//! struct Letterbox(Mutex<String>);
//!
//! impl Outbox for Letterbox {
//!     type Slot = ();
//!     fn reserve(&self, _: &SlotRequest) -> Result<(), NoRoom> {
//!         Ok(())
//!     }
//!     async fn send(&self, _: (), dispatch: Dispatch) -> Result<(), DeliveryFailed> {
//!         *self.0.lock().unwrap() = dispatch.code().expose().to_owned();
//!         Ok(())
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let mut random = rand::rng();
//! let keyring = Keyring::new([b"at least 32 bytes that nobody else knows".to_vec()])?;
//! let keys = Keys::new(&keyring, &SessionsConfig::new("https://login.example.com"), EnvelopeFormat::EdDsa)?;
//! let policy = Policy::new([Channel::Email], CodeFormat::new(Alphabet::Numeric, 6).unwrap());
//! let guard = MemoryGuard::new(GuardId::fresh(None, &mut random), Limits::default(), &mut random);
//! let engine = Engine::new(policy, keys, guard, NoDirectory, Letterbox::default());
//!
//! let now = UnixTime::from_seconds(1_800_000_000);
//! let caller = Caller::new(ClientNetwork::of([192, 0, 2, 1].into()));
//! let ann = Recipient::parse_email("Ann@Example.com")?;
//! let begun = engine.begin(Begin::new(ann.clone(), caller), now, &mut random).await?;
//!
//! let code = engine.outbox.0.lock().unwrap().clone();
//! let by_code = ByCode { recipient: ann, envelope: &begun.envelope, code: &code };
//! let signed_in = engine.complete(Complete::new(by_code, caller), now.plus(30), &mut random).await?;
//! assert_eq!(signed_in.tokens().unwrap().expires_in, 300);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! Without any, the inside compiles without std: [`crypto`], [`keyring`], [`recipient`], [`challenge`], [`token`],
//! and [`edge`], for whoever has public keys only. `std` brings
//! the engine; `server`, `mobile`, `smtp`, `redis` and `aws` are the default. What each brings and costs is in
//! `docs/dependencies.md`.
#![forbid(unsafe_code)]
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

pub mod browser;
#[cfg(feature = "server")]
pub mod captcha;
pub mod challenge;
#[cfg(feature = "server")]
pub mod cli;
#[cfg(feature = "server")]
pub mod config;
pub mod crypto;
#[cfg(feature = "std")]
pub mod delivery;
pub mod directory;
pub mod edge;
#[cfg(feature = "std")]
pub mod ended;
#[cfg(feature = "std")]
pub mod engine;
#[cfg(feature = "server")]
pub mod events;
#[cfg(feature = "std")]
pub mod files;
pub mod fleet;
#[cfg(feature = "std")]
pub mod guard;
pub mod keyring;
#[cfg(feature = "std")]
pub mod keys;
pub mod network;
pub mod outbound;
pub mod recipient;
#[cfg(feature = "server")]
mod seldom;
#[cfg(feature = "server")]
pub mod serve;
#[cfg(feature = "server")]
pub mod server;
pub mod time;
pub mod token;
mod typed;
pub mod unavailable;
pub mod user;
#[cfg(feature = "std")]
pub mod verify;
