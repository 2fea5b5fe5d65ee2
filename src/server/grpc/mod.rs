//! gRPC: one call in, one message or a status out (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>). The one
//! method that there is, is what Envoy asks of each request.

mod check;
mod messages;

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::{Body, Bytes, Frame},
    header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue},
};
use prost::Message;
use tokio::time::timeout;

use self::messages::{CheckRequest, CheckResponse};
use super::app::App;

/// Envoy's authorization service, and its method.
const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";
const APPLICATION_GRPC: &str = "application/grpc";
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// What stands before a message: whether it is compressed, and its length in four bytes.
const PREFIX: usize = 5;
/// The longest message, as a multiple of the longest head: it holds a client's head, and what the proxy knows besides.
const HEADS_A_MESSAGE: usize = 4;

/// Why a call has no answer (<https://github.com/grpc/grpc/blob/master/doc/statuscodes.md>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    code: Code,
    /// Printable ASCII without `%`.
    message: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Code {
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    ResourceExhausted = 8,
    Unimplemented = 12,
    Unavailable = 14,
}

/// The body of an answer: one message with its prefix, and the status behind it; nothing where a status is all.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    message: Option<Bytes>,
    trailers: Option<HeaderMap>,
}

/// The answer to one call; `patience` is how long it may take to arrive.
pub(crate) async fn answer<B>(app: &App, request: Request<B>, patience: Duration) -> Response<Reply>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
{
    let (head, body) = request.into_parts();
    if head.method != Method::POST {
        let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED);
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        return answer;
    }
    let is_grpc = |value: &HeaderValue| {
        let rest = value.as_bytes().strip_prefix(APPLICATION_GRPC.as_bytes());
        rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
    };
    if !head.headers.get(CONTENT_TYPE).is_some_and(is_grpc) {
        return plain(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    if head.uri.path() != CHECK {
        return refusal(app, Status::UNKNOWN);
    }
    let message = match receive(body, HEADS_A_MESSAGE * app.settings.max_head_bytes, patience).await {
        Ok(message) => message,
        Err(status) => return refusal(app, status),
    };
    match CheckRequest::decode(message).map_err(|_| Status::MALFORMED).and_then(CheckRequest::into_question) {
        Ok(question) => match app.check(question).await {
            Ok(verdict) => of_message(&verdict),
            Err(status) => status.into_answer(),
        },
        Err(status) => refusal(app, status),
    }
}

/// The one message of a call.
async fn receive<B>(body: B, longest: usize, patience: Duration) -> Result<Bytes, Status>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
{
    let body = match timeout(patience, Limited::new(body, PREFIX + longest).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(Status::TOO_LARGE),
        // Nobody is left to read this.
        Ok(Err(_)) => return Err(Status::MALFORMED),
        Err(_) => return Err(Status::LATE),
    };
    let Some((prefix, message)) = body.split_at_checked(PREFIX) else { return Err(Status::MALFORMED) };
    let length = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]);
    match prefix[0] {
        0 if usize::try_from(length) == Ok(message.len()) => Ok(body.slice(PREFIX..)),
        1 => Err(Status::COMPRESSED),
        _ => Err(Status::MALFORMED),
    }
}

/// An answer with this message.
fn of_message(message: &CheckResponse) -> Response<Reply> {
    let length = message.encoded_len();
    let mut bytes = Vec::with_capacity(PREFIX + length);
    bytes.push(0);
    bytes.extend(u32::try_from(length).expect("a verdict has some headers").to_be_bytes());
    message.encode(&mut bytes).expect("a Vec takes everything");
    let trailers = [(GRPC_STATUS, HeaderValue::from_static("0"))].into_iter().collect();
    grpc(Reply { message: Some(bytes.into()), trailers: Some(trailers) })
}

/// A call that is no question.
fn refusal(app: &App, status: Status) -> Response<Reply> {
    app.metrics.answered(None, if status.is_ours() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::BAD_REQUEST });
    status.into_answer()
}

fn grpc(reply: Reply) -> Response<Reply> {
    let mut answer = Response::new(reply);
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(APPLICATION_GRPC));
    answer
}

/// An answer to who doesn't speak gRPC.
fn plain(status: StatusCode) -> Response<Reply> {
    let mut answer = Response::new(Reply::default());
    *answer.status_mut() = status;
    answer
}

impl Status {
    /// There is one method, and this isn't it.
    const UNKNOWN: Self =
        Self { code: Code::Unimplemented, message: "There is envoy.service.auth.v3.Authorization/Check, and nothing else." };
    /// Nobody needs it, and what is small could become large.
    const COMPRESSED: Self = Self { code: Code::Unimplemented, message: "Send messages without compression." };
    const MALFORMED: Self = Self { code: Code::InvalidArgument, message: "This is no CheckRequest with an HTTP request in it." };
    const TOO_LARGE: Self = Self {
        code: Code::ResourceExhausted,
        message: "The message is larger than four heads (server.max_head_bytes): pass on fewer headers, and no body.",
    };
    const LATE: Self = Self { code: Code::DeadlineExceeded, message: "The message took too long to arrive." };
    const UNAVAILABLE: Self = Self { code: Code::Unavailable, message: "Not available at the moment. Try again later." };
    /// The node is about to end.
    pub(crate) const SHUTTING_DOWN: Self = Self::UNAVAILABLE;

    /// Whether the fault is on this side.
    fn is_ours(self) -> bool {
        self.code == Code::Unavailable
    }

    /// An answer that has nothing but this.
    pub(crate) fn into_answer(self) -> Response<Reply> {
        let mut answer = grpc(Reply::default());
        let headers = answer.headers_mut();
        headers.insert(GRPC_STATUS, u16::from(self.code as u8).into());
        headers.insert(GRPC_MESSAGE, HeaderValue::from_static(self.message));
        if self == Self::COMPRESSED {
            headers.insert(GRPC_ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        answer
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let message = self.message.take().map(Frame::data);
        Poll::Ready(message.or_else(|| self.trailers.take().map(Frame::trailers)).map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.message.is_none() && self.trailers.is_none()
    }
}
