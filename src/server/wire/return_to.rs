//! Where a page or a renewal may lead back to. An address is judged by its parsed origin, never by its text, and told as it was
//! parsed, so that whoever follows it reads the same.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use reqwest::Url;

use super::{
    origin::{Origin, is_loopback},
    public_url::PublicUrl,
};

/// The most characters of an address.
const MAX_LENGTH: usize = 2048;
/// The name of the field, and of the parameter of a query.
pub(crate) const RETURN_TO: &str = "return_to";

/// An address that was judged, as it was parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnTo {
    text: Box<str>,
    origin: Box<str>,
}

/// An address that may not be led back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAllowed;

/// One of `session.return_to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// This origin, with the host as it is written.
    Exactly(Origin, Box<str>),
    /// Every host below this domain, over https at its default port; not the domain itself.
    Below(Box<str>),
}

/// All that may be led back to.
#[derive(Clone, Debug, Default)]
pub struct Destinations {
    own: Vec<Origin>,
    others: Vec<Destination>,
}

/// What a query says of where to lead back to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given<'q> {
    /// Nothing.
    Nothing,
    /// This.
    Once(Cow<'q, str>),
    /// More than one thing.
    Twice,
}

impl ReturnTo {
    /// The address, in printable ASCII.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its origin, as a policy of contents names it.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

impl Destination {
    /// Reads one of `session.return_to`: `https://app.example.com`, `http://localhost:3000`, or, with a cookie for a whole domain,
    /// `https://*.example.com`.
    ///
    /// # Errors
    /// What is wrong with it, and what would do.
    pub fn parse(text: &str, cookie_domain: Option<&str>) -> Result<Self, String> {
        if text.contains('*') {
            return match cookie_domain {
                Some(domain) if text.eq_ignore_ascii_case(&format!("https://*.{domain}")) => Ok(Self::Below(domain.into())),
                Some(domain) => {
                    Err(format!("{text:?} has a wildcard: only https://*.{domain} may, since cookie_domain is {domain:?}"))
                }
                None => Err(format!(
                    "{text:?} has a wildcard, which needs a cookie_domain: name each origin, as https://app.example.com"
                )),
            };
        }
        let fault = || format!("{text:?} is no origin: write scheme, host and port, as https://app.example.com");
        if !is_whole(text) || text.contains('\\') {
            return Err(fault());
        }
        let origin = Origin::parse(text)?;
        let host = Url::parse(text).ok().and_then(|url| url.host_str().map(Box::from)).unwrap_or_default();
        let is_fit = origin.scheme() == "https" || origin.scheme() == "http" && is_loopback(&host);
        if is_fit {
            Ok(Self::Exactly(origin, host))
        } else {
            Err(format!("{text:?} must be https; http is for this machine only"))
        }
    }

    /// The host whose pages are led back to.
    #[must_use]
    pub fn host(&self) -> &str {
        match self {
            Self::Exactly(_, host) => host,
            Self::Below(domain) => domain,
        }
    }

    fn covers(&self, origin: &Origin) -> bool {
        match self {
            Self::Exactly(own, _) => own == origin,
            Self::Below(domain) => {
                let labels = origin.host().strip_suffix(&**domain).and_then(|labels| labels.strip_suffix('.'));
                let is_below = labels.is_some_and(|labels| labels.split('.').all(|label| !label.is_empty()));
                is_below && origin.scheme() == "https" && origin.port() == 443
            }
        }
    }
}

impl Destinations {
    /// The origins of the URLs by which people reach this server, and others.
    #[must_use]
    pub fn new<'u>(own: impl IntoIterator<Item = &'u PublicUrl>, others: Vec<Destination>) -> Self {
        Self { own: own.into_iter().map(PublicUrl::origin).cloned().collect(), others }
    }

    /// Judges an address.
    ///
    /// # Errors
    /// It is none of http or https that is written whole, or leads elsewhere.
    pub fn judge(&self, text: &str) -> Result<ReturnTo, NotAllowed> {
        let is_printable = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'\\';
        let is_readable = text.len() <= MAX_LENGTH && text.bytes().all(is_printable) && text.trim_ascii() == text;
        if !is_readable || !is_whole(text) {
            return Err(NotAllowed);
        }
        let url = Url::parse(text).map_err(|_| NotAllowed)?;
        let is_plain = matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none();
        let serialised = url.origin().ascii_serialization();
        if !is_plain || !Origin::sent(&serialised).is_some_and(|origin| self.contain(&origin)) {
            return Err(NotAllowed);
        }
        Ok(ReturnTo { text: url.as_str().into(), origin: serialised.into() })
    }

    /// Whether pages of this origin are led back to.
    pub(crate) fn contain(&self, origin: &Origin) -> bool {
        self.own.contains(origin) || self.are_others(origin)
    }

    /// Whether it is an origin beside this server's own that is led back to.
    pub(crate) fn are_others(&self, origin: &Origin) -> bool {
        self.others.iter().any(|destination| destination.covers(origin))
    }

    /// Whether there are any beside this server's own.
    pub(crate) const fn have_others(&self) -> bool {
        !self.others.is_empty()
    }
}

impl<'q> Given<'q> {
    /// What a query gives. An address that literally begins `http://` or `https://` runs unchanged to the query's end, since nginx
    /// can't encode `$request_uri`; any other is decoded once.
    #[must_use]
    pub fn in_query(query: &'q str) -> Self {
        let mut found = Self::Nothing;
        let mut rest = query;
        while !rest.is_empty() {
            let (pair, further) = rest.split_once('&').unwrap_or((rest, ""));
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if decoded(name) == RETURN_TO {
                let literal = &rest[name.len() + usize::from(pair.len() > name.len())..];
                let is_literal = literal.starts_with("http://") || literal.starts_with("https://");
                let given = if is_literal { literal.into() } else { decoded(value) };
                match found {
                    Self::Nothing => found = Self::Once(given),
                    Self::Once(_) | Self::Twice => return Self::Twice,
                }
                if is_literal {
                    break;
                }
            }
            rest = further;
        }
        found
    }
}

/// Whether an address is written with its authority, and no user in it. What parsers would mend isn't.
fn is_whole(text: &str) -> bool {
    let authority = text.split_once("://").map(|(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or_default());
    authority.is_some_and(|authority| !authority.is_empty() && !authority.contains('@'))
}

/// As forms encode, once.
fn decoded(text: &str) -> Cow<'_, str> {
    let spaced = text.replace('+', " ");
    Cow::Owned(percent_decode_str(&spaced).decode_utf8_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn destinations() -> Destinations {
        let others = ["https://app.example.com", "https://*.example.com", "https://other.example:8443", "http://localhost:3000"];
        let others = others.map(|text| Destination::parse(text, Some("example.com")).unwrap());
        Destinations::new([&PublicUrl::parse("https://login.example.com").unwrap()], others.into())
    }

    fn judge(text: &str) -> Option<String> {
        destinations().judge(text).ok().map(|address| address.as_str().to_owned())
    }

    #[test]
    fn what_is_led_back_to_is_told_as_it_was_parsed() {
        for (text, told) in [
            ("https://login.example.com", "https://login.example.com/"),
            ("https://app.example.com/a?b=c&d=//e#f", "https://app.example.com/a?b=c&d=//e#f"),
            ("HTTPS://APP.Example.COM:443/A", "https://app.example.com/A"),
            ("https://deep.er.example.com/", "https://deep.er.example.com/"),
            ("https://other.example:8443/x", "https://other.example:8443/x"),
            ("http://localhost:3000/", "http://localhost:3000/"),
            ("http://127.0.0.1:3000/", "http://127.0.0.1:3000/"),
            ("https://app.example.com/a/../b", "https://app.example.com/b"),
            ("https://app.example.com/a b", "https://app.example.com/a%20b"),
            ("https://app.example.com/%2e%2e//evil.example", "https://app.example.com//evil.example"),
            ("https://app.example.com?next=https://evil.example", "https://app.example.com/?next=https://evil.example"),
            ("https://app.example.com/?u=a@evil.example", "https://app.example.com/?u=a@evil.example"),
            ("https://%61pp.example.com/", "https://app.example.com/"),
            ("https://xn--bcher-kva.example.com/", "https://xn--bcher-kva.example.com/"),
        ] {
            assert_eq!(judge(text).as_deref(), Some(told), "{text}");
        }
        assert_eq!(destinations().judge("https://APP.example.com:443/x").unwrap().origin(), "https://app.example.com");
    }

    /// Each is a way by which others were led elsewhere.
    const TRICKS: &[(&str, &str)] = &[
        ("another host", "https://evil.example/"),
        ("nothing", ""),
        ("a path", "/account"),
        ("no scheme", "//evil.example/"),
        ("no scheme, our own host", "//app.example.com/"),
        ("no authority", "https:app.example.com"),
        ("no authority", "https:/app.example.com"),
        ("no authority, an empty one", "https:///app.example.com"),
        ("no authority, an empty one", "https:////evil.example"),
        ("no authority, an empty one", "https://"),
        ("no host", "https://:443/"),
        ("a backslash", "https:\\\\evil.example"),
        ("a backslash", "https://app.example.com\\.evil.example/"),
        ("a backslash", "https://evil.example\\@app.example.com/"),
        ("a backslash", "https://evil.example\\.example.com/"),
        ("a backslash", "/\\evil.example"),
        ("a backslash in the path", "https://app.example.com/\\evil.example"),
        ("a tab", "https://app.example.com\t.evil.example/"),
        ("a tab", "https:\t//evil.example/"),
        ("a tab", "ht\ttps://app.example.com/"),
        ("a line feed", "https://app.example.com/\nSet-Cookie: a=b"),
        ("a carriage return", "https://app.example.com/\r\n\r\n<script>"),
        ("NUL", "https://app.example.com\0.evil.example/"),
        ("NUL", "https://app.example.com/\0"),
        ("NUL, encoded, in the host", "https://app.example.com%00.evil.example/"),
        ("white space first", " https://app.example.com/"),
        ("white space last", "https://app.example.com/ "),
        ("white space in the host", "https://app.example.com .evil.example/"),
        ("DEL", "https://app.example.com/\x7f"),
        ("user info", "https://app.example.com@evil.example/"),
        ("user info", "https://app.example.com:443@evil.example/"),
        ("user info", "https://evil.example@app.example.com/"),
        ("user info", "https://user:password@app.example.com/"),
        ("user info, empty", "https://@app.example.com/"),
        ("user info, empty", "https://:@app.example.com/"),
        ("user info, encoded", "https://app.example.com%40evil.example/"),
        ("a suffix that is none", "https://notexample.com/"),
        ("a suffix that is none", "https://evil-example.com/"),
        ("a prefix that is none", "https://app.example.com.evil.example/"),
        ("a prefix that is none", "https://app.example.comevil.example/"),
        ("the domain of a wildcard itself", "https://example.com/"),
        ("an empty label", "https://.example.com/"),
        ("an empty label", "https://a..example.com/"),
        ("a trailing dot", "https://app.example.com./"),
        ("a trailing dot", "https://app.example.com.:443/"),
        ("a wildcard in the address", "https://*.example.org/"),
        ("http", "http://app.example.com/"),
        ("http, with the port of https", "http://app.example.com:443/"),
        ("http below a wildcard", "http://deep.example.com/"),
        ("another port", "https://app.example.com:8443/"),
        ("another port", "https://other.example/"),
        ("another port", "https://login.example.com:80/"),
        ("another port of this machine", "http://localhost:3001/"),
        ("a port that is none", "https://app.example.com:99999/"),
        ("a port that is none", "https://app.example.com:443:443/"),
        ("https on this machine", "https://localhost:3000/"),
        ("another address of this machine", "http://127.0.0.2:3000/"),
        ("another spelling of this machine", "http://0.0.0.0:3000/"),
        ("an IPv6 address", "https://[::1]/"),
        ("an IPv6 address that holds an IPv4 one", "http://[::ffff:127.0.0.1]:3000/"),
        ("an IPv6 address with a zone", "https://[fe80::1%25eth0]/"),
        ("an IPv6 address with a name in it", "https://[app.example.com]/"),
        ("an address as one number", "https://2130706433/"),
        ("an address in octal", "https://0177.0.0.1/"),
        ("a script", "javascript:alert(1)"),
        ("a script with an authority", "javascript://app.example.com/%0aalert(1)"),
        ("a script, in other letters", "JaVaScRiPt://app.example.com/%0aalert(1)"),
        ("data", "data:text/html,<script>alert(1)</script>"),
        ("data with an authority", "data://app.example.com/,x"),
        ("vbscript", "vbscript://app.example.com/x"),
        ("a file", "file://app.example.com/etc/passwd"),
        ("blob", "blob:https://app.example.com/0"),
        ("a scheme before the scheme", "view-source:https://app.example.com/"),
        ("a scheme of an app", "my-app://app.example.com/"),
        ("ftp", "ftp://app.example.com/"),
        ("websockets", "wss://app.example.com/"),
        ("encoded once too often", "https%3A%2F%2Fapp.example.com%2F"),
        ("encoded twice", "https%253A%252F%252Fevil.example"),
        ("an encoded slash in the host", "https://app.example.com%2f.evil.example/"),
        ("an encoded slash in the host", "https://evil.example%2f.example.com/"),
        ("an encoded backslash in the host", "https://evil.example%5c.example.com/"),
        ("an encoded number sign in the host", "https://evil.example%23.example.com/"),
        ("an encoded question mark in the host", "https://evil.example%3f.example.com/"),
        ("a number sign ends the host", "https://evil.example#.example.com/"),
        ("a question mark ends the host", "https://evil.example?.example.com/"),
        ("a semicolon in the host", "https://evil.example;.example.com/"),
        ("another alphabet", "https://аpp.example.com/"),
        ("another alphabet, as an A-label", "https://xn--pp-7kc.example/"),
        ("a full stop of another script", "https://app。example。com/"),
        ("a full stop of another script, encoded, leads below another domain", "https://example.com%E3%80%82evil.example/"),
        ("a slash of another script", "https://app.example.com\u{2044}.evil.example/"),
        ("a slash of another script, encoded", "https://evil.example%EF%BC%8F.example.com/"),
        ("full-width letters", "https://ａｐｐ.example.com/"),
        ("an invisible character", "https://app.example.com/\u{200b}"),
        ("right to left", "https://app.example.com/\u{202e}"),
    ];

    #[test]
    fn every_trick_of_open_redirects_leads_nowhere() {
        let long = format!("https://app.example.com/{}", "a".repeat(MAX_LENGTH));
        for (trick, text) in TRICKS.iter().chain([&("very long", &*long)]) {
            assert_eq!(judge(text), None, "{trick}: {text:?}");
        }
    }

    #[test]
    fn the_longest_address_is_one() {
        let text = format!("https://app.example.com/{}", "a".repeat(MAX_LENGTH - "https://app.example.com/".len()));
        assert_eq!(judge(&text), Some(text.clone()));
        assert_eq!(judge(&format!("{text}a")), None);
    }

    #[test]
    fn which_destinations_there_can_be() {
        for (text, domain) in [
            ("https://app.example.com", None),
            ("https://app.example.com:8443/", None),
            ("http://localhost:3000", None),
            ("http://127.0.0.1:3000", None),
            ("http://[::1]", None),
            ("https://*.example.com", Some("example.com")),
            ("https://*.Example.com", Some("example.com")),
        ] {
            assert!(Destination::parse(text, domain).is_ok(), "{text}");
        }
        for (text, domain) in [
            ("", None),
            ("app.example.com", None),
            ("https:app.example.com", None),
            ("https:/app.example.com", None),
            ("https:///app.example.com", None),
            ("https://app.example.com\\", None),
            ("https://@app.example.com", None),
            ("http://app.example.com", None),
            ("http://127.0.0.2", None),
            ("https://app.example.com/path", None),
            ("https://app.example.com?a", None),
            ("https://user@app.example.com", None),
            ("my-app://callback", None),
            ("https://*.example.com", None),
            ("https://*", Some("example.com")),
            ("*", Some("example.com")),
            ("https://*.com", Some("example.com")),
            ("https://*.app.example.com", Some("example.com")),
            ("https://app-*.example.com", Some("example.com")),
            ("http://*.example.com", Some("example.com")),
            ("https://*.example.com:8443", Some("example.com")),
            ("https://*.example.com/", Some("example.com")),
            ("https://*.*.example.com", Some("example.com")),
        ] {
            assert!(Destination::parse(text, domain).is_err(), "{text}");
        }
    }

    #[test]
    fn what_a_query_gives() {
        let once = |text: &str| Given::Once(Cow::Owned(text.to_owned()));
        for (query, given) in [
            ("", Given::Nothing),
            ("a=b", Given::Nothing),
            ("xreturn_to=https://a/", Given::Nothing),
            ("return_to", once("")),
            ("return_to=", once("")),
            ("return_to=https%3A%2F%2Fa%2F%3Fb%3Dc%26d", once("https://a/?b=c&d")),
            ("a=b&return_to=https%3A%2F%2Fa%2F&c=d", once("https://a/")),
            // Nothing is decoded, and nothing ends it.
            ("return_to=https://a/?b=c&d=%26e+f#g", once("https://a/?b=c&d=%26e+f#g")),
            ("a=b&return_to=http://a/?return_to=https://b/&return_to=c", once("http://a/?return_to=https://b/&return_to=c")),
            ("return%5Fto=https%3A%2F%2Fa%2F", once("https://a/")),
            ("return_to=HTTPS://a/?b&c=d", once("HTTPS://a/?b")),
            // Decoded once, and not again.
            ("return_to=https%253A%252F%252Fa", once("https%3A%2F%2Fa")),
            ("return_to=https%3A//a/?b=c", once("https://a/?b=c")),
            ("return_to=%20https://a/", once(" https://a/")),
            ("return_to=a&return_to=b", Given::Twice),
            ("return_to=a&return_to=a", Given::Twice),
            ("return_to=&return_to=https://a/", Given::Twice),
            ("return_to=https%3A%2F%2Fa%2F&x=y&return_to=https://b/", Given::Twice),
            ("return%5fto=a&return_to=b", Given::Twice),
        ] {
            assert_eq!(Given::in_query(query), given, "{query}");
        }
    }

    fn is_ours(url: &Url) -> bool {
        let host = url.host_str().unwrap();
        match (url.scheme(), url.port()) {
            ("https", None) => host.strip_suffix(".example.com").is_some_and(|labels| !labels.is_empty()),
            ("https", Some(8443)) => host == "other.example",
            ("http", Some(3000)) => ["localhost", "127.0.0.1", "[::1]"].contains(&host),
            _ => false,
        }
    }

    proptest! {
        /// Whatever is judged right is led to where it says, however it is read again.
        #[test]
        fn nothing_leads_elsewhere(
            text in "(https?|HTTPS|javascript)?[:/\\\\]{0,4}[a-z.@:%/\\\\#?\t\n \\[\\]0-9-]{0,30}(app\\.)?example\\.com[a-z.@:%/\\\\#? 0-9]{0,20}|\\PC{0,60}"
        ) {
            if let Ok(address) = destinations().judge(&text) {
                let told = address.as_str();
                let url = Url::parse(told).unwrap();
                prop_assert!(is_ours(&url), "{text} → {told}");
                prop_assert_eq!(url.as_str(), told, "told as it was parsed");
                prop_assert!(told.bytes().all(|byte| byte.is_ascii_graphic()) && !told.contains('\\'), "{}", told);
                prop_assert!(url.username().is_empty() && url.password().is_none());
                prop_assert_eq!(destinations().judge(told), Ok(address.clone()), "and judged again as before");
                prop_assert_eq!(&url.origin().ascii_serialization(), address.origin());
            }
        }

        #[test]
        fn every_address_of_ours_comes_through_a_query(path in "[a-z/?=&.%+ ]{0,40}") {
            let address = format!("https://app.example.com/{path}");
            let encoded: String = form_urlencoded::byte_serialize(address.as_bytes()).collect();
            for query in [format!("a=b&return_to={encoded}&c=d"), format!("a=b&return_to={address}")] {
                prop_assert_eq!(Given::in_query(&query), Given::Once(address.as_str().into()));
            }
        }

        #[test]
        fn no_query_panics(query in "\\PC{0,80}|(return_to|a|%)?(=|&|https?://|%3A|%2|[a-z]){0,20}") {
            let _ = Given::in_query(&query);
        }
    }
}
