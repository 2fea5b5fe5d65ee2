//! Nodes that share a Redis: alone, as a cluster, and under sentinels.

use std::process::Command;

use libtest_mimic::Trial;

use super::{
    super::parts::{Part, output, trial},
    everybody_logs_in,
    load::{Load, Pending},
    set_up::{Balancer, Files, Fleet, Process},
};
use crate::harness::wait_for;

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("fleet::one_redis_behind_nginx", &[Part::Redis, Part::Nginx], alone),
        trial("fleet::a_redis_cluster_behind_haproxy", &[Part::Redis, Part::Haproxy], cluster),
        trial("fleet::sentinels_behind_envoy", &[Part::Redis, Part::Proxies], sentinels),
    ]
}

fn alone() {
    let files = Files::new();
    let _redis = redis(&files, 6379, &[]);
    let mut fleet = Fleet::start_with(files, "redis.toml", &[]);
    fleet.put_behind(Balancer::Nginx, false);
    everybody_logs_in(&fleet);
    // A node that is killed takes no code along.
    let pending = Pending::ask(&fleet, 12);
    let load = Load::of(&fleet);
    let (fleet, ()) = load.while_it_runs(&mut fleet, |fleet| fleet.kill("1"));
    let lost = load.assert_lost_only(
        &["request 502", "exchange 502", "again 502", "once more 200", "once more 400 challenge_spent", "once more 502"],
        fleet,
    );
    assert!(lost <= 16, "no more than were under way at that node: {load:?}\n{}", fleet.log());
    for pending in &pending {
        assert_eq!(pending.redeem(fleet).status, 200, "{}", fleet.log());
    }
}

fn cluster() {
    let files = Files::new();
    let named = [7001, 7002, 7003];
    let _masters = named.map(|port| {
        let config = format!("nodes-{port}.conf");
        redis(&files, port, &["--cluster-enabled", "yes", "--cluster-config-file", &config])
    });
    let mut create = Command::new("redis-cli");
    create.args(["--cluster", "create"]).args(named.map(|port| format!("127.0.0.1:{}", files.port(port)))).arg("--cluster-yes");
    output(&mut create);
    for port in named {
        wait_for(|| ask(files.port(port), &["cluster", "info"]).contains("cluster_state:ok").then_some(()));
    }
    let mut fleet = Fleet::start_with(files, "redis-cluster.toml", &[]);
    fleet.put_behind(Balancer::Haproxy, false);
    everybody_logs_in(&fleet);
    // A node that is drained takes nothing along.
    let pending = Pending::ask(&fleet, 12);
    let load = Load::of(&fleet);
    let (fleet, status) = load.while_it_runs(&mut fleet, |fleet| fleet.drain("1"));
    assert!(status.success(), "{status}");
    load.assert_well(fleet);
    for pending in &pending {
        assert_eq!(pending.redeem(fleet).status, 200, "{}", fleet.log());
    }
}

fn sentinels() {
    let files = Files::new();
    let mut master = redis(&files, 6379, &[]);
    let port = files.port(6379).to_string();
    let _replica = redis(&files, 6380, &["--replicaof", "127.0.0.1", &port]);
    files.copy("sentinel.conf");
    let _sentinels = [26379, 26380, 26381].map(|named| {
        let own = format!("{named}.conf");
        std::fs::copy(files.folder().join("sentinel.conf"), files.folder().join(&own)).expect("its copy");
        let mut command = Command::new("redis-server");
        command.args([&*own, "--sentinel", "--port", &files.port(named).to_string()]);
        files.start(&own, command)
    });
    // They have to know each other and the replica before any of them can promote it.
    for named in [26379, 26380, 26381] {
        let told = |question: &str, field: &str| ask(files.port(named), &["sentinel", question, "login"]).contains(field);
        wait_for(|| (told("master", "num-other-sentinels\n2\n") && told("replicas", "master-link-status\nok\n")).then_some(()));
    }
    let mut fleet = Fleet::start_with(files, "redis-sentinel.toml", &[]);
    fleet.put_behind(Balancer::Envoy, false);
    everybody_logs_in(&fleet);

    // The master is lost under load. Until a replica takes its place nobody gets in; then everybody does again, with new codes.
    let pending = Pending::ask(&fleet, 12);
    let old = pending[0].guard().to_owned();
    let load = Load::of(&fleet);
    let (fleet, ()) = load.while_it_runs(&mut fleet, |fleet| {
        master.kill();
        wait_for(|| fleet.nodes().all(|node| node.get_admin("/readyz").status == 503).then_some(()));
        wait_for(|| fleet.nodes().all(|node| node.get_admin("/readyz").status == 200).then_some(()));
        fleet.wait_until_whole();
    });
    let lost = load.assert_lost_only(
        &[
            "request 503",
            "request 503 unavailable",
            "exchange 503",
            "exchange 503 unavailable",
            "exchange 421 misdirected",
            "once more 200",
            "once more 503",
            "once more 503 unavailable",
            "once more 421 misdirected",
            "once more 400 challenge_spent",
            "again 503",
            "again 503 unavailable",
            "again 421 misdirected",
        ],
        fleet,
    );
    assert!(load.count("exchange 200") > 0 && lost > 0, "{load:?}");
    for pending in &pending {
        let answer = pending.redeem(fleet);
        assert_eq!((answer.status, &*answer.code()), (421, "misdirected"), "{answer:?}\n{}", fleet.log());
    }
    let fresh = Pending::ask(fleet, 1).remove(0);
    assert_ne!(fresh.guard(), old, "another epoch");
    everybody_logs_in(fleet);
    for node in fleet.nodes() {
        assert!(node.log().contains("the sentinels name the master"), "{}", node.log());
    }
}

/// redis-server with the example's configuration.
fn redis(files: &Files, named: u16, options: &[&str]) -> Process {
    files.copy("redis.conf");
    let port = files.port(named);
    let mut command = Command::new("redis-server");
    command.args(["redis.conf", "--port", &port.to_string(), "--dbfilename", &format!("{port}.rdb")]).args(options);
    let process = files.start(&port.to_string(), command);
    wait_for(|| ask(port, &["ping"]).contains("PONG").then_some(()));
    process
}

/// What redis-cli prints; nothing where nobody answers.
fn ask(port: u16, question: &[&str]) -> String {
    let asked = Command::new("redis-cli").args(["-p", &port.to_string()]).args(question).output().expect("redis-cli");
    String::from_utf8_lossy(&asked.stdout).into_owned()
}
