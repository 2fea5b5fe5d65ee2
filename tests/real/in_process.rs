//! Edges that check by themselves, and fetch the keys from countersign: the filter of `examples/edge/envoy-filter` in Envoy, and the
//! proxy of `examples/edge/pingora`. Both have the same routes, and go through the same attacks.

use std::{fs, path::Path, process::Command};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use libtest_mimic::Trial;

use super::{
    edge::{Edge, is_told_by_us},
    parts::{Part, packaged, pingora, trial, wasm},
    wasm::altered,
};
use crate::harness::{Answer, Server, wait_for};

/// Other roots than the harness's, and these with the harness's behind them.
const FOREIGN: (&str, &str) = ("keyring.secrets", "ISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0-P0A");
const ROTATED: (&str, &str) =
    ("keyring.secrets", "ISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0-P0A,AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
/// One address logs in often.
const OFTEN: (&str, &str) = ("passwordless.token_request_throttle_seconds", "0");

/// How countersign signs tokens and challenges.
type Settings = [(&'static str, &'static str); 2];

const PASETO: Settings = [("tokens.algorithm", "v4.public"), ("tokens.challenge_format", "paseto")];
const FORMATS: [(&str, Settings); 3] = [
    ("eddsa", [("tokens.algorithm", "EdDSA"), ("tokens.challenge_algorithm", "EdDSA")]),
    ("es256", [("tokens.algorithm", "ES256"), ("tokens.challenge_algorithm", "ES256")]),
    ("paseto", PASETO),
];

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for (name, settings) in FORMATS {
        trials.push(trial(&format!("in_process::envoy_filter_{name}"), &[Part::Wasm, Part::Proxies], move || {
            withstands(settings, &["envoy-wasm.yaml"], envoy);
        }));
        trials.push(trial(&format!("in_process::pingora_{name}"), &[Part::Pingora], move || {
            withstands(settings, &[], proxy);
        }));
    }
    trials
}

fn envoy(folder: &Path, _: &[String]) -> Command {
    fs::copy(wasm("countersign-filter.wasm"), folder.join("countersign-filter.wasm")).expect("it is built");
    let mut envoy = packaged("envoy");
    envoy.args(["-c", "envoy-wasm.yaml", "--disable-hot-restart", "--concurrency", "1"]);
    envoy
}

fn proxy(_: &Path, addresses: &[String]) -> Command {
    let mut proxy = Command::new(pingora());
    proxy.args(addresses).arg("http://localhost:8000");
    proxy
}

/// Keys that come late, that rotate and that can't be had; and everything that isn't good.
fn withstands(settings: Settings, files: &[&str], command: fn(&Path, &[String]) -> Command) {
    let mut edge = Edge::start_without_keys(&settings, files, command);
    waits_for_keys(&edge);
    edge.challenges_are_exchanged_only_with_a_living_one(is_told_by_us);
    edge.lets_people_through_as_themselves();
    refuses_what_is_altered_or_anothers(&edge, &settings);
    // It makes its forgeries of a JWT.
    if settings != PASETO {
        edge.refuses_everybody_else(is_told_by_us);
    }
    sets_all_headers_where_nothing_is_needed(&edge);
    edge.gives_bodies_to_the_app();
    edge.has_its_headers_arrive_whatever_connection_lists();
    edge.gives_nobody_a_tunnel();
    takes_new_keys_over(&mut edge, &settings);
    keeps_keys_where_none_can_be_had(&edge, &settings);
}

/// An outage signs nobody out.
fn waits_for_keys(edge: &Edge) {
    let good = edge.authorization();
    let early = edge.get("/open", &[("Authorization", &good)]);
    assert_eq!((early.status, early.header("retry-after")), (503, Some("1")), "{early:?}\n{}", edge.log());
    assert_eq!(edge.get("/open", &[]).status, 503);
    assert_eq!(edge.get("/public/x", &[]).status, 200);
    edge.let_keys_be_had();
    wait_for(|| (edge.get("/open", &[("Authorization", &good)]).status == 200).then_some(()));
}

fn refuses_what_is_altered_or_anothers(edge: &Edge, settings: &Settings) {
    let of = |more: &[(&'static str, &'static str)]| {
        let server = Server::start(&[&settings[..], more].concat());
        let (envelope, _) = server.challenge("bob@example.com");
        (Edge::sign_in(&server), envelope)
    };
    let (own, living) = of(&[]);
    let (foreign, by_foreign) = of(&[FOREIGN]);
    let (for_others, _) = of(&[("tokens.audience", "https://other.example")]);
    let by_others = [("tokens.issuer", "https://other.example"), ("tokens.audience", "http://localhost:8000")];
    let (by_others, challenge_by_others) = of(&by_others);
    let (short, _) = of(&[("tokens.access_lifetime", "1")]);
    let text = |tokens: &serde_json::Value, which: &str| tokens[which].as_str().expect("a token").to_owned();
    let token = text(&own, "access");
    let ask = |token: &str| edge.get("/open", &[("Authorization", &format!("Bearer {token}")), ("X-Auth-Subject", "root")]);
    wait_for(|| (ask(&text(&short, "access")).status == 401).then_some(()));
    let exchange = |challenge: &str| edge.get("/passwordless/exchange/email/", &[("Countersign-Challenge", challenge)]);
    // countersign's own answer to a GET: it was let through.
    assert_eq!(exchange(&living).status, 405, "{}", edge.log());
    let cookies = format!("countersign_challenge={by_foreign}; countersign_challenge={living}");
    assert_eq!(edge.get("/passwordless/exchange/email/", &[("Cookie", &cookies)]).status, 405);
    let before = edge.app_requests();
    let refused = |answer: Answer, what: &str| assert!(is_told_by_us(&answer), "{what}: {answer:?}\n{}", edge.log());
    let printable = |text: &String| text.bytes().all(|byte| byte.is_ascii_graphic());
    for forged in altered(&token).iter().filter(|text| printable(text)) {
        refused(ask(forged), forged);
    }
    for forged in altered(&living).iter().filter(|text| printable(text)) {
        refused(exchange(forged), forged);
    }
    for other in [&foreign, &for_others, &by_others, &short] {
        refused(ask(&text(other, "access")), "another's token");
    }
    for other in [&text(&own, "refresh"), &living, &format!("{token}.{token}"), &BASE64.encode(&token)] {
        refused(ask(other), "another kind");
    }
    for other in [&by_foreign, &challenge_by_others, &token, &text(&own, "refresh")] {
        refused(exchange(other), "another's challenge, or another kind");
    }
    let bearer = format!("Bearer {token}");
    for headers in [
        &[("Authorization", &*bearer), ("Authorization", "Bearer x")][..],
        &[("Authorization", "Bearer x"), ("Authorization", &bearer)],
        &[("Proxy-Authorization", &bearer), ("Cookie", &bearer)],
        &[("Countersign-Challenge", &living)],
    ] {
        refused(edge.get("/open", headers), "no token, or two");
    }
    let twice = [("Countersign-Challenge", &*living), ("countersign-challenge", &by_foreign)];
    refused(edge.get("/passwordless/exchange/email/", &twice), "two challenges");
    // Other spellings of a path that needs nothing.
    for path in ["/public", "/publicx", "/PUBLIC/", "/public/../open", "/public/%2e%2e/open", "/public/..%2fopen", "/./open"] {
        let answer = edge.get(path, &[("X-Auth-Subject", "root")]);
        assert!((400..500).contains(&answer.status), "{path}: {answer:?}");
    }
    assert_eq!(edge.app_requests(), before, "the app saw nothing of all this");
}

/// Whoever calls themselves by names of ours is nobody, on a path that needs nothing too; a token there changes nothing.
fn sets_all_headers_where_nothing_is_needed(edge: &Edge) {
    let good = edge.authorization();
    let names =
        ["X-Auth-Subject", "x-auth-subject", "X-Auth-Token", "X-Auth-Role", "X_Auth_Subject", "X-Auth_Methods", "X-Challenge-Id"];
    let mut headers: Vec<(&str, &str)> = names.iter().map(|name| (*name, "root")).collect();
    headers.push(("Authorization", &good));
    let seen = edge.get("/public/x", &headers).json();
    assert!(!seen.to_string().contains("root"), "{seen}");
    for name in countersign::edge::IDENTITY_HEADERS {
        assert_eq!(seen["headers"][name], serde_json::json!([""]), "{name}: {seen}");
    }
}

/// A new root signs; the edge hears of its key by the first token that names it.
fn takes_new_keys_over(edge: &mut Edge, settings: &Settings) {
    let before = edge.authorization();
    let rotated = Server::start(&[&settings[..], &[ROTATED, OFTEN]].concat());
    let after = format!("Bearer {}", Edge::sign_in(&rotated)["access"].as_str().expect("a token"));
    assert_eq!(edge.get("/open", &[("Authorization", &after)]).status, 401, "its key isn't known yet");
    edge.ask_for_keys_at(&rotated.address);
    wait_for(|| (edge.get("/open", &[("Authorization", &after)]).status == 200).then_some(()));
    assert_eq!(edge.get("/open", &[("Authorization", &before)]).status, 200, "the key of before is published still");
    edge.serve_with(rotated);
}

/// Strangers make it fetch, seldom; what fails changes nothing.
fn keeps_keys_where_none_can_be_had(edge: &Edge, settings: &Settings) {
    let good = edge.authorization();
    let unknown = [("keyring.secrets", "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVpbXF1eX2A")];
    let unknown = Edge::sign_in(&Server::start(&[&settings[..], &unknown].concat()));
    let unknown = format!("Bearer {}", unknown["access"].as_str().expect("a token"));
    edge.let_no_keys_be_had();
    let before = edge.asked_for_keys();
    wait_for(|| {
        assert_eq!(edge.get("/open", &[("Authorization", &unknown)]).status, 401);
        assert_eq!(edge.get("/open", &[("Authorization", &good)]).status, 200);
        (edge.asked_for_keys() > before).then_some(())
    });
    for _ in 0..200 {
        assert_eq!(edge.get("/open", &[("Authorization", &unknown)]).status, 401);
    }
    assert_eq!(edge.get("/open", &[("Authorization", &good)]).status, 200, "the keys of before stay");
    assert!(edge.asked_for_keys() - before <= 30, "each unknown key made it fetch");
}
