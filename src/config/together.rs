//! What sections have to agree on, and what this version doesn't have yet.

use super::{
    reader::judge::{Judge, Section},
    sections::{
        authz, captcha, delivery,
        directory::{self, Directory},
        email::{self, EmailTransport},
        events, external_2fa,
        guard::{self, GuardKind},
        keyring, pages, passwordless, reviewers, server, session,
        sms::{self, SmsTransport},
        tokens,
    },
};

use crate::{
    delivery::Mode,
    guard::bound::{Bound, TooLikely},
    recipient::Channel,
};

/// All sections, opened once.
pub(super) struct Sections<'j> {
    pub(super) server: Section<'j>,
    pub(super) keyring: Section<'j>,
    pub(super) passwordless: Section<'j>,
    pub(super) pages: Section<'j>,
    pub(super) tokens: Section<'j>,
    pub(super) session: Section<'j>,
    pub(super) authz: Section<'j>,
    pub(super) email: Section<'j>,
    pub(super) email_others: [Section<'j>; 2],
    pub(super) sms: Section<'j>,
    pub(super) sms_others: [Section<'j>; 2],
    pub(super) delivery: Section<'j>,
    pub(super) external_2fa: Section<'j>,
    pub(super) directory: Section<'j>,
    pub(super) guard: Section<'j>,
    pub(super) captcha: Section<'j>,
    pub(super) reviewers: Section<'j>,
    pub(super) events: Section<'j>,
}

/// What the sections hold, where they could be read.
pub(super) struct Together<'c> {
    pub(super) server: Option<&'c server::Server>,
    pub(super) passwordless: Option<&'c passwordless::Passwordless>,
    pub(super) email: Option<&'c email::Email>,
    pub(super) sms: Option<&'c sms::Sms>,
    pub(super) delivery: &'c delivery::Delivery,
    pub(super) directory: Option<&'c Directory>,
    pub(super) guard: Option<&'c guard::Guard>,
}

impl<'j> Sections<'j> {
    pub(super) fn open(judge: &'j Judge<'j>) -> Self {
        Self {
            server: judge.section(&server::SCHEMA),
            keyring: judge.section(&keyring::SCHEMA),
            passwordless: judge.section(&passwordless::SCHEMA),
            pages: judge.section(&pages::SCHEMA),
            tokens: judge.section(&tokens::SCHEMA),
            session: judge.section(&session::SCHEMA),
            authz: judge.section(&authz::SCHEMA),
            email: judge.section(&email::SCHEMA),
            email_others: [&email::SECOND, &email::THIRD].map(|schema| judge.section(schema)),
            sms: judge.section(&sms::SCHEMA),
            sms_others: [&sms::SECOND, &sms::THIRD].map(|schema| judge.section(schema)),
            delivery: judge.section(&delivery::SCHEMA),
            external_2fa: judge.section(&external_2fa::SCHEMA),
            directory: judge.section(&directory::SCHEMA),
            guard: judge.section(&guard::SCHEMA),
            captcha: judge.section(&captcha::SCHEMA),
            reviewers: judge.section(&reviewers::SCHEMA),
            events: judge.section(&events::SCHEMA),
        }
    }

    /// Judges what one section alone can't know.
    pub(super) fn judge_together(&self, read: &Together<'_>) {
        let registers = read.passwordless.is_some_and(|rules| rules.policy.registers);
        if registers && matches!(read.directory, Some(Directory::File(_))) {
            self.passwordless
                .fault("register_nonexistent_users", "can't be used with directory.kind = \"file\", which is only read");
        }
        if read.delivery.mode == Mode::Inline && !matches!(read.directory, Some(Directory::None)) {
            let text = "tells known from unknown recipients, by time and by 502, to whoever asks";
            self.delivery.warn("mode", &format!("inline {text}"));
        }
        let survives = read.guard.is_none_or(|guard| match guard.kind {
            GuardKind::Memory | GuardKind::SharedNothing { .. } => false,
            GuardKind::Journal { .. } => true,
            #[cfg(feature = "redis")]
            GuardKind::Redis(_) => true,
        });
        if self.tokens.switch("rotate_refresh") && !self.tokens.asks_for_absent() && !survives {
            self.tokens.fault("rotate_refresh", "needs guard.kind = \"journal\" or \"redis\", where its records survive");
        }
        if let (Some(rules), Some(email)) = (read.passwordless, read.email)
            && !email.templates.have_like(&rules.default_locale)
        {
            let reason =
                format!("no message is written in {}: email.templates must have a folder of that name", rules.default_locale);
            self.passwordless.fault("default_locale", reason);
        }
        if self.external_2fa.is_given("provider") && !read.passwordless.is_none_or(|rules| rules.policy.allows(Channel::Mobile)) {
            let text = "is set, but MOBILE isn't among passwordless.allowed_passwordless_methods, so external/* answers 404";
            self.external_2fa.warn("provider", text);
        }
        self.warn_of_consoles(read);
    }

    /// Warns where people log in over https, but their codes go to wherever stdout goes.
    fn warn_of_consoles(&self, read: &Together<'_>) {
        let (Some(server), Some(rules)) = (read.server, read.passwordless) else { return };
        if !server.public_url.is_https() {
            return;
        }
        let email = read.email.iter().flat_map(|email| &email.ways);
        let email = email.filter(|way| matches!(way.transport, EmailTransport::Console)).map(|way| way.section);
        let sms = read.sms.iter().flat_map(|sms| &sms.ways);
        let sms = sms.filter(|way| matches!(way.transport, SmsTransport::Console)).map(|way| way.section);
        let email = email.map(|name| (name, Channel::Email, "nobody gets an e-mail: set it to smtp"));
        let sms = sms.map(|name| (name, Channel::Mobile, "nobody gets an SMS"));
        let sections = [&self.email, &self.sms].into_iter().chain(&self.email_others).chain(&self.sms_others);
        for (name, channel, others) in email.chain(sms) {
            let section = sections.clone().find(|section| section.name() == name).expect("it was read from there");
            if rules.policy.allows(channel) {
                let text = format!(
                    "is console, though server.public_url is https: codes are printed on stdout, where whoever reads the logs can log in \
                     as anyone, and {others}"
                );
                section.warn("transport", &text);
            }
        }
    }

    /// Warns of a random root secret, and refuses it in a fleet that is `to_serve`, where every node would have its own.
    pub(super) fn judge_secrets(&self, to_serve: bool) {
        const NONE: &str = "none is configured, so a random one is used";
        if !keyring::is_random(&self.keyring) {
            return;
        }
        let guard = &self.guard;
        let counts_alone = guard.number::<u32>("replicas") > 1;
        let fleet = match guard.choice("kind") {
            guard::Choice::SharedNothing => counts_alone.then_some("guard.kind = \"shared-nothing\""),
            guard::Choice::Redis => None,
            guard::Choice::Memory | guard::Choice::Journal if guard.is_given("nodes") => Some("guard.nodes"),
            guard::Choice::Memory | guard::Choice::Journal => guard.is_given("peer_url").then_some("guard.peer_url"),
        };
        let is_redis = guard.choice::<guard::Choice>("kind") == guard::Choice::Redis;
        let has_others = fleet.is_some() || is_redis || counts_alone;
        match fleet {
            Some(fleet) if to_serve => {
                let reason =
                    format!("is required with {fleet}: every node would invent its own, and refuse what the others made");
                self.keyring.fault("secrets", reason);
            }
            _ if has_others => self.keyring.warn(
                "secrets",
                &format!("{NONE}, another at each node and each start: other nodes' codes, links and tokens are refused"),
            ),
            _ => self.keyring.warn("secrets", &format!("{NONE}: a restart ends every session and every challenge")),
        }
    }

    /// Refuses ceilings that can't be shared out: with `guard.nodes` each node keeps to its share, and 0 would be none.
    pub(super) fn judge_ceilings(&self) {
        match self.guard.choice("kind") {
            guard::Choice::Memory | guard::Choice::Journal => {}
            guard::Choice::Redis | guard::Choice::SharedNothing => return,
        }
        let nodes = self.guard.texts("nodes").count();
        let is_allowed = |method: &str| {
            self.passwordless.texts("allowed_passwordless_methods").any(|allowed| allowed.eq_ignore_ascii_case(method))
        };
        let ceilings = [
            (&self.email, "max_per_hour", "EMAIL"),
            (&self.sms, "max_per_hour", "MOBILE"),
            (&self.sms, "max_per_prefix_per_hour", "MOBILE"),
        ];
        for (section, key, method) in ceilings {
            let ceiling: usize = section.number(key);
            if (1..nodes).contains(&ceiling) && (is_allowed(method) || section.is_given(key)) {
                let reason = format!(
                    "{ceiling} can't be shared out over {nodes} nodes (guard.nodes): give each at least 1, so {nodes} or more, or 0 for \
                     no limit"
                );
                section.fault(key, reason);
            }
        }
    }

    /// Refuses what guessing opens too easily.
    pub(super) fn judge_bound(&self, bound: &Bound) {
        if let Err(TooLikely { key, reason }) = bound.check() {
            match key.split_once('.') {
                Some(("external_2fa", key)) => self.external_2fa.fault(key, reason),
                Some(("guard", key)) => self.guard.fault(key, reason),
                _ => self.guard.fault("max_takeover_probability", format!("{key} {reason}")),
            }
        }
    }

    /// Refuses what comes in a later version, so that nothing is ignored silently.
    pub(super) fn judge_available(&self) {
        let Self { email_others, sms_others, .. } = self;
        let Self {
            server,
            keyring,
            passwordless,
            tokens,
            authz,
            email,
            sms,
            delivery,
            external_2fa,
            captcha,
            directory,
            guard,
            events,
            ..
        } = self;
        let all =
            [server, keyring, passwordless, tokens, authz, email, sms, delivery, external_2fa, captcha, directory, guard, events];
        for section in all.into_iter().chain(email_others).chain(sms_others) {
            section.judge_available();
        }
    }
}
