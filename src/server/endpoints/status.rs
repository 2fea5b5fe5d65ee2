//! `status/`: what became of a challenge, for whoever holds its link, or its envelope and knows the recipient.

use crate::{
    challenge::UntrustedLink,
    engine::{CompleteError, Status},
    recipient::Channel,
    server::{
        app::App,
        call::{Answer, Call, json_answer},
        wire::{envelope, fields::FieldErrors, json::Object, problem::Problem},
    },
};

impl App {
    pub(crate) async fn status(&self, call: &Call<'_>) -> Result<Answer, Problem> {
        let mut errors = FieldErrors::default();
        let given = self.given_channel(call)?;
        given.map_or(Ok(()), |channel| self.require(channel))?;
        let by_link = call.fields.is_given_at_all("token");
        let token = if by_link { call.fields.required_token("token", &mut errors) } else { None };
        // A link token stands alone; an envelope needs a recipient, an e-mail address if nothing says otherwise.
        let channel = given.or(if by_link { None } else { Some(Channel::Email) });
        let recipient = channel.and_then(|channel| self.recipient(call, channel, &mut errors));
        let envelope = if by_link { None } else { envelope::find(call, &mut errors) };
        if !errors.is_empty() {
            return Err(Problem::fields(errors));
        }

        let status = match (token, recipient, envelope) {
            (Some(token), recipient, _) => {
                let link = UntrustedLink::parse(token).ok_or(Problem::of_complete(CompleteError::FORGED))?;
                let status = self.engine.status_of_link(link, call.now).await.map_err(Problem::of_complete)?;
                if recipient.is_some_and(|recipient| recipient != status.recipient) {
                    return Err(Problem::of_complete(CompleteError::FORGED));
                }
                status
            }
            (None, Some(recipient), Some(envelope)) => {
                self.engine.status_of_envelope(envelope, &recipient, call.now).await.map_err(Problem::of_complete)?
            }
            _ => return Err(Problem::internal()),
        };
        Ok(told(&status))
    }
}

fn told(status: &Status) -> Answer {
    let body = Object::with_capacity(64).plain("state", status.state.as_str()).text("recipient", &status.recipient.masked());
    json_answer(body.finish())
}
