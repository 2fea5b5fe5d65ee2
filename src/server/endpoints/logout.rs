//! `logout/`: ends the session of the browser that asks. A GET ends nothing: it shows a page with one button.

use hyper::{HeaderMap, Method};

use crate::{
    ended::{EndedSessions as _, Ending, SessionFacts},
    engine::NoSession,
    server::{
        app::{App, languages},
        call::{Answer, Call, json_answer, redirect},
        pages::Visit,
        sessions::BrowserSessions,
        wire::{
            fetch_metadata::{SEC_FETCH_MODE, accepts_html, says},
            fields::FieldErrors,
            json::Object,
            problem::Problem,
            return_to::{RETURN_TO, ReturnTo},
        },
    },
    token::Session,
};

/// The field that ends all sessions of the subject.
const EVERYWHERE: &str = "everywhere";

impl App {
    pub(crate) async fn logout(&self, call: &Call<'_>) -> Result<Answer, Problem> {
        let sessions = self.sessions.as_ref().ok_or_else(Problem::not_found)?;
        if call.arrived.head.method != Method::POST {
            return self.logout_page(call).await;
        }
        if !call.may_set_cookies {
            return Err(Problem::cross_site());
        }
        let mut errors = FieldErrors::default();
        let everywhere = call.fields.switch(EVERYWHERE, &mut errors);
        if !errors.is_empty() {
            return Err(Problem::fields(errors));
        }
        // Whatever becomes of it, this browser is signed out.
        let mut answer = match self.end_session(sessions, call, everywhere).await {
            Ok(pending) => signed_out(sessions, call, pending),
            Err(problem) => self.refusal_of(problem),
        };
        sessions.cookies.clear(answer.headers_mut());
        Ok(answer)
    }

    /// A page with one button. Where it is to lead afterwards, and where that is bad, is no reason not to show it.
    async fn logout_page(&self, call: &Call<'_>) -> Result<Answer, Problem> {
        let pages = self.pages.as_ref().ok_or_else(Problem::not_found)?;
        let present = self.present(call.headers, call.may_set_cookies, call.now).await;
        let account = present.ok().map(|present| present.session.recipient.masked());
        let return_to = self.led_back_to(call.arrived.head);
        let visit = Visit { account: account.as_deref(), return_to: return_to.as_ref() };
        Ok(pages.load().logout(&languages(call.headers), &visit))
    }

    /// Ends the living session of a request, if there is one; says how many nodes don't know it yet.
    async fn end_session(&self, sessions: &BrowserSessions, call: &Call<'_>, everywhere: bool) -> Result<u32, Problem> {
        let cookies = sessions.cookies.read(call.headers);
        match self.engine.session_of_cookies(&cookies, call.now).await {
            Ok(session) => self.end(&session, everywhere, call).await,
            Err(NoSession::None) => Ok(0),
            Err(NoSession::Unavailable(unavailable)) => Err(Problem::unavailable(unavailable)),
        }
    }

    async fn end(&self, session: &Session, everywhere: bool, call: &Call<'_>) -> Result<u32, Problem> {
        let id = session.id.to_text();
        let ending = Ending { session: SessionFacts::of(session, &id), ends_at: Some(session.made_until), everywhere };
        let ended = self.engine.ended.end(&ending, call.at).await;
        ended.map(|ended| ended.pending).map_err(|error| Problem::unavailable(error.unavailable()))
    }
}

fn signed_out(sessions: &BrowserSessions, call: &Call<'_>, pending: u32) -> Answer {
    if is_form_post(call.headers) {
        let return_to = return_to(sessions, call);
        return match return_to {
            Some(return_to) => redirect(return_to.as_str()),
            None => redirect(&sessions.login_page(None)),
        };
    }
    let body = Object::with_capacity(16);
    json_answer(if pending == 0 { body } else { body.number("pending", pending.into()) }.finish())
}

/// A bad one is ignored: somebody wants to leave.
fn return_to(sessions: &BrowserSessions, call: &Call<'_>) -> Option<ReturnTo> {
    let text = call.fields.verbatim(RETURN_TO, &mut FieldErrors::default())?;
    sessions.destinations.judge(text).ok()
}

/// Whether a page's form was sent, so that a browser shows what comes.
fn is_form_post(headers: &HeaderMap) -> bool {
    says(headers, &SEC_FETCH_MODE, "navigate") || accepts_html(headers)
}
