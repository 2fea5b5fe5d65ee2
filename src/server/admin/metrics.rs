//! What is counted, as Prometheus reads it. Handles are made once; counting is one atomic addition.

use hyper::StatusCode;
use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge};

use crate::{
    guard::Pressure,
    recipient::Channel,
    server::{
        routes::{ROUTES, Route},
        wire::problem::CODES,
    },
};

/// The counters and gauges of the HTTP side.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// By the route's number, the last for none, and by class of the status, 1xx to 5xx.
    requests: Vec<[Counter; 5]>,
    /// By code.
    refusals: Vec<(&'static str, Counter)>,
    logins: [(Channel, Counter); 2],
    guard_entries: Gauge,
    guard_capacity: Gauge,
}

impl Metrics {
    /// With the recorder that is installed.
    pub(crate) fn new() -> Self {
        describe_counter!("countersign_http_requests_total", "Answers by route and class of their status.");
        describe_counter!("countersign_refusals_total", "Problems by their code.");
        describe_counter!("countersign_logins_total", "Logins by channel.");
        describe_gauge!("countersign_guard_entries", "Challenges that the guard remembers.");
        describe_gauge!(
            "countersign_guard_capacity",
            "Challenges that the guard can remember; above half, strangers are held up."
        );
        let classes = |route: &'static str| {
            ["1xx", "2xx", "3xx", "4xx", "5xx"]
                .map(|class| counter!("countersign_http_requests_total", "route" => route, "status" => class))
        };
        let refusals = CODES.map(|code| (code, counter!("countersign_refusals_total", "code" => code)));
        Self {
            requests: ROUTES.iter().map(|route| route.label).chain(["none"]).map(classes).collect(),
            refusals: refusals.into(),
            logins: Channel::ALL.map(|channel| (channel, counter!("countersign_logins_total", "channel" => channel.as_str()))),
            guard_entries: gauge!("countersign_guard_entries"),
            guard_capacity: gauge!("countersign_guard_capacity"),
        }
    }

    /// Counts an answer.
    pub(crate) fn answered(&self, route: Option<&Route>, status: StatusCode) {
        let route = route.map_or(ROUTES.len(), |route| route.number);
        let class = usize::from(status.as_u16() / 100).clamp(1, 5) - 1;
        self.requests[route][class].increment(1);
    }

    /// Counts a problem.
    pub(crate) fn refused(&self, code: &'static str) {
        if let Some((_, counter)) = self.refusals.iter().find(|(known, _)| *known == code) {
            counter.increment(1);
        }
    }

    /// Counts a login.
    pub(crate) fn signed_in(&self, channel: Channel) {
        if let Some((_, counter)) = self.logins.iter().find(|(known, _)| *known == channel) {
            counter.increment(1);
        }
    }

    /// Notes how full the guard is; one that nothing can fill has no such figures.
    pub(crate) fn observe(&self, pressure: Option<Pressure>) {
        let Some(pressure) = pressure else { return };
        self.guard_entries.set(pressure.entries);
        self.guard_capacity.set(pressure.capacity);
    }
}
