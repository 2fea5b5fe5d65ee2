//! The envelope's claims on the wire. What is read here is not believed: only the `mac` over it and the recipient is.
//!
//! The claims have one spelling: these members in this order, without white space. The reader takes nothing else, so
//! whatever it reads is written again to the same bytes, and needs no JSON library on the way of each login.

use alloc::{borrow::Cow, string::String, vec::Vec};
use core::{ops::Range, str};

use super::{Alphabet, Binding, Challenge, ChallengeId, CodeFormat, GuardId, Use, claims::CHALLENGE_AUDIENCE};
use crate::{
    crypto::{
        Mac, base64url,
        json::{push_escaped, push_number, push_string},
        jws::Compact,
        paseto,
    },
    recipient::Channel,
    time::{Spelling, UnixTime},
};

/// An envelope as a client sent it: taken apart, but not believed.
#[derive(Debug)]
pub struct UntrustedEnvelope<'a> {
    form: Form<'a>,
    /// Where `iss` stands in the claims, as a JSON string with its quotes.
    issuer: Range<usize>,
    pub(super) challenge: Challenge,
    pub(super) mac: Mac,
}

#[derive(Debug)]
enum Form<'a> {
    Jws { parts: Compact<'a>, claims: Vec<u8>, signature: [u8; SIGNATURE] },
    Paseto(paseto::Public<'a>),
}

impl<'a> UntrustedEnvelope<'a> {
    /// Takes a compact JWS or a v4.public token apart; `None` if it is neither, or if its claims aren't exactly an envelope's.
    /// The signature has to be base64url of 64 bytes, as that of each algorithm is: so every byte of `text` is judged here,
    /// and who echoes an envelope echoes nothing else.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let form = if text.starts_with(paseto::PUBLIC) {
            Form::Paseto(paseto::Public::split(text)?)
        } else {
            let parts = Compact::split(text)?;
            let signature = base64url::decode_array(parts.signature)?;
            Form::Jws { parts, claims: base64url::decode(parts.payload)?, signature }
        };
        let (issuer, challenge, mac) = read_claims(form.claims(), form.spelling())?;
        Some(Self { form, issuer, challenge, mac })
    }

    /// The claims, none of them checked, for those who only route or explain.
    #[must_use]
    pub const fn untrusted_challenge(&self) -> &Challenge {
        &self.challenge
    }

    /// The claims, for whoever checked the signature.
    pub(crate) fn into_challenge(self) -> Challenge {
        self.challenge
    }

    /// `iss`, not checked.
    #[must_use]
    pub fn untrusted_issuer(&self) -> String {
        serde_json::from_slice(self.issuer_json()).expect("it was read as a JSON string")
    }

    /// `iss` as it is spelled, a JSON string.
    pub(crate) fn issuer_json(&self) -> &[u8] {
        &self.form.claims()[self.issuer.clone()]
    }

    /// What names format and key, base64url: the JWS header or the PASETO footer.
    pub(crate) const fn protected(&self) -> &'a str {
        match &self.form {
            Form::Jws { parts, .. } => parts.header,
            Form::Paseto(token) => token.footer,
        }
    }

    /// What was signed, and the signature; `None` if a footer is no base64url.
    pub(crate) fn signed(&self) -> Option<[Cow<'_, [u8]>; 2]> {
        match &self.form {
            Form::Jws { parts, signature, .. } => Some([parts.signed.as_bytes().into(), signature[..].into()]),
            Form::Paseto(token) => Some([token.signed()?.into(), token.signature().into()]),
        }
    }
}

impl Form<'_> {
    fn claims(&self) -> &[u8] {
        match self {
            Self::Jws { claims, .. } => claims,
            Self::Paseto(token) => token.message(),
        }
    }

    const fn spelling(&self) -> Spelling {
        match self {
            Self::Jws { .. } => Spelling::Number,
            Self::Paseto(_) => Spelling::Iso8601,
        }
    }
}

/// The JSON of `challenge`; `issuer` is a JSON string already, quotes included.
pub(super) fn write_claims(issuer: &str, challenge: &Challenge, mac: &Mac, spelling: Spelling) -> Vec<u8> {
    let mut json = Vec::with_capacity(320 + issuer.len() + challenge.guard.as_str().len());
    json.extend_from_slice(br#"{"iss":"#);
    json.extend_from_slice(issuer.as_bytes());
    json.extend_from_slice(br#","aud":""#);
    json.extend_from_slice(CHALLENGE_AUDIENCE.as_bytes());
    json.extend_from_slice(br#"","jti":""#);
    base64url::push(challenge.id.as_bytes(), &mut json);
    json.extend_from_slice(br#"","iat":"#);
    push_moment(&mut json, challenge.issued_at, spelling);
    json.extend_from_slice(br#","exp":"#);
    push_moment(&mut json, challenge.expires_at, spelling);
    json.extend_from_slice(br#","use":""#);
    json.extend_from_slice(challenge.usage.as_str().as_bytes());
    json.extend_from_slice(br#"","channel":""#);
    json.extend_from_slice(challenge.channel.as_str().as_bytes());
    json.push(b'"');
    if let Some(format) = &challenge.format {
        json.extend_from_slice(br#","fmt":"#);
        push_format(&mut json, format);
    }
    json.extend_from_slice(br#","guard":""#);
    json.extend_from_slice(challenge.guard.as_str().as_bytes());
    json.extend_from_slice(br#"","bind":""#);
    if let Some(binding) = &challenge.binding {
        base64url::push(binding.as_bytes(), &mut json);
    }
    json.extend_from_slice(br#"","mac":""#);
    base64url::push(mac.as_bytes(), &mut json);
    json.extend_from_slice(br#""}"#);
    json
}

fn push_moment(json: &mut Vec<u8>, moment: UnixTime, spelling: Spelling) {
    match spelling {
        Spelling::Number => push_number(json, moment.as_seconds()),
        Spelling::Iso8601 => push_string(json, &moment.to_iso8601()),
    }
}

/// A custom alphabet may hold quotes and backslashes; everything else here is plain ASCII.
fn push_format(json: &mut Vec<u8>, format: &CodeFormat) {
    json.push(b'"');
    push_number(json, format.length().into());
    json.push(b':');
    if let Alphabet::Custom(_) = format.alphabet() {
        push_escaped(json, format.alphabet().name());
    } else {
        json.extend_from_slice(format.alphabet().name().as_bytes());
    }
    json.push(b'"');
}

/// Reads what [`write_claims`] writes, and nothing else. Tells where the string `iss` stands.
fn read_claims(json: &[u8], spelling: Spelling) -> Option<(Range<usize>, Challenge, Mac)> {
    let json = str::from_utf8(json).ok()?;
    let mut claims = Reader { json, rest: json };
    claims.skip(br#"{"iss":"#)?;
    let (issuer, _) = claims.string()?;
    claims.skip(br#","aud":""#)?;
    claims.rest = claims.rest.strip_prefix(CHALLENGE_AUDIENCE)?;
    claims.skip(br#"","jti":""#)?;
    let id = ChallengeId::from_text(claims.fixed(ID_LENGTH)?)?;
    claims.skip(br#","iat":"#)?;
    let issued_at = claims.moment(spelling)?;
    claims.skip(br#","exp":"#)?;
    let expires_at = claims.moment(spelling)?;
    claims.skip(br#","use":""#)?;
    let usage = Use::from_name(claims.plain()?)?;
    claims.skip(br#","channel":""#)?;
    let channel = Channel::from_name(claims.plain()?)?;
    let format = match claims.rest.strip_prefix(r#","fmt":"#) {
        Some(rest) => {
            claims.rest = rest;
            Some(CodeFormat::from_claim(&claims.string()?.1)?)
        }
        None => None,
    };
    claims.skip(br#","guard":""#)?;
    let guard = GuardId::new(claims.plain()?)?;
    claims.skip(br#","bind":""#)?;
    let binding = match claims.plain()? {
        "" => None,
        text => Some(Binding::from_text(text)?),
    };
    claims.skip(br#","mac":""#)?;
    let mac = Mac::from_bytes(base64url::decode_array(claims.fixed(MAC_LENGTH)?)?);
    claims.skip(b"}")?;
    claims.rest.is_empty().then_some((
        issuer,
        Challenge { id, issued_at, expires_at, usage, channel, format, guard, binding },
        mac,
    ))
}

/// Bytes of a signature by EdDSA, ES256 or v4.public.
const SIGNATURE: usize = 64;
/// Characters of 16 bytes in base64url.
const ID_LENGTH: usize = 22;
/// Characters of 32 bytes in base64url.
const MAC_LENGTH: usize = 43;

/// Reads JSON of a known shape from front to back.
struct Reader<'a> {
    json: &'a str,
    /// What isn't read yet.
    rest: &'a str,
}

impl<'a> Reader<'a> {
    /// Exactly these bytes.
    #[inline]
    fn skip<const N: usize>(&mut self, expected: &[u8; N]) -> Option<()> {
        let is_expected = self.rest.as_bytes().first_chunk()? == expected;
        self.rest = self.rest.get(N..)?;
        is_expected.then_some(())
    }

    /// A string of a known length, as [`Reader::plain`] reads others; whoever decodes it finds what doesn't belong there.
    fn fixed(&mut self, length: usize) -> Option<&'a str> {
        let (text, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest.strip_prefix('"')?;
        Some(text)
    }

    /// The rest of a string without escapes, whose opening quote was skipped; the closing one is skipped too.
    fn plain(&mut self) -> Option<&'a str> {
        let length = self.rest.as_bytes().iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
        let (text, rest) = self.rest.split_at(length);
        self.rest = rest.strip_prefix('"')?;
        Some(text)
    }

    /// A whole string, spelled as we spell it: where it stands, quotes included, and its text.
    fn string(&mut self) -> Option<(Range<usize>, Cow<'a, str>)> {
        let start = self.json.len() - self.rest.len();
        let inner = self.rest.strip_prefix('"')?;
        let length = inner.bytes().position(|byte| matches!(byte, ..b' ' | b'"' | b'\\'))?;
        let (text, rest) = inner.split_at(length);
        if let Some(rest) = rest.strip_prefix('"') {
            self.rest = rest;
            return Some((start..start + length + 2, text.into()));
        }
        let mut strings = serde_json::Deserializer::from_str(self.rest).into_iter::<String>();
        let text = strings.next()?.ok()?;
        let (spelled, rest) = self.rest.split_at(strings.byte_offset());
        self.rest = rest;
        let mut again = Vec::with_capacity(spelled.len());
        push_string(&mut again, &text);
        (again == spelled.as_bytes()).then(|| (start..start + spelled.len(), text.into()))
    }

    /// Decimal, without leading zeros.
    fn number(&mut self) -> Option<u64> {
        let length = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.rest.split_at(length);
        self.rest = rest;
        (length == 1 || !digits.starts_with('0')).then(|| digits.parse().ok())?
    }

    /// In the one spelling of the format.
    fn moment(&mut self, spelling: Spelling) -> Option<UnixTime> {
        match spelling {
            Spelling::Number => self.number().map(UnixTime::from_seconds),
            Spelling::Iso8601 => {
                self.skip(b"\"")?;
                let text = self.plain()?;
                UnixTime::from_iso8601(text).filter(|moment| moment.to_iso8601() == text)
            }
        }
    }
}
