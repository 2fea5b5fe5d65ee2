//! `external/request/`, `external/verify/`: a code that a verify provider makes, and what it says of it.

use std::sync::Arc;

use crate::{
    challenge::Verifier,
    directory::Directory as _,
    engine::{Begin, BeginError, ByExternal, CompleteError},
    events::Kind,
    recipient::Channel,
    server::{
        app::App,
        call::{Answer, Call},
        report::Refused,
        wire::{
            envelope::{self, OfEnvelope},
            fields::FieldErrors,
            problem::Problem,
        },
    },
    verify::{AnyProvider, Method, NotStarted, Starts},
};

/// The longest code that is read, in characters.
const LONGEST: usize = 10;

/// The configured provider.
pub(crate) type External = Arc<Starts<AnyProvider>>;

/// An error of an attempt of which the provider may have been asked already: once is enough, whatever other envelopes there are.
struct Asked(Refused);

impl App {
    pub(crate) async fn external_request(&self, call: &Call<'_>) -> Result<Answer, Problem> {
        let external = self.external.as_ref().ok_or_else(Problem::provider_not_configured)?;
        let mut errors = FieldErrors::default();
        let method = method(call, external.provider().methods(), &mut errors);
        let mut begin = self.begin(call, Channel::Mobile, errors)?;
        let Some(method) = method else { return Err(Problem::internal()) };
        let recipient = begin.recipient.clone();
        if let Some(fleet) = &self.fleet
            && let Some(answer) = fleet.at_home(&self.engine.keys, &call.arrived, &recipient).await
        {
            return Ok(answer);
        }
        let learned = self.learned();
        begin.caller = call.caller.noted_in(&learned);
        let ask = async |begin: Begin<'_>| {
            let start = async |slot, dispatch| external.start(slot, dispatch, method).await;
            self.engine.begin_external(begin, method, start, call.now, &mut self.random.clone()).await
        };
        let sent = self.lifted(call, begin, ask).await;
        self.tell_opened(call, &learned);
        let sent = sent.map_err(|error| match error {
            BeginError::NotStarted(NotStarted::Refused) => {
                let mut errors = FieldErrors::default();
                errors.add(self.field_of(Channel::Mobile), "Enter a valid phone number.");
                Problem::fields(errors)
            }
            error => Problem::of_begin(error, |largest| self.puzzle(&recipient, largest.get(), call.now)),
        })?;
        self.tell(Kind::ChallengeRequested, call, &learned, |_| {});
        Ok(envelope::sent_by_provider(call, &self.cookies, &sent.envelope, &sent.challenge, call.now))
    }

    pub(crate) async fn external_verify(&self, call: &Call<'_>) -> Result<Answer, Problem> {
        let external = self.external.as_ref().ok_or_else(Problem::provider_not_configured)?;
        let mut errors = FieldErrors::default();
        let recipient = self.recipient(call, Channel::Mobile, &mut errors);
        let code = call.fields.required_token("code", &mut errors);
        if code.is_some_and(|code| code.chars().count() > LONGEST) {
            errors.add("code", format!("Ensure this field has no more than {LONGEST} characters."));
        }
        let envelopes = envelope::find(call, self.fleet.is_some(), &mut errors);
        // A verifier that can't be one meets no binding: it is a wrong one.
        let verifier = call.fields.optional("code_verifier", &mut errors).and_then(Verifier::new);
        let wish = self.wish(call, &mut errors)?;
        if !errors.is_empty() {
            return Err(Problem::fields(errors));
        }
        let (Some(recipient), Some(code), Some(envelopes)) = (recipient, code, envelopes) else {
            return Err(Problem::internal());
        };
        let by_external = |envelope| ByExternal {
            provider: external.provider(),
            recipient: recipient.clone(),
            envelope,
            code,
            is_discreet: !self.engine.directory.knows_everybody(),
        };
        let attempt = async |envelope| self.attempt(call, by_external(envelope), verifier, &wish).await.map_err(Asked);
        let signed_in = envelopes.try_each(attempt).await;
        let told = |Asked(refused)| self.refused(call, refused, Problem::of_complete);
        Ok(self.welcome(call, &signed_in.map_err(told)?, &wish))
    }
}

/// How the code is to reach the person; the provider's first method where the request doesn't say.
fn method(call: &Call<'_>, offered: &'static [Method], errors: &mut FieldErrors) -> Option<Method> {
    if !call.fields.is_given_at_all("method") {
        return offered.first().copied();
    }
    let wanted = call.fields.optional("method", errors)?;
    let method = offered.iter().find(|method| method.as_str() == wanted).copied();
    if method.is_none() {
        let names: Vec<_> = offered.iter().map(|method| method.as_str()).collect();
        errors.add("method", format!("Send one of {}.", names.join(", ")));
    }
    method
}

impl OfEnvelope for Asked {
    fn of_envelope(&self) -> Option<&CompleteError> {
        self.0.of_envelope().filter(|error| !matches!(error, CompleteError::InvalidCredentials { attempts_left: Some(_) }))
    }
}
