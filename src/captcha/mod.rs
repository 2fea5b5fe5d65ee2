//! Captchas: somebody else says that a person solved one. It lifts what a solved puzzle lifts, for pages of your own.
//!
//! reCAPTCHA, hCaptcha and Turnstile are asked alike: a form with `secret` and `response` is POSTed to a `siteverify`, and the
//! answer is `{"success":true,"hostname":…}`. <https://developers.google.com/recaptcha/docs/verify>,
//! <https://docs.hcaptcha.com/#verify-the-user-response-server-side>,
//! <https://developers.cloudflare.com/turnstile/get-started/server-side-validation/>

mod asked;
mod verdict;

use std::{fmt, time::Duration};

use metrics::{counter, describe_counter};
use reqwest::{Client, Url, header::CONTENT_TYPE};
use sha2::{Digest as _, Sha256};
use tokio::{runtime::Handle, sync::Semaphore};

use self::{
    asked::Asked,
    verdict::{Expected, Verdict},
};
use crate::{
    browser::puzzle::Proof,
    crypto::SecretText,
    network::ClientNetwork,
    outbound::{
        client::{self, CallFailed, Reply, read},
        deadline,
        form::{FORM, form},
    },
    seldom::Seldom,
    time::{Clock, UnixTime},
};

const CAPTCHAS: &str = "countersign_captchas_total";
/// The longest token that is asked about, in bytes. Real ones have some thousands at most.
const LONGEST: usize = 8_192;
/// How many are asked about at once.
const AT_ONCE: usize = 64;
/// Seconds after which no provider takes a token any more.
const LIFETIME: u64 = 300;
/// Lines a minute about a provider that can't be asked.
const LINES: u32 = 2;

/// Who says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// Google's, version 2 or 3.
    Recaptcha,
    /// hCaptcha.
    Hcaptcha,
    /// Cloudflare's.
    Turnstile,
}

/// Whom to ask, and what the answer has to say.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// Who says it.
    pub provider: Provider,
    /// What the provider knows the site by.
    pub secret: SecretText,
    /// Where to ask; the provider's own `siteverify` by default.
    pub verify_url: Url,
    /// The hosts on whose pages it may have been solved; none: any that the provider allows.
    pub hostnames: Vec<String>,
    /// What it has to have been solved for; empty: anything.
    pub action: String,
    /// reCAPTCHA 3: the least score, 0 to 1.
    pub min_score: f64,
    /// How long the provider may take.
    pub timeout: Duration,
}

/// Asks a provider whether captchas were solved.
pub struct Captcha {
    client: Client,
    settings: Settings,
    expected: Expected,
    places: Semaphore,
    asked: Asked,
    lines: Seldom,
    clock: Clock,
    background: Handle,
}

impl Provider {
    /// Where it is asked.
    #[must_use]
    pub const fn verify_url(self) -> &'static str {
        match self {
            Self::Recaptcha => "https://www.google.com/recaptcha/api/siteverify",
            Self::Hcaptcha => "https://api.hcaptcha.com/siteverify",
            Self::Turnstile => "https://challenges.cloudflare.com/turnstile/v0/siteverify",
        }
    }

    /// The form field that its widget fills.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::Recaptcha => "g-recaptcha-response",
            Self::Hcaptcha => "h-captcha-response",
            Self::Turnstile => "cf-turnstile-response",
        }
    }
}

impl Settings {
    /// Of a provider that knows the site by this secret.
    ///
    /// # Panics
    /// Never: the providers' own URLs are well-formed.
    #[must_use]
    pub fn new(provider: Provider, secret: SecretText) -> Self {
        Self {
            provider,
            secret,
            verify_url: Url::parse(provider.verify_url()).expect("the providers' own URLs are well-formed"),
            hostnames: Vec::new(),
            action: String::new(),
            min_score: 0.0,
            timeout: Duration::from_secs(5),
        }
    }
}

impl Captcha {
    /// Asks the provider of `settings`. The calls are made on `background`, so that their connections outlive the caller's
    /// runtime.
    #[must_use]
    pub fn new(settings: Settings, clock: Clock, background: &Handle) -> Self {
        describe_counter!(CAPTCHAS, "Captchas by what came of them; unavailable: the provider couldn't say.");
        for outcome in ["solved", "refused", "limited", "unavailable"] {
            counter!(CAPTCHAS, "outcome" => outcome).increment(0);
        }
        let expected =
            Expected { hostnames: settings.hostnames.clone(), action: settings.action.clone(), min_score: settings.min_score };
        Self {
            client: client::client(settings.timeout),
            settings,
            expected,
            places: Semaphore::new(AT_ONCE),
            asked: Asked::default(),
            lines: Seldom::new(LINES),
            clock,
            background: background.clone(),
        }
    }

    /// The form field that its widget fills.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        self.settings.provider.field()
    }

    /// What a captcha's token proves: that somebody solved it. `None` for one that proves nothing, and where the provider
    /// can't be asked. The provider takes each token once, and so does the guard.
    pub async fn check(&self, token: &str, network: ClientNetwork, now: UnixTime) -> Option<Proof> {
        let (outcome, proof) = match self.ask(token, network, now).await {
            Ok(true) => {
                let id = *Sha256::digest(token).first_chunk().expect("a hash has 32 bytes");
                ("solved", Some(Proof { id, expires_at: now.plus(LIFETIME) }))
            }
            Ok(false) => ("refused", None),
            Err(Some(reason)) => {
                if let Some(left_out) = self.lines.due((self.clock)()) {
                    tracing::error!(reason, left_out, "a captcha can't be checked, so it lifts nothing; puzzles do");
                }
                ("unavailable", None)
            }
            Err(None) => ("limited", None),
        };
        counter!(CAPTCHAS, "outcome" => outcome).increment(1);
        proof
    }

    /// Whether it was solved; no answer is an error with its reason, or without one where the network asks too often.
    async fn ask(&self, token: &str, network: ClientNetwork, now: UnixTime) -> Result<bool, Option<String>> {
        if token.len() > LONGEST {
            return Ok(false);
        }
        if !network.stands_for_many() && !self.asked.may_ask(network, now) {
            return Err(None);
        }
        let busy = |_| Some("more are being checked than may be at once".to_owned());
        let _place = self.places.try_acquire().map_err(busy)?;
        let Reply { status, body, .. } = self.post(token).await.map_err(|failed| Some(failed.to_string()))?;
        match self.expected.judge(status, &body) {
            Verdict::Solved => Ok(true),
            Verdict::NotSolved => Ok(false),
            Verdict::Unanswered(reason) => Err(Some(reason)),
        }
    }

    async fn post(&self, token: &str) -> Result<Reply, CallFailed> {
        let body = form(&[("secret", self.settings.secret.expose()), ("response", token)]);
        let request = self.client.post(self.settings.verify_url.clone()).header(CONTENT_TYPE, FORM).body(body);
        let call = self.background.spawn(async move { read(request.send().await?).await });
        let answered = deadline::in_time(call).await.ok_or_else(CallFailed::too_late)?;
        answered.map_err(|_| CallFailed::at_the_end())?
    }
}

impl fmt::Debug for Captcha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Captcha").field("provider", &self.settings.provider).finish_non_exhaustive()
    }
}
