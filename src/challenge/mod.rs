//! A challenge is one login attempt. Its signed form, the envelope, is held by the client; nothing is stored here.
//!
//! What comes from outside is an [`UntrustedEnvelope`] or an [`UntrustedLink`]; only [`Challenges`] turns it into a
//! [`VerifiedChallenge`], which is the only thing that the engine acts on.

pub mod alphabet;
pub mod binding;
pub mod claims;
pub mod code;
pub mod envelope;
pub mod issuer;
#[cfg(feature = "std")]
pub mod link;

pub use alphabet::Alphabet;
pub use binding::{Binding, Verifier};
pub use claims::{Challenge, ChallengeId, GuardId, Use, VerifiedChallenge};
pub use code::{Code, CodeFormat};
pub use envelope::UntrustedEnvelope;
pub use issuer::{Challenges, Forged};
#[cfg(feature = "std")]
pub use link::{LinkToken, Links, UntrustedLink, VerifiedLink};
