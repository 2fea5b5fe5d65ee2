//! The HTTP side: what a browser, an app and an edge proxy talk to.

pub mod pages;
