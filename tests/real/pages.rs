//! The login page and the link's landing page in Chromium, and the puzzle with ALTCHA's own library.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use countersign::server::pages::CONTENT_SECURITY_POLICY;
use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::parts::{Part, folder, node, python, trial};
use crate::harness::{Server, code_in};

type Settings = &'static [(&'static str, &'static str)];

const NONE: Settings = &[];
const UNHURRIED: Settings = &[("passwordless.token_request_throttle_seconds", "0")];
const BOUND: Settings = &[("passwordless.link_binding", "browser")];
const BOTH: Settings = &[("passwordless.allowed_passwordless_methods", "EMAIL,MOBILE")];
const LETTERS: Settings = &[("passwordless.short_token_length", "8"), ("passwordless.short_token_chars", "BCDFGHJKLMNPQRSTVWXZ")];
const MANY_USES: Settings = &[("passwordless.max_token_uses", "50")];
const SESSIONS: Settings = &[("session.enabled", "true")];
const SESSIONS_UNHURRIED: Settings = &[("session.enabled", "true"), ("passwordless.token_request_throttle_seconds", "0")];
/// All that a site can set.
const BRAND: Settings = &[
    ("session.enabled", "true"),
    ("pages.name", "A name that is longer than what fits beside a logo"),
    ("pages.accent", "#ffe066"),
    ("pages.terms_url", "https://example.com/terms"),
    ("pages.privacy_url", "https://example.com/privacy"),
    ("pages.support_url", "mailto:help@example.com"),
    ("passwordless.allowed_passwordless_methods", "EMAIL,MOBILE"),
];
const LOGO: Settings = &[
    ("pages.logo", concat!(env!("CARGO_MANIFEST_DIR"), "/src/server/pages/assets/icon.svg")),
    ("pages.accent", "#5b21b6"),
    ("passwordless.allowed_passwordless_methods", "EMAIL,MOBILE"),
];
const AT_ANOTHER_BASE: Settings = &[("server.base_path", "/auth/x")];

/// What a person does in browser.cjs, and the configuration that it takes.
const SCENARIOS: [(&str, Settings); 74] = [
    ("logs_in", NONE),
    ("shows_claims_of_paseto", &[("tokens.format", "paseto"), ("tokens.algorithm", "v4.public")]),
    ("says_that_a_local_paseto_is_opaque", &[("tokens.format", "paseto"), ("tokens.algorithm", "v4.local")]),
    ("counts_attempts", &[("passwordless.max_attempts", "3"), ("passwordless.token_request_throttle_seconds", "0")]),
    ("says_that_a_code_was_used", NONE),
    ("pastes", NONE),
    ("reads_the_code_in_what_people_paste", NONE),
    ("reads_letters_in_what_people_paste", LETTERS),
    ("takes_a_link_that_was_pasted_as_a_code", NONE),
    ("works_by_keyboard_alone", NONE),
    ("fits_a_phone", NONE),
    ("asks_for_letters_where_codes_have_them", LETTERS),
    ("offers_both_channels", BOTH),
    ("sends_what_was_typed", BOTH),
    ("says_when_it_is_too_soon_and_takes_the_code_that_is_there", NONE),
    ("asking_again_sends_the_same_code_again", UNHURRIED),
    ("asks_anew_where_the_old_challenge_is_worth_nothing", UNHURRIED),
    ("asking_again_at_once_sends_nothing_and_solves_nothing", NONE),
    ("digits_submit_themselves_and_once", NONE),
    ("a_code_that_is_corrected_is_sent_when_its_owner_says_so", NONE),
    ("a_paste_that_is_then_edited_is_sent_when_its_owner_says_so", NONE),
    ("nothing_moves_while_somebody_waits", NONE),
    ("the_title_follows_the_step", NONE),
    ("errors_describe_their_field", BOTH),
    ("a_new_code_is_the_main_button_once_the_old_one_has_ended", UNHURRIED),
    ("selected_text_can_be_read", NONE),
    ("stays_below_the_base_path", AT_ANOTHER_BASE),
    ("solves_the_puzzle_where_somebody_else_asked_a_moment_ago", NONE),
    ("survives_a_reload", NONE),
    ("without_a_connection_it_says_so_and_the_next_try_goes_on", NONE),
    ("whoever_clicks_twice_asks_once", NONE),
    ("resends", UNHURRIED),
    ("lets_nothing_from_elsewhere_run", NONE),
    ("loads_without_complaint", NONE),
    ("link_signs_in_by_one_click", NONE),
    ("a_used_link_says_so_and_leads_on", NONE),
    ("a_reload_after_the_login_blames_nobody", NONE),
    ("an_expired_link_says_so", NONE),
    ("the_landing_page_names_the_account_and_warns_other_browsers", NONE),
    ("works_where_the_state_of_a_link_cannot_be_told", NONE),
    ("the_tab_that_asked_goes_on_signed_in_where_its_link_is_used_in_this_browser", NONE),
    ("a_code_signs_in_every_tab_that_waits_for_it", NONE),
    ("a_link_signs_in_no_tab_of_somebody_else", NONE),
    ("a_login_on_another_device_tells_the_tab_and_gives_it_nothing", NONE),
    ("looks_every_five_seconds_at_most_and_only_while_it_is_seen", NONE),
    ("looks_less_often_where_the_engine_does_not_say", NONE),
    ("on_another_device_the_page_says_how_to_go_on_with_the_code", NONE),
    ("takes_links_that_a_gateway_has_changed", MANY_USES),
    ("a_link_that_lost_its_token_takes_the_code", NONE),
    ("a_damaged_link_takes_the_code_where_the_page_remembers_nothing", NONE),
    ("a_damaged_bound_link_takes_the_code", BOUND),
    ("takes_bound_links_that_a_gateway_has_changed", BOUND),
    ("a_bound_link_signs_in_its_own_browser", BOUND),
    ("a_bound_link_is_worth_nothing_elsewhere", BOUND),
    ("a_bound_link_finds_its_recipient_among_those_who_asked_in_this_browser", BOUND),
    ("the_tab_that_asked_goes_on_where_its_bound_link_is_used", BOUND),
    ("the_button_counts_down_until_the_code_may_be_sent_again", NONE),
    ("helps_whose_message_does_not_come", BOTH),
    ("speaks_the_language_that_the_browser_asks_for", NONE),
    ("the_choice_of_a_language_stays_for_the_visit", NONE),
    ("says_what_a_code_means_and_never_what_the_engine_said", NONE),
    ("every_number_has_its_form", NONE),
    ("a_session_is_kept_by_a_cookie_that_no_script_sees", SESSIONS),
    ("a_login_leads_back", SESSIONS),
    ("bad_addresses_are_led_nowhere", SESSIONS_UNHURRIED),
    ("who_is_signed_in_goes_on_or_signs_out", SESSIONS),
    ("signing_out_needs_no_script", SESSIONS),
    ("the_page_that_signs_out_ends_nothing_before_its_button_is_pressed", SESSIONS),
    ("a_link_leads_back_too", SESSIONS),
    ("a_session_of_somebody_else_signs_in_no_tab", SESSIONS),
    ("where_cookies_are_forbidden_the_page_says_so_and_sends_nothing", SESSIONS),
    ("a_page_that_comes_back_asks_whether_its_session_lives", SESSIONS),
    ("is_accessible", BOTH),
    ("moves_only_for_those_who_like_it", NONE),
];

/// Two messages an hour by strangers, and no throttle that would come first.
const LOW_CEILING: Settings =
    &[("passwordless.max_messages_per_hour", "2"), ("passwordless.token_request_throttle_seconds", "0")];

pub(crate) fn trials() -> Vec<Trial> {
    let browser = [Part::Node, Part::Chromium];
    let scenarios = SCENARIOS.iter().map(|(scenario, settings)| {
        let base = settings.iter().find(|(key, _)| *key == "server.base_path").map_or("/passwordless", |(_, path)| path);
        let options = json!({ "policy": CONTENT_SECURITY_POLICY, "base": base });
        trial(&format!("pages::{scenario}"), &browser, move || play(scenario, &Server::start_public(settings), &options))
    });
    let puzzles = [
        trial("pages::a_brand_is_accessible", &browser, || {
            play("is_accessible", &Server::start_public(BRAND), &json!({ "sessions": true }));
        }),
        trial("pages::a_logo_is_accessible", &browser, || {
            play("is_accessible", &Server::start_public(LOGO), &json!({}));
        }),
        trial("pages::a_thousand_visits_of_the_link_spend_nothing_and_receive_nothing", &browser, || {
            let server = Server::start_public(NONE);
            play("a_thousand_visits_of_the_link_spend_nothing_and_receive_nothing", &server, &json!({ "visits": 100 }));
        }),
        trial("pages::solves_the_puzzle_past_the_message_ceiling", &browser, page_solves_the_puzzle),
        trial("pages::altchas_library_of_npm_solves_the_puzzle", &[Part::Node], || {
            altcha_solves_the_puzzle(node().arg(folder().join("solve_puzzle.mjs")));
        }),
        trial("pages::altchas_library_of_pypi_solves_the_puzzle", &[Part::Python], || {
            altcha_solves_the_puzzle(python().arg(folder().join("solve_puzzle.py")));
        }),
    ];
    scenarios.chain(puzzles).collect()
}

fn page_solves_the_puzzle() {
    let server = Server::start_public(LOW_CEILING);
    fill_the_ceiling(&server);
    play("solves_the_puzzle_past_the_message_ceiling", &server, &json!({ "messages_before": 2 }));
}

fn altcha_solves_the_puzzle(library: &mut Command) {
    let server = Server::start_public(LOW_CEILING);
    fill_the_ceiling(&server);
    let refused = server.post("request/email/", &json!({ "email": "ann@example.com" }));
    assert_eq!((refused.status, refused.code().as_str()), (429, "throttled"));
    let puzzle = refused.json()["puzzle"].clone();
    let solution = run(library, &puzzle);

    let solved = json!({ "email": "ann@example.com", "puzzle": solution.trim() });
    let answer = server.post("request/email/", &solved);
    assert_eq!(answer.status, 200, "{answer:?}");
    let code = code_in(&server.wait_for_mail("ann@example.com", 2));
    let login = json!({ "email": "ann@example.com", "token": code, "challenge": answer.json()["challenge"] });
    assert_eq!(server.post("exchange/email/", &login).status, 200);

    let again = server.post("request/email/", &solved);
    assert_eq!(again.status, 429, "a solution counted twice: {again:?}");
}

fn fill_the_ceiling(server: &Server) {
    for _ in 0..2 {
        assert_eq!(server.post("request/email/", &json!({ "email": "ann@example.com" })).status, 200);
    }
}

/// Plays one scenario of browser.cjs.
pub(crate) fn play(scenario: &str, server: &Server, options: &Value) {
    let given = json!({
        "url": server.url(),
        "mail": server.folder().join("mail"),
        "sms": server.folder().join("sms"),
        "chromium": "/usr/bin/chromium",
        "options": options,
    });
    run(node().arg(folder().join("browser.cjs")).arg(scenario), &given);
}

/// What a script prints that is given JSON.
pub(crate) fn run(command: &mut Command, given: &Value) -> String {
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().expect("Node.js starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(given.to_string().as_bytes()).expect("write to the script");
    drop(stdin);
    let output = child.wait_with_output().expect("the script ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
