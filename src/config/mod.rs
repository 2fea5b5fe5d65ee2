//! The whole configuration, parsed and judged before anything starts.
//!
//! [`Config::judge`] takes what a file and the environment say and returns either plain values that are right, in the
//! domain's own types, or every fault at once. It does no IO itself: texts, variables and files are handed in as
//! [`Sources`]. No adapter is built here.

mod annotated;
mod reader;
pub mod schema;
pub mod sections;
mod together;

pub use annotated::annotated;
pub use reader::{
    fault::{Fault, Faults, Origin},
    source::{FileSystem, Files, Sources},
};

use rand_core::CryptoRng;

use crate::{keyring::Keyring, server::Listen};
use reader::{judge::Judge, shown::Effective};
use schema::SECTIONS;
use sections::{
    authz, bound, captcha, delivery, directory, email, events, external_2fa, guard, keyring, pages, passwordless, reviewers,
    server, session, sms, tokens,
};
use together::{Sections, Together};

/// A configuration that was judged: whatever is here is right, and goes together.
#[derive(Debug)]
#[non_exhaustive]
pub struct Config {
    /// Listeners, limits, pages.
    pub server: server::Server,
    /// The root secrets; a random one where none is configured, with a warning.
    pub keyring: Keyring,
    /// Whether the root secret is a random one, which dies with the process.
    pub keyring_is_random: bool,
    /// Who may log in and with what kind of code.
    pub passwordless: passwordless::Passwordless,
    /// How the pages look, and what they lead to.
    pub pages: crate::server::pages::brand::Brand,
    /// Access tokens, refresh tokens, envelopes.
    pub tokens: tokens::Tokens,
    /// Sessions, and those that were ended before their time.
    pub session: session::Session,
    /// What proxies may ask.
    pub authz: authz::Authz,
    /// How e-mail goes out.
    pub email: email::Email,
    /// How SMS go out.
    pub sms: sms::Sms,
    /// Queue or inline.
    pub delivery: delivery::Delivery,
    /// Who makes and checks codes for `external/*`.
    pub external_2fa: Option<external_2fa::External2fa>,
    /// Who says that captchas were solved.
    pub captcha: Option<crate::captcha::Settings>,
    /// Where users are looked up.
    pub directory: directory::Directory,
    /// The memory of what was spent, and this node's place in its fleet.
    pub guard: guard::Guard,
    /// Where events go.
    pub events: events::Events,
    /// What works but should be known; each is one sentence that names its key. `serve` prints them.
    pub warnings: Vec<String>,
    effective: Effective,
}

impl Config {
    /// Judges what the sources say. `random` makes the root secret where none is configured.
    ///
    /// # Errors
    /// Every fault at once; more probable guesses than `guard.max_takeover_probability` are one.
    pub fn judge(sources: &Sources<'_>, random: &mut impl CryptoRng) -> Result<Self, Faults> {
        Self::judge_all(sources, random, true)
    }

    /// Judges all but how probable guesses are, for whoever wants to know exactly that. A fleet's secrets may
    /// be missing then, too.
    ///
    /// # Errors
    /// Every other fault at once.
    pub fn judge_apart_from_bound(sources: &Sources<'_>, random: &mut impl CryptoRng) -> Result<Self, Faults> {
        Self::judge_all(sources, random, false)
    }

    /// Where the admin listener is, whatever else the sources say.
    ///
    /// # Errors
    /// That key's fault, and what can't be read at all.
    pub fn admin_listen(sources: &Sources<'_>) -> Result<Listen, Faults> {
        let judge = Judge::new(&SECTIONS, sources);
        let listen = server::read_admin_listen(&judge.section(&server::SCHEMA));
        let faults = judge.faults_at(&["", "server.admin_listen"]);
        listen.filter(|_| faults.as_slice().is_empty()).ok_or(faults)
    }

    fn judge_all(sources: &Sources<'_>, random: &mut impl CryptoRng, to_serve: bool) -> Result<Self, Faults> {
        let judge = Judge::new(&SECTIONS, sources);
        let config = read(&judge, random, to_serve).filter(|_| judge.is_content());
        let (warnings, effective) = judge.conclude()?;
        let config = config.expect("a section that can't be read leaves a fault");
        Ok(Self { warnings, effective, ..config })
    }

    /// The effective configuration as TOML: every key with its value, secrets masked.
    #[must_use]
    pub fn effective(&self) -> &str {
        self.effective.as_toml()
    }

    /// The keys whose values differ from those of `other`, in alphabetical order. Secrets that nothing is shown of count as
    /// equal.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<String> {
        self.effective.differences(&other.effective)
    }
}

/// Reads every section before it gives up on one, so that all faults are found.
fn read(judge: &Judge<'_>, random: &mut impl CryptoRng, to_serve: bool) -> Option<Config> {
    let sections = Sections::open(judge);
    let server = server::read(&sections.server);
    let keyring = keyring::read(&sections.keyring, random);
    let mut passwordless = passwordless::read(&sections.passwordless, server.as_ref());
    let mut tokens = tokens::read(&sections.tokens, server.as_ref());
    let reviewers = reviewers::read(&sections.reviewers, passwordless.as_ref(), tokens.as_ref());
    if let (Some(Some(read)), Some(rules), Some(tokens)) = (reviewers, &mut passwordless, &mut tokens) {
        rules.policy.reviewers = Some(read.reviewers);
        tokens.sessions.reviewer_audience = read.audience;
    }
    let session = session::read(&sections.session, server.as_ref());
    if let (Some(session), Some(rules)) = (&session, &mut passwordless) {
        rules.policy.session_lifetime = session.lifetime;
        rules.policy.recheck_seconds = session.recheck_seconds;
    }
    let pages = pages::read(&sections.pages, server.as_ref(), passwordless.as_ref());
    let authz = authz::read(&sections.authz, server.as_ref());
    let email = email::read(&sections.email, sections.email_others.each_ref());
    let sms = sms::read(&sections.sms, sections.sms_others.each_ref());
    let delivery = delivery::read(&sections.delivery);
    let external_2fa = external_2fa::read(&sections.external_2fa);
    let captcha = captcha::read(&sections.captcha);
    let directory = directory::read(&sections.directory);
    let guard = guard::read(&sections.guard);
    let events = events::read(&sections.events);
    sections.judge_secrets(to_serve);
    sections.judge_together(&Together {
        server: server.as_ref(),
        passwordless: passwordless.as_ref(),
        email: email.as_ref(),
        sms: sms.as_ref(),
        delivery: &delivery,
        directory: directory.as_ref(),
        guard: guard.as_ref(),
    });
    sections.judge_ceilings();
    sections.judge_available();
    judge.judge_openness();
    if let (true, Some(passwordless), Some(email), Some(sms), Some(external_2fa), Some(directory), Some(guard)) =
        (to_serve, &passwordless, &email, &sms, &external_2fa, &directory, &guard)
    {
        let parts = bound::Parts { passwordless, email, sms, external_2fa: external_2fa.as_ref(), directory, guard };
        sections.judge_bound(&parts.bound());
    }
    Some(Config {
        server: server?,
        keyring: keyring?,
        keyring_is_random: keyring::is_random(&sections.keyring),
        passwordless: passwordless?,
        pages: pages?,
        tokens: tokens?,
        session: session?,
        authz: authz?,
        email: email?,
        sms: sms?,
        delivery,
        external_2fa: external_2fa?,
        captcha: captcha?,
        directory: directory?,
        guard: guard?,
        events: events?,
        warnings: Vec::new(),
        effective: Effective::default(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand_chacha::{ChaCha12Rng, rand_core::SeedableRng as _};

    use super::*;
    use schema::{Absent, Kind};

    /// A key that no reader asks for would be a setting that does nothing. What comes in a later version is read then.
    #[test]
    fn every_key_of_the_schema_is_read() {
        let mut texts = vec![
            "[keyring]\nsecrets = [\"x\"]\n[server]\npublic_url = \"x\"\n[events]\nurl = \"x\"".to_owned(),
            "[keyring]\nsecrets_file = \"x\"\n[reviewers]\nrecipients = [\"x\"]\n[session]\nenabled = true".into(),
        ];
        for section in SECTIONS {
            for key in section.keys {
                let Kind::Choice(words) = key.kind else { continue };
                texts.extend(words.iter().map(|word| format!("[{}]\n{} = \"{word}\"", section.name, key.name)));
            }
        }
        let mut read = BTreeSet::new();
        for text in &texts {
            let sources = Sources::of_text(text);
            let judge = Judge::new(&SECTIONS, &sources);
            let _ = super::read(&judge, &mut ChaCha12Rng::seed_from_u64(1), true);
            read.extend(judge.read());
        }
        let keys = SECTIONS.iter().flat_map(|section| section.keys.iter().map(|key| (section.name, key)));
        let keys = keys.filter(|(_, key)| key.absent != Absent::Part).map(|(section, key)| (section, key.name));
        let unread: Vec<_> = keys.filter(|name| !read.contains(name)).collect();
        assert!(unread.is_empty(), "nothing reads {unread:?}");
    }
}
