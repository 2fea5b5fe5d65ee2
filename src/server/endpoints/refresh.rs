//! `token/refresh/`: a new access token of a living session.

use crate::{
    delivery::Outbox,
    directory::Directory,
    guard::Guard,
    server::{
        app::{App, Call, json_answer},
        wire::{
            fields::FieldErrors,
            json::Object,
            problem::{Answer, Problem},
        },
    },
};

impl<G: Guard, D: Directory, O: Outbox> App<G, D, O> {
    pub(crate) async fn refresh(&self, call: &Call<'_>) -> Result<Answer, Problem> {
        let mut errors = FieldErrors::default();
        let Some(token) = call.fields.required("refresh", &mut errors) else { return Err(Problem::fields(errors)) };
        let access = self.engine.refresh(token, call.now, &mut rand::rng()).await.map_err(Problem::of_refresh)?;
        Ok(json_answer(Object::with_capacity(16 + access.len()).plain("access", &access).finish()))
    }
}
