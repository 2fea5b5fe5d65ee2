//! A passwordless login engine that keeps no token table.
#![forbid(unsafe_code)]
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

pub mod challenge;
#[cfg(feature = "server")]
pub mod cli;
#[cfg(feature = "server")]
pub mod config;
pub mod crypto;
pub mod delivery;
pub mod device;
pub mod directory;
#[cfg(feature = "std")]
pub mod engine;
pub mod guard;
pub mod home;
pub mod keyring;
#[cfg(feature = "server")]
pub mod outbound;
pub mod policy;
pub mod puzzle;
pub mod recipient;
pub mod relay;
#[cfg(feature = "server")]
pub mod server;
pub mod time;
pub mod token;
pub mod webhook;
