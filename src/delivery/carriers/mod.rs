//! The adapters of [`Carrier`](super::Carrier), one file each.

pub mod api;
pub mod console;
pub mod file;
pub mod http;
#[cfg(feature = "smtp")]
pub mod smtp;
pub mod telnyx;
pub mod twilio;

use std::io;

use super::carrier::{SendError, Sending};

/// Keeps work that blocks away from the threads that drive everything else. It can't be given up once it has begun.
fn blocking(work: impl FnOnce() -> io::Result<()> + Send + 'static) -> Sending<'static> {
    let task = tokio::task::spawn_blocking(work);
    Box::pin(async {
        match task.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(SendError::down(error.to_string())),
            Err(_) => Err(SendError::down("the runtime is shutting down")),
        }
    })
}
