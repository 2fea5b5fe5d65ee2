//! One thing presented as another: kinds of tokens, channels, recipients, spellings.

use serde_json::{Value, json};

use super::login::link_in;
use crate::harness::{Answer, Server, code_in, wait_for};

const NO_THROTTLE: (&str, &str) = ("passwordless.token_request_throttle_seconds", "0");
const BOTH: (&str, &str) = ("passwordless.allowed_passwordless_methods", "EMAIL,MOBILE");

fn exchange(server: &Server, email: &str, token: &str, challenge: &str) -> Answer {
    server.post("exchange/email/", &json!({"email": email, "token": token, "challenge": challenge}))
}

/// As many zeros, or ones where those are right.
fn wrong(code: &str) -> String {
    let digit = if code.starts_with('0') { "1" } else { "0" };
    digit.repeat(code.len())
}

#[test]
fn no_kind_of_token_passes_as_another() {
    for settings in [
        &[][..],
        &[("tokens.algorithm", "HS256"), ("tokens.hs256_secret", "32 bytes or more that an app has too")],
        &[("tokens.format", "paseto"), ("tokens.challenge_format", "paseto")],
        &[("tokens.algorithm", "v4.local")],
    ] {
        let server = Server::start(&[settings, &[NO_THROTTLE]].concat());
        let (envelope, code) = server.challenge("ann@example.com");
        let link = link_in(&server.wait_for_mail("ann@example.com", 0));
        let signed_in = exchange(&server, "ann@example.com", &code, &envelope);
        let device = signed_in.cookie("countersign_device").unwrap().to_owned();
        let tokens = signed_in.json();
        let (access, refresh) = (tokens["access"].as_str().unwrap(), tokens["refresh"].as_str().unwrap());
        // What is alive, so that nothing is refused because it was spent.
        let (envelope, _) = server.challenge("ann@example.com");
        let kinds = [("envelope", &*envelope), ("link", &link), ("access", access), ("refresh", refresh), ("device", &device)];

        for (kind, text) in kinds {
            let status = server.post("token/verify/", &json!({"token": text})).status;
            assert_eq!(status, if kind == "access" { 200 } else { 401 }, "{kind} verified");
            let status = server.post("token/refresh/", &json!({"refresh": text})).status;
            assert_eq!(status, if kind == "refresh" { 200 } else { 401 }, "{kind} refreshed");
            let answer = exchange(&server, "ann@example.com", "zzzzzz", text);
            let is_counted = answer.json()["attempts_left"].is_u64();
            assert_eq!((&*answer.code(), is_counted), ("invalid_credentials", kind == "envelope"), "{kind} as envelope");
            let status = server.post("resend/", &json!({"email": "ann@example.com", "challenge": text})).status;
            assert_eq!(status, if kind == "envelope" { 200 } else { 400 }, "{kind} resent");
            // Alone, only a link token needs neither recipient nor envelope.
            let answer = server.post("exchange/", &json!({"token": text}));
            let expected = match kind {
                "link" => "challenge_spent",
                // What looks like a link token is judged as one.
                _ if text.starts_with("v4.local.") => "invalid_credentials",
                _ => "invalid",
            };
            assert_eq!(answer.code(), expected, "{kind} as link");
            let cookie = format!("countersign_device={text}; countersign_challenge={text}");
            let body = json!({"email": "ann@example.com", "token": "zzzzzz"});
            let answer = server.post_with("exchange/email/", &[("cookie", &cookie)], &body);
            assert_eq!(answer.status, 400, "{kind} as cookies");
        }
    }
}

#[test]
fn another_channels_envelope_and_link_are_forged_and_nothing_is_counted() {
    let server = Server::start(&[NO_THROTTLE, BOTH]);
    let number = "+12025550143";
    let (envelope, code) = server.challenge("ann@example.com");
    let link = link_in(&server.wait_for_mail("ann@example.com", 0));
    let sent = server.post("request/mobile/", &json!({"phone_number": number})).json();
    let text = wait_for(|| server.texts().pop());
    let (mobile, mobile_code) = (sent["challenge"].as_str().unwrap(), code_in(text["body"].as_str().unwrap()));
    for (path, body) in [
        ("exchange/mobile/", json!({"phone_number": number, "token": code, "challenge": envelope})),
        ("exchange/mobile/", json!({"phone_number": number, "token": link})),
        ("exchange/", json!({"phone_number": number, "token": code, "challenge": envelope})),
        ("exchange/email/", json!({"email": "ann@example.com", "token": mobile_code, "challenge": mobile})),
        ("exchange/mobile/", json!({"phone_number": "+12025550144", "token": mobile_code, "challenge": mobile})),
        ("resend/", json!({"phone_number": number, "challenge": envelope})),
        ("resend/", json!({"email": "ann@example.com", "challenge": mobile})),
    ] {
        let answer = server.post(path, &body);
        assert_eq!((answer.code().as_str(), answer.json().get("attempts_left")), ("invalid_credentials", None), "{path} {body}");
    }
    let left = exchange(&server, "ann@example.com", &wrong(&code), &envelope).json()["attempts_left"].take();
    assert_eq!(left, 4, "nothing was counted");
    let body = json!({"phone_number": number, "token": wrong(&mobile_code), "challenge": mobile});
    assert_eq!(server.post("exchange/mobile/", &body).json()["attempts_left"], 4);
}

#[test]
fn a_pile_of_throwaway_envelopes_gives_no_guess_at_a_victim() {
    let server = Server::start(&[NO_THROTTLE]);
    let (envelope, code) = server.challenge("victim@example.com");
    let throwaways = (0..40).map(|at| format!("throwaway{at}@example.com"));
    for throwaway in throwaways {
        let sent = server.post("request/email/", &json!({"email": throwaway})).json();
        let pile = sent["challenge"].as_str().unwrap();
        for guess in [&*code, "000000"] {
            let answer = exchange(&server, "victim@example.com", guess, pile);
            assert_eq!((answer.code().as_str(), answer.json().get("attempts_left")), ("invalid_credentials", None));
        }
    }
    let next = server.post("request/email/", &json!({"email": "victim@example.com"})).json();
    assert_eq!((&next["code_length"], &next["code_charset"]), (&json!(6), &json!("numeric")), "the victim's count has not grown");
    assert_eq!(exchange(&server, "victim@example.com", &code, &envelope).status, 200, "and its code is still good");
}

#[test]
fn a_code_of_an_older_envelope_opens_only_that_one() {
    let server = Server::start(&[NO_THROTTLE]);
    let (first, first_code) = server.challenge("ann@example.com");
    let (mut second, mut second_code) = server.challenge("ann@example.com");
    while second_code == first_code {
        (second, second_code) = server.challenge("ann@example.com");
    }
    assert_eq!(exchange(&server, "ann@example.com", &first_code, &second).json()["attempts_left"], 4);
    assert_eq!(exchange(&server, "ann@example.com", &second_code, &first).json()["attempts_left"], 4);
    assert_eq!(exchange(&server, "ann@example.com", &first_code, &first).status, 200);
}

/// Each is another person's address to a mail server, or none; Unicode case folding would make them one.
#[test]
fn look_alikes_are_other_recipients_or_none() {
    let server = Server::start(&[]);
    let (envelope, code) = server.challenge("mike@example.com");
    for look_alike in [
        "mıke@example.com",
        "mİke@example.com",
        "mi\u{212a}e@example.com",
        "mike@e\u{445}ample.com",
        "mike@examp\u{406}e.com",
        "ｍike@example.com",
        "mi\u{200b}ke@example.com",
        "mike\u{ad}@example.com",
    ] {
        let answer = exchange(&server, look_alike, &code, &envelope);
        let is_none = answer.json()["email"] == json!(["Enter a valid email address."]);
        assert!(answer.status == 400 && (is_none || answer.code() == "invalid_credentials"), "{look_alike:?}: {answer:?}");
    }
    assert_eq!(exchange(&server, " MIKE@Example.COM\t", &code, &envelope).status, 200, "this one is the same");
}

/// What makes a parser of numbers backtrace, recurse or panic; the server answers all of it, and then a good one.
#[test]
fn phone_strings_that_are_meant_to_be_slow() {
    let server = Server::start(&[NO_THROTTLE, BOTH, ("passwordless.default_region", "US")]);
    let mut connection = server.connect();
    let mut ask = |number: &str| {
        let body = json!({"phone_number": number}).to_string();
        connection.request("POST", "/passwordless/request/mobile/", &[("content-type", "application/json")], body.as_bytes())
    };
    let long = [
        "1".repeat(16_000),
        format!("+{}", "1".repeat(16_000)),
        "(".repeat(16_000),
        "+1-".repeat(5_000),
        "1 ".repeat(8_000),
        format!("+1202555{}", "x1".repeat(7_000)),
        format!("tel:+1{}", ";ext=1".repeat(2_500)),
        format!("+1{}", ";phone-context=+1".repeat(900)),
        format!("+1{}2025550143", " ".repeat(16_000)),
        "\u{ff0b}\u{ff11}".repeat(2_000),
        "\u{202d}+1\u{202c}".repeat(1_500),
    ];
    for number in &long {
        assert_eq!(ask(number).json()["phone_number"], json!(["Enter a valid phone number."]), "{}…", &number[..3]);
    }
    let answered = (1..1000).map(|code| ask(&format!("+{code}2025550143")).status).filter(|status| matches!(status, 200 | 400));
    assert_eq!(answered.count(), 999, "a number of every calling code");
    assert_eq!(ask("+12025550143").status, 200);
}

#[test]
fn members_that_stand_twice_are_judged_by_the_last() {
    let server = Server::start(&[]);
    let (envelope, code) = server.challenge("ann@example.com");
    let body = format!(
        r#"{{"email": "ben@example.com", "token": "{}", "challenge": "x", "email": "ann@example.com", "token": "{code}", "challenge": "{envelope}"}}"#,
        wrong(&code)
    );
    let headers = [("content-type", "application/json")];
    let answer = server.connect().request("POST", "/passwordless/exchange/email/", &headers, body.as_bytes());
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[test]
fn hosts_that_a_client_names_are_in_no_link() {
    let server = Server::start(&[]);
    let named = [("x-forwarded-host", "evil.example"), ("forwarded", "host=evil.example"), ("x-original-host", "evil.example")];
    let body = json!({"email": "ann@example.com"}).to_string();
    let headers = [&named[..], &[("content-type", "application/json")]].concat();
    let path = "http://evil.example/passwordless/request/email/";
    assert_eq!(server.connect().request("POST", path, &headers, body.as_bytes()).status, 200);
    let mail = server.wait_for_mail("ann@example.com", 0);
    assert!(!mail.contains("evil") && mail.contains("http://localhost:8000/passwordless/link#"), "{mail}");
    let metadata: Value = server.get("/.well-known/openid-configuration").json();
    assert!(!metadata.to_string().contains("evil"));
}
