//! What each script is given. The heads of the scripts say what their keys and arguments are.

use super::{
    Pending, RedisGuard,
    names::{Names, Tagged},
    scripts::{Call, Script},
};
use crate::{
    challenge::{Strength, Use},
    guard::{
        Attempt, Bucket, By, Request,
        limits::{LIFTED, LONG_FROM, MEDIUM_FROM, PREFIX_DIGITS},
    },
    recipient::Channel,
};

/// Hexadecimal digits that an epoch begins with: the challenge's own.
const NONCE: usize = 16;
/// The fields of a bucket.
const CODES: &str = "c";
const EXTERNAL: &str = "x";

/// How many messages an hour, without and with a proof of work.
pub(super) struct Ceiling {
    key: String,
    allowed: u32,
    lifted: u32,
}

impl RedisGuard {
    pub(super) fn admission<'a>(&'a self, names: &Names, request: &Request<'_>) -> Call<'a> {
        let tagged = names.of(request.recipient);
        let bucket = request.device.map_or(Bucket::Strangers, Bucket::Device);
        let proof = request.proof.map_or_else(|| tagged.proof([0; 16]), |proof| tagged.proof(proof.id));
        let nonce = self.fresh.hex::<{ NONCE / 2 }>();
        let mut keys = vec![
            self.kept_key(names, &tagged),
            tagged.bucket(bucket),
            tagged.pause(request.network, request.device),
            proof,
            tagged.challenge(&nonce),
        ];
        let is_cluster = self.connections.is_cluster();
        let (field, most) = match request.usage {
            Use::Code => (CODES, None),
            Use::External => (EXTERNAL, Some(self.limits.external_comparisons)),
        };
        let mut arguments = self.arguments(
            names,
            [
                nonce,
                request.now.plus(self.limits.challenge_lifetime).as_seconds().to_string(),
                u8::from(!is_cluster).to_string(),
                self.limits.throttle_seconds.to_string(),
                request.proof.map_or(0, |proof| proof.expires_at.as_seconds()).to_string(),
                field.to_owned(),
                most.map_or(-1, i64::from).to_string(),
            ],
        );
        if !is_cluster {
            push(&mut keys, &mut arguments, self.shared(names, request));
        }
        push(&mut keys, &mut arguments, self.own(&tagged, request));
        Call::new(&self.scripts.admit, keys, arguments)
    }

    pub(super) fn raising<'a>(&'a self, names: &Names, request: &Request<'_>, proved: bool) -> Call<'a> {
        let mut keys = vec![names.ceiling("key")];
        let mut arguments = self.arguments(names, [u8::from(proved).to_string()]);
        push(&mut keys, &mut arguments, self.shared(names, request));
        Call::new(&self.scripts.raise, keys, arguments)
    }

    pub(super) fn withdrawal<'a>(&'a self, names: &Names, request: &Request<'_>) -> Call<'a> {
        let tagged = names.of(request.recipient);
        let mut keys = vec![self.kept_key(names, &tagged), tagged.pause(request.network, request.device)];
        keys.extend(self.own(&tagged, request).map(|ceiling| ceiling.key));
        if !self.connections.is_cluster() {
            keys.extend(self.shared(names, request).map(|ceiling| ceiling.key));
        }
        Call::new(&self.scripts.withdraw, keys, self.arguments(names, ["1".to_owned()]))
    }

    /// Gives back all that an admission counted for its recipient, so also the record of a challenge that nobody gets, and the
    /// proof: it counted for this request and no other.
    pub(super) fn undoing<'a>(&'a self, names: &Names, request: &Request<'_>, pending: &Pending) -> Call<'a> {
        let tagged = names.of(request.recipient);
        let mut gone = vec![tagged.pause(request.network, request.device), tagged.challenge(nonce_of(&pending.epoch))];
        gone.extend(request.proof.filter(|_| pending.proved).map(|proof| tagged.proof(proof.id)));
        let arguments = self.arguments(names, [gone.len().to_string()]);
        let mut keys = vec![self.kept_key(names, &tagged)];
        keys.extend(gone);
        keys.extend(self.own(&tagged, request).map(|ceiling| ceiling.key));
        Call::new(&self.scripts.withdraw, keys, arguments)
    }

    pub(super) fn lowering<'a>(&'a self, names: &Names, request: &Request<'_>) -> Call<'a> {
        let mut keys = vec![names.ceiling("key")];
        keys.extend(self.shared(names, request).map(|ceiling| ceiling.key));
        Call::new(&self.scripts.withdraw, keys, self.arguments(names, ["0".to_owned()]))
    }

    pub(super) fn trial<'a>(&'a self, names: &Names, script: &'a Script, attempt: &Attempt<'_>, result: &str) -> Call<'a> {
        let challenge = attempt.challenge.challenge();
        let tagged = names.of(attempt.challenge.recipient());
        let epoch = challenge.guard.epoch();
        let record = tagged.challenge(nonce_of(epoch));
        let keys = vec![self.kept_key(names, &tagged), record, tagged.bucket(attempt.bucket)];
        let is_link = attempt.by == By::Link;
        let arguments = self.arguments(
            names,
            [
                epoch.to_owned(),
                challenge.expires_at.as_seconds().to_string(),
                self.limits.max_uses.to_string(),
                if is_link { 0 } else { self.limits.max_attempts }.to_string(),
                u8::from(self.limits.wrong_code_spends && matches!(attempt.by, By::Code | By::Resend)).to_string(),
                if attempt.by == By::External { EXTERNAL } else { CODES }.to_owned(),
                self.most_comparisons(attempt).map_or(-1, i64::from).to_string(),
                Tagged::bucket_name(attempt.bucket),
                result.to_owned(),
            ],
        );
        Call::new(script, keys, arguments)
    }

    /// The arguments that all scripts have, and then those of one.
    pub(super) fn arguments<const N: usize>(&self, names: &Names, own: [String; N]) -> Vec<String> {
        let mut arguments = vec![names.key_text().to_owned(), u8::from(self.durable).to_string()];
        arguments.extend(own);
        arguments
    }

    /// What a new code must have after so many comparisons.
    pub(super) fn strength(&self, comparisons: u32) -> Strength {
        match comparisons {
            LONG_FROM.. => Strength::Long,
            n if n >= MEDIUM_FROM.min(self.limits.comparisons) => Strength::Medium,
            _ => Strength::Short,
        }
    }

    /// From how many comparisons on a code like this attempt's isn't compared any more.
    fn most_comparisons(&self, attempt: &Attempt<'_>) -> Option<u32> {
        match (attempt.by, attempt.challenge.challenge().format.strength()) {
            _ if attempt.bucket == Bucket::Claimed => None,
            (By::Link, _) | (By::Code | By::Resend, Strength::Long) => None,
            (By::Code | By::Resend, Strength::Short) => Some(self.limits.comparisons),
            (By::Code | By::Resend, Strength::Medium) => Some(LONG_FROM),
            (By::External, _) => Some(self.limits.external_comparisons),
        }
    }

    /// Where a script about a recipient looks for the key of the counters.
    fn kept_key(&self, names: &Names, tagged: &Tagged<'_>) -> String {
        if self.connections.is_cluster() { tagged.no_key() } else { names.kept_key() }
    }

    /// The ceilings that count one recipient's messages.
    fn own(&self, tagged: &Tagged<'_>, request: &Request<'_>) -> Option<Ceiling> {
        let limit = self.limits.max_messages_per_hour;
        let bucket = request.device.map_or(Bucket::Strangers, Bucket::Device);
        (limit > 0).then(|| Ceiling::soft(tagged.messages(bucket), limit))
    }

    /// The ceilings that count messages of more than one recipient, hard ones first: nobody should solve a puzzle that
    /// doesn't help.
    pub(super) fn shared(&self, names: &Names, request: &Request<'_>) -> impl Iterator<Item = Ceiling> {
        let limits = &self.limits;
        let is_on = |limit: u32| (limit > 0).then_some(limit);
        let channel = request.recipient.channel();
        // The last quarter is kept for known devices.
        let hard = |key: String, limit: u32| {
            let allowed = if request.device.is_some() { limit } else { limit - limit / 4 };
            Ceiling { key, allowed, lifted: allowed }
        };
        let all = is_on(limits.per_node(channel)).map(|limit| hard(names.ceiling(channel.as_str()), limit));
        let prefix = is_on(limits.sms_per_prefix_per_hour).filter(|_| channel == Channel::Mobile).map(|limit| {
            let number = request.recipient.as_str();
            hard(names.prefix(number.get(..=PREFIX_DIGITS).unwrap_or(number)), limit)
        });
        let network = is_on(limits.max_messages_per_network_per_hour).filter(|_| request.device.is_none());
        let network = network.map(|limit| Ceiling::soft(names.network(request.network), limit));
        [all, prefix, network].into_iter().flatten()
    }
}

impl Ceiling {
    /// One that a proof of work lifts.
    fn soft(key: String, allowed: u32) -> Self {
        Self { key, allowed, lifted: allowed.saturating_mul(LIFTED) }
    }
}

/// The nonce in an epoch. An epoch that has none is current nowhere, whatever record it leads to.
fn nonce_of(epoch: &str) -> &str {
    epoch.get(..NONCE).unwrap_or(epoch)
}

fn push(keys: &mut Vec<String>, arguments: &mut Vec<String>, ceilings: impl IntoIterator<Item = Ceiling>) {
    for ceiling in ceilings {
        keys.push(ceiling.key);
        arguments.extend([ceiling.allowed.to_string(), ceiling.lifted.to_string()]);
    }
}
