//! Where settings are read from, file and environment, and how a fault says what is wrong and where.

use std::{ffi::OsString, path::Path};

use countersign::{
    config::{Config, FileSystem, Files as _, Origin, Sources},
    recipient::Channel,
};
use rand_chacha::{ChaCha12Rng, rand_core::SeedableRng as _};

use super::{Given, OTHER_SECRET, SECRET, accepted, assert_refused, faulty, judge, judge_with};

#[test]
fn all_faults_are_reported_at_once_in_the_order_of_the_schema() {
    let text = "
        [guard]
        kind = \"shared-nothing\"
        [server]
        listen = \"nowhere\"
        max_body_bytes = \"many\"
        colour = \"red\"
        [passwordless]
        short_token_chars = \"aa\"
        site_name = \"a\\nb\"
        [tokens]
        algorithm = \"RS256\"
        [colours]
        ";
    let expected = [
        "colours",
        "server.listen",
        "server.max_body_bytes",
        "server.colour",
        "passwordless.short_token_chars",
        "passwordless.site_name",
        "tokens.private_key_file",
        "guard.id",
    ];
    assert_eq!(faulty(text), expected);
}

#[test]
fn a_fault_names_its_line_or_its_variable() {
    let faults = judge("[server]\n\nlisten = 3\n").unwrap_err();
    assert_eq!(faults.as_slice()[0].origin, Origin::File("test.toml".into(), Some(3)));
    assert_eq!(faults.to_string(), "server.listen: must be a text, not a whole number (test.toml:3)");
    let faults = judge_with("", &[("COUNTERSIGN_SERVER__WORKERS", "many")]).unwrap_err();
    assert_eq!(faults.to_string(), "server.workers: must be a whole number, not \"many\" (COUNTERSIGN_SERVER__WORKERS)");
}

#[test]
fn what_is_no_toml_is_a_fault_with_a_line() {
    let faults = judge("[server]\nlisten = \n").unwrap_err();
    let fault = &faults.as_slice()[0];
    assert!(fault.reason.starts_with("no TOML: "), "{fault}");
    assert_eq!(fault.origin, Origin::File("test.toml".into(), Some(2)), "{fault}");
    assert!(judge("[server]\nlisten = \"127.0.0.1:1\"\nlisten = \"127.0.0.1:2\"").is_err(), "a key twice");
}

#[test]
fn a_text_without_quotes_is_explained() {
    for (line, says) in [
        (
            "[server]\nlisten = 127.0.0.1:8000",
            "listen has a text without quotes: write listen = \"127.0.0.1:8000\" (test.toml:2)",
        ),
        ("[server]\nlisten = 127.0.0.1:8000 # here", "write listen = \"127.0.0.1:8000\" (test.toml:2)"),
        ("[server]\n\nlisten = unix:/run/x.sock", "write listen = \"unix:/run/x.sock\" (test.toml:3)"),
        ("[server]\npublic_url = https://login.example.com", "write public_url = \"https://login.example.com\""),
        ("[passwordless]\nsite_name = Example", "write site_name = \"Example\""),
        ("[email]\nfrom = noreply@example.com", "write from = \"noreply@example.com\""),
        ("[guard]\nkind = journal", "write kind = \"journal\""),
        ("[tokens]\nhs256_secret = hunter2", "hs256_secret has a text without quotes: write hs256_secret = \"…\""),
        ("[email]\nurl = smtp://ann:hunter2@mail", "write url = \"…\""),
        (
            "[server]\ncors_origins = [https://a.example, https://b.example]",
            "cors_origins = [\"https://a.example\", \"https://b.example\"]",
        ),
        ("[passwordless]\nallowed_passwordless_methods = [EMAIL]", "allowed_passwordless_methods = [\"EMAIL\"]"),
        ("[keyring]\nsecrets = [hunter2]", "write secrets = [\"…\"]"),
    ] {
        let faults = judge(line).unwrap_err();
        let said = faults.to_string();
        assert!(said.contains(says) && !said.contains("hunter2"), "{line}\n{said}");
        assert_eq!(said.matches("without quotes").count(), 1, "{line}\n{said}");
    }
    // Whatever else is wrong is told as before.
    for other in ["[server]\nlisten = \"127.0.0.1:8000", "[server\nlisten = 1", "[server]\nlisten"] {
        let said = judge(other).unwrap_err().to_string();
        assert!(said.contains("no TOML") && !said.contains("without quotes"), "{other}\n{said}");
    }
}

#[test]
fn unknown_names_are_faults_that_say_what_is_meant() {
    assert_refused(&[
        ("[sever]", "sever", "did you mean [server]?"),
        ("listen = \"x\"", "listen", "belongs under [server]"),
        ("[server]\nlisen = \"127.0.0.1:1\"", "server.lisen", "did you mean server.listen?"),
        ("[server]\nmax_attempts = 3", "server.max_attempts", "belongs under [passwordless]"),
        (
            "[passwordless]\nEMAIL_FIELD_NAME = \"x\"",
            "passwordless.EMAIL_FIELD_NAME",
            "did you mean passwordless.email_field_name?",
        ),
        ("server = 3", "server", "write [server]"),
        ("[server.listen]\nport = 3", "server.listen", "not a table"),
    ]);
}

#[test]
fn the_environment_wins_over_the_file() {
    let text = "[server]\nlisten = \"127.0.0.1:1\"\n[passwordless]\nmax_attempts = \"not judged, since it isn't used\"";
    let config = judge_with(
        text,
        &[
            ("COUNTERSIGN_SERVER__LISTEN", "127.0.0.1:2"),
            ("COUNTERSIGN_PASSWORDLESS__MAX_ATTEMPTS", "7"),
            ("COUNTERSIGN_PASSWORDLESS__ALLOWED_PASSWORDLESS_METHODS", "mobile, Email"),
            ("COUNTERSIGN_PASSWORDLESS__BLOCKED_PREFIXES", ""),
            ("COUNTERSIGN_SERVER__PAGES", "false"),
            ("COUNTERSIGN_TOKENS__AUDIENCE", "a,b"),
            ("COUNTERSIGN_GUARD__MAX_TAKEOVER_PROBABILITY", "1e-3"),
            ("COUNTERSIGN_KEYRING__SECRETS", &format!("{SECRET},{OTHER_SECRET}")),
            ("COUNTERSIGN_CONFIG", "elsewhere.toml"),
            ("COUNTERSIGN_SERVICE_HOST", "10.0.0.1"),
            ("PATH", "/bin"),
        ],
    )
    .unwrap();
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:2");
    assert_eq!(config.passwordless.max_attempts, 7);
    assert_eq!(config.passwordless.policy.channels, [Channel::Mobile, Channel::Email]);
    assert_eq!(config.tokens.sessions.audiences, ["a", "b"]);
    assert_eq!(config.keyring.roots().len(), 2);
    assert!(!config.server.pages && (config.guard.max_takeover_probability - 1e-3).abs() < f64::EPSILON);
    assert!(config.effective().contains("listen = \"127.0.0.1:2\"  # COUNTERSIGN_SERVER__LISTEN\n"));
}

#[test]
fn unknown_variables_of_our_form_are_faults() {
    let keys = |name: &str| {
        let faults = judge_with("", &[(name, "1")]).unwrap_err();
        faults.as_slice()[0].to_string()
    };
    assert_eq!(
        keys("COUNTERSIGN_SERVER__LISEN"),
        "server.lisen: no such key; did you mean server.listen? (COUNTERSIGN_SERVER__LISEN)"
    );
    assert!(keys("COUNTERSIGN_SEVER__LISTEN").contains("did you mean [server]?"));
    assert!(keys("COUNTERSIGN_server__listen").contains("did you mean [server]?"));
    assert!(keys("COUNTERSIGN_SERVER__LISTEN__X").contains("server.listen__x"));
    assert!(keys("COUNTERSIGN___").contains("no such section"));
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStringExt as _;
        let environment = [("COUNTERSIGN_TOKENS__HS256_SECRET".into(), OsString::from_vec(vec![0xff; 40]))];
        let sources = Sources::new(None, &environment).with_files(&Given);
        let faults = Config::judge(&sources, &mut ChaCha12Rng::seed_from_u64(1)).unwrap_err();
        assert!(faults.as_slice()[0].reason.contains("not UTF-8"));
    }
}

#[test]
fn kinds_and_ranges() {
    assert_refused(&[
        ("[server]\nmax_body_bytes = 0", "server.max_body_bytes", "must be 1 to 67108864, not 0"),
        ("[server]\nmax_body_bytes = -1", "server.max_body_bytes", "not -1"),
        ("[server]\nmax_body_bytes = 1.5", "server.max_body_bytes", "a whole number"),
        ("[server]\nmax_body_bytes = 99999999999999999999999999999999999999999", "server.max_body_bytes", "beyond all bounds"),
        ("[server]\npages = \"yes\"", "server.pages", "true or false"),
        ("[server]\ntrusted_proxies = \"10.0.0.0/8\"", "server.trusted_proxies", "a list of texts"),
        ("[server]\ntrusted_proxies = [1]", "server.trusted_proxies", "one of them is a whole number"),
        ("[tokens]\naudience = 3", "tokens.audience", "a text or a list"),
        ("[tokens]\nalgorithm = \"eddsa\"", "tokens.algorithm", "did you mean EdDSA?"),
        ("[tokens]\nalgorithm = \"none\"", "tokens.algorithm", "is none of"),
        ("[tokens]\nformat = 2001-01-01", "tokens.format", "a date"),
        ("[guard]\nmax_takeover_probability = 0", "guard.max_takeover_probability", "above 0"),
        ("[guard]\nmax_takeover_probability = 1.1", "guard.max_takeover_probability", "at most 1"),
        ("[guard]\nmax_takeover_probability = nan", "guard.max_takeover_probability", "above 0"),
        ("[guard]\ncapacity = 63", "guard.capacity", "must be 64"),
    ]);
    assert_eq!(accepted("[server]\nmax_body_bytes = 0x4000").server.max_body_bytes, 0x4000);
    assert!(accepted("[guard]\nmax_takeover_probability = 1").guard.max_takeover_probability >= 1.0);
}

#[test]
fn what_is_given_but_not_used_is_a_warning() {
    let config = accepted("[sms]\naccount_sid = \"AC\"\n[email]\nurl = \"smtp://a\"\n[guard]\nid = \"x\"");
    for key in ["sms.account_sid: is not used", "email.url: is not used", "guard.id: is not used"] {
        assert!(config.warnings.iter().any(|warning| warning.starts_with(key)), "{key}: {:?}", config.warnings);
    }
}

#[test]
fn faults_name_the_file_that_is_wrong() {
    for (text, file) in [
        ("[directory]\nkind = \"file\"\npath = \"missing.json\"", "missing.json"),
        ("[directory]\nkind = \"file\"\npath = \"twins.json\"", "twins.json"),
        ("[directory]\nkind = \"file\"\npath = \"secrets\"", "secrets"),
        ("[email]\ntemplates = \"bad-templates\"", "bad-templates/email.txt"),
        ("[keyring]\nsecrets_file = \"missing\"", "missing"),
        ("[keyring]\nsecrets_file = \"binary\"", "binary"),
        ("[tokens]\nprivate_key_file = \"missing.pem\"", "missing.pem"),
        ("[tokens]\nprivate_key_file = \"secrets\"", "secrets"),
    ] {
        let faults = judge(text).unwrap_err();
        assert!(faults.as_slice()[0].reason.contains(file), "{text}\n{faults}");
    }
}

#[test]
fn faults_hold_no_secret() {
    let text = "[keyring]\nsecrets = [\"hunter2!\"]\n[tokens]\nhs256_secret = \"hunter2\"\n[email]\ntransport = \"smtp\"\nurl = \"hunter2\"\n\
                [directory]\nkind = \"http\"\nurl = \"hunter2\"\nsecret = \"hunter2\"\n[guard]\nkind = \"redis\"\nid = \"x\"\nurl = \"hunter2\"";
    let faults = judge(text).unwrap_err();
    assert_eq!(faults.as_slice().len(), 6, "{faults}");
    assert!(!faults.to_string().contains("hunter2"), "{faults}");
}

/// A device or a pipe may have no end.
#[test]
fn of_a_file_no_more_is_read_than_may_be_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logo.svg");
    std::fs::write(&path, [b' '; 100]).unwrap();
    for (most, read) in [(99, 100), (100, 100), (10, 11), (1_000, 100)] {
        assert_eq!(FileSystem.read_at_most(&path, most).unwrap().len(), read, "{most}");
    }
    for endless in ["/dev/zero", "/dev/null", folder.path().to_str().unwrap()] {
        let error = FileSystem.read_at_most(Path::new(endless), 10).unwrap_err();
        assert_eq!(error.to_string(), "it is no regular file", "{endless}");
    }
}

#[test]
fn the_file_system_says_who_may_read_a_file() {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secrets");
    fs::write(&path, "x").unwrap();
    let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let is_open = |mode, folder_mode| {
        set(&path, mode);
        set(folder.path(), folder_mode);
        FileSystem.is_open_to_all(&path)
    };
    assert!(is_open(0o644, 0o755) && is_open(0o604, 0o711));
    assert!(!is_open(0o640, 0o755) && !is_open(0o600, 0o755), "only the owner and the group");
    assert!(!is_open(0o644, 0o700), "nobody else gets into the folder");
    assert!(!FileSystem.is_open_to_all(&folder.path().join("missing")));
}
