//! How a configuration is read: its sources, its schema, and the judge that turns texts into values or faults.

pub mod annotated;
pub mod fault;
pub(crate) mod judge;
pub mod schema;
pub(crate) mod shown;
pub mod source;
mod suggest;
