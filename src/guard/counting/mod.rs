//! Counting in this process: what the memory guard and the journal keep, of fixed size.

use super::budget;

pub(crate) mod apart;
pub(crate) mod breakers;
pub(crate) mod change;
pub(crate) mod hashing;
pub(crate) mod ledger;
#[cfg(test)]
mod ledger_tests;
pub(crate) mod recent;
pub(crate) mod record;
pub(crate) mod room;
pub(crate) mod sketch;
pub(crate) mod spent;
#[cfg(test)]
mod spent_tests;
pub(crate) mod sync;
pub(crate) mod throttle;
