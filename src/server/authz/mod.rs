//! What proxies ask: may this request pass, and whose is it? An allowing answer is 200 without a body and has every identity
//! header; a denying one is 401, or 403 where a rule says so. The body of the question is never read, its query is the client's.

mod claim_headers;
mod dialect;
mod identity;
mod path;
mod rules;
mod verdicts;

use hyper::{
    HeaderMap,
    header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderName},
    http::request::Parts,
};

pub use self::claim_headers::ClaimHeader;
pub(crate) use self::{
    claim_headers::ClaimHeaders,
    identity::{Headers, Identity},
};
use self::{
    path::{Ambiguous, PlainPath},
    rules::NotAllowed,
    verdicts::Verdicts,
};
pub(crate) use dialect::Dialect;
pub use rules::{Rule, Rules};

use super::{
    app::App,
    call::{Answer, COUNTERSIGN_CHALLENGE},
    wire::{cookies::Jar, problem::Problem},
};
use crate::token::TokenInvalid;

/// The client's headers that are read: a proxy needs to pass on no others.
pub(crate) static READ: [HeaderName; 3] = [AUTHORIZATION, COOKIE, COUNTERSIGN_CHALLENGE];

/// What lets a request pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An access token.
    Token,
    /// A living challenge of this fleet: somebody was sent a code. Whose it is can't be told here.
    Challenge,
}

impl Kind {
    /// By the name that paths and proxies' configurations have for it.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        match name {
            "token" => Some(Self::Token),
            "challenge" => Some(Self::Challenge),
            _ => None,
        }
    }

    /// Where Envoy asks over HTTP, with the original path behind it.
    pub(crate) const fn asked_by_envoy_at(self) -> &'static str {
        match self {
            Self::Token => "/authz/envoy/token",
            Self::Challenge => "/authz/envoy/challenge",
        }
    }
}

/// What the endpoints know.
#[derive(Debug)]
pub(crate) struct Authz {
    rules: Rules,
    verdicts: Verdicts,
    /// What an allowing answer says.
    pub(crate) headers: Headers,
}

impl Authz {
    /// With these rules; a good token is remembered for so many seconds, 0 for none.
    pub(crate) fn new(rules: Rules, cache_seconds: u64, headers: Headers) -> Self {
        Self { rules, verdicts: Verdicts::new(cache_seconds), headers }
    }
}

impl App {
    /// The answer to a proxy that asks in this dialect.
    pub(crate) async fn authorise(&self, dialect: Dialect, kind: Kind, head: &Parts) -> Result<Answer, Problem> {
        self.judge(dialect, kind, head).await.map(|identity| identity.answer(&self.authz.headers))
    }

    /// Who may pass with what a proxy asks in this dialect.
    pub(crate) async fn judge(&self, dialect: Dialect, kind: Kind, head: &Parts) -> Result<Identity, Problem> {
        dialect.judge(head)?;
        let path = || dialect.path(head, kind.asked_by_envoy_at());
        self.identify(kind, path, &head.headers).await
    }

    /// Who may pass to this path with these headers.
    async fn identify<'p>(
        &self,
        kind: Kind,
        path: impl FnOnce() -> Result<PlainPath<'p>, Ambiguous>,
        headers: &HeaderMap,
    ) -> Result<Identity, Problem> {
        let Authz { rules, verdicts, headers: told } = &self.authz;
        // Where every path is open, none has to be understood.
        let path = if rules.are_any() { Some(path().map_err(Problem::from)?) } else { None };
        let (keys, now) = (self.engine.keys.load(), (self.clock)());
        let allows = |who| path.as_ref().map_or(Ok(()), |path| rules.judge(path, who));
        match kind {
            Kind::Token => {
                let token = bearer(headers).ok_or_else(Problem::token_not_valid)?;
                let token = verdicts.check(token, &keys, told, now).map_err(|TokenInvalid| Problem::token_not_valid())?;
                self.require_living(&token.session(), now).await?;
                allows(Some((&token.audiences, &token.amr)))?;
                Ok(token.identity.clone())
            }
            Kind::Challenge => {
                let believe = |envelope: &str| keys.envelopes.verify(envelope, now).ok();
                let envelope = match challenge_header(headers) {
                    Some(envelope) => believe(envelope),
                    // Any host of the site can set a cookie of this name, so each is tried.
                    None => Jar::read(headers).challenges().iter().find_map(|envelope| believe(envelope)),
                };
                let envelope = envelope.ok_or_else(Problem::challenge_not_valid)?;
                allows(None)?;
                Ok(Identity::of_challenge(&envelope))
            }
        }
    }
}

/// The challenge in the header, which wins over cookies; nobody's where there are two of it, since nobody knows which one the
/// app behind reads.
fn challenge_header(headers: &HeaderMap) -> Option<&str> {
    let mut given = headers.get_all(COUNTERSIGN_CHALLENGE).iter();
    let (first, second) = (given.next()?, given.next());
    let text = if second.is_none() { first.to_str().unwrap_or_default() } else { "" };
    (!first.is_empty() || second.is_some()).then_some(text)
}

/// The token of the one `Authorization: Bearer …` (RFC 6750 §2.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (given.next(), given.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_matches(' '))
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
