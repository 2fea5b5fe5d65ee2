//! The audit log: events as lines of JSON, in a file or on stdout.
//!
//! Lines go through a queue to a thread of their own. So a disk that is full, or a pipe that nobody reads, loses lines,
//! which are counted, and nothing else.

mod output;

use std::{
    fmt, io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
};

use tokio::{
    sync::oneshot,
    time::{Instant, timeout_at},
};

use self::output::Output;
use super::{
    Draining, Event, Sink, SubjectHasher,
    room::{Place, Room},
    tally::Tally,
};
use crate::time::Clock;

/// How many lines may wait to be written.
const ROOM: usize = 10_000;

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// To the standard output.
    Stdout,
    /// To the end of this file, which is made if it isn't there.
    File(PathBuf),
}

/// How subjects are written.
#[derive(Clone, Debug)]
pub enum Subjects {
    /// As they are.
    Plain,
    /// As keyed hashes.
    Hashed(SubjectHasher),
}

/// Writes events as lines of JSON.
pub struct AuditLog {
    room: Arc<Room>,
    tally: Arc<Tally>,
    entries: mpsc::Sender<Entry>,
    /// Set where the file is to be opened again. The writer looks before each line.
    is_moved: Arc<AtomicBool>,
}

enum Entry {
    Event(Arc<Event>, Place),
    /// Nothing to write: something else is to be done.
    Look,
    /// Whoever waits for it knows then that every line before it has been tried.
    Mark(oneshot::Sender<()>),
}

struct Writer {
    output: Output,
    subjects: Subjects,
    is_moved: Arc<AtomicBool>,
    tally: Arc<Tally>,
}

impl AuditLog {
    /// Starts to write to `target`.
    ///
    /// # Errors
    /// The file can't be opened, or isn't a regular one; or the system has no thread to spare.
    pub fn open(target: &Target, subjects: Subjects, clock: Clock) -> io::Result<Self> {
        Self::write_to(Output::open(target)?, subjects, ROOM, clock)
    }

    fn write_to(output: Output, subjects: Subjects, room: usize, clock: Clock) -> io::Result<Self> {
        let (entries, received) = mpsc::channel();
        let (tally, is_moved) = (Arc::new(Tally::new("audit", clock)), Arc::new(AtomicBool::new(false)));
        let writer = Writer { output, subjects, is_moved: Arc::clone(&is_moved), tally: Arc::clone(&tally) };
        thread::Builder::new().name("audit".into()).spawn(move || writer.run(&received))?;
        Ok(Self { room: Room::new(room), tally, entries, is_moved })
    }
}

impl Sink for AuditLog {
    fn take(&self, event: &Arc<Event>) {
        match self.room.take(event.kind) {
            // The room bounds the queue.
            Some(place) => drop(self.entries.send(Entry::Event(Arc::clone(event), place))),
            None => self.tally.lost("more lines wait to be written than there is room for"),
        }
    }

    fn reopen(&self) {
        self.is_moved.store(true, Ordering::Release);
        let _ = self.entries.send(Entry::Look);
    }

    fn drain(&self, until: Instant) -> Draining<'_> {
        Box::pin(async move {
            let (mark, is_done) = oneshot::channel();
            let _ = self.entries.send(Entry::Mark(mark));
            let _ = timeout_at(until, is_done).await;
            let left = self.room.taken();
            self.tally.left(left);
            left
        })
    }
}

impl Writer {
    fn run(mut self, entries: &mpsc::Receiver<Entry>) {
        for entry in entries {
            if self.is_moved.swap(false, Ordering::Acquire)
                && let Err(error) = self.output.reopen()
            {
                tracing::error!(%error, "events.audit can't be opened again: lines go to the old file");
            }
            match entry {
                Entry::Event(event, _place) => match self.output.write(&self.line(&event)) {
                    Ok(()) => self.tally.sent(),
                    Err(error) => self.tally.lost(&format!("they can't be written: {error}")),
                },
                Entry::Look => {}
                Entry::Mark(mark) => drop(mark.send(())),
            }
        }
    }

    fn line(&self, event: &Event) -> String {
        let mut line = match &self.subjects {
            Subjects::Plain => event.to_json(),
            Subjects::Hashed(hasher) => event.to_json_with_subject(|subject| hasher.hash(subject)),
        };
        line.push('\n');
        line
    }
}

impl fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditLog").field("room", &self.room).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, time::Duration};

    use serde_json::Value;

    use super::*;
    use crate::{
        events::{Events, Kind, Subject},
        keyring::Keyring,
        recipient::Recipient,
        time::UnixTime,
    };

    const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);

    fn emit(events: &Events, many: usize) {
        for _ in 0..many {
            events.emit(Kind::LoginSucceeded, NOW, |event| {
                event.subject = Some(Subject::Recipient(Recipient::parse_email("ann@example.com").unwrap()));
            });
        }
    }

    fn events(log: AuditLog) -> Events {
        Events::new(vec![Box::new(log)], rand::random)
    }

    async fn drain(events: &Events) -> usize {
        events.drain(Instant::now() + Duration::from_secs(10)).await
    }

    fn read(path: &std::path::Path) -> Vec<Value> {
        fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[tokio::test]
    async fn each_event_is_a_line_and_after_a_rotation_in_the_new_file() {
        let folder = tempfile::tempdir().unwrap();
        let (path, moved) = (folder.path().join("audit.log"), folder.path().join("audit.log.1"));
        let log = AuditLog::open(&Target::File(path.clone()), Subjects::Plain, Arc::new(|| NOW)).unwrap();
        let events = events(log);
        emit(&events, 3);
        assert_eq!(drain(&events).await, 0);
        fs::rename(&path, &moved).unwrap();
        emit(&events, 2);
        assert_eq!(drain(&events).await, 0);
        events.reopen();
        assert_eq!(drain(&events).await, 0);
        assert_eq!(read(&path).len(), 0, "it is there at once");
        emit(&events, 1);
        assert_eq!(drain(&events).await, 0);
        assert_eq!((read(&moved).len(), read(&path).len()), (5, 1));
        assert_eq!(read(&path)[0]["data"]["subject"], "ann@example.com");
    }

    #[tokio::test]
    async fn a_hashed_subject_is_the_same_each_time_and_says_nothing() {
        let keyring = |byte| Keyring::new([vec![byte; 32]]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        for byte in [1, 1, 2] {
            let subjects = Subjects::Hashed(SubjectHasher::new(&keyring(byte)));
            let events = events(AuditLog::open(&Target::File(path.clone()), subjects, Arc::new(|| NOW)).unwrap());
            emit(&events, 1);
            assert_eq!(drain(&events).await, 0);
        }
        let subjects: Vec<_> = read(&path).iter().map(|line| line["data"]["subject"].as_str().unwrap().to_owned()).collect();
        assert_eq!(subjects[0], subjects[1]);
        assert_ne!(subjects[0], subjects[2], "another secret gives others");
        assert!(!fs::read_to_string(&path).unwrap().contains("ann"));
        assert_eq!(subjects[0], SubjectHasher::new(&keyring(1)).hash("ann@example.com"));
    }

    #[tokio::test]
    async fn a_pipe_that_nobody_reads_loses_lines_and_nobody_waits() {
        let (_reader, writer) = io::pipe().unwrap();
        let log = AuditLog::write_to(Output::of_pipe(writer), Subjects::Plain, 100, Arc::new(|| NOW)).unwrap();
        let events = events(log);
        // A pipe holds 64 KiB, some three hundred lines: what is given up here because the writer is slow comes in a later round.
        let mut left = 0;
        for _ in 0..40 {
            emit(&events, 100);
            left = events.drain(Instant::now() + Duration::from_millis(10)).await;
        }
        assert!((1..=100).contains(&left), "no more than there is room for: {left}");
    }
}
