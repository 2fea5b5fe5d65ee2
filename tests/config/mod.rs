//! The configuration's rules from the outside: what is refused and under which key, what the defaults are, what is shown.

mod any_text;
mod authz;
mod captcha;
mod directory;
mod events;
mod external_2fa;
mod guard;
mod keyring;
mod limits;
mod messages;
mod pages;
mod passwordless;
mod reading;
mod server;
mod session;
mod shown;
mod tokens;

use std::{ffi::OsString, io, path::Path};

use countersign::{
    config::{Config, Faults, Files, Sources},
    delivery::{TemplateFault, Templates},
};
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

/// What is warned of, at these keys only.
fn warnings_at(text: &str, keys: &[&str]) -> Vec<String> {
    let warnings = accepted(text).warnings.into_iter();
    warnings.filter(|warning| keys.iter().any(|key| warning.starts_with(&format!("{key}: ")))).collect()
}

fn strip_comments(text: &str) -> String {
    text.lines().map(|line| line.split("  #").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}
