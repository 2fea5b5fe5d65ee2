//! Logging in, in every way that there is.

use serde_json::{Value, json};

use crate::harness::{Answer, Server, code_in, wait_for};

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CODE_CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn is_signed_in(answer: &Answer) -> bool {
    let json = answer.json();
    answer.status == 200
        && json["access"].as_str().is_some_and(|token| token.split('.').count() == 3)
        && json["refresh"].is_string()
        && json["token_type"] == "Bearer"
        && json["expires_in"] == 300
        && answer.header("cache-control") == Some("no-store")
        && answer.header("content-type") == Some("application/json")
}

/// The link token in the newest mail.
pub(crate) fn link_in(mail: &str) -> String {
    let joined = mail.replace("=\r\n", "").replace("=\n", "").replace("=3D", "=");
    let from = joined.find("#v4.local.").expect("a link") + 1;
    joined[from..].split(|c: char| !(c.is_ascii_alphanumeric() || "._-".contains(c))).next().unwrap().to_owned()
}

#[test]
fn by_a_code_sent_by_email() {
    let server = Server::start(&[]);
    let answer = server.post("request/email/", &json!({"email": " Ann@Example.COM "}));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let mut sent = answer.json();
    let envelope = sent["challenge"].take();
    let shape = json!({
        "detail": "A token has been sent to you", "challenge": null, "expires_in": 600, "resend_after": 60,
        "code_length": 6, "code_charset": "numeric"
    });
    assert_eq!(sent, shape);
    let code = code_in(&server.wait_for_mail("ann@example.com", 0));
    let login = json!({"email": "ann@example.com", "token": code, "challenge": envelope});
    assert!(is_signed_in(&server.post("exchange/email/", &login)));
    let again = server.post("exchange/email/", &login);
    assert_eq!((again.status, again.code()), (400, "challenge_spent".into()));
}

#[test]
fn by_a_code_sent_by_sms() {
    let server = Server::start(&[("passwordless.allowed_passwordless_methods", "EMAIL,MOBILE")]);
    let answer = server.post("request/mobile", &json!({"phone_number": "+1 (202) 555-0143"}));
    assert_eq!(answer.status, 200, "{answer:?}");
    let text = wait_for(|| server.texts().into_iter().next());
    assert_eq!(text["to"], "+12025550143");
    let code = code_in(text["body"].as_str().unwrap());
    let login = json!({"phone_number": "tel:+12025550143", "token": code, "challenge": answer.json()["challenge"]});
    assert!(is_signed_in(&server.post("exchange/mobile/", &login)));
}

#[test]
fn by_the_endpoint_that_finds_out_the_channel() {
    let server = Server::start(&[("passwordless.allowed_passwordless_methods", "EMAIL,MOBILE")]);
    let (envelope, code) = server.challenge("ann@example.com");
    assert!(is_signed_in(&server.post("exchange/", &json!({"email": "ann@example.com", "token": code, "challenge": envelope}))));

    let sent = server.post("request/mobile/", &json!({"phone_number": "+12025550143"})).json();
    let code = code_in(wait_for(|| server.texts().into_iter().next())["body"].as_str().unwrap());
    let login = json!({"phone_number": "+12025550143", "token": code, "challenge": sent["challenge"]});
    assert!(is_signed_in(&server.post("exchange", &login)));

    let both = server.post("exchange/", &json!({"email": "a@example.com", "phone_number": "+12025550143", "token": "1"}));
    assert_eq!((both.status, both.code()), (400, "invalid".into()));
    let neither = server.post("exchange/", &json!({"token": "123456"}));
    assert_eq!((neither.status, &neither.json()["email"]), (400, &json!(["This field is required."])));
}

#[test]
fn by_a_link_which_stands_alone_or_with_its_recipient() {
    let server = Server::start(&[("passwordless.max_token_uses", "3"), ("passwordless.token_request_throttle_seconds", "0")]);
    server.challenge("ann@example.com");
    let link = link_in(&server.mails_to("ann@example.com")[0]);
    assert!(is_signed_in(&server.post("exchange/", &json!({"token": link}))));
    assert!(is_signed_in(&server.post("exchange/", &json!({"token": format!(" {link}\n"), "email": "ann@example.com"}))));
    assert!(is_signed_in(&server.post("exchange/email/", &json!({"token": link, "email": "ann@example.com"}))));
    let spent = server.post("exchange/", &json!({"token": link}));
    assert_eq!((spent.status, spent.code()), (400, "challenge_spent".into()));

    server.challenge("ben@example.com");
    let link = link_in(&server.mails_to("ben@example.com")[0]);
    for path in ["exchange/", "exchange/email/"] {
        let other = server.post(path, &json!({"token": link, "email": "ann@example.com"}));
        assert_eq!((other.status, other.code()), (400, "invalid_credentials".into()));
    }
    let required = server.post("exchange/email/", &json!({"token": link}));
    assert_eq!(required.json()["errors"], json!({"email": ["This field is required."]}));
    let altered = server.post("exchange/", &json!({"token": format!("{}A", &link[..link.len() - 1])}));
    assert_eq!((altered.status, altered.code()), (400, "invalid_credentials".into()));
    assert!(is_signed_in(&server.post("exchange/", &json!({"token": link}))), "none of this spent it");
}

#[test]
fn by_the_long_code_of_a_link_that_is_good_in_its_browser_only() {
    let server = Server::start(&[
        ("passwordless.link_binding", "browser"),
        ("passwordless.long_token_length", "40"),
        ("passwordless.token_request_throttle_seconds", "0"),
    ]);
    let long_code_in = |mail: &str| {
        let joined = mail.replace("=\r\n", "").replace("=\n", "");
        let from = joined.find("/passwordless/link#").expect("a link") + "/passwordless/link#".len();
        joined[from..].split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap().to_owned()
    };
    let (envelope, code) = server.challenge("ann@example.com");
    let long = long_code_in(&server.mails_to("ann@example.com")[0]);
    assert_eq!(long.len(), 40, "{long}");
    let login = |token: &str, envelope: &str| json!({"email": "ann@example.com", "token": token, "challenge": envelope});
    let refused = |answer: Answer| (answer.status, answer.code(), answer.json().get("attempts_left").cloned());
    let invalid = (400, "invalid_credentials".to_owned(), None);

    // It stands for nothing by itself, and for nobody else; no try of it is one of the code's.
    for body in [json!({ "token": long }), json!({"email": "ann@example.com", "token": long})] {
        let answer = server.post("exchange/", &body);
        assert_eq!((answer.status, answer.code()), (400, "invalid".into()), "{body}");
    }
    let (other, _) = server.challenge("ann@example.com");
    let (bens, _) = server.challenge("ben@example.com");
    assert_eq!(refused(server.post("exchange/email/", &login(&long, &other))), invalid);
    assert_eq!(refused(server.post("exchange/email/", &login(&long, &bens))), invalid);
    for _ in 0..6 {
        assert_eq!(refused(server.post("exchange/email/", &login(&"a".repeat(40), &envelope))), invalid);
    }
    let wrong = server.post("exchange/email/", &login(if code == "000000" { "000001" } else { "000000" }, &envelope));
    assert_eq!(wrong.json()["attempts_left"], 4);

    // In the browser that asked, its cookie is the envelope. Code and link of one message are one challenge.
    let cookie = [("cookie", &*format!("countersign_challenge={envelope}"))];
    let by_cookie = json!({"email": "Ann@example.com", "token": format!(" {long}\n")});
    assert!(is_signed_in(&server.post_with("exchange/email/", &cookie, &by_cookie)));
    for token in [&long, &code] {
        let spent = server.post("exchange/email/", &login(token, &envelope));
        assert_eq!((spent.status, spent.code()), (400, "challenge_spent".into()));
    }
}

#[test]
fn a_get_of_the_landing_page_spends_nothing() {
    let server = Server::start(&[]);
    server.challenge("ann@example.com");
    let link = link_in(&server.mails_to("ann@example.com")[0]);
    for path in [format!("/passwordless/link#{link}"), format!("/passwordless/link?token={link}")] {
        let path = path.split('#').next().unwrap();
        assert_eq!(server.get(path).status, 200);
    }
    assert_eq!(server.get(&format!("/passwordless/exchange/?token={link}")).status, 405);
    assert!(is_signed_in(&server.post("exchange/", &json!({"token": link}))));
}

#[test]
fn tokens_are_trimmed_and_integers_are_their_digits() {
    // With one character there is one code, and it can be written as an integer.
    let one = Server::start(&[("passwordless.short_token_chars", "1"), ("guard.max_takeover_probability", "1")]);
    for (at, token) in [json!(111_111), json!(" 111111\n"), json!("111111")].into_iter().enumerate() {
        let email = format!("{at}@example.com");
        let envelope = one.post("request/email/", &json!({"email": email})).json()["challenge"].take();
        assert!(is_signed_in(&one.post("exchange/email/", &json!({"email": email, "token": token, "challenge": envelope}))));
    }
    let zero = Server::start(&[("passwordless.short_token_chars", "0"), ("guard.max_takeover_probability", "1")]);
    let envelope = zero.post("request/email/", &json!({"email": "a@example.com"})).json()["challenge"].take();
    let unpadded = zero.post("exchange/email/", &json!({"email": "a@example.com", "token": 0, "challenge": envelope}));
    assert_eq!(unpadded.code(), "invalid_credentials", "an integer isn't padded");
}

#[test]
fn an_integer_of_any_length_is_its_digits() {
    let settings = [("passwordless.short_token_chars", "1"), ("passwordless.short_token_length", "30")];
    let server = Server::start(&[&settings[..], &[("guard.max_takeover_probability", "1")]].concat());
    let envelope = server.post("request/email/", &json!({"email": "a@example.com"})).json()["challenge"].take();
    let exchange = |token: &str| {
        let body = format!(r#"{{"email": "a@example.com", "challenge": {envelope}, "token": {token}}}"#);
        let headers = [("content-type", "application/json")];
        server.connect().request("POST", "/passwordless/exchange/email/", &headers, body.as_bytes())
    };
    for none in ["111111111111111111111111111111.0", "1e29", "true", "[1]"] {
        assert_eq!(exchange(none).json()["token"], json!(["Not a valid string."]), "{none}");
    }
    assert_eq!(exchange("111111111111111111111111111112").json()["attempts_left"], 4);
    assert!(is_signed_in(&exchange("111111111111111111111111111111")));
}

#[test]
fn resending_sends_the_same_code_for_the_same_envelope() {
    let server = Server::start(&[("passwordless.token_request_throttle_seconds", "0")]);
    let (envelope, code) = server.challenge("ann@example.com");
    let again = server.post("resend/", &json!({"email": "ann@example.com", "challenge": envelope}));
    assert_eq!((again.status, &again.json()["challenge"]), (200, &json!(envelope)));
    assert!(again.json()["expires_in"].as_u64().unwrap() <= 600);
    assert_eq!(again.json()["resend_after"], 0);
    assert_eq!(code_in(&server.wait_for_mail("ann@example.com", 1)), code);
    let other = server.post("resend/", &json!({"email": "ben@example.com", "challenge": envelope}));
    assert_eq!((other.status, other.code()), (400, "invalid_credentials".into()));
    let missing = server.post("resend/", &json!({"email": "ann@example.com"}));
    assert_eq!(missing.json()["challenge"], json!(["This field is required."]));

    let login = json!({"email": "ann@example.com", "token": code, "challenge": envelope});
    assert!(is_signed_in(&server.post("exchange/email/", &login)));
    let spent = server.post("resend/", &json!({"email": "ann@example.com", "challenge": envelope}));
    assert_eq!((spent.status, spent.code()), (400, "challenge_spent".into()));
}

#[test]
fn only_the_client_that_asked_if_it_says_so() {
    let server = Server::start(&[]);
    let ask = |email: &str, extra: Value| {
        let mut body = json!({"email": email});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        server.post("request/email/", &body)
    };
    let bound = json!({"code_challenge": CODE_CHALLENGE, "code_challenge_method": "S256"});
    let envelope = ask("ann@example.com", bound.clone()).json()["challenge"].take();
    let code = code_in(&server.wait_for_mail("ann@example.com", 0));
    let mut login = json!({"email": "ann@example.com", "token": code, "challenge": envelope});
    for (wrong, left) in [(json!(VERIFIER.to_lowercase()), 4), (json!("too short"), 3)] {
        login["code_verifier"] = wrong;
        let answer = server.post("exchange/email/", &login);
        assert_eq!((answer.code().as_str(), &answer.json()["attempts_left"]), ("invalid_credentials", &json!(left)));
    }
    login["code_verifier"] = json!(VERIFIER);
    assert!(is_signed_in(&server.post("exchange/email/", &login)));

    assert_eq!(ask("ben@example.com", bound).status, 200);
    let link = link_in(&server.wait_for_mail("ben@example.com", 0));
    assert_eq!(server.post("exchange/", &json!({"token": link})).code(), "invalid_credentials");
    assert!(is_signed_in(&server.post("exchange/", &json!({"token": link, "code_verifier": VERIFIER}))));

    let errors = |extra: Value| ask("cyd@example.com", extra).json()["errors"].as_object().cloned().unwrap_or_default();
    assert!(errors(json!({"code_challenge": CODE_CHALLENGE})).contains_key("code_challenge_method"));
    assert!(
        errors(json!({"code_challenge": CODE_CHALLENGE, "code_challenge_method": "plain"})).contains_key("code_challenge_method")
    );
    assert!(errors(json!({"code_challenge": "short", "code_challenge_method": "S256"})).contains_key("code_challenge"));
    assert!(errors(json!({"code_challenge": 1, "code_challenge_method": "S256"})).contains_key("code_challenge"));
}

#[test]
fn an_authorization_header_never_matters() {
    let server = Server::start(&[]);
    let headers = [("authorization", "Bearer nonsense")];
    assert_eq!(server.post_with("request/email/", &headers, &json!({"email": "ann@example.com"})).status, 200);
}
