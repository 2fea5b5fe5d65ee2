//! What each script is given. The heads of the scripts say what their keys and arguments are.

use super::{
    Pending, RedisGuard,
    names::{Names, Tagged},
    scripts::{Call, SCRIPTS, Script},
};
use crate::guard::{
    Attempt, Bucket, By, Request,
    rules::{self, Ceiling, Counter},
    taken::Taken,
};

/// Hexadecimal digits that an epoch begins with: the challenge's own.
const NONCE: usize = 16;
/// The fields of a recipient's comparisons, by strangers.
const CODES: &str = "c";
const EXTERNAL: &str = "x";

/// A ceiling and its key in Redis.
pub(super) struct Capped {
    key: String,
    ceiling: Ceiling,
}

impl RedisGuard {
    /// `is_device` says whose comparisons count, and `request` how its message does.
    pub(super) fn admission(&self, names: &Names, request: &Request<'_>, is_device: bool) -> Call {
        let tagged = names.of(request.recipient);
        let proof = request.proof.map_or_else(|| tagged.proof([0; 16]), |proof| tagged.proof(proof.id));
        let nonce = self.fresh.hex::<{ NONCE / 2 }>();
        let [own, network] = pauses(&tagged, request);
        let mut keys = vec![self.kept_key(names, &tagged), tagged.compared(), own, network, proof, tagged.challenge(&nonce)];
        let is_cluster = self.connections.is_cluster();
        let allowance = rules::to_start(&self.limits, request);
        let field = if request.by == By::External { EXTERNAL } else { CODES };
        let mut arguments = self.arguments(
            names,
            [
                nonce,
                request.now.plus(self.limits.challenge_lifetime).as_seconds().to_string(),
                u8::from(!is_cluster).to_string(),
                self.limits.throttle_seconds.to_string(),
                request.proof.map_or(0, |proof| proof.expires_at.as_seconds()).to_string(),
                field.to_owned(),
                limit(allowance.map(|allowance| allowance.strangers)),
                limit(allowance.filter(|_| is_device).map_or(Some(0), |allowance| Some(allowance.known))),
                u8::from(request.is_known).to_string(),
                u8::from(self.memory.is_unknown(request.now)).to_string(),
            ],
        );
        if !is_cluster {
            push(&mut keys, &mut arguments, self.shared(names, request));
        }
        push(&mut keys, &mut arguments, self.own(&tagged, request));
        Call::new(&SCRIPTS.admit, keys, arguments)
    }

    pub(super) fn raising(&self, names: &Names, request: &Request<'_>, proved: bool) -> Call {
        let mut keys = vec![names.ceiling("key")];
        let mut arguments = self.arguments(names, [u8::from(proved).to_string()]);
        push(&mut keys, &mut arguments, self.shared(names, request));
        Call::new(&SCRIPTS.raise, keys, arguments)
    }

    /// Gives back what was taken, but for what [`RedisGuard::lowering`] gives back in a cluster.
    pub(super) fn withdrawal(&self, names: &Names, request: &Request<'_>, taken: &Taken) -> Call {
        let tagged = names.of(request.recipient);
        self.giving_back(names, request, &tagged, Vec::new(), taken)
    }

    /// Gives back all that an admission counted for its recipient, so also the record of a challenge that nobody gets, and the
    /// proof: it counted for this request and no other.
    pub(super) fn undoing(&self, names: &Names, request: &Request<'_>, pending: &Pending) -> Call {
        let tagged = names.of(request.recipient);
        let mut gone = vec![tagged.challenge(nonce_of(&pending.epoch))];
        gone.extend(request.proof.filter(|_| pending.proved).map(|proof| tagged.proof(proof.id)));
        self.giving_back(names, request, &tagged, gone, &pending.taken)
    }

    fn giving_back(
        &self,
        names: &Names,
        request: &Request<'_>,
        tagged: &Tagged<'_>,
        mut gone: Vec<String>,
        taken: &Taken,
    ) -> Call {
        gone.extend(pauses(tagged, request));
        let mut arguments = self.arguments(names, [gone.len().to_string()]);
        let mut keys = vec![self.kept_key(names, tagged)];
        keys.extend(gone);
        let is_cluster = self.connections.is_cluster();
        let shared = self.shared(names, request).filter(|_| !is_cluster);
        for (capped, parts) in shared.chain(self.own(tagged, request)).zip(taken.parts(self.first_of_admission(request))) {
            keys.push(capped.key);
            arguments.push(parts.get().to_string());
        }
        Call::new(&SCRIPTS.withdraw, keys, arguments)
    }

    /// Gives back what [`RedisGuard::raising`] counted.
    pub(super) fn lowering(&self, names: &Names, request: &Request<'_>, taken: &Taken) -> Call {
        let mut keys = vec![names.ceiling("key")];
        let mut arguments = self.arguments(names, ["0".to_owned()]);
        for (capped, parts) in self.shared(names, request).zip(taken.parts(0)) {
            keys.push(capped.key);
            arguments.push(parts.get().to_string());
        }
        Call::new(&SCRIPTS.withdraw, keys, arguments)
    }

    /// Which of the ceilings is the first that an admission counts: those that recipients share come first, and in a cluster
    /// they are counted elsewhere.
    pub(super) fn first_of_admission(&self, request: &Request<'_>) -> usize {
        if !self.connections.is_cluster() {
            return 0;
        }
        rules::ceilings(&self.limits, request, request.is_known).filter(|ceiling| ceiling.counter != Counter::Recipient).count()
    }

    pub(super) fn trial(&self, names: &Names, script: &'static Script, attempt: &Attempt<'_>, result: &str) -> Call {
        let challenge = attempt.challenge.challenge();
        let tagged = names.of(attempt.challenge.recipient());
        let epoch = challenge.guard.epoch();
        let record = tagged.challenge(nonce_of(epoch));
        let keys = vec![self.kept_key(names, &tagged), record, tagged.compared()];
        let is_link = attempt.by == By::Link;
        let compared = rules::comparisons(&self.limits, attempt);
        let arguments = self.arguments(
            names,
            [
                epoch.to_owned(),
                challenge.expires_at.as_seconds().to_string(),
                self.limits.max_uses.to_string(),
                if is_link { 0 } else { self.limits.max_attempts }.to_string(),
                u8::from(self.limits.wrong_code_spends && matches!(attempt.by, By::Code | By::Resend)).to_string(),
                if attempt.by == By::External { EXTERNAL } else { CODES }.to_owned(),
                limit(compared.map(|(_, allowance)| allowance.strangers)),
                limit(Some(compared.map_or(0, |(is_known, allowance)| if is_known { allowance.known } else { 0 }))),
                limit(compared.map(|(_, allowance)| allowance.all)),
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

    /// Where a script about a recipient looks for the key of the counters.
    fn kept_key(&self, names: &Names, tagged: &Tagged<'_>) -> String {
        if self.connections.is_cluster() { tagged.no_key() } else { names.kept_key() }
    }

    /// The ceilings that count one recipient's messages.
    fn own<'a>(&self, tagged: &'a Tagged<'_>, request: &Request<'_>) -> impl Iterator<Item = Capped> + use<'a> {
        let bucket = bucket(request);
        let ceilings =
            rules::ceilings(&self.limits, request, request.is_known).filter(|ceiling| ceiling.counter == Counter::Recipient);
        ceilings.map(move |ceiling| Capped { key: tagged.messages(bucket), ceiling })
    }

    /// The ceilings that count messages of more than one recipient.
    pub(super) fn shared<'a>(&self, names: &'a Names, request: &Request<'a>) -> impl Iterator<Item = Capped> + use<'a> {
        let Request { recipient, network, is_known, .. } = *request;
        rules::ceilings(&self.limits, request, request.is_known).filter_map(move |ceiling| {
            let key = match ceiling.counter {
                Counter::Channel(channel) => names.ceiling(channel.as_str()),
                Counter::Prefix => names.prefix(rules::prefix(recipient.as_str())),
                Counter::Network => names.network(network),
                Counter::ChannelOfNetwork(channel) => names.share(network, is_known, channel.as_str()),
                Counter::PrefixOfNetwork => names.share(network, is_known, rules::prefix(recipient.as_str())),
                Counter::Recipient => return None,
            };
            Some(Capped { key, ceiling })
        })
    }
}

/// The pause that a request keeps to, and another that it begins: a message to a known device pauses its network, too.
fn pauses(tagged: &Tagged<'_>, request: &Request<'_>) -> [String; 2] {
    [tagged.pause(request.network, request.is_known), tagged.pause(request.network, false)]
}

/// A limit as the scripts read it: -1 for none.
fn limit(most: Option<u32>) -> String {
    most.filter(|most| *most < u32::MAX).map_or(-1, i64::from).to_string()
}

/// The bucket of a request.
fn bucket(request: &Request<'_>) -> Bucket {
    if request.is_known { Bucket::Known } else { Bucket::Strangers }
}

/// The nonce in an epoch. An epoch that has none is current nowhere, whatever record it leads to.
fn nonce_of(epoch: &str) -> &str {
    epoch.get(..NONCE).unwrap_or(epoch)
}

fn push(keys: &mut Vec<String>, arguments: &mut Vec<String>, ceilings: impl IntoIterator<Item = Capped>) {
    for Capped { key, ceiling } in ceilings {
        keys.push(key);
        arguments.extend([ceiling.per_hour, ceiling.most, u32::from(ceiling.is_lifted)].map(|number| number.to_string()));
    }
}
