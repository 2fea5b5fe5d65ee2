//! What sections have to agree on, and what this version doesn't have yet.

use super::{
    reader::judge::{Judge, Section},
    sections::{delivery, directory, email, events, external_2fa, guard, keyring, passwordless, server, sms, tokens},
};

use crate::guard::bound::{Bound, TooLikely};

/// All sections, opened once.
pub(super) struct Sections<'j> {
    pub(super) server: Section<'j>,
    pub(super) keyring: Section<'j>,
    pub(super) passwordless: Section<'j>,
    pub(super) tokens: Section<'j>,
    pub(super) email: Section<'j>,
    pub(super) sms: Section<'j>,
    pub(super) delivery: Section<'j>,
    pub(super) external_2fa: Section<'j>,
    pub(super) directory: Section<'j>,
    pub(super) guard: Section<'j>,
    pub(super) events: Section<'j>,
}

impl<'j> Sections<'j> {
    pub(super) fn open(judge: &'j Judge<'j>) -> Self {
        Self {
            server: judge.section(&server::SCHEMA),
            keyring: judge.section(&keyring::SCHEMA),
            passwordless: judge.section(&passwordless::SCHEMA),
            tokens: judge.section(&tokens::SCHEMA),
            email: judge.section(&email::SCHEMA),
            sms: judge.section(&sms::SCHEMA),
            delivery: judge.section(&delivery::SCHEMA),
            external_2fa: judge.section(&external_2fa::SCHEMA),
            directory: judge.section(&directory::SCHEMA),
            guard: judge.section(&guard::SCHEMA),
            events: judge.section(&events::SCHEMA),
        }
    }

    /// Judges what one section alone can't know.
    pub(super) fn judge_together(&self) {
        let directory = self.directory.text("kind");
        if self.passwordless.switch("register_nonexistent_users") && directory == "file" {
            self.passwordless
                .fault("register_nonexistent_users", "can't be used with directory.kind = \"file\", which is only read");
        }
        if self.delivery.text("mode") == "inline" && directory != "none" {
            let text = "tells known from unknown recipients, by time and by 502, to whoever asks";
            self.delivery.warn("mode", &format!("inline {text}"));
        }
        let rotates = self.tokens.switch("rotate_refresh") && !self.tokens.asks_for_absent();
        if rotates && !matches!(self.guard.text("kind"), "journal" | "redis") {
            self.tokens.fault("rotate_refresh", "needs guard.kind = \"journal\" or \"redis\", where its records survive");
        }
    }

    /// Warns of a random root secret, and refuses it in a fleet that is `to_serve`, where every node would have its own.
    pub(super) fn judge_secrets(&self, to_serve: bool) {
        const NONE: &str = "none is configured, so a random one is used";
        if !keyring::is_random(&self.keyring) {
            return;
        }
        let guard = &self.guard;
        let fleet = match guard.text("kind") {
            "shared-nothing" => (guard.number::<u32>("replicas") > 1).then_some("guard.kind = \"shared-nothing\""),
            "redis" => None,
            _ if guard.is_given("nodes") => Some("guard.nodes"),
            _ => guard.is_given("peer_url").then_some("guard.peer_url"),
        };
        let has_others = fleet.is_some() || guard.text("kind") == "redis" || guard.number::<u32>("replicas") > 1;
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
        if !matches!(self.guard.text("kind"), "memory" | "journal") {
            return;
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
        let Self { server, keyring, passwordless, tokens, email, sms, delivery, external_2fa, directory, guard, events } = self;
        for section in [server, keyring, passwordless, tokens, email, sms, delivery, external_2fa, directory, guard, events] {
            section.judge_available();
        }
    }
}
