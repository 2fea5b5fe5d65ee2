//! The HTTP side: what a browser, an app and an edge proxy talk to.

pub(crate) mod admin;
pub(crate) mod app;
pub(crate) mod endpoints;
pub(crate) mod fleet;
pub(crate) mod http;
pub mod pages;
pub(crate) mod route;
pub(crate) mod wire;
