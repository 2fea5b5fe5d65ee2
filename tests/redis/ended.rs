//! Ended sessions in Redis: the fleet's, asked each time.

use serde_json::json;

use super::{Test, cluster::Cluster, served::node, server::Server};
use crate::harness::{self, tokens::Mint, wait_for};

pub(crate) const TESTS: &[Test] = &[
    Test::new("what_one_node_ends_every_node_refuses_at_once_and_after_kill_9", at_every_node),
    Test::new("nobody_knows_whether_a_session_was_ended_while_redis_is_away", away),
    Test::new("that_redis_may_have_forgotten_ended_sessions_is_noticed", noticed),
    Test::new("a_flush_of_any_master_of_a_cluster_is_noticed", noticed_at_each),
    Test::new("asking_whether_a_session_was_ended_is_one_round_trip_or_none_with_a_copy", one_round_trip),
    Test::new("where_redis_has_no_memory_left_ending_a_session_is_503", full),
    Test::new("a_cluster_remembers_ended_sessions", in_a_cluster),
];

const ISSUER: &str = "http://localhost:8000";

fn verified(node: &harness::Server, access: &str) -> u16 {
    node.post("token/verify/", &json!({ "token": access })).status
}

fn revoke(node: &harness::Server, token: &str, everywhere: bool) -> u16 {
    node.post("token/revoke/", &json!({ "token": token, "everywhere": everywhere })).status
}

fn at_every_node() {
    let redis = Server::plain();
    let mut nodes: Vec<_> = (0..2).map(|_| node(&redis.url(), &[])).collect();
    let mint = Mint::new(ISSUER);
    let [one, two, other] =
        [("ann@example.com", 1), ("ann@example.com", 2), ("bob@example.com", 3)].map(|(email, n)| mint.begin(email, n));
    assert_eq!(revoke(&nodes[0], &one.access, false), 200);
    for node in &nodes {
        assert_eq!([&one, &two, &other].map(|tokens| verified(node, &tokens.access)), [401, 200, 200]);
        assert_eq!(node.post("token/refresh/", &json!({ "refresh": one.refresh })).status, 401);
    }
    // What an access token says of its beginning is a second long.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert_eq!(revoke(&nodes[1], &two.refresh, true), 200);
    let later = mint.begin("ann@example.com", 4);
    let earlier = mint.begin("ann@example.com", 5);
    nodes[0].kill();
    nodes[0] = node(&redis.url(), &[]);
    for node in &nodes {
        assert_eq!(
            [&one, &two, &other, &later, &earlier].map(|tokens| verified(node, &tokens.access)),
            [401, 401, 200, 200, 200]
        );
    }
    let keys: Vec<String> = redis.ask("KEYS countersign:fleet:{e*");
    assert_eq!(keys.len(), 3, "two sessions and a subject: {keys:?}");
    for key in keys {
        assert!(redis.ask::<i64>(&format!("TTL {key}")) > 86_400, "{key} ends by itself");
        assert!(!key.contains("ann"), "{key}");
    }
}

fn away() {
    let mut redis = Server::plain();
    let node = node(&redis.url(), &[]);
    let tokens = Mint::new(ISSUER).begin("ann@example.com", 1);
    assert_eq!(verified(&node, &tokens.access), 200);
    redis.kill();
    assert_eq!(verified(&node, &tokens.access), 503);
    assert_eq!(revoke(&node, &tokens.access, false), 503);
    assert_eq!(node.post("token/refresh/", &json!({ "refresh": tokens.refresh })).status, 503);
    redis.revive();
    wait_for(|| (verified(&node, &tokens.access) == 200).then_some(()));
}

/// How often a node, which is asked something, said that Redis may have forgotten.
fn times_forgotten(node: &harness::Server, access: &str) -> u64 {
    verified(node, access);
    let page = String::from_utf8(node.get_admin("/metrics").body).unwrap();
    let series = "countersign_ended_sessions_forgotten_total ";
    page.lines().find_map(|line| line.strip_prefix(series)?.parse::<u64>().ok()).unwrap_or_default()
}

fn noticed_at_each() {
    let cluster = Cluster::start();
    let node = node(&cluster.url(), &[]);
    let tokens = Mint::new(ISSUER).begin("ann@example.com", 1);
    let has_mark = |master: &Server| master.ask::<Vec<String>>("KEYS countersign:fleet:ended:*").len() == 1;
    wait_for(|| {
        verified(&node, &tokens.access);
        cluster.masters.iter().all(has_mark).then_some(())
    });
    assert_eq!(times_forgotten(&node, &tokens.access), 0);
    for (times, master) in (1..).zip(&cluster.masters) {
        let _: String = master.ask("FLUSHALL");
        wait_for(|| (times_forgotten(&node, &tokens.access) == times).then_some(()));
    }
    assert!(node.log().contains("may have forgotten which sessions were ended"));
}

fn noticed() {
    let mut redis = Server::plain();
    let node = node(&redis.url(), &[]);
    let tokens = Mint::new(ISSUER).begin("ann@example.com", 1);
    let forgotten = || times_forgotten(&node, &tokens.access);
    wait_for(|| {
        verified(&node, &tokens.access);
        (redis.ask::<i64>("EXISTS countersign:fleet:ended") == 1).then_some(())
    });
    assert_eq!(forgotten(), 0);
    let _: String = redis.ask("FLUSHALL");
    wait_for(|| (forgotten() == 1).then_some(()));
    redis.kill();
    redis.revive();
    wait_for(|| (forgotten() >= 2).then_some(()));
    assert!(node.log().contains("may have forgotten which sessions were ended"));
}

fn one_round_trip() {
    let redis = Server::plain();
    let mint = Mint::new(ISSUER);
    for (copy_seconds, expected) in [("0", 50), ("3600", 0)] {
        let node = node(&redis.url(), &[("session.redis_copy_seconds", copy_seconds)]);
        let tokens = mint.begin("ann@example.com", 1);
        assert_eq!(verified(&node, &tokens.access), 200);
        let asked = || -> u64 {
            let info: String = redis.ask("INFO commandstats");
            let calls = |name: &str| {
                let line = info.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{name}:calls=")));
                line.and_then(|rest| rest.split(',').next()?.parse().ok()).unwrap_or(0)
            };
            calls("evalsha") + calls("eval")
        };
        let before = asked();
        (0..50).for_each(|_| assert_eq!(verified(&node, &tokens.access), 200));
        assert_eq!(asked() - before, expected);
        if copy_seconds != "0" {
            assert_eq!(revoke(&node, &tokens.access, false), 200);
            assert_eq!(verified(&node, &tokens.access), 401, "what a node ended itself it knows");
        }
    }
}

fn full() {
    let redis = Server::plain();
    let node = node(&redis.url(), &[]);
    let tokens = Mint::new(ISSUER).begin("ann@example.com", 1);
    assert_eq!(verified(&node, &tokens.access), 200);
    let _: String = redis.ask("CONFIG SET maxmemory 1");
    assert_eq!(revoke(&node, &tokens.access, false), 503);
    assert_eq!(verified(&node, &tokens.access), 200, "nobody said that it was ended");
    let _: String = redis.ask("CONFIG SET maxmemory 0");
    assert_eq!(revoke(&node, &tokens.access, false), 200);
    assert_eq!(verified(&node, &tokens.access), 401);
}

fn in_a_cluster() {
    let cluster = Cluster::start();
    let nodes = [(); 2].map(|()| node(&cluster.url(), &[]));
    let mint = Mint::new(ISSUER);
    for number in 0..12 {
        let tokens = mint.begin(&format!("person{number}@example.com"), number);
        assert_eq!(verified(&nodes[0], &tokens.access), 200);
        assert_eq!(revoke(&nodes[1], &tokens.refresh, number % 2 == 0), 200);
        assert_eq!(verified(&nodes[0], &tokens.access), 401);
    }
}
