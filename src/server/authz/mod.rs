//! What proxies ask: may this request pass, and whose is it? An allowing answer is 200 without a body and has every identity
//! header; a denying one is 401, or 403 where a rule says so. The body of the question is never read, its query is the client's.

mod claim_headers;
mod dialect;
mod forwarded;
mod identity;
mod path;
mod rules;
mod site;
mod verdicts;

use std::sync::Arc;

use hyper::{
    HeaderMap,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderName, HeaderValue, ORIGIN, UPGRADE},
    http::request::Parts,
};

pub use self::claim_headers::ClaimHeader;
pub(crate) use self::{
    claim_headers::ClaimHeaders,
    forwarded::Forwarded,
    identity::{Headers, Identity},
    verdicts::Verdicts,
};
use self::{
    path::{Ambiguous, PlainPath},
    rules::NotAllowed,
};
pub(crate) use dialect::Dialect;
pub use rules::{Rule, Rules};

use super::{
    app::App,
    call::{Answer, COUNTERSIGN_CHALLENGE, redirect},
    wire::{
        cookies::Jar,
        fetch_metadata::{SEC_FETCH_MODE, SEC_FETCH_SITE},
        origin::Origin,
        problem::Problem,
    },
};
use crate::{
    edge::Bearer,
    time::UnixTime,
    token::{Amr, TokenInvalid},
};

/// The client's headers that are read: a proxy needs to pass on no others.
pub(crate) static READ: [HeaderName; 10] = [
    AUTHORIZATION,
    COOKIE,
    COUNTERSIGN_CHALLENGE,
    ORIGIN,
    SEC_FETCH_SITE,
    SEC_FETCH_MODE,
    ACCEPT,
    UPGRADE,
    site::SEC_WEBSOCKET_KEY,
    dialect::X_FORWARDED_PROTO,
];

/// What lets a request pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An access token.
    Token,
    /// A living challenge of this fleet: somebody was sent a code. Whose it is can't be told here.
    Challenge,
    /// An access token, else the session that a browser's cookie carries.
    Session,
}

impl Kind {
    /// By the name that paths and proxies' configurations have for it.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        match name {
            "token" => Some(Self::Token),
            "challenge" => Some(Self::Challenge),
            "session" => Some(Self::Session),
            _ => None,
        }
    }

    /// Where Envoy asks over HTTP, with the original path behind it.
    pub(crate) const fn asked_by_envoy_at(self) -> &'static str {
        match self {
            Self::Token => "/authz/envoy/token",
            Self::Challenge => "/authz/envoy/challenge",
            Self::Session => "/authz/envoy/session",
        }
    }
}

/// What the endpoints know.
#[derive(Debug)]
pub(crate) struct Authz {
    pub(crate) rules: Rules,
    pub(crate) verdicts: Verdicts,
    /// What an allowing answer says.
    pub(crate) headers: Headers,
    /// Access tokens that were made for sessions.
    pub(crate) forwarded: Forwarded,
    /// What the tokens of a session would say of who made them.
    pub(crate) issuer: Issuer,
}

/// Who makes tokens, and for whom.
#[derive(Debug)]
pub(crate) struct Issuer {
    /// `iss`.
    pub(crate) name: Box<str>,
    /// `aud`.
    pub(crate) audiences: Vec<String>,
    /// `aud` of reviewers.
    pub(crate) of_reviewers: Vec<String>,
}

/// Why nobody may pass.
#[derive(Debug)]
pub(crate) enum Denied {
    /// For this.
    Because(Problem),
    /// Nobody is signed in, and a browser shows what comes: it is led to this page.
    ToLogin(Box<str>),
}

impl App {
    /// The answer to a proxy that asks in this dialect.
    pub(crate) async fn authorise(&self, dialect: Dialect, kind: Kind, head: &Parts) -> Result<Answer, Problem> {
        match self.judge(dialect, kind, head).await {
            Ok(identity) => Ok(identity.answer(&self.authz.headers)),
            Err(Denied::ToLogin(page)) => Ok(redirect(&page)),
            Err(Denied::Because(problem)) => Err(problem),
        }
    }

    /// Who may pass with what a proxy asks in this dialect.
    pub(crate) async fn judge(&self, dialect: Dialect, kind: Kind, head: &Parts) -> Result<Arc<Identity>, Denied> {
        dialect.judge(head)?;
        let endpoint = kind.asked_by_envoy_at();
        // Where every path is open, none has to be understood.
        let path = if self.authz.rules.are_any() { Some(dialect.path(head, endpoint)?) } else { None };
        let question = Question { dialect, head, path, now: (self.clock)() };
        match kind {
            Kind::Token => Ok(self.by_token(&question, bearer(&head.headers).token()).await?),
            Kind::Challenge => Ok(self.by_challenge(&question)?),
            Kind::Session => match self.by_session(&question).await {
                Err(problem) if problem.is_sign_in_needed() => {
                    Err(self.login_page(&question, endpoint).map_or(Denied::Because(problem), Denied::ToLogin))
                }
                judged => Ok(judged?),
            },
        }
    }

    /// With the access token of a request.
    async fn by_token(&self, question: &Question<'_>, token: Option<&str>) -> Result<Arc<Identity>, Problem> {
        let Authz { verdicts, headers, .. } = &self.authz;
        let token = token.ok_or_else(Problem::token_not_valid)?;
        let token = verdicts.check(token, &self.engine.keys.load(), headers, question.now);
        let token = token.map_err(|TokenInvalid| Problem::token_not_valid())?;
        self.require_living(&token.session(), question.now).await?;
        self.allow(question, Some((&token.audiences, &token.amr)))?;
        Ok(Arc::clone(&token.identity))
    }

    /// With the challenge of a request.
    fn by_challenge(&self, question: &Question<'_>) -> Result<Arc<Identity>, Problem> {
        let (headers, keys) = (&question.head.headers, self.engine.keys.load());
        let believe = |envelope: &str| keys.envelopes.verify(envelope, question.now).ok();
        let envelope = match challenge_header(headers) {
            Some(envelope) => believe(envelope),
            // Any host of the site can set a cookie of this name, so each is tried.
            None => Jar::read(headers).challenges().iter().find_map(|envelope| believe(envelope)),
        };
        let envelope = envelope.ok_or_else(Problem::challenge_not_valid)?;
        self.allow(question, None)?;
        Ok(Identity::of_challenge(&envelope).into())
    }

    /// With the access token of a request, else with the session in its cookie, for what a page of the site may do.
    async fn by_session(&self, question: &Question<'_>) -> Result<Arc<Identity>, Problem> {
        let Question { dialect, head, now, .. } = *question;
        let Authz { headers, forwarded, issuer, .. } = &self.authz;
        let sessions = self.sessions.as_ref().ok_or_else(Problem::not_found)?;
        match bearer(&head.headers) {
            Bearer::Nothing => {}
            bearer => return self.by_token(question, bearer.token()).await,
        }
        let present = self.engine.session(sessions.cookies.read(&head.headers).as_slice(), now).await;
        let present = present.map_err(Problem::of_no_session)?;
        if sessions.csrf_check {
            let method = dialect.method(head).ok_or_else(|| Problem::forbidden(NO_METHOD))?;
            let is_allowed = |origin: &Origin| self.sites.contain(origin) || sessions.destinations.contain(origin);
            let may = !site::could_change_something(&method, &head.headers)
                || site::comes_from_here(&head.headers, &dialect.site(head), is_allowed);
            if !may {
                return Err(Problem::cross_site());
            }
        }
        let audiences = if present.session.amr.is_reviewers() { &issuer.of_reviewers } else { &issuer.audiences };
        self.allow(question, Some((audiences, &present.session.amr)))?;
        let token = || forwarded.token(&present, &self.engine.keys.load(), now, &self.random);
        Ok(Identity::of_session(&present, &issuer.name, headers, now, token).into())
    }

    /// Whether a rule lets these audiences and methods pass.
    fn allow(&self, question: &Question<'_>, who: Option<(&[String], &Amr)>) -> Result<(), NotAllowed> {
        question.path.as_ref().map_or(Ok(()), |path| self.authz.rules.judge(path, who))
    }

    /// Where a browser is led that shows what comes, to sign in and come back; `None` where it can't be led back, or doesn't show it.
    fn login_page(&self, Question { dialect, head, .. }: &Question<'_>, endpoint: &str) -> Option<Box<str>> {
        let (sessions, _) = self.sessions.as_ref().zip(self.pages.as_ref())?;
        let is_shown = site::is_navigation(&dialect.method(head)?, &head.headers);
        let return_to = sessions.destinations.judge(&dialect.url(head, endpoint).filter(|_| is_shown)?).ok()?;
        Some(sessions.login_page(Some(return_to.as_str())).into())
    }
}

/// What a proxy asks.
struct Question<'q> {
    dialect: Dialect,
    head: &'q Parts,
    /// Where paths matter.
    path: Option<PlainPath<'q>>,
    now: UnixTime,
}

/// What whoever sets up nginx has to know.
const NO_METHOD: &str = "X-Original-Method is missing: without it nobody knows what the request could change.";

/// What a request has in `Authorization`.
fn bearer(headers: &HeaderMap) -> Bearer<'_> {
    Bearer::read(headers.get_all(AUTHORIZATION).iter().map(HeaderValue::as_bytes))
}

/// The challenge in the header, which wins over cookies; nobody's where there are two of it, since nobody knows which one the
/// app behind reads.
fn challenge_header(headers: &HeaderMap) -> Option<&str> {
    let mut given = headers.get_all(COUNTERSIGN_CHALLENGE).iter();
    let (first, second) = (given.next()?, given.next());
    let text = if second.is_none() { first.to_str().unwrap_or_default() } else { "" };
    (!first.is_empty() || second.is_some()).then_some(text)
}

/// How nginx is told of a problem: by its status, since it drops the body, and the connection with it.
pub(crate) fn without_body(problem: Problem) -> Answer {
    let mut answer = problem.into_answer();
    answer.headers_mut().remove(CONTENT_TYPE);
    *answer.body_mut() = http_body_util::Full::default();
    answer
}

impl From<Ambiguous> for Problem {
    fn from(Ambiguous: Ambiguous) -> Self {
        Self::forbidden("This path can be read in more than one way.")
    }
}

impl From<NotAllowed> for Problem {
    fn from(NotAllowed: NotAllowed) -> Self {
        Self::forbidden("This path needs more than what was presented.")
    }
}

impl<P: Into<Problem>> From<P> for Denied {
    fn from(problem: P) -> Self {
        Self::Because(problem.into())
    }
}
