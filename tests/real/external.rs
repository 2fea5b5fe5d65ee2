//! Verify providers, as their own libraries from PyPI speak and sign.

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::{
    parts::{Part, folder, output, python, trial},
    stand_in::StandIn,
};
use crate::harness::Server;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("external::telnyx_is_asked_as_its_own_library_asks", &[Part::Python], || {
            for method in ["sms", "call", "flashcall"] {
                compare("telnyx", method, &[("api_key", "KEY0123"), ("verify_profile_id", "49000192-1bdb")]);
            }
        }),
        trial("external::twilio_is_asked_as_its_own_library_asks", &[Part::Python], || {
            for method in ["sms", "call", "whatsapp"] {
                compare("twilio", method, &[("account_sid", "AC0123"), ("auth_token", "tok:en"), ("service_sid", "VA4567")]);
            }
        }),
        trial("external::webhooks_are_as_the_providers_own_libraries_sign_them", &[Part::Python], webhooks),
    ]
}

const NUMBER: &str = "+12025550143";

/// Our start and our check are those of the provider's library.
fn compare(provider: &str, method: &str, keys: &[(&str, &str)]) {
    let mut stand_in = StandIn::start("verify_provider.py", []);
    let base = format!("http://127.0.0.1:{}", stand_in.port());
    let script = folder().join("verify_sdk.py");
    output(python().arg(script).args([provider, &base, NUMBER, method, "123456"]));
    let theirs = [stand_in.next_line(), stand_in.next_line()];

    let named: Vec<_> = keys.iter().map(|(key, value)| (format!("external_2fa.{key}"), *value)).collect();
    let mut settings = vec![
        ("passwordless.allowed_passwordless_methods", "MOBILE"),
        ("external_2fa.provider", provider),
        ("external_2fa.api_base", &base),
    ];
    settings.extend(named.iter().map(|(key, value)| (key.as_str(), *value)));
    let server = Server::start(&settings);
    let answer = server.post("external/request/", &json!({"phone_number": NUMBER, "method": method}));
    assert_eq!(answer.status, 200, "{answer:?}");
    let login = json!({"phone_number": NUMBER, "code": "123456", "challenge": answer.json()["challenge"]});
    assert_eq!(server.post("external/verify/", &login).status, 200);
    let ours = [stand_in.next_line(), stand_in.next_line()];
    // Whether a path writes the plus of a number as it is or encoded, it is the same path (RFC 3986 §2.3, §6.2.2.2).
    let plain = |call: &Value| {
        let mut call = call.clone();
        call["path"] = call["path"].as_str().unwrap().replace("%2B", "+").into();
        call
    };
    assert_eq!(ours.each_ref().map(plain), theirs.each_ref().map(plain), "{provider} {method}");
}

/// We believe what the provider's library believes, and nothing else.
fn webhooks() {
    let path = "/passwordless/external/webhook/";
    let script = folder().join("verify_webhook.py");
    let printed = output(python().arg(script).arg(format!("https://login.example.com{path}")));
    let mut lines = printed.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let key = lines.next().unwrap()["key"].as_str().unwrap().to_owned();
    let mobile = ("passwordless.allowed_passwordless_methods", "MOBILE");
    let telnyx = Server::start(&[
        mobile,
        ("external_2fa.provider", "telnyx"),
        ("external_2fa.api_key", "KEY"),
        ("external_2fa.verify_profile_id", "p"),
        ("external_2fa.webhook_public_key", &key),
    ]);
    let twilio = Server::start(&[
        mobile,
        ("server.public_url", "https://login.example.com"),
        ("external_2fa.provider", "twilio"),
        ("external_2fa.account_sid", "AC0123"),
        ("external_2fa.auth_token", "tok:en"),
        ("external_2fa.service_sid", "VA4567"),
    ]);
    let (mut accepted, mut refused) = (0, 0);
    for case in lines {
        let headers: Vec<_> =
            case["headers"].as_object().unwrap().iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect();
        let server = if headers.iter().any(|(name, _)| name.starts_with("telnyx")) { &telnyx } else { &twilio };
        let answer = server.connect().request("POST", path, &headers, case["body"].as_str().unwrap().as_bytes());
        let expected = if case["accepted"] == true { 200 } else { 401 };
        assert_eq!(answer.status, expected, "{case}: {answer:?}");
        *(if expected == 200 { &mut accepted } else { &mut refused }) += 1;
    }
    assert_eq!((accepted, refused), (6, 6));
}
