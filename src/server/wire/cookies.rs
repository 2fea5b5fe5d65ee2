//! The cookies of a login: the envelope, the guard that it belongs to, and the recipients that this browser has proved.

use hyper::{
    HeaderMap,
    body::Bytes,
    header::{COOKIE, HeaderValue, SET_COOKIE},
};

use crate::{browser::device::MAX_COOKIES, crypto::json::push_number};

/// The envelope of the challenge that was asked for last.
pub(crate) const CHALLENGE: &str = "countersign_challenge";
/// The id of that challenge's guard, for load balancers.
const GUARD: &str = "countersign_guard";
/// What this browser has proved.
const DEVICE: &str = "countersign_device";
/// The language that somebody chose on a page. The page itself sets it, for the visit.
const LANGUAGE: &str = "countersign_language";
/// Seconds that the device cookie lives: 90 days.
const DEVICE_LIFETIME: u64 = 90 * 24 * 60 * 60;

/// Writes cookies with the attributes of one server.
#[derive(Debug)]
pub(crate) struct Cookies {
    /// `; Path=…; HttpOnly; SameSite=Lax`, and `; Secure`.
    attributes: Box<str>,
}

/// The cookies of ours that a request brought. A sibling host can set more of the same names, so there may be several of
/// each, in the order in which the browser sent them: the most specific path first.
#[derive(Debug, Default)]
pub(crate) struct Jar<'h> {
    /// Envelopes.
    challenges: Several<'h>,
    /// What this browser has proved.
    devices: Several<'h>,
}

/// The values of one name, each once, at most [`MAX_COOKIES`] of them.
#[derive(Debug, Default)]
struct Several<'h> {
    values: [&'h str; MAX_COOKIES],
    length: usize,
}

impl Cookies {
    /// With this path, sent over plain HTTP too if not `secure`.
    pub(crate) fn new(path: &str, secure: bool) -> Self {
        let secure = if secure { "; Secure" } else { "" };
        Self { attributes: format!("; Path={path}; HttpOnly; SameSite=Lax{secure}").into() }
    }

    /// Sets the envelope and its guard for as many seconds as the challenge has left.
    pub(crate) fn set_challenge(&self, headers: &mut HeaderMap, envelope: &str, guard: &str, seconds: u64) {
        append(headers, CHALLENGE, envelope, seconds, &self.attributes);
        append(headers, GUARD, guard, seconds, &self.attributes);
    }

    /// Forgets the envelope and remembers the device: what a login does.
    pub(crate) fn set_signed_in(&self, headers: &mut HeaderMap, device: &str) {
        append(headers, CHALLENGE, "", 0, &self.attributes);
        append(headers, DEVICE, device, DEVICE_LIFETIME, &self.attributes);
    }
}

/// Sets a cookie for so many seconds; for none, it is cleared.
pub(super) fn append(headers: &mut HeaderMap, name: &str, value: &str, seconds: u64, attributes: &str) {
    let digits = 1 + seconds.checked_ilog10().unwrap_or(0) as usize;
    // With exactly this room the bytes become a header as they are.
    let mut cookie = Vec::with_capacity(name.len() + value.len() + digits + attributes.len() + 11);
    for part in [name, "=", value, "; Max-Age="] {
        cookie.extend_from_slice(part.as_bytes());
    }
    push_number(&mut cookie, seconds);
    cookie.extend_from_slice(attributes.as_bytes());
    let cookie = HeaderValue::from_maybe_shared(Bytes::from(cookie));
    headers.append(SET_COOKIE, cookie.expect("envelopes, guard ids, tokens and our other cookies are printable ASCII"));
}

/// The values that came by this name, each as often as it came.
pub(super) fn named<'h>(headers: &'h HeaderMap, name: &str) -> impl Iterator<Item = &'h str> {
    let pairs = headers.get_all(COOKIE).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
    pairs.filter_map(move |pair| value_of(name, pair.trim_ascii()))
}

impl<'h> Jar<'h> {
    /// Reads the `Cookie` headers pair by pair, as bytes: whatever other cookies hold takes none of ours along. What can't be a
    /// value of ours isn't one.
    pub(crate) fn read(headers: &'h HeaderMap) -> Self {
        let mut jar = Self::default();
        for pair in headers.get_all(COOKIE).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b';')) {
            let pair = pair.trim_ascii();
            if let Some(value) = value_of(CHALLENGE, pair) {
                jar.challenges.push(value);
            } else if let Some(value) = value_of(DEVICE, pair) {
                jar.devices.push(value);
            }
        }
        jar
    }

    /// The envelopes.
    pub(crate) fn challenges(&self) -> &[&'h str] {
        self.challenges.as_slice()
    }

    /// What this browser has proved.
    pub(crate) fn devices(&self) -> &[&'h str] {
        self.devices.as_slice()
    }
}

/// The language that somebody chose on a page: a tag by its looks, for who judges it.
pub(crate) fn language(headers: &HeaderMap) -> Option<&str> {
    let pairs = headers.get_all(COOKIE).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
    pairs.map(<[u8]>::trim_ascii).find_map(|pair| value_of(LANGUAGE, pair))
}

impl<'h> Several<'h> {
    /// One that is there already says nothing new: an envelope that stands twice is tried once.
    fn push(&mut self, value: &'h str) {
        if self.as_slice().contains(&value) {
            return;
        }
        if let Some(slot) = self.values.get_mut(self.length) {
            *slot = value;
            self.length += 1;
        }
    }

    fn as_slice(&self) -> &[&'h str] {
        &self.values[..self.length]
    }
}

/// The value of a cookie of this name, if it may be one of ours: envelopes and device cookies are base64url and dots.
fn value_of<'h>(name: &str, pair: &'h [u8]) -> Option<&'h str> {
    let value = pair.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
    let is_ours = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    if value.is_empty() || !value.iter().all(is_ours) { None } else { str::from_utf8(value).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_stands_twice_is_tried_once() {
        let mut headers = HeaderMap::new();
        for cookie in [
            "countersign_challenge=e.y.z; countersign_challenge=e.y.z",
            "countersign_challenge=a.b.c; x=1",
            "countersign_challenge=e.y.z",
        ] {
            headers.append(COOKIE, HeaderValue::from_static(cookie));
        }
        assert_eq!(Jar::read(&headers).challenges(), ["e.y.z", "a.b.c"]);
    }

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

    fn jar(values: &[&[u8]]) -> (Vec<String>, Vec<String>) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(COOKIE, HeaderValue::from_bytes(value).unwrap());
        }
        let jar = Jar::read(&headers);
        let owned = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        (owned(jar.challenges()), owned(jar.devices()))
    }

    fn none() -> Vec<String> {
        Vec::new()
    }

    #[test]
    fn a_jar_is_read_from_all_headers_in_their_order() {
        let (challenges, devices) =
            jar(&[b"a=b; countersign_device=d1;countersign_challenge=c.1", b"countersign_device=d2; countersign_device=d3"]);
        assert_eq!((challenges, devices), (vec!["c.1".to_owned()], vec!["d1".into(), "d2".into(), "d3".into()]));
        assert_eq!(jar(&[]), (none(), none()));
    }

    #[test]
    fn what_other_cookies_hold_takes_none_of_ours_along() {
        for others in [
            "name=Jos\u{e9}".as_bytes(),
            b"\xff\xfe=\x80",
            b"=",
            b";;;",
            b"x",
            b"a=\"quoted; b=c\"",
            b"countersign_challenge",
            b"countersign_challenge=",
            b"countersign_challenge=\xff",
            b"countersign_challenge=Jos\xc3\xa9",
            b"countersign_challenge=a b",
            b"countersign_challenge=\"c\"",
            b"Countersign_challenge=c",
            b"xcountersign_challenge=c",
            b"countersign_challenge2=c",
        ] {
            for cookies in [
                [others, b"; countersign_challenge=c.1; countersign_device=d1"].concat(),
                [b"countersign_challenge=c.1; ", others, b";countersign_device=d1"].concat(),
                [b"countersign_challenge=c.1;countersign_device=d1; ", others].concat(),
            ] {
                assert_eq!(jar(&[&cookies]), (vec!["c.1".into()], vec!["d1".into()]), "{}", cookies.escape_ascii());
            }
        }
    }

    #[test]
    fn a_language_is_found_among_others() {
        let mut headers = HeaderMap::new();
        assert_eq!(language(&headers), None);
        headers.append(COOKIE, HeaderValue::from_static("countersign_language=; a=b"));
        headers.append(COOKIE, HeaderValue::from_static("c=\"d; countersign_language=pt-BR; countersign_language=de"));
        assert_eq!(language(&headers), Some("pt-BR"));
    }

    #[test]
    fn eight_of_a_name_are_read() {
        let cookies: Vec<_> = (0..20).map(|n| format!("countersign_challenge=c{n}")).collect();
        let (challenges, _) = jar(&[cookies.join("; ").as_bytes()]);
        assert_eq!(challenges, (0..8).map(|n| format!("c{n}")).collect::<Vec<_>>());
    }
}
