//! `resend/`: the same code once more, for the same envelope.

use crate::{
    engine::Resend,
    recipient::Channel,
    server::{
        app::App,
        call::{Answer, Call},
        wire::{envelope, fields::FieldErrors, problem::Problem},
    },
};

impl App {
    pub(crate) async fn resend(&self, call: &Call<'_>) -> Result<Answer, Problem> {
        let channel = self.given_channel(call)?;
        channel.map_or(Ok(()), |channel| self.require(channel))?;
        let mut errors = FieldErrors::default();
        let envelope = envelope::find(call, &mut errors);
        let begin = self.begin(call, channel.unwrap_or(Channel::Email), errors)?;
        let envelope = envelope.unwrap_or_default();
        let recipient = begin.recipient.clone();
        let challenge = match self.engine.resend(Resend::new(begin, envelope), call.now).await {
            Ok(challenge) => challenge,
            Err(error) => return Err(Problem::of_begin(error, |largest| self.puzzle(&recipient, largest.get(), call.now))),
        };
        let throttle = self.settings.throttle_seconds;
        Ok(envelope::sent(call, &self.cookies, envelope, &challenge, throttle, call.now))
    }
}
