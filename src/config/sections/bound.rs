//! What a configuration means for guesses: the bound, and the limits that the guard keeps to.

use super::{
    directory::Directory,
    email::Email,
    external_2fa::External2fa,
    guard::{Guard, GuardKind},
    passwordless::Passwordless,
    sms::Sms,
};
use crate::{
    config::Config,
    guard::{
        Ceilings, Limits,
        bound::{Bound, Deployment, Keeper},
    },
};

/// The sections that the bound and its explanation are made of.
pub(crate) struct Parts<'c> {
    pub(crate) passwordless: &'c Passwordless,
    pub(crate) email: &'c Email,
    pub(crate) sms: &'c Sms,
    pub(crate) external_2fa: Option<&'c External2fa>,
    pub(crate) directory: &'c Directory,
    pub(crate) guard: &'c Guard,
}

impl Config {
    /// How likely guessing takes over one account in one day.
    #[must_use]
    pub fn bound(&self) -> Bound {
        self.parts().bound()
    }

    /// What this node's guard allows; the bound says how many comparisons. With `guard.nodes` the ceilings are its share.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let rules = &self.passwordless;
        let Bound { comparisons, external_comparisons, .. } = self.bound();
        let ceilings = self.parts().ceilings();
        let ceilings = match self.guard.place() {
            Some((place, nodes)) => ceilings.share(place, nodes),
            None => ceilings,
        };
        Limits {
            max_attempts: rules.max_attempts,
            max_uses: rules.max_token_uses,
            wrong_code_spends: rules.wrong_code_takes_use,
            comparisons,
            external_comparisons,
            throttle_seconds: ceilings.throttle_seconds,
            max_messages_per_hour: ceilings.recipient,
            max_messages_per_network_per_hour: ceilings.network,
            email_per_hour: ceilings.email,
            sms_per_hour: ceilings.sms,
            sms_per_prefix_per_hour: ceilings.sms_prefix,
            breaker: self.guard.place().map_or(self.sms.breaker, |(_, nodes)| self.sms.breaker.share(nodes)),
            capacity: self.guard.capacity,
            challenge_lifetime: rules.policy.challenge_lifetime,
        }
    }

    fn parts(&self) -> Parts<'_> {
        Parts {
            passwordless: &self.passwordless,
            email: &self.email,
            sms: &self.sms,
            external_2fa: self.external_2fa.as_ref(),
            directory: &self.directory,
            guard: &self.guard,
        }
    }
}

impl Parts<'_> {
    /// The bound of these sections together.
    pub(crate) fn bound(&self) -> Bound {
        let Self { passwordless: rules, guard, .. } = self;
        let deployment = Deployment {
            keeper: match guard.kind {
                GuardKind::Memory => Keeper::Memory,
                GuardKind::Journal { .. } => Keeper::Journal,
                #[cfg(feature = "redis")]
                GuardKind::Redis(_) => Keeper::Redis,
                GuardKind::SharedNothing { .. } => Keeper::SharedNothing,
            },
            replicas: guard.replicas,
            homes: guard.place().map_or(0, |(_, nodes)| nodes),
            restarts_per_day: guard.restarts_per_day,
            // Without a directory each recipient is an account of its own; with one, an account may have both addresses.
            channels: match self.directory {
                Directory::None => 1,
                Directory::File(_) | Directory::Http(_) => {
                    if rules.policy.channels.len() > 1 {
                        2
                    } else {
                        1
                    }
                }
            },
            code: rules.policy.code_format.clone(),
            max_attempts: rules.max_attempts,
            ceilings: self.ceilings(),
            external_digits: self.external_2fa.map(|external| external.code_digits),
            target: guard.max_takeover_probability,
        };
        deployment.bound()
    }

    /// The throttle and the ceilings as they are configured.
    fn ceilings(&self) -> Ceilings {
        let rules = self.passwordless;
        Ceilings {
            throttle_seconds: rules.throttle_seconds,
            recipient: rules.max_messages_per_hour,
            network: rules.max_messages_per_network_per_hour,
            email: self.email.max_per_hour,
            sms: self.sms.max_per_hour,
            sms_prefix: self.sms.max_per_prefix_per_hour,
        }
    }
}
