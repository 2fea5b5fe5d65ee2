//! The promises of the guards, through their public interface.

mod capacity;
mod journal;
mod model;
mod races;
mod requests;
mod support;
