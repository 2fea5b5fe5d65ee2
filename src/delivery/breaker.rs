//! A circuit breaker: a carrier that fails again and again is left alone for a while, then one message probes it.
//!
//! closed → open after [`LIMIT`] failures without a success between them → one probe when the pause is over → closed, or
//! open again for twice as long. Pure: the time is an argument.
//!
//! Some failures may be due to where a message goes: somebody who asks for codes at a domain whose server hangs makes as many of
//! those as he likes. They open a breaker too, so that messages go another way; but one that they opened still lets through
//! what has no other way.

use tokio::time::{Duration, Instant};

/// So many failures in a row open it.
pub(super) const LIMIT: usize = 5;

/// The first pause, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(30));

/// How long whoever comes while a probe runs should wait before asking again.
const WHILE_PROBING: Duration = Duration::from_secs(1);

const CLOSED: State = State::Closed { failures: 0, is_certain: true };

/// What keeps the tries of one carrier, or lets them through.
#[derive(Debug)]
pub(super) struct Breaker {
    state: State,
    /// Counts the changes of state: what began before one says nothing about what came after.
    era: u64,
}

#[derive(Debug)]
enum State {
    /// So many failures in a row, and whether all of them were the carrier's.
    Closed { failures: usize, is_certain: bool },
    /// Nothing goes through until then.
    Open { until: Instant, pause: Duration, is_certain: bool },
    /// One try is under way.
    Probing { pause: Duration, is_certain: bool },
}

/// How much a try is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// The message can wait, or go another way.
    Usual,
    /// It has no other way now.
    NoOtherWay,
    /// The process wants to end: now or never.
    NowOrNever,
}

/// Whose a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blame {
    /// The carrier's, whatever it is given.
    Carrier,
    /// The carrier's, or that of where the message goes.
    Unclear,
}

/// Leave for one try; to be handed back with how it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Leave {
    era: u64,
}

/// How a breaker stands, as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Everything goes through.
    Closed,
    /// One try goes through.
    Probing,
    /// Nothing goes through.
    Open,
}

impl Breaker {
    /// A closed one.
    pub(super) const fn new() -> Self {
        Self { state: CLOSED, era: 0 }
    }

    /// Whether a try could begin, without beginning it; else when it makes sense to ask again.
    pub(super) fn would_admit(&self, need: Need, now: Instant) -> Result<(), Instant> {
        match self.state {
            State::Closed { .. } => Ok(()),
            _ if need == Need::NowOrNever => Ok(()),
            State::Open { is_certain: false, .. } | State::Probing { is_certain: false, .. } if need == Need::NoOtherWay => {
                Ok(())
            }
            State::Open { until, .. } if now < until => Err(until),
            State::Open { .. } => Ok(()),
            State::Probing { .. } => Err(now + WHILE_PROBING),
        }
    }

    /// Begins a try; else when it makes sense to ask again.
    pub(super) fn admit(&mut self, need: Need, now: Instant) -> Result<Leave, Instant> {
        self.would_admit(need, now)?;
        match self.state {
            State::Open { until, pause, is_certain } if now >= until => self.change(State::Probing { pause, is_certain }),
            State::Closed { .. } | State::Open { .. } | State::Probing { .. } => {}
        }
        Ok(Leave { era: self.era })
    }

    /// A try went well, or its message was refused by a carrier that works. Whether that closed it.
    pub(super) fn worked(&mut self) -> bool {
        let was_closed = matches!(self.state, State::Closed { .. });
        if was_closed {
            self.state = CLOSED;
        } else {
            self.change(CLOSED);
        }
        !was_closed
    }

    /// A try failed.
    pub(super) fn failed(&mut self, leave: Leave, blame: Blame, now: Instant) {
        if leave.era != self.era {
            return;
        }
        match &mut self.state {
            State::Closed { failures, is_certain } => {
                *failures += 1;
                *is_certain &= blame == Blame::Carrier;
                if *failures >= LIMIT {
                    let is_certain = *is_certain;
                    self.change(State::Open { until: now + PAUSES.0, pause: PAUSES.0, is_certain });
                }
            }
            State::Probing { pause, .. } => {
                let pause = (*pause * 2).min(PAUSES.1);
                self.change(State::Open { until: now + pause, pause, is_certain: blame == Blame::Carrier });
            }
            State::Open { .. } => {}
        }
    }

    /// A try says nothing: it was given up from outside, say. A probe's place is free again.
    pub(super) fn undecided(&mut self, leave: Leave, now: Instant) {
        if let State::Probing { pause, is_certain } = self.state
            && leave.era == self.era
        {
            self.change(State::Open { until: now, pause, is_certain });
        }
    }

    /// How it stands.
    pub(super) const fn standing(&self) -> Standing {
        match self.state {
            State::Closed { .. } => Standing::Closed,
            State::Probing { .. } => Standing::Probing,
            State::Open { .. } => Standing::Open,
        }
    }

    fn change(&mut self, state: State) {
        self.state = state;
        self.era += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn opened(now: Instant) -> Breaker {
        let mut breaker = Breaker::new();
        for _ in 0..LIMIT {
            let leave = breaker.admit(Need::Usual, now).unwrap();
            breaker.failed(leave, Blame::Carrier, now);
        }
        assert_eq!(breaker.standing(), Standing::Open);
        breaker
    }

    #[test]
    fn failures_in_a_row_open_it_and_a_success_between_them_doesn_t_let_them() {
        let (mut breaker, now) = (Breaker::new(), Instant::now());
        for _ in 0..10 {
            for _ in 1..LIMIT {
                let leave = breaker.admit(Need::Usual, now).unwrap();
                breaker.failed(leave, Blame::Carrier, now);
            }
            assert!(!breaker.worked());
        }
        assert_eq!(breaker.standing(), Standing::Closed);
        assert_eq!(opened(now).admit(Need::Usual, now), Err(now + PAUSES.0));
    }

    #[test]
    fn one_probe_closes_it_or_opens_it_for_twice_as_long() {
        let mut now = Instant::now();
        let mut breaker = opened(now);
        for pause in [4, 8, 16, 30, 30] {
            let until = breaker.admit(Need::Usual, now).unwrap_err();
            now = until;
            let probe = breaker.admit(Need::Usual, now).expect("a probe");
            assert_eq!(breaker.standing(), Standing::Probing);
            assert_eq!(breaker.admit(Need::Usual, now), Err(now + WHILE_PROBING), "one at a time");
            breaker.failed(probe, Blame::Carrier, now);
            assert_eq!(breaker.admit(Need::Usual, now), Err(now + SECOND * pause));
        }
        now += PAUSES.1;
        breaker.admit(Need::Usual, now).unwrap();
        assert!(breaker.worked(), "it closed");
        assert!(breaker.admit(Need::Usual, now).is_ok() && breaker.admit(Need::Usual, now).is_ok());
    }

    #[test]
    fn a_probe_that_is_given_up_leaves_its_place() {
        let now = Instant::now();
        let mut breaker = opened(now);
        let probe = breaker.admit(Need::Usual, now + PAUSES.0).unwrap();
        breaker.undecided(probe, now + PAUSES.0);
        assert!(breaker.admit(Need::Usual, now + PAUSES.0).is_ok());
    }

    #[test]
    fn what_began_before_a_change_doesn_t_count_after_it() {
        let now = Instant::now();
        let mut breaker = Breaker::new();
        let slow: Vec<_> = (0..2 * LIMIT).map(|_| breaker.admit(Need::Usual, now).unwrap()).collect();
        for leave in &slow[..LIMIT] {
            breaker.failed(*leave, Blame::Carrier, now);
        }
        let later = now + PAUSES.0;
        let probe = breaker.admit(Need::Usual, later).unwrap();
        breaker.failed(slow[LIMIT], Blame::Carrier, later);
        breaker.undecided(slow[LIMIT], later);
        assert_eq!(breaker.standing(), Standing::Probing);
        assert!(breaker.worked());
        for leave in &slow[LIMIT..] {
            breaker.failed(*leave, Blame::Carrier, later);
        }
        breaker.failed(probe, Blame::Carrier, later);
        assert_eq!(breaker.standing(), Standing::Closed);
    }

    /// Whoever asks for codes at a domain whose server hangs stops nobody's messages who has no other way.
    #[test]
    fn failures_that_may_be_the_destination_s_only_make_others_go_another_way() {
        let now = Instant::now();
        for unclear in 0..LIMIT {
            let mut breaker = Breaker::new();
            for at in 0..LIMIT {
                let leave = breaker.admit(Need::Usual, now).unwrap();
                breaker.failed(leave, if at == unclear { Blame::Unclear } else { Blame::Carrier }, now);
            }
            assert_eq!(breaker.admit(Need::Usual, now), Err(now + PAUSES.0));
            for _ in 0..10 {
                let leave = breaker.admit(Need::NoOtherWay, now).expect("the last way");
                breaker.failed(leave, Blame::Carrier, now);
            }
            let probe = breaker.admit(Need::Usual, now + PAUSES.0).expect("one probe");
            assert!(
                breaker.admit(Need::Usual, now + PAUSES.0).is_err() && breaker.admit(Need::NoOtherWay, now + PAUSES.0).is_ok()
            );
            breaker.failed(probe, Blame::Carrier, now + PAUSES.0);
            assert!(breaker.admit(Need::NoOtherWay, now + PAUSES.0).is_err(), "now it is sure");
        }
        assert_eq!(opened(now).admit(Need::NoOtherWay, now), Err(now + PAUSES.0));
        assert!(opened(now).admit(Need::NowOrNever, now).is_ok());
    }

    #[derive(Clone, Debug)]
    enum Step {
        Admit,
        Works(usize),
        Fails(usize),
        Gives(usize),
        Wait(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => Just(Step::Admit),
            1 => (0..8_usize).prop_map(Step::Works),
            4 => (0..8_usize).prop_map(Step::Fails),
            1 => (0..8_usize).prop_map(Step::Gives),
            1 => (0..40_000_u64).prop_map(Step::Wait),
        ]
    }

    proptest! {
        /// Whatever happens, it never stays shut: half a minute after the last failure there is a probe, unless one runs.
        #[test]
        fn it_never_stays_shut(steps in prop::collection::vec(step(), 0..200)) {
            let (mut breaker, mut now) = (Breaker::new(), Instant::now());
            let mut under_way = Vec::new();
            for step in steps {
                match step {
                    Step::Admit => under_way.extend(breaker.admit(Need::Usual, now)),
                    Step::Wait(milliseconds) => now += Duration::from_millis(milliseconds),
                    Step::Works(at) | Step::Fails(at) | Step::Gives(at) if at >= under_way.len() => {}
                    Step::Works(at) => {
                        under_way.swap_remove(at);
                        breaker.worked();
                    }
                    Step::Fails(at) => breaker.failed(under_way.swap_remove(at), Blame::Carrier, now),
                    Step::Gives(at) => breaker.undecided(under_way.swap_remove(at), now),
                }
                if let Err(again) = breaker.would_admit(Need::Usual, now) {
                    prop_assert!(again > now && again <= now + PAUSES.1);
                }
            }
            for leave in under_way {
                breaker.undecided(leave, now);
            }
            prop_assert!(breaker.admit(Need::Usual, now + PAUSES.1).is_ok());
        }
    }
}
