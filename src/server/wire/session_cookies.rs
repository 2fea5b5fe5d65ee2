//! The cookies of a session: the session itself, and an access token for edges that check those themselves.

use hyper::HeaderMap;

use super::{
    cookies::{append, named},
    public_url::PublicUrl,
};
use crate::browser::session::may_be_one;

/// The most bytes of the access cookie's name and value together: browsers keep no cookie of more than 4,096.
const MOST_OF_ACCESS: usize = 3_800;

/// The most values that are looked at: more than 16 KiB of a head hold, if each may be a session.
const MOST_SESSIONS: usize = 256;

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

    /// The values of the session cookies that came: none or one, or more where a sibling host has set some too. Whatever such a
    /// host sends first, the browser's own is among them; where there are more than anybody can look at, none is.
    pub(crate) fn read<'h>(&self, headers: &'h HeaderMap) -> Vec<&'h str> {
        let mut values = Vec::new();
        for value in named(headers, &self.session).filter(|value| may_be_one(value)) {
            if values.contains(&value) {
                continue;
            }
            if values.len() == MOST_SESSIONS {
                return Vec::new();
            }
            values.push(value);
        }
        values
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

    fn read(cookies: &[String]) -> Vec<String> {
        let ours = SessionCookies::new(&PublicUrl::parse("https://example.com").unwrap(), None, SameSite::Lax);
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(COOKIE, HeaderValue::from_str(cookie).unwrap());
        }
        ours.read(&headers).into_iter().map(str::to_owned).collect()
    }

    /// As long as one of ours, and another for each number.
    fn value(number: usize) -> String {
        format!("{number:060}")
    }

    #[test]
    fn only_the_cookie_of_the_right_name_is_read() {
        let [plain, secure, lower, first, second] = [1, 2, 3, 4, 5].map(value);
        let cookies = [
            format!("countersign_session={plain}; __Secure-countersign_session={secure}; __host-countersign_session={lower}"),
            format!("__Host-countersign_session={first}; __Host-countersign_session={first}"),
            format!("__Host-countersign_session=\"{plain}\"; x__Host-countersign_session={plain}"),
            format!("a=b;__Host-countersign_session={second};__Host-countersign_session=short"),
        ];
        assert_eq!(read(&cookies), [first, second]);
    }

    #[test]
    fn whatever_comes_before_it_the_own_one_is_looked_at() {
        let cookie = |number| format!("__Host-countersign_session={}", value(number));
        let most: Vec<_> = (0..MOST_SESSIONS).map(cookie).collect();
        assert_eq!(read(&most).last(), Some(&value(MOST_SESSIONS - 1)));
        let too_many: Vec<_> = (0..=MOST_SESSIONS).map(cookie).collect();
        assert!(read(&too_many).is_empty(), "none counts where some weren't looked at");
    }
}
