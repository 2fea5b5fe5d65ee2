//! `[passwordless]` and `[reviewers]`.

use countersign::recipient::Channel;

use super::{accepted, assert_refused, faulty, warnings_at};

#[test]
fn rules_of_a_login_that_can_not_hold_are_refused() {
    let section = |text: &str| format!("[passwordless]\n{text}");
    for name in [
        "type",
        "title",
        "status",
        "detail",
        "code",
        "errors",
        "attempts_left",
        "token",
        "challenge",
        "method",
        "locale",
        "puzzle",
        "code_verifier",
    ] {
        assert_eq!(faulty(&section(&format!("email_field_name = \"{name}\""))), ["passwordless.email_field_name"], "{name}");
        assert_eq!(faulty(&section(&format!("mobile_field_name = \"{name}\""))), ["passwordless.mobile_field_name"], "{name}");
    }
    assert_refused(&[
        (&section("allowed_passwordless_methods = []"), "passwordless.allowed_passwordless_methods", "must name"),
        (&section("allowed_passwordless_methods = [\"FAX\"]"), "passwordless.allowed_passwordless_methods", "neither"),
        (&section("allowed_passwordless_methods = [\"EMAIL\", \"email\"]"), "passwordless.allowed_passwordless_methods", "twice"),
        (&section("mobile_field_name = \"email\""), "passwordless.mobile_field_name", "differ"),
        (&section("short_token_length = 0"), "passwordless.short_token_length", "1 to 128"),
        (&section("short_token_chars = \"\""), "passwordless.short_token_chars", "1 to 64"),
        (&section("short_token_chars = \"0 1\""), "passwordless.short_token_chars", "typed"),
        (&section("long_token_chars = \"aa\""), "passwordless.long_token_chars", "twice"),
        (
            &section("passwordless_email_login_url = \"https://a.example/\""),
            "passwordless.passwordless_email_login_url",
            "{token}",
        ),
        (
            &section("passwordless_email_login_url = \"javascript:{token}\""),
            "passwordless.passwordless_email_login_url",
            "refused",
        ),
        (&section("site_name = \"a\\r\\nBcc: x\""), "passwordless.site_name", "line break"),
        (&section("default_region = \"Germany\""), "passwordless.default_region", "two letters"),
        (&section("allowed_regions = [\"DE\", \"XX\"]"), "passwordless.allowed_regions", "XX"),
        (&section("blocked_prefixes = [\"+49x\"]"), "passwordless.blocked_prefixes", "prefix"),
        (&section("max_attempts = 101"), "passwordless.max_attempts", "1 to 100"),
    ]);
    let config = accepted(&section(
        "allowed_passwordless_methods = [\"mobile\", \"EMAIL\"]\ndefault_region = \"de\"\nblocked_prefixes = [\"1900\"]",
    ));
    assert_eq!(config.passwordless.policy.channels, [Channel::Mobile, Channel::Email]);
    assert!(config.passwordless.phones.reads_national_format());
}

#[test]
fn long_codes_are_judged_where_links_hold_them() {
    let browser = |text: &str| format!("[passwordless]\nlink_binding = \"browser\"\n{text}");
    assert!(accepted(&browser("")).passwordless.policy.browser_link.is_some());
    assert!(accepted("[passwordless]\nlong_token_length = 4").passwordless.policy.browser_link.is_none());
    assert_refused(&[
        (&browser("long_token_length = 15"), "passwordless.long_token_length", "more than 15"),
        (&browser("long_token_length = 32\nshort_token_length = 32"), "passwordless.long_token_length", "more than 32"),
        (&browser("long_token_length = 16\nlong_token_chars = \"0123456789\""), "passwordless.long_token_length", "64 bits"),
    ]);
    assert!(
        accepted(&browser("long_token_length = 20\nlong_token_chars = \"0123456789\""))
            .passwordless
            .policy
            .browser_link
            .is_some()
    );
}

#[test]
fn codes_weaker_than_the_norms_are_warned_of() {
    let warnings = |text: &str| {
        warnings_at(
            &format!("[guard]\nmax_takeover_probability = 1\n[passwordless]\n{text}"),
            &["passwordless.short_token_length", "passwordless.max_token_uses"],
        )
    };
    for weak in [
        "short_token_length = 5",
        "short_token_chars = \"01\"",
        "short_token_length = 4\nshort_token_chars = \"BCDFGHJKLMNPQRSTVWXZ\"",
    ] {
        assert!(matches!(&warnings(weak)[..], [one] if one.contains("6.5.4")), "{weak}: {:?}", warnings(weak));
    }
    for strong in ["", "short_token_length = 5\nshort_token_chars = \"BCDFGHJKLMNPQRSTVWXZ\"", "max_token_uses = 1"] {
        assert_eq!(warnings(strong), [""; 0], "{strong}");
    }
    assert!(matches!(&warnings("max_token_uses = 2")[..], [one] if one.contains("6.5.1")));
}

#[test]
fn reviewers_are_nobody_real_and_until_a_day() {
    let whole = |recipients: &str, code: &str, until: &str, rest: &str| {
        format!("[reviewers]\nrecipients = [{recipients}]\ncode = \"{code}\"\nuntil = \"{until}\"\n{rest}")
    };
    let good = "\"reviewer@example.com\"";
    let cases = [
        (whole("\"ann@gmail.com\"", "102938", "2026-12-31", ""), "reviewers.recipients", "could be a real person's"),
        (whole("\"ann@example.com.evil.net\"", "102938", "2026-12-31", ""), "reviewers.recipients", "could be a real person's"),
        (whole("\"ann@\"", "102938", "2026-12-31", ""), "reviewers.recipients", "is no e-mail address"),
        (whole("\"12025550123\"", "102938", "2026-12-31", ""), "reviewers.recipients", "is no phone number"),
        (whole("\"+12025550123\"", "102938", "2026-12-31", ""), "reviewers.recipients", "allowed_passwordless_methods"),
        (whole("\"+12025551234\"", "102938", "2026-12-31", ""), "reviewers.recipients", "could be a real person's"),
        (whole(good, "", "2026-12-31", ""), "reviewers.code", "is required"),
        (whole(good, "10293", "2026-12-31", ""), "reviewers.code", "must be 6 characters of passwordless.short_token_chars"),
        (whole(good, "10293B", "2026-12-31", ""), "reviewers.code", "must be 6 characters of passwordless.short_token_chars"),
        (whole(good, "123456", "2026-12-31", ""), "reviewers.code", "anybody would try first"),
        (whole(good, "102938", "", ""), "reviewers.until", "is required"),
        (whole(good, "102938", "2026-13-01", ""), "reviewers.until", "is no day, as 2026-12-31"),
        (whole(good, "102938", "2026-12-31", "audience = \"http://localhost:8000\""), "reviewers.audience", "one of their own"),
        (whole(good, "102938", "2026-12-31", "audience = \"countersign-challenge\""), "reviewers.audience", "one of their own"),
        (whole(good, "102938", "2026-12-31", "audience = \"\""), "reviewers.audience", "must not be empty"),
        ("[tokens]\naudience = \"countersign-reviewer\"".into(), "tokens.audience", "the audience of reviewers"),
    ];
    for (text, key, says) in &cases {
        assert_refused(&[(text, key, says)]);
    }
    let config = accepted(&whole(good, "102938", "2026-12-31", "audience = \"review\""));
    let reviewers = config.passwordless.policy.reviewers.as_ref().unwrap();
    assert_eq!(reviewers.until().to_iso8601(), "2027-01-01T00:00:00+00:00");
    assert_eq!(config.tokens.sessions.reviewer_audience, "review");
    assert!(config.warnings.iter().any(|warning| warning.contains("until 2026-12-31")), "{:?}", config.warnings);
    assert!(!format!("{config:?}{}", config.effective()).contains("102938"));
    let mobile = format!(
        "[passwordless]\nallowed_passwordless_methods = [\"MOBILE\"]\n{}",
        whole("\"+12025550123\"", "102938", "2026-12-31", "")
    );
    assert!(accepted(&mobile).passwordless.policy.reviewers.is_some());
    assert!(accepted("").passwordless.policy.reviewers.is_none());
    let warned = accepted("[reviewers]\ncode = \"102938\"").warnings;
    assert!(warned.iter().any(|warning| warning == "reviewers.code: is not used without recipients"), "{warned:?}");
}
