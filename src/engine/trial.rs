//! The one moment in which evidence is judged: nobody learns a verdict that wasn't counted, and nobody is signed in
//! without one.

use super::{Authority, CompleteError};
use crate::{
    challenge::VerifiedChallenge,
    directory::Found,
    guard::{Amendment, Attempt, Counted, Guard, Verdict},
    time::UnixTime,
};

/// An attempt whose evidence is to be judged, for whom the directory found.
#[derive(Debug)]
pub struct Trial<'a, G> {
    /// `None` where nothing is to come of it: see [`Trial::rehearsal`].
    guard: Option<&'a G>,
    authority: &'a Authority<'a>,
    attempt: &'a Attempt<'a>,
    found: &'a Found,
    /// Whether the rules let this person, or nobody, log in. No verdict is right without it.
    may_log_in: bool,
}

/// An attempt that is counted as wrong, until somebody else has said what it is.
#[derive(Debug)]
pub struct Pending<'a, G> {
    guard: Option<&'a G>,
    attempt: &'a Attempt<'a>,
    may_log_in: bool,
    /// What it is until then.
    wrong: CompleteError,
}

/// An attempt that was right, and counted. Only a [`Trial`] makes one.
#[derive(Debug)]
pub struct Proved<'a> {
    attempt: &'a Attempt<'a>,
    use_number: u32,
}

impl<'a, G> Trial<'a, G> {
    pub(super) fn new(guard: &'a G, authority: &'a Authority<'a>, attempt: &'a Attempt<'a>, found: &'a Found) -> Self {
        Self { guard: Some(guard), ..Self::rehearsal(authority, attempt, found) }
    }

    /// Judges by what the directory said a moment ago. A wrong attempt is wrong, and isn't counted; a right one proves
    /// nothing yet.
    pub(super) fn rehearsal(authority: &'a Authority<'a>, attempt: &'a Attempt<'a>, found: &'a Found) -> Self {
        Self { guard: None, authority, attempt, found, may_log_in: authority.policy().may_log_in(found) }
    }

    /// What derives codes.
    #[must_use]
    pub const fn authority(&self) -> &'a Authority<'a> {
        self.authority
    }

    /// The challenge.
    #[must_use]
    pub const fn challenge(&self) -> &'a VerifiedChallenge {
        self.attempt.challenge
    }

    /// When it is attempted.
    #[must_use]
    pub const fn now(&self) -> UnixTime {
        self.attempt.now
    }

    /// Whom the directory has for its recipient.
    #[must_use]
    pub const fn found(&self) -> &'a Found {
        self.found
    }
}

impl<'a, G: Guard> Trial<'a, G> {
    /// Counts the attempt, then says whether it was right: for what can be judged here.
    ///
    /// # Errors
    /// [`CompleteError::InvalidCredentials`] if it was wrong, and whatever the guard refuses.
    pub async fn decide(self, is_right: bool) -> Result<Proved<'a>, CompleteError> {
        match self.count(is_right & self.may_log_in).await? {
            Counted::Accepted { use_number } => Ok(Proved { attempt: self.attempt, use_number }),
            Counted::Rejected { attempts_left } => Err(CompleteError::wrong(self.attempt, attempts_left)),
        }
    }

    /// Counts the attempt as wrong: for what somebody else judges, who is asked only now.
    ///
    /// # Errors
    /// Whatever the guard refuses. Then nobody is to be asked.
    pub async fn suspend(self) -> Result<Pending<'a, G>, CompleteError> {
        let wrong = match self.count(false).await? {
            Counted::Rejected { attempts_left } => CompleteError::wrong(self.attempt, attempts_left),
            Counted::Accepted { .. } => CompleteError::FORGED,
        };
        Ok(Pending { guard: self.guard, attempt: self.attempt, may_log_in: self.may_log_in, wrong })
    }

    async fn count(&self, is_right: bool) -> Result<Counted, CompleteError> {
        let Some(guard) = self.guard else {
            return Ok(if is_right { Counted::Accepted { use_number: 1 } } else { Counted::Rejected { attempts_left: 0 } });
        };
        let counted = guard.count(self.attempt, Verdict::sealed(is_right)).await;
        counted.map_err(|refused| CompleteError::refused(refused, self.attempt.challenge))
    }
}

impl<'a, G: Guard> Pending<'a, G> {
    /// It was right: a use is taken, and its attempt is given back.
    ///
    /// # Errors
    /// The rules don't let this person log in, or other attempts took all uses meanwhile.
    pub async fn right(self) -> Result<Proved<'a>, CompleteError> {
        if !self.may_log_in {
            return Err(self.wrong);
        }
        let use_number = match self.guard {
            Some(guard) => {
                let amended = guard.amend(self.attempt, Amendment::Right).await;
                amended.map_err(|refused| CompleteError::refused(refused, self.attempt.challenge))?
            }
            None => 1,
        };
        Ok(Proved { attempt: self.attempt, use_number })
    }

    /// It was wrong, as it is counted.
    #[must_use]
    pub fn wrong(self) -> CompleteError {
        self.wrong
    }

    /// Nobody could say: its attempt is given back.
    pub async fn unanswered(self) {
        if let Some(guard) = self.guard {
            // What can't be given back stays counted: toward caution.
            let _ = guard.amend(self.attempt, Amendment::Unanswered).await;
        }
    }
}

impl<'a> Proved<'a> {
    pub(super) const fn attempt(&self) -> &'a Attempt<'a> {
        self.attempt
    }

    /// Which use of its challenge it took, from 1.
    pub(super) const fn use_number(&self) -> u32 {
        self.use_number
    }
}
