//! What leaves on a connection: an answer whose body is there, or one whose body is still being made.

use std::{
    convert::Infallible,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use http_body_util::Full;
use hyper::{
    Response,
    body::{Body, Bytes, Frame, SizeHint},
    header::{CONNECTION, HeaderValue},
};

use super::progress::Progress;

/// The last answer on its connection, which says so: what follows would be the rest of a request that nobody read.
pub(crate) fn closing<B>(mut answer: Response<B>) -> Response<B> {
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// What a connection sends.
pub(crate) type Leaving = Response<Outgoing>;

/// The body of what leaves.
pub(crate) enum Outgoing {
    /// All of it.
    Whole(Full<Bytes>),
    /// In pieces, each when it is there.
    Pieces(Pin<Box<dyn Body<Data = Bytes, Error = Infallible>>>),
}

/// A body that tells its connection's progress how much of it is there.
pub(crate) struct Tracked {
    body: Outgoing,
    /// To be told; `None` once it knows that all is there.
    progress: Option<Rc<Progress>>,
}

impl Tracked {
    /// Tells `progress`: at once, where all of it is there.
    pub(crate) fn new(body: Outgoing, progress: &Rc<Progress>) -> Self {
        let is_whole = matches!(body, Outgoing::Whole(_));
        if is_whole {
            progress.answered();
        }
        Self { body, progress: (!is_whole).then(|| Rc::clone(progress)) }
    }
}

impl Body for Tracked {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let frame = match &mut self.body {
            Outgoing::Whole(body) => return Pin::new(body).poll_frame(cx),
            Outgoing::Pieces(body) => ready!(body.as_mut().poll_frame(cx)),
        };
        match &self.progress {
            Some(progress) if frame.is_some() => progress.answered_in_part(),
            Some(progress) => {
                progress.answered();
                self.progress = None;
            }
            None => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            Outgoing::Whole(body) => body.is_end_stream(),
            // Known when it was asked for, so that progress is told.
            Outgoing::Pieces(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Outgoing::Whole(body) => body.size_hint(),
            Outgoing::Pieces(body) => body.size_hint(),
        }
    }
}
