//! The path that somebody asked a proxy for, judged before a rule is looked up: what two servers in a row could read in
//! different ways is no path.

use std::borrow::Cow;

use percent_encoding::percent_decode;

/// A path that means the same to everybody: decoded, of segments between single slashes, without dot segments, backslashes and
/// parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlainPath<'a>(Cow<'a, str>);

/// A path that servers read in different ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ambiguous;

impl<'a> PlainPath<'a> {
    /// Judges a path as it stands in a request, still percent-encoded, without its query.
    ///
    /// # Errors
    /// [`Ambiguous`], for: what doesn't begin with a slash; two slashes in a row; a segment `.` or `..`; a backslash, `;`,
    /// control character, `?` or `#`; each of these encoded, or a slash encoded; what is still encoded after it was decoded
    /// once, and what can't be decoded to UTF-8.
    pub(crate) fn parse(raw: &'a [u8]) -> Result<Self, Ambiguous> {
        let is_escape =
            |at: usize, text: &[u8]| text.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let percents = |text: &[u8]| -> Vec<usize> { (0..text.len()).filter(|at| text[*at] == b'%').collect() };
        let slashes = |text: &[u8]| text.split(|byte| *byte == b'/').count();
        if !percents(raw).into_iter().all(|at| is_escape(at, raw)) {
            return Err(Ambiguous);
        }
        let path = percent_decode(raw).decode_utf8().map_err(|_| Ambiguous)?;
        let bytes = path.as_bytes();
        let is_plain = path.starts_with('/')
            && slashes(raw) == slashes(bytes)
            && !path.contains("//")
            && !path.chars().any(|character| character.is_control() || matches!(character, '\\' | ';' | '?' | '#'))
            && !path.split('/').any(|segment| matches!(segment, "." | ".."))
            && !percents(bytes).into_iter().any(|at| is_escape(at, bytes));
        if is_plain { Ok(Self(path)) } else { Err(Ambiguous) }
    }

    /// Whether it is `prefix`, or below it: `/admin` has `/admin`, `/admin/` and `/admin/x`, not `/administrator`.
    pub(crate) fn is_at_or_below(&self, prefix: &PlainPath<'_>) -> bool {
        let prefix = prefix.without_end();
        self.0.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// How many segments it has.
    pub(crate) fn depth(&self) -> usize {
        self.without_end().bytes().filter(|byte| *byte == b'/').count()
    }

    /// Without the slash at its end; `/` is empty.
    fn without_end(&self) -> &str {
        self.0.strip_suffix('/').unwrap_or(&self.0)
    }

    /// The same path, on its own.
    pub(crate) fn into_owned(self) -> PlainPath<'static> {
        PlainPath(self.0.into_owned().into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(raw: &str) -> Result<PlainPath<'_>, Ambiguous> {
        PlainPath::parse(raw.as_bytes())
    }

    #[test]
    fn what_servers_read_in_different_ways() {
        for raw in [
            "",
            "*",
            "admin",
            "//",
            "//admin",
            "/a//b",
            "/a//",
            "/.",
            "/..",
            "/a/./b",
            "/a/../b",
            "/a/..",
            "/a/.",
            "/%2e%2e/admin",
            "/%2E/admin",
            "/.%2e/admin",
            "/a%2fb",
            "/a%2Fb",
            "/%2f",
            "/a\\b",
            "/a%5cb",
            "/a%5C..",
            "/a;b",
            "/admin;x=1/",
            "/a%3bb",
            "/a%3Bb",
            "/..;/admin",
            "/a\0b",
            "/a%00",
            "/a%0ab",
            "/a%7f",
            "/a%0d%0aX:1",
            "/a?b",
            "/a%3fb",
            "/a#b",
            "/a%23b",
            "/%252e%252e/admin",
            "/%252fadmin",
            "/%2561dmin",
            "/%25%36%31dmin",
            "/%",
            "/%2",
            "/%zz",
            "/a%",
            "/%c0%af",
            "/%c0%ae%c0%ae/",
            "/%ff",
            "/\u{80}",
            "/%e0%80%af",
            "http://a/b",
            "/a%20b%",
        ] {
            assert_eq!(path(raw), Err(Ambiguous), "{raw}");
        }
        assert_eq!(PlainPath::parse(b"/\xff"), Err(Ambiguous));
    }

    #[test]
    fn what_means_the_same_to_everybody() {
        for (raw, plain) in [
            ("/", "/"),
            ("/admin", "/admin"),
            ("/admin/", "/admin/"),
            ("/%61dmin", "/admin"),
            ("/a%20b", "/a b"),
            ("/a+b", "/a+b"),
            ("/100%25", "/100%"),
            ("/caf%C3%A9", "/café"),
            ("/café", "/café"),
            ("/...", "/..."),
            ("/a.b/.c", "/a.b/.c"),
            ("/a:b@c,d=e&f!~*'()$", "/a:b@c,d=e&f!~*'()$"),
            ("/%3Ca%3E%22", "/<a>\""),
        ] {
            assert_eq!(path(raw), Ok(PlainPath(plain.into())), "{raw}");
        }
    }

    #[test]
    fn prefixes_end_at_segments() {
        let below = |raw, prefix| path(raw).unwrap().is_at_or_below(&path(prefix).unwrap());
        for prefix in ["/admin", "/admin/", "/%61dmin"] {
            for raw in ["/admin", "/admin/", "/admin/x", "/%61dmin/x/y"] {
                assert!(below(raw, prefix), "{raw} below {prefix}");
            }
            for raw in ["/", "/administrator", "/adm", "/Admin", "/x/admin", "/admin.html"] {
                assert!(!below(raw, prefix), "{raw} below {prefix}");
            }
        }
        assert!(below("/", "/") && below("/x", "/"));
        let depth = |raw| path(raw).unwrap().depth();
        assert_eq!(["/", "/a", "/a/", "/a/b", "/a/b/"].map(depth), [0, 1, 1, 2, 2]);
    }

    proptest! {
        /// However it was encoded, a path that passes has the segments that a server sees which decodes it once, or never.
        #[test]
        fn a_plain_path_has_no_second_reading(raw in "[/%.;?#\\\\a2eEfF5cC0]{0,24}|\\PC{0,24}") {
            if let Ok(plain) = path(&raw) {
                prop_assert_eq!(raw.split('/').count(), plain.0.split('/').count());
                let again = percent_decode(plain.0.as_bytes()).decode_utf8_lossy().into_owned();
                prop_assert_eq!(&*again, &*plain.0, "decoded twice it is the same");
                prop_assert!(!plain.0.contains("//") && !plain.0.contains(['\\', ';']));
                prop_assert!(plain.0.split('/').all(|segment| segment != "." && segment != ".."));
                // As a browser or a proxy normalises it, nothing changes.
                let url = reqwest::Url::parse(&format!("http://a{raw}")).unwrap();
                let normalised = percent_decode(url.path().as_bytes()).decode_utf8_lossy().into_owned();
                prop_assert_eq!(&*normalised, &*plain.0);
            }
        }
    }
}
