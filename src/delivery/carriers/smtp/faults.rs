//! What the errors of a conversation mean, in plain words.

use std::{error::Error as StdError, io};

use lettre::transport::smtp::Error;
use rustls::CertificateError;

use super::Place;
use crate::delivery::SendError;

/// "Service not available, closing transmission channel" (RFC 5321 §4.2.3): what a server says beyond its limits.
const UNAVAILABLE: u16 = 421;

/// How far a conversation had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing of the message was told: greeting, TLS, logging in, and whom it comes from.
    Opening,
    /// The recipient was told.
    Recipient,
    /// The message itself was.
    Content,
}

/// What an error means once there is a connection. What is refused for good before the recipient was told is the server's; after
/// that it depends on what the server says.
pub(super) fn refused(error: &Error, stage: Stage, place: &Place) -> SendError {
    let reason = describe(error, place);
    match error.status().map(u16::from) {
        Some(UNAVAILABLE) => SendError::busy(reason),
        Some(code) if error.is_permanent() => match stage {
            Stage::Opening => SendError::Refused(reason),
            Stage::Recipient | Stage::Content => {
                if is_of_recipient(code, stage, enhanced(error)) {
                    SendError::Final(reason)
                } else {
                    SendError::Refused(reason)
                }
            }
        },
        Some(_) if stage != Stage::Opening => SendError::temporary(reason),
        None if error.is_client() => SendError::Refused(reason),
        _ => SendError::down(reason),
    }
}

/// What an error means while there is no connection. A server that hangs up at once may have too many.
pub(super) fn not_connected(error: &Error, place: &Place) -> SendError {
    let hung_up = |error: &io::Error| matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe);
    match cause::<io::Error>(error) {
        _ if error.is_response() => SendError::busy(describe(error, place)),
        Some(cause) if hung_up(cause) => SendError::busy(describe(error, place)),
        _ => refused(error, Stage::Opening, place),
    }
}

/// Whether a permanent refusal is about the recipient, so that no other server would do: by its enhanced code (RFC 3463: x.1
/// addresses, x.2 mailboxes, x.4 routing; x.7 is policy, such as "relaying denied"), else by its plain one (RFC 5321 §4.2.3).
fn is_of_recipient(code: u16, stage: Stage, enhanced: Option<u16>) -> bool {
    match enhanced {
        Some(subject) => matches!(subject, 1 | 2 | 4),
        None => stage == Stage::Recipient && matches!(code, 501 | 550..=553 | 556),
    }
}

/// The subject of the enhanced status code (RFC 2034) that the server's words begin with: the 7 of `5.7.1`.
fn enhanced(error: &Error) -> Option<u16> {
    subject(&error.source()?.to_string())
}

fn subject(words: &str) -> Option<u16> {
    let mut parts = words.split_whitespace().next()?.splitn(3, '.');
    let (class, subject, detail) = (parts.next()?, parts.next()?, parts.next()?);
    let is_number = |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    (class == "5" && is_number(subject) && is_number(detail)).then(|| subject.parse().ok()).flatten()
}

/// What went wrong, without the server's own words: they often name the recipient.
fn describe(error: &Error, place: &Place) -> String {
    if let Some(code) = error.status() {
        return format!("the SMTP server answered {code}");
    }
    if error.is_response() {
        return "the SMTP server broke off or answered nonsense".into();
    }
    if let Some(rustls::Error::InvalidCertificate(fault)) = cause::<rustls::Error>(error) {
        return format!("the SMTP server's certificate {}", of_certificate(fault, place));
    }
    error.to_string()
}

/// What is wrong with a certificate, and what would do.
fn of_certificate(fault: &CertificateError, place: &Place) -> String {
    let Place { section, host, .. } = place;
    match fault {
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!("is for another name than {host}: write its name in {section}.url, or give it that name")
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "has expired".into(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "isn't valid yet, by this machine's clock".into()
        }
        CertificateError::Revoked => "is revoked".into(),
        other if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            format!(
                "is a CA's own (CA:TRUE), which no server may show: give the server one that this CA has signed, and name the file of \
                 the CA's certificate in {section}.ca_file"
            )
        }
        CertificateError::BadEncoding => "can't be read".into(),
        // Signed by somebody unknown, or by a namesake of somebody known.
        _ => {
            format!("isn't signed by anybody whom this system trusts: name the file of its CA's certificate in {section}.ca_file")
        }
    }
}

/// The first error of this type among an error's causes.
fn cause<E: StdError + 'static>(error: &Error) -> Option<&E> {
    let mut next: Option<&(dyn StdError + 'static)> = error.source();
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        // An `io::Error` shows not what it holds, but the cause of that.
        let held = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = held.map(|held| held as &(dyn StdError + 'static)).or_else(|| error.source());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_names_the_section_that_the_server_is_from() {
        let place = Place { section: "email_2", host: "mail.example.com".into(), port: 465 };
        for (fault, says) in [
            (CertificateError::NotValidForName, "another name than mail.example.com: write its name in email_2.url"),
            (CertificateError::UnknownIssuer, "in email_2.ca_file"),
        ] {
            let said = of_certificate(&fault, &place);
            assert!(said.contains(says), "{said}");
        }
    }

    #[test]
    fn a_refusal_is_the_recipient_s_or_the_server_s() {
        use Stage::{Content, Recipient};
        for (code, stage, words, is_of_the_recipient) in [
            (550, Recipient, "5.1.1 <ann@example.com> unknown", true),
            (550, Recipient, "5.2.1 mailbox disabled", true),
            (550, Recipient, "5.4.1 no such route", true),
            (550, Recipient, "no such user", true),
            (553, Recipient, "", true),
            (554, Recipient, "5.1.8 odd", true),
            (554, Recipient, "5.7.1 <ann@example.com>: Relay access denied", false),
            (550, Recipient, "5.7.1 relaying denied", false),
            (554, Recipient, "transaction failed", false),
            (530, Recipient, "log in first", false),
            (503, Recipient, "5.5.1 bad sequence", false),
            (550, Content, "5.1.1 unknown after all", true),
            (554, Content, "5.7.1 looks like spam", false),
            (550, Content, "looks like spam", false),
            (552, Content, "5.3.4 too big", false),
            (550, Recipient, "5.1 odd", true),
            (550, Recipient, "5.7.1x odd", true),
            (550, Recipient, "4.7.1 odd", true),
        ] {
            assert_eq!(is_of_recipient(code, stage, subject(words)), is_of_the_recipient, "{code} {words}");
        }
    }
}
