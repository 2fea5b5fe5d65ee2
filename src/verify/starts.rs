//! Checks that are being started: before the answer or after it, and how many at once.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep},
};

use super::{Method, NotStarted, VerifyProvider, metrics};
use crate::{
    delivery::{Dispatch, Fate},
    events::{Events, Kind, Subject},
    time::Clock,
    unavailable::Unavailable,
};

/// How many may be under way at once; whoever comes then is told to come back.
const MOST: usize = 1_000;
/// How many of these are asked of the provider at once.
const CALLS: usize = 32;
/// How long a start is taken to last before one has shown it.
const FIRST_GUESS: Duration = Duration::from_millis(400);
/// Seconds after which it makes sense to ask again.
const AGAIN: Unavailable = Unavailable::for_seconds(5);

/// Starts checks at one provider.
///
/// Where somebody may be unknown, the provider is asked after the answer, so that nobody learns from it or from its time who is
/// known; what is dropped takes up as much room for as long.
pub struct Starts<P>(Arc<Inner<P>>);

struct Inner<P> {
    provider: P,
    /// `None`: whoever asks waits for the provider.
    background: Option<Handle>,
    room: Arc<Semaphore>,
    calls: Semaphore,
    /// How long the last start lasted, in milliseconds.
    usual: AtomicU64,
    events: Events,
    clock: Clock,
}

impl<P: VerifyProvider + Send + Sync + 'static> Starts<P> {
    /// At this provider. `background` runs what is done after the answer; without it, whoever asks waits. `events` are told of
    /// each check that was not started.
    #[must_use]
    pub fn new(provider: P, background: Option<Handle>, events: Events, clock: Clock) -> Self {
        metrics::describe();
        Self(Arc::new(Inner {
            provider,
            background,
            room: Arc::new(Semaphore::new(MOST)),
            calls: Semaphore::new(CALLS),
            usual: AtomicU64::new(milliseconds(FIRST_GUESS)),
            events,
            clock,
        }))
    }

    /// The provider.
    #[must_use]
    pub fn provider(&self) -> &P {
        &self.0.provider
    }

    /// Whether whoever asks waits for the provider.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.0.background.is_none()
    }

    /// Starts a check, or takes as long as one where nobody may log in. `slot` is given back when that has ended.
    ///
    /// # Errors
    /// See [`NotStarted`]; only [`NotStarted::NoRoom`] where it is started after the answer.
    pub async fn start<S: Send + 'static>(&self, slot: S, dispatch: Dispatch, method: Method) -> Result<(), NotStarted> {
        let place = Arc::clone(&self.0.room).try_acquire_owned();
        let place = place.map_err(|_| {
            metrics::started(Err(NotStarted::NoRoom(AGAIN)));
            NotStarted::NoRoom(AGAIN)
        })?;
        match &self.0.background {
            None => {
                let started = self.0.ask(&dispatch, method).await;
                drop((slot, place));
                started
            }
            Some(background) => {
                let inner = Arc::clone(&self.0);
                drop(background.spawn(async move { inner.ask_later((slot, place), &dispatch, method).await }));
                Ok(())
            }
        }
    }
}

impl<P: VerifyProvider + Sync> Inner<P> {
    async fn ask_later<S>(&self, held: (S, OwnedSemaphorePermit), dispatch: &Dispatch, method: Method) {
        match dispatch.fate {
            Fate::Send => {
                let _turn = self.calls.acquire().await;
                // The event and the log say what came of it.
                let _ = self.ask(dispatch, method).await;
            }
            Fate::Drop => sleep(Duration::from_millis(self.usual.load(Ordering::Relaxed))).await,
        }
        drop(held);
    }

    async fn ask(&self, dispatch: &Dispatch, method: Method) -> Result<(), NotStarted> {
        if dispatch.fate == Fate::Drop {
            return Ok(());
        }
        let begun = Instant::now();
        let started = self.provider.start(dispatch.challenge.recipient(), method).await;
        self.usual.store(milliseconds(begun.elapsed()), Ordering::Relaxed);
        metrics::started(started);
        if let Err(reason) = started {
            self.tell(dispatch, reason);
        }
        started
    }

    fn tell(&self, dispatch: &Dispatch, reason: NotStarted) {
        let challenge = dispatch.challenge.challenge();
        self.events.emit(Kind::DeliveryFailed, (self.clock)(), |event| {
            event.channel = Some(challenge.channel);
            event.challenge = Some(challenge.id);
            event.subject = Some(Subject::Found(dispatch.found.clone()));
            event.reason = Some(match reason {
                NotStarted::Refused => "invalid",
                NotStarted::Exhausted => "attempts_exhausted",
                NotStarted::Unreachable | NotStarted::Unanswered => "provider_unavailable",
                NotStarted::NoRoom(_) => "unavailable",
            });
        });
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl<P> fmt::Debug for Starts<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Starts").field("after_the_answer", &self.0.background.is_some()).finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "mobile"))]
mod tests {
    use std::sync::{Mutex, atomic::AtomicUsize};

    use super::*;
    use crate::{
        delivery::testing::Fleet,
        events::testing::Kept,
        recipient::Recipient,
        verify::{Checked, Unreachable, testing},
    };

    const NUMBER: &str = "+12025550123";

    /// Takes so long, and answers the same each time.
    struct Slow {
        takes: Duration,
        result: Result<(), NotStarted>,
        running: Arc<AtomicUsize>,
        most: Arc<Mutex<usize>>,
    }

    impl VerifyProvider for Slow {
        async fn start(&self, _: &Recipient, _: Method) -> Result<(), NotStarted> {
            let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
            let most = self.most.lock().unwrap().max(running);
            *self.most.lock().unwrap() = most;
            sleep(self.takes).await;
            self.running.fetch_sub(1, Ordering::SeqCst);
            self.result
        }

        async fn check(&self, _: &Recipient, _: &str) -> Result<Checked, Unreachable> {
            Err(Unreachable)
        }
    }

    fn starts(takes: u64, result: Result<(), NotStarted>, later: bool, events: Events) -> (Starts<Slow>, Arc<Mutex<usize>>) {
        let most = Arc::new(Mutex::new(0));
        let slow = Slow { takes: Duration::from_secs(takes), result, running: Arc::default(), most: Arc::clone(&most) };
        (Starts::new(slow, later.then(Handle::current), events, testing::clock()), most)
    }

    fn dispatch(fate: Fate) -> Dispatch {
        Dispatch { fate, ..Fleet::new().dispatch(NUMBER) }
    }

    #[tokio::test(start_paused = true)]
    async fn where_nobody_is_unknown_the_answer_is_the_providers() {
        let kept = Kept::default();
        for (result, reason) in [
            (Ok(()), None),
            (Err(NotStarted::Refused), Some("invalid")),
            (Err(NotStarted::Exhausted), Some("attempts_exhausted")),
            (Err(NotStarted::Unreachable), Some("provider_unavailable")),
            (Err(NotStarted::Unanswered), Some("provider_unavailable")),
        ] {
            let (starts, _) = starts(3, result, false, kept.events());
            let begun = Instant::now();
            assert_eq!(starts.start((), dispatch(Fate::Send), Method::Sms).await, result);
            assert_eq!(begun.elapsed(), Duration::from_secs(3));
            let told: Vec<_> = kept.take().iter().map(|event| (event["type"].clone(), event["data"]["reason"].clone())).collect();
            let expected: Vec<_> = reason.into_iter().map(|reason| ("delivery.failed".into(), reason.into())).collect();
            assert_eq!(told, expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn where_somebody_may_be_unknown_the_answer_is_nobodys_and_a_failure_an_event() {
        let kept = Kept::default();
        let (starts, _) = starts(3, Err(NotStarted::Refused), true, kept.events());
        let begun = Instant::now();
        for fate in [Fate::Send, Fate::Drop] {
            assert_eq!(starts.start((), dispatch(fate), Method::Sms).await, Ok(()));
        }
        assert_eq!(begun.elapsed(), Duration::ZERO);
        sleep(Duration::from_secs(4)).await;
        let told = kept.take();
        assert_eq!(told.len(), 1, "of what is dropped there is nothing to tell: {told:?}");
        assert_eq!((&told[0]["type"], &told[0]["data"]["reason"]), (&"delivery.failed".into(), &"invalid".into()));
        assert_eq!(told[0]["data"]["channel"], "mobile");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_dropped_holds_its_room_as_long_as_what_is_started() {
        let (starts, _) = starts(3, Ok(()), true, Events::default());
        let room = Arc::new(());
        let held = || Arc::strong_count(&room) - 1;
        starts.start(Arc::clone(&room), dispatch(Fate::Send), Method::Sms).await.unwrap();
        sleep(Duration::from_millis(2_999)).await;
        assert_eq!(held(), 1);
        sleep(Duration::from_millis(2)).await;
        assert_eq!(held(), 0);
        starts.start(Arc::clone(&room), dispatch(Fate::Drop), Method::Sms).await.unwrap();
        sleep(Duration::from_millis(2_999)).await;
        assert_eq!(held(), 1);
        sleep(Duration::from_millis(2)).await;
        assert_eq!(held(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_are_under_way_and_some_of_them_at_the_provider() {
        let (starts, most) = starts(3600, Ok(()), true, Events::default());
        for fate in [Fate::Send, Fate::Drop].into_iter().cycle().take(MOST) {
            assert_eq!(starts.start((), dispatch(fate), Method::Sms).await, Ok(()));
        }
        for fate in [Fate::Send, Fate::Drop] {
            assert_eq!(starts.start((), dispatch(fate), Method::Sms).await, Err(NotStarted::NoRoom(AGAIN)));
        }
        sleep(Duration::from_millis(1)).await;
        assert_eq!(*most.lock().unwrap(), CALLS);
    }
}
