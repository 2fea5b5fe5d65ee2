//! `token/refresh/`: a new access token of a living session.

use crate::server::{
    app::App,
    call::{Answer, Call, json_answer},
    wire::{fields::FieldErrors, json::Object, problem::Problem},
};

impl App {
    pub(crate) async fn refresh(&self, call: &Call<'_>) -> Result<Answer, Problem> {
        let mut errors = FieldErrors::default();
        let Some(token) = call.fields.required("refresh", &mut errors) else { return Err(Problem::fields(errors)) };
        let access = self.engine.refresh(token, call.now, &mut self.random.clone()).await.map_err(Problem::of_refresh)?;
        Ok(json_answer(Object::with_capacity(16 + access.len()).plain("access", &access).finish()))
    }
}
