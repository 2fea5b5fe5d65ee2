//! What we send to providers is what their own libraries send.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    process::{Command, Stdio},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::parts::{Part, folder, output, python, trial};
use crate::harness::{
    Server,
    api::{Api, Call},
};

const NUMBER: &str = "+12025550123";
const FROM: &str = "+12025550100";

pub(crate) fn trials() -> Vec<Trial> {
    let python = [Part::Python];
    vec![
        trial("providers::twilio_s_own_library_sends_what_we_send", &python, twilio),
        trial("providers::telnyx_s_own_library_sends_what_we_send", &python, telnyx),
        trial("providers::amazon_s_own_library_sends_and_signs_what_we_send", &python, amazon),
        trial("providers::an_endpoint_of_one_s_own_verifies_us_with_the_public_library", &python, webhook),
    ]
}

/// A server whose messages of this kind go to a stand-in.
fn server(api: &Api, section: &str, settings: &[(&str, &str)]) -> Server {
    let settings = settings.iter().map(|(key, value)| (format!("{section}.{key}"), *value));
    let base = [
        ("passwordless.allowed_passwordless_methods".to_owned(), "EMAIL,MOBILE"),
        (format!("{section}.api_base"), api.url.as_str()),
    ];
    let all: Vec<_> = base.into_iter().chain(settings).collect();
    let all: Vec<_> = all.iter().map(|(key, value)| (key.as_str(), *value)).collect();
    Server::start(&all)
}

/// What we send, and then what the provider's library sends to the same place.
fn both(
    section: &str,
    settings: &[(&str, &str)],
    answer: crate::harness::api::Script,
    library: impl Fn(&Api, &Call) -> Command,
) -> (Call, Call) {
    let api = Api::start(answer);
    let server = server(&api, section, settings);
    match section {
        "sms" => server.post("request/mobile/", &json!({"phone_number": NUMBER})),
        _ => server.post("request/email/", &json!({"email": "ann@example.com"})),
    };
    let ours = api.wait_for_call(0);
    output(&mut library(&api, &ours));
    (ours, api.wait_for_call(1))
}

fn script(arguments: &[&str]) -> Command {
    let mut command = python();
    command.arg(folder().join("providers.py")).args(arguments);
    command
}

fn kind(call: &Call) -> &str {
    call.header("content-type").split(';').next().unwrap_or_default()
}

fn fields(call: &Call) -> BTreeMap<String, String> {
    call.form().into_iter().collect()
}

fn twilio() {
    let settings = [("transport", "twilio"), ("account_sid", "AC0123"), ("auth_token", "secret"), ("from", FROM)];
    let answer = |_| ("201 Created", "content-type: application/json\r\n", r#"{"sid":"SM1"}"#);
    let (ours, theirs) = both("sms", &settings, answer, |api, ours| {
        script(&["twilio", &api.url, "AC0123", "secret", FROM, NUMBER, &fields(ours)["Body"]])
    });
    assert_eq!((&ours.line, kind(&ours)), (&theirs.line, kind(&theirs)));
    assert_eq!(ours.header("authorization"), theirs.header("authorization"));
    assert_eq!(fields(&ours), fields(&theirs));
}

fn telnyx() {
    let settings = [("transport", "telnyx"), ("api_key", "KEY0123"), ("from", FROM)];
    let answer = |_| ("200 OK", "content-type: application/json\r\n", r#"{"data":{"id":"1"}}"#);
    let (ours, theirs) = both("sms", &settings, answer, |api, ours| {
        script(&["telnyx", &api.url, "KEY0123", FROM, NUMBER, ours.json()["text"].as_str().expect("a text")])
    });
    assert_eq!((&ours.line, kind(&ours)), (&theirs.line, kind(&theirs)));
    assert_eq!(ours.header("authorization"), theirs.header("authorization"));
    assert_eq!(ours.json(), theirs.json());
}

fn amazon() {
    let key = [("region", "eu-central-1"), ("access_key_id", "AKIDEXAMPLE"), ("secret_access_key", "wJalr/XUtn+FEMI")];
    let arguments = ["eu-central-1", "AKIDEXAMPLE", "wJalr/XUtn+FEMI"];
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("mail");
    let settings = [&[("transport", "ses"), ("from", "Ann <noreply@books.example>")][..], &key].concat();
    let answer = |_| ("200 OK", "content-type: application/json\r\n", r#"{"MessageId":"1"}"#);
    let (ours, theirs) = both("email", &settings, answer, |api, ours| {
        let mail = STANDARD.decode(ours.json()["Content"]["Raw"]["Data"].as_str().expect("a text")).expect("base64");
        fs::write(&file, mail).expect("the folder can be written");
        let file = file.to_str().expect("a path of ASCII");
        script(&[&["ses", &api.url][..], &arguments, &["noreply@books.example", "ann@example.com", file]].concat())
    });
    assert_eq!((&ours.line, ours.json()), (&theirs.line, theirs.json()));
    assert_signed(&ours, "ses", &arguments);

    let settings = [&[("transport", "sns"), ("from", "Books")][..], &key].concat();
    let answer = |_| {
        let body = "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult><MessageId>1</MessageId>\
                    </PublishResult></PublishResponse>";
        ("200 OK", "content-type: text/xml\r\n", body)
    };
    let (ours, theirs) = both("sms", &settings, answer, |api, ours| {
        script(&[&["sns", &api.url][..], &arguments, &["Books", NUMBER, &fields(ours)["Message"]]].concat())
    });
    assert_eq!((&ours.line, fields(&ours)), (&theirs.line, fields(&theirs)));
    assert_signed(&ours, "sns", &arguments);
}

/// botocore signs the same request with the same bytes.
fn assert_signed(call: &Call, service: &str, arguments: &[&str]) {
    let path = call.line.split(' ').nth(1).expect("a path");
    let headers: BTreeMap<_, _> = call.headers().iter().cloned().collect();
    let body = String::from_utf8(call.body.clone()).expect("text");
    let request = json!({"url": format!("http://{}{path}", call.header("host")), "headers": headers, "body": body});
    let mut signing = script(&[&["sign"][..], arguments, &[service]].concat());
    let mut signing = signing.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("Python starts");
    signing.stdin.take().expect("a pipe").write_all(request.to_string().as_bytes()).expect("it reads");
    let signed = signing.wait_with_output().expect("it ends");
    assert!(signed.status.success(), "{signed:?}");
    assert_eq!(call.header("authorization"), String::from_utf8_lossy(&signed.stdout).trim_end());
}

fn webhook() {
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let api = Api::start(|_| ("200 OK", "", ""));
    let server = Server::start(&[("email.transport", "http"), ("email.url", &api.url), ("email.secret", SECRET)]);
    server.post("request/email/", &json!({"email": "ann@example.com"}));
    let call = api.wait_for_call(0);
    let headers = ["webhook-id", "webhook-timestamp", "webhook-signature"].map(|name| call.header(name).to_owned());
    let body = String::from_utf8(call.body.clone()).expect("text");
    let verify = |body: &str| {
        let mut command = python();
        command.arg(folder().join("webhook.py")).args(["verify", SECRET, &headers[0], &headers[1], body, &headers[2]]);
        command.stderr(Stdio::null()).status().expect("Python starts").success()
    };
    assert!(verify(&body) && !verify(&body.replace("ann", "eve")));
    assert_eq!(call.json()["to"], Value::from("ann@example.com"));
}
