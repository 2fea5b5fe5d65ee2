//! A cluster of three masters: each recipient's memory is one master's, and so is its epoch.

use std::{path::PathBuf, sync::Arc, time::Duration};

use countersign::{
    challenge::VerifiedChallenge,
    guard::{AttemptRefused, Counted, Guard as _, Limits, Request, RequestRefused, Verdict, redis::RedisGuard},
    recipient::Recipient,
    time::UnixTime,
};

use super::{
    Test,
    requests::ask,
    server::{Server, free_port, until},
    world::{
        RECORDS, admit, attempt, begin, challenge, connect, email, guard, left, limits, network, now, peek, proof, race, request,
        right, run, settings, wrong,
    },
};

pub(crate) const TESTS: &[Test] = &[
    Test::new("in_a_cluster_one_of_64_parallel_redemptions_succeeds_on_every_master", one_succeeds),
    Test::new("in_a_cluster_guard_ids_do_not_show_who_shares_a_master_or_a_recipient", ids),
    Test::new("in_a_cluster_a_master_that_restarts_retires_what_was_its_own", restart),
    Test::new("in_a_cluster_a_flushed_master_retires_what_was_its_own", flush),
    Test::new("in_a_cluster_ceilings_count_all_recipients", ceilings),
    Test::new("in_a_cluster_a_request_that_is_503_for_a_lost_ceiling_uses_up_nothing", lost_ceilings),
    Test::new("in_a_cluster_a_request_that_is_503_for_a_ceiling_that_hangs_uses_up_nothing", hanging_ceilings),
    Test::new("in_a_cluster_a_request_that_a_ceiling_refuses_keeps_its_proof", proof_is_kept),
    Test::new("in_a_cluster_a_slot_that_moves_is_followed", moved),
    Test::new("in_a_cluster_a_lost_key_is_agreed_on_again", lost_key),
    Test::new("in_a_cluster_a_promoted_replica_is_found_and_retires_what_its_master_held", promoted),
    Test::new("in_a_cluster_connections_that_are_closed_cost_nobody_an_answer", idle),
    Test::new("in_a_cluster_hostile_names_stay_in_their_slot", hostile),
    Test::new("in_a_cluster_a_user_needs_few_commands_and_only_its_keys", least_rights),
    Test::new("a_cluster_whose_master_evicts_is_refused_at_the_start", evicts),
];

const SLOTS: u16 = 16_384;

/// Three masters.
pub(crate) struct Cluster {
    pub(crate) masters: Vec<Server>,
}

impl Cluster {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Its masters have these variables in their environment.
    pub(crate) fn start_with(environment: &[(&'static str, PathBuf)]) -> Self {
        let masters: Vec<Server> = (0..3).map(|_| Self::master(environment)).collect();
        for (number, master) in (0..).zip(&masters) {
            let share = SLOTS / 3 + 1;
            let last = ((number + 1) * share).min(SLOTS) - 1;
            let _: String = master.ask(&format!("CLUSTER ADDSLOTSRANGE {} {last}", number * share));
            let _: String = master.ask(&format!("CLUSTER SET-CONFIG-EPOCH {}", number + 1));
        }
        for other in &masters[1..] {
            let bus: String = other.ask::<Vec<String>>("CONFIG GET cluster-port")[1].clone();
            let _: String = masters[0].ask(&format!("CLUSTER MEET 127.0.0.1 {} {bus}", other.port()));
        }
        until("the cluster is whole", || {
            masters.iter().all(|master| {
                let info: String = master.ask("CLUSTER INFO");
                let parts = ["cluster_state:ok", "cluster_known_nodes:3", "cluster_slots_assigned:16384"];
                parts.iter().all(|part| info.contains(part))
            })
        });
        Self { masters }
    }

    fn master(environment: &[(&'static str, PathBuf)]) -> Server {
        let options = format!(
            "--save \"\" --cluster-enabled yes --cluster-port {} --cluster-node-timeout 5000 --cluster-require-full-coverage no",
            free_port()
        );
        Server::start_with(&options, environment)
    }

    pub(crate) fn url(&self) -> String {
        let urls: Vec<_> = self.masters.iter().map(Server::url).collect();
        urls.join(",")
    }

    fn guard(&self, limits: Limits) -> RedisGuard {
        guard(&self.url(), limits)
    }

    fn now(&self) -> UnixTime {
        now(&self.masters[0])
    }

    /// Adds a replica of the first master.
    fn replica_of_first(&self) -> Server {
        let replica = Self::master(&[]);
        let bus: String = replica.ask::<Vec<String>>("CONFIG GET cluster-port")[1].clone();
        let _: String = self.masters[0].ask(&format!("CLUSTER MEET 127.0.0.1 {} {bus}", replica.port()));
        let master: String = self.masters[0].ask("CLUSTER MYID");
        until("the replica knows its master", || {
            let replicate: redis::RedisResult<String> =
                redis::cmd("CLUSTER").arg("REPLICATE").arg(&master).query(&mut replica.connect());
            replicate.is_ok()
        });
        until("all know the replica", || {
            let know = |server: &Server| server.ask::<String>("CLUSTER INFO").contains("cluster_known_nodes:4");
            self.masters.iter().all(know) && know(&replica)
        });
        replica
    }

    /// How many keys each master has.
    pub(crate) fn sizes(&self) -> Vec<usize> {
        self.masters.iter().map(|master| master.ask("DBSIZE")).collect()
    }

    /// A challenge on each of the masters, in their order.
    pub(crate) fn on_each(&self, guard: &RedisGuard, now: UnixTime) -> Vec<(Recipient, VerifiedChallenge)> {
        let mut found: Vec<Option<_>> = (0..3).map(|_| None).collect();
        for number in 0.. {
            let recipient = email(&format!("someone{number}"));
            let before = self.sizes();
            let challenge = begin(guard, &recipient, now);
            let after = self.sizes();
            let at = (0..3).find(|at| after[*at] > before[*at]).expect("a record was made");
            found[at].get_or_insert((recipient, challenge));
            if found.iter().all(Option::is_some) {
                break;
            }
        }
        found.into_iter().flatten().collect()
    }
}

fn one_succeeds() {
    let cluster = Cluster::start();
    let replicas: Arc<[_]> = (0..4).map(|_| cluster.guard(limits())).collect();
    let now = cluster.now();
    for (_, challenge) in cluster.on_each(&replicas[0], now) {
        assert_eq!(wrong(&replicas[1], &challenge, now), left(4));
        let replicas = Arc::clone(&replicas);
        let results = race(64, move |number| right(&replicas[number % 4], &challenge, now));
        assert_eq!(results.iter().filter(|result| **result == Ok(Counted::Accepted { use_number: 1 })).count(), 1);
        assert_eq!(results.iter().filter(|result| **result == Err(AttemptRefused::Spent)).count(), 63);
    }
}

fn ids() {
    let cluster = Cluster::start();
    let guard = cluster.guard(limits());
    let now = cluster.now();
    let mut seen = std::collections::HashSet::new();
    for name in ["ann", "ann", "ann", "bob"] {
        let id = admit(&guard, &email(name), now).guard;
        assert_eq!((id.node(), id.epoch().len()), ("fleet", 48));
        assert!(seen.insert(id.as_str().to_owned()));
        assert_eq!(peek(&guard, &challenge(id, &email(name), now), now), Ok(()));
    }
    // An id made up, or another recipient's, is nobody's.
    let other = admit(&guard, &email("bob"), now).guard;
    let stolen = challenge(other, &email("ann"), now);
    assert_eq!(right(&guard, &stolen, now), Err(AttemptRefused::Misdirected));
}

fn restart() {
    let mut cluster = Cluster::start();
    let guard = cluster.guard(limits());
    let now = cluster.now();
    let challenges = cluster.on_each(&guard, now);
    assert_eq!(right(&guard, &challenges[1].1, now), Ok(Counted::Accepted { use_number: 1 }));
    cluster.masters[1].kill();
    let refused = right(&guard, &challenges[1].1, now);
    assert!(matches!(refused, Err(AttemptRefused::Unavailable(_))), "{refused:?}");
    // The others go on meanwhile.
    assert_eq!(wrong(&guard, &challenges[0].1, now), left(4));
    cluster.masters[1].revive();
    until("the master decides again", || right(&guard, &challenges[1].1, now) == Err(AttemptRefused::Misdirected));
    assert_eq!(right(&guard, &challenges[0].1, now), Ok(Counted::Accepted { use_number: 1 }));
    assert_eq!(right(&guard, &challenges[2].1, now), Ok(Counted::Accepted { use_number: 1 }));
    assert_eq!(right(&guard, &begin(&guard, &challenges[1].0, now), now), Ok(Counted::Accepted { use_number: 1 }));
}

fn flush() {
    let cluster = Cluster::start();
    let guard = cluster.guard(limits());
    let now = cluster.now();
    let challenges = cluster.on_each(&guard, now);
    assert_eq!(right(&guard, &challenges[2].1, now), Ok(Counted::Accepted { use_number: 1 }));
    let _: String = cluster.masters[2].ask("FLUSHALL");
    assert_eq!(right(&guard, &challenges[2].1, now), Err(AttemptRefused::Misdirected));
    let next = begin(&guard, &challenges[2].0, now);
    assert_eq!(right(&guard, &challenges[2].1, now), Err(AttemptRefused::Misdirected));
    assert_eq!(right(&guard, &next, now), Ok(Counted::Accepted { use_number: 1 }));
    assert_eq!(right(&guard, &challenges[0].1, now), Ok(Counted::Accepted { use_number: 1 }));
}

fn ceilings() {
    let cluster = Cluster::start();
    let limits = Limits {
        throttle_seconds: 60,
        max_messages_per_hour: 5,
        max_messages_per_network_per_hour: 2,
        email_per_hour: 40,
        ..limits()
    };
    let guard = cluster.guard(limits);
    let now = cluster.now();
    let recipients: Vec<_> = (0..50).map(|number| email(&format!("someone{number}"))).collect();
    assert_eq!(ask(&guard, &request(&recipients[0], now)), Ok(()));
    assert_eq!(ask(&guard, &request(&recipients[1], now)), Ok(()));
    let third = request(&recipients[2], now);
    assert_eq!(ask(&guard, &third).map_err(|(_, puzzle)| puzzle), Err(true));
    // It paused nobody: the same request passes with a proof, once.
    let mut proved = third;
    proved.proof = Some(proof(1, now));
    let taken = run(guard.admit(&proved)).unwrap().taken;
    run(guard.withdraw(&proved, &taken));
    proved.proof = Some(proof(2, now));
    assert_eq!(ask(&guard, &proved), Ok(()));
    // Forty for all, a quarter of them kept for known devices.
    let mut admitted = 3;
    for (last, recipient) in (2..).zip(&recipients[3..]) {
        let mut elsewhere = request(recipient, now);
        elsewhere.network = network(last);
        match ask(&guard, &elsewhere) {
            Ok(()) => admitted += 1,
            Err((_, puzzle)) => assert!(!puzzle),
        }
    }
    assert_eq!(admitted, 30);
}

fn lost_ceilings() {
    let mut cluster = Cluster::start();
    without_ceilings(&mut cluster, Server::kill, Server::revive);
}

fn hanging_ceilings() {
    let mut cluster = Cluster::start();
    without_ceilings(
        &mut cluster,
        |master| _ = master.ask::<String>("CLIENT PAUSE 60000 WRITE"),
        |master| _ = master.ask::<String>("CLIENT UNPAUSE"),
    );
}

/// The master of the ceilings is taken away and comes back; the recipients are the others'.
fn without_ceilings(cluster: &mut Cluster, lose: impl Fn(&mut Server), bring_back: impl Fn(&mut Server)) {
    let now = cluster.now();
    let at = usize::from(cluster.masters[0].ask::<u16>("CLUSTER KEYSLOT {ceilings}") / (SLOTS / 3 + 1));
    let mut recipients: Vec<_> = cluster.on_each(&cluster.guard(limits()), now).into_iter().map(|(name, _)| name).collect();
    recipients.remove(at);
    let mut settings = settings(&cluster.url());
    settings.timeout = Duration::from_secs(2);
    let limits = Limits { throttle_seconds: 60, max_messages_per_hour: 1, max_messages_per_network_per_hour: 100, ..limits() };
    let guard = connect(&settings, limits).unwrap();
    let keys = |cluster: &Cluster| {
        let others = cluster.masters.iter().enumerate().filter(|(number, _)| *number != at);
        let mut keys: Vec<String> = others.flat_map(|(_, master)| master.ask::<Vec<String>>("KEYS *")).collect();
        // Tables stay for their hour: what is given back stands in them as nothing.
        keys.retain(|key| !key.ends_with("}:messages") && !key.ends_with("}:pauses"));
        keys.sort();
        keys
    };
    let before = keys(cluster);
    lose(&mut cluster.masters[at]);
    for recipient in &recipients {
        for _ in 0..2 {
            let refused = run(guard.admit(&request(recipient, now)));
            assert!(matches!(refused, Err(RequestRefused::Unavailable(_))), "{refused:?}");
        }
    }
    assert_eq!(keys(cluster), before, "no record of a challenge that nobody got");
    bring_back(&mut cluster.masters[at]);
    for recipient in &recipients {
        until("it is admitted, and never throttled", || match run(guard.admit(&request(recipient, now))) {
            Ok(_) => true,
            Err(RequestRefused::Unavailable(_)) => false,
            Err(refused) => panic!("{refused:?}"),
        });
        assert!(ask(&guard, &request(recipient, now)).is_err(), "now there is a pause");
    }
}

fn proof_is_kept() {
    let cluster = Cluster::start();
    let guard = cluster.guard(Limits { max_messages_per_hour: 1, email_per_hour: 4, ..limits() });
    let now = cluster.now();
    let [ann, bob, cat] = ["ann", "bob", "cat"].map(email);
    // Of the four a stranger gets three.
    let from = |recipient, last| Request { network: network(last), ..request(recipient, now) };
    let [_, of_bob, of_cat] =
        [(&ann, 1), (&bob, 2), (&cat, 3)].map(|(recipient, last)| run(guard.admit(&from(recipient, last))).unwrap().taken);
    let mut proved = from(&ann, 4);
    proved.proof = Some(proof(1, now));
    let records = || cluster.masters.iter().flat_map(|master| master.ask::<Vec<String>>(RECORDS)).count();
    let before = records();
    for _ in 0..3 {
        assert_eq!(ask(&guard, &proved).map_err(|(_, puzzle)| puzzle), Err(false));
    }
    assert_eq!(records(), before);
    run(guard.withdraw(&from(&cat, 3), &of_cat));
    let plain = ask(&guard, &from(&ann, 5)).map_err(|(_, puzzle)| puzzle);
    assert_eq!(plain, Err(true), "what was refused put nothing back that it didn't take");
    assert_eq!(ask(&guard, &proved), Ok(()), "the ceiling is free, and the proof still good");
    // It counts once all the same.
    run(guard.withdraw(&from(&bob, 2), &of_bob));
    assert_eq!(ask(&guard, &proved).map_err(|(_, puzzle)| puzzle), Err(true));
}

fn moved() {
    let cluster = Cluster::start();
    let guard = cluster.guard(limits());
    let now = cluster.now();
    let (recipient, challenge) = cluster.on_each(&guard, now).remove(0);
    assert_eq!(right(&guard, &challenge, now), Ok(Counted::Accepted { use_number: 1 }));
    // All of the first master's slots go to the second, as redis-cli --cluster reshard does it.
    let ids: Vec<String> = cluster.masters.iter().map(|master| master.ask("CLUSTER MYID")).collect();
    let keys: Vec<String> = cluster.masters[0].ask("KEYS *");
    let slots: std::collections::BTreeSet<u16> =
        keys.iter().map(|key| cluster.masters[0].ask(&format!("CLUSTER KEYSLOT {key}"))).collect();
    for slot in slots {
        let _: String = cluster.masters[1].ask(&format!("CLUSTER SETSLOT {slot} IMPORTING {}", ids[0]));
        let _: String = cluster.masters[0].ask(&format!("CLUSTER SETSLOT {slot} MIGRATING {}", ids[1]));
        for key in keys.iter().filter(|key| cluster.masters[0].ask::<u16>(&format!("CLUSTER KEYSLOT {key}")) == slot) {
            let _: String = cluster.masters[0].ask(&format!("MIGRATE 127.0.0.1 {} {key} 0 5000", cluster.masters[1].port()));
        }
        for master in [1, 0, 2] {
            let _: String = cluster.masters[master].ask(&format!("CLUSTER SETSLOT {slot} NODE {}", ids[1]));
        }
    }
    // Another master, another history: what the first one held is retired, though the records moved.
    until("the new owner decides", || right(&guard, &challenge, now) == Err(AttemptRefused::Misdirected));
    let next = begin(&guard, &recipient, now);
    assert_eq!(right(&guard, &next, now), Ok(Counted::Accepted { use_number: 1 }));
    assert_eq!(right(&guard, &next, now), Err(AttemptRefused::Spent));
}

fn lost_key() {
    let cluster = Cluster::start();
    let old = cluster.guard(limits());
    let now = cluster.now();
    let before = begin(&old, &email("ann"), now);
    assert_eq!(right(&old, &before, now), Ok(Counted::Accepted { use_number: 1 }));
    // The master that keeps the key of the counters loses it, and a node that starts now makes another one.
    for master in &cluster.masters {
        let _: Vec<String> = master.ask("KEYS *");
        let _: redis::RedisResult<u32> = redis::cmd("DEL").arg("countersign:fleet:key").query(&mut master.connect());
    }
    let new = cluster.guard(limits());
    assert_eq!(right(&new, &before, now), Err(AttemptRefused::Misdirected));
    let challenge = begin(&new, &email("ann"), now);
    // The old node meets a challenge under names that it doesn't know: it asks for the key, and is at one again.
    assert_eq!(right(&old, &challenge, now), Ok(Counted::Accepted { use_number: 1 }));
    assert_eq!(right(&new, &challenge, now), Err(AttemptRefused::Spent));
    assert_eq!(right(&old, &before, now), Err(AttemptRefused::Misdirected));
}

fn evicts() {
    let cluster = Cluster::start();
    let _: String = cluster.masters[2].ask("CONFIG SET maxmemory-policy allkeys-lru");
    let refused = connect(&settings(&cluster.url()), limits()).unwrap_err().to_string();
    assert!(refused.contains("allkeys-lru"), "{refused}");
}

fn promoted() {
    let mut cluster = Cluster::start();
    let guard = cluster.guard(limits());
    let now = cluster.now();
    let replica = cluster.replica_of_first();
    let challenges = cluster.on_each(&guard, now);
    let (recipient, spent) = &challenges[0];
    until("the replica is in step", || {
        replica.says("replication", "master_link_status", "up")
            && replica.ask::<usize>("DBSIZE") == cluster.masters[0].ask::<usize>("DBSIZE")
    });
    assert_eq!(right(&guard, spent, now), Ok(Counted::Accepted { use_number: 1 }));
    cluster.masters[0].kill();
    let _: String = replica.ask("CLUSTER FAILOVER TAKEOVER");
    // One node is gone, and the map of slots is another one: the guard finds out by itself, in the runtime that it has.
    run(async {
        let mut answers = Vec::new();
        for _ in 0..600 {
            let answer = guard.count(&attempt(spent, now), Verdict::sealed(true)).await;
            answers.push(answer);
            if answer == Err(AttemptRefused::Misdirected) {
                break;
            }
            assert!(matches!(answer, Err(AttemptRefused::Unavailable(_))), "{answers:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(answers.last(), Some(&Err(AttemptRefused::Misdirected)), "{answers:?}");
        let admitted = guard.admit(&request(recipient, now)).await.unwrap();
        let next = challenge(admitted.guard, recipient, now);
        assert_eq!(guard.count(&attempt(&next, now), Verdict::sealed(true)).await, Ok(Counted::Accepted { use_number: 1 }));
        // The other masters noticed nothing.
        let other = &challenges[1].1;
        assert_eq!(guard.count(&attempt(other, now), Verdict::sealed(true)).await, Ok(Counted::Accepted { use_number: 1 }));
    });
    // A node that starts now, and is given the address of the lost one first.
    assert_eq!(right(&cluster.guard(limits()), spent, now), Err(AttemptRefused::Misdirected));
}

fn idle() {
    let cluster = Cluster::start();
    let guard = cluster.guard(limits());
    let now = cluster.now();
    let recipients = cluster.on_each(&guard, now).into_iter().map(|(recipient, _)| recipient).collect::<Vec<_>>();
    run(async {
        for recipient in &recipients {
            assert!(guard.admit(&request(recipient, now)).await.is_ok());
        }
        let connections = |master: &Server| master.info("stats", "total_connections_received").parse::<u32>().unwrap();
        for (recipient, master) in recipients.iter().zip(&cluster.masters) {
            let before = connections(master);
            assert!(master.ask::<u32>("CLIENT KILL TYPE normal SKIPME yes") > 0);
            // Two connections since are of this test, and each look is another one.
            for looks in 2..600 {
                if connections(master) > before + looks {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            let admitted = guard.admit(&request(recipient, now)).await;
            assert!(admitted.is_ok(), "{admitted:?}");
        }
    });
}

fn hostile() {
    let cluster = Cluster::start();
    let guard = cluster.guard(Limits { throttle_seconds: 60, max_messages_per_hour: 5, ..limits() });
    let now = cluster.now();
    let names = ["{ceilings}", "}{", "{x}{y}", "'..redis.call('FLUSHALL')..'", "*", "a%00", "$1", &"x".repeat(64)];
    let recipients: Vec<_> =
        names.iter().filter_map(|name| Recipient::parse_email(&format!("{name}@example.com")).ok()).collect();
    assert!(recipients.iter().any(|recipient| recipient.as_str().starts_with("{ceilings}@")), "{} of them", recipients.len());
    for recipient in &recipients {
        let challenge = begin(&guard, recipient, now);
        assert_eq!(wrong(&guard, &challenge, now), left(4), "{}", recipient.as_str());
        assert_eq!(right(&guard, &challenge, now), Ok(Counted::Accepted { use_number: 1 }), "{}", recipient.as_str());
        assert_eq!(right(&guard, &challenge, now), Err(AttemptRefused::Spent), "{}", recipient.as_str());
    }
    for key in cluster.masters.iter().flat_map(|master| master.ask::<Vec<String>>("KEYS *")) {
        let tag = key.strip_prefix("countersign:fleet:").unwrap();
        let is_group = |tag: &str| tag.len() == 3 && u16::from_str_radix(tag, 16).is_ok();
        let tag = tag.strip_prefix('{').and_then(|rest| rest.split_once('}')).map(|(tag, _)| tag);
        assert!(tag.is_none_or(is_group) && (tag.is_some() || key.ends_with(":key")), "{key}");
    }
}

fn least_rights() {
    let cluster = Cluster::start();
    let user = super::served::documented_user();
    for master in &cluster.masters {
        let _: String = master.ask(&user);
    }
    let url = |master: &Server| format!("redis://countersign:secret@127.0.0.1:{}", master.port());
    let urls: Vec<_> = cluster.masters.iter().map(url).collect();
    let guard = guard(&urls.join(","), Limits { throttle_seconds: 60, max_messages_per_network_per_hour: 20, ..limits() });
    let now = cluster.now();
    for number in 0..10 {
        let challenge = begin(&guard, &email(&format!("someone{number}")), now);
        assert_eq!(wrong(&guard, &challenge, now), left(4));
        assert_eq!(right(&guard, &challenge, now), Ok(Counted::Accepted { use_number: 1 }));
    }
    for master in &cluster.masters {
        let denied: Vec<redis::Value> = master.ask("ACL LOG");
        assert!(denied.is_empty(), "{denied:?}");
    }
}
