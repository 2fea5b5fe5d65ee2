//! Messages through others' HTTP APIs, and through one after the other.

use countersign::{outbound::signing::WebhookSecret, serve::clock};
use serde_json::json;

use super::stand_in::{SECRET, SmtpServer};
use crate::harness::{
    Answer, Server,
    api::{Api, Call, Script},
    code_in, free_port, wait_for,
};

const NUMBER: &str = "+12025550123";

/// A server whose SMS go to a stand-in.
fn sms(transport: &str, script: Script, settings: &[(&str, &str)]) -> (Api, Server) {
    let api = Api::start(script);
    let url = api.url.clone();
    let mut all = vec![
        ("passwordless.allowed_passwordless_methods", "EMAIL,MOBILE"),
        ("passwordless.token_request_throttle_seconds", "0"),
        ("sms.transport", transport),
        ("sms.api_base", &url),
    ];
    all.extend_from_slice(settings);
    let server = Server::start(&all);
    (api, server)
}

const TWILIO: [(&str, &str); 3] = [("sms.account_sid", "AC0123"), ("sms.auth_token", "secret"), ("sms.from", "+12025550100")];
const TELNYX: [(&str, &str); 2] = [("sms.api_key", "KEY0123"), ("sms.from", "+12025550100")];

fn request(server: &Server) -> Answer {
    server.post("request/mobile/", &json!({"phone_number": NUMBER}))
}

fn messages(server: &Server, channel: &str, adapter: &str, outcome: &str) -> u64 {
    let metrics = String::from_utf8(server.get_admin("/metrics").body).unwrap();
    let line = format!("countersign_messages_total{{channel=\"{channel}\",adapter=\"{adapter}\",outcome=\"{outcome}\"}}");
    let found = metrics.lines().find_map(|found| found.strip_prefix(&line)?.trim().parse().ok());
    found.unwrap_or_else(|| panic!("no {line} in {metrics}"))
}

/// Logs in with the code of what was sent.
fn log_in(server: &Server, answer: &Answer, text: &str) {
    let login = json!({"phone_number": NUMBER, "token": code_in(text), "challenge": answer.json()["challenge"]});
    assert_eq!(server.post("exchange/mobile/", &login).status, 200);
}

#[test]
fn twilio_is_sent_the_form_that_it_documents() {
    let (api, server) = sms("twilio", |_| ("201 Created", "", "{}"), &TWILIO);
    let answer = request(&server);
    let call = api.wait_for_call(0);
    assert_eq!(call.line, "POST /2010-04-01/Accounts/AC0123/Messages.json HTTP/1.1");
    assert_eq!(call.header("content-type"), "application/x-www-form-urlencoded");
    assert_eq!(call.header("authorization"), "Basic QUMwMTIzOnNlY3JldA==");
    let form = call.form();
    let names: Vec<_> = form.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["To", "From", "Body"]);
    assert_eq!((form[0].1.as_str(), form[1].1.as_str()), (NUMBER, "+12025550100"));
    log_in(&server, &answer, &form[2].1);
    wait_for(|| (messages(&server, "mobile", "twilio", "sent") == 1).then_some(()));
}

#[test]
fn a_messaging_service_of_twilio_s_has_a_field_of_its_own() {
    let service = "MG0123456789abcdef0123456789abcdef";
    let (api, server) = sms("twilio", |_| ("201 Created", "", "{}"), &[&TWILIO[..2], &[("sms.from", service)]].concat());
    request(&server);
    assert_eq!(api.wait_for_call(0).form()[1], ("MessagingServiceSid".into(), service.into()));
}

#[test]
fn telnyx_is_sent_the_json_that_it_documents() {
    let (api, server) = sms("telnyx", |_| ("200 OK", "", "{}"), &TELNYX);
    let answer = request(&server);
    let call = api.wait_for_call(0);
    assert_eq!(call.line, "POST /v2/messages HTTP/1.1");
    assert_eq!((call.header("content-type"), call.header("authorization")), ("application/json", "Bearer KEY0123"));
    let body = call.json();
    assert_eq!(body.as_object().unwrap().keys().collect::<Vec<_>>(), ["from", "text", "to"]);
    assert_eq!((&body["to"], &body["from"]), (&json!(NUMBER), &json!("+12025550100")));
    log_in(&server, &answer, body["text"].as_str().unwrap());
}

/// What is verified with a public library in `tests/real/`.
fn is_signed(call: &Call) -> bool {
    let (id, at, signature) = (call.header("webhook-id"), call.header("webhook-timestamp"), call.header("webhook-signature"));
    WebhookSecret::parse(SECRET).unwrap().verify(id, at, signature, &call.body, clock::now()).is_ok()
}

#[test]
fn an_endpoint_of_one_s_own_is_sent_signed_json_for_both_channels() {
    let api = Api::start(|_| ("204 No Content", "", ""));
    let url = format!("{}/messages?from=countersign", api.url);
    let settings = [
        ("passwordless.allowed_passwordless_methods", "EMAIL,MOBILE"),
        ("email.transport", "http"),
        ("email.url", &url),
        ("email.secret", SECRET),
        ("sms.transport", "http"),
        ("sms.url", &url),
        ("sms.secret", SECRET),
    ];
    let server = Server::start(&settings);
    server.post("request/email/", &json!({"email": "ann@example.com", "locale": "de-AT"}));
    let call = api.wait_for_call(0);
    assert_eq!(call.line, "POST /messages?from=countersign HTTP/1.1");
    assert!(is_signed(&call), "{call:?}");
    let body = call.json();
    let keys = ["channel", "code", "link", "locale", "text", "to"];
    assert_eq!(body.as_object().unwrap().keys().collect::<Vec<_>>(), keys);
    assert!(body.as_object().unwrap().values().all(serde_json::Value::is_string));
    assert_eq!((&body["channel"], &body["to"]), (&json!("email"), &json!("ann@example.com")));
    let text = body["text"].as_str().unwrap();
    assert!(text.contains(body["code"].as_str().unwrap()) && text.contains(body["link"].as_str().unwrap()));
    assert!(body["link"].as_str().unwrap().contains("#v4.local."));

    let answer = request(&server);
    let call = api.wait_for_call(1);
    assert!(is_signed(&call), "{call:?}");
    let body = call.json();
    assert_eq!((&body["channel"], &body["to"], &body["link"]), (&json!("mobile"), &json!(NUMBER), &json!("")));
    log_in(&server, &answer, body["text"].as_str().unwrap());
}

#[test]
fn what_fails_for_now_is_tried_again_under_the_same_id_and_a_new_signature() {
    let api = Api::start(|number| match number {
        1 => ("500 X", "", "oh no: +12025550123"),
        2 => ("408 X", "", ""),
        3 => ("503 X", "retry-after: 2\r\n", ""),
        _ => ("200 OK", "", ""),
    });
    let settings = [
        ("passwordless.allowed_passwordless_methods", "EMAIL,MOBILE"),
        ("sms.transport", "http"),
        ("sms.url", &api.url),
        ("sms.secret", SECRET),
    ];
    let server = Server::start(&settings);
    request(&server);
    api.wait_for_call(3);
    wait_for(|| (messages(&server, "mobile", "http", "sent") == 1).then_some(()));
    let calls = api.calls();
    assert!(calls.iter().all(is_signed));
    assert!(calls.iter().all(|call| call.header("webhook-id") == calls[0].header("webhook-id") && call.body == calls[0].body));
    assert_ne!(calls[0].header("webhook-timestamp"), calls[3].header("webhook-timestamp"));
    assert_eq!(messages(&server, "mobile", "http", "retried"), 3);
    let log = server.log();
    assert!(log.contains("answered 500") && !log.contains("oh no") && !log.contains("2025550123"), "{log}");
}

#[test]
fn a_refused_recipient_and_a_redirect_are_final_and_the_provider_s_words_stay_out_of_the_log() {
    let refusals: [Script; 5] = [
        |_| ("400 X", "", r#"{"code":21211,"message":"'To' +12025550123 is not a valid phone number"}"#),
        |_| ("401 X", "", r#"{"code":20003,"message":"Authenticate +12025550123"}"#),
        |_| ("404 X", "", "<html>+12025550123</html>"),
        |_| ("422 X", "", "+12025550123"),
        |_| ("307 X", "location: http://127.0.0.1:1/\r\n", ""),
    ];
    for refusal in refusals {
        let (api, server) = sms("twilio", refusal, &TWILIO);
        assert_eq!(request(&server).status, 200);
        wait_for(|| (messages(&server, "mobile", "twilio", "failed") == 1).then_some(()));
        assert_eq!(api.calls().len(), 1);
        let log = wait_for(|| Some(server.log()).filter(|log| log.contains("a message can't be sent")));
        for secret in ["2025550123", "valid phone", "Authenticate", "html", "QUMwMTIz", "secret"] {
            assert!(!log.contains(secret), "{secret}: {log}");
        }
    }
}

#[test]
fn inline_one_try_of_each_is_made_before_the_answer() {
    let settings = [&TWILIO[..], &[("delivery.mode", "inline")]].concat();
    let (api, server) = sms("twilio", |_| ("500 X", "", "+12025550123"), &settings);
    let answer = request(&server);
    assert_eq!((answer.status, answer.code().as_str(), api.calls().len()), (502, "delivery_failed", 1));
    let spare = Api::start(|_| ("200 OK", "", ""));
    let spare_url = spare.url.clone();
    let others = [("sms_2.transport", "http"), ("sms_2.url", &*spare_url), ("sms_2.secret", SECRET)];
    let (api, server) = sms("twilio", |_| ("500 X", "", ""), &[&settings[..], &others].concat());
    assert_eq!((request(&server).status, api.calls().len(), spare.calls().len()), (200, 1, 1));
}

#[test]
fn a_provider_that_hangs_or_answers_without_end_is_given_up() {
    let settings = [&TWILIO[..], &[("delivery.timeout_seconds", "1")]].concat();
    let (api, server) = sms("twilio", |number| if number == 1 { ("", "", "") } else { ("201 Created", "", "") }, &settings);
    request(&server);
    api.wait_for_call(1);
    wait_for(|| (messages(&server, "mobile", "twilio", "sent") == 1).then_some(()));
    assert!(server.log().contains("Twilio didn't answer in time"));
}

/// One message, through three adapters that fail each in another way, has one name.
#[test]
fn a_message_keeps_its_name_from_one_adapter_to_the_next() {
    let smtp = SmtpServer::start(|_| "451 4.7.1 not now");
    let (first, second) = (Api::start(|_| ("500 X", "", "")), Api::start(|_| ("401 X", "", "")));
    let smtp_url = smtp.url();
    let mail = tempfile::tempdir().unwrap();
    let folder = mail.path().to_str().unwrap();
    let settings = [
        ("email.transport", "http"),
        ("email.url", &*first.url),
        ("email.secret", SECRET),
        ("email.from", "Ann <ann@one.example>"),
        ("email_2.transport", "smtp"),
        ("email_2.url", &smtp_url),
        ("email_3.transport", "file"),
        ("email_3.path", folder),
        ("email_3.from", "bob@two.example"),
    ];
    let server = Server::start(&settings);
    server.post("request/email/", &json!({"email": "ann@example.com"}));
    let mail = wait_for(|| {
        let entry = std::fs::read_dir(folder)
            .unwrap()
            .map(Result::unwrap)
            .find(|entry| entry.path().extension() == Some("eml".as_ref()))?;
        std::fs::read_to_string(entry.path()).ok()
    });
    let call = first.wait_for_call(0);
    let name = format!("Message-ID: <{}@one.example>\r\n", call.header("webhook-id"));
    assert!(mail.contains(&name) && mail.contains("From: bob@two.example\r\n"), "{name} {mail}");
    assert_eq!((first.calls().len(), smtp.tries()), (1, 1), "each at once, once");
    assert!(second.calls().is_empty());
    wait_for(|| (messages(&server, "email", "file_3", "sent") == 1).then_some(()));
    assert_eq!((messages(&server, "email", "http", "retried"), messages(&server, "email", "smtp_2", "retried")), (1, 1));
    assert_eq!(messages(&server, "email", "http", "failed"), 0);
}

#[test]
fn an_account_that_is_refused_is_made_up_for_and_a_recipient_who_is_refused_isn_t() {
    let spare = Api::start(|_| ("200 OK", "", ""));
    let spare_url = spare.url.clone();
    let others = [("sms_2.transport", "http"), ("sms_2.url", &*spare_url), ("sms_2.secret", SECRET)];
    let settings = [&TWILIO[..], &others].concat();
    for (script, made_up) in [
        ((|_| ("401 X", "", r#"{"code":20003}"#)) as Script, true),
        (|_| ("404 X", "", r#"{"code":20404}"#), true),
        (|_| ("400 X", "", r#"{"code":21606}"#), true),
        (|_| ("400 X", "", r#"{"code":21211}"#), false),
    ] {
        let before = spare.calls().len();
        let (api, server) = sms("twilio", script, &settings);
        request(&server);
        let expected = if made_up { ("http_2", "sent") } else { ("twilio", "failed") };
        wait_for(|| (messages(&server, "mobile", expected.0, expected.1) == 1).then_some(()));
        assert_eq!((api.calls().len(), spare.calls().len() - before), (1, usize::from(made_up)));
        assert_eq!(messages(&server, "mobile", "twilio", "refused"), u64::from(made_up));
    }
}

/// Nobody listens at the first one's port.
#[test]
fn an_adapter_that_is_down_is_left_alone_and_said_to_be() {
    let spare = Api::start(|_| ("200 OK", "", ""));
    let nowhere = format!("http://127.0.0.1:{}", free_port());
    let spare_url = spare.url.clone();
    let settings = [
        ("passwordless.max_messages_per_network_per_hour", "0"),
        ("email.transport", "http"),
        ("email.url", &*nowhere),
        ("email.secret", SECRET),
        ("email_2.transport", "http"),
        ("email_2.url", &*spare_url),
        ("email_2.secret", SECRET),
    ];
    let server = Server::start(&settings);
    for number in 0..20 {
        assert_eq!(server.post("request/email/", &json!({"email": format!("{number}@example.com")})).status, 200);
    }
    spare.wait_for_call(19);
    wait_for(|| (messages(&server, "email", "http_2", "sent") == 20).then_some(()));
    assert!(messages(&server, "email", "http", "retried") < 20, "it wasn't asked each time");
    let metrics = String::from_utf8(server.get_admin("/metrics").body).unwrap();
    let shut = |adapter: &str| format!("countersign_delivery_breaker_state{{channel=\"email\",adapter=\"{adapter}\"}} ");
    assert!(metrics.contains(&(shut("http_2") + "0")) && !metrics.contains(&(shut("http") + "0")), "{metrics}");
    let log = server.log();
    assert!(log.contains("left alone for a while") && !log.contains(&nowhere), "{log}");
}

/// A server whose e-mail goes to a stand-in; it has asked for a code for Ann, in a site with a name beyond ASCII.
fn mail_by(transport: &str, script: Script, settings: &[(&str, &str)]) -> (Call, Server, Answer) {
    let api = Api::start(script);
    let url = api.url.clone();
    let mut all = vec![
        ("email.transport", transport),
        ("email.api_base", &*url),
        ("email.from", "Bücher <noreply@books.example>"),
        ("passwordless.site_name", "Bücher"),
    ];
    all.extend_from_slice(settings);
    let server = Server::start(&all);
    let answer = server.post("request/email/", &json!({"email": "ann@example.com"}));
    (api.wait_for_call(0), server, answer)
}

/// Logs in with the code of what was sent.
fn log_in_by_mail(server: &Server, answer: &Answer, text: &str) {
    let login = json!({"email": "ann@example.com", "token": code_in(text), "challenge": answer.json()["challenge"]});
    assert_eq!(server.post("exchange/email/", &login).status, 200);
}

#[test]
fn postmark_is_sent_the_json_that_it_documents() {
    let (call, server, answer) = mail_by("postmark", |_| ("200 OK", "", r#"{"ErrorCode":0}"#), &[("email.api_key", "token")]);
    assert_eq!(call.line, "POST /email HTTP/1.1");
    assert_eq!((call.header("x-postmark-server-token"), call.header("accept")), ("token", "application/json"));
    let body = call.json();
    assert_eq!((&body["From"], &body["To"]), (&json!("Bücher <noreply@books.example>"), &json!("ann@example.com")));
    assert_eq!((&body["Subject"], &body["MessageStream"]), (&json!("Login on Bücher"), &json!("outbound")));
    assert_eq!((&body["TrackOpens"], &body["TrackLinks"]), (&json!(false), &json!("None")));
    let header = |name: &str| {
        let found = body["Headers"].as_array().unwrap().iter().find(|header| header["Name"] == name);
        found.map(|header| header["Value"].as_str().unwrap().to_owned()).unwrap_or_default()
    };
    assert_eq!((header("Auto-Submitted").as_str(), header("X-PM-KeepID").as_str()), ("auto-generated", "true"));
    assert!(header("Message-ID").ends_with("@books.example>"));
    assert!(body["HtmlBody"].as_str().unwrap().contains("<html"));
    log_in_by_mail(&server, &answer, body["TextBody"].as_str().unwrap());
}

#[test]
fn resend_is_sent_the_json_that_it_documents_under_one_idempotency_key() {
    let script: Script = |number| if number == 1 { ("500 X", "", "{}") } else { ("200 OK", "", r#"{"id":"1"}"#) };
    let api = Api::start(script);
    let url = api.url.clone();
    let settings = [("email.transport", "resend"), ("email.api_base", &*url), ("email.api_key", "re_1")];
    let server = Server::start(&settings);
    let answer = server.post("request/email/", &json!({"email": "ann@example.com"}));
    let (first, second) = (api.wait_for_call(0), api.wait_for_call(1));
    assert_eq!((first.line.as_str(), first.header("authorization")), ("POST /emails HTTP/1.1", "Bearer re_1"));
    assert_eq!(first.header("idempotency-key").len(), 22);
    assert_eq!((first.header("idempotency-key"), &first.body), (second.header("idempotency-key"), &second.body));
    let body = first.json();
    assert_eq!((&body["to"], &body["headers"]), (&json!(["ann@example.com"]), &json!({"Auto-Submitted": "auto-generated"})));
    assert_eq!((&body["from"], &body["subject"]), (&json!("noreply@example.com"), &json!("Login on example.com")));
    assert!(body["html"].as_str().unwrap().contains("<html"));
    log_in_by_mail(&server, &answer, body["text"].as_str().unwrap());
}

#[test]
fn sendgrid_is_sent_the_json_that_it_documents() {
    let (call, server, answer) = mail_by("sendgrid", |_| ("202 Accepted", "", ""), &[("email.api_key", "SG.1")]);
    assert_eq!((call.line.as_str(), call.header("authorization")), ("POST /v3/mail/send HTTP/1.1", "Bearer SG.1"));
    let body = call.json();
    assert_eq!(body["personalizations"], json!([{"to": [{"email": "ann@example.com"}]}]));
    assert_eq!(body["from"], json!({"email": "noreply@books.example", "name": "Bücher"}));
    assert_eq!(body["content"][0]["type"], "text/plain");
    assert_eq!(body["content"][1]["type"], "text/html");
    assert_eq!(body["headers"]["Auto-Submitted"], "auto-generated");
    assert!(body["headers"]["Message-ID"].as_str().unwrap().ends_with("@books.example>"));
    let off = json!({"click_tracking": {"enable": false, "enable_text": false}, "open_tracking": {"enable": false}});
    assert_eq!(body["tracking_settings"], off);
    log_in_by_mail(&server, &answer, body["content"][0]["value"].as_str().unwrap());
}

#[test]
fn mailgun_is_sent_the_mail_itself_in_a_form() {
    let (call, server, answer) = mail_by("mailgun", |_| ("200 OK", "", "{}"), &[("email.api_key", "key-1")]);
    assert_eq!(call.line, "POST /v3/books.example/messages.mime HTTP/1.1");
    assert_eq!(call.header("authorization"), "Basic YXBpOmtleS0x");
    let boundary = call.header("content-type").strip_prefix("multipart/form-data; boundary=").unwrap();
    let body = String::from_utf8(call.body.clone()).unwrap();
    let parts: Vec<_> = body.split(&format!("--{boundary}")).collect();
    assert_eq!((parts.len(), parts[0], parts[6]), (7, "", "--\r\n"), "{body}");
    assert_eq!(parts[1], "\r\nContent-Disposition: form-data; name=\"to\"\r\n\r\nann@example.com\r\n");
    assert!(parts[2].contains("name=\"o:tracking\"\r\n\r\nno\r\n"));
    let mail = parts[5].split_once("Content-Type: message/rfc822\r\n\r\n").unwrap().1;
    assert!(mail.contains("Auto-Submitted: auto-generated\r\n") && mail.contains("Message-ID: <"), "{mail}");
    log_in_by_mail(&server, &answer, mail);
    let (call, ..) =
        mail_by("mailgun", |_| ("200 OK", "", "{}"), &[("email.api_key", "key-1"), ("email.domain", "mg.example.com")]);
    assert_eq!(call.line, "POST /v3/mg.example.com/messages.mime HTTP/1.1");
}

const AWS: [(&str, &str); 3] = [("region", "eu-central-1"), ("access_key_id", "AKIDEXAMPLE"), ("secret_access_key", "SECRET")];

#[test]
fn ses_is_sent_the_mail_itself_and_signed_for() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    let aws = AWS.map(|(key, value)| (format!("email.{key}"), value));
    let aws: Vec<_> = aws.iter().map(|(key, value)| (key.as_str(), *value)).collect();
    let (call, server, answer) = mail_by("ses", |_| ("200 OK", "", r#"{"MessageId":"1"}"#), &aws);
    assert_eq!(call.line, "POST /v2/email/outbound-emails HTTP/1.1");
    let scope = "/eu-central-1/ses/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=";
    assert!(call.header("authorization").starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"));
    assert!(call.header("authorization").contains(scope), "{call:?}");
    let body = call.json();
    assert_eq!(body["FromEmailAddress"], "noreply@books.example");
    assert_eq!(body["Destination"], json!({"ToAddresses": ["ann@example.com"]}));
    let mail = String::from_utf8(STANDARD.decode(body["Content"]["Raw"]["Data"].as_str().unwrap()).unwrap()).unwrap();
    assert!(mail.contains("Auto-Submitted: auto-generated\r\n"), "{mail}");
    log_in_by_mail(&server, &answer, &mail);
}

#[test]
fn sns_is_sent_the_form_that_it_documents_and_signed_for() {
    let aws = AWS.map(|(key, value)| (format!("sms.{key}"), value));
    let mut settings: Vec<_> = aws.iter().map(|(key, value)| (key.as_str(), *value)).collect();
    settings.push(("sms.from", "Books"));
    let (api, server) = sms("sns", |_| ("200 OK", "", "<PublishResponse/>"), &settings);
    let answer = request(&server);
    let call = api.wait_for_call(0);
    assert_eq!((call.line.as_str(), call.header("content-type")), ("POST / HTTP/1.1", "application/x-www-form-urlencoded"));
    assert!(call.header("authorization").contains("/eu-central-1/sns/aws4_request, "), "{call:?}");
    let form = call.form();
    let field = |name: &str| form.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str());
    assert_eq!((field("Action"), field("Version"), field("PhoneNumber")), ("Publish", "2010-03-31", NUMBER));
    assert_eq!(field("MessageAttributes.entry.1.Name"), "AWS.SNS.SMS.SMSType");
    assert_eq!(field("MessageAttributes.entry.1.Value.StringValue"), "Transactional");
    assert_eq!(field("MessageAttributes.entry.2.Name"), "AWS.SNS.SMS.SenderID");
    assert_eq!(field("MessageAttributes.entry.2.Value.StringValue"), "Books");
    log_in(&server, &answer, field("Message"));
}

#[test]
fn vonage_is_sent_the_json_that_it_documents() {
    let settings = [("sms.api_key", "key"), ("sms.api_secret", "secret"), ("sms.from", "+12025550100")];
    let (api, server) = sms("vonage", |_| ("202 Accepted", "", r#"{"message_uuid":"1"}"#), &settings);
    let answer = request(&server);
    let call = api.wait_for_call(0);
    assert_eq!((call.line.as_str(), call.header("authorization")), ("POST /v1/messages HTTP/1.1", "Basic a2V5OnNlY3JldA=="));
    let body = call.json();
    assert_eq!((&body["message_type"], &body["channel"]), (&json!("text"), &json!("sms")));
    assert_eq!((&body["to"], &body["from"]), (&json!("12025550123"), &json!("12025550100")));
    log_in(&server, &answer, body["text"].as_str().unwrap());
}
