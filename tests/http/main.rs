//! The HTTP interface, through the real binary: every row of its tables, its limits, and attacks on it.

#[path = "../harness/mod.rs"]
mod harness;

mod bodies;
mod cookies;
mod documents;
mod login;
mod limits;
mod network;
mod races;
mod refusals;
mod shutdown;
mod tokens;
