//! What somebody is told whose request doesn't pass: the bytes of countersign's own answers.

/// Why a request doesn't pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// It needs an access token, and has none that is good.
    Token,
    /// It needs a challenge, and has none that is good.
    Challenge,
    /// Nobody can be judged, since there are no keys yet. An outage signs nobody out.
    Unavailable,
}

impl Denial {
    /// The status.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Token | Self::Challenge => 401,
            Self::Unavailable => 503,
        }
    }

    /// The headers, besides the body's length; names in lower case.
    #[must_use]
    pub const fn headers(self) -> [(&'static str, &'static str); 3] {
        let own = match self {
            Self::Token => ("www-authenticate", r#"Bearer realm="countersign", error="invalid_token""#),
            Self::Challenge => ("www-authenticate", r#"Countersign realm="countersign""#),
            Self::Unavailable => ("retry-after", "1"),
        };
        [("content-type", "application/problem+json"), ("cache-control", "no-store"), own]
    }

    /// The body: `application/problem+json`.
    #[must_use]
    pub const fn body(self) -> &'static str {
        match self {
            Self::Token => {
                r#"{"type":"about:blank","title":"Unauthorized","status":401,"detail":"Token is invalid or expired","code":"token_not_valid"}"#
            }
            Self::Challenge => {
                r#"{"type":"about:blank","title":"Unauthorized","status":401,"detail":"Challenge is invalid or expired","code":"challenge_not_valid"}"#
            }
            Self::Unavailable => {
                r#"{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"Not available at the moment. Try again later.","code":"unavailable"}"#
            }
        }
    }
}
