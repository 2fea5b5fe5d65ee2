//! What a configuration means for guesses: the bound, and the limits that the guard keeps to.

use super::{
    Config,
    directory::Directory,
    external_2fa::External2fa,
    guard::{Guard, GuardKind},
    passwordless::Passwordless,
};
use crate::guard::{
    Limits,
    bound::{Bound, Deployment, Keeper},
};

impl Config {
    /// How likely guessing takes over one account in one day.
    #[must_use]
    pub fn bound(&self) -> Bound {
        bound(&self.passwordless, self.external_2fa.as_ref(), &self.directory, &self.guard)
    }

    /// What the guard allows; the bound says how many comparisons.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let rules = &self.passwordless;
        let Bound { comparisons, external_comparisons, .. } = self.bound();
        Limits {
            max_attempts: rules.max_attempts,
            max_uses: rules.max_token_uses,
            wrong_code_spends: rules.wrong_code_takes_use,
            comparisons,
            external_comparisons,
            throttle_seconds: rules.throttle_seconds,
            max_messages_per_hour: rules.max_messages_per_hour,
            max_messages_per_network_per_hour: rules.max_messages_per_network_per_hour,
            email_per_hour: self.email.max_per_hour,
            sms_per_hour: self.sms.max_per_hour,
            sms_per_prefix_per_hour: self.sms.max_per_prefix_per_hour,
            capacity: self.guard.capacity,
            challenge_lifetime: rules.policy.challenge_lifetime,
        }
    }
}

/// The bound of these sections together.
pub(super) fn bound(rules: &Passwordless, external: Option<&External2fa>, directory: &Directory, guard: &Guard) -> Bound {
    let nodes = guard.peers.as_ref().map_or(0, |peers| peers.nodes.len());
    let deployment = Deployment {
        keeper: match guard.kind {
            GuardKind::Memory => Keeper::Memory,
            GuardKind::Journal { .. } => Keeper::Journal,
            GuardKind::Redis { .. } => Keeper::Redis,
            GuardKind::SharedNothing { .. } => Keeper::SharedNothing,
        },
        replicas: guard.replicas,
        homes: u32::try_from(nodes).unwrap_or(u32::MAX),
        restarts_per_day: guard.restarts_per_day,
        // Without a directory each recipient is an account of its own; with one, an account may have both addresses.
        channels: match directory {
            Directory::None => 1,
            Directory::File(_) | Directory::Http { .. } => {
                if rules.policy.channels.len() > 1 {
                    2
                } else {
                    1
                }
            }
        },
        code: rules.policy.code_format.clone(),
        max_attempts: rules.max_attempts,
        max_messages_per_hour: rules.max_messages_per_hour,
        external_digits: external.map(|external| external.code_digits),
        target: guard.max_takeover_probability,
    };
    deployment.bound()
}
