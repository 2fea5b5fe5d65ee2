//! Events as webhooks: each is POSTed, signed as Standard Webhooks, until the receiver has taken it.
//!
//! One that is answered otherwise than with 2xx is tried again, five times, after 1, 2, 4, 8 and 16 seconds or as long as
//! the receiver asks. While the receiver can't be reached nothing counts against any of them, and those that were never
//! tried wait: an outage costs nothing that there is room for.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use hyper::body::Bytes;
use tokio::{
    runtime::Handle,
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant, sleep_until, timeout_at},
};
use tracing::warn;

use super::{
    Draining, Event, Sink,
    room::{Place, Room},
    tally::Tally,
};
use crate::{
    outbound::{
        backoff::jittered,
        client::{self, CallFailed, Reply, WebhookCaller},
        retry_after::retry_after,
        webhook::Webhook,
    },
    seldom::Seldom,
    time::Clock,
};

/// How many events may be on their way.
const ROOM: usize = 10_000;
/// How many are POSTed at once.
const AT_ONCE: usize = 32;
/// How often one is tried: once, and five times again.
const TRIES: u32 = 6;
/// The longest wait between two tries that nobody asked for, in seconds; and the longest while the process wants to end.
const MAX_WAIT: u64 = 32;
const MAX_WAIT_AT_THE_END: u64 = 1;
/// The longest that a receiver can ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(300);
/// Lines a minute about tries that failed.
const LINES: u32 = 2;

/// A receiver of events.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where, and what calls are signed with.
    pub webhook: Webhook,
    /// How long one call may take.
    pub timeout: Duration,
}

/// Sends events to a receiver.
pub struct Webhooks {
    room: Arc<Room>,
    tally: Arc<Tally>,
    queue: mpsc::UnboundedSender<(Arc<Event>, Place)>,
    ending: watch::Sender<bool>,
}

/// Who calls the receiver.
trait Receiver: Clone + Send + 'static {
    fn post(&self, event: &Event, body: Bytes) -> impl Future<Output = Result<Reply, CallFailed>> + Send;
}

impl Receiver for WebhookCaller {
    async fn post(&self, event: &Event, body: Bytes) -> Result<Reply, CallFailed> {
        self.post(event.id.as_str(), body).await
    }
}

/// An event on its way, in the form in which it leaves.
struct Parcel {
    event: Arc<Event>,
    body: Bytes,
    /// The tries that count.
    tries: u32,
    /// The tries that failed, those that don't count among them.
    failures: u32,
    _place: Place,
}

/// Sends what comes through the queue.
struct Sender<R> {
    receiver: R,
    queue: mpsc::UnboundedReceiver<(Arc<Event>, Place)>,
    is_closed: bool,
    trying: JoinSet<(Parcel, Result<Reply, CallFailed>)>,
    /// What is tried again, by when; the number tells those of one moment apart.
    later: BTreeMap<(Instant, u64), Parcel>,
    number: u64,
    /// Whether the receiver can be reached, as far as that is known.
    is_up: bool,
    ending: watch::Receiver<bool>,
    max_wait: u64,
    tally: Arc<Tally>,
    lines: Seldom,
    clock: Clock,
}

impl Webhooks {
    /// Starts to send to the receiver of `settings`, on `background`.
    #[must_use]
    pub fn start(settings: Settings, clock: &Clock, background: &Handle) -> Self {
        let caller = WebhookCaller::new(client::client(settings.timeout), settings.webhook, Arc::clone(clock), background);
        Self::send_to(caller, ROOM, clock, background)
    }

    fn send_to(receiver: impl Receiver, room: usize, clock: &Clock, background: &Handle) -> Self {
        let (sender, queue) = mpsc::unbounded_channel();
        let (ending, ended) = watch::channel(false);
        let tally = Arc::new(Tally::new("webhook", Arc::clone(clock)));
        let sending = Sender {
            receiver,
            queue,
            is_closed: false,
            trying: JoinSet::new(),
            later: BTreeMap::new(),
            number: 0,
            is_up: true,
            ending: ended,
            max_wait: MAX_WAIT,
            tally: Arc::clone(&tally),
            lines: Seldom::new(LINES),
            clock: Arc::clone(clock),
        };
        background.spawn(sending.run());
        Self { room: Room::new(room), tally, queue: sender, ending }
    }
}

impl Sink for Webhooks {
    fn take(&self, event: &Arc<Event>) {
        match self.room.take(event.kind) {
            // The room bounds the queue.
            Some(place) => drop(self.queue.send((Arc::clone(event), place))),
            None => self.tally.lost("more of them are on their way than there is room for"),
        }
    }

    fn drain(&self, until: Instant) -> Draining<'_> {
        self.ending.send_replace(true);
        Box::pin(async move {
            let _ = timeout_at(until, self.room.all_free()).await;
            let left = self.room.taken();
            self.tally.left(left);
            left
        })
    }
}

impl<R: Receiver> Sender<R> {
    async fn run(mut self) {
        loop {
            let has_hand = self.trying.len() < AT_ONCE;
            let is_idle = self.trying.is_empty() && self.later.is_empty();
            // While the receiver is away, only those that were tried already find out when it is back.
            let may_begin = !self.is_closed && has_hand && (self.is_up || is_idle);
            let next = self.later.keys().next().map(|(at, _)| *at);
            tokio::select! {
                Some(tried) = self.trying.join_next() => match tried {
                    Ok((parcel, result)) => self.tried(parcel, result),
                    Err(_) => self.tally.lost("a fault of the program"),
                },
                () = sleep_until(next.unwrap_or_else(Instant::now)), if has_hand && next.is_some() => {
                    let (_, parcel) = self.later.pop_first().expect("there is a next one");
                    self.send(parcel);
                }
                queued = self.queue.recv(), if may_begin => match queued {
                    Some((event, place)) => {
                        let body = event.to_json().into();
                        self.send(Parcel { event, body, tries: 0, failures: 0, _place: place });
                    }
                    None => self.is_closed = true,
                },
                Ok(()) = self.ending.changed() => self.hurry(),
                else => return,
            }
        }
    }

    fn send(&mut self, parcel: Parcel) {
        let receiver = self.receiver.clone();
        self.trying.spawn(async move {
            let result = receiver.post(&parcel.event, parcel.body.clone()).await;
            (parcel, result)
        });
    }

    fn tried(&mut self, mut parcel: Parcel, result: Result<Reply, CallFailed>) {
        let (reason, retry_after) = match result {
            Ok(Reply { status: 200..=299, .. }) => {
                self.is_up = true;
                return self.tally.sent();
            }
            Ok(Reply { status, headers, .. }) => {
                parcel.tries += 1;
                self.is_up = !matches!(status, 429 | 502..=504);
                (format!("it answered {status}"), retry_after(&headers, (self.clock)()))
            }
            Err(failed) => {
                parcel.tries += u32::from(!failed.found_nobody());
                self.is_up = false;
                (failed.to_string(), None)
            }
        };
        if parcel.tries >= TRIES {
            return self.tally.lost(&reason);
        }
        let again_in = self.wait(parcel.failures).max(retry_after.unwrap_or_default().min(MAX_RETRY_AFTER));
        parcel.failures += 1;
        self.tally.retried();
        if let Some(left_out) = self.lines.due((self.clock)()) {
            let (kind, again_in) = (parcel.event.kind.name(), again_in.as_secs_f32());
            warn!(event = kind, reason, again_in, left_out, "the receiver of events took none of it; it is tried again");
        }
        self.put_off(Instant::now() + again_in, parcel);
    }

    /// 1, 2, 4 … seconds, each about that.
    fn wait(&self, failures: u32) -> Duration {
        jittered(1 << failures.min(16), self.max_wait)
    }

    fn put_off(&mut self, until: Instant, parcel: Parcel) {
        self.number += 1;
        self.later.insert((until, self.number), parcel);
    }

    /// The process wants to end: what waits is tried now.
    fn hurry(&mut self) {
        self.max_wait = MAX_WAIT_AT_THE_END;
        for parcel in std::mem::take(&mut self.later).into_values() {
            self.put_off(Instant::now(), parcel);
        }
    }
}

impl fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhooks").field("room", &self.room).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    };

    use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
    use tokio::time::{advance, sleep};

    use super::*;
    use crate::{
        events::{EventId, Events, Kind},
        time::UnixTime,
    };

    const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);

    /// A receiver that does as it is told, and notes each try: the event, and when that was.
    #[derive(Clone)]
    struct Scripted<F> {
        answer: F,
        begun: Instant,
        tries: Arc<Mutex<Vec<(EventId, Duration)>>>,
        number: Arc<AtomicU32>,
    }

    impl<F: Fn(u32, &Event) -> Result<u16, CallFailed> + Clone + Send + Sync + 'static> Receiver for Scripted<F> {
        async fn post(&self, event: &Event, body: Bytes) -> Result<Reply, CallFailed> {
            assert_eq!(body, event.to_json());
            self.tries.lock().unwrap().push((event.id.clone(), self.begun.elapsed()));
            let status = (self.answer)(self.number.fetch_add(1, Ordering::Relaxed), event)?;
            let mut headers = HeaderMap::new();
            if status == 429 {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("100"));
            }
            Ok(Reply { status, headers, body: Vec::new() })
        }
    }

    struct World {
        events: Events,
        tries: Arc<Mutex<Vec<(EventId, Duration)>>>,
    }

    impl World {
        fn new(room: usize, answer: impl Fn(u32, &Event) -> Result<u16, CallFailed> + Clone + Send + Sync + 'static) -> Self {
            let tries = Arc::<Mutex<Vec<_>>>::default();
            let receiver = Scripted { answer, begun: Instant::now(), tries: Arc::clone(&tries), number: Arc::default() };
            let clock: Clock = Arc::new(|| NOW);
            let webhooks = Webhooks::send_to(receiver, room, &clock, &Handle::current());
            Self { events: Events::new(vec![Box::new(webhooks)], rand::random), tries }
        }

        fn emit(&self, many: usize) {
            for _ in 0..many {
                self.events.emit(Kind::LoginSucceeded, NOW, |_| {});
            }
        }

        /// When each try was, in seconds; whose it was doesn't matter.
        fn times(&self) -> Vec<f32> {
            self.tries.lock().unwrap().iter().map(|(_, at)| at.as_secs_f32()).collect()
        }

        async fn drain(&self, seconds: u64) -> usize {
            self.events.drain(Instant::now() + Duration::from_secs(seconds)).await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_event_is_tried_again_five_times_with_the_same_id() {
        let world = World::new(10, |_, _| Ok(500));
        world.emit(1);
        sleep(Duration::from_secs(100)).await;
        let tries = world.tries.lock().unwrap().clone();
        assert_eq!(tries.len(), 6);
        assert!(tries.iter().all(|(id, _)| *id == tries[0].0));
        let waits: Vec<_> = tries.windows(2).map(|pair| pair[1].1.as_secs_f32() - pair[0].1.as_secs_f32()).collect();
        for (wait, least) in waits.iter().zip([1.0, 2.0, 4.0, 8.0, 16.0]) {
            assert!(*wait >= least && *wait <= least * 1.25 + 0.01, "another second, another timestamp: {waits:?}");
        }
        assert_eq!(world.drain(0).await, 0, "it was given up");
    }

    #[tokio::test(start_paused = true)]
    async fn whatever_is_no_success_is_tried_again_and_a_success_is_the_end() {
        for status in [199, 301, 400, 401, 404, 410, 500, 503] {
            let world = World::new(10, move |number, _| Ok(if number < 2 { status } else { 204 }));
            world.emit(1);
            sleep(Duration::from_secs(100)).await;
            assert_eq!(world.times().len(), 3, "{status}");
            assert_eq!(world.drain(0).await, 0);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_receiver_is_left_alone_for_as_long_as_it_asks() {
        let world = World::new(10, |number, _| Ok(if number == 0 { 429 } else { 200 }));
        world.emit(1);
        sleep(Duration::from_secs(1000)).await;
        let times = world.times();
        assert!(times.len() == 2 && times[1] >= 100.0, "{times:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_receiver_that_cannot_be_reached_for_an_hour_gets_everything_when_it_is_back() {
        let begun = Instant::now();
        let world = World::new(1000, move |_, _| {
            if begun.elapsed() < Duration::from_secs(3600) { Err(CallFailed::finding_nobody()) } else { Ok(200) }
        });
        world.emit(100);
        sleep(Duration::from_secs(100)).await;
        world.emit(400);
        sleep(Duration::from_secs(3540)).await;
        assert_eq!(world.drain(0).await, 0, "all have left within forty seconds");
        let tries = world.tries.lock().unwrap().clone();
        let (before, after): (Vec<_>, Vec<_>) = tries.into_iter().partition(|(_, at)| at.as_secs() < 3600);
        assert_eq!(after.len(), 500, "each once");
        assert!(before.len() < AT_ONCE * 200, "one in half a minute each: {}", before.len());
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_receiver_does_not_take_keeps_nothing_else_back() {
        let world = World::new(1000, |_, event| Ok(if event.kind == Kind::LoginFailed { 500 } else { 200 }));
        for _ in 0..500 {
            world.events.emit(Kind::LoginFailed, NOW, |_| {});
        }
        world.emit(1);
        advance(Duration::from_millis(10)).await;
        sleep(Duration::from_millis(10)).await;
        assert!(world.times().len() >= 501, "the last one didn't wait for those that are tried again");
    }

    #[tokio::test(start_paused = true)]
    async fn what_finds_no_room_is_lost_and_what_found_one_arrives() {
        let world = World::new(8, |_, _| Ok(200));
        world.emit(20);
        assert_eq!(world.drain(10).await, 0);
        assert_eq!(world.times().len(), 8);
        world.emit(1);
        assert_eq!(world.drain(10).await, 0);
        assert_eq!(world.times().len(), 9, "there is room again");
    }

    #[tokio::test(start_paused = true)]
    async fn at_the_end_what_waits_is_tried_at_once_and_what_is_left_is_told() {
        let world = World::new(10, |number, _| Ok(if number < 3 { 503 } else { 200 }));
        world.emit(1);
        sleep(Duration::from_secs(4)).await;
        assert_eq!(world.times().len(), 3, "the next one would be in four seconds");
        let before = Instant::now();
        assert_eq!(world.drain(20).await, 0);
        assert!(before.elapsed() < Duration::from_millis(100));

        let world = World::new(10, |_, _| Err(CallFailed::finding_nobody()));
        world.emit(3);
        let before = Instant::now();
        assert_eq!(world.drain(5).await, 3);
        assert_eq!(before.elapsed().as_secs(), 5);
    }
}
