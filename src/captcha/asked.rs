//! How often a network has captchas checked: a provider is asked for nobody's sport.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use crate::{network::ClientNetwork, time::UnixTime};

/// Checks a minute for one network.
const EACH: u32 = 20;
/// The most networks that are counted. Where there are more in a minute, further ones are only held by what may be checked
/// at once.
const NETWORKS: usize = 4_096;
/// Seconds that are counted together.
const WINDOW: u64 = 60;

/// The networks of this minute.
#[derive(Default)]
pub(super) struct Asked(Mutex<State>);

#[derive(Default)]
struct State {
    until: u64,
    counts: HashMap<ClientNetwork, u32>,
}

impl Asked {
    /// Counts a check, unless the network had too many in this minute.
    pub(super) fn may_ask(&self, network: ClientNetwork, now: UnixTime) -> bool {
        let now = now.as_seconds();
        // A thread that panicked left a count that is whole.
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back begins a new minute, too.
        if now >= state.until || now + WINDOW < state.until {
            *state = State { until: now + WINDOW, counts: HashMap::new() };
        }
        if state.counts.len() >= NETWORKS && !state.counts.contains_key(&network) {
            return true;
        }
        let count = state.counts.entry(network).or_default();
        *count += 1;
        *count <= EACH
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);

    fn network(number: u32) -> ClientNetwork {
        ClientNetwork::of(std::net::Ipv4Addr::from_bits(number).into())
    }

    #[test]
    fn a_network_has_twenty_checks_a_minute() {
        let asked = Asked::default();
        let many = |number, now| (0..100).filter(|_| asked.may_ask(network(number), now)).count();
        assert_eq!((many(1, NOW), many(2, NOW), many(1, NOW.plus(59))), (20, 20, 0));
        assert_eq!(many(1, NOW.plus(60)), 20);
        assert_eq!(many(1, NOW.minus(1000)), 20, "a clock that was set back");
    }

    #[test]
    fn no_more_networks_are_counted_than_there_is_room_for() {
        let asked = Asked::default();
        for number in 0..10_000 {
            assert!(asked.may_ask(network(number), NOW));
        }
        assert_eq!(asked.0.lock().unwrap().counts.len(), NETWORKS);
    }
}
