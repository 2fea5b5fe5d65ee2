//! The documents that anyone may fetch: keys, metadata, the description of this interface. All are written at the start.

use http_body_util::Full;
use hyper::{
    Response,
    body::Bytes,
    header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue},
};
use serde_json::json;

use crate::{
    server::{call::Answer, wire::public_url::PublicUrl},
    token::{AccessAlgorithm, KeyDocuments},
    verify::Method,
};

/// With placeholders for what is configured.
pub(crate) const OPENAPI: &str = include_str!("openapi.json");

/// One of the documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Document {
    /// Keys of access tokens.
    Jwks,
    /// Those for EdDSA.
    JwksEdDsa,
    /// Those for ES256.
    JwksEs256,
    /// Those for RS256.
    JwksRs256,
    /// Keys of envelopes.
    ChallengeJwks,
    /// Keys of PASETO v4.public.
    Paserk,
    /// Metadata, for those who find keys by the issuer's name.
    OpenIdConfiguration,
    /// The same document by its other name.
    AuthorizationServer,
    /// The description of this interface.
    OpenApi,
}

/// What the documents are written from.
#[derive(Debug)]
pub(crate) struct Published<'a> {
    /// What signs access tokens.
    pub(crate) algorithm: AccessAlgorithm,
    /// Who signs them.
    pub(crate) issuer: &'a str,
    /// How people reach this server.
    pub(crate) public_url: &'a PublicUrl,
    /// What stands before every endpoint.
    pub(crate) base_path: &'a str,
    /// The name of the e-mail field.
    pub(crate) email_field: &'a str,
    /// The name of the phone number field.
    pub(crate) mobile_field: &'a str,
    /// How a verify provider's code can reach a person.
    pub(crate) methods: &'a [Method],
}

/// The documents that stay what they are; the keys' come with the keys.
#[derive(Debug)]
pub(crate) struct Documents {
    metadata: Bytes,
    openapi: Bytes,
}

impl Documents {
    /// Writes them.
    pub(crate) fn new(published: &Published<'_>) -> Self {
        Self { metadata: published.metadata().into(), openapi: published.openapi().into() }
    }

    /// The answer with one of them; `keys` are the current ones.
    pub(crate) fn answer(&self, document: Document, keys: &KeyDocuments) -> Answer {
        let published = |json: &str| Bytes::copy_from_slice(json.as_bytes());
        let json = match document {
            Document::Jwks => published(&keys.jwks),
            Document::JwksEdDsa => published(&keys.jwks_eddsa),
            Document::JwksEs256 => published(&keys.jwks_es256),
            Document::JwksRs256 => published(&keys.jwks_rs256),
            Document::ChallengeJwks => published(&keys.challenge_jwks),
            Document::Paserk => published(&keys.paserk),
            Document::OpenIdConfiguration | Document::AuthorizationServer => self.metadata.clone(),
            Document::OpenApi => self.openapi.clone(),
        };
        let mut answer = Response::new(Full::new(json));
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("max-age=300"));
        answer
    }
}

impl Published<'_> {
    /// RFC 8414, and OpenID Connect Discovery 1.0.
    fn metadata(&self) -> String {
        let Self { public_url, base_path, algorithm, .. } = self;
        let algorithms: &[&str] = if algorithm.is_paseto() { &[] } else { &[algorithm.name()] };
        let metadata = json!({
            "issuer": self.issuer,
            "jwks_uri": format!("{public_url}/.well-known/jwks.json"),
            "token_endpoint": format!("{public_url}{base_path}/exchange/"),
            "response_types_supported": [],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": algorithms,
        });
        metadata.to_string()
    }

    /// OpenAPI 3.1, with the configured path and names of fields.
    fn openapi(&self) -> String {
        let quoted = |text: &str| serde_json::to_string(text).expect("a string is always JSON").trim_matches('"').to_owned();
        OPENAPI
            .replace("%VERSION%", env!("CARGO_PKG_VERSION"))
            .replace("%URL%", &quoted(self.public_url.as_str()))
            .replace("%BASE%", &quoted(self.base_path))
            .replace("%EMAIL%", &quoted(self.email_field))
            .replace("%MOBILE%", &quoted(self.mobile_field))
            .replace("%METHODS%", &self.methods.iter().map(|method| method.as_str()).collect::<Vec<_>>().join("\", \""))
    }
}
