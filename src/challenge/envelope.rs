//! The envelope's claims on the wire. What is read here is not believed: only the `mac` over it and the recipient is.

use alloc::{borrow::Cow, string::String};
use core::fmt::Write as _;

use serde::Deserialize;

use super::{Binding, Challenge, ChallengeId, CodeFormat, GuardId, Use, claims::CHALLENGE_AUDIENCE};
use crate::{
    crypto::{Mac, base64url, jws::Compact, paseto},
    recipient::Channel,
    time::{Spelling, UnixTime, WireTime},
};

/// An envelope as a client sent it: taken apart, but not believed.
#[derive(Debug)]
pub struct UntrustedEnvelope<'a> {
    pub(super) protected: &'a str,
    pub(super) signed: Cow<'a, [u8]>,
    pub(super) signature: Cow<'a, str>,
    pub(super) issuer: String,
    pub(super) audience: String,
    pub(super) challenge: Challenge,
    pub(super) mac: Mac,
}

/// What an envelope states before anything is checked, for those who only route or explain.
impl<'a> UntrustedEnvelope<'a> {
    /// Takes a compact JWS or a v4.public token apart; `None` if it is neither, or if its claims aren't exactly an envelope's.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        if text.starts_with("v4.public.") {
            let token = paseto::Public::split(text)?;
            let claims: Wire<'_> = serde_json::from_slice(token.message()).ok()?;
            let signature = base64url::encode(token.signature());
            let signed = token.signed()?;
            Self::from_wire(claims, Spelling::Iso8601, token.footer, signed.into(), signature.into())
        } else {
            let parts = Compact::split(text)?;
            let payload = base64url::decode(parts.payload)?;
            let claims: Wire<'_> = serde_json::from_slice(&payload).ok()?;
            Self::from_wire(claims, Spelling::Number, parts.header, parts.signed.as_bytes().into(), parts.signature.into())
        }
    }

    fn from_wire(
        claims: Wire<'_>,
        spelling: Spelling,
        protected: &'a str,
        signed: Cow<'a, [u8]>,
        signature: Cow<'a, str>,
    ) -> Option<Self> {
        let binding = match claims.bind.as_ref() {
            "" => None,
            text => Some(Binding::from_text(text)?),
        };
        let challenge = Challenge {
            id: ChallengeId::from_text(&claims.jti)?,
            issued_at: claims.iat.read(spelling)?,
            expires_at: claims.exp.read(spelling)?,
            usage: Use::from_name(&claims.usage)?,
            channel: Channel::from_name(&claims.channel)?,
            format: CodeFormat::from_claim(&claims.fmt)?,
            guard: GuardId::new(claims.guard)?,
            binding,
        };
        let mac = Mac::from_bytes(base64url::decode_array(&claims.mac)?);
        let (issuer, audience) = (claims.iss.into_owned(), claims.aud.into_owned());
        Some(Self { protected, signed, signature, issuer, audience, challenge, mac })
    }

    /// The claims, none of them checked.
    #[must_use]
    pub const fn untrusted_challenge(&self) -> &Challenge {
        &self.challenge
    }

    /// `iss`, not checked.
    #[must_use]
    pub fn untrusted_issuer(&self) -> &str {
        &self.issuer
    }

    /// `aud`, not checked.
    #[must_use]
    pub fn untrusted_audience(&self) -> &str {
        &self.audience
    }
}

/// The claims as JSON has them: these and no others, each once.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire<'a> {
    #[serde(borrow)]
    iss: Cow<'a, str>,
    #[serde(borrow)]
    aud: Cow<'a, str>,
    #[serde(borrow)]
    jti: Cow<'a, str>,
    #[serde(borrow)]
    iat: WireTime<'a>,
    #[serde(borrow)]
    exp: WireTime<'a>,
    #[serde(rename = "use", borrow)]
    usage: Cow<'a, str>,
    #[serde(borrow)]
    channel: Cow<'a, str>,
    #[serde(borrow)]
    fmt: Cow<'a, str>,
    #[serde(borrow)]
    guard: Cow<'a, str>,
    #[serde(borrow)]
    bind: Cow<'a, str>,
    #[serde(borrow)]
    mac: Cow<'a, str>,
}

/// The JSON of `challenge`; `issuer` is a JSON string already, quotes included.
pub(super) fn write_claims(issuer: &str, challenge: &Challenge, mac: &Mac, spelling: Spelling) -> String {
    let mut json = String::with_capacity(384 + issuer.len());
    let moment = |json: &mut String, moment: UnixTime| {
        match spelling {
            Spelling::Number => write!(json, "{}", moment.as_seconds()),
            Spelling::Iso8601 => write!(json, "\"{}\"", moment.to_iso8601()),
        }
        .expect("a String takes all that is written")
    };
    json.push_str("{\"iss\":");
    json.push_str(issuer);
    json.push_str(",\"aud\":\"");
    json.push_str(CHALLENGE_AUDIENCE);
    json.push_str("\",\"jti\":\"");
    base64url::encode_into(challenge.id.as_bytes(), &mut json);
    json.push_str("\",\"iat\":");
    moment(&mut json, challenge.issued_at);
    json.push_str(",\"exp\":");
    moment(&mut json, challenge.expires_at);
    json.push_str(",\"use\":\"");
    json.push_str(challenge.usage.as_str());
    json.push_str("\",\"channel\":\"");
    json.push_str(challenge.channel.as_str());
    json.push_str("\",\"fmt\":");
    push_string(&mut json, &challenge.format);
    json.push_str(",\"guard\":\"");
    json.push_str(challenge.guard.as_str());
    json.push_str("\",\"bind\":\"");
    if let Some(binding) = &challenge.binding {
        base64url::encode_into(binding.as_bytes(), &mut json);
    }
    json.push_str("\",\"mac\":\"");
    base64url::encode_into(mac.as_bytes(), &mut json);
    json.push_str("\"}");
    json
}

/// A custom alphabet may hold quotes and backslashes; everything else here is plain ASCII.
fn push_string(json: &mut String, format: &CodeFormat) {
    if let super::Alphabet::Custom(_) = format.alphabet() {
        let text = alloc::format!("{format}");
        json.push_str(&serde_json::to_string(&text).expect("a string is always JSON"));
    } else {
        write!(json, "\"{format}\"").expect("a String takes all that is written");
    }
}
