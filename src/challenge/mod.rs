//! A challenge is one login attempt. Its signed form, the envelope, is held by the client; nothing is stored here.
//!
//! What comes from outside is an [`UntrustedEnvelope`] or an [`UntrustedLink`]; only [`Challenges`] turns it into a
//! [`VerifiedChallenge`], which is the only thing that the engine acts on.

mod alphabet;
mod binding;
mod claims;
mod code;
mod envelope;
mod issuer;
#[cfg(feature = "std")]
mod link;
mod node_name;

pub use alphabet::{Alphabet, AlphabetError, BASE20, NUMERIC};
pub use binding::{Binding, Verifier};
pub use claims::{CHALLENGE_AUDIENCE, Challenge, ChallengeId, GuardId, Use, VerifiedChallenge};
pub use code::{Code, CodeFormat, MAX_CODE_LENGTH, Strength};
pub use envelope::UntrustedEnvelope;
pub use issuer::{Challenges, Forged};
#[cfg(feature = "std")]
pub use link::{LINK_HEADER, LinkToken, Links, UntrustedLink, VerifiedLink};
pub use node_name::NodeName;
