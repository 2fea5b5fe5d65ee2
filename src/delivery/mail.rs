//! E-mail as bytes (RFC 5322, MIME).

use lettre::message::Mailbox;

/// Whom our e-mail comes from.
#[derive(Clone, Debug)]
pub struct Sender(Mailbox);

impl Sender {
    /// `noreply@example.com` or `Example <noreply@example.com>`; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }
}
