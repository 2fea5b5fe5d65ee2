//! E-mail as bytes (RFC 5322, MIME).

use std::time::{Duration, SystemTime};

use lettre::{
    Address,
    address::Envelope,
    message::{
        Body, Mailbox, Message as Mail, MultiPart, SinglePart,
        header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue, MessageId},
    },
};

use super::message::Message;
use crate::time::UnixTime;

/// The longest line that a message may have (RFC 5322 §2.1.1).
const MAX_LINE: usize = 998;

/// Whom our e-mail comes from.
#[derive(Clone, Debug)]
pub struct Sender(Mailbox);

/// An e-mail as it leaves.
pub(super) struct Formatted {
    pub envelope: Envelope,
    pub bytes: Vec<u8>,
}

impl Sender {
    /// `noreply@example.com` or `Example <noreply@example.com>`; `None` for anything else. The domain becomes ASCII
    /// (IDNA); the part before it has to be.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.chars().any(char::is_control) {
            return None;
        }
        let mailbox: Mailbox = text.parse().ok()?;
        let email = Address::new(ascii(mailbox.email.user())?, idna::domain_to_ascii(mailbox.email.domain()).ok()?).ok()?;
        Some(Self(Mailbox::new(mailbox.name, email)))
    }

    /// The e-mail of `message`, dated `at`; `None` if it has a recipient that no e-mail can go to.
    pub(super) fn format(&self, message: &Message, at: UnixTime) -> Option<Formatted> {
        let to = address(&message.to)?;
        let envelope = Envelope::new(Some(self.0.email.clone()), vec![to.clone()]).ok()?;
        let parts = MultiPart::alternative()
            .singlepart(SinglePart::builder().header(ContentType::TEXT_PLAIN).body(body(&message.text)))
            .singlepart(SinglePart::builder().header(ContentType::TEXT_HTML).body(body(&message.html)));
        let mail = Mail::builder()
            .from(self.0.clone())
            .to(Mailbox::new(None, to))
            .subject(message.subject.as_str())
            .date(SystemTime::UNIX_EPOCH + Duration::from_secs(at.as_seconds()))
            .header(MessageId::from(format!("<{}@{}>", message.id, self.0.email.domain())))
            // RFC 3834: no out-of-office answers to this.
            .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".into()))
            .envelope(envelope.clone())
            .multipart(parts)
            .ok()?;
        Some(Formatted { envelope, bytes: mail.formatted() })
    }
}

/// An address in ASCII. What isn't needed in a canonical address (quotes, brackets, white space, control characters) is
/// no address, wherever it came from.
fn address(text: &str) -> Option<Address> {
    let (user, domain) = text.rsplit_once('@')?;
    let domain = idna::domain_to_ascii(domain).ok()?;
    let plain =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && !br#""(),:;<>@[\]"#.contains(&byte));
    // lettre's own judgement is narrower than what we let people type.
    (plain(user) && plain(&domain)).then(|| Address::new_dangerous(user, domain))
}

fn ascii(text: &str) -> Option<&str> {
    text.is_ascii().then_some(text)
}

/// A part's bytes. ASCII stays as it is, with links whole; only what has to be is encoded.
fn body(text: &str) -> Body {
    let mut lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    if text.is_ascii() && lines.clone().all(|line| line.len() <= MAX_LINE && !line.contains(['\r', '\0'])) {
        let mut bytes = Vec::with_capacity(text.len() + 64);
        if let Some(first) = lines.next() {
            bytes.extend_from_slice(first.as_bytes());
        }
        for line in lines {
            bytes.extend_from_slice(b"\r\n");
            bytes.extend_from_slice(line.as_bytes());
        }
        return Body::dangerous_pre_encoded(bytes, ContentTransferEncoding::SevenBit);
    }
    let text = text.to_owned();
    if text.is_ascii() {
        Body::new_with_encoding(text, ContentTransferEncoding::QuotedPrintable).expect("everything can be quoted")
    } else {
        Body::new(text)
    }
}
