//! Whoever does what the first page says gets what the first page shows.

use serde_json::Value;

use crate::harness::{Answer, Server, code_in};

const README: &str = include_str!("../README.md");

/// The code blocks in this language.
fn blocks(language: &str) -> impl Iterator<Item = &'static str> {
    let fence = format!("\n```{language}\n");
    let starts: Vec<usize> = README.match_indices(&fence).map(|(at, _)| at + fence.len()).collect();
    starts.into_iter().map(|start| README[start..].split("```").next().expect("the block ends"))
}

/// The calls by curl: a path, a body, and the answer's JSON.
fn calls() -> Vec<(&'static str, &'static str, Value)> {
    let call = |block: &'static str| {
        let (command, answer) = block.split_once('\n')?;
        let path = command.strip_prefix("$ curl ")?.split_once("localhost:8000")?.1.split(' ').next()?;
        let body = command.split_once("-d '")?.1.strip_suffix('\'')?;
        Some((path, body, serde_json::from_str(answer).expect("JSON is shown")))
    };
    blocks("console").filter_map(call).collect()
}

fn send(server: &Server, path: &str, body: &str, jar: &str) -> Answer {
    // As curl sends what stands behind -d.
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("cookie", jar)];
    server.connect().request("POST", path, &headers, body.as_bytes())
}

/// An answer has the members that are shown, with their values, but for texts that are cut off by `…`.
fn assert_shown(answer: &Answer, shown: &Value) {
    let (found, shown) = (answer.json(), shown.as_object().expect("an object"));
    assert_eq!(found.as_object().map(serde_json::Map::len), Some(shown.len()), "{found}");
    for (name, value) in shown {
        let is_cut = value.as_str().is_some_and(|text| text.ends_with('…'));
        assert!(if is_cut { found[name].is_string() } else { found[name] == *value }, "{name}: {found}");
    }
}

#[test]
fn the_calls_of_the_first_page_are_answered_as_shown() {
    let server = Server::start(&[]);
    let calls = calls();
    let [(ask, ask_body, begun), (exchange, exchange_body, tokens), (refresh, refresh_body, renewed)] = &calls[..] else {
        panic!("{calls:?}")
    };
    let asked = send(&server, ask, ask_body, "");
    assert_shown(&asked, begun);
    let jar: Vec<&str> = asked.cookies().iter().map(|cookie| cookie.split(';').next().expect("a pair")).collect();
    let jar = jar.join("; ");

    let mail = server.wait_for_mail("ann@example.com", 0).replace('\r', "");
    let shown_mail = blocks("text").find(|block| block.starts_with("Subject: ")).expect("a message is shown");
    let (shown_code, code) = (code_in(shown_mail), code_in(&mail));
    for line in shown_mail.lines().map(|line| line.replace(&shown_code, &code)) {
        let start = line.split("#v4.local.").next().expect("a start");
        let start = start.split(" 30 November").next().expect("a start");
        assert!(mail.contains(start), "{line}");
    }

    assert!(exchange_body.contains(&shown_code));
    let wrong = if code == "000000" { "000001" } else { "000000" };
    let refused = send(&server, exchange, &exchange_body.replace(&shown_code, wrong), &jar);
    assert_shown(&refused, &serde_json::from_str(blocks("json").next().expect("an error is shown")).expect("JSON is shown"));
    let signed_in = send(&server, exchange, &exchange_body.replace(&shown_code, &code), &jar);
    assert_shown(&signed_in, tokens);

    let shown_token = tokens["refresh"].as_str().expect("a token is shown");
    let token = signed_in.json()["refresh"].as_str().expect("a token").to_owned();
    assert_shown(&send(&server, refresh, &refresh_body.replace(shown_token, &token), ""), renewed);
}

#[test]
fn the_program_says_at_its_start_what_the_first_page_shows() {
    let server = Server::start(&[("keyring.secrets", "")]);
    let shown = blocks("text").find(|block| block.contains("listening on")).expect("the start is shown");
    for line in shown.lines() {
        // The port is the test's own.
        let start = line.split(":800").next().expect("a start");
        assert!(server.log().contains(start), "{line}");
    }
}
