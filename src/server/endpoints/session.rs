//! `session/`, `session/renew/`: whose browser it is, and a fresh access token for it.

use hyper::{Method, http::request::Parts};

use crate::{
    engine::NoSession,
    server::{
        app::App,
        call::{Answer, Call, redirect},
        routes::Route,
        sessions::told,
        wire::{
            fields::{FieldErrors, REQUIRED},
            problem::Problem,
            return_to::{Given, NotAllowed, RETURN_TO, ReturnTo},
        },
    },
};

/// What whoever logs in wants for it.
#[derive(Debug, Default)]
pub(crate) struct Wish {
    /// A session cookie, and no token.
    pub(crate) session: bool,
    /// Where the page leads afterwards.
    pub(crate) return_to: Option<ReturnTo>,
}

/// What is said of an address that may not be led back to.
const ELSEWHERE: &str = "This address is not allowed.";

impl App {
    /// The session of the browser that asks.
    pub(crate) async fn session(&self, route: &Route, head: &Parts) -> Result<Answer, Problem> {
        let may_use_cookies = self.may_use_cookies(route, head);
        let present = self.present(&head.headers, may_use_cookies, (self.clock)()).await;
        present.map(|present| told(&present.session)).map_err(Problem::of_no_session)
    }

    /// The session, with a fresh access token; a visit leads back with it.
    pub(crate) async fn renew_session(&self, call: &Call<'_>) -> Result<Answer, Problem> {
        let is_post = call.arrived.head.method == Method::POST;
        let return_to = if is_post { None } else { Some(self.return_to_of_query(call)?) };
        let present = match (self.present(call.headers, call.may_set_cookies, call.now).await, &return_to, &self.sessions) {
            (Ok(present), ..) => present,
            (Err(NoSession::None), Some(return_to), Some(sessions)) => {
                return Ok(redirect(&sessions.login_page(Some(return_to.as_str()))));
            }
            (Err(reason), ..) => return Err(Problem::of_no_session(reason)),
        };
        let mut answer = match &return_to {
            Some(return_to) => redirect(return_to.as_str()),
            None => told(&present.session),
        };
        self.set_access(answer.headers_mut(), &present.session, &present.user, call.now);
        Ok(answer)
    }

    /// What whoever logs in wants for it. `session` and `return_to` are judged before anything is counted.
    pub(crate) fn wish(&self, call: &Call<'_>, errors: &mut FieldErrors) -> Result<Wish, Problem> {
        const SESSION: &str = "session";
        if !call.fields.switch(SESSION, errors) {
            return Ok(Wish::default());
        }
        let Some(sessions) = &self.sessions else {
            errors.add(SESSION, "Sessions are not enabled.");
            return Ok(Wish::default());
        };
        // Nobody is signed in as somebody else by a page of another site.
        if !call.may_set_cookies {
            return Err(Problem::cross_site());
        }
        let judged = call.fields.verbatim(RETURN_TO, errors).map(|text| sessions.destinations.judge(text));
        let return_to = judged.transpose().unwrap_or_else(|NotAllowed| {
            errors.add(RETURN_TO, ELSEWHERE);
            None
        });
        Ok(Wish { session: true, return_to })
    }

    /// Where a visit leads back to, by its query; nothing where that is bad.
    pub(crate) fn led_back_to(&self, head: &Parts) -> Option<ReturnTo> {
        let sessions = self.sessions.as_ref()?;
        match Given::in_query(head.uri.query()?) {
            Given::Once(text) => sessions.destinations.judge(&text).ok(),
            Given::Nothing | Given::Twice => None,
        }
    }

    fn return_to_of_query(&self, call: &Call<'_>) -> Result<ReturnTo, Problem> {
        let wrong = |message| {
            let mut errors = FieldErrors::default();
            errors.add(RETURN_TO, message);
            Problem::fields(errors)
        };
        let sessions = self.sessions.as_ref().ok_or_else(Problem::not_found)?;
        match Given::in_query(call.arrived.head.uri.query().unwrap_or_default()) {
            Given::Once(text) => sessions.destinations.judge(&text).map_err(|NotAllowed| wrong(ELSEWHERE)),
            Given::Nothing => Err(wrong(REQUIRED)),
            Given::Twice => Err(wrong("Send one address.")),
        }
    }
}
