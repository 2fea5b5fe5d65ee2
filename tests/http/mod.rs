//! The HTTP interface, through the real binary: every row of its tables, its limits, and attacks on it.

mod authz;
mod bodies;
mod confusion;
mod cookies;
mod documents;
mod framing;
#[cfg(target_os = "linux")]
mod grpc;
mod limits;
mod login;
mod network;
mod outside;
mod races;
mod refusals;
mod secrecy;
mod shutdown;
mod tokens;
