//! `[keyring]`, and whoever can read secrets.

use countersign::{
    config::{Config, Sources},
    keyring::Root,
};
use rand_chacha::{ChaCha12Rng, rand_core::SeedableRng as _};

use super::{Given, OTHER_SECRET, SECRET, accepted, assert_refused, judge, judge_file, warnings_at};

#[test]
fn bad_secrets_are_refused_one_by_one_and_a_file_of_them_is_read() {
    let long: Vec<String> = (10..21).map(|n| format!("\"{n}{}\"", &SECRET[2..])).collect();
    assert_refused(&[
        ("[keyring]\nsecrets = [\"c2hvcnQ\"]", "keyring.secrets", "secret 1 has 5 bytes, and needs 32"),
        ("[keyring]\nsecrets = [\"not base64url!\"]", "keyring.secrets", "secret 1 is not base64url"),
        (&format!("[keyring]\nsecrets = [\"{SECRET}\", \"{SECRET}\"]"), "keyring.secrets", "secret 2 is secret 1 once more"),
        (&format!("[keyring]\nsecrets = [{}]", long.join(",")), "keyring.secrets", "at most 10"),
        (&format!("[keyring]\nsecrets = [\"{SECRET}\"]\nsecrets_file = \"secrets\""), "keyring.secrets_file", "instead of"),
        ("[keyring]\nsecrets_file = \"missing\"", "keyring.secrets_file", "can't read missing"),
        ("[keyring]\nsecrets_file = \"no-secrets\"", "keyring.secrets_file", "at least one"),
        ("[keyring]\nsecrets_file = \"binary\"", "keyring.secrets_file", "not UTF-8"),
    ]);
    let faults = judge("[keyring]\nsecrets_file = \"bad-secrets\"").unwrap_err();
    let reasons: Vec<_> = faults.as_slice().iter().map(|fault| &*fault.reason).collect();
    let starts = ["bad-secrets:2 is not base64url", "bad-secrets:4 has 5 bytes", "bad-secrets:5 is bad-secrets:1 once more"];
    assert!(reasons.len() == 3 && reasons.iter().zip(starts).all(|(reason, start)| reason.starts_with(start)), "{faults}");
    for text in ["B".repeat(43), format!("{SECRET}=")] {
        let config = accepted(&format!("[keyring]\nsecrets = [\"{text}\"]"));
        assert_eq!(config.keyring.roots().len(), 1, "trailing bits and padding mean nothing: {text}");
    }
    let from_file = accepted("[keyring]\nsecrets_file = \"secrets\"");
    let inline = accepted(&format!("[keyring]\nsecrets = [\"{SECRET}\", \"{OTHER_SECRET}=\"]"));
    let ids = |config: &Config| config.keyring.roots().iter().map(Root::id).collect::<Vec<_>>();
    assert_eq!((ids(&from_file).len(), ids(&from_file)), (2, ids(&inline)));
}

#[test]
fn without_a_secret_there_is_a_random_one_and_a_warning() {
    let config = accepted("");
    assert_eq!(config.keyring.roots().len(), 1);
    assert!(config.keyring_is_random && config.warnings.iter().any(|warning| warning.starts_with("keyring.secrets: ")));
    let config = accepted(&format!("[keyring]\nsecrets = [\"{SECRET}\"]"));
    assert!(!config.keyring_is_random && config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn a_fleet_has_its_secrets_in_common() {
    let peers = "[guard]\nnode = \"a\"\npeer_url = \"http://{node}\"";
    let shared = "[guard]\nkind = \"shared-nothing\"\nid = \"f\"\nreplicas = 2";
    let homes = format!("{peers}\nnodes = [\"a\", \"b\"]");
    assert_refused(&[
        (peers, "keyring.secrets", "is required with guard.peer_url: every node would invent its own"),
        (&homes, "keyring.secrets", "is required with guard.nodes"),
        (shared, "keyring.secrets", "is required with guard.kind = \"shared-nothing\""),
    ]);
    for fleet in [peers, &homes, shared] {
        assert!(judge(&format!("{fleet}\n[keyring]\nsecrets_file = \"secrets\"")).is_ok());
        // How probable guesses are can be known without.
        let sources = Sources::new(Some(("x", fleet)), &[]).with_files(&Given);
        let apart = Config::judge_apart_from_bound(&sources, &mut ChaCha12Rng::seed_from_u64(1)).unwrap();
        assert!(apart.warnings.iter().any(|warning| warning.contains("other nodes' codes")), "{:?}", apart.warnings);
    }
    let redis = "[guard]\nkind = \"redis\"\nid = \"f\"\nurl = \"redis://localhost\"";
    for fleet in [redis, "[guard]\nreplicas = 3"] {
        let warnings = warnings_at(fleet, &["keyring.secrets"]);
        assert!(warnings.len() == 1 && warnings[0].contains("other nodes' codes, links and tokens are refused"), "{warnings:?}");
    }
    let alone = warnings_at("[guard]\nkind = \"shared-nothing\"\nid = \"f\"\nreplicas = 1", &["keyring.secrets"]);
    assert!(alone.len() == 1 && alone[0].contains("a restart ends every session"), "{alone:?}");
}

#[test]
fn secrets_that_everybody_may_read_are_warned_of() {
    let long = "x".repeat(32);
    let secret = format!("[keyring]\nsecrets = [\"{SECRET}\"]");
    let hs256 = format!("[tokens]\nalgorithm = \"HS256\"\nhs256_secret = \"{long}\"");
    let warnings = |name: &str, text: &str, environment: &[(&str, &str)]| {
        let config = judge_file(name, text, environment).unwrap_or_else(|faults| panic!("{text}\n{faults}"));
        config.warnings.into_iter().filter(|warning| warning.contains("can read the secrets in")).collect::<Vec<_>>()
    };
    let smtp = "[email]\ntransport = \"smtp\"\nurl = \"smtps://ann:hunter2@mail.example\"".to_owned();
    for (text, key) in [(&secret, "keyring.secrets"), (&hs256, "tokens.hs256_secret"), (&smtp, "email.url")] {
        let warned = warnings("open-config.toml", text, &[]);
        assert!(warned.len() == 1 && warned[0].starts_with(key) && warned[0].contains("open-config.toml"), "{warned:?}");
        assert!(warnings("config.toml", text, &[]).is_empty());
    }
    let elsewhere = [("COUNTERSIGN_KEYRING__SECRETS", SECRET)];
    assert!(warnings("open-config.toml", "[server]\npages = true", &elsewhere).is_empty(), "no secret is in the file");
    for url in ["smtps://mail.example", "smtps://MAIL.example:465", "smtp://mail.example?tls=required"] {
        let open = format!("[email]\ntransport = \"smtp\"\nurl = \"{url}\"");
        assert!(warnings("open-config.toml", &open, &[]).is_empty(), "a URL without a password is none: {url}");
    }
    let provider = "[server]\npublic_url = \"https://login.example\"\n[email]\ntransport = \"postmark\"\napi_key = \"hunter2\"";
    assert!(warnings("open-config.toml", provider, &[])[0].starts_with("email.api_key"), "the URLs before it are none");
    let warned = warnings("config.toml", "[keyring]\nsecrets_file = \"open-secrets\"", &[]);
    assert!(
        warned.len() == 1 && warned[0].starts_with("keyring.secrets_file") && warned[0].contains("open-secrets"),
        "{warned:?}"
    );
    assert!(warnings("config.toml", "[keyring]\nsecrets_file = \"secrets\"", &[]).is_empty());
}
