//! Reads a request's body, within its limits, into [`Fields`].

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use http_body_util::{BodyDataStream, BodyExt, Full};
use hyper::{
    HeaderMap,
    body::{Body, Bytes},
    header::{CONTENT_TYPE, EXPECT},
};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::timeout;

use super::{
    fields::{Fields, Given},
    problem::Problem,
};

/// The whole body, if it has at most `limit` bytes: a declared length is judged at once, anything else by counting.
pub(crate) async fn receive<B>(mut body: B, limit: usize) -> Result<Bytes, Problem>
where
    B: Body<Data = Bytes> + Unpin,
{
    if body.size_hint().lower() > limit as u64 {
        return Err(Problem::content_too_large());
    }
    let mut first = Bytes::new();
    let mut rest = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::parse_error("The body ended early, or its framing is broken."))?;
        let Ok(data) = frame.into_data() else { continue };
        if first.len() + rest.len() + data.len() > limit {
            return Err(Problem::content_too_large());
        }
        // Nearly every body comes in one piece, which needs no copy.
        if first.is_empty() {
            first = data;
        } else {
            rest.extend_from_slice(&data);
        }
    }
    Ok(if rest.is_empty() { first } else { [&first, &rest[..]].concat().into() })
}

/// How long a body that nobody wants may take.
const SOON: Duration = Duration::from_millis(200);

/// Reads a body that nobody wants, if it is short and comes soon, so that its connection can go on. Whether it was read to
/// its end.
pub(crate) async fn discard<B>(body: B, headers: &HeaderMap, limit: usize) -> bool
where
    B: Body<Data = Bytes> + Unpin,
{
    // Whoever waits for permission hasn't sent it, and needn't.
    body.is_end_stream() || !headers.contains_key(EXPECT) && matches!(timeout(SOON, receive(body, limit)).await, Ok(Ok(_)))
}

/// The fields of `body`, by its type. An empty body has none; a form that starts with `{` is JSON.
pub(crate) async fn read<'b>(headers: &HeaderMap, body: &'b Bytes) -> Result<Fields<'b>, Problem> {
    if body.is_empty() {
        return Ok(Fields::default());
    }
    let looks_like_json = body.trim_ascii_start().starts_with(b"{");
    let Some(content_type) = headers.get(CONTENT_TYPE) else {
        return if looks_like_json { json(body) } else { Err(Problem::unsupported_media_type()) };
    };
    let content_type = content_type.to_str().map_err(|_| Problem::unsupported_media_type())?;
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let is = |wanted: &str| essence.eq_ignore_ascii_case(wanted);
    if is("application/json") {
        json(body)
    } else if is("application/x-www-form-urlencoded") {
        if looks_like_json { json(body) } else { Ok(form(body)) }
    } else if is("multipart/form-data") {
        if looks_like_json { json(body) } else { Box::pin(multipart(content_type, body)).await }
    } else {
        Err(Problem::unsupported_media_type())
    }
}

fn form(body: &[u8]) -> Fields<'_> {
    Fields::of_form(form_urlencoded::parse(body).map(|(name, value)| (name, Given::Text(value))).collect())
}

async fn multipart<'b>(content_type: &str, body: &Bytes) -> Result<Fields<'b>, Problem> {
    let broken = |_: multer::Error| Problem::parse_error("Multipart form parse error.");
    let boundary = multer::parse_boundary(content_type).map_err(broken)?;
    let mut parts = multer::Multipart::new(BodyDataStream::new(Full::new(body.clone())), boundary);
    let mut entries = Vec::new();
    while let Some(part) = parts.next_field().await.map_err(broken)? {
        let Some(name) = part.name().map(str::to_owned) else { continue };
        let is_file = part.file_name().is_some();
        let value = part.bytes().await.map_err(broken)?;
        let text = || Given::Text(String::from_utf8_lossy(&value).into_owned().into());
        entries.push((Cow::Owned(name), if is_file { Given::Other } else { text() }));
    }
    Ok(Fields::of_form(entries))
}

fn json(body: &[u8]) -> Result<Fields<'_>, Problem> {
    let broken = |error: serde_json::Error| Problem::parse_error(format!("JSON parse error - {error}"));
    if body.trim_ascii_start().starts_with(b"{") {
        // Of two members of one name the last counts.
        let members: BTreeMap<Name<'_>, &RawValue> = serde_json::from_slice(body).map_err(broken)?;
        let entries = members.into_iter().map(|(Name(name), value)| Ok((name, given(value)?)));
        return entries.collect::<Result<_, _>>().map(Fields::of_json).map_err(broken);
    }
    let value: &RawValue = serde_json::from_slice(body).map_err(broken)?;
    Err(Problem::not_an_object(kind(value)))
}

/// A text, borrowed from the body where it has no escapes.
#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Name<'b>(#[serde(borrow)] Cow<'b, str>);

/// A member's value. Integers stay their digits: beyond 64 bits a number would lose some, and a code may have more than twenty.
fn given(value: &RawValue) -> Result<Given<'_>, serde_json::Error> {
    let text = value.get();
    Ok(match kind(value) {
        "str" => Given::Text(match text.as_bytes() {
            // Most have none, and are what stands between the quotes.
            [_, inside @ .., _] if memchr::memchr(b'\\', inside).is_none() => text[1..=inside.len()].into(),
            _ => serde_json::from_str::<Name<'_>>(text)?.0,
        }),
        "int" => Given::Integer(text),
        "bool" => Given::Boolean(text == "true"),
        "null" => Given::Null,
        _ => Given::Other,
    })
}

/// What a value is, with Python's names, since the original answers with them.
fn kind(value: &RawValue) -> &'static str {
    match value.get().as_bytes() {
        [b'"', ..] => "str",
        [b'{', ..] => "dict",
        [b'[', ..] => "list",
        [b't' | b'f', ..] => "bool",
        [b'n', ..] => "null",
        number if number.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E')) => "float",
        _ => "int",
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use hyper::header::HeaderValue;
    use proptest::prelude::*;

    use super::*;
    use crate::server::wire::fields::FieldErrors;

    /// Runs a future that never waits.
    fn now<F: Future>(future: F) -> F::Output {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("nothing to wait for"),
        }
    }

    fn field(content_type: Option<&str>, body: &[u8]) -> Result<Option<String>, String> {
        let mut headers = HeaderMap::new();
        if let Some(content_type) = content_type {
            headers.insert(CONTENT_TYPE, HeaderValue::from_str(content_type).unwrap());
        }
        let body = Bytes::copy_from_slice(body);
        match now(read(&headers, &body)) {
            Ok(fields) => Ok(fields.required_token("a", &mut FieldErrors::default()).map(str::to_owned)),
            Err(problem) => Err(String::from_utf8(problem.into_raw()).unwrap()),
        }
    }

    #[test]
    fn every_type_is_read() {
        let found = Ok(Some("b ü".to_owned()));
        assert_eq!(field(Some("application/json"), "{\"a\": \"b ü\"}".as_bytes()), found);
        assert_eq!(field(Some("Application/JSON; charset=utf-8"), br#"{"a": "b \u00fc", "x": [1, {"a": 2}]}"#), found);
        assert_eq!(field(Some("application/x-www-form-urlencoded"), b"x=1&a=b+%C3%BC"), found);
        assert_eq!(field(Some("application/x-www-form-urlencoded"), br#"{"a": "b \u00fc"}"#), found);
        assert_eq!(field(None, br#" {"a": "b \u00fc"}"#), found);
        let multipart = "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb ü\r\n--B--\r\n";
        assert_eq!(field(Some("multipart/form-data; boundary=B"), multipart.as_bytes()), found);
        assert_eq!(field(Some("multipart/form-data; boundary=B"), br#"{"a": "b \u00fc"}"#), found);
    }

    #[test]
    fn an_empty_body_is_an_empty_object() {
        for content_type in [None, Some("application/json"), Some("text/plain"), Some("multipart/form-data; boundary=B")] {
            assert_eq!(field(content_type, b""), Ok(None));
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused_by_name() {
        let code = |content_type, body: &[u8]| {
            let raw = field(content_type, body).unwrap_err();
            let json: serde_json::Value = serde_json::from_str(raw.split("\r\n\r\n").nth(1).unwrap()).unwrap();
            (json["status"].as_u64().unwrap(), json["code"].as_str().unwrap().to_owned(), json["non_field_errors"][0].clone())
        };
        let none = serde_json::Value::Null;
        for body in ["{", "{\"a\":}", "{} x", "nonsense", "{\"a\": \"\u{1}\"}", "{\"a\":\"\\ud800\"}", "\u{feff}{}"] {
            assert_eq!(code(Some("application/json"), body.as_bytes()), (400, "parse_error".into(), none.clone()), "{body}");
        }
        assert_eq!(code(Some("application/json"), b"{\"a\": \"\xff\"}").0, 400);
        assert_eq!(code(None, b"a=b"), (415, "unsupported_media_type".into(), none.clone()));
        assert_eq!(code(Some("text/plain"), b"{}"), (415, "unsupported_media_type".into(), none.clone()));
        assert_eq!(code(Some("multipart/form-data"), b"x").1, "parse_error");
        assert_eq!(code(Some("multipart/form-data; boundary=B"), b"x").1, "parse_error");
        let list = "Invalid data. Expected a dictionary, but got list.";
        assert_eq!(code(Some("application/json"), b"[1, [2]]"), (400, "invalid".into(), list.into()));
        assert_eq!(code(Some("application/json"), b"null"), (400, "invalid".into(), "No data provided".into()));
        assert_eq!(code(Some("application/json"), b"\"x\"").1, "invalid");
    }

    #[test]
    fn of_a_name_that_stands_twice_the_last_counts_however_it_is_written() {
        for body in [r#"{"a":"1","a":"2"}"#, r#"{"a":1,"\u0061":"2"}"#, r#"{"\u0061":null,"b":3,"a":2}"#] {
            assert_eq!(field(Some("application/json"), body.as_bytes()), Ok(Some("2".into())), "{body}");
        }
    }

    #[test]
    fn integers_are_their_digits_and_files_are_no_text() {
        assert_eq!(field(Some("application/json"), br#"{"a": 12345}"#), Ok(Some("12345".into())));
        for digits in ["0", "-0", "18446744073709551616", "123456789012345678901234567890", "-18446744073709551616"] {
            assert_eq!(field(Some("application/json"), format!("{{\"a\": {digits}}}").as_bytes()), Ok(Some(digits.into())));
        }
        for none in ["1.5", "1e30", "123456789012345678901234567890.0"] {
            assert_eq!(field(Some("application/json"), format!("{{\"a\": {none}}}").as_bytes()), Ok(None), "{none}");
        }
        assert_eq!(field(Some("application/json"), br#"{"a": true}"#), Ok(None));
        let file = "--B\r\nContent-Disposition: form-data; name=\"a\"; filename=\"f\"\r\n\r\nb\r\n--B--\r\n";
        assert_eq!(field(Some("multipart/form-data; boundary=B"), file.as_bytes()), Ok(None));
    }

    #[test]
    fn bodies_are_limited_by_declaration_and_by_counting() {
        assert!(now(receive(Full::new(Bytes::from_static(b"12345")), 5)).is_ok());
        assert!(now(receive(Full::new(Bytes::from_static(b"123456")), 5)).is_err());
        let chunked = |pieces: &'static [&'static str]| {
            let frames =
                pieces.iter().map(|piece| Ok::<_, std::convert::Infallible>(hyper::body::Frame::data(Bytes::from(*piece))));
            http_body_util::StreamBody::new(Pieces(frames.collect::<Vec<_>>().into_iter()))
        };
        assert_eq!(now(receive(chunked(&["12", "34", "5"]), 5)).unwrap(), "12345");
        assert!(now(receive(chunked(&["12", "34", "56"]), 5)).is_err());
    }

    struct Pieces<I>(I);

    impl<I: Iterator + Unpin> futures_core::Stream for Pieces<I> {
        type Item = I::Item;

        fn poll_next(mut self: std::pin::Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<I::Item>> {
            Poll::Ready(self.0.next())
        }
    }

    proptest! {
        #[test]
        fn no_body_panics(body in proptest::collection::vec(any::<u8>(), 0..200), kind in 0..4_usize) {
            let kinds = ["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=B", "x/y"];
            let _ = field(Some(kinds[kind]), &body);
        }

        #[test]
        fn what_serde_reads_is_read_the_same(value in "\\PC{0,40}") {
            let body = serde_json::json!({"a": value}).to_string();
            let wanted = match value.trim() { "" => None, text => Some(text.to_owned()) };
            prop_assert_eq!(field(Some("application/json"), body.as_bytes()), Ok(wanted));
        }
    }
}
