//! `external/webhook/`: what Telnyx and Twilio report, and what strangers make of it.

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use countersign::serve::clock;
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::json;

use super::{
    refusal,
    stand_in::{Kind, Provider},
    wait_for_events,
};
use crate::harness::{Answer, Server};

const PATH: &str = "/passwordless/external/webhook/";

fn telnyx_key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn public_key() -> String {
    STANDARD.encode(telnyx_key().verifying_key().as_bytes())
}

fn telnyx_server() -> (Provider, Server) {
    let provider = Provider::start(Kind::Telnyx);
    let server = provider.server(&[("external_2fa.webhook_public_key", &public_key()), ("events.audit", "audit.log")]);
    (provider, server)
}

fn twilio_server() -> (Provider, Server) {
    let provider = Provider::start(Kind::Twilio);
    let server = provider.server(&[("server.public_url", "https://login.example.com"), ("events.audit", "audit.log")]);
    (provider, server)
}

fn now() -> u64 {
    clock::now().as_seconds()
}

fn event(event_type: &str, id: &str) -> String {
    json!({
        "data": {
            "event_type": event_type, "id": id,
            "payload": {"id": "v-1", "delivery_status": "delivered", "status": "pending", "custom_code": "123456", "phone_number": super::ANN},
        }
    })
    .to_string()
}

fn post(server: &Server, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    server.connect().request("POST", path, headers, body)
}

fn signed_at(server: &Server, body: &str, timestamp: &str, content_type: &str) -> Answer {
    let signature = STANDARD.encode(telnyx_key().sign(format!("{timestamp}|{body}").as_bytes()).to_bytes());
    let headers = [("content-type", content_type), ("telnyx-signature-ed25519", &*signature), ("telnyx-timestamp", timestamp)];
    post(server, PATH, &headers, body.as_bytes())
}

fn signed(server: &Server, body: &str) -> Answer {
    signed_at(server, body, &now().to_string(), "application/json")
}

fn signature(value: &str) -> (&str, &str) {
    ("telnyx-signature-ed25519", value)
}

fn at(value: &str) -> (&str, &str) {
    ("telnyx-timestamp", value)
}

fn twilio_signature(url: &str, pairs: &[(&str, &str)]) -> String {
    let mut sorted = pairs.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let pairs: String = sorted.into_iter().flat_map(|(name, value)| [name, value]).collect();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"tok:en");
    STANDARD.encode(hmac::sign(&key, format!("{url}{pairs}").as_bytes()))
}

fn form(pairs: &[(&str, &str)]) -> String {
    pairs.iter().map(|(name, value)| format!("{name}={}", value.replace('+', "%2B"))).collect::<Vec<_>>().join("&")
}

fn assert_ok(answer: &Answer) {
    assert_eq!((answer.status, answer.json()), (200, json!({"detail": "OK"})), "{answer:?}");
}

fn assert_unsigned(answer: &Answer) {
    assert_eq!(refusal(answer), (401, "invalid_signature".into()), "{answer:?}");
    assert_eq!(answer.json()["detail"], "Invalid signature");
}

#[test]
fn telnyx_events_are_heard_where_its_key_is_configured() {
    let (_provider, server) = telnyx_server();
    for (at, event_type) in ["verify.sent", "verify.delivered", "verify.failed"].into_iter().enumerate() {
        assert_ok(&signed(&server, &event(event_type, &format!("e-{at}"))));
    }
    assert_ok(&signed(&server, &event("verify.sent", "e-0")));
    let without_slash = event("verify.sent", "e-9");
    let timestamp = now().to_string();
    let signature = STANDARD.encode(telnyx_key().sign(format!("{timestamp}|{without_slash}").as_bytes()).to_bytes());
    let headers = [("telnyx-signature-ed25519", &*signature), ("telnyx-timestamp", &*timestamp)];
    assert_ok(&post(&server, PATH.trim_end_matches('/'), &headers, without_slash.as_bytes()));
    assert_eq!(refusal(&server.get(PATH)), (405, "method_not_allowed".into()));
    super::assert_discreet(&server);
}

#[test]
fn each_report_is_an_event_once_and_holds_no_number_and_no_code() {
    let (_provider, server) = telnyx_server();
    let without_status = event("verify.sent", "e-1").replace("delivery_status", "x");
    assert_ok(&signed(&server, &without_status));
    for _ in 0..3 {
        assert_ok(&signed(&server, &event("verify.sent", "e-2")));
    }
    let failed = event("verify.failed", "e-3").replace("\"delivered\"", "\"sending_failed\"");
    assert_ok(&signed(&server, &failed));
    // What is refused is no event, and takes no id.
    assert_unsigned(&post(&server, PATH, &[], event("verify.sent", "e-4").as_bytes()));
    assert_eq!(signed(&server, &event("verify.other", "e-4")).status, 400);
    assert_ok(&signed(&server, &event("verify.delivered", "e-4")));
    let told = wait_for_events(&server, "verification.", 4);
    let data = |at: usize| (told[at]["type"].as_str().unwrap(), told[at]["data"].clone());
    let of = |id: &str, status: &str| json!({"id": id, "channel": "mobile", "provider_id": "v-1", "delivery_status": status});
    assert_eq!(data(0), ("verification.sent", of("e-1", "sent")));
    assert_eq!(data(1), ("verification.delivered", of("e-2", "delivered")), "the state is that of the delivery");
    assert_eq!(data(2), ("verification.delivery_failed", of("e-3", "sending_failed")));
    assert_eq!(data(3), ("verification.delivered", of("e-4", "delivered")));
    assert_eq!(told.len(), 4, "{told:?}");
}

#[test]
fn a_message_of_twilio_is_told_of_once_for_each_of_its_states() {
    let (_provider, server) = twilio_server();
    let url = format!("https://login.example.com{PATH}");
    for status in ["queued", "sent", "sent", "delivered", "undelivered"] {
        let pairs = [("MessageSid", "SM0123"), ("MessageStatus", status), ("To", "+12025550143")];
        let headers = [("x-twilio-signature", &*twilio_signature(&url, &pairs))];
        assert_ok(&post(&server, PATH, &headers, form(&pairs).as_bytes()));
    }
    let told = wait_for_events(&server, "verification.", 3);
    let of = |status: &str| json!({"id": format!("SM0123:{status}"), "channel": "mobile", "provider_id": "SM0123", "delivery_status": status});
    let data: Vec<_> = told.iter().map(|event| (event["type"].as_str().unwrap(), event["data"].clone())).collect();
    let expected = [
        ("verification.sent", of("sent")),
        ("verification.delivered", of("delivered")),
        ("verification.delivery_failed", of("undelivered")),
    ];
    assert_eq!(data, expected);
}

#[test]
fn without_a_key_there_is_no_such_route() {
    for kind in [Kind::Telnyx, Kind::Http] {
        let server = Provider::start(kind).server(&[]);
        for answer in [signed(&server, &event("verify.sent", "1")), server.get(PATH), server.post("external/webhook", &json!({}))]
        {
            assert_eq!(refusal(&answer), (404, "not_found".into()), "{kind:?}");
        }
    }
}

#[test]
fn whatever_is_not_signed_by_telnyx_is_401() {
    let (_provider, server) = telnyx_server();
    let body = event("verify.sent", "1");
    let timestamp = now().to_string();
    let sign = |key: &SigningKey, text: &str| STANDARD.encode(key.sign(text.as_bytes()).to_bytes());
    let right = sign(&telnyx_key(), &format!("{timestamp}|{body}"));
    let (stranger, moved) = (SigningKey::from_bytes(&[8; 32]), format!("{}", now() + 1));
    let of_others = sign(&stranger, &format!("{timestamp}|{body}"));
    let padded = format!(" {right}=");
    let twilio = twilio_signature(&format!("https://login.example.com{PATH}"), &[]);
    let cases: Vec<(&str, Vec<(&str, &str)>)> = vec![
        ("none", vec![]),
        ("no signature", vec![at(&timestamp)]),
        ("no timestamp", vec![signature(&right)]),
        ("empty", vec![signature(""), at(&timestamp)]),
        ("another timestamp", vec![signature(&right), at(&moved)]),
        ("another key", vec![signature(&of_others), at(&timestamp)]),
        ("swapped headers", vec![signature(&timestamp), at(&right)]),
        ("another encoding", vec![signature(&padded), at(&timestamp)]),
        (
            "zeros",
            vec![
                signature("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="),
                at(&timestamp),
            ],
        ),
        ("two signatures", vec![signature(&of_others), signature(&right), at(&timestamp)]),
        ("the same twice", vec![signature(&right), signature(&right), at(&timestamp)]),
        ("two timestamps", vec![signature(&right), at(&timestamp), at(&timestamp)]),
        ("another provider's header", vec![("x-twilio-signature", &right), at(&timestamp)]),
        ("another provider's signature", vec![("x-twilio-signature", &twilio)]),
    ];
    for (what, headers) in cases {
        let answer = post(&server, PATH, &headers, body.as_bytes());
        assert_eq!((what, answer.status, answer.json()["detail"].as_str()), (what, 401, Some("Invalid signature")));
        assert_unsigned(&answer);
        assert!(answer.header("www-authenticate").is_some());
    }
    let headers = [signature(&right), at(&timestamp)];
    for altered in [body.replace("sent", "failed"), format!("{body} "), body.replace("\":", "\": "), String::new()] {
        assert_unsigned(&post(&server, PATH, &headers, altered.as_bytes()));
    }
    // What was not signed is not parsed either.
    assert_unsigned(&post(&server, PATH, &[], b"{"));
    assert_ok(&post(&server, PATH, &headers, body.as_bytes()));
}

#[test]
fn a_timestamp_is_good_for_300_seconds_either_way() {
    let (_provider, server) = telnyx_server();
    for (at, is_good) in [(-310, false), (-295, true), (0, true), (295, true), (310, false)] {
        let timestamp = (i64::try_from(now()).unwrap() + at).to_string();
        let answer = signed_at(&server, &event("verify.sent", &format!("t{at}")), &timestamp, "application/json");
        assert_eq!(answer.status, if is_good { 200 } else { 401 }, "{at}");
    }
    for timestamp in ["", "now", "+1800000000", "1800000000.5", "0x6b49d200", "-1", "18446744073709551616"] {
        assert_unsigned(&signed_at(&server, &event("verify.sent", "1"), timestamp, "application/json"));
    }
}

#[test]
fn what_is_signed_and_makes_no_sense_is_400_and_says_what() {
    let (_provider, server) = telnyx_server();
    for (body, detail) in [
        ("", "The webhook payload is not JSON"),
        ("{", "The webhook payload is not JSON"),
        ("[]", "Missing 'data' key in webhook payload"),
        ("null", "Missing 'data' key in webhook payload"),
        ("{}", "Missing 'data' key in webhook payload"),
        (r#"{"data":[]}"#, "'data' must be a dictionary"),
        (r#"{"data":"x"}"#, "'data' must be a dictionary"),
        (r#"{"data":{}}"#, "Missing 'event_type' in webhook data"),
        (r#"{"data":{"event_type":"verify.unknown","id":"1"}}"#, "Unexpected event type: verify.unknown"),
        (r#"{"data":{"event_type":"<script>\"","id":"1"}}"#, "Unexpected event type: <script>\""),
        (r#"{"data":{"event_type":"verify.sent"}}"#, "Missing 'id' in webhook data"),
        (r#"{"data":{"event_type":"verify.sent","id":1}}"#, "Missing 'id' in webhook data"),
    ] {
        let answer = signed(&server, body);
        assert_eq!(refusal(&answer), (400, "invalid".into()), "{body}");
        assert_eq!(answer.json()["detail"], detail, "{body}");
    }
}

#[test]
fn the_type_of_the_body_decides_nothing_and_its_size_is_limited() {
    let (_provider, server) = telnyx_server();
    for (at, content_type) in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "x"].into_iter().enumerate()
    {
        let body = event("verify.sent", &format!("c{at}"));
        assert_ok(&signed_at(&server, &body, &now().to_string(), content_type));
        assert_unsigned(&post(&server, PATH, &[("content-type", content_type)], body.as_bytes()));
    }
    let huge = format!(r#"{{"data":{{"event_type":"verify.sent","id":"{}"}}}}"#, "x".repeat(20_000));
    assert_eq!(refusal(&signed(&server, &huge)), (413, "content_too_large".into()));
    let deep =
        format!(r#"{{"data":{{"event_type":"verify.sent","id":"d","payload":{}1{}}}}}"#, "[".repeat(5000), "]".repeat(5000));
    assert_eq!(signed(&server, &deep).status, 400);
}

#[test]
fn twilio_callbacks_are_signed_over_the_public_url() {
    let (_provider, server) = twilio_server();
    let url = format!("https://login.example.com{PATH}");
    let pairs = [("MessageSid", "SM0123"), ("MessageStatus", "delivered"), ("To", "+12025550143"), ("AccountSid", "AC0123")];
    let (body, signature) = (form(&pairs), twilio_signature(&url, &pairs));
    let with = |signature: &str, path: &str, body: &str| {
        let headers = [("content-type", "application/x-www-form-urlencoded"), ("x-twilio-signature", signature)];
        post(&server, path, &headers, body.as_bytes())
    };
    assert_ok(&with(&signature, PATH, &body));
    assert_ok(&with(&signature, PATH, &body));
    let with_port = twilio_signature(&format!("https://login.example.com:443{PATH}"), &pairs);
    assert_ok(&with(&with_port, PATH, &body));
    let query = format!("{PATH}?a=1&b=2");
    assert_ok(&with(&twilio_signature(&format!("https://login.example.com{query}"), &pairs), &query, &body));
    let bare = PATH.trim_end_matches('/');
    assert_ok(&with(&twilio_signature(&format!("https://login.example.com{bare}"), &pairs), bare, &body));
    let twice = [&pairs[..], &[("MessageStatus", "delivered"), ("x", "2"), ("x", "1")]].concat();
    assert_ok(&with(&twilio_signature(&url, &twice), PATH, &form(&twice)));

    // Whose host the request names decides nothing.
    let local = twilio_signature(&format!("http://{}{PATH}", server.address), &pairs);
    let host = [
        ("x-forwarded-host", "evil.example"),
        ("x-twilio-signature", &*twilio_signature(&format!("https://evil.example{PATH}"), &pairs)),
    ];
    assert_unsigned(&post(&server, PATH, &host, body.as_bytes()));
    let second_status = format!("{body}&MessageStatus=failed");
    for (what, answer) in [
        ("another URL", with(&local, PATH, &body)),
        ("another path", with(&signature, bare, &body)),
        ("a query", with(&signature, &format!("{PATH}?a=1"), &body)),
        ("a changed body", with(&signature, PATH, &body.replace("delivered", "failed"))),
        ("a duplicate name", with(&signature, PATH, &second_status)),
        ("nothing", with("", PATH, &body)),
        ("no base64", with("%%%", PATH, &body)),
        ("half of it", with(&signature[..14], PATH, &body)),
    ] {
        assert_eq!((what, answer.status), (what, 401));
        assert_unsigned(&answer);
    }
    for headers in [&[][..], &[("x-twilio-signature", &*signature), ("x-twilio-signature", &signature)]] {
        assert_unsigned(&post(&server, PATH, headers, body.as_bytes()));
    }
    // Telnyx's header says that Telnyx's rules apply, and it isn't configured here.
    let both = [("x-twilio-signature", &*signature), ("telnyx-signature-ed25519", "x"), ("telnyx-timestamp", "1")];
    assert_unsigned(&post(&server, PATH, &both, body.as_bytes()));
    super::assert_discreet(&server);
}

#[test]
fn callbacks_of_sms_by_twilio_are_heard_without_a_verify_provider() {
    let twilio = [
        ("passwordless.allowed_passwordless_methods", "MOBILE"),
        ("server.public_url", "https://login.example.com"),
        ("sms.transport", "twilio"),
        ("sms.account_sid", "AC00000000000000000000000000000000"),
        ("sms.auth_token", "tok:en"),
        ("sms.from", "+12025550100"),
    ];
    let server = Server::start(&twilio);
    let pairs = [("MessageSid", "SM0123"), ("MessageStatus", "undelivered"), ("ErrorCode", "30003")];
    let url = format!("https://login.example.com{PATH}");
    let signature = twilio_signature(&url, &pairs);
    assert_ok(&post(&server, PATH, &[("x-twilio-signature", &signature)], form(&pairs).as_bytes()));
    assert_unsigned(&post(&server, PATH, &[("x-twilio-signature", "AAAA")], form(&pairs).as_bytes()));
    assert_eq!(refusal(&server.post("external/request/", &json!({}))), (503, "provider_not_configured".into()));
}

#[test]
fn a_twilio_body_of_another_type_is_the_form_that_was_signed_or_nothing() {
    let (_provider, server) = twilio_server();
    let url = format!("https://login.example.com{PATH}");
    let json = r#"{"MessageSid":"SM1","MessageStatus":"failed"}"#;
    let of_nothing = twilio_signature(&url, &[]);
    for content_type in ["application/json", "text/plain", "multipart/form-data; boundary=x"] {
        let headers = [("content-type", content_type), ("x-twilio-signature", &*of_nothing)];
        assert_unsigned(&post(&server, PATH, &headers, json.as_bytes()));
        let pairs = [("MessageSid", "SM2"), ("MessageStatus", "sent")];
        let signature = twilio_signature(&url, &pairs);
        let headers = [("content-type", content_type), ("x-twilio-signature", &*signature)];
        assert_ok(&post(&server, PATH, &headers, form(&pairs).as_bytes()));
    }
    let headers = [("x-twilio-signature", &*of_nothing)];
    assert_ok(&post(&server, PATH, &headers, b""));
}
