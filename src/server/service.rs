//! A request's way from its head to its answer: what is read of it, who answers, and whether its connection goes on.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use hyper::{
    Request, Response,
    body::{Body as HttpBody, Bytes, Incoming},
    http::request::Parts,
};

use super::{
    app::App,
    fleet,
    grpc::{self, Reply},
    http::{
        connection::Protocol,
        multiplexed::Multiplexed,
        outgoing::{Leaving, Outgoing, closing},
        progress::Progress,
        runtime::Handler,
    },
    routes::{Body, Route},
    wire::{body, client::Peer, problem::Problem},
};

/// What all workers share.
pub(crate) struct Service {
    /// Answers requests.
    pub(crate) app: Arc<App>,
    /// Limits of connections.
    pub(crate) protocol: Protocol,
    /// Limits of connections that speak gRPC.
    pub(crate) multiplexed: Multiplexed,
    /// Set when new requests are refused, because the process is about to end.
    pub(crate) is_closing: Arc<AtomicBool>,
}

impl Handler for Service {
    type Reply = Reply;

    fn protocol(&self) -> &Protocol {
        &self.protocol
    }

    async fn handle(&self, request: Request<Incoming>, peer: Peer, progress: &Progress) -> Leaving {
        self.answer(request, peer, progress).await
    }

    fn multiplexed(&self) -> &Multiplexed {
        &self.multiplexed
    }

    async fn call(self: Arc<Self>, request: Request<Incoming>) -> Response<Reply> {
        if self.is_closing() {
            return grpc::Status::SHUTTING_DOWN.into_answer();
        }
        grpc::answer(&self.app, request, self.multiplexed.patience()).await
    }

    fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::Relaxed)
    }
}

impl Service {
    /// The answer to one request.
    pub(crate) async fn answer<B>(&self, request: Request<B>, peer: Peer, progress: &Progress) -> Leaving
    where
        B: HttpBody<Data = Bytes> + Unpin,
    {
        let (head, body) = request.into_parts();
        let app = &self.app;
        if self.is_closing() {
            return closing(Problem::shutting_down().into_answer()).map(Outgoing::Whole);
        }
        let found = app.find(&head);
        if let Some(answer) = app.preflight(found, &head) {
            let answer = app.finish(found, &head, Ok(answer));
            return if body.is_end_stream() { answer } else { closing(answer) }.map(Outgoing::Whole);
        }
        let admitted = found.ok_or_else(Problem::not_found).and_then(|route| app.admit(route, &head).map(|()| route));
        let (answered, was_read) = match admitted {
            Err(problem) => (Err(problem), body::discard(body, &head.headers, app.settings.max_body_bytes).await),
            Ok(route) => match route.body {
                Body::Fields => match body::receive(body, app.settings.max_body_bytes).await {
                    Err(problem) => (Err(problem), false),
                    Ok(body) => {
                        progress.request_arrived();
                        (app.answer(route, &head, &body, peer).await, true)
                    }
                },
                Body::Raw => match body::receive(body, app.settings.max_body_bytes).await {
                    Err(problem) => (Err(problem), false),
                    Ok(body) => {
                        progress.request_arrived();
                        (app.answer_raw(route, &head, &body), true)
                    }
                },
                Body::Unread => {
                    progress.request_arrived();
                    (app.answer_at_once(route, &head).await, body.is_end_stream())
                }
                Body::Batch => return Box::pin(self.answer_batch(route, &head, body, progress)).await,
            },
        };
        let answer = app.finish(found, &head, answered);
        if was_read { answer } else { closing(answer) }.map(Outgoing::Whole)
    }

    /// The answer to a batch of another node's requests, whose answers leave as they are ready.
    async fn answer_batch<B>(&self, route: &'static Route, head: &Parts, body: B, progress: &Progress) -> Leaving
    where
        B: HttpBody<Data = Bytes> + Unpin,
    {
        let app = &self.app;
        let longest = fleet::longest(app.settings.max_head_bytes, app.settings.max_body_bytes);
        let (problem, was_read) = match (body::receive(body, longest).await, &app.fleet) {
            (Err(problem), _) => (problem, false),
            (Ok(_), None) => (Problem::not_found(), true),
            (Ok(batch), Some(fleet)) => {
                progress.request_arrived();
                match fleet.answer_batch(&app.engine.keys, app, route, &batch, progress).await {
                    Ok(leaving) => return leaving,
                    Err(problem) => (problem, true),
                }
            }
        };
        let answer = app.finish(Some(route), head, Err(problem));
        if was_read { answer } else { closing(answer) }.map(Outgoing::Whole)
    }
}
