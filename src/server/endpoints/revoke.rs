//! `token/revoke/`: ends the session of an access or refresh token (RFC 7009). It says the same whatever the token was.

use hyper::body::Bytes;

use crate::{
    ended::{EndedSessions as _, Ending, SessionFacts},
    server::{
        app::App,
        call::{Answer, Call, json_answer},
        wire::{fields::FieldErrors, problem::Problem},
    },
};

impl App {
    pub(crate) async fn revoke(&self, call: &Call<'_>) -> Result<Answer, Problem> {
        let mut errors = FieldErrors::default();
        let token = call.fields.required_token("token", &mut errors);
        let everywhere = call.fields.switch("everywhere", &mut errors);
        let Some(token) = token.filter(|_| errors.is_empty()) else { return Err(Problem::fields(errors)) };

        let opened = {
            let keys = self.engine.keys.load();
            match keys.sessions.open_refresh(token, call.now) {
                Ok(refresh) => Some(Err(refresh.session)),
                Err(_) => keys.sessions.verify_access(token, call.now).ok().map(Ok),
            }
        };
        match &opened {
            None => {}
            Some(Ok(access)) => {
                let session = SessionFacts::from(access);
                self.end_by_token(call, Ending { session, ends_at: None, everywhere }).await?;
            }
            Some(Err(session)) => {
                let id = session.id.to_text();
                self.end_by_token(
                    call,
                    Ending { session: SessionFacts::of(session, &id), ends_at: Some(session.made_until), everywhere },
                )
                .await?;
            }
        }
        Ok(json_answer(Bytes::from_static(b"{}")))
    }

    /// A token whose session was ended ends nothing: whoever still has it has no say any more.
    async fn end_by_token(&self, call: &Call<'_>, ending: Ending<'_>) -> Result<(), Problem> {
        if self.engine.ended.has_ended(&ending.session, call.now).await.map_err(Problem::unavailable)? {
            return Ok(());
        }
        let ended = self.engine.ended.end(&ending, call.at).await;
        ended.map(|_| ()).map_err(|error| Problem::unavailable(error.unavailable()))
    }
}
