//! The documents that anyone may fetch: keys, metadata, the description of this interface. All are written at the start.

use http_body_util::Full;
use hyper::{
    Response,
    body::Bytes,
    header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue},
};

use serde_json::json;

use crate::{config::Config, server::wire::problem::Answer, token::KeyDocuments};

/// With placeholders for what is configured.
const OPENAPI: &str = include_str!("openapi.json");

/// Documents by path.
#[derive(Debug, Default)]
pub(crate) struct Documents(Vec<(Box<str>, Bytes)>);

impl Documents {
    /// Adds a JSON document.
    pub(crate) fn add(&mut self, path: impl Into<Box<str>>, json: impl Into<Bytes>) {
        self.0.push((path.into(), json.into()));
    }

    /// Adds all that a configuration and its keys publish.
    pub(crate) fn describe(&mut self, config: &Config, keys: &KeyDocuments) {
        let sets = [
            ("jwks.json", &keys.jwks),
            ("jwks-eddsa.json", &keys.jwks_eddsa),
            ("jwks-es256.json", &keys.jwks_es256),
            ("jwks-rs256.json", &keys.jwks_rs256),
            ("challenge-jwks.json", &keys.challenge_jwks),
            ("paserk.json", &keys.paserk),
        ];
        for (name, json) in sets {
            self.add(format!("/.well-known/{name}"), Bytes::copy_from_slice(json.as_bytes()));
        }
        let metadata = Bytes::from(metadata(config));
        self.add("/.well-known/openid-configuration", metadata.clone());
        self.add("/.well-known/oauth-authorization-server", metadata);
        self.add("/openapi.json", Bytes::from(openapi(config)));
    }

    /// The place of the document at `path`.
    pub(crate) fn find(&self, path: &str) -> Option<usize> {
        let path = path.strip_suffix('/').unwrap_or(path);
        self.0.iter().position(|(known, _)| **known == *path)
    }

    /// The answer with the document at this place, which [`Documents::find`] told.
    pub(crate) fn answer(&self, at: usize) -> Answer {
        let mut answer = Response::new(Full::new(self.0[at].1.clone()));
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("max-age=300"));
        answer
    }
}

/// Metadata (RFC 8414, OpenID Connect Discovery 1.0) for those who find keys by the issuer's name.
fn metadata(config: &Config) -> Vec<u8> {
    let (public_url, base_path) = (&config.server.public_url, &config.server.base_path);
    let algorithm = config.tokens.sessions.algorithm;
    let algorithms: &[&str] = if algorithm.is_paseto() { &[] } else { &[algorithm.name()] };
    let metadata = json!({
        "issuer": config.tokens.sessions.issuer,
        "jwks_uri": format!("{public_url}/.well-known/jwks.json"),
        "token_endpoint": format!("{public_url}{base_path}/exchange/"),
        "response_types_supported": [],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": algorithms,
    });
    metadata.to_string().into_bytes()
}

/// The description of this interface (OpenAPI 3.1), with the configured path and names of fields.
fn openapi(config: &Config) -> String {
    let quoted = |text: &str| serde_json::to_string(text).expect("a string is always JSON").trim_matches('"').to_owned();
    OPENAPI
        .replace("%VERSION%", env!("CARGO_PKG_VERSION"))
        .replace("%URL%", &quoted(config.server.public_url.as_str()))
        .replace("%BASE%", &quoted(&config.server.base_path))
        .replace("%EMAIL%", &quoted(&config.passwordless.email_field))
        .replace("%MOBILE%", &quoted(&config.passwordless.mobile_field))
}
