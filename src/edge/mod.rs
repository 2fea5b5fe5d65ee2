//! What an edge needs: whoever has public keys and nothing else. It checks envelopes and access tokens, and reads the
//! documents in which their keys are published. [`Checker`] holds all of that for one issuer, [`Presented`] finds both in a
//! request, [`Identity`] says in headers who passed, and [`Denial`] that somebody didn't. All of it compiles without std.
//!
//! ```
//! use countersign::{
//!     edge::{AccessVerifier, EnvelopeVerifier, read_jwks},
//!     time::UnixTime,
//! };
//!
//! // What the fleet answers at /.well-known/challenge-jwks.json and /.well-known/jwks.json.
//! # use countersign::{challenge, keyring::{EnvelopeFormat, Keyring}, recipient::{Channel, Recipient}, token};
//! # let keyring = Keyring::new([vec![1; 32]])?;
//! # let sessions = token::Sessions::new(&keyring, &token::SessionsConfig::new("https://login.example"))?;
//! # let documents = token::KeyDocuments::new(&sessions, &keyring, EnvelopeFormat::EdDsa);
//! # let (challenge_jwks, jwks) = (&documents.challenge_jwks, &documents.jwks);
//! let envelopes = EnvelopeVerifier::jwt(read_jwks(challenge_jwks)?, "https://login.example");
//! let tokens = AccessVerifier::jwt(read_jwks(jwks)?, "https://login.example", vec!["https://login.example".into()], 0);
//!
//! # let now = UnixTime::from_seconds(1_800_000_000);
//! # let challenges = challenge::Challenges::new(&keyring, "https://login.example", EnvelopeFormat::EdDsa);
//! # let (id, guard) = (challenge::ChallengeId::from_random([7; 16]), challenge::GuardId::new("node-1.0011223344556677").unwrap());
//! # let made = challenge::Challenge::new(id, challenge::Use::CODE, Channel::Email, guard, now, 600);
//! # let made = challenge::Challenge { format: challenge::CodeFormat::new(challenge::Alphabet::Numeric, 6), ..made };
//! # let envelope = challenges.sign(&challenges.seal(made, Recipient::parse_email("ann@example.com")?));
//! // An envelope from the header `Countersign-Challenge` or the cookie; `now` is the edge's own clock.
//! let verified = envelopes.verify(&envelope, now)?;
//! assert_eq!(verified.challenge().guard.node(), "node-1");
//! assert!(envelopes.verify(&envelope, now.plus(600)).is_err(), "it has ended");
//! assert!(tokens.verify(&envelope, now).is_err(), "an envelope is no access token");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod checker;
mod denial;
mod document;
mod envelope;
pub(crate) mod identity;
mod jwks;
mod paserk;
mod presented;

pub use crate::token::access::{AccessVerifier, VerifiedAccess};
pub use checker::{Checker, KeyDocument, Needs, Refused, Stopped};
pub use denial::Denial;
pub use document::{DocumentError, MAX_DOCUMENT_BYTES};
pub use envelope::{EnvelopeInvalid, EnvelopeVerifier, VerifiedEnvelope};
pub use identity::{IDENTITY_HEADERS, Identity, claims_identity};
pub use jwks::read_jwks;
pub use paserk::{PaserkKeys, read_paserk};
pub use presented::{Bearer, Presented};
