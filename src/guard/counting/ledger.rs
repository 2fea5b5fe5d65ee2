//! Attempts, uses and comparisons: every decision about an attempt is one step under the locks of its challenge's shard
//! and of its recipient's, taken in this order and held for a few dozen instructions.
//!
//! Numbers in, numbers out: hashing, time and the protocol's types are the caller's, so that the same code can be driven
//! through every interleaving of threads. Whoever keeps the ledger elsewhere too hears of each change as a [`Log`],
//! before it takes effect.

use super::{
    apart::Apart,
    budget::{Allowance, Compared},
    change::{Change, Log, Unwritten},
    record::{FINGERPRINT_BITS, Moved, Record, Slot, Tally},
    room::Room,
    sketch::{CELL_BITS, DAY, Sketch},
    spent::{LockedSpent, Place, Spent},
    sync::{AtomicU32, Mutex, MutexGuard, Ordering, PoisonError},
};

/// Slots that a request looks at for entries to remove; a count looks at a line.
const HOUSEKEEPING: usize = 64;
/// Slots that a request looks at while the table is more than half full, so that it doesn't stay so for long after a flood.
const HARD_HOUSEKEEPING: usize = 1024;
/// Slots that a request looks at where there is no room.
const HARD_SWEEP: usize = 256;
/// Bytes that an entry costs at capacity: a slot of 16 at a load of four fifths.
const BYTES_PER_ENTRY: usize = 20;
/// What a shard costs beside its slots.
const SHARD_BYTES: usize = size_of::<Apart<Spent>>();
/// Entries of a shard at capacity for each place of a handful: what is counted too much stays below 2 %.
const ENTRIES_PER_HANDFUL: u32 = 128;
const MOST_IN_A_HANDFUL: u32 = 8;
const MOST_SHARDS: usize = 256;
const LEAST_ENTRIES_PER_SHARD: usize = 1024;
/// Shards of the sketch.
pub(crate) const SKETCHES: usize = 64;

/// The limits that a ledger keeps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) max_attempts: u8,
    pub(crate) max_uses: u16,
    /// Whether a wrong code uses up a use, for codes.
    pub(crate) wrong_code_spends: bool,
    /// The most entries.
    pub(crate) capacity: u32,
}

/// An attempt, as the ledger sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    /// The challenge's keyed fingerprint, [`FINGERPRINT_BITS`] wide.
    pub(crate) fingerprint: u64,
    pub(crate) expires_at: u32,
    pub(crate) now: u32,
    /// What it presents.
    pub(crate) what: What,
    /// Where its comparison is counted; `None` for links, and where it isn't known yet who makes it.
    pub(crate) tally: Option<Tally>,
    /// Whether it may use the part of the table that is kept from strangers.
    pub(crate) is_trusted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Link,
    Code,
    External,
}

/// What is left after a wrong attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It took a use of its challenge: the first, or another one.
    Accepted {
        use_number: u16,
    },
    Rejected {
        attempts_left: u32,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Expired,
    Spent,
    Exhausted,
    /// No room, or the log takes no more.
    Full,
}

/// The spend table and the sketch, in shards.
#[derive(Debug)]
pub(crate) struct Ledger<L> {
    rules: Rules,
    spent: Box<[Apart<Spent>]>,
    sketches: Box<[Apart<Mutex<Sketch>>]>,
    room: Room,
    /// The latest day that was seen, since 1970: the day that comparisons are counted on, whatever a clock does later.
    today: AtomicU32,
    /// The shard that the next housekeeping looks at.
    hand: AtomicU32,
    log: L,
}

impl<L: Log> Ledger<L> {
    /// An empty ledger.
    pub(crate) fn new(rules: Rules, log: L) -> Self {
        let shards = (rules.capacity as usize / LEAST_ENTRIES_PER_SHARD).clamp(1, MOST_SHARDS);
        Self::with_shards(rules, 1 << shards.ilog2(), log)
    }

    /// An empty ledger with this number of shards, a power of two.
    pub(crate) fn with_shards(rules: Rules, shards: usize, log: L) -> Self {
        let bytes = rules.capacity as usize * BYTES_PER_ENTRY / shards;
        let slots = bytes.saturating_sub(SHARD_BYTES) / size_of::<Slot>();
        Self {
            rules,
            spent: (0..shards).map(|_| Apart(Spent::new(slots))).collect(),
            sketches: (0..SKETCHES).map(|_| Apart(Mutex::new(Sketch::default()))).collect(),
            room: Room::new(rules.capacity, handful(rules.capacity, shards)),
            today: AtomicU32::new(0),
            hand: AtomicU32::new(0),
            log,
        }
    }

    /// Says that a challenge will be looked at in a moment, so that the memory can begin to fetch what is known of it.
    pub(crate) fn expect(&self, fingerprint: u64) {
        self.spent(fingerprint).expect(fingerprint);
    }

    /// Whether an attempt would be refused already. Counts nothing.
    pub(crate) fn peek(&self, case: &Case) -> Result<(), Refusal> {
        self.see(case.now);
        if self.glance(case) { Ok(()) } else { self.look(case) }
    }

    /// Whether nothing that a glance shows speaks against an attempt. A refusal is never made of a glance alone.
    fn glance(&self, case: &Case) -> bool {
        let spent = self.spent(case.fingerprint);
        // First, since the memory needs a moment for the record.
        let is_over = self.is_over(case);
        let is_open = match spent.glance(case.fingerprint) {
            Some(record) => self.judge(&record, case.what).is_ok(),
            None => self.taken() < self.limit(case),
        };
        is_open && !is_over && case.expires_at > case.now && case.expires_at > spent.forgotten()
    }

    /// Looks under the locks whether an attempt would be refused.
    fn look(&self, case: &Case) -> Result<(), Refusal> {
        let mut spent = self.lock(case);
        let looked = Self::find(&spent, case).and_then(|(place, record)| {
            self.judge(&record, case.what)?;
            let place = self.make_room(&mut spent, case, place)?;
            Self::leave(&mut spent, place);
            if self.is_over(case) { Err(Refusal::Exhausted) } else { Ok(()) }
        });
        self.room.settle(spent.hand());
        looked
    }

    /// Whether a case's recipient has had all comparisons that a code of its strength stands.
    fn is_over(&self, case: &Case) -> bool {
        case.tally.is_some_and(|tally| tally.allowance.next(tally.is_known, self.comparisons(tally.key, case.now)).is_none())
    }

    /// Counts an attempt, then says whether it was right.
    pub(crate) fn count(&self, case: &Case, right: bool) -> Result<Outcome, Refusal> {
        let mut spent = self.lock(case);
        let swept = spent.sweep_near(case.fingerprint, case.now);
        spent.hand().put(swept);
        let outcome = self.decide(&mut spent, case, right);
        self.room.settle(spent.hand());
        drop(spent);
        if outcome.is_ok() {
            self.keep_a_sketch();
        }
        outcome
    }

    /// Counts under the lock of its challenge's shard.
    fn decide(&self, spent: &mut LockedSpent<'_>, case: &Case, right: bool) -> Result<Outcome, Refusal> {
        // The day turns even where the attempt is refused.
        let today = self.today(case.now);
        let (place, mut record) = Self::find(spent, case)?;
        self.judge(&record, case.what)?;
        if case.what == What::Link && !right {
            return Ok(Outcome::Rejected { attempts_left: 0 });
        }
        let tally = case.tally;
        let mut sketch = tally.map(|tally| self.sketch(tally.key));
        let (mut day, mut whose) = (0, None);
        if let (Some(tally), Some(sketch)) = (tally, &mut sketch) {
            day = sketch.turn_to(today);
            let next = tally.allowance.next(tally.is_known, sketch.count(tally.key));
            whose = Some((tally.key, next.ok_or(Refusal::Exhausted)?));
        }

        if right {
            record.uses += 1;
        } else {
            record.attempts += 1;
        }
        // A right code takes its own comparison off again, with those of the wrong ones before it.
        let comparisons = whose
            .and_then(|(key, whose)| if right { record.take_off_all(key, day) } else { Some(record.compare(key, whose, day)) });
        let place = self.make_room(spent, case, place)?;
        let (Place::Known(at) | Place::Free(at)) = place else { return Err(Refusal::Full) };
        let change = Change { slot: record.to_slot(case.fingerprint), comparisons };
        if self.log.append(&change, case.now).is_err() {
            Self::leave(spent, place);
            return Err(Refusal::Full);
        }
        spent.write(at, change.slot);
        if let (Some(sketch), Some(moved)) = (&mut sketch, &change.comparisons) {
            sketch.apply(moved);
        }
        Ok(if right {
            Outcome::Accepted { use_number: record.uses }
        } else {
            Outcome::Rejected { attempts_left: self.attempts_left(&record, case.what) }
        })
    }

    /// Gives back a use.
    pub(crate) fn give_back(&self, case: &Case) -> Result<(), Refusal> {
        self.change(case, |record, _| {
            record.uses = record.uses.saturating_sub(1);
            Ok(None)
        })
    }

    /// Turns an attempt that was counted as wrong into a right one; says which use of its challenge it took.
    pub(crate) fn accept(&self, case: &Case) -> Result<u16, Refusal> {
        let max_uses = self.rules.max_uses;
        let mut use_number = 0;
        self.change(case, |record, tally| {
            if record.uses >= max_uses {
                return Err(Refusal::Spent);
            }
            record.uses += 1;
            record.attempts = record.attempts.saturating_sub(1);
            use_number = record.uses;
            Ok(tally.and_then(|(tally, today)| record.take_off_all(tally.key, today)))
        })?;
        Ok(use_number)
    }

    /// Gives back an attempt, with its comparison.
    pub(crate) fn forget(&self, case: &Case) -> Result<(), Refusal> {
        self.change(case, |record, tally| {
            record.attempts = record.attempts.saturating_sub(1);
            Ok(tally.and_then(|(tally, today)| record.take_off_one(tally.key, tally.is_known, today)))
        })
    }

    /// The second at which a recipient whose comparisons are used up stands more, if none are added.
    pub(crate) fn forgets(&self, key: u64, is_known: bool, allowance: &Allowance, now: u32) -> u32 {
        let mut sketch = self.sketch(key);
        let day = sketch.turn_to(self.today(now));
        let [today, _] = sketch.windows(key);
        (day + if allowance.next(is_known, today).is_none() { 2 } else { 1 }).saturating_mul(DAY)
    }

    /// Comparisons of a recipient within the last 24 hours, or a little more.
    pub(crate) fn comparisons(&self, key: u64, now: u32) -> Compared {
        let mut sketch = self.sketch(key);
        sketch.turn_to(self.today(now));
        sketch.count(key)
    }

    /// Challenges remembered, expired ones included until the sweep meets them. Asks every shard.
    pub(crate) fn entries(&self) -> usize {
        self.spent.iter().map(|shard| shard.0.lock().live()).sum()
    }

    /// Challenges remembered, about, at a glance; see [`Room::taken`].
    pub(crate) fn taken(&self) -> u32 {
        self.room.taken()
    }

    /// Sweeps a little of the next shard, so that a table that nobody counts in empties too.
    pub(crate) fn housekeeping(&self, now: u32) {
        let shard = self.hand.fetch_add(1, Ordering::Relaxed) as usize % self.spent.len();
        let steps = if self.taken() > self.room.capacity() / 2 { HARD_HOUSEKEEPING } else { HOUSEKEEPING };
        let mut spent = self.spent[shard].0.lock();
        let swept = spent.sweep(now, steps);
        spent.hand().put(swept);
        self.room.settle(spent.hand());
    }

    /// What hears of its changes.
    pub(crate) const fn log(&self) -> &L {
        &self.log
    }

    /// Puts a record back that was kept elsewhere; one that has ended by `now` only as a moment.
    pub(crate) fn restore(&self, slot: Slot, now: u32) -> Result<(), Refusal> {
        let (fingerprint, record) = Record::from_slot(slot);
        let mut spent = self.spent(fingerprint).lock();
        if record.expires_at <= now {
            spent.forget_until(record.expires_at);
            return Ok(());
        }
        match spent.locate(fingerprint) {
            Place::Known(at) => spent.write(at, slot),
            Place::Free(at) if self.room.take(spent.hand(), self.room.capacity()) => {
                spent.write(at, slot);
                self.room.settle(spent.hand());
            }
            Place::Free(_) | Place::Full => return Err(Refusal::Full),
        }
        Ok(())
    }

    /// Counts on the day of `now` at least, whatever the clock does next.
    pub(crate) fn see(&self, now: u32) {
        self.today(now);
    }

    /// Refuses whatever ends at `until` or before.
    pub(crate) fn forget_until(&self, until: u32) {
        self.spent.iter().for_each(|shard| shard.0.lock().forget_until(until));
    }

    /// Puts a shard of the sketch back.
    pub(crate) fn restore_sketch(&self, shard: usize, sketch: Sketch) {
        self.today.fetch_max(sketch.day(), Ordering::Relaxed);
        *lock(&self.sketches[shard]) = sketch;
    }

    /// Gives the log a shard of the sketch, if it wants one.
    fn keep_a_sketch(&self) {
        if let Some(shard) = self.log.wants() {
            self.log.keep(shard, &lock(&self.sketches[shard]));
        }
    }

    /// Bytes of the spend table, with all its slots.
    #[cfg(test)]
    pub(crate) fn table_bytes(&self) -> usize {
        let slots: usize = self.spent.iter().map(|shard| shard.0.size() * size_of::<Slot>() + SHARD_BYTES).sum();
        slots + size_of_val(&self.room)
    }

    /// The record of a case's challenge, if it isn't too late for it.
    fn find(spent: &LockedSpent<'_>, case: &Case) -> Result<(Place, Record), Refusal> {
        if case.expires_at <= case.now || case.expires_at <= spent.forgotten() {
            return Err(Refusal::Expired);
        }
        let place = spent.locate(case.fingerprint);
        let record = if let Place::Known(at) = place { spent.read(at) } else { Record::new(case.expires_at) };
        Ok((place, record))
    }

    fn judge(&self, record: &Record, what: What) -> Result<(), Refusal> {
        match self.left(record, what) {
            (0, _) => Err(Refusal::Spent),
            (_, 0) if what != What::Link => Err(Refusal::Exhausted),
            _ => Ok(()),
        }
    }

    fn attempts_left(&self, record: &Record, what: What) -> u32 {
        match self.left(record, what) {
            (uses, attempts) if self.rules.wrong_code_spends && what == What::Code => uses.min(attempts),
            (_, attempts) => attempts,
        }
    }

    /// Uses and attempts left. Wrong codes take uses from codes alone, so that they never end the link.
    fn left(&self, record: &Record, what: What) -> (u32, u32) {
        let spends = self.rules.wrong_code_spends && what == What::Code;
        let wrong = if spends { u32::from(record.attempts) } else { 0 };
        let uses = u32::from(self.rules.max_uses).saturating_sub(u32::from(record.uses) + wrong);
        (uses, u32::from(self.rules.max_attempts.saturating_sub(record.attempts)))
    }

    /// The challenge's place, or a free one that is counted as taken.
    fn make_room(&self, spent: &mut LockedSpent<'_>, case: &Case, mut place: Place) -> Result<Place, Refusal> {
        if let Place::Known(_) = place {
            return Ok(place);
        }
        let limit = self.limit(case);
        if place == Place::Full || !self.room.has_place(spent.hand(), limit) {
            let swept = spent.sweep(case.now, HARD_SWEEP);
            spent.hand().put(swept);
            place = spent.locate(case.fingerprint);
        }
        let is_taken = place != Place::Full && self.room.take(spent.hand(), limit);
        if is_taken { Ok(place) } else { Err(Refusal::Full) }
    }

    /// Gives back what [`Ledger::make_room`] took.
    fn leave(spent: &mut LockedSpent<'_>, place: Place) {
        if let Place::Free(_) = place {
            spent.hand().put(1);
        }
    }

    /// How many entries there may be before this case makes one: the last quarter is kept from strangers.
    fn limit(&self, case: &Case) -> u32 {
        let capacity = self.room.capacity();
        if case.is_trusted { capacity } else { capacity - capacity / 4 }
    }

    /// Changes the record of a known challenge, and its recipient's comparisons as `change` says.
    fn change(
        &self,
        case: &Case,
        change: impl FnOnce(&mut Record, Option<(Tally, u32)>) -> Result<Option<Moved>, Refusal>,
    ) -> Result<(), Refusal> {
        let today = self.today(case.now);
        let mut spent = self.lock(case);
        let Place::Known(at) = spent.locate(case.fingerprint) else { return Err(Refusal::Expired) };
        let mut record = spent.read(at);
        let mut sketch = case.tally.map(|tally| self.sketch(tally.key));
        let today = sketch.as_mut().map_or(today, |sketch| sketch.turn_to(today));
        let comparisons = change(&mut record, case.tally.map(|tally| (tally, today)))?;
        let change = Change { slot: record.to_slot(case.fingerprint), comparisons };
        self.log.append(&change, case.now).map_err(|Unwritten| Refusal::Full)?;
        spent.write(at, change.slot);
        if let (Some(sketch), Some(moved)) = (&mut sketch, &change.comparisons) {
            sketch.apply(moved);
        }
        Ok(())
    }

    fn today(&self, now: u32) -> u32 {
        let (day, latest) = (now / DAY, self.today.load(Ordering::Relaxed));
        if day > latest { self.today.fetch_max(day, Ordering::Relaxed).max(day) } else { latest }
    }

    /// The shard of a case's challenge, held.
    fn lock(&self, case: &Case) -> LockedSpent<'_> {
        self.empty_hands();
        self.spent(case.fingerprint).lock()
    }

    /// Where places grow scarce, none stays in a shard's hand.
    fn empty_hands(&self) {
        if self.room.wants_hands_back() {
            self.spent.iter().for_each(|shard| self.room.empty(shard.0.lock().hand()));
        }
    }

    #[allow(clippy::cast_possible_truncation, reason = "cut to the number of shards")]
    fn spent(&self, fingerprint: u64) -> &Spent {
        let upper = (fingerprint >> (FINGERPRINT_BITS - MOST_SHARDS.ilog2())) as usize;
        &self.spent[upper & (self.spent.len() - 1)].0
    }

    fn sketch(&self, key: u64) -> MutexGuard<'_, Sketch> {
        lock(&self.sketches[sketch_of(key)])
    }
}

/// Places that a shard takes at once; one where there are none to share, or few.
fn handful(capacity: u32, shards: usize) -> u32 {
    if shards == 1 {
        1
    } else {
        (capacity / ENTRIES_PER_HANDFUL / u32::try_from(shards).unwrap_or(u32::MAX)).min(MOST_IN_A_HANDFUL)
    }
}

/// The shard of the sketch in which a bucket is counted.
#[allow(clippy::cast_possible_truncation, reason = "cut to the number of sketches")]
pub(crate) const fn sketch_of(key: u64) -> usize {
    (key >> CELL_BITS) as usize & (SKETCHES - 1)
}

/// A thread that panicked left no half of a change behind: all that can fail comes before the first write.
fn lock<T>(mutex: &Apart<Mutex<T>>) -> MutexGuard<'_, T> {
    mutex.0.lock().unwrap_or_else(PoisonError::into_inner)
}
