//! Sessions that were ended before their time, through the real binary: one node with a journal, and fleets of three under restarts,
//! `kill -9` and cut links.
//!
//! `COUNTERSIGN_ENDED_CHAOS` says how often something happens to a node or to a link: 10 times unless it does.

use std::{
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use countersign::{fleet::Homes, recipient::Recipient};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng as _, SeedableRng as _},
};
use serde_json::json;
use tempfile::TempDir;

use crate::harness::{
    Connection, Server,
    fleet::{ISSUER, NODES, free_port, start_node_with},
    link::{Link, Way},
    messages::Messages,
    tokens::Mint,
    wait_for,
};

fn start(node: &str, port: u16, settings: &[(&str, &str)]) -> Server {
    let nodes = NODES.join(",");
    let base = [("guard.nodes", nodes.as_str()), ("email.transport", "discard")];
    start_node_with(Server::start_quietly, node, port, &[&base, settings].concat())
}

fn wait_until_ready(node: &Server) {
    wait_for(|| (node.get_admin("/readyz").status == 200).then_some(()));
}

fn fleet(port: u16, settings: &[(&str, &str)]) -> Vec<Server> {
    let nodes: Vec<_> = NODES.iter().map(|node| start(node, port, settings)).collect();
    nodes.iter().for_each(wait_until_ready);
    nodes
}

/// What a node says of an access token.
fn verified(node: &Server, access: &str) -> u16 {
    node.post("token/verify/", &json!({ "token": access })).status
}

fn revoke(node: &Server, token: &str, everywhere: bool) {
    let answer = node.post("token/revoke/", &json!({ "token": token, "everywhere": everywhere }));
    assert_eq!((answer.status, answer.json()), (200, json!({})));
}

/// The value of a series in a node's metrics; 0 where there is none.
fn metric(node: &Server, series: &str) -> u64 {
    let page = String::from_utf8(node.get_admin("/metrics").body).unwrap();
    let value = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok());
    value.unwrap_or_default()
}

#[test]
fn a_journal_keeps_ended_sessions_over_kill_9_and_a_memory_says_that_it_does_not() {
    let (mint, folder) = (Mint::new(ISSUER), TempDir::new().unwrap());
    let path = folder.path().join("guard");
    let settings = [("server.public_url", ISSUER), ("guard.kind", "journal"), ("guard.path", path.to_str().unwrap())];
    let mut node = Server::start(&settings);
    let tokens = mint.begin("ann@example.com", 1);
    assert_eq!(verified(&node, &tokens.access), 200);
    revoke(&node, &tokens.refresh, false);
    assert_eq!(verified(&node, &tokens.access), 401);
    node.kill();
    let node = Server::start(&settings);
    assert_eq!(verified(&node, &tokens.access), 401);
    assert_eq!(node.post("token/refresh/", &json!({ "refresh": tokens.refresh })).status, 401);
    assert_eq!(verified(&node, &mint.begin("ann@example.com", 2).access), 200);
    let memory = Server::start(&[("session.enabled", "true")]);
    wait_for(|| memory.log().contains("forgets which sessions were ended").then_some(()));
    assert!(!node.log().contains("forgets which sessions were ended"));
}

#[test]
fn what_one_node_ends_every_node_refuses_before_the_answer_and_it_costs_two_relays() {
    let mint = Mint::new(ISSUER);
    let nodes = fleet(free_port(), &[]);
    let tokens: Vec<_> = (0..20).map(|number| mint.begin(&format!("person{number}@example.com"), number)).collect();
    let relays =
        || nodes.iter().map(|node| metric(node, r#"countersign_http_requests_total{route="relay",status="2xx"}"#)).sum::<u64>();
    let mut fewest = u64::MAX;
    for (number, tokens) in tokens.iter().enumerate() {
        assert_eq!(verified(&nodes[(number + 1) % 3], &tokens.access), 200);
        let before = relays();
        revoke(&nodes[number % 3], if number % 2 == 0 { &tokens.refresh } else { &tokens.access }, false);
        fewest = fewest.min(relays() - before);
        for node in &nodes {
            assert_eq!(verified(node, &tokens.access), 401, "{number}");
            assert_eq!(node.post("token/refresh/", &json!({ "refresh": tokens.refresh })).status, 401, "{number}");
        }
    }
    // Comparisons, every 5 s, come in between now and then.
    assert_eq!(fewest, 2);
}

#[test]
fn ending_everywhere_ends_what_began_before_at_every_node() {
    let mint = Mint::new(ISSUER);
    let nodes = fleet(free_port(), &[]);
    let [one, two, other] =
        [("ann@example.com", 1), ("ann@example.com", 2), ("bob@example.com", 3)].map(|(email, n)| mint.begun(email, n));
    revoke(&nodes[0], &one.refresh, true);
    let later = mint.begin("ann@example.com", 4);
    for node in &nodes {
        assert_eq!([&one, &two, &other, &later].map(|tokens| verified(node, &tokens.access)), [401, 401, 200, 200]);
    }
}

#[test]
fn a_node_that_was_away_takes_what_it_missed_before_it_accepts_anything() {
    let (mint, port) = (Mint::new(ISSUER), free_port());
    let mut nodes = fleet(port, &[]);
    let [before, meanwhile, living] = [1, 2, 3].map(|number| mint.begin("ann@example.com", number));
    revoke(&nodes[0], &before.access, false);
    nodes[2].kill();
    revoke(&nodes[1], &meanwhile.access, false);
    assert!(metric(&nodes[1], "countersign_ended_sessions_untold_total") >= 1);
    nodes[2] = start(NODES[2], port, &[]);
    // From its first answer on.
    wait_for(|| {
        for tokens in [&before, &meanwhile] {
            let status = verified(&nodes[2], &tokens.access);
            assert!(status == 401 || status == 503, "{status}");
        }
        (verified(&nodes[2], &living.access) == 200).then_some(())
    });
    wait_until_ready(&nodes[2]);
    // The whole rest goes, and what it knew is still known.
    nodes[0].kill();
    nodes[1].kill();
    assert_eq!([&before, &meanwhile].map(|tokens| verified(&nodes[2], &tokens.access)), [401, 401]);
}

#[test]
fn a_node_that_hung_hears_of_it_when_it_is_back() {
    let mint = Mint::new(ISSUER);
    let nodes = fleet(free_port(), &[]);
    let tokens = mint.begin("ann@example.com", 1);
    nodes[2].signal("STOP");
    // It is answered though that node says nothing.
    revoke(&nodes[0], &tokens.refresh, false);
    assert_eq!(verified(&nodes[1], &tokens.access), 401);
    nodes[2].signal("CONT");
    wait_for(|| (verified(&nodes[2], &tokens.access) == 401).then_some(()));
}

/// `logout/` says how many couldn't be told; a token's owner is told nothing but that it is recorded (RFC 7009), whoever heard of it.
#[test]
fn a_logout_says_how_many_nodes_could_not_be_told_and_a_revocation_does_not() {
    let mint = Mint::new(ISSUER);
    let mut nodes = fleet(free_port(), &[("session.enabled", "true")]);
    let sign_in = |node: &Server, email: &str| {
        let answer = node.post("request/email/", &json!({ "email": email }));
        assert_eq!(answer.status, 200, "{answer:?}");
        let login = Messages::of(ISSUER).read(email, answer.json()["challenge"].as_str().unwrap());
        let mut body = login.right(false);
        body["session"] = json!(true);
        let signed_in = node.post("exchange/email/", &body);
        assert_eq!(signed_in.status, 200, "{signed_in:?}");
        format!("countersign_session={}", signed_in.cookie("countersign_session").unwrap())
    };
    let log_out = |node: &Server, cookie: &str| {
        let answer = node.post_with("logout/", &[("cookie", cookie)], &json!({}));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    };
    let [ann, bob] = ["ann@example.com", "bob@example.com"].map(|email| sign_in(&nodes[0], email));
    assert_eq!(log_out(&nodes[0], &ann), json!({}));
    nodes[2].kill();
    assert_eq!(log_out(&nodes[0], &bob), json!({ "pending": 1 }));
    // Asserts that the answer is `{}`.
    revoke(&nodes[0], &mint.begin("cid@example.com", 1).access, false);
    assert_eq!(metric(&nodes[0], "countersign_ended_sessions_untold_total"), 2);
    nodes[1].kill();
    let cid = sign_in(&nodes[0], &somebody_made_at(NODES[0]));
    assert_eq!(log_out(&nodes[0], &cid), json!({ "pending": 2 }));
}

/// Somebody whose challenges this node may make.
fn somebody_made_at(node: &str) -> String {
    let homes = Homes::new(ISSUER, NODES);
    let may_make = |email: &String| homes.may_make(node, &Recipient::parse_email(email).unwrap());
    (0..100).map(|n| format!("somebody{n}@example.com")).find(may_make).unwrap()
}

/// Nodes one, two and three in a chain: between the ends there is no way, in either direction.
#[test]
fn what_one_end_of_a_chain_ends_the_other_hears_of_by_the_node_between() {
    let (mint, port) = (Mint::new(ISSUER), free_port());
    let links = Links::new(port);
    let mut nodes = linked_fleet(&links, port, &[]);
    for way in [Way::Refused, Way::Silent] {
        links.set_between(0, 2, way);
        for (number, (from, to)) in [(0, 2), (2, 0)].into_iter().enumerate() {
            let tokens = mint.begin("ann@example.com", 10 * way as u64 + number as u64);
            assert_eq!(verified(&nodes[to], &tokens.access), 200);
            revoke(&nodes[from], &tokens.access, false);
            assert_eq!([from, 1].map(|at| verified(&nodes[at], &tokens.access)), [401, 401]);
            wait_for(|| (verified(&nodes[to], &tokens.access) == 401).then_some(()));
        }
    }
    // One hop at a time, from an end that is gone by then.
    links.set_between(0, 2, Way::Refused);
    links.set_between(1, 2, Way::Refused);
    let tokens = mint.begin("ann@example.com", 50);
    revoke(&nodes[0], &tokens.refresh, true);
    assert_eq!([0, 1].map(|at| verified(&nodes[at], &tokens.access)), [401, 401]);
    assert_eq!(verified(&nodes[2], &tokens.access), 200, "nobody could tell it");
    nodes[0].kill();
    links.set_between(1, 2, Way::Open);
    wait_for(|| (verified(&nodes[2], &tokens.access) == 401).then_some(()));
}

#[test]
fn with_deny_a_node_that_is_cut_off_accepts_nothing_until_it_knows_what_it_missed() {
    let (mint, port) = (Mint::new(ISSUER), free_port());
    let links = Links::new(port);
    // Without a directory nothing is asked again, so the shortest patience counts.
    let nodes = linked_fleet(&links, port, &[("session.isolated", "deny"), ("session.recheck_seconds", "0")]);
    let [living, ended] = [1, 2].map(|number| mint.begin("ann@example.com", number));
    assert_eq!([0, 1, 2].map(|at| verified(&nodes[at], &living.access)), [200; 3]);
    for other in [0, 1] {
        links.set_between(other, 2, Way::Silent);
    }
    wait_for(|| (metric(&nodes[2], "countersign_fleet_isolated") == 1).then_some(()));
    revoke(&nodes[0], &ended.access, false);
    assert_eq!([&living, &ended].map(|tokens| verified(&nodes[2], &tokens.access)), [503, 503]);
    for node in &nodes[..2] {
        assert_eq!([&living, &ended].map(|tokens| verified(node, &tokens.access)), [200, 401], "two hear each other");
        assert_eq!(metric(node, "countersign_fleet_isolated"), 0);
    }
    for other in [0, 1] {
        links.set_between(other, 2, Way::Open);
    }
    wait_for(|| (verified(&nodes[2], &living.access) == 200).then_some(()));
    wait_for(|| (verified(&nodes[2], &ended.access) == 401).then_some(()));
}

#[test]
fn a_node_that_hears_from_none_is_isolated_and_with_deny_it_accepts_nothing() {
    let (mint, port) = (Mint::new(ISSUER), free_port());
    let tokens = mint.begin("ann@example.com", 1);
    let lonely = [("serve", 200), ("deny", 503)].map(|(isolated, expected)| {
        let node = start(NODES[0], if isolated == "serve" { port } else { free_port() }, &[("session.isolated", isolated)]);
        wait_until_ready(&node);
        wait_for(|| (metric(&node, "countersign_fleet_isolated") == 1).then_some(()));
        assert!(node.log().contains("hears from no other node"));
        assert_eq!(verified(&node, &tokens.access), expected);
        node
    });
    let _second = start(NODES[1], port, &[]);
    wait_for(|| (metric(&lonely[0], "countersign_fleet_isolated") == 0).then_some(()));
}

/// The ways between the nodes of a fleet on one port; each has two, one for what each of both begins.
struct Links(Vec<(usize, usize, Link)>);

impl Links {
    fn new(port: u16) -> Self {
        let pairs = (0..NODES.len()).flat_map(|from| (0..NODES.len()).map(move |to| (from, to)));
        let link = |(from, to): (usize, usize)| (from, to, Link::to(&format!("{}:{port}", NODES[to])));
        Self(pairs.filter(|(from, to)| from != to).map(link).collect())
    }

    /// Both ways between two nodes.
    fn set_between(&self, one: usize, other: usize, way: Way) {
        let ends = [(one, other), (other, one)];
        self.0.iter().filter(|(from, to, _)| ends.contains(&(*from, *to))).for_each(|(.., link)| link.set(way));
    }

    /// Half of the time cuts the way between two nodes, for what one of them begins or for both, and returns which: each can still reach,
    /// and be reached by, the third, who knows.
    fn cut_some(&self, random: &mut ChaCha8Rng) -> (usize, usize) {
        let (from, to, link) = &self.0[random.next_u32() as usize % self.0.len()];
        let way = [Way::Open, Way::Open, Way::Refused, Way::Silent][random.next_u32() as usize % 4];
        if random.next_u32().is_multiple_of(2) {
            self.set_between(*from, *to, way);
        } else {
            link.set(way);
        }
        (*from, *to)
    }

    /// `guard.peer_url` of a node.
    fn of(&self, node: usize, port: u16) -> String {
        let links = self.0.iter().filter(|(from, ..)| *from == node);
        let links = links.map(|(_, to, link)| format!("{}={}", NODES[*to], link.url)).collect::<Vec<_>>().join(",");
        format!("{links},{own}=http://{own}:{port}", own = NODES[node])
    }
}

/// A fleet whose nodes reach each other by these links.
fn linked_fleet(links: &Links, port: u16, settings: &[(&str, &str)]) -> Vec<Server> {
    let start = |at: usize| start(NODES[at], port, &[&[("guard.peer_url", &*links.of(at, port))], settings].concat());
    let nodes: Vec<_> = (0..NODES.len()).map(start).collect();
    nodes.iter().for_each(wait_until_ready);
    nodes
}

/// A node that is killed, hangs, or is there.
struct Places(Vec<Mutex<Option<Server>>>);

impl Places {
    /// Which life of a node this is, and how often it couldn't tell another in it; nobody waits for one that hangs with the lock.
    fn untold(&self, at: usize) -> Option<(u32, String)> {
        let (pid, admin) = self.0[at].lock().unwrap().as_ref().map(|node| (node.pid(), node.admin.clone()))?;
        let mut connection = Connection::try_to(&admin).ok()?;
        connection.try_send(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n").ok()?;
        let page = String::from_utf8(connection.try_receive("GET").ok()?.body).ok()?;
        let series = page.lines().find(|line| line.starts_with("countersign_ended_sessions_untold_total "));
        Some((pid, series.unwrap_or_default().to_owned()))
    }

    /// What a node answers, if it is there.
    fn post(&self, at: usize, path: &str, body: &str) -> Option<(u16, String)> {
        let address = self.0[at].lock().unwrap().as_ref()?.address.clone();
        let mut connection = Connection::try_to(&address).ok()?;
        let head = format!(
            "POST /passwordless/{path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        connection.try_send(head.as_bytes()).ok()?;
        let answer = connection.try_receive("POST").ok()?;
        Some((answer.status, String::from_utf8(answer.body).ok()?))
    }
}

fn survive(kind: &str, folder: &Path) {
    let wanted: usize = std::env::var_os("COUNTERSIGN_ENDED_CHAOS").map_or(10, |n| n.to_str().unwrap().parse().unwrap());
    let (mint, port) = (Mint::new(ISSUER), free_port());
    let links = Links::new(port);
    let start = |at: usize| {
        let (path, peers) = (folder.join(NODES[at]), links.of(at, port));
        let settings = [("guard.kind", kind), ("guard.peer_url", &*peers), ("guard.path", path.to_str().unwrap())];
        start(NODES[at], port, if kind == "journal" { &settings } else { &settings[..2] })
    };
    let places = Places((0..NODES.len()).map(|at| Mutex::new(Some(start(at)))).collect());
    for place in &places.0 {
        wait_until_ready(place.lock().unwrap().as_ref().unwrap());
    }
    // Those that every node was told of; and all that were answered.
    let (confirmed, answered) = (Mutex::new(Vec::<String>::new()), Mutex::new(Vec::<String>::new()));
    let (next, ended, refused, is_over) = (AtomicU64::new(0), AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
    let turns = AtomicUsize::new(0);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..6_u64)
            .map(|seed| {
                let (places, mint, confirmed, answered) = (&places, &mint, &confirmed, &answered);
                let (next, ended, refused, turns) = (&next, &ended, &refused, &turns);
                scope.spawn(move || {
                    let mut random = ChaCha8Rng::seed_from_u64(seed);
                    while turns.load(Ordering::Relaxed) < wanted {
                        let at = random.next_u32() as usize % NODES.len();
                        let tokens = mint.begin("ann@example.com", next.fetch_add(1, Ordering::Relaxed));
                        let before = places.untold(at);
                        let revoked = places.post(at, "token/revoke/", &json!({ "token": tokens.refresh }).to_string());
                        if let Some((200, _)) = revoked {
                            ended.fetch_add(1, Ordering::Relaxed);
                            // Nobody was left out meanwhile, by this node in this life of it.
                            if before.is_some() && places.untold(at) == before {
                                confirmed.lock().unwrap().push(tokens.access.clone());
                            }
                            answered.lock().unwrap().push(tokens.access);
                        }
                        // Some that were confirmed before, at any node, whatever happens to it at the moment.
                        for _ in 0..4 {
                            let known = confirmed.lock().unwrap();
                            let Some(token) = known.get(random.next_u32() as usize % known.len().max(1)).cloned() else {
                                continue;
                            };
                            drop(known);
                            let at = random.next_u32() as usize % NODES.len();
                            if let Some((status, body)) = places.post(at, "token/verify/", &json!({ "token": token }).to_string())
                            {
                                assert_ne!(status, 200, "an ended session is accepted by {}: {body}", NODES[at]);
                                refused.fetch_add(usize::from(status == 401), Ordering::Relaxed);
                            }
                        }
                    }
                })
            })
            .collect();
        let (places, links, is_over, turns, start) = (&places, &links, &is_over, &turns, &start);
        let chaos = scope.spawn(move || {
            let mut random = ChaCha8Rng::seed_from_u64(99);
            while !is_over.load(Ordering::Relaxed) {
                let at = random.next_u32() as usize % NODES.len();
                let (from, to) = links.cut_some(&mut random);
                if random.next_u32().is_multiple_of(4) {
                    thread::sleep(Duration::from_millis(300 + u64::from(random.next_u32() % 2500)));
                } else if random.next_u32().is_multiple_of(3) {
                    // The node hears nothing and says nothing.
                    let signal = |name| places.0[at].lock().unwrap().as_ref().unwrap().signal(name);
                    signal("STOP");
                    thread::sleep(Duration::from_millis(300 + u64::from(random.next_u32() % 2500)));
                    signal("CONT");
                } else {
                    // One at a time: of a fleet that is gone as a whole nobody is left who knows.
                    if let Some(mut node) = places.0[at].lock().unwrap().take() {
                        node.kill();
                    }
                    thread::sleep(Duration::from_millis(u64::from(random.next_u32() % 500)));
                    *places.0[at].lock().unwrap() = Some(start(at));
                    wait_for(|| {
                        let is_ready = places.0[at].lock().unwrap().as_ref().unwrap().get_admin("/readyz").status == 200;
                        is_ready.then_some(())
                    });
                }
                links.set_between(from, to, Way::Open);
                turns.fetch_add(1, Ordering::Relaxed);
                // All of them see and hear for a moment.
                thread::sleep(Duration::from_millis(100));
            }
        });
        let failed = clients.into_iter().map(thread::ScopedJoinHandle::join).fold(None, |failed, joined| failed.or(joined.err()));
        is_over.store(true, Ordering::Relaxed);
        chaos.join().unwrap();
        if let Some(failed) = failed {
            std::panic::resume_unwind(failed);
        }
        let (confirmed, refused) = (confirmed.lock().unwrap().len(), refused.load(Ordering::Relaxed));
        let (ended, turns) = (ended.load(Ordering::Relaxed), turns.load(Ordering::Relaxed));
        println!(
            "{kind}: {turns} times a node was killed or hung, or a way between two was cut; {confirmed} of {ended} confirmed at all nodes, refused {refused} times"
        );
        assert!(confirmed > 0 && refused > 0);
    });
    // In the end every node knows of every one, whoever ended it.
    for place in &places.0 {
        let node = place.lock().unwrap();
        for access in answered.lock().unwrap().iter() {
            wait_for(|| (verified(node.as_ref().unwrap(), access) == 401).then_some(()));
        }
    }
}

#[test]
fn in_chaos_no_session_that_all_were_told_of_is_ever_accepted_again() {
    survive("memory", Path::new(""));
}

#[test]
fn in_chaos_journals_forget_no_ended_session_either() {
    let folder = TempDir::new().unwrap();
    survive("journal", folder.path());
}
