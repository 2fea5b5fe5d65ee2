//! `countersign health` against a running server: what a probe sees of it.

use std::{
    net::TcpListener,
    path::Path,
    process::{Command, Output, Stdio},
};

use crate::harness::{Server, wait_for};

/// Its exit code, and the line that it says, on stdout or stderr.
fn health(folder: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.current_dir(folder).env_clear().envs(variables.iter().copied()).arg("health").args(arguments).stdin(Stdio::null());
    let Output { status, stdout, stderr } = command.output().expect("it starts");
    let said = String::from_utf8([stdout, stderr].concat()).expect("UTF-8");
    assert_eq!((said.lines().count(), said.ends_with('\n')), (1, true), "one line: {said}");
    (status.code().expect("it ends by itself"), said.trim_end().to_owned())
}

#[test]
fn a_probe_tells_life_from_readiness() {
    let server = Server::start(&[("server.drain_seconds", "60")]);
    let ask = |arguments: &[&str]| health(server.folder(), &[], &[&["--admin", &server.admin], arguments].concat());
    let ready = (0, "ready".to_owned());
    assert_eq!((ask(&[]), ask(&["--ready"]), ask(&["--live"])), (ready.clone(), ready, (0, "ok".into())));
    // It is about to end: it lives, and should be sent nothing new.
    server.signal("TERM");
    wait_for(|| (server.get_admin("/readyz").status == 503).then_some(()));
    let (code, said) = ask(&["--ready"]);
    assert!(code == 1 && said.starts_with("not ready (503)"), "{code} {said}");
    assert_eq!(ask(&["--live"]), (0, "ok".into()));
}

#[test]
fn the_configuration_says_where_to_ask_and_its_other_faults_say_nothing() {
    let server = Server::start(&[]);
    let admin = [("COUNTERSIGN_SERVER__ADMIN_LISTEN", &*server.admin)];
    assert_eq!(health(server.folder(), &admin, &[]), (0, "ready".into()));
    let beside = [admin[0], ("COUNTERSIGN_PASSWORDLESS__MAX_ATTEMPTS", "none"), ("COUNTERSIGN_NO__SECTION", "x")];
    assert_eq!(health(server.folder(), &beside, &[]), (0, "ready".into()), "the process that runs is well");
    let file = server.folder().join("countersign.toml");
    let of_file = |text: &str| {
        std::fs::write(&file, text).unwrap();
        health(server.folder(), &[], &["--live"])
    };
    assert_eq!(of_file(&format!("[server]\nadmin_listen = \"{}\"\nlisten = 7", server.admin)), (0, "ok".into()));
    for (text, says) in [
        ("[server]\nadmin_listen = 8001", "server.admin_listen: must be a text"),
        ("[server]\nadmin_listen = \"localhost\"", "server.admin_listen: \"localhost\" is no address"),
        ("[server]\nadmin_listen = ", "no TOML"),
        ("[server]\nadmin_listen = \"127.0.0.1:0\"", "say --admin ADDRESS"),
    ] {
        let (code, said) = of_file(text);
        assert!(code == 64 && said.contains(says), "{text}: {code} {said}");
    }
}

#[test]
fn a_socket_is_asked_too_and_nobody_is_no_sign_of_life() {
    let folder = tempfile::tempdir().unwrap();
    let socket = format!("unix:{}", folder.path().join("admin.sock").display());
    let mut server = Server::start(&[("server.admin_listen", &socket)]);
    assert_eq!(health(folder.path(), &[], &["--admin", &socket]), (0, "ready".into()));
    server.kill();
    let (code, said) = health(folder.path(), &[], &["--admin", &socket]);
    assert!(code == 69 && said.contains(&socket), "{code} {said}");
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let (code, said) = health(folder.path(), &[], &["--live", "--admin", &port]);
    assert!(code == 69 && said.contains(&port), "{code} {said}");
}

#[test]
fn the_public_listener_is_not_taken_for_the_admin_one() {
    let server = Server::start(&[]);
    let (code, said) = health(server.folder(), &[], &["--admin", &server.address]);
    assert!(code == 69 && said.contains("no admin listener of countersign"), "{code} {said}");
}

#[test]
fn who_accepts_and_says_nothing_is_left_after_the_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (code, said) = health(Path::new("/"), &[], &["--admin", &address, "--timeout", "1"]);
    assert!(code == 69 && said.ends_with("gives no answer within 1 s"), "{code} {said}");
}
