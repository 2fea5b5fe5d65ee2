//! One node's engine and the person in front of it, with a guard, a directory and an outbox made for the occasion.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use countersign::{
    challenge::{Alphabet, Binding, ChallengeId, CodeFormat, GuardId, Strength, UntrustedLink, VerifiedChallenge, Verifier},
    delivery::{DeliveryFailed, Dispatch, Fate, NoRoom, Outbox, SlotRequest},
    directory::{Directory, Found},
    engine::{Begin, BeginError, Begun, ByCode, ByLink, Caller, Complete, CompleteError, Engine, Policy, Resend, SignedIn, Way},
    guard::{
        Admitted, Amendment, Attempt, AttemptRefused, Bucket, By, Counted, Guard, Looked, Request, RequestRefused, Taken, Verdict,
    },
    network::ClientNetwork,
    recipient::{Channel, Recipient},
    time::UnixTime,
    unavailable::Unavailable,
    user::User,
};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng as _};

use crate::given::{self, NOW};

/// The simplest guard that keeps the promises: a map.
pub(super) struct Ledger {
    pub(super) id: GuardId,
    pub(super) counts: RefCell<HashMap<ChallengeId, (u32, u32)>>,
    pub(super) admitted: Cell<u32>,
    pub(super) withdrawn: Cell<u32>,
    pub(super) counted: Cell<u32>,
    pub(super) refuses: Cell<bool>,
    /// Whether the recipient's budget is used up, for whom it is known whose that is.
    pub(super) is_exhausted: Cell<bool>,
}

pub(super) const ATTEMPTS: u32 = 3;

impl Guard for Ledger {
    async fn admit(&self, _: &Request<'_>) -> Result<Admitted, RequestRefused> {
        if self.refuses.get() {
            return Err(RequestRefused::Unavailable(Unavailable::for_seconds(1)));
        }
        self.admitted.set(self.admitted.get() + 1);
        Ok(Admitted { guard: self.id.clone(), strength: Strength::Short, taken: Taken::default(), opened: None })
    }

    async fn withdraw(&self, _: &Request<'_>, _: &Taken) {
        self.withdrawn.set(self.withdrawn.get() + 1);
    }

    async fn peek(&self, attempt: &Attempt<'_>) -> Result<Looked, AttemptRefused> {
        let challenge = attempt.challenge.challenge();
        let (attempts, uses) = self.counts.borrow().get(&challenge.id).copied().unwrap_or_default();
        match attempt.by {
            _ if challenge.guard != self.id => Err(AttemptRefused::Misdirected),
            _ if uses >= 1 => Err(AttemptRefused::Spent),
            By::Code | By::External if attempts >= ATTEMPTS => Err(AttemptRefused::Exhausted),
            By::Code if self.is_exhausted.get() && attempt.bucket != Bucket::Claimed => Err(AttemptRefused::Exhausted),
            _ => Ok(Looked::default()),
        }
    }

    async fn count(&self, attempt: &Attempt<'_>, verdict: Verdict) -> Result<Counted, AttemptRefused> {
        self.peek(attempt).await?;
        self.counted.set(self.counted.get() + 1);
        let mut counts = self.counts.borrow_mut();
        let (attempts, uses) = counts.entry(attempt.challenge.challenge().id).or_default();
        if verdict.open() {
            *uses += 1;
            return Ok(Counted::Accepted { use_number: *uses });
        }
        *attempts += u32::from(attempt.by != By::Link);
        Ok(Counted::Rejected { attempts_left: ATTEMPTS - *attempts })
    }

    async fn amend(&self, attempt: &Attempt<'_>, amendment: Amendment) -> Result<u32, AttemptRefused> {
        let mut counts = self.counts.borrow_mut();
        let (attempts, uses) = counts.get_mut(&attempt.challenge.challenge().id).expect("it was counted before");
        if amendment == Amendment::Right {
            if *uses >= 1 {
                return Err(AttemptRefused::Spent);
            }
            *uses += 1;
        }
        *attempts -= 1;
        Ok(*uses)
    }

    fn give_back(&self, attempt: &Attempt<'_>) -> impl Future<Output = ()> {
        self.counts.borrow_mut().entry(attempt.challenge.challenge().id).or_default().1 -= 1;
        std::future::ready(())
    }
}

#[derive(Default)]
pub(super) struct Users {
    pub(super) known: RefCell<HashMap<String, User>>,
    pub(super) is_down: Cell<bool>,
    pub(super) is_closed: Cell<bool>,
    /// Whether it registers nobody before they have gone.
    pub(super) is_slow: Cell<bool>,
    pub(super) lookups: Cell<u32>,
    pub(super) registered: Cell<u32>,
}

impl Directory for Users {
    async fn lookup(&self, recipient: &Recipient) -> Result<Found, Unavailable> {
        self.lookups.set(self.lookups.get() + 1);
        if self.is_down.get() {
            return Err(Unavailable::for_seconds(5));
        }
        Ok(Found::new(recipient, self.known.borrow().get(recipient.as_str()).cloned().map(Arc::new)))
    }

    async fn register(&self, recipient: &Recipient, _: bool) -> Result<User, Unavailable> {
        if self.is_slow.get() {
            std::future::pending::<()>().await;
        }
        if self.is_closed.get() {
            return Err(Unavailable::for_seconds(5));
        }
        self.registered.set(self.registered.get() + 1);
        let user = user("new", recipient.as_str());
        self.known.borrow_mut().insert(recipient.as_str().into(), user.clone());
        Ok(user)
    }
}

#[derive(Default)]
pub(super) struct Sent {
    pub(super) dispatches: RefCell<Vec<Dispatch>>,
    pub(super) fails: Cell<bool>,
    pub(super) is_full: Cell<bool>,
}

impl Outbox for Sent {
    type Slot = ();

    fn reserve(&self, _: &SlotRequest) -> Result<(), NoRoom> {
        if self.is_full.get() { Err(NoRoom::Full(Unavailable::for_seconds(1))) } else { Ok(()) }
    }

    async fn send(&self, (): (), dispatch: Dispatch) -> Result<(), DeliveryFailed> {
        self.dispatches.borrow_mut().push(dispatch);
        if self.fails.get() { Err(DeliveryFailed) } else { Ok(()) }
    }
}

/// A fleet of one node, and the person in front of it.
pub(super) struct Desk {
    pub(super) engine: Engine<Ledger, Users, Sent>,
    pub(super) random: RefCell<ChaCha8Rng>,
}

pub(super) fn user(id: &str, email: &str) -> User {
    serde_json::from_value(serde_json::json!({"id": id, "email": email, "is_active": true, "epoch": "e1"})).unwrap()
}

pub(super) fn ann() -> Recipient {
    Recipient::parse_email("ann@example.com").unwrap()
}

pub(super) fn caller() -> Caller<'static> {
    Caller::new(ClientNetwork::of([192, 0, 2, 1].into()))
}

/// None of the ports made here ever waits.
pub(super) fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("nothing here waits"),
    }
}

impl Desk {
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(super) fn with(change: impl FnOnce(&mut Policy)) -> Self {
        let mut policy = Policy::new([Channel::Email], CodeFormat::new(Alphabet::Numeric, 6).unwrap());
        change(&mut policy);
        let guard = Ledger {
            id: GuardId::new("node.0123456789abcdef").unwrap(),
            counts: RefCell::default(),
            admitted: Cell::default(),
            withdrawn: Cell::default(),
            counted: Cell::default(),
            refuses: Cell::default(),
            is_exhausted: Cell::default(),
        };
        let engine = Engine::new(policy, given::keys(&[1]), guard, Users::default(), Sent::default());
        engine.directory.known.borrow_mut().insert("ann@example.com".into(), user("42", "Ann@Example.com"));
        Self { engine, random: RefCell::new(ChaCha8Rng::seed_from_u64(1)) }
    }

    pub(super) fn try_begin(&self, recipient: Recipient, binding: Option<Binding>) -> Result<Begun, BeginError> {
        let mut begin = Begin::new(recipient, caller());
        begin.binding = binding;
        now(self.engine.begin(begin, NOW, &mut *self.random.borrow_mut()))
    }

    pub(super) fn begin(&self) -> Begun {
        self.try_begin(ann(), None).unwrap()
    }

    pub(super) fn resend(&self, recipient: Recipient, envelope: &str, at: UnixTime) -> Result<VerifiedChallenge, BeginError> {
        let begin = Begin::new(recipient, caller());
        now(self.engine.resend(Resend::new(begin, envelope), at))
    }

    pub(super) fn complete(&self, way: impl Way, verifier: Option<&str>, at: UnixTime) -> Result<SignedIn, CompleteError> {
        let verifier = verifier.map(|text| Verifier::new(text).unwrap());
        let complete = Complete::new(way, caller()).with_verifier(verifier);
        now(self.engine.complete(complete, at, &mut *self.random.borrow_mut()))
    }

    pub(super) fn redeem(&self, envelope: &str, code: &str) -> Result<SignedIn, CompleteError> {
        self.complete(ByCode { recipient: ann(), envelope, code }, None, NOW)
    }

    pub(super) fn redeem_link(&self, link: &str) -> Result<SignedIn, CompleteError> {
        self.complete(ByLink { recipient: None, link: UntrustedLink::parse(link).unwrap() }, None, NOW)
    }

    /// The code and the link of the last message, as the delivery makes them.
    pub(super) fn last_message(&self) -> (String, String) {
        let dispatches = self.engine.outbox.dispatches.borrow();
        let dispatch = dispatches.last().unwrap();
        (dispatch.code().expose().to_owned(), dispatch.link().expose().to_owned())
    }

    pub(super) fn last_fate(&self) -> Fate {
        self.engine.outbox.dispatches.borrow().last().unwrap().fate
    }

    pub(super) fn last_address(&self) -> String {
        self.engine.outbox.dispatches.borrow().last().unwrap().address().to_owned()
    }

    pub(super) fn counted(&self) -> u32 {
        self.engine.guard.counted.get()
    }
}

pub(super) fn wrong(code: &str) -> String {
    code.chars().map(|digit| if digit == '0' { '1' } else { '0' }).collect()
}

pub(super) fn invalid(attempts_left: impl Into<Option<u32>>) -> CompleteError {
    CompleteError::InvalidCredentials { attempts_left: attempts_left.into() }
}
