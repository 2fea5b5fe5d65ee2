//! The log: on stderr, by `RUST_LOG`, without recipients, codes, envelopes and tokens.
//!
//! Lines go through a queue to a thread of their own. So an output that fails, is full or blocks, as a pipe that nobody reads,
//! loses lines and nothing else; how many, [`lost`] tells.

use std::{
    fs::File,
    io::{self, IsTerminal as _, Write, stderr},
    os::fd::AsFd as _,
    panic,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use tracing_subscriber::{EnvFilter, filter::LevelFilter, fmt};

/// How many lines may wait for the output.
const QUEUE: usize = 1_024;
/// How long the end of the process waits for lines that are still in the queue.
const PATIENCE: Duration = Duration::from_secs(1);

/// The queue, once the log has started.
static LINES: OnceLock<SyncSender<Entry>> = OnceLock::new();
/// Lines that were not written.
static LOST: AtomicU64 = AtomicU64::new(0);

enum Entry {
    Line(Box<[u8]>),
    /// Whoever waits for it knows then that every line before it has been tried.
    Mark(SyncSender<()>),
}

/// Hands what is written to the queue.
struct Queued;

/// Starts to log to stderr: what `RUST_LOG` says, and without it `info` and above. A program that embeds the server and has
/// a `tracing` subscriber of its own doesn't need it.
///
/// # Errors
/// Where the system has no thread to spare.
pub fn log_to_stderr() -> io::Result<()> {
    if LINES.get().is_some() {
        return Ok(());
    }
    let (sender, receiver) = sync_channel(QUEUE);
    let output = output();
    thread::Builder::new().name("log".into()).spawn(move || write_all(&receiver, output))?;
    // A second one at the same time would only find the first one's queue.
    let _ = LINES.set(sender);
    // A panic's message may quote what a client sent; the place says enough.
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a fault of the program; the request was answered with 500");
    }));
    let builder = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into());
    let filter = builder.clone().from_env().unwrap_or_else(|error| {
        say(&format!("countersign: warning: RUST_LOG is not read: {error}"));
        builder.parse_lossy("")
    });
    let log = fmt().with_writer(|| Queued).with_ansi(stderr().is_terminal()).with_env_filter(filter);
    // Whoever embeds the server may have a subscriber already.
    let _ = log.log_internal_errors(false).try_init();
    Ok(())
}

/// Writes a line to stderr, through the log's queue if there is one. Never fails and, with the queue, never waits.
pub(crate) fn say(line: &str) {
    let line = format!("{line}\n").into_bytes();
    match LINES.get() {
        Some(queue) => enqueue(queue, line.into()),
        None => drop(stderr().write_all(&line)),
    }
}

/// How many lines were lost since the start.
pub(crate) fn lost() -> u64 {
    LOST.load(Ordering::Relaxed)
}

/// Waits for a moment until what is in the queue is written.
pub(crate) fn finish() {
    let Some(queue) = LINES.get() else { return };
    let (mark, is_done) = sync_channel(1);
    if queue.try_send(Entry::Mark(mark)).is_ok() {
        let _ = is_done.recv_timeout(PATIENCE);
    }
}

fn enqueue(queue: &SyncSender<Entry>, line: Box<[u8]>) {
    if queue.try_send(Entry::Line(line)).is_err() {
        LOST.fetch_add(1, Ordering::Relaxed);
    }
}

/// A descriptor of its own: the lock of the standard library's stderr would be held for as long as a write blocks.
fn output() -> Box<dyn Write + Send> {
    match stderr().as_fd().try_clone_to_owned() {
        Ok(descriptor) => Box::new(File::from(descriptor)),
        Err(_) => Box::new(stderr()),
    }
}

fn write_all(lines: &Receiver<Entry>, mut output: impl Write) {
    for entry in lines {
        match entry {
            Entry::Line(line) => {
                if output.write_all(&line).is_err() {
                    LOST.fetch_add(1, Ordering::Relaxed);
                }
            }
            Entry::Mark(mark) => drop(mark),
        }
    }
}

impl Write for Queued {
    /// Takes a whole line: the subscriber formats an event first, and writes it at once.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Some(queue) = LINES.get() {
            enqueue(queue, line.into());
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An output that takes nothing.
    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_that_find_no_room_or_no_output_are_counted() {
        let (sender, receiver) = sync_channel(2);
        let before = lost();
        for _ in 0..5 {
            enqueue(&sender, b"line\n".as_slice().into());
        }
        assert_eq!(lost() - before, 3, "the queue is full, and nobody waited");
        drop(sender);
        write_all(&receiver, Full);
        assert_eq!(lost() - before, 5, "none was written");
    }
}
