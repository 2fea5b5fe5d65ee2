//! What is told of a configuration: its defaults, the effective one, what `init` writes, and the reference in the documentation.

use std::{fmt::Write as _, path::Path, time::Duration};

use countersign::{
    challenge::Alphabet,
    config::{
        annotated,
        schema::{Kind, SECTIONS},
        sections::{directory::Directory, email::EmailTransport, events::Subjects, guard::GuardKind, sms::SmsTransport},
    },
    delivery::Sender,
    guard::BreakerLimits,
    keyring::EnvelopeFormat,
    recipient::Channel,
    token::AccessAlgorithm,
};

use super::{OTHER_SECRET, SECRET, WHSEC, accepted, assert_refused, strip_comments};

#[test]
fn defaults_are_the_documented_ones() {
    let config = accepted("");
    let server = &config.server;
    assert_eq!((server.listen.to_string(), server.admin_listen.to_string()), ("127.0.0.1:8000".into(), "127.0.0.1:8001".into()));
    assert_eq!(
        (server.public_url.as_str(), &*server.base_path, &*server.cookie_path),
        ("http://localhost:8000", "/passwordless", "/passwordless")
    );
    assert_eq!((server.max_body_bytes, server.max_head_bytes, server.request_timeout), (16_384, 16_384, Duration::from_secs(10)));
    assert!(server.pages && server.cors_origins.is_empty() && server.trusted_proxies.is_empty());
    let rules = &config.passwordless;
    assert_eq!(rules.policy.channels, [Channel::Email]);
    assert_eq!((rules.policy.code_format.alphabet(), rules.policy.code_format.length()), (&Alphabet::Numeric, 6));
    assert_eq!((rules.policy.challenge_lifetime, rules.max_token_uses, rules.max_attempts), (600, 1, 5));
    assert_eq!((rules.throttle_seconds, rules.max_messages_per_hour), (60, 10));
    assert!(!rules.policy.allows_admins && !rules.policy.registers && rules.policy.registration_sets_unusable_password);
    assert!(!rules.wrong_code_takes_use && rules.policy.browser_link.is_none());
    assert_eq!((&*rules.email_field, &*rules.mobile_field, &*rules.site_name), ("email", "phone_number", "example.com"));
    assert_eq!(rules.link_url, "http://localhost:8000/passwordless/link#{token}");
    let tokens = &config.tokens.sessions;
    assert_eq!((tokens.algorithm, config.tokens.envelope_format), (AccessAlgorithm::EdDsa, EnvelopeFormat::EdDsa));
    assert_eq!((&*tokens.issuer, &tokens.audiences[..]), ("http://localhost:8000", &["http://localhost:8000".to_owned()][..]));
    assert_eq!((tokens.access_lifetime, tokens.refresh_lifetime, tokens.leeway), (300, 86_400, 0));
    assert_eq!((&*tokens.client_id, &*tokens.user_id_claim), ("countersign", "user_id"));
    let ([email], [sms]) = (&config.email.ways[..], &config.sms.ways[..]) else { panic!("one way each") };
    assert!(matches!(email.transport, EmailTransport::Console) && matches!(sms.transport, SmsTransport::Console));
    assert_eq!(email.from, Sender::parse("noreply@example.com").unwrap());
    assert_eq!(config.sms.breaker, BreakerLimits { min_sent: 200, min_conversion: 10 });
    assert!(config.sms.max_per_hour >= 1_000 && config.sms.max_per_prefix_per_hour >= 1_000 && config.email.max_per_hour == 0);
    assert!(matches!(config.directory, Directory::None) && config.external_2fa.is_none());
    let events = &config.events;
    assert!(events.webhooks.is_none() && events.audit.is_none() && matches!(events.audit_subjects, Subjects::Plain));
    let guard = &config.guard;
    assert!(matches!(guard.kind, GuardKind::Memory) && guard.node.is_none() && guard.peers.is_none());
    assert_eq!((guard.replicas, guard.capacity, guard.restarts_per_day), (1, 1_000_000, 1));
    assert!((guard.max_takeover_probability - 1e-4).abs() < f64::EPSILON);
}

#[test]
fn every_default_is_of_its_kind() {
    for section in SECTIONS {
        for key in section.keys {
            if let Kind::Number { default, min, max } = key.kind {
                assert!((min..=max).contains(&default), "{}.{}", section.name, key.name);
            }
            assert!(
                !key.about().is_empty() && key.about().lines().all(|line| line.len() <= 150),
                "{}.{}",
                section.name,
                key.name
            );
        }
    }
}

#[test]
fn the_effective_configuration_is_toml_with_every_key_and_no_secret() {
    let text = format!(
        "[keyring]\nsecrets = [\"{SECRET}\"]\n[tokens]\nalgorithm = \"HS256\"\nhs256_secret = \"hunter2-hunter2-hunter2-hunter2-hunter2\"\n\
         [email]\ntransport = \"smtp\"\nurl = \"smtp://ann:hunter2@mail\"\n[sms]\nauth_token = \"hunter2\"\napi_key = \"hunter2\"\n\
         [directory]\nkind = \"http\"\nurl = \"https://a/?key=hunter2\"\nsecret = \"{WHSEC}\"\n\
         [guard]\nkind = \"redis\"\nid = \"x\"\nurl = \"redis://:hunter2@b/0\"\n[external_2fa]\napi_key = \"hunter2\"\n"
    );
    let config = accepted(&text);
    let effective = config.effective();
    let parsed: toml::Table = effective.parse().unwrap();
    for section in SECTIONS {
        for key in section.keys {
            assert!(parsed[section.name].get(key.name).is_some(), "{}.{}", section.name, key.name);
        }
    }
    let debug = format!("{config:?}");
    for secret in ["hunter2", SECRET, &WHSEC[6..]] {
        assert!(!effective.contains(secret), "{effective}");
        assert!(!debug.contains(secret), "{debug}");
    }
    assert!(effective.contains("url = \"smtp://ann:***@mail\""), "{effective}");
}

#[test]
fn what_differs_between_two_configurations_is_named() {
    let before = accepted(&format!("[keyring]\nsecrets = [\"{SECRET}\"]\n[server]\npages = true"));
    let moved = accepted(&format!("# a line more\n[server]\npages = true\n[keyring]\nsecrets = [\"{SECRET}\"]"));
    assert!(before.differences(&moved).is_empty());
    let after = accepted(&format!("[keyring]\nsecrets = [\"{OTHER_SECRET}\"]\n[guard]\ncapacity = 64\n[server]\nworkers = 2"));
    assert_eq!(before.differences(&after), ["guard.capacity", "keyring.secrets", "server.workers"]);
}

#[test]
fn what_init_writes_is_accepted_as_it_is_and_with_every_default_spelled_out() {
    let text = annotated(SECRET);
    let config = accepted(&text);
    assert!(config.warnings.is_empty() && !config.keyring_is_random);
    let spelled_out: String = text
        .lines()
        .map(|line| if line.starts_with("# ") { "" } else { line.trim_start_matches('#') })
        .collect::<Vec<_>>()
        .join("\n");
    let spelled = accepted(&spelled_out);
    assert_eq!(strip_comments(spelled.effective()), strip_comments(config.effective()));
}

#[test]
fn what_comes_later_is_refused_once_and_marked_where_it_is_offered() {
    // What it would need besides is no second fault.
    assert_refused(&[("[tokens]\nrotate_refresh = true", "tokens.rotate_refresh", "is not available in this version")]);
    let init = annotated(SECRET);
    assert!(init.contains("# Not in this version.\n#rotate_refresh = false"), "{init}");
}

#[test]
fn the_documentation_has_every_key_as_the_schema_has_it() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let at = text.find("\n### [").map_or(text.len(), |at| at + 1);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{}{}", &text[..at], reference())).unwrap();
    } else {
        assert_eq!(&text[at..], reference(), "run UPDATE_DOCS=1 cargo test --test in_process config");
    }
}

/// The part of the documentation that comes from the schema.
fn reference() -> String {
    let mut text = String::new();
    for section in SECTIONS {
        let _ =
            write!(text, "### [{}]\n\n{}\n\n| key | default | values | |\n|---|---|---|---|\n", section.name, section.about());
        for key in section.keys {
            let cell = |text: &str| text.replace('|', "\\|").replace('\n', " ").replace('<', "&lt;");
            let (default, values) = (key.kind.default_toml(), key.kind.in_words());
            let _ = writeln!(text, "| `{}` | `{default}` | {} | {} |", key.name, cell(&values), cell(&key.about()));
        }
        text += "\n";
    }
    text.trim_end().to_owned() + "\n"
}
