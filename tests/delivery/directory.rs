//! Directories: an endpoint that answers, one that doesn't, one that lies, and a file.

use std::{fs, io::Write as _, net::TcpStream, thread};

use serde_json::{Value, json};

use super::stand_in::{DirectoryServer, response};
use crate::harness::{Answer, Server, code_in, head, wait_for};

fn start(directory: &DirectoryServer, settings: &[(&str, &str)]) -> Server {
    let mut all = directory.settings().to_vec();
    all.push(("passwordless.token_request_throttle_seconds", "0"));
    all.extend_from_slice(settings);
    Server::start(&all)
}

fn request(server: &Server, email: &str) -> Answer {
    server.post("request/email/", &json!({"email": email}))
}

fn exchange(server: &Server, email: &str, challenge: &Value, code: &str) -> Answer {
    server.post("exchange/email/", &json!({"email": email, "token": code, "challenge": challenge}))
}

fn ann() -> Value {
    json!({"id": "42", "email": "Ann@Example.COM", "is_active": true, "epoch": "a", "claims": {"role": "x"}, "extra": [1]})
}

fn claims(answer: &Answer) -> Value {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let access = answer.json()["access"].as_str().unwrap().to_owned();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(access.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

#[test]
fn an_endpoint_is_asked_at_both_steps_in_signed_words_and_knows_the_user() {
    let directory = DirectoryServer::of_users(|_| ann());
    let server = start(&directory, &[("passwordless.email_field_name", "mail")]);
    let answer = server.post("request/email/", &json!({"mail": " aNN@example.com"}));
    assert_eq!(answer.status, 200, "{answer:?}");
    let mail = server.wait_for_mail("ann@example.com", 0);
    assert!(mail.contains("\r\nTo: Ann@Example.COM\r\n"), "to the stored address: {mail}");
    let login = json!({"mail": "ann@example.com", "token": code_in(&mail), "challenge": answer.json()["challenge"]});
    let answer = server.post("exchange/email/", &login);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!((claims(&answer)["sub"].as_str(), claims(&answer)["role"].as_str()), (Some("42"), Some("x")));
    let lookup = json!({"action": "lookup", "channel": "email", "field": "mail", "value": "ann@example.com"});
    assert_eq!(directory.questions(), [lookup.clone(), lookup.clone()], "never from memory");
    assert_eq!(server.post("token/refresh/", &json!({"refresh": answer.json()["refresh"]})).status, 200);
    assert_eq!(directory.questions().len(), 3);
}

#[test]
fn an_epoch_that_changes_ends_the_challenge_and_the_session() {
    let users = std::sync::Arc::new(std::sync::Mutex::new(ann()));
    let shared = users.clone();
    let directory = DirectoryServer::of_users(move |_| shared.lock().unwrap().clone());
    let server = start(&directory, &[]);
    let (envelope, code) = server.challenge("ann@example.com");
    users.lock().unwrap()["epoch"] = "b".into();
    assert_eq!(exchange(&server, "ann@example.com", &envelope.into(), &code).code(), "invalid_credentials");
    let (envelope, code) = server.challenge("ann@example.com");
    let tokens = exchange(&server, "ann@example.com", &envelope.into(), &code).json();
    users.lock().unwrap()["epoch"] = "c".into();
    assert_eq!(server.post("token/refresh/", &json!({"refresh": tokens["refresh"]})).status, 401);
}

#[test]
fn who_is_unknown_is_registered_when_the_address_is_proved_and_not_before() {
    for set in [true, false] {
        let directory = DirectoryServer::of_users(|question| match question["action"].as_str() {
            Some("register") => json!({"id": "new", "email": question["value"], "is_active": true}),
            _ => Value::Null,
        });
        let setting = set.to_string();
        let server = start(
            &directory,
            &[
                ("passwordless.register_nonexistent_users", "true"),
                ("passwordless.registration_sets_unusable_password", &setting),
            ],
        );
        let (envelope, code) = server.challenge("eve@example.com");
        assert_eq!(directory.questions().len(), 1);
        let answer = exchange(&server, "eve@example.com", &envelope.into(), &code);
        assert_eq!((answer.status, claims(&answer)["sub"].as_str()), (200, Some("new")));
        let register = json!({
            "action": "register", "channel": "email", "field": "email", "value": "eve@example.com", "set_unusable_password": set
        });
        assert_eq!(directory.questions()[2..], [register]);
    }
}

#[test]
fn a_registration_that_fails_costs_neither_the_use_nor_the_attempt() {
    let tries = std::sync::atomic::AtomicUsize::new(0);
    let directory = DirectoryServer::start(move |question| match question["action"].as_str() {
        Some("register") if tries.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0 => response("500 Oops", "{}"),
        Some("register") => response("200 OK", r#"{"user":{"id":"new","email":"eve@example.com","is_active":true}}"#),
        _ => response("200 OK", r#"{"user":null}"#),
    });
    let settings = [("passwordless.register_nonexistent_users", "true"), ("passwordless.max_attempts", "1")];
    let server = start(&directory, &settings);
    let (envelope, code) = server.challenge("eve@example.com");
    let envelope = Value::from(envelope);
    assert_eq!(exchange(&server, "eve@example.com", &envelope, &code).code(), "unavailable");
    assert_eq!(exchange(&server, "eve@example.com", &envelope, &code).status, 200);
}

#[test]
fn whatever_is_no_answer_is_503_and_counts_nothing() {
    let huge = format!(r#"{{"user":null,"x":"{}"}}"#, "x".repeat(1 << 20));
    let no_answers: Vec<(&str, Vec<u8>)> = vec![
        ("500", response("500 Internal Server Error", r#"{"user":null}"#)),
        ("404", response("404 Not Found", r#"{"user":null}"#)),
        ("a redirect", response("307 Temporary Redirect\r\nlocation: /users?x=1", r#"{"user":null}"#)),
        ("201", response("201 Created", r#"{"user":null}"#)),
        ("nothing", Vec::new()),
        ("not HTTP", b"SSH-2.0-OpenSSH\r\n".to_vec()),
        ("not JSON", response("200 OK", "<html>")),
        ("no user", response("200 OK", "{}")),
        ("a list", response("200 OK", "[]")),
        ("a number as id", response("200 OK", r#"{"user":{"id":42,"email":"ann@example.com","is_active":true}}"#)),
        ("no id", response("200 OK", r#"{"user":{"email":"ann@example.com","is_active":true}}"#)),
        ("no is_active", response("200 OK", r#"{"user":{"id":"42","email":"ann@example.com"}}"#)),
        ("too much", response("200 OK", &huge)),
        ("half of it", b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"user\":".to_vec()),
    ];
    let at = std::sync::Arc::new(std::sync::Mutex::new(None::<Vec<u8>>));
    let shared = at.clone();
    let directory = DirectoryServer::start(move |_| {
        let answer = shared.lock().unwrap().clone();
        answer.unwrap_or_else(|| response("200 OK", &json!({"user": ann()}).to_string()))
    });
    let settings = [
        ("passwordless.token_request_throttle_seconds", "60"),
        ("passwordless.max_attempts", "1"),
        ("directory.timeout_seconds", "1"),
    ];
    let server = start(&directory, &settings);
    let (envelope, code) = server.challenge("ann@example.com");
    for (what, answer) in no_answers {
        *at.lock().unwrap() = Some(answer);
        // Not the one who has a code already: a request that was refused uses up no throttle.
        for _ in 0..2 {
            let answer = request(&server, "bob@example.com");
            assert_eq!((answer.status, answer.code().as_str()), (503, "unavailable"), "{what}");
            assert!(answer.header("retry-after").is_some());
        }
        let answer = exchange(&server, "ann@example.com", &envelope.clone().into(), &code);
        assert_eq!((answer.status, answer.code().as_str()), (503, "unavailable"), "{what}");
    }
    *at.lock().unwrap() = None;
    assert_eq!(exchange(&server, "ann@example.com", &envelope.into(), &code).status, 200);
    assert_eq!(request(&server, "bob@example.com").status, 200);
    assert!(!server.log().contains("ann@"), "{}", server.log());
}

#[test]
fn an_endpoint_that_is_slow_or_gone_is_given_up() {
    let directory = DirectoryServer::start(|_| {
        loop {
            thread::park();
        }
    });
    let server = start(&directory, &[("directory.timeout_seconds", "1")]);
    assert_eq!(request(&server, "ann@example.com").status, 503, "it never answers");
    assert_eq!(directory.questions().len(), 1, "it was asked");
    let gone = [("directory.url", "http://127.0.0.1:1/"), ("directory.timeout_seconds", "1")];
    assert_eq!(request(&start(&directory, &gone), "ann@example.com").status, 503);
}

#[test]
fn a_user_without_a_stored_address_is_written_to_at_the_one_that_was_asked_for() {
    let stored = [json!({}), json!({"email": null}), json!({"email": "", "phone_number": "+12025550123"})];
    for (at, stored) in stored.into_iter().enumerate() {
        let directory = DirectoryServer::of_users(move |_| {
            let mut user = json!({"id": "42", "is_active": true});
            user.as_object_mut().unwrap().extend(stored.as_object().unwrap().clone());
            user
        });
        let server = start(&directory, &[]);
        let (envelope, code) = server.challenge("ann@example.com");
        let answer = exchange(&server, "ann@example.com", &envelope.into(), &code);
        assert_eq!((answer.status, claims(&answer)["sub"].as_str()), (200, Some("42")), "{at}");
    }
}

#[test]
fn a_user_with_another_address_is_unknown_and_the_log_says_so_without_it() {
    let directory = DirectoryServer::of_users(
        |question| json!({"id": "victim", "email": question["value"].as_str().unwrap().replace('1', "ı"), "is_active": true}),
    );
    let server = start(&directory, &[]);
    assert_eq!(request(&server, "adm1n@example.com").status, 200);
    wait_for(|| server.log().contains("counts as unknown").then_some(()));
    request(&server, "other@example.com");
    server.wait_for_mail("other@example.com", 0);
    assert!(server.mails_to("adm1n@example.com").is_empty() && server.mails_to("admın@example.com").is_empty());
    assert!(!server.log().contains("@example.com"));
}

#[test]
fn a_file_is_read_again_when_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.json");
    fs::write(&path, json!([ann()]).to_string()).unwrap();
    let settings =
        [("directory.kind", "file"), ("directory.path", "users.json"), ("passwordless.token_request_throttle_seconds", "0")];
    let server = Server::start_in(folder, &settings);
    let (envelope, code) = server.challenge("ann@example.com");
    let mut other = ann();
    other["epoch"] = "b".into();
    fs::write(&path, json!([other]).to_string()).unwrap();
    assert_eq!(exchange(&server, "ann@example.com", &envelope.into(), &code).code(), "invalid_credentials", "at once");
    let (envelope, code) = server.challenge("ann@example.com");
    let envelope = Value::from(envelope);
    let users = fs::read(&path).unwrap();
    for broken in [Some("["), None] {
        match broken {
            Some(text) => fs::write(&path, text).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        let answer = exchange(&server, "ann@example.com", &envelope, &code);
        assert_eq!((answer.status, answer.code().as_str()), (503, "unavailable"), "{answer:?}");
        assert!(answer.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok()), "{answer:?}");
    }
    fs::write(&path, users).unwrap();
    let wrong = exchange(&server, "ann@example.com", &envelope, &wrong(&code)).json();
    assert_eq!(wrong["attempts_left"], 4, "a directory that fails costs no attempt");
    let answer = exchange(&server, "ann@example.com", &envelope, &code);
    assert_eq!((answer.status, claims(&answer)["sub"].as_str()), (200, Some("42")));
}

fn wrong(code: &str) -> String {
    code.chars().map(|digit| if digit == '0' { '1' } else { '0' }).collect()
}

#[test]
fn a_file_that_is_no_directory_is_a_fault_before_anything_binds() {
    let twice = json!([ann(), {"id": "2", "email": "ann@example.com", "is_active": true}]).to_string();
    for text in ["", "{}", r#"[{"id":1,"is_active":true}]"#, &twice] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("users.json"), text).unwrap();
        let settings = [("directory.kind", "file"), ("directory.path", "users.json")];
        let output = crate::harness::command(folder.path(), &settings).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{said}");
        assert!(said.contains("directory.path") && !said.contains('@'), "{said}");
    }
}

/// Ends a connection as a process does that is killed with work on its hands.
pub(crate) fn reset(stream: TcpStream) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _inside = runtime.enter();
    stream.set_nonblocking(true).unwrap();
    tokio::net::TcpStream::from_std(stream).unwrap().set_zero_linger().unwrap();
}

#[test]
fn a_client_that_resets_while_it_is_registered_keeps_its_code() {
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = std::sync::Mutex::new(released);
    let directory = DirectoryServer::of_users(move |question| match question["action"].as_str() {
        Some("register") => {
            released.lock().unwrap().recv().expect("the test goes on");
            json!({"id": "new", "email": question["value"], "is_active": true})
        }
        _ => Value::Null,
    });
    let server = start(&directory, &[("passwordless.register_nonexistent_users", "true")]);
    let (envelope, code) = server.challenge("new@example.com");
    let login = json!({"email": "new@example.com", "token": code, "challenge": envelope}).to_string();
    let is_asked = |times| {
        let registers = directory.questions().iter().filter(|question| question["action"] == "register").count();
        (registers == times).then_some(())
    };

    let mut stream = TcpStream::connect(server.url().trim_start_matches("http://")).unwrap();
    let headers = [("content-type", "application/json")];
    stream.write_all(&head("POST", "/passwordless/exchange/email/", &headers, login.len())).unwrap();
    stream.write_all(login.as_bytes()).unwrap();
    wait_for(|| is_asked(1));
    reset(stream);
    let again = thread::scope(|scope| {
        let again = scope.spawn(|| {
            wait_for(|| {
                let answer = exchange(&server, "new@example.com", &envelope.clone().into(), &code);
                (answer.status == 200 || answer.code() != "challenge_spent").then_some(answer)
            })
        });
        // The first is still being registered: its use was given back before anybody knew how that ends.
        wait_for(|| is_asked(2));
        release.send(()).unwrap();
        release.send(()).unwrap();
        again.join().unwrap()
    });
    assert_eq!(again.status, 200, "{again:?}");
}

#[test]
fn wrong_verifiers_and_wrong_long_codes_ask_no_directory_or_seldom() {
    let directory = DirectoryServer::of_users(|_| ann());
    let server = start(&directory, &[("passwordless.link_binding", "browser")]);
    let bound = json!({
        "email": "ann@example.com",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
    });
    let envelope = server.post("request/email/", &bound).json()["challenge"].clone();
    let long = "a".repeat(64);
    let attempt = |verifier: Option<&str>| {
        let mut body = json!({"email": "ann@example.com", "token": long, "challenge": envelope});
        if let Some(verifier) = verifier {
            body["code_verifier"] = verifier.into();
        }
        assert_eq!(server.post("exchange/email/", &body).code(), "invalid_credentials");
    };
    let asked = directory.questions().len();
    (0..200).for_each(|_| attempt(None));
    (0..200).for_each(|_| attempt(Some(&"b".repeat(43))));
    assert_eq!(directory.questions().len(), asked, "it is not the client that asked");
    (0..200).for_each(|_| attempt(Some("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")));
    let more = directory.questions().len() - asked;
    assert!((1..=20).contains(&more), "one in ten seconds, not one for each attempt: {more}");
}
