//! The end: what is in flight is answered, then the queue is delivered, in at most [`PATIENCE`].

use std::{io, time::Duration};

use tokio::{
    signal::unix::{SignalKind, signal},
    time::{Instant, sleep},
};

use super::runtime::Workers;
use crate::delivery::Post;

/// How long the end may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(25);
/// How long nothing may be in flight until that counts: what a client sent a moment ago may not have been read yet.
pub(crate) const SETTLING: Duration = Duration::from_millis(20);
/// How often it is looked whether the last answer has left.
const STEP: Duration = Duration::from_millis(5);

/// Waits for SIGTERM or SIGINT.
///
/// # Errors
/// Where the system doesn't let the process listen for them.
pub(crate) async fn requested() -> io::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// Waits until the last answer has left, then until the last message has; returns how many messages haven't.
pub(crate) async fn drain(workers: &Workers, post: &Post) -> usize {
    let start = Instant::now();
    let end = start + PATIENCE;
    let mut busy = start;
    while Instant::now() < (busy + SETTLING).min(end) {
        if workers.in_flight() > 0 {
            busy = Instant::now();
        }
        sleep(STEP).await;
    }
    post.drain(end.saturating_duration_since(Instant::now())).await
}
