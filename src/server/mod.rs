//! The HTTP side: what a browser, an app and an edge proxy talk to.

pub(crate) mod admin;
pub(crate) mod app;
pub mod authz;
pub(crate) mod call;
pub(crate) mod endpoints;
pub(crate) mod fleet;
pub(crate) mod grpc;
pub(crate) mod http;
pub mod pages;
pub(crate) mod random;
pub(crate) mod report;
pub(crate) mod routes;
pub(crate) mod service;
pub mod sessions;
#[cfg(test)]
mod tests;
pub(crate) mod wire;

pub use self::fleet::{Isolated, PeerUrls};
pub use self::wire::{base_path::BasePath, origin::Origin, phones::Phones};
pub use self::{
    http::listen::Listen,
    wire::{
        public_url::PublicUrl,
        return_to::{Destination, Destinations, Given, NotAllowed, ReturnTo},
    },
};
