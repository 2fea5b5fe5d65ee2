//! What requests come to, told as events: once each, by the node that decided.

use std::mem;

use hyper::header::USER_AGENT;

use super::{
    app::App,
    call::Call,
    endpoints::session::Wish,
    wire::{envelope::OfEnvelope, problem::Problem},
};
use crate::{
    challenge::Verifier,
    directory::AnyDirectory,
    engine::{Caller, Complete, CompleteError, Learned, SignedIn, Wants, Way},
    events::{Event, Kind, Subject, UserAgent},
    guard::BreakerOpened,
    recipient::Channel,
};

/// Why an attempt was refused, and what is known of it.
#[derive(Debug)]
pub(crate) struct Refused {
    error: CompleteError,
    learned: Learned,
    is_told: bool,
}

/// An attempt on its way. One that counted, and whose client doesn't wait for what it comes to, is told too: nobody guesses
/// unseen.
struct OnItsWay<'a> {
    app: &'a App,
    call: &'a Call<'a>,
    learned: Learned,
    is_over: bool,
}

impl App {
    /// The caller of a request, of which is noted what events need.
    pub(crate) fn noted<'a>(&self, call: &Call<'a>, learned: &'a Learned) -> Caller<'a> {
        if self.events.are_wanted() { call.caller.noted_in(learned) } else { call.caller }
    }

    /// Where what a request for a message comes to is noted: as much as somebody wants to know.
    pub(crate) fn learned(&self) -> Learned {
        if self.events.are_wanted() { Learned::nothing() } else { Learned::brief() }
    }

    /// Tells the operator of a breaker that a request found open.
    pub(crate) fn tell_opened(&self, call: &Call<'_>, learned: &Learned) {
        let Some(BreakerOpened { prefix, sent, redeemed }) = learned.opened() else { return };
        self.metrics.breaker_opened();
        tracing::warn!(
            %prefix,
            sent,
            redeemed,
            "few messages to numbers of this prefix are redeemed, so strangers get one a minute there (sms.breaker_min_conversion)"
        );
        self.events.emit(Kind::BreakerOpened, call.now, |event| {
            event.channel = Some(Channel::Mobile);
            event.prefix = Some(prefix);
        });
    }

    /// Tells what a request came to.
    pub(crate) fn tell(&self, kind: Kind, call: &Call<'_>, learned: &Learned, describe: impl FnOnce(&mut Event)) {
        self.events.emit(kind, call.now, |event| {
            event.network = Some(call.caller.network);
            event.user_agent = call.headers.get(USER_AGENT).and_then(|value| UserAgent::judge(value.as_bytes()));
            event.subject = learned.found().map(Subject::Found);
            if let Some(verified) = learned.challenge() {
                event.channel = Some(verified.challenge().channel);
                event.challenge = Some(verified.challenge().id);
                if let (None, AnyDirectory::None(_)) = (&event.subject, &self.engine.directory) {
                    event.subject = Some(Subject::Recipient(verified.recipient().clone()));
                }
            }
            describe(event);
        });
    }

    /// Attempts to log in. What is counted is told here: of several envelopes each may be. Another refusal is told by
    /// [`App::refused`], once it is known that it is the last word.
    pub(crate) async fn attempt(
        &self,
        call: &Call<'_>,
        way: impl Way,
        verifier: Option<Verifier<'_>>,
        wish: &Wish,
    ) -> Result<SignedIn, Refused> {
        let mut attempt = OnItsWay { app: self, call, learned: Learned::nothing(), is_over: false };
        let mut complete = Complete::new(way, self.noted(call, &attempt.learned)).with_verifier(verifier);
        complete.at = Some(call.at);
        complete.wants = if wish.session { Wants::Cookie } else { Wants::Tokens };
        let completed = self.engine.complete(complete, call.now, &mut self.random.clone()).await;
        attempt.is_over = true;
        let learned = mem::take(&mut attempt.learned);
        match completed {
            Ok(signed_in) => {
                self.tell(Kind::LoginSucceeded, call, &learned, |_| {});
                if signed_in.is_reviewer {
                    self.tell(Kind::ReviewerUsed, call, &learned, |_| {});
                }
                Ok(signed_in)
            }
            Err(error) => {
                let is_told = matches!(error, CompleteError::InvalidCredentials { attempts_left: Some(_) });
                if is_told {
                    self.tell(Kind::LoginFailed, call, &learned, |event| event.reason = Some("invalid_credentials"));
                }
                Err(Refused { error, learned, is_told })
            }
        }
    }

    /// The problem of a refused attempt, as `tell` tells it. What another node is asked about, that node tells.
    pub(crate) fn refused(&self, call: &Call<'_>, refused: Refused, tell: impl FnOnce(CompleteError) -> Problem) -> Problem {
        let Refused { error, learned, is_told } = refused;
        if error == CompleteError::TooLong {
            tracing::error!(
                "a user's id and epoch don't fit into a session cookie, whose name and value have 1,024 bytes at most: this user can't log \
                 into a session"
            );
        }
        let problem = tell(error);
        let is_relayed = self.fleet.as_ref().zip(problem.owner()).is_some_and(|(fleet, owner)| fleet.asks(&call.arrived, owner));
        if !is_told && !is_relayed {
            self.tell(Kind::LoginFailed, call, &learned, |event| event.reason = Some(problem.code()));
        }
        problem
    }
}

impl Drop for OnItsWay<'_> {
    fn drop(&mut self) {
        if !self.is_over && self.learned.challenge().is_some() {
            self.app.tell(Kind::LoginFailed, self.call, &self.learned, |event| event.reason = Some("abandoned"));
        }
    }
}

impl OfEnvelope for Refused {
    fn of_envelope(&self) -> Option<&CompleteError> {
        Some(&self.error)
    }
}
