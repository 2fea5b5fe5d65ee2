//! What becomes of a challenge when Redis restarts, fails over or is flushed: nothing is ever redeemed twice.

use countersign::guard::{AttemptRefused, Counted, redis::RedisUrl};

use super::{
    Test,
    server::{Server, until},
    world::{RECORDS, begin, connect, email, guard, left, limits, now, peek, right, settings, until_it_decides, wrong},
};

pub(crate) const TESTS: &[Test] = &[
    Test::new("kill_9_with_snapshots_retires_what_it_forgot", kill_9),
    Test::new("a_flush_retires_everything_and_replicas_stay_one_guard", flush),
    Test::new("a_durable_redis_forgets_nothing", durable),
    Test::new("a_failover_and_the_way_back_retire_what_was_lost", failover),
    Test::new("a_master_that_was_demoted_decides_nothing", demoted),
    Test::new("a_lost_key_of_the_counters_brings_nothing_back", lost_key),
];

/// The uses that the records of challenges state.
fn uses(server: &Server) -> Vec<u32> {
    let keys: Vec<String> = server.ask(RECORDS);
    keys.iter().map(|key| server.ask(&format!("HGET {key} u"))).collect()
}

fn kill_9() {
    let mut server = Server::start("--save 3600 1");
    let replica = guard(&server.url(), limits());
    let now = now(&server);
    let [spent, open] = ["ann", "bob"].map(|name| begin(&replica, &email(name), now));
    // The snapshot holds the records, and nothing of what becomes of them.
    let _: String = server.ask("SAVE");
    let key: String = server.ask("GET countersign:fleet:key");
    assert_eq!(right(&replica, &spent, now), Ok(Counted::Accepted { use_number: 1 }));
    assert_eq!(uses(&server).iter().sum::<u32>(), 1);
    server.kill();
    server.revive();
    until_it_decides(&replica, now);
    assert_eq!(server.ask::<String>("GET countersign:fleet:key"), key);
    assert!(uses(&server).starts_with(&[0, 0]), "the records came back, and what was spent didn't");

    let restarted = guard(&server.url(), limits());
    for node in [&replica, &restarted] {
        for challenge in [&spent, &open] {
            assert_eq!(peek(node, challenge, now), Err(AttemptRefused::Misdirected));
            assert_eq!(right(node, challenge, now), Err(AttemptRefused::Misdirected));
        }
    }
    assert_eq!(right(&restarted, &begin(&replica, &email("ann"), now), now), Ok(Counted::Accepted { use_number: 1 }));
}

fn flush() {
    let server = Server::plain();
    let old = guard(&server.url(), limits());
    let now = now(&server);
    let spent = begin(&old, &email("ann"), now);
    assert_eq!(right(&old, &spent, now), Ok(Counted::Accepted { use_number: 1 }));
    let _: String = server.ask("FLUSHALL");
    assert_eq!(right(&old, &spent, now), Err(AttemptRefused::Misdirected));

    // A node that starts now offers a key of its own; whoever comes second takes the other's.
    let new = guard(&server.url(), limits());
    assert_eq!(right(&new, &spent, now), Err(AttemptRefused::Misdirected));
    for (issues, redeems) in [(&old, &new), (&new, &old)] {
        let challenge = begin(issues, &email("ann"), now);
        assert_eq!(wrong(redeems, &challenge, now), left(4));
        assert_eq!(wrong(issues, &challenge, now), left(3));
        assert_eq!(right(redeems, &challenge, now), Ok(Counted::Accepted { use_number: 1 }));
        assert_eq!(right(issues, &challenge, now), Err(AttemptRefused::Spent));
    }
}

fn durable() {
    let mut server = Server::start(r#"--save "" --appendonly yes --appendfsync always"#);
    let mut settings = settings(&server.url());
    settings.durable = true;
    let replica = connect(&settings, limits()).unwrap();
    let now = now(&server);
    let [spent, open, tried] = ["ann", "bob", "cat"].map(|name| begin(&replica, &email(name), now));
    assert_eq!(right(&replica, &spent, now), Ok(Counted::Accepted { use_number: 1 }));
    assert_eq!(wrong(&replica, &tried, now), left(4));
    server.kill();
    server.revive();
    until_it_decides(&replica, now);
    let restarted = connect(&settings, limits()).unwrap();
    assert_eq!(right(&restarted, &spent, now), Err(AttemptRefused::Spent));
    assert_eq!(right(&restarted, &open, now), Ok(Counted::Accepted { use_number: 1 }));
    assert_eq!(wrong(&replica, &tried, now), left(3));
    assert_eq!(right(&replica, &open, now), Err(AttemptRefused::Spent));

    let careless = Server::plain();
    settings.url = RedisUrl::parse(&careless.url()).unwrap();
    let refused = connect(&settings, limits()).unwrap_err().to_string();
    assert!(refused.contains("appendfsync always"), "{refused}");
}

fn failover() {
    let (one, two) = (Server::plain(), Server::plain());
    let on_one = guard(&one.url(), limits());
    let now = now(&one);
    let in_step = |replica: &Server, master: &Server| {
        until("the replica is in step", || {
            replica.says("replication", "master_link_status", "up") && replica.ask::<u64>("DBSIZE") == master.ask::<u64>("DBSIZE")
        });
    };
    let follow = |replica: &Server, master: &Server| {
        let _: String = replica.ask(&format!("REPLICAOF 127.0.0.1 {}", master.port()));
        in_step(replica, master);
    };
    // A master's first replica begins a history: what was there before is retired, though nothing was lost.
    let early = begin(&on_one, &email("ann"), now);
    follow(&two, &one);
    assert_eq!(right(&on_one, &early, now), Err(AttemptRefused::Misdirected));
    let challenge = begin(&on_one, &email("ann"), now);
    in_step(&two, &one);
    // The replica takes over while the master, unaware, counts one more use.
    let _: String = two.ask("REPLICAOF NO ONE");
    let process = one.info("server", "run_id");
    assert_eq!(right(&on_one, &challenge, now), Ok(Counted::Accepted { use_number: 1 }));
    let on_two = guard(&two.url(), limits());
    assert_eq!(right(&on_two, &challenge, now), Err(AttemptRefused::Misdirected));
    assert_eq!(right(&on_one, &challenge, now), Err(AttemptRefused::Spent));

    // And back. The same process, the same records, but what it knew of the use is gone.
    follow(&one, &two);
    let _: String = one.ask("REPLICAOF NO ONE");
    assert_eq!(one.info("server", "run_id"), process);
    assert_eq!(uses(&one), [0, 0]);
    assert_eq!(right(&on_one, &challenge, now), Err(AttemptRefused::Misdirected));
    assert_eq!(right(&on_one, &begin(&on_one, &email("ann"), now), now), Ok(Counted::Accepted { use_number: 1 }));
}

fn demoted() {
    let (one, two) = (Server::plain(), Server::plain());
    let on_one = guard(&one.url(), limits());
    let now = now(&one);
    let challenge = begin(&on_one, &email("ann"), now);
    let _: String = one.ask(&format!("REPLICAOF 127.0.0.1 {}", two.port()));
    for result in [peek(&on_one, &challenge, now), right(&on_one, &challenge, now).map(drop)] {
        assert!(matches!(result, Err(AttemptRefused::Unavailable(_))), "{result:?}");
    }
    let refused = connect(&settings(&one.url()), limits()).unwrap_err().to_string();
    assert!(refused.contains("can't guard"), "{refused}");
}

fn lost_key() {
    let server = Server::plain();
    let guard = guard(&server.url(), limits());
    let now = now(&server);
    let challenge = begin(&guard, &email("ann"), now);
    assert_eq!(right(&guard, &challenge, now), Ok(Counted::Accepted { use_number: 1 }));
    let _: u32 = server.ask("DEL countersign:fleet:key");
    assert_eq!(right(&guard, &challenge, now), Err(AttemptRefused::Spent));
    // A node that starts now makes another key, and the first one takes it.
    let other = self::guard(&server.url(), limits());
    for node in [&guard, &other] {
        assert_eq!(right(node, &challenge, now), Err(AttemptRefused::Misdirected));
        assert_eq!(right(node, &begin(&guard, &email("ann"), now), now), Ok(Counted::Accepted { use_number: 1 }));
    }
    // What is no key decides nothing.
    let _: String = server.ask("SET countersign:fleet:key nonsense");
    assert!(matches!(right(&guard, &challenge, now), Err(AttemptRefused::Unavailable(_))));
}
