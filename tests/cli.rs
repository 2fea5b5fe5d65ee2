//! The command line, through the program itself.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

/// The program in an empty directory, without variables of ours.
fn countersign(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.current_dir(directory).env_clear().args(arguments).stdin(Stdio::null());
    command
}

struct Ran {
    code: i32,
    out: String,
    err: String,
}

fn run(command: &mut Command) -> Ran {
    let Output { status, stdout, stderr } = command.output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("the program writes UTF-8");
    Ran { code: status.code().expect("it ends by itself"), out: text(stdout), err: text(stderr) }
}

fn in_empty(arguments: &[&str]) -> Ran {
    let directory = TempDir::new().unwrap();
    run(&mut countersign(directory.path(), arguments))
}

#[test]
fn version_and_help() {
    let ran = in_empty(&["--version"]);
    assert_eq!((ran.code, ran.out.trim()), (0, concat!("countersign ", env!("CARGO_PKG_VERSION"))));
    let ran = in_empty(&["--help"]);
    assert_eq!(ran.code, 0);
    for command in [
        "serve",
        "init",
        "check",
        "secret",
        "inspect",
        "bound",
        "health",
        "preview",
        "send-test",
        "templates",
        "COUNTERSIGN_CONFIG",
        "64",
    ] {
        assert!(ran.out.contains(command), "{command}: {}", ran.out);
    }
}

#[test]
fn help_is_a_command_too() {
    let help = in_empty(&["--help"]);
    for arguments in [&["help"][..], &["-h"]] {
        let ran = in_empty(arguments);
        assert_eq!((ran.code, &*ran.err), (0, ""), "{arguments:?}");
        assert!(ran.out.contains("serve") && ran.out.contains("bound"), "{}", ran.out);
    }
    assert_eq!(in_empty(&["help"]).out, help.out);
    for command in ["serve", "init", "check", "secret", "inspect", "bound"] {
        let ran = in_empty(&["help", command]);
        assert_eq!((ran.code, &ran.out), (0, &in_empty(&[command, "--help"]).out), "{command}");
    }
    assert_eq!(in_empty(&["help", "fly"]).code, 64);
}

#[test]
fn a_wrong_command_is_64() {
    for arguments in [
        &["fly"][..],
        &["--colour"],
        &["check", "--config"],
        &["secret", "more"],
        &["secret", "--config", "x"],
        &["bound", "--yaml"],
        &["health", "--live", "--ready"],
        &["health", "--admin", "localhost"],
        &["health", "--timeout", "0"],
    ] {
        let ran = in_empty(arguments);
        assert_eq!((ran.code, &*ran.out), (64, ""), "{arguments:?}");
        assert!(ran.err.contains("--help"), "{}", ran.err);
    }
}

#[test]
fn secrets_are_fresh_and_long() {
    let secrets: Vec<String> = (0..2).map(|_| in_empty(&["secret"]).out.trim().to_owned()).collect();
    assert!(secrets.iter().all(|secret| secret.len() == 43), "{secrets:?}");
    assert_ne!(secrets[0], secrets[1]);
}

#[test]
fn init_writes_a_private_file_once_and_check_accepts_it() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("countersign.toml");
    let ran = run(&mut countersign(directory.path(), &["init"]));
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&path).unwrap();
    let secret =
        text.lines().find_map(|line| line.strip_prefix("secrets = [\"")).and_then(|rest| rest.strip_suffix("\"]")).unwrap();
    assert!(!ran.out.contains(secret));

    let again = run(&mut countersign(directory.path(), &["init"]));
    assert_eq!(again.code, 64);
    assert!(again.err.contains("exists already"), "{}", again.err);
    assert_eq!(fs::read_to_string(&path).unwrap(), text);

    for arguments in [&["check"][..], &["check", "--config", "countersign.toml"], &["--config", "countersign.toml", "check"]] {
        let checked = run(&mut countersign(directory.path(), arguments));
        assert_eq!((checked.code, &*checked.err), (0, ""));
        assert!(!checked.out.contains(secret) && checked.out.contains("secrets = [\"***\"]"), "{}", checked.out);
    }
    assert_ne!(run(&mut countersign(directory.path(), &["init", "nowhere/x.toml"])).code, 0);
}

#[test]
fn init_writes_to_standard_output_where_that_is_asked_for() {
    let directory = TempDir::new().unwrap();
    let ran = run(&mut countersign(directory.path(), &["init", "-"]));
    assert_eq!((ran.code, &*ran.err), (0, ""));
    assert!(ran.out.starts_with("# Configuration of countersign.") && ran.out.contains("\nsecrets = ["), "{}", ran.out);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "no file called \"-\"");
    let path = directory.path().join("countersign.toml");
    fs::write(&path, &ran.out).unwrap();
    let set = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    set(0o600);
    let ran = run(&mut countersign(directory.path(), &["check"]));
    assert_eq!((ran.code, &*ran.err), (0, ""));
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    set(0o644);
    let ran = run(&mut countersign(directory.path(), &["check"]));
    assert!(ran.code == 0 && ran.err.contains("can read the secrets in countersign.toml"), "{}", ran.err);
}

#[test]
fn init_follows_no_link() {
    let directory = TempDir::new().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::write(path("precious"), "precious").unwrap();
    std::os::unix::fs::symlink(path("precious"), path("countersign.toml")).unwrap();
    std::os::unix::fs::symlink(path("nowhere"), path("dangling.toml")).unwrap();
    for name in ["countersign.toml", "dangling.toml"] {
        let ran = run(&mut countersign(directory.path(), &["init", name]));
        assert_eq!(ran.code, 64, "{}", ran.err);
    }
    assert_eq!(fs::read_to_string(path("precious")).unwrap(), "precious");
    assert!(!path("nowhere").exists());
}

#[test]
fn exported_templates_replace_nothing_unasked() {
    let directory = TempDir::new().unwrap();
    let path = |name: &str| directory.path().join("mine").join(name);
    let ran = run(&mut countersign(directory.path(), &["templates", "export", "mine"]));
    assert_eq!((ran.code, &*ran.err), (0, ""));
    assert!(ran.out.contains("wrote mine/ar/texts.toml\n") && ran.out.contains("email.templates = \"mine\""), "{}", ran.out);
    let built_in = fs::read_to_string(path("email.html")).unwrap();
    assert!(built_in.contains("{{ code }}") && path("de/texts.toml").exists());

    let again = run(&mut countersign(directory.path(), &["templates", "export", "mine"]));
    assert_eq!(again.code, 0, "nothing differs: {}", again.err);
    fs::write(path("email.html"), "<b>{{ code }}</b>").unwrap();
    fs::remove_file(path("sms.txt")).unwrap();
    let refused = run(&mut countersign(directory.path(), &["templates", "export", "mine"]));
    assert_eq!((refused.code, &*refused.out), (64, ""));
    assert!(refused.err.contains("mine/email.html") && refused.err.contains("--overwrite"), "{}", refused.err);
    assert!(!path("sms.txt").exists() && fs::read_to_string(path("email.html")).unwrap().starts_with("<b>"));

    let said = run(&mut countersign(directory.path(), &["templates", "export", "mine", "--overwrite"]));
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.starts_with("wrote mine/sms.txt\noverwrote mine/email.html\n"), "{}", said.out);
    assert_eq!(fs::read_to_string(path("email.html")).unwrap(), built_in);
    assert_eq!(run(&mut countersign(directory.path(), &["templates", "export", "mine/sms.txt"])).code, 69);
    assert_eq!(in_empty(&["templates", "export", "x", "--config", "y"]).code, 64);
}

#[test]
fn templates_and_previews_are_not_written_through_links_nor_over_templates() {
    let directory = TempDir::new().unwrap();
    let path = |name: &str| directory.path().join(name);
    for folder in ["mine", "look/ar"] {
        fs::create_dir_all(path(folder)).unwrap();
    }
    fs::write(path("precious"), "precious").unwrap();
    fs::write(path("countersign.toml"), "").unwrap();
    for (target, arguments) in
        [("nothing", &["templates", "export", "mine"][..]), ("precious", &["templates", "export", "mine", "--overwrite"])]
    {
        let link = path("mine/sms.txt");
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink(path(target), &link).unwrap();
        let ran = run(&mut countersign(directory.path(), arguments));
        assert_eq!(ran.code, 64, "{target}: {}", ran.err);
        assert!(ran.err.contains("mine/sms.txt is a link"), "{}", ran.err);
    }
    assert!(!path("nothing").exists());
    assert_eq!(fs::read_to_string(path("precious")).unwrap(), "precious");

    fs::write(path("look/ar/email.html"), "mine: {{ code }}").unwrap();
    let ran = run(&mut countersign(directory.path(), &["preview", "look"]));
    assert_eq!(ran.code, 64, "{}", ran.err);
    assert!(ran.err.contains("holds no preview of ours"), "{}", ran.err);
    assert_eq!(fs::read_to_string(path("look/ar/email.html")).unwrap(), "mine: {{ code }}");
}

#[test]
fn preview_writes_every_language_and_leaves_pages_that_are_not_its_own() {
    let directory = TempDir::new().unwrap();
    let read = |name: &str| fs::read_to_string(directory.path().join("look").join(name)).unwrap();
    fs::write(directory.path().join("countersign.toml"), "[passwordless]\nsite_name = \"A & B\"\n").unwrap();
    for _ in 0..2 {
        let ran = run(&mut countersign(directory.path(), &["preview", "look"]));
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(ran.out.contains("look/index.html"), "{}", ran.out);
    }
    assert!(read("index.html").contains("src=\"ar/email.html\"") && read("index.html").contains("A &amp; B"));
    assert!(read("de/email.txt").starts_with("Subject: Anmeldung bei A & B\n\nIhr Code für A & B:\n"));
    assert!(read("ar/email.html").contains("dir=\"rtl\"") && read("ja/sms.txt").contains("有効期限"));
    fs::write(directory.path().join("look/index.html"), "mine").unwrap();
    assert_eq!(run(&mut countersign(directory.path(), &["preview", "look"])).code, 64);
    assert_eq!(read("index.html"), "mine");
}

#[test]
fn public_keys_are_exported_where_they_last() {
    const SECRET: (&str, &str) = ("COUNTERSIGN_KEYRING__SECRETS", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
    let export = |variables: &[(&str, &str)], options: &[&str]| {
        let directory = TempDir::new().unwrap();
        let arguments = [&["keys", "export"], options].concat();
        run(countersign(directory.path(), &arguments).envs(variables.iter().copied()))
    };
    for options in [&["--pem"][..], &["--pem", "--challenges"]] {
        let pem = export(&[SECRET], options);
        assert_eq!((pem.code, pem.out.matches("-----BEGIN PUBLIC KEY-----").count()), (0, 1), "{}", pem.out);
        assert!(!pem.out.contains("PRIVATE"), "{}", pem.out);
    }
    let (access, challenges) = (export(&[SECRET], &[]), export(&[SECRET], &["--challenges"]));
    assert!(access.out.starts_with("{\"keys\":[{") && access.out != challenges.out, "{}", access.out);
    let random = export(&[], &["--pem"]);
    assert_eq!(random.code, 64);
    assert!(random.err.contains("keyring.secrets") && random.out.is_empty(), "{}", random.err);
    let shared = [
        SECRET,
        ("COUNTERSIGN_TOKENS__ALGORITHM", "HS256"),
        ("COUNTERSIGN_TOKENS__HS256_SECRET", "a secret of more than thirty-two bytes"),
    ];
    let none = export(&shared, &["--pem"]);
    assert_eq!(none.code, 64);
    assert!(none.err.contains("HS256 has no public key") && none.out.is_empty(), "{}", none.err);
}

#[test]
fn an_unsigned_token_is_not_valid() {
    let encode = |text: &str| base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, text);
    let payload = encode(r#"{"iss":"http://localhost:8000","sub":"42","exp":4102444800}"#);
    for header in [r#"{"alg":"none"}"#, r#"{"alg":"NONE","typ":"at+jwt"}"#, r#"{"alg":"none","typ":"challenge+jwt"}"#] {
        let token = format!("{}.{payload}.", encode(header));
        let ran = in_empty(&["inspect", &token]);
        assert_eq!(ran.code, 1, "{header}: {}", ran.out);
        assert!(ran.out.contains("forged: it is not signed"), "{}", ran.out);
    }
}

#[test]
fn check_shows_every_fault_at_once_and_nothing_else() {
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("bad.toml"), "[server]\nlisten = 1\ncolour = 2\n[guard]\nkind = \"journal\"\n").unwrap();
    let mut command = countersign(directory.path(), &["check", "--config", "bad.toml"]);
    command.env("COUNTERSIGN_TOKENS__LEEWAY", "-1").env("COUNTERSIGN_GUARD__KIN", "x");
    let ran = run(&mut command);
    assert_eq!((ran.code, &*ran.out), (64, ""));
    let lines: Vec<&str> = ran.err.lines().collect();
    assert_eq!(
        lines,
        [
            "countersign: server.listen: must be a text, not a whole number (bad.toml:2)",
            "countersign: server.colour: no such key (bad.toml:3)",
            "countersign: tokens.leeway: must be 0 to 3600, not -1 (COUNTERSIGN_TOKENS__LEEWAY)",
            "countersign: guard.path: is required with kind = \"journal\"",
            "countersign: guard.kin: no such key; did you mean guard.kind? (COUNTERSIGN_GUARD__KIN)",
        ]
    );
}

#[test]
fn faults_name_the_file_that_they_are_about() {
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("users.json"), r#"[{"id":1}]"#).unwrap();
    fs::create_dir(directory.path().join("templates")).unwrap();
    fs::write(directory.path().join("templates/sms.txt"), "{{ code").unwrap();
    fs::write(directory.path().join("unquoted.toml"), "[server]\nlisten = 127.0.0.1:8000\n").unwrap();
    for (variables, says) in [
        (&[("DIRECTORY__KIND", "file"), ("DIRECTORY__PATH", "/no/such.json")][..], "directory.path: can't read /no/such.json"),
        (&[("DIRECTORY__KIND", "file"), ("DIRECTORY__PATH", "users.json")], "directory.path: users.json"),
        (&[("EMAIL__TEMPLATES", "/no/such")], "email.templates: /no/such: "),
        (&[("EMAIL__TEMPLATES", "templates")], "email.templates: templates/sms.txt: "),
        (&[("KEYRING__SECRETS_FILE", "/no/such")], "keyring.secrets_file: can't read /no/such"),
        (&[("TOKENS__PRIVATE_KEY_FILE", "users.json")], "tokens.private_key_file: users.json: "),
    ] {
        let variables = variables.iter().map(|(name, value)| (format!("COUNTERSIGN_{name}"), value));
        let ran = run(countersign(directory.path(), &["check"]).envs(variables));
        assert_eq!(ran.code, 64, "{says}: {}", ran.err);
        assert!(ran.err.contains(says), "{says}: {}", ran.err);
    }
    let ran = run(&mut countersign(directory.path(), &["check", "--config", "unquoted.toml"]));
    assert_eq!(ran.err, "countersign: listen has a text without quotes: write listen = \"127.0.0.1:8000\" (unquoted.toml:2)\n");
    assert_eq!(ran.code, 64);
}

#[test]
fn which_file_is_read() {
    let directory = TempDir::new().unwrap();
    let write = |name: &str, site: &str| {
        fs::write(directory.path().join(name), format!("[passwordless]\nsite_name = \"{site}\"\n")).unwrap();
    };
    let site = |command: &mut Command| {
        let ran = run(command);
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.out
            .lines()
            .find_map(|line| line.strip_prefix("site_name = "))
            .map(|value| value.split('"').nth(1).unwrap().to_owned())
            .unwrap()
    };
    assert_eq!(site(&mut countersign(directory.path(), &["check"])), "example.com");
    write("countersign.toml", "here");
    write("variable.toml", "variable");
    write("argument.toml", "argument");
    assert_eq!(site(&mut countersign(directory.path(), &["check"])), "here");
    assert_eq!(site(countersign(directory.path(), &["check"]).env("COUNTERSIGN_CONFIG", "variable.toml")), "variable");
    let named = ["check", "--config", "argument.toml"];
    assert_eq!(site(countersign(directory.path(), &named).env("COUNTERSIGN_CONFIG", "variable.toml")), "argument");
    assert_eq!(
        site(countersign(directory.path(), &named).env("COUNTERSIGN_PASSWORDLESS__SITE_NAME", "environment")),
        "environment"
    );
    let missing = run(&mut countersign(directory.path(), &["check", "--config", "missing.toml"]));
    assert_eq!(missing.code, 64);
    assert!(missing.err.contains("can't read missing.toml"), "{}", missing.err);
    let missing = run(countersign(directory.path(), &["check"]).env("COUNTERSIGN_CONFIG", "missing.toml"));
    assert_eq!(missing.code, 64);
}

#[test]
fn check_warns_on_stderr() {
    let ran = in_empty(&["check"]);
    assert_eq!(ran.code, 0);
    assert!(ran.err.contains("warning: keyring.secrets: none is configured"), "{}", ran.err);
    assert!(!ran.out.contains("warning"));
}

#[test]
fn bound_says_the_probability_first_and_no_above_the_target() {
    let ran = in_empty(&["bound"]);
    let probability: f64 = ran.out.lines().next().unwrap().parse().unwrap();
    assert_eq!(ran.code, 0);
    assert!(probability > 1e-5 && probability <= 1e-4 && ran.out.lines().count() > 2, "{}", ran.out);

    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("fleet.toml"), "[guard]\nreplicas = 50\n").unwrap();
    let ran = run(&mut countersign(directory.path(), &["bound", "--config", "fleet.toml", "--json"]));
    let json: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(json["probability"].as_f64().unwrap() > 1e-4 && json["comparisons"].is_u64(), "{json}");
    for command in ["serve", "check"] {
        let ran = run(&mut countersign(directory.path(), &[command, "--config", "fleet.toml"]));
        assert_eq!(ran.code, 64);
        let says = [
            "guard.max_takeover_probability: 1e-4 allows",
            "guard.replicas = 50",
            "restarts_per_day = 1",
            "short_token_length = 7",
        ];
        assert!(says.iter().all(|part| ran.err.contains(part)), "{}", ran.err);
    }
    let ran = run(countersign(directory.path(), &["bound"]).env("COUNTERSIGN_GUARD__KIND", "flash"));
    assert_eq!(ran.code, 64);
}

/// Whoever compares the first line with the target by a script comes to the answer that the exit code gives.
#[test]
fn bound_prints_more_than_the_target_where_it_says_no() {
    let directory = TempDir::new().unwrap();
    let mut refused = 0;
    for replicas in [2, 5, 10, 20, 50, 1_000] {
        for length in [4, 5, 6] {
            let target = 1e-4;
            let variables = [
                ("COUNTERSIGN_GUARD__REPLICAS", replicas.to_string()),
                ("COUNTERSIGN_PASSWORDLESS__SHORT_TOKEN_LENGTH", length.to_string()),
            ];
            let ran = run(countersign(directory.path(), &["bound"]).envs(variables));
            let printed: f64 = ran.out.lines().next().unwrap().parse().unwrap();
            match ran.code {
                0 => assert!(printed <= target, "{replicas} {length}: {printed}"),
                1 => {
                    refused += 1;
                    assert!(printed > target, "{replicas} {length}: {printed}");
                }
                code => panic!("{code}: {}", ran.err),
            }
        }
    }
    assert!(refused > 3, "{refused}");
}

#[test]
fn bound_and_check_warn_of_a_fleet_that_says_too_few_nodes() {
    let directory = TempDir::new().unwrap();
    let secret = in_empty(&["secret"]).out;
    let fleet = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = countersign(directory.path(), arguments);
        command.env("COUNTERSIGN_KEYRING__SECRETS", secret.trim()).envs(variables.iter().copied());
        run(&mut command)
    };
    let peers = [("COUNTERSIGN_GUARD__NODE", "a"), ("COUNTERSIGN_GUARD__PEER_URL", "http://{node}:8000")];
    for arguments in [&["check"][..], &["bound"], &["bound", "--json"]] {
        let ran = fleet(arguments, &peers);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(ran.err.contains("warning: guard.replicas: is 1, but with peer_url"), "{arguments:?}: {}", ran.err);
    }
    let three = [&peers[..], &[("COUNTERSIGN_GUARD__REPLICAS", "3")]].concat();
    let ran = fleet(&["bound", "--json"], &three);
    let json: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, &*ran.err, &json["nodes"]), (0, "", &serde_json::json!(3)));
    assert_eq!(json["messages"]["sms_per_hour"], serde_json::json!({"configured": 4000, "fleet": 12_000}));
    let homes = [&peers[..], &[("COUNTERSIGN_GUARD__NODES", "a,b,c")]].concat();
    let ran = fleet(&["bound"], &homes);
    assert!(ran.out.contains("SMS 4000, to one prefix 1400") && ran.out.contains("2 × guard.restarts_per_day"), "{}", ran.out);

    let ran = run(countersign(directory.path(), &["serve"]).envs(peers));
    assert_eq!((ran.code, ran.err.lines().count()), (64, 1), "{}", ran.err);
    assert!(ran.err.contains("keyring.secrets: is required with guard.peer_url"), "{}", ran.err);
}

#[test]
fn what_is_no_token_is_65() {
    let ran = in_empty(&["inspect", "123456"]);
    assert_eq!((ran.code, &*ran.out), (65, ""));
    assert!(!ran.err.contains("123456"));
    let directory = TempDir::new().unwrap();
    let mut child =
        countersign(directory.path(), &["inspect", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"\xff\xfe").unwrap();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(64), "not UTF-8");
}
