//! The fleets of `examples/fleet`, started from these very files: nothing in them is changed but the ports. Behind each balancer
//! people log in, race for one code, and lose what the documents say when a node is drained or killed.

mod load;
#[cfg(feature = "redis")]
mod over_redis;
mod set_up;

use libtest_mimic::Trial;

use self::{
    load::{Load, Pending},
    set_up::{Balancer, Fleet},
};
use super::parts::{Part, trial};
use crate::harness::{Connection, wait_for};

/// Logins of each run: `COUNTERSIGN_FLEET`, else 1,000.
fn logins() -> usize {
    std::env::var_os("COUNTERSIGN_FLEET").map_or(1_000, |n| n.to_str().expect("a number").parse().expect("a number"))
}

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![
        trial("fleet::nginx", &[Part::Nginx], || relays(Balancer::Nginx)),
        trial("fleet::haproxy", &[Part::Haproxy], || relays(Balancer::Haproxy)),
        trial("fleet::envoy", &[Part::Proxies], || relays(Balancer::Envoy)),
    ];
    #[cfg(feature = "redis")]
    trials.extend(over_redis::trials());
    trials
}

/// Nodes that relay, without affinity and with it; then one is drained, and one killed.
fn relays(balancer: Balancer) {
    let mut fleet = Fleet::start("countersign.toml", &["a", "b", "c"]);
    for with_affinity in [false, true] {
        fleet.put_behind(balancer, with_affinity);
        everybody_logs_in(&fleet);
        let (pending, mut direct) = (Pending::ask(&fleet, 12), 0);
        assert!(pending.iter().any(|other| other.owner != pending[0].owner), "homes are all over the fleet");
        for pending in &pending {
            let before = fleet.exchanges_at(&pending.owner);
            assert_eq!(pending.redeem(&fleet).status, 200, "{}", fleet.log());
            direct += usize::from(fleet.exchanges_at(&pending.owner) > before);
        }
        assert_eq!(direct == pending.len(), with_affinity, "{direct} came to the node of their challenge\n{}", fleet.log());
    }
    is_drained(&mut fleet, balancer);
    is_killed(&mut fleet);
}

/// All of them, and of many who have one code exactly one.
fn everybody_logs_in(fleet: &Fleet) {
    let load = Load::of(fleet);
    load.run(logins());
    load.assert_well(fleet);
    let statuses = Pending::ask(fleet, 1).remove(0).race(fleet, 12);
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}\n{}", fleet.log());
    assert_eq!(statuses.iter().filter(|status| **status == 400).count(), statuses.len() - 1, "{statuses:?}\n{}", fleet.log());
    for hidden in ["/passwordless/relay", "/passwordless/relay/", "/authz/nginx/token"] {
        let answer = Connection::to(&fleet.address()).request("POST", hidden, &[], b"");
        assert_eq!((answer.status, answer.header("content-type") == Some("application/problem+json")), (404, false), "{hidden}");
    }
}

/// SIGTERM under load: nobody notices but those whose challenges it has, once it is gone.
fn is_drained(fleet: &mut Fleet, balancer: Balancer) {
    let pending = Pending::ask(fleet, 24);
    let load = Load::of(fleet);
    let (fleet_after, status) = load.while_it_runs(fleet, |fleet| fleet.drain("b"));
    let fleet = fleet_after;
    assert!(status.success(), "{status}");
    // What crosses the moment when it closes its connections: a request that was just sent on one of them, or a code that was asked
    // for just before. Nobody else notices.
    let crossing = [
        "request 503 unavailable",
        "exchange 503 unavailable",
        "once more 503 unavailable",
        "again 503 unavailable",
        "once more 200",
        "once more 400 challenge_spent",
    ];
    let by_balancer: &[&str] = match balancer {
        Balancer::Nginx => &["request 502", "exchange 502", "once more 502", "again 502"],
        Balancer::Haproxy => &[],
        Balancer::Envoy => &["request 503", "exchange 503", "again 503"],
    };
    let lost = load.assert_lost_only(&[&crossing, by_balancer].concat(), fleet);
    assert!(lost <= 16, "{lost}: {load:?}\n{}", fleet.log());
    assert!(load.count("exchange 200") > 0, "{load:?}");
    loses_its_own_challenges(fleet, "b", &pending);
}

/// `kill -9` under load: what it was about to answer is lost, and its challenges.
fn is_killed(fleet: &mut Fleet) {
    let pending = Pending::ask(fleet, 24);
    let load = Load::of(fleet);
    let (fleet, ()) = load.while_it_runs(fleet, |fleet| fleet.kill("c"));
    // 502 and 504 are the balancer's; 503 is countersign's for a challenge whose owner is gone, or the balancer's.
    let lost = load.assert_lost_only(
        &[
            "request 502",
            "request 503",
            "request 503 unavailable",
            "request 504",
            "request died",
            "exchange 502",
            "exchange 503",
            "exchange 503 unavailable",
            "exchange 504",
            "exchange died",
            "once more 200",
            "once more 400 challenge_spent",
            "once more 502",
            "once more 503",
            "once more 503 unavailable",
            "once more 504",
            "once more died",
            "again 502",
            "again 503",
            "again 503 unavailable",
            "again 504",
            "again died",
        ],
        fleet,
    );
    assert!(lost < load.count("exchange 200") / 4, "{load:?}");
    loses_its_own_challenges(fleet, "c", &pending);
    // Afterwards everybody logs in again.
    let load = Load::of(fleet);
    load.run(50);
    load.assert_well(fleet);
}

/// Those of a node that is gone are 503 until it is back, then 421; all others are redeemed.
fn loses_its_own_challenges(fleet: &mut Fleet, gone: &str, pending: &[Pending]) {
    let (lost, kept): (Vec<_>, Vec<_>) = pending.iter().partition(|pending| pending.owner == gone);
    assert!(!lost.is_empty() && !kept.is_empty(), "homes are all over the fleet");
    for pending in kept {
        let answer = pending.redeem(fleet);
        assert_eq!(answer.status, 200, "{answer:?}\n{}", fleet.log());
    }
    for pending in &lost {
        let answer = pending.redeem(fleet);
        assert_eq!((answer.status, &*answer.code()), (503, "unavailable"), "{answer:?}\n{}", fleet.log());
    }
    fleet.start_node(gone);
    for pending in &lost {
        let answer = wait_for(|| Some(pending.redeem(fleet)).filter(|answer| answer.status != 503));
        assert_eq!((answer.status, &*answer.code()), (421, "misdirected"), "{answer:?}\n{}", fleet.log());
    }
    fleet.wait_until_whole();
}
