//! What providers report of a code's or message's way: who signed a report, and what it says.
//!
//! Nothing is read of a report before its signature is right, and nothing of it is kept but two names and a state: it holds a
//! number, and Telnyx's holds the code.

mod seen;
pub mod telnyx;
#[cfg(feature = "server")]
pub mod twilio;

use alloc::{boxed::Box, string::String};

pub use self::seen::SeenReports;

/// A report that nobody who may send one has signed. One kind on purpose: the answer never says which part is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidSignature;

/// How far a code or a message has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It has left.
    Sent,
    /// It has arrived.
    Delivered,
    /// It never will.
    Failed,
}

/// What a report says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What no other report of this provider has.
    pub id: String,
    /// How far it has come; `None` for a state on the way that nobody needs to hear of.
    pub progress: Option<Progress>,
    /// The provider's id of the verification or message, if it is one.
    pub provider_id: Option<Box<str>>,
    /// The provider's word for its state.
    pub delivery_status: Option<Box<str>>,
}

/// A name or state as providers write them: 1 to 64 letters, digits, `-`, `_`, `.` and `:`. Nothing else is kept, least of all a
/// number with its `+`.
fn name(text: &str) -> Option<Box<str>> {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    ((1..=64).contains(&text.len()) && text.bytes().all(is_fit)).then(|| text.into())
}
