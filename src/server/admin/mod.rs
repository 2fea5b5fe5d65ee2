//! Health and metrics, on a listener of their own that isn't meant for the world.

pub(crate) mod metrics;
pub(crate) mod probe;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::Bytes,
    header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue},
};
use metrics_exporter_prometheus::PrometheusHandle;

use super::{call::Answer, wire::problem::Problem};
use crate::unavailable::Unavailable;

const TEXT: &str = "text/plain; charset=utf-8";
/// The exposition format of Prometheus.
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Answers on the admin listener.
pub(crate) struct Admin {
    /// Renders all metrics.
    pub(crate) metrics: PrometheusHandle,
    /// Brings gauges up to date before they are rendered.
    pub(crate) observe: Box<dyn Fn()>,
    /// What an operator should know though it keeps nobody from being served; lines of `/readyz`.
    pub(crate) notice: Box<dyn Fn() -> Option<String>>,
    /// Set when the process is about to end, and nothing new should be sent to it.
    pub(crate) is_leaving: Arc<AtomicBool>,
}

impl Admin {
    /// The answer to a request; its body isn't looked at. `is_ready` asks whether the guard can decide.
    pub(crate) async fn answer<B>(&self, request: &Request<B>, is_ready: impl AsyncFnOnce() -> bool) -> Answer {
        let path = request.uri().path();
        let path = path.strip_suffix('/').unwrap_or(path);
        if !matches!(path, "/healthz" | "/readyz" | "/metrics") {
            return Problem::not_found().into_answer();
        }
        if request.method() != Method::GET && request.method() != Method::HEAD {
            return Problem::method_not_allowed("GET, HEAD").into_answer();
        }
        match path {
            "/healthz" => text(StatusCode::OK, TEXT, "ok\n"),
            "/readyz" if self.is_leaving.load(Ordering::Relaxed) => Problem::shutting_down().into_answer(),
            "/readyz" if !is_ready().await => Problem::unavailable(Unavailable::for_seconds(2)).into_answer(),
            "/readyz" => {
                text(StatusCode::OK, TEXT, (self.notice)().map_or("ready\n".into(), |notice| format!("ready\n{notice}\n")))
            }
            _ => {
                (self.observe)();
                text(StatusCode::OK, METRICS, self.metrics.render())
            }
        }
    }
}

fn text(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    #[tokio::test]
    async fn health_readiness_and_metrics() {
        let recorder = PrometheusBuilder::new().build_recorder();
        ::metrics::with_local_recorder(&recorder, || ::metrics::counter!("countersign_test_total").increment(3));
        let is_leaving = Arc::new(AtomicBool::new(false));
        let admin = Admin {
            metrics: recorder.handle(),
            observe: Box::new(|| {}),
            notice: Box::new(|| Some("a notice".into())),
            is_leaving: Arc::clone(&is_leaving),
        };
        let ask = async |method: Method, path: &str, is_ready: bool| {
            let request = Request::builder().method(method).uri(path).body(()).unwrap();
            admin.answer(&request, async || is_ready).await.status().as_u16()
        };
        for path in ["/healthz", "/readyz", "/metrics", "/metrics/"] {
            assert_eq!(ask(Method::GET, path, true).await, 200, "{path}");
            assert_eq!(ask(Method::POST, path, true).await, 405, "{path}");
            assert_eq!(ask(Method::GET, path, false).await, if path == "/readyz" { 503 } else { 200 }, "{path}");
        }
        assert_eq!(ask(Method::GET, "/", true).await, 404);
        let request = Request::builder().uri("/readyz").body(()).unwrap();
        let body = admin.answer(&request, async || true).await.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "ready\na notice\n");
        assert!(admin.metrics.render().contains("countersign_test_total 3"));
        is_leaving.store(true, Ordering::Relaxed);
        assert_eq!((ask(Method::GET, "/readyz", true).await, ask(Method::GET, "/healthz", true).await), (503, 200));
    }
}
