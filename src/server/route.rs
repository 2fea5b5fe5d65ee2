//! Which path means what, with or without a trailing slash, under the base path and beside it.

use hyper::Method;

use super::wire::problem::Problem;
use crate::recipient::Channel;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// A code.
    Request(Channel),
    /// The same code once more.
    Resend,
    /// Tokens; the channel is in the path, or is found in the body.
    Exchange(Option<Channel>),
    /// A new access token.
    Refresh,
    /// Whether an access token is valid.
    Verify,
    /// A check that a verify provider makes.
    External(External),
    /// Sealed requests of another node.
    Relay,
    /// A document that anyone may fetch, at this place among the documents.
    Document(usize),
    /// A page, or what it loads.
    Page,
}

/// The endpoints around a verify provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum External {
    /// Has a code sent.
    Request,
    /// Has a code checked.
    Verify,
    /// The provider's news.
    Webhook,
}

impl Route {
    /// How many different labels there are for metrics.
    pub(crate) const LABELS: [&'static str; 11] = [
        "request",
        "resend",
        "exchange",
        "token/refresh",
        "token/verify",
        "external/request",
        "external/verify",
        "external/webhook",
        "document",
        "page",
        "relay",
    ];

    /// The endpoint at a path below the base path: without a leading and a trailing slash.
    pub(crate) fn endpoint(path: &str) -> Option<Self> {
        Some(match path {
            "request/email" => Self::Request(Channel::Email),
            "request/mobile" => Self::Request(Channel::Mobile),
            "resend" => Self::Resend,
            "exchange" => Self::Exchange(None),
            "exchange/email" => Self::Exchange(Some(Channel::Email)),
            "exchange/mobile" => Self::Exchange(Some(Channel::Mobile)),
            "token/refresh" => Self::Refresh,
            "token/verify" => Self::Verify,
            "external/request" => Self::External(External::Request),
            "external/verify" => Self::External(External::Verify),
            "external/webhook" => Self::External(External::Webhook),
            "relay" => Self::Relay,
            _ => return None,
        })
    }

    /// Its place in [`Route::LABELS`].
    pub(crate) const fn label(self) -> usize {
        match self {
            Self::Request(_) => 0,
            Self::Resend => 1,
            Self::Exchange(_) => 2,
            Self::Refresh => 3,
            Self::Verify => 4,
            Self::External(External::Request) => 5,
            Self::External(External::Verify) => 6,
            Self::External(External::Webhook) => 7,
            Self::Document(_) => 8,
            Self::Page => 9,
            Self::Relay => 10,
        }
    }

    /// The channel that has to be allowed for this to exist at all.
    pub(crate) const fn channel(self) -> Option<Channel> {
        match self {
            Self::Request(channel) | Self::Exchange(Some(channel)) => Some(channel),
            Self::External(External::Request | External::Verify) => Some(Channel::Mobile),
            _ => None,
        }
    }

    /// Whether the body matters. Proxies announce bodies to some of the others and don't send them.
    pub(crate) const fn reads_body(self) -> bool {
        !matches!(self, Self::Document(_) | Self::Page)
    }

    /// Judges the method.
    pub(crate) fn judge(self, method: &Method) -> Result<(), Problem> {
        let (fits, allow) = match self {
            Self::Document(_) | Self::Page => (method == Method::GET || method == Method::HEAD, "GET, HEAD"),
            _ => (method == Method::POST, "POST"),
        };
        if fits { Ok(()) } else { Err(Problem::method_not_allowed(allow)) }
    }
}

/// What follows the base path, without its slashes; `None` for a path that isn't under it.
pub(crate) fn below<'p>(base_path: &str, path: &'p str) -> Option<&'p str> {
    let rest = path.strip_prefix(base_path)?.strip_prefix('/')?;
    Some(rest.strip_suffix('/').unwrap_or(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trailing_slashes_are_optional_and_nothing_else_is() {
        let route = |path| below("/passwordless", path).and_then(Route::endpoint);
        for path in ["/passwordless/exchange/email", "/passwordless/exchange/email/"] {
            assert_eq!(route(path), Some(Route::Exchange(Some(Channel::Email))));
        }
        for path in [
            "/exchange/email",
            "/passwordlessexchange/email",
            "/passwordless//exchange/email",
            "/passwordless/exchange/email//",
            "/passwordless",
            "/passwordless/",
            "/passwordless/Exchange",
        ] {
            assert_eq!(route(path), None, "{path}");
        }
        assert_eq!(below("", "/exchange/").and_then(Route::endpoint), Some(Route::Exchange(None)));
    }

    #[test]
    fn labels_fit() {
        for path in
            ["request/email", "resend", "exchange", "token/refresh", "token/verify", "external/request", "external/webhook"]
        {
            let label = Route::LABELS[Route::endpoint(path).unwrap().label()];
            assert!(path.starts_with(label), "{path} is not {label}");
        }
    }
}
