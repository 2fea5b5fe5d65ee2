//! A user's claims in headers of their own, for apps that want to know more than who it is.

use hyper::header::{HeaderName, HeaderValue};
use serde_json::{Map, Value};

use super::identity::{HEADERS, X_AUTH_TOKEN, value};
use crate::{edge::identity::encoded, seldom::Seldom, time::UnixTime, token::is_reserved};

/// The longest value, in bytes: proxies have little room for headers.
const LONGEST: usize = 1024;
/// Lines a minute about claims that can't be told.
const LINES: u32 = 1;
/// Names that proxies give a meaning to; an app, or the next proxy, would believe a user's claim in their place.
const OF_PROXIES: [&str; 3] = ["x-forwarded-", "x-original-", "x-real-ip"];

/// One of `claim_headers`: a claim, and the header that tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimHeader {
    claim: Box<str>,
    name: HeaderName,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct ClaimHeaders {
    headers: Vec<ClaimHeader>,
    untold: Seldom,
}

impl ClaimHeader {
    /// Reads `role:X-Auth-Role`: a claim of the user's and a header, with the last colon between them.
    ///
    /// # Errors
    /// What is wrong with it, and what would do.
    pub fn parse(text: &str) -> Result<Self, String> {
        let example = "write a claim and a header, as role:X-Auth-Role";
        let (claim, header) = text.rsplit_once(':').ok_or_else(|| format!("{text:?} has no colon: {example}"))?;
        let (claim, header) = (claim.trim(), header.trim());
        if claim.is_empty() {
            return Err(format!("{text:?} names no claim: {example}"));
        }
        if is_reserved(claim) {
            return Err(format!("{claim:?} is the token's own and no claim of a user's: the other X-Auth-… headers tell those"));
        }
        let lower = header.to_ascii_lowercase();
        let is_plain = lower.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !is_plain || lower.len() < 3 || !lower.starts_with("x-") {
            return Err(format!("{header:?} must begin with X- and have letters, digits and dashes only, as X-Auth-Role"));
        }
        if OF_PROXIES.iter().any(|start| lower.starts_with(start)) {
            return Err(format!(
                "{header} belongs to proxies, and whoever reads it would believe a claim in its place: take X-Auth-…"
            ));
        }
        let name = HeaderName::try_from(&lower).map_err(|_| format!("{header:?} is no name of a header"))?;
        if HEADERS.contains(&name) || name == X_AUTH_TOKEN {
            return Err(format!("{header} tells something else already: take another name"));
        }
        Ok(Self { claim: claim.into(), name })
    }

    /// The header.
    #[must_use]
    pub const fn name(&self) -> &HeaderName {
        &self.name
    }
}

impl ClaimHeaders {
    pub(crate) fn new(headers: Vec<ClaimHeader>) -> Self {
        Self { headers, untold: Seldom::new(LINES) }
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &HeaderName> {
        self.headers.iter().map(ClaimHeader::name)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.headers.is_empty()
    }

    pub(super) const fn len(&self) -> usize {
        self.headers.len()
    }

    /// The values of a user's claims, in the order of the headers.
    pub(super) fn values(&self, claims: &Map<String, Value>, now: UnixTime) -> Box<[HeaderValue]> {
        let of = |header: &ClaimHeader| claims.get(&*header.claim).and_then(|claim| self.value(header, claim, now));
        self.headers.iter().map(|header| of(header).unwrap_or(HeaderValue::from_static(""))).collect()
    }

    /// A claim as a header has it, unless it can't.
    fn value(&self, header: &ClaimHeader, claim: &Value, now: UnixTime) -> Option<HeaderValue> {
        let (told, why) = match claim {
            Value::Null => (None, "it is null"),
            Value::String(text) => (Some(encoded(text)), "it is longer than 1 KiB"),
            other => (Some(encoded(&other.to_string())), "it is longer than 1 KiB"),
        };
        let told = told.filter(|text| text.len() <= LONGEST).map(value);
        if told.is_none()
            && let Some(left_out) = self.untold.due(now)
        {
            tracing::warn!(claim = &*header.claim, header = header.name.as_str(), why, left_out, "a claim is left empty");
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);

    #[test]
    fn a_claim_and_its_header() {
        for (text, claim, name) in [
            ("role:X-Auth-Role", "role", "x-auth-role"),
            (" role : x-role ", "role", "x-role"),
            ("https://example.com/role:X-Role", "https://example.com/role", "x-role"),
            ("user_id:X-User", "user_id", "x-user"),
            ("a b:X-1", "a b", "x-1"),
        ] {
            let header = ClaimHeader::parse(text).unwrap();
            assert_eq!((&*header.claim, header.name.as_str()), (claim, name), "{text}");
        }
        for (text, says) in [
            ("", "no colon"),
            ("role", "no colon"),
            (":X-Auth-Role", "names no claim"),
            (" :X-Auth-Role", "names no claim"),
            ("sub:X-Sub", "token's own"),
            ("aud:X-Aud", "token's own"),
            ("role:", "must begin with X-"),
            ("role:X-", "must begin with X-"),
            ("role:Role", "must begin with X-"),
            ("role:Authorization", "must begin with X-"),
            ("role:X_Auth_Role", "must begin with X-"),
            ("role:X-Auth_Role", "letters, digits and dashes"),
            ("role:X-Auth Role", "letters, digits and dashes"),
            ("role:X-Röle", "letters, digits and dashes"),
            ("role:X-A\r\nX-B", "letters, digits and dashes"),
            ("role:X-Forwarded-For", "belongs to proxies"),
            ("role:x-FORWARDED-user", "belongs to proxies"),
            ("role:X-Original-URL", "belongs to proxies"),
            ("role:X-Real-IP", "belongs to proxies"),
            ("role:X-Auth-Subject", "something else"),
            ("role:x-auth-session", "something else"),
            ("role:X-Auth-Channel", "something else"),
            ("role:X-Auth-Token", "something else"),
            ("role:X-Challenge-Id", "something else"),
        ] {
            let error = ClaimHeader::parse(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn claims_of_every_kind() {
        let told = |claim: Value| {
            let headers = ClaimHeaders::new(vec![ClaimHeader::parse("role:X-Role").unwrap()]);
            let values = headers.values(json!({ "role": claim }).as_object().unwrap(), NOW);
            (values[0].to_str().unwrap().to_owned(), headers.untold.due(NOW).is_none())
        };
        for (claim, text) in [
            (json!("admin"), "admin"),
            (json!(""), ""),
            (json!("jürgen\r\nX-Auth-Subject: root"), "j%C3%BCrgen%0D%0AX-Auth-Subject: root"),
            (json!(true), "true"),
            (json!(4.5), "4.5"),
            (json!(["a", "b"]), r#"["a","b"]"#),
            (json!({"a": {"b": null}}), r#"{"a":{"b":null}}"#),
            (json!(["ü"]), r#"["%C3%BC"]"#),
            (json!("x".repeat(1024)), &"x".repeat(1024)),
        ] {
            assert_eq!(told(claim.clone()), (text.into(), false), "{claim}");
        }
        for claim in [json!(null), json!("x".repeat(1025)), json!(vec!["x"; 300]), json!("ü".repeat(171))] {
            assert_eq!(told(claim.clone()), (String::new(), true), "{claim}");
        }
    }

    #[test]
    fn values_come_in_the_order_of_their_headers_and_a_claim_that_is_not_there_is_empty() {
        let headers = ["b:X-B", "a:X-A", "b:X-C", "none:X-N"].map(|text| ClaimHeader::parse(text).unwrap());
        let headers = ClaimHeaders::new(headers.into());
        let values = headers.values(json!({"a": 1, "b": 2, "c": 3}).as_object().unwrap(), NOW);
        assert_eq!(&*values, ["2", "1", "2", ""]);
        assert!(headers.untold.due(NOW).is_some(), "that is nothing to be told");
    }
}
