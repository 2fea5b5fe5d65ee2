//! How a configuration is read: its sources, and the judge that turns texts into values or faults.
//!
//! What sections there are and what they mean stands above; they are handed in as a schema.

pub(crate) mod choice;
pub(crate) mod fault;
pub(crate) mod judge;
pub(crate) mod schema;
pub(crate) mod shown;
pub(crate) mod source;
mod suggest;
mod value;
