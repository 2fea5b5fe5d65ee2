//! Messages as files and on the console.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::Stdio,
};

use serde_json::json;

use crate::harness::{Connection, Server, code_in, command, wait_for};

#[test]
fn files_appear_whole_under_their_suffix_and_for_their_owner_only() {
    let settings = [
        ("passwordless.allowed_passwordless_methods", "EMAIL,MOBILE"),
        ("passwordless.site_name", "Bücher & Käse"),
        ("email.path", "a/new/folder"),
        ("server.public_url", "https://login.example.com:8443"),
    ];
    let server = Server::start(&settings);
    assert_eq!(server.post("request/email/", &json!({"email": "ann@example.com"})).status, 200);
    assert_eq!(server.post("request/mobile/", &json!({"phone_number": "+12025550143"})).status, 200);
    let text = wait_for(|| server.texts().into_iter().next());
    let body = text["body"].as_str().unwrap();
    assert_eq!(body.lines().next_back().unwrap(), format!("@login.example.com #{}", code_in(body)));
    let folder = server.folder().join("a/new/folder");
    let names = || fs::read_dir(&folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    let mail = wait_for(|| names().into_iter().find(|path| path.extension().is_some_and(|suffix| suffix == "eml")));
    assert_eq!(names(), std::slice::from_ref(&mail), "nothing is left over");
    let content = fs::read_to_string(&mail).unwrap();
    assert!(content.contains("\r\nSubject: Login on =?utf-8?b?") && content.contains("\r\nTo: ann@example.com\r\n"), "{content}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&mail).unwrap().permissions().mode() & 0o077, 0);
    }
}

#[test]
fn the_console_shows_the_code_on_a_line_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        ("email.transport", "console"),
        ("sms.transport", "console"),
        ("passwordless.allowed_passwordless_methods", "EMAIL,MOBILE"),
    ];
    let mut server = command(folder.path(), &settings).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(server.stderr.take().unwrap()).lines().map_while(Result::ok);
    let address = log.find_map(|line| Some(line.split_once("listening on http://")?.1.trim().to_owned())).unwrap();
    let drain = std::thread::spawn(move || log.count());
    let mut printed = BufReader::new(server.stdout.take().unwrap()).lines().map_while(Result::ok);
    for (path, field, to) in [("email", "email", "ann@example.com"), ("mobile", "phone_number", "+12025550143")] {
        let body = json!({field: to}).to_string();
        let path = format!("/passwordless/request/{path}/");
        let answer = Connection::to(&address).request("POST", &path, &[("content-type", "application/json")], body.as_bytes());
        assert_eq!(answer.status, 200, "{answer:?}");
        let shown: Vec<String> =
            printed.by_ref().skip_while(|line| !line.contains(to)).take_while(|line| line != "----").collect();
        let login = json!({field: to, "token": code_in(&shown.join("\n")), "challenge": answer.json()["challenge"]}).to_string();
        let login = Connection::to(&address).request(
            "POST",
            "/passwordless/exchange/",
            &[("content-type", "application/json")],
            login.as_bytes(),
        );
        assert_eq!(login.status, 200, "{login:?}");
    }
    server.kill().unwrap();
    server.wait().unwrap();
    drain.join().unwrap();
}
