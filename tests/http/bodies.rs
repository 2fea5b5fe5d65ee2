//! Bodies of every type, and every way for a field to be wrong.

use serde_json::{Value, json};

use crate::harness::{Answer, Server};

fn post(server: &Server, path: &str, content_type: Option<&str>, body: &[u8]) -> Answer {
    let headers: Vec<_> = content_type.map(|kind| ("content-type", kind)).into_iter().collect();
    server.connect().request("POST", &format!("/passwordless/{path}"), &headers, body)
}

#[test]
fn every_type_of_body() {
    let server = Server::start(&[]);
    let multipart = "--X\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\nd@example.com\r\n--X--\r\n";
    let bodies: [(Option<&str>, &str); 8] = [
        (Some("application/json"), r#"{"email": "a@example.com"}"#),
        (Some("application/json; charset=utf-8"), r#"{"email": "b@example.com"}"#),
        (Some("application/x-www-form-urlencoded"), "email=c%40example.com"),
        (Some("multipart/form-data; boundary=X"), multipart),
        // As `curl --data '{…}'` sends it.
        (Some("application/x-www-form-urlencoded"), "{\n\t\"email\": \"e@example.com\"\n}"),
        (Some("multipart/form-data; boundary=X"), r#"{"email": "h@example.com"}"#),
        (None, r#"{"email": "f@example.com"}"#),
        (Some("APPLICATION/JSON"), r#"{"email": "g@example.com", "unknown": [1, {"a": null}]}"#),
    ];
    for (content_type, body) in bodies {
        let answer = post(&server, "request/email/", content_type, body.as_bytes());
        assert_eq!(answer.status, 200, "{content_type:?} {body}: {answer:?}");
    }
}

#[test]
fn bodies_that_cannot_be_read() {
    let server = Server::start(&[]);
    let json = Some("application/json");
    let cases: [(Option<&str>, &[u8], u16, &str); 8] = [
        (json, b"{", 400, "parse_error"),
        (json, b"{\"email\": \"a\xff@example.com\"}", 400, "parse_error"),
        (json, b"email=a", 400, "parse_error"),
        (Some("multipart/form-data; boundary=X"), b"nonsense", 400, "parse_error"),
        (Some("text/plain"), b"{}", 415, "unsupported_media_type"),
        (None, b"email=a", 415, "unsupported_media_type"),
        (json, b"[]", 400, "invalid"),
        (json, b"null", 400, "invalid"),
    ];
    for (content_type, body, status, code) in cases {
        let answer = post(&server, "request/email/", content_type, body);
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{content_type:?} {}", String::from_utf8_lossy(body));
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    let list = post(&server, "request/email/", json, b"[1]").json();
    assert_eq!(list["non_field_errors"], json!(["Invalid data. Expected a dictionary, but got list."]));
    let null = post(&server, "request/email/", json, b"null").json();
    assert_eq!(null["non_field_errors"], json!(["No data provided"]));
}

#[test]
fn an_empty_body_is_an_empty_object() {
    let server = Server::start(&[]);
    for content_type in [None, Some("application/json"), Some("text/plain")] {
        let answer = post(&server, "request/email/", content_type, b"");
        assert_eq!((answer.status, &answer.json()["email"]), (400, &json!(["This field is required."])));
    }
}

#[test]
fn a_field_error_has_the_originals_words_and_ours() {
    let server = Server::start(&[]);
    let answer = server.post("request/email/", &json!({"email": "nonsense"}));
    let detail = answer.json()["detail"].clone();
    let wanted = json!({
        "type": "about:blank", "title": "Bad Request", "status": 400, "detail": detail, "code": "invalid",
        "errors": {"email": ["Enter a valid email address."]}, "email": ["Enter a valid email address."]
    });
    assert_eq!(answer.json(), wanted);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
}

#[test]
fn every_way_for_a_field_to_be_wrong() {
    let server = Server::start(&[("passwordless.allowed_passwordless_methods", "EMAIL,MOBILE")]);
    let ways = [
        (None, "This field is required."),
        (Some(json!("")), "This field may not be blank."),
        (Some(json!(" \t")), "This field may not be blank."),
        (Some(json!(null)), "This field may not be null."),
        (Some(json!([])), "Not a valid string."),
        (Some(json!({})), "Not a valid string."),
        (Some(json!(true)), "Not a valid string."),
        (Some(json!(1.5)), "Not a valid string."),
    ];
    let fields = [
        ("request/email/", "email"),
        ("request/mobile/", "phone_number"),
        ("exchange/email/", "email"),
        ("exchange/email/", "token"),
        ("exchange/email/", "challenge"),
        ("exchange/mobile/", "phone_number"),
        ("exchange/mobile/", "token"),
        ("exchange/", "token"),
        ("resend/", "challenge"),
        ("token/refresh/", "refresh"),
        ("token/verify/", "token"),
    ];
    for (path, field) in fields {
        for (value, message) in &ways {
            let mut body =
                json!({"email": "a@example.com", "phone_number": "+12025550143", "token": "1", "challenge": "x", "refresh": "x"});
            if path == "exchange/" || path == "resend/" {
                body.as_object_mut().unwrap().remove("phone_number");
            }
            match value {
                Some(value) => body[field] = value.clone(),
                None => drop(body.as_object_mut().unwrap().remove(field)),
            }
            let answer = server.post(path, &body);
            assert_eq!((answer.status, answer.code().as_str()), (400, "invalid"), "{path} {field} {value:?}");
            assert_eq!(answer.json()[field], json!([message]), "{path} {field} {value:?}");
            assert_eq!(answer.json()["errors"], json!({field: [message]}), "{path} {field} {value:?}");
        }
    }
    let all = server.post("exchange/email/", &json!({})).json();
    for field in ["email", "token", "challenge"] {
        assert_eq!(all["errors"][field], json!(["This field is required."]));
    }
    for number in [json!(15_551_234_567_u64), json!(5)] {
        let answer = server.post("request/mobile/", &json!({"phone_number": number}));
        assert_eq!((answer.status, &answer.json()["phone_number"]), (400, &json!(["Not a valid string."])));
    }
}

#[test]
fn addresses_and_numbers_that_are_none() {
    let server = Server::start(&[("passwordless.allowed_passwordless_methods", "EMAIL,MOBILE")]);
    let emails = [
        "ann",
        "@example.com",
        "ann@",
        "a b@example.com",
        "ann@example.com,ben@example.com",
        "Ann <ann@example.com>",
        "ann@example.com\r\nBcc: ben@example.com",
        "ann\n@example.com",
        "\"ann\"@example.com",
        "ann@[192.0.2.1]",
        ".ann@example.com",
        "ann@host",
        "änn@example.com",
        "ann@ſtrange.example,",
        "ann@exa\u{2028}mple.com",
        "ann@@example.com",
    ];
    for email in emails {
        let answer = server.post("request/email/", &json!({"email": email}));
        assert_eq!((answer.status, &answer.json()["email"]), (400, &json!(["Enter a valid email address."])), "{email:?}");
    }
    let long = format!("{}@example.com", "a".repeat(250));
    assert_eq!(server.post("request/email/", &json!({"email": long})).status, 400);
    for number in [
        "12025550143",
        "0012025550143",
        "+1",
        "+1202555014a",
        "2025550143",
        "+999123456789",
        &format!("+1{}", "2".repeat(10_000)),
    ] {
        let answer = server.post("request/mobile/", &json!({"phone_number": number}));
        assert_eq!((answer.status, &answer.json()["phone_number"]), (400, &json!(["Enter a valid phone number."])), "{number:?}");
    }
    let look_alikes =
        ["ann@example.com", "ANN@EXAMPLE.COM"].map(|email| server.post("request/email/", &json!({"email": email})).status);
    assert_eq!(look_alikes, [200, 429], "one address in two spellings");
}

#[test]
fn fields_can_have_other_names() {
    let server = Server::start(&[("passwordless.email_field_name", "mail"), ("passwordless.mobile_field_name", "tel")]);
    assert_eq!(server.post("request/email/", &json!({"mail": "ann@example.com"})).status, 200);
    let errors: Value = server.post("request/email/", &json!({"email": "ann@example.com"})).json()["errors"].take();
    assert_eq!(errors, json!({"mail": ["This field is required."]}));
}

#[test]
fn other_optional_fields_are_judged_too() {
    let server = Server::start(&[]);
    for field in ["locale", "puzzle", "altcha", "code_challenge", "code_challenge_method"] {
        let answer = server.post("request/email/", &json!({"email": "ann@example.com", field: 5}));
        assert!(answer.json()["errors"][field].is_array(), "{field}: {answer:?}");
        let answer = server.post("request/email/", &json!({"email": "ann@example.com", field: null}));
        assert_eq!(answer.json()["errors"], json!({field: ["This field may not be null."]}), "{answer:?}");
    }
    let ok = server.post("request/email/", &json!({"email": "ann@example.com", "locale": "de-CH", "puzzle": "nonsense"}));
    assert_eq!(ok.status, 200, "a wrong solution is none");
}
