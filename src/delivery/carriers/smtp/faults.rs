//! What the errors of a conversation mean, in plain words.

use std::{error::Error as StdError, io};

use lettre::transport::smtp::Error;
use rustls::CertificateError;

use crate::delivery::SendError;

/// "Service not available, closing transmission channel" (RFC 5321 §4.2.3): what a server says beyond its limits.
const UNAVAILABLE: u16 = 421;

/// What an error means once there is a connection: 5xx is final, and so is what can't work with this server; everything
/// else may work later.
pub(super) fn refused(error: &Error, host: &str) -> SendError {
    let reason = describe(error, host);
    match error.status().map(u16::from) {
        Some(UNAVAILABLE) => SendError::busy(reason),
        _ if error.is_permanent() || error.is_client() => SendError::Final(reason),
        _ => SendError::temporary(reason),
    }
}

/// What an error means while there is none. A server that hangs up at once may have too many, too.
pub(super) fn not_connected(error: &Error, host: &str) -> SendError {
    let hung_up = |error: &io::Error| {
        matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
    };
    match cause::<io::Error>(error) {
        _ if error.is_response() => SendError::busy(describe(error, host)),
        Some(cause) if hung_up(cause) => SendError::busy(describe(error, host)),
        _ => refused(error, host),
    }
}

/// What went wrong, without the server's own words: they often name the recipient.
fn describe(error: &Error, host: &str) -> String {
    if let Some(code) = error.status() {
        return format!("the SMTP server answered {code}");
    }
    if error.is_response() {
        return "the SMTP server broke off or answered nonsense".into();
    }
    if let Some(rustls::Error::InvalidCertificate(fault)) = cause::<rustls::Error>(error) {
        return format!("the SMTP server's certificate {}", of_certificate(fault, host));
    }
    error.to_string()
}

/// What is wrong with a certificate, and what would do.
fn of_certificate(fault: &CertificateError, host: &str) -> String {
    match fault {
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!("is for another name than {host}: write its name in email.url, or give it that name")
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "has expired".into(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "isn't valid yet, by this machine's clock".into()
        }
        CertificateError::Revoked => "is revoked".into(),
        other if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            "is a CA's own (CA:TRUE), which no server may show: give the server one that this CA has signed, and name the file of \
             the CA's certificate in email.ca_file"
                .into()
        }
        CertificateError::BadEncoding => "can't be read".into(),
        // Signed by somebody unknown, or by a namesake of somebody known.
        _ => "isn't signed by anybody whom this system trusts: name the file of its CA's certificate in email.ca_file".into(),
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
