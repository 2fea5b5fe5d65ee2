//! `[guard]`: its kinds, and a fleet's nodes.

use countersign::config::{Origin, sections::guard::GuardKind};

use super::{SECRET, accepted, assert_refused, faulty, judge, judge_with, strip_comments, warnings_at};

#[test]
fn a_guard_needs_what_its_kind_needs() {
    let section = |text: &str| format!("[keyring]\nsecrets = [\"{SECRET}\"]\n[guard]\n{text}");
    assert_refused(&[
        (&section("kind = \"journal\""), "guard.path", "required"),
        (&section("kind = \"redis\"\nurl = \"redis://localhost\""), "guard.id", "required"),
        (&section("kind = \"redis\"\nid = \"fleet\""), "guard.url", "required"),
        (&section("kind = \"redis\"\nid = \"fleet\"\nurl = \"localhost\""), "guard.url", "redis://"),
        (&section("kind = \"shared-nothing\""), "guard.id", "required"),
        (&section("kind = \"shared-nothing\"\nid = \"a b\""), "guard.id", "63"),
        (&section("node = \"a_b\""), "guard.node", "63"),
        (&section("peer_url = \"http://{node}:8000\""), "guard.node", "required with peer_url"),
        (&section("node = \"a\"\npeer_url = \"http://a:8000\""), "guard.peer_url", "{node}"),
        (&section("node = \"a\"\nnodes = [\"a\", \"b\"]"), "guard.peer_url", "required with nodes"),
        (&section("node = \"a\"\npeer_url = \"http://{node}\"\nnodes = [\"b\", \"c\"]"), "guard.nodes", "must name this node"),
        (&section("node = \"a\"\npeer_url = \"http://{node}\"\nnodes = [\"a\", \"a\"]"), "guard.nodes", "twice"),
        (&section("kind = \"shared-nothing\"\nid = \"f\"\npeer_url = \"http://{node}\""), "guard.peer_url", "can't be used"),
    ]);
    assert_eq!(faulty(&section("nodes = [\"a\"]")), ["guard.node", "guard.peer_url"]);
    assert_eq!(faulty("[guard]\nnodes = [\"a\"]"), ["keyring.secrets", "guard.node", "guard.peer_url"]);
    let config = accepted(&section(
        "kind = \"journal\"\npath = \"j\"\nnode = \"a\"\npeer_url = \"http://{node}.svc:8000/\"\nnodes = [\"a\", \"b\"]",
    ));
    let peers = config.guard.peers.unwrap();
    assert_eq!((peers.urls.authority_of("b").unwrap(), peers.nodes.len()), ("b.svc:8000".into(), 2));
    assert!(matches!(config.guard.kind, GuardKind::Journal { .. }));
    let config = accepted(&section("kind = \"redis\"\nurl = \"redis://:pw@localhost/0\"\nid = \"fleet\"\nredis_durable = true"));
    assert!(matches!(config.guard.kind, GuardKind::Redis(ref redis) if redis.durable));
    let sentinels = "kind = \"redis\"\nurl = \"redis+sentinel://:pw@a,b/login\"\nid = \"fleet\"";
    let config = accepted(&section(sentinels));
    assert!(config.effective().contains("url = \"redis+sentinel://:***@a,b/login\""), "{}", config.effective());
    assert_refused(&[
        (&section(&format!("{sentinels}\nredis_durable = true")), "guard.redis_durable", "no replica is ever promoted"),
        (&section(&sentinels.replace("/login", "")), "guard.url", "names no master"),
    ]);
    assert!(accepted(&section("max_takeover_probability = 1")).warnings.iter().any(|warning| warning.contains("NO BOUND")));
}

#[test]
fn each_node_may_have_a_url_of_its_own() {
    let fleet = |nodes: &str, table: &str| {
        format!("[keyring]\nsecrets = [\"{SECRET}\"]\n[guard]\nnode = \"a\"\nnodes = [{nodes}]\n[guard.peer_url]\n{table}")
    };
    let table = "a = \"http://127.0.0.1:8101\"\n\"b.c\" = \"http://127.0.0.1:8102\"";
    for nodes in ["\"b.c\", \"a\"", ""] {
        let config = accepted(&fleet(nodes, table));
        let urls = config.guard.peers.clone().unwrap().urls;
        assert_eq!(urls.authority_of("b.c").as_deref(), Some("127.0.0.1:8102"));
        assert!(
            config.effective().contains(r#"peer_url = { a = "http://127.0.0.1:8101", "b.c" = "http://127.0.0.1:8102" }"#),
            "{}",
            config.effective()
        );
        accepted(&strip_comments(config.effective()).replace("\"***\"", &format!("\"{SECRET}\"")));
    }
    let both = "\"a\", \"b\"";
    assert_refused(&[
        (&fleet("\"a\", \"b.c\", \"d\"", table), "guard.peer_url", "has no entry for node \"d\""),
        (
            &fleet(both, "a = \"http://x\"\nb = \"http://y\"\nc = \"http://z\""),
            "guard.peer_url",
            "an entry for \"c\", which is none of",
        ),
        (&fleet("", "b = \"http://y\""), "guard.peer_url", "has no entry for node \"a\""),
        (&fleet(both, "a = \"http://x\"\nb = \"http://x/\""), "guard.peer_url", "have the same URL, http://x"),
        (
            &fleet(both, "a = \"http://x\"\nb = \"http://{node}\""),
            "guard.peer_url",
            "contains {node}, which belongs to the other form",
        ),
        (&fleet(both, "a = \"http://x\"\nb = 8102"), "guard.peer_url", "\"b\" is a whole number"),
        (
            &fleet(both, "a = \"http://x\"\nb = \"http://y\"\nkind = [\"memory\"]"),
            "guard.peer_url",
            "other keys stand above the table",
        ),
        (
            &fleet("\"a\", \"1.2\"", "a = \"http://x\"\n1.2 = \"http://y\""),
            "guard.peer_url",
            "a name with a dot stands in quotes",
        ),
    ]);
    // The empty table says as little as the empty text.
    assert!(accepted(&fleet("", "")).guard.peers.is_none());
    let twice = "[guard]\nnode = \"a\"\npeer_url = \"http://{node}\"\n[guard.peer_url]\na = \"http://x\"";
    let faults = judge(twice).unwrap_err();
    assert!(faults.to_string().contains("duplicate key") && faults.to_string().contains("test.toml:4"), "{faults}");
    // Where both are wrong, both are told.
    let faults = judge(&fleet("\"a\", \"b\", \"c\"", "a = \"http://x\"\nd = \"http://y\"")).unwrap_err();
    assert_eq!(faults.as_slice().len(), 3, "{faults}");
}

#[test]
fn the_environment_names_nodes_and_their_urls_too() {
    let base = format!(
        "[keyring]\nsecrets = [\"{SECRET}\"]\n[guard]\nnode = \"a\"\nnodes = [\"a\", \"b\"]\npeer_url = \"http://{{node}}\""
    );
    let with = |value: &str| judge_with(&base, &[("COUNTERSIGN_GUARD__PEER_URL", value)]);
    for good in ["a=http://127.0.0.1:8101,b=http://127.0.0.1:8102", " a = http://127.0.0.1:8101 , b = http://127.0.0.1:8102,"] {
        let urls = with(good).unwrap().guard.peers.unwrap().urls;
        assert_eq!(urls.authority_of("b").as_deref(), Some("127.0.0.1:8102"), "{good}");
    }
    assert_eq!(with("http://{node}.x").unwrap().guard.peers.unwrap().urls.authority_of("b").as_deref(), Some("b.x"));
    for (bad, says) in [
        ("a=http://x,http://{node}", "has no name"),
        ("a=http://x,b=http://y,a=http://z", "has two entries for \"a\""),
        ("a=http://x", "has no entry for node \"b\""),
        ("a=http://x,b=http://{node}:1", "belongs to the other form"),
        ("http://x", "must contain {node}"),
    ] {
        let faults = with(bad).expect_err(bad);
        let [fault] = faults.as_slice() else { panic!("{bad}: {faults}") };
        assert!(fault.reason.contains(says), "{bad}: {fault}");
        assert_eq!(fault.origin, Origin::Environment("COUNTERSIGN_GUARD__PEER_URL".into()));
    }
}

#[test]
fn a_fleet_that_says_too_few_nodes_is_warned_of() {
    let keyring = format!("[keyring]\nsecrets = [\"{SECRET}\"]\n");
    let warnings = |guard: &str| warnings_at(&format!("{keyring}[guard]\n{guard}"), &["guard.replicas"]);
    let peers = "node = \"a\"\npeer_url = \"http://{node}\"";
    let shared = "kind = \"shared-nothing\"\nid = \"f\"";
    let redis = "kind = \"redis\"\nid = \"f\"\nurl = \"redis://localhost\"";
    for (guard, says) in [
        (peers.to_owned(), "guard.nodes to their names"),
        (format!("{peers}\nreplicas = 1"), "the bound is understated"),
        (format!("{peers}\nkind = \"journal\"\npath = \"j\""), "the bound is understated"),
        (shared.to_owned(), "is not given"),
        (format!("{redis}\nreplicas = 3"), "is not used with kind = \"redis\""),
        (format!("{peers}\nnodes = [\"a\", \"b\"]\nreplicas = 2"), "is not used with nodes"),
    ] {
        let found = warnings(&guard);
        assert!(found.len() == 1 && found[0].contains(says), "{guard}: {found:?}");
    }
    for guard in [
        String::new(),
        "replicas = 3".into(),
        format!("{peers}\nreplicas = 2"),
        format!("{shared}\nreplicas = 1"),
        redis.to_owned(),
        format!("{peers}\nnodes = [\"a\", \"b\"]"),
    ] {
        assert_eq!(warnings(&guard), [""; 0], "{guard}");
    }
}
