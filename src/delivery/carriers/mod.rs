//! The adapters of [`Carrier`](super::Carrier), one file each.

pub mod api;
#[cfg(feature = "aws")]
pub mod aws;
pub mod console;
pub mod file;
pub mod http;
pub mod mailgun;
pub mod postmark;
pub mod resend;
pub mod sendgrid;
#[cfg(feature = "aws")]
pub mod ses;
#[cfg(feature = "smtp")]
pub mod smtp;
#[cfg(feature = "aws")]
pub mod sns;
pub mod telnyx;
pub mod twilio;
pub mod vonage;

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
