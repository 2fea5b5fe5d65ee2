//! The claims of an access token: their names, and how they are written.

use alloc::{string::String, vec::Vec};

use serde_json::{Map, Value};

use super::{Amr, SessionId, SessionsConfig};
use crate::{
    crypto::{
        base64url,
        json::{push_number, push_string},
    },
    recipient::Channel,
    time::{Spelling, UnixTime},
};

/// The claims that the engine writes, beside the configured one for the user's id. A user's claims replace none of them.
pub const OUR_CLAIMS: [&str; 12] =
    ["iss", "sub", "aud", "client_id", "iat", "exp", "jti", "sid", "auth_time", "amr", "channel", "token_type"];

/// What `token_type` says in every access token, as djangorestframework-simplejwt has it.
pub const ACCESS: &str = "access";

/// Whether a claim can't be chosen: neither as `user_id_claim` nor by a user's own claims. `nbf` is never written.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    OUR_CLAIMS.contains(&name) || name == "nbf"
}

/// What differs from one access token to the next.
#[derive(Debug)]
pub(super) struct AccessClaims<'a> {
    pub(super) subject: &'a str,
    pub(super) issued_at: UnixTime,
    pub(super) expires_at: UnixTime,
    pub(super) id: [u8; 16],
    pub(super) session: SessionId,
    pub(super) authenticated_at: UnixTime,
    pub(super) amr: &'a Amr,
    pub(super) channel: Channel,
    pub(super) custom: &'a Map<String, Value>,
}

/// Writes claims; what is the same in every token of a fleet is prepared.
#[derive(Debug)]
pub(super) struct ClaimsWriter {
    /// From the opening brace to `"sub":`.
    start: Vec<u8>,
    user_id_claim: alloc::boxed::Box<str>,
    /// `,"<user_id_claim>":`
    user_id: Vec<u8>,
    spelling: Spelling,
}

impl ClaimsWriter {
    /// Of tokens for these audiences.
    pub(super) fn new(config: &SessionsConfig, audiences: &[String]) -> Self {
        let mut start = br#"{"iss":"#.to_vec();
        push_string(&mut start, &config.issuer);
        start.extend_from_slice(br#","aud":"#);
        match audiences {
            [one] => push_string(&mut start, one),
            several => start.extend_from_slice(&serde_json::to_vec(several).expect("strings are always JSON")),
        }
        start.extend_from_slice(br#","client_id":"#);
        push_string(&mut start, &config.client_id);
        start.extend_from_slice(br#","token_type":"access","sub":"#);

        let mut user_id = b",".to_vec();
        push_string(&mut user_id, &config.user_id_claim);
        user_id.push(b':');
        let spelling = if config.algorithm.is_paseto() { Spelling::Iso8601 } else { Spelling::Number };
        Self { start, user_id_claim: config.user_id_claim.as_str().into(), user_id, spelling }
    }

    /// The JSON of `claims`.
    pub(super) fn write(&self, claims: &AccessClaims<'_>) -> Vec<u8> {
        let mut json = Vec::with_capacity(self.start.len() + 2 * claims.subject.len() + 320);
        json.extend_from_slice(&self.start);
        push_string(&mut json, claims.subject);
        json.extend_from_slice(&self.user_id);
        push_string(&mut json, claims.subject);
        json.extend_from_slice(br#","channel":""#);
        json.extend_from_slice(claims.channel.as_str().as_bytes());
        json.extend_from_slice(br#"","amr":"#);
        claims.amr.push_json(&mut json);
        self.push_moment(&mut json, r#","iat":"#, claims.issued_at);
        self.push_moment(&mut json, r#","exp":"#, claims.expires_at);
        self.push_moment(&mut json, r#","auth_time":"#, claims.authenticated_at);
        json.extend_from_slice(br#","jti":""#);
        base64url::push(&claims.id, &mut json);
        json.extend_from_slice(br#"","sid":""#);
        json.extend_from_slice(claims.session.to_text().as_bytes());
        json.push(b'"');
        for (name, value) in claims.custom {
            if !is_reserved(name) && **name != *self.user_id_claim {
                json.push(b',');
                push_string(&mut json, name);
                json.push(b':');
                json.extend_from_slice(&serde_json::to_vec(value).expect("a JSON value is always JSON"));
            }
        }
        json.push(b'}');
        json
    }

    fn push_moment(&self, json: &mut Vec<u8>, name: &str, moment: UnixTime) {
        json.extend_from_slice(name.as_bytes());
        match self.spelling {
            Spelling::Number => push_number(json, moment.as_seconds()),
            Spelling::Iso8601 => push_string(json, &moment.to_iso8601()),
        }
    }
}
