//! The cookies of a session: the session itself, and an access token for edges that check those themselves.

use hyper::HeaderMap;

use super::{
    cookies::{Several, append, named},
    public_url::PublicUrl,
};

/// The most bytes of the access cookie's name and value together: browsers keep no cookie of more than 4,096.
const MOST_OF_ACCESS: usize = 3_800;

/// When a browser sends the cookies with a request that another site caused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// When somebody follows a link.
    Lax,
    /// Never.
    Strict,
}

/// Names the cookies, and writes them.
#[derive(Debug)]
pub(crate) struct SessionCookies {
    session: Box<str>,
    access: Box<str>,
    attributes: Box<str>,
}

impl SessionCookies {
    /// For the host of `public_url` alone, or for all of `domain`.
    pub(crate) fn new(public_url: &PublicUrl, domain: Option<&str>, same_site: SameSite) -> Self {
        let prefix = match (public_url.wants_secure_cookies(), domain) {
            (false, _) => "",
            (true, None) => "__Host-",
            (true, Some(_)) => "__Secure-",
        };
        let secure = if public_url.wants_secure_cookies() { "; Secure" } else { "" };
        let same_site = match same_site {
            SameSite::Lax => "Lax",
            SameSite::Strict => "Strict",
        };
        let domain = domain.map(|domain| format!("; Domain={domain}")).unwrap_or_default();
        Self {
            session: format!("{prefix}countersign_session").into(),
            access: format!("{prefix}countersign_access").into(),
            attributes: format!("; Path=/; HttpOnly; SameSite={same_site}{secure}{domain}").into(),
        }
    }

    /// The values of the session cookies that came: none or one, or more where a sibling host has set some too.
    pub(crate) fn read<'h>(&self, headers: &'h HeaderMap) -> Several<'h> {
        named(headers, &self.session)
    }

    /// Sets the session.
    pub(crate) fn set_session(&self, headers: &mut HeaderMap, value: &str, seconds: u64) {
        append(headers, &self.session, value, seconds, &self.attributes);
    }

    /// Sets the access token; where browsers wouldn't keep it, an earlier one is cleared, and this is `false`.
    pub(crate) fn set_access(&self, headers: &mut HeaderMap, token: &str, seconds: u64) -> bool {
        let fits = self.access.len() + token.len() <= MOST_OF_ACCESS;
        let (token, seconds) = if fits { (token, seconds) } else { ("", 0) };
        append(headers, &self.access, token, seconds, &self.attributes);
        fits
    }

    /// Clears both.
    pub(crate) fn clear(&self, headers: &mut HeaderMap) {
        append(headers, &self.session, "", 0, &self.attributes);
        append(headers, &self.access, "", 0, &self.attributes);
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::{COOKIE, HeaderValue, SET_COOKIE};

    use super::*;

    fn set(public_url: &str, domain: Option<&str>, same_site: SameSite) -> Vec<String> {
        let cookies = SessionCookies::new(&PublicUrl::parse(public_url).unwrap(), domain, same_site);
        let mut headers = HeaderMap::new();
        cookies.set_session(&mut headers, "v", 60);
        assert!(cookies.set_access(&mut headers, "e.y.z", 7));
        headers.get_all(SET_COOKIE).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn names_and_attributes() {
        assert_eq!(
            set("https://login.example.com", None, SameSite::Lax),
            [
                "__Host-countersign_session=v; Max-Age=60; Path=/; HttpOnly; SameSite=Lax; Secure",
                "__Host-countersign_access=e.y.z; Max-Age=7; Path=/; HttpOnly; SameSite=Lax; Secure",
            ]
        );
        assert_eq!(
            set("https://login.example.com", Some("example.com"), SameSite::Strict),
            [
                "__Secure-countersign_session=v; Max-Age=60; Path=/; HttpOnly; SameSite=Strict; Secure; Domain=example.com",
                "__Secure-countersign_access=e.y.z; Max-Age=7; Path=/; HttpOnly; SameSite=Strict; Secure; Domain=example.com",
            ]
        );
        assert_eq!(
            set("http://localhost:8000", None, SameSite::Lax),
            [
                "countersign_session=v; Max-Age=60; Path=/; HttpOnly; SameSite=Lax",
                "countersign_access=e.y.z; Max-Age=7; Path=/; HttpOnly; SameSite=Lax",
            ]
        );
        assert!(set("https://localhost", None, SameSite::Lax)[0].starts_with("__Host-"));
    }

    #[test]
    fn both_are_cleared_with_the_attributes_that_they_were_set_with() {
        let cookies =
            SessionCookies::new(&PublicUrl::parse("https://a.example.com").unwrap(), Some("example.com"), SameSite::Lax);
        let mut headers = HeaderMap::new();
        cookies.clear(&mut headers);
        let cleared: Vec<_> = headers.get_all(SET_COOKIE).iter().map(|value| value.to_str().unwrap()).collect();
        assert_eq!(
            cleared,
            [
                "__Secure-countersign_session=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax; Secure; Domain=example.com",
                "__Secure-countersign_access=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax; Secure; Domain=example.com",
            ]
        );
    }

    #[test]
    fn an_access_token_that_browsers_would_drop_is_not_set() {
        let cookies = SessionCookies::new(&PublicUrl::parse("https://example.com").unwrap(), None, SameSite::Lax);
        let longest = MOST_OF_ACCESS - "__Host-countersign_access".len();
        let mut headers = HeaderMap::new();
        assert!(cookies.set_access(&mut headers, &"x".repeat(longest), 1));
        let mut headers = HeaderMap::new();
        assert!(!cookies.set_access(&mut headers, &"x".repeat(longest + 1), 1));
        assert!(headers[SET_COOKIE].to_str().unwrap().starts_with("__Host-countersign_access=; Max-Age=0;"));
    }

    #[test]
    fn only_the_cookie_of_the_right_name_is_read() {
        let cookies = SessionCookies::new(&PublicUrl::parse("https://example.com").unwrap(), None, SameSite::Lax);
        let mut headers = HeaderMap::new();
        for cookie in [
            "countersign_session=a; __Secure-countersign_session=b; __host-countersign_session=c",
            "__Host-countersign_session=d; __Host-countersign_session=d; __Host-countersign_session=\"e\"",
            "x__Host-countersign_session=f;__Host-countersign_session=g",
        ] {
            headers.append(COOKIE, HeaderValue::from_static(cookie));
        }
        assert_eq!(cookies.read(&headers).as_slice(), ["d", "g"]);
    }
}
