//! Starts the real binary with a configuration of its own in a temporary folder, talks to it, and reads what it sends.
//!
//! Every test crate that needs it says `mod harness;`, and none uses all of it.
#![allow(dead_code, unreachable_pub, unused_imports)]

mod http;
mod mail;
mod server;

pub use http::{Answer, exchange_bytes};
pub use mail::Message;
pub use server::{Child, Server, command, free_port, wait_for};
