//! The application: one request in, one answer out, without sockets.

use std::net::IpAddr;

use http_body_util::Full;
use hyper::{
    HeaderMap, Response,
    body::Bytes,
    header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue},
    http::request::Parts,
};

use super::{
    admin::metrics::Metrics,
    endpoints::documents::Documents,
    fleet::{self as relay, Fleet},
    pages::{self, Pages},
    route::{self, External, Route},
    wire::{
        body,
        client::{Peer, Proxies},
        cookies::{Cookies, Jar},
        cors,
        fields::{FieldErrors, Fields},
        origin::Sites,
        phones::Phones,
        problem::{Answer, Problem},
    },
};
use crate::{
    browser::puzzle::Proof,
    delivery::Outbox,
    directory::Directory,
    engine::{Caller, Engine},
    guard::{ClientNetwork, Guard},
    recipient::{Channel, InvalidRecipient, Recipient},
    serve::clock,
    time::UnixTime,
};

/// Everything that a request may need; one for all workers.
#[derive(Debug)]
pub(crate) struct App<G, D, O> {
    pub(crate) engine: Engine<G, D, O>,
    pub(crate) phones: Phones,
    pub(crate) settings: Settings,
    pub(crate) proxies: Proxies,
    pub(crate) sites: Sites,
    pub(crate) cookies: Cookies,
    pub(crate) documents: Documents,
    pub(crate) pages: Option<Pages>,
    pub(crate) metrics: Metrics,
    pub(crate) fleet: Option<Fleet>,
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

/// One request, as the handlers see it.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    /// The fields of its body.
    pub(crate) fields: &'a Fields<'a>,
    /// Its headers.
    pub(crate) headers: &'a HeaderMap,
    /// Where it comes from, and what its browser has proved.
    pub(crate) caller: Caller<'a>,
    /// Its cookies; none where another site made the request.
    pub(crate) jar: Jar<'a>,
    /// Whether the answer may set cookies.
    pub(crate) may_set_cookies: bool,
    /// When it came.
    pub(crate) now: UnixTime,
    /// The client's address.
    pub(crate) address: IpAddr,
    /// The request itself, for another node.
    pub(crate) arrived: Arrived<'a>,
}

/// A request as it arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrived<'a> {
    /// Its head.
    pub(crate) head: &'a Parts,
    /// Its body.
    pub(crate) body: &'a Bytes,
    /// Who sent it.
    pub(crate) peer: Peer,
}

impl Arrived<'_> {
    /// A request is relayed once.
    pub(crate) const fn may_be_relayed(self) -> bool {
        !matches!(self.peer, Peer::Relayed(_))
    }
}

impl<G: Guard, D: Directory, O: Outbox> App<G, D, O> {
    /// Finds out what a request asks for, from its head alone.
    pub(crate) fn route(&self, head: &Parts) -> Result<Route, Problem> {
        let path = head.uri.path();
        let endpoint = route::below(&self.settings.base_path, path).and_then(Route::endpoint);
        let endpoint = endpoint.filter(|route| *route != Route::Relay || self.fleet.is_some());
        let route = match endpoint {
            Some(route) => route,
            None => self.find_page(path).ok_or_else(Problem::not_found)?,
        };
        if route.channel().is_some_and(|channel| !self.engine.policy.allows(channel)) {
            return Err(Problem::method_disabled());
        }
        if route == Route::External(External::Webhook) {
            return Err(Problem::not_found());
        }
        route.judge(&head.method)?;
        Ok(route)
    }

    /// Answers a request whose body is there, unless it is a batch of another node's.
    pub(crate) async fn answer(&self, route: Route, head: &Parts, body: &Bytes, peer: Peer) -> Result<Answer, Problem> {
        match route {
            Route::Document(at) => Ok(self.documents.answer(at)),
            Route::Page => self.page(head.uri.path()),
            _ => self.call(route, head, body, peer).await,
        }
    }

    /// How long the body of such a request may be.
    pub(crate) const fn longest_body(&self, route: Route) -> usize {
        let Settings { max_head_bytes, max_body_bytes, .. } = self.settings;
        if matches!(route, Route::Relay) { relay::longest(max_head_bytes, max_body_bytes) } else { max_body_bytes }
    }

    /// Counts an answer, and adds what other sites need to read it.
    pub(crate) fn finish(&self, route: Option<Route>, head: &Parts, answered: Result<Answer, Problem>) -> Answer {
        let mut answer = self.or_problem(answered);
        self.metrics.answered(route, answer.status());
        if !self.sites.is_closed() {
            cors::expose(&self.sites, &head.headers, answer.headers_mut());
        }
        answer
    }

    /// The answer, or the one that tells of its problem.
    pub(crate) fn or_problem(&self, answered: Result<Answer, Problem>) -> Answer {
        answered.unwrap_or_else(|problem| {
            self.metrics.refused(problem.code());
            problem.into_answer()
        })
    }

    /// A preflight request's answer; `None` for any other request.
    pub(crate) fn preflight(&self, head: &Parts) -> Option<Answer> {
        if self.sites.is_closed() { None } else { cors::preflight(&self.sites, head) }
    }

    async fn call(&self, route: Route, head: &Parts, body: &Bytes, peer: Peer) -> Result<Answer, Problem> {
        let headers = &head.headers;
        let fields = body::read(headers, body).await?;
        let may_set_cookies = self.sites.may_use_cookies(headers);
        let jar = if may_set_cookies { Jar::read(headers) } else { Jar::default() };
        let address = self.proxies.address(peer, headers);
        let caller = Caller { network: ClientNetwork::of(address), device_cookie: jar.device };
        let arrived = Arrived { head, body, peer };
        let call = Call { fields: &fields, headers, caller, jar, may_set_cookies, now: clock::now(), address, arrived };
        let answered = match route {
            Route::Request(channel) => self.request(&call, channel).await,
            Route::Resend => self.resend(&call).await,
            Route::Exchange(channel) => self.exchange(&call, channel).await,
            Route::Refresh => self.refresh(&call).await,
            Route::Verify => self.verify(&call),
            Route::External(_) => Err(Problem::provider_not_configured()),
            Route::Document(_) | Route::Page | Route::Relay => Err(Problem::internal()),
        };
        match answered {
            Err(problem) => match problem.owner() {
                Some(guard) => self.at_owner(&call, guard).await.ok_or(problem),
                None => Err(problem),
            },
            answered => answered,
        }
    }

    fn find_page(&self, path: &str) -> Option<Route> {
        let document = self.documents.find(path).map(Route::Document);
        document.or_else(|| self.pages.as_ref()?.answer(path).map(|_| Route::Page))
    }

    fn page(&self, path: &str) -> Result<Answer, Problem> {
        let asset = self.pages.as_ref().and_then(|pages| pages.answer(path)).ok_or_else(Problem::not_found)?;
        let mut answer = Response::new(Full::new(Bytes::copy_from_slice(asset.body.as_bytes())));
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
        for (name, value) in pages::HEADERS {
            headers.insert(name, HeaderValue::from_static(value));
        }
        Ok(answer)
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

    /// The JSON of a puzzle for this recipient.
    pub(crate) fn puzzle(&self, recipient: &Recipient, max_number: u32, now: UnixTime) -> Box<[u8]> {
        let puzzle = self.engine.keys.load().puzzles.offer(recipient, max_number, now, &mut rand::rng());
        serde_json::to_vec(&puzzle).expect("texts and numbers are always JSON").into()
    }
}

/// The different headers of an answer, about.
const HEADERS: usize = 6;

/// An answer with a JSON body that nobody may store.
pub(crate) fn json_answer(body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    let headers = answer.headers_mut();
    // For all that is added here and elsewhere, hyper's own two included.
    *headers = HeaderMap::with_capacity(HEADERS);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
