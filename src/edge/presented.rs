//! What a request presents, before anything of it is believed.

use alloc::vec::Vec;

use crate::browser::device::MAX_COOKIES;

/// The cookie that holds an envelope.
const COOKIE: &[u8] = b"countersign_challenge";

/// The access token and the envelopes that a request presents, as `/authz` reads them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Presented<'h> {
    /// The token of the one `Authorization: Bearer …` (RFC 6750 §2.1); of two headers none is believed.
    pub token: Option<&'h str>,
    /// The one of `Countersign-Challenge`, which wins over cookies; else those of the cookies `countersign_challenge`, each once.
    /// Where that header is there twice, none: nobody knows which one the app reads.
    pub challenges: Vec<&'h str>,
}

/// What stands in the headers `Authorization` (RFC 6750 §2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bearer<'h> {
    /// No token: none of these headers, or another scheme.
    Nothing,
    /// One token.
    Token(&'h str),
    /// More than one header, or no token behind `Bearer`: nobody knows what the app reads.
    Unclear,
}

impl<'h> Bearer<'h> {
    /// Of the values of all headers `Authorization`.
    #[must_use]
    pub fn read(values: impl IntoIterator<Item = &'h [u8]>) -> Self {
        let mut values = values.into_iter();
        let value = match (values.next(), values.next()) {
            (None, _) => return Self::Nothing,
            (Some(value), None) => value,
            (Some(_), Some(_)) => return Self::Unclear,
        };
        match value.split_at_checked(6) {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"bearer") => {
                let token = str::from_utf8(token).ok().and_then(|token| token.strip_prefix(' '));
                token.map_or(Self::Unclear, |token| Self::Token(token.trim_matches(' ')))
            }
            _ => Self::Nothing,
        }
    }

    /// The token, if there is one.
    #[must_use]
    pub const fn token(self) -> Option<&'h str> {
        match self {
            Self::Token(token) => Some(token),
            Self::Nothing | Self::Unclear => None,
        }
    }
}

impl<'h> Presented<'h> {
    /// Of a request's headers, in their order; names in any case.
    #[must_use]
    pub fn read(headers: impl IntoIterator<Item = (&'h str, &'h [u8])>) -> Self {
        let (mut authorizations, mut challenges, mut cookies) = (Vec::new(), Vec::new(), Vec::new());
        for (name, value) in headers {
            let kind = match name.len() {
                13 if name.eq_ignore_ascii_case("authorization") => &mut authorizations,
                21 if name.eq_ignore_ascii_case("countersign-challenge") => &mut challenges,
                6 if name.eq_ignore_ascii_case("cookie") => &mut cookies,
                _ => continue,
            };
            kind.push(value);
        }
        Self {
            token: Bearer::read(authorizations).token(),
            challenges: match *challenges {
                [] | [b""] => in_cookies(&cookies),
                [one] => str::from_utf8(one).into_iter().collect(),
                _ => Vec::new(),
            },
        }
    }
}

/// At most [`MAX_COOKIES`], since any host of the site can set them. Pair by pair, as bytes: whatever other cookies hold takes none of ours along.
fn in_cookies<'h>(cookies: &[&'h [u8]]) -> Vec<&'h str> {
    let mut found = Vec::new();
    for pair in cookies.iter().flat_map(|value| value.split(|byte| *byte == b';')) {
        let value = pair.trim_ascii().strip_prefix(COOKIE).and_then(|rest| rest.strip_prefix(b"="));
        let Some(value) = value.and_then(|value| str::from_utf8(value).ok()) else { continue };
        if !value.is_empty() && !found.contains(&value) && found.len() < MAX_COOKIES {
            found.push(value);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'h>(headers: &[(&'h str, &'h str)]) -> Presented<'h> {
        Presented::read(headers.iter().map(|(name, value)| (*name, value.as_bytes())))
    }

    #[test]
    fn one_token_or_none() {
        assert_eq!(read(&[("Authorization", "Bearer a.b.c")]).token, Some("a.b.c"));
        assert_eq!(read(&[("authorization", "bEARER  a.b.c ")]).token, Some("a.b.c"));
        for headers in [
            &[("authorization", "Bearer a"), ("Authorization", "Bearer a")][..],
            &[("authorization", "Basic a")],
            &[("authorization", "Bearer")],
            &[("authorization", "")],
            &[("authorizations", "Bearer a"), ("x-authorization", "Bearer a")],
            &[("cookie", "authorization=Bearer a")],
        ] {
            assert_eq!(read(headers).token, None, "{headers:?}");
        }
    }

    #[test]
    fn the_header_wins_over_cookies() {
        let cookie = ("Cookie", "a=b; countersign_challenge=c1;countersign_challenge=c2");
        assert_eq!(read(&[cookie]).challenges, ["c1", "c2"]);
        assert_eq!(
            read(&[cookie, ("cookie", "countersign_challenge=c1; countersign_challenge=c3")]).challenges,
            ["c1", "c2", "c3"]
        );
        assert_eq!(read(&[cookie, ("Countersign-Challenge", "h")]).challenges, ["h"]);
        assert_eq!(read(&[cookie, ("Countersign-Challenge", "")]).challenges, ["c1", "c2"]);
        assert!(read(&[cookie, ("Countersign-Challenge", "h"), ("countersign-challenge", "h")]).challenges.is_empty());
        assert!(
            read(&[("cookie", "xcountersign_challenge=c; countersign_challenge=; countersign_challenge")]).challenges.is_empty()
        );
        let many = (0..100).map(|at| alloc::format!("countersign_challenge={at}")).collect::<Vec<_>>().join(";");
        assert_eq!(read(&[("cookie", &many)]).challenges.len(), MAX_COOKIES);
    }

    #[test]
    fn bytes_that_are_no_text_hide_nothing_else() {
        let headers: [(&str, &[u8]); 2] =
            [("cookie", b"a=\xff; countersign_challenge=\xff; countersign_challenge=c"), ("authorization", b"Bearer \xff")];
        let presented = Presented::read(headers);
        assert_eq!((presented.token, &*presented.challenges), (None, &["c"][..]));
    }
}
