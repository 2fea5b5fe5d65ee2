//! `status/`: what became of a challenge, for whoever holds its link, or its envelope and knows the recipient.

use crate::{
    challenge::UntrustedLink,
    engine::{CompleteError, State, Status},
    recipient::{Channel, Recipient},
    server::{
        app::App,
        call::{Answer, Call, json_answer},
        wire::{
            envelope::{self, Envelopes},
            fields::FieldErrors,
            json::Object,
            problem::Problem,
        },
    },
    time::UnixTime,
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
        let envelopes = if by_link { None } else { envelope::find(call, self.fleet.is_some(), &mut errors) };
        if !errors.is_empty() {
            return Err(Problem::fields(errors));
        }

        let status = match (token, recipient, envelopes) {
            (Some(token), recipient, _) => {
                let link = UntrustedLink::parse(token).ok_or(Problem::of_complete(CompleteError::FORGED))?;
                let status = self.engine.status_of_link(link, call.now).await.map_err(Problem::of_complete)?;
                if recipient.is_some_and(|recipient| recipient != status.recipient) {
                    return Err(Problem::of_complete(CompleteError::FORGED));
                }
                status
            }
            (None, Some(recipient), Some(envelopes)) => self.status_of(envelopes, &recipient, call.now).await?,
            _ => return Err(Problem::internal()),
        };
        Ok(told(&status))
    }
}

impl App {
    /// Of several challenges the one that is open tells most.
    async fn status_of(&self, envelopes: Envelopes<'_>, recipient: &Recipient, now: UnixTime) -> Result<Status, Problem> {
        let mut ended = None;
        let look = async |envelope| {
            let status = self.engine.status_of_envelope(envelope, recipient, now).await?;
            let error = match status.state {
                State::Open => return Ok(status),
                State::Spent => CompleteError::Spent,
                State::Expired => CompleteError::Expired,
            };
            ended.get_or_insert(status);
            Err(error)
        };
        let looked = envelopes.try_each(look).await;
        looked.or_else(|error| match (ended, &error) {
            (Some(status), CompleteError::Spent | CompleteError::Expired) => Ok(status),
            _ => Err(Problem::of_complete(error)),
        })
    }
}

fn told(status: &Status) -> Answer {
    let body = Object::with_capacity(64).plain("state", status.state.as_str()).text("recipient", &status.recipient.masked());
    json_answer(body.finish())
}
