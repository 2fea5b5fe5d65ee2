//! Any sequence of attempts, with time going forwards and backwards, against the rules written down in a few lines.

use std::collections::HashMap;

use countersign::{
    challenge::{Challenge, CodeFormat, Strength, Use, VerifiedChallenge},
    guard::{Amendment, Attempt, AttemptRefused, Bucket, By, Counted, Guard, Limits, Looked, Request, Verdict},
    recipient::Recipient,
};
use proptest::prelude::*;

use super::support::{Issuer, LIFETIME, LONG, MEDIUM, SHORT, START, TestJournal, at, guard, limits, mail, now, request};

#[derive(Clone, Debug)]
enum Step {
    /// The clock moves.
    Time(i64),
    /// The process ends and begins again, where that forgets nothing.
    Restart,
    Issue {
        recipient: u8,
        format: (&'static str, u8),
        usage: Use,
    },
    /// Somebody asks for a challenge.
    Admit {
        recipient: u8,
        usage: Use,
        who: Who,
    },
    Peek {
        challenge: usize,
        by: By,
        who: Who,
    },
    Count {
        challenge: usize,
        by: By,
        who: Who,
        right: bool,
    },
    GiveBack {
        challenge: usize,
    },
    Amend {
        challenge: usize,
        who: Who,
        amendment: Amendment,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Who {
    Strangers,
    KnownDevices,
}

/// What is known of one challenge.
#[derive(Default)]
struct Known {
    attempts: u32,
    uses: u32,
    /// Comparisons that a success takes off: on which day, how many of strangers and of known devices.
    comparisons: (u64, [u32; 2]),
    /// Accepted or counted, so that it can be given back or amended.
    accepted: u32,
    pending: u32,
    /// It was refused as expired; that must not change any more.
    is_over: bool,
}

struct Model {
    limits: Limits,
    now: u64,
    latest: u64,
    day: u64,
    known: HashMap<usize, Known>,
    /// By whether they are external, recipient, bucket and day.
    counts: HashMap<(bool, String, Who, u64), u32>,
}

impl Model {
    fn new(limits: Limits) -> Self {
        Self { limits, now: START, latest: START, day: 0, known: HashMap::new(), counts: HashMap::new() }
    }

    fn comparisons(&self, usage: Use, recipient: &Recipient, who: Who) -> u32 {
        let key = |day| (usage == Use::EXTERNAL, recipient.as_str().to_owned(), who, day);
        [self.day, self.day - 1].map(|day| self.counts.get(&key(day)).copied().unwrap_or_default()).iter().sum()
    }

    /// Whose the next comparison with a code of this strength is, if there is one: known devices have D of L, together; past
    /// these they are strangers, who have the rest, and 100 where the code is longer.
    fn next(&self, usage: Use, strength: Strength, recipient: &Recipient, who: Who) -> Option<Who> {
        let most = if usage == Use::EXTERNAL { self.limits.external_comparisons } else { self.limits.comparisons };
        let kept = (most / 4).min(10);
        let [strangers, known] = [Who::Strangers, Who::KnownDevices].map(|who| self.comparisons(usage, recipient, who));
        let is_open = match (usage, strength) {
            (Use::EXTERNAL, _) => strangers < most - kept,
            (_, Strength::Short) => strangers < most - kept && strangers + known < 100,
            (_, Strength::Medium) => strangers + known < 100,
            (_, Strength::Long) => true,
        };
        match who {
            Who::KnownDevices if known < kept => Some(Who::KnownDevices),
            _ => is_open.then_some(Who::Strangers),
        }
    }

    fn tick(&mut self) {
        self.latest = self.latest.max(self.now);
        self.day = self.day.max(self.now / 86_400);
    }

    /// What must be answered to an attempt before it counts.
    fn judge(&mut self, index: usize, challenge: &VerifiedChallenge, by: By, who: Who) -> Result<(), AttemptRefused> {
        self.tick();
        let known = self.known.entry(index).or_default();
        if challenge.is_expired(at(self.now)) || known.is_over {
            return Err(AttemptRefused::Expired);
        }
        let spends = self.limits.wrong_code_spends && matches!(by, By::Code | By::Resend);
        let spent = known.uses + if spends { known.attempts } else { 0 };
        if spent >= self.limits.max_uses {
            return Err(AttemptRefused::Spent);
        }
        if by == By::Link {
            return Ok(());
        }
        let is_exhausted = known.attempts >= self.limits.max_attempts;
        let Challenge { usage, format, .. } = challenge.challenge();
        if is_exhausted || self.next(*usage, strength(format.as_ref()), challenge.recipient(), who).is_none() {
            Err(AttemptRefused::Exhausted)
        } else {
            Ok(())
        }
    }

    /// How strong a new challenge's code must be; `None` where codes can't grow and have failed too often.
    fn admit(&mut self, usage: Use, recipient: &Recipient, who: Who) -> Option<Strength> {
        self.tick();
        let next = self.next(usage, Strength::Short, recipient, who);
        let compared = |who| self.comparisons(usage, recipient, who);
        match (usage, next) {
            (Use::EXTERNAL, None) => None,
            (Use::EXTERNAL, _) | (Use::CODE, Some(Who::KnownDevices)) => Some(Strength::Short),
            _ if compared(Who::Strangers) + compared(Who::KnownDevices) >= 100 => Some(Strength::Long),
            (_, None) => Some(Strength::Medium),
            _ if compared(Who::Strangers) >= 10 => Some(Strength::Medium),
            _ => Some(Strength::Short),
        }
    }

    fn add(&mut self, challenge: &VerifiedChallenge, who: Who, day: u64, change: i64) {
        let key = (challenge.challenge().usage == Use::EXTERNAL, challenge.recipient().as_str().to_owned(), who, day);
        let count = self.counts.entry(key).or_default();
        *count = count.checked_add_signed(change.try_into().unwrap()).expect("never more is taken off than was added");
    }

    /// Takes comparisons off that the challenge made today or yesterday.
    fn take_off(&mut self, index: usize, challenge: &VerifiedChallenge, numbers: impl FnOnce([u32; 2]) -> [u32; 2]) {
        let (day, held) = self.known[&index].comparisons;
        if day + 1 >= self.day {
            let numbers = numbers(held);
            for (who, number) in [Who::Strangers, Who::KnownDevices].into_iter().zip(numbers) {
                self.add(challenge, who, day, -i64::from(number));
            }
            self.known.get_mut(&index).unwrap().comparisons.1 = [held[0] - numbers[0], held[1] - numbers[1]];
        }
    }

    fn count(
        &mut self,
        index: usize,
        challenge: &VerifiedChallenge,
        by: By,
        who: Who,
        right: bool,
    ) -> Result<Counted, AttemptRefused> {
        self.judge(index, challenge, by, who)?;
        if right {
            if by != By::Link {
                self.take_off(index, challenge, |held| held);
            }
            let known = self.known.get_mut(&index).unwrap();
            known.uses += 1;
            known.accepted += 1;
            return Ok(Counted::Accepted { use_number: known.uses });
        }
        if by == By::Link {
            return Ok(Counted::Rejected { attempts_left: 0 });
        }
        let Challenge { usage, format, .. } = challenge.challenge();
        let whose = self.next(*usage, strength(format.as_ref()), challenge.recipient(), who).unwrap();
        self.add(challenge, whose, self.day, 1);
        let day = self.day;
        let known = self.known.get_mut(&index).unwrap();
        if known.comparisons.0 != day {
            known.comparisons = (day, [0, 0]);
        }
        known.comparisons.1[usize::from(whose == Who::KnownDevices)] += 1;
        known.attempts += 1;
        known.pending += 1;
        let attempts = self.limits.max_attempts - known.attempts;
        let uses = self.limits.max_uses.saturating_sub(known.uses + known.attempts);
        let spends = self.limits.wrong_code_spends && by == By::Code;
        Ok(Counted::Rejected { attempts_left: if spends { attempts.min(uses) } else { attempts } })
    }

    fn amend(
        &mut self,
        index: usize,
        challenge: &VerifiedChallenge,
        who: Who,
        amendment: Amendment,
    ) -> Result<u32, AttemptRefused> {
        self.tick();
        let known = self.known.entry(index).or_default();
        if amendment == Amendment::Right && known.uses >= self.limits.max_uses {
            return Err(AttemptRefused::Spent);
        }
        known.attempts -= 1;
        known.pending -= 1;
        known.uses += u32::from(amendment == Amendment::Right);
        let use_number = if amendment == Amendment::Right { known.uses } else { 0 };
        self.take_off(index, challenge, |held| match (amendment, who, held) {
            (Amendment::Right, ..) => held,
            (Amendment::Unanswered, Who::KnownDevices, [_, known]) if known > 0 => [0, 1],
            (Amendment::Unanswered, _, [strangers, _]) => [strangers.min(1), 0],
        });
        Ok(use_number)
    }
}

/// `known` may be what a look at another challenge, or with another guard, found.
fn attempt(challenge: &VerifiedChallenge, by: By, who: Who, seconds: u64, known: Looked) -> Attempt<'_> {
    let bucket = if who == Who::KnownDevices { Bucket::Known } else { Bucket::Strangers };
    Attempt { challenge, by, bucket, now: at(seconds), looked: known }
}

/// How attempts with codes of this use are counted.
fn by_of(usage: Use) -> By {
    if usage == Use::EXTERNAL { By::External } else { By::Code }
}

/// What has no format of ours is as weak as a code can be.
fn strength(format: Option<&CodeFormat>) -> Strength {
    format.map_or(Strength::Short, CodeFormat::strength)
}

/// The right way to present a challenge: external ones have no code of ours and no link.
fn by(challenge: &VerifiedChallenge, wanted: By) -> By {
    if challenge.challenge().usage == Use::EXTERNAL { By::External } else { wanted }
}

/// Plays the steps to a guard and to the model; they must agree on every answer.
fn play<G: Guard>(
    limits: &Limits,
    mut guard: G,
    issuer: &mut Issuer,
    steps: Vec<Step>,
    restart: Option<&dyn Fn(G, u64) -> G>,
) -> Result<(), TestCaseError> {
    let mut model = Model::new(limits.clone());
    let mut issued: Vec<VerifiedChallenge> = Vec::new();
    let mut known = Looked::default();
    for step in steps {
        let pick = |index: usize| (index % issued.len().max(1), issued.get(index % issued.len().max(1)));
        match step {
            // The days turn with the clock that is seen; one that is set back shows a restarted guard the day before again.
            Step::Restart => {
                if let Some(restart) = restart.filter(|_| model.now / 86_400 >= model.day) {
                    model.tick();
                    // What was refused as forgotten may be remembered again: its record, if it is still in the file.
                    model.known.values_mut().for_each(|known| known.is_over = false);
                    guard = restart(guard, model.now);
                }
            }
            Step::Time(seconds) => model.now = model.now.saturating_add_signed(seconds),
            Step::Issue { recipient, format, usage } => {
                issued.push(issuer.issue(&mail(recipient), usage, format, model.now, LIFETIME));
            }
            Step::Admit { recipient, usage, who } => {
                let (recipient, is_known) = (mail(recipient), who == Who::KnownDevices);
                let expected = model.admit(usage, &recipient, who);
                let answer = now(guard.admit(&Request { by: by_of(usage), is_known, ..request(&recipient, model.now) }));
                match (usage, answer) {
                    (Use::EXTERNAL, answer) => prop_assert_eq!(answer.is_ok(), expected.is_some()),
                    (_, answer) => prop_assert_eq!(answer.map(|admitted| Some(admitted.strength)), Ok(expected)),
                }
            }
            Step::Peek { challenge, by: wanted, who } => {
                let (index, Some(challenge)) = pick(challenge) else { continue };
                let by = by(challenge, wanted);
                model.tick();
                let answer = now(guard.peek(&attempt(challenge, by, who, model.now, known))).map(|found| known = found);
                let expected = model.judge(index, challenge, by, who);
                agree(&mut model, index, challenge, answer, expected)?;
            }
            Step::Count { challenge, by: wanted, who, right } => {
                let (index, Some(challenge)) = pick(challenge) else { continue };
                let by = by(challenge, wanted);
                model.tick();
                let answer = now(guard.count(&attempt(challenge, by, who, model.now, known), Verdict::sealed(right)));
                if is_forgotten(&model, challenge, &answer) {
                    model.known.entry(index).or_default().is_over |= !challenge.is_expired(at(model.now));
                    continue;
                }
                let expected = model.count(index, challenge, by, who, right);
                prop_assert_eq!(answer, expected);
            }
            Step::GiveBack { challenge } => {
                let (index, Some(challenge)) = pick(challenge) else { continue };
                // One that has ended may be forgotten already, and then stays spent.
                let is_living = !challenge.is_expired(at(model.latest.max(model.now)));
                let given = model.known.get_mut(&index).filter(|given| given.accepted > 0 && is_living);
                if let Some(given) = given {
                    given.accepted -= 1;
                    given.uses -= 1;
                    // Only what the guard hears of moves its days.
                    model.tick();
                    now(guard.give_back(&attempt(challenge, By::Link, Who::Strangers, model.now, known)));
                }
            }
            Step::Amend { challenge, who, amendment } => {
                let (index, Some(challenge)) = pick(challenge) else { continue };
                if challenge.challenge().usage != Use::EXTERNAL || model.known.get(&index).is_none_or(|known| known.pending == 0)
                {
                    continue;
                }
                model.tick();
                let answer = now(guard.amend(&attempt(challenge, By::External, who, model.now, known), amendment));
                if is_forgotten(&model, challenge, &answer) {
                    model.known.entry(index).or_default().is_over |= !challenge.is_expired(at(model.now));
                    continue;
                }
                prop_assert_eq!(answer, model.amend(index, challenge, who, amendment));
            }
        }
    }
    Ok(())
}

/// Whether a challenge that had ended, by a clock that was set back since, is refused for it: the guard may have forgotten it.
fn is_forgotten<T>(model: &Model, challenge: &VerifiedChallenge, answer: &Result<T, AttemptRefused>) -> bool {
    let had_ended = challenge.is_expired(at(model.latest));
    matches!(answer, Err(AttemptRefused::Expired)) && had_ended
}

fn agree(
    model: &mut Model,
    index: usize,
    challenge: &VerifiedChallenge,
    answer: Result<(), AttemptRefused>,
    expected: Result<(), AttemptRefused>,
) -> Result<(), TestCaseError> {
    if is_forgotten(model, challenge, &answer) {
        model.known.entry(index).or_default().is_over |= !challenge.is_expired(at(model.now));
        return Ok(());
    }
    prop_assert_eq!(answer, expected);
    Ok(())
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = prop_oneof![3 => Just(Who::Strangers), 1 => Just(Who::KnownDevices)];
    let by = prop_oneof![4 => Just(By::Code), 1 => Just(By::Link)];
    let looked_at = prop_oneof![3 => by.clone(), 1 => Just(By::Resend)];
    let format = prop_oneof![3 => Just(SHORT), 1 => Just(MEDIUM), 1 => Just(LONG)];
    let usage = prop_oneof![3 => Just(Use::CODE), 1 => Just(Use::EXTERNAL)];
    let amendment = prop_oneof![Just(Amendment::Right), Just(Amendment::Unanswered)];
    let time = prop_oneof![4 => -5_i64..60, 1 => -900_i64..900, 1 => -100_000_i64..100_000];
    let challenge = 0_usize..24;
    let step = prop_oneof![
        2 => time.prop_map(Step::Time),
        1 => Just(Step::Restart),
        3 => (0_u8..3, format, usage.clone()).prop_map(|(recipient, format, usage)| Step::Issue { recipient, format, usage }),
        2 => (0_u8..3, usage.clone(), who.clone()).prop_map(|(recipient, usage, who)| Step::Admit { recipient, usage, who }),
        2 => (challenge.clone(), looked_at, who.clone()).prop_map(|(challenge, by, who)| Step::Peek { challenge, by, who }),
        12 => (challenge.clone(), by, who.clone(), prop::bool::weighted(0.2))
            .prop_map(|(challenge, by, who, right)| Step::Count { challenge, by, who, right }),
        1 => challenge.clone().prop_map(|challenge| Step::GiveBack { challenge }),
        3 => (challenge, who, amendment).prop_map(|(challenge, who, amendment)| Step::Amend { challenge, who, amendment }),
    ];
    prop::collection::vec(step, 1..200)
}

fn any_limits() -> impl Strategy<Value = Limits> {
    (1_u32..6, 1_u32..4, any::<bool>(), 2_u32..20, 1_u32..8).prop_map(|(attempts, uses, spends, comparisons, external)| Limits {
        max_attempts: attempts,
        max_uses: uses,
        wrong_code_spends: spends,
        comparisons,
        external_comparisons: external,
        ..limits()
    })
}

/// Once found by chance: a guard that was opened on a day and saw no attempt yet counted on the day before, when its clock
/// was set back to it.
#[test]
fn a_restart_sees_the_day_that_a_clock_set_back_does_not_undo() {
    let journal = TestJournal { limits: Limits { comparisons: 2, ..limits() }, ..TestJournal::new() };
    let guard = journal.open(START);
    let mut issuer = Issuer::new(guard.id());
    let issue = || Step::Issue { recipient: 0, format: SHORT, usage: Use::CODE };
    let wrong = |challenge| Step::Count { challenge, by: By::Code, who: Who::Strangers, right: false };
    let day = 86_400;
    let steps = vec![issue(), wrong(0), wrong(0), Step::Time(2 * day), Step::Restart, Step::Time(-day), issue(), wrong(1)];
    let restart = |guard, seconds| {
        drop(guard);
        journal.open(seconds)
    };
    play(&journal.limits, guard, &mut issuer, steps, Some(&restart)).unwrap();
}

/// Once found by chance: what isn't asked of the guard must not turn the model's days either.
#[test]
fn comparisons_of_the_day_before_count_until_the_next_day_is_over() {
    let limits = Limits { comparisons: 2, ..limits() };
    let guard = guard(limits.clone());
    let mut issuer = Issuer::new(guard.id());
    let issue = || Step::Issue { recipient: 0, format: SHORT, usage: Use::CODE };
    let wrong = |challenge| Step::Count { challenge, by: By::Code, who: Who::Strangers, right: false };
    let peek = |challenge| Step::Peek { challenge, by: By::Code, who: Who::Strangers };
    let (nothing, to_yesterday) = (Step::GiveBack { challenge: 0 }, Step::Time(-43_201));
    let steps = vec![
        issue(),
        nothing,
        to_yesterday,
        wrong(0),
        Step::Time(10_026),
        issue(),
        wrong(1),
        peek(1),
        Step::Time(76_374),
        issue(),
        peek(2),
        Step::Time(1),
        peek(2),
    ];
    play(&limits, guard, &mut issuer, steps, None).unwrap();
}

proptest! {
    #[test]
    fn the_guard_in_memory_keeps_the_rules(limits in any_limits(), steps in steps()) {
        let guard = guard(limits.clone());
        let mut issuer = Issuer::new(guard.id());
        play(&limits, guard, &mut issuer, steps, None)?;
    }

    #[test]
    fn the_guard_in_a_file_keeps_the_rules_over_restarts(limits in any_limits(), steps in steps()) {
        let journal = TestJournal { limits: limits.clone(), segment_bytes: Some(2_000), ..TestJournal::new() };
        let guard = journal.open(START);
        let mut issuer = Issuer::new(guard.id());
        let restart = |guard, seconds| {
            drop(guard);
            journal.open(seconds)
        };
        play(&limits, guard, &mut issuer, steps, Some(&restart))?;
    }
}
