//! Sessions whose users a directory knows: how often it is asked, and what its outages cost.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use serde_json::json;

use super::stand_in::{DirectoryServer, response};
use crate::harness::{Server, code_in, head, wait_for};

const ANN: &str = "ann@example.com";
const OK: &str = "200 OK";

fn ann() -> String {
    json!({"user": {"id": "42", "email": ANN, "is_active": true}}).to_string()
}

fn start(directory: &DirectoryServer, recheck: &str) -> Server {
    let base = [("session.enabled", "true"), ("session.recheck_seconds", recheck)];
    Server::start(&[&directory.settings()[..], &base].concat())
}

/// The cookie of a fresh login, as a browser sends it.
fn log_in(server: &Server) -> String {
    let answer = server.post("request/email/", &json!({"email": ANN}));
    let code = code_in(&server.wait_for_mail(ANN, 0));
    let body = json!({"email": ANN, "token": code, "challenge": answer.json()["challenge"], "session": true});
    let signed_in = server.post("exchange/email/", &body);
    assert_eq!(signed_in.status, 200, "{signed_in:?}");
    format!("countersign_session={}", signed_in.cookie("countersign_session").unwrap())
}

fn status(server: &Server, cookie: &str) -> u16 {
    server.connect().request("GET", "/passwordless/session/", &[("cookie", cookie)], b"").status
}

#[test]
fn within_the_time_of_a_recheck_the_directory_is_not_asked_and_parallel_requests_ask_once() {
    // How many requests have to have been sent before the directory answers.
    let (awaited, sent) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (until, so_far) = (Arc::clone(&awaited), Arc::clone(&sent));
    let directory = DirectoryServer::start(move |_| {
        wait_for(|| (so_far.load(Ordering::SeqCst) >= until.load(Ordering::SeqCst)).then_some(()));
        response(OK, &ann())
    });
    let server = start(&directory, "300");
    let cookie = log_in(&server);
    let asked = directory.questions().len();
    (0..5).for_each(|_| assert_eq!(status(&server, &cookie), 200));
    assert_eq!(directory.questions().len(), asked, "what the login found is young enough");

    // A node of the same secret, that has asked nothing yet.
    let another = start(&directory, "300");
    awaited.store(8, Ordering::SeqCst);
    let mut connections: Vec<_> = (0..8).map(|_| another.connect()).collect();
    for connection in &mut connections {
        connection.send(&head("GET", "/passwordless/session/", &[("cookie", &cookie)], 0));
        sent.fetch_add(1, Ordering::SeqCst);
    }
    for mut connection in connections {
        assert_eq!(connection.receive("GET").status, 200);
    }
    assert_eq!(directory.questions().len(), asked + 1);
}

#[test]
fn an_outage_of_the_directory_is_503_and_signs_nobody_out() {
    let is_down = Arc::new(AtomicBool::new(false));
    let down = Arc::clone(&is_down);
    let directory = DirectoryServer::start(move |_| {
        let is_down = down.load(Ordering::SeqCst);
        if is_down { response("500 Internal Server Error", "{}") } else { response(OK, &ann()) }
    });
    let (each_time, remembering) = (start(&directory, "0"), start(&directory, "300"));
    let cookie = log_in(&each_time);
    assert_eq!(status(&remembering, &cookie), 200);
    let asked = directory.questions().len();
    assert_eq!(status(&each_time, &cookie), 200);
    assert_eq!(directory.questions().len(), asked + 1, "asked every time");
    is_down.store(true, Ordering::SeqCst);
    let answer = each_time.connect().request("GET", "/passwordless/session/", &[("cookie", &cookie)], b"");
    assert_eq!((answer.status, answer.code().as_str()), (503, "unavailable"));
    assert!(answer.header("retry-after").is_some() && answer.cookies().is_empty());
    assert_eq!(status(&remembering, &cookie), 200, "the last answer serves");
    is_down.store(false, Ordering::SeqCst);
    assert_eq!(status(&each_time, &cookie), 200);
    is_down.store(true, Ordering::SeqCst);
    let out = each_time.post_with("logout/", &[("cookie", &cookie)], &json!({}));
    assert_eq!(out.status, 200, "whoever leaves needs no directory");
    is_down.store(false, Ordering::SeqCst);
    assert_eq!(status(&each_time, &cookie), 401);
}
