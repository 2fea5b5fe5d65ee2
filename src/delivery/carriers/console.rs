//! Messages on stdout, for whoever tries things out.

use std::io::{self, Write};

use super::blocking;
use crate::{
    delivery::{Carrier, Message, Outgoing, SendError, Sending},
    recipient::Channel,
    time::UnixTime,
};

/// Readable text on stdout, one write a message, the code on a line of its own. For e-mail and SMS.
#[derive(Clone, Copy, Debug, Default)]
pub struct Console;

impl Carrier for Console {
    fn name(&self) -> &'static str {
        "console"
    }

    fn format(&self, message: &Message, at: UnixTime) -> Result<Outgoing, SendError> {
        let Message { id, to, .. } = message;
        Ok(Outgoing { id: id.clone(), written_at: at, to: to.clone(), body: readable(message).into() })
    }

    fn send<'a>(&'a self, outgoing: &'a Outgoing) -> Sending<'a> {
        let bytes = outgoing.body.clone();
        blocking(move || print(&bytes))
    }
}

/// The message as a person reads it in a terminal.
fn readable(message: &Message) -> Vec<u8> {
    let Message { channel, to, code, subject, text, .. } = message;
    let kind = match channel {
        Channel::Email => "E-mail",
        Channel::Mobile => "SMS",
    };
    let mut shown = format!("\n---- {kind} to {to} ----\n");
    if !subject.is_empty() {
        shown.extend(["Subject: ", subject, "\n\n"]);
    }
    shown.extend([text.trim_end(), "\n"]);
    // Whatever a template makes of it.
    if !text.lines().any(|line| line == code.as_str()) {
        shown.extend(["\n", code, "\n"]);
    }
    shown.push_str("----\n");
    shown.into_bytes()
}

/// Writes it at once, so that two messages never mix. Blocks for as long as nobody reads.
fn print(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}
