//! The protocol through the engine's public interface, with a guard, a directory and an outbox made for the occasion.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use countersign::{
    challenge::{
        Alphabet, Binding, Challenge, ChallengeId, CodeFormat, GuardId, Strength, UntrustedLink, Use, VerifiedChallenge, Verifier,
    },
    delivery::{DeliveryFailed, Dispatch, Fate, NoRoom, Outbox, SlotRequest},
    directory::{Directory, Found},
    engine::{
        Authority, Begin, BeginError, Begun, ByCode, ByLink, Caller, Complete, CompleteError, Engine, Evidence, Policy, Proved,
        RefreshError, Resend, SignedIn, State, Trial, Way,
    },
    guard::{
        Admitted, Amendment, Attempt, AttemptRefused, Bucket, By, Counted, Guard, Looked, Request, RequestRefused, Taken, Verdict,
    },
    network::ClientNetwork,
    recipient::{Channel, Recipient},
    time::UnixTime,
    token::Amr,
    unavailable::Unavailable,
    user::User,
};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use crate::given::{self, NOW};

/// The simplest guard that keeps the promises: a map.
struct Ledger {
    id: GuardId,
    counts: RefCell<HashMap<ChallengeId, (u32, u32)>>,
    admitted: Cell<u32>,
    withdrawn: Cell<u32>,
    counted: Cell<u32>,
    refuses: Cell<bool>,
    /// Whether the recipient's budget is used up, for whom it is known whose that is.
    is_exhausted: Cell<bool>,
}

const ATTEMPTS: u32 = 3;

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
struct Users {
    known: RefCell<HashMap<String, User>>,
    is_down: Cell<bool>,
    is_closed: Cell<bool>,
    /// Whether it registers nobody before they have gone.
    is_slow: Cell<bool>,
    lookups: Cell<u32>,
    registered: Cell<u32>,
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
struct Sent {
    dispatches: RefCell<Vec<Dispatch>>,
    fails: Cell<bool>,
    is_full: Cell<bool>,
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
struct Desk {
    engine: Engine<Ledger, Users, Sent>,
    random: RefCell<ChaCha8Rng>,
}

fn user(id: &str, email: &str) -> User {
    serde_json::from_value(serde_json::json!({"id": id, "email": email, "is_active": true, "epoch": "e1"})).unwrap()
}

fn ann() -> Recipient {
    Recipient::parse_email("ann@example.com").unwrap()
}

fn caller() -> Caller<'static> {
    Caller::new(ClientNetwork::of([192, 0, 2, 1].into()))
}

/// None of the ports made here ever waits.
fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("nothing here waits"),
    }
}

impl Desk {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Policy)) -> Self {
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

    fn try_begin(&self, recipient: Recipient, binding: Option<Binding>) -> Result<Begun, BeginError> {
        let mut begin = Begin::new(recipient, caller());
        begin.binding = binding;
        now(self.engine.begin(begin, NOW, &mut *self.random.borrow_mut()))
    }

    fn begin(&self) -> Begun {
        self.try_begin(ann(), None).unwrap()
    }

    fn resend(&self, recipient: Recipient, envelope: &str, at: UnixTime) -> Result<VerifiedChallenge, BeginError> {
        let begin = Begin::new(recipient, caller());
        now(self.engine.resend(Resend::new(begin, envelope), at))
    }

    fn complete(&self, way: impl Way, verifier: Option<&str>, at: UnixTime) -> Result<SignedIn, CompleteError> {
        let verifier = verifier.map(|text| Verifier::new(text).unwrap());
        let complete = Complete::new(way, caller()).with_verifier(verifier);
        now(self.engine.complete(complete, at, &mut *self.random.borrow_mut()))
    }

    fn redeem(&self, envelope: &str, code: &str) -> Result<SignedIn, CompleteError> {
        self.complete(ByCode { recipient: ann(), envelope, code }, None, NOW)
    }

    fn redeem_link(&self, link: &str) -> Result<SignedIn, CompleteError> {
        self.complete(ByLink { recipient: None, link: UntrustedLink::parse(link).unwrap() }, None, NOW)
    }

    /// The code and the link of the last message, as the delivery makes them.
    fn last_message(&self) -> (String, String) {
        let dispatches = self.engine.outbox.dispatches.borrow();
        let dispatch = dispatches.last().unwrap();
        (dispatch.code().expose().to_owned(), dispatch.link().expose().to_owned())
    }

    fn last_fate(&self) -> Fate {
        self.engine.outbox.dispatches.borrow().last().unwrap().fate
    }

    fn last_address(&self) -> String {
        self.engine.outbox.dispatches.borrow().last().unwrap().address().to_owned()
    }

    fn counted(&self) -> u32 {
        self.engine.guard.counted.get()
    }
}

fn wrong(code: &str) -> String {
    code.chars().map(|digit| if digit == '0' { '1' } else { '0' }).collect()
}

fn invalid(attempts_left: impl Into<Option<u32>>) -> CompleteError {
    CompleteError::InvalidCredentials { attempts_left: attempts_left.into() }
}

#[test]
fn a_code_signs_in_once() {
    let desk = Desk::new();
    let begun = desk.begin();
    let (code, link) = desk.last_message();
    assert!(desk.redeem(&begun.envelope, &code).is_ok());
    assert_eq!(desk.redeem(&begun.envelope, &code).unwrap_err(), CompleteError::Spent);
    assert_eq!(desk.redeem_link(&link).unwrap_err(), CompleteError::Spent, "code and link are one challenge");
}

#[test]
fn a_link_signs_in_once_and_spends_the_code() {
    let desk = Desk::new();
    let begun = desk.begin();
    let (code, link) = desk.last_message();
    assert!(desk.redeem_link(&link).is_ok());
    assert_eq!(desk.redeem_link(&link).unwrap_err(), CompleteError::Spent);
    assert_eq!(desk.redeem(&begun.envelope, &code).unwrap_err(), CompleteError::Spent);
}

#[test]
fn wrong_codes_are_counted_and_never_end_the_link() {
    let desk = Desk::new();
    let begun = desk.begin();
    let (code, link) = desk.last_message();
    for left in [2, 1, 0] {
        assert_eq!(desk.redeem(&begun.envelope, &wrong(&code)).unwrap_err(), invalid(left));
    }
    assert_eq!(desk.redeem(&begun.envelope, &code).unwrap_err(), CompleteError::Exhausted);
    assert!(desk.redeem_link(&link).is_ok());
}

#[test]
fn an_exhausted_envelope_never_reaches_the_directory() {
    let desk = Desk::new();
    let begun = desk.begin();
    for _ in 0..ATTEMPTS {
        let _ = desk.redeem(&begun.envelope, "x");
    }
    let lookups = desk.engine.directory.lookups.get();
    assert_eq!(desk.redeem(&begun.envelope, "x").unwrap_err(), CompleteError::Exhausted);
    assert_eq!(desk.engine.directory.lookups.get(), lookups);
}

#[test]
fn another_recipients_envelope_is_forged_and_nothing_is_counted() {
    let desk = Desk::new();
    let begun = desk.begin();
    let (code, _) = desk.last_message();
    let bob = Recipient::parse_email("bob@example.com").unwrap();
    let presented = ByCode { recipient: bob.clone(), envelope: &begun.envelope, code: &code };
    assert_eq!(desk.complete(presented, None, NOW).unwrap_err(), invalid(None));
    assert_eq!(desk.resend(bob, &begun.envelope, NOW).unwrap_err(), BeginError::Envelope(invalid(None)));
    assert_eq!((desk.counted(), desk.engine.outbox.dispatches.borrow().len()), (0, 1));
}

#[test]
fn a_link_with_another_recipient_beside_it_is_refused() {
    let desk = Desk::new();
    desk.begin();
    let (_, link) = desk.last_message();
    let bob = Recipient::parse_email("bob@example.com").unwrap();
    let link = UntrustedLink::parse(&link).unwrap();
    let presented = |recipient| ByLink { recipient: Some(recipient), link };
    assert_eq!(desk.complete(presented(bob), None, NOW).unwrap_err(), invalid(None));
    assert!(desk.complete(presented(ann()), None, NOW).is_ok());
}

#[test]
fn a_challenge_ends_with_its_second() {
    let desk = Desk::new();
    let begun = desk.begin();
    let (code, link) = desk.last_message();
    let end = NOW.plus(600);
    let presented = || ByCode { recipient: ann(), envelope: &begun.envelope, code: &code };
    assert_eq!(desk.complete(presented(), None, end).unwrap_err(), CompleteError::Expired);
    let by_link = ByLink { recipient: None, link: UntrustedLink::parse(&link).unwrap() };
    assert_eq!(desk.complete(by_link, None, end).unwrap_err(), CompleteError::Expired);
    assert!(desk.complete(presented(), None, end.minus(1)).is_ok());
}

#[test]
fn a_code_of_an_older_envelope_opens_only_that_one() {
    let desk = Desk::new();
    let older = desk.begin();
    let (code, _) = desk.last_message();
    let newer = desk.begin();
    assert_eq!(desk.redeem(&newer.envelope, &code).unwrap_err(), invalid(2));
    assert!(desk.redeem(&older.envelope, &code).is_ok());
}

#[test]
fn a_resend_carries_the_same_code_and_counts_as_a_request() {
    let desk = Desk::new();
    let begun = desk.begin();
    let first = desk.last_message().0;
    let resent = desk.resend(ann(), &begun.envelope, NOW.plus(60)).unwrap();
    assert_eq!(desk.last_message().0, first);
    assert_eq!(resent.challenge().expires_at, NOW.plus(600), "the lifetime is not renewed");
    assert_eq!(desk.engine.guard.admitted.get(), 2);
    assert!(desk.redeem(&begun.envelope, &first).is_ok());
    assert_eq!(desk.resend(ann(), &begun.envelope, NOW).unwrap_err(), BeginError::Envelope(CompleteError::Spent));
}

#[test]
fn a_bound_challenge_needs_its_verifier_on_every_path() {
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let desk = Desk::new();
    let binding = Binding::from_text("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    let begun = desk.try_begin(ann(), binding).unwrap();
    let (code, link) = desk.last_message();
    let by_code = || ByCode { recipient: ann(), envelope: &begun.envelope, code: &code };
    let by_link = || ByLink { recipient: None, link: UntrustedLink::parse(&link).unwrap() };
    assert_eq!(desk.complete(by_code(), None, NOW).unwrap_err(), invalid(2), "counted");
    assert_eq!(desk.complete(by_code(), Some(&"a".repeat(43)), NOW).unwrap_err(), invalid(1), "counted");
    assert_eq!(desk.complete(by_link(), None, NOW).unwrap_err(), invalid(None));
    assert!(desk.complete(by_link(), Some(VERIFIER), NOW).is_ok());
}

#[test]
fn a_directory_that_fails_costs_nothing() {
    let desk = Desk::new();
    let begun = desk.begin();
    let (code, _) = desk.last_message();
    desk.engine.directory.is_down.set(true);
    let unavailable = Unavailable::for_seconds(5);
    assert_eq!(desk.redeem(&begun.envelope, &code).unwrap_err(), CompleteError::Unavailable(unavailable));
    let refused = BeginError::Refused(RequestRefused::Unavailable(unavailable));
    assert_eq!(desk.try_begin(ann(), None).unwrap_err(), refused);
    assert_eq!((desk.counted(), desk.engine.guard.withdrawn.get()), (0, 1));
    desk.engine.directory.is_down.set(false);
    assert!(desk.redeem(&begun.envelope, &code).is_ok());
}

#[test]
fn unknown_inactive_and_admin_users_get_an_envelope_that_no_code_opens() {
    for change in ["unknown", "inactive", "staff", "superuser", "other address"] {
        let desk = Desk::new();
        let mut ann = user("42", "ann@example.com");
        match change {
            "inactive" => ann.is_active = false,
            "staff" => ann.is_staff = true,
            "superuser" => ann.is_superuser = true,
            "other address" => ann.email = Some("ann@exämple.com".into()),
            _ => {}
        }
        desk.engine.directory.known.borrow_mut().remove("ann@example.com");
        if change != "unknown" {
            desk.engine.directory.known.borrow_mut().insert("ann@example.com".into(), ann);
        }
        let begun = desk.begin();
        let (code, link) = desk.last_message();
        assert_eq!(desk.last_fate(), Fate::Drop, "{change}");
        assert_eq!(desk.redeem(&begun.envelope, &code).unwrap_err(), invalid(2), "{change}");
        assert_eq!(desk.redeem_link(&link).unwrap_err(), invalid(None), "{change}");
    }
}

#[test]
fn admins_may_log_in_where_the_rules_say_so() {
    let desk = Desk::with(|policy| policy.allows_admins = true);
    desk.engine.directory.known.borrow_mut().get_mut("ann@example.com").unwrap().is_staff = true;
    let begun = desk.begin();
    assert!(desk.redeem(&begun.envelope, &desk.last_message().0).is_ok());
}

#[test]
fn a_message_goes_to_the_stored_address() {
    let desk = Desk::new();
    desk.begin();
    assert_eq!((desk.last_fate(), desk.last_address().as_str()), (Fate::Send, "Ann@Example.com"));
}

#[test]
fn an_epoch_that_changes_ends_codes_links_and_sessions() {
    let desk = Desk::new();
    let session = {
        let begun = desk.begin();
        desk.redeem(&begun.envelope, &desk.last_message().0).unwrap()
    };
    let begun = desk.begin();
    let (code, link) = desk.last_message();
    let refresh = || now(desk.engine.refresh(&session.tokens().unwrap().refresh, NOW, &mut *desk.random.borrow_mut()));
    assert!(refresh().is_ok());
    desk.engine.directory.known.borrow_mut().get_mut("ann@example.com").unwrap().epoch = "e2".into();
    assert_eq!(desk.redeem(&begun.envelope, &code).unwrap_err(), invalid(2));
    assert_eq!(desk.redeem_link(&link).unwrap_err(), invalid(None));
    assert_eq!(refresh().unwrap_err(), RefreshError::Invalid);
}

#[test]
fn refreshing_asks_the_directory_again() {
    let desk = Desk::new();
    let begun = desk.begin();
    let session = desk.redeem(&begun.envelope, &desk.last_message().0).unwrap();
    let refresh = |at| now(desk.engine.refresh(&session.tokens().unwrap().refresh, at, &mut *desk.random.borrow_mut()));
    assert!(refresh(NOW.plus(86_399)).is_ok());
    assert_eq!(refresh(NOW.plus(86_400)).unwrap_err(), RefreshError::Invalid, "the end is absolute");
    desk.engine.directory.is_down.set(true);
    assert_eq!(refresh(NOW).unwrap_err(), RefreshError::Unavailable(Unavailable::for_seconds(5)));
    desk.engine.directory.is_down.set(false);
    desk.engine.directory.known.borrow_mut().get_mut("ann@example.com").unwrap().is_active = false;
    assert_eq!(refresh(NOW).unwrap_err(), RefreshError::Invalid);
}

#[test]
fn registration_happens_when_the_recipient_is_proved_and_not_before() {
    let desk = Desk::with(|policy| policy.registers = true);
    desk.engine.directory.known.borrow_mut().clear();
    let begun = desk.begin();
    let (code, _) = desk.last_message();
    assert_eq!((desk.last_fate(), desk.last_address().as_str()), (Fate::Send, "ann@example.com"));
    assert_eq!(desk.redeem(&begun.envelope, &wrong(&code)).unwrap_err(), invalid(2));
    assert_eq!(desk.engine.directory.registered.get(), 0);

    desk.engine.directory.is_closed.set(true);
    let unavailable = CompleteError::Unavailable(Unavailable::for_seconds(5));
    assert_eq!(desk.redeem(&begun.envelope, &code).unwrap_err(), unavailable);
    desk.engine.directory.is_closed.set(false);
    assert!(desk.redeem(&begun.envelope, &code).is_ok(), "a registration that fails gives the use back");
    assert_eq!(desk.engine.directory.registered.get(), 1);
}

#[test]
fn inline_delivery_that_fails_gives_the_request_back() {
    let desk = Desk::new();
    desk.engine.outbox.fails.set(true);
    assert_eq!(desk.try_begin(ann(), None).unwrap_err(), BeginError::DeliveryFailed);
    assert_eq!(desk.engine.guard.withdrawn.get(), 1);
}

#[test]
fn a_full_outbox_is_noticed_before_anybody_is_asked() {
    let desk = Desk::new();
    desk.engine.outbox.is_full.set(true);
    assert!(matches!(desk.try_begin(ann(), None), Err(BeginError::Refused(RequestRefused::Unavailable(_)))));
    assert_eq!((desk.engine.guard.admitted.get(), desk.engine.directory.lookups.get()), (0, 0));
}

#[test]
fn another_guards_challenge_is_misdirected() {
    let (here, there) = (Desk::new(), Desk::new());
    let begun = there.begin();
    let (code, link) = there.last_message();
    let mut here = here;
    here.engine.guard.id = GuardId::new("node.fedcba9876543210").unwrap();
    let owner = CompleteError::Misdirected(GuardId::new("node.0123456789abcdef").unwrap());
    assert_eq!(here.redeem(&begun.envelope, &code).unwrap_err(), owner);
    assert_eq!(here.redeem_link(&link).unwrap_err(), owner);
    assert_eq!((here.counted(), here.engine.directory.lookups.get()), (0, 0));
}

#[test]
fn a_method_that_is_not_allowed_is_refused_on_every_path() {
    let elsewhere = Desk::new();
    let begun = elsewhere.begin();
    let (code, link) = elsewhere.last_message();
    let desk = Desk::with(|policy| policy.channels = vec![Channel::Mobile]);
    assert_eq!(desk.try_begin(ann(), None).unwrap_err(), BeginError::MethodDisabled);
    assert_eq!(desk.resend(ann(), &begun.envelope, NOW).unwrap_err(), BeginError::MethodDisabled);
    assert_eq!(desk.redeem(&begun.envelope, &code).unwrap_err(), CompleteError::MethodDisabled);
    assert_eq!(desk.redeem_link(&link).unwrap_err(), CompleteError::MethodDisabled);
}

#[test]
fn the_long_code_of_a_browser_bound_link_is_no_guess_and_the_short_one_still_works() {
    let long = CodeFormat::new(Alphabet::new("abcdefghijklmnopqrstuvwxyz0123456789").unwrap(), 64).unwrap();
    let desk = Desk::with(|policy| policy.browser_link = Some(long.clone()));
    let begun = desk.begin();
    let (code, _) = desk.last_message();
    let of = |begun: &Begun| desk.engine.keys.load().challenges.long_code(&begun.challenge, "e1", &long).expose().to_owned();
    assert_eq!(desk.redeem(&begun.envelope, &"a".repeat(64)).unwrap_err(), invalid(None), "not counted as a guess");
    assert_eq!(desk.redeem(&begun.envelope, &wrong(&code)).unwrap_err(), invalid(2));
    assert!(desk.redeem(&begun.envelope, &of(&begun)).is_ok());
    assert_eq!(desk.redeem(&begun.envelope, &code).unwrap_err(), CompleteError::Spent);
    let other = desk.begin();
    assert!(desk.redeem(&other.envelope, &desk.last_message().0).is_ok());
}

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
struct BySignature<'a> {
    envelope: &'a str,
    signed_epoch: &'a str,
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

#[test]
fn a_wrong_verifier_asks_no_directory() {
    let desk = Desk::new();
    let binding = Binding::from_text("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    let begun = desk.try_begin(ann(), binding).unwrap();
    let (code, link) = desk.last_message();
    let lookups = desk.engine.directory.lookups.get();
    let wrong = "a".repeat(43);
    for verifier in [None, Some(wrong.as_str())] {
        for _ in 0..500 {
            let by_link = ByLink { recipient: None, link: UntrustedLink::parse(&link).unwrap() };
            assert_eq!(desk.complete(by_link, verifier, NOW).unwrap_err(), invalid(None));
        }
    }
    assert_eq!(desk.counted(), 0, "links count nothing");
    for left in [2, 1, 0] {
        let by_code = ByCode { recipient: ann(), envelope: &begun.envelope, code: &code };
        assert_eq!(desk.complete(by_code, Some(&wrong), NOW).unwrap_err(), invalid(left));
    }
    assert_eq!(desk.engine.directory.lookups.get(), lookups);
}

#[test]
fn a_code_is_read_whatever_the_keyboard_and_whatever_was_copied_with_it() {
    let arabic = |code: &str| -> String { code.chars().map(|digit| char::from_u32(digit as u32 + 0x630).unwrap()).collect() };
    let wide = |code: &str| -> String { code.chars().map(|digit| char::from_u32(digit as u32 + 0xfee0).unwrap()).collect() };
    let typings: [&dyn Fn(&str) -> String; 6] = [
        &arabic,
        &wide,
        &|code| format!("{} {}", &code[..3], &code[3..]),
        &|code| format!("\u{200e}{}–{}\u{200f}", &code[..3], &code[3..]),
        &|code| format!("\u{2068}{code}\u{2069}\u{feff}"),
        &|code| code.chars().flat_map(|digit| [digit, '\u{200b}']).collect(),
    ];
    for typed in typings {
        let desk = Desk::new();
        let begun = desk.begin();
        let code = typed(&desk.last_message().0);
        assert!(desk.redeem(&begun.envelope, &code).is_ok(), "{code:?}");
    }
}

#[test]
fn what_is_read_as_nothing_or_as_another_code_is_wrong_and_counted() {
    let desk = Desk::new();
    let begun = desk.begin();
    let code = desk.last_message().0;
    for (typed, left) in [("\u{200b}\u{2013}".to_owned(), 2), (format!("{code}0"), 1), (format!("{code}."), 0)] {
        assert_eq!(desk.redeem(&begun.envelope, &typed).unwrap_err(), invalid(left), "{typed:?}");
    }
}

#[test]
fn a_link_token_ends_where_what_a_gateway_appended_begins() {
    for tail in [".", ")", "...", ").", "&utm_source=mail", "?x=1", "%20", "\u{201d}", ">", "\u{200b}", "]", "\"", ". Regards"] {
        let desk = Desk::new();
        desk.begin();
        let link = desk.last_message().1;
        assert!(desk.redeem_link(&format!("{link}{tail}")).is_ok(), "{tail:?}");
    }
    let desk = Desk::new();
    desk.begin();
    let link = desk.last_message().1;
    for forged in [format!("{link}A"), format!("{link}.x"), link[..link.len() - 1].to_owned(), format!("{}.", &link[..40])] {
        assert_eq!(desk.redeem_link(&forged).unwrap_err(), invalid(None), "{forged}");
    }
}

#[test]
fn a_status_tells_what_became_of_a_challenge_and_leaves_no_trace() {
    let desk = Desk::new();
    let begun = desk.begin();
    let (code, link) = desk.last_message();
    let of_link = |at| now(desk.engine.status_of_link(UntrustedLink::parse(&link).unwrap(), at)).map(|status| status.state);
    let of_envelope = |at| -> Result<State, CompleteError> {
        let status = now(desk.engine.status_of_envelope(&begun.envelope, &ann(), at))?;
        assert_eq!(status.recipient, ann());
        Ok(status.state)
    };
    let both = |state| assert_eq!((of_link(NOW), of_envelope(NOW)), (Ok(state), Ok(state)));
    both(State::Open);
    for _ in 0..ATTEMPTS {
        let _ = desk.redeem(&begun.envelope, &wrong(&code));
    }
    let (counted, lookups) = (desk.counted(), desk.engine.directory.lookups.get());
    both(State::Open);
    assert_eq!((of_link(NOW.plus(600)), of_envelope(NOW.plus(600))), (Ok(State::Expired), Ok(State::Expired)));
    assert_eq!((desk.counted(), desk.engine.directory.lookups.get()), (counted, lookups));
    assert!(desk.redeem_link(&link).is_ok());
    both(State::Spent);
    assert_eq!(desk.engine.outbox.dispatches.borrow().len(), 1);
}

#[test]
fn a_status_is_told_to_whoever_holds_the_challenge_and_nobody_else() {
    let desk = Desk::new();
    let begun = desk.begin();
    let link = desk.last_message().1;
    let bob = Recipient::parse_email("bob@example.com").unwrap();
    for (envelope, recipient) in [(&*begun.envelope, &bob), (&begun.envelope[..begun.envelope.len() / 2], &ann()), ("", &ann())] {
        assert_eq!(now(desk.engine.status_of_envelope(envelope, recipient, NOW)), Err(CompleteError::FORGED));
    }
    let forged = link.replace("v4.local.", "v4.local.A");
    let forged = UntrustedLink::parse(&forged).unwrap();
    assert_eq!(now(desk.engine.status_of_link(forged, NOW)), Err(CompleteError::FORGED));

    let mut elsewhere = Desk::with(|policy| policy.channels = vec![Channel::Mobile]);
    let status = |desk: &Desk| now(desk.engine.status_of_link(UntrustedLink::parse(&link).unwrap(), NOW));
    assert_eq!(status(&elsewhere), Err(CompleteError::MethodDisabled));
    elsewhere.engine.policy.channels = vec![Channel::Email];
    elsewhere.engine.guard.id = GuardId::new("other.0123456789abcdef").unwrap();
    assert_eq!(status(&elsewhere), Err(CompleteError::Misdirected(desk.engine.guard.id.clone())));
}

#[test]
fn whoever_goes_away_while_they_are_registered_keeps_their_code() {
    let desk = Desk::with(|policy| policy.registers = true);
    desk.engine.directory.known.borrow_mut().clear();
    let begun = desk.begin();
    let (code, link) = desk.last_message();
    desk.engine.directory.is_slow.set(true);
    let mut random = ChaCha8Rng::seed_from_u64(2);
    let by_code = ByCode { recipient: ann(), envelope: &begun.envelope, code: &code };
    {
        let mut login = pin!(desk.engine.complete(Complete::new(by_code, caller()), NOW, &mut random));
        assert!(login.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(desk.redeem_link(&link).unwrap_err(), CompleteError::Spent, "the use is taken meanwhile");
    }
    desk.engine.directory.is_slow.set(false);
    assert!(desk.redeem(&begun.envelope, &code).is_ok());
    assert_eq!(desk.redeem(&begun.envelope, &code).unwrap_err(), CompleteError::Spent);
}

/// Asks the directory how often?
fn lookups(desk: &Desk, act: impl FnOnce()) -> u32 {
    let before = desk.engine.directory.lookups.get();
    act();
    desk.engine.directory.lookups.get() - before
}

#[test]
fn wrong_long_codes_ask_the_directory_seldom_and_never_end_the_link() {
    let long = CodeFormat::new(Alphabet::new("abcdefghijklmnopqrstuvwxyz0123456789").unwrap(), 64).unwrap();
    let desk = Desk::with(|policy| policy.browser_link = Some(long.clone()));
    let begun = desk.begin();
    let asked = lookups(&desk, || {
        for _ in 0..500 {
            assert_eq!(desk.redeem(&begun.envelope, &"a".repeat(64)).unwrap_err(), invalid(None));
        }
    });
    assert_eq!(asked, 1);
    let later = NOW.plus(60);
    let again = ByCode { recipient: ann(), envelope: &begun.envelope, code: &"b".repeat(64) };
    assert_eq!(
        lookups(&desk, || assert!(desk.complete(again, None, later).is_err())),
        1,
        "what was said a minute ago is forgotten"
    );
    let right = desk.engine.keys.load().challenges.long_code(&begun.challenge, "e1", &long).expose().to_owned();
    assert!(desk.redeem(&begun.envelope, &right).is_ok());
}

#[test]
fn links_that_open_nothing_ask_the_directory_seldom() {
    let desk = Desk::new();
    desk.begin();
    let link = desk.last_message().1;
    let change = |change: fn(&mut User)| change(desk.engine.directory.known.borrow_mut().get_mut("ann@example.com").unwrap());
    let many = || {
        lookups(&desk, || {
            for _ in 0..500 {
                assert_eq!(desk.redeem_link(&link).unwrap_err(), invalid(None));
            }
        })
    };
    change(|ann| ann.is_active = false);
    assert_eq!(many(), 1);
    change(|ann| (ann.is_active, ann.epoch) = (true, "e2".into()));
    assert_eq!(many(), 0, "for a few seconds the last answer is believed against somebody");
    let by_link = || ByLink { recipient: None, link: UntrustedLink::parse(&link).unwrap() };
    assert_eq!(lookups(&desk, || assert!(desk.complete(by_link(), None, NOW.plus(10)).is_err())), 1);
    change(|ann| ann.epoch = "e1".into());
    assert!(desk.complete(by_link(), None, NOW.plus(20)).is_ok());
}

#[test]
fn what_was_kept_is_never_believed_for_somebody() {
    let desk = Desk::new();
    let begun = desk.begin();
    let link = desk.last_message().1;
    let by_signature = BySignature { envelope: &begun.envelope, signed_epoch: "e0" };
    assert_eq!(desk.complete(by_signature, None, NOW).unwrap_err(), invalid(None));
    desk.engine.directory.known.borrow_mut().get_mut("ann@example.com").unwrap().is_active = false;
    assert_eq!(lookups(&desk, || assert_eq!(desk.redeem_link(&link).unwrap_err(), invalid(None))), 1);
}

#[test]
fn a_browser_that_says_it_is_known_asks_the_directory_no_oftener_than_others() {
    let desk = Desk::new();
    let begun = desk.begin();
    let cookie = desk.redeem(&begun.envelope, &desk.last_message().0).unwrap().device_cookie;
    let cookies = [&*cookie];
    let begin = || {
        let caller = caller().with_device_cookies(&cookies);
        now(desk.engine.begin(Begin::new(ann(), caller), NOW, &mut *desk.random.borrow_mut()))
    };
    let asked = lookups(&desk, || assert!(begin().is_ok()));
    assert_eq!(asked, 1);
    desk.engine.guard.refuses.set(true);
    let asked = lookups(&desk, || (0..500).for_each(|_| assert!(matches!(begin(), Err(BeginError::Refused(_))))));
    assert_eq!(asked, 1, "requests that are refused ask once");

    desk.engine.guard.refuses.set(false);
    let begun = begin().unwrap();
    desk.engine.guard.is_exhausted.set(true);
    let attempt = || {
        let by_code = ByCode { recipient: ann(), envelope: &begun.envelope, code: "1" };
        let complete = Complete::new(by_code, caller().with_device_cookies(&cookies));
        now(desk.engine.complete(complete, NOW.plus(60), &mut *desk.random.borrow_mut())).unwrap_err()
    };
    let asked = lookups(&desk, || (0..500).for_each(|_| assert_eq!(attempt(), CompleteError::Exhausted)));
    assert_eq!(asked, 1, "so do attempts whose budget is used up");
}
