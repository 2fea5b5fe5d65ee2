//! What is counted, as Prometheus reads it. Handles are made once; counting is one atomic addition.

use hyper::StatusCode;
use metrics::{Counter, counter, describe_counter, describe_gauge, gauge};

use crate::{
    ended::Room,
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
    /// By channel that is allowed.
    logins: Vec<(Channel, Counter)>,
    /// Where there are breakers.
    breakers: Option<Counter>,
}

impl Metrics {
    /// With the recorder that is installed; `channels` are those that are allowed.
    pub(crate) fn new(channels: &[Channel]) -> Self {
        describe_counter!("countersign_http_requests_total", "Answers by route and class of their status.");
        describe_counter!("countersign_refusals_total", "Problems by their code.");
        describe_counter!("countersign_logins_total", "Logins by channel.");
        describe_counter!(
            "countersign_breakers_opened_total",
            "Prefixes to which many messages go of which few are redeemed; once an hour each."
        );
        describe_gauge!("countersign_guard_fullness", "How much of the guard's room is taken, from 0 to 1.");
        describe_gauge!("countersign_guard_entries", "Challenges that the guard remembers.");
        describe_gauge!(
            "countersign_guard_capacity",
            "Challenges that the guard can remember; above half, strangers are held up."
        );
        describe_gauge!("countersign_ended_sessions", "Sessions, and subjects, that are remembered as ended.");
        describe_gauge!(
            "countersign_ended_sessions_capacity",
            "How many can be remembered as ended; where there is no room, ending one is 503."
        );
        let classes = |route: &'static str| {
            ["1xx", "2xx", "3xx", "4xx", "5xx"]
                .map(|class| counter!("countersign_http_requests_total", "route" => route, "status" => class))
        };
        let refusals = CODES.map(|code| (code, counter!("countersign_refusals_total", "code" => code)));
        Self {
            requests: ROUTES.iter().map(|route| route.label).chain(["none"]).map(classes).collect(),
            refusals: refusals.into(),
            logins: channels
                .iter()
                .map(|channel| (*channel, counter!("countersign_logins_total", "channel" => channel.as_str())))
                .collect(),
            breakers: channels.contains(&Channel::Mobile).then(|| counter!("countersign_breakers_opened_total")),
        }
    }

    /// Counts a breaker that opened.
    pub(crate) fn breaker_opened(&self) {
        if let Some(counter) = &self.breakers {
            counter.increment(1);
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

    /// Notes how full the guard is. Of one that can't tell there are no such series: two zeros would keep every alert quiet.
    pub(crate) fn observe(fullness: Option<f64>, pressure: Option<Pressure>) {
        if let Some(fullness) = fullness {
            gauge!("countersign_guard_fullness").set(fullness);
        }
        let Some(pressure) = pressure else { return };
        gauge!("countersign_guard_entries").set(pressure.entries);
        gauge!("countersign_guard_capacity").set(pressure.capacity);
    }

    /// Notes how full the room for ended sessions is, where that is counted here.
    pub(crate) fn observe_ended(room: Option<Room>) {
        let Some(room) = room else { return };
        gauge!("countersign_ended_sessions").set(room.entries);
        gauge!("countersign_ended_sessions_capacity").set(room.capacity);
    }
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    #[test]
    fn there_are_series_only_for_what_there_is() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let page = |channels: &[Channel], fullness, pressure| {
            metrics::with_local_recorder(&recorder, || {
                Metrics::new(channels);
                Metrics::observe(fullness, pressure);
            });
            recorder.handle().render()
        };
        let text = page(&[Channel::Email], None, None);
        assert!(!text.contains("countersign_guard_"), "nobody knows how full it is: {text}");
        assert!(text.contains("countersign_logins_total{channel=\"email\"}") && !text.contains("channel=\"mobile\""), "{text}");
        let text = page(&[Channel::Email], Some(0.5), None);
        assert!(text.contains("countersign_guard_fullness 0.5") && !text.contains("countersign_guard_entries"), "{text}");
        let text = page(&Channel::ALL, Some(0.25), Some(Pressure { entries: 3, capacity: 64 }));
        assert!(text.contains("countersign_guard_entries 3") && text.contains("countersign_guard_capacity 64"), "{text}");
        assert!(text.contains("channel=\"mobile\""), "{text}");
    }
}
