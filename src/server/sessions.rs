//! Sessions as browsers have them: their cookies, where pages may lead back to, and what a request from elsewhere may do.

use hyper::{HeaderMap, Method, http::request::Parts};

pub use super::wire::session_cookies::SameSite;
use super::{
    app::App,
    call::{Answer, json_answer},
    routes::{Endpoint, Route},
    wire::{
        fetch_metadata::{SEC_FETCH_DEST, SEC_FETCH_MODE, says},
        json::Object,
        origin::Origin,
        public_url::PublicUrl,
        return_to::{Destination, Destinations},
        session_cookies::SessionCookies,
    },
};
use crate::{
    engine::{NoSession, Present},
    seldom::Seldom,
    time::UnixTime,
    token::Session,
    user::User,
};

/// Lines a minute about access tokens that no browser would keep.
const LINES: u32 = 1;

/// How browsers hold sessions.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// The domain whose hosts all get the cookies; `None`: the one host of the public URL.
    pub cookie_domain: Option<Box<str>>,
    /// `SameSite` of the cookies.
    pub same_site: SameSite,
    /// Whether an access token stands in a cookie of its own.
    pub access_cookie: bool,
    /// Where pages and renewals may lead back to, beside the public URL's own origin.
    pub return_to: Vec<Destination>,
    /// Whether proxies are told to refuse what another site's page does with the cookie.
    pub csrf_check: bool,
}

/// The sessions of browsers at this server.
#[derive(Debug)]
pub(crate) struct BrowserSessions {
    /// Their cookies.
    pub(crate) cookies: SessionCookies,
    /// Where may be led back to.
    pub(crate) destinations: Destinations,
    /// Whether proxies are told to refuse what another site's page does with the cookie.
    pub(crate) csrf_check: bool,
    /// Whether an access token stands in a cookie of its own.
    access_cookie: bool,
    /// The login page's address.
    login_page: Box<str>,
    overlong: Seldom,
}

impl Default for Settings {
    /// For one host, without an access cookie.
    fn default() -> Self {
        Self { cookie_domain: None, same_site: SameSite::Lax, access_cookie: false, return_to: Vec::new(), csrf_check: true }
    }
}

impl BrowserSessions {
    /// At the public URL, whose pages are below `base_path`; `page_url` is where else a browser finds this server.
    pub(crate) fn new(settings: &Settings, public_url: &PublicUrl, page_url: Option<&PublicUrl>, base_path: &str) -> Self {
        Self {
            cookies: SessionCookies::new(public_url, settings.cookie_domain.as_deref(), settings.same_site),
            destinations: Destinations::new([public_url].into_iter().chain(page_url), settings.return_to.clone()),
            csrf_check: settings.csrf_check,
            access_cookie: settings.access_cookie,
            login_page: format!("{public_url}{base_path}/login").into(),
            overlong: Seldom::new(LINES),
        }
    }

    /// The login page's address, from where is led back to that one.
    pub(crate) fn login_page(&self, return_to: Option<&str>) -> String {
        let encoded = return_to.map(|address| form_urlencoded::byte_serialize(address.as_bytes()).collect::<String>());
        let query = encoded.map(|address| format!("?return_to={address}")).unwrap_or_default();
        format!("{}{query}", self.login_page)
    }
}

impl App {
    /// Whether a request may read and set cookies: not one that another site made, unless somebody followed a link to a page.
    pub(crate) fn may_use_cookies(&self, route: &Route, head: &Parts) -> bool {
        let is_visit = matches!(route.endpoint, Endpoint::Login | Endpoint::Page | Endpoint::Logout | Endpoint::Renew)
            && is_navigation(head);
        self.sites.may_use_cookies(&head.headers, is_visit, |origin| self.is_led_back_to(route, origin))
    }

    /// Whether pages of this origin may sign their visitors out: those that are led back to afterwards.
    fn is_led_back_to(&self, route: &Route, origin: &Origin) -> bool {
        let sessions = self.sessions.as_ref().filter(|_| route.endpoint == Endpoint::Logout);
        sessions.is_some_and(|sessions| sessions.destinations.are_others(origin))
    }

    /// Whether no other site may call this route from a browser.
    pub(crate) fn is_closed_to_others(&self, route: Option<&Route>) -> bool {
        let leads_back = || self.sessions.as_ref().is_some_and(|sessions| sessions.destinations.have_others());
        let is_open = !self.sites.is_closed() || route.is_some_and(|route| route.endpoint == Endpoint::Logout) && leads_back();
        !is_open || route.is_some_and(|route| route.is_for_proxies() || route.is_for_any_site())
    }

    /// Whether another site of this origin, as a browser sends it, may call this route and read its answer.
    pub(crate) fn admits(&self, route: Option<&Route>, origin: &str) -> bool {
        let is_led_back_to = |route| Origin::sent(origin).is_some_and(|origin| self.is_led_back_to(route, &origin));
        self.sites.admits(origin) || route.is_some_and(is_led_back_to)
    }

    /// The living session of a request that may use cookies.
    pub(crate) async fn present(&self, headers: &HeaderMap, may_use_cookies: bool, now: UnixTime) -> Result<Present, NoSession> {
        let sessions = self.sessions.as_ref().filter(|_| may_use_cookies).ok_or(NoSession::None)?;
        self.engine.session(&sessions.cookies.read(headers), now).await
    }

    /// Sets a fresh access token of a session, where such cookies are.
    pub(crate) fn set_access(&self, headers: &mut HeaderMap, session: &Session, user: &User, now: UnixTime) {
        let Some(sessions) = self.sessions.as_ref().filter(|sessions| sessions.access_cookie) else { return };
        let keys = self.engine.keys.load();
        let token = keys.sessions.renew(session, user, now, &mut self.random.clone());
        let seconds = keys.sessions.expires_at(session, now).seconds_since(now);
        if !sessions.cookies.set_access(headers, &token, seconds)
            && let Some(left_out) = sessions.overlong.due(now)
        {
            tracing::warn!(
                bytes = token.len(),
                left_out,
                "an access token is too long for a cookie, so none is set: see session.access_cookie"
            );
        }
    }
}

/// What a client is told of a session.
pub(crate) fn session_json(session: &Session) -> Object {
    let mut amr = Vec::new();
    session.amr.push_json(&mut amr);
    Object::with_capacity(256)
        .text("sub", &session.subject)
        .text("channel", session.recipient.channel().as_str())
        .text("recipient", &session.recipient.masked())
        .raw("amr", &amr)
        .number("auth_time", session.authenticated_at().as_seconds())
        .number("expires_at", session.ends_at.as_seconds())
        .text("sid", &session.id.to_text())
}

/// The answer that tells of a session.
pub(crate) fn told(session: &Session) -> Answer {
    json_answer(session_json(session).finish())
}

/// Whether a browser goes to this place, as after a click on a link, and shows what comes.
fn is_navigation(head: &Parts) -> bool {
    matches!(head.method, Method::GET | Method::HEAD)
        && says(&head.headers, &SEC_FETCH_MODE, "navigate")
        && says(&head.headers, &SEC_FETCH_DEST, "document")
}
