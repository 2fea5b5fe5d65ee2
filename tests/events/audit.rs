//! The audit log: the same events as lines, whatever becomes of the disk.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use super::{log_in, of_challenge, receiver::Receiver, told_of};
use crate::harness::{Server, command, wait_for};

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What the server counts of its audit log.
fn counted(server: &Server, outcome: &str) -> u64 {
    let page = String::from_utf8(server.get_admin("/metrics").body).unwrap();
    let start = format!("countersign_events_total{{sink=\"audit\",outcome=\"{outcome}\"}} ");
    page.lines().find_map(|line| line.strip_prefix(&start)).unwrap().parse().unwrap()
}

#[test]
fn the_audit_log_has_what_a_receiver_gets_and_the_ordinary_log_nobody() {
    let receiver = Receiver::start(|_| 200);
    let server = Server::start(&[&receiver.settings()[..], &[("events.audit", "audit.log")]].concat());
    let id = log_in(&server, "ann.secret@example.com");
    let path = server.folder().join("audit.log");
    wait_for(|| (lines(&path).len() == 4 && receiver.events().len() == 4).then_some(()));
    assert_eq!(of_challenge(&lines(&path), &id), told_of("ann.secret@example.com"));
    for line in lines(&path) {
        assert_eq!(receiver.taken()[line["data"]["id"].as_str().unwrap()].0, line);
    }
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    server.signal("TERM");
    let (_, log) = server.wait();
    for secret in ["ann.secret", "check/1", &id] {
        assert!(!log.contains(secret), "{secret} is in the log:\n{log}");
    }
}

#[test]
fn hashed_subjects_name_nobody() {
    let server = Server::start(&[("events.audit", "audit.log"), ("events.audit_subjects", "hashed")]);
    let id = log_in(&server, "ann@example.com");
    let path = server.folder().join("audit.log");
    wait_for(|| (lines(&path).len() == 4).then_some(()));
    assert!(!fs::read_to_string(&path).unwrap().contains("ann@"));
    let subject = lines(&path)[0]["data"]["subject"].as_str().unwrap().to_owned();
    assert_eq!(of_challenge(&lines(&path), &id), told_of(&subject), "the same one each time");
}

#[test]
fn after_logrotate_and_sighup_lines_go_to_a_new_file() {
    let server = Server::start(&[("events.audit", "audit.log")]);
    let (path, moved) = (server.folder().join("audit.log"), server.folder().join("audit.log.1"));
    let first = log_in(&server, "ann@example.com");
    wait_for(|| (lines(&path).len() == 4).then_some(()));
    fs::rename(&path, &moved).unwrap();
    server.signal("HUP");
    wait_for(|| path.exists().then_some(()));
    let second = log_in(&server, "bob@example.com");
    wait_for(|| (lines(&path).len() == 4).then_some(()));
    assert_eq!(of_challenge(&lines(&moved), &first), told_of("ann@example.com"));
    assert_eq!(of_challenge(&lines(&path), &second), told_of("bob@example.com"));

    // A link in its place isn't followed: the old file goes on.
    let precious = server.folder().join("precious");
    fs::write(&precious, "").unwrap();
    fs::remove_file(&moved).unwrap();
    fs::rename(&path, &moved).unwrap();
    symlink(&precious, &path).unwrap();
    server.signal("HUP");
    wait_for(|| server.log().contains("events.audit can't be opened again").then_some(()));
    log_in(&server, "eve@example.com");
    wait_for(|| (lines(&moved).len() == 8).then_some(()));
    assert_eq!(fs::read_to_string(&precious).unwrap(), "");
}

#[test]
fn a_full_disk_loses_lines_which_are_counted_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        ("events.audit", "audit.log"),
        ("email.transport", "discard"),
        ("passwordless.token_request_throttle_seconds", "0"),
        ("passwordless.max_messages_per_hour", "0"),
    ];
    let plain = command(folder.path(), &settings);
    let mut limited = Command::new("sh");
    // 8 or 16 KiB, by the shell: room for some dozens of lines.
    limited.args(["-c", "ulimit -S -f 16; exec \"$0\" \"$@\""]).arg(plain.get_program()).args(plain.get_args());
    limited.current_dir(folder.path()).stdin(Stdio::null());
    limited.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let server = Server::run(folder, limited);
    let request = |number: usize| server.post("request/email/", &json!({"email": format!("{number}@example.com")})).status;
    for number in 0..200 {
        assert_eq!(request(number), 200);
    }
    wait_for(|| (counted(&server, "sent") + counted(&server, "lost") == 200).then_some(()));
    let lost = counted(&server, "lost");
    assert!((1..200).contains(&lost), "{lost}");
    wait_for(|| server.log().contains("events are lost").then_some(()));

    // There is room again: the line that was cut off is one, and what follows is whole.
    let pid = server.pid().to_string();
    let raised = Command::new("prlimit").args(["--pid", &pid, "--fsize=unlimited:"]).status();
    assert!(raised.expect("util-linux is there").success());
    assert_eq!(request(1000), 200);
    wait_for(|| (counted(&server, "sent") + counted(&server, "lost") == 201).then_some(()));
    assert_eq!(counted(&server, "lost"), lost);
    let text = fs::read_to_string(server.folder().join("audit.log")).unwrap();
    let broken = text.lines().filter(|line| serde_json::from_str::<Value>(line).is_err()).count();
    assert!(broken <= 1 && text.lines().last().unwrap().contains("1000@example.com"), "{text}");
}

#[test]
fn a_pipe_that_nobody_reads_holds_up_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        ("events.audit", "stdout"),
        ("email.transport", "discard"),
        ("passwordless.token_request_throttle_seconds", "0"),
        ("passwordless.max_messages_per_hour", "0"),
        ("server.listen", "unix:socket"),
    ];
    let mut command = command(folder.path(), &settings);
    let mut child = command.env("RUST_LOG", "info").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let admin =
        said.by_ref().find_map(|line| line.unwrap().split_once("metrics on http://").map(|(_, at)| at.to_owned())).unwrap();
    let socket = folder.path().join("socket");
    let mut connection = crate::harness::Connection::to(socket.to_str().unwrap());
    // A pipe holds 64 KiB, some 300 lines; after that, 10,000 wait.
    for number in 0..1000 {
        let body = json!({"email": format!("{number}@example.com")}).to_string();
        let headers = [("content-type", "application/json")];
        assert_eq!(connection.request("POST", "/passwordless/request/email/", &headers, body.as_bytes()).status, 200);
    }
    let health = crate::harness::Connection::to(&admin).request("GET", "/healthz", &[], b"").status;
    assert_eq!(health, 200);
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["type"], "challenge.requested");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_file_that_cannot_be_written_is_a_fault_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("folder")).unwrap();
    symlink("elsewhere", folder.path().join("link")).unwrap();
    for (path, why) in [("folder", "no regular file"), ("link", "it is a link"), ("no/such/folder/audit.log", "No such file")] {
        let output = command(folder.path(), &[("events.audit", path)]).arg("serve").output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{said}");
        assert!(said.contains("events.audit: can't be written to") && said.contains(why), "{said}");
    }
}
