//! `[events]`.

use countersign::{config::sections::events::Subjects, events::audit::Target};

use super::{WHSEC, accepted, assert_refused};

#[test]
fn webhooks_need_a_secret_and_the_audit_log_a_place() {
    assert_refused(&[
        ("[events]\nurl = \"https://a/\"", "events.secret", "is required with a url"),
        (&format!("[events]\nurl = \"ftp://a\"\nsecret = \"{WHSEC}\""), "events.url", "must start with http:// or https://"),
        ("[events]\nurl = \"https://a/\"\nsecret = \"abc\"", "events.secret", "must be whsec_"),
        ("[events]\naudit_subjects = \"hash\"", "events.audit_subjects", "did you mean hashed?"),
        ("[events]\ntimeout_seconds = 0", "events.timeout_seconds", "must be 1 to 60"),
    ]);
    let config = accepted(&format!(
        "[events]\nurl = \"https://a/\"\nsecret = \"{WHSEC}\"\ntimeout_seconds = 3\naudit = \"audit.log\"\naudit_subjects = \"hashed\""
    ));
    let events = &config.events;
    assert_eq!(events.webhooks.as_ref().unwrap().timeout.as_secs(), 3);
    assert_eq!(events.audit, Some(Target::File("audit.log".into())));
    assert!(matches!(events.audit_subjects, Subjects::Hashed));
    assert_eq!(accepted("[events]\naudit = \"stdout\"").events.audit, Some(Target::Stdout));
    let config = accepted(&format!("[events]\nsecret = \"{WHSEC}\"\naudit_subjects = \"hashed\""));
    for warning in ["events.secret: is not used without a url", "events.audit_subjects: is not used without audit"] {
        assert!(config.warnings.iter().any(|given| given == warning), "{:?}", config.warnings);
    }
}
