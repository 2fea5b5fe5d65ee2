//! The three cookies: the envelope, the guard that it belongs to, and the recipients that this browser has proved.

use hyper::{
    HeaderMap,
    body::Bytes,
    header::{COOKIE, HeaderValue, SET_COOKIE},
};

use crate::crypto::json::push_number;

/// The envelope of the challenge that was asked for last.
pub(crate) const CHALLENGE: &str = "countersign_challenge";
/// The id of that challenge's guard, for load balancers.
const GUARD: &str = "countersign_guard";
/// What this browser has proved.
const DEVICE: &str = "countersign_device";
/// Seconds that the device cookie lives: 90 days.
const DEVICE_LIFETIME: u64 = 90 * 24 * 60 * 60;

/// Writes cookies with the attributes of one server.
#[derive(Debug)]
pub(crate) struct Cookies {
    /// `; Path=…; HttpOnly; SameSite=Lax`, and `; Secure`.
    attributes: Box<str>,
}

/// The cookies that a request brought.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Jar<'h> {
    /// The envelope.
    pub(crate) challenge: Option<&'h str>,
    /// What this browser has proved.
    pub(crate) device: Option<&'h str>,
}

impl Cookies {
    /// With this path, sent over plain HTTP too if not `secure`.
    pub(crate) fn new(path: &str, secure: bool) -> Self {
        let secure = if secure { "; Secure" } else { "" };
        Self { attributes: format!("; Path={path}; HttpOnly; SameSite=Lax{secure}").into() }
    }

    /// Sets the envelope and its guard for as many seconds as the challenge has left.
    pub(crate) fn set_challenge(&self, headers: &mut HeaderMap, envelope: &str, guard: &str, seconds: u64) {
        self.append(headers, CHALLENGE, envelope, seconds);
        self.append(headers, GUARD, guard, seconds);
    }

    /// Forgets the envelope and remembers the device: what a login does.
    pub(crate) fn set_signed_in(&self, headers: &mut HeaderMap, device: &str) {
        self.append(headers, CHALLENGE, "", 0);
        self.append(headers, DEVICE, device, DEVICE_LIFETIME);
    }

    fn append(&self, headers: &mut HeaderMap, name: &str, value: &str, seconds: u64) {
        let digits = 1 + seconds.checked_ilog10().unwrap_or(0) as usize;
        // With exactly this room the bytes become a header as they are.
        let mut cookie = Vec::with_capacity(name.len() + value.len() + digits + self.attributes.len() + 11);
        for part in [name, "=", value, "; Max-Age="] {
            cookie.extend_from_slice(part.as_bytes());
        }
        push_number(&mut cookie, seconds);
        cookie.extend_from_slice(self.attributes.as_bytes());
        let cookie = HeaderValue::from_maybe_shared(Bytes::from(cookie));
        headers.append(SET_COOKIE, cookie.expect("envelopes, guard ids and device cookies are printable ASCII"));
    }
}

impl<'h> Jar<'h> {
    /// Reads the `Cookie` headers; the first of a name counts, since browsers send the most specific path first.
    pub(crate) fn read(headers: &'h HeaderMap) -> Self {
        let mut jar = Self::default();
        let values = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        for (name, value) in values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('=')) {
            let slot = match name {
                CHALLENGE => &mut jar.challenge,
                DEVICE => &mut jar.device,
                _ => continue,
            };
            if slot.is_none() && !value.is_empty() {
                *slot = Some(value);
            }
        }
        jar
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes() {
        let mut headers = HeaderMap::new();
        Cookies::new("/passwordless", true).set_challenge(&mut headers, "e.y.z", "node.1", 600);
        Cookies::new("/", false).set_signed_in(&mut headers, "d");
        let cookies: Vec<_> = headers.get_all(SET_COOKIE).iter().map(|value| value.to_str().unwrap()).collect();
        assert_eq!(
            cookies,
            [
                "countersign_challenge=e.y.z; Max-Age=600; Path=/passwordless; HttpOnly; SameSite=Lax; Secure",
                "countersign_guard=node.1; Max-Age=600; Path=/passwordless; HttpOnly; SameSite=Lax; Secure",
                "countersign_challenge=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax",
                "countersign_device=d; Max-Age=7776000; Path=/; HttpOnly; SameSite=Lax",
            ]
        );
    }

    #[test]
    fn a_jar_is_read_from_all_headers() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=b; countersign_device=d1;countersign_challenge=c=1"));
        headers.append(COOKIE, HeaderValue::from_static("countersign_device=d2"));
        let jar = Jar::read(&headers);
        assert_eq!((jar.challenge, jar.device), (Some("c=1"), Some("d1")));
        headers.insert(COOKIE, HeaderValue::from_static("countersign_challenge=; x; =; ;"));
        assert_eq!(Jar::read(&headers).challenge, None);
    }
}
