//! `[email]` and `[sms]`, with the ways that stand in for them.

use countersign::{
    config::sections::{email::EmailTransport, sms::SmsTransport},
    delivery::{Sender, carriers::smtp::Tls},
};

use super::{WHSEC, accepted, assert_refused, faulty, judge_with, warnings_at};

#[test]
fn a_mailbox_and_what_its_transport_needs() {
    let section = |text: &str| format!("[email]\n{text}");
    assert_refused(&[
        (&section("transport = \"pigeon\""), "email.transport", "console, file, smtp"),
        (&section("transport = \"smtp\""), "email.url", "is required with transport = \"smtp\""),
        (&section("transport = \"smtp\"\nurl = \"mail.example\""), "email.url", "no URL"),
        (&section("transport = \"file\"\npath = \"\""), "email.path", "required"),
        (&section("transport = \"file\"\npath = \" \\t\""), "email.path", "required"),
        (&section("from = \"nobody\""), "email.from", "mailbox"),
        (&section("from = \"a@example.com\\nBcc: b@example.com\""), "email.from", "mailbox"),
        (&section(&format!("transport = \"http\"\nsecret = \"{WHSEC}\"")), "email.url", "is required with transport = \"http\""),
        (&section("transport = \"http\"\nurl = \"https://a/\""), "email.secret", "is required with transport = \"http\""),
        (&section(&format!("transport = \"http\"\nurl = \"smtp://a/\"\nsecret = \"{WHSEC}\"")), "email.url", "https://"),
        (&section("transport = \"\""), "email.transport", "console, file, smtp"),
    ]);
    assert_eq!(faulty(&section("templates = \"bad-templates\"")), ["email.templates", "email.templates"]);
    accepted(&section("templates = \"templates\""));
    assert_eq!(faulty(&section("transport = \"http\"\nfrom = \"nobody\"")), ["email.from", "email.url", "email.secret"]);
    let config = accepted(&section("transport = \"smtp\"\nurl = \"smtp://ann:pass@mail:587?tls=required\""));
    let EmailTransport::Smtp(smtp) = &config.email.ways[0].transport else { panic!("{:?}", config.email) };
    assert_eq!((&*smtp.server.host, smtp.server.port, smtp.server.tls), ("mail", 587, Tls::Required));
    let smtp = |key: &str| section(&format!("transport = \"smtp\"\nurl = \"smtp://mail\"\n{key}"));
    assert_refused(&[
        (&smtp("hello_name = \"pod-7f\""), "email.hello_name", "mail.example.com"),
        (&smtp("ca_file = \"missing.pem\""), "email.ca_file", "missing.pem"),
        (&smtp("ca_file = \"users.json\""), "email.ca_file", "users.json holds no certificate"),
    ]);
    accepted(&smtp("hello_name = \"mail.example.com\""));
}

#[test]
fn email_by_providers() {
    let section = |text: &str| format!("[email]\n{text}");
    for provider in ["postmark", "resend", "sendgrid", "mailgun"] {
        assert_eq!(faulty(&section(&format!("transport = \"{provider}\""))), ["email.api_key"]);
        accepted(&section(&format!("transport = \"{provider}\"\napi_key = \"k\"")));
    }
    assert_eq!(faulty(&section("transport = \"ses\"")), ["email.region", "email.access_key_id", "email.secret_access_key"]);
    let mailgun = "transport = \"mailgun\"\napi_key = \"k\"\ndomain = ";
    assert_refused(&[(&section(&format!("{mailgun}\"mg.example.com/x\"")), "email.domain", "must be a domain")]);
    let config =
        accepted(&section(&format!("{mailgun}\"mg.example.com\"\n[email_2]\ntransport = \"postmark\"\napi_key = \"k\"")));
    assert_eq!(config.email.ways.len(), 2);
}

#[test]
fn each_sms_provider_needs_its_own_keys() {
    let section = |text: &str| format!("[sms]\n{text}");
    let twilio = "transport = \"twilio\"\naccount_sid = \"AC1\"\nauth_token = \"t\"\nfrom = \"+1\"\n";
    assert_refused(&[
        (&section(&twilio.replace("AC1", "AC1:x")), "sms.account_sid", "letters and digits"),
        (&section(&twilio.replace("AC1", "../AC1")), "sms.account_sid", "letters and digits"),
        (&section(&twilio.replace("\"t\"", "\"t\\n\"")), "sms.auth_token", "without spaces"),
        (&section(&twilio.replace("\"+1\"", "\"  \"")), "sms.from", "is required with transport = \"twilio\""),
    ]);
    assert_eq!(faulty(&section("transport = \"twilio\"")), ["sms.account_sid", "sms.auth_token", "sms.from"]);
    assert_eq!(faulty(&section("transport = \"telnyx\"")), ["sms.api_key", "sms.from"]);
    assert_eq!(faulty(&section("transport = \"http\"")), ["sms.url", "sms.secret"]);
    assert_refused(&[
        (&section(&format!("{twilio}api_base = \"ftp://a\"")), "sms.api_base", "https://"),
        (&section(&format!("{twilio}api_base = \"https://a/?b\"")), "sms.api_base", "no query"),
    ]);
    let config = accepted(&section(twilio));
    let SmsTransport::Twilio(settings) = &config.sms.ways[0].transport else { panic!("{:?}", config.sms) };
    assert_eq!((settings.api_base.as_str(), &*settings.account_sid), ("https://api.twilio.com/", "AC1"));
    let config = accepted(&section("transport = \"telnyx\"\napi_key = \"k\"\nfrom = \"+1\"\napi_base = \"http://127.0.0.1:1\""));
    let SmsTransport::Telnyx(settings) = &config.sms.ways[0].transport else { panic!("{:?}", config.sms) };
    assert_eq!(settings.api_base.as_str(), "http://127.0.0.1:1/");
    assert!(accepted(&section("transport = \"discard\"")).sms.ways.is_empty());
    assert_eq!(faulty(&section("transport = \"vonage\"")), ["sms.api_key", "sms.api_secret", "sms.from"]);
    assert_eq!(faulty(&section("transport = \"sns\"")), ["sms.region", "sms.access_key_id", "sms.secret_access_key"]);
    let key = "access_key_id = \"AKID\"\nsecret_access_key = \"k\"";
    assert_refused(&[
        (&section(&format!("transport = \"sns\"\n{key}\nregion = \"eu-central-1.evil.example/\"")), "sms.region", "eu-central-1"),
        (&section("transport = \"telnyx\"\nfrom = \"+1\"\napi_key = \"a\\nb\""), "sms.api_key", "ASCII without spaces"),
    ]);
    for (region, url) in
        [("eu-central-1", "https://sns.eu-central-1.amazonaws.com/"), ("cn-north-1", "https://sns.cn-north-1.amazonaws.com.cn/")]
    {
        let config = accepted(&section(&format!("transport = \"sns\"\n{key}\nregion = \"{region}\"")));
        let SmsTransport::Sns(settings) = &config.sms.ways[0].transport else { panic!("{:?}", config.sms) };
        assert_eq!(settings.api_base.as_str(), url);
        assert!(config.effective().contains(&format!("api_base = \"https://sns.{region}.")), "{}", config.effective());
        assert!(!format!("{settings:?}").contains("\"k\""), "the key is shown: {settings:?}");
    }
}

#[test]
fn several_ways_of_one_channel_are_kept_in_order() {
    let http = format!("transport = \"http\"\nurl = \"https://a/\"\nsecret = \"{WHSEC}\"");
    let text = format!(
        "[email]\ntransport = \"smtp\"\nurl = \"smtp://mail\"\nfrom = \"a@one.example\"\n\
         [email_2]\n{http}\n[email_3]\ntransport = \"file\"\nfrom = \"b@two.example\"\n\
         [sms]\n{http}\n[sms_3]\ntransport = \"telnyx\"\napi_key = \"k\"\nfrom = \"+1\""
    );
    let config = accepted(&text);
    let sections: Vec<_> = config.email.ways.iter().map(|way| way.section).collect();
    assert_eq!(sections, ["email", "email_2", "email_3"]);
    let first = Sender::parse("a@one.example").unwrap();
    assert_eq!(config.email.ways[1].from, first, "the first one's sender");
    let own = Sender::parse("b@two.example").unwrap();
    assert!(config.email.ways[2].from != own && config.email.ways[2].from == own.naming_as(&first));
    assert_eq!(config.sms.ways.iter().map(|way| way.section).collect::<Vec<_>>(), ["sms", "sms_3"]);
    assert!(config.warnings.iter().all(|warning| !warning.contains("not used")), "{:?}", config.warnings);

    let environment = [("COUNTERSIGN_EMAIL_2__TRANSPORT", "http"), ("COUNTERSIGN_EMAIL_2__URL", "https://a/")];
    let faults = judge_with("", &environment).unwrap_err();
    assert_eq!(faults.as_slice()[0].key, "email_2.secret");
    assert_eq!(faulty("[sms_2]\ntransport = \"twilio\""), ["sms_2.account_sid", "sms_2.auth_token", "sms_2.from"]);
    assert_refused(&[
        ("[email_2]\ntransport = \"discard\"", "email_2.transport", "console, file, smtp, http"),
        ("[email_2]\ntransport = \"file\"\nfrom = \"nobody\"", "email_2.from", "mailbox"),
        ("[email_2]\nmax_per_hour = 1", "email_2.max_per_hour", "[email]"),
        ("[email_4]\ntransport = \"file\"", "email_4", "no such section"),
    ]);
    for (text, warning) in [
        (
            "[email]\ntransport = \"discard\"\n[email_2]\ntransport = \"file\"",
            "email_2.transport: is not used with email.transport",
        ),
        ("[email_2]\nurl = \"https://a/\"", "email_2.url: is not used without a transport"),
        ("[sms]\ntransport = \"discard\"\n[sms_2]\ntransport = \"file\"", "sms_2.transport: is not used with sms.transport"),
    ] {
        let warnings = accepted(text).warnings;
        assert!(warnings.iter().any(|found| found.starts_with(warning)), "{text}: {warnings:?}");
    }
}

#[test]
fn codes_that_cross_a_network_in_the_open_are_warned_of() {
    let telnyx = "transport = \"telnyx\"\napi_key = \"k\"\nfrom = \"+1\"\napi_base = ";
    for (text, key) in [
        (format!("[sms]\n{telnyx}\"http://sms.internal\""), Some("sms.api_base: is http")),
        (format!("[sms_2]\n{telnyx}\"http://sms.internal\""), Some("sms_2.api_base: is http")),
        (format!("[sms]\n{telnyx}\"https://sms.internal\""), None),
        (format!("[sms]\n{telnyx}\"http://127.0.0.1:1\""), None),
        (format!("[email]\ntransport = \"http\"\nurl = \"http://app\"\nsecret = \"{WHSEC}\""), Some("email.url: is http")),
        (format!("[email]\ntransport = \"http\"\nurl = \"http://localhost/\"\nsecret = \"{WHSEC}\""), None),
    ] {
        let warnings = accepted(&text).warnings;
        let found = warnings.iter().find(|warning| warning.contains("is http"));
        assert_eq!(found.is_some(), key.is_some(), "{text}: {warnings:?}");
        assert!(key.is_none_or(|key| found.unwrap().starts_with(key)), "{found:?}");
    }
}

#[test]
fn codes_on_the_console_of_a_public_site_are_warned_of() {
    let keys = ["email.transport", "sms.transport"];
    let https = "[server]\npublic_url = \"https://login.example.com\"\n";
    let of = |text: &str| {
        let warnings = warnings_at(text, &keys);
        keys.map(|key| warnings.iter().any(|warning| warning.starts_with(key)))
    };
    assert_eq!(of(https), [true, false], "no SMS is sent");
    assert_eq!(of(""), [false, false], "somebody tries it out");
    assert_eq!(of(&format!("{https}[email]\ntransport = \"file\"")), [false, false]);
    if cfg!(feature = "mobile") {
        let both = "[passwordless]\nallowed_passwordless_methods = [\"EMAIL\", \"MOBILE\"]\n";
        assert_eq!(of(&format!("{https}{both}")), [true, true]);
        assert_eq!(of(&format!("{https}{both}[sms]\ntransport = \"discard\"")), [true, false]);
        let mobile = "[passwordless]\nallowed_passwordless_methods = [\"MOBILE\"]\n";
        assert_eq!(of(&format!("{https}{mobile}")), [false, true]);
    }
}
