//! The JavaScript client: in Node.js against a stand-in, in Chromium against the engine, its types, and how it is made.

use std::{fs, os::unix::fs::symlink, path::PathBuf};

use libtest_mimic::Trial;
use serde_json::json;
use tempfile::TempDir;

use super::{
    pages::run,
    parts::{Part, folder, node, output, trial},
};
use crate::harness::{Server, free_port};

/// In client_node.mjs.
const IN_NODE: [&str; 20] = [
    "is_at_most_5_kib_compressed",
    "speaks_as_the_contract_says",
    "a_challenge_that_was_kept_elsewhere_goes_on",
    "every_failure_is_an_error_of_one_class",
    "says_what_cannot_be",
    "puzzles_are_solved_in_slices",
    "a_puzzle_lifts_only_what_others_did",
    "parallel_calls_renew_once",
    "a_rotated_refresh_token_takes_the_place_of_the_old_one",
    "a_wrong_clock_changes_nothing",
    "short_and_opaque_tokens_are_renewed_in_time",
    "an_outage_is_no_sign_out",
    "tokens_go_to_named_origins_only",
    "after_a_401_it_renews_once_and_tries_once_again",
    "a_session_that_ended_meanwhile_is_over",
    "logout_forgets_and_tells",
    "a_sign_out_during_a_renewal_stays_one",
    "clients_of_one_process_are_several_peoples",
    "storage_may_be_anything_and_may_fail",
    "never_keeps_the_process_alive",
];

/// In client_browser.cjs.
const IN_CHROMIUM: [&str; 16] = [
    "an_app_of_another_origin_logs_in_renews_and_logs_out",
    "an_app_of_an_origin_that_is_not_named_reaches_nothing",
    "tabs_hear_of_sign_in_and_sign_out",
    "tabs_that_renew_together_renew_once",
    "a_tab_that_slept_takes_the_tokens_of_those_that_did_not",
    "only_the_refresh_token_is_stored_and_only_if_wanted",
    "a_reload_between_request_and_code_loses_nothing",
    "a_link_signs_in",
    "where_storage_and_channels_are_forbidden_it_works",
    "a_frame_without_an_origin_works",
    "the_module_is_a_guest_in_workers_of_others",
    "cookies_are_named_to_the_engine_as_the_contract_says",
    "cookies_go_to_named_origins_only",
    "bodies_of_every_kind_are_sent_again",
    "a_base_element_leads_no_token_elsewhere",
    "a_service_worker_has_the_session_of_its_tabs",
];

/// There too, with sessions.
const SESSIONS: [&str; 2] =
    ["a_session_in_a_cookie_is_one_for_all_tabs_and_apps_of_a_site", "a_sign_out_everywhere_ends_the_tokens_of_other_browsers"];

/// In client_readme.cjs: the very examples of clients/js/README.md, compiled as an app's own tools would.
const EXAMPLES: [&str; 6] = [
    "the_plain_page_of_the_readme_works",
    "the_react_app_of_the_readme_works",
    "the_vue_app_of_the_readme_works",
    "the_svelte_app_of_the_readme_works",
    "the_pages_for_next_js_of_the_readme_work",
    "the_service_worker_of_the_readme_works",
];

/// In client_browser.cjs, past the ceiling of messages.
const PUZZLES: [&str; 3] = [
    "puzzles_are_solved_in_a_worker_that_the_pages_policy_allows",
    "puzzles_are_solved_in_slices_where_no_worker_can_be_had",
    "a_bundle_finds_the_worker_at_the_engine",
];

/// The origin of the app in client_browser.cjs.
const APP: (&str, &str) = ("server.cors_origins", "http://localhost:7999");
const WITH_SESSIONS: [(&str, &str); 4] =
    [APP, ("session.enabled", "true"), ("session.access_cookie", "true"), ("session.return_to", "http://localhost:7999")];
const LOW_CEILING: [(&str, &str); 3] =
    [APP, ("passwordless.max_messages_per_hour", "2"), ("passwordless.token_request_throttle_seconds", "0")];

pub(crate) fn trials() -> Vec<Trial> {
    let in_node = IN_NODE.map(|scenario| {
        trial(&format!("client::{scenario}"), &[Part::Node], move || {
            run(node().arg(folder().join("client_node.mjs")).arg(scenario), &json!({ "module": module() }));
        })
    });
    let in_chromium = |scenario: &'static str, settings: &'static [(&str, &str)]| {
        trial(&format!("client::{scenario}"), &[Part::Node, Part::Chromium], move || {
            let server = Server::start_public(settings);
            let given = json!({
                "url": server.url(),
                "mail": server.folder().join("mail"),
                "chromium": "/usr/bin/chromium",
                "module": module(),
            });
            run(node().arg(folder().join("client_browser.cjs")).arg(scenario), &given);
        })
    };
    let mut trials = Vec::from(in_node);
    trials.extend(IN_CHROMIUM.map(|scenario| in_chromium(scenario, &[APP])));
    trials.extend(SESSIONS.map(|scenario| in_chromium(scenario, &WITH_SESSIONS)));
    trials.extend(PUZZLES.map(|scenario| in_chromium(scenario, &LOW_CEILING)));
    trials.extend(EXAMPLES.map(|scenario| {
        let parts = [Part::Node, Part::Compilers, Part::Chromium];
        trial(&format!("client::{scenario}"), &parts, move || plays_an_example(scenario))
    }));
    trials.push(trial("client::what_is_served_is_what_the_sources_make", &[Part::Compilers], is_what_the_sources_make));
    trials.push(trial("client::its_types_are_right", &[Part::Compilers], types_are_right));
    trials
}

fn plays_an_example(scenario: &str) {
    let app = format!("http://localhost:{}", free_port());
    let settings = [("session.enabled", "true"), ("session.return_to", &*app), ("server.cors_origins", &*app)];
    let server = Server::start_public(&settings);
    let built = TempDir::new().expect("a folder");
    // Compiled examples find the packages of the tests, and the client as npm would bring it.
    let modules = built.path().join("node_modules");
    symlink(node().get_current_dir().expect("it has one").join("node_modules"), &modules).expect("a link");
    let given = json!({
        "url": server.url(),
        "app": app,
        "mail": server.folder().join("mail"),
        "chromium": "/usr/bin/chromium",
        "client": package(),
        "folder": built.path(),
    });
    run(node().arg(folder().join("client_readme.cjs")).arg(scenario), &given);
}

fn is_what_the_sources_make() {
    let made = TempDir::new().expect("a folder").path().join("countersign.js");
    output(node().arg(package().join("build.mjs")).arg(&made));
    let is_same = fs::read(made).expect("it was made") == fs::read(module()).expect("it is there");
    assert!(is_same, "clients/js/countersign.js is older than clients/js/src: run clients/js/build.mjs");
}

fn types_are_right() {
    let app = TempDir::new().expect("a folder");
    let modules = app.path().join("node_modules");
    fs::create_dir(&modules).expect("a folder");
    symlink(package(), modules.join("countersign-client")).expect("a link");
    let sources = folder().join("client_types.ts");
    let used = app.path().join("app.mts");
    fs::copy(&sources, &used).expect("a copy");
    let strict = ["--noEmit", "--strict", "--noUncheckedIndexedAccess", "--exactOptionalPropertyTypes"];
    for module in ["nodenext", "preserve"] {
        let mut tsc = node();
        tsc.arg("node_modules/typescript/bin/tsc").args(strict).args(["--target", "es2022", "--lib", "es2022,dom"]);
        output(tsc.args(["--module", module]).arg(&used));
    }
}

fn package() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "clients", "js"].iter().collect()
}

fn module() -> PathBuf {
    package().join("countersign.js")
}
