//! Starting: what is refused before anything is bound, and what is there once an address is announced.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    process::{Command, Stdio},
};

use crate::harness::{self, Server, command};

/// The exit code and what stands on stderr.
fn end_of(mut command: Command) -> (Option<i32>, String) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.stdout.is_empty(), "{output:?}");
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_faulty_configuration_is_64_before_anything_is_bound() {
    // The port is taken: whoever tried to bind it would say 69.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("users.json"), "{}").unwrap();
    fs::create_dir(folder.path().join("templates")).unwrap();
    fs::write(folder.path().join("templates/email.txt"), "{{ code").unwrap();
    fs::write(folder.path().join("key.pem"), "nothing").unwrap();
    for (settings, key) in [
        (&[("server.base_path", "nowhere")][..], "server.base_path"),
        (&[("directory.kind", "file"), ("directory.path", "users.json")], "directory.path"),
        (&[("directory.kind", "file"), ("directory.path", "missing.json")], "directory.path"),
        (&[("email.templates", "templates")], "email.templates"),
        (&[("email.templates", "missing")], "email.templates"),
        (&[("tokens.private_key_file", "key.pem")], "tokens.private_key_file"),
        (&[("guard.replicas", "50")], "guard.max_takeover_probability"),
        (&[("external_2fa.provider", "telnyx")], "external_2fa.api_key"),
        (&[("server.colour", "red")], "server.colour"),
        (&[("email.path", "users.json")], "email.path"),
        (&[("sms.path", "users.json/x")], "sms.path"),
    ] {
        let mut settings = settings.to_vec();
        settings.push(("server.listen", &listen));
        let (code, said) = end_of(command(folder.path(), &settings));
        assert_eq!(code, Some(64), "{key}: {said}");
        assert!(said.lines().any(|line| line.starts_with(&format!("countersign: {key}: "))), "{key}: {said}");
        assert!(!said.contains("listening"), "{said}");
    }
}

#[test]
fn what_is_taken_is_69_and_says_what() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    for key in ["server.listen", "server.admin_listen"] {
        let (code, said) = end_of(command(folder.path(), &[(key, &address)]));
        assert_eq!(code, Some(69), "{said}");
        assert!(said.contains(key) && said.contains(&address), "{said}");
    }
    let (code, said) = end_of(command(folder.path(), &[("server.listen", "unix:missing/x.sock")]));
    assert_eq!(code, Some(69), "{said}");
    let (code, said) = end_of(command(folder.path(), &[("server.listen", "203.0.113.1:80")]));
    assert_eq!(code, Some(69), "an address of another machine: {said}");
}

#[test]
fn what_it_announces_is_there() {
    for _ in 0..5 {
        let server = Server::start(&[]);
        assert_eq!(server.get_admin("/readyz").status, 200);
        assert_eq!(server.get("/").status, 200);
    }
}

#[test]
fn without_a_public_url_the_page_is_found_at_the_port_and_the_issuer_is_the_default() {
    let port = harness::free_port();
    let listen = format!("127.0.0.1:{port}");
    let server = Server::start(&[("server.listen", &listen)]);
    let log = harness::wait_for(|| Some(server.log()).filter(|log| log.contains("login page at")));
    assert!(log.contains(&format!("login page at http://localhost:{port}/")), "{log}");
    assert_eq!(server.get("/.well-known/openid-configuration").json()["issuer"], "http://localhost:8000");
    let own = [("origin", &*format!("http://127.0.0.1:{port}"))];
    let answer = server.post_with("request/email/", &own, &serde_json::json!({"email": "a@example.com"}));
    assert_eq!(answer.cookies().len(), 2, "a page of its own: {answer:?}");
}

#[test]
fn a_file_alone_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("login.toml");
    let init = command(folder.path(), &[]).args(["init", "login.toml"]).output().unwrap();
    assert!(init.status.success(), "{init:?}");
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let text = text
        .replace("#listen = \"127.0.0.1:8000\"", "listen = \"127.0.0.1:0\"")
        .replace("#admin_listen = \"127.0.0.1:8001\"", "admin_listen = \"127.0.0.1:0\"")
        .replace("#transport = \"console\"", "transport = \"discard\"")
        .replace("#site_name = \"example.com\"", "site_name = \"Ann's\"");
    fs::write(&path, text).unwrap();

    let mut child = Command::new(env!("CARGO_BIN_EXE_countersign"))
        .current_dir(folder.path())
        .env_clear()
        .args(["serve", "--config", "login.toml"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
    let listening =
        lines.find_map(|line| line.unwrap().split_once("listening on http://").map(|(_, rest)| rest.to_owned())).unwrap();
    let page = harness::Connection::to(&listening).request("GET", "/", &[], b"");
    assert!(String::from_utf8(page.body).unwrap().contains("Ann"), "the page shows the site's name");
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn warnings_come_before_the_address() {
    let server = Server::start(&[("guard.max_takeover_probability", "1"), ("sms.account_sid", "AC")]);
    let log = server.log();
    let place = |text: &str| log.find(text).unwrap_or_else(|| panic!("{text} is missing: {log}"));
    let listening = place("listening on");
    assert!(place("warning: guard.max_takeover_probability: is 1: NO BOUND ON GUESSES") < listening);
    assert!(place("warning: sms.account_sid: is not used") < listening);
}

#[test]
fn a_slow_client_does_not_keep_it_from_ending() {
    let server = Server::start(&[("server.request_timeout_seconds", "1")]);
    let mut slow = server.connect();
    let head =
        "POST /passwordless/request/email/ HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 1000\r\n\r\n";
    slow.send(head.as_bytes());
    assert_eq!(slow.receive("POST").status, 100, "the head has arrived");
    slow.send(b"{");
    server.signal("TERM");
    assert_eq!(slow.receive("POST").status, 408);
    drop(slow);
    let (status, log) = server.wait();
    assert_eq!(status.code(), Some(0), "{log}");
}

/// Starts the binary with this as its stderr; the address of its listener is known beforehand.
fn start_with_stderr(stderr: Stdio) -> (std::process::Child, String, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let (address, admin) = (format!("127.0.0.1:{}", harness::free_port()), format!("127.0.0.1:{}", harness::free_port()));
    let mut command = command(folder.path(), &[("server.listen", &address), ("server.admin_listen", &admin)]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr).spawn().unwrap();
    harness::wait_for(|| harness::Connection::try_to(&address).ok());
    harness::wait_for(|| harness::Connection::try_to(&admin).ok());
    (child, admin, folder)
}

fn lost_lines(admin: &str) -> u64 {
    let answer = harness::Connection::to(admin).request("GET", "/metrics", &[], b"");
    let text = String::from_utf8(answer.body).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("countersign_log_lines_lost_total "));
    line.unwrap_or_else(|| panic!("{text}")).parse().unwrap()
}

fn end(mut child: std::process::Child) {
    let status = Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(status.success());
    let status = harness::wait_for(|| child.try_wait().unwrap());
    assert_eq!(status.code(), Some(0), "{status}");
}

#[test]
fn a_log_whose_reader_went_away_loses_lines_and_nothing_else() {
    let (reader, writer) = std::io::pipe().unwrap();
    let (child, admin, _folder) = start_with_stderr(writer.into());
    drop(reader);
    harness::wait_for(|| {
        // Each is a line of the log.
        assert!(Command::new("kill").arg("-HUP").arg(child.id().to_string()).status().unwrap().success());
        (lost_lines(&admin) > 3).then_some(())
    });
    end(child);
}

#[test]
fn a_log_on_a_full_device_loses_lines_and_nothing_else() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let (child, admin, _folder) = start_with_stderr(full.into());
    assert!(lost_lines(&admin) > 0, "what was said at the start");
    end(child);
}

#[test]
fn a_log_that_nobody_reads_loses_lines_and_nothing_else() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    // As much as a pipe holds (pipe(7)): the first line of the log blocks.
    std::io::Write::write_all(&mut writer, &vec![b'x'; 65_536]).unwrap();
    let (child, admin, _folder) = start_with_stderr(writer.into());
    assert_eq!(lost_lines(&admin), 0, "they wait, until there are too many");
    end(child);
    drop(reader);
}

#[test]
fn faults_are_no_abort_where_nobody_reads_them() {
    for settings in [&[("server.colour", "red")][..], &[("server.listen", "203.0.113.1:80")]] {
        let folder = tempfile::tempdir().unwrap();
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = command(folder.path(), settings);
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(full).status().unwrap();
        assert!(matches!(status.code(), Some(64 | 69)), "{status}");
    }
}

#[test]
fn sighup_reads_the_brand_again_and_a_bad_file_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let picture = |inside: &str| format!("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 9 9\">{inside}</svg>");
    fs::write(folder.path().join("site.css"), "main { color: red }").unwrap();
    fs::write(folder.path().join("logo.svg"), picture("<circle r=\"1\"/>")).unwrap();
    fs::write(folder.path().join("countersign.toml"), "[pages]\nname = \"Before\"\n").unwrap();
    let server = Server::start_in(folder, &[("pages.stylesheet", "site.css"), ("pages.logo", "logo.svg")]);
    let write = |name: &str, text: &str| fs::write(server.folder().join(name), text).unwrap();
    let text = |path: &str| String::from_utf8(server.get(path).body).unwrap();
    let served = |name: &str| text(&format!("/passwordless/assets/{name}"));
    assert_eq!((served("site.css").as_str(), text("/").contains("Before")), ("main { color: red }", true));

    write("site.css", "main { color: blue }");
    write("logo.svg", &picture("<circle r=\"2\"/>"));
    write("countersign.toml", "[pages]\nname = \"After\"\naccent = \"#5b21b6\"\n");
    server.signal("HUP");
    harness::wait_for(|| (served("site.css") == "main { color: blue }").then_some(()));
    assert!(served("logo.svg").contains("r=\"2\"") && served("accent.css").contains("#5b21b6"));
    let page = text("/");
    assert!(page.contains("After") && page.contains("accent.css") && !page.contains("Before"), "{page}");
    assert!(!server.log().contains("read at the start only"), "{}", server.log());

    write("site.css", "main { color: green }");
    write("logo.svg", &picture("<script>alert(1)</script>"));
    server.signal("HUP");
    harness::wait_for(|| server.log().contains("everything stays as it is").then_some(()));
    assert!(server.log().contains("logo.svg"), "the fault names the file: {}", server.log());
    assert!(served("site.css").contains("blue") && served("logo.svg").contains("r=\"2\""));
}

#[test]
fn sighup_reads_templates_and_users_again_and_never_ends_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("templates")).unwrap();
    fs::write(path("templates/email.txt"), "first\n{{ code }}\n").unwrap();
    fs::write(path("users.json"), r#"[{"id":"1","email":"ann@example.com","is_active":true}]"#).unwrap();
    let templates = path("templates");
    let server = Server::start_in(
        folder,
        &[("email.templates", "templates"), ("directory.kind", "file"), ("directory.path", "users.json")],
    );
    let said = |what: &str| harness::wait_for(|| server.log().contains(what).then_some(()));
    server.challenge("ann@example.com");
    assert!(server.mails_to("ann@example.com")[0].contains("first"));

    fs::write(templates.join("email.txt"), "second\n{{ code }}\n").unwrap();
    let users =
        r#"[{"id":"1","email":"ann@example.com","is_active":true},{"id":"2","email":"bob@example.com","is_active":true}]"#;
    fs::write(server.folder().join("users.json"), users).unwrap();
    server.signal("HUP");
    said("SIGHUP: templates, the directory's file and how the pages look are read again");
    server.challenge("bob@example.com");
    assert!(server.wait_for_mail("bob@example.com", 0).contains("second"));

    fs::write(templates.join("email.txt"), "third {{ code").unwrap();
    server.signal("HUP");
    said("the configuration has a fault, so everything stays as it is");
    assert!(server.log().contains("templates/email.txt"), "the fault names the file: {}", server.log());
    for _ in 0..5 {
        server.signal("HUP");
    }
    assert_eq!(server.get("/").status, 200);
    server.signal("TERM");
    // And while it ends.
    let _ = Command::new("kill").arg("-HUP").arg(server.pid().to_string()).status();
    assert_eq!(server.wait().0.code(), Some(0));
}
