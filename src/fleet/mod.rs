//! A fleet without a database: where a recipient is at home, and how nodes relay to each other, sealed.

pub mod batch;
pub mod homes;
pub mod incarnation;
pub mod message;
pub mod relay;
pub mod seen;
