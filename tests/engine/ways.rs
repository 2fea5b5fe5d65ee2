//! Ways to log in that an application brings along.

use std::cell::Cell;

use countersign::{
    challenge::{Challenge, Use, VerifiedChallenge},
    engine::{Authority, BeginError, CompleteError, Evidence, Proved, SignedIn, Trial, Way},
    guard::{By, Guard},
    recipient::Recipient,
    token::Amr,
    unavailable::Unavailable,
};

use super::desk::{Desk, ann, invalid, now};
use crate::given::{self, NOW};

/// What a verify provider says.
#[derive(Clone, Copy)]
enum Says {
    Accepted,
    Rejected,
    Nothing,
}

/// A way of one's own: somebody else makes the code and checks it.
struct ByProvider<'a> {
    envelope: &'a str,
    says: Says,
    asked: &'a Cell<u32>,
}

impl Way for ByProvider<'_> {
    type Evidence = Self;

    fn believe(self, authority: &Authority<'_>) -> Result<(VerifiedChallenge, Self), CompleteError> {
        Ok((authority.envelope_for(Use::EXTERNAL, self.envelope, &ann())?, self))
    }
}

impl Evidence for ByProvider<'_> {
    fn by(&self) -> By {
        By::External
    }

    fn amr(&self, _: &Recipient) -> Amr {
        Amr::OTP_TEL
    }

    async fn judge<'a, G: Guard>(&self, trial: Trial<'a, G>) -> Result<Proved<'a>, CompleteError> {
        let pending = trial.suspend().await?;
        self.asked.set(self.asked.get() + 1);
        match self.says {
            Says::Accepted => pending.right().await,
            Says::Rejected => Err(pending.wrong()),
            Says::Nothing => {
                pending.unanswered().await;
                Err(CompleteError::Unavailable(Unavailable::for_seconds(2)))
            }
        }
    }
}

/// Another one: something that nobody guesses, of which the directory's word for the user is a part.
pub(super) struct BySignature<'a> {
    pub(super) envelope: &'a str,
    pub(super) signed_epoch: &'a str,
}

impl Way for BySignature<'_> {
    type Evidence = Self;

    fn believe(self, authority: &Authority<'_>) -> Result<(VerifiedChallenge, Self), CompleteError> {
        Ok((authority.envelope_for(Use::CODE, self.envelope, &ann())?, self))
    }
}

impl Evidence for BySignature<'_> {
    fn by(&self) -> By {
        By::Link
    }

    fn amr(&self, _: &Recipient) -> Amr {
        Amr::new(["hwk", "user", "x-test"]).unwrap()
    }

    async fn judge<'a, G: Guard>(&self, trial: Trial<'a, G>) -> Result<Proved<'a>, CompleteError> {
        let is_right = trial.found().user().is_some_and(|user| *user.epoch == *self.signed_epoch);
        trial.decide(is_right).await
    }
}

impl Desk {
    /// The envelope of a challenge whose code somebody else makes.
    fn external(&self) -> String {
        let challenge = Challenge { usage: Use::EXTERNAL, guard: self.engine.guard.id.clone(), ..given::challenge() };
        let challenges = &self.engine.keys.load().challenges;
        challenges.sign(&challenges.seal(challenge, ann()))
    }

    fn amr(&self, signed_in: &SignedIn) -> Amr {
        self.engine.keys.load().sessions.verify_access(&signed_in.tokens().unwrap().access, NOW).unwrap().amr().clone()
    }
}

#[test]
fn a_way_whose_code_a_provider_checks_is_counted_before_the_provider_is_asked() {
    let desk = Desk::new();
    let (envelope, asked) = (desk.external(), Cell::new(0));
    let by_provider = |says| desk.complete(ByProvider { envelope: &envelope, says, asked: &asked }, None, NOW);
    assert_eq!(by_provider(Says::Nothing).unwrap_err(), CompleteError::Unavailable(Unavailable::for_seconds(2)));
    for left in [2, 1, 0] {
        assert_eq!(by_provider(Says::Rejected).unwrap_err(), invalid(left), "what nobody answered was given back");
    }
    assert_eq!(by_provider(Says::Accepted).unwrap_err(), CompleteError::Exhausted);
    assert_eq!((asked.get(), desk.counted()), (4, 4), "nobody is asked about what isn't counted");

    let fresh = Desk::new();
    let signed_in = fresh.complete(ByProvider { envelope: &envelope, says: Says::Accepted, asked: &asked }, None, NOW).unwrap();
    assert_eq!(fresh.amr(&signed_in), Amr::OTP_TEL);
    let again = fresh.complete(ByProvider { envelope: &envelope, says: Says::Accepted, asked: &asked }, None, NOW);
    assert_eq!(again.unwrap_err(), CompleteError::Spent);
}

#[test]
fn whoever_may_not_log_in_may_not_by_any_way() {
    let desk = Desk::new();
    desk.engine.directory.known.borrow_mut().get_mut("ann@example.com").unwrap().is_active = false;
    let asked = Cell::new(0);
    let by_provider = ByProvider { envelope: &desk.external(), says: Says::Accepted, asked: &asked };
    assert_eq!(desk.complete(by_provider, None, NOW).unwrap_err(), invalid(2));
    let begun = desk.begin();
    let by_signature = BySignature { envelope: &begun.envelope, signed_epoch: "e1" };
    assert_eq!(desk.complete(by_signature, None, NOW).unwrap_err(), invalid(None));
}

#[test]
fn each_way_takes_the_envelopes_that_were_made_for_it() {
    let desk = Desk::new();
    let begun = desk.begin();
    let asked = Cell::new(0);
    let by_provider = ByProvider { envelope: &begun.envelope, says: Says::Accepted, asked: &asked };
    assert_eq!(desk.complete(by_provider, None, NOW).unwrap_err(), invalid(None));
    assert_eq!(desk.redeem(&desk.external(), "123456").unwrap_err(), invalid(None));
    assert_eq!(desk.resend(ann(), &desk.external(), NOW).unwrap_err(), BeginError::Envelope(invalid(None)));
    assert_eq!((asked.get(), desk.counted()), (0, 0));
}

#[test]
fn a_way_that_nobody_guesses_says_its_own_amr_in_every_token() {
    let desk = Desk::new();
    let begun = desk.begin();
    let by_signature = |signed_epoch| desk.complete(BySignature { envelope: &begun.envelope, signed_epoch }, None, NOW);
    assert_eq!(by_signature("e0").unwrap_err(), invalid(None));
    let signed_in = by_signature("e1").unwrap();
    let amr = Amr::new(["hwk", "user", "x-test"]).unwrap();
    assert_eq!(desk.amr(&signed_in), amr);
    let renewed = now(desk.engine.refresh(&signed_in.tokens().unwrap().refresh, NOW, &mut *desk.random.borrow_mut())).unwrap();
    assert_eq!(*desk.engine.keys.load().sessions.verify_access(&renewed, NOW).unwrap().amr(), amr);
    assert_eq!(by_signature("e1").unwrap_err(), CompleteError::Spent);
}
