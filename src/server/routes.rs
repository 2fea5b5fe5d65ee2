//! Every path that is served, and all that is decided by the path alone: one record for each.
//!
//! The router, the metrics, `Allow` and preflights, the owner's side of a relay and the description of the interface
//! read this table. A new endpoint is a record here, an arm in [`App`](super::app::App) and a file of its own.

use hyper::Method;

use super::{
    authz::{self, Dialect, Kind},
    call::Answer,
    endpoints::{client, documents::Document},
    wire::problem::Problem,
};
use crate::recipient::Channel;

/// What is known of a request by its path.
#[derive(Debug)]
pub(crate) struct Route {
    path: Path,
    /// What answers it.
    pub(crate) endpoint: Endpoint,
    /// The methods that it has.
    pub(crate) methods: Methods,
    /// What becomes of its body.
    pub(crate) body: Body,
    /// The channel that has to be allowed for it to exist at all.
    pub(crate) channel: Option<Channel>,
    /// Whether nodes of a fleet relay it to each other.
    pub(crate) is_relayed: bool,
    /// What metrics call it; routes may share a label.
    pub(crate) label: &'static str,
    /// How a problem is told to those who call it.
    pub(crate) refuse: fn(Problem) -> Answer,
    /// Its place in [`ROUTES`].
    pub(crate) number: usize,
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// A code.
    Request(Channel),
    /// The same code once more.
    Resend,
    /// Tokens; the channel is in the path, or is found in the body.
    Exchange(Option<Channel>),
    /// What became of a challenge.
    Status,
    /// A new access token.
    Refresh,
    /// Whether an access token is valid.
    Verify,
    /// An end to the session of a token.
    Revoke,
    /// The session of a browser.
    Session,
    /// A fresh access token for a browser's session.
    Renew,
    /// An end to a browser's session.
    Logout,
    /// A code that a verify provider makes.
    ExternalRequest,
    /// Tokens for such a code.
    ExternalVerify,
    /// What a provider reports of a code's or a message's way.
    Webhook,
    /// Sealed requests of another node.
    Relay,
    /// What another node asks about ended sessions.
    Ended,
    /// A document that anyone may fetch.
    Document(Document),
    /// The login page.
    Login,
    /// Another page, or what pages load.
    Page,
    /// The JavaScript client.
    Client,
    /// Whether a request may pass, asked by a proxy.
    Authz(Dialect, Kind),
}

/// The methods of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Methods {
    /// GET and HEAD.
    Read,
    /// POST.
    Post,
    /// GET and HEAD, for who visits it; POST.
    Both,
    /// Every one: proxies ask with that of the request that they ask about.
    Any,
}

/// What becomes of a request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// It is read into fields.
    Fields,
    /// It is read as it is: a signature is over its bytes.
    Raw,
    /// It is a batch of sealed requests.
    Batch,
    /// Nobody reads it: proxies announce bodies to such endpoints and don't send them.
    Unread,
}

/// Where a route stands. Texts have neither a leading nor a trailing slash; paths may have the latter.
#[derive(Debug)]
enum Path {
    /// Below the base path.
    Below(&'static str),
    /// Everything below that, below the base path.
    Within(&'static str),
    /// That below the base path, and behind it a fragment whose `#` somebody encoded, once or twice: mail gateways do.
    WithFragment(&'static str),
    /// The JavaScript client's names among the assets.
    Client,
    /// Beside the base path.
    Beside(&'static str),
    /// That, and everything below it, beside the base path.
    From(&'static str),
}

/// All routes.
pub(crate) static ROUTES: &[Route] = &numbered([
    post("request/email", Endpoint::Request(Channel::Email), "request").of(Channel::Email).relayed(),
    post("request/mobile", Endpoint::Request(Channel::Mobile), "request").of(Channel::Mobile).relayed(),
    post("resend", Endpoint::Resend, "resend").relayed(),
    post("exchange", Endpoint::Exchange(None), "exchange").relayed(),
    post("exchange/email", Endpoint::Exchange(Some(Channel::Email)), "exchange").of(Channel::Email).relayed(),
    post("exchange/mobile", Endpoint::Exchange(Some(Channel::Mobile)), "exchange").of(Channel::Mobile).relayed(),
    post("status", Endpoint::Status, "status").relayed(),
    post("token/refresh", Endpoint::Refresh, "token/refresh"),
    post("token/verify", Endpoint::Verify, "token/verify"),
    post("token/revoke", Endpoint::Revoke, "token/revoke"),
    read("session", Endpoint::Session, "session"),
    post("session/renew", Endpoint::Renew, "session/renew").visited(),
    post("logout", Endpoint::Logout, "logout").visited(),
    post("external/request", Endpoint::ExternalRequest, "external/request").of(Channel::Mobile).relayed(),
    post("external/verify", Endpoint::ExternalVerify, "external/verify").of(Channel::Mobile).relayed(),
    post("external/webhook", Endpoint::Webhook, "external/webhook").of(Channel::Mobile).raw(),
    post("relay", Endpoint::Relay, "relay").batch(),
    document("openapi.json", Document::OpenApi),
    document(".well-known/jwks.json", Document::Jwks),
    document(".well-known/jwks-eddsa.json", Document::JwksEdDsa),
    document(".well-known/jwks-es256.json", Document::JwksEs256),
    document(".well-known/jwks-rs256.json", Document::JwksRs256),
    document(".well-known/challenge-jwks.json", Document::ChallengeJwks),
    document(".well-known/paserk.json", Document::Paserk),
    document(".well-known/openid-configuration", Document::OpenIdConfiguration),
    document(".well-known/oauth-authorization-server", Document::AuthorizationServer),
    Route { endpoint: Endpoint::Login, ..page(Path::Beside("")) },
    Route { endpoint: Endpoint::Login, ..page(Path::Below("login")) },
    page(Path::Below("link")),
    page(Path::WithFragment("link")),
    Route { endpoint: Endpoint::Client, ..page(Path::Client) },
    page(Path::Within("assets")),
    authz(Path::Beside("authz/nginx/token"), Dialect::Nginx, Kind::Token),
    authz(Path::Beside("authz/nginx/challenge"), Dialect::Nginx, Kind::Challenge),
    authz(Path::Beside("authz/nginx/session"), Dialect::Nginx, Kind::Session),
    authz(Path::Beside("authz/forward/token"), Dialect::Forward, Kind::Token),
    authz(Path::Beside("authz/forward/challenge"), Dialect::Forward, Kind::Challenge),
    authz(Path::Beside("authz/forward/session"), Dialect::Forward, Kind::Session),
    authz(Path::From("authz/envoy/token"), Dialect::Envoy, Kind::Token),
    authz(Path::From("authz/envoy/challenge"), Dialect::Envoy, Kind::Challenge),
    authz(Path::From("authz/envoy/session"), Dialect::Envoy, Kind::Session),
]);

/// What nodes ask each other of themselves. Nobody else finds it: it stands in sealed requests only.
pub(crate) static BETWEEN_NODES: Route = Route { body: Body::Raw, is_relayed: true, ..post("", Endpoint::Ended, "relay") };

/// The route of a path, where the endpoints are below `base_path`: empty, or `/passwordless`.
pub(crate) fn find(base_path: &str, path: &str) -> Option<&'static Route> {
    let beside = without_slashes(path)?;
    let below = path.strip_prefix(base_path).and_then(without_slashes);
    ROUTES.iter().find(|route| match route.path {
        Path::Below(text) => below == Some(text),
        Path::Beside(text) => beside == text,
        Path::From(text) => beside == text || beside.strip_prefix(text).is_some_and(|rest| rest.starts_with('/')),
        Path::Client => below.and_then(|below| below.strip_prefix("assets/")).is_some_and(client::is_named),
        Path::Within(text) => below.is_some_and(|below| is_within(text, below)),
        Path::WithFragment(text) => below.is_some_and(|below| has_fragment(text, below)),
    })
}

fn without_slashes(path: &str) -> Option<&str> {
    let rest = path.strip_prefix('/')?;
    // Two slashes aren't one.
    Some(if rest.len() > 1 { rest.strip_suffix('/').unwrap_or(rest) } else { rest })
}

fn is_within(folder: &str, path: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.len() > 1 && rest.starts_with('/'))
}

fn has_fragment(page: &str, path: &str) -> bool {
    let Some(rest) = path.strip_prefix(page) else { return false };
    let rest = rest.strip_prefix('/').unwrap_or(rest);
    rest.starts_with("%23") || rest.starts_with("%2523")
}

impl Methods {
    /// Whether `method` is one of them.
    pub(crate) fn have(self, method: &Method) -> bool {
        match self {
            Self::Read => method == Method::GET || method == Method::HEAD,
            Self::Post => method == Method::POST,
            Self::Both => Self::Read.have(method) || Self::Post.have(method),
            Self::Any => true,
        }
    }

    /// As the header `Allow` has them.
    pub(crate) const fn allow(self) -> &'static str {
        match self {
            Self::Read => "GET, HEAD",
            Self::Post => "POST",
            Self::Both => "GET, HEAD, POST",
            Self::Any => "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
        }
    }
}

const fn post(path: &'static str, endpoint: Endpoint, label: &'static str) -> Route {
    Route {
        path: Path::Below(path),
        endpoint,
        methods: Methods::Post,
        body: Body::Fields,
        channel: None,
        is_relayed: false,
        label,
        refuse: Problem::into_answer,
        number: 0,
    }
}

const fn read(path: &'static str, endpoint: Endpoint, label: &'static str) -> Route {
    Route { methods: Methods::Read, body: Body::Unread, ..post(path, endpoint, label) }
}

const fn document(path: &'static str, document: Document) -> Route {
    let (endpoint, path) = (Endpoint::Document(document), Path::Beside(path));
    Route { path, methods: Methods::Read, body: Body::Unread, ..post("", endpoint, "document") }
}

const fn page(path: Path) -> Route {
    Route { path, methods: Methods::Read, body: Body::Unread, ..post("", Endpoint::Page, "page") }
}

const fn authz(path: Path, dialect: Dialect, kind: Kind) -> Route {
    let label = match kind {
        Kind::Token => "authz/token",
        Kind::Challenge => "authz/challenge",
        Kind::Session => "authz/session",
    };
    let refuse = match dialect {
        Dialect::Nginx => authz::without_body,
        Dialect::Forward | Dialect::Envoy | Dialect::Grpc => Problem::into_answer,
    };
    Route { path, methods: Methods::Any, body: Body::Unread, refuse, ..post("", Endpoint::Authz(dialect, kind), label) }
}

impl Route {
    /// Whether proxies ask here, and nobody's page: what sites may read of each other is then nothing to be answered.
    pub(crate) const fn is_for_proxies(&self) -> bool {
        matches!(self.endpoint, Endpoint::Authz(..))
    }

    /// Whether its answers say themselves which sites may read them: all.
    pub(crate) const fn is_for_any_site(&self) -> bool {
        matches!(self.endpoint, Endpoint::Client)
    }

    const fn of(self, channel: Channel) -> Self {
        Self { channel: Some(channel), ..self }
    }

    const fn relayed(self) -> Self {
        Self { is_relayed: true, ..self }
    }

    const fn visited(self) -> Self {
        Self { methods: Methods::Both, ..self }
    }

    const fn raw(self) -> Self {
        Self { body: Body::Raw, ..self }
    }

    const fn batch(self) -> Self {
        Self { body: Body::Batch, ..self }
    }
}

const fn numbered<const N: usize>(mut routes: [Route; N]) -> [Route; N] {
    let mut number = 0;
    while number < N {
        routes[number].number = number;
        number += 1;
    }
    routes
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn trailing_slashes_are_optional_and_nothing_else_is() {
        let endpoint = |path| find("/passwordless", path).map(|route| route.endpoint);
        for path in ["/passwordless/exchange/email", "/passwordless/exchange/email/"] {
            assert_eq!(endpoint(path), Some(Endpoint::Exchange(Some(Channel::Email))));
        }
        for path in ["/.well-known/jwks.json", "/.well-known/jwks.json/"] {
            assert_eq!(endpoint(path), Some(Endpoint::Document(Document::Jwks)));
        }
        for path in ["/", "/passwordless/login", "/passwordless/login/"] {
            assert_eq!(endpoint(path), Some(Endpoint::Login), "{path}");
        }
        for path in ["/passwordless/link/", "/passwordless/assets/style.css"] {
            assert_eq!(endpoint(path), Some(Endpoint::Page), "{path}");
        }
        for path in [
            "",
            "//",
            "*",
            "/exchange/email",
            "/passwordlessexchange/email",
            "/passwordless//exchange/email",
            "/passwordless/exchange/email//",
            "/passwordless",
            "/passwordless/",
            "/passwordless//",
            "/passwordless/Exchange",
            "/passwordless/openapi.json",
            "/passwordless/assets",
            "/passwordless/assets/",
            "/login",
        ] {
            assert_eq!(endpoint(path), None, "{path}");
        }
    }

    #[test]
    fn a_link_whose_number_sign_was_encoded_still_lands() {
        let endpoint = |rest| find("/passwordless", &format!("/passwordless/link{rest}")).map(|route| route.endpoint);
        for rest in ["%23", "%23v4.local.AAAA_-", "/%23v4.local.AAAA", "%23v4.local.AAAA/", "%2523v4.local.AAAA&utm=x"] {
            assert_eq!(endpoint(rest), Some(Endpoint::Page), "{rest}");
        }
        for rest in ["%24v4.local.AAAA", "x%23v4.local.AAAA", "/x", "//", "//%23v4.local.AAAA"] {
            assert_eq!(endpoint(rest), None, "{rest}");
        }
    }

    #[test]
    fn proxies_ask_beside_the_base_path_and_envoy_below_its_own() {
        for base in ["", "/passwordless"] {
            let endpoint = |path: &str| find(base, path).map(|route| route.endpoint);
            for path in ["/authz/nginx/token", "/authz/nginx/token/"] {
                assert_eq!(endpoint(path), Some(Endpoint::Authz(Dialect::Nginx, Kind::Token)));
            }
            for rest in ["", "/", "/admin", "/admin/", "//", "//x//", "/../token", "/%2f", "/a/b/c?"] {
                let path = format!("/authz/envoy/challenge{rest}");
                assert_eq!(endpoint(&path), Some(Endpoint::Authz(Dialect::Envoy, Kind::Challenge)), "{path}");
            }
            for path in [
                "/authz",
                "/authz/nginx",
                "/authz/nginx/token/x",
                "/authz/envoy",
                "/authz/envoy/tokens",
                "/authz/envoy/sessions/x",
                "/passwordless/authz/nginx/token",
            ] {
                assert_eq!(endpoint(path), None, "{path}");
            }
        }
    }

    #[test]
    fn the_base_path_may_be_empty() {
        let endpoint = |path| find("", path).map(|route| route.endpoint);
        assert_eq!(endpoint("/exchange/"), Some(Endpoint::Exchange(None)));
        assert_eq!(endpoint("/"), Some(Endpoint::Login));
        assert_eq!(endpoint("/assets/login.js"), Some(Endpoint::Page));
        assert_eq!(endpoint("/openapi.json"), Some(Endpoint::Document(Document::OpenApi)));
    }

    #[test]
    fn each_route_is_found_at_its_own_path() {
        for (number, route) in ROUTES.iter().enumerate() {
            let path = match route.path {
                Path::Below(text) => format!("/base/{text}"),
                Path::Client => "/base/assets/countersign.js".to_owned(),
                Path::Within(text) => format!("/base/{text}/x"),
                Path::WithFragment(text) => format!("/base/{text}%23x"),
                Path::Beside(text) => format!("/{text}"),
                Path::From(text) => format!("/{text}/x"),
            };
            assert_eq!(find("/base", &path).map(|found| found.number), Some(number), "{path}");
            assert_eq!(route.body == Body::Unread, !route.methods.have(&Method::POST) || route.methods == Methods::Any, "{path}");
        }
    }

    /// Whoever adds an endpoint describes it, and nothing is described that isn't there.
    #[test]
    fn the_table_and_the_description_name_the_same() {
        let description: serde_json::Value = serde_json::from_str(super::super::endpoints::documents::OPENAPI).unwrap();
        let described = description["paths"].as_object().unwrap().iter().flat_map(|(path, methods)| {
            methods.as_object().unwrap().keys().map(move |method| (path.clone(), method.to_uppercase()))
        });
        // Pages are for people, the client for browsers and the relay for nodes.
        let is_described =
            |route: &&Route| !matches!(route.endpoint, Endpoint::Login | Endpoint::Page | Endpoint::Client | Endpoint::Relay);
        let served = ROUTES.iter().filter(is_described).flat_map(|route| {
            let path = match route.path {
                Path::Below(text) => format!("%BASE%/{text}/"),
                Path::Client => "%BASE%/assets/countersign.js".to_owned(),
                Path::Within(text) => format!("%BASE%/{text}/{{path}}"),
                Path::WithFragment(text) => format!("%BASE%/{text}%23{{fragment}}"),
                Path::Beside(text) => format!("/{text}"),
                Path::From(text) => format!("/{text}/{{path}}"),
            };
            let methods = [Method::GET, Method::POST].into_iter().filter(|method| match route.methods {
                Methods::Any => method == Method::GET,
                methods => methods.have(method),
            });
            methods.map(move |method| (path.clone(), method.to_string()))
        });
        assert_eq!(described.collect::<BTreeSet<_>>(), served.collect::<BTreeSet<_>>());
    }
}
