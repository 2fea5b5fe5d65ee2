//! Several nodes behind any load balancer: what arrives at the wrong node is relayed to the right one, sealed.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
};

use countersign::{
    challenge::{Alphabet, CodeFormat},
    fleet::Homes,
    guard::{
        Ceilings,
        bound::{Deployment, Keeper},
    },
    recipient::Recipient,
};
use serde_json::{Value, json};

use crate::harness::{
    self, Answer, Connection, Server, code_in,
    fleet::{ISSUER, NODES, free_port, start_node},
    wait_for,
};

struct Fleet {
    port: u16,
    nodes: Vec<Server>,
}

impl Fleet {
    fn start(settings: &[(&str, &str)]) -> Self {
        let port = free_port();
        Self { port, nodes: NODES.iter().map(|node| start_node(node, port, settings)).collect() }
    }

    /// Challenges are made at their recipients' homes.
    fn with_homes(settings: &[(&str, &str)]) -> Self {
        let nodes = NODES.join(",");
        Self::start(&[&[("guard.nodes", nodes.as_str())], settings].concat())
    }

    /// Asks `node` for a code from a client at `client`.
    fn request(&self, node: usize, email: &str, client: &str) -> Answer {
        self.nodes[node].post_with("request/email/", &[("x-forwarded-for", client)], &json!({"email": email}))
    }

    fn mails_to(&self, email: &str) -> Vec<String> {
        self.nodes.iter().flat_map(|node| node.mails_to(email)).collect()
    }

    /// Asks `node` for a code; returns the envelope, the code and the name of the guard's node.
    fn challenge(&self, node: usize, email: &str, client: &str) -> (String, String, String) {
        let seen = self.mails_to(email).len();
        let answer = self.request(node, email, client);
        assert_eq!(answer.status, 200, "{answer:?}");
        let mail = wait_for(|| {
            let mails = self.mails_to(email);
            (mails.len() > seen).then(|| mails.last().cloned()).flatten()
        });
        let owner = answer.header("countersign-guard").unwrap().rsplit_once('.').unwrap().0.to_owned();
        (answer.json()["challenge"].as_str().unwrap().to_owned(), code_in(&mail), owner)
    }

    fn exchange(&self, node: usize, email: &str, envelope: &str, code: &str) -> Answer {
        self.nodes[node].post("exchange/email/", &json!({"email": email, "token": code, "challenge": envelope}))
    }
}

fn at(name: &str) -> usize {
    NODES.iter().position(|node| *node == name).unwrap()
}

fn wrong(code: &str) -> String {
    code.chars().map(|digit| if digit == '0' { '1' } else { '0' }).collect()
}

#[test]
fn a_challenge_is_redeemed_once_through_any_node() {
    let fleet = Fleet::start(&[]);
    let (envelope, code, owner) = fleet.challenge(0, "ann@example.com", "192.0.2.1");
    assert_eq!(owner, NODES[0]);
    let wrong = fleet.exchange(1, "ann@example.com", &envelope, &wrong(&code));
    assert_eq!((wrong.status, wrong.json()["attempts_left"].clone()), (400, json!(4)), "the owner's answer passes unchanged");
    let signed_in = fleet.exchange(2, "ann@example.com", &envelope, &code);
    assert_eq!(signed_in.status, 200, "{signed_in:?}");
    assert!(signed_in.json()["access"].is_string());
    assert!(signed_in.cookie("countersign_device").is_some(), "cookies pass");
    for node in 0..3 {
        assert_eq!(fleet.exchange(node, "ann@example.com", &envelope, &code).code(), "challenge_spent", "node {node}");
    }
}

#[test]
fn a_login_into_a_session_is_relayed_with_its_cookies_and_opens_at_every_node() {
    let fleet = Fleet::start(&[("session.enabled", "true"), ("session.return_to", "http://localhost:3000")]);
    let email = "ann@example.com";
    let (envelope, code, _) = fleet.challenge(0, email, "192.0.2.1");
    let exchange = |more: Value, headers: &[(&str, &str)]| {
        let mut body = json!({"email": email, "token": code, "session": true});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let cookie = format!("countersign_challenge={envelope}");
        fleet.nodes[1].post_with("exchange/email/", &[headers, &[("cookie", &*cookie)]].concat(), &body)
    };
    let elsewhere = exchange(json!({"return_to": "https://evil.example/"}), &[]);
    assert_eq!((elsewhere.status, elsewhere.code().as_str()), (400, "invalid"));
    let cross_site = exchange(json!({}), &[("sec-fetch-site", "cross-site")]);
    assert_eq!((cross_site.status, cross_site.code().as_str()), (403, "cross_site"));
    let signed_in =
        exchange(json!({"return_to": "http://localhost:3000/x"}), &[("sec-fetch-site", "same-origin"), ("origin", ISSUER)]);
    assert_eq!((signed_in.status, &signed_in.json()["return_to"]), (200, &json!("http://localhost:3000/x")), "{signed_in:?}");
    assert!(signed_in.json().get("access").is_none() && signed_in.cookie("countersign_device").is_some());
    let cookie = format!("countersign_session={}", signed_in.cookie("countersign_session").unwrap());
    for node in &fleet.nodes {
        let session = node.connect().request("GET", "/passwordless/session/", &[("cookie", &cookie)], b"");
        assert_eq!((session.status, &session.json()), (200, &signed_in.json()["session"]));
    }
}

#[test]
fn nodes_on_ports_of_their_own_relay_by_a_table_of_their_urls() {
    let ports = [(); 3].map(|()| harness::free_port());
    let urls = ["a", "b", "c"].map(|name| format!("{name}=http://127.0.0.1:{}", ports[usize::from(name.as_bytes()[0] - b'a')]));
    let start = |name: &str, port: u16, urls: &[String]| {
        let (listen, urls) = (format!("127.0.0.1:{port}"), urls.join(","));
        let own = [("server.listen", &*listen), ("guard.node", name), ("guard.peer_url", &urls), ("guard.nodes", "a,b,c")];
        Server::start(&[&[("server.public_url", ISSUER), ("server.trusted_proxies", "127.0.0.0/8")], &own[..]].concat())
    };
    let nodes = ["a", "b", "c"].into_iter().zip(ports).map(|(name, port)| start(name, port, &urls)).collect();
    let fleet = Fleet { port: 0, nodes };
    let mut homes = std::collections::BTreeSet::new();
    for person in 0..12 {
        let email = format!("person{person}@example.com");
        let (envelope, code, home) = fleet.challenge(person % 3, &email, "192.0.2.1");
        homes.insert(home);
        assert_eq!(fleet.exchange((person + 1) % 3, &email, &envelope, &code).status, 200);
        assert_eq!(fleet.exchange((person + 2) % 3, &email, &envelope, &code).code(), "challenge_spent");
    }
    assert_eq!(homes.into_iter().collect::<Vec<_>>(), ["a", "b", "c"]);

    // A node that the others' tables don't have: they know nobody to ask.
    let port = harness::free_port();
    let (listen, peer_url) = (format!("127.0.0.1:{port}"), format!("{},d=http://127.0.0.1:{port}", urls.join(",")));
    let own = [("server.listen", &*listen), ("guard.node", "d"), ("guard.peer_url", &peer_url)];
    let stranger = Server::start(&[&[("server.public_url", ISSUER)], &own[..]].concat());
    let (envelope, code) = stranger.challenge("ann@example.com");
    let answer = fleet.exchange(0, "ann@example.com", &envelope, &code);
    assert_eq!((answer.status, answer.code()), (503, "unavailable".into()));
    wait_for(|| fleet.nodes[0].log().contains("guard.peer_url has no entry for it").then_some(()));
}

#[test]
fn links_resends_and_statuses_are_relayed_too() {
    let fleet = Fleet::start(&[("passwordless.token_request_throttle_seconds", "0")]);
    let (envelope, code, _) = fleet.challenge(0, "ann@example.com", "192.0.2.1");
    let resent = fleet.nodes[1].post("resend/", &json!({"email": "ann@example.com", "challenge": envelope}));
    assert_eq!((resent.status, &resent.json()["challenge"]), (200, &json!(envelope)));
    let mails = wait_for(|| Some(fleet.nodes[0].mails_to("ann@example.com")).filter(|mails| mails.len() == 2));
    assert_eq!(code_in(&mails[1]), code);
    let mail = mails[1].replace("=\r\n", "").replace("=3D", "=");
    let link = mail[mail.find("#v4.local.").unwrap() + 1..].split(|c: char| !(c.is_ascii_alphanumeric() || "._-".contains(c)));
    let link = link.into_iter().next().unwrap();
    let by_envelope = json!({"email": "ann@example.com", "challenge": envelope});
    let status = |node: usize, body: &Value| fleet.nodes[node].post("status/", body).json();
    for node in 0..3 {
        let open = json!({"state": "open", "recipient": "a…@example.com"});
        assert_eq!((status(node, &json!({"token": link})), status(node, &by_envelope)), (open.clone(), open), "node {node}");
    }
    assert_eq!(fleet.nodes[2].post("exchange/", &json!({"token": link})).status, 200);
    assert_eq!(
        (&status(1, &by_envelope)["state"], &status(2, &json!({"token": link}))["state"]),
        (&json!("spent"), &json!("spent"))
    );
    assert_eq!(fleet.exchange(1, "ann@example.com", &envelope, &code).code(), "challenge_spent");
}

#[test]
fn sixty_four_redemptions_through_three_nodes_sign_in_once() {
    let fleet = Fleet::start(&[]);
    let (envelope, code, _) = fleet.challenge(0, "ann@example.com", "192.0.2.1");
    let body = json!({"email": "ann@example.com", "token": code, "challenge": envelope}).to_string();
    let (last, start) = body.as_bytes().split_last().unwrap();
    let mut connections: Vec<Connection> = (0..64)
        .map(|n| {
            let mut connection = fleet.nodes[n % 3].connect();
            let headers = [("content-type", "application/json")];
            connection.send(&harness::head("POST", "/passwordless/exchange/email/", &headers, body.len()));
            connection.send(start);
            connection
        })
        .collect();
    for connection in &mut connections {
        connection.send(&[*last]);
    }
    let statuses: Vec<u16> = connections.iter_mut().map(|connection| connection.receive("POST").status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 400).count(), 63, "{statuses:?}");
}

#[test]
fn without_peers_another_nodes_challenge_is_misdirected() {
    let (one, two) = (Server::start(&[("guard.node", "one")]), Server::start(&[("guard.node", "two")]));
    let (envelope, code) = one.challenge("ann@example.com");
    // The same issuer, so that only the guard differs.
    let body = json!({"email": "ann@example.com", "token": code, "challenge": envelope});
    let answer = two.post("exchange/email/", &body);
    assert_eq!((answer.status, answer.code()), (421, "misdirected".into()), "{answer:?}");
    assert!(answer.json()["detail"].as_str().unwrap().contains("Request a new code"));
    assert_eq!(one.post("exchange/email/", &body).status, 200, "nothing was counted");
}

#[test]
fn an_owner_that_is_gone_is_a_clear_503() {
    let mut fleet = Fleet::start(&[]);
    let (envelope, code, _) = fleet.challenge(0, "ann@example.com", "192.0.2.1");
    drop(fleet.nodes.remove(0));
    let answer = fleet.exchange(0, "ann@example.com", &envelope, &code);
    assert_eq!((answer.status, answer.code()), (503, "unavailable".into()));
    assert!(answer.header("retry-after").unwrap().parse::<u32>().unwrap() > 0);

    // It comes back without its memory: the challenge is refused, never replayed.
    fleet.nodes.insert(0, start_node(NODES[0], fleet.port, &[]));
    let answer = fleet.exchange(1, "ann@example.com", &envelope, &code);
    assert_eq!((answer.status, answer.code()), (421, "misdirected".into()));
}

#[test]
fn homes_make_one_throttle_and_one_budget_behind_round_robin() {
    let fleet = Fleet::with_homes(&[("passwordless.max_attempts", "3")]);
    let email = "ann@example.com";
    let (envelope, code, home) = fleet.challenge(0, email, "192.0.2.1");
    for node in 0..3 {
        let answer = fleet.request(node, email, "192.0.2.1");
        assert_eq!((answer.status, answer.code()), (429, "throttled".into()), "one throttle, node {node}");
        let elsewhere = fleet.request(node, email, &format!("198.51.100.{node}"));
        assert_eq!(elsewhere.status, 200, "the client's address survives the relay, node {node}: {elsewhere:?}");
        assert!(elsewhere.header("countersign-guard").unwrap().starts_with(&format!("{home}.")), "one home");
    }
    for (node, left) in [(0, 2), (1, 1), (2, 0)] {
        assert_eq!(fleet.exchange(node, email, &envelope, &wrong(&code)).json()["attempts_left"], left);
    }
    assert_eq!(fleet.exchange(0, email, &envelope, &code).code(), "attempts_exhausted");

    // The budget of comparisons is the recipient's, whatever the challenge and the node: the eleventh code is a long one.
    let mut client = 10;
    let format = wait_for(|| {
        client += 1;
        let answer = fleet.request(client % 3, email, &format!("203.0.113.{client}"));
        assert_eq!(answer.status, 200, "{answer:?}");
        let challenge = answer.json();
        if challenge["code_length"] != 6 {
            return Some(challenge["code_charset"].clone());
        }
        for guess in ["000000", "111111", "222222"] {
            fleet.exchange(client % 2, email, challenge["challenge"].as_str().unwrap(), guess);
        }
        None
    });
    assert_eq!(format, "base20");
}

#[test]
fn homes_spread_recipients_over_the_fleet() {
    let fleet = Fleet::with_homes(&[]);
    let homes: std::collections::BTreeSet<String> =
        (0..24).map(|n| fleet.challenge(n % 3, &format!("person{n}@example.com"), "192.0.2.1").2).collect();
    assert_eq!(homes.len(), 3);
}

#[test]
fn a_lost_home_costs_its_outstanding_challenges_and_its_stand_in_takes_over() {
    let mut fleet = Fleet::with_homes(&[]);
    let email = "ann@example.com";
    let (envelope, code, home) = fleet.challenge(0, email, "192.0.2.1");
    let lost = at(&home);
    drop(fleet.nodes.remove(lost));
    let answer = fleet.exchange(0, email, &envelope, &code);
    assert_eq!((answer.status, answer.code()), (503, "unavailable".into()));
    // The throttle was the lost node's: its stand-in starts its own.
    let (envelope, code, second) = fleet.challenge(0, email, "192.0.2.1");
    assert_ne!(second, home);
    assert_eq!(fleet.request(1, email, "192.0.2.1").status, 429, "one node takes over, not each");
    assert_eq!(fleet.exchange(1, email, &envelope, &code).status, 200);
}

#[test]
fn in_a_partition_two_nodes_make_a_recipients_challenges_and_the_others_refuse() {
    let names = ["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"];
    // Nobody listens there, so that each node is alone.
    let nowhere = TcpListener::bind("127.0.0.5:0").unwrap().local_addr().unwrap().port();
    let (peer_url, nodes) = (format!("http://{{node}}:{nowhere}"), names.join(","));
    let start = |node| {
        Server::start(&[
            ("server.public_url", ISSUER),
            ("guard.node", node),
            ("guard.nodes", &nodes),
            ("guard.peer_url", &peer_url),
            ("passwordless.token_request_throttle_seconds", "0"),
        ])
    };
    let servers = names.map(start);
    for person in 0..6 {
        let body = json!({"email": format!("person{person}@example.com")});
        let mut makers = std::collections::BTreeSet::new();
        for server in servers.iter().cycle().take(8) {
            let answer = server.post("request/email/", &body);
            match answer.status {
                200 => drop(makers.insert(answer.header("countersign-guard").unwrap().to_owned())),
                status => {
                    assert_eq!((status, answer.code()), (503, "unavailable".into()));
                    assert!(answer.header("retry-after").unwrap().parse::<u32>().unwrap() > 0);
                }
            }
        }
        assert_eq!(makers.len(), 2, "{makers:?}");
    }
    assert!(servers.iter().any(|server| server.log().contains("a recipient's home and its stand-in are both away")));
}

/// What somebody gets to compare who first collects challenges and then guesses at all of them, through these nodes.
fn attack(fleet: &Fleet, through: &[usize], email: &str, client: &mut u8) -> (u32, String) {
    let mut challenges = Vec::new();
    for turn in 0..16 {
        *client += 1;
        let answer = fleet.request(through[turn % through.len()], email, &format!("192.0.2.{client}"));
        assert_eq!(answer.status, 200, "{answer:?}");
        challenges.push(answer);
    }
    let mut compared = 0;
    for (turn, challenge) in challenges.iter().enumerate() {
        let envelope = challenge.json()["challenge"].as_str().unwrap().to_owned();
        let is_short = challenge.json()["code_charset"] == "numeric";
        for _ in 0..5 {
            let answer = fleet.exchange(through[turn % through.len()], email, &envelope, "000000");
            compared += u32::from(is_short && answer.code() == "invalid_credentials");
        }
    }
    let guard = challenges[0].header("countersign-guard").unwrap();
    (compared, guard.rsplit_once('.').unwrap().0.to_owned())
}

#[test]
fn one_recipient_of_a_fleet_is_compared_as_often_as_the_bound_says_though_its_home_is_killed() {
    let deployment = Deployment {
        keeper: Keeper::Memory,
        replicas: 3,
        homes: 3,
        restarts_per_day: 1,
        channels: 1,
        code: CodeFormat::new(Alphabet::Numeric, 6).unwrap(),
        max_attempts: 5,
        ceilings: Ceilings::default(),
        external_digits: None,
        target: 1e-4,
    };
    let most = (1 + deployment.restarts()) * deployment.bound().comparisons;
    let settings = [("passwordless.max_messages_per_hour", "0"), ("passwordless.token_request_throttle_seconds", "0")];
    let mut fleet = Fleet::with_homes(&settings);
    let (email, mut client) = ("ann@example.com", 0);
    let (at_home, home) = attack(&fleet, &[0, 1, 2], email, &mut client);
    let lost = at(&home);
    fleet.nodes[lost].kill();
    let others: Vec<usize> = (0..3).filter(|node| *node != lost).collect();
    let (at_stand_in, stand_in) = attack(&fleet, &others, email, &mut client);
    assert_ne!(home, stand_in);
    let nodes = NODES.join(",");
    fleet.nodes[lost] = start_node(&home, fleet.port, &[&[("guard.nodes", nodes.as_str())], &settings[..]].concat());
    // The others ask it again after a while.
    wait_for(|| {
        let guards =
            others.iter().map(|node| fleet.request(*node, email, "198.51.100.1").header("countersign-guard").map(str::to_owned));
        guards.into_iter().all(|guard| guard.is_some_and(|guard| guard.starts_with(&format!("{home}.")))).then_some(())
    });
    let (at_home_again, _) = attack(&fleet, &[0, 1, 2], email, &mut client);
    let (afterwards, _) = attack(&fleet, &[0, 1, 2], email, &mut client);
    let compared = at_home + at_stand_in + at_home_again + afterwards;
    assert!(at_home > 0 && at_stand_in > 0 && at_home_again > 0, "{at_home} {at_stand_in} {at_home_again}");
    assert!(compared <= most, "{compared} comparisons, where the bound counts {most}");
}

/// Stands where a node stood: keeps what is relayed to it, and answers with `answer`.
fn intercept(listener: &TcpListener, answer: &[u8]) -> Vec<u8> {
    let (mut stream, _) = listener.accept().unwrap();
    let received = receive(&mut stream);
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", answer.len());
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(answer).unwrap();
    received
}

/// The body of one request.
fn receive(stream: &mut TcpStream) -> Vec<u8> {
    let mut received = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).unwrap();
        received.extend_from_slice(&buffer[..read]);
        let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&received[..end]).to_lowercase();
        let length: usize = head.split("content-length: ").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
        if received.len() >= end + 4 + length {
            return received[end + 4..].to_vec();
        }
    }
}

fn post_sealed(server: &Server, sealed: &[u8]) -> Answer {
    let headers = [("content-type", "application/octet-stream")];
    server.connect().request("POST", "/passwordless/relay", &headers, sealed)
}

/// The first address for which this holds of its recipient.
fn somebody(who: impl Fn(&Recipient) -> bool) -> String {
    let is_right = |email: &String| who(&Recipient::parse_email(email).unwrap());
    (0..10_000).map(|n| format!("person{n}@example.com")).find(is_right).unwrap()
}

/// Two fleets by their lists, and one by their secret: nodes ask only those of their list, until a person comes with a challenge.
#[test]
fn nodes_whose_lists_have_nothing_in_common_say_so_when_a_person_goes_from_one_to_the_other() {
    let port = free_port();
    let lists = [[NODES[0], "127.0.0.4"].join(","), [NODES[1], "127.0.0.5"].join(",")];
    let start = |(node, list): (&str, &String)| start_node(node, port, &[("guard.nodes", list)]);
    let fleet = Fleet { port, nodes: NODES[..2].iter().copied().zip(&lists).map(start).collect() };
    let (envelope, code, maker) = fleet.challenge(1, "ann@example.com", "192.0.2.1");
    assert_eq!(maker, NODES[1]);
    assert_eq!(fleet.exchange(0, "ann@example.com", &envelope, &code).status, 200);
    for (node, named) in [(0, NODES[1]), (1, NODES[0])] {
        let server = &fleet.nodes[node];
        wait_for(|| String::from_utf8(server.get_admin("/readyz").body).unwrap().contains(named).then_some(()));
        let metrics = String::from_utf8(server.get_admin("/metrics").body).unwrap();
        assert!(metrics.contains(&format!("countersign_fleet_nodes_differ{{node=\"{named}\"}} 1")), "{metrics}");
        wait_for(|| server.log().contains("than the bound on guesses allows for").then_some(()));
    }
}

#[test]
fn a_node_that_by_its_own_list_is_no_home_refuses_and_both_say_so() {
    let [asking, other, asked] = NODES;
    let (all, ours) = (NODES.join(","), Homes::new(ISSUER, NODES));
    // With more nodes than there are, with fewer, and without any list.
    let lists = [
        [asked, "127.0.0.4", "127.0.0.5", "127.0.0.6", "127.0.0.7"].join(","),
        [asking, other, asked, "x", "y"].join(","),
        String::new(),
    ];
    for theirs in lists {
        let port = free_port();
        let start = |node, nodes: &str| {
            let settings = [("guard.nodes", nodes), ("passwordless.token_request_throttle_seconds", "0")];
            start_node(node, port, if nodes.is_empty() { &settings[1..] } else { &settings })
        };
        let mut fleet =
            Fleet { port, nodes: [(asking, &all), (other, &all), (asked, &theirs)].map(|(node, list)| start(node, list)).into() };
        let names: Vec<&str> = theirs.split(',').filter(|name| !name.is_empty()).collect();
        let own = Homes::new(ISSUER, names.iter().copied());
        let is_home = |recipient: &Recipient| ours.makers(recipient)[0] == Some(asked);

        let refused = somebody(|recipient| is_home(recipient) && !own.may_make(asked, recipient));
        let answer = fleet.request(0, &refused, "192.0.2.1");
        assert_eq!((answer.status, answer.code()), (503, "unavailable".into()), "{theirs}: {answer:?}");
        assert!(answer.header("retry-after").is_some());
        if !names.is_empty() {
            let made = somebody(|recipient| is_home(recipient) && own.may_make(asked, recipient));
            assert_eq!(fleet.challenge(0, &made, "192.0.2.1").2, asked, "{theirs}: by both lists it is its home");
        }
        assert_eq!(fleet.mails_to(&refused).len(), 0, "{theirs}");

        for (node, named) in [(0, asked), (2, asking)] {
            let server = &fleet.nodes[node];
            let ready = wait_for(|| Some(server.get_admin("/readyz")).filter(|answer| answer.status == 200));
            let body = String::from_utf8(ready.body).unwrap();
            assert!(body.starts_with("ready\n") && body.contains("guard.nodes") && body.contains(named), "{theirs}: {body}");
            let metrics = String::from_utf8(server.get_admin("/metrics").body).unwrap();
            assert!(metrics.contains(&format!("countersign_fleet_nodes_differ{{node=\"{named}\"}} 1")), "{theirs}: {metrics}");
            let said = wait_for(|| {
                let log = server.log();
                let lines = log.lines().filter(|line| line.contains("than the bound on guesses allows for"));
                Some(lines.filter(|line| line.contains(named)).count()).filter(|said| *said > 0)
            });
            assert_eq!(said, 1, "{theirs}: {}", server.log());
        }
        // Who refused says why.
        wait_for(|| fleet.nodes[2].log().contains("may not make").then_some(()));
        // Nodes compare what they know of ended sessions, so who was asked for no code hears of it too.
        wait_for(|| String::from_utf8(fleet.nodes[1].get_admin("/readyz").body).unwrap().contains(asked).then_some(()));

        // Mended: the same person gets a code, and nobody is named any more.
        fleet.nodes.pop().unwrap().kill();
        fleet.nodes.push(start(asked, &all));
        wait_for(|| (fleet.request(0, &refused, "192.0.2.1").status == 200).then_some(()));
        assert!(!fleet.nodes[2].wait_for_mail(&refused, 0).is_empty(), "{theirs}: its home made it");
        for node in 0..3 {
            wait_for(|| (fleet.nodes[node].get_admin("/readyz").body == b"ready\n").then_some(()));
        }
        let metrics = String::from_utf8(fleet.nodes[0].get_admin("/metrics").body).unwrap();
        assert!(metrics.contains(&format!("countersign_fleet_nodes_differ{{node=\"{asked}\"}} 0")), "{theirs}: {metrics}");
    }
}

#[test]
fn what_is_relayed_shows_nothing_and_can_be_sent_to_nobody_else_or_twice() {
    let mut fleet = Fleet::start(&[]);
    let email = "ann@example.com";
    let (envelope, code, _) = fleet.challenge(2, email, "192.0.2.1");
    drop(fleet.nodes.remove(2));

    // Somebody got the address of a node that is gone.
    let listener = TcpListener::bind((NODES[2], fleet.port)).unwrap();
    let (relayed, answer) = std::thread::scope(|scope| {
        let stolen = scope.spawn(|| intercept(&listener, br#"{"access":"forged"}"#));
        let answer = fleet.exchange(0, email, &envelope, &code);
        (stolen.join().unwrap(), answer)
    });
    assert_eq!((answer.status, answer.code()), (503, "unavailable".into()), "an answer that isn't sealed is none");
    for secret in [email, &*code, &*envelope, "192.0.2.1", "passwordless"] {
        assert!(!relayed.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret} can be read");
    }
    drop(listener);

    let to_another = post_sealed(&fleet.nodes[0], &relayed);
    assert_eq!((to_another.status, to_another.code()), (421, "misdirected".into()));
    let owner = start_node(NODES[2], fleet.port, &[]);
    let copied = post_sealed(&owner, &relayed);
    let a_sealed_boot = 7 + 24 + (4 + 16) + (8 + 4 + 16) + 16;
    assert_eq!((copied.status, copied.body.len()), (200, a_sealed_boot), "it is for an earlier life");
    let mut altered = relayed.clone();
    *altered.last_mut().unwrap() ^= 1;
    let refused = post_sealed(&owner, &altered);
    assert_eq!((refused.status, refused.code()), (403, "relay_refused".into()));
    for malformed in [b"", &b"{}"[..], &relayed[..40]] {
        let refused = post_sealed(&owner, malformed);
        assert_eq!((refused.status, refused.code()), (400, "parse_error".into()));
    }
}

#[test]
fn a_node_relays_through_a_tap_and_the_copy_is_refused() {
    let fleet = Fleet::start(&[]);
    let email = "ann@example.com";
    let (envelope, code, owner) = fleet.challenge(0, email, "192.0.2.1");
    // A fourth node that reaches the others through a tap on port `tap`.
    let tap = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer_url = format!("http://{{node}}:{}", tap.local_addr().unwrap().port());
    let fourth = Server::start(&[("server.public_url", ISSUER), ("guard.node", "127.0.0.4"), ("guard.peer_url", &peer_url)]);
    let body = json!({"email": email, "token": wrong(&code), "challenge": envelope});
    let (copy, answer) = std::thread::scope(|scope| {
        let tapped = scope.spawn(|| {
            let (mut stream, _) = tap.accept().unwrap();
            let mut pass_on = || {
                let sealed = receive(&mut stream);
                let answer = post_sealed(&fleet.nodes[0], &sealed);
                let head = format!("HTTP/1.1 {} x\r\ncontent-length: {}\r\n\r\n", answer.status, answer.body.len());
                stream.write_all(head.as_bytes()).unwrap();
                stream.write_all(&answer.body).unwrap();
                sealed
            };
            // The first one is told the owner's boot, the second one has it.
            pass_on();
            pass_on()
        });
        let answer = fourth.post("exchange/email/", &body);
        (tapped.join().unwrap(), answer)
    });
    assert_eq!(owner, NODES[0]);
    assert_eq!(answer.json()["attempts_left"], 4, "{answer:?}");
    let replayed = post_sealed(&fleet.nodes[0], &copy);
    assert_eq!((replayed.status, replayed.code()), (403, "relay_refused".into()));
    let next: Value = fleet.exchange(0, email, &envelope, &wrong(&code)).json();
    assert_eq!(next["attempts_left"], 3, "the copy counted nothing");
}

#[test]
fn the_relays_endpoint_is_there_only_for_fleets() {
    let alone = Server::start(&[]);
    assert_eq!(post_sealed(&alone, b"x").status, 404);
}
