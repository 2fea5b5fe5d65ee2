//! The queue with carriers that do as they are told, while time stands still or passes at once.

use std::{
    collections::HashMap,
    iter::repeat,
    sync::atomic::{AtomicUsize, Ordering},
};

use hyper::body::Bytes;
use tokio::{
    sync::{Semaphore, mpsc::UnboundedReceiver},
    time::{Instant, sleep, timeout},
};

use super::*;
use crate::{
    delivery::{
        Fate, Message, Outgoing, SendError, Sending,
        room::Lengths,
        testing::{Fleet, Scripted, clock, composer, scripted, site},
    },
    events::testing::Kept,
    time::UnixTime,
};

const ANN: &str = "ann@example.com";
const NUMBER: &str = "+12025550123";
const ZERO: Duration = Duration::ZERO;

fn transient() -> Result<(), SendError> {
    Err(SendError::temporary("not now"))
}

fn permanent() -> Result<(), SendError> {
    Err(SendError::Final("never".into()))
}

fn started(mode: Mode, length: usize, email: Scripted, sms: Scripted) -> (Fleet, Queue) {
    let fleet = Fleet::new();
    let mut settings = QueueSettings { mode, length, ..QueueSettings::new(composer(site()), clock()) };
    settings.email = vec![Box::new(email)];
    settings.sms = vec![Box::new(sms)];
    (fleet, Queue::start(settings, &Handle::current()))
}

fn queued(length: usize, email: Scripted) -> (Fleet, Queue) {
    started(Mode::Queued, length, email, scripted(ZERO, |_| Ok(())).0)
}

fn asking(channel: Channel) -> SlotRequest {
    SlotRequest { channel, network: None, is_vouched: true }
}

async fn send(queue: &Queue, dispatch: Dispatch) -> Result<(), DeliveryFailed> {
    let slot = queue.reserve(&asking(dispatch.challenge.challenge().channel)).expect("there is room");
    queue.send(slot, dispatch).await
}

/// When a message was tried, until nothing more comes for an hour.
async fn times(told: &mut UnboundedReceiver<(String, u64)>) -> Vec<u64> {
    let mut times = Vec::new();
    while let Ok(Some((_, at))) = timeout(Duration::from_secs(3600), told.recv()).await {
        times.push(at);
    }
    times
}

/// When the first message was tried that wasn't Ann's.
async fn not_to_ann(told: &mut UnboundedReceiver<(String, u64)>) -> u64 {
    loop {
        match told.recv().await.unwrap() {
            (to, _) if to == ANN => {}
            (_, at) => return at,
        }
    }
}

fn is_full(queue: &Queue) -> bool {
    queue.reserve(&asking(Channel::Email)).is_err()
}

#[tokio::test(start_paused = true)]
async fn a_message_leaves_after_the_answer() {
    let (email, mut told) = scripted(Duration::from_secs(3), |_| Ok(()));
    let (fleet, queue) = queued(1, email);
    let begun = Instant::now();
    assert_eq!(send(&queue, fleet.dispatch(ANN)).await, Ok(()));
    assert_eq!(begun.elapsed(), ZERO, "nobody waited");
    assert!(is_full(&queue), "its slot is held until it has left");
    assert_eq!(told.recv().await.unwrap(), (ANN.into(), 3));
    queue.drain(Duration::from_secs(1)).await;
    assert!(!is_full(&queue));
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_refuses_and_a_slot_that_is_dropped_is_given_back() {
    let (email, _told) = scripted(ZERO, |_| Ok(()));
    let (_fleet, queue) = queued(2, email);
    let first = queue.reserve(&asking(Channel::Email)).unwrap();
    let second = queue.reserve(&asking(Channel::Mobile)).unwrap();
    assert!(matches!(queue.reserve(&asking(Channel::Email)), Err(NoRoom::Full(_))));
    assert!(queue.reserve(&asking(Channel::Mobile)).is_err());
    drop(second);
    let third = queue.reserve(&asking(Channel::Email)).unwrap();
    assert!(is_full(&queue));
    drop((first, third));
    assert!(!is_full(&queue));
}

#[tokio::test(start_paused = true)]
async fn what_fails_for_now_is_tried_after_1_2_4_up_to_60_seconds_until_the_challenge_ends() {
    let (email, mut told) = scripted(ZERO, |_| transient());
    let (fleet, queue) = queued(1, email);
    send(&queue, fleet.dispatch(ANN)).await.unwrap();
    let times = times(&mut told).await;
    for (pair, wait) in times.windows(2).zip([1, 2, 4, 8, 16, 32].into_iter().chain(repeat(60))) {
        let waited = pair[1] - pair[0];
        // The longest is up to a quarter less, so that it is the longest.
        let (least, most) = if wait == 60 { (45, 60) } else { (wait, wait + wait / 4 + 1) };
        assert!((least - 1..=most).contains(&waited), "{times:?}: up to a quarter more than {wait} s");
    }
    assert!(times.len() >= 15 && *times.last().unwrap() < 600, "{times:?}");
    assert_eq!(queue.0.room.lengths().total(), 0, "given up");
}

#[tokio::test(start_paused = true)]
async fn what_fails_for_good_is_tried_once() {
    let (email, mut told) = scripted(ZERO, |_| permanent());
    let (fleet, queue) = queued(1, email);
    send(&queue, fleet.dispatch(ANN)).await.unwrap();
    assert_eq!(times(&mut told).await, [0]);
    assert!(!is_full(&queue));
}

#[tokio::test(start_paused = true)]
async fn a_try_that_takes_too_long_is_given_up_and_made_again() {
    let (email, mut told) = scripted(Duration::from_secs(20), |_| Ok(()));
    let (fleet, queue) = queued(1, email);
    send(&queue, fleet.dispatch(ANN)).await.unwrap();
    assert!(times(&mut told).await.is_empty(), "none of them got through");
    assert!(!is_full(&queue), "until the challenge had ended");
}

#[tokio::test(start_paused = true)]
async fn draining_sends_everything_that_can_be_sent() {
    let (email, mut told) = scripted(Duration::from_secs(1), |_| Ok(()));
    let (fleet, queue) = queued(1000, email);
    for _ in 0..100 {
        send(&queue, fleet.dispatch(ANN)).await.unwrap();
    }
    assert_eq!(queue.drain(Duration::from_secs(25)).await, 0);
    assert_eq!(times(&mut told).await.len(), 100);
}

#[tokio::test(start_paused = true)]
async fn draining_hurries_what_waits_and_ends_in_time() {
    let begun = Instant::now();
    let (email, mut told) = scripted(ZERO, move |_| if begun.elapsed().as_secs() < 200 { transient() } else { Ok(()) });
    let (fleet, queue) = queued(1, email);
    send(&queue, fleet.dispatch(ANN)).await.unwrap();
    sleep(Duration::from_secs(195)).await;
    assert_eq!(queue.drain(Duration::from_secs(25)).await, 0);
    let at_the_end: Vec<_> = times(&mut told).await.into_iter().filter(|at| *at >= 195).collect();
    assert!(at_the_end.len() >= 4 && at_the_end[0] == 195 && *at_the_end.last().unwrap() <= 203, "{at_the_end:?}");

    let (email, _told) = scripted(ZERO, |_| transient());
    let (fleet, queue) = queued(4, email);
    send(&queue, fleet.dispatch(ANN)).await.unwrap();
    send(&queue, fleet.dispatch(ANN)).await.unwrap();
    let begun = Instant::now();
    assert_eq!(queue.drain(Duration::from_secs(25)).await, 2);
    assert_eq!(begun.elapsed().as_secs(), 25);
}

/// A carrier that comes back just before the end still gets the message.
#[tokio::test(start_paused = true)]
async fn draining_tries_until_the_end() {
    let begun = Instant::now();
    let (email, mut told) = scripted(ZERO, move |_| if begun.elapsed().as_secs() < 19 { transient() } else { Ok(()) });
    let (fleet, queue) = queued(1, email);
    send(&queue, fleet.dispatch(ANN)).await.unwrap();
    assert_eq!(queue.drain(Duration::from_secs(25)).await, 0);
    assert!((19..25).contains(times(&mut told).await.last().unwrap()));
}

#[tokio::test(start_paused = true)]
async fn a_dead_carrier_holds_up_neither_the_other_channel_nor_new_messages() {
    let (email, mut mails) = scripted(ZERO, |to| if to == ANN { transient() } else { Ok(()) });
    let (sms, mut texts) = scripted(ZERO, |_| Ok(()));
    let (fleet, queue) = started(Mode::Queued, 10_000, email, sms);
    for _ in 0..1000 {
        send(&queue, fleet.dispatch(ANN)).await.unwrap();
    }
    sleep(Duration::from_secs(10)).await;
    send(&queue, fleet.dispatch(NUMBER)).await.unwrap();
    send(&queue, fleet.dispatch("bob@example.com")).await.unwrap();
    assert_eq!(texts.recv().await.unwrap(), (NUMBER.into(), 10));
    assert_eq!(not_to_ann(&mut mails).await, 10);
}

#[tokio::test(start_paused = true)]
async fn tries_that_hang_leave_room_for_new_messages_as_long_as_they_are_retries() {
    let hangs = |to: &str| if to == ANN { transient() } else { Ok(()) };
    let (email, mut told) = scripted(Duration::from_secs(9), hangs);
    let (fleet, queue) = queued(100, email);
    for _ in 0..16 {
        send(&queue, fleet.dispatch(ANN)).await.unwrap();
    }
    // The first tries end at 9 s, the second ones begin at 10 s: eight at once and no more.
    sleep(Duration::from_secs(11)).await;
    send(&queue, fleet.dispatch("bob@example.org")).await.unwrap();
    assert_eq!(not_to_ann(&mut told).await, 20, "it didn't wait for a place");
}

#[tokio::test(start_paused = true)]
async fn a_domain_that_hangs_leaves_the_others_room() {
    let (email, mut told) = scripted(Duration::from_secs(9), |to| if to == ANN { transient() } else { Ok(()) });
    let (fleet, queue) = queued(1000, email);
    for _ in 0..500 {
        send(&queue, fleet.dispatch(ANN)).await.unwrap();
    }
    sleep(Duration::from_secs(1)).await;
    send(&queue, fleet.dispatch("bob@example.org")).await.unwrap();
    assert_eq!(not_to_ann(&mut told).await, 10, "it waited for none of the five hundred");
}

#[tokio::test(start_paused = true)]
async fn what_is_deferred_takes_no_room_of_new_messages_and_the_oldest_is_given_up() {
    let (email, mut told) = scripted(ZERO, |_| transient());
    let (fleet, queue) = queued(4, email);
    for number in 0..4 {
        send(&queue, fleet.dispatch(&format!("{number}@example.com"))).await.unwrap();
    }
    sleep(Duration::from_millis(100)).await;
    assert_eq!(queue.0.room.lengths(), Lengths { queued: 0, deferred: 2 });
    sleep(Duration::from_secs(2)).await;
    let mut tries = HashMap::new();
    while let Ok((to, _)) = told.try_recv() {
        *tries.entry(to).or_insert(0) += 1;
    }
    let tried = |number: u8| tries[&format!("{number}@example.com")];
    assert_eq!([0, 1, 2, 3].map(tried), [1, 1, 2, 2], "two places: the later two");
}

/// Takes so many at once, and says of any more that they are too many.
#[derive(Debug)]
struct Limited {
    places: Semaphore,
    refused: Arc<AtomicUsize>,
    sent: Arc<AtomicUsize>,
}

impl Carrier for Limited {
    fn name(&self) -> &'static str {
        "limited"
    }

    fn format(&self, message: &Message, at: UnixTime) -> Result<Outgoing, SendError> {
        Ok(Outgoing { id: message.id.clone(), written_at: at, to: message.to.clone(), body: Bytes::new() })
    }

    fn send<'a>(&'a self, _: &'a Outgoing) -> Sending<'a> {
        Box::pin(async {
            let Ok(_place) = self.places.try_acquire() else {
                self.refused.fetch_add(1, Ordering::Relaxed);
                return Err(SendError::busy("421"));
            };
            sleep(Duration::from_millis(50)).await;
            self.sent.fetch_add(1, Ordering::Relaxed);
            Ok(())
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_connections_costs_no_message_its_turn() {
    for limit in [1, 3, 7] {
        let (refused, sent): (Arc<AtomicUsize>, Arc<AtomicUsize>) = (Arc::default(), Arc::default());
        let carrier = Limited { places: Semaphore::new(limit), refused: Arc::clone(&refused), sent: Arc::clone(&sent) };
        let mut settings = QueueSettings::new(composer(site()), clock());
        settings.email = vec![Box::new(carrier)];
        let (fleet, queue) = (Fleet::new(), Queue::start(settings, &Handle::current()));
        let begun = Instant::now();
        for number in 0..60 {
            // Different domains: none of them has a limit of its own.
            send(&queue, fleet.dispatch(&format!("ann@{number}.example.com"))).await.unwrap();
        }
        queue.0.room.all_free().await;
        assert_eq!(sent.load(Ordering::Relaxed), 60);
        let ideal = Duration::from_millis(50) * 60_u32.div_ceil(u32::try_from(limit).unwrap());
        assert!(begun.elapsed() < ideal + Duration::from_millis(200), "{limit} at once: {:?}", begun.elapsed());
        assert!(refused.load(Ordering::Relaxed) <= 15, "{limit} at once: asked for too many {refused:?} times");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_message_never_reaches_the_carrier() {
    for mode in [Mode::Queued, Mode::Inline] {
        let (email, mut told) = scripted(ZERO, |_| Ok(()));
        let (fleet, queue) = started(mode, 1, email, scripted(ZERO, |_| Ok(())).0);
        assert_eq!(send(&queue, Dispatch { fate: Fate::Drop, ..fleet.dispatch(ANN) }).await, Ok(()));
        assert!(times(&mut told).await.is_empty());
        assert!(!is_full(&queue));
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_message_holds_its_slot_for_as_long_as_a_sent_one() {
    let (email, mut told) = scripted(Duration::from_secs(4), |_| Ok(()));
    let (fleet, queue) = queued(1, email);
    let mut held = Vec::new();
    for fate in [Fate::Send, Fate::Drop] {
        let begun = Instant::now();
        send(&queue, Dispatch { fate, ..fleet.dispatch(ANN) }).await.unwrap();
        while is_full(&queue) {
            sleep(Duration::from_millis(100)).await;
        }
        held.push(begun.elapsed().as_secs());
    }
    assert_eq!(held, [4, 4]);
    assert_eq!(times(&mut told).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_message_is_never_deferred_and_no_real_one_waits_for_it() {
    let (email, mut told) = scripted(Duration::from_secs(9), |to| if to == ANN { transient() } else { Ok(()) });
    let (fleet, queue) = queued(1000, email);
    send(&queue, fleet.dispatch(ANN)).await.unwrap();
    sleep(Duration::from_millis(9500)).await;
    for _ in 0..500 {
        send(&queue, Dispatch { fate: Fate::Drop, ..fleet.dispatch(ANN) }).await.unwrap();
    }
    send(&queue, fleet.dispatch("bob@example.com")).await.unwrap();
    sleep(Duration::from_millis(100)).await;
    assert_eq!(queue.0.room.lengths(), Lengths { queued: 501, deferred: 1 }, "they hold their slots");
    assert_eq!(not_to_ann(&mut told).await, 18, "nine seconds, as if it were alone");
    sleep(Duration::from_secs(1)).await;
    assert_eq!(queue.0.room.lengths(), Lengths { queued: 0, deferred: 1 }, "as long as a real one");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_process_waits_for_no_dropped_message() {
    let (email, _told) = scripted(ZERO, |_| transient());
    let (fleet, queue) = queued(3, email);
    let doomed = fleet.dispatch(ANN);
    send(&queue, doomed).await.unwrap();
    sleep(Duration::from_secs(590)).await;
    send(&queue, Dispatch { fate: Fate::Drop, ..fleet.dispatch(ANN) }).await.unwrap();
    let begun = Instant::now();
    queue.drain(Duration::from_secs(25)).await;
    assert!(begun.elapsed().as_secs() <= 15, "only as long as the real one");
}

#[tokio::test(start_paused = true)]
async fn inline_waits_for_one_try_and_tells_how_it_went() {
    for (result, answer) in [(Ok(()), Ok(())), (transient(), Err(DeliveryFailed)), (permanent(), Err(DeliveryFailed))] {
        let (email, mut told) = scripted(Duration::from_secs(2), move |_| result.clone());
        let (fleet, queue) = started(Mode::Inline, 1, email, scripted(ZERO, |_| Ok(())).0);
        let begun = Instant::now();
        assert_eq!(send(&queue, fleet.dispatch(ANN)).await, answer);
        assert_eq!(begun.elapsed().as_secs(), 2);
        assert!(!is_full(&queue));
        assert_eq!(times(&mut told).await.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn inline_a_try_that_nobody_can_wait_for_is_given_up() {
    let (email, mut told) = scripted(Duration::from_secs(5), |_| Ok(()));
    let (fleet, queue) = started(Mode::Inline, 1, email, scripted(ZERO, |_| Ok(())).0);
    let (begun, dispatch) = (Instant::now(), fleet.dispatch(ANN));
    let deadline = begun + Duration::from_secs(4);
    assert_eq!(deadline::within(deadline, send(&queue, dispatch)).await, Err(DeliveryFailed));
    assert_eq!(begun.elapsed().as_secs(), 4);
    assert!(times(&mut told).await.is_empty(), "no message left for a challenge that nobody holds");
    assert!(!is_full(&queue));
}

#[tokio::test(start_paused = true)]
async fn what_becomes_of_a_message_is_told_and_of_a_dropped_one_nothing() {
    for mode in [Mode::Queued, Mode::Inline] {
        let kept = Kept::default();
        let (email, _told) = scripted(ZERO, |to| if to == ANN { Ok(()) } else { permanent() });
        let mut settings = QueueSettings::new(composer(site()), clock());
        settings.email = vec![Box::new(email)];
        (settings.mode, settings.events) = (mode, kept.events());
        let (fleet, queue) = (Fleet::new(), Queue::start(settings, &Handle::current()));
        let [sent, failed, dropped] = [ANN, "bob@example.org", ANN].map(|to| fleet.dispatch(to));
        let dropped = Dispatch { fate: Fate::Drop, ..dropped };
        let ids = [&sent, &failed].map(|dispatch| dispatch.challenge.challenge().id.to_text());
        for dispatch in [sent, failed, dropped] {
            let _ = send(&queue, dispatch).await;
            queue.0.room.all_free().await;
        }
        let told = kept.take();
        let of = |event: &serde_json::Value, key: &str| event["data"][key].as_str().map(str::to_owned);
        let kinds: Vec<_> = told.iter().map(|event| event["type"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["delivery.succeeded", "delivery.failed"], "{mode:?}");
        assert_eq!(told.iter().map(|event| of(event, "challenge_id").unwrap()).collect::<Vec<_>>(), ids, "{mode:?}");
        assert_eq!([of(&told[0], "reason"), of(&told[1], "reason")], [None, Some("delivery_failed".into())], "{mode:?}");
        assert_eq!([of(&told[0], "cause"), of(&told[1], "cause")], [None, Some("recipient_refused".into())], "{mode:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_discarded_takes_no_slot() {
    let fleet = Fleet::new();
    let settings = QueueSettings::new(composer(site()), clock());
    let queue = Queue::start(QueueSettings { mode: Mode::Inline, length: 0, ..settings }, &Handle::current());
    assert_eq!(send(&queue, fleet.dispatch(ANN)).await, Ok(()));
    assert_eq!(send(&queue, fleet.dispatch(NUMBER)).await, Ok(()));
    assert_eq!(queue.drain(ZERO).await, 0);
}

/// A queue with several carriers of e-mail, and what each of them was given: place, recipient, second.
fn in_order(mode: Mode, carriers: Vec<Scripted>) -> (Fleet, Queue) {
    let mut settings = QueueSettings { mode, ..QueueSettings::new(composer(site()), clock()) };
    settings.email = carriers.into_iter().map(|carrier| Box::new(carrier) as Box<dyn Carrier>).collect();
    (Fleet::new(), Queue::start(settings, &Handle::current()))
}

fn down() -> Result<(), SendError> {
    Err(SendError::down("nobody there"))
}

fn refused() -> Result<(), SendError> {
    Err(SendError::Refused("wrong key".into()))
}

#[tokio::test(start_paused = true)]
async fn what_one_carrier_doesn_t_take_goes_to_the_next_at_once() {
    for mode in [Mode::Queued, Mode::Inline] {
        for first in [transient, down, refused] {
            let (one, mut first_told) = scripted(ZERO, move |_| first());
            let (two, mut second_told) = scripted(ZERO, |_| Ok(()));
            let (three, mut third_told) = scripted(ZERO, |_| Ok(()));
            let (fleet, queue) = in_order(mode, vec![one, two, three]);
            assert_eq!(send(&queue, fleet.dispatch(ANN)).await, Ok(()));
            assert_eq!(times(&mut first_told).await, [0], "{mode:?}");
            assert_eq!(times(&mut second_told).await, [0], "{mode:?}");
            assert!(times(&mut third_told).await.is_empty());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_recipient_who_is_refused_is_refused_by_all() {
    let (one, mut first_told) = scripted(ZERO, |_| permanent());
    let (two, mut second_told) = scripted(ZERO, |_| Ok(()));
    let (fleet, queue) = in_order(Mode::Queued, vec![one, two]);
    send(&queue, fleet.dispatch(ANN)).await.unwrap();
    assert_eq!((times(&mut first_told).await, times(&mut second_told).await), (vec![0], vec![]));
    assert_eq!(queue.0.room.lengths().total(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_carrier_that_refuses_is_not_asked_again_and_the_others_are_until_the_end() {
    let (one, mut first_told) = scripted(ZERO, |_| refused());
    let (two, mut second_told) = scripted(ZERO, |_| transient());
    let (fleet, queue) = in_order(Mode::Queued, vec![one, two]);
    send(&queue, fleet.dispatch(ANN)).await.unwrap();
    assert_eq!(times(&mut first_told).await, [0]);
    assert!(times(&mut second_told).await.len() >= 15);
    let (one, mut told) = scripted(ZERO, |_| refused());
    let (two, _told) = scripted(ZERO, |_| refused());
    let (fleet, queue) = in_order(Mode::Queued, vec![one, two]);
    send(&queue, fleet.dispatch(ANN)).await.unwrap();
    assert_eq!(times(&mut told).await, [0], "nobody is left");
    assert_eq!(queue.0.room.lengths().total(), 0);
}

#[tokio::test(start_paused = true)]
async fn each_carrier_keeps_the_pause_that_it_asked_for() {
    let asks = || Err(SendError::Busy { reason: "429".into(), retry_after: Some(Duration::from_secs(30)) });
    let (one, mut first_told) = scripted(ZERO, move |_| asks());
    let (two, mut second_told) = scripted(ZERO, |_| transient());
    let (fleet, queue) = in_order(Mode::Queued, vec![one, two]);
    send(&queue, fleet.dispatch(ANN)).await.unwrap();
    sleep(Duration::from_secs(25)).await;
    queue.0.room.lengths();
    let (mut first, mut second) = (Vec::new(), Vec::new());
    while let Ok((_, at)) = first_told.try_recv() {
        first.push(at);
    }
    while let Ok((_, at)) = second_told.try_recv() {
        second.push(at);
    }
    assert_eq!(first, [0], "not before 30 s");
    assert!(second.len() >= 4, "{second:?}");
    assert!((30..=31).contains(&times(&mut first_told).await[0]));
}

/// A dead first carrier costs five messages a try each; then it is left alone, and probed by one message at a time.
#[tokio::test(start_paused = true)]
async fn a_dead_carrier_is_left_alone_and_probed() {
    let begun = Instant::now();
    let dead = move || if begun.elapsed().as_secs() < 60 { down() } else { Ok(()) };
    let (one, mut first_told) = scripted(ZERO, move |_| dead());
    let (two, mut second_told) = scripted(ZERO, |_| Ok(()));
    let (fleet, queue) = in_order(Mode::Queued, vec![one, two]);
    for _ in 0..1000 {
        send(&queue, fleet.dispatch(ANN)).await.unwrap();
        sleep(Duration::from_millis(100)).await;
    }
    let (first, second) = (times(&mut first_told).await, times(&mut second_told).await);
    let before = first.iter().filter(|at| **at < 60).count();
    assert!((5..=12).contains(&before), "{before} tries while it was dead: {first:?}");
    let sent_first = first.iter().filter(|at| **at >= 60).count();
    assert_eq!(sent_first + second.len(), 1000, "nothing is lost or sent twice");
    assert!(sent_first > 90, "it is used again, at the latest half a minute later: {sent_first}");
}

/// With one carrier alone, those who wait are sent as soon as a probe shows that it works again.
#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_dead_carrier_is_sent_when_it_works_again() {
    let begun = Instant::now();
    let dead = move || if begun.elapsed().as_secs() < 100 { down() } else { Ok(()) };
    let (one, mut told) = scripted(ZERO, move |_| dead());
    let (fleet, queue) = in_order(Mode::Queued, vec![one]);
    for number in 0..200 {
        send(&queue, fleet.dispatch(&format!("{number}@example.com"))).await.unwrap();
    }
    let times = times(&mut told).await;
    let while_dead = times.iter().filter(|at| **at < 100).count();
    let sent: Vec<_> = times.iter().filter(|at| **at >= 100).collect();
    assert_eq!(sent.len(), 200, "each once");
    assert!(while_dead < 40, "{while_dead} tries while it was dead");
    assert!(sent.iter().all(|at| **at <= 132), "{sent:?}");
    assert!(sent.last().unwrap().abs_diff(*sent[0]) <= 1, "all at once, when it was known: {sent:?}");
}

/// Somebody asks for codes at a domain whose server hangs, as often as he likes.
#[tokio::test(start_paused = true)]
async fn a_domain_that_hangs_shuts_no_carrier_for_who_has_no_other() {
    let hangs =
        |to: &str| if to.ends_with("@hangs.example") { Err(SendError::NoAnswer { reason: "slow".into() }) } else { Ok(()) };
    for carriers in [1, 2] {
        let (all, mut told): (Vec<_>, Vec<_>) = (0..carriers).map(|_| scripted(Duration::from_secs(9), hangs)).unzip();
        let (fleet, queue) = in_order(Mode::Queued, all);
        for number in 0..50 {
            send(&queue, fleet.dispatch(&format!("{number}@hangs.example"))).await.unwrap();
        }
        for _ in 0..20 {
            sleep(Duration::from_secs(10)).await;
            let begun = Instant::now();
            send(&queue, fleet.dispatch(ANN)).await.unwrap();
            let mut sent = false;
            while !sent && begun.elapsed() <= Duration::from_secs(19) {
                sleep(Duration::from_millis(100)).await;
                for told in &mut told {
                    while let Ok((to, _)) = told.try_recv() {
                        sent |= to == ANN;
                    }
                }
            }
            assert!(sent, "{carriers} carriers: one of nine seconds, after at most one other");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn at_the_end_of_the_process_a_dead_carrier_is_tried_all_the_same() {
    let begun = Instant::now();
    let dead = move || if begun.elapsed().as_secs() < 200 { down() } else { Ok(()) };
    let (one, mut told) = scripted(ZERO, move |_| dead());
    let (fleet, queue) = in_order(Mode::Queued, vec![one]);
    for _ in 0..20 {
        send(&queue, fleet.dispatch(ANN)).await.unwrap();
    }
    sleep(Duration::from_secs(195)).await;
    assert_eq!(queue.drain(Duration::from_secs(25)).await, 0);
    assert_eq!(times(&mut told).await.into_iter().filter(|at| *at >= 200).count(), 20);
}
