//! The application: one request in, one answer out, without sockets.

use std::sync::Arc;

use arc_swap::ArcSwap;
use hyper::{HeaderMap, StatusCode, body::Bytes, header::ACCEPT_LANGUAGE, http::request::Parts};

use super::{
    admin::metrics::Metrics,
    authz::{Authz, Kind},
    call::{Answer, Arrived, Call},
    endpoints::{client, documents::Documents, external::External, webhook::Reports},
    fleet::{ENDED_PATH, Fleet, FleetEnded, Owner},
    pages::{Pages, Visit},
    random::Random,
    routes::{self, Endpoint, Route},
    sessions::BrowserSessions,
    wire::{
        body,
        client::{Peer, Proxies},
        cookies::{self, Cookies, Jar},
        cors,
        fields::FieldErrors,
        origin::Sites,
        phones::Phones,
        problem::Problem,
    },
};
use crate::{
    browser::puzzle::Proof,
    captcha::Captcha,
    delivery::{Languages, Queue},
    directory::AnyDirectory,
    engine::{self, Begin, BeginError, Caller},
    events::Events,
    guard::AnyGuard,
    recipient::{Channel, InvalidRecipient, Recipient},
    time::{Clock, PreciseClock, UnixTime},
};

/// The engine over what a configuration can choose.
pub(crate) type Engine = engine::Engine<AnyGuard, AnyDirectory, Queue, FleetEnded>;

/// Everything that a request may need; one for all workers.
pub(crate) struct App {
    pub(crate) engine: Engine,
    pub(crate) phones: Phones,
    pub(crate) settings: Settings,
    pub(crate) proxies: Proxies,
    pub(crate) sites: Sites,
    pub(crate) cookies: Cookies,
    pub(crate) sessions: Option<BrowserSessions>,
    pub(crate) documents: Documents,
    /// Replaced while requests run: SIGHUP reads the brand again.
    pub(crate) pages: Option<ArcSwap<Pages>>,
    pub(crate) authz: Authz,
    pub(crate) metrics: Metrics,
    pub(crate) fleet: Option<Arc<Fleet>>,
    pub(crate) events: Events,
    pub(crate) captcha: Option<Captcha>,
    pub(crate) external: Option<External>,
    pub(crate) reports: Reports,
    pub(crate) clock: Clock,
    /// Tells milliseconds.
    pub(crate) precise: PreciseClock,
    pub(crate) random: Random,
}

/// Plain values of the configuration.
#[derive(Debug)]
pub(crate) struct Settings {
    /// What stands before every endpoint: empty, or `/passwordless`.
    pub(crate) base_path: Box<str>,
    /// The name of the e-mail field.
    pub(crate) email_field: Box<str>,
    /// The name of the phone number field.
    pub(crate) mobile_field: Box<str>,
    /// Seconds until another message may be asked for.
    pub(crate) throttle_seconds: u32,
    /// The longest head.
    pub(crate) max_head_bytes: usize,
    /// The longest body.
    pub(crate) max_body_bytes: usize,
}

impl App {
    /// The route of a request, if there is one here.
    pub(crate) fn find(&self, head: &Parts) -> Option<&'static Route> {
        routes::find(&self.settings.base_path, head.uri.path()).filter(|route| match route.endpoint {
            Endpoint::Relay => self.fleet.is_some(),
            Endpoint::Login | Endpoint::Page => self.pages.is_some(),
            Endpoint::Session | Endpoint::Renew | Endpoint::Logout | Endpoint::Authz(_, Kind::Session) => self.sessions.is_some(),
            Endpoint::Webhook => self.reports.are_expected(),
            _ => true,
        })
    }

    /// Judges a request by its head alone.
    pub(crate) fn admit(&self, route: &Route, head: &Parts) -> Result<(), Problem> {
        if route.channel.is_some_and(|channel| !self.engine.policy.allows(channel)) {
            return Err(Problem::method_disabled());
        }
        if route.methods.have(&head.method) { Ok(()) } else { Err(Problem::method_not_allowed(route.methods.allow())) }
    }

    /// Answers a request whose body nobody reads.
    pub(crate) async fn answer_at_once(&self, route: &Route, head: &Parts) -> Result<Answer, Problem> {
        match route.endpoint {
            Endpoint::Document(document) => Ok(self.documents.answer(document, &self.engine.keys.load().documents)),
            // Boxed, so that the others don't hold the room that a question to a directory needs.
            Endpoint::Login => Box::pin(self.visit_login(route, head)).await,
            Endpoint::Page => self.page(head, &Visit::default()),
            Endpoint::Client => client::answer(head),
            Endpoint::Authz(dialect, kind) => self.authorise(dialect, kind, head).await,
            Endpoint::Session => Box::pin(self.session(route, head)).await,
            _ => Err(Problem::internal()),
        }
    }

    /// Answers a request whose body is there, and is read as it is.
    pub(crate) fn answer_raw(&self, route: &Route, head: &Parts, body: &Bytes) -> Result<Answer, Problem> {
        match route.endpoint {
            Endpoint::Webhook => self.webhook(head, body),
            _ => Err(Problem::internal()),
        }
    }

    /// Answers a request whose body is there.
    pub(crate) async fn answer(&self, route: &Route, head: &Parts, body: &Bytes, peer: Peer) -> Result<Answer, Problem> {
        let headers = &head.headers;
        let fields = body::read(headers, body).await?;
        let may_set_cookies = self.may_use_cookies(route, head);
        let jar = if may_set_cookies { Jar::read(headers) } else { Jar::default() };
        let client = self.proxies.client(peer, headers);
        let caller = Caller::new(client.network()).with_device_cookies(jar.devices());
        let arrived = Arrived { head, body, peer, client };
        let at = (self.precise)();
        let call = Call { fields: &fields, headers, caller, jar: &jar, may_set_cookies, now: at.to_seconds(), at, arrived };
        let answered = match route.endpoint {
            Endpoint::Request(channel) => self.request(&call, channel).await,
            Endpoint::Resend => self.resend(&call).await,
            Endpoint::Exchange(channel) => self.exchange(&call, channel).await,
            Endpoint::Status => self.status(&call).await,
            Endpoint::Refresh => self.refresh(&call).await,
            Endpoint::Verify => self.verify(&call).await,
            Endpoint::Revoke => self.revoke(&call).await,
            Endpoint::Renew => Box::pin(self.renew_session(&call)).await,
            Endpoint::Logout => Box::pin(self.logout(&call)).await,
            Endpoint::ExternalRequest => self.external_request(&call).await,
            Endpoint::ExternalVerify => self.external_verify(&call).await,
            Endpoint::Document(_)
            | Endpoint::Login
            | Endpoint::Page
            | Endpoint::Client
            | Endpoint::Session
            | Endpoint::Authz(..)
            | Endpoint::Relay
            | Endpoint::Ended
            | Endpoint::Webhook => Err(Problem::internal()),
        };
        match (answered, &self.fleet) {
            (Err(problem), Some(fleet)) => match problem.owner() {
                Some(guard) => fleet.at_owner(&self.engine.keys, &arrived, guard).await.ok_or(problem),
                None => Err(problem),
            },
            (answered, _) => answered,
        }
    }

    /// Answers another node's question about ended sessions.
    async fn answer_of_ended(&self, question: &[u8]) -> Result<Answer, Problem> {
        let answer = self.engine.ended.answer(question).await;
        let answer = answer.ok_or_else(|| Problem::parse_error("This is no question about ended sessions."))?;
        Ok(Answer::new(Bytes::from(answer).into()))
    }

    /// Counts an answer, and adds what other sites need to read it.
    pub(crate) fn finish(&self, route: Option<&Route>, head: &Parts, answered: Result<Answer, Problem>) -> Answer {
        let mut answer = self.or_refusal(route, answered);
        self.metrics.answered(route, answer.status());
        if !self.is_closed_to_others(route) {
            cors::expose(|origin| self.admits(route, origin), &head.headers, answer.headers_mut());
        }
        answer
    }

    /// The answer, or the one that tells of its problem.
    fn or_refusal(&self, route: Option<&Route>, answered: Result<Answer, Problem>) -> Answer {
        answered.unwrap_or_else(|problem| {
            self.metrics.refused(problem.code());
            route.map_or(Problem::into_answer as fn(_) -> _, |route| route.refuse)(problem)
        })
    }

    /// The answer that tells of a problem which isn't the last word.
    pub(crate) fn refusal_of(&self, problem: Problem) -> Answer {
        self.or_refusal(None, Err(problem))
    }

    /// A preflight request's answer; `None` for any other request.
    pub(crate) fn preflight(&self, route: Option<&Route>, head: &Parts) -> Option<Answer> {
        if self.is_closed_to_others(route) {
            return None;
        }
        cors::preflight(|origin| self.admits(route, origin), route.map(|route| route.methods), head)
    }

    /// Whoever is signed in already is told so. Where the directory can't say whether they still are, they may log in again.
    async fn visit_login(&self, route: &Route, head: &Parts) -> Result<Answer, Problem> {
        let may_use_cookies = self.may_use_cookies(route, head);
        let present = self.present(&head.headers, may_use_cookies, (self.clock)()).await;
        let account = present.ok().map(|present| present.session.recipient.masked());
        let return_to = self.led_back_to(head);
        self.page(head, &Visit { account: account.as_deref(), return_to: return_to.as_ref() })
    }

    fn page(&self, head: &Parts, visit: &Visit<'_>) -> Result<Answer, Problem> {
        let wanted = || languages(&head.headers);
        let pages = self.pages.as_ref().ok_or_else(Problem::not_found)?;
        pages.load().answer(head.uri.path(), &head.headers, wanted, visit).ok_or_else(Problem::not_found)
    }

    /// The name of the field that holds a recipient of this channel.
    pub(crate) fn field_of(&self, channel: Channel) -> &str {
        match channel {
            Channel::Email => &self.settings.email_field,
            Channel::Mobile => &self.settings.mobile_field,
        }
    }

    /// The recipient in the body, canonical.
    pub(crate) fn recipient(&self, call: &Call<'_>, channel: Channel, errors: &mut FieldErrors) -> Option<Recipient> {
        let name = self.field_of(channel);
        let typed = call.fields.required(name, errors)?;
        let (parsed, message) = match channel {
            Channel::Email => (Recipient::parse_email(typed), "Enter a valid email address."),
            Channel::Mobile => (self.phones.parse(typed), "Enter a valid phone number."),
        };
        parsed.map_err(|InvalidRecipient| errors.add(name, message)).ok()
    }

    /// Which of the two recipient fields was given, if one was.
    pub(crate) fn given_channel(&self, call: &Call<'_>) -> Result<Option<Channel>, Problem> {
        let is_given = |channel| call.fields.is_given(self.field_of(channel));
        match (is_given(Channel::Email), is_given(Channel::Mobile)) {
            (true, true) => {
                let message = format!("Send either {} or {}.", self.settings.email_field, self.settings.mobile_field);
                Err(Problem::invalid(message))
            }
            (true, false) => Ok(Some(Channel::Email)),
            (false, true) => Ok(Some(Channel::Mobile)),
            (false, false) => Ok(None),
        }
    }

    /// Refuses a channel that isn't allowed.
    pub(crate) fn require(&self, channel: Channel) -> Result<(), Problem> {
        if self.engine.policy.allows(channel) { Ok(()) } else { Err(Problem::method_disabled()) }
    }

    /// The puzzle that came solved with a request, if its solution is right.
    pub(crate) fn proof(&self, call: &Call<'_>, recipient: &Recipient, errors: &mut FieldErrors) -> Option<Proof> {
        let name = if call.fields.is_given_at_all("puzzle") { "puzzle" } else { "altcha" };
        let solution = call.fields.optional(name, errors)?;
        self.engine.keys.load().puzzles.check(solution, recipient, call.now)
    }

    /// The token of a captcha that came with a request: in the field `captcha`, or in that of the provider's widget.
    pub(crate) fn captcha<'c>(&self, call: &'c Call<'_>, errors: &mut FieldErrors) -> Option<&'c str> {
        let widgets = self.captcha.as_ref().map(Captcha::field).filter(|_| !call.fields.is_given_at_all("captcha"));
        call.fields.optional(widgets.unwrap_or("captcha"), errors)
    }

    /// What `ask` comes to. Where a proof would lift its refusal, and a captcha came with the request, that is checked, and
    /// `ask` asks again with what it proves. So no provider is asked where nothing has to be lifted.
    pub(crate) async fn lifted<T>(
        &self,
        call: &Call<'_>,
        begin: Begin<'_>,
        ask: impl AsyncFn(Begin<'_>) -> Result<T, BeginError>,
    ) -> Result<T, BeginError> {
        let (refused, captcha) = match (ask(begin.clone()).await, &self.captcha) {
            (Err(refused), Some(captcha)) if refused.is_lifted_by_a_proof() => (refused, captcha),
            (asked, _) => return asked,
        };
        // What is wrong with the field was said before.
        let Some(token) = self.captcha(call, &mut FieldErrors::default()) else { return Err(refused) };
        match captcha.check(token, call.caller.network, call.now).await {
            Some(proof) => ask(Begin { proof: Some(proof), ..begin }).await,
            None => Err(refused),
        }
    }

    /// The JSON of a puzzle for this recipient.
    pub(crate) fn puzzle(&self, recipient: &Recipient, max_number: u32, now: UnixTime) -> Box<[u8]> {
        let puzzle = self.engine.keys.load().puzzles.offer(recipient, max_number, now, &mut self.random.clone());
        serde_json::to_vec(&puzzle).expect("texts and numbers are always JSON").into()
    }
}

/// A page comes in the language that was chosen on one, else in one that the browser asks for. A choice changes nothing but
/// words, so it counts wherever the request comes from: a link in a mail program is another site's.
pub(crate) fn languages(headers: &HeaderMap) -> Languages {
    Languages {
        requested: cookies::language(headers).map(Box::from),
        accepted: headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).map(Box::from),
    }
}

/// What another node relayed here is answered as if it had arrived here.
impl Owner for App {
    fn admit(&self, head: &Parts) -> Option<&'static Route> {
        if head.uri.path() == ENDED_PATH {
            return Some(&routes::BETWEEN_NODES);
        }
        let route = self.find(head).filter(|route| route.is_relayed)?;
        App::admit(self, route, head).ok().map(|()| route)
    }

    async fn answer(&self, route: &'static Route, head: &Parts, body: &Bytes, peer: Peer) -> Answer {
        let answered = match route.endpoint {
            Endpoint::Ended => self.answer_of_ended(body).await,
            _ => App::answer(self, route, head, body, peer).await,
        };
        self.or_refusal(Some(route), answered)
    }

    fn refuse(&self, problem: Problem) -> Answer {
        self.or_refusal(None, Err(problem))
    }

    fn count(&self, batch: &Route, status: StatusCode) {
        self.metrics.answered(Some(batch), status);
    }
}
