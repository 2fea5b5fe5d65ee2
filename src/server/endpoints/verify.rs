//! `token/verify/`: whether an access token is valid, and its session wasn't ended.

use hyper::body::Bytes;

use crate::{
    ended::{EndedSessions as _, SessionFacts},
    server::{
        app::App,
        call::{Answer, Call, json_answer},
        wire::{fields::FieldErrors, problem::Problem},
    },
    time::UnixTime,
    token::TokenInvalid,
};

impl App {
    pub(crate) async fn verify(&self, call: &Call<'_>) -> Result<Answer, Problem> {
        let mut errors = FieldErrors::default();
        let Some(token) = call.fields.required_token("token", &mut errors) else { return Err(Problem::fields(errors)) };
        let verified = self.engine.keys.load().sessions.verify_access(token, call.now);
        let verified = verified.map_err(|TokenInvalid| Problem::token_not_valid())?;
        self.require_living(&SessionFacts::from(&verified), call.now).await?;
        Ok(json_answer(Bytes::from_static(b"{}")))
    }

    /// Refuses the token of a session that was ended, and any while nobody knows.
    pub(crate) async fn require_living(&self, session: &SessionFacts<'_>, now: UnixTime) -> Result<(), Problem> {
        match self.engine.ended.has_ended(session, now).await {
            Ok(false) => Ok(()),
            Ok(true) => Err(Problem::token_not_valid()),
            Err(unavailable) => Err(Problem::unavailable(unavailable)),
        }
    }
}
