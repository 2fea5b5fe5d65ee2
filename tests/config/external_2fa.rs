//! `[external_2fa]`.

use countersign::config::sections::external_2fa::{External2fa, Provider};

use super::{WHSEC, accepted, assert_refused, faulty};

#[test]
fn each_verify_provider_needs_its_own_keys() {
    let section = |keys: &str| format!("[passwordless]\nallowed_passwordless_methods = [\"MOBILE\"]\n[external_2fa]\n{keys}");
    let key = "O2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik=";
    let telnyx =
        section(&format!("provider = \"telnyx\"\napi_key = \"k\"\nverify_profile_id = \"p\"\nwebhook_public_key = \"{key}\""));
    let config = accepted(&telnyx);
    let Some(External2fa { provider: Provider::Telnyx { settings, webhook_key: Some(_), .. }, code_digits: 6, .. }) =
        &config.external_2fa
    else {
        panic!("{:?}", config.external_2fa)
    };
    assert_eq!((settings.api_base.as_str(), settings.timeout.as_secs()), ("https://api.telnyx.com/", 10));
    let without_key = section("provider = \"telnyx\"\napi_key = \"k\"\nverify_profile_id = \"p\"");
    let config = accepted(&without_key);
    assert!(matches!(config.external_2fa.as_ref().unwrap().provider, Provider::Telnyx { webhook_key: None, .. }));

    let twilio = "provider = \"twilio\"\naccount_sid = \"AC1\"\nauth_token = \"t\"\nservice_sid = \"VA1\"";
    let config =
        accepted(&section(&format!("{twilio}\napi_base = \"http://127.0.0.1:1\"\ntimeout_seconds = 3\ncode_digits = 8")));
    let Some(External2fa { provider: Provider::Twilio(settings), code_digits: 8, .. }) = &config.external_2fa else {
        panic!("{:?}", config.external_2fa)
    };
    assert_eq!((settings.api_base.as_str(), settings.timeout.as_secs()), ("http://127.0.0.1:1/", 3));
    assert_eq!((&*settings.account_sid, &*settings.service_sid), ("AC1", "VA1"));
    let http = section(&format!("provider = \"http\"\nurl = \"https://a/\"\nsecret = \"{WHSEC}\""));
    assert!(matches!(accepted(&http).external_2fa.unwrap().provider, Provider::Http(_)));
    assert!(accepted(&section("")).external_2fa.is_none());

    assert_eq!(faulty(&section("provider = \"telnyx\"")), ["external_2fa.api_key", "external_2fa.verify_profile_id"]);
    assert_eq!(
        faulty(&section("provider = \"twilio\"")),
        ["external_2fa.account_sid", "external_2fa.auth_token", "external_2fa.service_sid"]
    );
    assert_eq!(faulty(&section("provider = \"http\"")), ["external_2fa.url", "external_2fa.secret"]);
    assert_refused(&[
        (
            &section("provider = \"telnyx\"\napi_key = \"k\""),
            "external_2fa.verify_profile_id",
            "is required with provider = \"telnyx\"",
        ),
        (&section("provider = \"sinch\""), "external_2fa.provider", "telnyx"),
        (&telnyx.replace(key, "AAAA"), "external_2fa.webhook_public_key", "32 bytes"),
        (&telnyx.replace(key, &format!("{}=", "A".repeat(43))), "external_2fa.webhook_public_key", "Ed25519"),
        (&telnyx.replace("\"k\"", "\"k y\""), "external_2fa.api_key", "without spaces"),
        (&section(&twilio.replace("VA1", "VA1/../x")), "external_2fa.service_sid", "letters and digits"),
        (&section(&twilio.replace("AC1", "AC1:x")), "external_2fa.account_sid", "letters and digits"),
        (&section(&format!("{twilio}\napi_base = \"ftp://a\"")), "external_2fa.api_base", "http://"),
        (&section(&format!("{twilio}\napi_base = \"https://ann:pass@a\"")), "external_2fa.api_base", "no user"),
        (&section(&format!("{twilio}\ncode_digits = 3")), "external_2fa.code_digits", "4"),
        (&section(&format!("{twilio}\ncode_digits = 4")), "external_2fa.code_digits", ""),
        (&section(&format!("{twilio}\ntimeout_seconds = 0")), "external_2fa.timeout_seconds", "1"),
        (&http.replace(WHSEC, "whsec_c2hvcnQ="), "external_2fa.secret", "24 to 64"),
    ]);
    let unused = accepted(&section(&format!("{twilio}\napi_key = \"k\"")));
    assert!(
        unused.warnings.iter().any(|warning| warning.starts_with("external_2fa.api_key: is not used")),
        "{:?}",
        unused.warnings
    );
    let nobody = accepted(&format!("[external_2fa]\n{twilio}"));
    assert!(nobody.warnings.iter().any(|warning| warning.starts_with("external_2fa.provider: ")), "{:?}", nobody.warnings);
}
