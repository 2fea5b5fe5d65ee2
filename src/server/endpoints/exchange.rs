//! `exchange/`, `exchange/email/`, `exchange/mobile/`: a code with its envelope, or a link token, becomes session tokens.

use crate::{
    challenge::{UntrustedLink, Verifier},
    engine::{ByCode, ByLink, Credentials, SignedIn},
    recipient::Channel,
    server::{
        app::App,
        call::{Answer, Call, json_answer},
        endpoints::session::Wish,
        sessions::session_json,
        wire::{envelope, fields::FieldErrors, json::Object, problem::Problem, return_to::RETURN_TO},
    },
};

impl App {
    pub(crate) async fn exchange(&self, call: &Call<'_>, in_path: Option<Channel>) -> Result<Answer, Problem> {
        let mut errors = FieldErrors::default();
        let given = match in_path {
            Some(channel) => Some(channel),
            None => self.given_channel(call)?,
        };
        given.map_or(Ok(()), |channel| self.require(channel))?;
        let token = call.fields.required_token("token", &mut errors);
        let link = token.and_then(UntrustedLink::parse);
        // A link token stands alone; everything else needs a recipient, an e-mail address if nothing says otherwise.
        let channel = given.or(if link.is_some() { None } else { Some(Channel::Email) });
        let recipient = channel.and_then(|channel| self.recipient(call, channel, &mut errors));
        let envelopes = if link.is_some() { None } else { envelope::find(call, self.fleet.is_some(), &mut errors) };
        // A verifier that can't be one meets no binding: it is a wrong one.
        let verifier = call.fields.optional("code_verifier", &mut errors).and_then(Verifier::new);
        let wish = self.wish(call, &mut errors)?;
        if !errors.is_empty() {
            return Err(Problem::fields(errors));
        }

        let signed_in = match (link, recipient, envelopes, token) {
            (Some(link), recipient, _, _) => self.attempt(call, ByLink { recipient, link }, verifier, &wish).await,
            (None, Some(recipient), Some(envelopes), Some(code)) => {
                let by_code = |envelope| ByCode { recipient: recipient.clone(), envelope, code };
                let attempt = async |envelope| self.attempt(call, by_code(envelope), verifier, &wish).await;
                envelopes.try_each(attempt).await
            }
            _ => return Err(Problem::internal()),
        };
        let signed_in = signed_in.map_err(|refused| self.refused(call, refused, Problem::of_complete))?;
        Ok(self.welcome(call, &signed_in, &wish))
    }

    /// The answer to whoever is signed in: tokens, or a session's cookies and no token.
    pub(crate) fn welcome(&self, call: &Call<'_>, signed_in: &SignedIn, wish: &Wish) -> Answer {
        self.metrics.signed_in(signed_in.challenge.challenge().channel);
        let body = match &signed_in.credentials {
            Credentials::Tokens(tokens) => Object::with_capacity(96 + tokens.access.len() + tokens.refresh.len())
                .plain("access", &tokens.access)
                .plain("refresh", &tokens.refresh)
                .plain("token_type", "Bearer")
                .number("expires_in", tokens.expires_in),
            Credentials::Cookie(_) => {
                let body = Object::with_capacity(320).raw("session", &session_json(&signed_in.session).finish());
                wish.return_to.iter().fold(body, |body, address| body.text(RETURN_TO, address.as_str()))
            }
        };
        let mut answer = json_answer(body.finish());
        let headers = answer.headers_mut();
        if call.may_set_cookies {
            self.cookies.set_signed_in(headers, &signed_in.device_cookie);
        }
        if let (Credentials::Cookie(value), Some(sessions)) = (&signed_in.credentials, &self.sessions) {
            let session = &signed_in.session;
            sessions.cookies.set_session(headers, value, session.ends_at.seconds_since(call.now));
            self.set_access(headers, session, &signed_in.user, call.now);
        }
        answer
    }
}
