//! What is counted, as Prometheus reads it. Handles are made once; counting is one atomic addition.

use hyper::StatusCode;
use metrics::{Counter, counter, describe_counter};

use super::route::Route;

/// The counters of the HTTP side.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// By route and by class of the status, 1xx to 5xx.
    requests: Vec<[Counter; 5]>,
}

impl Metrics {
    /// With the recorder that is installed.
    pub(crate) fn new() -> Self {
        describe_counter!("countersign_http_requests_total", "Answers by route and class of their status.");
        let classes = |route: &'static str| {
            ["1xx", "2xx", "3xx", "4xx", "5xx"]
                .map(|class| counter!("countersign_http_requests_total", "route" => route, "status" => class))
        };
        Self { requests: Route::LABELS.into_iter().chain(["none"]).map(classes).collect() }
    }

    /// Counts an answer.
    pub(crate) fn answered(&self, route: Option<Route>, status: StatusCode) {
        let route = route.map_or(Route::LABELS.len(), Route::label);
        let class = usize::from(status.as_u16() / 100).clamp(1, 5) - 1;
        self.requests[route][class].increment(1);
    }
}
