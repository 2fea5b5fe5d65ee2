//! The configuration's rules from the outside: what is refused and under which key, what the defaults are, what is shown.

use std::{ffi::OsString, fmt::Write as _, io, path::Path, time::Duration};

use countersign::{
    challenge::Alphabet,
    config::{
        Config, Faults, FileSystem, Files, Origin, Sources, annotated,
        schema::{Kind, SECTIONS},
        sections::{
            directory::Directory,
            email::EmailTransport,
            events::Subjects,
            external_2fa::{External2fa, Provider},
            guard::GuardKind,
            sms::SmsTransport,
        },
    },
    delivery::{Sender, TemplateFault, Templates, carriers::smtp::Tls},
    events::audit::Target,
    guard::BreakerLimits,
    keyring::{EnvelopeFormat, Root},
    recipient::Channel,
    server::{Listen, authz::Rules, pages::brand::Stylesheet, sessions::SameSite},
    token::{AccessAlgorithm, AccessKeys},
};
use proptest::prelude::*;
use rand_chacha::{ChaCha12Rng, rand_core::SeedableRng as _};

const SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const OTHER_SECRET: &str = "ISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0-P0A";
const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Files that the configurations here name; those whose name starts with `open-` may be read by everybody.
struct Given;

impl Files for Given {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        match path.to_str() {
            Some("secrets" | "open-secrets") => Ok(format!("# two\n{SECRET}\n\n  {OTHER_SECRET}  \n").into_bytes()),
            Some("no-secrets") => Ok(b"# none\n".to_vec()),
            Some("bad-secrets") => Ok(format!("{SECRET}\nnonsense!\n# short\nc2hvcnQ\n{SECRET}\n").into_bytes()),
            Some("binary") => Ok(vec![0xff, 0xfe]),
            Some("logo.svg") => Ok(br#"<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0"/></svg>"#.to_vec()),
            Some("hostile.svg") => Ok(b"<svg xmlns=\"http://www.w3.org/2000/svg\">\n<script/></svg>".to_vec()),
            Some("site.css") => Ok(b"h1 { color: red }".to_vec()),
            Some("long") => Ok(vec![b' '; (64 << 10) + 1]),
            Some("users.json") => Ok(b"[]".to_vec()),
            Some("twins.json") => Ok(
                br#"[{"id":"1","email":"a@example.com","is_active":true},{"id":"2","email":"A@example.com","is_active":true}]"#
                    .to_vec(),
            ),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn templates(&self, folder: &Path) -> Result<Templates, Vec<TemplateFault>> {
        let fault = |name: &str| TemplateFault { path: folder.join(name), reason: "no".into() };
        match folder.to_str() {
            Some("bad-templates") => Err(vec![fault("email.txt"), fault("sms.txt")]),
            _ => Ok(Templates::built_in()),
        }
    }

    fn is_open_to_all(&self, path: &Path) -> bool {
        path.to_str().is_some_and(|path| path.starts_with("open-"))
    }
}

fn judge_file(name: &str, text: &str, environment: &[(&str, &str)]) -> Result<Config, Faults> {
    let environment: Vec<(OsString, OsString)> = environment.iter().map(|(name, value)| (name.into(), value.into())).collect();
    let sources = Sources::new(Some((name, text)), &environment).with_files(&Given);
    Config::judge(&sources, &mut ChaCha12Rng::seed_from_u64(1))
}

fn judge_with(text: &str, environment: &[(&str, &str)]) -> Result<Config, Faults> {
    judge_file("test.toml", text, environment)
}

fn judge(text: &str) -> Result<Config, Faults> {
    judge_with(text, &[])
}

/// The keys of all faults.
fn faulty(text: &str) -> Vec<String> {
    match judge(text) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.as_slice().iter().map(|fault| fault.key.clone()).collect(),
    }
}

fn accepted(text: &str) -> Config {
    judge(text).unwrap_or_else(|faults| panic!("{text}\n{faults}"))
}

/// Each text has one fault, at this key, and says this.
fn assert_refused(cases: &[(&str, &str, &str)]) {
    for (text, key, says) in cases {
        let faults = judge(text).expect_err(text);
        let [fault] = faults.as_slice() else { panic!("{text}\n{faults}") };
        assert_eq!(fault.key, *key, "{text}\n{fault}");
        assert!(fault.reason.contains(says), "{text}\n{fault}");
    }
}

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
fn without_a_secret_there_is_a_random_one_and_a_warning() {
    let config = accepted("");
    assert_eq!(config.keyring.roots().len(), 1);
    assert!(config.keyring_is_random && config.warnings.iter().any(|warning| warning.starts_with("keyring.secrets: ")));
    let config = accepted(&format!("[keyring]\nsecrets = [\"{SECRET}\"]"));
    assert!(!config.keyring_is_random && config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn all_faults_are_reported_at_once_in_the_order_of_the_schema() {
    let text = "
        [guard]
        kind = \"shared-nothing\"
        [server]
        listen = \"nowhere\"
        max_body_bytes = \"many\"
        colour = \"red\"
        [passwordless]
        short_token_chars = \"aa\"
        site_name = \"a\\nb\"
        [tokens]
        algorithm = \"RS256\"
        [colours]
        ";
    let expected = [
        "colours",
        "server.listen",
        "server.max_body_bytes",
        "server.colour",
        "passwordless.short_token_chars",
        "passwordless.site_name",
        "tokens.private_key_file",
        "guard.id",
    ];
    assert_eq!(faulty(text), expected);
}

#[test]
fn a_fault_names_its_line_or_its_variable() {
    let faults = judge("[server]\n\nlisten = 3\n").unwrap_err();
    assert_eq!(faults.as_slice()[0].origin, Origin::File("test.toml".into(), Some(3)));
    assert_eq!(faults.to_string(), "server.listen: must be a text, not a whole number (test.toml:3)");
    let faults = judge_with("", &[("COUNTERSIGN_SERVER__WORKERS", "many")]).unwrap_err();
    assert_eq!(faults.to_string(), "server.workers: must be a whole number, not \"many\" (COUNTERSIGN_SERVER__WORKERS)");
}

#[test]
fn what_is_no_toml_is_a_fault_with_a_line() {
    let faults = judge("[server]\nlisten = \n").unwrap_err();
    let fault = &faults.as_slice()[0];
    assert!(fault.reason.starts_with("no TOML: "), "{fault}");
    assert_eq!(fault.origin, Origin::File("test.toml".into(), Some(2)), "{fault}");
    assert!(judge("[server]\nlisten = \"127.0.0.1:1\"\nlisten = \"127.0.0.1:2\"").is_err(), "a key twice");
}

#[test]
fn unknown_names_are_faults_that_say_what_is_meant() {
    assert_refused(&[
        ("[sever]", "sever", "did you mean [server]?"),
        ("listen = \"x\"", "listen", "belongs under [server]"),
        ("[server]\nlisen = \"127.0.0.1:1\"", "server.lisen", "did you mean server.listen?"),
        ("[server]\nmax_attempts = 3", "server.max_attempts", "belongs under [passwordless]"),
        (
            "[passwordless]\nEMAIL_FIELD_NAME = \"x\"",
            "passwordless.EMAIL_FIELD_NAME",
            "did you mean passwordless.email_field_name?",
        ),
        ("server = 3", "server", "write [server]"),
        ("[server.listen]\nport = 3", "server.listen", "not a table"),
    ]);
}

#[test]
fn the_environment_wins_over_the_file() {
    let text = "[server]\nlisten = \"127.0.0.1:1\"\n[passwordless]\nmax_attempts = \"not judged, since it isn't used\"";
    let config = judge_with(
        text,
        &[
            ("COUNTERSIGN_SERVER__LISTEN", "127.0.0.1:2"),
            ("COUNTERSIGN_PASSWORDLESS__MAX_ATTEMPTS", "7"),
            ("COUNTERSIGN_PASSWORDLESS__ALLOWED_PASSWORDLESS_METHODS", "mobile, Email"),
            ("COUNTERSIGN_PASSWORDLESS__BLOCKED_PREFIXES", ""),
            ("COUNTERSIGN_SERVER__PAGES", "false"),
            ("COUNTERSIGN_TOKENS__AUDIENCE", "a,b"),
            ("COUNTERSIGN_GUARD__MAX_TAKEOVER_PROBABILITY", "1e-3"),
            ("COUNTERSIGN_KEYRING__SECRETS", &format!("{SECRET},{OTHER_SECRET}")),
            ("COUNTERSIGN_CONFIG", "elsewhere.toml"),
            ("COUNTERSIGN_SERVICE_HOST", "10.0.0.1"),
            ("PATH", "/bin"),
        ],
    )
    .unwrap();
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:2");
    assert_eq!(config.passwordless.max_attempts, 7);
    assert_eq!(config.passwordless.policy.channels, [Channel::Mobile, Channel::Email]);
    assert_eq!(config.tokens.sessions.audiences, ["a", "b"]);
    assert_eq!(config.keyring.roots().len(), 2);
    assert!(!config.server.pages && (config.guard.max_takeover_probability - 1e-3).abs() < f64::EPSILON);
    assert!(config.effective().contains("listen = \"127.0.0.1:2\"  # COUNTERSIGN_SERVER__LISTEN\n"));
}

#[test]
fn unknown_variables_of_our_form_are_faults() {
    let keys = |name: &str| {
        let faults = judge_with("", &[(name, "1")]).unwrap_err();
        faults.as_slice()[0].to_string()
    };
    assert_eq!(
        keys("COUNTERSIGN_SERVER__LISEN"),
        "server.lisen: no such key; did you mean server.listen? (COUNTERSIGN_SERVER__LISEN)"
    );
    assert!(keys("COUNTERSIGN_SEVER__LISTEN").contains("did you mean [server]?"));
    assert!(keys("COUNTERSIGN_server__listen").contains("did you mean [server]?"));
    assert!(keys("COUNTERSIGN_SERVER__LISTEN__X").contains("server.listen__x"));
    assert!(keys("COUNTERSIGN___").contains("no such section"));
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStringExt as _;
        let environment = [("COUNTERSIGN_TOKENS__HS256_SECRET".into(), OsString::from_vec(vec![0xff; 40]))];
        let sources = Sources::new(None, &environment).with_files(&Given);
        let faults = Config::judge(&sources, &mut ChaCha12Rng::seed_from_u64(1)).unwrap_err();
        assert!(faults.as_slice()[0].reason.contains("not UTF-8"));
    }
}

#[test]
fn kinds_and_ranges() {
    assert_refused(&[
        ("[server]\nmax_body_bytes = 0", "server.max_body_bytes", "must be 1 to 67108864, not 0"),
        ("[server]\nmax_body_bytes = -1", "server.max_body_bytes", "not -1"),
        ("[server]\nmax_body_bytes = 1.5", "server.max_body_bytes", "a whole number"),
        ("[server]\nmax_body_bytes = 99999999999999999999999999999999999999999", "server.max_body_bytes", "beyond all bounds"),
        ("[server]\npages = \"yes\"", "server.pages", "true or false"),
        ("[server]\ntrusted_proxies = \"10.0.0.0/8\"", "server.trusted_proxies", "a list of texts"),
        ("[server]\ntrusted_proxies = [1]", "server.trusted_proxies", "one of them is a whole number"),
        ("[tokens]\naudience = 3", "tokens.audience", "a text or a list"),
        ("[tokens]\nalgorithm = \"eddsa\"", "tokens.algorithm", "did you mean EdDSA?"),
        ("[tokens]\nalgorithm = \"none\"", "tokens.algorithm", "is none of"),
        ("[tokens]\nformat = 2001-01-01", "tokens.format", "a date"),
        ("[guard]\nmax_takeover_probability = 0", "guard.max_takeover_probability", "above 0"),
        ("[guard]\nmax_takeover_probability = 1.1", "guard.max_takeover_probability", "at most 1"),
        ("[guard]\nmax_takeover_probability = nan", "guard.max_takeover_probability", "above 0"),
        ("[guard]\ncapacity = 63", "guard.capacity", "must be 64"),
    ]);
    assert_eq!(accepted("[server]\nmax_body_bytes = 0x4000").server.max_body_bytes, 0x4000);
    assert!(accepted("[guard]\nmax_takeover_probability = 1").guard.max_takeover_probability >= 1.0);
}

#[test]
fn server() {
    assert_refused(&[
        ("[server]\nlisten = \"localhost:8000\"", "server.listen", "127.0.0.1:8000"),
        ("[server]\nadmin_listen = \"127.0.0.1:8000\"", "server.admin_listen", "must differ"),
        ("[server]\npublic_url = \"https://a.example/login\"", "server.public_url", "base_path"),
        ("[server]\nbase_path = \"login\"", "server.base_path", "must start with a slash"),
        ("[server]\nbase_path = \"/a/../b\"", "server.base_path", "segment"),
        ("[server]\ncookie_path = \"/elsewhere\"", "server.cookie_path", "never come back"),
        ("[server]\ntrusted_proxies = [\"10.0.0.0/40\"]", "server.trusted_proxies", "no network"),
        ("[server]\ncors_origins = [\"*\"]", "server.cors_origins", "wildcard"),
    ]);
    let config = accepted("[server]\nlisten = \"unix:/run/x.sock\"\nbase_path = \"/\"\npublic_url = \"https://a.example/\"");
    assert_eq!(config.server.listen, Listen::Unix("/run/x.sock".into()));
    assert_eq!((&*config.server.base_path, &*config.server.cookie_path), ("", "/"));
    assert_eq!(config.passwordless.link_url, "https://a.example/link#{token}");
    assert_eq!(config.tokens.sessions.issuer, "https://a.example");
    let config = accepted("[server]\nlisten = \"0.0.0.0:9000\"\ntrusted_proxies = [\"10.0.0.1\", \"fd00::/8\"]");
    assert_eq!(config.server.public_url.as_str(), "http://localhost:8000", "the default is one URL, whatever the port");
    assert_eq!(config.tokens.sessions.issuer, "http://localhost:8000");
    assert!(
        config.warnings.iter().any(|warning| warning.starts_with("server.public_url: is not given")),
        "{:?}",
        config.warnings
    );
    assert_eq!(config.server.page_url.expect("a browser finds it there").as_str(), "http://localhost:9000");
    assert_eq!(config.server.trusted_proxies.len(), 2);
    assert!(accepted("[server]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"").warnings.len() == 1);
}

#[test]
fn keyring() {
    let long: Vec<String> = (10..21).map(|n| format!("\"{n}{}\"", &SECRET[2..])).collect();
    assert_refused(&[
        ("[keyring]\nsecrets = [\"c2hvcnQ\"]", "keyring.secrets", "secret 1 has 5 bytes, and needs 32"),
        ("[keyring]\nsecrets = [\"not base64url!\"]", "keyring.secrets", "secret 1 is not base64url"),
        (&format!("[keyring]\nsecrets = [\"{SECRET}\", \"{SECRET}\"]"), "keyring.secrets", "secret 2 is secret 1 once more"),
        (&format!("[keyring]\nsecrets = [{}]", long.join(",")), "keyring.secrets", "at most 10"),
        (&format!("[keyring]\nsecrets = [\"{SECRET}\"]\nsecrets_file = \"secrets\""), "keyring.secrets_file", "instead of"),
        ("[keyring]\nsecrets_file = \"missing\"", "keyring.secrets_file", "can't read missing"),
        ("[keyring]\nsecrets_file = \"no-secrets\"", "keyring.secrets_file", "at least one"),
        ("[keyring]\nsecrets_file = \"binary\"", "keyring.secrets_file", "not UTF-8"),
    ]);
    let faults = judge("[keyring]\nsecrets_file = \"bad-secrets\"").unwrap_err();
    let reasons: Vec<_> = faults.as_slice().iter().map(|fault| &*fault.reason).collect();
    let starts = ["bad-secrets:2 is not base64url", "bad-secrets:4 has 5 bytes", "bad-secrets:5 is bad-secrets:1 once more"];
    assert!(reasons.len() == 3 && reasons.iter().zip(starts).all(|(reason, start)| reason.starts_with(start)), "{faults}");
    for text in ["B".repeat(43), format!("{SECRET}=")] {
        let config = accepted(&format!("[keyring]\nsecrets = [\"{text}\"]"));
        assert_eq!(config.keyring.roots().len(), 1, "trailing bits and padding mean nothing: {text}");
    }
    let from_file = accepted("[keyring]\nsecrets_file = \"secrets\"");
    let inline = accepted(&format!("[keyring]\nsecrets = [\"{SECRET}\", \"{OTHER_SECRET}=\"]"));
    let ids = |config: &Config| config.keyring.roots().iter().map(Root::id).collect::<Vec<_>>();
    assert_eq!((ids(&from_file).len(), ids(&from_file)), (2, ids(&inline)));
}

#[test]
fn passwordless() {
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
fn tokens() {
    let section = |text: &str| format!("[tokens]\n{text}");
    let algorithm = |text: &str| accepted(&section(text)).tokens.sessions.algorithm;
    assert_eq!(algorithm("format = \"paseto\""), AccessAlgorithm::V4Public);
    assert_eq!(algorithm("algorithm = \"v4.local\""), AccessAlgorithm::V4Local);
    assert_eq!(algorithm("format = \"paseto\"\nalgorithm = \"v4.public\""), AccessAlgorithm::V4Public);
    assert_eq!(algorithm("algorithm = \"ES256\""), AccessAlgorithm::Es256);
    assert_eq!(accepted(&section("challenge_algorithm = \"ES256\"")).tokens.envelope_format, EnvelopeFormat::Es256);
    assert_eq!(accepted(&section("challenge_format = \"paseto\"")).tokens.envelope_format, EnvelopeFormat::V4Public);
    assert_eq!(accepted(&section("audience = [\"a\", \"b\"]")).tokens.sessions.audiences, ["a", "b"]);
    assert_eq!(accepted(&section("issuer = \"i\"")).tokens.sessions.audiences, ["i"]);
    for name in ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "sid", "auth_time", "amr", "channel", "token_type"]
    {
        assert_eq!(faulty(&section(&format!("user_id_claim = \"{name}\""))), ["tokens.user_id_claim"], "{name}");
    }
    assert_refused(&[
        (&section("format = \"paseto\"\nalgorithm = \"EdDSA\""), "tokens.algorithm", "v4.public or v4.local"),
        (&section("format = \"jwt\"\nalgorithm = \"v4.local\""), "tokens.algorithm", "EdDSA, ES256"),
        (&section("format = \"paseto\"\naudience = [\"a\", \"b\"]"), "tokens.audience", "single"),
        (&section("audience = \"countersign-challenge\""), "tokens.audience", "envelopes"),
        (&section("audience = [\"a\", \"countersign-challenge\"]"), "tokens.audience", "envelopes"),
        (&section("issuer = \"countersign-challenge\""), "tokens.issuer", "envelopes"),
        (&section("audience = [\"a\", \"a\"]"), "tokens.audience", "twice"),
        (&section("challenge_format = \"paseto\"\nchallenge_algorithm = \"ES256\""), "tokens.challenge_algorithm", "EdDSA"),
        (&section("algorithm = \"RS256\""), "tokens.private_key_file", "required"),
        (&section("private_key_file = \"missing\""), "tokens.private_key_file", "can't read"),
        (&section("algorithm = \"v4.public\"\nprivate_key_file = \"secrets\""), "tokens.private_key_file", "v4.public"),
        (
            &section(&format!("algorithm = \"HS256\"\nhs256_secret = \"{SECRET}\"\nprivate_key_file = \"secrets\"")),
            "tokens.private_key_file",
            "HS256",
        ),
        (
            &section("algorithm = \"HS256\"\nhs256_secret = \"short\""),
            "tokens.hs256_secret",
            "secret 1 has 5 bytes, and needs 32",
        ),
        (&section("rotate_refresh = true\n[guard]\nkind = \"journal\"\npath = \"j\""), "tokens.rotate_refresh", "this version"),
    ]);
    assert_refused(&[(&section("rotate_refresh = true"), "tokens.rotate_refresh", "this version")]);
    let long = "x".repeat(32);
    let config = accepted(&section(&format!("algorithm = \"HS256\"\nhs256_secret = [\"{long}\", \"{long}y\"]")));
    assert!(matches!(&config.tokens.sessions.keys, AccessKeys::Shared(keys) if keys.len() == 2));
    let config = accepted(&section(&format!("algorithm = \"HS256\"\nhs256_secret = \"{long}\"")));
    assert!(matches!(&config.tokens.sessions.keys, AccessKeys::Shared(keys) if keys.len() == 1));
    let faults = judge(&section(&format!("algorithm = \"HS256\"\nhs256_secret = [\"a\", \"{long}\", \"b\"]"))).unwrap_err();
    assert_eq!(faults.as_slice().len(), 2, "each bad secret is named: {faults}");
}

#[test]
fn session() {
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

#[test]
fn hs256_needs_a_secret_that_somebody_else_has_too() {
    assert_refused(&[
        ("[tokens]\nalgorithm = \"HS256\"", "tokens.hs256_secret", "is required with algorithm = \"HS256\""),
        ("[tokens]\nalgorithm = \"HS256\"\nhs256_secret = []", "tokens.hs256_secret", "is required"),
        ("[tokens]\nalgorithm = \"HS256\"\nhs256_secret = \"\"", "tokens.hs256_secret", "is required"),
    ]);
    let faults = judge_with("", &[("COUNTERSIGN_TOKENS__ALGORITHM", "HS256")]).unwrap_err();
    assert!(faults.to_string().starts_with("tokens.hs256_secret: is required"), "{faults}");
}

#[test]
fn rules_for_proxies_are_read_and_what_is_none_is_a_fault() {
    let config = accepted("");
    assert_eq!((config.authz.rules, config.authz.cache_seconds), (Rules::default(), 300));
    let text = "[authz]\nrules = [\"/admin audience=staff amr=sms\", \"/admin/help\"]";
    let from_file = accepted(text).authz.rules;
    let variables = [("COUNTERSIGN_AUTHZ__RULES", "/admin audience=staff amr=sms, /admin/help")];
    assert_eq!(judge_with("", &variables).unwrap().authz.rules, from_file);
    assert_ne!(from_file, Rules::default());
    assert_refused(&[
        ("[authz]\nrules = [\"admin\"]", "authz.rules", "is no path"),
        ("[authz]\nrules = [\"/a//b amr=otp\"]", "authz.rules", "is no path"),
        ("[authz]\nrules = [\"/a role=x\"]", "authz.rules", "neither audience"),
        ("[authz]\nrules = [\"/b\", \"/a amr=otp\", \"/a/\"]", "authz.rules", "rules 2 and 3 are for the same path"),
        ("[authz]\nrules = \"/a\"", "authz.rules", "must be a list of texts"),
        ("[authz]\ncache_seconds = 3601", "authz.cache_seconds", "3600"),
        ("[authz]\ngrpc_listen = \"9001\"", "authz.grpc_listen", "no address with a port"),
        ("[authz]\ngrpc_listen = \"127.0.0.1:8000\"", "authz.grpc_listen", "must differ from server.listen"),
        ("[authz]\ngrpc_listen = \"127.0.0.1:8001\"", "authz.grpc_listen", "must differ from server.admin_listen"),
    ]);
}

#[test]
fn headers_of_claims_are_read_and_what_is_none_is_a_fault() {
    let config =
        accepted("[authz]\nclaim_headers = [\"role:X-Auth-Role\", \"https://a.example/x:X-A\"]\nforward_token = true").authz;
    let names: Vec<_> = config.claim_headers.iter().map(|header| header.name().as_str()).collect();
    assert_eq!((names, config.forward_token), (vec!["x-auth-role", "x-a"], true));
    assert!(accepted("").authz.claim_headers.is_empty());
    assert_refused(&[
        ("[authz]\nclaim_headers = [\"role\"]", "authz.claim_headers", "no colon"),
        ("[authz]\nclaim_headers = [\"role:Role\"]", "authz.claim_headers", "must begin with X-"),
        ("[authz]\nclaim_headers = [\"sub:X-Sub\"]", "authz.claim_headers", "token's own"),
        ("[authz]\nclaim_headers = [\"role:X-Auth-Subject\"]", "authz.claim_headers", "something else"),
        ("[authz]\nclaim_headers = [\"role:X-Real-IP\"]", "authz.claim_headers", "belongs to proxies"),
        ("[authz]\nclaim_headers = [\"a:X-A\", \"b:X-B\", \"c:x-a\"]", "authz.claim_headers", "1 and 3 have the same header"),
    ]);
    let warned = |listen: &str| !warnings_at(&format!("[authz]\ngrpc_listen = \"{listen}\""), &["authz.grpc_listen"]).is_empty();
    assert!(warned("0.0.0.0:9001") && !warned("127.0.0.1:9001") && !warned("unix:/run/grpc.sock") && !warned(""));
}

#[test]
fn a_wildcard_among_the_origins_is_a_fault() {
    for origin in ["*", "https://*.example.com", "https://*", "https://app-*.example.com", "https://example.com:*"] {
        let text = format!("[server]\ncors_origins = [\"https://app.example.com\", \"{origin}\"]");
        assert_refused(&[(&text, "server.cors_origins", "wildcard")]);
    }
    let faults = judge_with("", &[("COUNTERSIGN_SERVER__CORS_ORIGINS", "https://a.example,https://*.a.example")]).unwrap_err();
    assert!(faults.to_string().contains("https://*.a.example"), "{faults}");
}

#[test]
fn a_text_without_quotes_is_explained() {
    for (line, says) in [
        (
            "[server]\nlisten = 127.0.0.1:8000",
            "listen has a text without quotes: write listen = \"127.0.0.1:8000\" (test.toml:2)",
        ),
        ("[server]\nlisten = 127.0.0.1:8000 # here", "write listen = \"127.0.0.1:8000\" (test.toml:2)"),
        ("[server]\n\nlisten = unix:/run/x.sock", "write listen = \"unix:/run/x.sock\" (test.toml:3)"),
        ("[server]\npublic_url = https://login.example.com", "write public_url = \"https://login.example.com\""),
        ("[passwordless]\nsite_name = Example", "write site_name = \"Example\""),
        ("[email]\nfrom = noreply@example.com", "write from = \"noreply@example.com\""),
        ("[guard]\nkind = journal", "write kind = \"journal\""),
        ("[tokens]\nhs256_secret = hunter2", "hs256_secret has a text without quotes: write hs256_secret = \"…\""),
        ("[email]\nurl = smtp://ann:hunter2@mail", "write url = \"…\""),
        (
            "[server]\ncors_origins = [https://a.example, https://b.example]",
            "cors_origins = [\"https://a.example\", \"https://b.example\"]",
        ),
        ("[passwordless]\nallowed_passwordless_methods = [EMAIL]", "allowed_passwordless_methods = [\"EMAIL\"]"),
        ("[keyring]\nsecrets = [hunter2]", "write secrets = [\"…\"]"),
    ] {
        let faults = judge(line).unwrap_err();
        let said = faults.to_string();
        assert!(said.contains(says) && !said.contains("hunter2"), "{line}\n{said}");
        assert_eq!(said.matches("without quotes").count(), 1, "{line}\n{said}");
    }
    // Whatever else is wrong is told as before.
    for other in ["[server]\nlisten = \"127.0.0.1:8000", "[server\nlisten = 1", "[server]\nlisten"] {
        let said = judge(other).unwrap_err().to_string();
        assert!(said.contains("no TOML") && !said.contains("without quotes"), "{other}\n{said}");
    }
}

#[test]
fn faults_name_the_file_that_is_wrong() {
    for (text, file) in [
        ("[directory]\nkind = \"file\"\npath = \"missing.json\"", "missing.json"),
        ("[directory]\nkind = \"file\"\npath = \"twins.json\"", "twins.json"),
        ("[directory]\nkind = \"file\"\npath = \"secrets\"", "secrets"),
        ("[email]\ntemplates = \"bad-templates\"", "bad-templates/email.txt"),
        ("[keyring]\nsecrets_file = \"missing\"", "missing"),
        ("[keyring]\nsecrets_file = \"binary\"", "binary"),
        ("[tokens]\nprivate_key_file = \"missing.pem\"", "missing.pem"),
        ("[tokens]\nprivate_key_file = \"secrets\"", "secrets"),
    ] {
        let faults = judge(text).unwrap_err();
        assert!(faults.as_slice()[0].reason.contains(file), "{text}\n{faults}");
    }
}

#[test]
fn email() {
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
fn sms() {
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
fn what_comes_later_is_refused_once_and_marked_where_it_is_offered() {
    // What it would need besides is no second fault.
    assert_refused(&[("[tokens]\nrotate_refresh = true", "tokens.rotate_refresh", "is not available in this version")]);
    let init = annotated(SECRET);
    assert!(init.contains("# Not in this version.\n#rotate_refresh = false"), "{init}");
}

#[test]
fn events() {
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

#[test]
fn captcha() {
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

#[test]
fn external_2fa() {
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

#[test]
fn reviewers() {
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

#[test]
fn directory() {
    assert_refused(&[
        ("[directory]\nkind = \"file\"", "directory.path", "required"),
        ("[directory]\nkind = \"file\"\npath = \"missing\"", "directory.path", "can't read"),
        ("[directory]\nkind = \"file\"\npath = \"secrets\"", "directory.path", ""),
        ("[directory]\nkind = \"file\"\npath = \"twins.json\"", "directory.path", "have the same \"email\""),
        (&format!("[directory]\nkind = \"http\"\nsecret = \"{WHSEC}\""), "directory.url", "required"),
        ("[directory]\nkind = \"http\"\nurl = \"https://a/\"", "directory.secret", "required"),
        ("[directory]\nkind = \"http\"\nurl = \"https://a/\"\nsecret = \"whsec_c2hvcnQ=\"", "directory.secret", "24 to 64"),
        (
            "[directory]\nkind = \"file\"\npath = \"users.json\"\n[passwordless]\nregister_nonexistent_users = true",
            "passwordless.register_nonexistent_users",
            "directory.kind",
        ),
    ]);
    let text = format!(
        "[directory]\nkind = \"http\"\nurl = \"https://a/\"\nsecret = \"{WHSEC}\"\n[passwordless]\nregister_nonexistent_users = true"
    );
    assert!(accepted(&text).passwordless.policy.registers);
    let inline = accepted("[directory]\nkind = \"file\"\npath = \"users.json\"\n[delivery]\nmode = \"inline\"");
    assert!(inline.warnings.iter().any(|warning| warning.starts_with("delivery.mode: ")), "{:?}", inline.warnings);
}

#[test]
fn guard() {
    let section = |text: &str| format!("[keyring]\nsecrets = [\"{SECRET}\"]\n[guard]\n{text}");
    assert_refused(&[
        (&section("kind = \"journal\""), "guard.path", "required"),
        (&section("kind = \"redis\"\nurl = \"redis://localhost\""), "guard.id", "required"),
        (&section("kind = \"redis\"\nid = \"fleet\""), "guard.url", "required"),
        (&section("kind = \"redis\"\nid = \"fleet\"\nurl = \"localhost\""), "guard.url", "redis://"),
        (&section("kind = \"shared-nothing\""), "guard.id", "required"),
        (&section("kind = \"shared-nothing\"\nid = \"a b\""), "guard.id", "63"),
        (&section("node = \"a_b\""), "guard.node", "63"),
        (&section("peer_url = \"http://{node}:8000\""), "guard.node", "required with peer_url"),
        (&section("node = \"a\"\npeer_url = \"http://a:8000\""), "guard.peer_url", "{node}"),
        (&section("node = \"a\"\nnodes = [\"a\", \"b\"]"), "guard.peer_url", "required with nodes"),
        (&section("node = \"a\"\npeer_url = \"http://{node}\"\nnodes = [\"b\", \"c\"]"), "guard.nodes", "must name this node"),
        (&section("node = \"a\"\npeer_url = \"http://{node}\"\nnodes = [\"a\", \"a\"]"), "guard.nodes", "twice"),
        (&section("kind = \"shared-nothing\"\nid = \"f\"\npeer_url = \"http://{node}\""), "guard.peer_url", "can't be used"),
    ]);
    assert_eq!(faulty(&section("nodes = [\"a\"]")), ["guard.node", "guard.peer_url"]);
    assert_eq!(faulty("[guard]\nnodes = [\"a\"]"), ["keyring.secrets", "guard.node", "guard.peer_url"]);
    let config = accepted(&section(
        "kind = \"journal\"\npath = \"j\"\nnode = \"a\"\npeer_url = \"http://{node}.svc:8000/\"\nnodes = [\"a\", \"b\"]",
    ));
    let peers = config.guard.peers.unwrap();
    assert_eq!((peers.urls.authority_of("b").unwrap(), peers.nodes.len()), ("b.svc:8000".into(), 2));
    assert!(matches!(config.guard.kind, GuardKind::Journal { .. }));
    let config = accepted(&section("kind = \"redis\"\nurl = \"redis://:pw@localhost/0\"\nid = \"fleet\"\nredis_durable = true"));
    assert!(matches!(config.guard.kind, GuardKind::Redis(ref redis) if redis.durable));
    let sentinels = "kind = \"redis\"\nurl = \"redis+sentinel://:pw@a,b/login\"\nid = \"fleet\"";
    let config = accepted(&section(sentinels));
    assert!(config.effective().contains("url = \"redis+sentinel://:***@a,b/login\""), "{}", config.effective());
    assert_refused(&[
        (&section(&format!("{sentinels}\nredis_durable = true")), "guard.redis_durable", "no replica is ever promoted"),
        (&section(&sentinels.replace("/login", "")), "guard.url", "names no master"),
    ]);
    assert!(accepted(&section("max_takeover_probability = 1")).warnings.iter().any(|warning| warning.contains("NO BOUND")));
}

#[test]
fn each_node_may_have_a_url_of_its_own() {
    let fleet = |nodes: &str, table: &str| {
        format!("[keyring]\nsecrets = [\"{SECRET}\"]\n[guard]\nnode = \"a\"\nnodes = [{nodes}]\n[guard.peer_url]\n{table}")
    };
    let table = "a = \"http://127.0.0.1:8101\"\n\"b.c\" = \"http://127.0.0.1:8102\"";
    for nodes in ["\"b.c\", \"a\"", ""] {
        let config = accepted(&fleet(nodes, table));
        let urls = config.guard.peers.clone().unwrap().urls;
        assert_eq!(urls.authority_of("b.c").as_deref(), Some("127.0.0.1:8102"));
        assert!(
            config.effective().contains(r#"peer_url = { a = "http://127.0.0.1:8101", "b.c" = "http://127.0.0.1:8102" }"#),
            "{}",
            config.effective()
        );
        accepted(&strip_comments(config.effective()).replace("\"***\"", &format!("\"{SECRET}\"")));
    }
    let both = "\"a\", \"b\"";
    assert_refused(&[
        (&fleet("\"a\", \"b.c\", \"d\"", table), "guard.peer_url", "has no entry for node \"d\""),
        (
            &fleet(both, "a = \"http://x\"\nb = \"http://y\"\nc = \"http://z\""),
            "guard.peer_url",
            "an entry for \"c\", which is none of",
        ),
        (&fleet("", "b = \"http://y\""), "guard.peer_url", "has no entry for node \"a\""),
        (&fleet(both, "a = \"http://x\"\nb = \"http://x/\""), "guard.peer_url", "have the same URL, http://x"),
        (
            &fleet(both, "a = \"http://x\"\nb = \"http://{node}\""),
            "guard.peer_url",
            "contains {node}, which belongs to the other form",
        ),
        (&fleet(both, "a = \"http://x\"\nb = 8102"), "guard.peer_url", "\"b\" is a whole number"),
        (
            &fleet(both, "a = \"http://x\"\nb = \"http://y\"\nkind = [\"memory\"]"),
            "guard.peer_url",
            "other keys stand above the table",
        ),
        (
            &fleet("\"a\", \"1.2\"", "a = \"http://x\"\n1.2 = \"http://y\""),
            "guard.peer_url",
            "a name with a dot stands in quotes",
        ),
    ]);
    // The empty table says as little as the empty text.
    assert!(accepted(&fleet("", "")).guard.peers.is_none());
    let twice = "[guard]\nnode = \"a\"\npeer_url = \"http://{node}\"\n[guard.peer_url]\na = \"http://x\"";
    let faults = judge(twice).unwrap_err();
    assert!(faults.to_string().contains("duplicate key") && faults.to_string().contains("test.toml:4"), "{faults}");
    // Where both are wrong, both are told.
    let faults = judge(&fleet("\"a\", \"b\", \"c\"", "a = \"http://x\"\nd = \"http://y\"")).unwrap_err();
    assert_eq!(faults.as_slice().len(), 3, "{faults}");
}

#[test]
fn the_environment_names_nodes_and_their_urls_too() {
    let base = format!(
        "[keyring]\nsecrets = [\"{SECRET}\"]\n[guard]\nnode = \"a\"\nnodes = [\"a\", \"b\"]\npeer_url = \"http://{{node}}\""
    );
    let with = |value: &str| judge_with(&base, &[("COUNTERSIGN_GUARD__PEER_URL", value)]);
    for good in ["a=http://127.0.0.1:8101,b=http://127.0.0.1:8102", " a = http://127.0.0.1:8101 , b = http://127.0.0.1:8102,"] {
        let urls = with(good).unwrap().guard.peers.unwrap().urls;
        assert_eq!(urls.authority_of("b").as_deref(), Some("127.0.0.1:8102"), "{good}");
    }
    assert_eq!(with("http://{node}.x").unwrap().guard.peers.unwrap().urls.authority_of("b").as_deref(), Some("b.x"));
    for (bad, says) in [
        ("a=http://x,http://{node}", "has no name"),
        ("a=http://x,b=http://y,a=http://z", "has two entries for \"a\""),
        ("a=http://x", "has no entry for node \"b\""),
        ("a=http://x,b=http://{node}:1", "belongs to the other form"),
        ("http://x", "must contain {node}"),
    ] {
        let faults = with(bad).expect_err(bad);
        let [fault] = faults.as_slice() else { panic!("{bad}: {faults}") };
        assert!(fault.reason.contains(says), "{bad}: {fault}");
        assert_eq!(fault.origin, Origin::Environment("COUNTERSIGN_GUARD__PEER_URL".into()));
    }
}

#[test]
fn guesses_that_are_too_probable_are_refused_with_what_would_do() {
    let fleet = "[guard]\nreplicas = 50";
    let faults = judge(fleet).unwrap_err();
    let [fault] = faults.as_slice() else { panic!("{faults}") };
    assert_eq!(fault.key, "guard.max_takeover_probability");
    for remedy in ["passwordless.short_token_length = 7", "guard.nodes", "guard.kind = \"redis\""] {
        assert!(fault.reason.contains(remedy), "{fault}");
    }
    assert!(accepted("[guard]\nreplicas = 50\n[passwordless]\nshort_token_length = 7").bound().check().is_ok());
    assert_eq!(accepted(&of_three("a", "")).limits().comparisons, 33);
    assert_eq!(accepted(&of_three("a", "")).limits().breaker.min_sent, 67, "a third of 200");
    assert_eq!(accepted("[sms]\nbreaker_min_sent = 0").limits().breaker.min_sent, 0);
    assert_eq!(faulty("[sms]\nbreaker_min_conversion = 0"), ["sms.breaker_min_conversion"]);
    assert_eq!(faulty("[sms]\nbreaker_min_conversion = 101"), ["sms.breaker_min_conversion"]);
    let sources = Sources::new(Some(("x", fleet)), &[]).with_files(&Given);
    let apart = Config::judge_apart_from_bound(&sources, &mut ChaCha12Rng::seed_from_u64(1)).unwrap();
    assert!(apart.bound().check().is_err());
    assert_eq!(faulty("[guard]\nreplicas = 50\nnode = \"?\"\n[server]\nworkers = -1"), ["server.workers", "guard.node"]);
    assert_eq!(faulty("[guard]\nreplicas = 50\n[server]\nworkers = -1"), ["server.workers", "guard.max_takeover_probability"]);
}

/// Three nodes with homes, this one named `node`.
fn of_three(node: &str, text: &str) -> String {
    let guard = format!("node = \"{node}\"\npeer_url = \"http://{{node}}\"\nnodes = [\"c\", \"a\", \"b\"]");
    format!("[keyring]\nsecrets = [\"{SECRET}\"]\n[guard]\n{guard}\n{text}")
}

#[test]
fn with_homes_a_node_keeps_to_its_share_of_the_ceilings() {
    let text = "[sms]\nmax_per_hour = 8\nmax_per_prefix_per_hour = 4\n[email]\nmax_per_hour = 3\n\
                [passwordless]\nmax_messages_per_network_per_hour = 7";
    let share = |node| {
        let limits = accepted(&of_three(node, text)).limits();
        [limits.sms_per_hour, limits.sms_per_prefix_per_hour, limits.email_per_hour, limits.max_messages_per_network_per_hour]
    };
    // By name, however the nodes are listed.
    assert_eq!([share("a"), share("b"), share("c")], [[3, 2, 1, 3], [3, 1, 1, 3], [2, 1, 1, 3]]);
    assert_eq!(accepted(&of_three("a", text)).limits().max_messages_per_hour, 10, "a recipient has one home");
    let off = accepted(&of_three("b", "[sms]\nmax_per_hour = 0\n[passwordless]\nmax_messages_per_network_per_hour = 1")).limits();
    assert_eq!((off.sms_per_hour, off.email_per_hour, off.max_messages_per_network_per_hour), (0, 0, 1));
    let alone = accepted("[sms]\nmax_per_hour = 2").limits();
    assert_eq!((alone.sms_per_hour, alone.sms_per_prefix_per_hour), (2, 1_400));
}

/// What is warned of, at these keys only.
fn warnings_at(text: &str, keys: &[&str]) -> Vec<String> {
    let warnings = accepted(text).warnings.into_iter();
    warnings.filter(|warning| keys.iter().any(|key| warning.starts_with(&format!("{key}: ")))).collect()
}

#[test]
fn a_fleet_that_says_too_few_nodes_is_warned_of() {
    let keyring = format!("[keyring]\nsecrets = [\"{SECRET}\"]\n");
    let warnings = |guard: &str| warnings_at(&format!("{keyring}[guard]\n{guard}"), &["guard.replicas"]);
    let peers = "node = \"a\"\npeer_url = \"http://{node}\"";
    let shared = "kind = \"shared-nothing\"\nid = \"f\"";
    let redis = "kind = \"redis\"\nid = \"f\"\nurl = \"redis://localhost\"";
    for (guard, says) in [
        (peers.to_owned(), "guard.nodes to their names"),
        (format!("{peers}\nreplicas = 1"), "the bound is understated"),
        (format!("{peers}\nkind = \"journal\"\npath = \"j\""), "the bound is understated"),
        (shared.to_owned(), "is not given"),
        (format!("{redis}\nreplicas = 3"), "is not used with kind = \"redis\""),
        (format!("{peers}\nnodes = [\"a\", \"b\"]\nreplicas = 2"), "is not used with nodes"),
    ] {
        let found = warnings(&guard);
        assert!(found.len() == 1 && found[0].contains(says), "{guard}: {found:?}");
    }
    for guard in [
        String::new(),
        "replicas = 3".into(),
        format!("{peers}\nreplicas = 2"),
        format!("{shared}\nreplicas = 1"),
        redis.to_owned(),
        format!("{peers}\nnodes = [\"a\", \"b\"]"),
    ] {
        assert_eq!(warnings(&guard), [""; 0], "{guard}");
    }
}

#[test]
fn a_fleet_has_its_secrets_in_common() {
    let peers = "[guard]\nnode = \"a\"\npeer_url = \"http://{node}\"";
    let shared = "[guard]\nkind = \"shared-nothing\"\nid = \"f\"\nreplicas = 2";
    let homes = format!("{peers}\nnodes = [\"a\", \"b\"]");
    assert_refused(&[
        (peers, "keyring.secrets", "is required with guard.peer_url: every node would invent its own"),
        (&homes, "keyring.secrets", "is required with guard.nodes"),
        (shared, "keyring.secrets", "is required with guard.kind = \"shared-nothing\""),
    ]);
    for fleet in [peers, &homes, shared] {
        assert!(judge(&format!("{fleet}\n[keyring]\nsecrets_file = \"secrets\"")).is_ok());
        // How probable guesses are can be known without.
        let sources = Sources::new(Some(("x", fleet)), &[]).with_files(&Given);
        let apart = Config::judge_apart_from_bound(&sources, &mut ChaCha12Rng::seed_from_u64(1)).unwrap();
        assert!(apart.warnings.iter().any(|warning| warning.contains("other nodes' codes")), "{:?}", apart.warnings);
    }
    let redis = "[guard]\nkind = \"redis\"\nid = \"f\"\nurl = \"redis://localhost\"";
    for fleet in [redis, "[guard]\nreplicas = 3"] {
        let warnings = warnings_at(fleet, &["keyring.secrets"]);
        assert!(warnings.len() == 1 && warnings[0].contains("other nodes' codes, links and tokens are refused"), "{warnings:?}");
    }
    let alone = warnings_at("[guard]\nkind = \"shared-nothing\"\nid = \"f\"\nreplicas = 1", &["keyring.secrets"]);
    assert!(alone.len() == 1 && alone[0].contains("a restart ends every session"), "{alone:?}");
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
fn ceilings_that_cannot_be_shared_out_are_refused() {
    assert_refused(&[
        (&of_three("a", "[sms]\nmax_per_hour = 2"), "sms.max_per_hour", "2 can't be shared out over 3 nodes (guard.nodes)"),
        (&of_three("a", "[sms]\nmax_per_prefix_per_hour = 1"), "sms.max_per_prefix_per_hour", "3 or more, or 0"),
        (&of_three("a", "[email]\nmax_per_hour = 2"), "email.max_per_hour", "3 or more, or 0"),
    ]);
    // What nobody set and nothing is sent by is left alone.
    let names: Vec<String> = (0..1_500).map(|at| format!("\"n{at}\"")).collect();
    let large = format!(
        "[keyring]\nsecrets = [\"{SECRET}\"]\n[guard]\nnode = \"n0\"\npeer_url = \"http://{{node}}\"\nnodes = [{}]",
        names.join(",")
    );
    assert_eq!(accepted(&large).limits().sms_per_prefix_per_hour, 1);
    let mobile = format!("{large}\n[passwordless]\nallowed_passwordless_methods = [\"MOBILE\"]");
    assert_eq!(faulty(&mobile), ["sms.max_per_prefix_per_hour"]);
}

#[test]
fn the_bound_counts_what_can_open_one_account() {
    let both = "[passwordless]\nallowed_passwordless_methods = [\"EMAIL\", \"MOBILE\"]\n";
    assert_eq!(accepted("").limits().comparisons, 49);
    assert_eq!(accepted(both).limits().comparisons, 49, "without a directory each recipient is its own account");
    let directory = format!("{both}[directory]\nkind = \"file\"\npath = \"users.json\"");
    assert_eq!(accepted(&directory).limits().comparisons, 24);
    assert_eq!(
        accepted("[guard]\nmax_takeover_probability = 1\n[passwordless]\nshort_token_chars = \"x\"").limits().comparisons,
        100
    );
}

#[test]
fn what_is_given_but_not_used_is_a_warning() {
    let config = accepted("[sms]\naccount_sid = \"AC\"\n[email]\nurl = \"smtp://a\"\n[guard]\nid = \"x\"");
    for key in ["sms.account_sid: is not used", "email.url: is not used", "guard.id: is not used"] {
        assert!(config.warnings.iter().any(|warning| warning.starts_with(key)), "{key}: {:?}", config.warnings);
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
fn faults_hold_no_secret() {
    let text = "[keyring]\nsecrets = [\"hunter2!\"]\n[tokens]\nhs256_secret = \"hunter2\"\n[email]\ntransport = \"smtp\"\nurl = \"hunter2\"\n\
                [directory]\nkind = \"http\"\nurl = \"hunter2\"\nsecret = \"hunter2\"\n[guard]\nkind = \"redis\"\nid = \"x\"\nurl = \"hunter2\"";
    let faults = judge(text).unwrap_err();
    assert_eq!(faults.as_slice().len(), 6, "{faults}");
    assert!(!faults.to_string().contains("hunter2"), "{faults}");
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

fn strip_comments(text: &str) -> String {
    text.lines().map(|line| line.split("  #").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// Keys of the schema, with values of all kinds, well-formed or not.
fn any_line() -> impl Strategy<Value = String> {
    let keys: Vec<&str> = SECTIONS.iter().flat_map(|section| section.keys.iter().map(|key| key.name)).collect();
    let sections: Vec<String> = SECTIONS.iter().map(|section| format!("[{}]", section.name)).collect();
    let words: Vec<&str> = SECTIONS
        .iter()
        .flat_map(|section| section.keys)
        .flat_map(|key| if let Kind::Choice(words) = key.kind { words } else { &[] })
        .copied()
        .collect();
    let value = prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| format!("{number:?}")),
        any::<bool>().prop_map(|switch| switch.to_string()),
        ".{0,20}".prop_map(|text| format!("{text:?}")),
        "[a-z]{1,6}://[a-z:@{}/?#%]{0,12}".prop_map(|text| format!("{text:?}")),
        proptest::collection::vec("[a-z0-9./:*]{0,12}", 0..4).prop_map(|texts| format!("{texts:?}")),
        proptest::sample::select(words).prop_map(|word| format!("{word:?}")),
        Just("{ a = 1 }".to_owned()),
        ".{0,12}",
    ];
    prop_oneof![
        1 => proptest::sample::select(sections),
        6 => (proptest::sample::select(keys), value).prop_map(|(key, value)| format!("{key} = {value}")),
    ]
}

proptest! {
    #[test]
    fn no_toml_makes_it_panic(lines in proptest::collection::vec(any_line(), 0..30)) {
        let _ = judge(&lines.join("\n"));
    }

    #[test]
    fn no_section_makes_it_panic(section in 0..SECTIONS.len(), lines in proptest::collection::vec(any_line(), 0..8)) {
        let text = format!("[{}]\n{}", SECTIONS[section].name, lines.join("\n"));
        if let Err(faults) = judge(&text) {
            prop_assert!(!faults.as_slice().is_empty());
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}", bytes in ".{0,60}") {
        let _ = judge(&text);
        let _ = judge_with("", &[("COUNTERSIGN_SERVER__LISTEN", &bytes), ("COUNTERSIGN_SERVER__PUBLIC_URL", &text), (&format!("COUNTERSIGN_{bytes}__{text}").replace(['\0', '='], ""), "")]);
    }
}

#[test]
fn an_admin_listener_that_others_reach_is_warned_of() {
    for (listen, is_warned) in [
        ("0.0.0.0:8001", true),
        ("[::]:8001", true),
        ("10.0.0.1:8001", true),
        ("127.0.0.1:8001", false),
        ("127.0.0.9:8001", false),
        ("[::1]:8001", false),
        ("unix:/run/admin.sock", false),
    ] {
        let warnings = warnings_at(&format!("[server]\nadmin_listen = \"{listen}\""), &["server.admin_listen"]);
        assert_eq!(!warnings.is_empty(), is_warned, "{listen}: {warnings:?}");
    }
    assert!(warnings_at("", &["server.admin_listen"]).is_empty());
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

#[test]
fn secrets_that_everybody_may_read_are_warned_of() {
    let long = "x".repeat(32);
    let secret = format!("[keyring]\nsecrets = [\"{SECRET}\"]");
    let hs256 = format!("[tokens]\nalgorithm = \"HS256\"\nhs256_secret = \"{long}\"");
    let warnings = |name: &str, text: &str, environment: &[(&str, &str)]| {
        let config = judge_file(name, text, environment).unwrap_or_else(|faults| panic!("{text}\n{faults}"));
        config.warnings.into_iter().filter(|warning| warning.contains("can read the secrets in")).collect::<Vec<_>>()
    };
    let smtp = "[email]\ntransport = \"smtp\"\nurl = \"smtps://ann:hunter2@mail.example\"".to_owned();
    for (text, key) in [(&secret, "keyring.secrets"), (&hs256, "tokens.hs256_secret"), (&smtp, "email.url")] {
        let warned = warnings("open-config.toml", text, &[]);
        assert!(warned.len() == 1 && warned[0].starts_with(key) && warned[0].contains("open-config.toml"), "{warned:?}");
        assert!(warnings("config.toml", text, &[]).is_empty());
    }
    let elsewhere = [("COUNTERSIGN_KEYRING__SECRETS", SECRET)];
    assert!(warnings("open-config.toml", "[server]\npages = true", &elsewhere).is_empty(), "no secret is in the file");
    for url in ["smtps://mail.example", "smtps://MAIL.example:465", "smtp://mail.example?tls=required"] {
        let open = format!("[email]\ntransport = \"smtp\"\nurl = \"{url}\"");
        assert!(warnings("open-config.toml", &open, &[]).is_empty(), "a URL without a password is none: {url}");
    }
    let provider = "[server]\npublic_url = \"https://login.example\"\n[email]\ntransport = \"postmark\"\napi_key = \"hunter2\"";
    assert!(warnings("open-config.toml", provider, &[])[0].starts_with("email.api_key"), "the URLs before it are none");
    let warned = warnings("config.toml", "[keyring]\nsecrets_file = \"open-secrets\"", &[]);
    assert!(
        warned.len() == 1 && warned[0].starts_with("keyring.secrets_file") && warned[0].contains("open-secrets"),
        "{warned:?}"
    );
    assert!(warnings("config.toml", "[keyring]\nsecrets_file = \"secrets\"", &[]).is_empty());
}

/// A device or a pipe may have no end.
#[test]
fn of_a_file_no_more_is_read_than_may_be_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logo.svg");
    std::fs::write(&path, [b' '; 100]).unwrap();
    for (most, read) in [(99, 100), (100, 100), (10, 11), (1_000, 100)] {
        assert_eq!(FileSystem.read_at_most(&path, most).unwrap().len(), read, "{most}");
    }
    for endless in ["/dev/zero", "/dev/null", folder.path().to_str().unwrap()] {
        let error = FileSystem.read_at_most(Path::new(endless), 10).unwrap_err();
        assert_eq!(error.to_string(), "it is no regular file", "{endless}");
    }
}

#[test]
fn the_file_system_says_who_may_read_a_file() {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secrets");
    fs::write(&path, "x").unwrap();
    let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let is_open = |mode, folder_mode| {
        set(&path, mode);
        set(folder.path(), folder_mode);
        FileSystem.is_open_to_all(&path)
    };
    assert!(is_open(0o644, 0o755) && is_open(0o604, 0o711));
    assert!(!is_open(0o640, 0o755) && !is_open(0o600, 0o755), "only the owner and the group");
    assert!(!is_open(0o644, 0o700), "nobody else gets into the folder");
    assert!(!FileSystem.is_open_to_all(&folder.path().join("missing")));
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
fn the_pages_of_a_site_are_its_own() {
    let plain = accepted("[passwordless]\nsite_name = \"Ann’s\"").pages;
    assert_eq!(plain.name, "Ann’s");
    assert!(plain.logo.is_none() && plain.accent.is_none() && plain.stylesheet.is_none() && plain.languages.is_empty());
    assert!(plain.terms.is_none() && plain.privacy.is_none() && plain.support.is_none());
    let config = accepted(
        "[pages]\nname = \"Bob’s\"\nlogo = \"logo.svg\"\naccent = \"#0F62FE\"\nstylesheet = \"site.css\"\n\
         terms_url = \"https://example.com/terms\"\nprivacy_url = \"http://localhost:3000/privacy\"\n\
         support_url = \"mailto:help@example.com\"\nlanguages = [\"de\", \"en\"]",
    );
    let brand = &config.pages;
    assert_eq!(brand.name, "Bob’s");
    assert!(brand.logo.as_ref().is_some_and(|logo| logo.bytes().starts_with(b"<svg")));
    assert_eq!(brand.accent.map(|accent| accent.to_string()).as_deref(), Some("#0f62fe"));
    assert_eq!(brand.stylesheet.as_ref().map(Stylesheet::as_str), Some("h1 { color: red }"));
    assert_eq!(brand.languages.iter().map(|language| language.tag()).collect::<Vec<_>>(), ["de", "en"]);
    assert_eq!(brand.support.as_ref().map(ToString::to_string).as_deref(), Some("mailto:help@example.com"));
    assert!(config.warnings.iter().all(|warning| !warning.starts_with("pages.")), "{:?}", config.warnings);
    let off = accepted("[server]\npages = false\n[pages]\nlogo = \"missing.svg\"");
    assert!(
        off.warnings.iter().any(|warning| warning == "pages.logo: is not used with server.pages = false"),
        "{:?}",
        off.warnings
    );
}

#[test]
fn what_a_page_can_not_show_is_refused() {
    assert_refused(&[
        ("[pages]\nname = \"a\\nb\"", "pages.name", "line break"),
        ("[pages]\nname = \" \"", "pages.name", "1 to 200 bytes"),
        ("[pages]\nlogo = \"missing.svg\"", "pages.logo", "can't read missing.svg"),
        ("[pages]\nlogo = \"hostile.svg\"", "pages.logo", "hostile.svg: line 2: <script> is nothing that a logo may hold"),
        ("[pages]\nlogo = \"users.json\"", "pages.logo", "users.json: is neither a PNG nor an SVG"),
        ("[pages]\nlogo = \"long\"", "pages.logo", "long: has more than 65536 bytes"),
        ("[pages]\naccent = \"blue\"", "pages.accent", "write #rrggbb"),
        ("[pages]\naccent = \"#777777\"", "pages.accent", "4.47:1 against the light ground (#ffffff) and 4.06:1"),
        ("[pages]\nstylesheet = \"missing.css\"", "pages.stylesheet", "can't read missing.css"),
        ("[pages]\nstylesheet = \"binary\"", "pages.stylesheet", "binary: is not UTF-8"),
        ("[pages]\nstylesheet = \"long\"", "pages.stylesheet", "long: has more than 65536 bytes"),
        ("[pages]\nterms_url = \"http://example.com/\"", "pages.terms_url", "must be https"),
        ("[pages]\nterms_url = \"/terms\"", "pages.terms_url", "is no URL"),
        ("[pages]\nprivacy_url = \"javascript:alert(1)\"", "pages.privacy_url", "must start with https://"),
        ("[pages]\nprivacy_url = \"mailto:a@example.com\"", "pages.privacy_url", "must start with https://"),
        ("[pages]\nsupport_url = \"mailto:help\"", "pages.support_url", "has no address"),
        ("[pages]\nlanguages = [\"nl\"]", "pages.languages", "they have en, de, fr, es, it, pt, fi, ja, ar"),
        ("[pages]\nlanguages = [\"de\", \"en\", \"DE\"]", "pages.languages", "names de twice"),
    ]);
}
