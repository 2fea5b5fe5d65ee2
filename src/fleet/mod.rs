//! A fleet without a database: where a recipient is at home, and how nodes relay to each other, sealed.

pub mod batch;
mod homes;
mod incarnation;
mod message;
mod relay;
mod seen;

pub use homes::{Homes, HomesId};
pub use incarnation::Incarnation;
pub use message::{Headers, RelayedAnswer, RelayedRequest, Reply, Target};
pub use relay::{AuthenticRequest, CurrentRequest, Exchange, MAX_SKEW, RelayRefused, Relays, UntrustedRequest, VerifiedRequest};
pub use seen::SeenRequests;
