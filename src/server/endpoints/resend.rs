//! `resend/`: the same code once more, for the same envelope.

use crate::{
    engine::{Begin, BeginError, Learned, Resend},
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
        let envelopes = envelope::find(call, self.fleet.is_some(), &mut errors);
        let mut begin = self.begin(call, channel.unwrap_or(Channel::Email), errors)?;
        let Some(envelopes) = envelopes else { return Err(Problem::internal()) };
        let recipient = begin.recipient.clone();
        let learned = Learned::brief();
        begin.caller = call.caller.noted_in(&learned);
        let resend = async |envelope| {
            let ask = async |begin: Begin<'_>| self.engine.resend(Resend::new(begin, envelope), call.now).await;
            let challenge = self.lifted(call, begin.clone(), ask).await?;
            Ok::<_, BeginError>((envelope, challenge))
        };
        let resent = envelopes.try_each(resend).await;
        self.tell_opened(call, &learned);
        let (envelope, challenge) = match resent {
            Ok(resent) => resent,
            Err(error) => return Err(Problem::of_begin(error, |largest| self.puzzle(&recipient, largest.get(), call.now))),
        };
        let throttle = self.settings.throttle_seconds;
        Ok(envelope::sent(call, &self.cookies, envelope, &challenge, throttle, call.now))
    }
}
