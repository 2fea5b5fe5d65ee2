//! The library through its public interface, in this process, and what the repository says of itself.

#[cfg(target_os = "linux")]
mod alone;
mod given;

#[cfg(feature = "mobile")]
mod bound;
#[cfg(feature = "mobile")]
mod by_external;
mod config;
mod documents;
mod edge;
mod engine;
mod envelope;
mod guard;
#[cfg(target_os = "linux")]
mod guard_memory;
#[cfg(feature = "mobile")]
mod parsers;
#[cfg(all(feature = "mobile", target_os = "linux"))]
mod phone_memory;
mod rooms;
mod token;
mod vectors;
