//! The protocol through the engine's public interface.

mod desk;
mod login;
mod lookups;
mod status;
mod typed;
mod users;
mod ways;
