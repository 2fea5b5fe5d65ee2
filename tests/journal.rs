//! The guard in a file, through the real binary: what survives `kill -9`, and what keeps it from starting.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    sync::{
        Barrier,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{self, Connection, Server, command, wait_for};

const EMAIL: &str = "ann@example.com";
const CLIENTS: usize = 64;

/// A server whose journal stands in a folder that outlives it.
fn start(journals: &TempDir, more: &[(&str, &str)]) -> Server {
    let path = journal(journals);
    let base = [
        ("guard.kind", "journal"),
        ("guard.path", path.to_str().unwrap()),
        ("guard.node", "n1"),
        ("passwordless.token_request_throttle_seconds", "0"),
    ];
    Server::start(&[&base, more].concat())
}

fn journal(journals: &TempDir) -> std::path::PathBuf {
    journals.path().join("guard.journal")
}

/// The exit code of a server that doesn't start, and what it says.
fn refused(journal: &Path, node: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("guard.kind", "journal"), ("guard.path", journal.to_str().unwrap()), ("guard.node", node)];
    let output = command(folder.path(), &settings).stdin(Stdio::null()).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

fn exchange(server: &Server, envelope: &str, code: &str) -> Value {
    exchange_of(server, EMAIL, envelope, code)
}

fn exchange_of(server: &Server, email: &str, envelope: &str, code: &str) -> Value {
    let body = json!({"email": email, "token": code, "challenge": envelope});
    let answer = server.post("exchange/email/", &body);
    if answer.status == 200 { json!("signed in") } else { answer.json()["code"].clone() }
}

fn guard_of(server: &Server) -> String {
    let answer = server.post("request/email/", &json!({"email": "guard@example.com"}));
    answer.header("countersign-guard").unwrap().to_owned()
}

#[test]
fn kill_9_brings_nothing_back_and_retires_nothing() {
    let journals = tempfile::tempdir().unwrap();
    let server = start(&journals, &[]);
    let id = guard_of(&server);
    let (spent, spent_code) = server.challenge(EMAIL);
    let (tried, tried_code) = server.challenge(EMAIL);
    let (fresh, fresh_code) = server.challenge(EMAIL);
    assert_eq!(exchange(&server, &spent, &spent_code), "signed in");
    let wrong = if tried_code.starts_with('0') { "100000" } else { "000000" };
    (0..5).for_each(|_| assert_eq!(exchange(&server, &tried, wrong), "invalid_credentials"));
    // Its end is a SIGKILL.
    drop(server);

    let server = start(&journals, &[]);
    assert_eq!(guard_of(&server), id);
    assert_eq!(exchange(&server, &spent, &spent_code), "challenge_spent");
    assert_eq!(exchange(&server, &tried, &tried_code), "attempts_exhausted");
    assert_eq!(exchange(&server, &fresh, &fresh_code), "signed in");
    server.signal("TERM");
    let (status, log) = server.wait();
    assert!(status.success(), "{log}");

    let server = start(&journals, &[]);
    assert_eq!(guard_of(&server), id);
    assert_eq!(exchange(&server, &fresh, &fresh_code), "challenge_spent");
    assert!(server.get_admin("/metrics").body.windows(13).any(|text| text == b"guard_entries"));
}

#[test]
fn sixty_four_redemptions_over_a_kill_9_sign_in_at_most_once() {
    let journals = tempfile::tempdir().unwrap();
    // Killed before the first answer, after the last one, and in between.
    for answers in (0..=CLIENTS).step_by(8) {
        let server = start(&journals, &[]);
        let (envelope, code) = server.challenge(EMAIL);
        let before = redeem_at_once(server, &envelope, &code, answers);
        let after = redeem_at_once(start(&journals, &[]), &envelope, &code, CLIENTS);
        assert!(before + after <= 1, "killed after {answers}: {before} signed in before and {after} after");
        assert!(answers < CLIENTS || before == 1, "killed after the last answer");
        assert_eq!(exchange(&start(&journals, &[]), &envelope, &code), "challenge_spent", "killed after {answers}");
    }
}

/// Sends the code in 64 requests at the same moment and kills the server when that many were answered. How many signed in.
fn redeem_at_once(server: Server, envelope: &str, code: &str, answers: usize) -> usize {
    let body = json!({"email": EMAIL, "token": code, "challenge": envelope}).to_string();
    let headers = [("content-type", "application/json")];
    let mut request = harness::head("POST", "/passwordless/exchange/email/", &headers, body.len());
    request.extend_from_slice(body.as_bytes());
    let (barrier, answered) = (Barrier::new(CLIENTS + 1), AtomicUsize::new(0));
    let connections: Vec<Connection> = (0..CLIENTS).map(|_| server.connect()).collect();
    thread::scope(|scope| {
        let clients: Vec<_> = connections
            .into_iter()
            .map(|mut connection| {
                let (request, barrier, answered) = (&request, &barrier, &answered);
                scope.spawn(move || {
                    barrier.wait();
                    let answer = connection.try_send(request).and_then(|()| connection.try_receive("POST"));
                    answered.fetch_add(usize::from(answer.is_ok()), Ordering::Relaxed);
                    answer.is_ok_and(|answer| answer.status == 200)
                })
            })
            .collect();
        barrier.wait();
        harness::wait_for(|| (answered.load(Ordering::Relaxed) >= answers).then_some(()));
        drop(server);
        clients.into_iter().map(|client| usize::from(client.join().unwrap())).sum()
    })
}

#[test]
fn a_file_that_may_not_grow_is_a_full_disk_and_not_the_end() {
    let journals = tempfile::tempdir().unwrap();
    let path = journal(&journals);
    let settings = [
        ("guard.kind", "journal"),
        ("guard.path", path.to_str().unwrap()),
        ("passwordless.token_request_throttle_seconds", "0"),
        ("passwordless.max_attempts", "40"),
    ];
    let folder = tempfile::tempdir().unwrap();
    let plain = command(folder.path(), &settings);
    let mut limited = Command::new("sh");
    // 8 or 16 KiB, by the shell: room for a few hundred records.
    limited.args(["-c", "ulimit -S -f 16; exec \"$0\" \"$@\""]).arg(plain.get_program()).args(plain.get_args());
    limited.current_dir(folder.path()).stdin(Stdio::null());
    limited.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let server = Server::run(folder, limited);
    let spent = server.challenge(EMAIL);
    assert_eq!(exchange(&server, &spent.0, &spent.1), "signed in");
    let tried = server.challenge(EMAIL);
    (0..40).for_each(|_| assert_eq!(exchange(&server, &tried.0, &wrong(&tried.1)), "invalid_credentials"));
    let open = server.challenge(EMAIL);
    let is_full = (0..12).any(|number| {
        let email = format!("user{number}@example.com");
        let (envelope, code) = server.challenge(&email);
        (0..40).any(|_| exchange_of(&server, &email, &envelope, &wrong(&code)) == "unavailable")
    });
    assert!(is_full, "there was room for all");
    assert_eq!(exchange(&server, &open.0, &open.1), "unavailable", "nothing is let through");
    assert_eq!(exchange(&server, &spent.0, &spent.1), "challenge_spent");
    assert_eq!(server.get_admin("/healthz").status, 200);
    assert_eq!(server.get_admin("/readyz").status, 503);
    wait_for(|| server.log().contains("the journal takes no more, so every attempt is refused").then_some(()));
    let said = server.log().matches("the journal takes no more").count();
    assert_eq!(said, 1, "not for each attempt");

    // There is room again: who asks whether the node is ready finds that out, though no attempt comes.
    let pid = server.pid().to_string();
    let raised = Command::new("prlimit").args(["--pid", &pid, "--fsize=unlimited:"]).status();
    assert!(raised.expect("util-linux is there").success());
    assert_eq!(server.get_admin("/readyz").status, 200);
    let again = server.challenge("bob@example.com");
    assert_eq!(exchange_of(&server, "bob@example.com", &again.0, &again.1), "signed in");
    drop(server);

    let server = Server::start(&settings);
    assert_eq!(server.get_admin("/readyz").status, 200);
    assert_eq!(exchange(&server, &spent.0, &spent.1), "challenge_spent");
    assert_eq!(exchange(&server, &tried.0, &tried.1), "attempts_exhausted");
}

/// A code that isn't this one.
fn wrong(code: &str) -> String {
    let first = if code.starts_with('0') { '1' } else { '0' };
    format!("{first}{}", &code[1..])
}

#[test]
fn without_a_name_the_file_keeps_the_one_that_it_was_given() {
    let journals = tempfile::tempdir().unwrap();
    let path = journal(&journals);
    let unnamed = [("guard.kind", "journal"), ("guard.path", path.to_str().unwrap())];
    let id = guard_of(&Server::start(&unnamed));
    let (node, _) = id.rsplit_once('.').unwrap();
    assert_eq!(guard_of(&Server::start(&unnamed)), id);
    assert_eq!(guard_of(&Server::start(&[&unnamed[..], &[("guard.node", node)]].concat())), id);
    let (code_of, said) = refused(&path, "n1");
    assert_eq!(code_of, Some(64), "{said}");
    assert!(said.contains("guard.node") && said.contains(node), "{said}");
}

#[test]
fn what_keeps_a_journal_from_being_used() {
    let journals = tempfile::tempdir().unwrap();
    let path = journal(&journals);
    let server = start(&journals, &[]);
    let (envelope, code) = server.challenge(EMAIL);
    let (second, second_code) = server.challenge(EMAIL);
    assert_eq!(exchange(&server, &envelope, &code), "signed in");
    assert_eq!(exchange(&server, &second, &second_code), "signed in");

    let (code_of, said) = refused(&path, "n1");
    assert_eq!(code_of, Some(69), "{said}");
    assert!(said.contains("guard.path") && said.contains("another process"), "{said}");
    drop(server);

    let (code_of, said) = refused(&path, "n2");
    assert_eq!(code_of, Some(64), "{said}");
    assert!(said.contains("guard.node") && said.contains("n1"), "{said}");

    let whole = fs::read(&path).unwrap();
    for at in [20, whole.len() / 2, whole.len() - 50] {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        fs::write(&path, damaged).unwrap();
        let (code_of, said) = refused(&path, "n1");
        assert_eq!(code_of, Some(69), "{at}: {said}");
        assert!(said.contains("damaged at byte"), "{said}");
    }

    // A torn end is none: the record before it counts.
    fs::write(&path, &whole[..whole.len() - 7]).unwrap();
    let server = start(&journals, &[]);
    assert_eq!(exchange(&server, &envelope, &code), "challenge_spent");
    drop(server);

    fs::remove_file(&path).unwrap();
    let server = start(&journals, &[]);
    assert_eq!(exchange(&server, &envelope, &code), "misdirected");
    drop(server);

    let (code_of, said) = refused(&journals.path().join("missing/guard.journal"), "n1");
    assert_eq!(code_of, Some(69), "{said}");
}
