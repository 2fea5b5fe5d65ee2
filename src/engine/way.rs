//! What a way to log in has to be: the one place where another one fits in.
//!
//! [`Engine::complete`](super::Engine::complete) knows the order of the protocol and no way by name. A way of your own (a
//! code that a provider checks, a passkey, a time-based code) is a type with these two traits; it needs no change anywhere
//! else in the engine.

use super::{Authority, CompleteError, Proved, Trial};
use crate::{
    challenge::VerifiedChallenge,
    guard::{By, Guard},
    recipient::Recipient,
    token::Amr,
};

/// A way to prove a recipient, with what a client presents for it.
pub trait Way {
    /// What it proves its challenge with, once that is believed.
    type Evidence: Evidence;

    /// The challenge that it proves, made by this fleet for this recipient; it may have ended since.
    ///
    /// # Errors
    /// [`CompleteError::FORGED`] for what this fleet didn't make. Nothing is counted for it.
    fn believe(self, authority: &Authority<'_>) -> Result<(VerifiedChallenge, Self::Evidence), CompleteError>;
}

/// What is to be judged when it is known whose it is.
#[allow(async_fn_in_trait, reason = "ways are concrete types, so the futures' Send-ness shows")]
pub trait Evidence {
    /// How an attempt with it is counted.
    fn by(&self) -> By;

    /// What the tokens say of it (`amr`).
    fn amr(&self, recipient: &Recipient) -> Amr;

    /// Judges it, with the same work whatever the answer. Only a [`Trial`] makes a [`Proved`], and only after the guard
    /// has counted. What can't be guessed may be judged twice, since that is counted only where it is right.
    ///
    /// # Errors
    /// Whatever the trial says; or that somebody who was asked gives no answer.
    async fn judge<'a, G: Guard>(&self, trial: Trial<'a, G>) -> Result<Proved<'a>, CompleteError>;
}
