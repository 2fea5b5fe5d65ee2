//! A verify provider of one's own through the engine's public interface, with the guard in memory and two kinds of directories.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};

use countersign::{
    challenge::{GuardId, Use},
    delivery::{DeliveryFailed, Dispatch, Fate, NoRoom, Outbox, SlotRequest},
    directory::{Directory, Found, NoDirectory},
    engine::{Begin, BeginError, Begun, ByExternal, Caller, Complete, CompleteError, Engine, Policy, SignedIn},
    guard::{Limits, MemoryGuard, RequestRefused},
    network::ClientNetwork,
    recipient::{Channel, Recipient},
    time::UnixTime,
    token::Amr,
    unavailable::Unavailable,
    user::User,
    verify::{Checked, Method, NotStarted, Unreachable, VerifyProvider},
};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng as _};

use crate::given::{self, NOW, code_format};

const CODE: &str = "123456";

/// Sends nothing; what it is asked it answers on the second poll.
#[derive(Default)]
struct Provider {
    starts: AtomicUsize,
    checks: AtomicUsize,
    cancels: AtomicUsize,
    says: Mutex<Option<Result<Checked, Unreachable>>>,
}

impl VerifyProvider for Provider {
    async fn start(&self, _: &Recipient, _: Method) -> Result<(), NotStarted> {
        self.starts.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    async fn check(&self, _: &Recipient, code: &str) -> Result<Checked, Unreachable> {
        self.checks.fetch_add(1, Ordering::SeqCst);
        let mut is_first = true;
        poll_fn(|_| if std::mem::take(&mut is_first) { Poll::Pending } else { Poll::Ready(()) }).await;
        let said = *self.says.lock().unwrap();
        said.unwrap_or(Ok(if code == CODE { Checked::Accepted } else { Checked::Rejected }))
    }

    fn cancel(&self, _: &Recipient) {
        self.cancels.fetch_add(1, Ordering::SeqCst);
    }
}

/// Knows one number.
struct Users(Cell<bool>);

impl Directory for Users {
    async fn lookup(&self, recipient: &Recipient) -> Result<Found, Unavailable> {
        let user = serde_json::json!({"id": "42", "phone_number": recipient.as_str(), "is_active": self.0.get()});
        Ok(Found::new(recipient, Some(Arc::new(serde_json::from_value(user).unwrap()))))
    }

    async fn register(&self, _: &Recipient, _: bool) -> Result<User, Unavailable> {
        Err(Unavailable::for_seconds(1))
    }
}

struct Nothing;

impl Outbox for Nothing {
    type Slot = ();

    fn reserve(&self, _: &SlotRequest) -> Result<(), NoRoom> {
        Ok(())
    }

    async fn send(&self, (): (), _: Dispatch) -> Result<(), DeliveryFailed> {
        panic!("nothing of ours is sent")
    }
}

struct Desk<D> {
    engine: Engine<MemoryGuard, D, Nothing>,
    provider: Provider,
    random: RefCell<ChaCha8Rng>,
}

fn ann() -> Recipient {
    Recipient::of_stored(Channel::Mobile, "+12025550143").unwrap()
}

fn caller() -> Caller<'static> {
    Caller::new(ClientNetwork::of([192, 0, 2, 1].into()))
}

/// Polls until it is ready; nothing here waits for anybody.
fn now<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    (0..1000)
        .find_map(|_| match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        })
        .expect("it is ready soon")
}

impl<D: Directory> Desk<D> {
    fn new(directory: D) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let guard = MemoryGuard::new(GuardId::fresh(None, &mut random), Limits::default(), &mut random);
        let policy = Policy::new([Channel::Mobile], code_format("0123456789", 6));
        let engine = Engine::new(policy, given::keys(&[1]), guard, directory, Nothing);
        Self { engine, provider: Provider::default(), random: RefCell::new(random) }
    }

    fn begin_with(
        &self,
        method: Method,
        start: impl AsyncFnOnce((), Dispatch) -> Result<(), NotStarted>,
        at: UnixTime,
    ) -> Result<Begun, BeginError> {
        let begin = Begin::new(ann(), caller());
        now(self.engine.begin_external(begin, method, start, at, &mut *self.random.borrow_mut()))
    }

    fn begin(&self, method: Method, at: UnixTime) -> Begun {
        let start = async |(), dispatch: Dispatch| self.provider.start(dispatch.challenge.recipient(), method).await;
        self.begin_with(method, start, at).unwrap()
    }

    fn way<'a>(&'a self, envelope: &'a str, code: &'a str) -> ByExternal<'a, Provider> {
        ByExternal {
            provider: &self.provider,
            recipient: ann(),
            envelope,
            code,
            is_discreet: !self.engine.directory.knows_everybody(),
        }
    }

    fn check(&self, envelope: &str, code: &str) -> Result<SignedIn, CompleteError> {
        let complete = Complete::new(self.way(envelope, code), caller());
        now(self.engine.complete(complete, NOW, &mut *self.random.borrow_mut()))
    }

    fn says(&self, said: Result<Checked, Unreachable>) {
        *self.provider.says.lock().unwrap() = Some(said);
    }
}

fn wrong(attempts_left: u32) -> CompleteError {
    CompleteError::InvalidCredentials { attempts_left: Some(attempts_left) }
}

#[test]
fn a_provider_of_ones_own_signs_in_and_tokens_say_how_the_code_came() {
    let mut at = NOW;
    for (method, amr) in [
        (Method::Sms, Amr::OTP_SMS),
        (Method::Call, Amr::OTP_TEL),
        (Method::Whatsapp, Amr::OTP),
        (Method::FlashCall, Amr::OTP_TEL),
    ] {
        let desk = Desk::new(NoDirectory);
        let begun = desk.begin(method, at);
        at = at.minus(1);
        let challenge = begun.challenge.challenge();
        assert_eq!((challenge.usage, &challenge.format), (Use::EXTERNAL, &None));
        let signed_in = desk.check(&begun.envelope, CODE).unwrap();
        let claims =
            desk.engine.keys.load().sessions.verify_access(&signed_in.tokens().unwrap().access, NOW).unwrap().amr().clone();
        assert_eq!(claims, amr);
        assert_eq!(desk.check(&begun.envelope, CODE).unwrap_err(), CompleteError::Spent);
        assert_eq!(desk.provider.checks.load(Ordering::SeqCst), 1);
    }
}

#[test]
fn a_start_that_fails_gives_the_request_back_unless_a_code_may_be_on_its_way() {
    let desk = Desk::new(NoDirectory);
    for reason in
        [NotStarted::Refused, NotStarted::Exhausted, NotStarted::Unreachable, NotStarted::NoRoom(Unavailable::for_seconds(5))]
    {
        let failed = desk.begin_with(Method::Sms, async |(), _| Err(reason), NOW);
        assert_eq!(failed.unwrap_err(), BeginError::NotStarted(reason));
    }
    let silent = desk.begin_with(Method::Sms, async |(), _| Err(NotStarted::Unanswered), NOW);
    assert_eq!(silent.unwrap_err(), BeginError::NotStarted(NotStarted::Unanswered), "it may have sent a code");
    let throttled = desk.begin_with(Method::Sms, async |(), _| panic!("nobody is asked"), NOW);
    assert!(matches!(throttled, Err(BeginError::Refused(RequestRefused::Throttled { .. }))));
}

#[test]
fn whoever_may_not_log_in_is_handed_over_to_be_dropped() {
    for is_active in [true, false] {
        let desk = Desk::new(Users(Cell::new(is_active)));
        let mut fate = None;
        let start = async |(), dispatch: Dispatch| {
            fate = Some(dispatch.fate);
            Ok(())
        };
        assert!(desk.begin_with(Method::Sms, start, NOW).is_ok());
        assert_eq!(fate, Some(if is_active { Fate::Send } else { Fate::Drop }));
    }
}

#[test]
fn attempts_are_counted_before_the_provider_is_asked_and_given_back_only_where_it_says_nothing() {
    let desk = Desk::new(NoDirectory);
    let begun = desk.begin(Method::Sms, NOW);
    let check = |code: &str| desk.check(&begun.envelope, code).unwrap_err();
    desk.says(Err(Unreachable));
    assert_eq!([check(CODE), check("1")], [CompleteError::ProviderUnavailable, CompleteError::ProviderUnavailable]);
    desk.says(Ok(Checked::Rejected));
    assert_eq!([check(CODE), check("1")], [wrong(4), wrong(3)]);
    desk.says(Ok(Checked::Expired));
    assert_eq!(check(CODE), CompleteError::CodeExpired);
    desk.says(Ok(Checked::Exhausted));
    assert_eq!(check(CODE), CompleteError::Exhausted);
    assert_eq!(desk.provider.cancels.load(Ordering::SeqCst), 0);
    desk.says(Ok(Checked::Rejected));
    assert_eq!(check(CODE), wrong(0));
    assert_eq!(desk.provider.cancels.load(Ordering::SeqCst), 1, "it is told when the attempts have run out");
    assert_eq!((check(CODE), desk.provider.checks.load(Ordering::SeqCst)), (CompleteError::Exhausted, 7));
}

#[test]
fn where_somebody_may_be_unknown_a_code_is_wrong_and_nothing_more() {
    for is_active in [true, false] {
        let desk = Desk::new(Users(Cell::new(is_active)));
        let begun = desk.begin(Method::Sms, NOW);
        for (said, left) in [(Checked::Expired, 4), (Checked::Exhausted, 3), (Checked::Rejected, 2)] {
            desk.says(Ok(said));
            assert_eq!(desk.check(&begun.envelope, CODE).unwrap_err(), wrong(left), "{said:?}");
        }
        desk.says(Err(Unreachable));
        assert_eq!(desk.check(&begun.envelope, CODE).unwrap_err(), CompleteError::ProviderUnavailable);
        desk.says(Ok(Checked::Accepted));
        assert_eq!(desk.check(&begun.envelope, CODE).is_ok(), is_active);
    }
}

#[test]
fn whoever_goes_away_while_the_provider_thinks_has_made_an_attempt_and_spent_nothing() {
    let desk = Desk::new(NoDirectory);
    let begun = desk.begin(Method::Sms, NOW);
    for _ in 0..2 {
        let mut random = ChaCha8Rng::seed_from_u64(2);
        let complete = Complete::new(desk.way(&begun.envelope, CODE), caller());
        let mut gone = pin!(desk.engine.complete(complete, NOW, &mut random));
        assert!(gone.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert_eq!(desk.provider.checks.load(Ordering::SeqCst), 2);
    assert_eq!(desk.check(&begun.envelope, "1").unwrap_err(), wrong(2));
    assert!(desk.check(&begun.envelope, CODE).is_ok());
}

#[test]
fn of_many_checks_under_way_at_once_one_takes_the_use() {
    let desk = Desk::new(NoDirectory);
    let begun = desk.begin(Method::Sms, NOW);
    let mut generators: Vec<_> = (0..8).map(ChaCha8Rng::seed_from_u64).collect();
    let mut checks: Vec<_> = generators
        .iter_mut()
        .map(|random| {
            let complete = Complete::new(desk.way(&begun.envelope, CODE), caller());
            Box::pin(desk.engine.complete(complete, NOW, random))
        })
        .collect();
    let mut context = Context::from_waker(Waker::noop());
    let mut results: Vec<_> = (0..checks.len()).map(|_| None).collect();
    while results.iter().any(Option::is_none) {
        for (check, result) in checks.iter_mut().zip(&mut results) {
            if result.is_none()
                && let Poll::Ready(output) = check.as_mut().poll(&mut context)
            {
                *result = Some(output.map(drop));
            }
        }
    }
    let count = |wanted: &Result<(), CompleteError>| results.iter().flatten().filter(|result| *result == wanted).count();
    assert_eq!(count(&Ok(())), 1, "{results:?}");
    assert_eq!(count(&Err(CompleteError::Exhausted)), 3, "no more are asked about than there are attempts: {results:?}");
    assert_eq!((count(&Err(CompleteError::Spent)), desk.provider.checks.load(Ordering::SeqCst)), (4, 5), "{results:?}");
}
