//! What follows for guesses and ceilings from a guard and its nodes.

use countersign::config::{Config, Sources};
use rand_chacha::{ChaCha12Rng, rand_core::SeedableRng as _};

use super::{Given, SECRET, accepted, assert_refused, faulty, judge};

#[test]
fn guesses_that_are_too_probable_are_refused_with_what_would_do() {
    let fleet = "[guard]\nreplicas = 50";
    let faults = judge(fleet).unwrap_err();
    let [fault] = faults.as_slice() else { panic!("{faults}") };
    assert_eq!(fault.key, "guard.max_takeover_probability");
    for remedy in ["passwordless.short_token_length = 7", "guard.nodes", "guard.kind = \"redis\""] {
        assert!(fault.reason.contains(remedy), "{fault}");
    }
    assert!(accepted("[guard]\nreplicas = 50\n[passwordless]\nshort_token_length = 7").bound().check().is_ok());
    assert_eq!(accepted(&of_three("a", "")).limits().comparisons, 33);
    assert_eq!(accepted(&of_three("a", "")).limits().breaker.min_sent, 67, "a third of 200");
    assert_eq!(accepted("[sms]\nbreaker_min_sent = 0").limits().breaker.min_sent, 0);
    assert_eq!(faulty("[sms]\nbreaker_min_conversion = 0"), ["sms.breaker_min_conversion"]);
    assert_eq!(faulty("[sms]\nbreaker_min_conversion = 101"), ["sms.breaker_min_conversion"]);
    let sources = Sources::new(Some(("x", fleet)), &[]).with_files(&Given);
    let apart = Config::judge_apart_from_bound(&sources, &mut ChaCha12Rng::seed_from_u64(1)).unwrap();
    assert!(apart.bound().check().is_err());
    assert_eq!(faulty("[guard]\nreplicas = 50\nnode = \"?\"\n[server]\nworkers = -1"), ["server.workers", "guard.node"]);
    assert_eq!(faulty("[guard]\nreplicas = 50\n[server]\nworkers = -1"), ["server.workers", "guard.max_takeover_probability"]);
}

#[test]
fn the_bound_counts_what_can_open_one_account() {
    let both = "[passwordless]\nallowed_passwordless_methods = [\"EMAIL\", \"MOBILE\"]\n";
    assert_eq!(accepted("").limits().comparisons, 49);
    assert_eq!(accepted(both).limits().comparisons, 49, "without a directory each recipient is its own account");
    let directory = format!("{both}[directory]\nkind = \"file\"\npath = \"users.json\"");
    assert_eq!(accepted(&directory).limits().comparisons, 24);
    assert_eq!(
        accepted("[guard]\nmax_takeover_probability = 1\n[passwordless]\nshort_token_chars = \"x\"").limits().comparisons,
        100
    );
}

#[test]
fn with_homes_a_node_keeps_to_its_share_of_the_ceilings() {
    let text = "[sms]\nmax_per_hour = 8\nmax_per_prefix_per_hour = 4\n[email]\nmax_per_hour = 3\n\
                [passwordless]\nmax_messages_per_network_per_hour = 7";
    let share = |node| {
        let limits = accepted(&of_three(node, text)).limits();
        [limits.sms_per_hour, limits.sms_per_prefix_per_hour, limits.email_per_hour, limits.max_messages_per_network_per_hour]
    };
    // By name, however the nodes are listed.
    assert_eq!([share("a"), share("b"), share("c")], [[3, 2, 1, 3], [3, 1, 1, 3], [2, 1, 1, 3]]);
    assert_eq!(accepted(&of_three("a", text)).limits().max_messages_per_hour, 10, "a recipient has one home");
    let off = accepted(&of_three("b", "[sms]\nmax_per_hour = 0\n[passwordless]\nmax_messages_per_network_per_hour = 1")).limits();
    assert_eq!((off.sms_per_hour, off.email_per_hour, off.max_messages_per_network_per_hour), (0, 0, 1));
    let alone = accepted("[sms]\nmax_per_hour = 2").limits();
    assert_eq!((alone.sms_per_hour, alone.sms_per_prefix_per_hour), (2, 1_400));
}

#[test]
fn ceilings_that_cannot_be_shared_out_are_refused() {
    assert_refused(&[
        (&of_three("a", "[sms]\nmax_per_hour = 2"), "sms.max_per_hour", "2 can't be shared out over 3 nodes (guard.nodes)"),
        (&of_three("a", "[sms]\nmax_per_prefix_per_hour = 1"), "sms.max_per_prefix_per_hour", "3 or more, or 0"),
        (&of_three("a", "[email]\nmax_per_hour = 2"), "email.max_per_hour", "3 or more, or 0"),
    ]);
    // What nobody set and nothing is sent by is left alone.
    let names: Vec<String> = (0..1_500).map(|at| format!("\"n{at}\"")).collect();
    let large = format!(
        "[keyring]\nsecrets = [\"{SECRET}\"]\n[guard]\nnode = \"n0\"\npeer_url = \"http://{{node}}\"\nnodes = [{}]",
        names.join(",")
    );
    assert_eq!(accepted(&large).limits().sms_per_prefix_per_hour, 1);
    let mobile = format!("{large}\n[passwordless]\nallowed_passwordless_methods = [\"MOBILE\"]");
    assert_eq!(faulty(&mobile), ["sms.max_per_prefix_per_hour"]);
}

/// Three nodes with homes, this one named `node`.
fn of_three(node: &str, text: &str) -> String {
    let guard = format!("node = \"{node}\"\npeer_url = \"http://{{node}}\"\nnodes = [\"c\", \"a\", \"b\"]");
    format!("[keyring]\nsecrets = [\"{SECRET}\"]\n[guard]\n{guard}\n{text}")
}
