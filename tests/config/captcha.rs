//! `[captcha]`.

use super::{accepted, assert_refused};

#[test]
fn each_captcha_provider_has_its_url_and_its_secret() {
    assert_refused(&[
        ("[captcha]\nprovider = \"turnstile\"", "captcha.secret", "is required with a provider"),
        ("[captcha]\nprovider = \"recapcha\"", "captcha.provider", "did you mean recaptcha?"),
        ("[captcha]\nprovider = \"hcaptcha\"\nsecret = \"s\"\nverify_url = \"ftp://a\"", "captcha.verify_url", "must start with"),
        ("[captcha]\nprovider = \"recaptcha\"\nsecret = \"s\"\nmin_score = 1.1", "captcha.min_score", "must be 0 to 1"),
        ("[passwordless]\nemail_field_name = \"captcha\"", "passwordless.email_field_name", ""),
    ]);
    assert!(accepted("").captcha.is_none());
    for (provider, url) in [
        ("recaptcha", "https://www.google.com/recaptcha/api/siteverify"),
        ("hcaptcha", "https://api.hcaptcha.com/siteverify"),
        ("turnstile", "https://challenges.cloudflare.com/turnstile/v0/siteverify"),
    ] {
        let text =
            format!("[captcha]\nprovider = \"{provider}\"\nsecret = \"a-secret\"\nhostnames = [\"a.example\"]\nmin_score = 0.7");
        let config = accepted(&text);
        let captcha = config.captcha.as_ref().unwrap();
        assert_eq!((captcha.verify_url.as_str(), &captcha.hostnames[..]), (url, &["a.example".to_owned()][..]));
        assert!((captcha.min_score - if provider == "recaptcha" { 0.7 } else { 0.0 }).abs() < f64::EPSILON);
        assert_eq!(
            config.warnings.iter().any(|warning| warning.starts_with("captcha.min_score: is not used")),
            provider != "recaptcha"
        );
        assert!(config.effective().contains(url) && !config.effective().contains("a-secret"));
    }
    let warned = accepted("[captcha]\nsecret = \"s\"").warnings;
    assert!(warned.iter().any(|warning| warning == "captcha.secret: is not used without a provider"), "{warned:?}");
}
