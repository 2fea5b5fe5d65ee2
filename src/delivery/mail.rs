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

use super::{
    carrier::{Outgoing, SendError},
    message::Message,
};
use crate::time::UnixTime;

/// The longest line that a message may have (RFC 5322 §2.1.1).
const MAX_LINE: usize = 998;

/// What is said of a recipient that isn't one.
const NO_ADDRESS: &str = "no e-mail can go to this address";

/// Whom our e-mail comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    mailbox: Mailbox,
    /// The domain of its messages' names.
    names: Box<str>,
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
        let names = email.domain().into();
        Some(Self { mailbox: Mailbox::new(mailbox.name, email), names })
    }

    /// This sender, whose messages have names in the domain of `other`: a message keeps its name, whoever sends it.
    #[must_use]
    pub fn naming_as(self, other: &Self) -> Self {
        Self { names: other.names.clone(), ..self }
    }

    /// The e-mail of `message`, dated `at`. It goes to the address in ASCII.
    ///
    /// # Errors
    /// A recipient that no e-mail can go to.
    pub(super) fn format(&self, message: &Message, at: UnixTime) -> Result<Outgoing, SendError> {
        self.bytes(message, at).ok_or_else(|| SendError::Final(NO_ADDRESS.into()))
    }

    /// As it stands in a header, but for letters beyond ASCII: `Example <noreply@example.com>`.
    pub(super) fn mailbox(&self) -> String {
        self.mailbox.to_string()
    }

    /// Its address.
    pub(super) fn address(&self) -> &str {
        self.mailbox.email.as_ref()
    }

    /// Its name, if it has one.
    pub(super) fn name(&self) -> Option<&str> {
        self.mailbox.name.as_deref()
    }

    /// The `Message-ID` of a message.
    pub(super) fn message_id(&self, id: &super::MessageId) -> String {
        format!("<{id}@{}>", self.names)
    }

    /// Whom SMTP is told about an e-mail to `to`; `None` if no e-mail can go there.
    pub(super) fn envelope(&self, to: &str) -> Option<Envelope> {
        Envelope::new(Some(self.mailbox.email.clone()), vec![address(to)?]).ok()
    }

    fn bytes(&self, message: &Message, at: UnixTime) -> Option<Outgoing> {
        let to = address(&message.to)?;
        let parts = MultiPart::alternative()
            .singlepart(SinglePart::builder().header(ContentType::TEXT_PLAIN).body(body(&message.text)))
            .singlepart(SinglePart::builder().header(ContentType::TEXT_HTML).body(body(&message.html)));
        let mail = Mail::builder()
            .from(self.mailbox.clone())
            .to(Mailbox::new(None, to.clone()))
            .subject(message.subject.as_str())
            .date(SystemTime::UNIX_EPOCH + Duration::from_secs(at.as_seconds()))
            .header(MessageId::from(self.message_id(&message.id)))
            // RFC 3834: no out-of-office answers to this.
            .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".into()))
            .envelope(self.envelope(&message.to)?)
            .multipart(parts)
            .ok()?;
        let (id, to): (_, &str) = (message.id.clone(), to.as_ref());
        Some(Outgoing { id, written_at: at, to: to.into(), body: mail.formatted().into() })
    }
}

/// Where an e-mail to `to` goes: its address in ASCII.
///
/// # Errors
/// An address that no e-mail can go to.
pub(super) fn recipient(to: &str) -> Result<Box<str>, SendError> {
    let address = address(to).ok_or_else(|| SendError::Final(NO_ADDRESS.into()))?;
    let address: &str = address.as_ref();
    Ok(address.into())
}

/// An address in ASCII. What isn't needed in a canonical address (quotes, brackets, white space, control characters) is
/// no address, wherever it came from.
fn address(text: &str) -> Option<Address> {
    let (user, domain) = text.rsplit_once('@')?;
    // As stored, where it can be.
    let domain = if domain.is_ascii() { domain.into() } else { idna::domain_to_ascii(domain).ok()? };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::{
        Site,
        testing::{Fleet, NOW, composer, site},
    };

    fn message(to: &str, site: Site) -> Message {
        let fleet = Fleet::new();
        let message = composer(site).compose(&fleet.dispatch("ann@example.com"), NOW, &mut rand::rng()).unwrap();
        Message { to: to.into(), ..message }
    }

    fn mail(message: &Message) -> String {
        let sender = Sender::parse("Example <noreply@mail.example.com>").unwrap();
        String::from_utf8(sender.format(message, NOW).unwrap().body.into()).unwrap()
    }

    fn header<'m>(mail: &'m str, name: &str) -> Vec<&'m str> {
        let head = mail.split_once("\r\n\r\n").unwrap().0;
        head.split("\r\n").filter_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).collect()
    }

    #[test]
    fn an_email_has_the_headers_and_both_parts() {
        let message = message("Ann@Example.com", site());
        let mail = mail(&message);
        assert_eq!(header(&mail, "From"), ["Example <noreply@mail.example.com>"]);
        assert_eq!(header(&mail, "To"), ["Ann@Example.com"]);
        assert_eq!(header(&mail, "Subject"), ["Login on example.com"]);
        assert_eq!(header(&mail, "Auto-Submitted"), ["auto-generated"]);
        assert_eq!(header(&mail, "Date"), ["Tue, 14 Nov 2023 22:13:20 +0000"]);
        assert_eq!(header(&mail, "Message-ID"), [format!("<{}@mail.example.com>", message.id)]);
        assert!(header(&mail, "Content-Type")[0].starts_with("multipart/alternative;"), "{mail}");
        for kind in ["text/plain", "text/html"] {
            assert!(mail.contains(&format!("Content-Type: {kind}; charset=utf-8\r\nContent-Transfer-Encoding: 7bit")), "{mail}");
        }
        assert!(mail.split("\r\n").any(|line| line == message.code.as_str()), "the code is on a line of its own");
        assert!(mail.contains(message.link.as_str()), "the link is whole");
        assert!(!mail.replace("\r\n", "").contains(['\r', '\n']), "every line ends as it must");
    }

    #[test]
    fn international_names_become_ascii() {
        let name = "Bücher & Käse – 本屋, das ist ein ziemlich langer Name für eine Seite, aber er muss durchkommen".to_owned();
        let message = message("ann@bücher.example", Site { name: name.clone(), ..site() });
        let mail = mail(&message);
        assert!(mail.is_ascii(), "{mail}");
        assert_eq!(header(&mail, "To"), ["ann@xn--bcher-kva.example"]);
        assert!(header(&mail, "Subject")[0].starts_with("Login on =?utf-8?"), "{mail}");
        assert!(mail.split("\r\n").all(|line| line.len() <= 998));
        let sender = Sender::parse("Bücher <post@bücher.example>").unwrap();
        let outgoing = sender.format(&message, NOW).unwrap();
        assert_eq!(&*outgoing.to, "ann@xn--bcher-kva.example");
        let envelope = sender.envelope(&outgoing.to).unwrap();
        assert_eq!(envelope.from().unwrap().to_string(), "post@xn--bcher-kva.example");
        assert_eq!(envelope.to()[0].to_string(), "ann@xn--bcher-kva.example");
    }

    #[test]
    fn no_address_makes_a_header_or_a_second_recipient() {
        let sender = Sender::parse("noreply@localhost").unwrap();
        for to in [
            "",
            "ann",
            "@example.com",
            "ann@",
            "ann@example.com\r\nBcc: eve@example.com",
            "ann@example.com, eve@example.com",
            "ann@example.com>\r\nRCPT TO:<eve@example.com",
            "Ann <ann@example.com>",
            "a b@example.com",
            "\"a\"@example.com",
            "ännchen@example.com",
            "ann@exa mple.com",
            "ann@[127.0.0.1]",
        ] {
            let refused = sender.format(&message(to, site()), NOW);
            assert!(matches!(refused, Err(SendError::Final(_))), "{to:?}");
            assert!(sender.envelope(to).is_none(), "{to:?}");
        }
        for sender in ["", "noreply", "a@b.example\r\nBcc: e@b.example", "ä@example.com", "a@b.example, c@d.example"] {
            assert!(Sender::parse(sender).is_none(), "{sender:?}");
        }
    }

    #[test]
    fn what_a_line_can_t_hold_is_encoded() {
        for text in ["a\rb", "a\0b", &"x".repeat(999)] {
            let mut message = message("ann@example.com", site());
            message.text = zeroize::Zeroizing::new(text.to_owned());
            let mail = mail(&message);
            assert!(mail.contains("Content-Transfer-Encoding: quoted-printable"), "{mail}");
            assert!(!mail.replace("\r\n", "").contains(['\r', '\n', '\0']) && mail.split("\r\n").all(|line| line.len() <= 998));
        }
    }

    #[test]
    fn addresses_that_people_may_type_can_be_written_to() {
        let sender = Sender::parse("noreply@example.com").unwrap();
        for to in
            ["a@localhost", "a.b+c@example.com", "o'hara@example.com", "a..b@example.com", "a.@example.com", "1_{}|~@ex-ample.co"]
        {
            assert!(sender.format(&message(to, site()), NOW).is_ok(), "{to}");
        }
    }
}
