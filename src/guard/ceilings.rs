//! How many messages a deployment lets go, in numbers: what is configured, a node's share of it where nodes have homes
//! among them, and what it comes to over the whole fleet.

use super::rules::LIFTED;

/// The throttle and the ceilings of a deployment as they are configured; 0: off.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ceilings {
    /// Seconds between two messages to one recipient from one client network.
    pub throttle_seconds: u32,
    /// Messages an hour to one recipient on behalf of strangers.
    pub recipient: u32,
    /// Messages an hour on behalf of one client network.
    pub network: u32,
    /// E-mails an hour.
    pub email: u32,
    /// SMS and calls an hour.
    pub sms: u32,
    /// SMS and calls an hour to numbers of one prefix.
    pub sms_prefix: u32,
}

/// Who keeps to the ceilings of a fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keeping {
    /// All nodes together.
    Together,
    /// Each of so many nodes, for itself.
    Alone(u32),
    /// Each of so many nodes, which have homes among them, to its share.
    Shares(u32),
}

/// What one ceiling comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Total {
    /// As configured.
    pub(super) configured: u32,
    /// Over the fleet.
    pub(super) fleet: u64,
}

/// What the ceilings come to over the fleet; `None`: no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Totals {
    /// Messages an hour to one recipient on behalf of strangers.
    pub(super) recipient: Option<Total>,
    /// Messages an hour on behalf of one client network.
    pub(super) network: Option<Total>,
    /// E-mails an hour.
    pub(super) email: Option<Total>,
    /// SMS and calls an hour.
    pub(super) sms: Option<Total>,
    /// SMS and calls an hour to numbers of one prefix.
    pub(super) sms_prefix: Option<Total>,
}

impl Ceilings {
    /// What one of `nodes` with homes among them keeps to; `place` counts them from 0, in an order that all agree on.
    ///
    /// The nodes' shares of what costs money add up to what is configured. A network's share is rounded up, since its
    /// people may have their homes at few nodes, and a recipient's ceiling stays whole at its home.
    #[must_use]
    pub fn share(&self, place: u32, nodes: u32) -> Self {
        let exact = |ceiling| exact_share(ceiling, place, nodes);
        Self {
            throttle_seconds: self.throttle_seconds,
            recipient: self.recipient,
            network: self.network.div_ceil(nodes.max(1)),
            email: exact(self.email),
            sms: exact(self.sms),
            sms_prefix: exact(self.sms_prefix),
        }
    }

    /// What they come to over the fleet.
    pub(super) fn totals(&self, keeping: Keeping) -> Totals {
        let total = |configured: u32, by: u32| {
            (configured > 0).then(|| Total { configured, fleet: u64::from(configured) * u64::from(by) })
        };
        let by = if let Keeping::Alone(nodes) = keeping { nodes } else { 1 };
        let network = match keeping {
            Keeping::Shares(nodes) => {
                let fleet = u64::from(self.share(0, nodes).network) * u64::from(nodes);
                total(self.network, 1).map(|total| Total { fleet, ..total })
            }
            Keeping::Together | Keeping::Alone(_) => total(self.network, by),
        };
        Totals {
            recipient: total(self.recipient, by),
            network,
            email: total(self.email, by),
            sms: total(self.sms, by),
            sms_prefix: total(self.sms_prefix, by),
        }
    }
}

impl Total {
    /// What it comes to where solved puzzles lift it.
    pub(super) fn lifted(self) -> u64 {
        self.fleet * u64::from(LIFTED)
    }
}

/// A node's part of a ceiling that the fleet keeps to exactly. Never 0 for one that is on: 0 would be no ceiling at all.
fn exact_share(ceiling: u32, place: u32, nodes: u32) -> u32 {
    let nodes = nodes.max(1);
    let share = ceiling / nodes + u32::from(place < ceiling % nodes);
    if ceiling == 0 { 0 } else { share.max(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_of_a_fleet_add_up_to_what_is_configured() {
        for (ceiling, nodes) in [(8, 3), (3, 3), (4000, 7), (1400, 50), (1_000_000_000, 999), (5, 1)] {
            let shares: Vec<u32> = (0..nodes).map(|place| exact_share(ceiling, place, nodes)).collect();
            assert_eq!(shares.iter().sum::<u32>(), ceiling, "{ceiling} over {nodes}");
            assert!(shares.iter().all(|share| share.abs_diff(ceiling / nodes) <= 1), "{shares:?}");
        }
        assert_eq!(exact_share(0, 0, 3), 0, "off stays off");
        assert_eq!(exact_share(2, 2, 3), 1, "on stays on");
    }

    #[test]
    fn a_networks_share_is_rounded_up_and_a_recipients_stays_whole() {
        let ceilings = Ceilings { throttle_seconds: 60, recipient: 10, network: 7, email: 9, sms: 8, sms_prefix: 4 };
        let share = ceilings.share(2, 3);
        assert_eq!(share, Ceilings { throttle_seconds: 60, recipient: 10, network: 3, email: 3, sms: 2, sms_prefix: 1 });
        assert_eq!(Ceilings { network: 1, ..Ceilings::default() }.share(2, 3).network, 1);
        assert_eq!(Ceilings::default().share(1, 3), Ceilings::default());
    }

    #[test]
    fn totals_are_the_fleets() {
        let ceilings = Ceilings { throttle_seconds: 60, recipient: 10, network: 7, email: 0, sms: 8, sms_prefix: 4 };
        let fleet = |keeping| {
            let totals = ceilings.totals(keeping);
            [totals.recipient, totals.network, totals.email, totals.sms, totals.sms_prefix]
                .map(|total| total.map(|total| total.fleet))
        };
        assert_eq!(fleet(Keeping::Together), [Some(10), Some(7), None, Some(8), Some(4)]);
        assert_eq!(fleet(Keeping::Alone(3)), [Some(30), Some(21), None, Some(24), Some(12)]);
        assert_eq!(fleet(Keeping::Shares(3)), [Some(10), Some(9), None, Some(8), Some(4)]);
        assert_eq!(ceilings.totals(Keeping::Alone(3)).recipient.unwrap().lifted(), 150);
    }
}
