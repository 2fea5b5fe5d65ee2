//! What was sealed for one life of a node has nothing done in the next, and the next needs nobody's patience.

use countersign::{
    challenge::GuardId,
    fleet::{Reply, Target},
};
use serde_json::json;

use super::{
    OWNER,
    sealing::{ask, boot_of, code_for, envelope, now, relayed, seal, status},
    start_node,
};
use crate::harness::{Server, fleet};

/// Ends a node as `kill -9` does and starts it again.
fn restart(node: Server, settings: &[(&str, &str)]) -> Server {
    drop(node);
    start_node(OWNER, 1, settings)
}

/// What a node replies to a copy that is for an earlier life, whoever sends it.
fn assert_stale(node: &Server, copy: &(Vec<u8>, countersign::fleet::Exchange), told_before: countersign::fleet::Incarnation) {
    match ask(node, copy) {
        Ok(Reply::Stale(boot)) => assert!(boot != told_before),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_copy_of_a_request_to_a_home_is_refused_after_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("guard");
    let journal = [("guard.kind", "journal"), ("guard.path", journal.to_str().unwrap())];
    for settings in [&[][..], &journal] {
        let node = start_node(OWNER, 1, settings);
        let boot = boot_of(&node, OWNER);
        // Of this second, of the future of a clock that leads, and of one that lags: none of them may be done again.
        let copies = [now(), now().plus(20), now().minus(20)]
            .map(|sent| seal(sent.as_seconds(), Some(boot), sent, &code_for(OWNER, "ann@example.com")));
        for copy in &copies {
            assert_eq!(status(&ask(&node, copy)), 200);
            assert_eq!(status(&ask(&node, copy)), 403, "nor in the same life");
        }
        node.wait_for_mail("ann@example.com", 2);
        let node = restart(node, settings);
        for copy in &copies {
            assert_stale(&node, copy, boot);
        }
        // Were one done, its message would be there before this one.
        let boot = boot_of(&node, OWNER);
        assert_eq!(status(&ask(&node, &seal(5, Some(boot), now(), &code_for(OWNER, "bob@example.com")))), 200);
        node.wait_for_mail("bob@example.com", 0);
        assert!(node.mails_to("ann@example.com").is_empty(), "{settings:?}");
    }
}

#[test]
fn a_copy_of_a_wrong_code_counts_nothing_after_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("guard");
    let settings = [("guard.kind", "journal"), ("guard.path", journal.to_str().unwrap())];
    let node = start_node(OWNER, 1, &settings);
    let (envelope, code) = node.challenge("ann@example.com");
    let guard = GuardId::new(guard_of(&node)).unwrap();
    let wrong: String = code.chars().map(|digit| if digit == '0' { '1' } else { '0' }).collect();
    let body = |token: &str| json!({"email": "ann@example.com", "token": token, "challenge": envelope});
    let guess = relayed(Target::Guard(guard), "exchange/email/", &body(&wrong));
    let boot = boot_of(&node, OWNER);
    let copy = seal(1, Some(boot), now(), &guess);
    let Ok(Reply::Answer(answer)) = ask(&node, &copy) else { panic!("an answer") };
    let told: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((answer.status, &told["attempts_left"]), (400, &json!(4)));
    let mut node = node;
    for _ in 0..3 {
        node = restart(node, &settings);
        assert_stale(&node, &copy, boot);
    }
    let last = node.post("exchange/email/", &body(&wrong));
    assert_eq!(last.json()["attempts_left"], 3, "the journal remembers one guess, and no copy added to it");
    assert_eq!(node.post("exchange/email/", &body(&code)).status, 200);
}

#[test]
fn a_copy_of_a_redemption_is_refused_after_kill_9() {
    let node = start_node(OWNER, 1, &[]);
    let guard = GuardId::new(format!("{OWNER}.epoch")).unwrap();
    let body = json!({"email": "ann@example.com", "token": "123456", "challenge": envelope(1, guard.clone(), "ann@example.com")});
    let boot = boot_of(&node, OWNER);
    let copy = seal(1, Some(boot), now(), &relayed(Target::Guard(guard), "exchange/email/", &body));
    assert_eq!(status(&ask(&node, &copy)), 421, "of an earlier guard, which is the answer to this life's requests");
    let node = restart(node, &[]);
    assert_stale(&node, &copy, boot);
}

#[test]
fn clocks_that_lag_and_lead_are_served_from_the_start() {
    let node = start_node(OWNER, 1, &[]);
    let boot = boot_of(&node, OWNER);
    let at =
        |sent, seed| status(&ask(&node, &seal(seed, Some(boot), sent, &code_for(OWNER, &format!("person{seed}@example.com")))));
    // A second is left for the way.
    for (seed, sent) in [now().minus(29), now().minus(1), now(), now().plus(1), now().plus(29)].into_iter().enumerate() {
        assert_eq!(at(sent, seed as u64), 200, "{sent:?}");
    }
    for sent in [now().minus(40), now().plus(40)] {
        assert_eq!(at(sent, 9), 403, "{sent:?}");
    }
}

#[test]
fn whoever_lags_is_told_the_boot_too() {
    let node = start_node(OWNER, 1, &[]);
    for sent in [now().minus(29), now().plus(29)] {
        let reply = ask(&node, &seal(sent.as_seconds(), None, sent, &code_for(OWNER, "ann@example.com")));
        assert!(matches!(reply, Ok(Reply::Stale(_))), "{reply:?}");
    }
    let late = ask(&node, &seal(1, None, now().minus(40), &code_for(OWNER, "ann@example.com")));
    assert_eq!(late, Err(403), "but nobody is who is too late");
}

#[test]
fn the_first_request_after_a_peers_start_is_answered() {
    let port = fleet::free_port();
    let nodes = fleet::NODES.join(",");
    let settings = [("guard.nodes", nodes.as_str()), ("passwordless.token_request_throttle_seconds", "0")];
    let start = |node| fleet::start_node(node, port, &settings);
    let mut servers = fleet::NODES.map(start);
    let request = |server: &Server, n: usize| server.post("request/email/", &json!({"email": format!("person{n}@example.com")}));
    for round in 0..4 {
        // Through the first node to each of the others, which it hasn't asked since they started.
        for n in 0..12 {
            let answer = request(&servers[0], n);
            assert_eq!(answer.status, 200, "round {round}: {answer:?}");
        }
        let restarted = 1 + round % 2;
        let [_, second, third] = &mut servers;
        let server = if restarted == 1 { second } else { third };
        server.kill();
        *server = start(fleet::NODES[restarted]);
    }
}

/// The id of a node's guard.
fn guard_of(node: &Server) -> String {
    let answer = node.post("request/email/", &json!({"email": "zoe@example.com"}));
    answer.header("countersign-guard").unwrap().to_owned()
}
