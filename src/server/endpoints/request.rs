//! `request/email/`, `request/mobile/`: sends a code and answers with its envelope.

use hyper::header::{ACCEPT_LANGUAGE, USER_AGENT};

use crate::{
    browser::agent::Agent,
    challenge::Binding,
    delivery::Languages,
    engine::Begin,
    events::Kind,
    recipient::Channel,
    server::{
        app::App,
        call::{Answer, Call},
        wire::{
            envelope,
            fields::{FieldErrors, REQUIRED},
            problem::Problem,
        },
    },
};

impl App {
    pub(crate) async fn request(&self, call: &Call<'_>, channel: Channel) -> Result<Answer, Problem> {
        let mut begin = self.begin(call, channel, FieldErrors::default())?;
        let recipient = begin.recipient.clone();
        if let Some(fleet) = &self.fleet
            && let Some(answer) = fleet.at_home(&self.engine.keys, &call.arrived, &recipient).await
        {
            return Ok(answer);
        }
        let learned = self.learned();
        begin.caller = call.caller.noted_in(&learned);
        let ask = async |begin: Begin<'_>| self.engine.begin(begin, call.now, &mut self.random.clone()).await;
        let sent = self.lifted(call, begin, ask).await;
        self.tell_opened(call, &learned);
        let sent = sent.map_err(|error| Problem::of_begin(error, |largest| self.puzzle(&recipient, largest.get(), call.now)))?;
        self.tell(Kind::ChallengeRequested, call, &learned, |_| {});
        let throttle = self.settings.throttle_seconds;
        Ok(envelope::sent(call, &self.cookies, &sent.envelope, &sent.challenge, throttle, call.now))
    }

    /// The request for a message that the body states, for the channel of the path or of the envelope.
    pub(crate) fn begin<'c>(&self, call: &Call<'c>, channel: Channel, mut errors: FieldErrors) -> Result<Begin<'c>, Problem> {
        let recipient = self.recipient(call, channel, &mut errors);
        let binding = binding(call, &mut errors);
        let requested = call.fields.optional("locale", &mut errors).map(Box::from);
        let accepted = call.headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).map(Box::from);
        let Some(recipient) = recipient else { return Err(Problem::fields(errors)) };
        let proof = self.proof(call, &recipient, &mut errors);
        // It is read again where it is needed.
        let _ = self.captcha(call, &mut errors);
        if !errors.is_empty() {
            return Err(Problem::fields(errors));
        }
        let languages = Languages { requested, accepted };
        let agent = call.headers.get(USER_AGENT).map_or_else(Agent::default, |value| Agent::read(value.as_bytes()));
        Ok(Begin { proof, binding, languages, agent, ..Begin::new(recipient, call.caller) })
    }
}

/// `code_challenge` with its method (RFC 7636 §4.3); the method has to be said, and is S256.
fn binding(call: &Call<'_>, errors: &mut FieldErrors) -> Option<Binding> {
    let (challenge_field, method_field) = ("code_challenge", "code_challenge_method");
    let challenge = call.fields.optional(challenge_field, errors);
    let method = call.fields.optional(method_field, errors);
    match (challenge, method) {
        (None, None) => return None,
        (Some(_), None) => errors.add_if_none(method_field, REQUIRED),
        (None, Some(_)) => errors.add_if_none(challenge_field, REQUIRED),
        (Some(_), Some("S256")) => {}
        (Some(_), Some(_)) => errors.add(method_field, "Only S256 is supported."),
    }
    let binding = Binding::from_client(challenge?);
    if binding.is_none() {
        errors.add(challenge_field, "Not the base64url of a SHA-256 hash.");
    }
    binding
}
