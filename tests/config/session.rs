//! `[session]`.

use countersign::server::sessions::SameSite;

use super::{accepted, assert_refused, warnings_at};

#[test]
fn cookies_of_a_session_reach_only_their_own_site() {
    let config = accepted("");
    assert!(config.session.browsers.is_none());
    assert_eq!(
        (config.session.lifetime, config.session.recheck_seconds, config.session.ended_capacity),
        (604_800, 300, 1_000_000)
    );
    let section = |url: &str, keys: &str| format!("[server]\npublic_url = \"{url}\"\n[session]\nenabled = true\n{keys}");
    let config = accepted(&section(
        "https://login.example.com",
        "lifetime = 60\ncookie_domain = \"example.com\"\nsame_site = \"strict\"\naccess_cookie = true\nrecheck_seconds = 0\n\
         return_to = [\"https://app.example.com\", \"https://*.example.com\"]\ncsrf_check = false",
    ));
    let browsers = config.session.browsers.unwrap();
    assert_eq!((browsers.cookie_domain.as_deref(), browsers.same_site), (Some("example.com"), SameSite::Strict));
    assert_eq!((browsers.access_cookie, browsers.return_to.len(), browsers.csrf_check), (true, 2, false));
    assert_eq!((config.passwordless.policy.session_lifetime, config.passwordless.policy.recheck_seconds), (60, 0));

    let at = |url: &str, keys: &str| section(url, keys);
    let login = "https://login.example.com";
    let domain = |text: &str| at(login, &format!("cookie_domain = \"{text}\""));
    let return_to = |text: &str| at(login, &format!("cookie_domain = \"example.com\"\nreturn_to = [\"{text}\"]"));
    for (text, key, says) in [
        (at("http://login.example.com", ""), "session.enabled", "https"),
        (at("https://a.co.uk", "cookie_domain = \"co.uk\""), "session.cookie_domain", "public suffix"),
        (at("https://a.github.io", "cookie_domain = \"github.io\""), "session.cookie_domain", "public suffix"),
        (at("https://a.local", "cookie_domain = \"local\""), "session.cookie_domain", "public suffix"),
        (at("https://10.1.2.3", "cookie_domain = \"10.1.2.3\""), "session.cookie_domain", "address"),
        (domain("example.org"), "session.cookie_domain", "login.example.com"),
        (domain("a.login.example.com"), "session.cookie_domain", "login.example.com"),
        (domain(".example.com"), "session.cookie_domain", "no domain"),
        (return_to("http://app.example.com"), "session.return_to", "https"),
        (return_to("https://app.example.com/x"), "session.return_to", "no origin"),
        (return_to("https://*.app.example.com"), "session.return_to", "https://*.example.com"),
        (return_to("https://*.example.org"), "session.return_to", "https://*.example.com"),
        (return_to("https://*"), "session.return_to", "wildcard"),
        (at(login, "return_to = [\"https://*.example.com\"]"), "session.return_to", "cookie_domain"),
        (at(login, "lifetime = 59"), "session.lifetime", "60"),
        (at(login, "lifetime = 34560001"), "session.lifetime", "34560000"),
        (at(login, "recheck_seconds = 3601"), "session.recheck_seconds", "3600"),
        (at(login, "same_site = \"none\""), "session.same_site", "lax"),
        (at(login, "ended_capacity = 63"), "session.ended_capacity", "64"),
    ] {
        assert_refused(&[(&text, key, says)]);
    }
    for name in ["session", "return_to", "everywhere"] {
        let text = format!("[passwordless]\nemail_field_name = \"{name}\"");
        assert_refused(&[(&text, "passwordless.email_field_name", "taken")]);
    }
    let warnings = |keys: &str| warnings_at(&at(login, keys), &["session.return_to"]);
    assert!(warnings("return_to = [\"https://app.example.com\"]")[0].contains("app.example.com"));
    assert!(
        warnings("cookie_domain = \"example.com\"\nreturn_to = [\"https://app.example.org\"]")[0].contains("app.example.org")
    );
    assert!(
        warnings("cookie_domain = \"example.com\"\nreturn_to = [\"https://app.example.com\", \"https://*.example.com\"]")
            .is_empty()
    );
    assert!(warnings("return_to = [\"https://login.example.com:8443\"]").is_empty(), "cookies know no ports");
    assert!(!warnings_at("[session]\nlifetime = 60", &["session.lifetime"]).is_empty(), "given and not used");
}
