//! `token/verify/`: whether an access token is valid.

use hyper::body::Bytes;

use crate::{
    server::{
        app::App,
        call::{Answer, Call, json_answer},
        wire::{fields::FieldErrors, problem::Problem},
    },
    token::TokenInvalid,
};

impl App {
    pub(crate) fn verify(&self, call: &Call<'_>) -> Result<Answer, Problem> {
        let mut errors = FieldErrors::default();
        let Some(token) = call.fields.required_token("token", &mut errors) else { return Err(Problem::fields(errors)) };
        self.engine.keys.load().sessions.verify_access(token, call.now).map_err(|TokenInvalid| Problem::token_not_valid())?;
        Ok(json_answer(Bytes::from_static(b"{}")))
    }
}
